"""Scope: the only key to a read.

A scope says which labels a reader may see for which action; it is immutable, made in one place
(:mod:`graphsvc.policy.decide`) and handed to everything that reads. A read without one does not type-check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from graphsvc.model.labels import GROUPS, Label
from graphsvc.model.principals import Footing, Principal
from graphsvc.policy.telling import AT_ONCE, Tellings

ACTIONS = ("view", "match", "analyse", "export")
"""What a reader may do with a label; ``view:<group>`` for each field group comes on top."""

IDENTITY, MATCH, EXPORT = "identity", "match", "export"
_OWNER = len(GROUPS) + 1
"""From this bit upwards a packed number holds the number of an owner."""


@dataclass(frozen=True, slots=True)
class Packed:
    """``lids`` as parameters of a query, so small that hundreds of labels cost a read next to nothing.

    Among the ``masks``, ``may`` has a number for each label up to the last that may be viewed: a bit for viewing and
    for each field group, and above these, where the identity is withheld, a number of the owner; 0 allows nothing.
    ``view`` and each field group list the numbers that allow it; ``owner`` has for each label the place of its owner
    in ``owners``. ``worlds`` lists the numbers of ``view`` in each world of the reader
    (:class:`graphsvc.graph.facts.Node`), named by an owner's slug, or by an empty text for what is identified.
    """

    lids: Mapping[str, tuple[int, ...]]
    masks: Mapping[str, list[int]]
    worlds: Mapping[str, list[int]]
    owners: tuple[str, ...]


def pack(lids: Mapping[str, tuple[int, ...]], labels: Mapping[int, Label]) -> Packed:
    """Pack the labels that may be viewed, and their field groups; what is not in view is in no group either."""
    identified = frozenset(lids.get(IDENTITY, ()))
    # A label that nobody knows belongs to no world, so nothing is read under it.
    withheld = {lid: labels[lid].owner for lid in lids.get("view", ()) if lid not in identified and lid in labels}
    owners = sorted(set(withheld.values()))
    may = [0] * (max(lids.get("view", ()), default=-1) + 1)
    for lid in lids.get("view", ()):
        may[lid] = 1
    for lid, owner in withheld.items():
        may[lid] |= (owners.index(owner) + 1) << _OWNER
    for bit, group in enumerate(GROUPS, 1):
        for lid in lids.get(group, ()):
            if lid < len(may) and may[lid]:
                may[lid] |= 1 << bit
    codes = sorted(set(may) - {0})
    groups = {group: [code for code in codes if code >> bit & 1] for bit, group in enumerate(GROUPS, 1)}
    worlds = {owner: [code for code in codes if code >> _OWNER == n] for n, owner in enumerate(owners, 1)}
    everybody = tuple(sorted({labels[lid].owner for lid in lids.get("view", ()) if lid in labels}))
    places = {owner: place for place, owner in enumerate(everybody)}
    owner_of = [places[labels[lid].owner] if code and lid in labels else 0 for lid, code in enumerate(may)]
    masks = MappingProxyType({"may": may, "view": codes, "owner": owner_of, **groups})
    return Packed(lids, masks, MappingProxyType({"": groups[IDENTITY], **worlds}), everybody)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one reader may read, taken at ledger index ``at``, good until ``valid_until`` (epoch seconds).

    ``lids`` maps every action of :data:`ACTIONS` and every field group of :data:`GROUPS` to sorted label numbers.
    ``labels`` holds the label behind each visible or matchable number; ``rules`` names, per (lid, group), the rule
    that withholds the group, and per (lid, ``export``) the one that withholds it from export. ``hidden`` are record
    integers recalled, erased or moved but not yet applied; where they would be very many, ``hidden_in`` names their
    submissions (ledger indexes), which are then hidden whole.
    ``owners`` are those of all ``labels``, where they are known. ``tellings`` are the rules of the same version, by
    which owners are told of hits.
    """

    principal: Principal
    footing: Footing
    at: int
    policy: str
    valid_until: float
    lids: Mapping[str, tuple[int, ...]]
    labels: Mapping[int, Label]
    rules: Mapping[tuple[int, str], str] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    hidden_in: tuple[int, ...] = ()
    owners: frozenset[str] | None = None
    tellings: Tellings = AT_ONCE
    packed: Packed | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Pack ``lids`` unless ``packed`` is made of them; a copy may bring along what was packed of other lids."""
        if self.packed is None or self.packed.lids is not self.lids:
            object.__setattr__(self, "packed", pack(self.lids, self.labels))

    def for_export(self) -> Scope:
        """The scope of an answer that is kept in a file: what may not be exported is not viewed for it.

        A hit exports nothing of a record, so what may be matched stays.
        """
        given = frozenset(self.allowed(EXPORT))
        kept = {name: tuple(lid for lid in lids if lid in given) for name, lids in self.lids.items() if name != MATCH}
        return replace(self, lids=MappingProxyType({MATCH: self.allowed(MATCH), **kept}), packed=None)

    def of_owners(self, owners: frozenset[str]) -> Scope:
        """The scope in which nobody but some owners has said anything."""
        theirs = frozenset(lid for lid, label in self.labels.items() if label.owner in owners)
        kept = {name: tuple(lid for lid in lids if lid in theirs) for name, lids in self.lids.items()}
        return replace(self, lids=MappingProxyType(kept), packed=None)

    def allowed(self, action: str) -> tuple[int, ...]:
        """The label numbers for an action or a field group; unknown words allow nothing."""
        return self.lids.get(action, ())

    def masks(self, world: str | None = None) -> Mapping[str, list[int]]:
        """The masks of :class:`Packed`, in one world; without one, in all of them, for reads that join nothing."""
        assert self.packed is not None
        masks = self.packed.masks
        return masks if world is None else {**masks, "view": self.packed.worlds.get(world, [])}

    @property
    def worlds(self) -> Mapping[str, list[int]]:
        """The reader's worlds, by name."""
        assert self.packed is not None
        return self.packed.worlds

    @property
    def viewed(self) -> tuple[str, ...]:
        """The owners whose records may be viewed, in the order of ``owners`` in :class:`Packed`."""
        assert self.packed is not None
        return self.packed.owners

    def world_of(self, lid: int) -> str:
        """The world that the claims under a label belong to."""
        return "" if lid in self.allowed(IDENTITY) else self.labels[lid].owner
