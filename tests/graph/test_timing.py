"""What is hidden costs nothing: no read makes one database hit more because of it.

This is told without a clock: PROFILE counts the hits of every statement that a read runs. Two stars are alike in what
may be seen; thousands of claims that may not be seen hang on the centre and on the far end of one of them.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest
from graph_world import NOW, SECRET, draft, label, node, scope

from graphsvc.graph import statements
from graphsvc.graph.common import Part, common
from graphsvc.graph.driver import Graph, with_one_map
from graphsvc.graph.facts import LinkClaim, Walk, Ways
from graphsvc.graph.marks import Marks
from graphsvc.graph.queries import MAX_HOPS
from graphsvc.graph.read import Reader
from graphsvc.graph.sieve import ALL, During, Sieve
from graphsvc.graph.timeline import timeline
from graphsvc.graph.write import Step, Writer
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.labels import label_key
from graphsvc.policy.scope import Scope

HIDDEN, VISIBLE, SPREAD = 2_000, 4, 20
SEEN = 1
OTHERS = range(2, 2 + SPREAD)
LABELS = {SEEN: label("pasar"), **{n: label(f"owner-{n}", "RED") for n in OTHERS}}
LINKS = [("USES", 1, 0), ("USES", 1, 2)]
FREE, LADEN = "phone:x:free", "phone:x:laden"
GRADED = Sieve(("", "admiralty B 2"))
SOME = Sieve(GRADED.grades, ["USES"], During("2020-01-01T00:00:00Z", None, True))
NO_TRAVERSAL = {"labels", "entities_of"}
"""What starts from no entity and no record: all labels, for deciding on them; and a part of other reads."""

WIDER = {"timeline", "common"}
"""Reads in modules of their own."""

Ask = Callable[[Reader, Scope], Coroutine[Any, Any, Any]]


class Profiled:
    """A graph that profiles every statement: what its answers cost in database hits."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.hits = 0

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        return work()

    async def ask(self, statement: str, parameters: dict[str, Any], make: Callable[[list[Any]], Any]) -> Any:
        return make(self.answer(statement, parameters))

    def answer(self, statement: str, parameters: dict[str, Any]) -> list[Any]:
        with self._graph.session() as session:
            text, given = with_one_map(statement, parameters)
            result = session.run("PROFILE " + text, given)
            records = list(result)
            self._count(result.consume().profile)
        return list(records[0].values()) if records else []

    def _count(self, plan: Any) -> None:
        self.hits += int(plan.get("dbHits", 0))
        for child in plan.get("children", ()):
            self._count(child)


def star(hub: str, first: int, count: int, lids: Sequence[int], expires: str | None = None) -> list[CleanDraft]:
    """One account a record, each between the hub and a telephone far away."""
    return [
        draft(n, LABELS[lids[n % len(lids)]], [hub, f"account:x:{n:05}", f"{hub}-far"], LINKS, expires=expires)
        for n in range(first, first + count)
    ]


def load(graph: Graph, lids: Sequence[int], expires: str | None = None) -> dict[str, int]:
    """Two stars, one of them with the hidden claims too; every key's integer."""
    with graph.session() as session:
        session.run(statements.CREATE_LABELS, labels=[[n, label_key(one)] for n, one in LABELS.items()]).consume()
    drafts = [*star(FREE, 0, VISIBLE, [SEEN]), *star(LADEN, VISIBLE, VISIBLE, [SEEN])]
    drafts += star(LADEN, 2 * VISIBLE, HIDDEN, lids, expires)
    pairs = zip(drafts, Writer(graph, Marks(SECRET)).apply(Step(0), drafts, 0).ids, strict=True)
    return {one.key: n for draft, ids in pairs for one, n in zip(draft.entities, ids, strict=True)}


def asks(ids: Mapping[str, int], hub: str) -> dict[str, list[Ask]]:
    """Reads that meet what is hidden at their start, inside and at their end, by the name of the reader's method."""
    near = ids.get(hub, 0)
    rows = [n + (VISIBLE if hub == LADEN else 0) for n in range(VISIBLE)]
    walks = [(Walk(1, 100), ALL), (Walk(2, 100, 50), SOME), (Walk(2, 100), ALL), (Walk(MAX_HOPS, 100), ALL)]
    walks += [(Walk(1, 2), ALL), (Walk(2, 5), SOME), (Walk(3, 100, 2), ALL)]
    walks += [(Walk(2, 2, 50, (), (1, 0, 0)), SOME), (Walk(3, 9, None, (), (1, 1, 0)), ALL)]
    return {
        "resolve": [lambda r, s, g=g: r.resolve(s, [hub], NOW, g) for g in (ALL, GRADED)],
        "names": [lambda r, s: r.names(s, [near], NOW)],
        "entity": [lambda r, s, g=g: r.entity(s, node(hub), NOW, g) for g in (ALL, GRADED)],
        "entities": [lambda r, s, g=g: r.entities(s, [near], NOW, g) for g in (ALL, GRADED)],
        "expand": [
            lambda r, s, walk=walk, sieve=sieve: r.expand(s, [node(hub)], walk, NOW, sieve) for walk, sieve in walks
        ],
        "paths": [lambda r, s, g=g: r.paths(s, node(hub), node(f"{hub}-far"), Ways(6, 3), NOW, g) for g in (ALL, SOME)],
        "match": [lambda r, s: r.match(s, [hub], NOW)],
        "timeline": [lambda r, s, g=g: timeline(r, s, [node(hub)], 3, None, NOW, g) for g in (ALL, SOME)],
        "common": [
            lambda r, s, part=part, g=g: common(r, s, [node(hub), node(f"{hub}-far")], part, NOW, g)
            for part in (Part(9), Part(2, (0, 0)))
            for g in (ALL, SOME)
        ],
        "records_about": [lambda r, s: r.records_about(s, [hub], 50, NOW)],
        "records": [lambda r, s: r.records(s, rows, NOW)],
        "links_of_records": [lambda r, s: links_of_records(r, s, rows)],
        "labels_of": [lambda r, s: r.labels_of(s, rows, NOW)],
    }


async def links_of_records(reader: Reader, seen: Scope, rows: Sequence[int]) -> dict[int, list[LinkClaim]]:
    return await reader.links_of_records(seen, await reader.records(seen, rows, NOW), NOW)


def cost(graph: Graph, ids: Mapping[str, int], hub: str) -> dict[str, list[int]]:
    """The hits of every read, each of which must find something."""
    found: dict[str, list[int]] = {}
    for name, reads in asks(ids, hub).items():
        for ask in reads:
            profiled = Profiled(graph)
            assert asyncio.run(ask(Reader(profiled, secret=bytes(32)), scope(LABELS, [SEEN])))  # type: ignore[arg-type]
            found.setdefault(name, []).append(profiled.hits)
    return found


def test_every_read_is_asked() -> None:
    public = {name for name, _ in inspect.getmembers(Reader, inspect.iscoroutinefunction) if not name.startswith("_")}
    assert (public - NO_TRAVERSAL) | WIDER == set(asks({}, FREE))


@pytest.mark.parametrize(
    ("lids", "expires"),
    [(OTHERS, None), ([SEEN], "2025-01-01T00:00:00Z")],
    ids=["under-other-labels", "expired"],
)
def test_what_is_hidden_costs_no_database_hit(graph_database: Graph, lids: Sequence[int], expires: str | None) -> None:
    ids = load(graph_database, lids, expires)
    cost(graph_database, ids, FREE)  # a statement's first run looks up more
    assert cost(graph_database, ids, LADEN) == cost(graph_database, ids, FREE)


def test_what_may_not_be_known_costs_what_nobody_costs(graph_database: Graph) -> None:
    """A few hits more, the same whatever is behind it: the entity that the index led to, its key and labels."""
    load(graph_database, OTHERS)
    blind = scope(LABELS, [], match=[])
    reads: list[Callable[[Reader, str], Coroutine[Any, Any, Any]]] = [
        lambda reader, key: reader.resolve(blind, [key], NOW),
        lambda reader, key: reader.entity(blind, node(key), NOW),
        lambda reader, key: reader.match(blind, [key], NOW),
        lambda reader, key: reader.records_about(blind, [key], 50, NOW),
    ]
    for read in reads:
        hits = []
        for key in (LADEN, LADEN, FREE, "phone:x:nobody"):  # a statement's first run looks up more
            profiled = Profiled(graph_database)
            assert not asyncio.run(read(Reader(profiled), key))  # type: ignore[arg-type]
            hits.append(profiled.hits)
        assert hits[1] == hits[2]
        assert hits[1] - hits[3] <= 4
