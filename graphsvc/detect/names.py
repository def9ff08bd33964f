"""Ranks of visible names, each name asked for once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphsvc.detect.arrays import Ints

Ranks = Callable[[Ints], Ints]
"""For entity integers numbers in the order of their visible names, equal for equal entities."""
Names = Callable[[Sequence[int]], Sequence[str]]
"""Visible names of entities, given their integers: they break ties."""


class NameRanks:
    """Ranks of entities by their visible names."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[int, str] = {}

    def __call__(self, ids: Ints) -> Ints:
        """For each of ``ids`` its place among them by name; equal ids have equal places."""
        distinct, place = np.unique(ids, return_inverse=True)
        wanted = [int(one) for one in distinct]
        unknown = [one for one in wanted if one not in self._known]
        if unknown:
            self._known.update(zip(unknown, self._names(unknown), strict=True))
        spelled = [self._known[one] for one in wanted]
        rank = np.empty(len(wanted), dtype=np.int64)
        rank[sorted(range(len(wanted)), key=spelled.__getitem__)] = np.arange(len(wanted))
        return rank[place]
