"""The development identity provider: loopback, fresh keys, secrets in a private file, never in production."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey
from rich.console import Console

from graphsvc.cli.run import tell_service
from graphsvc.local.identity import DevelopmentClient, DevelopmentIdentity, IdentityServer, Kept, listen, read_kept
from graphsvc.local.run import LocalService

Provider = tuple[IdentityServer, DevelopmentIdentity]
CLIENT = DevelopmentClient("desk", "pasar", "ratna", ("analyst",))


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    server = IdentityServer("development")
    identity = DevelopmentIdentity(server.url, "graphsvc", tmp_path / "dev", [CLIENT])
    server.start(identity)
    yield server, identity
    server.stop()


def _secret(identity: DevelopmentIdentity) -> str:
    return str(json.loads(identity.clients_file.read_text())["clients"][0]["clientSecret"])


def test_a_client_gets_a_token_by_either_way_of_authentication(provider: Provider) -> None:
    server, identity = provider
    form = {"grant_type": "client_credentials"}
    secret = _secret(identity)
    basic = httpx2.post(f"{server.url}/token", data=form, auth=("desk", secret))
    post = httpx2.post(f"{server.url}/token", data={**form, "client_id": "desk", "client_secret": secret})
    key = OKPKey.import_key(httpx2.get(f"{server.url}/jwks").json()["keys"][0])
    for response in (basic, post):
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        token = jwt.decode(response.json()["access_token"], key, algorithms=["Ed25519"])
        assert token.header["typ"] == "at+jwt"
        assert token.claims["iss"] == server.url
        assert (token.claims["sub"], token.claims["org"], token.claims["roles"]) == ("ratna", "pasar", ["analyst"])


@pytest.mark.parametrize(
    ("form", "auth", "status"),
    [
        ({"grant_type": "client_credentials"}, ("desk", "wrong"), 401),
        ({"grant_type": "client_credentials"}, ("nobody", ""), 401),
        ({"grant_type": "client_credentials"}, None, 401),
        ({"grant_type": "password"}, ("desk", ""), 400),
        ({"grant_type": "client_credentials", "audience": "other"}, ("desk", ""), 400),
    ],
)
def test_everything_else_is_refused(
    provider: Provider, form: dict[str, str], auth: tuple[str, str] | None, status: int
) -> None:
    server, identity = provider
    if auth == ("desk", ""):
        auth = ("desk", _secret(identity))
    response = httpx2.post(f"{server.url}/token", data=form, auth=auth)
    assert response.status_code == status
    assert "error" in response.json()
    assert httpx2.get(f"{server.url}/token").status_code == 405
    assert httpx2.post(f"{server.url}/token", json={}).status_code == 400


def test_discovery_names_the_endpoints(provider: Provider) -> None:
    server, _ = provider
    document = httpx2.get(f"{server.url}/.well-known/openid-configuration").json()
    assert document["issuer"] == server.url
    assert document["jwks_uri"] == f"{server.url}/jwks"


def test_secrets_lie_in_a_private_file_and_are_fresh(tmp_path: Path) -> None:
    first = DevelopmentIdentity("http://127.0.0.1:1", "graphsvc", tmp_path, [CLIENT])
    secret, keys = _secret(first), first.jwks()
    assert stat.S_IMODE(first.clients_file.stat().st_mode) == 0o600
    second = DevelopmentIdentity("http://127.0.0.1:1", "graphsvc", tmp_path, [CLIENT])
    assert _secret(second) != secret
    assert second.jwks() != keys
    assert "d" not in second.jwks()["keys"][0]
    assert [path.name for path in tmp_path.iterdir()] == ["clients.json"]


def test_a_profile_stays_good_from_one_start_to_the_next(tmp_path: Path) -> None:
    assert read_kept(tmp_path) == Kept(0, {}), "the first start"
    first = listen("development", read_kept(tmp_path).port)
    secret = _secret(DevelopmentIdentity(first.url, "graphsvc", tmp_path, [CLIENT], read_kept(tmp_path)))
    first.stop()
    second = listen("development", read_kept(tmp_path).port)
    other = DevelopmentClient("other", "pasar", "budi")
    again = DevelopmentIdentity(second.url, "graphsvc", tmp_path, [CLIENT, other], read_kept(tmp_path))
    assert second.url == first.url and _secret(again) == secret
    assert len(read_kept(tmp_path).secrets["other"]) == len(secret), "who is new gets a secret"
    second.start(again)
    third = listen("development", read_kept(tmp_path).port)
    assert third.url != second.url, "the port is somebody else's now"
    for server in (second, third):
        server.stop()
    for content in ("", "{}", '{"tokenEndpoint": "http://127.0.0.1:x/token", "clients": []}', "[]"):
        (tmp_path / "clients.json").write_text(content)
        assert read_kept(tmp_path) == Kept(0, {})


def test_the_token_command_is_told_only_where_it_works(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for development in (True, False):
        service = LocalService("http://s", "http://i", tmp_path, "o", "v", tmp_path, development=development)
        tell_service(Console(), service, tmp_path)
        told = capsys.readouterr().out
        assert ("graphsvc token" in told) is development and "http://s" in told


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        IdentityServer("development", host)


def test_it_refuses_production() -> None:
    with pytest.raises(RuntimeError, match="production"):
        IdentityServer(" Production")
