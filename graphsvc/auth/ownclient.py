"""The service's own client at the identity provider: it exchanges codes, renews and takes back, and asks about tokens.

It authenticates by a signed assertion (``private_key_jwt``, RFC 7523) where it has a key, else by a secret (HTTP
Basic). Where it asks is in the issuer's discovery document, which must be the issuer's own (OpenID Connect Discovery
4.3).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import Key

from graphsvc.auth.keys import check_address, fetch_json
from graphsvc.model.errors import Unauthenticated, Unavailable
from graphsvc.model.jwkfiles import algorithm_of, key_id

TIMEOUT = 5.0
"""Seconds that the provider has for an answer."""
DISCOVERED = 600.0
"""Seconds that a discovery document is good for."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint")
_MORE = ("introspection_endpoint", "revocation_endpoint")


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a client proves who it is: a key, or a secret."""

    client_id: str
    key: Key | None = None
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an issuer is asked for what; empty: it does not say."""

    authorization: str
    token: str
    introspection: str = ""
    revocation: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gave out. Never shown, never logged, never written to a disk."""

    access: str
    refresh: str = ""
    identity: str = ""

    def __repr__(self) -> str:
        return "Tokens(…)"


class OwnClient:
    """The service's client at one issuer."""

    def __init__(self, issuer: str, credentials: Credentials, timeout: float = TIMEOUT, scope: str = "openid") -> None:
        check_address(issuer, "the issuer")
        self.issuer = issuer
        self.client_id = credentials.client_id
        self._credentials = credentials
        self._timeout = timeout
        self._scope = scope
        self._endpoints: Endpoints | None = None
        self._discovered = float("-inf")

    async def endpoints(self) -> Endpoints:
        """Where to ask. Raises Unavailable."""
        if self._endpoints is None or time.monotonic() - self._discovered >= DISCOVERED:
            try:
                said = await fetch_json(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration", self._timeout)
                self._endpoints = endpoints_of(said, self.issuer)
            except (httpx2.HTTPError, ValueError, TimeoutError, OSError):
                raise unavailable() from None
            self._discovered = time.monotonic()
        return self._endpoints

    async def login_url(self, asked: Mapping[str, str]) -> str:
        """Where a browser is sent; ``asked``: redirect_uri, state, nonce, code_verifier. Raises Unavailable."""
        endpoints = await self.endpoints()
        async with self._client(endpoints, asked["redirect_uri"]) as client:
            said = {"state": asked["state"], "code_verifier": asked["code_verifier"], "nonce": asked["nonce"]}
            return str(client.create_authorization_url(endpoints.authorization, **said)[0])

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """The tokens for a code. Raises Unauthenticated, Unavailable."""
        said = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return await self._fetch({**said, "redirect_uri": redirect_uri})

    async def refresh(self, token: str) -> Tokens:
        """New tokens for a refresh token. Raises Unauthenticated when it is no good any more, Unavailable."""
        return await self._fetch({"grant_type": "refresh_token", "refresh_token": token})

    async def revoke(self, token: str) -> None:
        """Tell the provider that a refresh token is not needed any more; it may not listen."""
        try:
            endpoints = await self.endpoints()
            if endpoints.revocation:
                async with asyncio.timeout(self._timeout), self._client(endpoints) as client:
                    auth = client.client_auth(client.token_endpoint_auth_method)
                    await client.revoke_token(endpoints.revocation, token, "refresh_token", auth=auth)
        except (httpx2.HTTPError, OAuthError, ValueError, TimeoutError, Unavailable):
            return  # the session has ended here; there the token ends by itself

    async def is_active(self, token: str) -> bool:
        """What the provider says of an access token (RFC 7662). Raises Unavailable when it says nothing."""
        endpoints = await self.endpoints()
        if not endpoints.introspection:
            raise unavailable()
        try:
            async with asyncio.timeout(self._timeout), self._client(endpoints) as client:
                response = await client.introspect_token(endpoints.introspection, token, "access_token")
                response.raise_for_status()
                said = response.json()
        except (httpx2.HTTPError, OAuthError, ValueError, TimeoutError, OSError):
            raise unavailable() from None
        # Anything but a plain true is no: a page of a proxy, say.
        return isinstance(said, dict) and said.get("active") is True

    async def _fetch(self, form: Mapping[str, str]) -> Tokens:
        endpoints = await self.endpoints()
        try:
            async with asyncio.timeout(self._timeout), self._client(endpoints) as client:
                said = await client.fetch_token(endpoints.token, **form)
        except OAuthError:
            raise Unauthenticated("the identity provider gives no tokens: log in again", code="login_failed") from None
        except (httpx2.HTTPError, ValueError, TimeoutError, OSError):
            raise unavailable() from None
        texts = {name: said.get(name) or "" for name in ("access_token", "refresh_token", "id_token")}
        if not texts["access_token"] or not all(isinstance(one, str) for one in texts.values()):
            raise unavailable()
        return Tokens(texts["access_token"], texts["refresh_token"], texts["id_token"])

    def _client(self, endpoints: Endpoints, redirect_uri: str | None = None) -> Any:
        """A client of the library for one exchange: it keeps the last tokens, so none serves two."""
        own = self._credentials
        shown: Any = own.secret
        method: Any = "client_secret_basic" if own.secret else "none"
        if own.key is not None:
            # Given as text a key would be read as RSA; and with claims given, its jti would come twice.
            shown = own.key
            method = PrivateKeyJWT(endpoints.token, alg=algorithm_of(own.key), headers={"kid": key_id(own.key)})
        return AsyncOAuth2Client(
            own.client_id,
            shown,
            token_endpoint_auth_method=method,
            scope=self._scope if redirect_uri else None,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=self._timeout,
            follow_redirects=False,
        )


def endpoints_of(document: object, issuer: str) -> Endpoints:
    """The endpoints in an issuer's discovery document. Raises ValueError when it is another issuer's, or lacks any."""
    if not isinstance(document, Mapping) or document.get("issuer") != issuer:
        raise ValueError("not this issuer's document")
    said = {name: document.get(name, "") for name in (*_ENDPOINTS, *_MORE)}
    for name, value in said.items():
        if not isinstance(value, str) or (not value and name in _ENDPOINTS):
            raise ValueError(f"no {name}")
        if value:
            check_address(value, name)
    return Endpoints(*said.values())


def unavailable() -> Unavailable:
    """What is said while the provider does not answer as one."""
    return Unavailable("the identity provider does not answer", code="identity_unavailable")
