"""How a command opens the state directory of a service that is stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from graphsvc.model.errors import InvalidInput
from graphsvc.settings import Settings, read_settings

if TYPE_CHECKING:
    from graphsvc.ledger.log import Ledger
    from graphsvc.ledger.objects import PayloadStore
    from graphsvc.projection.apply import Payloads

DataOption = Annotated[Path, typer.Option("--data", help="State directory of the service.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def settings_of(data: Path) -> Settings:
    """The settings of an existing state directory. Raises InvalidInput when there is no ledger in it."""
    settings = read_settings(data.resolve(), os.environ)
    if not (settings.data / "ledger" / "keys" / "log.key").exists():
        raise InvalidInput("there is no ledger in this directory", code="no_ledger", where=str(data))
    return settings


def payloads_of(settings: Settings) -> PayloadStore:
    """The payload store that the settings name."""
    from graphsvc.ledger.opening import open_payloads

    return open_payloads(settings.payload_location, settings.s3_endpoint)


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Ledger, Payloads]]:
    """Ledger and payloads of a service that is stopped. Raises Unavailable when it runs."""
    from graphsvc.ledger.lock import lock_directory
    from graphsvc.ledger.log import Ledger
    from graphsvc.ledger.rowkeys import RowKeys
    from graphsvc.local.neo4j import stop_left_over
    from graphsvc.projection.apply import Payloads
    from graphsvc.projection.rebuild import NEXT, finish

    with ExitStack() as stack:
        if not settings.database:
            stack.callback(lock_directory(settings.data))
        stop_left_over(settings.data / f"neo4j{NEXT}")
        finish(settings.data)
        ledger = Ledger.open(settings.data / "ledger", settings.origin, database=settings.database)
        stack.callback(ledger.close)
        keys = RowKeys(settings.data / "keys" / "rows.db", create=not ledger.head)
        stack.callback(keys.close)
        yield ledger, Payloads(payloads_of(settings), keys)


@contextmanager
def progress_bar(console: Console, what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, called with (done, total); shows nothing when ``quiet`` or not on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
