"""Rows that go to the driver past SQLAlchemy arrive as they are, in both databases, in statements of every size."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from ledger_actors import opened, read_of
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from graphsvc.ledger import tables
from graphsvc.ledger.opening import open_store
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.store import _together, insert_rows, is_full
from graphsvc.model.errors import GraphsvcError

COLUMNS = ("owner", "index", "submission", "hit", "rows")


@pytest.mark.parametrize("count", [0, 1, 8, 9, 73, 200])
def test_rows_arrive_whole_and_in_order(count: int, tmp_path: Path, database: str) -> None:
    rows = [(f"owner-{n % 3} '%s ?", n, n << 33, n % 2 == 1, bytes((n % 256, 0, 255))) for n in range(count)]
    store = open_store(tmp_path, database, 0)
    try:
        with store.writer.begin() as connection:
            insert_rows(connection, tables.disclosures, COLUMNS, rows)
        with store.reading() as connection:
            chosen = [tables.disclosures.c[name] for name in COLUMNS]
            found = connection.execute(select(*chosen).order_by(tables.disclosures.c["index"])).all()
        assert [tuple(row) for row in found] == rows
    finally:
        store.close()


def test_a_row_that_is_there_already_is_an_error_and_nothing_of_the_batch_stays(tmp_path: Path, database: str) -> None:
    store = open_store(tmp_path, database, 0)
    rows = [(n, "note", "t", b"leaf") for n in (1, 2, 3, 2)]
    try:
        with pytest.raises(Exception, match=r".") as caught, store.writer.begin() as connection:
            insert_rows(connection, tables.entries, ("index", "type", "t", "leaf"), rows)
        assert not isinstance(caught.value, GraphsvcError | SQLAlchemyError) and not is_full(caught.value)
        with store.reading() as connection:
            assert connection.execute(select(tables.entries.c["index"])).all() == []
    finally:
        store.close()


def test_a_batch_of_reads_is_found_by_their_owners(tmp_path: Path, database: str) -> None:
    ledger, _ = opened(tmp_path / "log", database)
    drafts = [read_of("police-ke", {"pasar": 2, "swiftline": 1}, ledger.head - 1) for _ in range(20)]

    async def run() -> list[Appended]:
        return await asyncio.gather(*map(ledger.append_soon, drafts))

    try:
        indexes = sorted(one.index for one in asyncio.run(run()))
        for owner in ("pasar", "swiftline"):
            assert sorted(row.index for row in ledger.access_log(owner)[0]) == indexes
    finally:
        ledger.close()


def test_few_counts_of_rows_are_in_use() -> None:
    counts = set()
    for left in range(1, 1_000):
        while left:
            counts.add(count := _together(left))
            left -= count
    assert counts == {1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64}
