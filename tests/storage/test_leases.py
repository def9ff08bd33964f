"""Several processes on one PostgreSQL: one leads; a leader that was stopped and wakes up writes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_actors import ORIGIN
from sealed_world import SealedWorld
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from graphsvc.ledger import postgres
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.ledger.opening import open_store
from graphsvc.ledger.postgres import PostgresStore
from graphsvc.model.errors import Conflict, IntegrityError, InvalidInput, Unavailable
from graphsvc.settings import Settings
from graphsvc.upkeep.backup import back_up, restore, save_secrets
from graphsvc_verify.merkle import leaf_hash, root
from graphsvc_verify.note import verify_checkpoint

LEASE = 1.5
LEADER = f"""
import sys
from pathlib import Path
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.postgres import PostgresStore
PostgresStore.lease_seconds = {LEASE}
ledger = Ledger.open(Path(sys.argv[1]), "{ORIGIN}", database=sys.argv[2])
while True:
    try:
        print("index", ledger.append(EntryDraft(type="note")).result().index, flush=True)
    except Exception as error:
        print("refused", getattr(error, "code", type(error).__name__), ledger.closed_by, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresStore, "lease_seconds", LEASE)


@contextmanager
def leading(directory: Path, database: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", LEADER, str(directory), database],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdin is not None and child.stdout is not None
        child.stdin.close()
        child.stdout.close()


def last_said(child: subprocess.Popen[str], until: int) -> int:
    assert child.stdout is not None
    index = -1
    while index < until:
        index = int(child.stdout.readline().split()[1])
    return index


def check_whole(ledger: Ledger, directory: Path) -> None:
    """Entries, tree head and what was published are one tree."""
    leaves = [leaf_hash(leaf) for _, _, leaf in ledger.entries(0, ledger.head)]
    assert root(leaves) == verify_checkpoint(ledger.checkpoint(), ledger.log_key).root
    published = verify_checkpoint((directory / "tiles" / "checkpoint").read_text(), ledger.log_key)
    assert root(leaves[: published.size]) == published.root


def test_one_leads_and_a_stopped_leader_that_wakes_up_writes_nothing(tmp_path: Path, postgres_database: str) -> None:
    directory = tmp_path / "log"
    with leading(directory, postgres_database) as old:
        last_said(old, 20)
        with pytest.raises(Unavailable) as caught:
            Ledger.open(directory, ORIGIN, database=postgres_database)
        assert caught.value.code == "lease_held"
        os.kill(old.pid, signal.SIGSTOP)
        # The standby waits for the end of the lease, whatever the stopped one has open.
        with Closing(Ledger.open(directory, ORIGIN, database=postgres_database, standby=30)) as ledger:
            taken_at = ledger.head
            for _ in range(5):
                ledger.append(EntryDraft(type="note")).result()
            os.kill(old.pid, signal.SIGCONT)
            assert old.stdout is not None
            said = old.stdout.readlines() if old.poll() is not None else []
            while not said or not said[-1].startswith("refused"):
                said.append(old.stdout.readline())
            indexes = [int(line.split()[1]) for line in said[:-1]]
            assert max(indexes, default=-1) < taken_at, "what the old one acknowledged was there before"
            assert "leas" in said[-1] or "failed" in said[-1] or "Error" in said[-1], said[-1]
            for _ in range(5):
                ledger.append(EntryDraft(type="note")).result()
            time.sleep(1.2)  # both have had the time to publish
            check_whole(ledger, directory)


class Closing:
    """A ledger that is closed at the end."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __enter__(self) -> Ledger:
        return self._ledger

    def __exit__(self, *_: object) -> None:
        self._ledger.close()


def test_a_killed_leader_is_followed_and_a_closed_one_at_once(tmp_path: Path, postgres_database: str) -> None:
    with leading(tmp_path, postgres_database) as old:
        said = last_said(old, 10)
        old.send_signal(signal.SIGKILL)
        ledger = Ledger.open(tmp_path, ORIGIN, database=postgres_database, standby=30)
    assert ledger.head > said
    ledger.close()
    begun = time.monotonic()
    again = Ledger.open(tmp_path, ORIGIN, database=postgres_database)
    assert time.monotonic() - begun < LEASE or again.head
    check_whole(again, tmp_path)
    again.close()


def test_a_leader_that_stopped_within_a_statement_is_followed(tmp_path: Path, postgres_database: str) -> None:
    """Its transaction is at work, not idle: no timeout of the server gives the lease's row back."""
    stopped = open_store(tmp_path, postgres_database)
    assert isinstance(stopped, PostgresStore)
    failed: list[BaseException] = []

    def stop_within() -> None:
        try:
            with stopped.writer.begin() as connection:
                stopped.fence(connection)
                holding.set()
                connection.execute(text("SELECT pg_sleep(120)"))
        except BaseException as error:
            failed.append(error)

    holding = threading.Event()
    thread = threading.Thread(target=stop_within, daemon=True)
    thread.start()
    assert holding.wait(30)
    follower = open_store(tmp_path, postgres_database, 30)
    thread.join(30)
    assert isinstance(follower, PostgresStore) and follower.token == stopped.token + 1
    assert len(failed) == 1 and isinstance(failed[0], DBAPIError), "its connection was ended"
    assert follower.leads() and not stopped.leads()
    follower.close()
    stopped.close()


def test_a_database_that_does_not_answer_is_an_error_of_the_database(
    monkeypatch: pytest.MonkeyPatch, postgres_database: str
) -> None:
    monkeypatch.setattr(postgres, "_ANSWER_SECONDS", 0.5)
    engine = postgres.engine_of(postgres_database)
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        connection.execute(text("SELECT pg_sleep(5)"))
    assert caught.value.connection_invalidated
    with engine.begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()


def test_two_at_once_and_only_one_gets_it(tmp_path: Path, postgres_database: str) -> None:
    found: list[object] = []

    def take() -> None:
        try:
            found.append(open_store(tmp_path, postgres_database))
        except Unavailable as error:
            found.append(error.code)

    for _ in range(3):
        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        leaders = [one for one in found if isinstance(one, PostgresStore)]
        assert len(leaders) == 1 and found.count("lease_held") == 3
        leaders[0].close()
        found.clear()


def test_a_token_that_is_not_ours_writes_nothing(tmp_path: Path, postgres_database: str) -> None:
    ledger = Ledger.open(tmp_path, ORIGIN, database=postgres_database)
    ledger.append(EntryDraft(type="note")).result()
    head = ledger.head
    _lose(postgres_database)
    with pytest.raises(Unavailable, match="lease_lost"):
        ledger.append(EntryDraft(type="note")).result()
    with pytest.raises(Unavailable):
        ledger.append(EntryDraft(type="note")).result()
    assert ledger.head == head and ledger.closed_by == "lease_lost"
    ledger.close()


def test_a_publisher_that_finds_the_lease_lost_first_says_the_same(tmp_path: Path, postgres_database: str) -> None:
    ledger = Ledger.open(tmp_path, ORIGIN, database=postgres_database)
    ledger.append(EntryDraft(type="note")).result()
    _lose(postgres_database)
    ledger._publisher.published = 0
    ledger._publisher.notify(ledger.head, ledger.checkpoint())
    ledger._publisher._thread.join(30)
    assert ledger.closed_by == "lease_lost"
    with pytest.raises(Unavailable, match="lease_lost"):
        ledger.append(EntryDraft(type="note")).result()
    ledger.close()


def _lose(database: str) -> None:
    engine = create_engine(database.replace("postgresql:", "postgresql+pg8000:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE leases SET token = token + 1"))
    engine.dispose()


def test_a_database_of_another_version_is_refused(tmp_path: Path, database: str) -> None:
    Ledger.open(tmp_path, ORIGIN, database=database).close()
    store = open_store(tmp_path, database)
    with store.writer.begin() as connection:
        connection.execute(text("UPDATE schema_info SET version = 99"))
    store.close()
    with pytest.raises(IntegrityError, match="version 99") as caught:
        open_store(tmp_path, database)
    assert caught.value.code == "schema_version"


def test_a_server_that_is_not_there_and_a_url_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        open_store(tmp_path, "postgresql://someone:s3cret@127.0.0.1:9/x")
    assert "s3cret" not in caught.value.message and "someone" not in caught.value.message
    for url in ("mysql://x/y", "postgresql://[::"):
        with pytest.raises(InvalidInput):
            open_store(tmp_path, url)


def test_backup_from_postgres_and_restore_into_it(tmp_path: Path, postgres_database: str, postgres_server: str) -> None:
    from tests.databases import fresh_database

    world = SealedWorld(tmp_path / "data", database=postgres_database)
    index, other = world.submit("one"), world.submit("two")
    world.erase(index, 1)
    back_up(world.settings, world.store, tmp_path / "backup")
    save_secrets(world.settings.data, tmp_path / "secrets")
    note, seen = world.ledger.checkpoint(), (world.read(index), world.read(other))
    world.close()
    target = fresh_database(postgres_server, f"{postgres_database.rpartition('/')[2]}_back")
    for url in (target, ""):  # into another PostgreSQL, and into SQLite
        data = tmp_path / f"back{len(url)}"
        settings = Settings(data=data, origin=ORIGIN, database=url)
        restore(tmp_path / "backup", tmp_path / "secrets", [note], settings, _files)
        back = SealedWorld(data, database=url)
        assert back.ledger.checkpoint() == note and (back.read(index), back.read(other)) == seen
        assert back.submit("three") == back.ledger.head - 1
        back.close()
    with pytest.raises(Conflict, match="ledger in this database"):
        settings = Settings(data=tmp_path / "once-more", origin=ORIGIN, database=target)
        restore(tmp_path / "backup", tmp_path / "secrets", [note], settings, _files)
    assert not (tmp_path / "once-more").exists()


def _files(settings: Settings) -> FilePayloadStore:
    return FilePayloadStore(settings.data / "payloads")
