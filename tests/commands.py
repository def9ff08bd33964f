"""The command line in this process, as ``main`` runs it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from graphsvc.cli import main
from graphsvc.client.profile import ProfileFile, write_profile
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str

    @property
    def value(self) -> dict[str, Any]:
        """The one JSON object of a command that was done."""
        assert self.returncode == 0, self.stderr or self.stdout
        found: dict[str, Any] = json.loads(self.stdout)
        return found

    @property
    def code(self) -> tuple[int, str]:
        """The exit code and the error's code of a command with ``--json`` that was not done."""
        return self.returncode, json.loads(self.stdout)["error"]["code"]


class Run(Protocol):
    def __call__(self, *words: str, **variables: str) -> Done: ...


def running(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs ``graphsvc <words>`` with no settings but ``variables``."""

    def call(*words: str, **variables: str) -> Done:
        for name in [name for name in os.environ if name.startswith("GRAPHSVC_")]:
            monkeypatch.delenv(name)
        for name, value in {"COLUMNS": "160", **variables}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["graphsvc", *words])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return Done(code, *capfd.readouterr())

    return call


class Desk:
    """The command line at a running service, by whoever has a token."""

    def __init__(self, command: Run, service: LocalService, members: Members, folder: Path) -> None:
        self._command = command
        self._service = service
        self._members = members
        self._folder = folder

    def __call__(self, name: str, *words: str, json: bool = True, token: str = "", org: str = "") -> Done:
        """Run a command by a development identity, or by ``token`` for ``org``."""
        org = org or name.partition(".")[0]
        profile = self._folder / f"{org}.profile.json"
        trust = str(self._members.trust_file.resolve())
        write_profile(profile, ProfileFile(url=self._service.url, org=org, trust=trust))
        variables = {"GRAPHSVC_PROFILE": str(profile), "GRAPHSVC_TOKEN": token or self._members.token(name)}
        return self._command(*words, *(["--json"] if json else []), **variables)
