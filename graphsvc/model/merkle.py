"""An RFC 6962 root over leaves that come one by one: memory for a few dozen hashes, however many leaves there are."""

from __future__ import annotations

from graphsvc_verify.merkle import EMPTY_ROOT, node_hash


class GrowingRoot:
    """Takes leaf hashes in order; :meth:`root` is that of all so far."""

    def __init__(self) -> None:
        self.count = 0
        self._edge: list[bytes] = []
        """Roots of the complete subtrees that the leaves make, the largest first: one for each bit of ``count``."""

    def add(self, leaf: bytes) -> None:
        """Take the next leaf hash (32 bytes)."""
        node, at = leaf, self.count
        while at & 1:
            node = node_hash(self._edge.pop(), node)
            at >>= 1
        self._edge.append(node)
        self.count += 1

    def root(self) -> bytes:
        """The root of the leaves taken so far."""
        if not self._edge:
            return EMPTY_ROOT
        node = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            node = node_hash(left, node)
        return node
