"""Deeds: acts taken apart into who decided what. A signature alone says that something was signed; this says what.

Three forms of payload are acts: a *decision* (``body`` says what is decided, ``object`` is its digest), the *manifest*
of a submission, and a key event (:mod:`graphsvc_verify.keyevents`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphsvc_verify.canonical import b64u, digest, encode
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import Act, stated

SUBMISSION = "graphsvc-submission+jws"
DRY_RUN = "graphsvc-dry-run+jws"
"""A manifest that is only to be checked: no entry may carry it, and what may be entered is not taken for a dry run."""
MAX_ID = 128
_DECISION = {"v", "aud", "iss", "sub", "jti", "iat", "exp", "object", "after", "body"}
_MANIFEST = {
    *("v", "aud", "iss", "jti", "iat", "exp", "mediaType", "mapping", "bytes", "digest", "rows", "rowsRoot"),
    *("answers", "defaults"),
}


@dataclass(frozen=True, slots=True)
class Deed:
    """What an organisation did by an act. ``said`` is a decision's body, or the payload of a manifest or key event.

    ``name`` is the digest of the act, ``person`` who holds the key, or None where that is not known here.
    """

    kind: str
    org: str
    person: str | None
    roles: tuple[str, ...]
    sub: str
    object: str
    name: str
    said: Mapping[str, Any]

    @property
    def id(self) -> str:
        """What an id made of this act ends in: 21 characters, the same however often the act is sent."""
        raw = bytes.fromhex(self.name.removeprefix("sha256:"))
        return b64u(raw)[:21].replace("-", "0").replace("_", "1")


def kind_of(typ: str) -> str:
    """The kind behind a ``typ``, as ``recall``. Raises VerifyError ``bad_jws``."""
    if not (typ.startswith("graphsvc-") and typ.endswith("+jws")):
        raise VerifyError("bad_jws", "not an act of this service")
    return typ.removeprefix("graphsvc-").removesuffix("+jws")


def read_deed(act: Act, compact: str, person: str | None, roles: tuple[str, ...]) -> Deed:
    """The deed of an act, its payload's form checked; ``person`` and ``roles`` are those of the key.

    Raises VerifyError ``bad_act``.
    """
    kind, payload = kind_of(act.typ), act.payload
    org, name = str(payload.get("iss")), digest(compact.encode("ascii"))
    check_id(payload)
    if act.typ in (SUBMISSION, DRY_RUN):
        _check_manifest(payload)
        return Deed(kind, org, person, roles, "", "", name, payload)
    body = payload.get("body")
    if set(payload) != _DECISION or payload["v"] != 1 or not isinstance(body, dict):
        raise VerifyError("bad_act", "not an act of version 1")
    if not isinstance(payload["sub"], str) or type(payload["after"]) is not int:
        raise VerifyError("bad_act", "sub is a text and after a ledger index")
    if payload["object"] != digest(encode(body)):
        raise VerifyError("bad_act", "object is not the digest of the body")
    return Deed(kind, org, person, roles, payload["sub"], payload["object"], name, body)


def check_id(payload: Mapping[str, Any]) -> None:
    """Check the pair that must be unique for ever. Raises VerifyError ``bad_act``."""
    iss, jti = payload.get("iss"), payload.get("jti")
    if not isinstance(iss, str) or not isinstance(jti, str) or not iss or not 0 < len(jti) <= MAX_ID:
        raise VerifyError("bad_act", f"an act needs iss, and jti of up to {MAX_ID} characters")


def _check_manifest(payload: Mapping[str, Any]) -> None:
    if set(payload) != _MANIFEST or payload["v"] != 1:
        raise VerifyError("bad_act", "not a manifest of version 1")
    for name in ("iat", "exp"):
        stated(payload, name)
    if not isinstance(payload["answers"], str | None):
        raise VerifyError("bad_act", "answers is the id of a request, or null")
