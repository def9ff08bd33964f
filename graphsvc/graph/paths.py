"""The search for the shortest paths: level by level from both ends, then depth first over what came back. No I/O.

With ``d`` levels expanded from the source and ``e`` from the target, every claim on every path of up to ``d + e`` hops
is in hand, so the search stops as soon as that is enough. A level that would pass the budget is dropped whole: half a
level would depend on what the reader can't see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from graphsvc.graph.facts import Shuffle

Claim = tuple[int, int, str | None, str | None, str, int]
"""Source, target, their keys where the claim grants them, the claim's element id, its lot."""

_STEPS = 200_000


class Search:
    """One search. Feed :meth:`add` with all visible claims that touch :meth:`frontier` until that is None."""

    def __init__(self, source: int, target: int, max_hops: int, k: int, budget: int, shuffle: Shuffle) -> None:
        self._shuffle = shuffle
        self._ends = (source, target)
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
        if depth and len(self.paths()) >= self._k:
            return None
        self._side = int(len(self._fronts[1]) < len(self._fronts[0]))
        return sorted(self._fronts[self._side])

    def add(self, claims: Sequence[Sequence[object]]) -> None:
        """All visible claims that touch the frontier, or more of them than :attr:`left`."""
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
        # A side with nothing left to expand has every claim that its end can reach in hand, however long the way.
        certain = min(sum(self._depths), self._max_hops) if all(self._fronts) else self._max_hops
        source, target = self._ends
        if source == target or target not in self._between or source not in self._between:
            return []
        away = self._distances(target, certain)
        if source not in away:
            return []
        lengths = range(away[source], certain + 1)
        steps = [_STEPS]
        walks = (path for length in lengths for path in self._walk([source], {source}, length, away, steps))
        found = list(islice(walks, self._k))
        if steps[0] <= 0:
            self.truncated = True
        return found

    def claims(self, path: Sequence[int]) -> list[str]:
        """The element ids of all claims between neighbours on a path."""
        return [claim for a, b in pairwise(path) for claim in sorted(self._between[a][b])]

    def _distances(self, target: int, most: int) -> dict[int, int]:
        away = {target: 0}
        front = [target]
        for depth in range(1, most + 1):
            reached = {n for m in front for n in self._between.get(m, ())} - away.keys()
            away.update(dict.fromkeys(reached, depth))
            front = list(reached)
        return away

    def _order(self, here: int, n: int) -> tuple[bool, str, tuple[int, int]]:
        # A claim joins two entities, so no two steps from one entity have a claim in common.
        return n not in self._names, self._names.get(n, ""), self._ties[min(here, n), max(here, n)]

    def _walk(
        self, path: list[int], on_path: set[int], length: int, away: dict[int, int], steps: list[int]
    ) -> Iterator[list[int]]:
        """All simple paths of exactly ``length`` hops, neighbours in the order of their visible keys."""
        left = length - len(path) + 1
        here = path[-1]
        if left == 0:
            if here == self._ends[1]:
                yield list(path)
            return
        if here == self._ends[1]:
            return
        for n in sorted(self._between[here], key=lambda n: self._order(here, n)):
            if n in on_path or away.get(n, length + 1) > left - 1:
                continue
            steps[0] -= 1
            if steps[0] <= 0:
                return
            path.append(n)
            on_path.add(n)
            yield from self._walk(path, on_path, length, away, steps)
            path.pop()
            on_path.remove(n)
