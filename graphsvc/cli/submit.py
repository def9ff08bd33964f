"""``graphsvc submit``: check a file locally, or sign it and hand it in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from graphsvc.cli.options import grouped
from graphsvc.cli.output import NOT_HOLDING
from graphsvc.cli.submitted import tell_answer, tell_check, tell_sent
from graphsvc.client import Client, NothingAccepted, Refused, SigningKey, Submitted, Unreachable, pending
from graphsvc.client.check import Checked, check_file
from graphsvc.client.convert import ready_mapping
from graphsvc.client.keys import load_signing_key
from graphsvc.client.manifest import Outgoing, media_type_of
from graphsvc.client.profile import Profile, local_organisation, read_defaults, read_profile
from graphsvc.client.rejected import check_free, check_lines, write_rejected
from graphsvc.client.sending import LONG, Waiting
from graphsvc.client.sent import SentBook
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import load_schema


@dataclass(frozen=True)
class Content:
    """How a file is read, and which request it answers."""

    mapping: Annotated[
        str | None, typer.Option("--map", help="Mapping file (YAML), or the name of one that comes with graphsvc.")
    ] = None
    media_type: Annotated[
        str, typer.Option("--media-type", help="How the file is read; without, the file itself tells.")
    ] = ""
    defaults: Annotated[Path | None, typer.Option("--defaults", help="YAML or JSON: handling, purposes, …")] = None
    answers: Annotated[str | None, typer.Option("--answers", help="The request that this answers, by its id.")] = None


@dataclass(frozen=True)
class Sending:
    """Who sends a file, how, and how long to wait for the answer."""

    sign: Annotated[Path | None, typer.Option("--sign", help="Private key that signs the manifest.")] = None
    profile: Annotated[
        Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")
    ] = None
    again: Annotated[
        bool, typer.Option("--again", help="Send what was sent before once more: what has no reference stands twice.")
    ] = False
    patience: Annotated[
        float, typer.Option("--patience", help="Seconds to wait for what the service works on.", min=1)
    ] = LONG


@grouped
def submit(
    file: Annotated[
        Path, typer.Argument(help="Any file that an importer reads: NDJSON, CSV, Excel, …", exists=True, dir_okay=False)
    ],
    *,
    content: Content,
    sending: Sending,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only. With --sign the service checks too.")] = False,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", help="Write the rows that are rejected here, to correct them.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Submit a file of records, signed.

    Can be repeated after any failure: until the service has acknowledged, the same file goes out under the same signed
    manifest and idempotency key, so it is stored once. What was acknowledged is remembered beside the profile: the same
    content is not sent again without --again. Rejected rows never stop accepted ones; the exit code is 1 only when no
    row was accepted, or in a dry run when any is rejected.
    """
    console = Console(stderr=True, highlight=False)
    if not dry_run and sending.sign is None:
        raise InvalidInput("name the key that signs with --sign, or check only with --dry-run", code="no_key")
    if rejected is not None:
        check_free(rejected)
    given = sending.sign is not None or sending.profile is not None
    reach = read_profile(sending.profile) if given else None
    outgoing = replace(
        _outgoing(file, content.mapping, content.media_type, content.defaults, reach), answers=content.answers
    )
    if rejected is not None:
        check_lines(outgoing.media_type)
    # 1. A dry run first checks here, without the service.
    checked = None
    if dry_run:
        with _Bar(console, "checking", file, quiet=json) as bar:
            checked = check_file(outgoing, load_schema(), local_organisation(reach), bar)
        if sending.sign is None or reach is None:
            tell_check(console, checked, as_json=json)
            _write_rejected(console, outgoing, checked.rejected, checked.refused, rejected)
            raise typer.Exit(NOT_HOLDING if checked.rejected else 0)
    assert reach is not None and sending.sign is not None
    # 2. Was the same content sent and acknowledged before?
    key, sent = load_signing_key(sending.sign), _sent_book(reach)
    before = None if dry_run or sending.again else sent.find(outgoing)
    if before is not None and not pending.is_unfinished(outgoing, reach.trust().origin, reach.file.org, key):
        tell_sent(console, before, as_json=json)
        return
    # 3. The service's answer, and what it says of the rows.
    with reach.client() as client, _Bar(console, "sending", file, quiet=json) as bar:
        waiting = Waiting(sending.patience, bar.wait)
        answer = _answer(client.dry_run if dry_run else client.submit, outgoing, (reach.file.org, key), bar, waiting)
        if answer.index >= 0:
            _remember(console, sent, outgoing, answer)
            answer = _whole(client, answer)
    tell_answer(console, answer, as_json=json, dry_run=dry_run)
    _write_rejected(console, outgoing, answer.rejected, _refused(checked, answer), rejected)
    if not answer.accepted or (dry_run and answer.rejected):
        raise typer.Exit(NOT_HOLDING)


def _answer(
    send: Callable[..., Submitted], outgoing: Outgoing, who: tuple[str, SigningKey], bar: _Bar, waiting: Waiting
) -> Submitted:
    """The service's answer, also when it accepted no row. Raises as ``send`` does."""
    try:
        return send(outgoing, *who, bar, waiting)
    except NothingAccepted as nothing:
        return nothing.answer


def _sent_book(reach: Profile) -> SentBook:
    org = reach.file.org
    return SentBook(reach.folder / f".graphsvc-sent.{org}", reach.trust().log.vkey, org)


def _remember(console: Console, sent: SentBook, outgoing: Outgoing, answer: Submitted) -> None:
    try:
        sent.note(outgoing, answer)
    except OSError as error:
        # The service has stored the file: a note that can't be written must not look like a failed submission.
        console.print(f"submitted, but this can't be remembered beside the profile: {error.strerror}", markup=False)


def _whole(client: Client, answer: Submitted) -> Submitted:
    """The answer with all problems and notes that the service keeps, where it lists only the first."""
    with suppress(Refused, Unreachable):  # the file is acknowledged, even if these fail
        if answer.rejected > len({problem.row for problem in answer.problems}):
            answer = replace(answer, problems=tuple(client.problems(answer.index)))
        if answer.unlinked > len(answer.notes):
            answer = replace(answer, notes=tuple(client.notes(answer.index)))
    return answer


def _refused(checked: Checked | None, answer: Submitted) -> Collection[int] | None:
    """The numbers of the rows that were not accepted; None means all rows."""
    if not answer.accepted:
        return None
    return {problem.row for problem in answer.problems}.union(checked.refused if checked is not None else ())


def _write_rejected(
    console: Console, outgoing: Outgoing, count: int, rows: Collection[int] | None, out: Path | None
) -> None:
    if out is None:
        return
    if not count:
        console.print(f"no row was rejected: {out} is not made", markup=False)
        return
    written = write_rejected(outgoing, load_schema(), rows, out)
    console.print(f"{out}: {written} of {count} rejected rows", markup=False)
    if written < count:
        console.print("the others are too long, or more than are listed: correct these, then send the file again")


def _outgoing(
    file: Path, mapping: str | None, media_type: str, defaults: Path | None, reach: Profile | None
) -> Outgoing:
    said = reach.file.defaults if reach is not None else Defaults()
    if defaults is not None:
        said = read_defaults(defaults)
    return Outgoing(file, media_type or media_type_of(file), None if mapping is None else ready_mapping(mapping), said)


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
        self._console, self._name, self._quiet, self._next = console, file.name, quiet, 10.0
        self._progress = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
        self._task = self._progress.add_task(f"{what} {file.name}", total=file.stat().st_size)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def wait(self, seconds: float) -> None:
        """Say that the service is working on the file, and for how long already."""
        said = f"the service works on {self._name} ({seconds:.0f} s)"
        if self._progress.disable and not self._quiet and seconds >= self._next:
            self._console.print(said, markup=False)
            self._next = max(10, 2 * seconds)
        self._progress.update(self._task, description=said)
