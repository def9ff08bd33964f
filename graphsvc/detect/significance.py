"""How many groups of a shape chance alone would make: an e-value, and which of many groups to believe.

The null model deals all links out anew while every member and every identifier keeps its number of links (the
configuration model). The expected number of groups in which members and identifiers have given numbers of links
follows from the falling factorials of all degrees (its first moment): choose the members and their links, choose the
identifiers and theirs, and match them up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphsvc.detect.arrays import Flags, Ints, Reals, bounds_in, number_pairs, spans, sums
from graphsvc.detect.groups import Groups

RATE = 0.05
"""Of the groups that are marked significant at most this share is expected to be chance."""
_FACTORIALS = 4_096


def log_factorial(n: Ints | Reals) -> Reals:
    """The natural logarithm of n! for n ≥ 0: exact sums up to 4,095, then Stirling's series."""
    exact = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, _FACTORIALS)))])
    n = np.asarray(n, dtype=np.float64)
    large = np.maximum(n, 1.0)
    series = large * np.log(large) - large + 0.5 * np.log(2 * np.pi * large) + 1 / (12 * large) - 1 / (360 * large**3)
    found: Reals = np.where(n < _FACTORIALS, exact[np.minimum(n, _FACTORIALS - 1).astype(np.int64)], series)
    return found


@dataclass(frozen=True, slots=True)
class Degrees:
    """How many nodes of one side have how many links, in each of several graphs side by side, sorted."""

    graph: Ints
    size: Ints
    count: Ints

    @classmethod
    def of(cls, graph: Ints, links: Ints) -> Degrees:
        """The degrees of nodes with so many ``links`` each, each in its ``graph``."""
        linked = links > 0
        of, size, number = number_pairs(graph[linked], links[linked])
        return cls(of, size, np.bincount(number, minlength=len(of)))

    def among(self, sizes: Ints, counts: Ints, graphs: int) -> Degrees:
        """These, with ``counts`` more nodes of ``sizes`` links in each of the first ``graphs`` graphs."""
        more = np.repeat(np.arange(graphs), len(sizes)), np.tile(sizes, graphs), np.tile(counts, graphs)
        of, size, number = number_pairs(
            np.concatenate([self.graph, more[0]]), np.concatenate([self.size, more[1]])
        )  # fmt: skip
        return Degrees(of, size, sums(number, np.concatenate([self.count, more[2]]), len(of)).astype(np.int64))

    def log_moments(self, graph: Ints, d: Ints) -> Reals:
        """For pairs of a graph and a d ≥ 1 the logarithm of the sum over its nodes of the ways to choose d links."""
        low, high = bounds_in(self.graph, graph)
        at = spans(low, high - low)
        wanted = np.repeat(d, high - low)
        n, k = self.size[at].astype(np.float64), np.minimum(wanted, self.size[at]).astype(np.float64)
        ways = np.log(self.count[at]) + log_factorial(n) - log_factorial(n - k) - log_factorial(k)
        ways[self.size[at] < wanted] = -np.inf
        starts = np.cumsum(high - low) - (high - low)
        found = np.full(len(d), -np.inf)
        some = high > low
        if some.any():
            found[some] = np.logaddexp.reduceat(ways, starts[some])
        return found


@dataclass(frozen=True, slots=True)
class Null:
    """What the null model keeps of each of several graphs side by side: both sides' degrees, hubs left out."""

    members: Degrees
    identifiers: Degrees

    def among_strangers(self, sizes: Ints, counts: Ints, graphs: int) -> Null:
        """The same with ``counts`` more nodes of ``sizes`` links on both sides of each of the first ``graphs``."""
        return Null(self.members.among(sizes, counts, graphs), self.identifiers.among(sizes, counts, graphs))

    def totals(self, count: int) -> Ints:
        """How many links each of the first ``count`` graphs has."""
        return sums(self.members.graph, self.members.size * self.members.count, count).astype(np.int64)


def log_expected(groups: Groups, null: Null, graph: Ints) -> Reals:
    """The natural logarithm of each group's e-value: how many groups like it are expected by chance in its ``graph``.

    The core alone counts. Members with equal numbers of links are interchangeable. Equal whatever the numbers of
    members and identifiers, and whatever other groups there are.
    """
    core = groups.core
    group = groups.group[core]
    links = np.bincount(group, minlength=groups.count)
    total = null.totals(int(graph.max(initial=-1)) + 1)[graph]
    expected = log_factorial(links) - (log_factorial(total) - log_factorial(total - links))
    for side, degrees in ((groups.member[core], null.members), (groups.identifier[core], null.identifiers)):
        of, _, number = number_pairs(group, side)
        own = np.bincount(number, minlength=len(of))
        # Alike nodes at once, in the order of their degrees: so the sum hangs on no numbering.
        alike_of, alike_own, alike = number_pairs(of, own)
        many = np.bincount(alike, minlength=len(alike_of))
        pair_graph, pair_own, pair = number_pairs(graph[alike_of], alike_own)
        moments = degrees.log_moments(pair_graph, pair_own)[pair]
        expected += sums(alike_of, many * moments - log_factorial(many), groups.count)
    return np.where(links > 0, expected, 0.0)


def log_shapes(groups: Groups) -> Reals:
    """The logarithm of how many shapes each group's could be, so that e-values of all shapes together are one test.

    For members and for identifiers: a code for their number, and the ways in which links beyond two each can be spread
    over them, which are at most the partitions of that number.
    """
    core = groups.core
    links = np.bincount(groups.group[core], minlength=groups.count)
    found = np.zeros(groups.count)
    for side in (groups.member[core], groups.identifier[core]):
        of, _, _ = number_pairs(groups.group[core], side)
        nodes = np.bincount(of, minlength=groups.count)
        found += _log_partitions(links - 2 * nodes) + np.log(np.maximum(nodes * (nodes + 1), 1))
    return found


def _log_partitions(n: Ints) -> Reals:
    """The logarithm of the number of partitions of each n: exact to 255, beyond that the bound exp(π√(2n/3))."""
    ways = [1] + [0] * 255
    for part in range(1, 256):
        for total in range(part, 256):
            ways[total] += ways[total - part]
    n = np.maximum(n, 0)
    found: Reals = np.where(
        n < 256, np.log(np.array(ways, dtype=np.float64))[np.minimum(n, 255)], np.pi * np.sqrt(2 * n / 3)
    )
    return found


def significant(log_e: Reals, rate: float = RATE) -> Flags:
    """Which of all groups are significant: the e-BH procedure, valid however the groups hang together.

    ``log_e`` are logarithms of expected numbers. The k most surprising are marked where even the k-th is expected at
    most ``rate``·k/n times (Wang and Ramdas 2022, with the reciprocal of the expected number as e-value).
    """
    order = np.argsort(log_e, kind="stable")
    n = len(log_e)
    fine = np.flatnonzero(log_e[order] <= np.log(rate * np.arange(1, n + 1) / max(n, 1)))
    marked = np.zeros(n, dtype=np.bool_)
    if len(fine):
        # Equal values are treated alike, so that no order of the groups matters.
        marked = log_e <= log_e[order[fine[-1]]]
    return marked
