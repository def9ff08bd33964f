"""The documents say what is there: links lead somewhere, commands and options exist, help has no blank entry."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer.main

from graphsvc.cli import app

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
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))


def _commands(text: str) -> list[str]:
    found = []
    for block in re.findall(r"^```(?:sh|console|bash)\n(.*?)^```", text, re.M | re.S):
        joined = block.replace("\\\n", " ")
        found += [line.removeprefix("$ ").strip() for line in joined.splitlines()]
    return [line for line in found if line.startswith(("graphsvc ", "make "))]


def _shell_words(line: str) -> list[str]:
    return shlex.split(line.split(" #")[0].split(" < ")[0].split(" > ")[0].split(" | ")[0])


def _walk(command: click.Command, words: list[str]) -> tuple[click.Command, list[str]]:
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
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
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in known, f"{page.name}: {line}"


def test_every_command_and_option_is_explained() -> None:
    def visit(command: click.Command, path: str) -> None:
        assert command.help, f"{path} says nothing"
        for parameter in command.params:
            assert getattr(parameter, "help", None) or parameter.param_type_name == "argument", (
                f"{path} {parameter.name}"
            )
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                visit(child, f"{path} {name}")

    visit(typer.main.get_command(app), "graphsvc")
