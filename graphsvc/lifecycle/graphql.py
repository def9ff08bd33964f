"""GraphQL of custody: what was taken back, what one was told, holds, subject access. Types and root fields.

Every change is a signed act (``docs/formats.md``, Acts): a mutation takes the compact JWS and nothing else.
"""

from __future__ import annotations

import asyncio

import strawberry

from graphsvc.answers.graphql import identifier_of, reading_of
from graphsvc.answers.shapes import Attribute, Handling, KeyPart, TellingRule
from graphsvc.api.fields import MAX_PAGE, Info, act_field, index_of, shape, within
from graphsvc.api.ports import Shape
from graphsvc.lifecycle.views import CustodyReading


@shape
class NoticeAnswer:
    """What one organisation that had seen records was told, and what it answered: deleted or kept, and why."""

    org: str
    records: int
    told_at: str
    acknowledged: bool
    acknowledged_at: str | None
    outcome: str | None
    because: str | None
    overdue: bool


@shape
class Recall:
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


@shape
class NoticeRead:
    """A read of the caller's organisation that showed the record."""

    index: int
    at: str


@shape
class NoticeRecord:
    """A record by the handle that the caller's organisation was shown."""

    handle: strawberry.ID
    reads: list[NoticeRead]


@shape
class RecallNotice:
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


@shape
class RowRange:
    """Rows of one of the caller's organisation's submissions, first and last included."""

    submission: int
    first: int
    last: int


@shape
class LegalHold:
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


@shape
class SubjectEntity:
    """An entity as one's own record names it."""

    kind: str
    key: str
    attributes: list[Attribute]


@shape
class SubjectLink:
    """A link as one's own record claims it, between keys."""

    kind: str
    source: str
    target: str
    attributes: list[Attribute]


@shape
class SubjectDisclosure:
    """A read by another organisation that showed the record.

    hit: it only told that there is one. export: the answer was asked for to be kept in a file.
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


@shape
class SubjectRecord:
    """One own record: as it came (raw), as it was cleaned, and to whom it was shown.

    state: live, expired, recalled, or set aside: in no graph.
    """

    handle: strawberry.ID
    submission: int
    row: int
    received_at: str
    state: str
    held: bool
    handling: Handling
    pap: str
    legal_basis: str
    purposes: list[str]
    groups: list[str]
    raw: str
    raw_encoding: str
    since: str | None
    until: str | None
    expires: str | None
    entities: list[SubjectEntity]
    links: list[SubjectLink]
    disclosures: list[SubjectDisclosure]


@shape
class SubjectAccess:
    """All that the caller's organisation holds on a person or identifier. truncated: not all records are listed."""

    organisation: str
    kind: str
    key: str
    made_at: str
    records: list[SubjectRecord]
    record_count: int = strawberry.field(description="All records that it holds on it, listed or not.")
    truncated: bool
    told_late: list[TellingRule] = strawberry.field(
        description="Rules in force by which some disclosures of the kind 'hit' are told late, or never."
    )


@shape
class Withdrawn:
    """What an act took back or erased, and which organisations had seen some of it."""

    index: int
    records: int
    organisations: list[str]


@shape
class Acknowledged:
    """The answer to a notice, as entered."""

    index: int
    notice: int
    outcome: str


@shape
class HoldChange:
    """A hold that was put or ended."""

    index: int
    records: int
    case: str | None


@shape
class OrganisationChange:
    """The organisation as it is called now."""

    index: int
    org: str
    name: str
    contact: str


async def recalls(info: Info, first: int = 50, before: int | None = None) -> list[Shape]:
    """What the caller's organisation took back."""
    count, index = within("first", first, 1, MAX_PAGE), index_of("before", before)
    custody = _custody(info)
    return await info.context.in_turn(asyncio.to_thread(custody.recalls, count, index))


async def recall_notices(info: Info, open: bool = True, first: int = 50, before: int | None = None) -> list[Shape]:
    """What the caller's organisation was told."""
    count, index = within("first", first, 1, MAX_PAGE), index_of("before", before)
    custody = _custody(info)
    return await info.context.in_turn(asyncio.to_thread(custody.notices, open is not False, count, index))


async def holds(info: Info, open: bool = True) -> list[Shape]:
    """The caller's organisation's legal holds."""
    custody = _custody(info)
    return await info.context.in_turn(asyncio.to_thread(custody.holds, open is not False))


async def subject_access(info: Info, kind: str, parts: list[KeyPart]) -> Shape | None:
    """All that the caller's organisation holds on an entity."""
    stated, custody = identifier_of(kind, parts, ""), _custody(info)
    return await info.context.in_turn(asyncio.to_thread(custody.subject_access, stated.kind, stated.parts))


def _custody(info: Info) -> CustodyReading:
    return reading_of(info).of(CustodyReading)


@shape
class CustodyQuery:
    """What was taken back, what one was told, and what one holds."""

    recalls = strawberry.field(
        resolver=recalls,
        graphql_type=list[Recall] | None,
        description="What the caller's organisation took back, who had seen it, and who has not answered.",
    )
    recall_notices = strawberry.field(
        resolver=recall_notices,
        graphql_type=list[RecallNotice] | None,
        description="Records that the caller's organisation saw and that were taken back since. open: unanswered only.",
    )
    holds = strawberry.field(
        resolver=holds,
        graphql_type=list[LegalHold] | None,
        description="The caller's organisation's legal holds; for its officers.",
    )
    subject_access = strawberry.field(
        resolver=subject_access,
        graphql_type=SubjectAccess | None,
        description="All that the caller's organisation holds and has disclosed on an identifier; for its officers.",
    )


@shape
class CustodyMutation:
    """Acts of custody."""

    recall = act_field("recall", Withdrawn, "Take own records back; everyone who saw them is told.")
    acknowledge_recall = act_field("recall-ack", Acknowledged, "Answer a notice: deleted, or kept under an obligation.")
    hold = act_field("hold", HoldChange, "Put own records under a legal hold.")
    release = act_field("release", HoldChange, "End a legal hold.")
    erase = act_field("erase", Withdrawn, "Erase own records for good.")
    update_organisation = act_field("update-organisation", OrganisationChange, "Change one's own name or contact.")
