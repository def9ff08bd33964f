"""Enrolment: an organisation's offline root key says which working keys act for it, and who holds them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from graphsvc.client.acts import VALID, act_payload
from graphsvc.client.keys import HpkeKey, SigningKey
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import check_roles
from graphsvc_verify.canonical import b64u, encode, parse, unb64u
from graphsvc_verify.ed25519 import verify_signature
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import kid_of
from graphsvc_verify.keyevents import ENROL, REVOKE, ROTATE, possession_message
from graphsvc_verify.persons import SALT, Opening, with_opening


@dataclass(frozen=True, slots=True)
class Enroller:
    """One organisation's root key at one log; ``origin`` is the log's name; an act is good for ``valid``."""

    org: str
    origin: str
    root: SigningKey
    valid: timedelta = VALID

    def signing(self, key: SigningKey, person: str, roles: tuple[str, ...], prev: int | None) -> str:
        """The act that enrols a signing key of ``person``; ``prev`` is the organisation's last key event, or None.

        The new key signs as well, so nobody can enrol a key that somebody else holds.
        """
        return self.enrol(KeyRequest.of(key, self.org, self.origin, person), roles, prev)

    def recipient(self, key: HpkeKey, prev: int | None) -> str:
        """The act that enrols the key under which the organisation receives its day keys."""
        return self.enrol(KeyRequest.of(key, self.org, self.origin, ""), (), prev)

    def enrol(self, request: KeyRequest, roles: tuple[str, ...], prev: int | None) -> str:
        """The act that enrols a key by its holder's request. Raises InvalidInput for another organisation or log."""
        return with_opening(self._act(request.kid, self._enrolment(request, roles, prev)), request.opening)

    def rotate(self, request: KeyRequest, roles: tuple[str, ...], replaces: str, reason: str, prev: int) -> str:
        """The act after which the requested key counts and the key ``replaces`` does not: one entry does both."""
        event = {**self._enrolment(request, roles, prev), "replaces": replaces, "reason": reason}
        return with_opening(self._act(request.kid, event, ROTATE), request.opening)

    def _enrolment(self, request: KeyRequest, roles: tuple[str, ...], prev: int | None) -> dict[str, Any]:
        if (request.org, request.origin) != (self.org, self.origin):
            raise InvalidInput("the request is of another organisation or log", code="bad_request")
        check_roles(roles)
        return {
            "v": 1,
            "use": request.use,
            "publicKey": b64u(request.public),
            "person": request.hash,
            "roles": list(roles),
            "via": "client",
            "possession": None if request.possession is None else b64u(request.possession),
            "prev": prev,
        }

    def revoke(self, kid: str, reason: str, prev: int) -> str:
        """The act that revokes a key: nothing that the key signs after it counts."""
        return self._act(kid, {"v": 1, "kid": kid, "reason": reason, "prev": prev}, REVOKE)

    def _act(self, kid: str, event: dict[str, Any], typ: str = ENROL) -> str:
        place, after = (self.origin, self.org), event["prev"] or 0
        return self.root.sign_act(typ, act_payload(place, kid, ("event", event), after, self.valid))


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What the holder of a new key gives to whoever keeps the root key; nothing in it is secret.

    The key event names the person only by a hash, of ``salt`` and name. ``possession`` is the new
    key's own signature (:func:`graphsvc_verify.keyevents.possession_message`), None for a receiving key, which can't
    sign.
    """

    org: str
    origin: str
    use: str
    public: bytes
    person: str
    salt: bytes
    possession: bytes | None

    @classmethod
    def of(cls, key: SigningKey | HpkeKey, org: str, origin: str, person: str) -> KeyRequest:
        """The request for ``key``; ``person`` holds it (empty for a receiving key)."""
        if isinstance(key, HpkeKey):
            return cls(org, origin, "hpke", key.public, "", b"", None)
        opening = Opening(person, secrets.token_bytes(SALT))
        message = possession_message(origin, org, key.public, opening.hash)
        return cls(org, origin, "sig", key.public, person, opening.salt, key.private.sign(message))

    @classmethod
    def read(cls, data: bytes) -> KeyRequest:
        """A request from its file. Raises InvalidInput."""
        try:
            value = parse(data)
            org, origin, use = (str(value[name]) for name in ("org", "origin", "use"))
            proof = None if value["possession"] is None else unb64u(str(value["possession"]), 64)
            salt = unb64u(str(value["salt"]), 0 if proof is None else SALT)
            found = cls(org, origin, use, unb64u(str(value["publicKey"])), str(value["person"]), salt, proof)
            if value["v"] != 1 or found.use not in ("sig", "hpke") or (found.use == "sig") is (proof is None):
                raise VerifyError("bad_request", "another version or use")
            if proof is not None:
                message = possession_message(found.origin, found.org, found.public, found.hash)
                verify_signature(found.public, proof, message)
        except (VerifyError, LookupError, TypeError) as error:
            raise InvalidInput(f"not a request for a key: {type(error).__name__}", code="bad_request") from None
        return found

    @property
    def opening(self) -> Opening | None:
        """Name and salt, which open the person's hash; None for a receiving key, which no person holds."""
        return None if self.possession is None else Opening(self.person, self.salt)

    @property
    def hash(self) -> str:
        """The person as the key event names it."""
        return "" if self.opening is None else self.opening.hash

    @property
    def kid(self) -> str:
        """The key's id."""
        return kid_of(self.public)

    def write(self) -> bytes:
        """The request as a file."""
        value = {
            "v": 1,
            "org": self.org,
            "origin": self.origin,
            "use": self.use,
            "publicKey": b64u(self.public),
            "person": self.person,
            "salt": b64u(self.salt),
            "possession": None if self.possession is None else b64u(self.possession),
        }
        return encode(value) + b"\n"
