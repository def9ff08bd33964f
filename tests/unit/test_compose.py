"""docker-compose.yml: exact tags, secrets from files, health checks, nobody as root, nothing written elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import graphsvc
from graphsvc.settings import read_settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KNOWN = frozenset(
    ("build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "networks",
     "ports", "profiles", "read_only", "restart", "secrets", "security_opt", "shm_size", "stop_grace_period", "tmpfs",
     "user", "volumes")
)  # fmt: skip
"""Members of a service after the Compose specification, as far as they are used: another one is a typing error."""
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY|AUTH|DATABASE")
TAG = re.compile(r"[\w./-]+:\d+\.\d+(?:\.\d+)?(?:-[a-z]+)*")

every = pytest.mark.parametrize("name", sorted(SERVICES))


def test_all_parts_are_there() -> None:
    assert set(SERVICES) == {"graphsvc", "standby", "neo4j", "postgres", "keycloak", "witness"}
    assert set(COMPOSE) - {"x-guarded", "x-service"} == {"name", "services", "networks", "volumes", "secrets"}


@every
def test_members_are_those_of_the_specification(name: str) -> None:
    one = SERVICES[name]
    assert not set(one) - KNOWN
    assert set(one["networks"]) <= set(COMPOSE["networks"])
    assert set(one.get("secrets", ())) <= set(COMPOSE["secrets"])
    volumes = [volume.split(":")[0] for volume in one.get("volumes", ())]
    assert all(volume in COMPOSE["volumes"] or (ROOT / volume).exists() for volume in volumes)
    assert set(one.get("depends_on", ())) <= set(SERVICES)
    assert all(said == {"condition": "service_healthy"} for said in one.get("depends_on", {}).values())


@every
def test_nobody_is_root_and_nothing_is_written_but_where_it_says(name: str) -> None:
    one = SERVICES[name]
    assert one["read_only"] is True and one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", one["user"])
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(one)


@every
def test_images_have_exact_tags_and_health_checks(name: str) -> None:
    one = SERVICES[name]
    assert TAG.fullmatch(one["image"]), one["image"]
    check = one["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL") and {"interval", "timeout", "retries"} <= set(check)


@every
def test_secrets_come_from_files(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if SECRET.search(variable):
            assert variable.endswith("_FILE") and value.startswith("/run/secrets/"), variable
            assert value.rpartition("/")[2] in SERVICES[name]["secrets"]
        assert isinstance(value, str), f"{variable} is read as another type"


def test_secrets_are_kept_out_of_the_repository_and_the_image() -> None:
    assert all(said == {"file": f"./secrets/{name}"} for name, said in COMPOSE["secrets"].items())
    for ignored in (".gitignore", ".dockerignore"):
        assert any(line.strip("/") == "secrets" for line in (ROOT / ignored).read_text().splitlines()), ignored


def test_only_what_a_proxy_stands_before_is_reached_from_the_host() -> None:
    ports = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert ports == {"graphsvc": ["127.0.0.1:8443:8443"], "keycloak": ["127.0.0.1:8080:8080"]}
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert [one for one in ("neo4j", "postgres", "witness") if SERVICES[one]["networks"] != ["inside"]] == []


@pytest.mark.parametrize("name", ["graphsvc", "standby"])
def test_the_service_takes_its_settings(name: str, tmp_path: Path) -> None:
    said = dict(SERVICES[name]["environment"])
    (tmp_path / "neo4j_password").write_text("x")
    (tmp_path / "database_url").write_text("postgresql://graphsvc:x@postgres/graphsvc")
    there = {
        "GRAPHSVC_ORIGIN": "graph.example.org/log",
        "GRAPHSVC_ISSUER": "https://login.example.org/realms/graphsvc",
        "GRAPHSVC_JWKS": "https://login.example.org/realms/graphsvc/protocol/openid-connect/certs",
    }
    assert all(said[variable].startswith(f"${{{variable}:?") for variable in there)
    files = {key: str(tmp_path / value.rpartition("/")[2]) for key, value in said.items() if key.endswith("_FILE")}
    settings = read_settings(tmp_path, {**said, **there, **files})
    assert settings.environment == "production" and settings.database and settings.neo4j_password == "x"
    assert (settings.standby > 0) == (name == "standby")
    assert SERVICES[name]["image"] == f"graphsvc:{graphsvc.__version__}"


def test_images_are_built_from_exact_tags_and_run_as_nobody_in_particular() -> None:
    text = (ROOT / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+) AS (\S+)$", text, re.M)
    assert [name for _, name in bases] == ["build", "graphsvc", "keycloak"] and text.count("FROM ") == len(bases)
    assert all(TAG.fullmatch(base) for base, _ in bases)
    assert re.findall(r"^USER (\S+)$", text, re.M) == ["10001:10001", "1000"]
    assert SERVICES["keycloak"]["image"].endswith(bases[2][0].rpartition(":")[2]), "one version of Keycloak"
    assert "--require-hashes" in text
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        assert all((ROOT / one).exists() for one in copied.split()), copied


def test_compose_itself_takes_it(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker compose here: install it to check the file by it")
    variables = dict.fromkeys(re.findall(r"\$\{(\w+):\?", FILE.read_text()), "https://x.example")
    done = subprocess.run(
        [docker, "compose", "--file", str(FILE), "--profile", "witness", "config", "--quiet"],
        env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
