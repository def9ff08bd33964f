"""Handles: the opaque ids that leave the service.

A handle is AES-SIV (RFC 5297) under the reading organisation's own key over kind byte ‖ 24 bytes, base64url without
padding: 55 characters. Deterministic, so a reader sees one thing under one id; authenticated, so a guessed one
does not open; nor does it under another organisation's key, so handles can't be compared between organisations.

The 24 bytes are a record's integer, or an entity's mark (16 bytes) and the number of its world (8 bytes). They
depend only on the entity's key, the record's place in the ledger and whose claims are withheld: not on who else claims
the entity, nor on whether anybody did before.

An organisation's handles are remembered, the last ones asked for, under the kind byte and what they are made of. The
memory belongs to the key: no other organisation's questions fill it, empty it or are answered from it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from graphsvc.graph.facts import IDENTIFIED, Node
from graphsvc.model import accelerator

RECORD = 0
"""The kind byte of records; entity kinds have the ``number`` of their schema file, 1 to 250."""

LENGTH = 55
REMEMBERED = 20_000
"""At most this many handles of records, and as many of entities, are remembered for an organisation: 6 MB of each."""
_BYTES = 24
_FAST_KEY = 64
_WORLD_BITS = 64
_MARK_BYTES = 16
_CURSOR = b"graphsvc cursor v1"


class Handles:
    """Seals and opens the handles of one organisation. ``key`` is 32, 48 or 64 bytes. Thread-safe.

    ``remembered``: how many handles of each sort are kept, those last asked for; 0: none. ``fast``: whether to seal by
    the accelerator, ``auto`` or ``off``; it takes keys of 64 bytes.
    """

    def __init__(self, key: bytes, remembered: int = REMEMBERED, fast: str = accelerator.AUTO) -> None:
        self._cipher = AESSIV(key)
        native = accelerator.load(fast) if len(key) == _FAST_KEY else None
        self._sealed = self._sealed_here if native is None else native.HandleCipher(key).seal
        self.seal: Callable[[int, int], str] = lru_cache(remembered)(self._seal)
        """The handle of a thing by its number (below 2^192): of a record, with kind :data:`RECORD`, by its integer."""
        self.seal_node: Callable[[int, Node], str] = lru_cache(remembered)(self._seal_node)
        """The handle of an entity of some kind, as the reader knows it."""

    def _seal(self, kind_number: int, n: int) -> str:
        return self._sealed(bytes((kind_number,)) + n.to_bytes(_BYTES))

    def _sealed_here(self, plain: bytes) -> str:
        return base64.urlsafe_b64encode(self._cipher.encrypt(plain, None))[:LENGTH].decode("ascii")

    def open(self, handle: str) -> tuple[int, int] | None:
        """Kind byte and number, or None for anything that this organisation was not given in exactly this form."""
        if len(handle) != LENGTH or not handle.isascii():
            return None
        try:
            sealed = base64.b64decode(handle + "=", altchars=b"-_", validate=True)
            opened = self._cipher.decrypt(sealed, None)
        except (binascii.Error, InvalidTag, ValueError):
            return None
        kind_number, n = opened[0], int.from_bytes(opened[1:])
        # The last character has two spare bits: only one spelling counts.
        return (kind_number, n) if self._seal(kind_number, n) == handle else None

    def seal_place(self, place: Sequence[str | int], bound: bytes) -> str:
        """A cursor: a place in a list, for the question that ``bound`` stands for and for no other."""
        sealed = self._cipher.encrypt(msgspec.json.encode(list(place)), [_CURSOR, bound])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open_place(self, cursor: str, bound: bytes) -> list[Any] | None:
        """The place that a cursor names; None for one of another question or organisation, or an invented one."""
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            place: list[Any] = msgspec.json.decode(self._cipher.decrypt(sealed, [_CURSOR, bound]), type=list[Any])
        except (binascii.Error, InvalidTag, ValueError):
            return None
        return place

    def _seal_node(self, kind_number: int, node: Node) -> str:
        mark = int.from_bytes(base64.urlsafe_b64decode(node.mark + "=="))
        return self._seal(kind_number, mark << _WORLD_BITS | _number(node.world))

    def open_node(self, handle: str, worlds: Iterable[str] = ()) -> Node | None:
        """The entity behind a handle; None for a record, and in a world that is none of ``worlds``."""
        opened = self.open(handle)
        if opened is None or opened[0] == RECORD:
            return None
        number = opened[1] % (1 << _WORLD_BITS)
        world = next((world for world in (IDENTIFIED, *worlds) if _number(world) == number), None)
        if world is None:
            return None
        mark = (opened[1] >> _WORLD_BITS).to_bytes(_MARK_BYTES)
        return Node(base64.urlsafe_b64encode(mark)[:-2].decode("ascii"), world)


def _number(world: str) -> int:
    """A world's number in a handle: 0 for :data:`IDENTIFIED`, else the first 8 bytes of its name's SHA-256."""
    return 0 if world == IDENTIFIED else int.from_bytes(sha256(world.encode()).digest()[:8])
