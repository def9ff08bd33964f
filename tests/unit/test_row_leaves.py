"""The leaf hashes of rows on their way into the ledger: in parts, from a file, all of them and in order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sealed_drafts import row_leaves
from sqlalchemy import create_engine, func, select

from graphsvc.api.spool import scratch, sweep
from graphsvc.ledger import tables
from graphsvc.model.errors import Unavailable
from graphsvc.submission import leaves


@pytest.mark.parametrize(("rows", "parts"), [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3)])
def test_all_parts_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, parts: int) -> None:
    monkeypatch.setattr(leaves, "PART", 64)
    hashes = os.urandom(32 * rows)
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        for index in (7, 8):
            (tmp_path / "leaves").write_bytes(hashes if index == 7 else b"x" * 32)
            leaves.enter(connection, index, tmp_path / "leaves")
        assert row_leaves(connection, 7) == hashes and row_leaves(connection, 8) == b"x" * 32
        table = tables.row_leaves
        count = select(func.count()).select_from(table).where(table.c["index"] == 7)
        assert connection.execute(count).scalar() == parts
    engine.dispose()


def test_a_file_that_cannot_be_read_is_no_failure_of_the_ledger(tmp_path: Path) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        for path in (tmp_path / "absent", tmp_path):
            with pytest.raises(Unavailable) as caught:
                leaves.enter(connection, 1, path)
            assert caught.value.code == "storage_failed"
    engine.dispose()


def test_a_scratch_file_is_gone_afterwards_and_swept_after_a_kill(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch(tmp_path) as path:
        assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_size == 0
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    kept = scratch(tmp_path)
    kept.__enter__()
    assert sweep(tmp_path) == 1 and list(tmp_path.iterdir()) == []
    with pytest.raises(StopIteration):
        next(kept.gen)  # type: ignore[attr-defined]
