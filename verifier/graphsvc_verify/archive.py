"""Zip archives read as if an enemy had made them, and written so that equal content gives equal bytes.

Refused: names outside a plain alphabet (so no traversal, no absolute path, no backslash, no folder), a name twice (also
in another case), links and other special files, encryption, other compression than deflate, bytes before, between or
after the archive's parts, comments, and more than :data:`MAX_FILES` files or :data:`MAX_TOTAL` bytes unpacked.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping

from graphsvc_verify.errors import VerifyError

MAX_FILES = 200_000
MAX_TOTAL = 1 << 30
_NAME = re.compile(r"(?:[a-z]{1,16}/)?[A-Za-z0-9][A-Za-z0-9_-]{0,79}\.[a-z]{2,5}")
_PLAIN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_LOCAL = struct.Struct("<4s5H3I2H")
_END = struct.Struct("<4s4H2IH")
_WRITTEN = (1980, 1, 1, 0, 0, 0)


def is_archive(data: bytes) -> bool:
    """Whether the bytes begin as a zip file does."""
    return data[:4] == b"PK\x03\x04"


def read_archive(data: bytes) -> dict[str, bytes]:
    """The files of an archive by name. Raises VerifyError ``bad_zip``."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_listing(archive, data)
            return {info.filename: _read(archive, info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, struct.error):
        raise VerifyError("bad_zip", "not a zip file, or a damaged one") from None


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """An archive of ``files`` in the order given; its bytes depend on nothing else."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            assert _NAME.fullmatch(name), name
            info = zipfile.ZipInfo(name, _WRITTEN)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.create_system = 3
            archive.writestr(info, content)
    return out.getvalue()


def _check_listing(archive: zipfile.ZipFile, data: bytes) -> None:
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise VerifyError("bad_zip", f"more than {MAX_FILES} files in one archive")
    if sum(info.file_size for info in infos) > MAX_TOTAL:
        raise VerifyError("bad_zip", f"more than {MAX_TOTAL >> 20} MiB unpacked")
    names = [info.filename for info in infos]
    if len({name.lower() for name in names}) != len(names):
        raise VerifyError("bad_zip", "a name is there twice")
    for info in infos:
        if not _NAME.fullmatch(info.orig_filename):
            raise VerifyError("bad_zip", f"not a name that belongs here: {ascii(info.orig_filename)[:100]}")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or info.is_dir():
            raise VerifyError("bad_zip", f"{info.filename} is a link or a special file")
        if info.flag_bits & ~0x0806 or info.compress_type not in _PLAIN or info.comment or info.extra:
            raise VerifyError("bad_zip", f"{info.filename} is packed in a way that is not read here")
    _check_no_gap(infos, archive.start_dir, data)


def _check_no_gap(infos: list[zipfile.ZipInfo], directory: int, data: bytes) -> None:
    """Check that the files follow one another and the directory them: nothing hides between, and nothing overlaps."""
    at = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset != at:
            raise VerifyError("bad_zip", "there are bytes between the files of the archive")
        header = _LOCAL.unpack_from(data, at)
        if header[0] != b"PK\x03\x04" or header[2] & 0x0008:
            raise VerifyError("bad_zip", f"{info.filename} is packed in a way that is not read here")
        at += _LOCAL.size + header[9] + header[10] + info.compress_size
    end = len(data) - _END.size
    mark, disk, first, here, total, size, start, comment = _END.unpack_from(data, max(end, 0))
    if mark != b"PK\x05\x06" or disk or first or comment or not here == total == len(infos):
        raise VerifyError("bad_zip", "the archive does not end as it should: a comment, or more bytes")
    if not at == directory == start or start + size != end:
        raise VerifyError("bad_zip", "there are bytes between the files and the directory of the archive")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        content = file.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise VerifyError("bad_zip", f"{info.filename} is not as long as the archive says")
    return content
