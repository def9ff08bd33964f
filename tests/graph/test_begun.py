"""Entities by the beginning of their identifier on a real Neo4j: what is found, what it costs, what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from graph_world import MARKS, NOW, SECRET, draft, label, scope
from hypothesis import given
from hypothesis import strategies as st
from test_read import LABELS, load, many
from test_timing import Profiled

from graphsvc.graph import begun as module
from graphsvc.graph.begun import begun
from graphsvc.graph.driver import Graph
from graphsvc.graph.named import Named
from graphsvc.graph.read import Reader
from graphsvc.graph.sieve import ALL, Sieve
from graphsvc.graph.turns import Places
from graphsvc.graph.write import Step, Writer
from graphsvc.model.beginnings import Beginning
from graphsvc.model.claims import expiry
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.labels import Move
from graphsvc.policy.scope import Scope

PHONES = [f"phone:e164:+25471{n:07}" for n in (0, 1, 10, 1_000_000, 1_000_001)]
ACCOUNTS = ["account:x:user1", "account:x:user12", "account:x:USER9", "account:y:user1"]


def run(work: Any) -> Any:
    return asyncio.run(work)


def find(
    graph: Any, of: Scope, *keys: str, first: int = 500, after: Any = None, sieve: Sieve = ALL
) -> Named:  # fmt: skip
    reader = Reader(graph, secret=SECRET)
    found: Named = run(begun(reader, of, Beginning("any", [*keys]), (first, after), NOW, sieve))
    return found


def keys_of(found: Named) -> list[str]:
    return [one.key for one in found.entities if one.key]


@st.composite
def worlds(pick: Callable[..., Any]) -> tuple[list[Any], Scope]:
    drafts = []
    for row in range(pick(st.integers(1, 12))):
        keys = pick(st.lists(st.sampled_from([*PHONES, *ACCOUNTS]), min_size=1, max_size=3, unique=True))
        expires = pick(st.sampled_from([None, None, "2025-01-01T00:00:00Z"]))
        drafts.append(draft(row, LABELS[pick(st.integers(1, 4))], keys, expires=expires))
    some = st.sets(st.integers(1, 4))
    view = pick(some)
    return drafts, scope(
        LABELS, view, view, {"identity": pick(some) & view}, pick(st.sets(st.integers(0, 12), max_size=2))
    )


@given(
    world=worlds(), first=st.integers(1, 3),
    asked=st.sampled_from([["phone:e164:+2547100"], ["phone:e164:+25471100"], ["account:x:user1", "account:x:USER1"]]),
)  # fmt: skip
@many
def test_what_is_found_is_what_visible_keys_begin_with(
    graph_session: Graph, wipe: Callable[[Graph], None], world: Any, first: int, asked: list[str]
) -> None:
    wipe(graph_session)
    drafts, of = world
    load(graph_session, drafts)
    numbers = {one: lid for lid, one in LABELS.items()}
    wanted: dict[str, set[str]] = {}
    for one in drafts:
        lid = numbers[one.label]
        if (
            lid in of.allowed("view")
            and lid in of.allowed("identity")
            and expiry(one) > NOW
            and one.row not in of.hidden
        ):
            for entity in one.entities:
                if entity.key.startswith(tuple(asked)):
                    wanted.setdefault(one.label.owner, set()).add(entity.key)
    whole = find(graph_session, of, *asked)
    found = keys_of(whole)
    assert len(found) == whole.total and {*found} == {key for each in wanted.values() for key in each}
    heads = [min(wanted[owner]) for owner in sorted(wanted, key=Places(SECRET, "ke-police"))]
    assert found[: len({*heads})] == list(dict.fromkeys(heads)), "one of every owner before anybody's second"
    parts, place = [], None
    while True:
        part = find(graph_session, of, *asked, first=first, after=place)
        parts += keys_of(part)
        assert part.total == whole.total
        place = part.last
        if place is None:
            break
    assert parts == found


def test_beginnings_move_and_go_with_their_records(graph_database: Graph) -> None:
    load(graph_database, [draft(0, LABELS[1], [PHONES[0]]), draft(1, LABELS[1], [PHONES[1]])])
    first, begin = scope(LABELS, [1]), "phone:e164:+2547100"
    assert keys_of(find(graph_database, first, begin)) == PHONES[:2]
    moved = label("pasar", "RED")
    writer = Writer(graph_database, MARKS)
    writer.move(Step(1), [Move([1], moved)])
    assert keys_of(find(graph_database, first, begin)) == PHONES[:1]
    lid = {one: n for n, one in writer.labels()}[moved]
    assert keys_of(find(graph_database, scope({lid: moved}), begin)) == PHONES[1:2]
    writer.withdraw(Step(2), [0], ["pasar"])
    assert keys_of(find(graph_database, first, begin)) == []


def test_too_many_that_begin_alike_are_refused(graph_database: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CLAIMS", 5)
    load(graph_database, [draft(n, LABELS[1 + n % 2], [f"account:x:alike{n}"]) for n in range(10)])
    assert len(keys_of(find(graph_database, scope(LABELS, [1]), "account:x:alike"))) == 5
    with pytest.raises(InvalidQuery) as caught:
        find(graph_database, scope(LABELS), "account:x:alike")
    assert caught.value.code == "too_many_identifiers"


@pytest.mark.parametrize("how", ["another label", "expired", "identity withheld"])
def test_hidden_identifiers_cost_no_database_hit(
    graph_database: Graph, wipe: Callable[[Graph], None], how: str
) -> None:
    groups: dict[str, Sequence[int]] = {"identity": [1]} if how == "identity withheld" else {}
    of = scope(LABELS, [1] if how == "another label" else [1, 2], groups=groups)
    expires = "2025-01-01T00:00:00Z" if how == "expired" else None
    seen = [draft(n, LABELS[1], [f"account:x:alike{n}"]) for n in range(4)]
    hidden = [draft(100 + n, LABELS[2], [f"account:x:alike-{n}"], expires=expires) for n in range(1_000)]
    costs = []
    for drafts in (seen, [*seen, *hidden]):
        wipe(graph_database)
        load(graph_database, drafts)
        cost = []
        for _ in range(2):  # a statement's first run looks up more
            profiled = Profiled(graph_database)
            assert len(keys_of(find(profiled, of, "account:x:alike"))) == 4
            cost.append(profiled.hits)
        costs.append(cost[-1])
    assert costs[0] == costs[1]
