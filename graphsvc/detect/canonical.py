"""An order of nodes that follows from what they are joined to, not from what they are called.

Colour refinement (Weisfeiler and Leman 1968): a node's colour is hashed with its neighbours' colours, round by round.
Nodes that stay alike are told apart one by one, each followed by more rounds (individualisation, McKay 1981), the first
by visible name first: they are interchangeable but in rare graphs, so that names decide nothing but which of them is
called what.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graphsvc.detect.arrays import Codes, Ints, first_of_each

Hashes = npt.NDArray[np.uint64]
ROUNDS = 8
"""Rounds of refinement: rings reach no further."""
TURNS = 12
"""At most so many nodes of one component are told apart; then names decide."""


def order_nodes(a: Ints, b: Ints, colour: Hashes, component: Ints, rank: Ints) -> Ints:
    """The place of each node in the order: by component, within it by structure, then by ``rank`` of its visible name.

    ``a`` and ``b`` are the links' ends, each link once; ``colour`` is what tells nodes apart at first.
    """
    n = len(colour)
    ends, others = np.concatenate([a, b]), np.concatenate([b, a])
    by_end = np.argsort(ends, kind="stable")
    others = others[by_end]
    heads = np.flatnonzero(first_of_each(ends[by_end]))
    linked = ends[by_end][heads]

    def refine(now: Hashes) -> Hashes:
        for _ in range(ROUNDS):
            heard = np.zeros(n, dtype=np.uint64)
            heard[linked] = np.add.reduceat(_mix(now[others]), heads) if len(heads) else 0
            now = _mix(now * np.uint64(3) + heard)
        return now

    now = refine(colour)
    for turn in range(TURNS):
        order = np.lexsort((rank, now, component))
        alike = np.zeros(n, dtype=np.bool_)
        alike[1:] = (now[order][1:] == now[order][:-1]) & (component[order][1:] == component[order][:-1])
        # The first of those alike in each component, by structure and then by name, becomes another.
        tied = np.flatnonzero(alike) - 1
        if not len(tied):
            break
        chosen = order[tied[first_of_each(component[order][tied])]]
        told = now.copy()
        told[chosen] = _mix(now[chosen] + np.uint64(turn + 1))
        # Where all are told apart already nothing moves: a component's order hangs on no other's.
        moved = np.zeros(n, dtype=np.bool_)
        moved[component[chosen]] = True
        now = np.where(moved[component], refine(told), now)
    order = np.lexsort((rank, now, component))
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    return place


def colours_of(words: Sequence[str], code: Codes) -> Hashes:
    """A first colour by kind; equal for equal words whatever their codes. Code -1 is no word."""
    by_code = np.array([*(zlib.crc32(word.encode()) for word in words), 7], dtype=np.uint64)
    found: Hashes = _mix(by_code[code])
    return found


def digest(groups: Ints, colours: Hashes, count: int) -> Hashes:
    """A hash of each group's nodes, whatever their order."""
    found = np.zeros(count, dtype=np.uint64)
    np.add.at(found, groups, _mix(colours))
    return found


def _mix(value: Hashes) -> Hashes:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
