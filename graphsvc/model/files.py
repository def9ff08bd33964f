"""Files that are there whole or not at all: written under a temporary name, made durable, renamed.

Temporary names have one form, ``.NAME.XXXXXXXX.tmp`` with eight hexadecimal digits, and only :func:`temporary` makes
them. All that a killed process leaves half written has such a name; :func:`sweep` removes these files at the next
start, and never anything else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

_SIDE_BY_SIDE = 8
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp(-journal|-wal|-shm)?")
"""Also matches the files that SQLite keeps beside a database of such a name."""


def temporary(path: Path) -> Path:
    """A temporary name in the folder of ``path``, which no other process uses."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that :func:`temporary` has made."""
    return _TEMPORARY.fullmatch(name) is not None


def sweep(directory: Path, *, deep: bool = True) -> int:
    """Remove what killed processes left half written in a directory, and ``deep`` below it; returns how many files.

    Only for a process that has the directory to itself. Raises nothing: what can't be removed is left until next time.
    """
    count = 0
    for folder, folders, names in os.walk(directory):
        if not deep:
            folders.clear()
        for path in (Path(folder, name) for name in names if is_temporary(name)):
            with suppress(OSError):
                path.unlink()
                count += 1
    return count


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` under ``path`` so that after a crash there is either all of it or what was there before.

    Raises OSError with no half file left under ``path``.
    """
    _put(path, data, mode)
    sync_directory(path.parent)


def write_together(files: Mapping[Path, bytes], mode: int) -> None:
    """Write many files durably, in no order; flushed in parallel, so that the file system commits them together.

    Raises OSError; some of the files may be there then, each whole.
    """
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for done in [pool.submit(_put, path, data, mode) for path, data in files.items()]:
            done.result()
    for directory in {path.parent for path in files}:
        sync_directory(directory)


def publish(part: Path, path: Path) -> None:
    """Make the file ``part`` durable, then put it under the name ``path``, then make that durable. Raises OSError."""
    sync_directory(part)
    part.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a directory's entries durable, or a file's content. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if mode == 0o600 else 0o755)
    part = temporary(path)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
