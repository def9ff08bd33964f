"""The tutorial does what it says: its files are written, its commands run and its outputs compared, on a real service.

The folder it runs in looks like the one that ``graphsvc demo --data demo-data`` leaves; only the service's address is
another. Fences of ``console`` are not run. A line ``…`` stands for any lines, and ``…`` in a line for any text.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphsvc.app import LocalService
from graphsvc.local.cast import feed_of
from graphsvc.local.company import Members
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from tests.paths.process import ROOT, environment

PAGE = ROOT / "docs" / "tutorial.md"
ADDRESS = "http://127.0.0.1:8443"
ORG = "pasar"
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "AMBER"), purposes=["investigation", "analysis"], region="ID")
"""Much like those in the profile that the demo writes."""
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
NAMED = re.compile(r"`([\w-]+\.\w+)`[^`]*:\n\n\Z")
"""The sentence before a fence that names the file in it."""


@dataclass(frozen=True)
class Step:
    """A shell fence with what it must print (None: not shown)."""

    command: str
    expected: str | None


def parts(text: str) -> tuple[dict[str, str], list[Step]]:
    """The files of a page by name, and its commands in order."""
    files: dict[str, str] = {}
    steps: list[Step] = []
    end = 0
    for fence in FENCE.finditer(text):
        kind, content, before = fence[1], fence[2], text[end : fence.start()]
        end = fence.end()
        if kind == "sh":
            steps.append(Step(content, None))
        elif kind == "text":
            assert before == "\n\n", "an output follows its command"
            steps[-1] = Step(steps[-1].command, content)
        elif kind != "console":
            name = NAMED.search(before)
            assert name is not None, f"no file is named before:\n{content}"
            assert name[1] not in files, f"{name[1]} is there twice"
            files[name[1]] = content
    return files, steps


def pattern(expected: str) -> re.Pattern[str]:
    """Shown output as a pattern; runs of blanks are alike, since tables are as wide as the terminal."""
    lines = []
    for line in expected.splitlines():
        words = r"\s+".join(re.escape(word).replace("…", ".*") for word in line.split())
        lines.append(r"(?:.*\n)*?" if line == "…" else rf"[ ]*{words}.*\n")
    return re.compile("".join(lines))


@pytest.fixture
def desk(members: Members, local_service: LocalService, tmp_path: Path) -> Iterator[Path]:
    """A folder like the tutorial's reader has, with ``graphsvc`` and ``python`` on the path."""
    members.write_profile(ORG, feed_of(ORG), DEFAULTS)
    (tmp_path / "demo-data" / "demo").mkdir(parents=True)
    (tmp_path / "demo-data" / "dev").symlink_to(local_service.data / "dev")
    (tmp_path / "demo-data" / "demo" / "organisations").symlink_to(members.folder)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, words in (("graphsvc", f"{sys.executable} -m graphsvc"), ("python", sys.executable)):
        script = bin_folder / name
        script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o755)
    yield tmp_path


def test_the_tutorial_does_what_it_says(desk: Path, local_service: LocalService) -> None:
    files, steps = parts(PAGE.read_text(encoding="utf-8").replace(ADDRESS, local_service.url))
    assert {"sellers.csv", "sellers.yaml", "ask.py", "evidence.py"} <= set(files) and len(steps) >= 5
    for name, content in files.items():
        (desk / name).write_text(content, encoding="utf-8")
    variables = {**environment(), "PATH": f"{desk / 'bin'}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "160"}
    for step in steps:
        if "curl " in step.command and shutil.which("curl") is None:
            continue
        done = subprocess.run(
            ["/bin/sh", "-euc", step.command],
            cwd=desk,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        # The page says so: a dry run that would reject a row ends with 1.
        assert done.returncode == int("--dry-run" in step.command), step.command + done.stdout
        if step.expected is not None:
            shown = pattern(step.expected)
            assert shown.match(done.stdout), f"{step.command}\nprinted\n{done.stdout}\nthe page says\n{step.expected}"


def test_shown_output_is_compared() -> None:
    shown = pattern("a  b\n…\nlast …, checked\n")
    assert shown.match("a b\nmore\nlast 17, checked\n") and shown.match("a    b  \nlast x, checked\n")
    assert not shown.match("a c\nlast 17, checked\n") and not shown.match("a b\nmore\n")
