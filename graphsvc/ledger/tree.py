"""The Merkle tree over all entries, held as nodes of its right edge and as full hash tiles in the database.

A node is (height, k): the root over leaves [k·2^height, (k+1)·2^height). Heights 8L … 8L+7 lie within the hash tiles
of level L (c2sp.org/tlog-tiles). Only the last two tiles of a level stay in memory, so memory does not grow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256

from graphsvc.model.errors import IntegrityError
from graphsvc_verify.merkle import EMPTY_ROOT, node_hash

TILE = 256
_HEIGHT = 8
_HASH = 32
TileLoader = Callable[[int, int], bytes | None]


class Tree:
    """An append-only tree. One thread appends; any thread may ask for proofs up to a size that is committed."""

    def __init__(self, load: TileLoader) -> None:
        self.size = 0
        self.full: list[tuple[int, int, bytes]] = []
        self._nodes: list[dict[int, bytes]] = [{}]
        self._load = load
        self._interior = lru_cache(maxsize=256)(self._read_tile)

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash. Tiles that it fills are put in ``full`` as (level, n, bytes) for the caller to store."""
        height, k, node = 0, self.size, leaf
        self.size += 1
        while True:
            if height == len(self._nodes):
                self._nodes.append({})
            self._nodes[height][k] = node
            if height % _HEIGHT == 0 and (k + 1) % TILE == 0:
                self._fill(height, (k + 1) // TILE - 1)
            if not k & 1:
                return
            node = sha256(b"\x01" + self._nodes[height][k - 1] + node).digest()
            height, k = height + 1, k >> 1

    def restore(self, size: int, leaves: Callable[[int, int], list[bytes]]) -> None:
        """Rebuild the right edge for ``size`` leaves from stored tiles; ``leaves(start, stop)`` gives leaf hashes.

        Raises IntegrityError when a tile is missing.
        """
        self.size = size
        while len(self._nodes) <= size.bit_length():
            self._nodes.append({})
        for height in range(0, size.bit_length(), _HEIGHT):
            count = size >> height
            start = count // TILE * TILE
            hashes = [self._computed(height, k) for k in range(start, count)] if height else leaves(start, count)
            if len(hashes) != count - start:
                raise IntegrityError("the ledger's entries and its tree head differ in number")
            for offset, value in enumerate(hashes):
                self._put(height, start + offset, value)

    def node(self, height: int, k: int) -> bytes:
        """The hash of a complete subtree. Raises IntegrityError when its tile is missing."""
        found = self._nodes[height].get(k) if height < len(self._nodes) else None
        if found is not None:
            return found
        level = height // _HEIGHT
        within = height % _HEIGHT
        per_tile = TILE >> within
        return self._interior(level, k // per_tile)[within][k % per_tile]

    def path(self, index: int, height: int) -> list[bytes]:
        """The nodes beside the way from leaf ``index`` to a complete subtree of ``height``. Raises IntegrityError."""
        # Almost all are in memory. Each of a batch's entries has a dozen of them, so this is kept short.
        return [
            nodes.get(index >> below ^ 1) or self.node(below, index >> below ^ 1)
            for below, nodes in enumerate(self._nodes[:height])
        ]

    def root(self, size: int) -> bytes:
        """The root of the tree of the first ``size`` leaves."""
        return View(self, size).root()

    def _fill(self, height: int, n: int) -> None:
        level = self._nodes[height]
        self.full.append((height // _HEIGHT, n, b"".join(level[k] for k in range(n * TILE, (n + 1) * TILE))))
        # The tile before the last one leaves memory: proofs of a batch reach back one tile at most.
        for within in range(_HEIGHT):
            per_tile = TILE >> within
            if height + within < len(self._nodes):
                nodes = self._nodes[height + within]
                for k in range((n - 1) * per_tile, n * per_tile):
                    nodes.pop(k, None)

    def _put(self, height: int, k: int, value: bytes) -> None:
        self._nodes[height][k] = value
        while k & 1 and height % _HEIGHT != _HEIGHT - 1:
            value = node_hash(self._nodes[height][k - 1], value)
            height, k = height + 1, k >> 1
            self._nodes[height][k] = value

    def _computed(self, height: int, k: int) -> bytes:
        """The hash of one of the lowest nodes of a level, from the full tile one level below."""
        row = self._interior(height // _HEIGHT - 1, k)[_HEIGHT - 1]
        return node_hash(row[0], row[1])

    def _read_tile(self, level: int, n: int) -> list[list[bytes]]:
        data = self._load(level, n)
        if data is None or len(data) != TILE * _HASH:
            raise IntegrityError("a hash tile of the ledger is missing", where=f"tile {level}/{n}")
        rows = [[data[i : i + _HASH] for i in range(0, len(data), _HASH)]]
        for _ in range(_HEIGHT - 1):
            below = rows[-1]
            rows.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below), 2)])
        return rows


class View:
    """The tree at one size: roots and proofs, with the ragged right edge computed once."""

    def __init__(self, tree: Tree, size: int) -> None:
        self._tree = tree
        self._size = size
        self._edge: dict[int, bytes] = {}
        self._upper: dict[int, list[bytes]] = {}

    def root(self) -> bytes:
        """The root (RFC 6962 section 2.1)."""
        return self._range(0, self._size) if self._size else EMPTY_ROOT

    def inclusion(self, index: int) -> list[bytes]:
        """The audit path of a leaf, from the leaf upward. Raises IndexError outside the tree."""
        if not 0 <= index < self._size:
            raise IndexError("no such leaf")
        # Where index and size first differ, the size has a one: below it the leaf is in a complete subtree.
        height = (index ^ self._size).bit_length() - 1
        path = self._tree.path(index, height)
        above = self._upper.get(height)
        if above is None:
            above = self._upper[height] = self._above(index >> height << height, height)
        return path + above

    def _above(self, low_end: int, height: int) -> list[bytes]:
        """The audit path of a complete subtree, shared by all leaves in it."""
        path = []
        low, high = 0, self._size
        while high - low > 1 << height:
            middle = low + _split(high - low)
            if low_end < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        path.reverse()
        return path

    def consistency(self, old: int) -> list[bytes]:
        """The proof that this tree extends the tree of ``old`` leaves. Raises IndexError if ``old`` is larger."""
        if not 0 <= old <= self._size:
            raise IndexError("no such tree")
        path: list[bytes] = []
        low, high, whole = 0, self._size, True
        while 0 < old < high - low:
            k = _split(high - low)
            if old <= k:
                path.append(self._range(low + k, high))
                high = low + k
            else:
                path.append(self._range(low, low + k))
                low, old, whole = low + k, old - k, False
        if not whole:
            path.append(self._range(low, high))
        path.reverse()
        return path

    def _range(self, low: int, high: int) -> bytes:
        width = high - low
        if width & (width - 1) == 0:
            height = width.bit_length() - 1
            return self._tree.node(height, low >> height)
        found = self._edge.get(low)
        if found is None:
            middle = low + _split(width)
            found = self._edge[low] = node_hash(self._range(low, middle), self._range(middle, high))
        return found


def _split(width: int) -> int:
    """The largest power of two below ``width``."""
    return 1 << ((width - 1).bit_length() - 1)
