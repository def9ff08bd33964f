"""What the files of a service hold, read while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def contents_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder with its content. One that goes or is renamed meanwhile may be left out."""
    for path in folder.rglob("*"):
        if path.is_file():
            with suppress(FileNotFoundError):
                yield path, path.read_bytes()


def spooled(data: Path) -> list[Path]:
    """The files that lie in a service's spool: what is received, or comes in pieces."""
    return [path for path in (data / "spool").rglob("*") if path.is_file()]
