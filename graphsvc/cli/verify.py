"""``graphsvc verify``: check evidence and receipts offline, from pinned keys alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphsvc.cli.output import DONE, NOT_HOLDING


def verify(
    file: Annotated[
        Path,
        typer.Argument(help="Evidence zip or file, saved GraphQL answer, or receipt.", exists=True, dir_okay=False),
    ],
    trust: Annotated[Path, typer.Option("--trust", help="Pinned keys: log, organisations' roots.", exists=True)],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check an evidence package or file, a saved answer or a receipt offline.

    The same as ``python -m graphsvc_verify``, which depends on nothing of this service but the cryptography package.
    """
    from graphsvc_verify.__main__ import main

    arguments = [str(file), "--trust", str(trust), *(["--json"] if json else [])]
    raise typer.Exit(DONE if main(arguments) == 0 else NOT_HOLDING)
