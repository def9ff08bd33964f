"""From parts of identifiers to groups of members: accounts may belong to several, and each group stands on its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphsvc.detect.arrays import Codes, Flags, Ints, compact, number_pairs, spans, starts_of, sums
from graphsvc.detect.core import components, two_core
from graphsvc.detect.cycles import on_short_cycles
from graphsvc.detect.evidence import GAVE, TOOK


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups by their links (group, member, identifier), each once, sorted; ``core`` marks members of the core."""

    count: int
    group: Ints
    member: Ints
    identifier: Ints
    core: Flags

    def members(self) -> tuple[Ints, Ints, Flags]:
        """(group, member, whether it is in the core), each once, sorted."""
        group, member, number = number_pairs(self.group, self.member)
        core = np.zeros(len(group), dtype=np.bool_)
        core[number] = self.core
        return group, member, core

    def identifiers(self) -> tuple[Ints, Ints, Ints]:
        """(group, identifier, how many of the group's members use it), each once, sorted."""
        group, identifier, number = number_pairs(self.group, self.identifier)
        return group, identifier, np.bincount(number, minlength=len(group))


def evident(member: Ints, identifier: Ints) -> tuple[Flags, bool]:
    """Which links are evidence: those of the 2-core that lie on a cycle of at most eight; and whether that was cut."""
    keep = two_core(member, identifier)
    at = np.flatnonzero(keep)
    short, cut = on_short_cycles(compact(member[at])[1], compact(identifier[at])[1])
    keep[at] = short
    if cut:
        again = np.flatnonzero(keep)
        keep[again] = two_core(member[again], identifier[again])
    return keep, cut


def gather_groups(member: Ints, identifier: Ints, part: Ints, way: Codes) -> Groups:
    """Groups of the links ``member``–``identifier``, given each identifier's part and each link's way.

    A member belongs where two of its links lead, and may belong to several groups; an identifier belongs to its part.
    What it received or paid for counts only where it also sent, or was paid: else it is a customer. What does not hold
    together by short cycles within its part is pruned, and what falls apart is several groups.
    """
    # 1. A member is another node in each part.
    _, there, node = number_pairs(part[identifier], member)
    kept = np.arange(len(member))
    while True:
        before = len(kept)
        # 2. No purchases (direction), and within parts the 2-core and short cycles.
        gives = sums(node[kept], way[kept] == GAVE, len(there)) > 0
        kept = kept[(way[kept] != TOOK) | gives[node[kept]]]
        fine, _ = evident(compact(node[kept])[1], compact(identifier[kept])[1])
        kept = kept[fine]
        if len(kept) == before:
            break
    # 3. Each connected piece is a group, numbered in the order of its first member and identifier.
    nodes, left = compact(node[kept])
    names, right = compact(identifier[kept])
    piece = components(len(nodes) + len(names), left, right + len(nodes))[left]
    _, group = compact(piece)
    order = np.lexsort((identifier[kept], member[kept], group))
    at = kept[order]
    return Groups(
        int(group.max(initial=-1)) + 1, group[order], member[at], identifier[at], np.ones(len(at), dtype=np.bool_)
    )  # fmt: skip


def with_fringe(groups: Groups, member: Ints, identifier: Ints, count: int) -> Groups:
    """The groups with their fringe, from all links ``member``–``identifier`` that are neither a hub's nor a customer's.

    Whoever uses an identifier that two or more of a group's core share is of its fringe, where the core is at least
    half of its users. There are ``count`` identifiers.
    """
    users = np.bincount(identifier, minlength=count)
    # 1. What two or more of a group's core use, whether it was in the group or not.
    group, who, _ = groups.members()
    order, start = np.argsort(member, kind="stable"), starts_of(member, int(member.max(initial=-1)) + 1)
    counts = np.diff(start)[who]
    link = order[spans(start[who], counts)]
    shared_group, shared, number = number_pairs(np.repeat(group, counts), identifier[link])
    cores = np.bincount(number, minlength=len(shared))
    fine = (cores >= 2) & (2 * cores >= users[shared])
    # 2. All of its users belong to the group, beside what holds the core together.
    wide_group, wide = shared_group[fine], shared[fine]
    order, start = np.argsort(identifier, kind="stable"), starts_of(identifier, len(users))
    counts = np.diff(start)[wide]
    at = order[spans(start[wide], counts)]
    every = (
        np.concatenate([groups.group, np.repeat(wide_group, counts)]),
        np.concatenate([groups.member, member[at]]),
        np.concatenate([groups.identifier, identifier[at]]),
    )
    keys = np.lexsort(every[::-1])
    of, who, what = (part[keys] for part in every)
    first = np.ones(len(of), dtype=np.bool_)
    first[1:] = (of[1:] != of[:-1]) | (who[1:] != who[:-1]) | (what[1:] != what[:-1])
    of, who, what = of[first], who[first], what[first]
    width = int(max(who.max(initial=0), groups.member.max(initial=0))) + 1
    core = np.isin(of * width + who, groups.group * width + groups.member)
    return Groups(groups.count, of, who, what, core)
