r"""Sealed payloads: every accepted row and the draft made of it, encrypted with keys of their own.

A *pack* holds the sealed rows of one submission, a few MiB each, and is addressed by the SHA-256 of its bytes::

    "graphsvc pack 2\\n" ‖ items ‖ table ‖ uint64 offset of table ‖ uint32 number of items
    item  = AES-256-GCM(raw key, row bytes) ‖ AES-256-GCM(draft key, draft JSON)
    table = per item: uint32 row, uint32 bytes of sealed row, uint32 bytes of sealed draft, uint32 entities in the
            draft, uint32 links in it

Each key seals one message, so the nonce is zero; the associated data names submission, row and part, so no sealed
item can stand in for another. Keys live apart from the packs in :class:`RowKeys`; destroying a row's pair makes row
and draft unreadable while the tree and all other rows stay as they are. The counts stay readable, so skipping an erased
row changes neither the integers of entities nor where batches end.

The mapping of a submission is an object of its own, as a constant in it may name what its rows are about:
AES-256-GCM(its key, mapping), associated data ``iss|jti|mapping``. Its key is destroyed with the first row that is
erased: since drafts are kept, the mapping is never needed again.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from graphsvc.ledger.objects import PayloadStore
from graphsvc.ledger.rowkeys import KEY, RowKeys
from graphsvc.model.errors import IntegrityError
from graphsvc_verify.keyed import short_digest

__all__ = [
    "MAGIC",
    "PACK_BYTES",
    "Packer",
    "PayloadStore",
    "RowKeys",
    "SealedDraft",
    "draft_leaf",
    "mapping_secret",
    "open_mapping",
    "pack_rows",
    "read_drafts",
    "read_rows",
    "seal_mapping",
]

MAGIC = b"graphsvc pack 2\n"
PACK_BYTES = 4 << 20
_ITEM = struct.Struct(">IIIII")
_TAIL = struct.Struct(">QI")
_ZERO = bytes(12)
_KEY = KEY


@dataclass(frozen=True, slots=True)
class SealedDraft:
    """One draft as read back: its row, its JSON (None: erased or damaged) and how many entities it has.

    ``links`` and ``size`` (of the sealed draft, in bytes) are known for erased drafts as well.
    """

    row: int
    draft: bytes | None
    entities: int
    links: int = 0
    size: int = 0
    damaged: bool = False

    @property
    def claims(self) -> int:
        """How many claims the draft makes."""
        return self.entities + self.links


class Packer:
    """Seals the rows of one submission into packs, one after the other.

    ``name`` binds every item to its submission (issuer and jti of the manifest). Full packs are stored at once, the
    rest by :meth:`finish`, so at most one pack is in memory.
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

    def add(
        self, row: int, raw: bytes, draft: bytes, entities: int, links: int = 0, pair: bytes | None = None
    ) -> bytes:
        """Seal one row and its draft; returns the draft key, which salts the draft's proof leaves.

        ``pair``: the keys; without it they are drawn.
        """
        pair = os.urandom(2 * _KEY) if pair is None else pair
        place = self._name + b"|%d|" % row
        sealed_row = AESGCM(pair[:_KEY]).encrypt(_ZERO, raw, place + b"row")
        sealed_draft = AESGCM(pair[_KEY:]).encrypt(_ZERO, draft, place + b"draft")
        self._body += sealed_row
        self._body += sealed_draft
        self._table += _ITEM.pack(row, len(sealed_row), len(sealed_draft), entities, links)
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


def pack_rows(pack: bytes) -> list[int]:
    """The row of each item of a pack; needs no key. Raises IntegrityError on a bad pack."""
    start, count = _table(pack)
    return [_ITEM.unpack_from(pack, start + position * _ITEM.size)[0] for position in range(count)]


def read_drafts(pack: bytes, keys: bytes, name: str) -> Iterator[SealedDraft]:
    """The drafts of one pack in order. Raises IntegrityError on a bad pack.

    An erased draft comes without bytes; so does one that its key does not open, marked as damaged.
    """
    start, count = _table(pack)
    if len(keys) != count * 2 * _KEY:
        raise IntegrityError("a pack's table does not fit")
    offset = len(MAGIC)
    bound = name.encode()
    for position in range(count):
        row, row_bytes, draft_bytes, entities, links = _ITEM.unpack_from(pack, start + position * _ITEM.size)
        key = keys[position * 2 * _KEY + _KEY : (position + 1) * 2 * _KEY]
        sealed = pack[offset + row_bytes : offset + row_bytes + draft_bytes]
        offset += row_bytes + draft_bytes
        if key == bytes(_KEY):
            yield SealedDraft(row, None, entities, links, draft_bytes)
            continue
        draft = _opened(key, sealed, bound + b"|%d|draft" % row)
        yield SealedDraft(row, draft, entities, links, draft_bytes, damaged=draft is None)


def _opened(key: bytes, sealed: bytes, place: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(_ZERO, sealed, place)
    except InvalidTag:
        return None


def _table(pack: bytes) -> tuple[int, int]:
    """Where a pack's table begins and how many items it has."""
    if not pack.startswith(MAGIC) or len(pack) < len(MAGIC) + _TAIL.size:
        raise IntegrityError("not a pack")
    start, count = _TAIL.unpack(pack[-_TAIL.size :])
    if start + count * _ITEM.size + _TAIL.size != len(pack):
        raise IntegrityError("a pack's table does not fit")
    return int(start), int(count)


def read_rows(
    pack: bytes, keys: bytes, name: str, wanted: Callable[[int], bool]
) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """(row, row as received, draft) of each ``wanted`` item that is not erased; None for what its key does not open.

    Raises IntegrityError on a bad pack.
    """
    start, count = _table(pack)
    if len(keys) != count * 2 * _KEY:
        raise IntegrityError("a pack's table does not fit")
    offset = len(MAGIC)
    for position in range(count):
        row, row_bytes, draft_bytes, _, _ = _ITEM.unpack_from(pack, start + position * _ITEM.size)
        pair = keys[position * 2 * _KEY : (position + 1) * 2 * _KEY]
        middle, end = offset + row_bytes, offset + row_bytes + draft_bytes
        if any(pair) and wanted(row):
            place = name.encode() + b"|%d|" % row
            raw = _opened(pair[:_KEY], pack[offset:middle], place + b"row")
            yield row, raw, _opened(pair[_KEY:], pack[middle:end], place + b"draft")
        offset = end


def mapping_secret(name: str) -> str:
    """The name under which the key of a submission's mapping is kept."""
    return f"mapping|{name}"


def seal_mapping(store: PayloadStore, name: str, mapping: bytes) -> bytes:
    """Store the mapping of the submission ``name``, sealed; returns the secret to keep: its key, then its digest."""
    key = os.urandom(_KEY)
    sealed = AESGCM(key).encrypt(_ZERO, mapping, f"{name}|mapping".encode())
    return key + bytes.fromhex(store.put(sealed).removeprefix("sha256:"))


def open_mapping(store: PayloadStore, name: str, secret: bytes) -> bytes:
    """The mapping of a submission; raises IntegrityError when it is missing or its key does not open it."""
    opened = _opened(secret[:_KEY], store.get(f"sha256:{secret[_KEY:].hex()}"), f"{name}|mapping".encode())
    if opened is None:
        raise IntegrityError("the key of a mapping is another")
    return opened


def draft_leaf(draft_key: bytes, group: str, content: bytes) -> bytes:
    """Leaf of ``draftsRoot``: SHA-256(0x00 ‖ HMAC(draft key, group) ‖ canonical {row, group, values})."""
    salt = short_digest(draft_key, group.encode())
    return hashlib.sha256(b"\x00" + salt + content).digest()
