"""What makes a retry safe: the signed manifest and its seed wait beside the file until the service has acknowledged.

A second attempt, also after this process was killed, sends the same manifest under the same idempotency key, so the
service stores the submission once, whatever was lost on the way.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from graphsvc.client.counted import Progress
from graphsvc.client.keys import SigningKey, write_private
from graphsvc.client.manifest import Outgoing, Signed, measure, payload, sign_manifest
from graphsvc_verify.canonical import b64u, unb64u
from graphsvc_verify.deeds import SUBMISSION
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import verify_act

GOOD_FOR = timedelta(days=6)
"""How long a signed manifest is sent again, less than the seven days that it is valid. Later a new one is signed."""


def pending_path(file: Path) -> Path:
    """Where an unfinished submission of ``file`` is kept."""
    return file.with_name(f".{file.name}.submitting")


def upload_path(file: Path) -> Path:
    """Where the name of an upload of ``file`` that is not finished is kept."""
    return file.with_name(f".{file.name}.uploading")


def prepare(outgoing: Outgoing, audience: str, org: str, key: SigningKey, progress: Progress | None = None) -> Signed:
    """The signed manifest to send: that of an unfinished attempt with the same content, or a new one, now kept."""
    path = pending_path(outgoing.path)
    found = _resume(path, outgoing, audience, org, key)
    if found is not None:
        return found
    signed = sign_manifest(outgoing, audience, org, key, progress)
    for old in (path, upload_path(outgoing.path)):
        old.unlink(missing_ok=True)
    write_private(path, msgspec.json.encode({"manifest": signed.manifest, "seed": b64u(signed.seed)}))
    return signed


def is_unfinished(outgoing: Outgoing, audience: str, org: str, key: SigningKey) -> bool:
    """Whether an attempt to submit this very content waits to be finished."""
    return _resume(pending_path(outgoing.path), outgoing, audience, org, key) is not None


def done(file: Path) -> None:
    """Forget the unfinished attempt: the service has acknowledged."""
    for path in (pending_path(file), upload_path(file)):
        path.unlink(missing_ok=True)


def _resume(path: Path, outgoing: Outgoing, audience: str, org: str, key: SigningKey) -> Signed | None:
    try:
        kept: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        manifest, seed = kept["manifest"], unb64u(kept["seed"], 32)
        said = verify_act(manifest, key.public, SUBMISSION).payload
    except (OSError, msgspec.DecodeError, LookupError, VerifyError):
        return None
    measured = measure(outgoing.path, outgoing.media_type, seed)
    now = payload(outgoing, measured, audience, org)
    same = now | {name: said.get(name) for name in ("jti", "iat", "exp")} == said
    return Signed(manifest, seed, measured) if same and _is_recent(str(said["iat"])) else None


def _is_recent(signed: str) -> bool:
    try:
        return datetime.now(UTC) - datetime.fromisoformat(signed) < GOOD_FOR
    except (ValueError, TypeError):
        return False
