"""Lists in parts on a real Neo4j: all parts together are the whole list, each member once, whatever a part's size."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from graph_world import MARKS, NOW, SECRET, draft, node, scope
from hypothesis import given
from hypothesis import strategies as st
from oracle import visible
from test_read import LABELS, load, many, worlds

from graphsvc.graph import farther, paths
from graphsvc.graph.common import Common, Part, common
from graphsvc.graph.driver import Graph
from graphsvc.graph.facts import Neighbourhood, Node, Walk, Ways
from graphsvc.graph.read import Reader
from graphsvc.graph.turns import Places
from graphsvc.graph.write import Step, Writer
from graphsvc.model.errors import Conflict
from graphsvc.policy.scope import Scope

FOLLOWED = 200


def run(work: Any) -> Any:
    return asyncio.run(work)


def followed(ask: Callable[[Any], Any]) -> list[Any]:
    """Every part of a list; ``ask`` gives the one after a place, None where there is nothing."""
    found, after = [], None
    while len(found) < FOLLOWED:
        part = run(ask(after))
        if part is None:
            return found
        found.append(part)
        after = part.last
        if after is None:
            return found
    pytest.fail("the parts don't end")


def networks(reader: Reader, of: Scope, starts: Sequence[Node], walk: Walk) -> list[Neighbourhood]:
    """Every part of a network."""
    return followed(lambda after: reader.expand(of, starts, walk._replace(after=after), NOW))


def commons(reader: Reader, of: Scope, nodes: Sequence[Node], limit: int) -> list[Common]:
    """Every part of what is common."""
    return followed(lambda after: common(reader, of, nodes, Part(limit, after), NOW))


@given(
    world=worlds(), world_of=st.sampled_from(["", "", "pasar"]), hops=st.integers(1, 3), size=st.integers(1, 4),
    cap=st.sampled_from([None, None, 2]),
)  # fmt: skip
@many
def test_the_parts_of_a_network_are_the_whole_network(
    graph_session: Graph, wipe: Callable[[Graph], None], world: Any, world_of: str, hops: int, size: int, cap: Any
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    ids = load(graph_session, drafts)
    starts = [node(key, world_of) for key in [*ids][:2]]
    reader = Reader(graph_session, secret=SECRET)
    walk = Walk(hops, 500, cap)
    whole = run(reader.expand(reader_scope, starts, walk, NOW))
    parts = networks(reader, reader_scope, starts, walk._replace(limit=size))
    assert (whole is None) == (not parts)
    if whole is None:
        return
    claims = [link for part in parts for link in part.links]
    assert Counter(claims) == Counter(whole.links), "every claim once"
    assert not whole.truncated and [part.truncated for part in parts] == [True] * (len(parts) - 1) + [False]
    assert all(len(part.links) == size for part in parts[:-1])
    assert {one for part in parts for one in part.hubs} == {*whole.hubs}
    facts = {one.id: one for one in whole.entities}
    assert all(facts[one.id] == one for part in parts for one in part.entities)
    assert {one.id for part in parts for one in part.entities} == facts.keys()
    for part in parts:
        ends = {end for link in part.links for end in (link.source, link.target)} | {*part.hubs}
        assert ends <= {one.id for one in part.entities}
    if len(parts) > 1:
        # Totals are over all claims of a link, on this part or not.
        there = Counter(link.link for link in whole.links)
        for part in parts:
            assert all(part.told[link].claims == there[link] for link in part.told)
            assert part.told.keys() == {link.link for link in part.links}
    level = networks(reader, reader_scope, starts, Walk(1, size))
    owners = [reader_scope.labels[link.lid].owner for part in level for link in part.links]
    if size == 1:
        each = sorted({*owners}, key=Places(SECRET, "ke-police"))
        assert owners[: len(each)] == each, "one of every owner before anybody's second"


@given(world=worlds(), world_of=st.sampled_from(["", "", "pasar"]), size=st.integers(1, 3))
@many
def test_the_parts_of_what_is_common_are_the_whole(
    graph_session: Graph, wipe: Callable[[Graph], None], world: Any, world_of: str, size: int
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    ids = load(graph_session, drafts)
    nodes = [node(key, world_of) for key in [*ids][:3]]
    reader = Reader(graph_session, secret=SECRET)
    parts = commons(reader, reader_scope, nodes, size)
    whole = run(common(reader, reader_scope, nodes, Part(500), NOW))
    assert (whole is None) == (not parts)
    if whole is None:
        return
    assert Counter(link for part in parts for link in part.links) == Counter(whole.links)
    things = {one.thing: one for one in whole.shared}
    assert {one.thing for part in parts for one in part.shared} == things.keys()
    for part in parts:
        assert part.total == whole.total
        assert all(
            one.told == things[one.thing].told and {*one.joins} <= {*things[one.thing].joins} for one in part.shared
        )


@given(world=worlds(), max_hops=st.integers(1, 4), size=st.integers(1, 3))
@many
def test_the_parts_of_paths_are_all_paths(
    graph_session: Graph, wipe: Callable[[Graph], None], world: Any, max_hops: int, size: int
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    ids = load(graph_session, drafts)
    names = {n: key for key, n in ids.items()}
    keys = [*ids][:2]
    ends = [node(key) for key in keys]
    reader = Reader(graph_session, secret=SECRET)
    wanted = visible(drafts, reader_scope).simple_paths(keys[0], keys[-1], max_hops) if len(keys) > 1 else set()
    found, after = [], None
    while True:
        part = run(reader.paths(reader_scope, ends[0], ends[-1], Ways(max_hops, size, after), NOW))
        found += part.paths
        assert not part.truncated and len(found) <= len(wanted)
        after = part.last
        if after is None:
            break
    walked = [tuple(names[n] for n in path.entities) for path in found]
    assert len(walked) == len({*walked}) and {*walked} == wanted
    assert [*map(len, walked)] == sorted(map(len, walked))
    whole = run(reader.paths(reader_scope, ends[0], ends[-1], Ways(max_hops, 500), NOW))
    assert whole.paths == found


def fan(size: int) -> list[Any]:
    """Two accounts with ``size`` telephones in common."""
    keys = [f"phone:x:{n:02}" for n in range(size)]
    rows = [(f"account:x:{who}", key) for key in keys for who in "ab"]
    return [draft(n, LABELS[1 + n % 2], pair, [("USES", 0, 1)]) for n, pair in enumerate(rows)]


def test_what_comes_meanwhile_moves_no_place(graph_database: Graph) -> None:
    """A claim that comes before a place shifts nothing behind it; paths that others come before are not followed."""
    load(graph_database, fan(4))
    reader, everything = Reader(graph_database, secret=SECRET), scope(LABELS)
    start, ends = [node("account:x:a")], (node("account:x:a"), node("account:x:b"))
    first = run(reader.expand(everything, start, Walk(2, 3), NOW))
    ways = run(reader.paths(everything, *ends, Ways(4, 2), NOW))
    left = networks(reader, everything, start, Walk(2, 3, None, (), first.last))
    assert first.last is not None and ways.last is not None and ways.last[0] == 2
    rest = run(reader.expand(everything, start, Walk(2, 100, None, (), first.last), NOW))
    late = draft(0, LABELS[3], ["account:x:a", "account:x:b"], [("CONTROLS", 0, 1)])
    Writer(graph_database, MARKS).apply(Step(1), [late], 0)
    then = run(reader.expand(everything, start, Walk(2, 100, None, (), first.last), NOW))
    assert {link.rec for link in rest.links} <= {link.rec for link in then.links} and left
    with pytest.raises(Conflict) as changed:
        run(reader.paths(everything, *ends, Ways(4, 2, ways.last), NOW))
    assert (changed.value.code, changed.value.where) == ("list_changed", "cursor")
    hidden = run(reader.paths(scope(LABELS, [1, 2]), *ends, Ways(4, 2, ways.last), NOW))
    assert len(hidden.paths) == 2, "what may not be seen changes no list"


def test_parts_end_where_the_work_is_bounded(graph_database: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    load(graph_database, fan(6))
    reader, everything = Reader(graph_database, secret=SECRET), scope(LABELS)
    monkeypatch.setattr("graphsvc.graph.read.REACH", 6)
    monkeypatch.setattr("graphsvc.graph.read.MOST", 4)
    assert (farther.REACH, paths.MOST) == (10_000, 1_000)
    parts = networks(reader, everything, [node("account:x:a")], Walk(2, 2))
    assert [len(part.links) for part in parts] == [2, 2, 2] and parts[-1].truncated, "cut, and it says so"
    ends = node("account:x:a"), node("account:x:b")
    one = run(reader.paths(everything, *ends, Ways(4, 3), NOW))
    two = run(reader.paths(everything, *ends, Ways(4, 3, one.last), NOW))
    assert (len(one.paths), len(two.paths)) == (3, 1) and two.truncated and two.last is None
