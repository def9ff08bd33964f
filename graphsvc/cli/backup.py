"""``graphsvc backup`` and ``graphsvc restore``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from graphsvc.cli.output import write_json
from graphsvc.cli.state import DataOption, JsonFlag, payloads_of, progress_bar, settings_of
from graphsvc.model.errors import InvalidInput
from graphsvc.settings import read_settings


def backup(
    target: Annotated[Path, typer.Argument(help="Folder of the backup; one that is there is renewed.")],
    data: DataOption = Path("data"),
    secrets: Annotated[
        Path | None, typer.Option("--secrets", help="Also write what opens it into this new file: keep it apart.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Back up ledger, payloads and wrapped keys; the service may run meanwhile.

    Sealed payloads are copied once, so renewing a backup is quick. Without the file of secrets nobody can read or
    restore it: write one with --secrets the first time, and after each monthly re-wrapping of keys (keys rewrap).
    """
    # These modules take long to import, and most commands don't need them.
    from graphsvc.upkeep.backup import back_up, check_apart, save_secrets

    settings = settings_of(data)
    if secrets is not None:
        check_apart(secrets, target)
    console = Console(stderr=True, highlight=False)
    with progress_bar(console, "backing up", quiet=json) as progress:
        done = back_up(settings, payloads_of(settings), target, progress)
    if secrets is not None:
        save_secrets(settings.data, secrets)
    if json:
        write_json({"entries": done.size, "objects": done.objects, "copied": done.copied, "backup": str(target)})
        return
    console.print(
        f"backup    {target}\nentries   {done.size:,}\npayloads  {done.objects:,} ({done.copied:,} copied now)"
    )
    if secrets is not None:
        console.print(f"secrets   {secrets}: keep this file apart from the backup")


def restore_backup(
    source: Annotated[Path, typer.Argument(help="Folder of the backup.")],
    data: Annotated[Path, typer.Option("--data", help="State directory to make; absent or empty.")],
    secrets: Annotated[Path, typer.Option("--secrets", help="The file of secrets.", exists=True, dir_okay=False)],
    checkpoint: Annotated[
        list[Path],
        typer.Option(
            "--checkpoint", help="The newest signed checkpoint that anyone has; can be repeated.", exists=True
        ),
    ],
    json: JsonFlag = False,
) -> None:
    """Make a state directory from a backup. Erasures are replayed; the first start fills graph and columns.

    --checkpoint names the newest checkpoint that is known: the one published with the tiles, or one that a witness or a
    client kept; the backup's own only if there is no other. A backup behind it would fork the log and is refused, now
    and at every later start.
    """
    from graphsvc.upkeep.backup import restore

    try:
        notes = [path.read_text(encoding="utf-8") for path in checkpoint]
    except UnicodeDecodeError:
        raise InvalidInput("a checkpoint is a signed note: text", code="bad_note", where="--checkpoint") from None
    settings = read_settings(data.resolve(), os.environ)
    done = restore(source, secrets, notes, settings, payloads_of)
    if json:
        write_json({"entries": done.size, "objects": done.objects, "erased": done.erased, "data": str(data)})
        return
    console = Console(stderr=True, highlight=False)
    console.print(
        f"state     {data}\nentries   {done.size:,}\npayloads  {done.objects:,}\nerased    {done.erased:,} again"
    )
