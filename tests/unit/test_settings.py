"""Settings: what is unknown or of another form is refused, and the message names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.local.run import run_local
from graphsvc.model.errors import InvalidInput
from graphsvc.settings import Settings, read_settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GRAPHSVC_ENVIRONMENT", "prod"),
        ("GRAPHSVC_ENVIRONMENT", "Production"),
        ("GRAPHSVC_ORIGIN", "https://graph.example.org/log"),
        ("GRAPHSVC_ORIGIN", "graph example"),
        ("GRAPHSVC_MAX_BODY", "2GB"),
        ("GRAPHSVC_MAX_ROW", "-1"),
        ("GRAPHSVC_MAX_ROW", "١٢"),
        ("GRAPHSVC_MAX_ROW", ""),
        ("GRAPHSVC_PURGE_EVERY", "1.5"),
        ("GRAPHSVC_NEO4J_HEAP", "1 gig"),
        ("GRAPHSVC_NEO4J_URI", "http://db.example.org"),
        ("GRAPHSVC_ISSUER", "http://login.example.org"),
        ("GRAPHSVC_JWKS", "login.example.org/keys"),
        ("GRAPHSVC_DATABASE", "mysql://u:p@db/x"),
        ("GRAPHSVC_PAYLOADS", "/var/payloads"),
    ],
)
def test_a_value_of_another_form_is_refused(variable: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_settings(Path("state"), {variable: value})
    assert caught.value.where == variable
    assert "u:p@db" not in caught.value.message, "it could be a password"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean GRAPHSVC_ENVIRONMENT") as caught:
        read_settings(Path("state"), {"GRAPHSVC_ENVIROMENT": "production"})
    assert caught.value.where == "GRAPHSVC_ENVIROMENT"


def test_good_values_are_taken() -> None:
    said = {
        "GRAPHSVC_ENVIRONMENT": "production",
        "GRAPHSVC_ORIGIN": "graph.example.org:8443/log",
        "GRAPHSVC_MAX_BODY": "1048576",
        "GRAPHSVC_ISSUER": "https://login.example.org/realms/graph",
        "GRAPHSVC_JWKS": "http://127.0.0.1:8080/keys",
        "GRAPHSVC_NEO4J_URI": "neo4j+s://db.example.org:7687",
        "GRAPHSVC_DATABASE": "postgresql://u:p@db:5432/graph",
        "GRAPHSVC_WITNESSES": "",
        "GRAPHSVC_PROFILE": "profile.json",
        "GRAPHSVC_TEST_SEED": "7",
        "PATH": "/bin",
    }
    found = read_settings(Path("state"), said, port=1)
    assert (found.environment, found.max_body, found.port, found.witnesses) == ("production", 1 << 20, 1, "")


def test_every_default_is_of_its_own_form() -> None:
    plain = Settings(Path("state"))
    texts = {name: getattr(plain, name) for name in Settings.__annotations__ if name not in ("data", "host", "port")}
    assert (
        read_settings(Path("state"), {f"GRAPHSVC_{name.upper()}": str(value) for name, value in texts.items()}) == plain
    )


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"ENVIRONMENT": "production"}, "GRAPHSVC_ISSUER"),
        ({"ISSUER": "https://login.example.org"}, "GRAPHSVC_JWKS"),
        ({"DATABASE": "postgresql://u:p@db/x"}, "GRAPHSVC_NEO4J_URI"),
    ],
)
def test_settings_that_need_another_one_are_refused_before_anything_starts(
    settings: dict[str, str], missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"GRAPHSVC_{name}", value)
    with pytest.raises(InvalidInput) as caught, run_local(tmp_path, 0):
        pass
    assert (caught.value.code, caught.value.where) == ("setting", missing)
    assert list(tmp_path.iterdir()) == []


def test_secrets_come_from_files(tmp_path: Path) -> None:
    secret, url = tmp_path / "secret", tmp_path / "url"
    secret.write_text("pass word\n")
    url.write_text("postgresql://u:p@db:5432/graph\n")
    said = {"GRAPHSVC_NEO4J_PASSWORD_FILE": str(secret), "GRAPHSVC_DATABASE_FILE": str(url)}
    found = read_settings(Path("state"), said)
    assert (found.neo4j_password, found.database) == ("pass word", "postgresql://u:p@db:5432/graph")
    empty = read_settings(Path("state"), {**said, "GRAPHSVC_NEO4J_PASSWORD": ""})
    assert empty.neo4j_password == "pass word", "an empty variable is none"


@pytest.mark.parametrize(
    ("variable", "content"),
    [
        ("GRAPHSVC_NEO4J_PASSWORD_FILE", None),
        ("GRAPHSVC_NEO4J_PASSWORD_FILE", b""),
        ("GRAPHSVC_NEO4J_PASSWORD_FILE", b"\xff\xfe"),
        ("GRAPHSVC_NEO4J_PASSWORD_FILE", b"x" * 5000),
        ("GRAPHSVC_DATABASE_FILE", b"mysql://u:p@db/x"),
        ("GRAPHSVC_ORIGIN_FILE", b"graph.example.org/log"),
    ],
)
def test_a_file_without_a_secret_is_refused(tmp_path: Path, variable: str, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        read_settings(Path("state"), {variable: str(path)})
    assert caught.value.where == variable and "u:p@db" not in caught.value.message


def test_a_secret_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a")
    said = {"GRAPHSVC_NEO4J_PASSWORD_FILE": str(tmp_path / "secret"), "GRAPHSVC_NEO4J_PASSWORD": "b"}
    for order in (said, dict(reversed(said.items()))):
        with pytest.raises(InvalidInput, match="not both"):
            read_settings(Path("state"), order)
