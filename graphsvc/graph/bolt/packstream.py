"""PackStream, Bolt's encoding of values: null, booleans, 64-bit integers, floats, bytes, texts, lists, maps.

``neo4j-rust-ext`` has it as native code, which is used where it is found; what is written here does the same and is the
reference. Structures, as nodes or dates, are in no statement of this package. Source: the PackStream specification,
version 1 (Bolt Protocol documentation, Neo4j).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

try:
    from neo4j._rust.codec.packstream.v1 import pack as _native_pack
    from neo4j._rust.codec.packstream.v1 import unpack as _native_unpack
except ImportError:  # an interpreter without a wheel, or a release that has moved it
    _native_pack = _native_unpack = None

_SIZED: dict[int, tuple[str, type]] = {0xCC: (">B", bytes), 0xCD: (">H", bytes), 0xCE: (">I", bytes)}
_SIZED |= {0xD0: (">B", str), 0xD1: (">H", str), 0xD2: (">I", str)}
_SIZED |= {0xD4: (">B", list), 0xD5: (">H", list), 0xD6: (">I", list)}
_SIZED |= {0xD8: (">B", dict), 0xD9: (">H", dict), 0xDA: (">I", dict)}
_TINY: dict[int, type] = {0x80: str, 0x90: list, 0xA0: dict}
_NUMBERS = {0xC1: ">d", 0xC8: ">b", 0xC9: ">h", 0xCA: ">i", 0xCB: ">q"}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_MARKS: dict[type, tuple[int | None, int]] = {
    bytes: (None, 0xCC),
    str: (0x80, 0xD0),
    list: (0x90, 0xD4),
    dict: (0xA0, 0xD8),
}


class _TuplesToo:
    """Tells the native code that a tuple is packed as a list."""

    @staticmethod
    def get_transformer(value: object) -> Callable[[Any], Any] | None:
        return list if type(value) is tuple else None


_TUPLES = _TuplesToo()


def pack(value: object) -> bytes:
    """The bytes of a value. Raises ValueError, TypeError or OverflowError for what has no encoding."""
    if _native_pack is None:
        return plain_pack(value)
    return bytes(_native_pack(value, _TUPLES))


def unpack(data: bytearray, at: int = 0) -> tuple[Any, int]:
    """The value that begins at ``at``, and where the next one does. Raises ValueError on what is no PackStream."""
    if _native_unpack is None:
        return plain_unpack(data, at)
    try:
        value, after = _native_unpack(data, at, None)
    except (IndexError, TypeError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError("no PackStream") from error
    return value, after


def unpack_list(data: bytearray, at: int = 0) -> list[Any]:
    """The list that begins at ``at``, lists in it item by item: other threads get their turn in between."""
    count, at = _list_size(data, at)
    columns: list[Any] = []
    for _ in range(count):
        if data[at : at + 1] and _is_list(data[at]):
            inner, at = _list_size(data, at)
            column = []
            for _ in range(inner):
                value, at = unpack(data, at)
                column.append(value)
            columns.append(column)
        else:
            value, at = unpack(data, at)
            columns.append(value)
    return columns


def _is_list(marker: int) -> bool:
    return marker & 0xF0 == 0x90 or 0xD4 <= marker <= 0xD6


def _list_size(data: bytearray, at: int) -> tuple[int, int]:
    kind, size, at = _head(data, at)
    if kind is not list:
        raise ValueError("no list")
    return size, at


def plain_pack(value: object) -> bytes:
    """As :func:`pack`, in Python."""
    out = bytearray()
    _pack_into(out, value)
    return bytes(out)


def _pack_into(out: bytearray, value: object) -> None:
    if value is None or value is True or value is False:
        out.append(0xC0 if value is None else 0xC3 if value else 0xC2)
    elif isinstance(value, int):
        out += _integer(value)
    elif isinstance(value, float):
        out += b"\xc1" + struct.pack(">d", value)
    elif isinstance(value, str):
        text = value.encode()
        out += _sized(str, len(text)) + text
    elif isinstance(value, (bytes, bytearray)):
        out += _sized(bytes, len(value)) + value
    elif isinstance(value, list) or type(value) is tuple:
        out += _sized(list, len(value))
        for one in value:
            _pack_into(out, one)
    elif isinstance(value, dict):
        out += _sized(dict, len(value))
        for key, one in value.items():
            if not isinstance(key, str):
                raise TypeError("a map's keys are texts")
            _pack_into(out, key)
            _pack_into(out, one)
    else:
        raise ValueError(f"no encoding for {type(value).__name__}")


def _integer(value: int) -> bytes:
    if -16 <= value < 128:
        return struct.pack(">b", value)
    for marker, form, bits in ((0xC8, ">b", 7), (0xC9, ">h", 15), (0xCA, ">i", 31), (0xCB, ">q", 63)):
        if -(1 << bits) <= value < 1 << bits:
            return bytes((marker,)) + struct.pack(form, value)
    raise OverflowError("integers have 64 bits")


def _sized(kind: type, size: int) -> bytes:
    tiny, marker = _MARKS[kind]
    if tiny is not None and size < 16:
        return bytes((tiny | size,))
    for step, (form, limit) in enumerate(((">B", 1 << 8), (">H", 1 << 16), (">I", 1 << 32))):
        if size < limit:
            return bytes((marker + step,)) + struct.pack(form, size)
    raise OverflowError("too long")


def plain_unpack(data: bytearray, at: int = 0) -> tuple[Any, int]:
    """As :func:`unpack`, in Python."""
    kind, size, at = _head(data, at)
    if kind is None:
        return size, at
    if kind is list:
        items = []
        for _ in range(size):
            value, at = plain_unpack(data, at)
            items.append(value)
        return items, at
    if kind is dict:
        found = {}
        for _ in range(size):
            key, at = plain_unpack(data, at)
            if not isinstance(key, str):
                raise ValueError("a map's keys are texts")
            found[key], at = plain_unpack(data, at)
        return found, at
    part = bytes(data[at : at + size])
    return part.decode() if kind is str else part, at + size


def _head(data: bytearray, at: int) -> tuple[type | None, Any, int]:
    """Kind and size of what begins at ``at``, or None and a value without parts; and where it goes on."""
    if at >= len(data):
        raise ValueError("cut off")
    marker, at = data[at], at + 1
    if marker < 0x80 or marker >= 0xF0:
        return None, marker if marker < 0x80 else marker - 256, at
    if marker in _CONSTANTS:
        return None, _CONSTANTS[marker], at
    try:
        if marker in _NUMBERS:
            form = _NUMBERS[marker]
            return None, struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
        if marker in _SIZED:
            form, kind = _SIZED[marker]
            size, at = struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
        else:
            kind, size = _TINY[marker & 0xF0], marker & 0x0F
    except (struct.error, KeyError) as error:
        raise ValueError("no PackStream") from error
    # Every item takes a byte at least: a size beyond that is never believed.
    if size > len(data) - at:
        raise ValueError("cut off")
    return kind, size, at
