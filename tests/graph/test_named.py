"""Entities by name on a real Neo4j: what is found, what it costs, and what becomes of names with their records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from graph_world import MARKS, NOW, SECRET, label, scope
from hypothesis import given
from hypothesis import strategies as st
from test_read import LABELS, load, many
from test_timing import Profiled

from graphsvc.graph import named as module
from graphsvc.graph.driver import Graph
from graphsvc.graph.named import Named, named
from graphsvc.graph.read import Reader
from graphsvc.graph.sieve import ALL, During, Sieve
from graphsvc.graph.turns import Places
from graphsvc.graph.write import Step, Writer
from graphsvc.model.drafts import CleanDraft, CleanEntity, Grading
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.labels import Move
from graphsvc.model.names import sought, words_of
from graphsvc.policy.scope import Scope

WORDS = ["Nguyễn", "Văn", "Anh", "张伟", "Li", "محمد"]
GRADED = Sieve(("admiralty B 2",), recorded=During("2026-01-01T00:00:00+00:00"))


def run(work: Any) -> Any:
    return asyncio.run(work)


def person(key: str, name: str = "", shown: str = "") -> CleanEntity:
    """An account with a name of its holder, and one shown to others."""
    attributes: dict[str, dict[str, Any]] = {"identity": {"raw": key}}
    if shown:
        attributes["identity"] = {"displayName": shown, "raw": key}
    if name:
        attributes["personal"] = {"verifiedName": name}
    return CleanEntity("Account", key, attributes)


def row(number: int, lid: int, *entities: CleanEntity, **more: Any) -> CleanDraft:
    said = {"grading": Grading("admiralty", "B", "2"), "since": "2026-01-01T00:00:00Z", **more}
    return CleanDraft(number, LABELS[lid], list(entities), [], **said)


def find(graph: Graph, of: Scope, text: str, first: int = 500, after: Any = None, sieve: Sieve = ALL) -> Named:
    beginning = text.endswith("…")
    return run(named(Reader(graph, secret=SECRET), of, sought(text, beginning), first, after, NOW, sieve))


def keys(found: Named) -> list[str]:
    return [one.key.rpartition(":")[2] for one in found.entities if one.key]


@st.composite
def named_worlds(pick: Callable[..., Any]) -> tuple[list[CleanDraft], Scope]:
    drafts = []
    names = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
    for number in range(pick(st.integers(1, 12))):
        entities = {
            key: person(key, pick(names), pick(names))
            for key in pick(st.lists(st.sampled_from([f"account:x:{n}" for n in range(5)]), min_size=1, max_size=2))
        }
        expires = pick(st.sampled_from([None, None, "2025-01-01T00:00:00Z"]))
        drafts.append(row(number, pick(st.integers(1, 4)), *entities.values(), expires=expires))
    some = st.sets(st.integers(1, 4))
    view = pick(some)
    groups = {group: pick(some) & view for group in ("identity", "personal")}
    return drafts, scope(LABELS, view, view, groups, pick(st.sets(st.integers(0, 12), max_size=2)))


@given(world=named_worlds(), asked=st.lists(st.sampled_from(WORDS), min_size=1, max_size=2), first=st.integers(1, 3))
@many
def test_what_is_found_is_what_visible_names_say(
    graph_session: Graph, wipe: Callable[[Graph], None], world: Any, asked: list[str], first: int
) -> None:
    wipe(graph_session)
    drafts, reader_scope = world
    load(graph_session, drafts)
    numbers = {one: lid for lid, one in LABELS.items()}
    wanted: dict[str, set[str]] = {}
    for one in drafts:
        lid = numbers[one.label]
        seen = lid in reader_scope.allowed("view") and lid in reader_scope.allowed("identity")
        if not seen or one.expires is not None or one.row in reader_scope.hidden:
            continue
        for entity in one.entities:
            for group, values in entity.attributes.items():
                said = words_of(" ".join(text for name, text in values.items() if name != "raw"))
                if lid in reader_scope.allowed(group) and {*words_of(" ".join(asked))} <= {*said}:
                    wanted.setdefault(one.label.owner, set()).add(entity.key)
    text = " ".join(asked)
    whole = find(graph_session, reader_scope, text)
    found = [one.key for one in whole.entities]
    assert len(found) == len({*found}) == whole.total and {*found} == {key for each in wanted.values() for key in each}
    order = sorted(wanted, key=Places(SECRET, "ke-police"))
    heads = list(dict.fromkeys(min(wanted[owner]) for owner in order))
    assert found[: len(heads)] == heads, "one of every owner before anybody's second"
    parts, place = [], None
    while True:
        part = find(graph_session, reader_scope, text, first, place)
        parts += [one.key for one in part.entities]
        assert part.total == whole.total
        if part.last is None:
            break
        place = part.last
    assert parts == found


def test_beginnings_kinds_gradings_and_times(graph_database: Graph) -> None:
    load(
        graph_database,
        [
            row(0, 1, person("account:x:1", "Chandrasekhar Rao")),
            row(1, 2, person("account:x:2", "Chand Rao"), since="2020-01-01T00:00:00Z", until="2020-02-01T00:00:00Z"),
            row(2, 3, person("account:x:3", "Chandra"), grading=Grading("admiralty", "E", "5")),
            row(3, 1, person("account:x:4", "", "Rao chandra_88")),
        ],
    )
    everything = scope(LABELS)
    assert sorted(keys(find(graph_database, everything, "chand…"))) == ["1", "2", "3", "4"]
    assert sorted(keys(find(graph_database, everything, "rao chandra…"))) == ["1", "4"]
    assert sorted(keys(find(graph_database, everything, "CHANDRA"))) == ["3", "4"]
    assert sorted(keys(find(graph_database, everything, "chand…", sieve=GRADED))) == ["1", "4"]
    assert keys(find(graph_database, everything, "chand…", sieve=Sieve(recorded=During(None, "2021-01-01")))) == ["2"]
    assert keys(find(graph_database, everything.of_owners(frozenset({"swift"})), "chand…")) == ["2"]
    search = sought("chand", True)._replace(kinds=["Phone"])
    assert run(named(Reader(graph_database), everything, search, 9, None, NOW)).entities == []


def test_names_move_and_go_with_their_records(graph_database: Graph) -> None:
    load(graph_database, [row(0, 1, person("account:x:1", "Anh Anh")), row(1, 1, person("account:x:2", "Anh"))])
    first = scope(LABELS, [1])
    assert sorted(keys(find(graph_database, first, "anh"))) == ["1", "2"]
    moved = label("pasar", "RED")
    writer = Writer(graph_database, MARKS)
    writer.move(Step(1), [Move([1], moved)])
    assert keys(find(graph_database, first, "anh")) == ["1"]
    lid = {one: n for n, one in writer.labels()}[moved]
    assert keys(find(graph_database, scope({lid: moved}), "anh")) == ["2"]
    writer.withdraw(Step(2), [0], ["pasar"])
    assert keys(find(graph_database, first, "anh")) == []
    with graph_database.session() as session:
        assert session.run("MATCH ()-[x:NAMED]->() RETURN count(x)").single(strict=True)[0] == 1


def test_a_word_of_too_many_names_is_refused(graph_database: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 5)
    load(graph_database, [row(n, 1 + n % 2, person(f"account:x:{n}", f"Anh n{n}")) for n in range(10)])
    assert len(keys(find(graph_database, scope(LABELS, [1]), "anh"))) == 5
    with pytest.raises(InvalidQuery) as caught:
        find(graph_database, scope(LABELS), "anh")
    assert caught.value.code == "too_many_names" and "5" in caught.value.message
    assert keys(find(graph_database, scope(LABELS), "anh n3")) == ["3"], "looked for by its rarer word"


def hits(graph: Graph, of: Scope, text: str, sieve: Sieve = ALL) -> int:
    profiled = Profiled(graph)
    beginning = text.endswith("…")
    reader: Any = Reader(profiled, secret=SECRET)  # type: ignore[arg-type]
    assert run(named(reader, of, sought(text, beginning), 9, None, NOW, sieve)).entities
    return profiled.hits


def test_a_common_word_costs_no_more_than_is_looked_at_to_see_that(
    graph_database: Graph, wipe: Callable[[Graph], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever word is longer, fewer rows have the other; beginnings and parts of unspaced scripts likewise."""
    monkeypatch.setattr(module, "FEW", (10,))
    everything = scope(LABELS)
    asks = ("rare commonest", "rarest common", "rare commonest…", "common rarest…", "伟国 commonest")
    names = ("Rare Commonest", "Rarest Common", "Common Rarestone", "伟国 Commonest")
    seen = [row(n, 1 + n % 2, person(f"account:x:{n}", name)) for n, name in enumerate(names)]
    costs = []
    for many_more in (40, 400):
        wipe(graph_database)
        more = [row(100 + n, 1, person(f"account:y:{n}", f"Commonest Common n{n}")) for n in range(many_more)]
        load(graph_database, [*seen, *more])
        for _ in range(2):  # a statement's first run looks up more
            cost = [hits(graph_database, everything, text) for text in asks]
        costs.append(cost)
    assert costs[0] == costs[1]


def test_what_is_found_does_not_depend_on_how_many_rows_are_looked_at(
    graph_database: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(graph_database, [row(n, 1 + n % 3, person(f"account:x:{n}", f"Anh Li num{n % 4}")) for n in range(12)])
    whole = [keys(find(graph_database, scope(LABELS), text)) for text in ("anh li", "anh li num1", "anh num2…")]
    assert [len(found) for found in whole] == [12, 3, 3]
    for few in ((), (1,), (2, 5), (12,), (11, 12, 13)):
        monkeypatch.setattr(module, "FEW", few)
        assert whole == [
            keys(find(graph_database, scope(LABELS), text)) for text in ("anh li", "anh li num1", "anh num2…")
        ]
    monkeypatch.setattr(module, "MOST_NAMES", 11)
    monkeypatch.setattr(module, "FEW", (1, 11, 12))
    with pytest.raises(InvalidQuery) as caught:
        find(graph_database, scope(LABELS), "anh li")
    assert caught.value.code == "too_many_names"
    assert keys(find(graph_database, scope(LABELS), "anh li num1")) == whole[1]


@pytest.mark.parametrize("how", ["another label", "expired", "group withheld", "identity withheld"])
def test_hidden_names_cost_no_database_hit(graph_database: Graph, wipe: Callable[[Graph], None], how: str) -> None:
    """The same search, with two thousand names behind it that the reader may not see, and without."""
    groups: dict[str, Sequence[int]] = {
        "group withheld": {"personal": [1], "identity": [1, 2]},
        "identity withheld": {"identity": [1]},
    }.get(how, {})  # type: ignore[assignment]
    reader_scope = scope(LABELS, [1] if how == "another label" else [1, 2], groups=groups)
    expires = "2025-01-01T00:00:00Z" if how == "expired" else None
    seen = [row(n, 1, person(f"account:x:{n}", "Nguyễn Văn Anh", f"Shop {n}")) for n in range(4)]
    hidden = [row(100 + n, 2, person(f"account:y:{n}", "Nguyễn Văn Anh"), expires=expires) for n in range(2_000)]
    costs = []
    for drafts in (seen, [*seen, *hidden]):
        wipe(graph_database)
        load(graph_database, drafts)
        asks = [("nguyen", ALL), ("anh nguy…", ALL), ("shop", ALL), ("nguyen", GRADED)]
        for _ in range(2):  # a statement's first run looks up more
            cost = [hits(graph_database, reader_scope, text, sieve) for text, sieve in asks]
        costs.append(cost)
    assert costs[0] == costs[1]
