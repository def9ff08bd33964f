"""The order of rings: by spread, or by how little chance explains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from graphsvc.detect.arrays import Ints, Reals
from graphsvc.detect.groups import Groups

BY_SPREAD, BY_CHANCE = "spread", "chance"
"""Rings may be ranked by spread, or by how little chance explains them."""

Named = tuple[tuple[int, ...], tuple[int, ...]]
"""The ranks of a group's members by visible name, and those of its identifiers, contacts left out; each sorted."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What groups are ranked by, one a position: ``alike`` tells shapes apart, ``names`` are ranks of what is in it."""

    log_e: Reals
    tag: Sequence[str]
    spread: Sequence[Fraction]
    size: Sequence[int]
    alike: Sequence[int]
    names: Sequence[Named]

    def order(self, by: str) -> tuple[int, ...]:
        """The positions, ranked: tagged ones last, the widest spread first, or what chance explains least."""
        surprise = np.round(self.log_e, 9).tolist()

        def key(n: int) -> tuple[Any, ...]:
            by_spread, by_size = -self.spread[n], -self.size[n]
            keys = (surprise[n], by_size, by_spread) if by == BY_CHANCE else (by_spread, by_size, surprise[n])
            return (self.tag[n] != "", *keys, self.alike[n], self.names[n])

        return tuple(sorted(range(len(self.tag)), key=key))


def spreads(groups: Groups) -> list[Fraction]:
    """Each group's spread: shared identifiers per member × (1 − the mean share of the members that each covers).

    One address that all use is a household and has none; many things, each shared by some, are a ring. Exact.
    """
    members, identifiers, links = sizes(groups)
    return [
        Fraction(m, n) * (1 - Fraction(e, n * m)) if n and m else Fraction(0)
        for n, m, e in zip(members.tolist(), identifiers.tolist(), links.tolist(), strict=True)
    ]


def sizes(groups: Groups) -> tuple[Ints, Ints, Ints]:
    """How many members, identifiers and links each group has, fringe and all."""
    of, _, _ = groups.members()
    named, _, _ = groups.identifiers()
    return (
        np.bincount(of, minlength=groups.count),
        np.bincount(named, minlength=groups.count),
        np.bincount(groups.group, minlength=groups.count),
    )
