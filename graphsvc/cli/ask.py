"""``graphsvc ask``: ask a GraphQL question, check the answer against its receipt, and keep it as received."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from graphsvc.cli.flat import flat_of, show, write_csv
from graphsvc.cli.options import FootingOptions, grouped
from graphsvc.cli.output import looked, warn, write_json
from graphsvc.client import Answer
from graphsvc.client.keys import write_private
from graphsvc.client.profile import read_profile
from graphsvc.model.errors import InvalidInput


@dataclass(frozen=True)
class Shown:
    """How answers are printed, and how many parts of a list are asked for."""

    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a row for each member of a list.")] = False
    every: Annotated[
        bool, typer.Option("--all", help="Go through all parts of the list, by the variable $cursor of the question.")
    ] = False


@grouped
def ask(
    question: Annotated[Path, typer.Argument(help="The question: a GraphQL document. - reads standard input.")],
    *,
    footing: FootingOptions,
    variable: Annotated[
        list[str] | None, typer.Option("--var", help="A variable as name=JSON, or name=text. Repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Keep the whole answer here, as it came: for evidence.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")
    ] = None,
    shown: Shown,
) -> None:
    """Ask a GraphQL question, check the answer against its receipt, and print its data.

    Each list of the answer is a table; what is nested in a row stands in one cell.

    With --out the question asks for export: records that may only be looked at are left out, with a warning.

    With --signed (or signed in the profile) the question is signed with your organisation's working key: the log then
    proves that your organisation asked it on this footing, and nobody else in its name.
    """
    document = _document(question)
    if document.lstrip().startswith("mutation"):
        raise InvalidInput("this asks; to decide something use graphsvc act", code="mutation")
    if out is not None and out.exists():
        raise InvalidInput("there is a file already", code="exists", where=str(out))
    if shown.every and (out is not None or "$cursor" not in document):
        message = "with --all the question takes a variable $cursor, asks for next, and is not kept"
        raise InvalidInput(message, code="no_cursor", where="--all")
    variables = dict(map(_variable, variable or ()))
    with read_profile(profile).client(signed=footing.signed) as client:
        stated = msgspec.structs.replace(footing.footing, export=out is not None)
        while True:
            answer = client.query(document, variables, stated)
            if out is not None:
                write_private(out, answer.body)
            _show(answer, shown)
            cursor = _next(answer.data) if shown.every else None
            if cursor is None:
                break
            variables["cursor"] = cursor


def _show(answer: Answer, shown: Shown) -> None:
    if shown.json:
        told = {"data": answer.data, "errors": list(answer.errors), "index": answer.proof.index}
        write_json({**told, **looked(answer)})
        return
    tables = flat_of(answer.data)
    if shown.csv:
        write_csv(tables)
    else:
        show(tables)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"ledger index {answer.proof.index}, {'signed, ' if answer.signed else ''}receipt checked")
    warn(console, answer)
    for error in answer.errors:
        console.print(f"error: {error.message}", markup=False)


def _next(data: Mapping[str, Any]) -> str | None:
    """The cursor of the only list of an answer that goes on. Raises InvalidInput where there are several."""
    found = [one["next"] for one in data.values() if isinstance(one, dict) and one.get("next")]
    if len(found) > 1:
        raise InvalidInput("ask for one list at a time to go through its parts", code="no_cursor", where="--all")
    return found[0] if found else None


def _document(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidInput("the question can't be read as UTF-8", code="unreadable", where=str(path)) from None


def _variable(text: str) -> tuple[str, Any]:
    """A variable's name and value; a value that is not JSON is taken as text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidInput("write it as name=value", code="bad_variable", where="--var")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value
