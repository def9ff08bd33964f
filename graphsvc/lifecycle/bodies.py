"""The bodies of the acts of custody. Every text is bounded; times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from graphsvc.model.labels import Handling
from graphsvc.model.places import ROW_BITS

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Index = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Row = Annotated[int, msgspec.Meta(ge=0, lt=1 << ROW_BITS)]
Time = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z\Z")]
Version = Literal[1]


class Identifier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entity by kind and raw key core."""

    kind: Short
    parts: dict[str, Short]


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Own records that meet every condition that is there; ``since`` and ``until`` are times of receipt, included."""

    entity: Identifier | None = None
    handle: Short | None = None
    handling: Handling | None = None
    legal_basis: Short | None = None
    since: Time | None = None
    until: Time | None = None


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of: a submission, whole or some rows of it; a selection; for holds also what was shown under a case."""

    submission: Index | None = None
    rows: Annotated[list[Row], msgspec.Meta(min_length=1)] | None = None
    select: Selection | None = None
    case: Short | None = None


class Recall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Take records back. ``deadline``: until when those who saw them have to answer; 14 days if it is left out."""

    v: Version
    target: Target
    reason: Text
    deadline: Time | None = None


class Acknowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the recipient of a notice has done. ``because`` names the legal obligation to keep."""

    v: Version
    notice: Index
    outcome: Literal["deleted", "kept"]
    because: Text | None = None


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keep records from being purged or erased."""

    v: Version
    target: Target
    reason: Text


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """End a hold."""

    v: Version
    hold: Index
    reason: Text


class Erase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Erase records for good."""

    v: Version
    target: Target
    reason: Text


class UpdateOrganisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the organisation is called and whom to ask."""

    v: Version
    name: Short | None = None
    contact: Short | None = None
