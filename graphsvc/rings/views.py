"""What an organisation reads of its searches: runs, rings page by page, comparisons.

A ring is there if and only if every record that it rests on may be seen now, in the world that the ring was found in.
What rests on all that was analysed (ranks, totals, significance, networks) is told only to a reader who may analyse all
of that now. Everything that a ring cites is noted as shown.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from graphsvc.detect.explain import power_of_ten
from graphsvc.detect.tags import FARM
from graphsvc.graph.sieve import ALL
from graphsvc.model.errors import Denied, InvalidQuery, NotFound
from graphsvc.model.hints import hint
from graphsvc.rings import store
from graphsvc.rings.judged import UNJUDGED, Standing, fold
from graphsvc.rings.kept import Known, Result, Ring
from graphsvc.rings.store import FINISHED, RUNNING, WAITING, Results, Run
from graphsvc.wire.answers import Setting
from graphsvc.wire.rings import KeptRing, KeptRings, RingChange, RingComparison, RingKind, RingRun

if TYPE_CHECKING:
    from graphsvc.answers.questions import Reading
    from graphsvc.graph.facts import EntityFacts

T = TypeVar("T")
ANALYST = "analyst"
BATCH = 100
"""So many rings are looked at together."""
RECORDS = 20_000
"""So many records are looked up at once."""
TOTALS = ("rings", "claims", "accounts", "links", "excluded_hubs")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rings are asked for; None for any."""

    tag: str | None = None
    significant: bool | None = None
    kinds: Sequence[str] | None = None
    agencies: Sequence[str] | None = None
    verdict: str | None = None


@dataclass(slots=True)
class Opened:
    """A run with its result, as one reader may know it; ``covered``: it may analyse all that was analysed."""

    run: Run
    result: Result
    covered: bool
    standing: Mapping[str, Standing] = field(default_factory=dict)

    def order(self) -> list[int]:
        """The places of its rings, in the order in which they are told."""
        places = range(len(self.result.ids))
        if self.covered:
            return list(places)
        # Ranks rest on everything; spread and tag on what a ring cites.
        keys = [(one.tag != "", -float(one.score)) for one in self.result.every()]
        return sorted(places, key=lambda place: (*keys[place], self.result.ids[place]))


class RingsView:
    """The part of a reading that is about rings that were kept. ``stage`` says what is being done about a run."""

    def __init__(self, reading: Reading, results: Results, stage: Callable[[str], str | None]) -> None:
        self.reading = reading
        self._core = reading.core
        self._scope = reading.scope
        self._org = reading.scope.principal.org
        self._results = results
        self._stage = stage
        self.lids: dict[int, int] = {}
        """The labels of the records that were looked up and may be seen."""
        self._looked: set[int] = set()
        self.world_of = cache(reading.scope.world_of)

    async def runs(self, first: int, before: int | None) -> list[RingRun]:
        """The organisation's searches, newest first."""
        self._analysts()

        def read() -> list[RingRun]:
            with self._core.ledger.reading() as connection:
                found = store.runs_of(connection, self._org, before, first)
            return [self.run_of(run) for run in found]

        return await asyncio.to_thread(read)

    async def rings(self, run: str | None, wanted: Wanted, first: int, after: str | None) -> KeptRings | None:
        """The rings of a run (None: the last) that are wanted and may be seen, ranked, after one of them."""
        opened = await self.open(run)
        for kind in wanted.kinds or ():
            if kind not in self._core.schema.kinds:
                message = f"there is no such kind; {hint(kind, self._core.schema.kinds)}"
                raise InvalidQuery(message, code="unknown_kind", where="filter/kinds")
        if opened is None:
            return None
        if wanted.significant is not None and not opened.covered:
            message = "what is significant rests on records that you may not analyse now: ask without this"
            raise InvalidQuery(message, code="not_covered", where="filter/significant")
        places = await asyncio.to_thread(lambda: [n for n in opened.order() if self._may_be(opened, n, wanted)])
        places, shown = _following(places, [opened.result.ids[n] for n in places], after), list[KeptRing]()
        async with self.reading.heavy():
            while places and len(shown) <= first:
                batch, places = places[:BATCH], places[BATCH:]
                rings = [opened.result.ring(place) for place in batch]
                await self.look_up(record for ring in rings for record in ring.evidence)
                for place, ring in zip(batch, rings, strict=True):
                    if len(shown) <= first and self.is_visible(ring) and self._is_of(ring, wanted):
                        shown.append(self.summary(opened, place, ring))
        page = shown[:first]
        following = page[-1].id if len(shown) > first else None
        for one in page:
            listed = self._ring_of(opened, one.id)
            assert listed is not None
            self.note(listed.evidence)
        return KeptRings(run=self.run_of(opened.run), rings=page, next_after=following)

    async def compare(self, earlier: str, later: str, first: int, after: str | None) -> RingComparison | None:
        """Two runs, ring by ring: those of the later one in their order, then those of the earlier one alone."""
        one, two = await self.open(earlier), await self.open(later)
        if one is None or two is None:
            return None
        there = set(two.result.ids)
        ids = [two.result.ids[place] for place in two.order()]
        ids += [ring for ring in (one.result.ids[place] for place in one.order()) if ring not in there]
        ids, changes = _following(ids, ids, after), list[RingChange]()
        async with self.reading.heavy():
            while ids and len(changes) <= first:
                batch, ids = ids[:BATCH], ids[BATCH:]
                pairs = [(name, self._ring_of(one, name), self._ring_of(two, name)) for name in batch]
                await self.look_up(n for _, *both in pairs for ring in both if ring for n in ring.evidence)
                changes += await self._changes((one, two), pairs)
        page = changes[:first]
        return RingComparison(
            earlier=self.run_of(one.run),
            later=self.run_of(two.run),
            changes=page,
            next_after=page[-1].id if len(changes) > first else None,
        )

    async def _changes(
        self, opened: tuple[Opened, Opened], pairs: Sequence[tuple[str, Ring | None, Ring | None]]
    ) -> list[RingChange]:
        found = list[RingChange]()
        for name, *both in pairs:
            old, new = (ring if ring is not None and self.is_visible(ring) else None for ring in both)
            if old is not None or new is not None:
                found.append(await self.change(name, (opened[0], old), (opened[1], new)))
        return found

    async def change(
        self, name: str, earlier: tuple[Opened, Ring | None], later: tuple[Opened, Ring | None]
    ) -> RingChange:
        """How one ring changed between two runs, in each of which it may be missing; what is named is noted."""
        (one, old), (two, new) = earlier, later
        before, now = (set() if ring is None else set(ring.accounts) for ring in (old, new))
        ring = new or old
        assert ring is not None
        facts = await self.entities(sorted(before ^ now), ring.world)
        handles = {fact.id: handle for fact, handle in zip(facts, self.handles(facts), strict=True)}

        def named(entities: set[int]) -> list[str]:
            return sorted(handles[entity] for entity in entities if entity in handles)

        for some in (old, new):
            if some is not None:
                self.note(some.evidence)
        return RingChange(
            id=name,
            earlier=None if old is None else one.run.id,
            later=None if new is None else two.run.id,
            earlier_rank=old.rank if old is not None and one.covered else None,
            later_rank=new.rank if new is not None and two.covered else None,
            earlier_accounts=None if old is None else len(before),
            later_accounts=None if new is None else len(now),
            joined=[] if old is None else named(now - before),
            left=[] if new is None else named(before - now),
        )

    async def open(self, run: str | None) -> Opened | None:
        """A run of the organisation with its result; None where there is no such one, or none yet. Raises Denied."""
        self._analysts()
        return await asyncio.to_thread(self._open, run)

    def _open(self, name: str | None) -> Opened | None:
        with self._core.ledger.reading() as connection:
            try:
                org = self._org
                run = store.last_done(connection, org) if name is None else store.find_run(connection, org, name)
            except NotFound:
                return None
            judged = store.judgements(connection, self._org)
        if run is None or run.state != FINISHED:
            return None
        result = self._results.of(run)
        return Opened(run, result, self._covers(run), fold(judged))

    def run_of(self, run: Run) -> RingRun:
        """A run as it is told to this reader."""
        return run_shape(run, self._stage(run.id) if run.state == WAITING else None, self._covers(run))

    def _covers(self, run: Run) -> bool:
        """Whether the reader may analyse now whatever the run did."""
        return run.totals is not None and set(run.totals["lids"]) <= set(self._scope.allowed("analyse"))

    async def look_up(self, records: Iterable[int]) -> None:
        """Find out which records may be seen, and under which label."""
        wanted = sorted(set(records) - self._looked)
        for start in range(0, len(wanted), RECORDS):
            asked = wanted[start : start + RECORDS]
            self.lids |= await self._core.reader.labels_of(self._scope, asked, self.reading.now)
        self._looked.update(wanted)

    def is_visible(self, ring: Ring) -> bool:
        """Whether all that it rests on may be seen, in its world; its records must have been looked up."""
        lids = self.lids
        return all(n in lids and self.world_of(lids[n]) == ring.world for n in ring.evidence)

    def visible(self, records: Iterable[int], world: str) -> dict[int, int]:
        """Those of some records that may be seen in a world, with their labels."""
        return {n: self.lids[n] for n in records if n in self.lids and self.world_of(self.lids[n]) == world}

    def note(self, records: Iterable[int]) -> None:
        """Note records as shown."""
        for record in records:
            self.reading.shapes.note(record, self.lids[record])

    async def entities(self, ids: Sequence[int], world: str) -> list[EntityFacts]:
        """Facts of entities in a world, where they may be seen."""
        return await self._core.reader.entities(self._scope, ids, self.reading.now, ALL, world) if ids else []

    def handles(self, facts: Sequence[EntityFacts]) -> list[str]:
        """Handles of entities, whose records are noted as shown."""
        return self.reading.shapes.entities(facts).handles

    def owners_of(self, records: Iterable[int]) -> list[str]:
        """The owners of records that may be seen."""
        return sorted({self._scope.labels[self.lids[record]].owner for record in records})

    def summary(self, opened: Opened, place: int, ring: Ring) -> KeptRing:
        """A ring as it is listed."""
        name, covered = opened.result.ids[place], opened.covered
        standing = opened.standing.get(name, UNJUDGED)
        kinds = Counter(one.kind for one in ring.shared)
        return KeptRing(
            id=name,
            run=opened.run.id,
            rank=ring.rank if covered else None,
            score=ring.score,
            core=len(ring.accounts) - len(ring.fringe),
            fringe=len(ring.fringe),
            identifiers=[RingKind(kind=kind, count=count) for kind, count in sorted(kinds.items())],
            agencies=self.owners_of(ring.evidence),
            records=len(ring.evidence),
            tag=tag_of(ring.tag, covered),
            significant=ring.significant if covered else None,
            expected=power_of_ten(ring.log_e) if covered else None,
            network=opened.result.ids[ring.network - 1] if covered else name,
            verdict=standing.verdict,
            merged_with=sorted(standing.merged),
        )

    def _analysts(self) -> None:
        if ANALYST not in self._scope.principal.roles:
            raise Denied("only analysts read what searches for rings found", where="role")

    def _may_be(self, opened: Opened, place: int, wanted: Wanted) -> bool:
        """Whether a ring is wanted, as far as what is told of it without looking says."""
        head, standing = opened.result.found.heads[place], opened.standing.get(opened.result.ids[place], UNJUDGED)
        tag = tag_of(head.tag, opened.covered)
        return (
            wanted.tag in (None, tag or "none")
            and wanted.significant in (None, head.significant)
            and (wanted.kinds is None or bool(set(wanted.kinds) & set(head.kinds)))
            and wanted.verdict in (None, standing.verdict)
        )

    def _is_of(self, ring: Ring, wanted: Wanted) -> bool:
        return wanted.agencies is None or bool(set(wanted.agencies) & set(self.owners_of(ring.evidence)))

    def _ring_of(self, opened: Opened, name: str) -> Ring | None:
        place = opened.result.place(name)
        return None if place is None else opened.result.ring(place)


def _following(listed: list[T], ids: Sequence[str], after: str | None) -> list[T]:
    """What comes after the ring ``after``, ``ids`` being the rings of what is listed; nothing where it is not there."""
    if after is None:
        return listed
    return listed[list(ids).index(after) + 1 :] if after in ids else []


def tag_of(tag: str, covered: bool) -> str | None:
    """A ring's tag as it is told: an account farm is one by a hub that the ring does not cite."""
    return None if not tag or (tag == FARM and not covered) else tag


def known_of(opened: Opened, name: str) -> Known | None:
    """What a run knows of a ring, its own or an older one."""
    return opened.result.entry(name)


def run_shape(run: Run, stage: str | None = None, covered: bool = False) -> RingRun:
    """A run as it is told; totals only to whom it is ``covered`` for."""
    totals: Mapping[str, Any] = (run.totals if covered else None) or {}
    body = run.body
    left = {"purpose", "legalBasis", "case"}
    stated = {name: value for name, value in msgspec.to_builtins(body).items() if name not in left}
    return RingRun(
        id=run.id,
        index=run.index,
        at=run.t,
        person=run.person,
        state=RUNNING if stage else run.state,
        stage=stage,
        ended_index=run.ended,
        ended_at=run.ended_at or None,
        why=run.why or None,
        purpose=body.purpose,
        legal_basis=body.legal_basis,
        case=body.case,
        parameters=[Setting(name=name, value=_shown(value)) for name, value in sorted(stated.items())],
        analysed=run.analysed or None,
        **{name: totals.get(name) for name in TOTALS},
    )


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
