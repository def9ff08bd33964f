"""Reads hold for every record number that a ledger can come to: what orders them must not overflow."""

from __future__ import annotations

import asyncio

import pytest
from graph_world import MARKS, NOW, draft, label, node, scope

from graphsvc.graph.driver import Graph
from graphsvc.graph.facts import Walk
from graphsvc.graph.read import Reader
from graphsvc.graph.write import Step, Writer


@pytest.mark.parametrize("index", [0, 13, 15, 16, 1_000_015, (1 << 35) - 1])
def test_records_of_any_entry_are_read(graph_database: Graph, index: int) -> None:
    writer, keys = Writer(graph_database, MARKS), ["account:shop:1", "phone:e164:+1"]
    last = (1 << 28) - 1
    ids = writer.apply(Step(index), [draft(row, label(), keys, [("USES", 0, 1)]) for row in (0, last)], 0).ids[0]
    reader, everything = Reader(graph_database), scope({1: label()})
    (entity,) = asyncio.run(reader.entities(everything, ids[:1], NOW))
    assert sorted(claim.rec for claim in entity.claims) == [index << 28, (index << 28) + last]
    network = asyncio.run(reader.expand(everything, [node(keys[0])], Walk(1, 10), NOW))
    assert network is not None and len(network.links) == 2
