"""Files whose reading is counted, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

Progress = Callable[[int], None]
"""Called with the number of bytes that were read or sent since the last call."""


class Counted:
    """A file that tells ``progress`` how many bytes were read from it."""

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        chunk = self._file.read(size)
        if self._progress is not None:
            self._progress(len(chunk))
        return chunk

    def fileno(self) -> int:
        """The file's number."""
        return self._file.fileno()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place that reading has come to."""
        return self._file.tell()
