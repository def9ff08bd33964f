"""Zip archives from others, measured before any library unpacks them.

What a directory states of sizes may be a lie, so every member is unpacked once, piece by piece and counted, and nothing
of it is kept. Sheets of a workbook are looked through on the way: a cell far out makes a library hold all before it.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from graphsvc.model.errors import InvalidInput, TooLarge

MAX_UNPACKED = 512 << 20
"""At most this many bytes in all members together."""
MAX_MEMBERS = 10_000
"""At most this many members."""
MAX_CELLS = 20_000_000
"""At most this many cells between the first and the last of a sheet, empty ones counted."""
_STEP = 1 << 18
_LOCAL = struct.Struct("<4s5H3I2H")
_CELL = re.compile(rb"<(?:\w+:)?c [^>]*?\br=\"([A-Z]{1,3})(\d{1,9})\"")
_OVERLAP = 300


def check_workbook(data: bytes) -> None:
    """Raise InvalidInput or TooLarge for a zip that is none, or that unpacks to more than a workbook may have."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, struct.error, UnicodeDecodeError):
        message = "this is no Excel file that can be read: the archive is broken; save it anew"
        raise InvalidInput(message, code="bad_document", where="body") from None
    if len(members) > MAX_MEMBERS:
        raise _too_large("it has too many parts")
    total = 0
    for member in members:
        wide = deep = 0
        before = b""
        sheet = re.fullmatch(r"xl/worksheets/[^/]+\.xml", member.filename) is not None
        for piece in _unpacked(data, member):
            total += len(piece)
            if total > MAX_UNPACKED:
                raise _too_large(f"it unpacks to more than {MAX_UNPACKED >> 20} MiB")
            if sheet:
                for letters, digits in _CELL.findall(before + piece):
                    wide, deep = max(wide, _column(letters)), max(deep, int(digits))
                if wide * deep > MAX_CELLS:
                    raise _too_large(f"a sheet spans more than {MAX_CELLS:,} cells")
                before = piece[-_OVERLAP:]


def _unpacked(data: bytes, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a member, piece by piece, whatever the directory says of their number."""
    start = member.header_offset
    head = data[start : start + _LOCAL.size]
    if len(head) < _LOCAL.size or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        message = "this is no Excel file that can be read: a part of it is packed in another way; save it anew"
        raise InvalidInput(message, code="bad_document", where="body")
    begin = start + _LOCAL.size + sum(_LOCAL.unpack(head)[9:11])
    if member.compress_type == zipfile.ZIP_STORED:
        packed = data[begin : begin + member.compress_size]
        yield from (packed[at : at + _STEP] for at in range(0, len(packed), _STEP))
        return
    # A stream ends by itself: all that follows is given to it, since the size stated may be too small.
    unpack, rest = zlib.decompressobj(-15), data[begin : begin + max(member.compress_size, _STEP)]
    at = begin + len(rest)
    try:
        while not unpack.eof and (rest or at < len(data)):
            piece = unpack.decompress(rest, _STEP)
            rest = unpack.unconsumed_tail
            if piece:
                yield piece
            elif not rest:
                rest, at = data[at : at + _STEP], at + _STEP
                if not rest:
                    return
    except zlib.error:
        raise InvalidInput("the archive is broken: save the file anew", code="bad_document", where="body") from None


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _too_large(why: str) -> TooLarge:
    return TooLarge(f"{why}: split the workbook", code="document_too_large", where="body")
