"""Zip archives in one canonical form: equal content gives equal bytes, and any other bytes are refused.

The form is the plainest that every zip program reads: files one after the other from byte 0, each stored as it is (so
nothing grows when it is read) under a header in which only name, size and CRC-32 vary; then the directory, made from
the same; then the end record. A reader makes each header anew and compares, so nothing can hide in one.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping

from graphsvc_verify.errors import VerifyError

MAX_FILES = 65_535
"""As many as a zip can hold without the extensions that are not read here."""
MAX_TOTAL = 1 << 30
"""The most bytes of an archive."""
_NAME = re.compile(rb"(?:[a-z]{1,16}/)?[A-Za-z0-9][A-Za-z0-9_-]{0,79}\.[a-z]{2,5}")
_LOCAL = struct.Struct("<4s5H3I2H")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE = 0x0021
"""1980-01-01, the earliest that a zip can say."""
_MODE = 0o100644 << 16
"""A regular file that everyone may read."""


def is_archive(data: bytes) -> bool:
    """Whether the bytes begin as a zip file does."""
    return data[:4] == b"PK\x03\x04"


def read_archive(data: bytes) -> dict[str, bytes]:
    """The files of an archive by name, in their order. Raises VerifyError ``bad_zip``."""
    if len(data) > MAX_TOTAL:
        raise VerifyError("bad_zip", f"more than {MAX_TOTAL >> 20} MiB")
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    directory: list[bytes] = []
    at = 0
    # 1. File by file: what a header says of its file must be what the file is, and nothing else.
    while data[at : at + 4] == b"PK\x03\x04":
        name, content, end = _next(data, at)
        if name.lower() in seen:
            raise VerifyError("bad_zip", "a name is there twice")
        header, entry = _headers(name.encode("ascii"), content, at)
        if not data.startswith(header, at):
            raise VerifyError("bad_zip", f"{name} is altered, or packed in a way that is not read here")
        files[name] = content
        seen.add(name.lower())
        directory.append(entry)
        at = end
    # 2. The directory and the end follow from the files.
    if data[at:] != _tail(directory, at):
        raise VerifyError("bad_zip", "the archive does not end as its files say")
    return files


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """An archive of ``files`` in the order given; its bytes depend on nothing else. Raises VerifyError ``bad_zip``."""
    out, directory = bytearray(), []
    for name, content in files.items():
        raw = name.encode("ascii", "replace")
        if not _NAME.fullmatch(raw):
            raise VerifyError("bad_zip", f"not a name that belongs here: {ascii(name)[:100]}")
        header, entry = _headers(raw, content, len(out))
        out += header + content
        directory.append(entry)
        if len(out) > MAX_TOTAL:
            raise VerifyError("bad_zip", f"more than {MAX_TOTAL >> 20} MiB; take evidence in parts")
    return bytes(out + _tail(directory, len(out)))


def _next(data: bytes, at: int) -> tuple[str, bytes, int]:
    """Name and content of the file whose header stands at ``at``, and where the next one does."""
    if at + _LOCAL.size > len(data):
        raise VerifyError("bad_zip", "the archive is cut off")
    _, _, _, method, _, _, _, packed, size, length, _ = _LOCAL.unpack_from(data, at)
    start = at + _LOCAL.size + length
    raw = data[at + _LOCAL.size : start]
    if not _NAME.fullmatch(raw):
        raise VerifyError("bad_zip", f"not a name that belongs here: {ascii(raw)[:100]}")
    name = raw.decode("ascii")
    if method != 0 or packed != size:
        raise VerifyError("bad_zip", f"{name} is packed in a way that is not read here")
    if start + size > len(data):
        raise VerifyError("bad_zip", "the archive is cut off")
    return name, data[start : start + size], start + size


def _headers(name: bytes, content: bytes, at: int) -> tuple[bytes, bytes]:
    """The header before a file that starts at ``at``, and its entry in the directory."""
    said = (0, 0, 0, _DATE, zlib.crc32(content), len(content), len(content), len(name), 0)
    local = _LOCAL.pack(b"PK\x03\x04", 20, *said) + name
    # Made on a system (3) whose files have the mode that follows.
    return local, _ENTRY.pack(b"PK\x01\x02", 3 << 8 | 20, 20, *said, 0, 0, 0, _MODE, at) + name


def _tail(directory: list[bytes], at: int) -> bytes:
    """The directory of files that end at ``at``, and the end record."""
    if not 0 < len(directory) <= MAX_FILES:
        raise VerifyError("bad_zip", f"no file, or more than {MAX_FILES} in one archive")
    listed = b"".join(directory)
    return listed + _END.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), len(listed), at, 0)
