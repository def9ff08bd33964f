"""Backup and restore: ledger, payloads and wrapped keys in one folder; the secrets that open them in one file.

A backup is taken while the service runs or while it is stopped. Its order makes it consistent: the ledger as one
transaction sees it, then payloads and row keys, which are always there before an entry refers to them. The file of
*secrets* (key-encryption keys, the log's key, the key of handles) is kept apart: whoever has both can read everything.
Day keys, which change daily, are in the backup, wrapped like the row keys. So secrets change only once a month, when
row keys are wrapped anew; new secrets open no older backup.

Ledger and row keys are sealed under the month's key-encryption key (ledger.sealedfiles), each time under a new name;
``backup.json`` names the files that count. It is replaced as a whole, and what it named before is removed after that: a
backup that was killed leaves the one before, or the new one.

A restore replays erasures before anything else, so that nothing comes back that an entry has erased. It is given the
newest checkpoint that anyone has: a ledger that doesn't reach it, or has another tree, is a fork.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from graphsvc.ledger.anew import known
from graphsvc.ledger.database import snapshot_head
from graphsvc.ledger.keyfiles import HANDLES_KEY, signing_key
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import FilePayloadStore, PayloadStore
from graphsvc.ledger.opening import snapshot
from graphsvc.ledger.payload import mapping_secret, open_mapping
from graphsvc.ledger.pins import pin
from graphsvc.ledger.postgres import copy_in
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.ledger.sealedfiles import other_secrets, seal_file, unseal_file
from graphsvc.ledger.taken import unreadable
from graphsvc.lifecycle.replay import replay_erasures
from graphsvc.model.errors import IntegrityError, InvalidInput, NotFound
from graphsvc.model.files import is_temporary, sweep, sync_directory, temporary, write_durably
from graphsvc.model.times import written
from graphsvc.projection.changes import RECLEAN, SUBMISSION
from graphsvc.settings import Settings
from graphsvc_verify.canonical import b64u, decode, encode, unb64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import NoteKey, verify_checkpoint

Progress = Callable[[int, int], None]
_DAILY = ("ledger/keys/day", "ledger/keys/oversight")
_LASTING = ("ledger/keys/log.key", HANDLES_KEY)
"""Secrets below a state directory, beside the key-encryption keys."""
_DAY_KEYS = "backup|day keys"
_FORMAT, _VERSION = "graphsvc-backup", 2
_SEALED = ".sealed"
_PLAIN_BEFORE = ("ledger.db", "rows.db")
"""Files that backups of version 1 had unencrypted; renewing such a backup removes them."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """The size of the log in the backup, payload objects copied now and in total."""

    size: int
    copied: int
    objects: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The size of the log as restored, payload objects, and rows whose keys were destroyed by replaying erasures."""

    size: int
    objects: int
    erased: int


def back_up(settings: Settings, store: PayloadStore, target: Path, progress: Progress | None = None) -> BackedUp:
    """Write or renew the backup in the folder ``target``; payload objects that it has already are not copied again.

    A folder without ``backup.json`` is no backup. Raises OSError, IntegrityError when a payload is missing or altered,
    Unavailable.
    """
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep(target)
    # 1. The ledger at one moment, its side tables with it; nothing unencrypted ever lies in the backup's folder.
    with _plain(settings.data / "backup.db") as ledger, _plain(settings.data / "backup-rows.db") as rows:
        snapshot(settings.data / "ledger", settings.database, ledger)
        size, note = snapshot_head(ledger)
        # 2. What the entries refer to, which was there before them; row keys and day keys, wrapped.
        with closing(RowKeys(settings.data / "keys" / "rows.db", create=not size)) as keys:
            keys.copy_wrapped(rows, {_DAY_KEYS: _archive(settings.data, _DAILY)})
            keks = keys.export_keks()
        files = {}
        for what, plain in (("ledger", ledger), ("rows", rows)):
            files[what] = f"{what}-{os.urandom(8).hex()}{_SEALED}"
            with plain.open("rb") as source:
                seal_file(source, target / files[what], what, keks)
    copied, objects = _copy_objects(store, target / "payloads", progress)
    # 3. Its description. In a renewed backup the checkpoint comes last: it must not be newer than the ledger there.
    log = _log_key(settings.data / "ledger" / "keys" / "log.key", settings.origin)
    if note:
        verify_checkpoint(note, log)
    if note and not (target / "backup.json").exists():
        write_durably(target / "checkpoint", note.encode())
    now = written(datetime.now(UTC))
    said = {"v": _VERSION, "format": _FORMAT, "origin": settings.origin, "log": log.vkey, "size": size, "at": now}
    write_durably(target / "backup.json", encode({**said, "files": files}))
    # 4. From here on the new backup counts; files of the one before are removed.
    if note:
        write_durably(target / "checkpoint", note.encode())
    for path in target.iterdir():
        if path.name in _PLAIN_BEFORE or (path.name.endswith(_SEALED) and path.name not in files.values()):
            path.unlink()
    return BackedUp(size, copied, objects)


def check_apart(secrets: Path, target: Path) -> None:
    """Raise InvalidInput where a new file of secrets would lie in the backup that it opens, or exists already."""
    if secrets.resolve().is_relative_to(target.resolve()):
        message = "secrets inside the backup would open it to whoever has it: name a file that is kept apart"
        raise InvalidInput(message, code="secrets_not_apart", where=str(secrets))
    if secrets.exists():
        raise InvalidInput("there is a file already; secrets are never written over", code="exists", where=str(secrets))


def save_secrets(data: Path, file: Path) -> None:
    """Write what opens backups into one new file, mode 0600, as :func:`check_apart` allows it. Raises OSError."""
    with closing(RowKeys(data / "keys" / "rows.db", create=False)) as keys:
        keks = {month: b64u(key) for month, key in keys.export_keks().items()}
    write_durably(file, _archive(data, _LASTING, {"keks.json": encode(keks)}))


def restore(
    backup: Path, secrets: Path, notes: Sequence[str], settings: Settings, store: Callable[[Settings], PayloadStore]
) -> Restored:
    """Make the state directory of ``settings``, absent or empty, from a backup and a file of secrets.

    ``notes`` are the newest signed checkpoints of the log that are known; every later start checks them again.
    ``store`` opens the payload store of settings. Nothing is left in the state directory when it fails. Raises
    InvalidInput when there is no backup or the directory is not empty, IntegrityError for a fork (``fork``) and when
    keys, payloads and ledger don't belong together, Conflict when the database holds a ledger.
    """
    data = settings.data
    said = _described(backup, settings.origin)
    if data.exists() and any(data.iterdir()):
        raise InvalidInput("the state directory is not empty", code="not_empty", where=str(data))
    part = data.with_name(f".{data.name}.restoring")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    try:
        # 1. Secrets, then the ledger with what is known of it: does it reach that far, and do these keys sign it?
        _lay_out(backup, said.files, secrets, part)
        pin(part / "ledger", notes)
        with closing(Ledger.open(part / "ledger", settings.origin)) as ledger:
            if ledger.head != said.size:
                raise IntegrityError("the backup's ledger is not the one that its description tells of")
            there = FilePayloadStore(backup / "payloads")
            with closing(RowKeys(part / "keys" / "rows.db")) as keys:
                # 2. Before anything can be read: what was erased stays erased.
                erased = replay_erasures(ledger, there, keys)
                _check_complete(ledger, there, keys)
            # 3. Payloads, each checked against its digest.
            final = store(replace(settings, data=part))
            names = sorted(there.names())
            for name in names:
                final.put(there.get(name))
        if settings.database:
            copy_in(part / "ledger" / "ledger.db", settings.database)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    # 4. One rename, and it is there.
    if data.exists():
        data.rmdir()
    part.rename(data)
    sync_directory(data.parent)
    return Restored(said.size, len(names), erased)


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """A temporary name for an unencrypted file in the state directory: removed in any case, or by the next start."""
    part = temporary(path)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _copy_objects(store: PayloadStore, folder: Path, progress: Progress | None) -> tuple[int, int]:
    """Copy the payload objects that are not there yet; returns how many these were, and how many there are."""
    there = FilePayloadStore(folder)
    have, names = set(there.names()), sorted(store.names())
    for done, name in enumerate(names, 1):
        if name not in have:
            there.put(store.get(name))
        if progress is not None:
            progress(done, len(names))
    return len(set(names) - have), len(names)


class _Described(msgspec.Struct, frozen=True):
    """What ``backup.json`` says of a backup, as far as a restore needs it."""

    v: int
    format: Literal["graphsvc-backup"]
    origin: str
    size: int
    files: dict[str, str] = {}


def _described(backup: Path, origin: str) -> _Described:
    try:
        said = msgspec.convert(decode((backup / "backup.json").read_bytes()), _Described)
    except (FileNotFoundError, NotADirectoryError, VerifyError, msgspec.ValidationError):
        message = "this is no backup, or one that was not finished"
        raise InvalidInput(message, code="no_backup", where=str(backup)) from None
    if said.v != _VERSION:
        message = f"this backup has form {said.v}, this program reads {_VERSION}: take a new one from the service"
        raise InvalidInput(message, code="backup_version", where=str(backup))
    if said.origin != origin:
        raise InvalidInput("the backup is of another log: set GRAPHSVC_ORIGIN to its name", code="other_log")
    if set(said.files) != {"ledger", "rows"} or any(Path(name).name != name for name in said.files.values()):
        raise InvalidInput("the backup's description names no files of it", code="no_backup", where=str(backup))
    return said


def _lay_out(backup: Path, files: Mapping[str, str], secrets: Path, part: Path) -> None:
    """Write ledger, keys and secrets where a service has them. Raises IntegrityError, InvalidInput."""
    lasting = _extract(secrets.read_bytes(), part, _LASTING)
    keks = {month: unb64u(key, 32) for month, key in decode(lasting.pop("keks.json", b"{}")).items()}
    for what, place in (("ledger", "ledger/ledger.db"), ("rows", "keys/rows.db")):
        (part / place).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (backup / files[what]).is_file():
            raise IntegrityError("a file of the backup is missing", where=files[what])
        unseal_file(backup / files[what], part / place, what, keks)
    with closing(RowKeys(part / "keys" / "rows.db", keks)) as keys:
        try:
            daily = keys.open(_DAY_KEYS)
        except IntegrityError:
            raise other_secrets() from None
        keys.remove(_DAY_KEYS)
    _extract(daily, part, _DAILY)
    if not (part / "ledger" / "keys" / "log.key").exists():
        raise IntegrityError("these secrets have no key of the log", code="secrets")


def _check_complete(ledger: Ledger, store: PayloadStore, keys: RowKeys) -> None:
    """Raise IntegrityError where a pack or its keys are missing, except what the ledger says was lost before."""
    names = set(store.names())
    for index, _ in ledger.indexes(0, ledger.head, (SUBMISSION,)):
        with ledger.reading() as connection:
            if unreadable(connection, index):
                continue
        body = ledger.open_header(index)["body"]
        for pack in body["packs"]:
            if pack not in names or not keys.has(pack):
                raise IntegrityError("a payload or its keys are missing in the backup", where=f"entry {index}")
        if keys.has(mapping_secret(body["name"])):
            open_mapping(store, body["name"], keys.open(mapping_secret(body["name"])))
    for index, _ in ledger.indexes(0, ledger.head, (RECLEAN,)):
        body = ledger.open_header(index)["body"]
        with ledger.reading() as connection:
            used = index in known(connection, body["submission"])
        if used and body["pack"] not in names:
            raise IntegrityError("a payload is missing in the backup", where=f"entry {index}")


def _log_key(path: Path, origin: str) -> NoteKey:
    if not path.exists():
        raise NotFound("there is no ledger in this directory", code="no_ledger")
    key = signing_key(path, create=False)
    return NoteKey(origin, key.public_key().public_bytes_raw())


def _archive(data: Path, names: Sequence[str], more: dict[str, bytes] | None = None) -> bytes:
    """Files, and those directly in folders, as a tar archive; one that disappears meanwhile is left out."""
    found = dict(more or {})
    for name in names:
        path = data / name
        for one in sorted(path.iterdir()) if path.is_dir() else [path]:
            if not is_temporary(one.name) and one.is_file():
                found[str(one.relative_to(data))] = one.read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in found.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _extract(archive: bytes, part: Path, allowed: Sequence[str]) -> dict[str, bytes]:
    """Write the members of an archive that are in ``allowed`` files or folders; returns the others' content."""
    rest = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for member in opened:
                file = opened.extractfile(member)
                content = b"" if file is None else file.read()
                folder, _, name = member.name.rpartition("/")
                if member.name in allowed or (folder in allowed and name not in ("", ".", "..")):
                    write_durably(part / member.name, content)
                else:
                    rest[member.name] = content
    except tarfile.TarError:
        raise InvalidInput("this is no file of secrets", code="secrets") from None
    return rest
