"""How the console is built: once for each state of its sources, and never at the cost of anything else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "console" / "build.py"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, over sources and files of its own, on a machine without Node or an index of packages."""
    spec = importlib.util.spec_from_file_location("console_build", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "console_build", module)
    spec.loader.exec_module(module)
    (tmp_path / "src").mkdir()
    for name in (*module._SOURCES, "src/main.tsx"):
        (tmp_path / name).write_text(name)
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "STAMP", tmp_path / ".stamp")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    return module


def test_the_state_is_that_of_all_sources(script: ModuleType) -> None:
    before = script.state_of_sources()
    assert before == script.state_of_sources()
    (script.HERE / "src" / "main.tsx").write_text("another")
    after = script.state_of_sources()
    (script.HERE / "src" / "more.tsx").write_text("")
    assert len({before, after, script.state_of_sources()}) == 3


def test_without_node_one_line_says_so(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.build(strict=False) == 0 and script.build(strict=True) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("The console is not built, all else works without it: Node 20.19 or newer is not here")
    assert not script.STAMP.exists()


def test_what_is_built_is_not_built_again(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    script.STAMP.write_text(script.state_of_sources() + "\n")
    assert script.build(strict=True) == 0 and capsys.readouterr().out == ""
