"""The documents say what is there: links lead somewhere, commands and options exist, help has no blank entry."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.main

from graphsvc.cli import app
from graphsvc.client.profile import ProfileFile
from graphsvc.model.schema import Schema, load_schema
from graphsvc.settings import PREFIX, Settings
from importers.mapping import load_mapping
from tests.paths.pages import FENCE, FOLLOWED, NOT_RUN, WITH_KEYCLOAK, fences

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
NOW = [page for page in PAGES if "adr" not in page.parts and page.name != "CHANGELOG.md"]
"""Pages that say what holds now; decisions and changes say what held when they were written."""
CLIENTS_VARIABLES = frozenset(
    f"GRAPHSVC_{name}"
    for name in ("PROFILE", "SETTINGS", "TOKEN", "CACHE", "KILLS", "SEED", "SOAK_SECONDS", "TEST_DATA")
)
OTHERS_OPTIONS = frozenset(("--help", "--require-hashes"))
WIDTH = 130
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(ROOT / "schema")


def _commands(text: str) -> list[list[str]]:
    """The words of every command of ours on a page: in a block, within another command, or amid a sentence."""
    found = []
    for fence in fences(text):
        if fence.is_command:
            for line in re.split(r"\n|\||;|&&|\$\(", fence.typed.replace("\\\n", " ")):
                words = _words(line)
                if words[:1] in (["graphsvc"], ["make"]):
                    found.append(words)
    found += [_words(span) for span in _spans(text) if re.match(r"(graphsvc|make) [a-z]", span)]
    return found


def _spans(text: str) -> list[str]:
    """What stands in a sentence as code, without the blocks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCE.sub("", text))]


def _words(line: str) -> list[str]:
    """The words of a command; without what is redirected, and without a quote that ends elsewhere."""
    plain = re.split(r" [<>#]", line.strip().removeprefix("! "))[0]
    return [word.strip("\"'()") for word in plain.split()]


def _children(command: Any) -> dict[str, Any]:
    """The commands of a group; typer brings its own click, so a group is what has commands."""
    return getattr(command, "commands", {})


def _options(command: Any) -> set[str]:
    return {option for one in command.params for option in (*one.opts, *one.secondary_opts)}


def _every_option(command: Any) -> set[str]:
    return _options(command).union(*(_every_option(child) for child in _children(command).values()))


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


@pytest.mark.parametrize("page", NOW, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    root = typer.main.get_command(app)
    for words in _commands(page.read_text()):
        if words[0] == "make":
            assert words[1] in TARGETS, words
            continue
        command, rest = _walk(root, words[1:])
        known = _options(command) | {"--help"}
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in known, f"{page.name}: {words}"


@pytest.mark.parametrize("page", NOW, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_and_settings_named_in_a_sentence_exist(page: Path) -> None:
    every = _every_option(typer.main.get_command(app)) | OTHERS_OPTIONS
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.__annotations__} | CLIENTS_VARIABLES
    for span in _spans(page.read_text()):
        if option := re.match(r"--[a-z][a-z-]*", span):
            assert option[0] in every, f"{page.name}: {span}"
        if span.startswith(PREFIX) and not span.endswith("…"):
            assert re.split(r"[ =]", span)[0] in settings, f"{page.name}: {span}"


@pytest.mark.parametrize("page", NOW, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_runs_in_a_test_or_is_listed_with_the_reason(page: Path) -> None:
    """A page of the list of followed ones is run whole by tests/paths/test_pages.py, less what is listed."""
    name = str(page.relative_to(ROOT))
    commands = [fence for fence in fences(page.read_text()) if fence.is_command]
    followed = name in (*FOLLOWED, *WITH_KEYCLOAK)
    assert not [one.first for one in commands if not followed and (name, one.first) not in NOT_RUN]
    listed = {first for other, first in NOT_RUN if other == name}
    assert listed <= {one.first for one in commands}, "the list names what is there"
    kinds = {one.kind: one.first for one in commands if (name, one.first) not in NOT_RUN and one.kind != "sh"}
    assert not kinds, "what is run is marked as sh"


@pytest.mark.parametrize("page", NOW, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_of_the_checkout_named_in_a_sentence_exist(page: Path) -> None:
    for span in _spans(page.read_text()):
        if re.fullmatch(r"(graphsvc|tests|docs|schema|policies|importers|verifier)/[\w./-]+\.\w+", span):
            assert (ROOT / span).exists(), f"{page.name} names {span}"


def test_all_settings_are_listed_with_their_defaults() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    table = re.findall(r"^\| `GRAPHSVC_(\w+)` \| ([^|]+) \|", operations, re.M)
    listed = {name.lower(): default.strip("` ") for name, default in table}
    assert len(table) == len(listed)
    assert listed.pop("cache") == "the user's cache directory", "no setting of a service"
    units = {"MiB": 1 << 20, "GiB": 1 << 30}
    for one in fields(Settings):
        if one.name not in ("data", "host", "port"):
            said = listed.pop(one.name)
            number, _, unit = said.partition(" ")
            value = int(number) * units.get(unit, 1) if number.isdigit() else said.replace("empty", "")
            assert value == one.default, one.name
    assert not listed


def test_all_members_of_a_profile_are_listed() -> None:
    section = (ROOT / "docs" / "client-files.md").read_text().partition("## The trust file")[0]
    cells = re.findall(r"^\| (`.+?) \|", section, re.M)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == {
        one.encode_name for one in msgspec.structs.fields(ProfileFile)
    }


def test_a_block_without_a_kind_is_known_as_a_command() -> None:
    for text in ("$ ls", "graphsvc token", "said\n$ graphsvc token", "make demo"):
        (fence,) = fences(f"```\n{text}\n```\n")
        assert fence.is_command, text
    (other,) = fences("1. x\n\n   ```\n   a graphsvc b\n   ```\n")
    assert not other.is_command and other.content == "a graphsvc b\n"


def test_the_page_for_a_lawyer_is_one_and_for_an_engineer_three() -> None:
    """At some 60 lines a page, and as many more for the commands' outputs."""
    lawyer, _, engineer = (ROOT / "docs" / "audit.md").read_text().partition("## For an engineer")
    assert len(lawyer.splitlines()) <= 60 and len(engineer.splitlines()) <= 250


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
