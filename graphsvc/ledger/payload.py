r"""Sealed payloads: every accepted row and the draft made of it, encrypted with keys of their own.

A *pack* holds the sealed rows of one submission, a few MiB each, and is addressed by the SHA-256 of its bytes::

    "graphsvc pack 1\\n" ‖ items ‖ table ‖ uint64 offset of table ‖ uint32 number of items
    item  = AES-256-GCM(raw key, row bytes) ‖ AES-256-GCM(draft key, draft JSON)
    table = per item: uint32 row, uint32 bytes of sealed row, uint32 bytes of sealed draft, uint32 entities in the draft

Each key seals one message, so the nonce is zero; the associated data names submission, row and part, so no sealed
item can stand in for another. Keys live apart from the packs in :class:`RowKeys`; destroying a row's pair makes row
and draft unreadable while the tree and all other rows stay as they are. The entity counts stay readable, so entity
integers come out equal in a rebuild that skips an erased row.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from graphsvc.model.errors import IntegrityError
from graphsvc_verify.canonical import digest

MAGIC = b"graphsvc pack 1\n"
PACK_BYTES = 4 << 20
_ITEM = struct.Struct(">IIII")
_TAIL = struct.Struct(">QI")
_ZERO = bytes(12)
_KEY = 32
_TAG = 16


@dataclass(frozen=True, slots=True)
class SealedDraft:
    """One draft as read back: its row, its JSON and how many entities it counts (None bytes: erased)."""

    row: int
    draft: bytes | None
    entities: int


class PayloadStore:
    """Files addressed by the digest of their bytes, below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, data: bytes) -> str:
        """Store ``data`` durably and return its digest; storing it again changes nothing.

        Raises OSError (disk full, I/O error) with nothing left behind under the digest.
        """
        name = digest(data)
        target = self._path(name)
        if target.exists():
            return name
        target.parent.mkdir(exist_ok=True, mode=0o700)
        temporary = target.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)
        return name

    def get(self, name: str) -> bytes:
        """The bytes behind a digest; raises IntegrityError when absent or altered."""
        try:
            data = self._path(name).read_bytes()
        except FileNotFoundError:
            raise IntegrityError("a payload object is missing", where=name) from None
        if digest(data) != name:
            raise IntegrityError("a payload object was altered", where=name)
        return data

    def remove(self, name: str) -> None:
        """Remove what nothing refers to; fine when it is absent."""
        self._path(name).unlink(missing_ok=True)

    @contextmanager
    def or_removed(self, names: list[str]) -> Iterator[None]:
        """Remove the objects in ``names`` (as it is then) if what is done meanwhile fails."""
        try:
            yield
        except BaseException:
            for name in names:
                self.remove(name)
            raise

    def _path(self, name: str) -> Path:
        plain = name.removeprefix("sha256:")
        return self._directory / plain[:2] / plain


class RowKeys:
    """The keys of sealed rows, kept apart from ledger and payloads, wrapped by a monthly key-encryption key.

    One database row a pack holds all its key pairs in one box; destroying a pair rewrites the box under a new salt.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE IF NOT EXISTS keks (month TEXT PRIMARY KEY, key BLOB NOT NULL)")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS wrapped "
            "(name TEXT PRIMARY KEY, month TEXT NOT NULL, salt BLOB NOT NULL, box BLOB NOT NULL)"
        )

    def close(self) -> None:
        """Close the key database."""
        self._db.close()

    def keep(self, boxes: dict[str, bytes]) -> None:
        """Wrap and store secrets by name, durably, in one transaction."""
        month = datetime.now(UTC).strftime("%Y-%m")
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                kek = self._kek(month)
                for name, secret in boxes.items():
                    salt = os.urandom(16)
                    box = AESGCM(_wrapping_key(kek, salt)).encrypt(_ZERO, secret, name.encode())
                    self._db.execute("INSERT OR REPLACE INTO wrapped VALUES (?, ?, ?, ?)", (name, month, salt, box))
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def open(self, name: str) -> bytes:
        """A secret by name; raises IntegrityError when it is absent."""
        with self._lock:
            found = self._db.execute(
                "SELECT k.key, w.salt, w.box FROM wrapped w JOIN keks k USING (month) WHERE w.name = ?", (name,)
            ).fetchone()
        if found is None:
            raise IntegrityError("the keys of a payload object are missing", where=name)
        kek, salt, box = found
        return AESGCM(_wrapping_key(kek, salt)).decrypt(_ZERO, box, name.encode())

    def destroy(self, pack: str, position: int) -> None:
        """Destroy the key pair at ``position`` of a pack: row and draft can never be read again."""
        keys = bytearray(self.open(pack))
        keys[position * 2 * _KEY : (position + 1) * 2 * _KEY] = bytes(2 * _KEY)
        self.keep({pack: bytes(keys)})

    def _kek(self, month: str) -> bytes:
        found = self._db.execute("SELECT key FROM keks WHERE month = ?", (month,)).fetchone()
        if found is not None:
            return bytes(found[0])
        key = os.urandom(_KEY)
        self._db.execute("INSERT INTO keks VALUES (?, ?)", (month, key))
        return key


class Packer:
    """Seals the rows of one submission into packs, one after the other.

    ``name`` binds every item to its submission (issuer and jti of the manifest). Nothing is stored until
    :meth:`finish`, but packs that are full, so memory stays at one pack.
    """

    def __init__(self, store: PayloadStore, name: str) -> None:
        self._store = store
        self._name = name.encode()
        self._body = bytearray(MAGIC)
        self._table = bytearray()
        self._keys = bytearray()
        self._count = 0
        self.packs: list[str] = []
        self.keys: dict[str, bytes] = {}

    def add(self, row: int, raw: bytes, draft: bytes, entities: int) -> bytes:
        """Seal one row and its draft; returns the draft key, which salts the draft's proof leaves."""
        pair = os.urandom(2 * _KEY)
        place = self._name + b"|%d|" % row
        sealed_row = AESGCM(pair[:_KEY]).encrypt(_ZERO, raw, place + b"row")
        sealed_draft = AESGCM(pair[_KEY:]).encrypt(_ZERO, draft, place + b"draft")
        self._body += sealed_row
        self._body += sealed_draft
        self._table += _ITEM.pack(row, len(sealed_row), len(sealed_draft), entities)
        self._keys += pair
        self._count += 1
        if len(self._body) >= PACK_BYTES:
            self._close_pack()
        return pair[_KEY:]

    def finish(self) -> tuple[list[str], dict[str, bytes]]:
        """Store what is left; returns the packs' digests in order and the secrets to keep, by pack."""
        if self._count:
            self._close_pack()
        return self.packs, self.keys

    def _close_pack(self) -> None:
        tail = _TAIL.pack(len(self._body), self._count)
        name = self._store.put(bytes(self._body) + bytes(self._table) + tail)
        self.packs.append(name)
        self.keys[name] = bytes(self._keys)
        self._body, self._table, self._keys, self._count = bytearray(MAGIC), bytearray(), bytearray(), 0


def read_drafts(pack: bytes, keys: bytes, name: str) -> Iterator[SealedDraft]:
    """The drafts of one pack in order; an erased one comes with no bytes. Raises IntegrityError on a bad pack."""
    if not pack.startswith(MAGIC) or len(pack) < len(MAGIC) + _TAIL.size:
        raise IntegrityError("not a pack")
    start, count = _TAIL.unpack(pack[-_TAIL.size :])
    if start + count * _ITEM.size + _TAIL.size != len(pack) or len(keys) != count * 2 * _KEY:
        raise IntegrityError("a pack's table does not fit")
    offset = len(MAGIC)
    bound = name.encode()
    for position in range(count):
        row, row_bytes, draft_bytes, entities = _ITEM.unpack_from(pack, start + position * _ITEM.size)
        key = keys[position * 2 * _KEY + _KEY : (position + 1) * 2 * _KEY]
        sealed = pack[offset + row_bytes : offset + row_bytes + draft_bytes]
        offset += row_bytes + draft_bytes
        if key == bytes(_KEY):
            yield SealedDraft(row, None, entities)
        else:
            yield SealedDraft(row, AESGCM(key).decrypt(_ZERO, sealed, bound + b"|%d|draft" % row), entities)


def draft_leaf(draft_key: bytes, group: str, content: bytes) -> bytes:
    """Leaf of ``draftsRoot``: SHA-256(0x00 ‖ HMAC(draft key, group) ‖ canonical {row, group, values})."""
    salt = hmac.digest(draft_key, group.encode(), "sha256")
    return hashlib.sha256(b"\x00" + salt + content).digest()


def _wrapping_key(kek: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY, salt=salt, info=b"graphsvc row keys v1").derive(kek)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
