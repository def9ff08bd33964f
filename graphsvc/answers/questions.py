"""What one request reads, under one scope; everything that it shows is noted down on the way.

Answers are plain dictionaries in the shapes of the GraphQL types. Entities, records and links leave by handle only;
order is decided by visible values, then by handle, never by a number of ours.

What blocks or takes long runs in threads: the ledger's tables, identifiers by the hundred, shapes by the hundred. What
takes long in the graph goes by lanes (:mod:`graphsvc.answers.lanes`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from graphsvc.answers.rendering import MOST_HIT, MOST_HITS, Cut, Shapes
from graphsvc.answers.rings import Apart, find_rings
from graphsvc.graph.facts import EntityFacts, Link, LinkClaim, Node, Told
from graphsvc.graph.handles import RECORD
from graphsvc.ledger import tables
from graphsvc.lifecycle.store import standing
from graphsvc.lifecycle.views import CustodyReading
from graphsvc.model.errors import Denied, InvalidInput, InvalidQuery
from graphsvc.model.gradings import Minimum
from graphsvc.model.hints import hint
from graphsvc.model.room import Room
from graphsvc.model.scalars import ValueProblem
from graphsvc.policy.scope import Scope
from graphsvc.projection.schedule import Progress
from graphsvc.rulebooks.views import GovernedReading
from graphsvc.sharing.views import SharedReading

if TYPE_CHECKING:
    from graphsvc.answers.ask import Sources

Shape = dict[str, Any]
T = TypeVar("T")
MANY = 300
"""From so many claims on, shapes are made in a thread: some milliseconds of work."""
SEVERAL = 20
"""From so many identifiers on, they are cleaned in a thread."""
HIT, NO_HIT, NOT_ASKED = "HIT", "NO_HIT", "NOT_ASKED"
ANALYST = "analyst"
"""The role that the shared rules ask of whoever analyses; without it no record is in scope for that."""
NOTHING_TOLD: Mapping[Link, Told] = MappingProxyType({})
MOST_ASIDE = 200
"""Ranges of rows set aside that are listed of one submission, by code."""


class Reading:
    """The reads of one request. One question at a time; made anew for each attempt."""

    def __init__(self, sources: Sources, scope: Scope, pending: Sequence[int] = ()) -> None:
        self._sources = sources
        self._pending = pending
        self._scope = scope
        self._now = int(time.time())
        self._handles = sources.handles(scope.principal.org)
        self._shapes = Shapes(scope, self._handles, sources.schema, Room())
        self._reached = -1

    def was_reached(self, progress: Progress) -> bool:
        """Whether all that was asked for to be applied was so at that moment: a scope from before may be too narrow."""
        return self._reached < 0 or progress.reached(self._reached, self._org)

    @property
    def _org(self) -> str:
        return self._scope.principal.org

    @property
    def noted(self) -> Shapes:
        """What is shown so far, or told by a hit, record by record."""
        return self._shapes

    @property
    def cut(self) -> Cut:
        """What was left out so far of what may be seen."""
        return self._shapes.cut

    def only_own(self, action: str) -> bool:
        """Whether nobody's records but the caller's own are in scope for an action."""
        labels = self._scope.labels
        return all(labels[lid].owner == self._org for lid in self._scope.allowed(action))

    @property
    def sharing(self) -> SharedReading:
        """What the caller's organisation reads of requests, grants and groups."""
        return SharedReading(self._sources, self._scope, self._shapes, self._now)

    @property
    def custody(self) -> CustodyReading:
        """What the caller's organisation reads of what it holds, took back and was told."""
        return self._sources.custody.reading(self._scope, self._shapes, self._now)

    @property
    def governing(self) -> GovernedReading:
        """What the caller's organisation reads of policies."""
        return GovernedReading(self._sources, self._scope, self._shapes, self._now)

    async def entity(self, handle: str, after: int | None, grading: Minimum | None) -> Shape | None:
        """One entity by its handle; None when it is absent, forbidden, foreign or invented."""
        grades = self._grades(grading)
        await self._reach(after)
        node = self._open(handle)
        if node is None:
            return None
        facts = await self._sources.reader.entity(self._scope, node, self._now, grades)
        return None if facts is None else self._shapes.entities([facts])[0]

    async def search(
        self, kind: str, parts: Mapping[str, str], after: int | None, grading: Minimum | None
    ) -> list[Shape]:
        """The visible entity that an exact identifier names, if its identity is visible too; it counts as asked."""
        grades, reader = self._grades(grading), self._sources.reader
        try:
            key = self._key(kind, parts)
        except ValueProblem as problem:
            raise InvalidQuery(problem.message, code=problem.code, where="identifier") from None
        await self._sources.budget.spend(self._scope.principal.organisation, [key])
        await self._reach(after)
        ids = await reader.resolve(self._scope, [key], self._now, grades)
        return self._shapes.entities(await reader.entities(self._scope, list(ids.values()), self._now, grades))

    async def expand(
        self,
        start: str,
        hops: int,
        link_kinds: Sequence[str] | None,
        limit: int,
        after: int | None,
        grading: Minimum | None,
    ) -> Shape | None:
        """The network within ``hops`` links of an entity, at most ``limit`` link claims, nearest first."""
        grades = self._grades(grading)
        _known(link_kinds or (), self._sources.schema.links, "link kind", "linkKinds")
        await self._reach(after)
        node = self._open(start)
        if node is None:
            return None
        async with self._sources.wide.turn(self._org):
            found = await self._sources.reader.expand(self._scope, node, hops, link_kinds, limit, self._now, grades)
        if found is None:
            return None
        network = await _shaped(
            _claims(found.entities, found.links), lambda: self._network(found.entities, found.links, found.told)
        )
        return {**network, **self._cut("links", found.truncated, found.entities)}

    async def paths(
        self, source: str, target: str, max_hops: int, k: int, after: int | None, grading: Minimum | None
    ) -> Shape:
        """The ``k`` shortest paths between two entities over visible claims, the shortest first."""
        grades = self._grades(grading)
        await self._reach(after)
        ends = self._open(source), self._open(target)
        if ends[0] is None or ends[1] is None:
            return {"paths": [], **self._cut("paths", False, ())}
        async with self._sources.long.turn(self._org):
            found = await self._sources.reader.paths(self._scope, ends[0], ends[1], max_hops, k, self._now, grades)

        def shapes() -> list[Shape]:
            entities = ([found.entities[number] for number in path.entities] for path in found.paths)
            return [
                {"length": len(path.entities) - 1, **self._network(about, path.links)}
                for path, about in zip(found.paths, entities, strict=True)
            ]

        claims = _claims(found.entities.values(), [link for path in found.paths for link in path.links])
        paths = await _shaped(claims, shapes)
        return {"paths": paths, **self._cut("paths", found.truncated, found.entities.values())}

    async def match(
        self, identifiers: Sequence[tuple[str, dict[str, str], InvalidInput | None]], after: int | None
    ) -> list[Shape]:
        """Hit, no hit or not asked for each identifier; only holders whose policy lets it be known count.

        Not asked comes with why: the identifier can't be cleaned, or without a hit: nobody else was asked, or own
        submissions are not in the graph yet. That tells of nothing but the question and the caller's own organisation.
        """
        # 1. Every identifier's canonical key, or what is wrong with it (model).
        keys = await _when(len(identifiers) > SEVERAL, lambda: [self._key_or_problem(*one) for one in identifiers])
        asked = sorted({key for key in keys if isinstance(key, str)})
        # 2. Counted, all or none, before anything is looked up (budget).
        await self._sources.budget.spend(self._scope.principal.organisation, asked)
        await self._reach(after)
        # 3. Looked up together; absent and not to be known are left out alike (graph.read).
        most = min(MOST_HIT, MOST_HITS // max(1, len(asked)))
        hits = await self._sources.reader.match(self._scope, asked, self._now, most + 1) if asked else {}
        # 4. Noted down for the owners: a hit is a disclosure.
        for lids in hits.values():
            self._shapes.note_hits(lids, most)
        # 5. In the order asked.
        contacts: dict[str, list[Shape]] = {key: self._contacts(lids) for key, lids in hits.items()}
        absent = self._absent()
        return [
            {"kind": kind, **_unasked(key)}
            if isinstance(key, InvalidInput)
            else {"kind": kind, **(_hit(contacts[key]) if key in contacts else absent)}
            for (kind, _, _), key in zip(identifiers, keys, strict=True)
        ]

    def _absent(self) -> Shape:
        """What is said of an identifier without a hit: no hit, or why it was not asked of all that it might be."""
        if not self._scope.footing.stated:
            message = "only your own records were asked: state purpose, legal basis and a registered case"
            return _unasked(InvalidInput(message, code="no_footing"))
        if self.only_own("match"):
            message = "with your roles and on this footing nobody else's records may be asked about"
            return _unasked(InvalidInput(message, code="nobody_to_ask"))
        if self._pending:
            message = "submissions of your organisation are not in the graph yet and may name it: ask again"
            return _unasked(InvalidInput(message, code="not_applied_yet"))
        return {"outcome": NO_HIT, "hit": False, "contacts": [], "problem": None}

    async def budget(self) -> Shape:
        """What the caller's organisation has used of its identifiers today."""
        balance = await self._sources.budget.balance(self._scope.principal.organisation)
        return {"limit": balance.limit, "used": balance.used, "resets_at": balance.resets_at}

    async def rings(self, parameters: Mapping[str, Any], after: int | None) -> Shape:
        """The rings in what the caller may analyse, each explained by records. Raises Denied for all but analysts."""
        if ANALYST not in self._scope.principal.roles:
            raise Denied("only analysts search for rings", where="role")
        _known(parameters.get("identifier_kinds", ()), self._sources.schema.kinds, "kind", "parameters/identifierKinds")
        await self._reach(after)
        async with self._sources.long.turn(self._org):
            detected = await find_rings(self._sources.columns, self._scope, parameters, self._names)
            found, apart = detected.found, detected.apart
            members = sorted({n for ring in found.rings for n in (*ring.accounts, *ring.identifiers)})
            numbers, facts = dict[tuple[str, int], int](), list[EntityFacts]()
            for world, there in apart.by_world(members).items():
                numbers |= {(world, n): node for n, node in there.items()}
                facts += await self._sources.reader.entities(self._scope, list(there), self._now, None, world)

        def shapes() -> list[Shape]:
            shown = zip(facts, self._shapes.entities(facts), strict=True)
            known = {numbers[one.world, one.id]: shape for one, shape in shown}
            # One whose accounts have all gone since the columns were read is none.
            return [self._shapes.ring(ring, known) for ring in found.rings if known.keys() & set(ring.accounts)]

        return {
            "rings": await _shaped(_claims(facts, ()), shapes),
            **self._cut("rings", found.more, facts),
            "excluded_hubs": found.excluded_hubs,
            "accounts": found.accounts,
            "links": found.links,
            "parameters": detected.stated,
        }

    async def submissions(self, first: int, after: int | None) -> list[Shape]:
        """The caller's organisation's submissions, newest first."""
        await self._reach(after)
        return await asyncio.to_thread(self._submissions, first)

    def _submissions(self, first: int) -> list[Shape]:
        table = tables.submissions
        query = select(table).where(table.c.org == self._org).order_by(table.c["index"].desc())
        progress = self._sources.applier.progress
        with self._sources.ledger.reading() as connection:
            rows = connection.execute(query.limit(first)).mappings().all()
            aside = standing(connection, [row["index"] for row in rows])
        return [
            {
                "index": row["index"],
                "received_at": row["t"],
                "rows": row["rows"],
                "accepted": row["accepted"],
                "rejected": row["rejected"],
                "applied": progress.has(row["index"]),
                "set_aside": [
                    {"code": code, "first": low, "last": high}
                    for code, named in aside.get(row["index"], ())
                    for _, low, high in named[:MOST_ASIDE]
                ],
                "more_set_aside": any(len(named) > MOST_ASIDE for _, named in aside.get(row["index"], ())),
                "media_type": row["media_type"],
            }
            for row in rows
        ]

    async def cases(self) -> list[Shape]:
        """The caller's organisation's registered cases."""
        return await asyncio.to_thread(self._cases)

    def _cases(self) -> list[Shape]:
        table = tables.cases
        query = select(table).where(table.c.org == self._org).order_by(table.c["index"])
        with self._sources.ledger.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            {
                "reference": row["reference"],
                "title": row["title"],
                "legal_basis": row["legal_basis"],
                "registered_at": row["t"],
            }
            for row in rows
        ]

    async def access_log(self, since: str | None, until: str | None, first: int, before: int | None) -> Shape:
        """Who saw the caller's organisation's records, newest first; for its data-protection officers."""
        principal = self._scope.principal
        if "officer" not in principal.roles:
            raise Denied("only data-protection officers read the access log", where="role")
        rows, more = await asyncio.to_thread(
            self._sources.ledger.access_log, principal.org, since, until, first, before
        )
        entries = [
            {
                "index": row["index"],
                "at": row["t"],
                "reader": row["reader"],
                "person": row["person"],
                "purpose": row["purpose"],
                "legal_basis": row["basis"],
                "case": row["case"],
                "policy": row["policy"],
                "signed": row["signed"],
                "export": row["export"],
                "records": [
                    {"submission": submission, "row": number, "hit": hit} for submission, number, hit in row["records"]
                ],
            }
            for row in rows
        ]
        return {"entries": entries, "next_before": entries[-1]["index"] if more else None}

    def _cut(self, what: str, more: bool, entities: Iterable[EntityFacts]) -> Shape:
        """What an answer says of what it leaves out: more ``what`` than were asked for, records of its entities."""
        if more:
            self._shapes.cut.more.add(what)
        return {"truncated": more or any(one.more for one in entities), f"more_{what}": more}

    def _network(
        self, entities: Sequence[EntityFacts], links: Sequence[LinkClaim], told: Mapping[Link, Told] = NOTHING_TOLD
    ) -> Shape:
        shapes = self._shapes.entities(entities)
        handles = {one.id: shape["handle"] for one, shape in zip(entities, shapes, strict=True)}
        return {"entities": shapes, "links": self._shapes.links(links, handles, told)}

    async def _names(self, apart: Apart, numbers: Sequence[int]) -> list[str]:
        """What ties between nodes of rings are broken by: the key where it is visible, else a handle."""
        names: dict[int, str] = {}
        for world, there in apart.by_world(numbers).items():
            found = await self._sources.reader.names(self._scope, list(there), self._now, world)
            for n, (mark, key) in found.items():
                names[there[n]] = key or self._handles.seal_node(RECORD, Node(mark, world))
        # What has gone since the columns were read is called something, and shown nowhere.
        return [names.get(number) or self._handles.seal(RECORD, number) for number in numbers]

    def _contacts(self, lids: Iterable[int]) -> list[Shape]:
        organisations = self._sources.ledger.organisations()
        owners = sorted({self._scope.labels[lid].owner for lid in lids})
        found = [organisations[owner] for owner in owners if owner in organisations]
        return [{"org": one.org, "name": one.name, "contact": one.contact} for one in found]

    async def _reach(self, after: int | None) -> None:
        if after is not None:
            index = min(after, self._sources.ledger.head - 1)
            await self._sources.applier.wait(index, self._org)
            self._reached = max(self._reached, index)

    def _open(self, handle: str) -> Node | None:
        return self._handles.open_node(handle, self._scope.worlds)

    def _key(self, kind: str, parts: Mapping[str, str]) -> str:
        return self._sources.schema.key_of(kind, parts, self._org)

    def _key_or_problem(self, kind: str, parts: Mapping[str, str], problem: InvalidInput | None) -> str | InvalidInput:
        try:
            return problem or self._key(kind, parts)
        except ValueProblem as found:
            return found

    def _grades(self, grading: Minimum | None) -> tuple[str, ...] | None:
        if grading is None:
            return None
        try:
            return self._sources.schema.gradings.at_least(grading)
        except ValueProblem as problem:
            raise InvalidQuery(problem.message, code=problem.code, where="grading") from None


def _known(words: Iterable[str], known: Iterable[str], what: str, where: str) -> None:
    """Raise InvalidQuery for a word that the schema does not have: what it names would be no hit, ever."""
    listed = list(known)
    for position, word in enumerate(words):
        if word not in listed:
            message, code = f"there is no such {what}; {hint(word, listed)}", f"unknown_{what.replace(' ', '_')}"
            raise InvalidQuery(message, code=code, where=f"{where}/{position}")


def _claims(entities: Iterable[EntityFacts], links: Sequence[LinkClaim]) -> int:
    return sum(len(one.claims) for one in entities) + len(links)


async def _shaped(claims: int, work: Callable[[], T]) -> T:
    return await _when(claims > MANY, work)


async def _when(long: bool, work: Callable[[], T]) -> T:
    """Do ``work`` in a thread when it is ``long``; a short one takes less time than the way there and back."""
    return await asyncio.to_thread(work) if long else work()


def _hit(contacts: list[Shape]) -> Shape:
    return {"outcome": HIT, "hit": True, "contacts": contacts, "problem": None}


def _unasked(problem: InvalidInput) -> Shape:
    told = {"code": problem.code, "message": problem.message, "where": problem.where}
    return {"outcome": NOT_ASKED, "hit": None, "contacts": [], "problem": told}
