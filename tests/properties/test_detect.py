"""Ring detection: against networkx, against planted rings, and independent of what nobody sees."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.columns.claims import claims_table
from graphsvc.columns.store import Columns
from graphsvc.detect.core import ROUNDS, components, two_core
from graphsvc.detect.evidence import Kinds
from graphsvc.detect.explain import decimal
from graphsvc.detect.recipe import Found, Parameters, detect
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling, Label

sys.path.insert(0, str(Path(__file__).parent))
from rings_world import Claims, World, best_jaccard, claims_of, make_world

pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=50, unique=True)
FEW = settings(max_examples=120, deadline=None, derandomize=True)


def plain(ids: list[int]) -> list[str]:
    return [f"entity {n:09d}" for n in ids]


def hand_made(*links: tuple[str, str], hubs: dict[str, str] | None = None) -> tuple[Claims, dict[str, int]]:
    """Claims from names: the first letter of an end tells its kind (a: Account, p: Phone, d: Device)."""
    kinds = {"a": "Account", "p": "Phone", "d": "Device"}
    world, number = World(random.Random(0)), {}
    for link in links:
        for name in link:
            if name not in number:
                number[name] = world.add(kinds[name[0]])
        world.join(number[link[0]], number[link[1]])
    return claims_of(world), number


@FEW
@given(pairs)
def test_two_core_equals_networkx(links: list[tuple[int, int]]) -> None:
    left, right = (np.array([link[side] for link in links], np.int64) for side in (0, 1))
    graph = nx.Graph([(("a", a), ("i", i)) for a, i in links])
    core = set(map(frozenset, nx.k_core(graph, 2).edges)) if links else set()
    keep = two_core(left, right)
    assert {frozenset({("a", a), ("i", i)}) for (a, i), kept in zip(links, keep, strict=True) if kept} == core


def test_two_core_of_a_chain_longer_than_the_rounds() -> None:
    chain = [(n, n + 1 - side) for n in range(5 * ROUNDS) for side in (1, 0)]
    square = [(9000, 9000), (9000, 9001), (9001, 9000), (9001, 9001), (9000, 0)]
    links = chain + square
    keep = two_core(np.array([a for a, _ in links]), np.array([i for _, i in links]))
    assert [link for link, kept in zip(links, keep, strict=True) if kept] == square[:4]


@FEW
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_components_equal_networkx(links: list[tuple[int, int]]) -> None:
    graph = nx.Graph(links)
    graph.add_nodes_from(range(31))
    found = components(31, *(np.array([link[side] for link in links], np.int64) for side in (0, 1)))
    groups = [frozenset(np.flatnonzero(found == root).tolist()) for root in set(found.tolist())]
    assert set(groups) == set(map(frozenset, nx.connected_components(graph)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_rings_are_found_among_decoys(seed: int) -> None:
    world = make_world(seed)
    found = detect(claims_of(world), Parameters(), plain)
    rings = [frozenset(ring.accounts) for ring in found.rings]
    assert best_jaccard(world.planted, rings) >= 0.8
    hits = [max(len(p & ring) / len(p | ring) for p in world.planted) > 0.5 for ring in rings]
    precision = [sum(hits[: n + 1]) / (n + 1) for n, hit in enumerate(hits) if hit]
    assert sum(precision) / len(precision) >= 0.85, "rings come before decoys"
    tagged = [bool(ring.tag) for ring in found.rings]
    assert tagged == sorted(tagged), "what may be innocent comes last"
    assert found.excluded_hubs == 7, "four depots and three call centres"
    # Without cap and pruning the same world is one lump.
    everything = nx.Graph(world.links)
    lumps = [frozenset(n for n in lump if world.kinds[n] == "Account") for lump in nx.connected_components(everything)]
    assert best_jaccard(world.planted, lumps) < 0.2


def _visible(found: Found, numbers: dict[int, int]) -> list[tuple[object, ...]]:
    back = {number: entity for entity, number in numbers.items()}
    return [
        (
            ring.rank, ring.score, ring.cycles, ring.hubs,
            [back[n] for n in ring.accounts], [back[n] for n in ring.identifiers],
            [(reason.text, reason.records, back.get(reason.entity)) for reason in ring.reasons],
        )
        for ring in found.rings
    ]  # fmt: skip


def test_answers_hang_on_visible_names_only() -> None:
    world = make_world(4, accounts=600, rings=8)
    same = {entity: entity for entity in world.kinds}
    first = _visible(detect(claims_of(world), Parameters(), plain), same)
    for seed in (1, 2):
        # Hidden records shift the entities' integers; the ledger's order shifts the claims'.
        other = random.Random(seed).sample(range(10_000_000), len(world.kinds))
        numbers = dict(zip(world.kinds, other, strict=True))
        back = {number: entity for entity, number in numbers.items()}
        found = detect(
            claims_of(world, numbers, seed), Parameters(), lambda ids, back=back: plain([back[n] for n in ids])
        )
        assert _visible(found, numbers) == first
    assert len(first) > 5


def test_a_ring_does_not_hang_on_other_components() -> None:
    ring = [(f"a{n}", f"p{m}") for n in range(5) for m in range(3) if (n + m) % 3]
    other = [(f"a-{n}", f"d-{m}") for n in range(4) for m in range(3)]
    alone, names = hand_made(*ring)
    both, _ = hand_made(*ring, *other)
    first = detect(alone, Parameters(), plain).rings
    assert len(first) == 1 and set(first[0].accounts) == {names[f"a{n}"] for n in range(5)}
    again = detect(both, Parameters(), plain).rings
    assert len(again) == 2
    assert {ring.accounts for ring in first} < {ring.accounts for ring in again}


def test_hubs_are_left_out_counted_and_told() -> None:
    ring = [(f"a{n}", f"d{m}") for n in range(4) for m in range(2)]
    crowd = [(f"a{n}", "p0") for n in range(30)]
    claims, names = hand_made(*ring, *crowd)
    found = detect(claims, Parameters(), plain)
    assert (found.excluded_hubs, found.accounts, found.links) == (1, 30, 38)
    assert set(found.rings[0].accounts) == {names[f"a{n}"] for n in range(4)} and found.rings[0].hubs == 1
    assert names["p0"] not in found.rings[0].identifiers
    (told,) = [reason for reason in found.rings[0].reasons if reason.text.endswith("left out: 1")]
    assert len(told.records) >= 21, "that it is a hub is shown by more accounts than the cap"
    raised = detect(claims, Parameters(kinds=Kinds(caps={"Phone": 30})), plain)
    assert raised.excluded_hubs == 0 and names["p0"] in raised.rings[0].identifiers
    lowered = detect(claims, Parameters(kinds=Kinds(caps={"Device": 3})), plain)
    assert lowered.excluded_hubs == 3 and lowered.rings == ()


def test_repeated_claims_make_one_link_and_are_all_cited() -> None:
    ring = [(f"a{n}", f"d{m}") for n in range(3) for m in range(2)]
    claims, _ = hand_made(*ring, *ring, ("a0", "d0"))
    (found,) = detect(claims, Parameters(), plain).rings
    assert (found.links, found.cycles, found.score) == (6, 2, "0.000")
    assert found.reasons[0].records == tuple(range(13))


def test_every_reason_cites_claims_of_the_ring() -> None:
    world = make_world(5)
    for ring in detect(claims_of(world), Parameters(), plain).rings:
        accounts = set(ring.accounts)
        for reason in ring.reasons:
            assert reason.records
            ends = [set(world.links[record]) for record in reason.records]
            aside = "left out" in reason.text or "go-betweens" in reason.text
            assert aside or all(end & accounts for end in ends)
            if reason.entity is not None:
                assert all(reason.entity in end for end in ends)


def test_trees_and_pairs_are_no_rings() -> None:
    tree = [("a0", "p0"), ("a1", "p0"), ("a1", "p1"), ("a2", "p1"), ("a2", "p2")]
    claims, _ = hand_made(*tree)
    assert detect(claims, Parameters(), plain).rings == ()
    pair, _ = hand_made(*[(f"a{n}", f"d{m}") for n in range(2) for m in range(4)])
    assert detect(pair, Parameters(), plain).rings == ()
    assert len(detect(pair, Parameters(min_accounts=2), plain).rings) == 1


def test_nothing_in_nothing_out() -> None:
    none, words = np.empty(0, np.int64), np.empty(0, np.int32)
    found = detect(Claims(none, none, words, words, words, none, none, none, ()), Parameters(), plain)
    assert (found.rings, found.excluded_hubs, found.accounts, found.links) == ((), 0, 0, 0)


def test_limit_keeps_the_best() -> None:
    claims = claims_of(make_world(2))
    every, few = detect(claims, Parameters(), plain), detect(claims, Parameters(limit=3), plain)
    rings = every.rings
    assert few.rings == rings[:3]
    assert few.more and not every.more and not detect(claims, Parameters(limit=len(rings)), plain).more
    scores = [(bool(ring.tag), -float(ring.score)) for ring in rings]
    assert scores == sorted(scores) and [ring.rank for ring in rings] == list(range(1, len(rings) + 1))
    least = detect(claims, Parameters(order="chance"), plain).rings
    assert [ring.log_e for ring in least if not ring.tag] == sorted(ring.log_e for ring in rings if not ring.tag)
    assert {ring.accounts for ring in least} == {ring.accounts for ring in rings}


def test_columns_feed_detection(tmp_path: Path) -> None:
    from graphsvc.model.drafts import CleanDraft, CleanEntity, CleanLink
    from graphsvc.model.principals import Footing, Organisation, Principal
    from graphsvc.policy.scope import Scope

    label = Label("pasar", "company", "ID", Handling("tlp-2.0", "GREEN"), "GREEN", "consent")
    links = [(a, 100 + p) for a in range(4) for p in range(2)]
    drafts = [
        CleanDraft(
            row, label, [CleanEntity("Account", "", {}), CleanEntity("Phone", "", {})], [CleanLink("USES", 0, 1, {})]
        )
        for row in range(len(links))
    ]
    store = Columns(tmp_path)
    store.append(0, 0, claims_table(0, drafts, links, [1] * len(links)))
    reader = Principal(Organisation("police-ke", "police", "KE", "Police"), "someone")
    scope = Scope(reader, Footing(), 0, "", 0.0, {"analyse": (1,)}, {})
    assert detect(store.select(scope, 0), Parameters(), plain).rings[0].accounts == (0, 1, 2, 3)
    less = replace(scope, hidden=(0, 1, 2, 3))
    assert detect(store.select(less, 0), Parameters(), plain).rings == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolution": 0},
        {"seed": -1},
        {"seed": 1 << 63},
        {"limit": 1001},
        {"min_accounts": 1},
        {"limit": 0},
        {"kinds": Kinds(actors=("Phone",))},
        {"kinds": Kinds(cap=1)},
        {"order": "size"},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidInput):
        Parameters(**wrong)


def test_scores_are_rounded_without_floats() -> None:
    for value, shown in (
        (Fraction(2, 3), "0.667"),
        (Fraction(1, 8), "0.125"),
        (Fraction(7, 1), "7.000"),
        (Fraction(1, 2000), "0.001"),
    ):
        assert decimal(value) == shown


def test_records_that_repeat_a_link_make_no_ring_larger_or_more_certain() -> None:
    """Said once or by many, by one source or by those who have it from there: one link, the same rings and scores."""
    world = make_world(4)
    told = [
        (ring.accounts, ring.identifiers, ring.cycles, ring.score, [reason.text for reason in ring.reasons])
        for ring in detect(claims_of(world), Parameters(), plain).rings
    ]
    world.links += [link for link in world.links for _ in range(world.random.randint(0, 3))]
    again = detect(claims_of(world), Parameters(), plain).rings
    assert told and told == [
        (ring.accounts, ring.identifiers, ring.cycles, ring.score, [reason.text for reason in ring.reasons])
        for ring in again
    ]
    assert sum(len(reason.records) for ring in again for reason in ring.reasons) > len(told), "all of them are cited"


def test_a_link_claimed_a_hundred_times_closes_no_cycle() -> None:
    two = Parameters(min_accounts=2)
    claims, _ = hand_made(("a1", "p1"), ("a2", "p1"), *[("a2", "p2"), ("a3", "p2")] * 100)
    assert detect(claims, two, plain).rings == ()
    closed, _ = hand_made(*[("a1", "p1"), ("a2", "p1"), ("a2", "p2"), ("a1", "p2")] * 3)
    (ring,) = detect(closed, two, plain).rings
    assert ring.links == 4
