"""The log as static files (c2sp.org/tlog-tiles): hash tiles, entry bundles, and last the checkpoint over them.

Every file is written under a temporary name, synced, renamed, and its directory synced; the checkpoint is renamed only
when all tiles below it are there, and only then are partial tiles removed that wider ones replace. A crash leaves a
checkpoint whose tiles are complete, with newer, older and temporary files beside it; the next start removes those.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from graphsvc.ledger.tree import TILE, Tree
from graphsvc.model.errors import IntegrityError, Unavailable
from graphsvc.model.files import sweep, write_durably, write_together
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import NoteKey, verify_checkpoint
from graphsvc_verify.tiles import tile_path

INTERVAL = 1.0
"""At least this many seconds between two publications."""
LONGEST_PAUSE = 30.0
"""At most this many seconds until publishing is tried again: the pause doubles from :data:`INTERVAL` on."""
_log = logging.getLogger("graphsvc.ledger")
_TOGETHER = 16
"""Tiles that are held in memory and written side by side."""
_PARTIAL = ".p"
"""The end of the name of a folder with a tile's partial versions."""
_WIDTH = re.compile("[1-9][0-9]{0,2}")
_PATH = re.compile(r"tile/(?:([0-9]|[1-5][0-9]|6[0-3])|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class TileName:
    """A tile: its level (None for an entry bundle), number and width (1 … 256)."""

    level: int | None
    n: int
    width: int

    @property
    def path(self) -> str:
        """The tile's path, relative to the log's prefix."""
        return tile_path(self.level, self.n, self.width)


def parse_tile(path: str) -> TileName | None:
    """The tile behind a path, or None when the path is not the canonical spelling of a tile's name."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level, number, width = match.groups()
    n = int(number.replace("/", "").replace("x", ""))
    name = TileName(None if level is None else int(level), n, TILE if width is None else int(width))
    return name if name.path == path else None


@dataclass(slots=True)
class TileSource:
    """Where tiles are made from; ``leaves(start, stop)`` yields entry bytes."""

    tree: Tree
    leaves: Callable[[int, int], Iterator[bytes]]

    def content(self, name: TileName, size: int) -> bytes | None:
        """The bytes of a tile of the tree of ``size`` leaves, or None when that tree has no such tile."""
        height = 8 * (name.level or 0)
        start, stop = name.n * TILE, name.n * TILE + name.width
        if stop > size >> height:
            return None
        if name.level is not None:
            return b"".join(self.tree.node(height, k) for k in range(start, stop))
        return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in self.leaves(start, stop))


def tiles_between(old: int, new: int) -> Iterator[TileName]:
    """The tiles that the tree of ``new`` leaves has and the one of ``old`` leaves has not."""
    for level in (None, *range(8)):
        height = 8 * (level or 0)
        before, after = old >> height, new >> height
        for n in range(before // TILE, after // TILE + 1):
            width = min(TILE, after - n * TILE)
            if width > 0 and n * TILE + width > before:
                yield TileName(level, n, width)


class Publisher:
    """Writes the files below ``directory`` in a thread of its own, at most once a second.

    ``late`` says why what is durable can't be published now (no room, no descriptors, a failing disk); None: it can.
    Nothing is lost by that, since tiles are made from the ledger: publishing is tried again until it succeeds.
    """

    def __init__(
        self, directory: Path, source: TileSource, failed: Callable[[Exception], None], leads: Callable[[], bool]
    ) -> None:
        self._leads = leads
        self._directory = directory
        self._source = source
        self._failed = failed
        self._wake = threading.Condition()
        self._head: tuple[int, str] = (0, "")
        self._stop = self._idle = False
        self.late: str | None = None
        self.published = 0
        self._thread = threading.Thread(target=self._run, name="tiles", daemon=True)

    def read_checkpoint(self) -> str | None:
        """The published checkpoint's note, if there is one."""
        path = self._directory / "checkpoint"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None

    def recover(self, size: int, note: str, key: NoteKey) -> None:
        """Finish what was left unpublished, and remove what is left over.

        Raises IntegrityError when more, or another tree, was published before.
        """
        earlier = self.read_checkpoint()
        if earlier is not None:
            try:
                published = verify_checkpoint(earlier, key)
            except VerifyError as error:
                raise IntegrityError(f"the published checkpoint is not of this log: {error.message}") from None
            if published.size > size:
                raise IntegrityError("the ledger is older than what it has published: a restored backup is a fork")
            if self._source.tree.root(published.size) != published.root:
                raise IntegrityError("the ledger's tree is not the one that it has published")
            self.published = published.size
        if size > self.published:
            self.publish(size, note)
        for folder, _, _ in os.walk(self._directory / "tile"):
            if folder.endswith(_PARTIAL):
                self._tidy(Path(folder))

    def publish(self, size: int, note: str) -> None:
        """Write what is missing up to ``size``, then the checkpoint ``note``.

        Raises OSError, and Unavailable when another process leads: its checkpoint must not be written over.
        """
        tiles = tiles_between(self.published, size)
        while names := list(itertools.islice(tiles, _TOGETHER)):
            files = {self._directory / name.path: self._source.content(name, size) or b"" for name in names}
            write_together(files, 0o644)
        if not self._leads():
            raise Unavailable("another process leads the ledger now", code="lease_lost")
        write_durably(self._directory / "checkpoint", note.encode(), 0o644)
        before, self.published = self.published, size
        for name in tiles_between(before, size):
            self._tidy((self._directory / TileName(name.level, name.n, 1).path).parent)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def notify(self, size: int, note: str) -> None:
        """Tell of a new tree head."""
        with self._wake:
            self._head = (size, note)
            # Between two publications nobody needs to wake for a head: there are hundreds a second.
            if self._idle:
                self._wake.notify()

    def stop(self) -> None:
        """Publish what there is and end the thread."""
        with self._wake:
            self._stop = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause = INTERVAL
        while True:
            with self._wake:
                self._idle = True
                self._wake.wait_for(lambda: self._stop or self._head[0] > self.published)
                self._idle = False
                (size, note), last = self._head, self._stop
            try:
                if size > self.published:
                    self.publish(size, note)
                pause, self.late = INTERVAL, None
            except OSError as error:
                pause, reason = min(pause * 2, LONGEST_PAUSE), os.strerror(error.errno or 0)
                if self.late != reason:
                    _log.error("publishing will be tried again: %s", reason)
                self.late = reason
            except Exception as error:
                # Not a disk that may recover: another process leads, or the ledger contradicts itself. So stop writing.
                self._failed(error)
                return
            if last:
                return
            with self._wake:
                self._wake.wait_for(lambda: self._stop, timeout=pause)

    @staticmethod
    def _tidy(partial: Path) -> None:
        """Remove the partial tiles in a folder that wider ones replace, all but the newest two.

        Errors are ignored: what can't be removed is left for the next start.
        """
        with suppress(OSError):
            full = partial.with_name(partial.name.removesuffix(_PARTIAL)).exists()
            widths = sorted(int(path.name) for path in partial.iterdir() if _WIDTH.fullmatch(path.name))
            for width in widths if full else widths[:-2]:
                (partial / str(width)).unlink(missing_ok=True)
            if full:
                sweep(partial)
                partial.rmdir()
