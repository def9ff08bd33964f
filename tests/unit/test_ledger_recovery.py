from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from ledger_actors import ORIGIN, opened, over_wire, read_of, trust_of

from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.tiles import TileName, parse_tile, tiles_between
from graphsvc.model.errors import IntegrityError, NoRoom
from graphsvc_verify.merkle import leaf_hash, root
from graphsvc_verify.note import verify_checkpoint
from graphsvc_verify.receipt import check_receipt


def grown(directory: Path, count: int) -> Ledger:
    ledger = Ledger.open(directory, ORIGIN)
    for future in [ledger.append(EntryDraft(type="note")) for _ in range(count)]:
        future.result()
    return ledger


def test_a_log_goes_on_where_it_stopped(tmp_path: Path) -> None:
    ledger, members = opened(tmp_path)
    ledger.append(read_of("police-ke", {"pasar": 2}, ledger.head - 1)).result()
    before = ledger.checkpoint(), ledger.head, ledger.log_vkey, dict(ledger.organisations())
    ledger.close()
    ledger = Ledger.open(tmp_path, ORIGIN)
    assert (ledger.checkpoint(), ledger.head, ledger.log_vkey, dict(ledger.organisations())) == before
    appended = ledger.append(read_of("police-ke", {"pasar": 2}, ledger.head - 1)).result()
    check_receipt(over_wire(appended.receipt), trust_of(ledger, members))
    assert [entry.seq for entry in ledger.owner_entries("pasar") if entry.seq is not None] == [0, 1]
    assert len(ledger.indexes(0, ledger.head, ["keys"])) == 7, "the day's keys are still held"
    ledger.close()


@pytest.mark.parametrize("count", [2, 255, 256, 257, 600])
def test_published_files_hold_the_whole_log(tmp_path: Path, count: int) -> None:
    ledger = grown(tmp_path, count - 1)
    key, size = ledger.log_key, ledger.head
    served = {name.path: ledger.tile(name.path) for name in tiles_between(0, size)}
    ledger.close()
    checkpoint = verify_checkpoint((tmp_path / "tiles" / "checkpoint").read_text(), key)
    assert checkpoint.size == size
    leaves: list[bytes] = []
    for name in tiles_between(0, size):
        data = (tmp_path / "tiles" / name.path).read_bytes()
        assert served[name.path] == data
        if name.level is None:
            leaves += split_bundle(data)
        elif name.level == 0:
            assert len(data) == 32 * name.width
    assert root([leaf_hash(leaf) for leaf in leaves]) == checkpoint.root
    again = Ledger.open(tmp_path, ORIGIN)
    assert again.head == size
    again.append(EntryDraft(type="note")).result()
    assert verify_checkpoint(again.checkpoint(), key).root == root(
        [leaf_hash(leaf) for _, _, leaf in again.entries(0, again.head)]
    )
    again.close()


def test_tile_names_have_one_spelling() -> None:
    for name in (TileName(0, 0, 256), TileName(None, 1234067, 5), TileName(3, 1000, 256), TileName(0, 999, 255)):
        assert parse_tile(name.path) == name
    assert TileName(None, 1234067, 5).path == "tile/entries/x001/x234/067.p/5"
    for path in ("tile/0/0", "tile/0/000.p/256", "tile/0/x000/001", "tile/64/000", "../keys/log.key", "tile/0/000.p/0"):
        assert parse_tile(path) is None


def test_what_was_not_published_is_published_at_start(tmp_path: Path) -> None:
    grown(tmp_path, 300).close()
    newest = (tmp_path / "tiles" / "checkpoint").read_text()
    shutil.rmtree(tmp_path / "tiles")
    Ledger.open(tmp_path, ORIGIN).close()
    assert (tmp_path / "tiles" / "checkpoint").read_text() == newest
    assert (tmp_path / "tiles" / "tile" / "entries" / "000").exists()


def test_a_restored_backup_is_refused(tmp_path: Path) -> None:
    grown(tmp_path / "a", 5).close()
    shutil.copytree(tmp_path / "a", tmp_path / "old")
    grown(tmp_path / "a", 5).close()
    shutil.copy(tmp_path / "old" / "ledger.db", tmp_path / "a" / "ledger.db")
    with pytest.raises(IntegrityError, match="restored backup"):
        Ledger.open(tmp_path / "a", ORIGIN)


def test_a_fork_of_the_same_length_is_refused(tmp_path: Path) -> None:
    grown(tmp_path / "a", 5).close()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    grown(tmp_path / "a", 3).close()
    grown(tmp_path / "b", 3).close()
    shutil.copy(tmp_path / "b" / "ledger.db", tmp_path / "a" / "ledger.db")
    with pytest.raises(IntegrityError, match="not the one"):
        Ledger.open(tmp_path / "a", ORIGIN)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entries SET leaf = CAST(leaf || ' ' AS BLOB) WHERE \"index\" = 299",
        'DELETE FROM entries WHERE "index" = 120',
        'DELETE FROM entries WHERE "index" = 300',
        "DELETE FROM tiles",
        "UPDATE tiles SET data = zeroblob(8192)",
        "UPDATE checkpoints SET root = zeroblob(32)",
        "UPDATE checkpoints SET note = replace(note, '301', '300')",
        "UPDATE checkpoints SET size = 302 WHERE size = 301",
    ],
)
def test_a_broken_tree_is_refused(tmp_path: Path, damage: str) -> None:
    grown(tmp_path, 300).close()
    shutil.rmtree(tmp_path / "tiles")
    database = sqlite3.connect(tmp_path / "ledger.db")
    assert database.execute(damage).rowcount > 0
    database.commit()
    database.close()
    with pytest.raises(IntegrityError):
        Ledger.open(tmp_path, ORIGIN)


def test_a_lost_signing_key_is_not_made_anew(tmp_path: Path) -> None:
    grown(tmp_path, 1).close()
    (tmp_path / "keys" / "log.key").unlink()
    with pytest.raises(IntegrityError) as caught:
        Ledger.open(tmp_path, ORIGIN)
    assert caught.value.code == "key_file" and not (tmp_path / "keys" / "log.key").exists()


def test_a_full_database_refuses_what_has_no_room_and_goes_on(tmp_path: Path) -> None:
    ledger = grown(tmp_path, 3)
    head, note = ledger.head, ledger.checkpoint()
    with ledger._store.writer.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
    futures = [ledger.append(EntryDraft(type="note")) for _ in range(40)]
    problems = [future.exception() for future in futures]
    assert any(isinstance(problem, NoRoom) for problem in problems) and ledger.closed_by is None
    stored = sum(problem is None for problem in problems)
    assert ledger.head == head + stored
    assert stored or ledger.checkpoint() == note
    with ledger._store.writer.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 4_000}")
    assert ledger.append(EntryDraft(type="note")).result().index == head + stored
    ledger.close()
    again = Ledger.open(tmp_path, ORIGIN)
    assert again.head == head + stored + 1
    again.close()


def test_a_failure_to_publish_stops_writing(tmp_path: Path) -> None:
    ledger = grown(tmp_path, 3)
    ledger._publisher.stop()
    tiles = tmp_path / "tiles"
    shutil.rmtree(tiles)
    tiles.write_text("a file where a directory must be")
    ledger.close()
    with pytest.raises(OSError, match="Not a directory"):
        Ledger.open(tmp_path, ORIGIN)
    tiles.unlink()
    Ledger.open(tmp_path, ORIGIN).close()


WRITER = """
import sys
from pathlib import Path
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
ledger = Ledger.open(Path(sys.argv[1]), "log.example/test")
while True:
    for future in [ledger.append(EntryDraft(type="note")) for _ in range(7)]:
        print(future.result().index, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 40, 300])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    last = -1
    while last < acknowledged:
        last = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().split("\n")
    child.wait()
    child.stdout.close()
    last = max([last, *(int(line) for line in rest[:-1])])
    ledger = Ledger.open(tmp_path, ORIGIN)
    assert ledger.head > last
    assert (
        root([leaf_hash(leaf) for _, _, leaf in ledger.entries(0, ledger.head)])
        == verify_checkpoint(ledger.checkpoint(), ledger.log_key).root
    )
    ledger.append(EntryDraft(type="note")).result()
    ledger.close()


def split_bundle(data: bytes) -> list[bytes]:
    leaves = []
    while data:
        size = int.from_bytes(data[:2], "big")
        leaves.append(data[2 : 2 + size])
        data = data[2 + size :]
    return leaves
