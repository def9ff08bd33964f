"""Access tokens: fetched with client credentials (RFC 6749 section 4.4), kept until shortly before they expire."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

from graphsvc.client.errors import Refused, Unreachable

TokenProvider = Callable[[], str]
"""Called before each request; returns a bearer token that is still good."""

_EARLY = 30.0


class ClientCredentials:
    """A token provider for machine clients: client id and secret go to the token endpoint by HTTP Basic."""

    def __init__(self, token_url: str, client_id: str, secret: str) -> None:
        self._url = token_url
        self._id, self._secret = client_id, secret
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
        method = "client_secret_basic"
        try:
            with OAuth2Client(self._id, self._secret, token_endpoint_auth_method=method, timeout=10.0) as client:
                answer: dict[str, Any] = client.fetch_token(self._url, grant_type="client_credentials")
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


def fixed_token(token: str) -> TokenProvider:
    """A provider of one ready-made token."""
    return lambda: token
