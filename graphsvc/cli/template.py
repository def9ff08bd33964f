"""``graphsvc template``: an empty form for a company's extract, which a ready mapping reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from graphsvc.cli.output import write_json
from graphsvc.cli.sharing import JsonFlag
from graphsvc.client.convert import template_bytes
from graphsvc.client.rejected import check_free


def template(
    name: Annotated[str, typer.Argument(help="marketplace-accounts, courier-parcels.")],
    out: Annotated[Path, typer.Argument(help="The new file: .xlsx or .csv.")],
    *,
    json: JsonFlag = False,
) -> None:
    """Write a form for an extract: the columns, and one row as an example, to be replaced by your own.

    The mapping of the same name reads it; convert checks what was filled in.
    """
    data = template_bytes(name, out.suffix.lower())
    check_free(out)
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    if json:
        write_json({"written": str(out), "mapping": name})
        return
    told = f"{out} is written: replace its second row, then graphsvc convert {out} --map {name}"
    Console(highlight=False, soft_wrap=True).print(told, markup=False)
