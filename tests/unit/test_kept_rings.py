"""Rings that are kept: identity over runs, judgements, what lies around, what a removal leaves; without a service."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import networkx as nx
import numpy as np
import pytest

from bench.rings.quality import told
from bench.rings.worlds import make_world
from graphsvc.columns.claims import ClaimArrays
from graphsvc.detect.around import around, hours
from graphsvc.detect.evidence import UNKNOWN
from graphsvc.detect.recipe import Parameters, detect
from graphsvc.detect.removal import most_missed, without
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.model.errors import IntegrityError
from graphsvc.rings import kept
from graphsvc.rings.child import Task, in_window, search
from graphsvc.rings.identity import name_rings
from graphsvc.rings.judged import Judged, fold
from graphsvc.rings.kept import Head, Known, Result


def head(*accounts: int, world: str = "") -> Head:
    return Head(world, accounts, "", True, ("Phone",), 1)


def arrays(rows: list[tuple[str, int, str, int, str, int]], since: int = UNKNOWN) -> ClaimArrays:
    """Claims from rows (kind, entity, link, entity, kind, since); the record is the row's number."""
    words = tuple(sorted({word for a, _, verb, _, b, _ in rows for word in (a, verb, b)}))
    code = {word: number for number, word in enumerate(words)}
    columns: list[Any] = list(zip(*rows, strict=True))
    codes = [np.array([code[word] for word in columns[n]], np.int32) for n in (0, 4, 2)]
    times = np.array([since if at < 0 else at for at in columns[5]], np.int64)
    number = np.arange(len(rows), dtype=np.int64)
    ends = [np.array(columns[n], np.int64) for n in (1, 3)]
    return ClaimArrays(*ends, *codes, np.zeros(len(rows), np.int64), number, times, times, words)


def test_a_ring_stays_itself_as_it_grows_and_gets_another_name_only_when_it_is_another() -> None:
    first, known = name_rings("r1", [head(1, 2, 3, 4), head(10, 11, 12)], [])
    assert len(set(first)) == 2 and all(one.before is None for one in known)
    # 1. Grown to more than twice its size, seen in part, and in another order.
    then, later = name_rings("r2", [head(10, 11, 12, 13, 14, 15, 16), head(3, 4, 99)], known)
    assert then == [first[1], first[0]] and [one.before for one in later] == [("r1", 2), ("r1", 1)]
    # 2. Missed by a run it is remembered, and comes back as itself.
    gone, still = name_rings("r3", [head(50, 51, 52)], later)
    back, _ = name_rings("r4", [head(3, 4, 99)], still)
    assert gone[0] not in first and back == [first[0]]
    # 3. The same entities in another world of the reader's are other things.
    other, _ = name_rings("r5", [head(1, 2, 3, 4, world="tide")], known)
    assert other[0] not in first
    # 4. Of two that it fell into, the one with more of it goes on; and one ring goes on as one.
    parts, _ = name_rings("r6", [head(1, 2), head(2, 3, 4, 1)], known)
    assert parts[1] == first[0] and parts[0] not in first


def test_names_do_not_hang_on_the_order_of_what_is_known() -> None:
    draw = random.Random(3)
    heads = [head(*draw.sample(range(60), draw.randint(3, 8))) for _ in range(25)]
    known = [Known(f"k{n}", "", tuple(draw.sample(range(60), 6)), "r0", n + 1) for n in range(25)]
    ids, after = name_rings("r1", heads, known)
    assert len(set(ids)) == len(ids) and {one.id for one in known} <= {one.id for one in after}
    for one, name in zip(heads, ids, strict=True):
        for old in known:
            if old.id == name:
                assert 2 * len(set(one.accounts) & set(old.accounts)) >= min(len(one.accounts), len(old.accounts))


def judged(index: int, ring: str, kind: str, **body: Any) -> Judged:
    return Judged(index, "police-ke", ring, kind, "otieno", "2026-01-01T00:00:00Z", body)


def test_judgements_are_a_fold() -> None:
    acts = [
        judged(1, "a", "accept-ring"),
        judged(2, "a", "annotate-ring", text="seen at the border"),
        judged(3, "a", "merge-rings", rings=["b", "c"], reason="one gang"),
        judged(4, "b", "dismiss-ring", reason="a shop"),
    ]
    found = fold(acts)
    assert found["a"].verdict == "accepted" and found["b"].verdict == "dismissed" and found["c"].verdict == "open"
    assert found["a"].merged == {"b", "c"} and found["c"].merged == {"a", "b"}
    assert [one.index for one in found["a"].judgements] == [1, 2, 3] and found["a"].judgements[1].text
    # A later merger takes b out of the first; alone nobody is merged; a verdict can be taken back.
    more = fold([*acts, judged(5, "b", "merge-rings", rings=["d"], reason="with d"), judged(6, "a", "reopen-ring")])
    assert more["a"].merged == {"c"} and more["b"].merged == {"d"} and more["c"].merged == {"a"}
    assert more["a"].verdict == "open"
    assert fold([*acts, judged(7, "a", "merge-rings", reason="no")])["a"].merged == frozenset()
    assert fold([*acts, judged(7, "a", "merge-rings", reason="no")])["b"].merged == {"c"}
    assert fold([judged(1, "a", "split-ring", parts=[["x"], ["y", "z"]])])["a"].parts == (("x",), ("y", "z"))


def test_what_a_removal_leaves_is_what_networkx_leaves() -> None:
    draw = random.Random(9)
    for _ in range(60):
        accounts = draw.sample(range(100), draw.randint(3, 14))
        shared = [tuple(draw.sample(accounts, draw.randint(1, min(3, len(accounts))))) for _ in range(len(accounts))]
        removed = draw.sample(accounts, draw.randint(0, 2))
        graph: nx.Graph[int] = nx.Graph()
        graph.add_nodes_from(accounts)
        graph.add_edges_from(pair for users in shared for pair in pairwise(sorted(set(users) - set(removed))))
        graph.remove_nodes_from(removed)
        parts = sorted(map(len, nx.connected_components(graph)))
        found = without(accounts, shared, removed)
        assert (found.pieces, found.largest, found.left) == (len(parts), parts[-1] if parts else 0, len(graph))
    # Two triangles that one account joins: it is missed most, and nobody else is.
    joined = [(1, 2), (2, 3), (1, 3), (3, 4), (4, 5), (3, 5)]
    missed = most_missed([1, 2, 3, 4, 5], joined, 9)
    assert [(one.accounts, one.pieces, one.largest) for one in missed] == [((3,), 2, 2)]


def test_what_lies_around_a_ring_is_cited_step_by_step() -> None:
    night = int(datetime(2026, 1, 5, 22, 30, tzinfo=UTC).timestamp())
    rows = [
        ("Account", 1, "POSTED", 10, "Listing", night),
        ("Account", 2, "POSTED", 11, "Listing", -1),
        ("Listing", 10, "OFFERS", 20, "Taxon", -1),
        ("Account", 2, "OFFERS", 21, "Taxon", -1),
        ("Parcel", 30, "SENT_BY", 1, "Account", -1),
        ("Parcel", 30, "SEIZED_IN", 40, "Seizure", -1),
        ("Seizure", 41, "INVOLVES", 5, "Phone", -1),
        ("Account", 9, "POSTED", 12, "Listing", night),
        ("Listing", 12, "SEIZED_IN", 42, "Seizure", -1),
    ]
    one, other = around(arrays(rows), [(1, 2), (7,)], [(5,), ()])
    adverts = [(advert.entity, advert.since, advert.record) for advert in one.adverts]
    assert adverts == [(10, night, 0), (11, UNKNOWN, 1)]
    assert one.products == {20: (0, 2), 21: (3,)}
    assert one.seizures == {40: (4, 5), 41: (6,)}, "what another account posted is no part of it"
    assert not other.adverts and not other.products and not other.seizures


def test_nights_are_counted_where_the_hour_is_known() -> None:
    def at(hour: int, minute: int = 0) -> int:
        return int(datetime(2026, 1, 5, hour, minute, tzinfo=UTC).timestamp())

    assert hours([UNKNOWN, at(0), at(21), at(5, 59), at(6), at(20, 59)], 0) == (4, 2), "midnight sharp is a date"
    assert hours([at(14)], 8) == (1, 1) and hours([at(14)], -5) == (1, 0)


def task_of(letter: str, accounts: int) -> tuple[Task, list[str]]:
    claims = told(make_world(letter, accounts, 3))
    names = ("src", "dst", "src_kind", "dst_kind", "kind")
    columns = [getattr(claims, name) for name in names]
    lid = np.full(len(claims.rec), 4, np.int64)
    made = ClaimArrays(*columns, lid, claims.rec, claims.since, claims.until, claims.words)
    return Task(made, ("",), None, Parameters()), claims.names


def test_what_is_kept_is_what_the_recipe_finds() -> None:
    task, names = task_of("C", 220)
    spelled = lambda ids: [names[one] for one in ids]  # noqa: E731
    stages: list[str] = []
    found = search(task, spelled, stages.append)
    rings = [msgspec.msgpack.decode(one, type=kept.Ring) for one in found.rings]
    expected = detect(task.claims, Parameters(), spelled)
    assert len(rings) == len(expected.rings) > 3 and "look around" in stages
    for ring, one in zip(rings, expected.rings, strict=True):
        assert (ring.rank, ring.score, ring.accounts, ring.fringe) == (one.rank, one.score, one.accounts, one.fringe)
        assert set(ring.evidence) == {record for shared in one.shared for record in shared.records} <= ring.cited
        assert {entity for entity, _ in ring.brokers} == set(one.brokers)
        assert {entity for entity, _ in ring.between} == set(one.between) and len(ring.hubs) == one.hubs
    assert found.lids == [4] and (found.claims, found.accounts) == (len(task.claims), expected.accounts)


def test_nodes_of_several_worlds_come_back_as_entities_in_their_world() -> None:
    task, names = task_of("B", 220)
    ends = np.unique(np.concatenate([task.claims.src, task.claims.dst]))
    worlds = ("", "drift", "tide")
    doubled = [3 * np.searchsorted(ends, column) + 1 for column in (task.claims.src, task.claims.dst)]
    apart = Task(replace(task.claims, src=doubled[0], dst=doubled[1]), worlds, ends, Parameters())
    plain = search(task, lambda ids: [names[one] for one in ids])
    moved = search(apart, lambda nodes: [names[int(ends[node // 3])] for node in nodes])
    rings = [[msgspec.msgpack.decode(one, type=kept.Ring) for one in found.rings] for found in (plain, moved)]
    assert rings[0] and [one.accounts for one in rings[0]] == [one.accounts for one in rings[1]]
    assert {one.world for one in rings[1]} == {"drift"}


def test_a_window_takes_what_is_of_its_time_and_what_has_none() -> None:
    rows = [("Account", 1, "USES", 2, "Phone", at) for at in (100, 200, 300, -1)]
    claims = arrays(rows)
    assert in_window(claims, 150, 250).rec.tolist() == [1, 3]
    assert in_window(claims, None, 200).rec.tolist() == [0, 1, 3]
    assert in_window(claims, 201, None).rec.tolist() == [2, 3]
    assert len(in_window(claims, None, None)) == 4


def test_results_are_sealed_each_under_its_own_key(tmp_path: Path) -> None:
    task, names = task_of("B", 120)
    found = search(task, lambda ids: [names[one] for one in ids])
    ids, known = name_rings("s1", found.heads, [])
    result, store = Result(found, ids, known), FilePayloadStore(tmp_path)
    name, secrets = kept.seal(store, "s1", result)
    key = secrets[kept.secret_of("s1")]
    again = kept.unseal(store, "s1", name, key)
    assert again.ids == ids and again.ring(0) == result.ring(0) and again.place(ids[-1]) == len(ids) - 1
    for run, other in (("s2", key), ("s1", os.urandom(kept.KEY))):
        with pytest.raises(IntegrityError):
            kept.unseal(store, run, name, other)
