"""How many groups of a shape chance alone would make: an e-value, and which of many groups to believe.

The null model deals all links out anew while every member and every identifier keeps its number of links (the
configuration model). The expected number of groups in which members and identifiers have given numbers of links
follows from the falling factorials of all degrees (its first moment): choose the members and their links, choose the
identifiers and theirs, and match them up.
"""

from __future__ import annotations

import numpy as np

from graphsvc.detect.arrays import Flags, Ints, Reals, number_pairs, sums
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


def log_expected(groups: Groups, degree: Ints, users: Ints) -> Reals:
    """The natural logarithm of each group's e-value: how many groups like it are expected by chance.

    ``degree`` holds how many identifiers each member of the whole graph uses, ``users`` how many members each
    identifier has, hubs left out. The core alone counts. Members with equal numbers of links are interchangeable.
    """
    core = groups.core
    group = groups.group[core]
    links = np.bincount(group, minlength=groups.count)
    total = int(degree.sum())
    expected = log_factorial(links) - (log_factorial(np.full(len(links), total)) - log_factorial(total - links))
    for side, degrees in ((groups.member[core], degree), (groups.identifier[core], users)):
        of, _, number = number_pairs(group, side)
        own = np.bincount(number, minlength=len(of))
        moments = _log_moments(degrees, int(own.max(initial=0)))
        expected += sums(of, moments[own], groups.count)
        alike_of, _, alike = number_pairs(of, own)
        same = log_factorial(np.bincount(alike, minlength=len(alike_of)))
        expected -= sums(alike_of, same, groups.count)
    return np.where(links > 0, expected, 0.0)


def _log_moments(degrees: Ints, most: int) -> Reals:
    """For d up to ``most`` the logarithm of the sum over all nodes of the ways to choose d of their links."""
    counts = np.bincount(degrees)
    sizes = np.flatnonzero(counts)
    found = np.zeros(most + 1)
    for d in range(1, most + 1):
        fit = sizes[sizes >= d]
        ways = np.log(counts[fit]) + log_factorial(fit) - log_factorial(fit - d) - log_factorial(np.full(len(fit), d))
        found[d] = np.logaddexp.reduce(ways) if len(ways) else -np.inf
    return found


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
