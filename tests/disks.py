"""Small real disks, to be filled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """A file system of ``size`` (as ``1m``) over a folder, until the end; skips where none can be mounted."""
    if not sys.platform.startswith("linux"):
        pytest.skip("no tmpfs here to fill")
    words = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", str(folder)]
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted here (needs the right to mount)")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """A file that takes all room on the folder's disk but ``leave`` bytes; remove it to make room."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(64 << 10)):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - leave))
    return filler
