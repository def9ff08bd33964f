"""The part of a graph in which everything is joined twice, and the parts that hang together. Nothing loops over links,
but for the tail of a very long chain.
"""

from __future__ import annotations

import numpy as np

from graphsvc.detect.arrays import Flags, Ints

ROUNDS = 64
"""At most this many rounds prune all links at once, the rest goes link by link: a chain of n nodes needs n rounds."""


def two_core(left: Ints, right: Ints) -> Flags:
    """Which links of a bipartite graph lie in its 2-core; ``left`` and ``right`` number each side from 0."""
    keep = np.ones(len(left), dtype=np.bool_)
    for _ in range(ROUNDS):
        a, b = left[keep], right[keep]
        fine = (
            (np.bincount(a, minlength=1)[a] >= 2) & (np.bincount(b, minlength=1)[b] >= 2)
            if len(a)
            else np.ones(0, bool)
        )
        if fine.all():
            return keep
        keep[np.flatnonzero(keep)[~fine]] = False
    return _peel(left, right, keep)


def _peel(left: Ints, right: Ints, keep: Flags) -> Flags:
    """The rest of the pruning, link by link: time grows with the links, whatever the shape."""
    offset = int(left.max(initial=0)) + 1
    ends = np.concatenate([left, right + offset])
    alive = np.flatnonzero(np.concatenate([keep, keep]))
    order = alive[np.argsort(ends[alive], kind="stable")]
    degree = np.bincount(ends[alive], minlength=int(ends.max(initial=0)) + 1)
    start = np.concatenate([[0], np.cumsum(degree)])
    waiting = np.flatnonzero(degree == 1).tolist()
    while waiting:
        node = waiting.pop()
        for end in order[start[node] : start[node + 1]].tolist():
            link = end % len(left)
            if not keep[link]:
                continue
            keep[link] = False
            for other in (int(left[link]), int(right[link]) + offset):
                degree[other] -= 1
                if degree[other] == 1:
                    waiting.append(other)
    return keep


def components(n: int, a: Ints, b: Ints) -> Ints:
    """Connected components of ``n`` nodes and links ``a``–``b``: each node's component, named by its smallest node.

    Hooking and pointer jumping (Shiloach and Vishkin 1982): some log n rounds over all links at once.
    """
    parent = np.arange(n, dtype=np.int64)
    while True:
        pa, pb = parent[a], parent[b]
        differ = pa != pb
        if not differ.any():
            return parent
        low, high = np.minimum(pa, pb)[differ], np.maximum(pa, pb)[differ]
        np.minimum.at(parent, high, low)
        while True:
            jumped = parent[parent]
            if np.array_equal(jumped, parent):
                break
            parent = jumped
