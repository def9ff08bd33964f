"""What a start meets on disk: what it removes, what it leaves alone, and what it refuses in one clear line."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from ledger_actors import ORIGIN
from sealed_world import SealedWorld

from graphsvc import cli
from graphsvc.api.connections import bounds_of
from graphsvc.api.serving import serve
from graphsvc.app import _Secrets
from graphsvc.cli.output import BAD_INPUT
from graphsvc.ledger.keyfiles import secret
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.ledger.store import told_plainly
from graphsvc.local.jars import _sweep
from graphsvc.local.run import _last_port, _people
from graphsvc.model.errors import GraphsvcError, IntegrityError, InvalidInput, Unavailable
from graphsvc.model.files import is_temporary, sweep, temporary, write_durably
from graphsvc.model.schema import load_schema
from graphsvc.projection.rebuild import EMPTY, SWAP, finish
from graphsvc.settings import Settings
from graphsvc.submission import workers
from graphsvc.upkeep.backup import back_up

NOT_OURS = (".bashrc", "a.tmp", ".a.tmp", ".a.12345678", ".a.1234567g.tmp", ".a.12345678.tmp.bak", "x.12345678.tmp")


@pytest.fixture
def world(tmp_path: Path) -> SealedWorld:
    """A state directory whose service has stopped."""
    world = SealedWorld(tmp_path / "data")
    world.submit("one")
    world.close()
    return world


def test_a_sweep_removes_what_is_ours_and_half_written_and_nothing_else(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    ours = [temporary(folder / "x") for folder in (tmp_path, deep)]
    ours.append(ours[0].with_name(f"{ours[0].name}-journal"))
    kept = [folder / name for folder in (tmp_path, deep) for name in NOT_OURS]
    for path in [*ours, *kept]:
        path.write_bytes(b"x")
    folder = temporary(tmp_path / "folder")
    folder.mkdir()
    outside = tmp_path.with_name(f"{tmp_path.name}-outside")
    outside.mkdir()
    elsewhere = temporary(outside / "x")
    elsewhere.touch()
    (tmp_path / "link").symlink_to(outside)
    assert sweep(tmp_path, deep=False) == 2 and not ours[0].exists() and ours[1].exists()
    assert sweep(tmp_path) == 1 and not any(path.exists() for path in ours)
    assert all(path.exists() for path in [*kept, folder, elsewhere])
    assert sweep(tmp_path / "none") == 0


def test_every_folder_of_a_ledger_is_swept_when_it_is_opened(world: SealedWorld) -> None:
    ledger = world.settings.data / "ledger"
    folders = [path for path in [ledger, *ledger.rglob("*")] if path.is_dir()]
    for folder in folders:
        temporary(folder / "x").write_bytes(b"half")
    world.open()
    world.close()
    assert len(folders) > 6 and not [path for path in ledger.rglob("*") if is_temporary(path.name)]


def test_payloads_and_a_backup_are_swept(world: SealedWorld, tmp_path: Path) -> None:
    back_up(world.settings, world.store, tmp_path / "backup")
    stores = [FilePayloadStore(folder / "payloads") for folder in (world.settings.data, tmp_path / "backup")]
    before = [sorted(store.names()) for store in stores]
    left = [temporary(stores[n]._path(before[n][0])) for n in (0, 1)] + [temporary(tmp_path / "backup" / "ledger.db")]
    left.append(left[2].with_name(f"{left[2].name}-wal"))
    for path in left:
        path.write_bytes(b"half")
    stores[0].sweep()
    assert not left[0].exists()
    back_up(world.settings, world.store, tmp_path / "backup")
    assert not any(path.exists() for path in left) and [sorted(store.names()) for store in stores] == before


@pytest.mark.parametrize("content", [None, b"", b"x" * 31, b"x" * 33])
def test_a_key_file_that_is_none_is_never_made_anew(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "some.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IntegrityError, match="missing" if content is None else f"has {len(content)} bytes") as caught:
        secret(path, create=content is not None)
    assert caught.value.code == "key_file" and caught.value.where == str(path)
    assert (path.read_bytes() if path.exists() else None) == content


def test_secrets_are_made_at_first_and_only_then(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    made = _Secrets.open(keys, fresh=True)
    made.rows.close()
    again = _Secrets.open(keys, fresh=False)
    again.rows.close()
    assert (again.handles, again.budget) == (made.handles, made.budget)
    for name, message in (("rows.db", "row keys are missing"), ("handles.key", "key file is missing")):
        (keys / name).rename(tmp_path / name)
        with pytest.raises(IntegrityError, match=message) as caught:
            _Secrets.open(keys, fresh=False)
        assert caught.value.code == "key_file" and not (keys / name).exists()
        (tmp_path / name).rename(keys / name)
    (keys / "rows.db").write_bytes(b"")
    with pytest.raises(IntegrityError, match="row keys are missing"):
        RowKeys(keys / "rows.db", create=False)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("ledger/keys/log.key", b"", "key_file"),
        ("ledger/keys/log.key", b"short", "key_file"),
        ("ledger/ledger.db", b"not a database at all, but long enough to be looked at" * 40, "damaged"),
        ("ledger/tiles/checkpoint", b"\xff half", "integrity"),
        ("keys/rows.db", b"not a database at all, but long enough to be looked at" * 40, "damaged"),
        ("keys/rows.db", b"", "key_file"),
        ("rebuild", b"sw", "rebuild_marker"),
        ("rebuild", b"", "rebuild_marker"),
    ],
)
def test_a_damaged_file_is_one_line_on_the_command_line(
    world: SealedWorld,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    content: bytes,
    code: str,
) -> None:
    data = world.settings.data
    for path in data.rglob(f"{Path(name).name}-*"):
        path.unlink()
    (data / name).write_bytes(content)
    monkeypatch.setenv("GRAPHSVC_ORIGIN", ORIGIN)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(sys, "argv", ["graphsvc", "keys", "rewrap", "--data", str(data)])
    if name == "rebuild" or name.startswith("ledger"):
        monkeypatch.setattr(sys, "argv", ["graphsvc", "rebuild", "--data", str(data)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capfd.readouterr().err
    assert ended.value.code == BAD_INPUT and said.startswith(f"{code} ") and said.count("\n") == 1, said
    assert (data / name).read_bytes() == content, "what is damaged is left as it is"


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (sqlite3.OperationalError("database or disk is full"), Unavailable, "storage_full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), Unavailable, "storage_failed"),
        (sqlite3.OperationalError("disk I/O error"), Unavailable, "storage_failed"),
        (sqlite3.DatabaseError("file is not a database"), IntegrityError, "damaged"),
        (sqlite3.DatabaseError("database disk image is malformed"), IntegrityError, "damaged"),
    ],
)
def test_what_a_database_says_at_start_is_told_plainly(error: Exception, kind: type[GraphsvcError], code: str) -> None:
    with pytest.raises(kind) as caught, told_plainly("the ledger"):
        raise error
    assert caught.value.code == code and "the ledger" in caught.value.message


def test_a_ledger_that_can_not_be_written_is_told_plainly(world: SealedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphsvc.ledger.sqlite._WRITER", ("query_only=ON",))
    monkeypatch.setattr(
        "graphsvc.ledger.store.metadata.create_all", lambda at: at.exec_driver_sql("CREATE TABLE n (x)")
    )
    with pytest.raises(Unavailable) as caught:
        Ledger.open(world.settings.data / "ledger", ORIGIN)
    assert (caught.value.code, caught.value.message) == (
        "storage_failed",
        "the ledger can't be opened: it can't be written; look at the disk and at who owns the files",
    )
    monkeypatch.undo()
    world.open()
    world.close()


def test_a_port_that_is_taken_is_told_plainly(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = Settings(data=tmp_path, port=other.getsockname()[1])
        taken = pytest.raises(Unavailable, match=f"port {settings.port} is taken")
        with taken as caught, serve(FastAPI(), settings, bounds_of(settings, 8)):
            pass
    assert caught.value.code == "port_taken"


def test_half_a_list_of_people_is_refused_and_none_is_ever_left(tmp_path: Path) -> None:
    path = tmp_path / "dev" / "people.json"
    assert _people(path, []) == []
    path.parent.mkdir()
    path.write_bytes(b'[{"client_id": "pasar.fe')
    with pytest.raises(InvalidInput) as caught:
        _people(path, [])
    assert (caught.value.code, caught.value.where) == ("bad_people", str(path))


def test_a_rebuild_is_finished_from_wherever_it_was_killed(tmp_path: Path) -> None:
    """Each of the swap's renames as the last thing that was done."""
    for done in range(6):
        data = tmp_path / str(done)
        for name in ("neo4j", "columns"):
            for end, mark in (("", "old"), (".next", "new")):
                (data / f"{name}{end}").mkdir(parents=True)
                (data / f"{name}{end}" / "mark").write_text(mark)
        write_durably(data / "rebuild", SWAP)
        steps = [(f"{n}{a}", f"{n}{b}") for n in ("neo4j", "columns") for a, b in (("", ".old"), (".next", ""))]
        for source, target in steps[:done]:
            (data / source).rename(data / target)
        if done == 5:
            (data / "rebuild").unlink()
        finish(data)
        assert sorted(path.name for path in data.iterdir()) == ["columns", "neo4j"]
        assert {(data / name / "mark").read_text() for name in ("neo4j", "columns")} == {"new"}


def test_an_undecided_rebuild_is_rubbish_and_an_online_one_waits_for_its_server(tmp_path: Path) -> None:
    for name in ("columns", "columns.next", "neo4j.next", "neo4j.nextdoor"):
        (tmp_path / name).mkdir()
    finish(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["columns", "neo4j.nextdoor"]
    write_durably(tmp_path / "rebuild", EMPTY)
    finish(tmp_path)
    assert (tmp_path / "rebuild").read_bytes() == EMPTY and (tmp_path / "columns").exists()


def test_a_lock_that_a_dead_process_left_is_none(world: SealedWorld) -> None:
    (world.settings.data / "ledger" / "lock").write_text(str(os.getpid()))
    world.open()
    world.close()


def test_old_leftovers_in_the_cache_of_jars_go_and_those_of_others_stay(tmp_path: Path) -> None:
    def made(name: str, age: float) -> Path:
        path = tmp_path / name
        if name.startswith("fetch-"):
            path.mkdir()
            (path / "x").touch()
        else:
            path.touch()
        os.utime(path, (path.stat().st_mtime - age,) * 2)
        return path

    old = [made("fetch-abc", 90_000), made(temporary(tmp_path / "a.jar").name, 90_000)]
    kept = [made("fetch-def", 60), made(temporary(tmp_path / "b.jar").name, 60), made("a.jar", 90_000)]
    _sweep(tmp_path)
    assert not any(path.exists() for path in old) and all(path.exists() for path in kept)


def test_a_worker_whose_service_was_killed_leaves_no_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FilePayloadStore(tmp_path)
    ours, theirs = multiprocessing.Pipe()

    def take_in(_order: object, packer: workers.Packer) -> object:
        packer.add(0, b"a row", b"{}", 1)
        ours.close()
        return workers.Intake.__new__(workers.Intake)

    monkeypatch.setattr(workers, "take_in", take_in)
    monkeypatch.setattr(workers, "_decider", lambda _files, _closed: None)
    monkeypatch.setattr(workers, "Order", lambda **_facts: None)
    named = ("path", "media_type", "mapping", "seed", "defaults", "groups", "max_row", "rows", "closed", "leaves")
    absent = dict.fromkeys(named)
    principal = SimpleNamespace(organisation=None)
    ours.send(SimpleNamespace(policies={}, name="pasar|one", principal=principal, **absent))
    workers._serve(theirs, load_schema(), store)
    theirs.close()
    assert list(store.names()) == []


def test_a_start_takes_the_port_of_the_last_one(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert _last_port(settings) == 8443, "the first start"
    (tmp_path / "dev").mkdir()
    for content, port in ((b"0", 8443), (b"70000", 8443), (b"x", 8443), (b"", 8443), (b"40123", 40123)):
        (tmp_path / "dev" / "port").write_bytes(content)
        assert _last_port(settings) == port
    assert _last_port(replace(settings, issuer="https://login.example.org")) == 8443, "elsewhere the operator says"
