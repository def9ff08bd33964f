"""The tutorial does what it says: its files are written, its commands run and its outputs compared, on a real service.

The folder it runs in looks like the one that ``graphsvc demo --data demo-data`` leaves; only the service's address is
another.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from graphsvc.app import LocalService
from graphsvc.local.cast import feed_of
from graphsvc.local.company import Members
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from tests.paths.pages import follow, parts, pattern, put_commands, write_files
from tests.paths.process import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
ADDRESS = "http://127.0.0.1:8443"
ORG = "pasar"
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "AMBER"), purposes=["investigation", "analysis"], region="ID")
"""Much like those in the profile that the demo writes."""


@pytest.fixture
def desk(members: Members, local_service: LocalService, tmp_path: Path) -> Path:
    """A folder like the tutorial's reader has."""
    members.write_profile(ORG, feed_of(ORG), DEFAULTS)
    members.write_profile("police-ke", "police-ke.investigator", Defaults())
    (tmp_path / "demo-data" / "demo").mkdir(parents=True)
    (tmp_path / "demo-data" / "dev").symlink_to(local_service.data / "dev")
    (tmp_path / "demo-data" / "demo" / "organisations").symlink_to(members.folder)
    return tmp_path


def test_the_tutorial_does_what_it_says(desk: Path, local_service: LocalService) -> None:
    files, steps = parts(PAGE.read_text(encoding="utf-8").replace(ADDRESS, local_service.url))
    assert {"sellers.csv", "sellers.yaml", "phone.graphql", "network.graphql"} <= set(files) and len(steps) >= 5
    write_files(desk, files)
    variables = put_commands(desk / "bin")
    if shutil.which("curl") is None:
        steps = [step for step in steps if "curl " not in step.command]
    # The page says so: a dry run that would reject a row ends with 1.
    follow(steps, desk, variables, code=lambda step: int("--dry-run" in step.command))


def test_shown_output_is_compared() -> None:
    shown = pattern("a  b\n…\nlast …, checked\n")
    assert shown.match("a b\nmore\nlast 17, checked\n") and shown.match("a    b  \nlast x, checked\n")
    assert not shown.match("a c\nlast 17, checked\n") and not shown.match("a b\nmore\n")
