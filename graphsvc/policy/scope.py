"""Scope: the only key to a read.

A scope says which labels a reader may see for which action; it is immutable, made in one place
(:mod:`graphsvc.policy.decide`) and handed to everything that reads. A read without one does not type-check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from graphsvc.model.labels import GROUPS, Label
from graphsvc.model.principals import Footing, Principal

ACTIONS = ("view", "match", "analyse", "export")
"""What a reader may do with a label; ``view:<group>`` for each field group comes on top."""


@dataclass(frozen=True, slots=True)
class Packed:
    """``lids`` as parameters of a query, so small that hundreds of labels cost a read next to nothing.

    ``may`` has a number for each label up to the last that may be viewed: what may be done with it, as bits; 0 is
    nothing. ``view`` and each field group list those of the numbers that allow it.
    """

    lids: Mapping[str, tuple[int, ...]]
    masks: Mapping[str, list[int]]


def pack(lids: Mapping[str, tuple[int, ...]]) -> Packed:
    """Pack the labels that may be viewed, and their field groups; what is not in view is in no group either."""
    may = [0] * (max(lids.get("view", ()), default=-1) + 1)
    for lid in lids.get("view", ()):
        may[lid] = 1
    for bit, group in enumerate(GROUPS, 1):
        for lid in lids.get(group, ()):
            if lid < len(may) and may[lid]:
                may[lid] |= 1 << bit
    codes = sorted(set(may) - {0})
    groups = {group: [code for code in codes if code >> bit & 1] for bit, group in enumerate(GROUPS, 1)}
    return Packed(lids, MappingProxyType({"may": may, "view": codes, **groups}))


@dataclass(frozen=True, slots=True)
class Scope:
    """What one reader may read, taken at ledger index ``at``, good until ``valid_until`` (epoch seconds).

    ``lids`` maps every action of :data:`ACTIONS` and every field group of :data:`GROUPS` to sorted label numbers.
    ``labels`` holds the label behind each visible or matchable number; ``rules`` names, per (lid, group), the rule
    that withholds the group. ``withdrawn`` are record integers revoked, recalled or moved but not yet applied; where
    they would be very many, ``leaving`` names their submissions (ledger indexes), which are then hidden whole.
    ``owners`` are those of all ``labels``, where they are known.
    """

    principal: Principal
    footing: Footing
    at: int
    policy: str
    valid_until: float
    lids: Mapping[str, tuple[int, ...]]
    labels: Mapping[int, Label]
    rules: Mapping[tuple[int, str], str] = field(default_factory=dict)
    withdrawn: tuple[int, ...] = ()
    leaving: tuple[int, ...] = ()
    owners: frozenset[str] | None = None
    packed: Packed | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Pack ``lids`` unless they come packed; those of other lids, as a copy may bring along, count for nothing."""
        if self.packed is None or self.packed.lids is not self.lids:
            object.__setattr__(self, "packed", pack(self.lids))

    def allowed(self, action: str) -> tuple[int, ...]:
        """The label numbers for an action or a field group; unknown words allow nothing."""
        return self.lids.get(action, ())

    def masks(self) -> Mapping[str, list[int]]:
        """What may be viewed, as Cypher parameters: see :class:`Packed`."""
        assert self.packed is not None
        return self.packed.masks
