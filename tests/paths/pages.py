"""Pages do what they say: their files are written, their commands run, their outputs compared, in the page's order.

A fence of ``sh`` or ``console`` is a command, ``text`` right after it what it prints; any other fence is a file if the
sentence before ends in its name and a colon. In an output, a line ``…`` stands for any lines, and ``…`` in a line for
any text. What a command leaves in its shell, as variables and the folder, the next one finds: they are typed at one
terminal.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.paths.process import ROOT, environment

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
NAMED = re.compile(r"`([\w-]+\.\w+)`[^`]*:\n\n\Z")
"""The sentence before a fence that names the file in it."""
SHELL = frozenset(("sh", "console", "bash", "shell"))
FOLLOWED = (
    "README.md", "docs/tutorial.md", "docs/own-table.md", "docs/sharing.md", "docs/custody.md", "docs/audit.md",
    "docs/policy.md", "docs/api.md",
    "docs/client-files.md", "docs/operations.md", "importers/README.md", "policies/README.md", "verifier/README.md",
)  # fmt: skip
"""The pages that tests/paths/test_pages.py follows."""
WITH_KEYCLOAK = ("docs/production.md",)
"""Those that tests/paths/test_keycloak.py follows."""
SERVES = "serves until it is stopped; the pages are followed at such a service"
NOT_RUN: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("README.md", "make demo"): "tests/paths/test_story.py runs the demo",
        ("README.md", "The shortest path"): "what make demo prints; tests/paths/test_story.py checks it",
        ("README.md", "make test    # all tests, on a real Neo4j"): "continuous integration runs them",
        ("docs/tutorial.md", "graphsvc demo --data demo-data --port 8443"): SERVES,
        ("docs/sharing.md", "graphsvc demo --data demo-data --port 8443"): SERVES,
        ("docs/operations.md", "graphsvc up --data state --port 8443"): SERVES,
        ("docs/operations.md", "graphsvc rebuild --data state"):
            "wants the service to be stopped; tests/paths/test_rebuild.py runs it",
        ("docs/audit.md", "graphsvc witness --name witness.example.org --log graph.example.org/log+…+… "
                          "--data witness --port 8445"):
            "serves until it is stopped; tests/unit/test_witness.py runs it",
        ("docs/rings.md", "graphsvc rings detect edges.csv --links links.csv --truth known.csv --out rings.json"):
            "wants files that the page does not show; tests/unit/test_edge_lists.py runs it",
        ("docs/rings.md", "graphsvc rings detect edges.csv --out rings.json --engine spark "
                          "--master spark://spark.example.org:7077 --work /shared/rings"):
            "wants a cluster; tests/spark/test_spark_rings.py runs it on one of processes",
        ("docs/rings.md", "graphsvc rings search --purpose analysis --legal-basis mutual-assistance "
                          "--case NBI/WCU/2025/0417 --wait --sign analyst.pem"):
            "names a ring of one's own; tests/paths/test_kept_rings_commands.py runs all of them",
        ("docs/exports.md", "graphsvc export network.graphml --format graphml --phone +254710000001 --hops 2 \\"):
            "tests/paths/test_exports.py runs every kind of export",
        ("docs/exports.md", "graphsvc taxii bundles/rhino bundles/pangolin --password-file taxii.txt"):
            "serves until it is stopped; tests/unit/test_taxii.py asks it",
        ("verifier/README.md", "pip install ./verifier"): "make setup installs it",
    }
)  # fmt: skip
"""What is not run, by page and first line, and why."""


@dataclass(frozen=True)
class Fence:
    """One fence of a page: its kind, what is in it, and what stands between it and the fence before."""

    kind: str
    content: str
    before: str

    @property
    def is_command(self) -> bool:
        """Whether it is typed; one without a kind is, if a line of it has a prompt or names a command of ours."""
        return self.kind in SHELL or (
            not self.kind and re.search(r"^(\$ |graphsvc |make \w+$)", self.content, re.M) is not None
        )

    @property
    def typed(self) -> str:
        """The command, without prompts."""
        return re.sub(r"^\$ ", "", self.content, flags=re.M)

    @property
    def first(self) -> str:
        """Its first line, by which it is named."""
        return self.typed.partition("\n")[0]


@dataclass(frozen=True)
class File:
    """A file that the page gives."""

    name: str
    content: str


@dataclass(frozen=True)
class Step:
    """A command with what it must print (None: not shown)."""

    command: str
    expected: str | None = None


def fences(text: str) -> Iterator[Fence]:
    """All fences of a page."""
    end = 0
    for found in FENCE.finditer(text):
        yield Fence(found[2], textwrap.dedent(found[3]), text[end : found.start()])
        end = found.end()


def parts(page: str, names: Mapping[str, str]) -> list[File | Step]:
    """The files of a page and its commands in order, less those that are not run; ``names`` has what to replace."""
    steps: list[File | Step] = []
    for fence in fences((ROOT / page).read_text(encoding="utf-8")):
        content = fence.typed if fence.is_command else fence.content
        for name, other in names.items():
            content = content.replace(name, other)
        if fence.is_command:
            if (page, fence.first) not in NOT_RUN:
                steps.append(Step(content))
        elif fence.kind == "text":
            last = steps.pop()
            assert not fence.before.strip() and isinstance(last, Step), "an output follows its command"
            steps.append(Step(last.command, content))
        elif name_of := NAMED.search(fence.before):
            steps.append(File(name_of[1], content))
    return steps


def pattern(expected: str) -> re.Pattern[str]:
    """Shown output as a pattern; runs of blanks are alike, since tables are as wide as the terminal."""
    lines = []
    for line in expected.splitlines():
        words = r"\s+".join(re.escape(word).replace("…", ".*") for word in line.split())
        lines.append(r"(?:.*\n)*?" if line == "…" else rf"[ ]*{words}.*\n")
    return re.compile("".join(lines))


def put_commands(folder: Path) -> dict[str, str]:
    """Put ``graphsvc`` and ``python`` into ``folder``; returns the environment in which they are found first."""
    for name, words in (("graphsvc", f"{sys.executable} -m graphsvc"), ("python", sys.executable)):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o755)
    return {**environment(), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


class Terminal:
    """A terminal in ``folder``, with ``graphsvc``, ``python`` and variables; its own files are in ``aside``."""

    def __init__(self, folder: Path, aside: Path, variables: Mapping[str, str]) -> None:
        aside.mkdir()
        self._state, self._where = aside / "state", aside / "where"
        self._where.write_text(str(folder))
        commands = put_commands(aside)
        self._variables = {**commands, **variables, "PATH": commands["PATH"], "COLUMNS": "200"}

    @property
    def state(self) -> Path:
        """A script that sets what earlier commands left in the shell."""
        return self._state

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment that it began with."""
        return self._variables

    @property
    def folder(self) -> Path:
        """Where it is."""
        return Path(self._where.read_text().removesuffix("\n"))

    def write(self, file: File) -> None:
        """Write a file of the page where the terminal is."""
        (self.folder / file.name).write_text(file.content, encoding="utf-8")

    def follow(self, step: Step, code: int = 0) -> None:
        """Run a command; it ends with ``code`` and prints what the page says."""
        kept = f"trap 'export -p > {self._state}; pwd > {self._where}' EXIT\nset -aeu\n"
        before = f". {self._state}\n" if self._state.exists() else ""
        done = subprocess.run(
            ["/bin/sh", "-c", before + kept + step.command], cwd=self.folder, env=self._variables, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == code, step.command + done.stdout
        if step.expected is not None:
            shown = pattern(step.expected)
            printed = done.stdout if done.stdout.endswith("\n") else f"{done.stdout}\n"
            assert shown.match(printed), f"{step.command}\nprinted\n{done.stdout}\nthe page says\n{step.expected}"
