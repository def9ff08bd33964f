"""``graphsvc witness``: sign that other parties' logs only grow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from graphsvc.cli.output import write_json
from graphsvc.model.errors import InvalidInput
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import parse_vkey


def witness(
    name: Annotated[str, typer.Option("--name", help="The witness's name: an address of yours without scheme.")],
    log: Annotated[list[str], typer.Option("--log", help="Verifier key of a log to witness. Repeatable.")],
    data: Annotated[Path, typer.Option("--data", help="Key and state; made when absent.")] = Path("witness"),
    port: Annotated[int, typer.Option("--port", help="Port to listen on.", min=1, max=65535)] = 8445,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a witness (c2sp.org/tlog-witness) for the logs named, until Ctrl-C.

    An agency other than the operator runs it. It signs a checkpoint only if that extends the one that it signed last.
    Verifiers pin the key that it prints; the operator names it in the file of GRAPHSVC_WITNESSES. Never copy or restore
    its folder: a witness that forgets what it signed proves nothing.
    """
    import uvicorn

    from graphsvc.anchoring.witness import Witness, witness_app

    try:
        logs = [parse_vkey(text) for text in log]
    except VerifyError as error:
        raise InvalidInput(error.message, code=error.code, where="--log") from None
    running = Witness(data, name, logs)
    if json:
        write_json({"url": f"http://{host}:{port}", "key": running.key.vkey, "logs": [key.name for key in logs]})
    else:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"witness  {running.key.vkey}\naddress  http://{host}:{port}\n[dim]Ctrl-C stops it[/dim]")
    uvicorn.run(witness_app(running), host=host, port=port, log_level="warning", access_log=False, server_header=False)
