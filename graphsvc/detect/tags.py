"""What a group may be for ordinary reasons: household, workplace, account farm. Tagged, ranked last, never hidden."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from graphsvc.detect.arrays import Codes, Flags, Ints, compact, number_pairs
from graphsvc.detect.evidence import USED
from graphsvc.detect.groups import Groups, gather_groups

HOUSEHOLD, WORKPLACE, FARM = "household", "workplace", "account farm"
LIVING = 7
"""A household has at most so many accounts; more at one address are a workplace or a dormitory."""
ALIKE = Fraction(1, 5)
"""Below this spread what those at one address share beside it is shared by nearly all alike: telephone, computer."""
LEAST = 3
"""So many members that hold together without their address are more than neighbours."""


def at_one_address(groups: Groups, address: Flags, place: Ints) -> tuple[Ints, Flags]:
    """For each group the identifier that is its address, or -1; and whether nothing is left of it without that.

    ``address`` marks identifiers that are places. It is the one that most of the group's members use, the first by
    ``place`` of equals, if half of them or more do. Nothing is left where no :data:`LEAST` members hold
    together by short cycles, or where the spread of what is left is below :data:`ALIKE`.
    """
    # 1. The place that most use, the first of equals.
    of, what, users = groups.identifiers()
    at = address[what]
    of, what, users = of[at], what[at], users[at]
    order = np.lexsort((place[what], -users, of))
    _, first = np.unique(of[order], return_index=True)
    best = order[first]
    who, _, _ = groups.members()
    members = np.bincount(who, minlength=groups.count)
    best = best[2 * users[best] >= members[of[best]]]
    where = np.full(groups.count, -1, dtype=np.int64)
    where[of[best]] = what[best]
    # 2. What holds together without it.
    rest = groups.identifier != where[groups.group]
    _, member = compact(groups.member[rest])
    group, _, identifier = number_pairs(groups.group[rest], groups.identifier[rest])
    way = np.full(len(member), USED, dtype=np.int32)
    pieces = gather_groups(member, identifier, group, way)
    piece, _, _ = pieces.members()
    large = np.bincount(piece, minlength=pieces.count) >= LEAST
    origin = np.zeros(pieces.count, dtype=np.int64)
    origin[pieces.group] = group[pieces.identifier]
    left = np.zeros(groups.count, dtype=np.bool_)
    left[origin[large]] = True
    # 3. A household's telephone and computer, or a shop's, are used by nearly all alike.
    things = np.bincount(group, minlength=groups.count)
    links = np.bincount(groups.group[rest], minlength=groups.count)
    spread = things * members - links
    left &= spread * ALIKE.denominator >= members**2 * ALIKE.numerator
    return where, (where >= 0) & ~left


def tags_of(groups: Groups, address: Flags, place: Ints, farmed: Flags) -> list[str]:
    """Each group's tag, "" for none. ``farmed`` marks groups of which most members use one excluded hub."""
    _, nothing_left = at_one_address(groups, address, place)
    of, _, _ = groups.members()
    members = np.bincount(of, minlength=groups.count)
    return [
        FARM if farm else "" if not alone else HOUSEHOLD if size <= LIVING else WORKPLACE
        for farm, alone, size in zip(farmed.tolist(), nothing_left.tolist(), members.tolist(), strict=True)
    ]


def places(groups: Groups, code: Codes, words: tuple[str, ...]) -> Flags:
    """Which identifiers are places, by their kinds; where a group has none of a stated kind, any of its may be."""
    spelled = np.array([*words, "-"])[code]
    stated = np.zeros(groups.count, dtype=np.bool_)
    stated[groups.group[~np.isin(spelled, ["", "-"])[groups.identifier]]] = True
    flags: Flags = spelled == "Address"
    bare = groups.identifier[~stated[groups.group]]
    flags[bare] = spelled[bare] == ""
    return flags
