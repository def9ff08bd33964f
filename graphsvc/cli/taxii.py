"""``graphsvc taxii``: serve exported bundles to programs that fetch by TAXII 2.1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from graphsvc.cli.output import write_json
from graphsvc.model.errors import InvalidInput

SHORTEST = 16


def taxii(
    folder: Annotated[
        list[Path], typer.Argument(help="Folders with *.stix.json: each is a collection.", file_okay=False)
    ],
    password_file: Annotated[
        Path,
        typer.Option("--password-file", help="File with the password of all callers (HTTP Basic).", dir_okay=False),
    ],
    title: Annotated[str, typer.Option("--title", help="What clients show.")] = "graphsvc exports",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.", min=1, max=65535)] = 8446,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Serve folders of exported STIX bundles by TAXII 2.1, read only, until Ctrl-C.

    Only what graphsvc export has written there is served: what leaves is what the rules allowed and the log told.
    New files are seen at once. Put a proxy with TLS before it where it listens on more than this machine.
    """
    import uvicorn

    from graphsvc.exchange.shelves import Shelf
    from graphsvc.exchange.taxii import taxii_app

    try:
        password = password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        message = "the password can't be read"
        raise InvalidInput(message, code="unreadable", where=str(password_file)) from None
    if len(password) < SHORTEST:
        message = f"a password has {SHORTEST} characters or more"
        raise InvalidInput(message, code="weak_password", where=str(password_file))
    shelves = [Shelf(one) for one in folder]
    app = taxii_app(shelves, password, title)
    counts = {shelf.title: len(shelf.all()) for shelf in shelves}
    if json:
        write_json({"url": f"http://{host}:{port}/taxii2/", "collections": counts})
    else:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        told = ", ".join(f"{name} ({count} objects)" for name, count in counts.items())
        console.print(f"collections  {told}\naddress      http://{host}:{port}/taxii2/\n[dim]Ctrl-C stops it[/dim]")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
