"""Reads. Each takes a :class:`~graphsvc.policy.scope.Scope` and returns only what that allows.

An entity is there if and only if a live claim that the scope views supports it; absent, hidden, expired and withdrawn
look alike. What is read of entities is read in one world of the reader's (:class:`graphsvc.graph.facts.Node`): no other
claims count. What does not pass the ``sieve`` counts as not there. ``now`` is epoch seconds (default: the clock), so
that a test can stand at any moment. All reads raise Unavailable when Neo4j can't be had, and
TooLarge when what they would return passes :data:`graphsvc.model.room.ROOM`; Neo4j checks this first.

What comes back is put in order where :meth:`graphsvc.graph.driver.Graph.ask` says: a small answer at once, a large one
in one of the graph's threads, not on the event loop.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from graphsvc.graph import queries
from graphsvc.graph.facts import (
    IDENTIFIED,
    EntityFacts,
    Link,
    LinkClaim,
    Neighbourhood,
    Node,
    Path,
    Paths,
    RecordClaim,
    Shuffle,
    Told,
    Walk,
    Ways,
    claim_order,
    entity_order,
    link_order,
    ordered,
    shuffle_of,
    tell,
)
from graphsvc.graph.farther import REACH, farther, last_place
from graphsvc.graph.paths import MOST, Search, trace
from graphsvc.graph.sieve import ALL, Sieve
from graphsvc.graph.statements import Parameters
from graphsvc.graph.turns import Places, by_turns
from graphsvc.graph.write import read_labels
from graphsvc.model.errors import CHANGED, Conflict
from graphsvc.model.room import ROOM, too_large

if TYPE_CHECKING:
    from graphsvc.graph.driver import Graph
    from graphsvc.model.labels import Label
    from graphsvc.policy.scope import Scope

RECORDS = 50
"""At most this many claims are shown of one entity; :attr:`EntityFacts.told` has the totals over all of them."""

NO_CAP = 1 << 40
"""More claims than an entity has."""

T = TypeVar("T")


class Ask(Protocol):
    """Runs a statement with parameters under one scope, and returns what ``make`` makes of its only row (else: [])."""

    def __call__(self, statement: str, make: Callable[[list[Any]], T], /, **more: Any) -> Awaitable[T]: ...  # noqa: D102


BUDGET = 20_000
"""At most this many visible claims are looked at in one path search."""


class Reader:
    """Reads from one graph. Any number at once; keeps nothing that was read."""

    def __init__(self, graph: Graph, records: int = RECORDS, budget: int = BUDGET, secret: bytes = b"") -> None:
        """``secret`` decides between what looks alike; without it, a random one does."""
        self._secret = secret or secrets.token_bytes(32)
        self._shuffles: dict[str, Shuffle] = {}
        self._places: dict[str, Places] = {}
        self._graph = graph
        self.records_listed = records
        """At most this many claims are shown of one entity."""
        self._budget = budget

    def plan_ahead(self) -> Future[None]:
        """Have the server plan the statements that questions run first; returns at once."""
        return self._graph.plan_ahead(queries.first_asked())

    async def labels(self, after: int = -1) -> list[tuple[int, Label]]:
        """The labels numbered above ``after``, in order. For deciding on them, never for showing."""
        return await self._graph.in_thread(lambda: read_labels(self._graph, after))

    async def resolve(
        self, scope: Scope, keys: Sequence[str], now: float | None = None, sieve: Sieve = ALL
    ) -> dict[str, int]:
        """The entities that canonical keys name, where a visible claim grants the identity; others are left out."""
        ask = self.asking(scope, now, sieve)
        return await ask(queries.RESOLVE, lambda row: dict(row[0]), keys=list(keys))

    async def names(
        self, scope: Scope, ids: Sequence[int], now: float | None = None, world: str = IDENTIFIED
    ) -> dict[int, tuple[str, str | None]]:
        """The marks of those of ``ids`` that are visible in a world, and their canonical keys where granted."""

        def named(row: list[Any]) -> dict[int, tuple[str, str | None]]:
            return {n: (mark, key) for n, mark, key in row[0]}

        return await self.asking(scope, now, ALL, world)(queries.NAMES, named, ids=list(ids))

    async def entities(
        self,
        scope: Scope,
        ids: Sequence[int],
        now: float | None = None,
        sieve: Sieve = ALL,
        world: str = IDENTIFIED,
    ) -> list[EntityFacts]:
        """Facts of those of ``ids`` that are visible in a world, in the order of ``ids``."""
        return await self.entities_of(self.asking(scope, now, sieve, world), ids, scope, world)

    async def entity(
        self, scope: Scope, node: Node, now: float | None = None, sieve: Sieve = ALL
    ) -> EntityFacts | None:
        """Facts of an entity as the reader knows it; None when it is not visible."""

        def facts(row: list[Any]) -> EntityFacts | None:
            found = self.facts_of(whole(row[0]), scope, node.world) if row else []
            return found[0] if found else None

        ask = self.asking(scope, now, sieve, node.world)
        return await ask(queries.ENTITY, facts, mark=node.mark, records=self.records_listed)

    async def expand(
        self,
        scope: Scope,
        starts: Sequence[Node],
        walk: Walk,
        now: float | None = None,
        sieve: Sieve = ALL,
    ) -> Neighbourhood | None:
        """The network around some entities of one world, nearest first.

        One round trip, and another where something was cut. None when no start is visible.
        """
        hops, world = min(max(walk.hops, 1), queries.MAX_HOPS), starts[0].world
        statement = queries.expand(hops) if walk.after is None else farther(hops)
        marks = list(dict.fromkeys(start.mark for start in starts if start.world == world))
        asked = {"starts": marks, "most": walk.limit + 1, "records": self.records_listed, "stop": list(walk.stop)}
        asked["cap"] = NO_CAP if walk.hub_cap is None else walk.hub_cap + 1
        if walk.after is not None:
            asked |= {"at": list(walk.after), "reach": REACH}
        shuffle = self.shuffle(scope)
        ask = self.asking(scope, now, sieve, world)

        def near(row: list[Any]) -> tuple[Neighbourhood, list[int]] | None:
            entities = in_order(self.facts_of(whole(row[1]), scope, world), shuffle) if row else []
            if all(entity.mark not in marks for entity in entities):
                return None
            hubs = frozenset(row[4])
            met = tuple(entity.id for entity in entities if entity.id in hubs)
            claims = claims_of(row[0])
            if walk.after is not None:
                last = None if row[5] is None else (row[5][0], row[5][1], row[5][2])
            else:
                owners = [scope.labels[claim.lid].owner for claim in claims]
                last = last_place(owners, row[5], self._places_of(scope)) if row[2] else None
            return Neighbourhood(entities, links_of(claims, entities, shuffle), row[2], {}, met, last), row[3]

        found = await ask(statement, near, **asked)
        if found is None:
            return None
        network, passed = found
        # Where nothing was cut, all claims of every link are in hand; but for a hub's, which nobody has walked through.
        cut = network.truncated or walk.after is not None
        told = await links_told(ask, network.links, passed, scope) if cut else {}
        return network._replace(told=told)

    async def paths(
        self,
        scope: Scope,
        source: Node,
        target: Node,
        ways: Ways,
        now: float | None = None,
        sieve: Sieve = ALL,
    ) -> Paths:
        """The shortest simple paths between two entities, directions ignored.

        Ties go by visible keys along the path. There is none between two worlds. Raises Conflict ``list_changed`` where
        the paths that came before are others now.
        """
        shuffle, world = self.shuffle(scope), source.world
        if target.world != world:
            return Paths([], {}, False)

        ask, in_thread = self.asking(scope, now, sieve, world), self._graph.in_thread
        # 1. Both ends, where they are visible.
        ends = await ask(queries.LOCATE, lambda row: dict(row[0]), marks=[source.mark, target.mark])
        if len(ends) < len({source, target}):
            return Paths([], {}, False)
        # 2. Level by level what touches the frontier, until the search has enough. What it does with a few claims may
        #    take long all the same, so that is never done on the event loop.
        before = ways.after[0] if ways.after else 0
        most = min(before + ways.k, MOST)
        search = Search(ends[source.mark], ends[target.mark], ways.max_hops, most, self._budget, shuffle)
        frontier = await in_thread(search.frontier)
        while frontier is not None:
            level = await ask(queries.LEVEL, lambda row: row[0], frontier=frontier, most=search.left + 1)
            frontier = await in_thread(partial(search.step, level))
        found, claims = await in_thread(partial(search.found, before))
        marks: dict[int, str] = {}
        if ways.after is not None and not (search.truncated and len(found) < before):
            # Marks, not keys or integers: what is withheld has no key, and integers depend on what is hidden.
            named = await self.names(scope, sorted({n for path in found[:before] for n in path}), now, world)
            marks = {n: mark for n, (mark, _) in named.items()}
            if trace(found[:before], marks) != ways.after[1]:
                raise Conflict("these paths have changed: ask from the first part on", code=CHANGED, where="cursor")
        whole_list, found = found, found[before:]
        if not found:
            return Paths([], {}, search.truncated)
        # 3. The facts of every entity on the paths, and all claims between neighbours on them.
        facts = await self.entities_of(ask, [n for path in found for n in path], scope, world)
        links = await ask(queries.CLAIMS, lambda row: links_of(claims_of(row[0]), facts, shuffle), claims=claims)
        # 4. Each path with its links.
        entities, between = {one.id: one for one in facts}, _between(links)
        paths = [Path(path, _along(path, between)) for path in found]
        shown = [one for one in paths if _there(one, entities, between)]
        full = len(whole_list) == most and not search.truncated
        marks |= {n: one.mark for n, one in entities.items()}
        last = (most, trace(whole_list, marks)) if full and most < MOST else None
        return Paths(shown, entities, search.truncated or (full and most == MOST), last)

    async def match(
        self, scope: Scope, keys: Sequence[str], now: float | None = None, most: int = RECORDS
    ) -> dict[str, dict[int, list[int]]]:
        """By canonical key and matchable label, up to ``most`` live records about it; keys without any are left out."""
        asked = {"keys": list(keys), "match": list(scope.allowed("match")), "most": most}

        def by_key(row: list[Any]) -> dict[str, dict[int, list[int]]]:
            found: dict[str, dict[int, list[int]]] = {}
            for key, lid, records in row[0]:
                found.setdefault(key, {})[lid] = sorted(records)
            return found

        return await self.asking(scope, now, ALL)(queries.MATCH, by_key, **asked)

    async def records_about(self, scope: Scope, keys: Sequence[str], most: int, now: float | None = None) -> list[int]:
        """Up to ``most`` records that speak of the entities which canonical keys name, where identity is granted."""
        asked = {"keys": list(keys), "most": most}
        return await self.asking(scope, now, ALL)(queries.RECORDS_ABOUT, lambda row: sorted(row[0]), **asked)

    async def records(
        self, scope: Scope, records: Sequence[int], now: float | None = None
    ) -> dict[int, list[EntityFacts]]:
        """Per visible record of ``records`` the entities that it is about, each with what this one record says."""
        shuffle = self.shuffle(scope)

        def by_record(row: list[Any]) -> dict[int, list[EntityFacts]]:
            found: dict[int, list[EntityFacts]] = {}
            for record, entity, mark, kind, key, *columns in whole(row[0]):
                claim = RecordClaim._make(columns)
                told = tell([claim], lambda lid: scope.labels[lid].owner)
                facts = EntityFacts(entity, mark, kind, key, [claim], told, scope.world_of(claim.lid))
                found.setdefault(record, []).append(facts)
            return {record: in_order(facts, shuffle) for record, facts in found.items()}

        return await self.asking(scope, now, ALL)(queries.RECORDS, by_record, ids=list(records))

    async def links_of_records(
        self, scope: Scope, about: Mapping[int, Sequence[EntityFacts]], now: float | None = None
    ) -> dict[int, list[LinkClaim]]:
        """Per record the visible links that it claims; ``about`` has the records as :meth:`records` gives them."""
        shuffle, entities = self.shuffle(scope), list(chain.from_iterable(about.values()))

        def by_record(row: list[Any]) -> dict[int, list[LinkClaim]]:
            found: dict[int, list[LinkClaim]] = {}
            for link in links_of(claims_of(row[0]), entities, shuffle):
                found.setdefault(link.rec, []).append(link)
            return found

        return await self.asking(scope, now, ALL)(queries.LINKS_OF, by_record, ids=list(about))

    async def labels_of(self, scope: Scope, records: Sequence[int], now: float | None = None) -> dict[int, int]:
        """The label numbers of those of ``records`` that are visible."""
        return await self.asking(scope, now, ALL)(queries.LABELS_OF, lambda row: dict(row[0]), ids=list(records))

    def parameters(self, scope: Scope, now: float | None, world: str | None) -> Parameters:
        """What every statement is given for a scope, whatever it asks; ``world`` as in :meth:`asking`."""
        parameters: Parameters = {"now": int(time.time() if now is None else now), "room": ROOM}
        parameters["hidden"] = list(scope.hidden)
        parameters["hiddenIn"] = list(scope.hidden_in)
        parameters.update(self.shuffle(scope)._asdict())
        parameters["place"] = list(map(self._places_of(scope), scope.viewed))
        parameters.update(scope.masks(world))
        return parameters

    def asking(self, scope: Scope, now: float | None, sieve: Sieve, world: str | None = None) -> Ask:
        """What asks under ``scope`` only, in one world; in all of them (None) only where nothing is joined."""
        parameters = {**self.parameters(scope, now, world), **sieve.parameters()}

        def ask(statement: str, make: Callable[[list[Any]], T], /, **more: Any) -> Awaitable[T]:
            return self._graph.ask(sieve.statement(statement), {**parameters, **more}, make)

        return ask

    async def entities_of(self, ask: Ask, ids: Sequence[int], scope: Scope, world: str) -> list[EntityFacts]:
        """Facts of those of ``ids`` that ``ask`` sees, in the order of ``ids``."""
        wanted = list(dict.fromkeys(ids))

        def facts(row: list[Any]) -> list[EntityFacts]:
            found = {one.id: one for one in self.facts_of(whole(row[0]), scope, world)}
            return [found[n] for n in wanted if n in found]

        return await ask(queries.ENTITIES, facts, ids=wanted, records=self.records_listed)

    def shuffle(self, scope: Scope) -> Shuffle:
        """The order in which the reader's organisation sees what looks alike."""
        org = scope.principal.org
        if org not in self._shuffles:
            self._shuffles[org] = shuffle_of(self._secret, org)
        return self._shuffles[org]

    def _places_of(self, scope: Scope) -> Places:
        org = scope.principal.org
        if org not in self._places:
            self._places[org] = Places(self._secret, org)
        return self._places[org]

    def facts_of(self, rows: Iterable[Sequence[Any]], scope: Scope, world: str) -> list[EntityFacts]:
        """Facts from the rows of :data:`graphsvc.graph.queries.FACTS`, each with its claims in order."""
        labels, owners, shuffle = scope.labels, scope.viewed, self.shuffle(scope)
        found = []
        for n, mark, kind, key, columns, told in rows:
            claims = list(map(RecordClaim._make, columns))
            if len(claims) > 1:
                claims = ordered(claims, claim_order, shuffle.claim)
            if len(told) > 1:
                claims = by_turns(claims, lambda claim: labels[claim.lid].owner, self._places_of(scope))
            found.append(EntityFacts(n, mark, kind, key, claims, totals_of(told, owners), world))
        return found


def whole(rows: list[Any] | None) -> list[Any]:
    """The rows unchanged. Raises TooLarge for null, which Neo4j returns instead of too large an answer."""
    if rows is None:
        raise too_large()
    return rows


def totals_of(rows: Sequence[Sequence[Any]], owners: Sequence[str]) -> Told:
    """Totals over claims, from rows of an owner, how many claims it has, and the origins that these name."""
    pairs = frozenset([(owners[owner], source) for owner, _, sources in rows for source in sources])
    return Told(sum([count for _, count, _ in rows]), pairs)


async def links_told(ask: Ask, links: Iterable[LinkClaim], passed: Sequence[int], scope: Scope) -> dict[Link, Told]:
    """Totals over all visible claims of each link; every link touches one of the entities ``passed``."""
    shown: dict[Link, list[Sequence[Any]]] = {claim.link: [] for claim in links}
    ends = {end for source, target, _ in shown for end in (source, target)}

    def totals(row: list[Any]) -> dict[Link, Told]:
        for source, target, kind, *told in row[0]:
            if (source, target, kind) in shown:
                shown[source, target, kind].append(told)
        # A link may have gone since the walk; then the claims that the walk found are counted.
        return {link: totals_of(told, scope.viewed) for link, told in shown.items() if told}

    return await ask(queries.LINKS_TOLD, totals, ids=[n for n in passed if n in ends], ends=list(ends))


def in_order(facts: Iterable[EntityFacts], shuffle: Shuffle) -> list[EntityFacts]:
    """Entities by what is visible of them: of most, kind and key decide, and no more is looked at."""

    def alike(entity: EntityFacts) -> tuple[object, ...]:
        return entity_order(entity), shuffle.entity(entity)

    return ordered(facts, lambda entity: (entity.kind, entity.key or ""), alike)


def links_of(links: Iterable[LinkClaim], entities: Iterable[EntityFacts], shuffle: Shuffle) -> list[LinkClaim]:
    """Link claims by kind, the visible keys of their ends, then what else is visible of them."""
    keys = {entity.id: entity.key or "" for entity in entities}

    def ends(link: LinkClaim) -> tuple[object, ...]:
        return link.kind, keys.get(link.source, ""), keys.get(link.target, "")

    def alike(link: LinkClaim) -> tuple[object, ...]:
        return link_order(link), shuffle.claim(link)

    return ordered(links, ends, alike)


def claims_of(rows: list[Any] | None) -> list[LinkClaim]:
    """Link claims from their rows. Raises TooLarge as :func:`whole` does."""
    return list(map(LinkClaim._make, whole(rows)))


def _between(links: Iterable[LinkClaim]) -> dict[frozenset[int], list[LinkClaim]]:
    """Links by the pair that they join, in their order."""
    between: dict[frozenset[int], list[LinkClaim]] = {}
    for link in links:
        between.setdefault(frozenset((link.source, link.target)), []).append(link)
    return between


def _along(path: Sequence[int], between: Mapping[frozenset[int], list[LinkClaim]]) -> list[LinkClaim]:
    """The links between neighbours on the path, in the path's order."""
    return [link for pair in pairwise(path) for link in between.get(frozenset(pair), ())]


def _there(path: Path, entities: Mapping[int, EntityFacts], between: Mapping[frozenset[int], list[LinkClaim]]) -> bool:
    """Whether every entity and step is still there: a label may move between the search and the fetch."""
    return all(n in entities for n in path.entities) and all(frozenset(p) in between for p in pairwise(path.entities))
