"""``graphsvc convert``: what a file would become, without a service."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec
import typer
from rich.console import Console

from graphsvc.cli.options import grouped
from graphsvc.cli.output import NOT_HOLDING, table, write_json
from graphsvc.client.convert import Converted, Input, Told, convert, ready_mapping
from graphsvc.client.profile import local_organisation, read_defaults, read_profile
from graphsvc.client.rejected import check_free
from graphsvc.model.drafts import CleanDraft, CleanEntity, Defaults
from graphsvc.model.schema import load_schema

ROWS = 10
"""Rows that are shown to people."""
ALIKE = 20
"""At most this many kinds of problems are shown to people."""

FileArgument = Annotated[Path, typer.Argument(help="Any file that an importer reads.", exists=True, dir_okay=False)]
MapOption = Annotated[
    str | None, typer.Option("--map", help="Mapping file (YAML), or the name of one that comes with graphsvc.")
]
MediaOption = Annotated[str, typer.Option("--media-type", help="How the file is read; without, the file itself tells.")]


@dataclass(frozen=True)
class Reading:
    """How a file is read, and for whom."""

    mapping: MapOption = None
    media_type: MediaOption = ""
    defaults: Annotated[Path | None, typer.Option("--defaults", help="YAML or JSON: handling, purposes, …")] = None
    profile: Annotated[
        Path | None, typer.Option("--profile", help="Your organisation, and its defaults.", envvar="GRAPHSVC_PROFILE")
    ] = None

    def input(self, file: Path) -> Input:
        """The file as it is to be read. Raises InvalidInput."""
        reach = read_profile(self.profile) if self.profile is not None else None
        said = reach.file.defaults if reach is not None else Defaults()
        return Input(
            path=file,
            mapping=None if self.mapping is None else ready_mapping(self.mapping),
            defaults=said if self.defaults is None else read_defaults(self.defaults),
            organisation=local_organisation(reach),
            media_type=self.media_type,
        )


@grouped
def convert_file(
    file: FileArgument,
    *,
    reading: Reading,
    to: Annotated[Literal["ndjson"] | None, typer.Option("--to", help="Write drafts that can be submitted.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write them to this new file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what a file would become, without a service and a key.

    It reads exactly as the service does. It says what is wrong with which row, which values are kept and not linked,
    and what the file says that the model can't hold. The exit code is 1 when a row would be rejected.
    """
    given = reading.input(file)
    if to is None and out is None:
        made = convert(given, load_schema())
    else:
        with _target(out) as target:
            made = convert(given, load_schema(), target.write)
    if json:
        _write(made, file, to_stderr=to is not None and out is None)
    else:
        if to is None and out is None:
            show_drafts(made, ROWS)
        tell_converted(made, file, Console(stderr=True, highlight=False))
    if made.rejected or not made.accepted:
        raise typer.Exit(NOT_HOLDING)


@contextmanager
def _target(out: Path | None) -> Iterator[BinaryIO]:
    """Where the drafts go: standard output, or a new file that is removed if it can't be written whole."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    check_free(out)
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
    except BaseException:
        with suppress(OSError):
            out.unlink()
        raise


def _write(made: Converted, file: Path, *, to_stderr: bool) -> None:
    value = {
        "file": file.name,
        "format": made.format.name,
        "mediaType": made.format.media_type,
        "charset": made.charset,
        "rows": made.rows,
        "accepted": made.accepted,
        "rejected": made.rejected,
        "entities": made.entities,
        "links": made.links,
        "assumed": made.assumed,
        "problems": made.problems,
        "unlinked": made.unlinked,
        "losses": made.losses,
        "warnings": made.warnings,
        "drafts": made.drafts,
    }
    if to_stderr:
        sys.stderr.write(msgspec.json.encode(value).decode() + "\n")
    else:
        write_json(value)


def show_drafts(made: Converted, most: int) -> None:
    """Print what the first rows become."""
    if made.drafts:
        table(("row", "becomes", "links"), [_shown(draft) for draft in made.drafts[:most]])
        if made.accepted > most:
            Console(highlight=False).print(f"… and {made.accepted - most} more; all with --to ndjson", markup=False)


def tell_converted(made: Converted, file: Path, console: Console) -> None:
    """Say what is rejected, what is not linked and what is lost."""
    read = f"{made.format.title}, {made.charset}" if made.charset != "utf-8" else made.format.title
    counts = f"{made.rows} rows: {made.accepted} would be accepted, {made.rejected} rejected"
    console.print(f"{file.name} ({read}): {counts}", markup=False)
    console.print(f"{made.entities} entities, {made.links} links", markup=False)
    _tell_problems(console, "rejected", made.problems)
    _tell_problems(console, "kept, not linked", made.unlinked)
    for warning in made.warnings:
        console.print(f"warning  {warning.code}: {warning.message}", markup=False, soft_wrap=True)
    if made.losses:
        console.print("not held by the model, and so left out:", markup=False)
        for what, count in list(made.losses.items())[:ALIKE]:
            console.print(f"  {count} × {what}", markup=False)
        if len(made.losses) > ALIKE:
            console.print(f"  … and {len(made.losses) - ALIKE} more kinds; --json lists all", markup=False)
    if made.assumed:
        named = " and ".join(
            {"handling": "a handling code", "legal_basis": "a legal basis"}[one] for one in made.assumed
        )
        console.print(f"nothing says {named}: give them in the mapping, --defaults or the profile", markup=False)


def _tell_problems(console: Console, title: str, problems: Sequence[Told]) -> None:
    """One line for all rows with the same problem."""
    if not problems:
        return
    alike: dict[tuple[str, str, str, str], list[int]] = {}
    for one in problems:
        where = ", ".join(one.columns) or one.pointer
        alike.setdefault((where, one.type, one.code, one.message), []).append(one.row)
    console.print(f"{title}:", markup=False)
    for (where, type_, code, message), rows in list(alike.items())[:ALIKE]:
        named = ", ".join(map(str, rows[:4])) + (f", … ({len(rows)})" if len(rows) > 4 else "")
        value = f"{where} ({type_[:1].lower()}{type_[1:]})" if type_ else where
        console.print(f"  rows {named}  {value}  {code}: {message}", markup=False, soft_wrap=True)
    if len(alike) > ALIKE:
        console.print("  … and more: --json lists all", markup=False)


def _shown(draft: CleanDraft) -> tuple[str, str, str]:
    said = [_of(entity) for entity in draft.entities[:6]]
    more = f", … ({len(draft.entities)})" if len(draft.entities) > 6 else ""
    kinds = sorted({link.kind for link in draft.links})
    return str(draft.row), ", ".join(said) + more, f"{len(draft.links)} {' '.join(kinds)}".strip()


def _of(entity: CleanEntity) -> str:
    return f"{entity.kind} {entity.key.partition(':')[2]}"
