"""Logging in: authorization code with PKCE (RFC 7636) and OpenID Connect, for a browser that gets no token.

What a login needs between its two halves is sealed into a cookie of that browser: nothing is kept here, so nobody fills
the service's memory by beginning logins, and nobody ends a login that another browser began.
"""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import orjson
from cryptography.fernet import Fernet, InvalidToken
from joserfc import jws
from joserfc.errors import JoseError

from graphsvc.auth.keys import Keys, fits, holds
from graphsvc.auth.ownclient import OwnClient, Tokens
from graphsvc.auth.providers import Provider
from graphsvc.auth.tokens import LEEWAY
from graphsvc.model.errors import InvalidInput, Unauthenticated

PATIENCE = 600
"""Seconds that a person has to log in at the provider."""
LONGEST_PATH = 500
_HOME = "/"


class Attempt(msgspec.Struct, frozen=True):
    """A login that has begun: what the provider must send back, and where to go then."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    back: str


@dataclass(frozen=True, slots=True)
class Login:
    """Begins and finishes logins at one provider."""

    client: OwnClient
    keys: Keys
    provider: Provider
    _seal: Fernet

    @classmethod
    def at(cls, client: OwnClient, keys: Keys, provider: Provider, key: bytes) -> Login:
        """Logins at a provider. What is sealed under ``key``, 32 bytes, can be opened wherever that is."""
        return cls(client, keys, provider, Fernet(urlsafe_b64encode(key)))

    async def begin(self, redirect_uri: str, back: str) -> tuple[str, str]:
        """Where to send the browser, and the sealed attempt for its cookie. Raises InvalidInput, Unavailable."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        attempt = Attempt(state, nonce, verifier, redirect_uri, own_path(back))
        url = await self.client.login_url(
            {
                "redirect_uri": redirect_uri,
                "state": attempt.state,
                "nonce": attempt.nonce,
                "code_verifier": attempt.verifier,
            }
        )
        return url, self._seal.encrypt(msgspec.json.encode(attempt)).decode()

    def opened(self, sealed: str, state: str, issuer: str) -> Attempt:
        """The attempt that an answer of the provider belongs to. Raises Unauthenticated.

        ``issuer`` is who says that it answers (RFC 9207); empty where it says nothing.
        """
        try:
            attempt = msgspec.json.decode(self._seal.decrypt(sealed.encode(), ttl=PATIENCE), type=Attempt)
        except (InvalidToken, msgspec.DecodeError, ValueError):
            raise failed("this browser has not begun to log in, or too long ago") from None
        if not state or not hmac.compare_digest(state.encode(), attempt.state.encode()):
            raise failed("the answer belongs to another login")
        if issuer and issuer != self.client.issuer:
            raise failed("the answer is of another identity provider")
        return attempt

    async def finish(self, attempt: Attempt, code: str) -> Tokens:
        """The tokens for a code, of this attempt by their ID token. Raises Unauthenticated, Unavailable."""
        tokens = await self.client.exchange(code, attempt.verifier, attempt.redirect_uri)
        await self._check_identity(tokens.identity, attempt.nonce)
        return tokens

    async def _check_identity(self, token: str, nonce: str) -> None:
        """Check an ID token (OpenID Connect Core 3.1.3.7): whose, for whom, when, and the nonce of this login."""
        try:
            signed = jws.extract_compact(token.encode())
            claims = orjson.loads(signed.payload)
        except (JoseError, ValueError):
            raise failed("the identity provider's answer has no ID token") from None
        header = signed.headers()
        alg, kid = header.get("alg"), header.get("kid")
        if not isinstance(alg, str) or alg not in self.provider.algorithms or "crit" in header:
            raise failed("the ID token's algorithm is not taken")
        key = await self.keys.key(kid) if isinstance(kid, str) else None
        if key is None or not fits(key, alg) or not holds(signed, key, alg):
            raise failed("the ID token's signature does not hold")
        audience = claims.get("aud") if isinstance(claims, dict) else None
        for_us = audience in (self.client.client_id, [self.client.client_id])
        if not for_us or claims.get("iss") != self.client.issuer:
            raise failed("the ID token is of or for another")
        expires, said = claims.get("exp"), claims.get("nonce")
        if isinstance(expires, bool) or not isinstance(expires, int | float) or expires + LEEWAY <= time.time():
            raise failed("the ID token has expired")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
            raise failed("the ID token is of another login")


def own_path(back: str) -> str:
    """A path on this service to go back to. Raises InvalidInput for anything that could lead elsewhere."""
    if not back:
        return _HOME
    try:
        parts = urlsplit(back)
    except ValueError:
        parts = None
    plain = back.isascii() and back.isprintable() and "\\" not in back and " " not in back
    if (
        parts is None
        or not plain
        or len(back) > LONGEST_PATH
        or not back.startswith("/")
        or back.startswith("//")
        or parts.scheme
        or parts.netloc
    ):
        raise InvalidInput("a path on this service is needed, as /cases", code="bad_return", where="return")
    return back


def failed(message: str) -> Unauthenticated:
    """A login that leads to no session."""
    return Unauthenticated(message, code="login_failed")
