"""The floor to compare with: the same statements and parameters on the bare driver, everything prepared beforehand.

Preparing works out on paper what the writer learns from the database (which entities exist, which numbers labels have),
so the timed part is only driver and server. The reads run the product's own statement for one scope, and leave the
answer as the driver gives it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from neo4j import Driver, GraphDatabase, NotificationMinimumSeverity

from graphsvc.graph import queries, statements
from graphsvc.graph.constraints import AWAIT_INDEXES, CONSTRAINTS, FIRST_WATERMARK
from graphsvc.graph.prepare import Statement, prepare
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.labels import Label, label_key
from graphsvc.policy.scope import Scope


@dataclass(frozen=True)
class Ingest:
    """One transaction's statements a batch, and the integers and label numbers that they write."""

    batches: list[list[Statement]]
    entities: dict[str, int]
    lids: dict[Label, int]
    rows: int


def connect(uri: str, auth: tuple[str, str]) -> Driver:
    """A bare driver, set up as the product's."""
    return GraphDatabase.driver(uri, auth=auth, notifications_min_severity=NotificationMinimumSeverity.OFF)


def make_ready(driver: Driver) -> None:
    """Empty the database and make the product's constraints and indexes."""
    with driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS").consume()
        for statement in (*CONSTRAINTS, AWAIT_INDEXES, FIRST_WATERMARK):
            session.run(statement).consume()


def prepare_ingest(drafts: Sequence[CleanDraft], size: int = 5_000, entry_index: int = 0) -> Ingest:
    """The statements that apply ``drafts`` to an empty graph as one submission, in batches of ``size``."""
    entities: dict[str, int] = {}
    lids: dict[Label, int] = {}
    batches: list[list[Statement]] = []
    kinds = frozenset(entity.kind for draft in drafts for entity in draft.entities)
    ordinal = 0
    for number, start in enumerate(range(0, len(drafts), size)):
        batch = drafts[start : start + size]
        prepared = prepare(entry_index, batch, ordinal)
        ordinal += sum(len(draft.entities) for draft in batch)
        new = [label for label in prepared.labels if label not in lids]
        for label in new:
            lids[label] = len(lids) + 1
        numbers = [lids[label] for label in prepared.labels]
        found = {position: entities[key] for position, key in enumerate(prepared.keys) if key in entities}
        ids, runs = prepared.bind(found, numbers, kinds)
        entities.update(zip(prepared.keys, ids, strict=True))
        last = start + size >= len(drafts)
        to = {"to_index": entry_index, "to_batch": 0} if last else {"to_index": entry_index - 1, "to_batch": number + 1}
        mark = {"at_index": entry_index - 1, "at_batch": number, **to}
        labels = [[lids[label], label_key(label)] for label in new]
        first: list[Statement] = [(statements.MOVE_WATERMARK, mark), (statements.LOOK_UP, prepared.lookup(numbers))]
        created: list[Statement] = [(statements.CREATE_LABELS, {"labels": labels})] if labels else []
        batches.append([*first, *created, *runs])
    return Ingest(batches, entities, lids, len(drafts))


def run_ingest(driver: Driver, ingest: Ingest) -> float:
    """Run a prepared ingest; the seconds it took."""
    start = time.perf_counter()
    with driver.session() as session:
        for batch in ingest.batches:
            with session.begin_transaction() as transaction:
                for statement, parameters in batch:
                    transaction.run(statement, parameters).consume()
                transaction.commit()
    return time.perf_counter() - start


def expand_parameters(scope: Scope, limit: int, records: int, now: int) -> dict[str, Any]:
    """What the product sends with an expand, all but the start."""
    own = {"view": list(scope.allowed("view")), "now": now, "withdrawn": list(scope.withdrawn), "kinds": []}
    return {**own, **scope.masks(), "most": limit + 1, "records": records + 1}


def run_expand(
    driver: Driver, starts: Sequence[int], parameters: Mapping[str, Any], hops: int = 2, callers: int = 8
) -> list[float]:
    """Expand every start with ``callers`` threads at once; the latency of each in seconds."""
    statement = queries.expand(hops, False)

    def one(start: int) -> float:
        begun = time.perf_counter()
        with driver.session() as session:
            list(session.run(statement, {**parameters, "start": start}))
        return time.perf_counter() - begun

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(one, starts))
