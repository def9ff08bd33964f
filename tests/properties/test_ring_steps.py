"""The steps of the recipe for rings, each on its own, against what can be counted by hand or by networkx."""

from __future__ import annotations

import sys
from itertools import combinations
from math import comb, factorial
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.detect.arrays import compact
from graphsvc.detect.behind import shadows
from graphsvc.detect.cycles import on_short_cycles
from graphsvc.detect.direction import only_buys
from graphsvc.detect.engine import by_shares, by_ties
from graphsvc.detect.episodes import cut_episodes
from graphsvc.detect.evidence import EARLIEST, LATEST, Kinds, gather
from graphsvc.detect.graph import Graph, build
from graphsvc.detect.groups import Groups, gather_groups, with_fringe
from graphsvc.detect.networks import join_rings
from graphsvc.detect.partition import SHARES, TIES, Linked, cut_parts
from graphsvc.detect.rank import spreads
from graphsvc.detect.significance import Degrees, Null, log_expected, log_factorial, significant
from graphsvc.detect.tags import HOUSEHOLD, WORKPLACE, tags_of

sys.path.insert(0, str(Path(__file__).parent))
from rings_world import listed

FEW = settings(max_examples=80, deadline=None, derandomize=True)
pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=24, unique=True)


def graph_of(*rows: tuple) -> tuple[Graph, dict[str, int]]:
    claims, number = listed(*rows)
    return build(gather(claims, Kinds()), Kinds(), claims.words, lambda ids: ids), number


def users_of(graph: Graph, number: dict[str, int], identifier: str) -> list[set[str]]:
    """The users of each episode of an identifier."""
    names = {n: name for name, n in number.items()}
    nodes = np.flatnonzero(graph.identifiers == number[identifier])
    return [
        {names[int(graph.members[m])] for m in graph.member[graph.identifier == node].tolist()}
        for node in nodes.tolist()
    ]


def test_who_only_buys_gives_no_evidence() -> None:
    rows = [
        ("c1", "SENT_BY", "a1"), ("c1", "SENT_TO", "a2"), ("a2", "PAID_TO", "w1"), ("a1", "USES", "w1"),
        ("c2", "SENT_BY", "a3"), ("c2", "SENT_TO", "a1"), ("a2", "USES", "p1"), ("a4", "USES", "p1"),
    ]  # fmt: skip
    claims, number = listed(*rows)
    evidence = gather(claims, Kinds())
    bought, _ = only_buys(evidence.uses, evidence.contacts)
    assert set(evidence.uses.actor[bought].tolist()) == {number["a2"]}, "a1 sends as well"
    graph, number = graph_of(*rows)
    assert users_of(graph, number, "w1") == [{"a1"}] and users_of(graph, number, "c2") == [{"a1", "a3"}]
    assert users_of(graph, number, "p1") == [{"a2", "a4"}], "what a customer uses stays evidence"


def test_idle_then_in_other_hands_is_another_episode() -> None:
    graph, number = graph_of(
        ("a1", "USES", "p1", 0, 50), ("a2", "USES", "p1", 60, 90), ("a3", "USES", "p1", 121, 130),
        ("a1", "USES", "p2", 0, 50), ("a1", "USES", "p2", 90, 95), ("a2", "USES", "p2", 96, 99),
        ("a1", "USES", "p3", 0, 200), ("a2", "USES", "p3", 40, 41), ("a3", "USES", "p3", 190, 300),
        ("a1", "USES", "p4"), ("a2", "USES", "p4", 900, 901),
    )  # fmt: skip
    assert users_of(graph, number, "p1") == [{"a1", "a2"}, {"a3"}], "passed on within 30 days; then idle for 31"
    assert users_of(graph, number, "p2") == [{"a1", "a2"}], "its old user came back"
    assert users_of(graph, number, "p3") == [{"a1", "a2", "a3"}], "a long use spans the gap"
    assert users_of(graph, number, "p4") == [{"a1", "a2"}], "who states no time used it always"


@FEW
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 300), st.integers(0, 60)),
        min_size=1,
        max_size=14,
    ),
    st.randoms(use_true_random=False),
)
def test_episodes_hang_on_no_order_and_never_overlap(uses: list[tuple[int, int, int, int]], draw) -> None:
    def cut(rows: list[tuple[int, int, int, int]]) -> list[tuple[tuple[int, int, int, int], int]]:
        identifier, actor, since, length = (np.array(column, np.int64) for column in zip(*rows, strict=True))
        return sorted(zip(rows, cut_episodes(identifier, actor, since, since + length).tolist(), strict=True))

    mixed = uses[:]
    draw.shuffle(mixed)
    found = cut(uses)
    assert found == cut(mixed)
    for one, other in combinations(found, 2):
        if one[0][0] == other[0][0] and one[1] < other[1]:
            assert one[0][2] + one[0][3] < other[0][2] - 30, "an episode begins more than 30 days after all before it"


def test_what_is_behind_is_used_while_it_is_there() -> None:
    graph, number = graph_of(
        ("a1", "USES", "p1", 0, 100), ("p1", "USES", "d1", 50, 60), ("a2", "USES", "p2", 0, 100),
        ("d1", "USES", "p2", 80, 90), ("a3", "USES", "p3", 0, 40), ("p3", "USES", "d1", 41, 45),
    )  # fmt: skip
    assert users_of(graph, number, "d1") == [{"a1", "a2"}], "a3's card was in the handset when it was no longer a3's"


def test_one_fact_does_not_count_twice() -> None:
    graph, number = graph_of(
        ("a1", "USES", "p1"), ("a2", "USES", "p1"), ("p1", "USES", "d1"), ("p1", "USES", "d2"),
        ("a3", "USES", "p3"), ("a4", "USES", "p3"), ("a5", "USES", "p4"), ("p3", "USES", "d3"), ("p4", "USES", "d3"),
    )  # fmt: skip
    assert users_of(graph, number, "p1") == [{"a1", "a2"}]
    assert users_of(graph, number, "d1") == users_of(graph, number, "d2") == [set()], "they say what the card says"
    assert users_of(graph, number, "d3") == [{"a3", "a4", "a5"}] and users_of(graph, number, "p3") == [set()]
    none = np.empty(0, np.int64)
    assert shadows((none, none), none, none, lambda asked: asked).size == 0


def test_contacts_join_who_is_at_the_ends() -> None:
    graph, number = graph_of(
        ("p1", "CONTACTED", "p2"), ("p2", "CONTACTED", "p1"), ("a1", "USES", "p1"), ("p2", "CONTACTED", "p3"),
        ("n1", "CONTACTED", "n2"), ("w1", "PAID_TO", "w2"), ("w2", "PAID_TO", "w1"),
    )  # fmt: skip
    names = {n: name for name, n in number.items()}
    met = {tuple(sorted(names[int(one)] for one in pair)) for pair in graph.contacts.tolist()}
    assert met == {("a1", "p2"), ("p2", "p3"), ("n1", "n2"), ("w1", "w2")}, "a1 alone uses p1"
    claims, _ = listed(*[("p0", "CONTACTED", f"p{n}") for n in range(1, 120)])
    crowd = build(gather(claims, Kinds()), Kinds(), claims.words, lambda ids: ids)
    assert not len(crowd.member), "a switchboard's contacts say nothing"


def test_a_parcel_sent_by_telephone_is_sent_by_who_uses_it() -> None:
    graph, number = graph_of(("c1", "SENT_BY", "p1"), ("a1", "USES", "p1"), ("c1", "HANDLED_BY", "a2"))
    assert users_of(graph, number, "c1") == [{"a1", "a2"}]


@FEW
@given(pairs)
def test_short_cycles_equal_networkx(links: list[tuple[int, int]]) -> None:
    left, right = (np.array([link[side] for link in links], np.int64) for side in (0, 1))
    graph = nx.Graph([(("a", a), ("i", i)) for a, i in links])
    for longest in (4, 6, 8):
        found, cut = on_short_cycles(left, right, longest)
        assert not cut
        for (a, i), short in zip(links, found.tolist(), strict=True):
            rest = graph.copy()
            rest.remove_edge(("a", a), ("i", i))
            around = nx.single_source_shortest_path_length(rest, ("a", a), longest - 1)
            assert (("i", i) in around) == short


def test_too_many_loops_are_cut_short_and_that_is_said() -> None:
    ring = [(n, n) for n in range(4)] + [(n, (n + 1) % 4) for n in range(4)]
    left, right = (np.array([link[side] for link in ring], np.int64) for side in (0, 1))
    found, cut = on_short_cycles(left, right)
    assert found.all() and not cut
    found, cut = on_short_cycles(left, right, work=30)
    assert cut and not found.any(), "a loop of eight, of which only six were looked for"


def _grouped(links: list[tuple[int, int]], parts: dict[int, int] | None = None, way: list[int] | None = None) -> Groups:
    member, identifier = (np.array([link[side] for link in sorted(links)], np.int64) for side in (0, 1))
    part = np.array([(parts or {}).get(n, 0) for n in range(int(identifier.max()) + 1)])
    return gather_groups(member, identifier, part, np.array(way or [0] * len(links), np.int32))


def _sets(groups: Groups) -> list[set[int]]:
    group, member, _ = groups.members()
    return [set(member[group == n].tolist()) for n in range(groups.count)]


def test_an_account_may_belong_to_two_rings_and_an_identifier_to_one() -> None:
    first = [(a, i) for a in (0, 1, 2) for i in (0, 1)]
    second = [(a, i) for a in (2, 3, 4) for i in (2, 3)]
    groups = _grouped(first + second, {0: 0, 1: 0, 2: 1, 3: 1})
    assert _sets(groups) == [{0, 1, 2}, {2, 3, 4}], "2 is a broker: two of its links lead into each"
    groups = _grouped([*first, (3, 2), (4, 2), (3, 3), (4, 3), (2, 3)], {0: 0, 1: 0, 2: 1, 3: 1})
    assert _sets(groups) == [{0, 1, 2}, {3, 4}], "one link is not enough"


def test_a_ring_of_purchases_is_none() -> None:
    links = sorted([(a, i) for a in (0, 1, 2) for i in (0, 1)])
    assert _sets(_grouped(links, way=[0, 0, 0, 0, 2, 2])) == [{0, 1}], "2 only takes"
    assert _sets(_grouped(links, way=[0, 0, 0, 0, 1, 2])) == [{0, 1, 2}], "2 gives as well"


def test_the_fringe_uses_what_is_mostly_the_cores() -> None:
    core = [(a, i) for a in (0, 1, 2) for i in (0, 1)]
    links = sorted([*core, (3, 0), (3, 9), (4, 2), (5, 2), (6, 2), (0, 2), (1, 2)])
    member, identifier = (np.array([link[side] for link in links], np.int64) for side in (0, 1))
    wide = with_fringe(_grouped(core), member, identifier, 10)
    _, who, inner = wide.members()
    assert dict(zip(who.tolist(), inner.tolist(), strict=True)) == {0: True, 1: True, 2: True, 3: False}
    _, what, users = wide.identifiers()
    assert dict(zip(what.tolist(), users.tolist(), strict=True)) == {0: 4, 1: 3}, "2 is mostly others', 9 is nobody's"


@pytest.mark.parametrize("engine", [by_ties, by_shares])
def test_engines_cut_part_by_part_and_hang_on_nothing_else(engine) -> None:
    clique = [(a, i) for a in range(4) for i in range(4) if a != i]
    links = clique + [(a + 4, i + 4) for a, i in clique]
    bridge = [*links, (0, 4), (4, 4)]
    member, identifier = (np.array([link[side] for link in sorted(set(bridge))], np.int64) for side in (0, 1))
    found = engine(member, identifier, np.zeros(len(member), np.int64), 0.1, 1)
    sides = {label: {i // 4 for i in identifier[found == label].tolist()} for label in set(found.tolist())}
    assert sorted(map(tuple, sides.values())) == [(0,), (1,)]
    # Each part alone gives what both give together, whatever else there is.
    both = (np.array([link[side] for link in links], np.int64) for side in (0, 1))
    member, identifier = both
    part = (member >= 4).astype(np.int64)
    together = compact(engine(member, identifier, part, 0.05, 7))[1]
    alone = compact(engine(member[part == 0], identifier[part == 0], part[part == 0], 0.05, 7))[1]
    assert (together[part == 0] == alone).all()
    none = np.empty(0, np.int64)
    assert engine(none, none, none, 0.1, 1).size == 0


def test_engine_weighs_each_link_once() -> None:
    """A library that takes an undirected link twice would find half the density: here the density decides."""
    path = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (3, 2)]
    member, identifier = (np.array([link[side] for link in path], np.int64) for side in (0, 1))
    part = np.zeros(len(path), np.int64)
    # Whole, six links of 21 pairs count 6 - 21 r; cut in two 5 - 9 r: equal at 1/12, and at 1/6 if links were doubled.
    assert len(set(by_ties(member, identifier, part, 0.07, 1).tolist())) == 1
    assert len(set(by_ties(member, identifier, part, 0.12, 1).tolist())) == 2


def test_resolution_is_chosen_piece_by_piece() -> None:
    dense = [(a, i) for a in range(5) for i in range(4)]
    loose = [(5 + n, 4 + n) for n in range(9)] + [(5 + n, 4 + (n + 1) % 9) for n in range(9)]
    loose += [(5 + n, 4 + (n + 3) % 9) for n in range(9)]
    links = sorted({*dense, *loose, (0, 4), (1, 4), (0, 5)})
    member, identifier = (np.array([link[side] for link in links], np.int64) for side in (0, 1))
    degree, users = np.bincount(member), np.bincount(identifier)
    linked = Linked(
        member, identifier, np.zeros(len(links), np.int32), np.zeros(len(links), np.int64),
        null_model(np.append(degree, [1] * 400), np.append(users, [1] * 400)),
    )  # fmt: skip
    part = cut_parts(linked, (TIES, SHARES), 1)
    assert len(set(part[identifier < 4].tolist())) == 1 and not set(part[identifier < 4]) & set(part[identifier >= 6])


def test_spread_tells_households_from_rings() -> None:
    household = _grouped([(a, i) for a in range(4) for i in range(2)])
    ring = _grouped([(n, i) for n in range(4) for i in (n, (n + 1) % 4)])
    assert spreads(household) == [0] and spreads(ring)[0] == pytest.approx(0.5)


def null_model(degree: np.ndarray, users: np.ndarray) -> Null:
    return Null(*(Degrees.of(np.zeros(len(side), np.int64), side) for side in (degree, users)))


def test_expected_number_equals_the_first_moment_by_enumeration() -> None:
    """Two members and two identifiers with two links each, in a small graph: choose, and match up."""
    square = _grouped([(a, i) for a in (0, 1) for i in (0, 1)])
    degree, users = np.array([2, 3, 1, 2]), np.array([3, 3, 2])
    total = 8
    stubs = [sum(comb(k, 2) for k in side) for side in (degree.tolist(), users.tolist())]
    by_hand = stubs[0] ** 2 / 2 * stubs[1] ** 2 / 2 * factorial(4) / (total * (total - 1) * (total - 2) * (total - 3))
    assert np.exp(log_expected(square, null_model(degree, users), np.array([0])))[0] == pytest.approx(by_hand)
    assert log_factorial(np.array([5_000.0]))[0] == pytest.approx(float(np.log(np.arange(1, 5001)).sum()))


def test_e_bh_marks_as_many_as_the_rate_allows() -> None:
    log_e = np.log(np.array([0.001, 0.02, 0.04, 5.0]))
    assert significant(log_e).tolist() == [True, True, False, False], "0.05 × k / 4: 0.0125, 0.025, 0.0375, 0.05"
    assert not significant(np.log(np.array([0.02, 1.0, 1.0, 1.0]))).any()
    assert significant(np.empty(0)).size == 0


def test_tags_for_one_address_that_most_use() -> None:
    home = [(a, 0) for a in range(4)] + [(0, 1), (1, 1)]
    at_work = [(a, 0) for a in range(9)] + [(0, 1), (1, 1)]
    busy = [(a, 0) for a in range(4)] + [(n, i) for n in range(4) for i in (1 + n, 1 + (n + 1) % 4)]
    for links, tag in ((home, HOUSEHOLD), (at_work, WORKPLACE), (busy, "")):
        member, identifier = (np.array([link[side] for link in sorted(links)], np.int64) for side in (0, 1))
        zero = np.zeros(len(links), np.int64)
        groups = Groups(1, zero, member, identifier, np.ones(len(links), bool))
        address = np.arange(int(identifier.max()) + 1) == 0
        assert tags_of(groups, address, np.arange(len(address)), np.array([False])) == [tag]
        assert tags_of(groups, address, np.arange(len(address)), np.array([True])) == ["account farm"]


def test_rings_are_joined_by_who_shares_a_narrow_thing_with_both() -> None:
    # Rings 0 {0,1}, 1 {2,3}, 2 {4}; 9 shares thing 0 with member 1 and thing 1 with member 2; 2 has too many users.
    links = [(1, 0), (9, 0), (2, 1), (9, 1), (3, 2), (4, 2), (5, 2), (6, 2)]
    who, what = (np.array([link[side] for link in links], np.int64) for side in (0, 1))
    found = join_rings(3, (np.array([0, 0, 1, 1, 2]), np.array([0, 1, 2, 3, 4])), (who, what))
    assert found.network.tolist() == [0, 0, 2]
    assert sorted(zip(found.between.tolist(), found.ring.tolist(), found.over.tolist(), strict=True)) == [
        (9, 0, 0),
        (9, 1, 1),
    ]


def test_times_that_nobody_stated_are_open() -> None:
    claims, _ = listed(("a1", "USES", "p1"), ("a2", "USES", "p1", 3, 4))
    uses = gather(claims, Kinds()).uses
    assert uses.since.tolist() == [EARLIEST, 3] and uses.until.tolist() == [LATEST, 4]
