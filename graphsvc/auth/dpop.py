"""Proof of possession (RFC 9449): each request proves that its sender has the key that its access token is bound to.

A proof is good for one request, one token and :data:`WINDOW` seconds. What was seen is kept in memory, and where all
processes of the service look (ADR 0297). Proofs from before the start are refused: a machine that loses its power
may forget the last ones. The service asks for no nonce (ADR 0253).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from graphsvc.api.ports import Call
from graphsvc.auth.keys import PRIVATE, fits, holds, public_key
from graphsvc.auth.shared import Shared
from graphsvc.model.errors import TooMany, Unauthenticated
from graphsvc_verify.canonical import b64u

ALGORITHMS = ("ES256", "Ed25519", "EdDSA")
"""How proofs may be signed."""
WINDOW = 60.0
"""Seconds by which a proof's time may differ from the service's, either way."""
LONGEST = 4_096
"""At most this many characters in a proof."""
REMEMBERED = 200_000
A_KEY = 20_000
"""At most this many proofs are remembered, of all keys and of one. Beyond it requests wait: none is forgotten early."""
INVALID = "invalid_dpop_proof"
_PORTS = {"http": 80, "https": 443}


class Proofs:
    """Checks proofs, and remembers each as long as it could come again; ``shared``: for all processes.

    ``public_url`` is the service's address as callers know it; empty: as each request names it.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, public_url: str = "", shared: Shared | None = None
    ) -> None:
        self._clock = clock
        self._public_url = public_url.rstrip("/")
        self._shared = shared
        # Proofs say whole seconds.
        self._started = int(clock())
        self._seen: dict[bytes, tuple[float, str]] = {}
        self._by_key: dict[str, int] = {}

    async def check(self, call: Call, token: str, thumbprint: str) -> None:
        """Check a request's proof for its token, which is bound to the key of that thumbprint (RFC 7638).

        Raises Unauthenticated with code ``invalid_dpop_proof``, TooMany, Unavailable.
        """
        now = self._clock()
        claims, jkt = read_proof(call.proofs, call.method, self._address(call), now)
        if not hmac.compare_digest(jkt.encode(), thumbprint.encode()):
            raise _invalid("the proof is by another key than the token's")
        ath = claims.get("ath")
        if not isinstance(ath, str) or not hmac.compare_digest(ath.encode(), token_hash(token).encode()):
            raise _invalid("the proof is for another access token (ath)")
        if claims["iat"] < self._started:
            raise _invalid("the proof is older than this service's start: make a new one")
        name = hashlib.sha256(f"{jkt}|{claims['jti']}".encode()).digest()
        self._once(name, jkt, now)
        if self._shared is not None and not await self._shared.once(name, now + 2 * WINDOW, now):
            raise _invalid("the proof was used before (jti)")

    def _address(self, call: Call) -> str:
        """The request's address as its sender knows it, past any proxy."""
        if not self._public_url:
            return call.url
        path = call.url.partition("://")[2].partition("/")[2]
        return f"{self._public_url}/{path}"

    def _once(self, name: bytes, jkt: str, now: float) -> None:
        # They are in order of their time: all are kept equally long.
        for old, (until, owner) in list(islice(self._seen.items(), 64)):
            if until > now:
                break
            del self._seen[old]
            self._by_key[owner] -= 1
            if not self._by_key[owner]:
                del self._by_key[owner]
        if name in self._seen:
            raise _invalid("the proof was used before (jti)")
        if len(self._seen) >= REMEMBERED or self._by_key.get(jkt, 0) >= A_KEY:
            raise TooMany("too many proofs at once: wait", retry_after=int(WINDOW))
        self._seen[name] = (now + 2 * WINDOW, jkt)
        self._by_key[jkt] = self._by_key.get(jkt, 0) + 1


def read_proof(proofs: Sequence[str], method: str, url: str, now: float) -> tuple[Mapping[str, Any], str]:
    """The claims of a request's only proof, and its key's thumbprint; signature, method, address and time are checked.

    Raises Unauthenticated with code ``invalid_dpop_proof``.
    """
    if len(proofs) != 1 or len(proofs[0]) > LONGEST or not proofs[0].isascii():
        raise _invalid("one proof is needed")
    try:
        signed = jws.extract_compact(proofs[0].encode())
        claims = orjson.loads(signed.payload)
    except (JoseError, ValueError):
        raise _invalid("the proof is malformed") from None
    header = signed.headers()
    typ, alg, jwk = header.get("typ"), header.get("alg"), header.get("jwk")
    if typ != "dpop+jwt" or alg not in ALGORITHMS or "crit" in header or "b64" in header:
        raise _invalid("the proof's typ, algorithm or header is not taken")
    if not isinstance(jwk, dict) or PRIVATE & set(jwk):
        raise _invalid("the proof carries no public key")
    key = public_key(jwk)
    if key is None or not fits(key, alg) or not holds(signed, key, alg):
        raise _invalid("the proof's signature does not hold")
    if not isinstance(claims, dict):
        raise _invalid("the proof's claims are not an object")
    if claims.get("htm") != method or not same_address(claims.get("htu"), url):
        raise _invalid("the proof is for another request (htm, htu)")
    iat, jti = claims.get("iat"), claims.get("jti")
    if isinstance(iat, bool) or not isinstance(iat, int | float) or abs(now - iat) > WINDOW:
        raise _invalid("the proof is not of now (iat): look at the clock")
    if not isinstance(jti, str) or not 0 < len(jti) <= 255:
        raise _invalid("the proof has no jti")
    return claims, key.thumbprint()


def same_address(htu: object, url: str) -> bool:
    """Whether two addresses are the same without query and fragment (RFC 3986 sections 6.2.2 and 6.2.3)."""
    if not isinstance(htu, str):
        return False
    try:
        return _normal(htu) == _normal(url)
    except ValueError:
        return False


def token_hash(token: str) -> str:
    """The ``ath`` of an access token."""
    return b64u(hashlib.sha256(token.encode()).digest())


def _normal(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise ValueError("not a web address")
    return scheme, parts.hostname, parts.port or _PORTS[scheme], parts.path or "/"


def _invalid(message: str) -> Unauthenticated:
    return Unauthenticated(message, code=INVALID, where="header dpop")
