from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ledger_actors import ORIGIN
from sealed_world import SealedWorld
from typer.testing import CliRunner

import graphsvc.upkeep.backup as backup_module
from graphsvc.cli import app
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.ledger.pins import pin
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.ledger.sealedfiles import CHUNK, MAGIC, seal_file, unseal_file
from graphsvc.lifecycle.replay import replay_erasures
from graphsvc.model.errors import IntegrityError, InvalidInput
from graphsvc.settings import Settings
from graphsvc.upkeep.backup import back_up, check_apart, restore, save_secrets


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SealedWorld]:
    world = SealedWorld(tmp_path / "data")
    yield world
    world.close()


def taken(world: SealedWorld, folder: Path) -> tuple[Path, Path]:
    """A backup and its secrets, of a running service."""
    back_up(world.settings, world.store, folder / "backup")
    if not (folder / "secrets").exists():
        save_secrets(world.settings.data, folder / "secrets")
    return folder / "backup", folder / "secrets"


def files_of(backup: Path) -> dict[str, str]:
    said: dict[str, dict[str, str]] = json.loads((backup / "backup.json").read_bytes())
    return said["files"]


def unsealed(backup: Path, what: str, keks: dict[str, bytes], target: Path) -> Path:
    """A sealed file of a backup, in clear, as whoever has the secrets can have it."""
    unseal_file(backup / files_of(backup)[what], target, what, keks)
    return target


def changed(backup: Path, what: str, keks: dict[str, bytes], statement: str) -> None:
    """Change a database of a backup and seal it again, as only somebody with the secrets can."""
    plain = unsealed(backup, what, keks, backup.with_name("changed.db"))
    with closing(sqlite3.connect(plain, isolation_level=None)) as database:
        database.execute(statement)
    with plain.open("rb") as source:
        seal_file(source, backup / files_of(backup)[what], what, keks)
    plain.unlink()


def brought_back(source: tuple[Path, Path], data: Path, *notes: str) -> SealedWorld:
    settings = Settings(data=data, origin=ORIGIN)
    restore(*source, notes, settings, lambda at: FilePayloadStore(at.data / "payloads"))
    return SealedWorld(data)


def test_a_restored_backup_goes_on_where_it_was(world: SealedWorld, tmp_path: Path) -> None:
    first = world.submit("one")
    source = taken(world, tmp_path)
    second = world.submit("two")
    note, size = world.ledger.checkpoint(), world.ledger.head
    again = back_up(world.settings, world.store, source[0])
    assert (again.size, again.copied, again.objects) == (size, 1, 2), "renewed: only what is new is copied"
    # The secrets are from before the second submission: they change once a month only.
    back = brought_back(source, tmp_path / "back", note)
    assert back.ledger.head == size and back.ledger.checkpoint() == note
    assert back.read(first) == world.read(first) and back.read(second) == ["two 0", "two 1", "two 2"]
    back.submit("three")
    old, root = size, world.ledger._state.tree.root(size)
    assert back.ledger.head > old and back.ledger._state.tree.root(old) == root
    back.close()


def test_a_backup_alone_opens_nothing(world: SealedWorld, tmp_path: Path) -> None:
    index = world.submit("one")
    (pack,) = world.ledger.open_header(index)["body"]["packs"]
    backup, secrets = taken(world, tmp_path)
    held = b"".join(path.read_bytes() for path in backup.rglob("*") if path.is_file())
    # Neither whose rows they are nor what any table of the ledger or of the keys is called.
    for clear in (b"SQLite", b"pasar", b"entries", pack.encode()):
        assert clear not in held, clear
    with pytest.raises(IntegrityError, match="wraps"):
        RowKeys(unsealed(backup, "rows", world.keys.export_keks(), tmp_path / "rows.db")).open(pack)
    for secret in (world.settings.data / "ledger" / "keys").rglob("*"):
        assert secret.is_dir() or secret.read_bytes()[:40] not in held
    assert all(key not in held for key in world.keys.export_keks().values())
    assert secrets.stat().st_mode & 0o077 == 0 and backup.stat().st_mode & 0o077 == 0
    assert list(world.settings.data.glob(".backup*")) == [], "what was in clear beside the ledger is gone"
    with pytest.raises(InvalidInput, match="never written over"):
        check_apart(secrets, backup)


def test_secrets_are_never_written_into_the_backup_that_they_open(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    (tmp_path / "link").symlink_to(backup)
    for inside in ("backup/sec", "backup/deep/sec", "link/sec", "x/../backup/sec"):
        with pytest.raises(InvalidInput) as caught:
            check_apart(tmp_path / inside, backup)
        assert caught.value.code == "secrets_not_apart"
    check_apart(tmp_path / "backup.secrets", backup)


def test_erasures_are_replayed_over_older_keys(world: SealedWorld, tmp_path: Path) -> None:
    index, other = world.submit("one"), world.submit("two")
    (older, secrets) = taken(world, tmp_path)
    world.erase(index, 1)
    newer = tmp_path / "newer"
    back_up(world.settings, world.store, newer)
    # Somebody puts the row keys of the older backup beside the newer ledger.
    shutil.copy(older / files_of(older)["rows"], newer / files_of(newer)["rows"])
    data = tmp_path / "back"
    done = restore(
        newer,
        secrets,
        [world.ledger.checkpoint()],
        Settings(data=data, origin=ORIGIN),
        lambda at: FilePayloadStore(at.data / "payloads"),
    )
    assert done.erased == 1
    back = SealedWorld(data)
    assert back.read(index) == ["one 0", None, "one 2"] and None not in back.read(other)
    back.close()


def test_a_start_finishes_an_erasure_that_a_crash_cut_off(world: SealedWorld) -> None:
    index = world.submit("one")
    world.erase(index, 0)
    world.erase(index, 2, destroy=False)
    assert world.read(index) == [None, "one 1", "one 2"]
    assert replay_erasures(world.ledger, world.store, world.keys) == 1
    assert world.read(index) == [None, "one 1", None]
    assert replay_erasures(world.ledger, world.store, world.keys) == 0
    world.erase(index, 1, destroy=False)
    assert replay_erasures(world.ledger, world.store, world.keys) == 1


def test_an_old_backup_is_a_fork(world: SealedWorld, tmp_path: Path) -> None:
    world.submit("one")
    source = taken(world, tmp_path)
    early = world.ledger.checkpoint()
    world.submit("two")
    late = world.ledger.checkpoint()
    with pytest.raises(IntegrityError, match="fork") as caught:
        brought_back(source, tmp_path / "back", late)
    assert caught.value.code == "fork"
    assert not (tmp_path / "back").exists() and not (tmp_path / ".back.restoring").exists()
    # Restored with what was known then, and a witness shows its later one to the next start.
    back = brought_back(source, tmp_path / "back", early)
    back.close()
    pin(tmp_path / "back" / "ledger", [late])
    with pytest.raises(IntegrityError, match="fork"):
        Ledger.open(tmp_path / "back" / "ledger", ORIGIN)


def test_another_history_of_the_same_length_is_a_fork(world: SealedWorld, tmp_path: Path) -> None:
    world.submit("one")
    source = taken(world, tmp_path)
    early = world.ledger.checkpoint()
    back = brought_back(source, tmp_path / "back", early)
    back.ledger.append(EntryDraft(type="note")).result()
    world.ledger.append(EntryDraft(type="note")).result()
    assert back.ledger.head == world.ledger.head
    back.close()
    pin(tmp_path / "back" / "ledger", [world.ledger.checkpoint()])
    with pytest.raises(IntegrityError, match="not the one of a checkpoint"):
        Ledger.open(tmp_path / "back" / "ledger", ORIGIN)


@pytest.mark.parametrize("harm", ["unfinished", "truncated", "payload", "no keys", "other secrets", "foreign note"])
def test_what_does_not_belong_together_is_refused(world: SealedWorld, tmp_path: Path, harm: str) -> None:
    world.submit("one")
    backup, secrets = taken(world, tmp_path)
    note = world.ledger.checkpoint()
    if harm == "unfinished":
        (backup / "backup.json").unlink()
    elif harm == "truncated":
        statement = 'DELETE FROM entries WHERE "index" = (SELECT max("index") FROM entries)'
        changed(backup, "ledger", world.keys.export_keks(), statement)
    elif harm == "payload":
        path = next(path for path in (backup / "payloads").rglob("*") if path.is_file())
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    elif harm == "no keys":
        changed(backup, "rows", world.keys.export_keks(), "DELETE FROM wrapped WHERE name LIKE 'sha256:%'")
    elif harm == "other secrets":
        other = SealedWorld(tmp_path / "other")
        other.submit("x")
        secrets = tmp_path / "others"
        save_secrets(other.settings.data, secrets)
        other.close()
    else:
        note = note.replace(ORIGIN, "another.example/log")
    with pytest.raises((IntegrityError, InvalidInput)):
        brought_back((backup, secrets), tmp_path / "back", note)
    assert not (tmp_path / "back").exists() and not (tmp_path / ".back.restoring").exists()


def test_an_old_backup_of_keys_opens_nothing_after_the_month(world: SealedWorld, tmp_path: Path) -> None:
    index = world.submit("one")
    (pack,) = world.ledger.open_header(index)["body"]["packs"]
    old, _ = taken(world, tmp_path)
    old_keks = world.keys.export_keks()
    world.erase(index, 1)
    assert world.keys.rewrap() == 0, "within the month there is nothing to do"
    month = datetime.now(UTC).replace(day=1) + timedelta(days=32)
    assert world.keys.rewrap(month) == 1
    keks = world.keys.export_keks()
    assert not set(keks.values()) & set(old_keks.values()) and len(keks) == 1
    assert world.read(index) == ["one 0", None, "one 2"]
    # Whoever has the old boxes, and all that the service keeps now, can't open what was erased since.
    with pytest.raises(IntegrityError):
        unsealed(old, "rows", keks, tmp_path / "unsealed.db")
    boxes = unsealed(old, "rows", old_keks, tmp_path / "rows.db")
    with pytest.raises(IntegrityError):
        RowKeys(boxes, keks).open(pack)
    for path in (world.settings.data / "keys").glob("rows.db*"):
        assert all(kek not in path.read_bytes() for kek in old_keks.values()), path.name


def test_a_renewal_that_fails_anywhere_leaves_a_backup(
    world: SealedWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit("one")
    backup, secrets = taken(world, tmp_path)
    early = (backup / "checkpoint").read_text()
    world.submit("two")
    size = world.ledger.head
    seen = set()
    for fail_at in range(100):
        steps = iter(range(100))

        def step(do: Callable[..., Any], *given: Any, at: int = fail_at, count: Iterator[int] = steps) -> Any:
            if next(count) == at:
                raise OSError("killed here")
            return do(*given)

        with monkeypatch.context() as patch:
            for name in ("snapshot", "seal_file", "write_durably", "_copy_objects"):
                patch.setattr(f"graphsvc.upkeep.backup.{name}", partial(step, getattr(backup_module, name)))
            patch.setattr(Path, "unlink", lambda path, missing_ok=False, un=Path.unlink: step(un, path, missing_ok))
            try:
                back_up(world.settings, world.store, backup)
                whole = True
            except OSError:
                whole = False
        back = brought_back((backup, secrets), tmp_path / f"back{fail_at}", early)
        # With the checkpoint that lies in it as well, as the operations manual allows.
        brought_back((backup, secrets), tmp_path / f"with{fail_at}", (backup / "checkpoint").read_text()).close()
        seen.add(back.ledger.head)
        back.close()
        if whole:
            break
    assert fail_at > 4 and seen == {early_size(early), size}, "first the old one, then the new one, never none"
    assert len(list(backup.glob("*.sealed"))) == 2


def early_size(note: str) -> int:
    return int(note.splitlines()[1])


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_sealed_file_opens_whole_or_not_at_all(tmp_path: Path, length: int) -> None:
    keks = {"2026-10": bytes(32), "2026-11": bytes([1]) * 32}
    plain, sealed, out = (tmp_path / name for name in ("plain", "sealed", "out"))
    plain.write_bytes(random.Random(length).randbytes(length))
    with plain.open("rb") as source:
        seal_file(source, sealed, "ledger", keks)
    unseal_file(sealed, out, "ledger", keks)
    assert out.read_bytes() == plain.read_bytes() and out.stat().st_mode & 0o077 == 0
    whole, head = sealed.read_bytes(), len(MAGIC) + 7 + 16
    first, rest = whole[head : head + CHUNK + 16], whole[head + CHUNK + 16 :]
    harms = [whole[:-1], whole + b"x", whole[:head], whole[: head - 1], b"", whole[:-1] + bytes([whole[-1] ^ 1])]
    harms += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (0, len(MAGIC) + 6, head - 1, head)]
    if rest:
        # Cut between chunks, chunks exchanged, one left out, one twice.
        harms += [whole[: head + CHUNK + 16], whole[:head] + rest, whole[:head] + first + first + rest]
        harms += [whole[:head] + rest + first]
    for at, harm in enumerate(harms):
        sealed.write_bytes(harm)
        with pytest.raises(IntegrityError):
            unseal_file(sealed, tmp_path / f"harmed{at}", "ledger", keks)
    sealed.write_bytes(whole)
    for number, (what, other) in enumerate((("rows", keks), ("ledger", {"2026-11": bytes(32)}), ("ledger", {}))):
        with pytest.raises(IntegrityError):
            unseal_file(sealed, tmp_path / f"other{number}", what, other)


def test_a_backup_of_the_first_form_is_refused_as_such_and_renewed(world: SealedWorld, tmp_path: Path) -> None:
    world.submit("one")
    backup, secrets = taken(world, tmp_path)
    said = json.loads((backup / "backup.json").read_bytes())
    del said["files"]
    (backup / "backup.json").write_text(json.dumps({**said, "v": 1}, sort_keys=True, separators=(",", ":")))
    for name in ("ledger.db", "rows.db"):
        (backup / name).write_bytes(b"SQLite format 3")
    note = world.ledger.checkpoint()
    with pytest.raises(InvalidInput, match="form 1, this program reads 2") as caught:
        brought_back((backup, secrets), tmp_path / "back", note)
    assert caught.value.code == "backup_version" and not (tmp_path / "back").exists()
    taken(world, tmp_path)
    assert not (backup / "ledger.db").exists() and not (backup / "rows.db").exists()
    brought_back((backup, secrets), tmp_path / "back", note).close()


def test_the_command_line(world: SealedWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.submit("one")
    monkeypatch.setenv("GRAPHSVC_ORIGIN", ORIGIN)
    data, backup, secrets, back = (str(tmp_path / name) for name in ("data", "b", "s", "back"))
    others = tmp_path / "back.part"
    others.mkdir()
    for killed in (".back.restoring", ".back.restoring/ledger"):
        (tmp_path / killed).mkdir()
    run = CliRunner().invoke
    for inside in (f"{backup}/sec", f"{backup}/deep/sec", f"{backup}/../b/sec"):
        with pytest.raises(InvalidInput, match="kept apart"):
            run(app, ["backup", backup, "--data", data, "--secrets", inside], catch_exceptions=False)
    assert not Path(backup).exists(), "refused before anything was written"
    done = run(app, ["backup", backup, "--data", data, "--secrets", secrets, "--json"])
    assert done.exit_code == 0, done.output
    arguments = ["restore", backup, "--data", back, "--secrets", secrets, "--checkpoint", f"{backup}/checkpoint"]
    assert run(app, arguments).exit_code == 0
    assert others.exists() and not (tmp_path / ".back.restoring").exists(), "ours goes, that of others stays"
    with pytest.raises(InvalidInput, match="not empty"):
        run(app, arguments, catch_exceptions=False)
    assert run(app, ["keys", "rewrap", "--data", data]).stdout.startswith("nothing to do")
    with pytest.raises(InvalidInput, match="no ledger"):
        run(app, ["backup", backup, "--data", str(tmp_path / "none")], catch_exceptions=False)
