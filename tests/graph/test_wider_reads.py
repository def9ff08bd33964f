"""Timelines, what is common, hubs and narrowed walks on a real Neo4j, against plain answers over filtered drafts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pytest
from graph_world import NOW, SECRET, draft, node, scope
from hypothesis import given
from hypothesis import strategies as st
from oracle import visible
from test_read import GRADINGS, KEYS, LABELS, load, many

from graphsvc.graph.common import Part, common
from graphsvc.graph.driver import Graph
from graphsvc.graph.facts import Walk, Ways
from graphsvc.graph.read import Reader
from graphsvc.graph.sieve import During, Sieve
from graphsvc.graph.timeline import Timeline, timeline
from graphsvc.graph.turns import Places
from graphsvc.model.drafts import CleanDraft
from graphsvc.policy.scope import Scope

DAYS = [None, *(f"2026-01-{day:02}T00:00:00Z" for day in (1, 1, 2, 3)), "2026-01-02T00:00:00.5Z"]
WINDOWS = [None, During("2026-01-02T00:00:00+00:00"), During(None, "2026-01-01T12:00:00+00:00", True), During()]


class Said(NamedTuple):
    """A claim as the oracle knows it: both ends are the entity for what a record says of one."""

    source: str
    kind: str
    target: str
    row: int


def run(work: Any) -> Any:
    return asyncio.run(work)


@st.composite
def dated_worlds(pick: Callable[..., Any]) -> tuple[list[CleanDraft], Scope]:
    """Drafts with times, under four labels, and a scope that sees some of it."""
    drafts = []
    for row in range(pick(st.integers(1, 12))):
        keys = pick(st.lists(st.sampled_from(KEYS), min_size=2, max_size=3, unique=True))
        ends = st.integers(0, len(keys) - 1)
        links = pick(st.lists(st.tuples(st.sampled_from(["USES", "CONTROLS"]), ends, ends), max_size=3, unique=True))
        said = {"grading": pick(st.sampled_from(GRADINGS)), "since": pick(st.sampled_from(DAYS))}
        said["until"] = pick(st.sampled_from([None, said["since"], "2026-01-09T00:00:00Z"]))
        expires = pick(st.sampled_from([None, None, "2025-01-01T00:00:00Z"]))
        drafts.append(draft(row, LABELS[pick(st.integers(1, 4))], keys, links, expires=expires, **said))
    view = pick(st.sets(st.integers(1, 4)))
    groups = {"identity": pick(st.sets(st.integers(1, 4))) & view}
    return drafts, scope(LABELS, view, view, groups)


def passes(one: CleanDraft, window: During | None) -> bool:
    if window is None:
        return True
    if one.since is None and one.until is None:
        return window.undated
    starts = window.until is None or one.since is None or one.since[:19] <= window.until[:19]
    return starts and (window.since is None or one.until is None or one.until[:19] >= window.since[:19])


def moment(one: CleanDraft) -> str:
    return (one.since or one.until or "~").replace("Z", "")


def all_of(reader: Reader, of: Scope, nodes: Sequence[Any], first: int, sieve: Sieve) -> tuple[list[Any], Timeline]:
    """Every part of a timeline, one after the other."""
    found, place, parts = [], None, 0
    while True:
        part = run(timeline(reader, of, nodes, first, place, NOW, sieve))
        found += part.page
        place, parts = part.last, parts + 1
        assert parts < 200
        if place is None:
            return found, part


@given(
    world=dated_worlds(), world_of=st.sampled_from(["", "", "pasar"]), window=st.sampled_from(WINDOWS),
    first=st.integers(1, 4), kinds=st.sampled_from([None, ["USES"]]),
)  # fmt: skip
@many
def test_a_timeline_is_every_visible_claim_once_in_order(
    graph_session: Graph, wipe: Callable[[Graph], None], world: Any, world_of: str, window: Any, first: int, kinds: Any
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    ids = load(graph_session, drafts)
    names = {n: key for key, n in ids.items()}
    asked = list(ids)[:2]
    timed = [one for one in drafts if passes(one, window)]
    there = visible(timed, reader_scope, None, world_of)
    wanted = Counter(Said(key, "", key, row) for key in asked for row in there.records.get(key, ()))
    wanted += Counter(
        {Said(*link) for link in there.links if {link[0], link[2]} & {*asked} and (kinds is None or link[1] in kinds)}
    )
    reader = Reader(graph_session, secret=SECRET)
    sieve = Sieve(None, kinds, window, window)
    nodes = [node(key, world_of) for key in asked]
    found, last = all_of(reader, reader_scope, nodes, first, sieve)
    claims = [Said(names[one.source], one.kind, names[one.target], one.rec) for one in found]
    assert Counter(claims) == wanted, "every one once, whatever the size of a part"
    by_row = {one.row: one for one in drafts}
    moments = [moment(by_row[one.row]) for one in claims]
    assert moments == sorted(moments)
    assert last.claims == len(claims) and last.undated == moments.count("~")
    owners = [by_row[one.row].label.owner for one in claims]
    assert last.owners == len(set(owners))
    order = Places(SECRET, "ke-police")
    for _, run_of in groupby(zip(moments, owners, strict=True), key=lambda pair: pair[0]):
        first_turn = [owner for _, owner in run_of]
        each = sorted(set(first_turn), key=order)
        assert first_turn[: len(each)] == each, "at one moment everybody comes before anybody's second"
    whole, _ = all_of(reader, reader_scope, nodes, 500, sieve)
    assert whole == found
    things = run(timeline(reader, reader_scope, nodes, 500, None, NOW, sieve)).things
    assert {names[n] for n in things} == {end for one in claims for end in (one.source, one.target)}
    assert all(thing.key == (names[n] if world_of == "" else None) for n, thing in things.items())


@given(world=dated_worlds(), world_of=st.sampled_from(["", "", "pasar"]), window=st.sampled_from(WINDOWS))
@many
def test_what_is_common_is_what_the_filtered_graph_shares(
    graph_session: Graph, wipe: Callable[[Graph], None], world: Any, world_of: str, window: Any
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    ids = load(graph_session, drafts)
    names = {n: key for key, n in ids.items()}
    asked = list(ids)[:3]
    there = visible(drafts, reader_scope, None, world_of)
    links = {link for link in there.links if link[0] != link[2] and passes(drafts[link[3]], window)}
    near = {key: {link for link in links if key in (link[0], link[2])} for key in there.records}
    joins: dict[str, set[str]] = {}
    for key in asked:
        for link in near.get(key, ()):
            joins.setdefault(link[2] if link[0] == key else link[0], set()).add(key)
    shared = {thing: of for thing, of in joins.items() if len(of) > 1 and thing not in asked}
    wanted = {
        link for link in links if {link[0], link[2]} <= {*asked}
        or any(thing in (link[0], link[2]) and {link[0], link[2]} & of for thing, of in shared.items())
    }  # fmt: skip
    nodes = [node(key, world_of) for key in asked]
    reader = Reader(graph_session, secret=SECRET)
    found = run(common(reader, reader_scope, nodes, Part(500), NOW, Sieve(linked=window)))
    if sum(key in there.records for key in asked) < 2:
        assert found is None
        return
    assert found is not None and not found.truncated and found.total == len(shared)
    assert {names[one.thing]: {names[n] for n in one.joins} for one in found.shared} == shared
    assert {(names[a], kind, names[b], rec) for a, b, kind, rec, *_ in found.links} == wanted
    for one in found.shared:
        of = {link for link in wanted if names[one.thing] in (link[0], link[2])}
        assert one.told.claims == len(of)
        assert one.told.owners == len({drafts[link[3]].label.owner for link in of})
    sizes = [len(one.joins) for one in found.shared]
    assert sizes == sorted(sizes, reverse=True)
    few = run(common(reader, reader_scope, nodes, Part(2), NOW, Sieve(linked=window)))
    assert few.total == found.total and len(few.links) == min(2, len(found.links))
    assert few.truncated == (len(found.links) > 2)
    told = {one.thing: one.told for one in found.shared}
    assert all(one.told == told[one.thing] for one in few.shared), "counts are of all, whatever is shown"


def chain(hub_claims: int) -> list[CleanDraft]:
    """account:a - phone:hub - many accounts, one of which has a far phone; and a way round the hub."""
    drafts = [draft(0, LABELS[1], ["account:x:a", "phone:x:hub"], [("USES", 0, 1)])]
    rows = [["phone:x:hub", f"account:x:m{n:03}"] for n in range(hub_claims - 1)]
    drafts += [draft(n, LABELS[1 + n % 2], keys, [("USES", 1, 0)]) for n, keys in enumerate(rows, 1)]
    more = [["account:x:m000", "phone:x:far"], ["account:x:a", "phone:x:side"], ["account:x:s", "phone:x:side"]]
    return drafts + [draft(500 + n, LABELS[1], keys, [("USES", 0, 1)]) for n, keys in enumerate(more)]


def keys_of(found: Any) -> set[str]:
    return {one.key for one in found.entities}


def test_a_hub_is_shown_and_not_walked_through(graph_database: Graph) -> None:
    ids = load(graph_database, chain(10))
    reader, everything = Reader(graph_database), scope(LABELS)
    start = [node("account:x:a")]
    through = run(reader.expand(everything, start, Walk(3, 100, 10), NOW))
    assert through.hubs == () and "phone:x:far" in keys_of(through), "at the cap it is none"
    stopped = run(reader.expand(everything, start, Walk(3, 100, 9), NOW))
    assert stopped.hubs == (ids["phone:x:hub"],) and not stopped.truncated
    assert keys_of(stopped) == {"account:x:a", "phone:x:hub", "phone:x:side", "account:x:s"}
    one = run(reader.expand(scope(LABELS, [1]), start, Walk(3, 100, 9), NOW))
    assert one.hubs == (), "what may not be seen makes no hub"
    assert run(reader.expand(everything, start, Walk(1, 100, 1), NOW)).hubs == (), "nobody wanted to walk through it"
    asked = run(reader.expand(everything, [node("phone:x:hub")], Walk(2, 100, 9), NOW))
    assert asked.hubs == () and "phone:x:far" in keys_of(asked), "a start is walked from, hub or not"
    both = run(reader.expand(everything, [*start, node("phone:x:hub")], Walk(2, 100, 9), NOW))
    assert keys_of(both) == keys_of(through) and both.hubs == ()
    free = run(reader.expand(everything, start, Walk(3, 100), NOW))
    assert free.hubs == () and keys_of(free) == keys_of(through)
    sides = Walk(3, 100, None, [node("phone:x:side").mark])
    assert "account:x:s" not in keys_of(run(reader.expand(everything, start, sides, NOW)))
    assert "phone:x:side" in keys_of(run(reader.expand(everything, start, sides, NOW)))


def test_several_starts_are_one_network(graph_database: Graph) -> None:
    load(graph_database, chain(4))
    reader, everything = Reader(graph_database), scope(LABELS)
    starts = [node("account:x:s"), node("phone:x:far"), node("account:x:nobody"), node("account:x:s")]
    found = run(reader.expand(everything, starts, Walk(1, 100), NOW))
    assert keys_of(found) == {"account:x:s", "phone:x:side", "phone:x:far", "account:x:m000"}
    assert len(found.links) == len({(one.link, one.rec) for one in found.links}) == 2
    assert run(reader.expand(everything, starts[2:3], Walk(1, 100), NOW)) is None
    met = run(reader.expand(everything, starts, Walk(3, 100), NOW))
    assert len({(one.link, one.rec) for one in met.links}) == len(met.links), "where they meet nothing comes twice"


def test_links_are_followed_within_a_window_and_of_some_owners(graph_database: Graph) -> None:
    hub = "phone:x:hub"
    times = [None, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]
    drafts = [
        draft(n, LABELS[1 + n % 2], [f"account:x:{n}", hub], [("USES", 0, 1)], since=time, until=time)
        for n, time in enumerate(times)
    ]
    load(graph_database, drafts)
    reader, start = Reader(graph_database), [node(hub)]

    def near(window: During | None = None, of: Scope | None = None) -> str:
        found = run(reader.expand(of or scope(LABELS), start, Walk(1, 100), NOW, Sieve(linked=window)))
        return "".join(sorted(key.rpartition(":")[2] for key in keys_of(found) - {hub}))

    assert near() == "0123" and near(During()) == "123" and near(During(undated=True)) == "0123"
    assert near(During("2026-02-01T00:00:00+00:00")) == "23"
    assert near(During(None, "2026-02-01T00:00:00+00:00")) == "12"
    assert near(During("2026-01-15T00:00:00+00:00", "2026-02-15T00:00:00+00:00", True)) == "02"
    assert near(of=scope(LABELS).of_owners(frozenset({"pasar"}))) == "02"
    assert near(During("2026-02-01T00:00:00+00:00"), scope(LABELS).of_owners(frozenset({"swift"}))) == "3"
    ends = [node("account:x:1"), node("account:x:2")]
    sieves = {None: 1, During("2026-02-01T00:00:00+00:00"): 0}
    for window, count in sieves.items():
        assert len(run(reader.paths(scope(LABELS), *ends, Ways(4, 3), NOW, Sieve(linked=window))).paths) == count
    assert run(reader.paths(scope(LABELS), *ends, Ways(4, 3), NOW, Sieve(kinds=["CONTROLS"]))).paths == []


@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_hidden_makes_nothing_common(graph_database: Graph, hidden: bool) -> None:
    drafts = [draft(0, LABELS[1], ["account:x:a", "phone:x:p"], [("USES", 0, 1)])]
    drafts += [draft(1, LABELS[2 if hidden else 1], ["account:x:b", "phone:x:p"], [("USES", 0, 1)])]
    drafts += [draft(2, LABELS[1], ["account:x:b", "phone:x:q"], [("USES", 0, 1)])]
    load(graph_database, drafts)
    asked = [node("account:x:a"), node("account:x:b")]
    found = run(common(Reader(graph_database), scope(LABELS, [1]), asked, Part(10), NOW))
    assert found.total == len(found.shared) == (0 if hidden else 1)
