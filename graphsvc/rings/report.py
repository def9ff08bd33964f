"""The report of one ring: who is in it, what they share and when, what lies around it; every line with its records."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from graphsvc.detect.around import hours
from graphsvc.detect.evidence import DAY, EARLIEST, LATEST
from graphsvc.detect.explain import ON_ALL
from graphsvc.detect.removal import Removal, most_missed, without
from graphsvc.rings.judged import UNJUDGED, Judged
from graphsvc.rings.kept import Cited, Ring
from graphsvc.rings.views import Opened, RingsView
from graphsvc.wire.answers import Entity, Reason
from graphsvc.wire.rings import (
    CitedEntity,
    KeptRing,
    RingAdverts,
    RingChange,
    RingJudgement,
    RingRemoval,
    RingReportFile,
    SharedIdentifier,
)

MOST_NETWORK, MOST_REMOVALS = 50, 20
"""At most so many rings of a network, and accounts whose removal is told, in a report."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a ring: accounts by handle to do without, and how many hours east of UTC its nights are."""

    removed: Sequence[str] = ()
    hours_from_utc: int = 0


@dataclass(slots=True)
class _Shown:
    """A ring that may be seen, with the handles of its entities."""

    ring: Ring
    entities: list[Entity]
    handles: Mapping[int, str]

    def named(self, entities: Sequence[int]) -> list[str]:
        return [self.handles[one] for one in entities if one in self.handles]


async def report(view: RingsView, name: str, run: str | None, question: Question) -> RingReportFile | None:
    """The report of a ring as a run found it (None: the last that did); None where it is not there or not visible."""
    opened = await view.open(run)
    entry = None if opened is None else opened.result.entry(name)
    if opened is None or entry is None:
        return None
    if run is None and entry.run != opened.run.id:
        opened = await view.open(entry.run)
    place = None if opened is None else opened.result.place(name)
    if opened is None or place is None:
        return None
    ring = opened.result.ring(place)
    async with view.reading.heavy():
        await view.look_up(ring.cited)
        if not view.is_visible(ring):
            return None
        shown = await _shown(view, ring, opened.covered)
        network = await _network(view, opened, name, ring)
        change = await _change(view, opened, name, ring)
    return await asyncio.to_thread(_report, view, (opened, place), shown, (network, change), question)


def _report(
    view: RingsView,
    where: tuple[Opened, int],
    shown: _Shown,
    around: tuple[list[KeptRing], RingChange | None],
    question: Question,
) -> RingReportFile:
    (opened, place), ring = where, shown.ring
    standing = opened.standing.get(opened.result.ids[place], UNJUDGED)
    fringe = set(ring.fringe)
    return RingReportFile(
        ring=view.summary(opened, place, ring),
        run=view.run_of(opened.run),
        entities=shown.entities,
        core=shown.named([one for one in ring.accounts if one not in fringe]),
        fringe=shown.named(ring.fringe),
        identifiers=_identifiers(view, shown),
        cycles=ring.cycles,
        reasons=_reasons(view, ring, opened.covered),
        brokers=_cited(view, shown, ring.brokers) if opened.covered else [],
        excluded_hubs=_cited(view, shown, ring.hubs),
        adverts=_adverts(view, ring, question.hours_from_utc),
        products=_cited(view, shown, ring.products),
        seizures=_cited(view, shown, ring.seizures),
        go_betweens=_cited(view, shown, ring.between) if opened.covered else [],
        network=around[0],
        removals=_removals(shown, question.removed),
        change=around[1],
        judgements=[_judgement(one, shown) for one in standing.judgements],
        truncated=any(one.more_records for one in shown.entities),
    )


async def _shown(view: RingsView, ring: Ring, covered: bool) -> _Shown:
    """Every entity that the report names, where it and what says so may be seen."""
    beside = (*(ring.between if covered else ()), *ring.hubs, *ring.products, *ring.seizures)
    wanted = dict.fromkeys(ring.accounts)
    wanted |= dict.fromkeys(one.entity for one in ring.shared if one.entity is not None)
    wanted |= dict.fromkeys(entity for entity, records in beside if _all_visible(view, records, ring))
    facts = await view.entities(list(wanted), ring.world)
    table = view.reading.shapes.entities(facts)
    handles = {fact.id: handle for fact, handle in zip(facts, table.handles, strict=True)}
    return _Shown(ring, await asyncio.to_thread(lambda: list(table.shapes())), handles)


def _all_visible(view: RingsView, records: Sequence[int], ring: Ring) -> bool:
    return len(view.visible(records, ring.world)) == len(records)


async def _network(view: RingsView, opened: Opened, name: str, ring: Ring) -> list[KeptRing]:
    """The other rings of its network that may be seen; none where the network rests on what may not be analysed."""
    if not opened.covered:
        return []
    heads, ids = opened.result.found.heads, opened.result.ids
    places = [n for n, head in enumerate(heads) if head.network == ring.network and ids[n] != name][:MOST_NETWORK]
    others = [opened.result.ring(place) for place in places]
    await view.look_up(record for other in others for record in other.evidence)
    found = list[KeptRing]()
    for place, other in zip(places, others, strict=True):
        if view.is_visible(other):
            view.note(other.evidence)
            found.append(view.summary(opened, place, other))
    return found


async def _change(view: RingsView, opened: Opened, name: str, ring: Ring) -> RingChange | None:
    """How it changed since the run before that found it, as far as that may be seen."""
    entry = opened.result.entry(name)
    if entry is None or entry.before is None:
        return None
    earlier = await view.open(entry.before[0])
    place = None if earlier is None else earlier.result.place(name)
    if earlier is None or place is None:
        return None
    old = earlier.result.ring(place)
    await view.look_up(old.evidence)
    return await view.change(name, (earlier, old), (opened, ring)) if view.is_visible(old) else None


def _identifiers(view: RingsView, shown: _Shown) -> list[SharedIdentifier]:
    return [
        SharedIdentifier(
            identifier=None if one.entity is None else shown.handles.get(one.entity),
            kind=one.kind,
            accounts=shown.named(one.accounts),
            since=_day(one.since) if one.since > EARLIEST else None,
            until=_day(one.until) if one.until < LATEST else None,
            records=view.reading.shapes.cite({record: view.lids[record] for record in one.records}),
            record_count=len(one.records),
        )
        for one in shown.ring.shared
    ]


def _reasons(view: RingsView, ring: Ring, covered: bool) -> list[Reason]:
    found = list[Reason]()
    for line in ring.reasons:
        lids = view.visible(line.records, ring.world)
        if len(lids) == len(line.records) and (covered or not line.text.startswith(ON_ALL)):
            found.append(Reason(text=line.text, records=view.reading.shapes.cite(lids), record_count=len(lids)))
    return found


def _cited(view: RingsView, shown: _Shown, entities: Sequence[Cited]) -> list[CitedEntity]:
    found = list[CitedEntity]()
    for entity, records in entities:
        lids = view.visible(records, shown.ring.world)
        if entity in shown.handles and len(lids) == len(records):
            cited = view.reading.shapes.cite(lids)
            found.append(CitedEntity(entity=shown.handles[entity], records=cited, record_count=len(records)))
    return found


def _adverts(view: RingsView, ring: Ring, hours_from_utc: int) -> RingAdverts:
    """The adverts whose records may be seen; each counts once, by its latest time stated."""
    lids = view.visible((one.record for one in ring.adverts), ring.world)
    since: dict[int, int] = {}
    for one in ring.adverts:
        if one.record in lids:
            since[one.entity] = max(one.since, since.get(one.entity, one.since))
    timed, at_night = hours(list(since.values()), hours_from_utc)
    return RingAdverts(
        count=len(since),
        timed=timed,
        at_night=at_night,
        hours_from_utc=hours_from_utc,
        records=view.reading.shapes.cite(lids),
        record_count=len(lids),
    )


def _removals(shown: _Shown, removed: Sequence[str]) -> list[RingRemoval]:
    ring, shared = shown.ring, [one.accounts for one in shown.ring.shared]
    known = {handle: entity for entity, handle in shown.handles.items()}
    asked = {known[handle] for handle in removed if handle in known} & set(ring.accounts)
    found = [without(ring.accounts, shared, asked)] if asked else []
    return [_removal(one, shown) for one in (*found, *most_missed(ring.accounts, shared, MOST_REMOVALS))]


def _removal(one: Removal, shown: _Shown) -> RingRemoval:
    return RingRemoval(accounts=shown.named(one.accounts), pieces=one.pieces, largest=one.largest, left=one.left)


def _judgement(one: Judged, shown: _Shown) -> RingJudgement:
    there = set(shown.handles.values())
    parts = [[handle for handle in part if handle in there] for part in one.body.get("parts", ())]
    return RingJudgement(
        index=one.index,
        at=one.t,
        person=one.person,
        action=one.kind,
        text=one.text,
        rings=[one.ring, *one.body.get("rings", ())] if one.kind == "merge-rings" else [],
        parts=[part for part in parts if part],
    )


def _day(days: int) -> str:
    return datetime.fromtimestamp(days * DAY, UTC).date().isoformat()
