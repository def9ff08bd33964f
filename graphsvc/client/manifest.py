"""The signed manifest of a submission: what binds the submitter to exactly these bytes and rows.

::

    digest   = "sha256:" ‖ hex HMAC-SHA-256(seed, "body" ‖ SHA-256(body))
    salt_i   = HMAC-SHA-256(seed, uint64 i)
    leaf_i   = SHA-256(0x00 ‖ salt_i ‖ bytes of row i)
    rowsRoot = "sha256:" ‖ hex RFC 6962 root over the leaves

The client draws ``seed`` anew for each submission and sends it beside the body; whoever erases a row destroys its salt,
and then nobody can guess the row from the manifest.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from graphsvc.client.counted import Counted, Progress
from graphsvc.client.keys import SigningKey
from graphsvc.model.bounds import MAX_ROWS
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.merkle import GrowingRoot
from graphsvc.model.times import written
from graphsvc_verify.deeds import DRY_RUN, SUBMISSION
from graphsvc_verify.keyed import row_salt, seeded_digest
from importers import recognise, rows_of
from importers.formats import HEAD

GOOD_FOR = timedelta(days=7)
"""How long a manifest is valid; services refuse one that is valid for longer."""
CHECKED_FOR = timedelta(hours=1)
"""How long the manifest of a dry run is valid."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A body as the manifest states it; ``sha256`` is its plain digest, which ``digest`` hides by ``seed``."""

    size: int
    sha256: bytes
    digest: str
    rows: int
    rows_root: str
    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to be submitted: the file, how to read it, and what is said once for all its rows."""

    path: Path
    media_type: str
    mapping: bytes | None = None
    defaults: Defaults = field(default_factory=Defaults)
    answers: str | None = None
    """The request that the submission answers."""

    @property
    def said(self) -> dict[str, Any]:
        """The defaults as the manifest carries them."""
        said: dict[str, Any] = msgspec.to_builtins(self.defaults)
        return said


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed manifest (compact JWS) with the seed that it was made with."""

    manifest: str
    seed: bytes
    measured: Measured

    @property
    def idempotency_key(self) -> str:
        """One key for one manifest: sending it twice is one submission."""
        return hashlib.sha256(self.manifest.encode()).hexdigest()[:40]


def media_type_of(path: Path) -> str:
    """The media type of a file, by how it begins and the ending of its name. Raises InvalidInput if no format fits."""
    try:
        with path.open("rb") as file:
            return recognise(file.read(HEAD), path.name).media_type
    except OSError as error:
        raise InvalidInput(f"the file can't be read: {error.strerror}", code="unreadable", where=str(path)) from None


def measure(path: Path, media_type: str, seed: bytes, progress: Progress | None = None) -> Measured:
    """Read a body once and compute what its manifest states; memory stays bounded whatever the rows are.

    Raises InvalidInput when the file can't be read or its media type has no rows.
    """
    try:
        with path.open("rb") as file:
            stream = _Hashing(file, progress)
            rows = GrowingRoot()
            for row in rows_of(media_type, stream, salt=lambda i: row_salt(seed, i)):
                rows.add(row.leaf or b"")
                if rows.count > MAX_ROWS:
                    message = f"a submission has at most {MAX_ROWS} rows: split the file"
                    raise InvalidInput(message, code="too_large", where=str(path))
    except OSError as error:
        raise InvalidInput(f"the file can't be read: {error.strerror}", code="unreadable", where=str(path)) from None
    body = stream.hash.digest()
    root = f"sha256:{rows.root().hex()}"
    return Measured(stream.bytes, body, seeded_digest(seed, b"body", body), rows.count, root, seed)


def sign_manifest(
    outgoing: Outgoing, audience: str, org: str, key: SigningKey, progress: Progress | None = None,
    typ: str = SUBMISSION,
) -> Signed:  # fmt: skip
    """Measure a file under a fresh seed and sign its manifest; ``audience`` is the log's origin.

    ``typ`` is ``SUBMISSION``, or ``DRY_RUN`` for a manifest that can't be used to submit.
    """
    seed = secrets.token_bytes(32)
    measured = measure(outgoing.path, outgoing.media_type, seed, progress)
    valid = CHECKED_FOR if typ == DRY_RUN else GOOD_FOR
    return Signed(key.sign_act(typ, payload(outgoing, measured, audience, org, valid)), seed, measured)


def payload(
    outgoing: Outgoing, measured: Measured, audience: str, org: str, valid: timedelta = GOOD_FOR
) -> dict[str, Any]:
    """What a manifest says, as plain values."""
    now = datetime.now(UTC)
    mapping = None
    if outgoing.mapping is not None:
        mapping = seeded_digest(measured.seed, b"mapping", hashlib.sha256(outgoing.mapping).digest())
    return {
        "v": 1,
        "aud": audience,
        "iss": org,
        "jti": secrets.token_urlsafe(18),
        "iat": written(now),
        "exp": written(now + valid),
        "mediaType": outgoing.media_type,
        "mapping": mapping,
        "bytes": measured.size,
        "digest": measured.digest,
        "rows": measured.rows,
        "rowsRoot": measured.rows_root,
        "answers": outgoing.answers,
        "defaults": outgoing.said,
    }


class _Hashing(Counted):
    """Passes a file's bytes on and keeps their digest and number."""

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        super().__init__(file, progress)
        self.hash = hashlib.sha256()
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        chunk = super().read(size)
        self.hash.update(chunk)
        self.bytes += len(chunk)
        return chunk
