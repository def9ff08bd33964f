"""How much may be received at once: uploads and bytes by organisation, never the last space on the ledger's disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graphsvc.model.errors import NoRoom, TooMany
from graphsvc.settings import Settings

AT_ONCE = 64
"""At most this many uploads of all organisations together: each holds a file descriptor."""


class Uploads:
    """The uploads that run. For one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @contextmanager
    def one(self, org: str, length: int) -> Iterator[UploadRoom]:
        """One more upload of ``length`` bytes (0: not stated) by an organisation, until the end of the block.

        Raises TooMany when it has too many or too large ones, NoRoom when the disk would be too full.
        """
        if self._running[org] >= self._settings.uploads_an_organisation:
            raise TooMany("your organisation has too many uploads at once; wait for one to end", retry_after=5)
        if self._running.total() >= AT_ONCE:
            raise TooMany("there are too many uploads at once; send it again", retry_after=5)
        room = UploadRoom(self._settings, org, self._bytes)
        self._running[org] += 1
        try:
            room.expect(length)
            yield room
        finally:
            room.end()
            self._running[org] -= 1
            if not self._running[org]:
                del self._running[org]


class UploadRoom:
    """What one upload takes of its organisation's room in the spool."""

    def __init__(self, settings: Settings, org: str, taken: Counter[str]) -> None:
        self._settings = settings
        self._org = org
        self._taken = taken
        self._expected = 0
        self._received = 0

    def expect(self, length: int) -> None:
        """Take room for ``length`` bytes before the first of them is read. Raises TooMany, NoRoom."""
        self._take(length - self._expected)

    def receive(self, size: int) -> None:
        """``size`` more bytes go to the spool. Raises TooMany, NoRoom."""
        self._received += size
        self._take(max(0, self._received - self._expected))

    def end(self) -> None:
        """Give back all the room that was taken."""
        self._taken[self._org] -= self._expected
        if not self._taken[self._org]:
            del self._taken[self._org]

    def _take(self, more: int) -> None:
        if self._taken[self._org] + more > self._settings.spool_an_organisation:
            raise TooMany("your organisation's uploads take too much room; wait for one to end", retry_after=30)
        # Its sealed rows will take as much again. What other uploads have announced but not sent is not counted.
        coming = 2 * (self._expected + more) - self._received
        if free_bytes(self._settings.data) - coming < self._settings.disk_reserve:
            raise NoRoom("the service has too little room left for it; nothing was stored")
        self._taken[self._org] += more
        self._expected += more


def free_bytes(folder: Path) -> int:
    """Bytes that are free on a folder's disk for an unprivileged process."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
