"""``graphsvc rebuild``: the graph and the columns made anew from the ledger."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from graphsvc.cli.output import NOT_HOLDING, write_json
from graphsvc.cli.state import DataOption, JsonFlag, opened, progress_bar, settings_of

if TYPE_CHECKING:
    from graphsvc.graph.fingerprint import Fingerprint
    from graphsvc.projection.rebuild import Rebuilt


def rebuild(
    data: DataOption = Path("data"),
    compare: Annotated[
        bool, typer.Option("--compare", help="Read the graph before as well; exit code 1 when they differ.")
    ] = False,
    digest: Annotated[bool, typer.Option("--digest", help="Also read all of the new graph for its digest.")] = False,
    json: JsonFlag = False,
) -> None:
    """Make the graph and the columns anew from the ledger. The service must not run.

    The service's own Neo4j is filled by offline import in a fresh home, which then replaces the old one: an interrupted
    rebuild leaves the old home as it was. A server named by GRAPHSVC_NEO4J_URI is emptied and filled online; when that
    is interrupted, the next start of the service continues it.
    """
    from graphsvc.local.neo4j import stop_left_over
    from graphsvc.local.renewal import Servers
    from graphsvc.projection.rebuild import Source, rebuild_offline, rebuild_online

    settings = settings_of(data)
    console = Console(stderr=True, highlight=False)
    begun = time.monotonic()
    with opened(settings) as (ledger, payloads), progress_bar(console, "rebuilding", quiet=json) as progress:
        servers = Servers(settings)
        source = Source(ledger, payloads, settings.data, digest or compare, progress)
        before = servers.seen() if compare else None
        if settings.neo4j_uri:
            with servers.external() as graph:
                done = rebuild_online(source, graph)
        else:
            stop_left_over(settings.data / "neo4j")
            done = rebuild_offline(source, servers.import_files, servers.served)
    _tell(console, done, before, time.monotonic() - begun, as_json=json)
    if before is not None and before != done.fingerprint:
        raise typer.Exit(NOT_HOLDING)


def _tell(console: Console, done: Rebuilt, before: Fingerprint | None, seconds: float, *, as_json: bool) -> None:
    equal = None if before is None else before == done.fingerprint
    digest = None if done.fingerprint is None else done.fingerprint.digest
    if as_json:
        counts = {"rows": done.rows, "nodes": done.nodes, "relationships": done.relationships}
        write_json({**counts, "digest": digest, "equal": equal, "seconds": round(seconds, 1)})
        return
    console.print(f"rows           {done.rows:,}\nnodes          {done.nodes:,}\nrelationships  {done.relationships:,}")
    if digest is not None:
        console.print(f"digest         {digest}")
    console.print(f"seconds        {seconds:.1f}")
    if equal is not None:
        console.print("the graph is equal to the one before" if equal else "[red]the graph differs from before[/red]")
