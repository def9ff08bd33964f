"""``graphsvc submit``: check a file locally, or sign it and hand it in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from graphsvc.cli.options import grouped
from graphsvc.cli.output import NOT_HOLDING, write_json
from graphsvc.cli.profile import Profile, read_profile
from graphsvc.client.check import Checked, check_file
from graphsvc.client.keys import load_signing_key
from graphsvc.client.manifest import Outgoing, media_type_of
from graphsvc.client.service import Submitted
from graphsvc.model.drafts import Defaults, RowProblem
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from graphsvc.model.yamlfiles import load_yaml
from graphsvc.settings import product_data

SHOWN = 20


@dataclass(frozen=True)
class Content:
    """What a file is to be read by, and what it answers."""

    mapping: Annotated[Path | None, typer.Option("--map", help="Mapping file (YAML): columns to entities.")] = None
    defaults: Annotated[Path | None, typer.Option("--defaults", help="YAML or JSON: handling, purposes, …")] = None
    answers: Annotated[str | None, typer.Option("--answers", help="The request that this answers, by its id.")] = None


@grouped
def submit(
    file: Annotated[Path, typer.Argument(help="NDJSON of drafts, or CSV with a mapping.", exists=True, dir_okay=False)],
    *,
    content: Content,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only. With --sign the service checks too.")] = False,
    sign: Annotated[Path | None, typer.Option("--sign", help="Private key that signs the manifest.")] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Submit a file of records, signed.

    Can be repeated after any failure: until the service has acknowledged, the same file goes out under the same signed
    manifest and idempotency key, so it is stored once. Rejected rows never stop accepted ones; the exit code is 1 only
    when no row was accepted, or in a dry run when any is rejected.
    """
    console = Console(stderr=True, highlight=False)
    if not dry_run and sign is None:
        raise InvalidInput("name the key that signs with --sign, or check only with --dry-run", code="no_key")
    reach = read_profile(profile) if sign is not None or profile is not None else None
    outgoing = replace(_outgoing(file, content.mapping, content.defaults, reach), answers=content.answers)
    if dry_run:
        with _Bar(console, "checking", file, quiet=json) as advance:
            checked = check_file(outgoing, load_schema(product_data("schema")), _organisation(reach), advance)
        if sign is None or reach is None:
            _tell_check(console, checked, json)
            raise typer.Exit(NOT_HOLDING if checked.rejected else 0)
    assert reach is not None and sign is not None
    key = load_signing_key(sign)
    with reach.client() as client, _Bar(console, "sending", file, quiet=json) as advance:
        send = client.dry_run if dry_run else client.submit
        answer = send(outgoing, reach.file.org, key, advance)
    _tell_answer(console, answer, json, dry_run=dry_run)
    if not answer.accepted or (dry_run and answer.rejected):
        raise typer.Exit(NOT_HOLDING)


def _outgoing(file: Path, mapping: Path | None, defaults: Path | None, reach: Profile | None) -> Outgoing:
    said = reach.file.defaults if reach is not None else Defaults()
    try:
        if defaults is not None:
            said = msgspec.convert(load_yaml(defaults.read_bytes(), where=str(defaults)), Defaults)
        return Outgoing(file, media_type_of(file), None if mapping is None else mapping.read_bytes(), said)
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="unreadable", where=str(error.filename)) from None
    except msgspec.ValidationError as error:
        first = str(error).splitlines()[0]
        raise InvalidInput(f"these are no defaults: {first}", code="bad_defaults", where=str(defaults)) from None


def _organisation(reach: Profile | None) -> Organisation:
    if reach is None:
        return Organisation("local", "company", "ZZ", "local check")
    return Organisation(reach.file.org, reach.file.kind or "company", reach.file.jurisdiction or "ZZ", reach.file.org)


class _Bar:
    """A progress bar over the bytes of a file, on standard error; nothing when ``quiet`` or not on a terminal."""

    def __init__(self, console: Console, what: str, file: Path, *, quiet: bool) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
        self._task = self._progress.add_task(f"{what} {file.name}", total=file.stat().st_size)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, count: int) -> None:
        self._progress.advance(self._task, count)


def _tell_check(console: Console, checked: Checked, as_json: bool) -> None:
    if as_json:
        numbers = {"rows": checked.rows, "accepted": checked.accepted, "rejected": checked.rejected}
        write_json({"dryRun": True, **numbers, "marked": checked.marked, "problems": checked.problems})
        return
    console.print(f"{checked.rows} rows: {checked.accepted} would be accepted, {checked.rejected} rejected")
    if checked.marked:
        shown = ", ".join(map(str, checked.marked[:10])) + (", …" if len(checked.marked) > 10 else "")
        console.print(f"{len(checked.marked)} rows keep a value that can't be linked (row {shown})")
    problem_table(console, checked.problems, checked.rejected)


def _tell_answer(console: Console, answer: Submitted, as_json: bool, *, dry_run: bool) -> None:
    if as_json:
        value: dict[str, Any] = msgspec.to_builtins(answer)
        write_json({"dryRun": dry_run, **value})
        return
    fate = "would be " if dry_run else ""
    console.print(f"{answer.rows} rows: {answer.accepted} {fate}accepted, {answer.rejected} {fate}rejected")
    problem_table(console, answer.problems, answer.rejected)
    if not dry_run:
        console.print(f"receipt: ledger index [bold]{answer.index}[/bold], inclusion proof checked")


def problem_table(console: Console, problems: tuple[RowProblem, ...], rejected: int) -> None:
    """The first problems, rows with the same one in a line; nothing when there are none."""
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
    if len(alike) > SHOWN or rejected > len({problem.row for problem in problems}):
        console.print(f"… and more; all {rejected} with --json, or from the service's list of errors")
