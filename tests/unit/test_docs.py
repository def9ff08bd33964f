"""The documents say what is there: links lead somewhere, commands and options exist, help has no blank entry."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from graphsvc.cli import app
from graphsvc.model.schema import Schema, load_schema
from importers.mapping import load_mapping

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("schema/*.md"),
        *ROOT.glob("importers/*.md"),
        *ROOT.glob("policies/*.md"),
        *ROOT.glob("verifier/*.md"),
    ]
)
WIDTH = 130
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(ROOT / "schema")


def _commands(text: str) -> list[str]:
    found = []
    for block in re.findall(r"^ *```(?:sh|console|bash)\n(.*?)^ *```", text, re.M | re.S):
        joined = block.replace("\\\n", " ")
        found += [line.strip().removeprefix("$ ") for line in joined.splitlines()]
    return [line for line in found if line.startswith(("graphsvc ", "make "))]


def _shell_words(line: str) -> list[str]:
    return shlex.split(line.split(" #")[0].split(" < ")[0].split(" > ")[0].split(" | ")[0])


def _children(command: Any) -> dict[str, Any]:
    """The commands of a group; typer brings its own click, so a group is what has commands."""
    return getattr(command, "commands", {})


def _walk(command: Any, words: list[str]) -> tuple[Any, list[str]]:
    while (children := _children(command)) and words and not words[0].startswith("-"):
        assert words[0] in children, f"there is no command {words[0]!r}"
        command, words = children[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    root = typer.main.get_command(app)
    for line in _commands(page.read_text()):
        words = _shell_words(line)
        if words[0] == "make":
            assert words[1] in TARGETS, line
            continue
        command, rest = _walk(root, words[1:])
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in known, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_mappings_shown_are_mappings(page: Path, schema: Schema) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.M | re.S):
        if re.search(r"^format: ", block, re.M):
            load_mapping(block.encode(), schema)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_are_not_long(page: Path) -> None:
    text = page.read_text()
    if not text.startswith("<!-- Made by"):
        assert not [number for number, line in enumerate(text.splitlines(), 1) if len(line) > WIDTH]


def test_every_command_and_option_is_explained() -> None:
    seen = []

    def visit(command: Any, path: str) -> None:
        seen.append(path)
        assert command.help, f"{path} says nothing"
        for parameter in command.params:
            assert getattr(parameter, "help", None) or parameter.param_type_name == "argument", (
                f"{path} {parameter.name}"
            )
        for name, child in _children(command).items():
            visit(child, f"{path} {name}")

    visit(typer.main.get_command(app), "graphsvc")
    assert "graphsvc keys new" in seen
