"""Access tokens: fetched with client credentials (RFC 6749 section 4.4), kept until shortly before they expire.

A client proves who it is by a secret or by a key (``private_key_jwt``, RFC 7523). Its tokens may be bound to a key of
this process (DPoP, RFC 9449): whoever steals one can't use it.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jws
from joserfc.jwk import Key

from graphsvc.client.errors import Refused, Unreachable
from graphsvc.model.jwkfiles import algorithm_of, key_id, new_jwk
from graphsvc_verify.canonical import b64u

TokenProvider = Callable[[], str]
"""Called before each request; returns an access token that is still good."""

_EARLY = 30.0
_NONCE_WANTED = "use_dpop_nonce"


class ClientCredentials:
    """A token provider for machine clients. Its secret goes to the token endpoint by HTTP Basic; a key never leaves."""

    def __init__(self, token_url: str, client_id: str, secret: str = "", *, key: Key | None = None) -> None:
        self._url = token_url
        self._id, self._secret, self._key = client_id, secret, key
        self._token = ""
        self._until = 0.0

    def __call__(self) -> str:
        """A token good for at least half a minute, or fresh. Raises Refused or Unreachable."""
        if time.monotonic() >= self._until:
            token = self._fetch()
            self._token = str(token["access_token"])
            self._until = time.monotonic() + float(token.get("expires_in", 60)) - _EARLY
        return self._token

    def _fetch(self) -> dict[str, Any]:
        try:
            answer = self._answer()
        except OAuthError as error:
            raise Refused(401, "the identity provider gave no token", code=str(error.error)) from None
        except httpx2.HTTPStatusError as error:
            raise Refused(error.response.status_code, "the identity provider gave no token", code="identity") from None
        except httpx2.HTTPError as error:
            raise Unreachable(f"the identity provider did not answer: {type(error).__name__}") from None
        except ValueError:
            raise Refused(502, "the identity provider's answer is not one", code="identity") from None
        if not isinstance(answer.get("access_token"), str):
            raise Refused(502, "the identity provider gave no token", code="identity")
        return answer

    def _answer(self) -> dict[str, Any]:
        return self._asked({})

    def _asked(self, headers: dict[str, str], seen: Callable[[Any], Any] | None = None) -> dict[str, Any]:
        """Ask the token endpoint once; ``seen`` gets the response."""
        shown: Any = self._secret
        method: Any = "client_secret_basic"
        if self._key is not None:
            # Given as text a key would be read as RSA; and with claims given, its jti would come twice.
            shown = self._key
            method = PrivateKeyJWT(self._url, alg=algorithm_of(self._key), headers={"kid": key_id(self._key)})
        with OAuth2Client(self._id, shown, token_endpoint_auth_method=method, timeout=10.0) as client:
            if seen is not None:
                client.register_compliance_hook("access_token_response", seen)
            plain = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
            answer: dict[str, Any] = client.fetch_token(
                self._url, grant_type="client_credentials", headers={**plain, **headers}
            )
            return answer


class BoundCredentials(ClientCredentials):
    """Client credentials whose tokens are bound to a key that this object makes and never shows."""

    def __init__(self, token_url: str, client_id: str, secret: str = "", *, key: Key | None = None) -> None:
        super().__init__(token_url, client_id, secret, key=key)
        self._bound = new_jwk()
        self._nonce = ""

    def proof(self, method: str, url: str, token: str = "") -> str:
        """A proof for one request, and the token that goes with it; a second request needs a second one."""
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(18),
            "htm": method,
            "htu": url.partition("?")[0].partition("#")[0],
            "iat": int(time.time()),
        }
        if token:
            claims["ath"] = b64u(hashlib.sha256(token.encode()).digest())
        elif self._nonce:
            claims["nonce"] = self._nonce
        public = {name: self._bound.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public}
        return jws.serialize_compact(header, msgspec.json.encode(claims), self._bound, algorithms=["ES256"])

    def _answer(self) -> dict[str, Any]:
        try:
            answer = self._asked({"DPoP": self.proof("POST", self._url)}, self._saw)
        except OAuthError as error:
            if error.error != _NONCE_WANTED or not self._nonce:
                raise
            answer = self._asked({"DPoP": self.proof("POST", self._url)}, self._saw)
        if str(answer.get("token_type", "")).lower() != "dpop":
            # What comes unbound all the same would be good for a thief.
            raise Refused(502, "the identity provider binds no tokens to keys", code="not_bound")
        return answer

    def _saw(self, response: Any) -> Any:
        """Keep the nonce that a provider wants to see in the next proof (RFC 9449 section 8)."""
        self._nonce = str(response.headers.get("dpop-nonce", self._nonce))
        return response


def fixed_token(token: str) -> TokenProvider:
    """A provider of one ready-made token."""
    return lambda: token
