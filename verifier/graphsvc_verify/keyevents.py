"""Key events: the payload by which an organisation's root key enrols, revokes or rotates a working key.

A compact JWS of type :data:`ENROL`, :data:`REVOKE` or :data:`ROTATE`, signed by the root key, over ``{v, aud, iss, sub:
kid, jti, iat, exp, object, after, event}``; ``object`` is the digest of the canonical ``event``::

    {v, use: "sig" | "hpke", publicKey, person, roles, via, possession, prev}        (enrol)
    {v, kid, reason, prev}                                                           (revoke)
    {members of enrol, replaces: kid, reason}                    (rotate: both in one entry)

``person`` is a salted hash (:mod:`graphsvc_verify.persons`), empty for an HPKE key. ``prev`` is the index of the
organisation's last key event, or null. ``possession`` is the new key's own signature over
:func:`possession_message`; HPKE keys can't sign and carry null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphsvc_verify.canonical import b64u, digest, encode, unb64u
from graphsvc_verify.ed25519 import check_public_key, verify_signature
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.hpkekeys import public_key
from graphsvc_verify.jws import Act, kid_of
from graphsvc_verify.persons import FORM

ENROL = "graphsvc-enrol+jws"
REVOKE = "graphsvc-revoke+jws"
ROTATE = "graphsvc-rotate+jws"
TYPES = {ENROL: "enrol", REVOKE: "revoke", ROTATE: "rotate"}
"""By kind of act: the type of the entry that carries it."""
_PAYLOAD = {"v", "aud", "iss", "sub", "jti", "iat", "exp", "object", "after", "event"}
_ENROL = {"v", "use", "publicKey", "person", "roles", "via", "possession", "prev"}
_REVOKE = {"v", "kid", "reason", "prev"}
_ROTATE = _ENROL | {"replaces", "reason"}


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A checked key event. ``kid`` is the key enrolled, or revoked where ``public`` is empty.

    ``replaces`` is the key that a rotation revokes.
    """

    kind: str
    org: str
    kid: str
    prev: int | None
    use: str = ""
    public: bytes = b""
    person: str = ""
    roles: tuple[str, ...] = ()
    via: str = ""
    replaces: str = ""

    @property
    def enrols(self) -> str:
        """The id of the key that counts from here on, or empty."""
        return self.kid if self.public else ""

    @property
    def revokes(self) -> str:
        """The id of the key that counts no more, or empty."""
        return self.replaces if self.public else self.kid


def possession_message(origin: str, org: str, public: bytes, person: str) -> bytes:
    """What a new signing key signs to show that its holder has it and means this organisation and log."""
    return encode(["graphsvc possession v1", origin, org, b64u(public), person])


def check_key_event(act: Act, origin: str) -> KeyEvent:
    """Check the payload of an act whose signature holds already. Raises VerifyError ``bad_key_event``/``bad_key``."""
    payload, event = act.payload, act.payload.get("event")
    if set(payload) != _PAYLOAD or payload["v"] != 1 or not isinstance(event, dict):
        raise VerifyError("bad_key_event", "not a key event of version 1")
    if payload["aud"] != origin:
        raise VerifyError("bad_key_event", "the key event is meant for another log")
    if payload["object"] != digest(encode(event)):
        raise VerifyError("bad_key_event", "object is not the digest of event")
    texts = ("iss", "sub", "jti", "iat", "exp")
    prev = event.get("prev")
    if not all(isinstance(payload[name], str) for name in texts) or type(payload["after"]) is not int:
        raise VerifyError("bad_key_event", "a field has the wrong type")
    if event.get("v") != 1 or not (prev is None or (type(prev) is int and prev >= 0)):
        raise VerifyError("bad_key_event", "version or prev are malformed")
    checked = _revocation(payload, event) if act.typ == REVOKE else _enrolment(act, event, origin)
    if checked.kid != payload["sub"]:
        raise VerifyError("bad_key_event", "sub is not the key's id")
    return checked


def _enrolment(act: Act, event: Mapping[str, Any], origin: str) -> KeyEvent:
    payload, roles = act.payload, event.get("roles")
    if (
        set(event) != (_ENROL if act.typ == ENROL else _ROTATE)
        or not isinstance(roles, list)
        or not all(isinstance(role, str) for role in roles)
    ):
        raise VerifyError("bad_key_event", "an enrolment lacks a field or has one too many")
    if not all(isinstance(event[name], str) for name in ("use", "publicKey", "person", "via")):
        raise VerifyError("bad_key_event", "a field of the enrolment has the wrong type")
    public, org, person = unb64u(event["publicKey"]), str(payload["iss"]), str(event["person"])
    if event["use"] == "sig":
        if FORM.fullmatch(person) is None:
            raise VerifyError("bad_key_event", "a person is named by a salted hash only")
        check_public_key(public)
        message = possession_message(origin, org, public, person)
        verify_signature(public, unb64u(str(event["possession"])), message)
    elif event["use"] == "hpke" and event["possession"] is None and not person:
        public_key(public)
    else:
        raise VerifyError("bad_key_event", "a key is for sig (with possession) or for hpke (without)")
    kid, replaces = kid_of(public), event.get("replaces", "")
    if act.typ == ROTATE and (not replaces or not isinstance(replaces, str) or not isinstance(event["reason"], str)):
        raise VerifyError("bad_key_event", "a rotation names the key that it replaces, and says why")
    return KeyEvent(
        act.typ, org, kid, event["prev"], event["use"], public, person, tuple(roles), event["via"], replaces
    )  # fmt: skip


def _revocation(payload: Mapping[str, Any], event: Mapping[str, Any]) -> KeyEvent:
    if set(event) != _REVOKE or not isinstance(event["kid"], str) or not isinstance(event["reason"], str):
        raise VerifyError("bad_key_event", "a revocation lacks a field or has one too many")
    return KeyEvent(REVOKE, str(payload["iss"]), event["kid"], event["prev"])
