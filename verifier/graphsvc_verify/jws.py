"""Compact JWS (RFC 7515) with Ed25519 (RFC 8037, RFC 9864): the form of every signed act."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from graphsvc_verify.canonical import b64u, decode, parse, unb64u
from graphsvc_verify.ed25519 import verify_signature
from graphsvc_verify.errors import VerifyError

ALGORITHMS = ("Ed25519", "EdDSA")
"""``EdDSA`` is the older name; both are taken for an Ed25519 key only, and only such keys exist here."""
MAX_JWS = 60_000
SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Act:
    """A JWS taken apart but not checked: header, payload and what the signature covers."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes

    @property
    def kid(self) -> str:
        """The key id that the header names."""
        return str(self.header["kid"])

    @property
    def typ(self) -> str:
        """The kind of act, as ``graphsvc-submission+jws``."""
        return str(self.header["typ"])


def kid_of(public: bytes) -> str:
    """A key's id: the first 16 characters of base64url(SHA-256(raw public key))."""
    return b64u(hashlib.sha256(public).digest())[:16]


def read_act(compact: str) -> Act:
    """Take a compact JWS apart and check its header; the signature is not checked yet.

    The payload must be a canonical JSON object. Raises VerifyError ``bad_jws``.
    """
    parts = compact.split(".") if isinstance(compact, str) and len(compact) <= MAX_JWS else []
    if len(parts) != 3:
        raise VerifyError("bad_jws", "not a compact JWS")
    header = parse(unb64u(parts[0]))
    if not isinstance(header, dict) or not all(isinstance(header.get(name), str) for name in ("alg", "kid", "typ")):
        raise VerifyError("bad_jws", "the header must hold alg, kid and typ")
    if header["alg"] not in ALGORITHMS:
        raise VerifyError("bad_jws", "the signature algorithm must be Ed25519")
    if "crit" in header or "b64" in header:
        raise VerifyError("bad_jws", "critical header extensions are not known here")
    payload = decode(unb64u(parts[1]))
    if not isinstance(payload, dict):
        raise VerifyError("bad_jws", "the payload must be an object")
    return Act(header, payload, f"{parts[0]}.{parts[1]}".encode("ascii"), unb64u(parts[2]))


def verify_act(compact: str, public: bytes, typ: str) -> Act:
    """Check a compact JWS under a raw Ed25519 public key; ``typ`` is the type it must have.

    Raises VerifyError ``bad_jws``, ``bad_key`` or ``bad_signature``.
    """
    act = read_act(compact)
    if act.typ != typ:
        raise VerifyError("bad_jws", f"the type must be {typ}")
    if act.kid != kid_of(public):
        raise VerifyError("bad_jws", "the key id is of another key")
    verify_signature(public, act.signature, act.signed)
    return act


def utc(text: Any) -> datetime:
    """An RFC 3339 time in UTC (``…Z``). Raises VerifyError ``bad_time``."""
    try:
        if isinstance(text, str) and text.endswith("Z"):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise VerifyError("bad_time", "times are RFC 3339 in UTC, as 2026-01-31T12:00:00Z")


def noted(text: Any) -> str:
    """A time that was stated with an offset, in UTC to the second. Raises VerifyError ``bad_time``."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    except (ValueError, TypeError, OverflowError):
        pass
    raise VerifyError("bad_time", "a time in RFC 3339 is needed, as 2026-12-31T00:00:00Z")


def check_times(act: Act, t: str) -> None:
    """Check that entry time ``t`` lies between the act's ``iat`` and, where there is one, ``exp``.

    Clocks may differ by :data:`SKEW`. Raises VerifyError ``out_of_time`` or ``bad_time``.
    """
    entered = utc(t)
    if "iat" in act.payload and stated(act.payload, "iat") > entered + SKEW:
        raise VerifyError("out_of_time", "an act was entered before it was made")
    if "exp" in act.payload and stated(act.payload, "exp") + SKEW < entered:
        raise VerifyError("out_of_time", "an act was entered after it had expired")


def stated(payload: Mapping[str, Any], name: str) -> datetime:
    """The time under a name of a payload. Raises VerifyError ``bad_time`` that says which."""
    try:
        return utc(payload[name])
    except VerifyError as error:
        raise VerifyError(error.code, f"{name}: {error.message}") from None


def signing_input(header: bytes, payload: bytes) -> bytes:
    """What a signer signs: base64url(header) ‖ "." ‖ base64url(payload)."""
    return f"{b64u(header)}.{b64u(payload)}".encode("ascii")
