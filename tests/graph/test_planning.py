"""The server plans a statement once: whatever the sizes of what it is asked with, and before anyone waits for it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from graph_world import MARKS, NOW, draft, label, node, scope
from neo4j import GraphDatabase

from graphsvc.graph import queries
from graphsvc.graph.driver import Graph, explaining, with_one_map
from graphsvc.graph.facts import Walk
from graphsvc.graph.read import Reader
from graphsvc.graph.write import Step, Writer
from graphsvc.local.neo4j import Neo4jChild


@pytest.fixture
def unplanned(graph_database: Graph) -> Iterator[Graph]:
    """A graph whose server knows no plan; reads beside it would count as its own."""
    planned(graph_database)
    yield graph_database
    planned(graph_database)


def planned(graph: Graph) -> int:
    """How many plans the server had; it has none now."""
    with graph.session() as session:
        told = session.run("CALL db.clearQueryCaches()").single(strict=True)[0]
    found = re.search(r"of (\d+) queries", told)
    return int(found[1]) if found else 0


def test_scopes_and_lists_of_all_sizes_share_a_plan(unplanned: Graph) -> None:
    labels = {lid: label(f"org-{lid}") for lid in range(1, 200)}
    one = draft(0, labels[1], ["phone:x:a", "account:x:b"], [("USES", 1, 0)])
    start = Writer(unplanned, MARKS).apply(Step(0), [one], 0).ids[0][0]
    reader, first = Reader(unplanned), scope(labels, {1})
    assert asyncio.run(reader.expand(first, [node("phone:x:a")], Walk(1, 9), NOW))
    assert asyncio.run(reader.entities(first, [start], NOW))
    planned(unplanned)
    for seen in (1, 2, 20, 199):
        for gone in (0, 1, 50, 3_000):
            of = scope(labels, set(range(1, seen + 1)), hidden=set(range(10, 10 + gone)))
            assert asyncio.run(reader.expand(of, [node("phone:x:a")], Walk(1, 9), NOW))
            assert asyncio.run(reader.entities(of, [start] * (gone + 1), NOW))
    # Two statements; what has been asked ten times is compiled once more, then to stay.
    assert planned(unplanned) == 4


def test_what_questions_begin_with_is_planned_ahead(unplanned: Graph) -> None:
    Reader(unplanned).plan_ahead().result()
    assert planned(unplanned) == len(queries.first_asked())


def test_what_is_planned_ahead_is_kept(neo4j_server: Neo4jChild) -> None:
    """The server says where it can't keep a plan (01N60), to whoever wants to hear it."""
    text, given = explaining(with_one_map(queries.RESOLVE, {})[0])
    with GraphDatabase.driver(neo4j_server.uri, auth=neo4j_server.auth) as talkative, talkative.session() as session:
        said = [
            "01N60" in [one.gql_status for one in session.run(text, parameters).consume().gql_status_objects]
            for parameters in (given, {})
        ]
    assert said == [False, True]


def test_a_statement_that_can_not_be_planned_stops_no_other(unplanned: Graph) -> None:
    unplanned.plan_ahead(["no Cypher at all", queries.RESOLVE]).result()
    assert planned(unplanned) == 1
