"""What is left of a ring without some of its accounts: how many pieces, and how large the largest is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Removal:
    """A ring without ``accounts``: ``left`` accounts in ``pieces`` pieces, the largest of ``largest``."""

    accounts: tuple[int, ...]
    pieces: int
    largest: int
    left: int


def without(accounts: Sequence[int], shared: Iterable[Collection[int]], removed: Collection[int]) -> Removal:
    """A ring without the accounts ``removed``; ``shared`` are the accounts of each thing that it shares.

    Pieces hang together by what two of their accounts share. Integers of accounts are any.
    """
    gone = set(removed)
    left = [one for one in accounts if one not in gone]
    parent = {one: one for one in left}

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for users in shared:
        there = [one for one in users if one in parent]
        for other in there[1:]:
            parent[root(other)] = root(there[0])
    sizes: dict[int, int] = {}
    for one in left:
        sizes[root(one)] = sizes.get(root(one), 0) + 1
    named = tuple(one for one in accounts if one in gone)
    return Removal(named, len(sizes), max(sizes.values(), default=0), len(left))


def most_missed(accounts: Sequence[int], shared: Sequence[Collection[int]], most: int) -> list[Removal]:
    """The removals of single accounts that fragment the ring most, in that order; of equals the first account's.

    The more a ring falls to pieces the smaller its largest piece is; what only loses the account is left out.
    """
    found = [without(accounts, shared, (one,)) for one in accounts]
    broken = [one for one in found if one.largest < one.left]
    return sorted(broken, key=lambda one: (one.largest, -one.pieces))[:most]
