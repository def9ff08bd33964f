"""The manifest of a submission: what its submitter signed, checked against what was received."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec

from graphsvc.ledger.log import Ledger
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidManifest
from graphsvc.model.principals import Principal
from graphsvc_verify.deeds import DRY_RUN, SUBMISSION, Deed, read_deed
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import read_act, verify_act
from graphsvc_verify.keyed import seeded_digest

MAX_AGE = timedelta(days=7)
MAX_SKEW = timedelta(minutes=5)
"""A manifest is accepted up to ``MAX_AGE`` after it was signed, and from a clock up to ``MAX_SKEW`` ahead."""


class Manifest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What the submitter signed. ``digest`` and ``rows_root`` bind the body, ``mapping`` the mapping file."""

    v: int
    aud: str
    iss: str
    jti: str
    iat: datetime
    exp: datetime
    media_type: str
    bytes: int
    digest: str
    rows: int
    rows_root: str
    mapping: str | None = None
    answers: str | None = None
    defaults: Defaults = Defaults()


@dataclass(slots=True)
class Upload:
    """A submission as received: the body lies in the file ``path``, which is removed afterwards.

    ``sha256`` is the raw digest of the body's ``size`` bytes; ``seed`` is 32 bytes; ``media_type`` is lower-case
    without parameters; ``idempotency_key`` is empty only in a dry run.
    """

    path: Path
    size: int
    sha256: bytes
    manifest: str
    seed: bytes
    mapping: bytes | None
    idempotency_key: str
    media_type: str
    dry_run: bool


def checked_manifest(ledger: Ledger, principal: Principal, upload: Upload) -> tuple[Manifest, Deed]:
    """The manifest of an upload: signed by the caller's organisation, for this log, over exactly what came with it.

    A dry run has a type of its own, so that what is only to be checked can't be entered by anyone. Raises
    InvalidManifest.
    """
    try:
        kid = read_act(upload.manifest).kid
        key = ledger.signing_key(principal.org, kid)
        if key is None:
            raise InvalidManifest(
                "the manifest is signed by a key that your organisation has not enrolled", code="unknown_key"
            )
        act = verify_act(upload.manifest, key.public, DRY_RUN if upload.dry_run else SUBMISSION)
        manifest = msgspec.convert(act.payload, Manifest)
        deed = read_deed(act, upload.manifest, key.person, key.roles)
    except VerifyError as error:
        raise InvalidManifest(error.message, code=error.code, where="manifest") from None
    except msgspec.ValidationError as error:
        raise InvalidManifest(str(error), where="manifest") from None
    body = seeded_digest(upload.seed, b"body", upload.sha256)
    mapping = (
        None if upload.mapping is None else seeded_digest(upload.seed, b"mapping", sha256(upload.mapping).digest())
    )
    now = datetime.now(UTC)
    for holds, what in (
        (manifest.v == 1, "v: this service reads version 1"),
        (manifest.aud == ledger.origin, "aud: the manifest is for another log"),
        (manifest.iss == principal.org, "iss: the manifest is another organisation's"),
        (now - MAX_AGE < manifest.iat < now + MAX_SKEW, "iat: sign the manifest anew, and check the clock"),
        (
            now < manifest.exp <= manifest.iat + MAX_AGE,
            "exp: it has expired, or is more than 7 days after iat",
        ),
        (manifest.media_type == upload.media_type, "mediaType: the body was sent as another type"),
        (manifest.bytes == upload.size, "bytes: the body has another length"),
        (_same(manifest.digest, body), "digest: the body is not the one signed"),
        (_same(manifest.mapping, mapping), "mapping: the mapping file is not the one signed"),
    ):
        if not holds:
            raise InvalidManifest(what, where=f"manifest {what.partition(':')[0]}")
    return manifest, deed


def _same(stated: str | None, made: str | None) -> bool:
    if stated is None or made is None:
        return stated is made
    # Encoded, since compare_digest takes only ASCII text and a manifest may state any.
    return hmac.compare_digest(stated.encode("utf-8", "replace"), made.encode())
