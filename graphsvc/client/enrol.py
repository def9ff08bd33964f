"""Enrolment: an organisation's offline root key says which working keys act for it, and who holds them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from graphsvc.client.keys import HpkeKey, SigningKey
from graphsvc_verify.canonical import b64u, digest, encode
from graphsvc_verify.keyevents import ENROL, possession_message

_VALID = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Enroller:
    """One organisation's root key at one log; ``origin`` is the log's."""

    org: str
    origin: str
    root: SigningKey

    def signing(self, key: SigningKey, person: str, roles: tuple[str, ...], prev: int | None) -> str:
        """The act that enrols a signing key of ``person``; ``prev`` is the organisation's last key event, or None.

        The new key signs as well, so nobody can enrol a key that somebody else holds.
        """
        message = possession_message(self.origin, self.org, key.public, person)
        event = self._event("sig", key.public, person, roles) | {"possession": b64u(key.private.sign(message))}
        return self._act(key.kid, event | {"prev": prev})

    def recipient(self, key: HpkeKey, prev: int | None) -> str:
        """The act that enrols the key under which the organisation receives its day keys."""
        return self._act(key.kid, self._event("hpke", key.public, "", ()) | {"possession": None, "prev": prev})

    @staticmethod
    def _event(use: str, public: bytes, person: str, roles: tuple[str, ...]) -> dict[str, Any]:
        return {
            "v": 1,
            "use": use,
            "publicKey": b64u(public),
            "person": person,
            "roles": list(roles),
            "via": "client",
        }

    def _act(self, kid: str, event: dict[str, Any]) -> str:
        now = datetime.now(UTC)
        payload = {
            "v": 1,
            "aud": self.origin,
            "iss": self.org,
            "sub": kid,
            "jti": secrets.token_urlsafe(18),
            "iat": _text(now),
            "exp": _text(now + _VALID),
            "object": digest(encode(event)),
            "after": event["prev"] or 0,
            "event": event,
        }
        return self.root.sign_act(ENROL, payload)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
