"""One file out of a zip that is read from its start to its end, never held and never sought in.

The directory at a zip's end is not asked: each member says itself what it is, and what it says of sizes is believed
only where nothing else could be meant. Bounds are on what is really unpacked, so that a small file can't become work
without end; memory is a piece of the file and a piece of what it unpacks to.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from graphsvc.model.errors import InvalidInput, TooLarge
from importers.rows import CHUNK, Readable

MAGIC = b"PK\x03\x04"
"""What a zip begins with, unless it is empty."""
MAX_MEMBERS = 1_000_000
"""At most this many members are passed over."""
MAX_UNPACKED = 16 << 30
"""At most this many bytes are unpacked, those of members that are passed over counted."""
MAX_RATIO, FREE = 200, 64 << 20
"""Beyond the first ``FREE`` bytes, at most this many come out of one: text packs to a tenth, bombs to a thousandth."""

_LOCAL = struct.Struct("<HHHHHIIIHH")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x1, 0x8, 0x800
_OPEN = 0xFFFFFFFF
_DESCRIPTOR = b"PK\x07\x08"
_BEGINNINGS = (MAGIC, b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06")
"""What stands behind a member: another one, or the directory."""


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    method: int
    size: int | None
    """Bytes as packed, None where the member ends by itself."""


class Begun:
    """A body of which the beginning was looked at."""

    def __init__(self, body: Readable) -> None:
        self._body = body
        self.head = b""
        while len(self.head) < len(MAGIC) and (more := body.read(CHUNK)):
            self.head += more

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, from the beginning on."""
        if not self.head:
            return self._body.read(size)
        piece, self.head = self.head[:size], self.head[size:]
        return piece


class Unzipped:
    """The first member that is wanted, by its name, as a stream of its bytes; ``what`` names the file in errors.

    Raises InvalidInput ``bad_document`` for what is no zip that can be read, or holds no such member; TooLarge
    ``document_too_large`` for one that unpacks to more than it may.
    """

    def __init__(self, body: Readable, wanted: Callable[[str], bool], what: str) -> None:
        self._body, self._what = body, what
        self._held = b""
        self._packed = self._unpacked = 0
        for _ in range(MAX_MEMBERS):
            member = self._next()
            self._method, self._left = member.method, member.size
            self._unpack = zlib.decompressobj(-15)
            self._over = False
            if wanted(member.name):
                return
            self._pass()
        raise self._too_large("holds too many files")

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes of the member; nothing at its end."""
        while not self._over:
            if self._method == _STORED:
                piece = self._raw(size)
                self._over = not piece
            else:
                piece = self._inflated(size)
            if piece:
                self._count(len(piece))
                return piece
        return b""

    def _inflated(self, size: int) -> bytes:
        """At most ``size`` bytes of a stream that ends by itself; what was read beyond its end is held back."""
        unpack = self._unpack
        source = unpack.unconsumed_tail or self._raw(CHUNK)
        try:
            piece = unpack.decompress(source, size)
        except zlib.error:
            raise self._broken("a part of it is damaged") from None
        if unpack.eof:
            self._over = True
            self._held = unpack.unused_data + self._held
        elif not source and not piece:
            raise self._broken("it ends too early")
        return piece

    def _pass(self) -> None:
        """Go on behind the member."""
        if self._left is not None:
            while self._raw(CHUNK):
                pass
            return
        while self.read(CHUNK):
            pass
        # Its sizes follow, in 12 or 20 bytes, mostly with four before that say so.
        while len(self._held) < 28 and (more := self._body.read(CHUNK)):
            self._held += more
        for size in (16, 24) if self._held.startswith(_DESCRIPTOR) else (12, 20):
            if self._held[size : size + 4] in _BEGINNINGS:
                self._held = self._held[size:]
                return
        raise self._broken("a part of it does not end")

    def _next(self) -> _Member:
        """The next member's own header."""
        if (magic := self._exactly(4)) != MAGIC:
            if magic[:2] == b"PK":
                raise InvalidInput(f"the archive holds no {self._what}", code="bad_document", where="body")
            raise self._broken("it is no zip")
        given = _LOCAL.unpack(self._exactly(_LOCAL.size))
        flags, method, packed, unpacked, name_size, extra_size = *given[1:3], *given[6:10]
        name = self._exactly(name_size).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        extra = self._exactly(extra_size)
        if flags & _ENCRYPTED:
            raise self._broken("it is encrypted: save it without a password")
        if method not in (_STORED, _DEFLATED):
            raise self._broken("it is packed in a way that is not known here: save it anew")
        if packed == _OPEN:
            packed = _large(extra, unpacked == _OPEN)
        size = None if flags & _SIZES_FOLLOW else packed
        if size is None and method == _STORED:
            raise self._broken("a file in it does not say where it ends: save it anew")
        return _Member(name, method, size)

    def _raw(self, size: int) -> bytes:
        """At most ``size`` packed bytes of the member."""
        if self._left is not None:
            size = min(size, self._left)
        piece = b""
        if size:
            piece, self._held = self._held[:size], self._held[size:]
            piece = piece or self._body.read(size)
            if not piece and self._left:
                raise self._broken("it ends too early")
        if self._left is not None:
            self._left -= len(piece)
        self._packed += len(piece)
        return piece

    def _exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            more = self._body.read(CHUNK)
            if not more:
                raise self._broken("it ends too early")
            self._held += more
        piece, self._held = self._held[:size], self._held[size:]
        return piece

    def _count(self, size: int) -> None:
        self._unpacked += size
        if self._unpacked > MAX_UNPACKED:
            raise self._too_large(f"unpacks to more than {MAX_UNPACKED >> 30} GiB")
        if self._unpacked > FREE and self._unpacked > MAX_RATIO * self._packed:
            raise self._too_large(f"unpacks to more than {MAX_RATIO} times its size")

    def _broken(self, why: str) -> InvalidInput:
        return InvalidInput(f"this is no archive that can be read: {why}", code="bad_document", where="body")

    def _too_large(self, why: str) -> TooLarge:
        message = f"the archive {why}: take the {self._what} out of it, and send that"
        return TooLarge(message, code="document_too_large", where="body")


def _large(extra: bytes, both: bool) -> int:
    """The packed size in a header's field for large sizes (zip64); ``both``: the unpacked one stands before it."""
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, at)
        start = at + 4 + (8 if both else 0)
        if tag == 1 and start + 8 <= len(extra):
            return int(struct.unpack_from("<Q", extra, start)[0])
        at += 4 + size
    return _OPEN
