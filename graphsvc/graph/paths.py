"""The search for the shortest paths: level by level from both ends, then over what came back (``shortest``). No I/O.

With ``d`` levels expanded from the source and ``e`` from the target, every claim on every path of up to ``d + e`` hops
has been read, so the search stops as soon as that is enough. A level that would pass the budget is dropped whole: half
a level would depend on what the reader can't see. Only visible claims, and work on them, are counted and timed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import islice, pairwise

from graphsvc.graph.facts import Shuffle
from graphsvc.graph.shortest import Effort, Shortest, Spent

Claim = tuple[int, int, str | None, str | None, str, int]
"""Source, target, their keys where the claim grants them, the claim's element id, its lot."""

STEPS = 2_000_000
"""At most this many neighbours are looked at in one search: some tenths of a second."""
SECONDS = 3.0
"""At most this many seconds of processor time for one search."""


MOST = 1_000
"""Parts of a list of paths end after so many."""


def trace(paths: Sequence[Sequence[int]], marks: Mapping[int, str]) -> str:
    """What paths leave behind in a cursor: equal for equal paths in equal order alone."""
    return sha256("\n".join(" ".join(marks.get(n, "") for n in path) for path in paths).encode()).hexdigest()[:32]


class Search:
    """One search. Feed :meth:`step` with all visible claims that touch the frontier until there is none.

    ``budget`` is in claims. Any thread may use it, one at a time. :attr:`truncated`: something was cut, so that there
    may be more paths than were found; those that were found are the first ones all the same.
    """

    def __init__(
        self,
        source: int,
        target: int,
        max_hops: int,
        k: int,
        budget: int,
        shuffle: Shuffle,
        effort: Effort | None = None,
    ) -> None:
        self._shuffle = shuffle
        self._ends = (source, target)
        self._effort = effort or Effort(STEPS, SECONDS)
        self._certain = 0
        self._found: list[list[int]] = []
        self._max_hops = max_hops
        self._k = k
        self._fronts = [{source}, {target}]
        self._inner: list[set[int]] = [set(), set()]
        self._depths = [0, 0]
        self._side = 0
        self._names: dict[int, str] = {}
        self._between: dict[int, dict[int, set[str]]] = {}
        self._ties: dict[tuple[int, int], tuple[int, int]] = {}
        self.left = budget
        self.truncated = False

    def frontier(self) -> list[int] | None:
        """The entities to expand next, on the side that has fewer; None when the search is over."""
        if self.truncated or self._ends[0] == self._ends[1] or self._k < 1:
            return None
        depth = sum(self._depths)
        if depth >= self._max_hops or not all(self._fronts):
            return None
        if len(self.paths()) >= self._k or self.truncated:
            return None
        self._side = int(len(self._fronts[1]) < len(self._fronts[0]))
        return sorted(self._fronts[self._side])

    def step(self, claims: Sequence[Sequence[object]]) -> list[int] | None:
        """Take in what touches the frontier, and return the next one."""
        self.add(claims)
        return self.frontier()

    def add(self, claims: Sequence[Sequence[object]]) -> None:
        """Take in all visible claims that touch the frontier; more of them than :attr:`left` end the search."""
        if len(claims) > self.left:
            self.truncated = True
            return
        self.left -= len(claims)
        side, front = self._side, self._fronts[self._side]
        self._inner[side] |= front
        reached: set[int] = set()
        for source, target, source_key, target_key, claim, lot in claims:
            assert isinstance(source, int) and isinstance(target, int) and isinstance(lot, int)
            for n, key in ((source, source_key), (target, target_key)):
                if isinstance(key, str):
                    self._names[n] = key
            if source != target:
                self._between.setdefault(source, {}).setdefault(target, set()).add(str(claim))
                self._between.setdefault(target, {}).setdefault(source, set()).add(str(claim))
                step, tie = (min(source, target), max(source, target)), self._shuffle(lot)
                self._ties[step] = min(tie, self._ties.get(step, tie))
            reached |= {source, target}
        self._fronts[side] = reached - self._inner[side]
        self._depths[side] += 1

    def paths(self) -> list[list[int]]:
        """The shortest paths that are certain by now, shortest first, ties by visible keys."""
        # Once a side has nothing left to expand, every claim that its end can reach, however far, has been read.
        certain = min(sum(self._depths), self._max_hops) if all(self._fronts) else self._max_hops
        if certain > self._certain:
            self._certain, self._found = certain, []
            shortest = Shortest(self._between, self._ends, certain, self._order, self._effort)
            try:
                with self._effort.in_this_thread():
                    for path in islice(shortest.paths(), self._k):
                        self._found.append(path)
            except Spent:
                self.truncated = True
        return self._found

    def found(self, first: int = 0) -> tuple[list[list[int]], list[str]]:
        """The paths that are certain, and the element ids of all claims along them, from path number ``first`` on."""
        paths = self.paths()
        return paths, list(dict.fromkeys(claim for path in paths[first:] for claim in self.claims(path)))

    def claims(self, path: Sequence[int]) -> list[str]:
        """The element ids of all claims between neighbours on a path."""
        return [claim for a, b in pairwise(path) for claim in sorted(self._between[a][b])]

    def _order(self, here: int, n: int) -> tuple[bool, str, tuple[int, int]]:
        # A claim joins two entities, so no two steps from one entity have a claim in common.
        return n not in self._names, self._names.get(n, ""), self._ties[min(here, n), max(here, n)]
