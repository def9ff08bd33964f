"""``graphsvc find``: entities by name or identifier, what happened in the order of time, what some have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from graphsvc.cli.options import CursorOption, FootingOptions, grouped, identifier
from graphsvc.cli.output import looked, table, warn, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption
from graphsvc.client import Answer, Client
from graphsvc.client.profile import read_profile
from graphsvc.client.questions import COMMON, IDENTIFIERS, NAMES, SEARCH, TIMELINE, Question
from graphsvc.model.errors import NotFound
from graphsvc.model.principals import Footing
from graphsvc.wire.asking import Common, IdentifiersFound, NamesFound

app = typer.Typer(no_args_is_help=True, help="Find entities by name; see them in time, and what they have in common.")
T = TypeVar("T")

Entities = Annotated[list[str], typer.Argument(help="Entities, each by its handle, or as Account:site=shopee,id=u17.")]
EveryOption = Annotated[bool, typer.Option("--all", help="Go on until the end, part by part.")]
MOST_NAMED = 50
"""At most this many entities in one part of what is found by names or identifiers."""


@dataclass(frozen=True)
class OnlyOptions:
    """Which claims count."""

    owner: Annotated[
        list[str] | None, typer.Option("--owner", help="Only claims of this organisation. Repeatable.")
    ] = None
    since: Annotated[str, typer.Option("--since", help="Only claims after this time, as 2026-01-31T00:00:00Z.")] = ""
    until: Annotated[str, typer.Option("--until", help="Only claims before this time.")] = ""
    undated: Annotated[bool, typer.Option("--undated", help="Within --since and --until, also undated claims.")] = False

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments of the question."""
        during = {"since": self.since or None, "until": self.until or None, "undated": self.undated}
        return {"owners": self.owner or None, "during": during if self.since or self.until else None}


@dataclass(frozen=True)
class NameOptions:
    """How a name is meant."""

    beginning: Annotated[bool, typer.Option("--beginning", help="The last word may go on.")] = False
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind, as Account. Repeatable.")] = None


@dataclass(frozen=True)
class PartOptions:
    """A part of a list, or all of them."""

    first: Annotated[int, typer.Option("--first", help="How many at most, in one part.", min=1, max=500)] = 50
    cursor: CursorOption = ""
    every: EveryOption = False

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments of the question."""
        return {"first": self.first, "cursor": self.cursor or None}

    @property
    def named(self) -> dict[str, Any]:
        """The same for what is found by names or identifiers, whose parts are smaller."""
        return {**self.asked, "first": min(self.first, MOST_NAMED)}


@dataclass(frozen=True)
class LinkPartOptions:
    """A part of what links some entities, or all of them."""

    limit: Annotated[
        int, typer.Option("--limit", help="At most this many link claims, in one part.", min=1, max=2_000)
    ] = 300
    cursor: CursorOption = ""
    every: EveryOption = False

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments of the question."""
        return {"limit": self.limit, "cursor": self.cursor or None}


@app.command("name")
@grouped
def name(
    text: Annotated[str, typer.Argument(help="Words of the name, in any script and order.")],
    *,
    how: NameOptions,
    only: OnlyOptions,
    part: PartOptions,
    footing: FootingOptions,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Find entities by a name that visible records give them. Counts as one identifier of the day's budget.

    Case and accents don't matter; all words must be there.
    """
    asked = {"text": text, "beginning": how.beginning, "kinds": how.kind or None, **part.named, **only.asked}
    with read_profile(profile).client(signed=footing.signed) as client:
        found = _parts(client, NAMES, asked, footing.footing, part.every)
        _list_entities(found, "searchNames", json)


@app.command("identifier")
@grouped
def identifier_(
    begins: Annotated[str, typer.Argument(help="How it begins, as Phone:value=+25471000.")],
    *,
    only: OnlyOptions,
    part: PartOptions,
    footing: FootingOptions,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Find entities by how their identifier begins: the last part of the key may go on.

    Each part counts as --first identifiers of the day's budget. A telephone number begins with + and at least seven
    digits, anything else with five characters.
    """
    kind, parts = identifier(begins, where="BEGINS")
    stated = {"kind": kind, "parts": [{"name": name, "value": value} for name, value in parts.items()]}
    asked = {**stated, **part.named, **only.asked}
    with read_profile(profile).client(signed=footing.signed) as client:
        found = _parts(client, IDENTIFIERS, asked, footing.footing, part.every)
        _list_entities(found, "searchIdentifiers", json)


@app.command("timeline")
@grouped
def timeline(
    entities: Entities,
    *,
    link_kind: Annotated[
        list[str] | None, typer.Option("--link-kind", help="Only links of this kind, as USES. Repeatable.")
    ] = None,
    only: OnlyOptions,
    part: PartOptions,
    footing: FootingOptions,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """List what is claimed of entities in the order of time: by records of them, and links that touch them."""
    with read_profile(profile).client(signed=footing.signed) as client:
        asked = {"entities": _handles(client, entities, footing.footing), "linkKinds": link_kind or None}
        asked |= {**part.asked, **only.asked}
        for found, answer, following in _parts(client, TIMELINE, asked, footing.footing, part.every):
            if json:
                write_json({**_plain(answer, "timeline"), **looked(answer)})
                continue
            keys = {one.handle: one.key or one.handle for one in found.things}
            rows = (
                (one.at, keys[one.source], one.link, one.target and keys[one.target], one.record.owner)
                for one in found.events
            )
            title = f"{found.claim_count} claims of {found.owner_count} owners, {found.undated_count} without a time"
            table(("when", "what", "link", "with", "says"), rows, title)
            _tell(answer, following)


@app.command("common")
@grouped
def common(
    entities: Entities,
    *,
    part: LinkPartOptions,
    only: OnlyOptions,
    footing: FootingOptions,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Show who links some entities: the things that two or more of them are linked with."""
    with read_profile(profile).client(signed=footing.signed) as client:
        asked = {"entities": _handles(client, entities, footing.footing), **part.asked}
        for found, answer, following in _parts(client, COMMON, {**asked, **only.asked}, footing.footing, part.every):
            if json:
                write_json({**_plain(answer, "common"), **looked(answer)})
            elif found is None:
                raise NotFound("fewer than two of these entities are visible", where="entities")
            else:
                _show_common(found)
                _tell(answer, following)


def _show_common(found: Common) -> None:
    keys = {one.handle: one.key or one.handle for one in found.entities}
    rows = (
        (keys[one.thing], ", ".join(keys[end] for end in one.joins), one.claim_count, one.owner_count)
        for one in found.shared
    )
    table(("shared", "by", "claims", "owners"), rows, f"{found.shared_count} things are shared")
    joined = {(one.source, one.kind, one.target) for one in found.links if {one.source, one.target}.isdisjoint(
        shared.thing for shared in found.shared)}  # fmt: skip
    for source, kind, target in sorted(joined):
        typer.echo(f"linked: {keys[source]} {kind} {keys[target]}")


def _parts(
    client: Client, question: Question[T], asked: Mapping[str, Any], footing: Footing, every: bool
) -> Iterator[tuple[T, Answer, str | None]]:
    """The part that is asked for, or ``every`` one from there on, each with the cursor that is left to go on with."""
    for found, answer in client.pages(question, asked, footing):
        yield found, answer, None if every else getattr(found, "next", None)
        if not every:
            return


def _list_entities(
    parts: Iterator[tuple[NamesFound | IdentifiersFound, Answer, str | None]],
    field: str,
    json: bool,
) -> None:
    for found, answer, following in parts:
        if json:
            write_json({**_plain(answer, field), **looked(answer)})
            continue
        rows = ((one.kind, one.key, one.record_count, one.owner_count, one.handle) for one in found.entities)
        table(("kind", "key", "records", "owners", "handle"), rows, f"{found.entity_count} found")
        _tell(answer, following)


def _handles(client: Client, entities: Sequence[str], footing: Footing) -> list[str]:
    """The handles of entities given by handle or by identifier. Raises NotFound for one that is not visible."""
    found = []
    for place, one in enumerate(entities):
        if ":" not in one:
            found.append(one)
            continue
        kind, parts = identifier(one, f"entities/{place}")
        stated = [{"name": name, "value": value} for name, value in parts.items()]
        seen = client.read(SEARCH, {"kind": kind, "parts": stated}, footing)
        if not seen:
            raise NotFound("no visible record speaks of this entity", where=f"entities/{place}")
        found.append(seen[0].handle)
    return found


def _plain(answer: Answer, field: str) -> dict[str, Any]:
    return {field: answer.data[field], "index": answer.proof.index}


def _tell(answer: Answer, following: str | None) -> None:
    """How far the answer looked, and how to go on."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"ledger index {answer.proof.index}, receipt checked")
    warn(console, answer)
    if following is not None:
        typer.echo(f"more with --cursor {following}")
