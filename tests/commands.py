"""The command line in this process, as ``main`` runs it."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple, Protocol

import pytest

from graphsvc.cli import main


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


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
