"""The first files of a service, settings in a file, and what is looked at before a start."""

from __future__ import annotations

import json
import socket
import ssl
import stat
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from graphsvc.auth.gate import credentials_of, provider_of
from graphsvc.cli import app
from graphsvc.local.identity import DevelopmentIdentity, IdentityServer
from graphsvc.model.errors import InvalidInput
from graphsvc.model.jwkfiles import new_jwk, public_set, read_jwk, save_jwk
from graphsvc.settings import check_together, read_settings, read_settings_file
from graphsvc.upkeep.beginning import PROVIDERS, Wanted, begin, keycloak_client
from graphsvc.upkeep.examine import examine

URL, ISSUER = "https://graph.example.org", "https://login.example.org/realms/graphsvc"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_init_writes_is_read_as_settings_that_fit_together(provider: str, tmp_path: Path) -> None:
    made = begin(tmp_path / "service", Wanted(URL, ISSUER, provider))
    if provider == "entra":
        (tmp_path / "service" / "client.secret").write_text("s\n")
    found = read_settings(tmp_path / "state", {"GRAPHSVC_SETTINGS": str(made[0])})
    check_together(found)
    assert (found.environment, found.origin, found.public_url) == ("production", "graph.example.org/log", URL)
    assert found.jwks.startswith(ISSUER) and provider_of(found).algorithms
    known = credentials_of(found)
    assert known is not None and known.client_id == "graphsvc"
    assert (known.key is None, known.secret) == ((True, "s") if provider == "entra" else (False, ""))
    assert found.revocation == ("expiry" if provider == "entra" else "introspection")
    for path in made:
        secret = path.suffix in {".jwk", ".env"}
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if secret else 0o644), path.name
        assert path.suffix == ".jwk" or '"d"' not in path.read_text()


def test_nothing_is_written_over_and_nothing_is_left_of_what_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    begin(folder, Wanted(URL, ISSUER, "keycloak"))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InvalidInput) as caught:
        begin(folder, Wanted(URL, ISSUER, "okta"))
    assert caught.value.code == "exists" and {path: path.read_bytes() for path in folder.iterdir()} == before
    for wanted, where in (
        (Wanted("graph.example.org", ISSUER, "keycloak"), "--url"),
        (Wanted("http://graph.example.org", ISSUER, "keycloak"), "--url"),
        (Wanted(URL, "http://login.example.org", "keycloak"), "--issuer"),
        (Wanted(URL, ISSUER, "keycloak", "https://x"), "--origin"),
        (Wanted(URL, ISSUER, "other"), "--provider"),
    ):
        with pytest.raises(InvalidInput) as caught:
            begin(tmp_path / "other", wanted)
        assert caught.value.where == where and not (tmp_path / "other").exists()


def test_the_realm_knows_both_clients_by_their_public_keys(tmp_path: Path) -> None:
    begin(tmp_path, Wanted(f"{URL}/", ISSUER, "keycloak"))
    realm = json.loads((tmp_path / "keycloak-realm.json").read_bytes())
    clients = {one["clientId"]: one for one in realm["clients"]}
    assert realm["realm"] == "graphsvc" and set(clients) == {"graphsvc", "graphsvc-operator"}
    assert clients["graphsvc"]["redirectUris"] == [f"{URL}/session/callback"]
    for name, file in (("graphsvc", "client.jwk"), ("graphsvc-operator", "operator.jwk")):
        (shown,) = json.loads(clients[name]["attributes"]["jwks.string"])["keys"]
        assert "d" not in shown and shown["kid"] == read_jwk(tmp_path / file).kid
        assert not clients[name]["publicClient"] and not clients[name]["directAccessGrantsEnabled"]
        assert not clients[name]["implicitFlowEnabled"]
    assert not realm["registrationAllowed"] and realm["revokeRefreshToken"]


def test_a_members_client_is_of_that_member_and_no_private_key_is_taken() -> None:
    made = keycloak_client("harbour.desk", "harbour", ["submitter"], public_set(new_jwk()))
    said = {one["name"]: one["config"] for one in made["protocolMappers"]}
    assert said["organisation"]["claim.value"] == "harbour" and said["submitter"]["role"] == "graphsvc.submitter"
    assert made["attributes"]["dpop.bound.access.tokens"] == "true"
    private: Any = new_jwk().as_dict(private=True)
    for public in ({"keys": [private]}, {"keys": []}, {}, {"keys": "x"}):
        with pytest.raises(InvalidInput):
            keycloak_client("harbour.desk", "harbour", ["submitter"], public)
    with pytest.raises(InvalidInput, match="no such role"):
        keycloak_client("harbour.desk", "harbour", ["admin"], public_set(new_jwk()))


@pytest.mark.parametrize(
    "text",
    [
        "GRAPHSVC_ORIGIN", "PATH=/bin", "export GRAPHSVC_ORIGIN=a/log", 'GRAPHSVC_ORIGIN="a/log"',
        "GRAPHSVC_ORIGIN=a/log\nGRAPHSVC_ORIGIN=b/log", "GRAPHSVC_SETTINGS=other.env",
    ],
)  # fmt: skip
def test_a_line_that_is_no_setting_is_refused_by_its_number(text: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.write_text(f"# a comment\n\n{text}\n")
    with pytest.raises(InvalidInput, match="write") as caught:
        read_settings_file(path)
    assert "line" in caught.value.where
    with pytest.raises(InvalidInput, match="can't be read"):
        read_settings_file(tmp_path / "none")


def test_the_environment_wins_and_files_start_at_the_files_folder(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.write_text("GRAPHSVC_ORIGIN = a.example/log\nGRAPHSVC_AUDIENCE=x=y\nGRAPHSVC_CLIENT_KEY=client.jwk\n")
    found = read_settings(tmp_path, {"GRAPHSVC_SETTINGS": str(path), "GRAPHSVC_ORIGIN": "b.example/log"})
    assert (found.origin, found.audience, found.client_key) == ("b.example/log", "x=y", str(tmp_path / "client.jwk"))
    path.write_text("GRAPHSVC_ORIGON=a\n")
    with pytest.raises(InvalidInput, match="did you mean"):
        read_settings(tmp_path, {"GRAPHSVC_SETTINGS": str(path)})


@pytest.fixture
def settled(tmp_path: Path) -> Any:
    """A folder as init leaves it, at a provider that is there."""
    server = IdentityServer("development")
    server.start(DevelopmentIdentity(server.url, "graphsvc", tmp_path / "dev", []))
    folder = tmp_path / "service"
    begin(folder, Wanted("http://127.0.0.1:8443", server.url, "keycloak"))
    text = (folder / "settings.env").read_text()
    text = text.replace(f"{server.url}/protocol/openid-connect/certs", f"{server.url}/jwks")
    (folder / "settings.env").write_text(text.replace("=introspection", "=expiry"))
    (folder / "provider.yaml").write_text("algorithms: [Ed25519]\ntypes: [at+jwt]\n")
    yield folder, server
    server.stop()


def _wrong(folder: Path, state: Path, **changes: str) -> dict[str, str]:
    said = {f"GRAPHSVC_{name.upper()}": value for name, value in changes.items()}
    checks = examine(state, {"GRAPHSVC_SETTINGS": str(folder / "settings.env"), **said})
    assert all(bool(one.advice) is not one.ok for one in checks)
    return {one.name: f"{one.found} | {one.advice}" for one in checks if not one.ok}


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(settled: Any, tmp_path: Path) -> None:
    folder, server = settled
    state = tmp_path / "state"
    assert _wrong(folder, state) == {}
    assert "GRAPHSVC_JWKS" in _wrong(folder, state, jwks="")["settings"]
    assert "GRAPHSVC_REVOCATION=expiry" in _wrong(folder, state, revocation="introspection")["issuer"]
    assert set(_wrong(folder, state, revocation="introspection")) == {"issuer", "client"}
    assert "GRAPHSVC_ISSUER" in _wrong(folder, state, issuer=f"{server.url}/")["issuer"]
    assert "key set" in _wrong(folder, state, jwks=f"{server.url}/.well-known/openid-configuration")["keys"]
    assert "404" in _wrong(folder, state, jwks=f"{server.url}/none")["keys"]
    assert "chmod 600" in _mode(folder / "client.jwk", 0o640, folder, state)["files"]
    assert "chmod 600" in _mode(folder / "settings.env", 0o604, folder, state)["files"]
    assert "Neo4j" in _wrong(folder, state, neo4j_uri="bolt://127.0.0.1:1")["neo4j"]
    (folder / "provider.yaml").write_text("algorithms: [RS256]\ntypes: [at+jwt]\n")
    assert "RS256" in _wrong(folder, state)["keys"]
    (folder / "provider.yaml").write_text("algorithms: [RS256]")
    assert "provider" in _wrong(folder, state)["files"]


def test_the_doctor_looks_at_the_state_directory(settled: Any, tmp_path: Path) -> None:
    folder, _ = settled
    state = tmp_path / "state"
    (state / "keys").mkdir(parents=True)
    state.chmod(0o755)
    assert "chmod 700" in _wrong(folder, state)["state"]
    state.chmod(0o700)
    assert "state" not in _wrong(folder, state)
    (state / "keys" / "handles.key").write_bytes(b"x")
    (state / "keys" / "handles.key").chmod(0o644)
    assert "handles.key" in _wrong(folder, state)["state"]


def test_the_doctor_says_so_of_an_issuer_that_is_gone_and_ends_with_one(settled: Any, tmp_path: Path) -> None:
    folder, server = settled
    server.stop()
    assert {"issuer", "keys", "clock"} <= set(_wrong(folder, tmp_path / "state"))
    environment = {"GRAPHSVC_SETTINGS": str(folder / "settings.env")}
    command = ["doctor", "--before-start", "--data", str(tmp_path / "state"), "--json"]
    run = CliRunner().invoke(app, command, env=environment)
    assert run.exit_code == 1 and json.loads(run.stdout)["ok"] is False


def test_keys_of_clients(tmp_path: Path) -> None:
    runner, path = CliRunner(), tmp_path / "client.jwk"
    made = json.loads(runner.invoke(app, ["keys", "new", str(path), "--use", "client", "--json"]).stdout)
    (shown,) = made["publicKeySet"]["keys"]
    assert "d" not in shown and shown["alg"] == "ES256" and stat.S_IMODE(path.stat().st_mode) == 0o600
    again = json.loads(runner.invoke(app, ["keys", "show", str(path), "--use", "client", "--json"]).stdout)
    assert again["publicKeySet"] == made["publicKeySet"]
    assert runner.invoke(app, ["keys", "new", str(path), "--use", "client"]).exit_code != 0
    with pytest.raises(FileExistsError):
        save_jwk(path, new_jwk())
    for text in ("", "{}", '{"kty": "oct", "k": "eHg"}', json.dumps(shown), '{"kty": "EC", "crv": "P-384", "x": ""}'):
        (tmp_path / "bad.jwk").write_text(text)
        with pytest.raises(InvalidInput):
            read_jwk(tmp_path / "bad.jwk")


def _mode(path: Path, mode: int, folder: Path, state: Path) -> dict[str, str]:
    path.chmod(mode)
    try:
        return _wrong(folder, state)
    finally:
        path.chmod(0o600)


def _certificate(folder: Path, days: int) -> Path:
    """A certificate for localhost with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / f"{days}.pem"
    path.write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM) + plain)
    return path


@pytest.mark.parametrize(("days", "known", "said"), [(60, True, ""), (5, True, "renew"), (60, False, "does not hold")])
def test_the_doctor_looks_at_certificates(
    days: int, known: bool, said: str, settled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = settled
    path = _certificate(tmp_path, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with suppress(OSError), context.wrap_socket(peer, server_side=True) as tls:
                tls.recv(1)
            peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        if known:
            monkeypatch.setenv("SSL_CERT_FILE", str(path))
        wrong = _wrong(folder, tmp_path / "state", public_url=f"https://localhost:{listening.getsockname()[1]}")
        thread.join()
    assert set(wrong) == ({"own certificate"} if said else set()) and said in wrong.get("own certificate", "")
