"""Pages of ``docs/`` do what they say: their files are written, their commands run, their outputs compared.

Fences of ``console`` are not run. A line ``…`` stands for any lines, and ``…`` in a line for any text.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.paths.process import environment

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


def put_commands(folder: Path) -> Mapping[str, str]:
    """Put ``graphsvc`` and ``python`` into ``folder``; returns the environment in which they are found first."""
    folder.mkdir()
    for name, words in (("graphsvc", f"{sys.executable} -m graphsvc"), ("python", sys.executable)):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o755)
    return {**environment(), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "160"}


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a page."""
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")


def follow(
    steps: Sequence[Step], folder: Path, variables: Mapping[str, str], code: Callable[[Step], int] = lambda _: 0
) -> None:
    """Run the commands of a page in ``folder``; each ends with its ``code`` and prints what the page says."""
    for step in steps:
        done = subprocess.run(
            ["/bin/sh", "-euc", step.command], cwd=folder, env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == code(step), step.command + done.stdout
        if step.expected is not None:
            shown = pattern(step.expected)
            assert shown.match(done.stdout), f"{step.command}\nprinted\n{done.stdout}\nthe page says\n{step.expected}"
