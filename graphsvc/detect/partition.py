"""Resolution: how coarse to cut is decided piece by piece, by what explains more.

A cascade cuts each component at rising densities, each cut within what the last left together. Going back up, a piece
stays whole where it is more surprising, as one group, than the groups that it would be cut into are together. The
surprise is the negative logarithm of the e-value: the bits that a description of all links saves when the groups are
known. There are two cascades, by ties and by shares; where they differ, the one that saves more is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphsvc.detect.arrays import Codes, Ints, Reals, compact, number_pairs, sums
from graphsvc.detect.core import components
from graphsvc.detect.engine import Engine, by_shares, by_ties
from graphsvc.detect.groups import gather_groups
from graphsvc.detect.significance import Null, log_expected

TIES = (0.00625, 0.0125, 0.025, 0.05, 0.1)
SHARES = (0.05, 0.1, 0.2, 0.3)
"""Densities at which the cascades cut; each doubles the last, and beyond both ends nothing is found."""
WHOLE = 1.05
"""A piece stays whole where it saves so many times what its parts save: it must explain more, not as much."""
SMALL = 6
"""A piece with fewer members than this can't be two rings of three: it is not cut."""


STRANGERS = (np.arange(1, 9), 1 << np.arange(10, 2, -1))
"""Beside the graph so many nodes of so many links on either side are thought of when it is weighed whether to cut."""


@dataclass(frozen=True, slots=True)
class Linked:
    """Links that are evidence, numbered from 0 on each side, with their ways and graphs; and those graphs' degrees."""

    member: Ints
    identifier: Ints
    way: Codes
    graph: Ints
    null: Null

    def only(self, at: Ints) -> Linked:
        """Some of the links."""
        return Linked(self.member[at], self.identifier[at], self.way[at], self.graph[at], self.null)


def cut_parts(linked: Linked, densities: tuple[Sequence[float], Sequence[float]], seed: int) -> Ints:
    """Each link's part: all links of an identifier are in one."""
    if not len(linked.member):
        return np.empty(0, dtype=np.int64)
    null = linked.null.among_strangers(*STRANGERS, int(linked.graph.max()) + 1)
    linked = replace(linked, null=null)
    found = [
        _choose(linked, _cascade(linked, engine, levels, seed))
        for engine, levels in zip((by_ties, by_shares), densities, strict=True)
    ]
    (one, _), (other, _) = found
    # Blocks that neither cascade cuts through: the better one is taken in each.
    offset = int(one.max()) + 1
    block = components(offset + int(other.max()) + 1, one, other + offset)[one]
    size = int(block.max()) + 1
    totals = [
        sums(block[first], saves[part[first]], size)
        for part, saves in found
        for first in [np.unique(part, return_index=True)[1]]
    ]
    better = (totals[1] > totals[0])[block]
    return compact(np.where(better, other + offset, one))[1]


def _cascade(linked: Linked, engine: Engine, densities: Sequence[float], seed: int) -> list[Ints]:
    """Each link's part at every level, the coarsest first: each is cut within the one before."""
    offset = int(linked.member.max()) + 1
    whole = components(offset + int(linked.identifier.max()) + 1, linked.member, linked.identifier + offset)
    levels = [compact(whole[linked.member])[1]]
    # Only links between nodes that are still together hold a part together.
    kept = np.arange(len(linked.member))
    for density in densities:
        last = levels[-1]
        part, label = last[kept], np.zeros(len(last), dtype=np.int64)
        of, _, _ = number_pairs(part, linked.member[kept])
        large = np.flatnonzero((np.bincount(of, minlength=int(last.max()) + 1) >= SMALL)[part])
        at = kept[large]
        label[at] = 1 + compact(engine(linked.member[at], linked.identifier[at], part[large], density, seed))[1]
        # Links of one identifier go together, whether they held or not.
        named = np.zeros(int(linked.identifier.max()) + 1, dtype=np.int64)
        named[linked.identifier[at]] = label[at]
        label = named[linked.identifier]
        _, _, level = number_pairs(last, label)
        levels.append(level)
        kept = kept[_held(linked, level)[kept]]
    return levels


def _held(linked: Linked, part: Ints) -> np.ndarray:
    """Which links join a member to the part in which it has most of its links, the first of equals."""
    who, there, number = number_pairs(linked.member, part)
    votes = np.bincount(number, minlength=len(who))
    order = np.lexsort((there, -votes, who))
    home = np.zeros(int(linked.member.max()) + 1, dtype=np.int64)
    home[who[order][::-1]] = there[order][::-1]
    held: np.ndarray = home[linked.member] == part
    return held


def _choose(linked: Linked, levels: Sequence[Ints]) -> tuple[Ints, Reals]:
    """The parts of the levels that together save most, and what each saves, in nats."""
    number = levels[-1]
    saves = _saved(linked, number)
    for level in reversed(levels[:-1]):
        _, first = np.unique(number, return_index=True)
        count = int(level.max()) + 1
        parts = sums(level[first], saves[number[first]], count)
        # Only where something was cut there is something to decide.
        several = np.bincount(level[first], minlength=count) > 1
        at = np.flatnonzero(several[level])
        own = np.zeros(count)
        if len(at):
            names, place = compact(level[at])
            own[names] = _saved(linked.only(at), place)
        whole = several & (own >= WHOLE * parts)
        # A whole part is one; one that is cut is what it was cut into.
        _, _, merged = number_pairs(level, np.where(whole[level], 0, number + 1))
        _, first = np.unique(merged, return_index=True)
        saves = np.where(whole[level[first]], own[level[first]], saves[number[first]])
        number = merged
    return number, saves


def _saved(linked: Linked, part: Ints) -> Reals:
    """What knowing each part's groups saves in the description of the links."""
    by_name, graph_of = (np.zeros(int(linked.identifier.max()) + 1, dtype=np.int64) for _ in range(2))
    by_name[linked.identifier], graph_of[linked.identifier] = part, linked.graph
    groups = gather_groups(linked.member, linked.identifier, by_name, linked.way)
    of, graph = (np.zeros(groups.count, dtype=np.int64) for _ in range(2))
    of[groups.group], graph[groups.group] = by_name[groups.identifier], graph_of[groups.identifier]
    saved = np.maximum(-log_expected(groups, linked.null, graph), 0.0)
    return sums(of, saved, int(part.max()) + 1)
