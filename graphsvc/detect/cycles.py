"""Which links lie on a short cycle: two people joined by a far loop of strangers are joined by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphsvc.detect.arrays import Flags, Ints, Reals, first_of_each, spans, starts_of, sums
from graphsvc.detect.core import components

WORK = 20_000_000
"""At most so many steps are walked within one component for cycles of eight, and for those of six."""
CHUNK = 4_000_000
"""About so many steps are held in memory at once."""


@dataclass(frozen=True, slots=True)
class Sides:
    """A bipartite graph both ways: links sorted by either side, and where each node's links start."""

    left: Ints
    right: Ints
    by_left: Ints
    by_right: Ints
    left_start: Ints
    right_start: Ints
    left_degree: Ints
    right_degree: Ints

    @classmethod
    def of(cls, left: Ints, right: Ints) -> Sides:
        """The graph with links ``left``–``right``, each once, both sides numbered from 0."""
        lefts, rights = int(left.max(initial=-1)) + 1, int(right.max(initial=-1)) + 1
        left_start, right_start = starts_of(left, lefts), starts_of(right, rights)
        by_left, by_right = np.argsort(left, kind="stable"), np.argsort(right, kind="stable")
        return cls(
            left, right, by_left, by_right, left_start, right_start, np.diff(left_start), np.diff(right_start)
        )  # fmt: skip

    def lefts_of(self, rights: Ints) -> tuple[Ints, Ints]:
        """All left neighbours of ``rights``, and which of ``rights`` each is of."""
        counts = self.right_degree[rights]
        at = spans(self.right_start[rights], counts)
        return self.left[self.by_right[at]], np.repeat(np.arange(len(rights)), counts)

    def rights_of(self, lefts: Ints) -> tuple[Ints, Ints]:
        """All right neighbours of ``lefts``, and which of ``lefts`` each is of."""
        counts = self.left_degree[lefts]
        at = spans(self.left_start[lefts], counts)
        return self.right[self.by_left[at]], np.repeat(np.arange(len(lefts)), counts)


def on_short_cycles(left: Ints, right: Ints, longest: int = 8, work: int = WORK) -> tuple[Flags, bool]:
    """Which links of a bipartite graph lie on a cycle of at most ``longest`` links (4, 6 or 8); and whether it was cut.

    Exact: a link (u, v) lies on one if, without u, something within three steps of v is within three steps of another
    neighbour of u. One pass is enough, since all links of a cycle lie on it. A component in which this would take more
    than ``work`` steps is searched for cycles of six, or four, only: then the second value is True.
    """
    graph = Sides.of(left, right)
    found = np.zeros(len(left), dtype=np.bool_)
    cut = False
    for reach in range(1, longest // 2):
        # Only around nodes that still have a link in doubt.
        doubtful = np.zeros(len(graph.left_degree), dtype=np.bool_)
        doubtful[left[~found]] = True
        links = np.flatnonzero(doubtful[left])
        steps = _steps(graph, reach)[right[links]]
        links, steps, over = _affordable(graph, links, steps, work)
        cut |= over
        order = links[np.argsort(left[links], kind="stable")]
        steps = steps[np.argsort(left[links], kind="stable")]
        for chunk in _chunks(left[order], steps):
            found[_closed(graph, order[chunk], reach)] = True
    return found, cut


def _steps(graph: Sides, reach: int) -> Ints:
    """How many walks of ``reach`` links start at each right node, at the most."""
    lefts, rights = len(graph.left_degree), len(graph.right_degree)
    from_left: Reals = np.ones(lefts)
    from_right: Reals = np.ones(rights)
    for _ in range(reach):
        from_left, from_right = (
            sums(graph.left, from_right[graph.right], lefts),
            sums(graph.right, from_left[graph.left], rights),
        )
    return np.minimum(from_right, 1 << 40).astype(np.int64)


def _affordable(graph: Sides, links: Ints, steps: Ints, work: int) -> tuple[Ints, Ints, bool]:
    if int(steps.sum()) <= work:
        return links, steps, False
    lefts = len(graph.left_degree)
    component = components(lefts + len(graph.right_degree), graph.left, graph.right + lefts)[graph.left[links]]
    fine = sums(component, steps, 0)[component] <= work
    return links[fine], steps[fine], not fine.all()


def _chunks(roots: Ints, steps: Ints) -> list[slice]:
    """Slices of sorted ``roots``, none through one root, of about :data:`CHUNK` steps each."""
    if not len(roots):
        return []
    number = (np.cumsum(steps) - steps) // CHUNK
    firsts = np.flatnonzero(first_of_each(roots))
    of_root = number[firsts]
    cuts = firsts[first_of_each(of_root)].tolist()
    return [slice(a, b) for a, b in zip(cuts, [*cuts[1:], len(roots)], strict=True)]


def _closed(graph: Sides, links: Ints, reach: int) -> Ints:
    """Those of ``links`` (all links of some left nodes) that meet another of the same node within ``reach`` steps."""
    root, near = graph.left[links], graph.right[links]
    other, at = graph.lefts_of(near)
    away = other != root[at]
    link, lefts = at[away], other[away]
    closed = [_met(root[link], lefts, link)]
    if reach >= 2:
        far, step = graph.rights_of(lefts)
        of = link[step]
        away = far != near[of]
        of, far = _distinct(of[away], far[away])
        closed.append(_met(root[of], far, of))
        if reach >= 3:
            beyond, step = graph.lefts_of(far)
            origin = of[step]
            away = beyond != root[origin]
            origin, beyond = _distinct(np.concatenate([origin[away], link]), np.concatenate([beyond[away], lefts]))
            closed.append(_met(root[origin], beyond, origin))
    return links[np.concatenate(closed)]


def _distinct(a: Ints, b: Ints) -> tuple[Ints, Ints]:
    width = int(b.max(initial=0)) + 1
    keys = np.unique(a * width + b)
    return keys // width, keys % width


def _met(root: Ints, node: Ints, link: Ints) -> Ints:
    """The links whose ``node`` is reached over another link of the same ``root`` too; (link, node) are distinct."""
    width = int(node.max(initial=0)) + 1
    _, place, count = np.unique(root * width + node, return_inverse=True, return_counts=True)
    return np.unique(link[count[place] >= 2])
