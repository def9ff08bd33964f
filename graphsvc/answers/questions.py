"""What one request reads, under one scope; everything that it shows is noted down on the way.

Answers are the structs of :mod:`graphsvc.wire.answers`, or tables of them. Entities, records and links leave by handle
only; order is decided by visible values, then by handle, never by an internal number.

What blocks or takes long runs in threads: the ledger's tables, identifiers by the hundred, shapes by the hundred. What
takes long in the graph has turns of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from graphsvc.answers.asked import Expansion, Narrowing, Page, Route, bound_to
from graphsvc.answers.budget import Budget
from graphsvc.answers.rendering import MOST_HIT, MOST_HITS, Shapes
from graphsvc.answers.tables import Cuts, Entities, Links, Networks, PathAnswers, PathLines
from graphsvc.api.tables import One, Several
from graphsvc.api.turns import Share, Turns
from graphsvc.core import Core
from graphsvc.graph.facts import EntityFacts, Link, LinkClaim, Node, Told, Walk, Ways
from graphsvc.graph.facts import Paths as FoundPaths
from graphsvc.graph.sieve import Sieve
from graphsvc.model.errors import InvalidInput, InvalidQuery, Unavailable
from graphsvc.model.gradings import Minimum
from graphsvc.model.hints import hint
from graphsvc.model.room import Room
from graphsvc.model.scalars import ValueProblem
from graphsvc.policy.scope import Scope
from graphsvc.projection.schedule import Progress
from graphsvc.wire import answers as wire
from graphsvc.wire.answers import Contact, Entity, IdentifierProblem, Match, Network, Paths

T = TypeVar("T")
V = TypeVar("V")
MANY = 300
"""For more claims than this, shapes are made in a thread: it takes some milliseconds."""
SEVERAL = 20
"""More identifiers than this are cleaned in a thread."""
HIT, NO_HIT, NOT_ASKED = "HIT", "NO_HIT", "NOT_ASKED"
NO_PATHS = FoundPaths([], {}, False)
NOTHING_TOLD: Mapping[Link, Told] = MappingProxyType({})
WIDE = Share(at_once=4, each=3, waiting=16, patience=30.0)
LONG = Share(at_once=2, each=1, waiting=16, patience=30.0)
"""The turns of heavy questions: of neighbourhoods, and of searches for paths and rings.

Together fewer than :data:`graphsvc.graph.driver.READERS`: light questions always find a thread and a connection.
"""
BUSY = "too_busy"
BEHIND_HUBS = "links behind hubs"
"""What is cut where an entity has too many links to be walked through."""


class Identifier(NamedTuple):
    """An identifier as a caller states it: entity kind and raw key parts by name, or why it can't be asked."""

    kind: str
    parts: dict[str, str]
    problem: InvalidInput | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """What questions are answered with. ``views`` are the parts of a reading that other packages add, by type."""

    core: Core
    budget: Budget
    views: Mapping[type, Callable[[Reading], Any]] = field(default_factory=dict)
    wide: Turns = field(default_factory=lambda: Turns(WIDE, _busy))
    long: Turns = field(default_factory=lambda: Turns(LONG, _busy))


class Reading:
    """The reads of one request. One question at a time; made anew for each attempt."""

    def __init__(self, means: Means, scope: Scope, pending: Sequence[int] = ()) -> None:
        self.core = means.core
        self.scope = scope
        self.now = int(time.time())
        """In epoch seconds; everything in one answer is as of then."""
        self._means = means
        self._pending = pending
        self.handles = self.core.handles(scope.principal.org)
        self.shapes = Shapes(scope, self.handles, self.core.schema, Room())
        """Notes what is shown, or told by a hit, record by record, and what is left out of what may be seen."""
        self._reached = -1

    def was_reached(self, progress: Progress) -> bool:
        """Whether all entries waited for were applied at ``progress``: if not, a scope made then may be too narrow."""
        return self._reached < 0 or progress.reached(self._reached, self._org)

    @property
    def _org(self) -> str:
        return self.scope.principal.org

    def only_own(self, action: str) -> bool:
        """Whether nobody's records but the caller's own are in scope for an action."""
        labels = self.scope.labels
        return all(labels[lid].owner == self._org for lid in self.scope.allowed(action))

    def heavy(self) -> AbstractAsyncContextManager[None]:
        """A turn for what takes long: searches for paths and rings. Raises Unavailable."""
        return self._means.long.turn(self._org)

    def of(self, view: type[V]) -> V:
        """The part of this reading of type ``view``, which another package adds."""
        found: V = self._means.views[view](self)
        return found

    async def entity(self, handle: str, after: int | None, grading: Minimum | None) -> One[Entity] | None:
        """One entity by its handle; None when it is absent, forbidden, foreign or invented."""
        sieve = Sieve(self._grades(grading))
        await self.reach(after)
        node = self.opened(handle)
        if node is None:
            return None
        facts = await self.core.reader.entity(self.scope, node, self.now, sieve)
        return None if facts is None else One(self.shapes.entities([facts]))

    async def search(
        self, kind: str, parts: Mapping[str, str], after: int | None, narrowing: Narrowing
    ) -> Several[Entity]:
        """The visible entity that an exact identifier names, if its identity is visible too; it counts as asked."""
        scope, reader = self.narrowed(narrowing), self.core.reader
        sieve = self.sieve(narrowing, links=False, records=True)
        try:
            key = self._key(kind, parts)
        except ValueProblem as problem:
            raise InvalidQuery(problem.message, code=problem.code, where="identifier") from None
        await self.spend([key])
        await self.reach(after)
        ids = await reader.resolve(scope, [key], self.now, sieve)
        found = self.shapes.entities(await reader.entities(scope, list(ids.values()), self.now, sieve))
        return Several(found, [len(found)])

    async def expand(self, asked: Expansion, narrowing: Narrowing, after: int | None) -> One[Network] | None:
        """The network within some links of one or more entities, nearest first; None where no start is visible."""
        scope, sieve = self.narrowed(narrowing), self.sieve(narrowing)
        place, bound = self.place("expand", asked.question, Page(asked.limit, asked.cursor), narrowing)
        await self.reach(after)
        starts = self.opened_together(asked.starts, "starts")
        if not starts:
            return None
        stop = [node.mark for node in map(self.opened, asked.stop) if node is not None]
        walk = Walk(asked.hops, asked.limit, asked.hub_cap, stop, place)
        async with self.wide():
            found = await self.core.reader.expand(scope, starts, walk, self.now, sieve)
        if found is None:
            return None
        entities, links = await shaped(
            claims_in(found.entities, found.links), lambda: self.network(found.entities, [found.links], found.told)
        )
        places = {one.id: handle for one, handle in zip(found.entities, entities.handles, strict=True)}
        hubs = [places[n] for n in found.hubs]
        # What lies behind a hub was not looked for: that is said as any other cut.
        behind = self.cut(BEHIND_HUBS, bool(hubs), ())
        cut = self.cut("links", found.truncated, found.entities)
        following = self.following(found.last, bound)
        return One(Networks(entities, links, hubs, Cuts(cut or behind, found.truncated, following)))

    async def paths(self, asked: Route, narrowing: Narrowing, after: int | None) -> One[Paths]:
        """The ``k`` shortest paths between two entities over visible claims, the shortest first."""
        scope, sieve = self.narrowed(narrowing), self.sieve(narrowing)
        place, bound = self.place("paths", asked.question, Page(asked.k, asked.cursor), narrowing)
        await self.reach(after)
        found, ends = NO_PATHS, (self.opened(asked.source), self.opened(asked.target))
        ways = Ways(asked.max_hops, asked.k, place)
        if ends[0] is not None and ends[1] is not None:
            async with self.heavy():
                found = await self.core.reader.paths(scope, ends[0], ends[1], ways, self.now, sieve)
        entities = [found.entities[number] for path in found.paths for number in path.entities]
        links = [path.links for path in found.paths]
        claims = claims_in(found.entities.values(), list(chain.from_iterable(links)))
        shown = await shaped(claims, lambda: self.network(entities, links))
        lines = PathLines(shown[0], [len(path.entities) for path in found.paths], shown[1])
        cut = self.cut("paths", found.truncated, found.entities.values())
        return One(PathAnswers(lines, Cuts(cut, found.truncated, self.following(found.last, bound))))

    async def match(self, identifiers: Sequence[Identifier], after: int | None) -> list[Match]:
        """Hit, no hit or not asked for each identifier; only holders whose policy lets it be known count.

        Not asked comes with why: the identifier can't be cleaned; or it has no hit, and nobody else was asked or own
        submissions are not in the graph yet. The reason depends only on the question and the caller's organisation.
        """
        # 1. Every identifier's canonical key, or what is wrong with it (model).
        keys = await _when(len(identifiers) > SEVERAL, lambda: [self._key_or_problem(*one) for one in identifiers])
        asked = sorted({key for key in keys if isinstance(key, str)})
        # 2. Counted, all or none, before anything is looked up (budget).
        await self.spend(asked)
        await self.reach(after)
        # 3. Looked up together; those absent and those that may not be known are left out alike (graph.read).
        most = min(MOST_HIT, MOST_HITS // max(1, len(asked)))
        hits = await self.core.reader.match(self.scope, asked, self.now, most + 1) if asked else {}
        # 4. Noted down for the owners: a hit is a disclosure.
        for lids in hits.values():
            self.shapes.note_hits(lids, most)
        # 5. In the order asked.
        contacts = {key: self._contacts(lids) for key, lids in hits.items()}
        absent = self._absent()
        return [
            _unasked(kind, key)
            if isinstance(key, InvalidInput)
            else Match(kind=kind, outcome=HIT, hit=True, contacts=contacts[key], problem=None)
            if key in contacts
            else Match(kind=kind, outcome=NO_HIT, hit=False, contacts=[], problem=None)
            if absent is None
            else _unasked(kind, absent)
            for (kind, _, _), key in zip(identifiers, keys, strict=True)
        ]

    def _absent(self) -> InvalidInput | None:
        """Why an identifier without a hit was not asked of everybody; None: it was, so it is no hit."""
        if not self.scope.footing.stated:
            message = "only your own records were asked: state purpose, legal basis and a registered case"
            return InvalidInput(message, code="no_footing")
        if self.only_own("match"):
            message = "with your roles and on this footing nobody else's records may be asked about"
            return InvalidInput(message, code="nobody_to_ask")
        if self._pending:
            message = "submissions of your organisation are not in the graph yet and may name it: ask again"
            return InvalidInput(message, code="not_applied_yet")
        return None

    async def budget(self) -> wire.Budget:
        """What the caller's organisation has used of its identifiers today."""
        balance = await self._means.budget.balance(self.scope.principal.organisation)
        return wire.Budget(limit=balance.limit, used=balance.used, resets_at=balance.resets_at)

    def place(self, field: str, asked: Any, page: Page, narrowing: Narrowing) -> tuple[Any, bytes]:
        """Where a part begins, and what its cursors are bound to. Raises InvalidQuery for another question's."""
        bound = bound_to(field, asked, narrowing, self.scope.footing)
        if page.after is None:
            return None, bound
        place = self.handles.open_place(page.after, bound)
        if place is None:
            message = "this cursor is of another question, footing or organisation: ask as you did for the part before"
            raise InvalidQuery(message, code="bad_cursor", where="cursor")
        return tuple(place), bound

    def following(self, last: Sequence[str | int] | None, bound: bytes) -> str | None:
        """The cursor of the part that follows a place; None: there is none."""
        return None if last is None else self.handles.seal_place(last, bound)

    def cut(self, what: str, more: bool, entities: Iterable[EntityFacts]) -> bool:
        """Whether an answer leaves something out: more ``what`` than were asked for, which is noted, or records."""
        if more:
            self.shapes.cut.more.add(what)
        return more or any(one.more for one in entities)

    def network(
        self,
        facts: Sequence[EntityFacts],
        lists: Sequence[Sequence[LinkClaim]],
        told: Mapping[Link, Told] = NOTHING_TOLD,
    ) -> tuple[Entities, Links]:
        """The tables of entities, and of lists of links between them; their records are noted as shown."""
        entities = self.shapes.entities(facts)
        handles = {one.id: handle for one, handle in zip(facts, entities.handles, strict=True)}
        return entities, self.shapes.links(lists, handles, told)

    def _contacts(self, lids: Iterable[int]) -> list[Contact]:
        organisations = self.core.ledger.organisations()
        owners = sorted({self.scope.labels[lid].owner for lid in lids})
        found = [organisations[owner] for owner in owners if owner in organisations]
        return [Contact(org=one.org, name=one.name, contact=one.contact) for one in found]

    async def reach(self, after: int | None) -> None:
        """Wait until entry ``after``, and all before it of the caller's organisation, are applied; None: don't wait."""
        if after is not None:
            index = min(after, self.core.ledger.head - 1)
            await self.core.applier.wait(index, self._org)
            self._reached = max(self._reached, index)

    def opened(self, handle: str) -> Node | None:
        """What a handle names; None for one that the caller's organisation was not given."""
        return self.handles.open_node(handle, self.scope.worlds)

    def opened_together(self, handles: Sequence[str], where: str) -> list[Node]:
        """What handles name, those left out that name nothing. Raises InvalidQuery for things of several worlds."""
        nodes = [node for node in map(self.opened, handles) if node is not None]
        if len({node.world for node in nodes}) > 1:
            message = "whose identity is withheld can't be asked about together with others; ask for each by itself"
            raise InvalidQuery(message, code="apart", where=where)
        return nodes

    def wide(self) -> AbstractAsyncContextManager[None]:
        """The caller's turn among questions for neighbourhoods."""
        return self._means.wide.turn(self._org)

    async def spend(self, asked: Sequence[str]) -> None:
        """Count identifiers as asked by the caller's organisation today, all or none. Raises if the budget is spent."""
        await self._means.budget.spend(self.scope.principal.organisation, asked)

    def narrowed(self, narrowing: Narrowing) -> Scope:
        """The scope of a question about the claims of some owners. Raises InvalidQuery for one that nobody knows."""
        if narrowing.owners is None:
            return self.scope
        known = self.core.ledger.organisations()
        for position, owner in enumerate(narrowing.owners):
            if owner not in known:
                message = "there is no such organisation"
                raise InvalidQuery(message, code="unknown_organisation", where=f"owners/{position}")
        return self.scope.of_owners(frozenset(narrowing.owners))

    def sieve(self, narrowing: Narrowing, links: bool = True, records: bool = False) -> Sieve:
        """Which claims count; the time is that of ``links``, of what ``records`` say of entities, or of both.

        Raises InvalidQuery for words that the schema does not have.
        """
        check_known(narrowing.link_kinds or (), self.core.schema.links, "link kind", "linkKinds")
        linked, recorded = (narrowing.during if wanted else None for wanted in (links, records))
        return Sieve(self._grades(narrowing.grading), narrowing.link_kinds, linked, recorded)

    def _key(self, kind: str, parts: Mapping[str, str]) -> str:
        return self.core.schema.key_of(kind, parts, self._org)

    def _key_or_problem(self, kind: str, parts: Mapping[str, str], problem: InvalidInput | None) -> str | InvalidInput:
        try:
            return problem or self._key(kind, parts)
        except ValueProblem as found:
            return found

    def _grades(self, grading: Minimum | None) -> tuple[str, ...] | None:
        if grading is None:
            return None
        try:
            return self.core.schema.gradings.at_least(grading)
        except ValueProblem as problem:
            raise InvalidQuery(problem.message, code=problem.code, where="grading") from None


def _busy() -> Unavailable:
    message = "your organisation runs as many questions of this kind as it may; nothing was looked up: ask again"
    return Unavailable(message, code=BUSY)


def check_known(words: Iterable[str], known: Iterable[str], what: str, where: str) -> None:
    """Raise InvalidQuery for a word that the schema does not have: it could never match anything."""
    listed = list(known)
    for position, word in enumerate(words):
        if word not in listed:
            message, code = f"there is no such {what}; {hint(word, listed)}", f"unknown_{what.replace(' ', '_')}"
            raise InvalidQuery(message, code=code, where=f"{where}/{position}")


def claims_in(entities: Iterable[EntityFacts], links: Sequence[LinkClaim]) -> int:
    """How many claims an answer shows."""
    return sum(len(one.claims) for one in entities) + len(links)


async def shaped(claims: int, work: Callable[[], T]) -> T:
    """Make the tables of so many claims: in a thread where these are many."""
    return await _when(claims > MANY, work)


async def _when(long: bool, work: Callable[[], T]) -> T:
    """Do ``work`` in a thread when it is ``long``; short work takes less time than the change of threads."""
    return await asyncio.to_thread(work) if long else work()


def _unasked(kind: str, problem: InvalidInput) -> Match:
    told = IdentifierProblem(code=problem.code, message=problem.message, where=problem.where)
    return Match(kind=kind, outcome=NOT_ASKED, hit=None, contacts=[], problem=told)
