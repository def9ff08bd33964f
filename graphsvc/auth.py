"""Who calls: OAuth 2.0 access tokens as JWTs (RFC 9068), sent as bearer tokens (RFC 6750).

Claims beyond the RFC's own: ``org`` (the organisation's slug) and ``roles`` (a list of texts). Which sharing groups an
organisation belongs to is in the ledger, never in a token. A token that is bound to a key (``cnf``) is refused as a
plain bearer token: its holder did not prove possession.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from graphsvc.model.errors import Unauthenticated, Unavailable
from graphsvc.model.principals import Organisation, Principal

ALGORITHMS = ("Ed25519", "EdDSA", "ES256", "RS256")
"""All algorithms that are supported; :class:`Taken` says which of them are accepted."""
SMALLEST_RSA = 2048
"""At least this many bits in an RSA key."""
LEEWAY = 30.0
"""Seconds by which clocks may differ."""
LONGEST = 8_192
"""At most this many characters in a token."""
REMEMBERED = 4_096
"""At most this many verified tokens are kept until they expire."""
KEYS_FRESH = 600.0
KEYS_STALE = 86_400.0
RETRY = 10.0
"""Seconds: keys are fetched anew after ``KEYS_FRESH``, and used until ``KEYS_STALE`` while fetching fails. At least
``RETRY`` lies between two attempts, also for an unknown key id."""
_MAX_LIST = 64
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})

Organisations = Callable[[str], Organisation | None]


@dataclass(frozen=True, slots=True)
class Taken:
    """Which tokens are accepted: signature algorithms, and values of ``typ`` in small letters.

    RFC 9068 demands ``at+jwt``. A provider that writes ``JWT`` on access tokens does so on ID tokens too: only the
    audience then tells them apart.
    """

    algorithms: frozenset[str] = frozenset({"Ed25519", "EdDSA", "ES256"})
    types: frozenset[str] = frozenset({"at+jwt"})

    def type(self, typ: object) -> bool:
        """Whether a header's ``typ`` is accepted; ``application/`` before it means the same (RFC 7515)."""
        return isinstance(typ, str) and typ.lower().removeprefix("application/") in self.types


_RFC_9068 = Taken()


class StaticKeys:
    """A fixed key set, from a JWKS document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._keys = _usable(document)

    async def key(self, kid: str) -> Key | None:
        """The key of that id."""
        return self._keys.get(kid)


class FetchedKeys:
    """A key set behind a URL (https, or http on loopback), fetched when needed and kept for a while."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        parsed = httpx2.URL(url)
        if parsed.scheme != "https" and parsed.host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("the key set's URL must be https")
        self._url = url
        self._timeout = timeout
        self._keys: dict[str, Key] = {}
        self._fetched = self._tried = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Key | None:
        """The key of that id; raises Unavailable when no usable key set can be had."""
        now = time.monotonic()
        if kid in self._keys and now - self._fetched < KEYS_FRESH:
            return self._keys[kid]
        async with self._lock:
            now = time.monotonic()
            due = now - self._fetched >= KEYS_FRESH or kid not in self._keys
            if due and now - self._tried >= RETRY:
                self._tried = now
                await self._fetch()
        if time.monotonic() - self._fetched >= KEYS_STALE:
            raise Unavailable("the identity provider's keys can't be fetched", code="identity_unavailable")
        return self._keys.get(kid)

    async def _fetch(self) -> None:
        try:
            async with httpx2.AsyncClient(timeout=self._timeout, follow_redirects=False) as client:
                response = await client.get(self._url)
            response.raise_for_status()
            self._keys = _usable(orjson.loads(response.content))
            self._fetched = time.monotonic()
        except (httpx2.HTTPError, ValueError):
            return  # the keys at hand serve on until they are stale


@dataclass(frozen=True, slots=True)
class _Verified:
    org: str
    principal: Principal
    expires: float


class Authenticator:
    """Checks tokens of one issuer for one audience; ``organisations`` finds a member by its slug.

    A verified token is remembered by its hash until it expires; whether its organisation is a member, and with which
    attributes, is asked every time.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: StaticKeys | FetchedKeys,
        organisations: Organisations,
        taken: Taken = _RFC_9068,
    ) -> None:
        self._taken = taken
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._organisations = organisations
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def principal(self, authorization: str | None, /) -> Principal:
        """The caller behind an ``Authorization`` header.

        Raises Unauthenticated (code ``unauthenticated`` without a token, ``invalid_token`` otherwise; the message never
        says which check failed beyond what the caller can see in its own token) or Unavailable.
        """
        token = _bearer(authorization)
        name = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(name)
        if known is None or known.expires <= time.time():
            known = await self._verify(token)
            self._remember(name, known)
        organisation = self._organisations(known.org)
        if organisation is None:
            raise _invalid("the organisation is not a member")
        if organisation is known.principal.organisation:
            return known.principal
        old = known.principal
        return Principal(organisation, old.person, old.roles, old.client)

    def _remember(self, name: bytes, verified: _Verified) -> None:
        self._verified[name] = verified
        self._verified.move_to_end(name)
        while len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)

    async def _verify(self, token: str) -> _Verified:
        signed = _parsed(token)
        header = signed.headers()
        typ, kid, alg = header.get("typ"), header.get("kid"), header.get("alg")
        if not self._taken.type(typ):
            raise _invalid("the token is not an access token (typ at+jwt)")
        if not isinstance(alg, str) or alg not in self._taken.algorithms or "crit" in header or "b64" in header:
            raise _invalid("the token's algorithm or header is not taken")
        if not isinstance(kid, str) or not kid:
            raise _invalid("the token names no key")
        key = await self._keys.key(kid)
        if key is None or not _fits(key, alg) or not _holds(signed, key, alg):
            raise _invalid("the token's signature does not hold")
        return self._claims(signed.payload)

    def _claims(self, payload: bytes) -> _Verified:
        try:
            claims = orjson.loads(payload)
        except orjson.JSONDecodeError:
            raise _invalid("the token's claims are not JSON") from None
        if not isinstance(claims, dict):
            raise _invalid("the token's claims are not an object")
        if "cnf" in claims:
            raise _invalid("the token is bound to a key and can't be used as a bearer token")
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer:
            raise _invalid("the token is of another issuer")
        if audience != self._audience and not (isinstance(audience, list) and self._audience in audience):
            raise _invalid("the token is for another audience")
        expires = _check_times(claims, time.time())
        sub, client, org = (_text(claims, name) for name in ("sub", "client_id", "org"))
        _text(claims, "jti")
        organisation = self._organisations(org)
        if organisation is None:
            raise _invalid("the organisation is not a member")
        return _Verified(org, Principal(organisation, sub, _texts(claims, "roles"), client), expires)


def _bearer(authorization: str | None) -> str:
    if not authorization:
        raise Unauthenticated("an access token is needed", where="header authorization")
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("a bearer token is needed", where="header authorization")
    if len(token) > LONGEST or not token.isascii():
        raise _invalid("the token is malformed")
    return token


def _parsed(token: str) -> jws.CompactSignature:
    try:
        return jws.extract_compact(token.encode())
    except (JoseError, ValueError):
        raise _invalid("the token is malformed") from None


def _holds(signed: jws.CompactSignature, key: Key, alg: str) -> bool:
    if alg == "EdDSA":
        # With an Ed25519 key the old name means Ed25519 (RFC 9864); what is signed keeps the name as sent.
        alg = "Ed25519"
        signed.protected = {**signed.protected, "alg": alg}
    try:
        return jws.validate_compact(signed, key, [alg])
    except (JoseError, ValueError):
        return False


def _usable(document: Mapping[str, Any]) -> dict[str, Key]:
    """The keys that can verify access tokens, by id; others are passed over."""
    found: dict[str, Key] = {}
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list):
        raise ValueError("not a key set")
    for member in members:
        if not isinstance(member, dict) or not isinstance(member.get("kid"), str) or member.get("use") == "enc":
            continue
        public = {name: value for name, value in member.items() if name not in _PRIVATE}
        if public.get("alg") == "EdDSA":
            # The old name of Ed25519 (RFC 9864): with it the library would refuse what is signed as Ed25519.
            public["alg"] = "Ed25519"
        try:
            key = JWKRegistry.import_key(public)
        except (JoseError, ValueError, TypeError):
            continue
        if any(_fits(key, alg) for alg in ALGORITHMS):
            found[member["kid"]] = key
    return found


def _fits(key: Key, alg: str) -> bool:
    stated = key.get("alg")
    if stated is not None and stated != alg and {stated, alg} != {"EdDSA", "Ed25519"}:
        return False
    if alg == "ES256":
        return isinstance(key, ECKey) and key.curve_name == "P-256"
    if alg == "RS256":
        return isinstance(key, RSAKey) and key.public_key.key_size >= SMALLEST_RSA
    return isinstance(key, OKPKey) and key.curve_name == "Ed25519"


def _check_times(claims: dict[str, Any], now: float) -> float:
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


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise _invalid(f"the token has no {name}")
    return value


def _texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name, [])
    if not isinstance(value, list) or len(value) > _MAX_LIST or not all(isinstance(one, str) for one in value):
        raise _invalid(f"the token's {name} is not a list of texts")
    return tuple(sorted(set(value)))


def _invalid(message: str) -> Unauthenticated:
    return Unauthenticated(message, code="invalid_token", where="header authorization")
