"""What an owner looks up of its own records to keep, hold or let go of them; nobody else is shown any of it.

The caller names the labels (by number) that may be looked at: those of one owner. Expiry hides nothing here: what
has expired is still held until it is purged.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphsvc.graph.driver import Graph

_ABOUT = """
UNWIND $keys AS key MATCH (e:Entity {key: key})
UNWIND [l IN e.lids WHERE l IN $lids] AS l
MATCH ()-[a:ABOUT {ent: e.id, lid: l}]->() USING INDEX SEEK a:ABOUT(ent, lid)
RETURN collect(DISTINCT a.rec)"""

_KEYS = "UNWIND $marks AS mark MATCH (e:Entity {mark: mark}) RETURN collect(e.key)"

_UNDER = """
MATCH (r:Record) WHERE r.id >= $low AND r.id < $high AND r.lid IN $lids
RETURN collect(r.id)"""

_DUE = """
MATCH (r:Record) WHERE r.id >= $low AND r.id < $high AND r.lid IN $lids AND (r.exp <= $now OR r.lid IN $old)
RETURN collect([r.id, r.exp <= $now])"""

_COUNTED = """
UNWIND $parts AS part MATCH (r:Record) WHERE r.id >= part[0] AND r.id < part[1] AND r.lid IN $lids AND r.exp > $now
WITH r.lid AS lid, count(r) AS records
RETURN collect([lid, records])"""

_STATES = "UNWIND $records AS id MATCH (r:Record {id: id}) RETURN collect([r.id, r.lid, r.exp])"


class Holdings:
    """Looks things up in one graph. Blocks: for worker threads. Raises Unavailable when Neo4j can't be had."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def about(self, keys: Sequence[str], lids: Sequence[int]) -> list[int]:
        """The records under ``lids`` that are about one of the entities that canonical keys name."""
        (found,) = self._graph.answer(_ABOUT, {"keys": list(keys), "lids": list(lids)})
        return list(found)

    def keys(self, marks: Sequence[str]) -> list[str]:
        """The canonical keys of entities by their marks; those that are not there are left out."""
        (found,) = self._graph.answer(_KEYS, {"marks": list(marks)})
        return list(found)

    def under(self, lids: Sequence[int], low: int, high: int) -> list[int]:
        """The records from ``low`` below ``high`` under one of ``lids``."""
        (found,) = self._graph.answer(_UNDER, {"lids": list(lids), "low": low, "high": high})
        return list(found)

    def due(
        self, lids: Sequence[int], old: Sequence[int], low: int, high: int, now: float | None = None
    ) -> list[tuple[int, bool]]:
        """The records from ``low`` below ``high`` under ``lids`` that have expired (True) or are under ``old``."""
        moment = int(time.time() if now is None else now)
        asked = {"lids": list(lids), "old": list(old), "low": low, "high": high, "now": moment}
        (found,) = self._graph.answer(_DUE, asked)
        return [(record, expired) for record, expired in found]

    def counted(self, lids: Sequence[int], parts: Sequence[tuple[int, int]], now: float) -> dict[int, int]:
        """How many records in force at ``now`` (epoch seconds) there are under each of ``lids``, by label number.

        ``parts`` are their places, from the first below the second.
        """
        asked = {"lids": list(lids), "parts": [list(part) for part in parts], "now": int(now)}
        (found,) = self._graph.answer(_COUNTED, asked)
        return dict(found)

    def states(self, records: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Label number and expiry (epoch seconds) of those of ``records`` that are in the graph."""
        (found,) = self._graph.answer(_STATES, {"records": list(records)})
        return {record: (lid, exp) for record, lid, exp in found}
