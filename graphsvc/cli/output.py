"""What commands print: tables for people, one JSON object for programs; errors with what to do about them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphsvc.client.answers import Answer
from graphsvc.client.errors import Refused, Unreachable
from graphsvc.model.errors import GraphsvcError, Unavailable
from graphsvc_verify.errors import VerifyError

JSON_FLAG = "--json"
DONE, NOT_HOLDING, BAD_INPUT, REFUSED, NO_ANSWER = range(5)
"""Exit codes of all commands."""
NAMED = 10
"""At most this many submissions are named in a warning, so that it stays short."""
GAP = 2
"""Spaces between two columns of a table."""


def exit_code(error: GraphsvcError | VerifyError) -> int:
    """The exit code for an error."""
    if isinstance(error, VerifyError):
        return NOT_HOLDING
    if isinstance(error, Refused):
        # A request that the service can't read is bad input, like one that this program can't read.
        return BAD_INPUT if error.status == 400 else REFUSED
    return NO_ANSWER if isinstance(error, Unreachable | Unavailable) else BAD_INPUT


def fail(console: Console, error: GraphsvcError | VerifyError, *, as_json: bool) -> None:
    """Say what went wrong: to people on ``console``, to programs as JSON on standard output."""
    where = error.where if isinstance(error, GraphsvcError) else ""
    if as_json:
        write_json({"error": {"code": error.code, "message": error.message, "where": where}})
        return
    place = f" [dim]({escape(where)})[/dim]" if where else ""
    console.print(f"[bold red]{escape(error.code)}[/bold red] {escape(error.message)}{place}", highlight=False)


def looked(answer: Answer) -> dict[str, Any]:
    """How far an answer looked and what it leaves out, for programs."""
    return {
        "appliedIndex": answer.applied_index,
        "ownPending": list(answer.own_pending),
        "onlyOwn": answer.only_own,
        "cut": list(answer.cut),
        "withheld": [{"owner": one.owner, "rule": one.rule, "records": one.records} for one in answer.withheld],
    }


def warn(console: Console, answer: Answer) -> None:
    """Say what an answer did not look at, and what it leaves out or lacks, for people."""
    if answer.own_pending:
        named = ", ".join(map(str, answer.own_pending[:NAMED])) + (", …" if len(answer.own_pending) > NAMED else "")
        told = f"not looked at: your own submissions {named} are not in the graph yet, which holds the log up to entry"
        console.print(f"warning: {told} {answer.applied_index}; ask again", markup=False)
    for one in answer.withheld:
        told = f"left out: {one.records} records of {one.owner} may be looked at only ({one.rule})"
        console.print(f"warning: {told}; a grant can allow export", markup=False)
    if answer.only_own:
        told = "nobody's records but your own organisation's were in scope"
        console.print(
            f"warning: {told}: state --purpose, --legal-basis and --case, or ask in another role", markup=False
        )
    for cut in answer.cut:
        told = (
            f"there are or may be more {cut.what} than are" if cut.of is None else f"{cut.shown} of {cut.of} {cut.what}"
        )
        console.print(f"warning: {told} shown", markup=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """A table for people on standard output. Words stay whole, so that ids and dates can be copied; texts wrap.

    Where the words of a row don't fit side by side, each row becomes a block of lines, one per column.
    """
    console = Console(highlight=False, soft_wrap=True)
    cells = [["–" if cell is None else str(cell) for cell in row] for row in rows]
    widest = [max(map(_longest, column)) for column in zip(columns, *cells, strict=True)]
    if title:
        console.print(title, markup=False)
    if sum(widest) + GAP * (len(columns) - 1) > console.width:
        name = max(map(len, columns))
        for number, row in enumerate(cells):
            if number:
                console.print()
            for column, cell in zip(columns, row, strict=True):
                console.print(f"[bold]{escape(column):<{name}}[/bold]  {escape(cell)}")
        return
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    for column, width in zip(columns, widest, strict=True):
        shown.add_column(escape(column), min_width=width)
    for row in cells:
        shown.add_row(*map(escape, row))
    Console(highlight=False).print(shown)


def _longest(text: str) -> int:
    """The width of the longest word, in cells of the terminal."""
    return max(map(cell_len, text.split()), default=0)


def write_json(value: Any) -> None:
    """Write one JSON value as a line to standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.flush()
