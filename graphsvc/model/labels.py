"""Labels: one distinct combination of the attributes that policies read.

Every record and every link claim carries a label; policies decide per label, never per row. Label numbers
(``lid``) are internal to a graph and never leave it.
"""

from __future__ import annotations

import msgspec

GROUPS = ("identity", "personal", "content", "financial", "operational")
"""The field groups, in the order in which they are stored and shown."""

ORIGIN = "operational"
"""The field group of a record's origin: where an owner has a record from tells how the owner works."""


class Handling(msgspec.Struct, frozen=True):
    """A handling code within its scheme, as ``tlp-2.0`` / ``AMBER`` or ``europol`` / ``H1``."""

    scheme: str
    code: str


class Label(msgspec.Struct, frozen=True, rename="camel"):
    """What a policy may know of a claim. Lists are sorted, without duplicates, so equal labels are equal bytes."""

    owner: str
    owner_kind: str
    jurisdiction: str
    handling: Handling
    pap: str
    legal_basis: str
    purposes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()


class Move(msgspec.Struct, frozen=True, omit_defaults=True):
    """Records, by their integers, that get another label; a ledger entry may hold several moves.

    ``before`` is the label that all of them had; None where the entry does not say.
    """

    records: list[int]
    label: Label
    before: Label | None = None

    @property
    def unseen(self) -> bool:
        """Whether no reader is shown a difference: the labels differ only in groups and grants."""
        bare = msgspec.structs.replace(self.label, groups=(), grants=())
        return self.before is not None and bare == msgspec.structs.replace(self.before, groups=(), grants=())


def label_key(label: Label) -> str:
    """The label as canonical JSON: its identity across processes and rebuilds."""
    return msgspec.json.encode(label, order="sorted").decode()
