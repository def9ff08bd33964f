"""Scope: the only key to a read.

A scope says which labels a reader may see for which action; it is immutable, made in one place
(:mod:`graphsvc.policy.decide`) and handed to everything that reads. A read without one does not type-check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphsvc.model.labels import GROUPS, Label
from graphsvc.model.principals import Footing, Principal

ACTIONS = ("view", "match", "analyse", "export")
"""What a reader may do with a label; ``view:<group>`` for each field group comes on top."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one reader may read, taken at ledger index ``at``, good until ``valid_until`` (epoch seconds).

    ``lids`` maps every action of :data:`ACTIONS` and every field group of :data:`GROUPS` to sorted label numbers.
    ``labels`` holds the label behind each visible or matchable number; ``rules`` names, per (lid, group), the rule
    that withholds the group. ``withdrawn`` are record integers revoked, recalled or moved but not yet applied; where
    they would be very many, ``leaving`` names their submissions (ledger indexes), which are then hidden whole.
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

    def allowed(self, action: str) -> tuple[int, ...]:
        """The label numbers for an action or a field group; unknown words allow nothing."""
        return self.lids.get(action, ())

    def masks(self) -> dict[str, list[int]]:
        """The field groups' label numbers as Cypher parameters."""
        return {group: list(self.allowed(group)) for group in GROUPS}
