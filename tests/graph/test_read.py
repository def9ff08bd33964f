"""Reads on a real Neo4j, against plain answers over the graph filtered first."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from itertools import combinations, product
from typing import Any, TypeVar

import pytest
from graph_world import MARKS, NOW, SECRET, draft, label, node, scope
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle import Link, visible

from graphsvc.graph import driver, queries, read
from graphsvc.graph.begun import FIND as BEGUN
from graphsvc.graph.common import COMMON
from graphsvc.graph.driver import Graph
from graphsvc.graph.facts import PRIME, LinkClaim, Neighbourhood, RecordClaim, Told, Walk, Ways, shuffle_of, tell
from graphsvc.graph.farther import farther
from graphsvc.graph.marks import Marks
from graphsvc.graph.named import find
from graphsvc.graph.paths import Search
from graphsvc.graph.read import Reader
from graphsvc.graph.sieve import During, Sieve
from graphsvc.graph.timeline import TIMELINE
from graphsvc.graph.turns import Places
from graphsvc.graph.write import Step, Writer
from graphsvc.model.claims import packed_origin
from graphsvc.model.drafts import CleanDraft, Grading, Origin
from graphsvc.model.errors import TooLarge, Unavailable
from graphsvc.model.gradings import Minimum
from graphsvc.model.labels import GROUPS
from graphsvc.model.places import ROW_MASK
from graphsvc.model.room import CODE
from graphsvc.model.schema import load_schema
from graphsvc.policy.scope import Scope

KEYS = [f"{kind}:x:{n}" for n in range(4) for kind in ("account", "phone")]
LABELS = {lid: label(owner) for lid, owner in enumerate(("pasar", "swift", "customs", "police"), start=1)}
CODES = (("admiralty", "A", "1"), ("admiralty", "C", "3"), ("europol-4x4", "B", "2"), ("uk-3x5x2", "3", "E"))
GRADINGS = [Grading(), *(Grading(*codes) for codes in CODES)]
MINIMA = [Minimum("admiralty", "B", "2"), Minimum("uk-3x5x2", "2"), Minimum(), Minimum("europol-4x4", None, "1", True)]
GRADES = [None, None, *(load_schema().gradings.at_least(minimum) for minimum in MINIMA)]
ORIGINS = [None, Origin("swift", "R 7"), Origin("pasar", "")]
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@st.composite
def worlds(pick: Callable[..., Any]) -> tuple[list[CleanDraft], Scope]:
    """Some drafts under four labels, a few expired, and a scope that sees some of it."""
    drafts = []
    for row in range(pick(st.integers(1, 14))):
        keys = pick(st.lists(st.sampled_from(KEYS), min_size=2, max_size=3))
        ends = st.integers(0, len(keys) - 1)
        links = pick(st.lists(st.tuples(st.sampled_from(["USES", "CONTROLS"]), ends, ends), max_size=3))
        expires = pick(st.sampled_from([None, None, None, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]))
        said = {"grading": pick(st.sampled_from(GRADINGS)), "origin": pick(st.sampled_from(ORIGINS))}
        drafts.append(draft(row, LABELS[pick(st.integers(1, 4))], keys, links, expires=expires, **said))
    some = st.sets(st.integers(1, 4))
    view = pick(some)
    groups = {group: pick(some) & view for group in ("identity", "personal", "operational")}
    withdrawn = pick(st.sets(st.integers(0, 14), max_size=2))
    return drafts, scope(LABELS, view, view | pick(some), groups, withdrawn)


def load(graph: Graph, drafts: list[CleanDraft]) -> dict[str, int]:
    """Apply drafts as entry 0 with the label numbers of LABELS, and tell every key's integer."""
    with graph.session() as session:
        from graphsvc.model.labels import label_key

        rows = [[lid, label_key(one)] for lid, one in LABELS.items()]
        session.run("UNWIND $rows AS r CREATE (:Label {lid: r[0], key: r[1]})", rows=rows).consume()
    applied = Writer(graph, MARKS).apply(Step(0), drafts, 0)
    return {
        entity.key: n
        for draft, ids in zip(drafts, applied.ids, strict=True)
        for entity, n in zip(draft.entities, ids, strict=True)
    }


def _told(claims: Iterable[RecordClaim | LinkClaim]) -> Told:
    return tell(claims, lambda lid: LABELS[lid].owner)


def _check_cut(few: Neighbourhood, whole: Neighbourhood, records: int, links: int) -> None:
    """That a cut neighbourhood has the owners of the whole one by turns, and tells what all of its claims come to."""
    entities = {entity.id: entity for entity in whole.entities}
    for entity in few.entities:
        claims = entities[entity.id].claims
        assert entity.told == entities[entity.id].told and len(entity.claims) == min(records, len(claims))
        assert len(_told(entity.claims).sources) >= 1 and set(entity.claims) <= set(claims)
        assert _told(entity.claims).owners == min(entity.told.owners, records)
    assert few.truncated == (len(whole.links) > links) and len(few.links) == min(links, len(whole.links))
    of_link = {link: [claim for claim in whole.links if claim.link == link] for link in {one.link for one in few.links}}
    assert few.told == ({link: _told(claims) for link, claims in of_link.items()} if few.truncated else {})


# Worlds are small already: shrinking one on a real database would take longer than reading it.
many = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


@given(world=worlds(), hops=st.integers(1, 3), kinds=st.sampled_from([None, ["USES"]]), grades=st.sampled_from(GRADES))
@many
def test_expand_is_the_neighbourhood_in_the_filtered_graph(
    graph_session: Graph,
    wipe: Callable[[Graph], None],
    world: tuple[list[CleanDraft], Scope],
    hops: int,
    kinds: Any,
    grades: tuple[str, ...] | None,
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    ids = load(graph_session, drafts)
    names = {n: key for key, n in ids.items()}
    origins = {draft.row: packed_origin(draft.origin) for draft in drafts}
    reader = Reader(graph_session)
    for key, world in product(list(ids)[:4], ("", "pasar", "customs")):
        oracle = visible(drafts, reader_scope, grades, world)
        found = run(reader.expand(reader_scope, [node(key, world)], Walk(hops, 1000), NOW, Sieve(grades, kinds)))
        if key not in oracle.records:
            assert found is None
            continue
        assert found is not None and not found.truncated
        reached, links = oracle.neighbourhood(key, hops, kinds)
        assert {names[entity.id] for entity in found.entities} == reached
        assert {_link(link, names) for link in found.links} == links
        for entity in found.entities:
            name = names[entity.id]
            assert {claim.rec for claim in entity.claims} == oracle.records[name]
            assert entity.key == (name if world == "" else None) and entity.node == node(name, world)
            assert entity.told == _told(entity.claims), "nothing is cut"
            assert all(
                (claim.identity is None) == (claim.lid not in reader_scope.allowed("identity"))
                for claim in entity.claims
            )
        for claim in (*found.links, *(claim for entity in found.entities for claim in entity.claims)):
            shown = claim.lid in reader_scope.allowed("operational")
            assert claim.origin == (origins[claim.rec] if shown else None)
        small = Reader(graph_session, records=2)
        few = run(small.expand(reader_scope, [node(key, world)], Walk(hops, 3), NOW, Sieve(grades, kinds)))
        assert few is not None
        _check_cut(few, found, 2, 3)
        for link in found.links:
            assert (link.operational is None) == (link.lid not in reader_scope.allowed("operational"))


@given(
    world=worlds(),
    world_of=st.sampled_from(["", "", "pasar"]),
    max_hops=st.integers(1, 6),
    k=st.integers(1, 4),
    grades=st.sampled_from(GRADES),
)
@many
def test_paths_are_the_shortest_simple_paths_in_the_filtered_graph(
    graph_session: Graph,
    wipe: Callable[[Graph], None],
    world: tuple[list[CleanDraft], Scope],
    world_of: str,
    max_hops: int,
    k: int,
    grades: tuple[str, ...] | None,
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    ids = load(graph_session, drafts)
    names = {n: key for key, n in ids.items()}
    oracle = visible(drafts, reader_scope, grades, world_of)
    source, target = next(iter(ids)), list(ids)[-1]
    ends = node(source, world_of), node(target, world_of)
    found = run(Reader(graph_session).paths(reader_scope, *ends, Ways(max_hops, k), NOW, Sieve(grades)))
    as_keys = [tuple(names[n] for n in path.entities) for path in found.paths]
    assert [len(path) - 1 for path in as_keys] == oracle.lengths(source, target, max_hops, k)
    assert set(as_keys) <= oracle.simple_paths(source, target, max_hops)
    assert len(set(as_keys)) == len(as_keys)
    for path, keys in zip(found.paths, as_keys, strict=True):
        assert {_link(link, names) for link in path.links} == oracle.between(keys)
        assert set(path.entities) <= found.entities.keys()
    shortest = _cypher_shortest(graph_session, reader_scope, world_of, (ids[source], ids[target]), max_hops, grades)
    assert shortest == (len(as_keys[0]) - 1 if as_keys else None)


@given(world=worlds(), grades=st.sampled_from(GRADES))
@many
def test_resolve_entities_and_match_follow_live_claims_only(
    graph_session: Graph,
    wipe: Callable[[Graph], None],
    world: tuple[list[CleanDraft], Scope],
    grades: tuple[str, ...] | None,
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    ids = load(graph_session, drafts)
    oracle = visible(drafts, reader_scope, grades)
    reader = Reader(graph_session)
    asked = [*ids, "phone:x:never"]
    assert run(reader.resolve(reader_scope, asked, NOW, Sieve(grades))) == {key: ids[key] for key in oracle.named}
    entities = run(reader.entities(reader_scope, [*ids.values(), 999], NOW, Sieve(grades)))
    assert [entity.id for entity in entities] == [n for key, n in ids.items() if key in oracle.records]
    for world_of in ("", "pasar", "nobody"):
        there = visible(drafts, reader_scope, grades, world_of).records
        single = [run(reader.entity(reader_scope, node(key, world_of), NOW, Sieve(grades))) for key in ids]
        assert [one is not None for one in single] == [key in there for key in ids]
        assert run(reader.entity(reader_scope, node("phone:x:never", world_of), NOW)) is None
        if grades is None:
            names = run(reader.names(reader_scope, list(ids.values()), NOW, world_of))
            assert names == {ids[key]: (node(key).mark, None if world_of else key) for key in there}
    matchable = scope(LABELS, reader_scope.allowed("match"), hidden=reader_scope.hidden)
    hits = visible(drafts, matchable, world=None).records
    numbers = {one: lid for lid, one in LABELS.items()}
    expected = {key: {numbers[drafts[row].label] for row in rows} for key, rows in hits.items()}
    found = run(reader.match(reader_scope, asked, NOW))
    assert {key: set(lids) for key, lids in found.items()} == expected
    records = {key: sorted(record for some in lids.values() for record in some) for key, lids in found.items()}
    assert {key: [record & ROW_MASK for record in some] for key, some in records.items()} == {
        key: sorted(drafts[row].row for row in rows) for key, rows in hits.items()
    }, "every record behind a hit is named to its owner"


def test_a_cut_neighbourhood_says_so_and_keeps_the_nearest(graph_database: Graph) -> None:
    keys = ["phone:x:hub", *(f"account:x:{n:02}" for n in range(20))]
    drafts = [draft(n, LABELS[1], ["phone:x:hub", key], [("USES", 1, 0)]) for n, key in enumerate(keys[1:])]
    drafts.append(draft(30, LABELS[1], ["account:x:00", "phone:x:far"], [("USES", 0, 1)]))
    ids = load(graph_database, drafts)
    found = run(Reader(graph_database).expand(scope(LABELS), [node("phone:x:hub")], Walk(2, 5), NOW))
    assert found is not None and found.truncated and len(found.links) == 5
    assert sorted(entity.key or "" for entity in found.entities) == [*keys[1:6], "phone:x:hub"], "by visible key"
    whole = run(Reader(graph_database).expand(scope(LABELS), [node("phone:x:hub")], Walk(2, 21), NOW))
    assert whole is not None and not whole.truncated and len(whole.links) == 21
    few = run(Reader(graph_database, records=3).entities(scope(LABELS), [ids["phone:x:hub"]], NOW))[0]
    assert few.more and len(few.claims) == 3


def test_nobody_crowds_another_one_out(graph_database: Graph) -> None:
    """Sixty claims of one owner, one or two of each other: all owners are seen, and all claims counted."""
    said = [(LABELS[1], None)] * 59 + [
        (LABELS[1], Origin("police", "R 1")),
        (LABELS[3], None),
        *[(LABELS[2], None)] * 2,
    ]
    hub, same = "phone:x:hub", ["account:x:same", "phone:x:same"]
    drafts = [
        draft(n, owner, [hub, f"account:x:{n:02}"], [("USES", 1, 0)], origin=origin)
        for n, (owner, origin) in enumerate(said)
    ]
    drafts += [draft(100 + n, owner, same, [("USES", 0, 1)], origin=origin) for n, (owner, origin) in enumerate(said)]
    ids = load(graph_database, drafts)
    for secret in (b"one", b"two", b"three"):
        reader = Reader(graph_database, records=7, secret=secret)
        order = sorted(("pasar", "swift", "customs"), key=Places(secret, "ke-police"))
        (facts,) = run(reader.entities(scope(LABELS), [ids[hub]], NOW))
        assert [LABELS[claim.lid].owner for claim in facts.claims[:3]] == order
        assert Counter(claim.lid for claim in facts.claims) == {1: 4, 2: 2, 3: 1} and facts.more
        assert facts.told == (63, {("pasar", ""), ("pasar", "police"), ("customs", ""), ("swift", "")})
        for start in (hub, same[0]):
            cut = run(reader.expand(scope(LABELS), [node(start)], Walk(1, 4), NOW))
            assert cut is not None and cut.truncated and Counter(link.lid for link in cut.links)[1] <= 2
            assert {link.lid for link in cut.links} == {1, 2, 3}
        assert cut.told == {(ids[same[0]], ids[same[1]], "USES"): facts.told}, "one link, and all that claim it"
        nameless = scope(LABELS, groups={"operational": []})
        assert run(reader.entities(nameless, [ids[hub]], NOW))[0].told.sources == {
            *(("pasar", ""), ("customs", ""), ("swift", ""))
        }, "where something comes from is withheld"


def test_hidden_claims_change_neither_order_nor_cut(graph_database: Graph, wipe: Callable[[Graph], None]) -> None:
    seen = [draft(100 + n, LABELS[1], ["phone:x:hub", f"account:x:{n}"], [("USES", 1, 0)]) for n in range(9)]
    seen += [draft(120 + n, LABELS[1], [f"account:x:{n}", "phone:x:far"], [("USES", 0, 1)]) for n in range(9)]
    hidden = [draft(n, LABELS[2], [f"account:x:{9 - n}", "phone:x:hub"], [("USES", 0, 1)]) for n in range(9)]
    named, nameless = scope(LABELS, [1]), scope(LABELS, [1], groups={"identity": []})
    answers = []
    for drafts in (seen, [*hidden, *seen]):
        wipe(graph_database)
        ids = load(graph_database, drafts)
        names = {n: key for key, n in ids.items()}
        reader = Reader(graph_database, records=4, secret=b"ties")
        answer: list[object] = []
        for reader_scope, world in ((named, ""), (nameless, "pasar")):
            hub, far = node("phone:x:hub", world), node("phone:x:far", world)
            network = run(reader.expand(reader_scope, [hub], Walk(2, 12), NOW))
            assert network is not None and network.truncated
            answer.append([_link(link, names) for link in network.links])
            answer.append([(names[one.id], one.told, [claim.rec for claim in one.claims]) for one in network.entities])
            answer.append({(names[a], names[b], kind): told for (a, b, kind), told in network.told.items()})
            found = run(reader.paths(reader_scope, hub, far, Ways(4, 3), NOW)).paths
            answer.append([[names[n] for n in path.entities] for path in found])
        answers.append(answer)
    assert answers[0] == answers[1]


@given(lot=st.integers(0, PRIME**2 - 1), secret=st.binary(min_size=1, max_size=32))
@many
def test_the_database_breaks_ties_as_the_service_does(graph_session: Graph, lot: int, secret: bytes) -> None:
    shuffle = shuffle_of(secret, "ke-police")
    statement = f"WITH {{lot: $lot}} AS c RETURN {queries.tie('c')}"
    with graph_session.session() as session:
        assert session.run(statement, lot=lot, **shuffle._asdict()).single(strict=True).values() == [*shuffle(lot)]


def test_ties_are_broken_otherwise_for_every_reading_organisation() -> None:
    lots = [MARKS.claim(5 << 28 | row, 0) for row in range(400)]
    mixed = [shuffle_of(secret, org) for secret in (b"a", b"b") for org in ("pasar", "tide")]
    orders = [sorted(range(len(lots)), key=lambda n, mix=mix: mix(lots[n])) for mix in mixed]
    for one, other in combinations([list(range(len(lots))), *orders], 2):
        # Spearman's measure: 1 for equal orders, and of independent ones some 0.05 either way.
        ranks = dict(zip(one, other, strict=True))
        apart = sum((a - b) ** 2 for a, b in ranks.items())
        assert abs(1 - 6 * apart / (len(lots) ** 3 - len(lots))) < 0.25


def test_lots_and_marks_hang_on_secret_and_place_alone() -> None:
    again, other = Marks(SECRET), Marks()
    assert again.entity("phone:x:1") == MARKS.entity("phone:x:1") != other.entity("phone:x:1")
    lots = [MARKS.about(7, 0), MARKS.about(7, 1), MARKS.about(8, 0), MARKS.claim(7, 0), other.about(7, 0)]
    assert len(set(lots)) == 5 and all(0 <= lot < PRIME**2 for lot in lots) and again.about(7, 1) == lots[1]


def test_what_takes_too_long_is_not_available_now(graph_session: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "READ_SECONDS", 0.05)
    with pytest.raises(Unavailable) as caught:
        graph_session.answer("UNWIND range(1, $n) AS a UNWIND range(1, $n) AS b RETURN count(a + b)", {"n": 100_000})
    assert caught.value.code == "graph_slow"


def test_a_path_search_over_its_budget_says_so_and_shows_what_is_certain(graph_database: Graph) -> None:
    drafts = [draft(0, LABELS[1], ["account:x:a", "phone:x:b"], [("USES", 0, 1)])]
    drafts += [draft(n, LABELS[1], ["phone:x:b", f"account:x:{n}"], [("USES", 1, 0)]) for n in range(1, 12)]
    load(graph_database, drafts)
    found = run(
        Reader(graph_database, budget=3).paths(scope(LABELS), node("account:x:a"), node("account:x:9"), Ways(4, 2), NOW)
    )
    assert found.truncated or len(found.paths) == 1
    near = run(
        Reader(graph_database, budget=3).paths(scope(LABELS), node("account:x:a"), node("phone:x:b"), Ways(4, 2), NOW)
    )
    assert [len(path.entities) for path in near.paths] == [2] and near.truncated


def test_claims_are_sought_never_expanded(graph_session: Graph) -> None:
    lists = {name: [1, 2] for name in ("may", "view", "match", *GROUPS)}
    gone: dict[str, list[int]] = {"hidden": [], "hiddenIn": []}
    parameters = {**lists, **gone, "now": NOW, "ids": [1], "keys": ["k"], "starts": ["m"]}
    parameters |= {"cap": 5, "stop": [], "at": ["", 0, 0], "reach": 9}
    parameters |= {"slots": [[1, 0]], "word": "w", "parts": ["w"], "names": 9, "entityKinds": None, "place": [1]}
    parameters |= {"leads": ["k:s:v"], "begun": ["k:s:value"]}
    parameters |= {"most": 10, "records": 10, "frontier": [1], "claims": ["x"], "grades": [""], "factor": 1, "other": 0}
    parameters |= {"mark": "m", "marks": ["m"]}
    statements = [queries.ENTITIES, queries.RESOLVE, queries.NAMES, queries.MATCH, queries.LEVEL, queries.CLAIMS]
    statements += [queries.RECORDS_ABOUT, queries.LINKS_OF, queries.ENTITY, queries.LOCATE]
    statements += [queries.expand(hops) for hops in range(1, queries.MAX_HOPS + 1)] + [TIMELINE, COMMON]
    statements += [find(False)]
    statements += [farther(hops) for hops in range(1, queries.MAX_HOPS + 1)] + [BEGUN]
    graded = [queries.ENTITIES, queries.RESOLVE, queries.LEVEL, queries.CLAIMS, queries.expand(queries.MAX_HOPS)]
    everything = Sieve([""], ["USES"], During(), During(undated=True))
    statements += map(Sieve([""]).statement, graded)
    statements += map(everything.statement, [*graded, TIMELINE, COMMON])
    parameters |= everything.parameters()
    for statement in statements:
        with graph_session.session() as session:
            text, given_map = driver.with_one_map(statement, parameters)
            plan = str(session.run("EXPLAIN " + text, given_map).consume().plan)
        operators = set(re.findall(r"'operatorType': '(\w+)", plan))
        assert not {name for name in operators if name.startswith(("Expand", "VarLength", "AllNodes", "NodeByLabel"))}
        assert not {name for name in operators if "Scan" in name}
        assert {name for name in operators if name.startswith("DirectedRelationship") and "Seek" in name}


def _link(link: Any, names: dict[int, str]) -> Link:
    return names[link.source], link.kind, names[link.target], link.rec


def _cypher_shortest(
    graph: Graph, reader_scope: Scope, world: str, ends: tuple[int, int], max_hops: int, grades: tuple[str, ...] | None
) -> int | None:
    """The length of the shortest path by Cypher's own search, predicates inside."""
    source, target = ends
    if source == target:
        return None
    statement = f"""
MATCH p = SHORTEST 1 (a:Entity {{id: $a}})
  (()-[r:CLAIM WHERE r.lid IN $view AND r.exp > $now AND NOT r.rec IN $hidden
    AND ($grades IS NULL OR coalesce(r.gsch + " " + r.gs + " " + r.gi, "") IN $grades)]-()){{1,{max_hops}}}
  (b:Entity {{id: $b}})
RETURN length(p)"""
    view = [lid for lid in reader_scope.allowed("view") if reader_scope.world_of(lid) == world]
    parameters = {"a": source, "b": target, "view": view, "now": NOW, "grades": grades}
    with graph.session() as session:
        rows = session.run(statement, {**parameters, "hidden": list(reader_scope.hidden)}).values()
    return int(rows[0][0]) if rows else None


def test_a_grading_is_asked_before_the_cut(graph_database: Graph) -> None:
    """Claims that don't pass use up no limit, no budget and no place among the records shown."""
    poor, good = Grading("admiralty", "E", "5"), Grading("uk-3x5x2", "1", "A")
    drafts = [
        draft(n, LABELS[1], ["phone:x:hub", f"account:x:{n:02}"], [("USES", 1, 0)], grading=poor) for n in range(9)
    ]
    drafts += [
        draft(n, LABELS[1], ["phone:x:hub", f"account:x:{n}"], [("USES", 1, 0)], grading=good) for n in range(20, 24)
    ]
    load(graph_database, drafts)
    grades = load_schema().gradings.at_least(Minimum("admiralty", "B", "2"))
    reader = Reader(graph_database, records=4, budget=4)
    found = run(reader.expand(scope(LABELS), [node("phone:x:hub")], Walk(1, 4), NOW, Sieve(grades)))
    assert found is not None and not found.truncated and {link.rec for link in found.links} == {20, 21, 22, 23}
    hub = next(entity for entity in found.entities if entity.key == "phone:x:hub")
    assert not hub.more and {claim.rec for claim in hub.claims} == {20, 21, 22, 23}
    ends = node("account:x:20"), node("account:x:21")
    way = run(Reader(graph_database, budget=5).paths(scope(LABELS), *ends, Ways(2, 1), NOW, Sieve(grades)))
    assert [len(path.entities) for path in way.paths] == [3] and not way.truncated
    assert run(Reader(graph_database, budget=5).paths(scope(LABELS), *ends, Ways(2, 1), NOW)).truncated


def test_a_closely_knit_network_is_searched_whole_and_off_the_event_loop(
    graph_database: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty-five accounts that are all linked, one of them to both ends: many millions of walks, one path."""
    knit = [f"account:x:{n:02}" for n in range(35)]
    keys = ["phone:x:from", *knit, "phone:x:to"]
    among = [("CONTROLS", a, b) for a in range(1, 36) for b in range(a + 1, 36)]
    ids = load(graph_database, [draft(0, LABELS[1], keys, [*among, ("USES", 1, 0), ("USES", 1, 36)])])
    threads: list[str] = []

    class Watched(Search):
        def paths(self) -> list[list[int]]:
            threads.append(threading.current_thread().name)
            return super().paths()

    monkeypatch.setattr(read, "Search", Watched)
    found = run(Reader(graph_database).paths(scope(LABELS), node(keys[0]), node(keys[-1]), Ways(8, 20), NOW))
    assert [path.entities for path in found.paths] == [[ids[key] for key in (keys[0], keys[1], keys[-1])]]
    assert not found.truncated
    assert threads and all(name.startswith("graph") for name in threads)


def test_what_would_hold_too_much_does_not_leave_the_graph(graph_database: Graph) -> None:
    ids = load(
        graph_database, [draft(row, LABELS[1], ["account:x:a", "phone:x:b"], [("USES", 0, 1)]) for row in range(9)]
    )
    with graph_database.session() as session:
        session.run("MATCH ()-[x]->() SET x.content = $long", long='{"about":"' + "x" * 700_000 + '"}').consume()
    reader, sees = Reader(graph_database), scope(LABELS)
    start, end, near = ids["account:x:a"], ids["phone:x:b"], node("account:x:a")
    assert len(run(reader.records(sees, [0, 1], NOW))) == 2
    asks: list[Coroutine[Any, Any, Any]] = [
        reader.entities(sees, [start, end], NOW),
        reader.expand(sees, [near], Walk(1, 20), NOW),
        reader.paths(sees, near, node("phone:x:b"), Ways(2, 2), NOW),
        reader.records(sees, list(range(9)), NOW),
    ]
    for ask in asks:
        with pytest.raises(TooLarge) as refused:
            run(ask)
        assert refused.value.code == CODE
    # What the reader may not see takes no room.
    blind = scope(LABELS, LABELS, groups={"content": set()})
    assert run(reader.expand(blind, [near], Walk(1, 20), NOW))
