"""A log as static files (c2sp.org/tlog-tiles): the names of its tiles, and reading all of it against its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphsvc_verify.errors import VerifyError
from graphsvc_verify.merkle import root
from graphsvc_verify.note import Checkpoint

TILE = 256
Fetch = Callable[[str], bytes | None]
"""Gives the file at a path below the log's prefix, or None where there is none."""


def tile_path(level: int | None, n: int, width: int = TILE) -> str:
    """The path of tile ``n`` of a level (None: of the entries); a partial tile holds ``width`` of 256."""
    name, rest = f"{n % 1000:03d}", n // 1000
    while rest:
        name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
    kind = "entries" if level is None else str(level)
    return f"tile/{kind}/{name}" + (f".p/{width}" if width < TILE else "")


def read_entries(fetch: Fetch, size: int) -> Iterator[bytes]:
    """The first ``size`` entries, in order. Raises VerifyError ``no_tile`` or ``bad_tile``."""
    for n, width in _tiles(size):
        yield from _bundle(fetch, n, width)


def read_entry(fetch: Fetch, index: int, size: int) -> bytes:
    """Entry ``index`` of a log with ``size`` entries. Raises VerifyError ``no_tile`` or ``bad_tile``."""
    first = index // TILE * TILE
    bundle = _bundle(fetch, index // TILE, min(TILE, size - first))
    return next(raw for at, raw in enumerate(bundle, first) if at == index)


def check_tree(fetch: Fetch, hashes: list[bytes], checkpoint: Checkpoint, pinned: Checkpoint | None) -> None:
    """Check that leaf ``hashes`` lead to the checkpoint's root, and the first of them to the pinned one's.

    Every hash tile that the log offers must be the one that they make. Raises VerifyError ``bad_tree``, ``truncated``,
    ``fork``, ``no_tile`` or ``bad_tile``.
    """
    if root(hashes) != checkpoint.root:
        raise VerifyError("bad_tree", "the entries do not lead to the signed root")
    if pinned is not None:
        if pinned.size > len(hashes):
            raise VerifyError("truncated", "the log is shorter than at the pinned checkpoint")
        if root(hashes[: pinned.size]) != pinned.root:
            raise VerifyError("fork", "the log does not extend the pinned checkpoint")
    level, row = 0, hashes
    while row:
        for n, width in _tiles(len(row)):
            data = _fetch(fetch, level, n, width)[: width * 32]
            if data != b"".join(row[n * TILE : n * TILE + width]):
                raise VerifyError("bad_tile", f"hash tile {n} of level {level} is not what the entries make")
        row = [root(row[start : start + TILE]) for start in range(0, len(row) // TILE * TILE, TILE)]
        level += 1


def _bundle(fetch: Fetch, n: int, width: int) -> Iterator[bytes]:
    data, at = _fetch(fetch, None, n, width), 0
    for _ in range(width):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if len(data) < at + 2 or len(data) < end:
            raise VerifyError("bad_tile", f"entry bundle {n} is cut off")
        yield data[at + 2 : end]
        at = end


def _tiles(count: int) -> Iterator[tuple[int, int]]:
    return ((start // TILE, min(TILE, count - start)) for start in range(0, count, TILE))


def _fetch(fetch: Fetch, level: int | None, n: int, width: int) -> bytes:
    # Where a partial tile has been filled since, a log may offer the full one only.
    data = fetch(tile_path(level, n, width))
    if data is None and width < TILE:
        data = fetch(tile_path(level, n))
    if data is None:
        raise VerifyError("no_tile", f"the log lacks {tile_path(level, n, width)}")
    return data
