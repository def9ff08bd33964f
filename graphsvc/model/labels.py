"""Labels: one distinct combination of the attributes that policies read.

Every record and every link claim carries a label; policies decide per label, never per row. Label numbers
(``lid``) are internal to a graph and never leave it.
"""

from __future__ import annotations

import msgspec

GROUPS = ("identity", "personal", "content", "financial", "operational")
"""The field groups, in the order in which they are stored and shown."""

ORIGIN = "operational"
"""The field group that an origin is shown by: where an owner has something from tells how it works."""


class Handling(msgspec.Struct, frozen=True):
    """A handling code within its scheme, as ``tlp-2.0`` / ``AMBER`` or ``europol`` / ``H1``."""

    scheme: str
    code: str


class Label(msgspec.Struct, frozen=True, rename="camel"):
    """What a policy may know of a claim. Lists are sorted and free of doubles, so equal labels are equal bytes."""

    owner: str
    owner_kind: str
    jurisdiction: str
    handling: Handling
    pap: str
    legal_basis: str
    purposes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    hold: bool = False


class Move(msgspec.Struct, frozen=True, omit_defaults=True):
    """Records (their integers) that come under another label: one part of what a ledger entry moves.

    ``before`` is the label that all of them had, where the entry says so.
    """

    records: list[int]
    label: Label
    before: Label | None = None

    @property
    def unseen(self) -> bool:
        """Whether the labels differ in nothing that readers are shown: in groups and grants alone, which decide."""
        bare = msgspec.structs.replace(self.label, groups=(), grants=())
        return self.before is not None and bare == msgspec.structs.replace(self.before, groups=(), grants=())


def label_key(label: Label) -> str:
    """The label as canonical JSON: its identity across processes and rebuilds."""
    return msgspec.json.encode(label, order="sorted").decode()
