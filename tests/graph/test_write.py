"""What the writer leaves in a real Neo4j."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graph_world import draft, entity, label

from graphsvc.graph import statements, write
from graphsvc.graph.driver import Graph, with_one_map
from graphsvc.graph.write import OutOfOrder, Step, Watermark, Writer
from graphsvc.model.errors import IntegrityError, Unavailable
from graphsvc.model.labels import Move
from graphsvc.model.times import FOREVER

A, B, C = "account:shop:anna", "phone:e164:+254700000001", "parcel:swift:1"


def rows(graph: Graph, statement: str, **parameters: Any) -> list[list[Any]]:
    with graph.session() as session:
        return session.run(statement, parameters).values()


def lids(graph: Graph) -> dict[str, list[int]]:
    return {key: list(values) for key, values in rows(graph, "MATCH (e:Entity) RETURN e.key, e.lids")}


def test_a_batch_becomes_entities_records_and_claims(graph_database: Graph) -> None:
    writer = Writer(graph_database)
    drafts = [
        draft(1, label(), [A, B], [("USES", 0, 1)], since="2025-01-01T00:00:00Z"),
        draft(2, label(code="RED"), [B, C], [("USES", 0, 1)], expires="2025-06-01T00:00:00.9Z"),
    ]
    applied = writer.apply(Step(0), drafts, 0)
    assert applied.ids == [[0, 1], [1, 3]], "an entity's integer is the ordinal of its first appearance among all"
    assert applied.lids == [1, 2]
    assert lids(graph_database) == {A: [1], B: [1, 2], C: [2]}
    claims = rows(
        graph_database,
        "MATCH (a)-[c:CLAIM]->(b) RETURN a.key, c.kind, b.key, c.src = a.id AND c.dst = b.id, c.rec, c.lid, c.exp,"
        " c.since, c.gs + c.gi + c.gsch, c.operational, c.identity ORDER BY c.rec",
    )
    assert claims == [
        [A, "USES", B, True, 1, 1, FOREVER, "2025-01-01T00:00:00Z", "B2admiralty", '{"n":"0"}', None],
        [B, "USES", C, True, 2, 2, 1748736000, None, "B2admiralty", '{"n":"0"}', None],
    ]
    about = rows(
        graph_database,
        "MATCH (r:Record)-[x:ABOUT]->(e) WHERE x.rec = r.id AND x.ent = e.id RETURN r.id, e.key, x.identity"
        " ORDER BY r.id, e.id",
    )
    assert about == [
        [1, A, f'{{"raw":"{A}"}}'],
        [1, B, f'{{"raw":"{B}"}}'],
        [2, B, f'{{"raw":"{B}"}}'],
        [2, C, f'{{"raw":"{C}"}}'],
    ]
    assert rows(graph_database, "MATCH (e:Phone) RETURN e.kind, e.key") == [["Phone", B]]
    assert writer.watermark() == Watermark(0)


def test_integers_do_not_depend_on_where_batches_end(graph_database: Graph, wipe: Callable[[Graph], None]) -> None:
    writer = Writer(graph_database)
    drafts = [
        draft(row, label(), [f"account:shop:{row % 3}", f"phone:e164:+{row % 4}"], [("USES", 0, 1)])
        for row in range(12)
    ]
    whole = writer.apply(Step(0), drafts, 0).ids
    wipe(graph_database)
    writer = Writer(graph_database)
    first = writer.apply(Step(0, 0, 5), drafts[:5], 0).ids
    assert writer.watermark() == Watermark(0, ((0, 5),))
    second = writer.apply(Step(0, 5), drafts[5:], 10).ids
    assert first + second == whole
    # The same with a gap told draft by draft, as when a draft has been erased.
    wipe(graph_database)
    kept = Writer(graph_database).apply(Step(0), drafts[:2] + drafts[3:], [0, 2, *range(6, 24, 2)]).ids
    assert kept[:2] == whole[:2]


def test_what_comes_twice_or_early_is_refused(graph_database: Graph) -> None:
    writer = Writer(graph_database)
    one = [draft(0, label(), [A])]
    with pytest.raises(OutOfOrder):
        writer.apply(Step(0, 1), one, 0)
    writer.apply(Step(0), one, 0)
    for step in (Step(0), Step(0, 1)):
        with pytest.raises(OutOfOrder):
            writer.apply(step, one, 0)
    # 4 is half applied, 2 and 3 have still to come.
    writer.apply(Step(4, 0, 1, passed=(2, 3)), one, 0)
    assert writer.watermark() == Watermark(4, ((2, 0), (3, 0), (4, 1)))
    assert writer.watermark().whole == 1
    for step in (Step(1), Step(2, 1), Step(4), Step(4, 2)):
        with pytest.raises(OutOfOrder):
            writer.apply(step, one, 0)
    writer.move(Step(3), [Move([0], label(code="RED"))])
    for again in (lambda: writer.move(Step(3), []), lambda: writer.withdraw(Step(3), [], [])):
        with pytest.raises(OutOfOrder):
            again()
    writer.apply(Step(2), one, 0)
    writer.withdraw(Step(4, 1), [2 << 28], [label().owner])
    assert writer.watermark() == Watermark(4)
    assert [count for (count,) in rows(graph_database, "MATCH (n:Record) RETURN count(n)")] == [2]


def test_of_two_writers_one_is_refused_and_then_knows_the_labels_of_the_other(graph_database: Graph) -> None:
    """Whether the other wrote a batch, or only the labels of one that failed then."""
    first, second = Writer(graph_database), Writer(graph_database)
    for writer in (first, second):
        assert writer.watermark() == Watermark(-1) and writer._known() == {}
    first.apply(Step(0), [draft(0, label(), [A])], 0)
    with pytest.raises(OutOfOrder):
        second.apply(Step(1), [draft(0, label(), [A])], 0)
    assert second.watermark() == Watermark(0)
    assert second.apply(Step(1), [draft(0, label(), [A])], 0).lids == [1]
    first.watermark()
    with pytest.raises(ZeroDivisionError):
        first.apply(Step(2), [draft(0, label(code="RED"), [A])], 0, lambda _: 1 / 0)
    with pytest.raises(OutOfOrder):
        second.apply(Step(2), [draft(0, label(code="AMBER"), [A])], 0)
    assert second.apply(Step(2), [draft(0, label(code="AMBER"), [A])], 0).lids == [3]


def test_a_failed_batch_leaves_nothing_but_the_numbers_of_its_labels(graph_database: Graph) -> None:
    """Its columns may be there already: what they are under must never be somebody else's number."""
    writer = Writer(graph_database)
    bad = draft(0, label(), [A, B])
    bad.entities[1].kind = "Ghost`"
    with pytest.raises(IntegrityError, match="kind"):
        writer.apply(Step(0), [bad], 0)
    bad = draft(0, label(), [A])
    bad.entities[0] = entity(A, secret={"x": 1})
    with pytest.raises(IntegrityError, match="group"):
        writer.apply(Step(0), [bad], 0)
    assert rows(graph_database, "MATCH (n) WHERE NOT n:Watermark AND NOT n:Label RETURN count(n)") == [[0]]
    assert writer.watermark() == Watermark(-1)
    assert writer.apply(Step(0), [draft(0, label(code="RED"), [A])], 0).lids == [2]
    assert Writer(graph_database).labels() == [(1, label()), (2, label(code="RED"))]
    assert Writer(graph_database).labels(1) == [(2, label(code="RED"))]


def test_an_empty_entry_only_moves_the_watermark(graph_database: Graph) -> None:
    writer = Writer(graph_database)
    assert writer.apply(Step(0), [], 0).ids == []
    assert writer.watermark() == Watermark(0)


def test_moved_records_take_their_claims_and_label_lists_along(graph_database: Graph) -> None:
    writer = Writer(graph_database)
    drafts = [
        draft(0, label(), [A, B, A], [("USES", 0, 1), ("USES", 1, 0)]),
        draft(1, label(), [A, C], [("USES", 0, 1)]),
    ]
    writer.apply(Step(0), drafts, 0)
    shared = label(groups=("g1",))
    writer.move(Step(1), [Move([0, 99], shared)])
    assert rows(graph_database, "MATCH ()-[c:CLAIM]->() RETURN c.rec, c.lid ORDER BY c.rec, c.lid") == [
        [0, 2],
        [0, 2],
        [1, 1],
    ]
    assert (
        rows(graph_database, "MATCH ()-[x:ABOUT]->() RETURN x.rec, x.lid ORDER BY x.rec, x.lid")
        == [[0, 2]] * 3 + [[1, 1]] * 2
    )
    assert {key: sorted(values) for key, values in lids(graph_database).items()} == {A: [1, 2], B: [2], C: [1]}
    writer.move(Step(2), [Move([0, 1], shared)])
    assert lids(graph_database) == {A: [2], B: [2], C: [2]}
    writer.move(Step(3), [Move([0, 1], label())])
    assert lids(graph_database) == {A: [1], B: [1], C: [1]}
    told: list[Any] = []
    writer.move(Step(4), [Move([0], shared), Move([1], label(code="RED")), Move([7], label(code="CLEAR"))], told.extend)
    assert told == [(2, [0]), (3, [1]), (4, [])]
    assert {key: sorted(values) for key, values in lids(graph_database).items()} == {A: [2, 3], B: [2], C: [3]}
    assert writer.watermark() == Watermark(4)


def test_withdrawn_records_are_gone_with_what_only_they_held(graph_database: Graph) -> None:
    writer = Writer(graph_database)
    drafts = [draft(0, label(), [A, B], [("USES", 0, 1)]), draft(1, label(code="RED"), [A, C], [("USES", 0, 1)])]
    writer.apply(Step(0), drafts, 0)
    writer.withdraw(Step(1), [0, 77], [label().owner])
    assert lids(graph_database) == {A: [2], C: [2]}
    assert rows(graph_database, "MATCH ()-[c:CLAIM]->() RETURN c.rec") == [[1]]
    writer.withdraw(Step(2), [1], ["another"])
    assert lids(graph_database) == {A: [2], C: [2]}, "only its owner takes a record back"
    writer.withdraw(Step(3), [1], [label().owner])
    assert rows(graph_database, "MATCH (n) WHERE NOT n:Watermark AND NOT n:Label RETURN count(n)") == [[0]]


@pytest.mark.parametrize("name", ["MOVE_RECORDS", "DELETE_RECORDS", "COUNT_CLAIMS"])
def test_the_claims_of_a_record_are_found_by_its_number(graph_database: Graph, name: str) -> None:
    """Walking from a record's entities would look at every pair of them, or at all that others claim."""
    statement, parameters = with_one_map(getattr(statements, name), {"records": [1], "lid": 1, "own": [1]})
    with graph_database.session() as session:
        plan = session.run(f"EXPLAIN {statement}", parameters).consume().plan
    found = list(operators(plan))
    assert any("RelationshipIndexSeek" in one for one in found), found
    walked = [one for one in found if "Scan" in one.split()[0] or (one.startswith("Expand") and "CLAIM" in one)]
    assert not walked


def operators(plan: Any) -> Iterator[str]:
    """Name and details of every step of a plan."""
    yield f"{plan['operatorType']} {plan['args'].get('Details', '')}"
    for child in plan.get("children", ()):
        yield from operators(child)


def test_a_withdrawal_is_cut_by_claims_and_goes_on_where_it_was(
    graph_database: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "WITHDRAWN_CLAIMS", 7)
    writer = Writer(graph_database)
    drafts = [draft(row, label(), [A, B, C], [("USES", 0, 1)]) for row in range(4)]
    writer.apply(Step(0), drafts, 0)
    gone = [0, 1, 2, 3, 99]
    assert writer.pieces(gone) == [[0], [1], [2], [3, 99]]
    writer.withdraw(Step(1, 0, 1), [0], [label().owner])
    assert Writer(graph_database).pieces(gone) == [[0, 1], [2], [3, 99]], "what has gone counts nothing"
    at, left = 1, Writer(graph_database).pieces(gone[1:])
    for piece in left:
        to = None if piece is left[-1] else at + len(piece)
        writer.withdraw(Step(1, at, to), piece, [label().owner])
        at += len(piece)
    assert rows(graph_database, "MATCH (n:Record) RETURN count(n)") == [[0]]
    assert writer.watermark() == Watermark(1)


def test_a_label_of_many_groups_is_kept(graph_database: Graph) -> None:
    """A unique index takes 8,167 bytes of one value; an entity's key stays below it, a label need not."""
    many = label(groups=tuple(f"group-{n:050d}" for n in range(200)))
    longest = "account:shop:" + "\U0001f98f" * 1_000
    Writer(graph_database).apply(Step(0), [draft(0, many, [longest, B])], 0)
    assert rows(graph_database, "MATCH (l:Label) RETURN size(l.key) > 8167") == [[True]]


def test_a_server_that_is_not_there_is_unavailable_and_names_nothing() -> None:
    with pytest.raises(Unavailable) as caught:
        Graph.open("bolt://127.0.0.1:9", ("neo4j", "s3cret"))
    assert "127.0.0.1" not in caught.value.message
    assert "s3cret" not in caught.value.message
