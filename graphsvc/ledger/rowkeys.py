"""The keys of sealed rows, kept apart from ledger and payloads, wrapped by a monthly key-encryption key (KEK).

One database row per pack holds all its key pairs in one box; destroying a pair rewrites the box under a new salt.
Deleted content is overwritten (``secure_delete``) and the write-ahead log emptied. But a copy made before, in a backup,
still has the old box: so every month all boxes are wrapped anew under a new KEK and the old one is destroyed
(:meth:`RowKeys.rewrap`). Boxes are backed up with the payloads, KEKs separately: once the copies of the old KEK are
gone, what was erased can't be opened in any backup.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from graphsvc.ledger.store import told_plainly
from graphsvc.model.errors import IntegrityError

KEY = 32
"""Bytes of a key; a row has two, one for its bytes and one for its draft."""
ERASED_WITHIN_DAYS = 31
"""Days after which what was erased is unreadable in backups as well, if no file of secrets is kept longer."""
_PAIR = 2 * KEY
_ZERO = bytes(12)
_TABLES = (
    "CREATE TABLE IF NOT EXISTS keks (month TEXT PRIMARY KEY, key BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS wrapped "
    "(name TEXT PRIMARY KEY, month TEXT NOT NULL, salt BLOB NOT NULL, box BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS wrapped_month ON wrapped (month)",
    "CREATE TABLE IF NOT EXISTS replayed (id INTEGER PRIMARY KEY, entry INTEGER NOT NULL)",
)


class RowKeys:
    """The key database in the file ``path``. Thread-safe. A restore gives the ``keks`` (month → key) to begin with.

    ``create`` makes a missing database: only where nothing is sealed yet. Raises IntegrityError ``key_file`` when it is
    missing otherwise, or ``damaged``; Unavailable, OSError.
    """

    def __init__(self, path: Path, keks: Mapping[str, bytes] | None = None, *, create: bool = True) -> None:
        self._lock = Lock()
        if not create and not (path.exists() and path.stat().st_size):
            message = "the row keys are missing: restore them; without them nothing that is sealed can be read"
            raise IntegrityError(message, code="key_file", where=str(path))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        with told_plainly("the row keys"):
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._db.execute(f"PRAGMA {pragma}")
            for statement in _TABLES:
                self._db.execute(statement)
            for month, key in (keks or {}).items():
                self._db.execute("INSERT OR REPLACE INTO keks VALUES (?, ?)", (month, key))

    def close(self) -> None:
        """Close the key database."""
        self._db.close()

    def keep(self, boxes: Mapping[str, bytes]) -> None:
        """Wrap and store secrets by name, durably, in one transaction."""
        with self._transaction():
            self._keep(boxes)

    def open(self, name: str) -> bytes:
        """A secret by name; raises IntegrityError when it is absent or no key-encryption key opens it."""
        with self._lock:
            return self._open(name)

    def destroy(self, pack: str, position: int) -> None:
        """Destroy the key pair at ``position`` of a pack: row and draft can never be read again."""
        self.destroy_all([(pack, position)])

    def destroy_all(self, items: Iterable[tuple[str, int]]) -> int:
        """Destroy the key pairs at each (pack, position) that are there, in one transaction; returns how many."""
        wanted: dict[str, list[int]] = {}
        for pack, position in items:
            wanted.setdefault(pack, []).append(position)
        count = 0
        with self._transaction():
            for pack, positions in wanted.items():
                if not self._has(pack):
                    continue
                keys = bytearray(self._open(pack))
                for position in positions:
                    place = slice(position * _PAIR, (position + 1) * _PAIR)
                    if any(keys[place]):
                        keys[place] = bytes(_PAIR)
                        count += 1
                self._keep({pack: bytes(keys)})
        self._forget()
        return count

    def has(self, name: str) -> bool:
        """Whether a secret is kept and can be opened."""
        with self._lock:
            try:
                return self._has(name) and bool(self._open(name))
            except IntegrityError:
                return False

    def rewrap(self, now: datetime | None = None) -> int:
        """Wrap everything under the month's key and destroy all older ones; returns how many boxes were wrapped anew.

        For a daily job: only the first run in a month has something to do. Atomic: after a crash either all is as
        before or all is done. The keys that are kept here no longer open boxes in older copies of this database.
        """
        month = _month(now)
        with self._transaction():
            names = [name for (name,) in self._db.execute("SELECT name FROM wrapped WHERE month < ?", (month,))]
            for name in names:
                self._keep({name: self._open(name)}, month)
            self._db.execute("DELETE FROM keks WHERE month < ?", (month,))
        self._forget()
        return len(names)

    @property
    def replayed(self) -> int:
        """The last ledger entry whose erasures are known to be done here; -1 at first."""
        with self._lock:
            found = self._db.execute("SELECT entry FROM replayed").fetchone()
        return -1 if found is None else int(found[0])

    def note_replayed(self, entry: int) -> None:
        """Remember that the erasures of all entries up to ``entry`` are done here."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO replayed VALUES (1, ?)", (entry,))

    def export_keks(self) -> dict[str, bytes]:
        """The key-encryption keys by month: with them and a copy of the boxes everything can be read."""
        with self._lock:
            return {month: bytes(key) for month, key in self._db.execute("SELECT month, key FROM keks ORDER BY month")}

    def copy_wrapped(self, path: Path, more: Mapping[str, bytes]) -> None:
        """Write the boxes as they are, without any key-encryption key, into a new database; wraps and adds ``more``.

        Raises OSError.
        """
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        month = _month(None)
        try:
            with self._transaction():
                kek = self._kek(month)
                boxes = self._db.execute("SELECT name, month, salt, box FROM wrapped").fetchall()
            boxes += [(name, month, *_wrap(kek, name, secret)) for name, secret in more.items()]
            target = sqlite3.connect(path, isolation_level=None)
            try:
                for statement in ("BEGIN", *_TABLES):
                    target.execute(statement)
                target.executemany("INSERT INTO wrapped VALUES (?, ?, ?, ?)", boxes)
                target.execute("COMMIT")
            finally:
                target.close()
        except sqlite3.Error as error:
            raise OSError(f"the row keys can't be copied: {error}") from None

    def remove(self, name: str) -> None:
        """Remove a secret; fine when it is absent."""
        with self._transaction():
            self._db.execute("DELETE FROM wrapped WHERE name = ?", (name,))
        self._forget()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, _full_disk():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # A disk that is full has ended the transaction already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _forget(self) -> None:
        # The write-ahead log still has the pages as they were before.
        with self._lock, _full_disk():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _has(self, name: str) -> bool:
        return self._db.execute("SELECT 1 FROM wrapped WHERE name = ?", (name,)).fetchone() is not None

    def _open(self, name: str) -> bytes:
        found = self._db.execute(
            "SELECT k.key, w.salt, w.box FROM wrapped w LEFT JOIN keks k USING (month) WHERE w.name = ?", (name,)
        ).fetchone()
        if found is None:
            raise IntegrityError("the keys of a payload object are missing", where=name)
        kek, salt, box = found
        if kek is None:
            raise IntegrityError("the key that wraps a payload object's keys is missing", where=name)
        try:
            return AESGCM(_wrapping_key(kek, salt)).decrypt(_ZERO, box, name.encode())
        except InvalidTag:
            raise IntegrityError("the key that wraps a payload object's keys is another", where=name) from None

    def _keep(self, boxes: Mapping[str, bytes], month: str = "") -> None:
        month = month or _month(None)
        kek = self._kek(month)
        for name, secret in boxes.items():
            box = _wrap(kek, name, secret)
            self._db.execute("INSERT OR REPLACE INTO wrapped VALUES (?, ?, ?, ?)", (name, month, *box))

    def _kek(self, month: str) -> bytes:
        found = self._db.execute("SELECT key FROM keks WHERE month = ?", (month,)).fetchone()
        if found is not None:
            return bytes(found[0])
        key = os.urandom(KEY)
        self._db.execute("INSERT INTO keks VALUES (?, ?)", (month, key))
        return key


@contextmanager
def _full_disk() -> Iterator[None]:
    """Turn SQLite's error for a full disk into the OSError that files raise."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise


def _month(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m")


def _wrap(kek: bytes, name: str, secret: bytes) -> tuple[bytes, bytes]:
    salt = os.urandom(16)
    return salt, AESGCM(_wrapping_key(kek, salt)).encrypt(_ZERO, secret, name.encode())


def _wrapping_key(kek: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY, salt=salt, info=b"graphsvc row keys v1").derive(kek)
