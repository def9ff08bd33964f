"""Scripts written after public bug reports, each as it stands, against the running service.

They ask on the demo's own case. The demo's story, which other tests tell to this service, registers it itself and is to
come first.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graphsvc.client.errors import Refused
from graphsvc.demo.company import Members
from graphsvc.demo.questions import REGISTER_CASE
from graphsvc.demo.story import CASE
from graphsvc.local.run import LocalService
from tests.paths.pages import put_commands
from tests.paths.wire import DEFAULTS

SCRIPTS = ("f35_region_precedence", "f36_no_row_accepted", "f38_many_records")


@pytest.fixture
def state(members: Members, local_service: LocalService, tmp_path: Path) -> Path:
    """A state directory like that of the demo."""
    for org in ("pasar", "customs-cn"):
        members.write_profile(f"{org}.feed", DEFAULTS)
    case = {"reference": CASE, "title": "Written cases", "legalBasis": "mutual-assistance"}
    try:
        members.client("police-ke.investigator").query(REGISTER_CASE, case)
    except Refused as refused:
        assert refused.code == "case_exists"
    (tmp_path / "demo").mkdir()
    (tmp_path / "dev").symlink_to(local_service.data / "dev")
    (tmp_path / "demo" / "organisations").symlink_to(members.folder)
    return tmp_path


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_written_case_passes(test_data: Path, state: Path, local_service: LocalService, name: str) -> None:
    script = test_data.parent / "cases" / "field" / name / "run.py"
    if not script.is_file():
        pytest.skip("no field cases beside the test data")
    commands = state / "bin"
    commands.mkdir()
    variables = {**put_commands(commands), "COLUMNS": "160", "GRAPHSVC": str(commands / "graphsvc"), "H": str(state)}
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**variables, "U": local_service.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    verdict = [line for line in done.stdout.splitlines() if line.startswith(("PASS", "FAIL"))]
    assert done.returncode == 0 and [line.split()[0] for line in verdict] == ["PASS"], done.stdout + done.stderr
