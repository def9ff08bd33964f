"""Owners take turns wherever claims are cut to a bound: one of each owner, then a second of each that has more.

So every owner is seen before anybody's second, and nobody crowds another one out by saying a thing often. Whose turn is
first is drawn at random for each reading organisation and never changes for it; each owner's own claims keep their
order. Both depend on nothing but what the reader may see. Pure.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import TypeVar

T = TypeVar("T")
_NONE = object()


class Places:
    """The order of owners for one reading organisation, drawn from the service's secret by HMAC-SHA-256."""

    def __init__(self, secret: bytes, org: str) -> None:
        self._secret = secret
        self._begin = b"graphsvc turns v1|" + org.encode() + b"|"
        self._drawn: dict[str, int] = {}

    def __call__(self, owner: str) -> int:
        """The number that an owner is ordered by: 56 bits, which Neo4j's integers hold."""
        place = self._drawn.get(owner)
        if place is None:
            drawn = hmac.digest(self._secret, self._begin + owner.encode(), "sha256")
            place = self._drawn[owner] = int.from_bytes(drawn[:7])
        return place


def deal(hands: Iterable[Sequence[T]]) -> list[T]:
    """The first of every hand, then the second of each that has one, and so on."""
    return [item for turn in zip_longest(*hands, fillvalue=_NONE) for item in turn if item is not _NONE]  # type: ignore[misc]


def by_turns(items: Iterable[T], owner: Callable[[T], str], place: Callable[[str], int]) -> list[T]:
    """The items with owners taking turns; those of one owner stay in their order."""
    hands: dict[str, list[T]] = {}
    for item in items:
        hands.setdefault(owner(item), []).append(item)
    return deal(hands[one] for one in sorted(hands, key=lambda one: (place(one), one)))
