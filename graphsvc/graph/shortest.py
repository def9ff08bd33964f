"""The k shortest simple paths between two nodes, in order, without ever walking into a dead end. No I/O.

Lawler's form (1972) of Yen's method (1971): the paths that are left are kept as disjoint sets, each "begins so, and
does not go on to these"; of each set the first path is known. Taking the first of all splits its set into a few smaller
ones. The first path of a set is one search outwards from the target, so the work is at most ``k`` · ``most`` walks over
the graph, whatever its form: what only circles through many nodes is never followed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, NamedTuple

Neighbours = Mapping[int, Collection[int]]
Order = Callable[[int, int], Any]
"""The sort key of a step from one node to a neighbour; no two steps from one node have equal keys."""


class Spent(Exception):
    """The effort allowed is used up."""


class Effort:
    """How much one search may do: ``steps``, each a neighbour looked at, and ``seconds`` of the threads that do it.

    The time is a thread's own on a processor, so neither other callers nor the database use it up.
    """

    def __init__(self, steps: int, seconds: float, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._seconds = seconds
        self.left = steps

    @contextmanager
    def in_this_thread(self) -> Iterator[None]:
        """Go on in the calling thread, with the time that is left."""
        self._end = self._clock() + self._seconds
        try:
            yield
        finally:
            self._seconds = self._end - self._clock()

    def spend(self, steps: int) -> None:
        """Count ``steps`` as taken; raises Spent when the steps allowed, or the time, are used up."""
        self.left -= steps
        if self.left < 0 or self._clock() > self._end:
            raise Spent


class _Set(NamedTuple):
    """A set of paths by its first: all that share its first ``fixed`` nodes and do not go on to one of ``banned``."""

    order: tuple[Any, ...]
    path: list[int]
    fixed: int
    banned: frozenset[int]


class Shortest:
    """The simple paths from ``source`` to ``target`` of at most ``most`` hops."""

    def __init__(self, between: Neighbours, ends: tuple[int, int], most: int, order: Order, effort: Effort) -> None:
        self._between = between
        self._source, self._target = ends
        self._most = most
        self._order = order
        self._effort = effort
        self._from_source: dict[int, int] = {}

    def paths(self) -> Iterator[list[int]]:
        """The paths, shortest first, of one length in the order of their steps. Raises Spent; earlier paths hold."""
        if self._source == self._target or not {self._source, self._target} <= self._between.keys():
            return
        self._from_source = self._distances()
        left: list[_Set] = []
        self._keep(left, [self._source], frozenset())
        while left:
            first = heappop(left)
            yield first.path
            for fixed in range(first.fixed, len(first.path)):
                banned = first.banned if fixed == first.fixed else frozenset[int]()
                self._keep(left, first.path[:fixed], banned | {first.path[fixed]})

    def _keep(self, left: list[_Set], prefix: list[int], banned: frozenset[int]) -> None:
        """Add the set of what begins with ``prefix``, unless it is empty."""
        rest = self._rest(prefix, banned)
        if rest:
            path = prefix + rest
            steps = tuple(self._order(here, n) for here, n in pairwise(path))
            heappush(left, _Set((len(path), steps), path, len(prefix), banned))

    def _rest(self, prefix: Sequence[int], banned: frozenset[int]) -> list[int]:
        """The first way from the end of ``prefix`` to the target, its nodes and ``banned`` next ones left out."""
        here, inside, near = prefix[-1], set(prefix), self._between[prefix[-1]]
        away, front = {self._target: 0}, [self._target]
        for depth in range(1, self._most - len(prefix) + 2):
            self._effort.spend(len(front))
            hits = [n for n in front if n in near and n not in banned]
            if hits:
                return self._down(here, hits, away)
            reached: list[int] = []
            for m in front:
                self._effort.spend(len(self._between[m]))
                for n in self._between[m]:
                    if n not in away and n not in inside and self._from_source.get(n, self._most) + depth <= self._most:
                        away[n] = depth
                        reached.append(n)
            front = reached
        return []

    def _down(self, here: int, hits: Collection[int], away: Mapping[int, int]) -> list[int]:
        """From one of ``hits``, all equally near to the target, down to it, the first neighbour at every step."""
        way: list[int] = []
        while hits:
            here = min(hits, key=lambda n, here=here: self._order(here, n))  # type: ignore[misc]
            way.append(here)
            near = self._between[here]
            self._effort.spend(len(near))
            hits = [n for n in near if away.get(n) == away[here] - 1]
        return way

    def _distances(self) -> dict[int, int]:
        found, front = {self._source: 0}, [self._source]
        for depth in range(1, self._most + 1):
            self._effort.spend(sum(len(self._between[m]) for m in front))
            front = list({n for m in front for n in self._between[m]} - found.keys())
            found.update(dict.fromkeys(front, depth))
        return found
