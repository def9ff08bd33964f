"""``graphsvc up`` and ``graphsvc demo``: a whole service on this machine."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from graphsvc.cli.output import NOT_HOLDING, write_json

if TYPE_CHECKING:
    from graphsvc.local.run import LocalService

Port = Annotated[int, typer.Option("--port", help="Port on loopback; 0 takes a free one.", min=0, max=65535)]
KeptPort = Annotated[
    int | None,
    typer.Option(
        "--port", help="0 takes a free one; left out: that of the last start here, else 8443.", min=0, max=65535
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def up(
    data: Annotated[Path, typer.Option("--data", help="State directory; made when absent.")] = Path("data"),
    port: KeptPort = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    json: JsonFlag = False,
) -> None:
    """Run everything on this machine: service, Neo4j and development identities, until Ctrl-C.

    An external Neo4j: set GRAPHSVC_NEO4J_URI, GRAPHSVC_NEO4J_USER, GRAPHSVC_NEO4J_PASSWORD and GRAPHSVC_NEO4J_DATABASE.
    """
    from graphsvc.local.process import bound_arenas, settle
    from graphsvc.local.run import run_local, until_stopped

    bound_arenas()
    console = Console(stderr=True, highlight=False)
    with run_local(data, port, host=host) as service:
        settle()
        if json:
            said = {"url": service.url, "identity": service.identity_url, "data": str(data)}
            write_json({**said, "origin": service.origin, "log": service.log_vkey})
        else:
            tell_service(console, service, data)
        until_stopped()


def demo(
    data: Annotated[
        Path | None, typer.Option("--data", help="State directory, empty or absent; else a fresh one.")
    ] = None,
    port: Port = 0,
    once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the invented scenario.")] = 7,
    json: JsonFlag = False,
) -> None:
    """Start everything and tell a story: four organisations, one case, from a phone number to a ring.

    Each step prints what was asked and what came back, and is checked against what the scenario planted: the exit
    code is 1 when a step did not find it. With --once, or without a terminal on standard input, the service then stops.
    """
    from graphsvc.demo.demo import run_demo

    keep, score = not once and sys.stdin.isatty(), write_json if json else None
    if data is not None:
        held = run_demo(data, port, seed, keep=keep, score=score)
    else:
        with tempfile.TemporaryDirectory(prefix="graphsvc-demo-") as folder:
            held = run_demo(Path(folder), port, seed, keep=keep, score=score)
    if not held:
        raise typer.Exit(NOT_HOLDING)


def tell_service(console: Console, service: LocalService, data: Path) -> None:
    """Where the service is; where tokens come from only if it is here: elsewhere ``graphsvc token`` has none."""
    console.print(f"service     {service.url}\nidentities  {service.identity_url}\nstate       {data}")
    if service.development:
        console.print(f"tokens      graphsvc token --data {data}")
        console.print(f"log in      {service.url}/session/login")
    console.print("[dim]Ctrl-C stops it[/dim]")
