"""The table of commands: what a bare call imports, that the table says what the commands say, examples, tables, CSV."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
import sys
from typing import Any

import pytest
import typer.main

from graphsvc.cli import app
from graphsvc.cli.commands import COMMANDS, leaves
from graphsvc.cli.examples import EXAMPLES, example_of
from graphsvc.cli.flat import flat_of, show, write_csv
from tests.paths.process import environment

SERVER = {"cedarpy", "fastapi", "graphql", "neo4j", "sqlalchemy", "starlette", "strawberry", "uvicorn"}
"""What only a service needs."""
HEAVY = SERVER | {
    "cryptography", "httpx2", "importers", "joserfc", "msgspec", "networkx", "numpy", "phonenumbers", "pyarrow", "yaml",
}  # fmt: skip
"""What a list of commands does not need either."""
ROOT = typer.main.get_command(app)


def imported(code: str, *words: str) -> set[str]:
    """The packages that are there after ``code``, run as ``graphsvc words`` would be."""
    told = f"import json, sys\nsys.argv = {['graphsvc', *words]!r}\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    told += "sys.stderr.write(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", told], env=environment(), capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", [["--version"], ["--help"], []], ids=["version", "help", "nothing"])
def test_a_bare_call_imports_little(words: list[str]) -> None:
    assert not imported("from graphsvc.cli import main; main()", *words) & HEAVY


def test_commands_of_clients_import_nothing_of_a_service() -> None:
    names = [entry.module for entry in COMMANDS if not entry.module.startswith("policy")]
    code = f"[__import__('graphsvc.cli.' + name) for name in {names!r}]"
    assert not imported(code) & SERVER


def test_what_is_not_imported_would_be_seen() -> None:
    assert "strawberry" in imported("import strawberry")


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_the_table_says_what_the_command_says(entry: Any) -> None:
    command = ROOT.commands[entry.name]
    assert (command.help or "").splitlines()[0] == entry.help
    assert command.name == entry.name


def test_every_command_has_an_example_that_fits_it() -> None:
    every = dict(leaves("", ROOT))
    assert set(EXAMPLES) == set(every)
    for words, command in every.items():
        given = shlex.split(EXAMPLES[words])
        options = {option: one for one in command.params for option in (*one.opts, *one.secondary_opts)}
        for word in given:
            assert not word.startswith("--") or word in options, f"{words}: {word}"
        needed = {one.opts[0] for one in command.params if one.required and one.param_type_name == "option"}
        assert needed <= set(given), words
        assert command.epilog == example_of(words)


def test_help_of_a_command_shows_its_example() -> None:
    command = [sys.executable, "-m", "graphsvc", "verify", "--help"]
    done = subprocess.run(command, env={**environment(), "COLUMNS": "100"}, capture_output=True, text=True, check=True)
    assert "Example: graphsvc verify evidence.zip --trust trust.json" in done.stdout


def test_a_typing_error_gets_a_proposal() -> None:
    command = [sys.executable, "-m", "graphsvc", "verfy"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "verify" in done.stderr


def test_names_are_completed_without_importing_them() -> None:
    variables = {
        **environment(),
        "_GRAPHSVC_COMPLETE": "complete_bash",
        "COMP_WORDS": "graphsvc ver",
        "COMP_CWORD": "1",
    }
    code = "import sys; sys.argv = ['graphsvc']; from graphsvc.cli import app; app(prog_name='graphsvc')"
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["verify"]


ANSWER = {
    "expand": {
        "truncated": False,
        "entities": [
            {"handle": "h" * 55, "key": "a", "records": [{"owner": "pasar", "handling": {"code": "AMBER"}}]},
            {"handle": "i" * 55, "key": None, "records": []},
        ],
        "links": [{"kind": "USES", "record": {"owner": "pasar", "handling": {"code": "AMBER"}}}],
    },
    "cases": [],
    "entity": None,
    "budget": {"limit": 5},
}


def test_an_answer_becomes_tables() -> None:
    found = {one.name: (one.columns, one.rows) for one in flat_of(ANSWER)}
    assert found == {
        "expand": (["truncated"], [["no"]]),
        "expand.entities": (
            ["handle", "key", "records"],
            [["h" * 55, "a", "pasar AMBER"], ["i" * 55, None, ""]],
        ),
        "expand.links": (["kind", "record.owner", "record.handling.code"], [["USES", "pasar", "AMBER"]]),
        "cases": ([], []),
        "entity": ([], []),
        "budget": (["limit"], [["5"]]),
    }


def test_tables_fit_and_cut_no_handle(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show(flat_of(ANSWER))
    shown = capsys.readouterr().out
    assert "h" * 55 in shown and "cases: nothing" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_csv_of_one_list_and_of_several(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(flat_of({"cases": [{"title": "=1+1", "phone": "+254 71"}, {"title": "a,b\nc", "phone": None}]}))
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [["title", "phone"], ["'=1+1", "+254 71"], ["a,b\nc", ""]]
    write_csv(flat_of(ANSWER))
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0][0] == "list" and [row[0] for row in rows[1:]] == [
        "expand", "expand.entities", "expand.entities", "expand.links", "budget",
    ]  # fmt: skip
