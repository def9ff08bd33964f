"""Sharing: what is told of requests, grants and sharing groups, and the acts that change them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from graphsvc.model.labels import GROUPS
from graphsvc.model.slugs import Slug
from graphsvc.wire.acts import Body, Handle, Identifier, Moment, Note, Target, Text
from graphsvc.wire.answers import Entity, Handling, Link
from graphsvc.wire.shapes import ID, Shape

MAX_IDENTIFIERS, MAX_RECORDS, MAX_SHARED = 20, 500, 20_000
"""At most this many identifiers in a request, records in a request or grant, and records that one act shares."""


class RequestedIdentifier(Shape):
    """An identifier that a request is about: entity kind and canonical key."""

    kind: str
    key: str


class Grant(Shape):
    """A disclosure that a holder granted. legalBasis: the only one that it serves; null for any."""

    id: ID
    request: ID
    owner: str
    grantee: str
    state: str
    case: str
    purpose: str
    legal_basis: str | None
    field_groups: list[str]
    uses: list[str]
    conditions: str | None
    until: str
    records: int
    index: int
    revoked_index: int | None


class InformationRequest(Shape):
    """A request from asker to holder, as both see it. kind: disclosure or preservation.

    namedRecords: the records that the asker named, by its handles; only for the asker.
    """

    id: ID
    kind: str
    asker: str
    holder: str
    state: str
    overdue: bool
    index: int
    last_index: int
    asked_at: str
    deadline: str | None
    until: str | None
    urgency: str
    purpose: str
    legal_basis: str
    case: str
    field_groups: list[str]
    identifiers: list[RequestedIdentifier]
    named_records: list[ID]
    justification: str
    question: str | None
    reason: str | None
    reminders: int
    grant: Grant | None
    answered_by: int | None


class RequestEvent(Shape):
    """One step in a request's history."""

    index: int
    at: str
    action: str
    org: str
    person: str
    text: str | None


class HeldRecord(Shape):
    """A record of the holder that a request is about. fieldGroups: those in which it has content."""

    handle: ID
    submission: int
    row: int
    handling: Handling
    field_groups: list[str]
    entities: list[Entity]


class RequestFile(Shape):
    """A request with its history; records only for the holder. truncated: it means more than are listed."""

    request: InformationRequest
    history: list[RequestEvent]
    records: list[HeldRecord]
    truncated: bool


class GrantPreview(Shape):
    """What the asker of a request would be shown of one record. rule: the one that keeps all of it back; null for none.

    uses: what else it would be for. Handles are the holder's own.
    """

    record: ID
    rule: str | None
    uses: list[str]
    entities: list[Entity]
    links: list[Link]


class GroupMember(Shape):
    """An organisation in a sharing group. until: null for no end."""

    org: str
    state: str
    until: str | None


class SharingGroup(Shape):
    """A sharing group. state is the caller's; members are shown to members only."""

    id: ID
    founder: str
    purpose: str
    rulebook: str | None
    founded_at: str
    state: str
    members: list[GroupMember]


class SharedRecords(Shape):
    """How many records an act shared with a group, or took back from it."""

    index: int
    sharing_group: str
    records: int


FieldGroup = Literal["identity", "personal", "content", "financial", "operational"]
Urgency = Literal["routine", "urgent", "emergency"]


class RequestDisclosure(Body):
    """Ask a holder to disclose what it has on identifiers, or on records that were seen: ``records`` by handle."""

    answer: ClassVar[type[Shape]] = InformationRequest

    holder: Slug
    purpose: Text
    legal_basis: Text
    case: Text
    deadline: Moment
    field_groups: Annotated[tuple[FieldGroup, ...], Meta(min_length=1, max_length=len(GROUPS))]
    justification: Text
    identifiers: Annotated[tuple[Identifier, ...], Meta(max_length=MAX_IDENTIFIERS)] = ()
    records: Annotated[tuple[Handle, ...], Meta(max_length=MAX_RECORDS)] = ()
    urgency: Urgency = "routine"


class DecideDisclosure(Body):
    """Grant (records and field groups), refuse (reason) or ask back (question).

    ``uses`` permit more than viewing; every question that uses the grant must state its ``legalBasis``, if it has one.
    """

    answer: ClassVar[type[Shape]] = InformationRequest

    decision: Literal["grant", "refuse", "ask"]
    target: Target | None = None
    field_groups: Annotated[tuple[FieldGroup, ...], Meta(max_length=len(GROUPS))] = ()
    uses: Annotated[tuple[Literal["analyse", "export"], ...], Meta(max_length=2)] = ()
    until: Moment | None = None
    conditions: Note = ""
    legal_basis: str = ""
    reason: Note = ""
    question: Note = ""


class AnswerQuestion(Body):
    """Answer the holder's question about a request."""

    answer: ClassVar[type[Shape]] = InformationRequest

    text: Text


class RemindRequest(Body):
    """Remind the holder of a request; a text is optional."""

    answer: ClassVar[type[Shape]] = InformationRequest

    note: Note = ""


class WithdrawRequest(Body):
    """Withdraw a disclosure request."""

    answer: ClassVar[type[Shape]] = InformationRequest

    note: Note = ""


class RevokeGrant(Body):
    """End a grant at once."""

    answer: ClassVar[type[Shape]] = InformationRequest

    reason: Text


class RequestPreservation(Body):
    """Ask a holder to keep what it has on identifiers until a time."""

    answer: ClassVar[type[Shape]] = InformationRequest

    holder: Slug
    identifiers: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_IDENTIFIERS)]
    purpose: Text
    legal_basis: Text
    case: Text
    until: Moment
    deadline: Moment
    justification: Text
    urgency: Urgency = "urgent"


class AcknowledgePreservation(Body):
    """Keep what was asked for, or say why not."""

    answer: ClassVar[type[Shape]] = InformationRequest

    accept: bool
    note: Note = ""


class ExtendPreservation(Body):
    """Change when a preservation ends."""

    answer: ClassVar[type[Shape]] = InformationRequest

    until: Moment
    note: Note = ""


class LiftPreservation(Body):
    """End a preservation."""

    answer: ClassVar[type[Shape]] = InformationRequest

    note: Note = ""


class RequestProduction(Body):
    """Ask the holder to disclose what it has preserved, on this legal basis."""

    answer: ClassVar[type[Shape]] = InformationRequest

    legal_basis: Text
    deadline: Moment
    justification: Text


class CreateGroup(Body):
    """Found a sharing group; ``sub`` is its id."""

    answer: ClassVar[type[Shape]] = SharingGroup

    purpose: Text
    rulebook: Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,64}$")] = ""


class InviteToGroup(Body):
    """Invite an organisation, without an end or until a time, or change when a member's membership ends."""

    answer: ClassVar[type[Shape]] = SharingGroup

    org: Slug
    until: Moment | None = None


class AcceptInvitation(Body):
    """Join a group that has invited the organisation."""

    answer: ClassVar[type[Shape]] = SharingGroup


class LeaveGroup(Body):
    """Leave a group, or decline an invitation."""

    answer: ClassVar[type[Shape]] = SharingGroup


class RemoveFromGroup(Body):
    """Remove a member from a group, or take an invitation back."""

    answer: ClassVar[type[Shape]] = SharingGroup

    org: Slug


class ShareRecords(Body):
    """Share own records, by handle or of a submission, with a group; ``sub`` is the group."""

    answer: ClassVar[type[Shape]] = SharedRecords

    target: Target


class UnshareRecords(Body):
    """Take own records back from a group; ``sub`` is the group."""

    answer: ClassVar[type[Shape]] = SharedRecords

    target: Target


ACTS: tuple[type[Body], ...] = (
    *(RequestDisclosure, DecideDisclosure, AnswerQuestion, RemindRequest, WithdrawRequest, RevokeGrant),
    *(RequestPreservation, AcknowledgePreservation, ExtendPreservation, LiftPreservation, RequestProduction),
    *(CreateGroup, InviteToGroup, AcceptInvitation, LeaveGroup, RemoveFromGroup, ShareRecords, UnshareRecords),
)
"""In the order of the schema."""
