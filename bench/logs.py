"""Logs for benchmarks: drafts as reads make them, a large log made quickly, the same bytes in bare SQLite."""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, insert, select

from graphsvc.ledger import tables
from graphsvc.ledger.entry import Disclosure, EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.tree import TILE
from graphsvc.model.accelerator import AUTO
from graphsvc.model.principals import Organisation
from graphsvc_verify.merkle import leaf_hash

ORIGIN = "bench.example/log"
READER, OWNER = "police-ke", "pasar"
_numbers = itertools.count()


def fresh(directory: Path, fast: str = AUTO) -> Ledger:
    """A log with a reader and an owner of records; ``fast`` is ``auto`` or ``off``, for the accelerator."""
    ledger = Ledger.open(directory, ORIGIN, fast=fast)
    for org in (READER, OWNER):
        key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        ledger.admit(Organisation(org, "police", "KE", org), key, "bench")
    return ledger


def note() -> EntryDraft:
    """The least that an entry can be."""
    return EntryDraft(type="note")


def read(shown: int = 5) -> EntryDraft:
    """A read that showed some records of one owner."""
    facts = {"reader": READER, "person": "officer-1", "purpose": "investigation", "case": "B/1"}
    records = [Disclosure(7, row, f"h{row:020d}", ("content", "identity")) for row in range(shown)]
    return EntryDraft(
        type="read",
        who={"org": READER, "person": "officer-1"},
        purpose="investigation",
        basis="mlat",
        case="B/1",
        policy="sha256:00",
        at=None,
        query=b"{entity}",
        answer=b"%d" % next(_numbers),
        requester=READER,
        owners=[OwnerPart(OWNER, facts, records)],
        read=True,
    )


def append_rate(ledger: Ledger, callers: int, seconds: float, draft: Callable[[], EntryDraft]) -> float:
    """Durable appends per second by ``callers``, each waiting for its own before the next, as in the service."""

    async def call(until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            await ledger.append_soon(draft())
            count += 1
        return count

    async def run() -> float:
        begun = time.perf_counter()
        counts = await asyncio.gather(*(call(begun + seconds) for _ in range(callers)))
        return sum(counts) / (time.perf_counter() - begun)

    return asyncio.run(run())


Batch = dict[str, list[tuple[Any, ...]]]
"""What one commit wrote: rows by table."""
_BY_INDEX = ("entries", "sections", "reads", "disclosures")


def batches_of(ledger: Ledger, start: int) -> list[Batch]:
    """The rows of all tables from entry ``start`` on as they were committed together."""
    batches: list[Batch] = []
    heads = tables.checkpoints
    with ledger.reading() as connection:
        for head in connection.execute(select(heads).where(heads.c.size > start).order_by(heads.c.size)):
            batch: Batch = {"checkpoints": [tuple(head)]}
            for name in _BY_INDEX:
                table = ledger.tables[name]
                new = (table.c["index"] >= start) & (table.c["index"] < head.size)
                batch[name] = [tuple(row) for row in connection.execute(select(table).where(new))]
            filled = range(start // TILE, head.size // TILE)
            full = select(tables.tiles).where(tables.tiles.c.level == 0, tables.tiles.c.n.in_(filled))
            batch["tiles"] = [tuple(row) for row in connection.execute(full)]
            batches.append(batch)
            start = head.size
    return batches


def bare_rate(
    path: Path, batches: list[Batch], chosen: Collection[str] = (*_BY_INDEX, "tiles", "checkpoints")
) -> float:
    """Entries a second of SQLite alone, WAL and FULL, committing the same rows of some tables in the same batches."""
    engine = create_engine(f"sqlite:///{path}")
    tables.metadata.create_all(engine)
    engine.dispose()
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=8000"):
        database.execute(f"PRAGMA {pragma}")
    begun = time.perf_counter()
    for batch in batches:
        database.execute("BEGIN IMMEDIATE")
        for name in chosen:
            if batch[name]:
                marks = ", ".join("?" * len(batch[name][0]))
                database.executemany(f"INSERT INTO {name} VALUES ({marks})", batch[name])
        database.execute("COMMIT")
    took = time.perf_counter() - begun
    database.close()
    return sum(len(batch["entries"]) for batch in batches) / took


def grow(directory: Path, entries: int) -> None:
    """Make a closed log of ``entries`` entries below ``directory``: random leaves of a usual size, a true tree."""
    ledger = fresh(directory)
    ledger._sequencer.stop()
    ledger._publisher.stop()
    state, start = ledger._state, ledger.head
    leaves = (os.urandom(16) + bytes(584) for _ in range(entries - start))
    rows: list[dict[str, Any]] = []
    with ledger._store.writer.begin() as connection:
        for index, leaf in enumerate(leaves, start):
            state.tree.append(leaf_hash(leaf))
            rows.append({"index": index, "type": "note", "t": state.t, "leaf": leaf})
            if len(rows) == 5_000 or index == entries - 1:
                connection.execute(insert(tables.entries), rows)
                rows.clear()
                full = [{"level": level, "n": n, "data": data} for level, n, data in state.tree.full]
                if full:
                    connection.execute(insert(tables.tiles), full)
                state.tree.full.clear()
        root = state.tree.root(entries)
        assert state.epoch is not None
        head = {"size": entries, "root": root, "note": state.signer.sign(entries, root), "t": state.t}
        heads = {"epoch": state.epoch.index, "key_head": state.key_head, "scope_head": state.scope.last}
        connection.execute(insert(tables.checkpoints), {**head, **heads})
    ledger.close()


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
