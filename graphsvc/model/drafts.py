"""Drafts: what importers yield, and what is left of them once they are cleaned.

A *draft* is one row of a submission in the terms of the schema, still raw. A *clean draft* has passed the
schema: identifiers are normalised into canonical keys, attributes sit in their field groups, and the label
is complete. The clean draft is what the ledger's payload holds, so a rebuild runs no importer.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from graphsvc.model.labels import Handling, Label
from graphsvc.model.places import ROW_BITS

Values = dict[str, Any]
"""Values by name: of attributes, or of the parts of a key."""


class Grading(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the source is trusted and how far this piece of information is, in one scheme's codes."""

    scheme: str = ""
    source: str = ""
    information: str = ""


class Observed(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The interval in which the contributor saw the thing; RFC 3339 UTC, both ends included, either open."""

    since: str | None = None
    until: str | None = None


class Origin(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where the contributor has a record from: an organisation (empty: itself), and that organisation's reference."""

    organisation: str = ""
    reference: str = ""


class DraftEntity(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An entity as a contributor names it: ``ref`` is local to the draft.

    ``region`` is the country of its telephone numbers that are written without one; it defaults to the submission's.
    """

    ref: str
    kind: str
    key: Values
    attributes: Values = {}
    region: str | None = None


class DraftLink(msgspec.Struct, rename={"source": "from", "target": "to"}, forbid_unknown_fields=True):
    """A claimed link between two entities of the same draft, by their refs."""

    kind: str
    source: str
    target: str
    attributes: Values = {}
    observed: Observed | None = None


class Superseded(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Older records of the same contributor: by its submission's ledger index and its row there, by reference, or both.

    ``reference`` is also the row's own: the next row that supersedes by the same one supersedes this one.
    """

    submission: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None
    row: Annotated[int, msgspec.Meta(ge=0, lt=1 << ROW_BITS)] | None = None
    reference: str | None = None


class Draft(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One row in the terms of the schema. The fields from ``grading`` to ``origin`` default to the submission's."""

    entities: list[DraftEntity]
    links: list[DraftLink] = []
    row: int = 0
    observed: Observed | None = None
    grading: Grading | None = None
    handling: Handling | None = None
    pap: str | None = None
    purposes: list[str] | None = None
    legal_basis: str | None = None
    groups: list[str] | None = None
    expires: str | None = None
    origin: Origin | None = None
    supersedes: Superseded | None = None


class Defaults(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What a submission says once for all its rows. It is part of the signed manifest."""

    grading: Grading | None = None
    handling: Handling | None = None
    pap: str | None = None
    purposes: list[str] | None = None
    legal_basis: str | None = None
    groups: list[str] | None = None
    expires: str | None = None
    region: str | None = None
    origin: Origin | None = None


class RowProblem(msgspec.Struct, frozen=True):
    """Why one row was not accepted: machine code, JSON pointer into the draft, and what to do."""

    row: int
    code: str
    pointer: str
    message: str


class CleanEntity(msgspec.Struct, array_like=True):
    """``key`` is canonical (``phone:e164:+8613800138000``); attributes are grouped: group → name → value."""

    kind: str
    key: str
    attributes: dict[str, Values]


class CleanLink(msgspec.Struct, array_like=True):
    """``source`` and ``target`` are positions in the clean draft's entities."""

    kind: str
    source: int
    target: int
    attributes: dict[str, Values]
    since: str | None = None
    until: str | None = None


class UnreadEntity(msgspec.Struct, array_like=True):
    """An entity whose key had no canonical form: the parts of its key as text, its attributes clean.

    ``pointer`` is where the key stands in ``unlinked``; ``region`` the country by which its numbers were read.
    """

    pointer: str
    kind: str
    parts: dict[str, str]
    attributes: dict[str, Values]
    region: str | None = None


class UnreadLink(msgspec.Struct, array_like=True):
    """A link that waits for the key of an end.

    An end is a position among the clean entities, or ``-1 - n`` for the ``n``-th unread one; several, as of one cell
    with several numbers, are a link each.
    """

    kind: str
    sources: list[int]
    targets: list[int]
    attributes: dict[str, Values]
    since: str | None = None
    until: str | None = None


class Unread(msgspec.Struct, omit_defaults=True):
    """What of a row waits for a cleaner that can read it.

    ``before``: how many links the row had before it was cleaned anew last.
    """

    entities: list[UnreadEntity] = []
    links: list[UnreadLink] = []
    before: int = 0


class CleanDraft(msgspec.Struct):
    """One accepted row, cleaned: becomes one record, its ABOUT claims and its link claims.

    ``label`` is complete; ``expires`` is RFC 3339 UTC or None; ``unlinked`` keeps values that could not be
    normalised, as ``[pointer, code, raw]``: kept and marked, never linked; ``unread`` has the entities and links that
    would be there if their keys could be read. ``reference`` is the contributor's own reference, which is in no claim
    and shown to nobody else.
    """

    row: int
    label: Label
    entities: list[CleanEntity]
    links: list[CleanLink] = []
    grading: Grading = Grading()
    since: str | None = None
    until: str | None = None
    expires: str | None = None
    unlinked: list[list[str]] = []
    cleaner: int = 1
    origin: Origin | None = None
    reference: str | None = None
    unread: Unread | None = None
