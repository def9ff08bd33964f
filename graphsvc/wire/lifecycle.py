"""Lifecycle: what is told of recalls, notices, holds and subject access, and the acts that change them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from graphsvc.wire.acts import Body, Index, Moment, Reason, Target
from graphsvc.wire.answers import Attribute, Handling, TellingRule
from graphsvc.wire.shapes import ID, Shape, told


class NoticeAnswer(Shape):
    """What one organisation that had seen records was told, and what it answered: deleted or kept, and why."""

    org: str
    records: int
    told_at: str
    acknowledged: bool
    acknowledged_at: str | None
    outcome: str | None
    because: str | None
    overdue: bool


class RecalledRecords(Shape):
    """Records that the caller's organisation took back. cause: recalled, corrected, departed, erased or purged."""

    index: int
    cause: str
    reason: str
    person: str
    at: str
    deadline: str | None
    records: int
    told: bool
    open: int
    overdue: int
    notices: list[NoticeAnswer]


class NoticeRead(Shape):
    """A read of the caller's organisation that showed the record."""

    index: int
    at: str


class NoticeRecord(Shape):
    """A record, by the handle that the caller's organisation saw."""

    handle: ID
    reads: list[NoticeRead]


class RecallNotice(Shape):
    """Records that the caller's organisation saw were taken back. count: all of them; records lists up to 500."""

    notice: int
    owner: str
    cause: str
    reason: str
    deadline: str
    told_at: str
    count: int
    records: list[NoticeRecord]
    acknowledged: bool
    outcome: str | None
    because: str | None
    overdue: bool


class RowRange(Shape):
    """A range of rows in one of the caller's organisation's submissions; first and last are included."""

    submission: int
    first: int
    last: int


class LegalHold(Shape):
    """A legal hold on own records; case: on those shown under it; request: the preservation that made and ends it."""

    index: int
    at: str
    reason: str
    person: str
    case: str | None
    records: int
    ranges: list[RowRange]
    released: int | None
    in_force: bool
    request: str | None
    until: str | None


class SubjectEntity(Shape):
    """An entity that an own record names."""

    kind: str
    key: str
    attributes: list[Attribute]


class SubjectLink(Shape):
    """A link that an own record claims, between canonical keys."""

    kind: str
    source: str
    target: str
    attributes: list[Attribute]


class SubjectDisclosure(Shape):
    """A read by another organisation that showed the record.

    hit: the reader learned only that it exists. export: the reader asked for the answer as a file to keep.
    """

    index: int
    at: str
    reader: str
    person: str
    purpose: str
    legal_basis: str
    case: str
    hit: bool
    export: bool


class SubjectRecord(Shape):
    """One own record: as it came (raw), as it was cleaned, and to whom it was shown.

    state: live, expired, recalled, or set aside: in no graph.
    """

    handle: ID
    submission: int
    row: int
    received_at: str
    state: str
    held: bool
    handling: Handling
    pap: str
    legal_basis: str
    purposes: list[str]
    sharing_groups: list[str]
    raw: str
    raw_encoding: str
    since: str | None
    until: str | None
    expires: str | None
    entities: list[SubjectEntity]
    links: list[SubjectLink]
    disclosures: list[SubjectDisclosure]


class SubjectAccess(Shape):
    """All that the caller's organisation holds on a person or identifier. truncated: not all records are listed."""

    organisation: str
    kind: str
    key: str
    made_at: str
    records: list[SubjectRecord]
    record_count: Annotated[int, told("All records that it holds on it, listed or not.")]
    truncated: bool
    told_late: Annotated[
        list[TellingRule], told("Rules in force by which some disclosures of the kind 'hit' are told late, or never.")
    ]


class Withdrawn(Shape):
    """How many records an act took back or erased, and which organisations had seen some of them."""

    index: int
    records: int
    organisations: list[str]


class Acknowledged(Shape):
    """The answer to a notice, as entered."""

    index: int
    notice: int
    outcome: str


class HoldChange(Shape):
    """A legal hold that an act has set or ended."""

    index: int
    records: int
    case: str | None


class Recall(Body):
    """Take own records back; everyone who saw them is told.

    ``deadline``: until when those who saw them have to answer; 14 days if it is left out.
    """

    answer: ClassVar[type[Shape]] = Withdrawn

    target: Target
    reason: Reason
    deadline: Moment | None = None


class AcknowledgeRecall(Body):
    """Answer a notice: deleted, or kept under an obligation, which ``because`` names."""

    answer: ClassVar[type[Shape]] = Acknowledged

    notice: Index
    outcome: Literal["deleted", "kept"]
    because: Reason | None = None


class Hold(Body):
    """Put own records under a legal hold: they are neither purged nor erased."""

    answer: ClassVar[type[Shape]] = HoldChange

    target: Target
    reason: Reason


class Release(Body):
    """End a legal hold."""

    answer: ClassVar[type[Shape]] = HoldChange

    hold: Index
    reason: Reason


class Erase(Body):
    """Erase own records for good."""

    answer: ClassVar[type[Shape]] = Withdrawn

    target: Target
    reason: Reason


ACTS: tuple[type[Body], ...] = (Recall, AcknowledgeRecall, Hold, Release, Erase)
"""In the order of the schema."""
