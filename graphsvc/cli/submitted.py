"""What ``graphsvc submit`` says of a file: how many rows, what is wrong with which, what can't be linked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphsvc.cli.output import write_json
from graphsvc.client import Submitted
from graphsvc.client.check import Checked
from graphsvc.model.drafts import RowProblem

SHOWN = 20


def tell_check(console: Console, checked: Checked, *, as_json: bool) -> None:
    """Print what would become of the rows, as far as a check without the service can tell."""
    if as_json:
        numbers = {"rows": checked.rows, "accepted": checked.accepted, "rejected": checked.rejected}
        rows = {"marked": checked.marked, "problems": checked.problems, "unlinked": checked.unlinked}
        read = {"charset": checked.charset, "losses": checked.losses, "warnings": checked.warnings}
        write_json({"dryRun": True, **numbers, **rows, **read})
        return
    console.print(f"{checked.rows} rows: {checked.accepted} would be accepted, {checked.rejected} rejected")
    if count := len(checked.marked):
        console.print(f"{'1 row keeps' if count == 1 else f'{count} rows keep'} a value that can't be linked")
        _tell_rows(console, checked.unlinked, count)
    _tell_rows(console, checked.problems, checked.rejected)
    _warn(console, checked.warnings)


def tell_answer(console: Console, answer: Submitted, *, as_json: bool, dry_run: bool) -> None:
    """Print what the service says of the rows, and the receipt's place in the ledger."""
    if as_json:
        value: dict[str, Any] = msgspec.to_builtins(answer)
        write_json({"dryRun": dry_run, **value})
        return
    fate = "would be " if dry_run else ""
    console.print(f"{answer.rows} rows: {answer.accepted} {fate}accepted, {answer.rejected} {fate}rejected")
    if answer.superseded:
        records = "1 older record" if answer.superseded == 1 else f"{answer.superseded} older records"
        console.print(f"{records} {fate}superseded")
    if answer.unlinked:
        console.print(f"{'1 value' if answer.unlinked == 1 else f'{answer.unlinked} values'} can't be linked")
        _tell_rows(console, answer.notes, len({note.row for note in answer.notes}))
    _tell_rows(console, answer.problems, answer.rejected)
    _warn(console, answer.warnings)
    if answer.index >= 0:
        console.print(f"receipt: ledger index [bold]{answer.index}[/bold], inclusion proof checked")
    elif not dry_run:
        console.print("no row was accepted: nothing was stored")


def tell_sent(console: Console, before: Submitted, *, as_json: bool) -> None:
    """Print that the same content was acknowledged before, and under which ledger index."""
    if as_json:
        counts = {"rows": before.rows, "accepted": before.accepted, "rejected": before.rejected}
        write_json({"dryRun": False, "alreadySent": True, "index": before.index, **counts})
        return
    console.print(f"already sent as {before.index}: nothing was sent. --again sends it once more")


def _warn(console: Console, warnings: Sequence[RowProblem]) -> None:
    for warning in warnings:
        console.print(f"warning  {warning.code}: {warning.message}", markup=False, soft_wrap=True)


def _tell_rows(console: Console, problems: Sequence[RowProblem], count: int) -> None:
    """Print the first problems, one line for all rows with the same one; ``count`` rows have a problem."""
    if not problems:
        return
    alike: dict[tuple[str, str, str], list[int]] = {}
    for problem in problems:
        alike.setdefault((problem.code, problem.pointer, problem.message), []).append(problem.row)
    table = Table("rows", "code", "where", "what to do", box=None, header_style="bold", pad_edge=False)
    for (code, pointer, message), rows in list(alike.items())[:SHOWN]:
        first = ", ".join(map(str, rows[:4])) + (f", … ({len(rows)})" if len(rows) > 4 else "")
        table.add_row(first, code, escape(pointer), escape(message))
    console.print(table)
    if len(alike) > SHOWN or count > len({problem.row for problem in problems}):
        console.print(f"… and more, {count} rows in all: --json lists them, --rejected OUT writes those not accepted")
