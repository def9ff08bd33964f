"""A fingerprint of the whole graph, equal for equal graphs whatever order they were written in.

Every node and relationship becomes one line of canonical JSON: labels or type, ends, properties. The fingerprint is the
sum of the lines' SHA-256 as numbers, modulo 2^256, so they can come in any order and nothing is sorted or held. Label
lists are sets, so they are sorted first. It finds differences between two graphs of ours; it is no commitment
against someone who chooses the lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from graphsvc.graph.driver import Graph

_NODES = "MATCH (n) RETURN labels(n), properties(n)"
_RELATIONSHIPS = "MATCH (a)-[r]->(b) RETURN type(r), a.id, b.id, properties(r)"
_COUNT_NODES = "MATCH (n) RETURN count(n)"
_COUNT_RELATIONSHIPS = "MATCH ()-[r]->() RETURN count(r)"
_encode = msgspec.json.Encoder(order="sorted").encode
_MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``digest`` in hex, and what was counted."""

    digest: str
    nodes: int
    relationships: int


def fingerprint(graph: Graph) -> Fingerprint:
    """Read everything and say what it comes to; about 20,000 things a second. Raises Unavailable."""
    total, counts = 0, [0, 0]
    with graph.session() as session:
        for place, statement in enumerate((_NODES, _RELATIONSHIPS)):
            for values in session.run(statement):
                line = list(values)
                if place == 0:
                    line[0] = sorted(line[0])
                    line[1]["lids"] = sorted(line[1].get("lids", ()))
                total += int.from_bytes(sha256(b"%d" % place + _encode(line)).digest(), "big")
                counts[place] += 1
    return Fingerprint(f"{total % _MODULUS:064x}", *counts)


def count(graph: Graph) -> tuple[int, int]:
    """How many nodes and relationships there are, from the server's own counts: at once. Raises Unavailable."""
    (nodes,), (relationships,) = graph.answer(_COUNT_NODES, {}), graph.answer(_COUNT_RELATIONSHIPS, {})
    return nodes, relationships
