"""Reads. Each takes a :class:`~graphsvc.policy.scope.Scope` and returns only what it lets see.

An entity is there if and only if a live claim that the scope views supports it; absent, hidden, expired and withdrawn
look alike. What is read of entities is read in one world of the reader's (:class:`graphsvc.graph.facts.Node`): no other
claims count. Where ``grades`` are given, a claim with another grading counts as not there. ``now`` is epoch seconds
(default: the clock), so that a test can stand at any moment. All reads raise Unavailable when Neo4j can't be had.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from graphsvc.graph import queries
from graphsvc.graph.facts import (
    IDENTIFIED,
    EntityFacts,
    LinkClaim,
    Neighbourhood,
    Node,
    Path,
    Paths,
    RecordClaim,
    Shuffle,
    claim_order,
    entity_order,
    link_order,
    ordered,
    shuffle_of,
)
from graphsvc.graph.paths import Search
from graphsvc.graph.write import read_labels

if TYPE_CHECKING:
    from graphsvc.graph.driver import Graph
    from graphsvc.model.labels import Label
    from graphsvc.policy.scope import Scope

RECORDS = 50
"""Claims shown of one entity; :attr:`EntityFacts.more` says that there are more."""

Grades = Sequence[str] | None
"""Which gradings a claim may have, as :func:`graphsvc.graph.queries.graded` has them; None: any, or none."""

BUDGET = 20_000
"""Visible claims that one path search may look at."""


class Reader:
    """Reads from one graph. Any number at once; keeps nothing that was read."""

    def __init__(self, graph: Graph, records: int = RECORDS, budget: int = BUDGET, secret: bytes = b"") -> None:
        """``secret`` decides between what looks alike; without it, one that is drawn here."""
        self._secret = secret or secrets.token_bytes(32)
        self._shuffles: dict[str, Shuffle] = {}
        self._graph = graph
        self._records = records
        self._budget = budget

    def plan_ahead(self) -> Future[None]:
        """Have the server plan what questions begin with; returns at once."""
        return self._graph.plan_ahead(queries.first_asked())

    async def labels(self, after: int = -1) -> list[tuple[int, Label]]:
        """The labels numbered above ``after``, in order. For deciding on them, never for showing."""
        return await self._graph.in_thread(lambda: read_labels(self._graph, after))

    async def resolve(
        self, scope: Scope, keys: Sequence[str], now: float | None = None, grades: Grades = None
    ) -> dict[str, int]:
        """The entities that canonical keys name, where a visible claim grants the identity; others are left out."""
        rows = await self._ask(queries.RESOLVE, scope, now, grades, keys=list(keys))
        return dict(rows[0])

    async def names(
        self, scope: Scope, ids: Sequence[int], now: float | None = None, world: str = IDENTIFIED
    ) -> dict[int, tuple[str, str | None]]:
        """The marks of those of ``ids`` that are visible in a world, and their canonical keys where it grants them."""
        rows = await self._ask(queries.NAMES, scope, now, world=world, ids=list(ids))
        return {n: (mark, key) for n, mark, key in rows[0]}

    async def entities(
        self,
        scope: Scope,
        ids: Sequence[int],
        now: float | None = None,
        grades: Grades = None,
        world: str = IDENTIFIED,
    ) -> list[EntityFacts]:
        """Facts of those of ``ids`` that are visible in a world, in the order of ``ids``."""
        asked = {"ids": list(ids), "records": self._records + 1}
        rows = await self._ask(queries.ENTITIES, scope, now, grades, world=world, **asked)
        found = {facts.id: facts for facts in self._all_facts(rows[0], scope, world)}
        return [found[n] for n in dict.fromkeys(ids) if n in found]

    async def entity(
        self, scope: Scope, node: Node, now: float | None = None, grades: Grades = None
    ) -> EntityFacts | None:
        """Facts of an entity as the reader knows it; None when it is not visible."""
        asked = {"mark": node.mark, "records": self._records + 1}
        rows = await self._ask(queries.ENTITY, scope, now, grades, world=node.world, **asked)
        return next(iter(self._all_facts(rows[0], scope, node.world)), None) if rows else None

    async def expand(
        self,
        scope: Scope,
        start: Node,
        hops: int,
        kinds: Sequence[str] | None,
        limit: int,
        now: float | None = None,
        grades: Grades = None,
    ) -> Neighbourhood | None:
        """The network within ``hops`` (1 to ``MAX_HOPS``) of an entity: at most ``limit`` links, nearest first.

        ``kinds`` None follows all kinds of link. One round trip. None when the start is not visible.
        """
        statement = queries.expand(min(max(hops, 1), queries.MAX_HOPS), kinds is not None)
        asked = {"start": start.mark, "kinds": list(kinds or ()), "most": limit + 1, "records": self._records + 1}
        rows = await self._ask(statement, scope, now, grades, world=start.world, **asked)
        if not rows:
            return None
        shuffle = self._shuffle(scope)
        entities = ordered(self._all_facts(rows[1], scope, start.world), entity_order, shuffle.entity)
        if all(entity.mark != start.mark for entity in entities):
            return None
        keys = {entity.id: entity.key for entity in entities if entity.key is not None}
        links = ordered(map(LinkClaim._make, rows[0]), lambda link: link_order(link, keys), shuffle.claim)
        return Neighbourhood(entities, links, rows[2])

    async def paths(
        self,
        scope: Scope,
        source: Node,
        target: Node,
        max_hops: int,
        k: int,
        now: float | None = None,
        grades: Grades = None,
    ) -> Paths:
        """The ``k`` shortest simple paths between two entities, at most ``max_hops`` long, directions ignored.

        Ties go by visible keys along the path. There is none between two worlds.
        """
        moment, world = time.time() if now is None else now, source.world
        if target.world != world:
            return Paths([], {}, False)
        # 1. Both ends, where they are visible.
        rows = await self._ask(queries.LOCATE, scope, moment, grades, world=world, marks=[source.mark, target.mark])
        ends = dict(rows[0])
        if len(ends) < len({source, target}):
            return Paths([], {}, False)
        # 2. Level by level, until the search has enough (paths).
        shuffle = self._shuffle(scope)
        search = Search(ends[source.mark], ends[target.mark], max_hops, k, self._budget, shuffle)
        while (frontier := search.frontier()) is not None:
            asked: dict[str, Any] = {"frontier": frontier, "most": search.left + 1}
            search.add((await self._ask(queries.LEVEL, scope, moment, grades, world=world, **asked))[0])
        found = search.paths()
        # 3. What is on the paths.
        ids = list(dict.fromkeys(n for path in found for n in path))
        facts = await self.entities(scope, ids, moment, grades, world) if ids else []
        entities = {one.id: one for one in facts}
        claims = list(dict.fromkeys(claim for path in found for claim in search.claims(path)))
        rows = await self._ask(queries.CLAIMS, scope, moment, grades, world=world, claims=claims) if claims else [[]]
        keys = {facts.id: facts.key for facts in entities.values() if facts.key is not None}
        links = ordered(map(LinkClaim._make, rows[0]), lambda link: link_order(link, keys), shuffle.claim)
        paths = [Path(path, _along(path, links)) for path in found]
        return Paths([p for p in paths if _whole(p, entities)], entities, search.truncated)

    async def match(self, scope: Scope, keys: Sequence[str], now: float | None = None) -> dict[str, set[int]]:
        """Per canonical key the labels of the match set under which a live claim is held; keys without are left out."""
        rows = await self._ask(queries.MATCH, scope, now, keys=list(keys), match=list(scope.allowed("match")))
        return {key: set(lids) for key, lids in rows[0]}

    async def records_about(self, scope: Scope, keys: Sequence[str], most: int, now: float | None = None) -> list[int]:
        """Up to ``most`` records that speak of the entities which canonical keys name, where identity is granted."""
        rows = await self._ask(queries.RECORDS_ABOUT, scope, now, keys=list(keys), most=most)
        return sorted(rows[0])

    async def records(
        self, scope: Scope, records: Sequence[int], now: float | None = None
    ) -> dict[int, list[EntityFacts]]:
        """Per visible record of ``records`` the entities that it is about, each with what this one record says."""
        rows = await self._ask(queries.RECORDS, scope, now, ids=list(records))
        found: dict[int, list[EntityFacts]] = {}
        for record, entity, mark, kind, key, columns in rows[0]:
            claim = RecordClaim._make(columns)
            facts = EntityFacts(entity, mark, kind, key, [claim], False, scope.world_of(claim.lid))
            found.setdefault(record, []).append(facts)
        shuffle = self._shuffle(scope)
        return {record: ordered(facts, entity_order, shuffle.entity) for record, facts in found.items()}

    async def labels_of(self, scope: Scope, records: Sequence[int], now: float | None = None) -> dict[int, int]:
        """The label numbers of those of ``records`` that are visible."""
        rows = await self._ask(queries.LABELS_OF, scope, now, ids=list(records))
        return dict(rows[0])

    async def _ask(
        self,
        statement: str,
        scope: Scope,
        now: float | None,
        grades: Grades = None,
        world: str | None = None,
        **parameters: Any,
    ) -> list[Any]:
        """Ask within a world; within all of them (None) only where nothing is joined."""
        if grades is not None:
            statement, parameters["grades"] = queries.graded(statement), list(grades)
        parameters["now"] = int(time.time() if now is None else now)
        parameters["withdrawn"] = list(scope.withdrawn)
        parameters["leaving"] = list(scope.leaving)
        parameters.update(self._shuffle(scope)._asdict())
        parameters.update(scope.masks(world))
        return await self._graph.in_thread(lambda: self._graph.answer(statement, parameters))

    def _shuffle(self, scope: Scope) -> Shuffle:
        org = scope.principal.org
        if org not in self._shuffles:
            self._shuffles[org] = shuffle_of(self._secret, org)
        return self._shuffles[org]

    def _all_facts(self, rows: Sequence[Sequence[Any]], scope: Scope, world: str) -> list[EntityFacts]:
        shuffle = self._shuffle(scope)
        return [self._facts(row, shuffle, world) for row in rows]

    def _facts(self, row: Sequence[Any], shuffle: Shuffle, world: str) -> EntityFacts:
        n, mark, kind, key, columns = row
        claims = list(map(RecordClaim._make, columns[: self._records]))
        if len(claims) > 1:
            claims = ordered(claims, claim_order, shuffle.claim)
        return EntityFacts(n, mark, kind, key, claims, len(columns) > self._records, world)


def _along(path: Sequence[int], links: Sequence[LinkClaim]) -> list[LinkClaim]:
    """The links between neighbours on the path, in the path's order."""
    between: dict[frozenset[int], list[LinkClaim]] = {}
    for link in links:
        between.setdefault(frozenset((link.source, link.target)), []).append(link)
    return [link for pair in pairwise(path) for link in between.get(frozenset(pair), ())]


def _whole(path: Path, entities: dict[int, EntityFacts]) -> bool:
    """Whether every entity and step is still there: a label may move between the search and the fetch."""
    steps = {frozenset((link.source, link.target)) for link in path.links}
    pairs = zip(path.entities, path.entities[1:], strict=False)
    return all(n in entities for n in path.entities) and all(frozenset(pair) in steps for pair in pairs)
