"""A development identity provider: access tokens for machine clients and invented people, on one machine.

It signs with a fresh Ed25519 key at every start, keeps its port and its clients' secrets from one start of a state
directory to the next, so that profiles stay good, and hands out tokens (RFC 9068) for client credentials (RFC 6749
section 4.4), bound to a key where a proof comes with the request (RFC 9449). People log in by a page that lists them
(:mod:`graphsvc.local.people`). It listens on loopback only and refuses to run in production.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import threading
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import orjson
import uvicorn
from joserfc import jwt
from joserfc.jwk import OKPKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.api.serving import bound_socket
from graphsvc.auth.dpop import read_proof
from graphsvc.auth.ownclient import Credentials
from graphsvc.local.people import Logins
from graphsvc.model.errors import Unauthenticated, Unavailable
from graphsvc.model.files import write_durably

LIFETIME = 900
"""Seconds that a token is good for."""
OWN = "graphsvc"
"""The service's own client, by which people log in."""
_MAX_FORM = 16_384


@dataclass(frozen=True, slots=True)
class DevelopmentClient:
    """A machine client and whom it acts for: ``person`` becomes the token's subject."""

    client_id: str
    org: str
    person: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a provider's last start: its port (0: unknown) and its clients' secrets by their ids."""

    port: int
    secrets: Mapping[str, str]


def read_kept(directory: Path) -> Kept:
    """What the last start left in ``clients.json``; nothing if there is no such file, or it has another form."""
    try:
        said = json.loads((directory / "clients.json").read_bytes())
        port = urlsplit(str(said["tokenEndpoint"])).port or 0
        return Kept(port, {str(one["clientId"]): str(one["clientSecret"]) for one in said["clients"]})
    except (OSError, ValueError, LookupError, TypeError):
        return Kept(0, {})


class DevelopmentIdentity:
    """Issues tokens. ``issuer`` is the URL it is reached under; secrets lie in ``clients.json``, mode 0600.

    Clients keep the secrets that ``kept`` holds for them.
    """

    def __init__(
        self, issuer: str, audience: str, directory: Path, clients: Sequence[DevelopmentClient],
        kept: Kept | None = None,
    ) -> None:  # fmt: skip
        self.issuer = issuer
        self._audience = audience
        self._key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"}, auto_kid=True)
        known = {} if kept is None else kept.secrets
        self._clients = {
            client.client_id: (client, known.get(client.client_id) or secrets.token_urlsafe(24)) for client in clients
        }
        self.own_client = Credentials(OWN, secret=secrets.token_urlsafe(24))
        self._logins = Logins(OWN, clients)
        self.clients_file = directory / "clients.json"
        self._write()

    def jwks(self) -> dict[str, Any]:
        """The public key as a JWKS document."""
        return {"keys": [self._key.as_dict(private=False)]}

    def token(self, client: DevelopmentClient, thumbprint: str = "", through: str = "") -> str:
        """An access token for a client, bound to the key of that thumbprint; ``through`` is whom it logged in by."""
        claims: dict[str, Any] = {
            "aud": self._audience,
            "sub": client.person,
            "client_id": through or client.client_id,
            "org": client.org,
            "roles": list(client.roles),
            **({"cnf": {"jkt": thumbprint}} if thumbprint else {}),
        }
        return self._signed("at+jwt", claims)

    def app(self) -> Starlette:
        """The ASGI application: ``/token``, ``/authorize``, ``/revoke``, ``/jwks`` and the two discovery documents."""
        return Starlette(
            routes=[
                Route("/token", self._token, methods=["POST"]),
                Route("/authorize", self._logins.authorize, methods=["GET"]),
                Route("/revoke", self._revoke, methods=["POST"]),
                Route("/jwks", self._jwks, methods=["GET"]),
                Route("/.well-known/openid-configuration", self._discovery, methods=["GET"]),
                Route("/.well-known/oauth-authorization-server", self._discovery, methods=["GET"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return _answer({"error": "invalid_request"}, 400)
        name, secret = _presented(request, form)
        if self._is_own(name, secret):
            return self._for_people(form)
        client = self._authenticated(name, secret)
        if client is None:
            return _answer({"error": "invalid_client"}, 401, _WHO)
        if form.get("grant_type") != "client_credentials":
            return _answer({"error": "unsupported_grant_type"}, 400)
        if form.get("audience", self._audience) != self._audience:
            return _answer({"error": "invalid_target"}, 400)
        thumbprint, kind = "", "Bearer"
        if proofs := request.headers.getlist("dpop"):
            try:
                thumbprint, kind = read_proof(proofs, "POST", f"{self.issuer}/token", time.time())[1], "DPoP"
            except Unauthenticated:
                return _answer({"error": "invalid_dpop_proof"}, 400)
        return _answer({"access_token": self.token(client, thumbprint), "token_type": kind, "expires_in": LIFETIME})

    def _for_people(self, form: dict[str, str]) -> Response:
        """Tokens for a person who has logged in, or is still."""
        found = self._logins.redeem(form)
        if found is None or not isinstance(found.person, DevelopmentClient):
            return _answer({"error": "invalid_grant"}, 400)
        person = found.person
        identity = {"aud": OWN, "sub": person.person, **({"nonce": found.nonce} if found.nonce else {})}
        return _answer(
            {
                "access_token": self.token(person, through=OWN),
                "token_type": "Bearer",
                "expires_in": LIFETIME,
                "refresh_token": found.refresh,
                "id_token": self._signed("JWT", identity),
            }
        )

    async def _revoke(self, request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return _answer({"error": "invalid_request"}, 400)
        if not self._is_own(*_presented(request, form)):
            return _answer({"error": "invalid_client"}, 401, _WHO)
        self._logins.forget(form.get("token", ""))
        return _answer({})

    def _signed(self, typ: str, claims: dict[str, Any]) -> str:
        now = int(time.time())
        ends = {"iss": self.issuer, "iat": now, "exp": now + LIFETIME, "jti": secrets.token_urlsafe(12)}
        header = {"alg": "Ed25519", "typ": typ, "kid": self._key.kid}
        return jwt.encode(header, {**ends, **claims}, self._key, algorithms=["Ed25519"])

    async def _jwks(self, request: Request) -> Response:
        return _answer(self.jwks())

    async def _discovery(self, request: Request) -> Response:
        return _answer(
            {
                "issuer": self.issuer,
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "authorization_endpoint": f"{self.issuer}/authorize",
                "revocation_endpoint": f"{self.issuer}/revoke",
                "grant_types_supported": ["client_credentials", "authorization_code", "refresh_token"],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "dpop_signing_alg_values_supported": ["ES256", "Ed25519", "EdDSA"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["Ed25519"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            }
        )

    def _authenticated(self, name: str, secret: str) -> DevelopmentClient | None:
        client, expected = self._clients.get(name, (None, secrets.token_urlsafe(24)))
        return client if hmac.compare_digest(secret.encode(), expected.encode()) else None

    def _is_own(self, name: str, secret: str) -> bool:
        return name == OWN and hmac.compare_digest(secret.encode(), self.own_client.secret.encode())

    def _write(self) -> None:
        clients = [
            {
                "clientId": client.client_id,
                "clientSecret": secret,
                **{name: value for name, value in asdict(client).items() if name != "client_id"},
            }
            for client, secret in self._clients.values()
        ]
        content = {"issuer": self.issuer, "tokenEndpoint": f"{self.issuer}/token", "clients": clients}
        write_durably(self.clients_file, json.dumps(content, indent=2).encode())


class IdentityServer:
    """Serves a development identity provider from a thread, on a loopback port.

    Raises RuntimeError in production, ValueError on an address that isn't loopback, Unavailable when the port is taken.
    """

    def __init__(self, environment: str, host: str = "127.0.0.1", port: int = 0) -> None:
        if environment.strip().lower() == "production":
            raise RuntimeError("the development identity provider does not run in production")
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("the development identity provider listens on loopback only")
        self._socket = bound_socket(host, port)
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._socket.getsockname()[1]}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, identity: DevelopmentIdentity) -> None:
        """Serve; returns when it answers. Raises RuntimeError when it doesn't come up."""
        config = uvicorn.Config(identity.app(), log_level="error", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([self._socket],), name="development-identity", daemon=True)
        self._server, self._thread = server, thread
        thread.start()
        until = time.monotonic() + 10
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the development identity provider did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop serving and free the port; fine to call twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)
        self._server = self._thread = None
        self._socket.close()


def listen(environment: str, port: int) -> IdentityServer:
    """A server on that port, or on a free one if it is taken. Raises RuntimeError in production."""
    try:
        return IdentityServer(environment, port=port)
    except (OSError, Unavailable):
        return IdentityServer(environment)


_WHO = {"www-authenticate": 'Basic realm="graphsvc development"'}


def _presented(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """The client's id and secret that come with a request, empty where they don't."""
    header = request.headers.get("authorization", "")
    if header[:6].lower() != "basic ":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = b64decode(header[6:], validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


async def _form(request: Request) -> dict[str, str] | None:
    if not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            return None
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=20)
    except ValueError:
        return None
    form = dict(pairs)
    return form if len(form) == len(pairs) else None


def _answer(value: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, {"cache-control": "no-store", **(headers or {})}, "application/json")
