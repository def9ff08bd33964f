"""``graphsvc export``: what a question finds, as a file of the field's formats."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from graphsvc.cli.options import FootingOptions, grouped, identifier
from graphsvc.cli.output import warn, write_json
from graphsvc.client.export import Around, Exporting, Taken, take_kept
from graphsvc.client.profile import Profile, read_profile
from graphsvc.exchange.content import Content
from graphsvc.exchange.forms import FORMS, form_of, written
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import load_schema
from graphsvc.wire.answers import Entity

Format = StrEnum("Format", {name: name for name in FORMS})  # type: ignore[misc]
RECEIPTS = ".receipts.json"
"""What is added to a file's name for the receipts beside it."""
SHOWN = 20


@dataclass(frozen=True)
class What:
    """What is exported: identifiers with what is around them, paths from the first to another, a ring, a case."""

    phone: Annotated[list[str] | None, typer.Option("--phone", help="A number, with +. Repeatable.")] = None
    email: Annotated[list[str] | None, typer.Option("--email", help="An address. Repeatable.")] = None
    identifier: Annotated[
        list[str] | None, typer.Option("--id", help="Any other, as Account:site=shopee,id=u17. Repeatable.")
    ] = None
    case_file: Annotated[str, typer.Option("--case-file", help="A case of yours that records name, by reference.")] = ""
    ring: Annotated[int, typer.Option("--ring", help="The ring of this rank.", min=0)] = 0
    answer: Annotated[
        list[Path] | None, typer.Option("--answer", help="An answer kept by ask --out. Repeatable.", dir_okay=False)
    ] = None
    hops: Annotated[int, typer.Option("--hops", help="And the network within so many hops.", min=0, max=4)] = 0
    link_kind: Annotated[
        list[str] | None, typer.Option("--link-kind", help="Follow links of this kind only. Repeatable.")
    ] = None
    path_to: Annotated[str, typer.Option("--path-to", help="And the shortest paths to it: Phone:value=+254….")] = ""
    paths: Annotated[int, typer.Option("--paths", help="So many paths.", min=1, max=20)] = 3
    max_hops: Annotated[int, typer.Option("--max-hops", help="Paths of at most so many links.", min=1, max=8)] = 6

    @property
    def identifiers(self) -> list[tuple[str, dict[str, str]]]:
        """All identifiers that were given, as kind and key parts."""
        phones = [("Phone", {"value": one}) for one in self.phone or ()]
        emails = [("Email", {"value": one}) for one in self.email or ()]
        cases = [("Case", {"ref": self.case_file})] if self.case_file else []
        return [*phones, *emails, *(identifier(one) for one in self.identifier or ()), *cases]


@grouped
def export(
    out: Annotated[Path, typer.Argument(help="The new file.", dir_okay=False)],
    *,
    to: Annotated[Format, typer.Option("--format", help="The format.")],
    what: What,
    footing: FootingOptions,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="Keep each answer in this folder, as it came: for evidence.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write what a question finds to a file: for a spreadsheet, a chart, another system, another case.

    Only what the owners' rules allow to be exported is in it; records that may only be looked at are left out, with a
    warning. The log says that you took it, and each owner is told so. The file says in itself under which handling code
    it stands, who took it, when and why, and at which head of the log; OUT.receipts.json has the receipts. What the
    format can't hold is counted.
    """
    form = form_of(str(to))
    beside = out.with_name(f"{out.name}{RECEIPTS}")
    for path in (out, beside):
        if path.exists():
            raise InvalidInput("there is a file already", code="exists", where=str(path))
    reach = read_profile(profile)
    taken = _take(reach, what, footing)
    content = taken.content(load_schema())
    data, losses = written(content, form)
    told = _told(out, content, data, losses, form.name)
    if answers is not None:
        answers.mkdir(mode=0o700, parents=True, exist_ok=True)
        for one in taken.answers:
            _keep(answers / f"{one.proof.index}.json", one.body)
    _keep(beside, msgspec.json.encode({**told, "receipts": [one.receipt for one in taken.answers]}))
    _keep(out, data)
    if json:
        write_json(told)
        return
    _tell(Console(stderr=True, highlight=False, soft_wrap=True), content, taken, told)


def _take(reach: Profile, what: What, footing: FootingOptions) -> Taken:
    """Ask for everything that was named, or read it from kept answers."""
    identifiers = what.identifiers
    if what.answer:
        if identifiers or what.ring:
            raise InvalidInput("export kept answers or ask anew, not both", code="too_much", where="--answer")
        return take_kept([_read(path) for path in what.answer], reach.trust(), reach.file.org)
    if not identifiers and not what.ring:
        message = "say what: --phone, --email, --id, --case-file, --ring or --answer"
        raise InvalidInput(message, code="nothing_asked")
    around = Around(hops=what.hops, link_kinds=tuple(what.link_kind or ()))
    with reach.client(signed=footing.signed) as client:
        asking = Exporting(client, footing.footing)
        found: list[Entity] = []
        for kind, parts in identifiers:
            found += asking.identifier(kind, parts, around)
        if what.path_to:
            _paths(asking, found, what)
        if what.ring:
            asking.ring(what.ring, {})
    return asking.taken


def _paths(asking: Exporting, found: list[Entity], what: What) -> None:
    ends = asking.identifier(*identifier(what.path_to, "--path-to"), Around())
    if not found:
        raise InvalidInput("a path begins at an identifier: none was found", code="no_start", where="--path-to")
    for source in found:
        for target in ends:
            if source.handle != target.handle:
                asking.paths(source.handle, target.handle, what.max_hops, what.paths)


def _told(out: Path, content: Content, data: bytes, losses: dict[str, int], form: str) -> dict[str, Any]:
    return {
        "file": out.name,
        "format": form,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "entities": len(content.nodes),
        "links": len(content.links),
        "records": len(content.by_record),
        "stamp": msgspec.to_builtins(content.stamp),
        "losses": losses,
    }


def _tell(console: Console, content: Content, taken: Taken, told: dict[str, Any]) -> None:
    counts = f"{told['entities']} entities, {told['links']} links, {told['records']} records"
    console.print(f"{told['file']} ({told['format']}): {counts}, {content.stamp.codes}", markup=False)
    entries = ", ".join(map(str, content.stamp.entries))
    console.print(f"ledger entries {entries}; receipts checked, kept in {told['file']}{RECEIPTS}", markup=False)
    for answer in taken.answers[:1]:
        warn(console, answer)
    if told["losses"]:
        console.print("not in the file:", markup=False)
        for what, count in list(told["losses"].items())[:SHOWN]:
            console.print(f"  {count} × {what}", markup=False)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"the answer can't be read: {error.strerror}", code="unreadable", where=str(path)) from None


def _keep(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read; nothing is left where it can't be written whole."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
