"""The public audit suite of GraphQL over HTTP, which nobody here wrote, against the real service."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from tests.paths.nodejs import installed, node
from tests.paths.test_hostile import READER


def audit(scripts: Path, url: str, token: str) -> Sequence[dict[str, Any]]:
    command = [node(), "audit.mjs", url]
    variables = {**os.environ, "TOKEN": token}
    done = subprocess.run(command, cwd=scripts, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    node()
    return installed(tmp_path_factory.mktemp("audit"))


def test_no_error_no_warning_and_get_stays_off(scripts: Path, local_service: LocalService, members: Members) -> None:
    results = audit(scripts, f"{local_service.url}/graphql", members.token(READER))
    assert len(results) > 50
    wrong = [one for one in results if one["status"] in ("warn", "error")]
    assert not wrong
    notices = [one["name"] for one in results if one["status"] == "notice"]
    assert len(notices) == 3 and all("GET" in name for name in notices), notices


def test_the_suite_sees_what_is_wrong(scripts: Path, local_service: LocalService, members: Members) -> None:
    """At an address that is no GraphQL endpoint hardly anything holds."""
    results = audit(scripts, f"{local_service.url}/v1/evidence", members.token(READER))
    assert sum(one["status"] in ("warn", "error") for one in results) > 20
