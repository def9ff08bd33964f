"""The keys that a provider signs with: a fixed set, or one behind a URL that is followed while the service runs.

A new key counts from the first token that names it on, a withdrawn one at most a minute longer: no restart, no gap.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Protocol

import httpx2
import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from graphsvc.model.errors import Unavailable

ALGORITHMS = ("Ed25519", "EdDSA", "ES256", "RS256")
"""All algorithms that are supported; a :class:`~graphsvc.auth.providers.Provider` says which of them are accepted."""
SMALLEST_RSA = 2048
"""At least this many bits in an RSA key."""
KEYS_FRESH = 30.0
KEYS_DUE = 50.0
KEYS_STALE = 3_600.0
RETRY = 2.0
"""Seconds. Keys are fetched anew after ``KEYS_FRESH`` while callers go on; after ``KEYS_DUE`` callers wait for that.
While fetching fails they are used until ``KEYS_STALE``. At least ``RETRY`` lies between two attempts."""
LARGEST = 256 << 10
"""At most this many bytes in a key set."""
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members that a JWK of a public key has not."""


class Keys(Protocol):
    """Where keys are looked up."""

    async def key(self, kid: str) -> Key | None:
        """The key of that id, the same object as long as it is the same key; raises Unavailable when nobody knows."""
        ...


class StaticKeys:
    """A fixed key set, from a JWKS document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._keys = usable(document)

    async def key(self, kid: str) -> Key | None:
        """The key of that id."""
        return self._keys.get(kid)


class FetchedKeys:
    """A key set behind a URL (https, or http on loopback), fetched when needed and kept for a while."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        check_address(url, "the key set's URL")
        self._url = url
        self._timeout = timeout
        self._keys: dict[str, Key] = {}
        self._fetched = self._tried = float("-inf")
        self._failing = False
        self._running: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> Key | None:
        """The key of that id; raises Unavailable when it can't be known whether there is one."""
        age = time.monotonic() - self._fetched
        if kid not in self._keys:
            return await self._unknown(kid)
        if age >= KEYS_FRESH and self._may_try():
            fetching = self._fetch()
            # While the provider fails nobody waits for it again and again: what is at hand serves on.
            if age >= KEYS_STALE or (age >= KEYS_DUE and not self._failing):
                await asyncio.wait((fetching,))
        elif age >= KEYS_DUE and not self._failing and self._running is not None:
            await asyncio.wait((self._running,))
        if time.monotonic() - self._fetched >= KEYS_STALE:
            raise _unavailable()
        return self._keys.get(kid)

    async def _unknown(self, kid: str) -> Key | None:
        """A key that is not at hand: new, or made up. Only a fetch that began later than the question tells."""
        asked = time.monotonic()
        while kid not in self._keys and (self._tried < asked or self._is_fetching()):
            since = time.monotonic() - self._tried
            if self._is_fetching():
                await asyncio.wait((self._running,))  # type: ignore[type-var]
            elif since >= RETRY:
                await asyncio.wait((self._fetch(),))
            elif self._failing:
                break
            else:
                # Made up or new: the next fetch tells, and callers with made-up keys don't make fetches more frequent.
                await asyncio.sleep(RETRY - since)
        if kid in self._keys and time.monotonic() - self._fetched < KEYS_STALE:
            return self._keys[kid]
        if self._failing or not self._keys:
            raise _unavailable()
        return None

    def _is_fetching(self) -> bool:
        return self._running is not None and not self._running.done()

    def _may_try(self) -> bool:
        return not self._is_fetching() and time.monotonic() - self._tried >= RETRY

    def _fetch(self) -> asyncio.Task[None]:
        """Begin to fetch, once for all who wait."""
        self._tried = time.monotonic()
        self._running = asyncio.get_running_loop().create_task(self._fetched_anew())
        return self._running

    async def _fetched_anew(self) -> None:
        try:
            found = usable(await fetch_json(self._url, self._timeout))
        except (httpx2.HTTPError, ValueError, TimeoutError, OSError):
            self._failing = True  # the keys at hand serve on until they are stale
            return
        self._keys = {kid: _same(self._keys.get(kid), key) for kid, key in found.items()}
        self._fetched, self._failing = time.monotonic(), False


async def fetch_json(url: str, seconds: float) -> Any:
    """The JSON behind a URL: no redirect, ``seconds`` for all of it, :data:`LARGEST` bytes at most.

    Raises what httpx raises, ValueError, TimeoutError.
    """
    content = bytearray()
    plain = {"accept-encoding": "identity"}
    async with (
        asyncio.timeout(seconds),
        httpx2.AsyncClient(timeout=seconds, follow_redirects=False) as client,
        client.stream("GET", url, headers=plain) as response,
    ):
        response.raise_for_status()
        if response.status_code != 200:
            raise ValueError("not an answer")
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > LARGEST:
                raise ValueError("too large")
    return orjson.loads(content)


def check_address(url: str, what: str) -> None:
    """Raise ValueError for a URL that is neither https nor on loopback."""
    parsed = httpx2.URL(url)
    if parsed.scheme != "https" and parsed.host not in {"127.0.0.1", "::1", "localhost"}:
        raise ValueError(f"{what} must be https")


def usable(document: object) -> dict[str, Key]:
    """The keys that can verify signatures, by id; others are passed over. Raises ValueError for no key set.

    An id that two different keys have names neither.
    """
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list):
        raise ValueError("not a key set")
    found: dict[str, Key] = {}
    twice: set[str] = set()
    for member in members:
        if not isinstance(member, dict) or not isinstance(member.get("kid"), str) or member.get("use") == "enc":
            continue
        key = public_key(member)
        if key is None or not any(fits(key, alg) for alg in ALGORITHMS):
            continue
        kid = member["kid"]
        if kid in found and found[kid].thumbprint() != key.thumbprint():
            twice.add(kid)
        found.setdefault(kid, key)
    return {kid: key for kid, key in found.items() if kid not in twice}


def public_key(member: Mapping[str, Any]) -> Key | None:
    """A JWK's public part as a key; None for what is no key."""
    public = {name: value for name, value in member.items() if name not in PRIVATE}
    if public.get("alg") == "EdDSA":
        # The old name of Ed25519 (RFC 9864): with it the library would refuse what is signed as Ed25519.
        public["alg"] = "Ed25519"
    try:
        return JWKRegistry.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def fits(key: Key, alg: str) -> bool:
    """Whether a signature of that algorithm may be checked with the key."""
    stated = key.get("alg")
    if stated is not None and stated != alg and {stated, alg} != {"EdDSA", "Ed25519"}:
        return False
    if alg == "ES256":
        return isinstance(key, ECKey) and key.curve_name == "P-256"
    if alg == "RS256":
        return isinstance(key, RSAKey) and key.public_key.key_size >= SMALLEST_RSA
    return alg in ALGORITHMS and isinstance(key, OKPKey) and key.curve_name == "Ed25519"


def holds(signed: jws.CompactSignature, key: Key, alg: str) -> bool:
    """Whether a signature holds."""
    if alg == "EdDSA":
        # With an Ed25519 key the old name means Ed25519 (RFC 9864); what is signed keeps the name as sent.
        alg = "Ed25519"
        signed.protected = {**signed.protected, "alg": alg}
    try:
        return jws.validate_compact(signed, key, [alg])
    except (JoseError, ValueError):
        return False


def _same(old: Key | None, new: Key) -> Key:
    """The old object for the same key, so that tokens checked with it stay checked."""
    same = old is not None and old.thumbprint() == new.thumbprint() and old.get("alg") == new.get("alg")
    return old if same and old is not None else new


def _unavailable() -> Unavailable:
    return Unavailable("the identity provider's keys can't be fetched", code="identity_unavailable")
