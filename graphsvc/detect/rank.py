"""The order of rings: by spread, or by how little chance explains them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from graphsvc.detect.arrays import Ints
from graphsvc.detect.groups import Groups


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
