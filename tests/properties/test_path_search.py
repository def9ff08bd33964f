"""The path search over any small graph, fed without a database, against networkx."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphsvc.graph.facts import Shuffle
from graphsvc.graph.paths import STEPS, Search
from graphsvc.graph.shortest import Effort


def _next(level: int) -> range:
    return range(level * 10 + 10, level * 10 + 19)


edges = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=18)


def search(
    pairs: set[tuple[int, int]], max_hops: int, k: int, budget: int = 1000, effort: Effort | None = None
) -> Search:
    """A search from 0 to 7, fed with whatever touches its frontier."""
    going = Search(0, 7, max_hops, k, budget, Shuffle(3, 5), effort)
    while (frontier := going.frontier()) is not None:
        touching = sorted((a, b) for a, b in pairs if a in frontier or b in frontier)
        going.add([[a, b, f"key{a}", f"key{b}", f"{a}-{b}", a + b, 0] for a, b in touching])
    return going


@given(edges, st.integers(1, 7), st.integers(1, 6))
@example({(0, 7), (2, 4), (1, 2), (0, 4), (3, 7), (1, 7), (1, 3)}, 5, 3)
@settings(max_examples=400, deadline=None)
def test_the_k_shortest_simple_paths_are_found_in_order(pairs: set[tuple[int, int]], max_hops: int, k: int) -> None:
    graph = nx.Graph(pairs)
    graph.add_nodes_from([0, 7])
    # By length, then by the keys along the path: a total order, so the answer is one and no other.
    wanted = sorted(nx.all_simple_paths(graph, 0, 7, cutoff=max_hops), key=lambda path: (len(path), path))
    assert search(pairs, max_hops, k).paths() == wanted[:k]


@given(edges, st.integers(1, 7), st.integers(0, 12))
def test_over_budget_only_what_is_certain_is_shown(pairs: set[tuple[int, int]], max_hops: int, budget: int) -> None:
    whole = search(pairs, max_hops, 6).paths()
    cut = search(pairs, max_hops, 6, budget)
    assert cut.paths() == whole[: len(cut.paths())]
    assert cut.truncated or cut.paths() == whole


@given(edges, st.integers(1, 7), st.integers(0, 60), st.integers(0, 12))
def test_a_search_that_is_cut_says_so_and_shows_the_first_paths(
    pairs: set[tuple[int, int]], max_hops: int, steps: int, moments: int
) -> None:
    whole = search(pairs, max_hops, 6).paths()
    ticks = iter(range(1_000_000))
    for effort in (Effort(steps, 1e9), Effort(STEPS, moments, lambda: float(next(ticks)))):
        cut = search(pairs, max_hops, 6, effort=effort)
        assert cut.paths() == whole[: len(cut.paths())]
        assert cut.truncated or cut.paths() == whole


CLIQUE = {(a, b) for a in range(10, 45) for b in range(a + 1, 45)} | {(0, 10), (10, 7)}
"""Thirty-five that all know each other, of which one alone is joined to both ends: there is one path."""
LADDER = {(0, b) for b in range(10, 19)} | {(a, 7) for a in range(70, 79)}
LADDER |= {(a, b) for level in range(1, 7) for a in range(level * 10, level * 10 + 9) for b in _next(level)}
"""Seven rungs of nine, each joined to all of the next: half a million paths of eight hops."""


@pytest.mark.parametrize("pairs", [CLIQUE, LADDER], ids=["clique", "ladder"])
def test_the_work_follows_the_claims_and_not_the_walks_among_them(pairs: set[tuple[int, int]]) -> None:
    effort = Effort(STEPS, 1e9)
    found = search(pairs, 8, 20, 20_000, effort)
    assert not found.truncated
    assert found.paths() == ([[0, 10, 7]] if pairs is CLIQUE else sorted(found.paths()))
    assert len(found.paths()) == (1 if pairs is CLIQUE else 20)
    assert STEPS - effort.left < 300 * len(pairs)


def test_an_entity_has_no_path_to_itself() -> None:
    assert Search(3, 3, 4, 2, 10, Shuffle(3, 5)).frontier() is None
    assert Search(3, 3, 4, 2, 10, Shuffle(3, 5)).paths() == []
