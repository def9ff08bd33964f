"""``graphsvc rings`` at a service: searches as jobs, what they found, and what is judged of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from graphsvc.cli.options import FootingOptions, Page, grouped
from graphsvc.cli.output import table, write_json
from graphsvc.cli.rings import Order, app
from graphsvc.cli.sharing import JsonFlag, ProfileOption, SignOption, sign_and_send, tell
from graphsvc.client.profile import read_profile
from graphsvc.client.questions import COMPARE_RUNS, RING_RUNS
from graphsvc.client.rings import document_of, every_ring, report_of, wait_for
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.model.files import write_durably
from graphsvc.wire.acts import Body
from graphsvc.wire.rings import (
    AcceptRing,
    AnnotateRing,
    CancelDetection,
    DetectRings,
    DismissRing,
    KeptRing,
    MergeRings,
    ReopenRing,
    RingReportFile,
    RingRun,
    SplitRing,
)

RingArgument = Annotated[str, typer.Argument(help="A ring's id, as rings list tells it.")]
RunOption = Annotated[str | None, typer.Option("--run", help="A search's id; without it, the last one.")]
WAIT = 3_600.0
"""So many seconds --wait waits."""


@dataclass(frozen=True)
class Looked:
    """What is looked at, and how."""

    since: Annotated[str | None, typer.Option("--since", help="Only claims from then on, as 2026-01-01T00:00:00Z.")] = (
        None
    )
    until: Annotated[str | None, typer.Option("--until", help="Only claims up to then.")] = None
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind of identifier; repeat.")] = None
    agency: Annotated[list[str] | None, typer.Option("--agency", help="Only this owner's records; repeat.")] = None
    hub_cap: Annotated[int, typer.Option("--hub-cap", help="Leave out what more accounts share.")] = 20
    min_accounts: Annotated[int, typer.Option("--min-accounts", help="The least accounts of a ring.")] = 3
    order: Annotated[Order, typer.Option("--order", help="Rank by spread, or by chance.")] = Order.spread
    seed: Annotated[int, typer.Option("--seed", help="Seed of the community search.")] = 1


@dataclass(frozen=True)
class Filter:
    """Which rings are listed."""

    tag: Annotated[str | None, typer.Option("--tag", help="household, workplace, account farm; none: without one.")] = (
        None
    )
    significant: Annotated[
        bool | None, typer.Option("--significant/--not-significant", help="Only those that are, or are not.")
    ] = None
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only those that share this kind; repeat.")] = None
    agency: Annotated[list[str] | None, typer.Option("--agency", help="Only those that cite this owner; repeat.")] = (
        None
    )
    verdict: Annotated[str | None, typer.Option("--verdict", help="open, accepted or dismissed.")] = None

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments of the question."""
        words = {"kinds": self.kind or None, "agencies": self.agency or None}
        said = {"tag": self.tag, "significant": self.significant, "verdict": self.verdict, **words}
        return {"filter": said}


@grouped
def search(
    *,
    footing: FootingOptions,
    looked: Looked,
    sign: SignOption,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")] = False,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Have the service search in all that you may analyse on this footing; it goes on when you leave."""
    stated = footing.footing
    said = {
        **{"purpose": stated.purpose, "legalBasis": stated.legal_basis, "case": stated.case},
        **{"since": looked.since, "until": looked.until, "kinds": looked.kind or (), "agencies": looked.agency or ()},
        **{"hubCap": looked.hub_cap, "minAccounts": looked.min_accounts},
        **{"order": looked.order.value, "seed": looked.seed},
    }
    try:
        body = msgspec.convert(said, DetectRings)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), code="bad_act") from None
    reach = read_profile(profile)
    with reach.client() as client:
        made = sign_and_send(reach, client, sign, ("rings", body))
        assert isinstance(made, RingRun)
        tell(wait_for(client, made.id, WAIT, stated) if wait else made, json)


@grouped
def runs(*, footing: FootingOptions, page: Page, profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """List the searches of your organisation, newest first; totals on a footing that allows what they analysed."""
    with read_profile(profile).client(signed=footing.signed) as client:
        found = client.read(RING_RUNS, page.asked, footing.footing)
    indexes = [one.index for one in found]
    if json:
        write_json({"ringRuns": found, "nextBefore": page.next_before(indexes)})
        return
    columns = ("id", "asked for", "by", "state", "now", "rings", "purpose", "case", "why")
    rows = (
        (one.id, one.at, one.person, one.state, one.stage, one.rings, one.purpose, one.case, one.why) for one in found
    )
    table(columns, rows)
    page.tell_more(indexes)


def cancel(
    run: Annotated[str, typer.Argument(help="A search's id.")],
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Cancel a search."""
    _act(profile, sign, run, CancelDetection(), json)


@grouped
def listing(
    *,
    footing: FootingOptions,
    wanted: Filter,
    run: RunOption = None,
    first: Annotated[int, typer.Option("--first", help="How many at most.", min=1)] = 50,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """List the rings that a search found, ranked, as far as you may see all that they cite."""
    with read_profile(profile).client(signed=footing.signed) as client:
        found = list(every_ring(client, {"run": run, **wanted.asked}, footing.footing, first))
    if json:
        write_json({"rings": found})
        return
    table(COLUMNS, map(_row, found))


COLUMNS = ("rank", "ring", "core", "fringe", "shares", "spread", "by chance", "tag", "verdict", "network", "agencies")


def _row(one: KeptRing) -> tuple[object, ...]:
    kinds = ", ".join(f"{kind.count} {kind.kind}" for kind in one.identifiers)
    chance = one.expected if one.expected is None or not one.significant else f"{one.expected} *"
    return (
        *(one.rank, one.id, one.core, one.fringe, kinds, one.score, chance, one.tag, one.verdict, one.network),
        ", ".join(one.agencies),
    )


@grouped
def show(
    ring: RingArgument,
    *,
    footing: FootingOptions,
    run: RunOption = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="What is left without this account, by handle; repeat.")
    ] = None,
    hours: Annotated[int, typer.Option("--hours-from-utc", help="The zone that nights are counted in.")] = 0,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Show the report of one ring; every line with how many records it cites."""
    asked = {"run": run, "removed": without or None, "hoursFromUtc": hours}
    with read_profile(profile).client(signed=footing.signed) as client:
        found = report_of(client, ring, footing.footing, asked)
    if json:
        write_json(found)
        return
    _tell_report(found)


@grouped
def save(
    *,
    footing: FootingOptions,
    wanted: Filter,
    out: Annotated[Path, typer.Option("--out", help="Where to: rings report draws its pictures.", dir_okay=False)],
    run: RunOption = None,
    first: Annotated[int, typer.Option("--first", help="How many rings at most.", min=1)] = 50,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Keep the reports of rings in a file; it is asked for export, so only what may be exported is in it."""
    if out.exists():
        raise InvalidInput("there is a file already", code="exists", where=str(out))
    stated = msgspec.structs.replace(footing.footing, export=True)
    with read_profile(profile).client(signed=footing.signed) as client:
        listed = list(every_ring(client, {"run": run, **wanted.asked}, stated, first))
        files = [report_of(client, one.id, stated, {"run": one.run}) for one in listed]
    write_durably(out, msgspec.json.format(msgspec.json.encode(document_of(files)), indent=1) + b"\n")
    if json:
        write_json({"rings": len(files), "out": str(out)})
        return
    typer.echo(f"{len(files)} rings in {out}")


@grouped
def compare(
    earlier: Annotated[str, typer.Argument(help="The earlier search's id.")],
    later: Annotated[str, typer.Argument(help="The later search's id.")],
    *,
    footing: FootingOptions,
    first: Annotated[int, typer.Option("--first", help="How many at most.", min=1, max=500)] = 50,
    after: Annotated[str | None, typer.Option("--after", help="Go on after this ring.")] = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Compare two searches, ring by ring: who joined, who left, what is new and what is gone."""
    asked = {"earlier": earlier, "later": later, "first": first, "afterRing": after}
    with read_profile(profile).client(signed=footing.signed) as client:
        found = client.read(COMPARE_RUNS, asked, footing.footing)
    if found is None:
        raise NotFound("there is no such search, or it has no result")
    if json:
        write_json(found)
        return
    rows = (
        (
            *(one.id, one.earlier_rank, one.later_rank, one.earlier_accounts, one.later_accounts),
            *(len(one.joined), len(one.left)),
        )
        for one in found.changes
    )
    table(("ring", "rank then", "rank now", "accounts then", "now", "joined", "left"), rows)
    if found.next_after is not None:
        typer.echo(f"there are more: go on with --after {found.next_after}")


def accept(
    ring: RingArgument,
    *,
    note: Annotated[str, typer.Option("--note", help="A note.")] = "",
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Accept a ring as one."""
    _act(profile, sign, ring, AcceptRing(note=note), json)


ReasonOption = Annotated[str, typer.Option("--reason", help="Why.")]


def dismiss(
    ring: RingArgument, *, reason: ReasonOption, sign: SignOption, profile: ProfileOption = None, json: JsonFlag = False
) -> None:
    """Dismiss a ring; the computed result stays as it is, and so does the verdict in later searches."""
    _act(profile, sign, ring, DismissRing(reason=reason), json)


def reopen(
    ring: RingArgument, *, reason: ReasonOption, sign: SignOption, profile: ProfileOption = None, json: JsonFlag = False
) -> None:
    """Take back that a ring was accepted or dismissed."""
    _act(profile, sign, ring, ReopenRing(reason=reason), json)


def annotate(
    ring: RingArgument,
    *,
    text: Annotated[str, typer.Option("--text", help="What to note.")],
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Note something on a ring."""
    _act(profile, sign, ring, AnnotateRing(text=text), json)


def merge(
    ring: RingArgument,
    *,
    other: Annotated[list[str] | None, typer.Option("--with", help="Another ring; repeat. None: no more.")] = None,
    reason: ReasonOption,
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Judge that rings are one."""
    _act(profile, sign, ring, MergeRings(reason=reason, rings=tuple(other or ())), json)


def split(
    ring: RingArgument,
    *,
    part: Annotated[
        list[str] | None, typer.Option("--part", help="Handles of a part's accounts, with commas; repeat. None: one.")
    ] = None,
    reason: ReasonOption,
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Judge that a ring is several."""
    parts = tuple(tuple(one.strip() for one in part.split(",") if one.strip()) for part in part or ())
    _act(profile, sign, ring, SplitRing(reason=reason, parts=parts), json)


def _act(profile: Path | None, sign: Path, sub: str, body: Body, json: bool) -> None:
    reach = read_profile(profile)
    with reach.client() as client:
        tell(sign_and_send(reach, client, sign, (sub, body)), json)


def _tell_report(found: RingReportFile) -> None:
    names = {one.handle: one.key or one.handle for one in found.entities}
    table(COLUMNS, [_row(found.ring)])
    members = [(names.get(one, one), "core") for one in found.core]
    members += [(names.get(one, one), "fringe") for one in found.fringe]
    table(("account", ""), members, "\nWho is in it")
    shared = (
        (names.get(one.identifier or "", one.kind), len(one.accounts), one.since, one.until, one.record_count)
        for one in found.identifiers
    )
    table(("shared", "by", "from", "to", "records"), shared, "\nWhat they share")
    adverts = found.adverts
    night = f"{adverts.at_night} of {adverts.timed} between 9 pm and 6 am, UTC{adverts.hours_from_utc:+d}"
    lines = [(one.text, one.record_count) for one in found.reasons]
    lines.append((f"adverts: {adverts.count}; {night}", adverts.record_count))
    for what, some in (
        *(("broker", found.brokers), ("left out, shared by too many", found.excluded_hubs)),
        *(("offered", found.products), ("seizure", found.seizures), ("go-between", found.go_betweens)),
    ):
        lines += [(f"{what}: {names.get(one.entity, one.entity)}", one.record_count) for one in some]
    table(("why", "records"), lines, "\nWhy, and what is around it")
    if found.removals:
        rows = ((", ".join(names.get(a, a) for a in one.accounts), one.pieces, one.largest) for one in found.removals)
        table(("without", "pieces", "largest"), rows, "\nWhat is left without some")
    if found.network:
        table(COLUMNS, map(_row, found.network), "\nIts network")
    if found.change is not None:
        change = found.change
        typer.echo(f"\nsince the run before: {len(change.joined)} joined, {len(change.left)} left")
    if found.judgements:
        judged = ((one.index, one.at, one.person, one.action, one.text) for one in found.judgements)
        table(("ledger", "when", "who", "what", "text"), judged, "\nWhat was judged")


for _name, _command in (
    ("search", search),
    ("runs", runs),
    ("cancel", cancel),
    ("list", listing),
    ("show", show),
    ("save", save),
    ("compare", compare),
    ("accept", accept),
    ("dismiss", dismiss),
    ("reopen", reopen),
    ("annotate", annotate),
    ("merge", merge),
    ("split", split),
):
    # One group: these commands speak with a service, those of graphsvc.cli.rings work on files.
    app.command(_name)(_command)
