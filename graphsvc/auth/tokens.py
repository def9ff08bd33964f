"""Who calls: OAuth 2.0 access tokens as JWTs (RFC 9068), sent as bearer tokens (RFC 6750) or with a proof (RFC 9449).

Claims beyond the RFC's own: ``org`` (the organisation's slug) and ``roles`` (a list of texts), or what a provider has
in their place. Which sharing groups an organisation belongs to is in the ledger, never in a token. A token that is
bound to a key (``cnf``) is refused as a plain bearer token: its holder did not prove possession.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from graphsvc.api.ports import Call
from graphsvc.auth.dpop import Proofs
from graphsvc.auth.keys import Keys, fits, holds
from graphsvc.auth.providers import RFC_9068, Claim, Provider
from graphsvc.model.errors import Unauthenticated
from graphsvc.model.principals import Organisation, Principal

LEEWAY = 30.0
"""Seconds by which clocks may differ."""
LONGEST = 8_192
"""At most this many characters in a token."""
REMEMBERED = 4_096
"""At most this many verified tokens are kept until they expire."""
_OTHER_BINDINGS = frozenset({"x5t#S256", "jwk", "jwe", "kid", "jku", "osc"})
"""Members of ``cnf`` by which a token is bound in another way (RFC 7800, RFC 8705); others say more of the same."""
BEARER, DPOP = "bearer", "dpop"

Organisations = Callable[[str], Organisation | None]
NO_CALL = Call("", "")


class Standing(Protocol):
    """Knows whether a token that verifies has been taken back."""

    async def check(self, token: str, /) -> None:
        """Raises Unauthenticated when it has, Unavailable when that can't be known."""
        ...


@dataclass(frozen=True, slots=True)
class _Verified:
    org: str
    principal: Principal
    expires: float
    kid: str
    key: Key
    thumbprint: str
    """Of the key that the token is bound to; empty: to none."""


class Authenticator:
    """Checks tokens of one issuer for one audience; ``organisations`` finds a member by its slug.

    A verified token is remembered by its hash until it expires, or its key is withdrawn; whether its organisation is a
    member, and with which attributes, is asked every time, and so is ``standing``. ``proofs`` checks those of bound
    tokens.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: Keys,
        organisations: Organisations,
        provider: Provider = RFC_9068,
        standing: Standing | None = None,
        proofs: Proofs | None = None,
    ) -> None:
        self._provider = provider
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._organisations = organisations
        self._standing = standing
        self._proofs = proofs or Proofs()
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def principal(self, authorization: str | None, call: Call = NO_CALL, /) -> Principal:
        """The caller behind an ``Authorization`` header.

        Raises Unauthenticated (code ``unauthenticated`` without a token, ``invalid_token`` or ``invalid_dpop_proof``
        otherwise; the message never says which check failed beyond what the caller can see in its own token) or
        Unavailable.
        """
        scheme, token = _presented(authorization)
        known = await self._known(token)
        if known.thumbprint and scheme == BEARER:
            raise _invalid("the token is bound to a key and can't be used as a bearer token")
        if scheme == DPOP:
            if not known.thumbprint:
                raise _invalid("the token is bound to no key: send it as a bearer token")
            await self._proofs.check(call, token, known.thumbprint)
        if self._standing is not None:
            await self._standing.check(token)
        organisation = self._organisations(known.org)
        if organisation is None:
            raise _invalid("the organisation is not a member")
        if organisation is known.principal.organisation:
            return known.principal
        old = known.principal
        return Principal(organisation, old.person, old.roles, old.client)

    async def expires(self, token: str) -> float:
        """Until when a token is good, in seconds since the epoch, without leeway. Raises as :meth:`principal` does."""
        return (await self._known(token)).expires - LEEWAY

    async def _known(self, token: str) -> _Verified:
        name = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(name)
        if known is not None and known.expires > time.time() and await self._keys.key(known.kid) is known.key:
            return known
        known = await self._verify(token)
        self._remember(name, known)
        return known

    def _remember(self, name: bytes, verified: _Verified) -> None:
        self._verified[name] = verified
        self._verified.move_to_end(name)
        while len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)

    async def _verify(self, token: str) -> _Verified:
        signed = _parsed(token)
        header = signed.headers()
        typ, kid, alg = header.get("typ"), header.get("kid"), header.get("alg")
        if not self._provider.type(typ):
            raise _invalid("the token is not an access token (typ at+jwt)")
        if not isinstance(alg, str) or alg not in self._provider.algorithms or "crit" in header or "b64" in header:
            raise _invalid("the token's algorithm or header is not taken")
        if not isinstance(kid, str) or not kid:
            raise _invalid("the token names no key")
        key = await self._keys.key(kid)
        if key is None or not fits(key, alg) or not holds(signed, key, alg):
            raise _invalid("the token's signature does not hold")
        claims = _claims(signed.payload)
        expires = self._checked(claims)
        org, principal = self._principal(claims)
        return _Verified(org, principal, expires, kid, key, _thumbprint(claims))

    def _checked(self, claims: Mapping[str, Any]) -> float:
        """Check what does not depend on who calls; returns until when the token is good, leeway included."""
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer:
            raise _invalid("the token is of another issuer")
        if audience != self._audience and not (isinstance(audience, list) and self._audience in audience):
            raise _invalid("the token is for another audience")
        if not self._provider.is_access_token(claims):
            raise _invalid("the token is not an access token")
        if self._provider.needs_id or "jti" in claims:
            _text(claims, ("jti",))
        return check_times(claims, time.time())

    def _principal(self, claims: Mapping[str, Any]) -> tuple[str, Principal]:
        provider = self._provider
        person, client = _text(claims, provider.person), _text(claims, provider.client)
        orgs = _texts(claims, provider.organisation, provider.organisation.one)
        # Of two organisations a caller could choose the one that suits; so it is refused.
        if len(orgs) != 1:
            name = ".".join(provider.organisation.path)
            raise _invalid(f"the token names {'several organisations' if orgs else 'no organisation'} in {name}")
        organisation = self._organisations(orgs[0])
        if organisation is None:
            raise _invalid("the organisation is not a member")
        return orgs[0], Principal(organisation, person, _texts(claims, provider.roles, provider.roles.many), client)


def _presented(authorization: str | None) -> tuple[str, str]:
    if not authorization:
        raise Unauthenticated("an access token is needed", where="header authorization")
    scheme, _, token = authorization.partition(" ")
    scheme, token = scheme.lower(), token.strip()
    if scheme not in {BEARER, DPOP} or not token:
        raise Unauthenticated("a bearer token, or one with a proof, is needed", where="header authorization")
    if len(token) > LONGEST or not token.isascii():
        raise _invalid("the token is malformed")
    return scheme, token


def _parsed(token: str) -> jws.CompactSignature:
    try:
        return jws.extract_compact(token.encode())
    except (JoseError, ValueError):
        raise _invalid("the token is malformed") from None


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise _invalid("the token's claims are not JSON") from None
    if not isinstance(claims, dict):
        raise _invalid("the token's claims are not an object")
    return claims


def _thumbprint(claims: Mapping[str, Any]) -> str:
    """The key that a token is bound to, by its thumbprint; a binding of another kind can't be proved here."""
    if "cnf" not in claims:
        return ""
    bound = claims["cnf"]
    thumbprint = bound.get("jkt") if isinstance(bound, dict) else None
    if not isinstance(thumbprint, str) or not thumbprint or _OTHER_BINDINGS & set(bound):
        raise _invalid("the token is bound to a key in a way that can't be proved here (cnf)")
    return thumbprint


def check_times(claims: Mapping[str, Any], now: float) -> float:
    """Check a token's times; returns until when it is good, leeway included. Raises Unauthenticated."""
    for name in ("exp", "iat"):
        if name not in claims:
            raise _invalid(f"the token has no {name}")
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _invalid(f"the token's {name} is not a time")
    if claims["exp"] + LEEWAY <= now:
        raise _invalid("the token has expired")
    if claims["iat"] - LEEWAY > now or claims.get("nbf", 0) - LEEWAY > now:
        raise _invalid("the token is not valid yet")
    return float(claims["exp"]) + LEEWAY


def _text(claims: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these claims that is there."""
    value = next((claims[name] for name in names if name in claims), None)
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise _invalid(f"the token has no {names[0]}")
    return value


def _texts(
    claims: Mapping[str, Any], claim: Claim, read: Callable[[Mapping[str, Any]], tuple[str, ...]]
) -> tuple[str, ...]:
    try:
        return read(claims)
    except ValueError as error:
        raise _invalid(f"the token's {'.'.join(claim.path)} is {error}") from None


def _invalid(message: str) -> Unauthenticated:
    return Unauthenticated(message, code="invalid_token", where="header authorization")
