"""GraphQL of sharing: requests between organisations, grants, groups. Types, root fields, and how the fields read.

Every change is a signed act (``docs/formats.md``, Acts): a mutation takes the compact JWS and nothing else.
"""

from __future__ import annotations

import asyncio
from enum import Enum

import strawberry

from graphsvc.answers.graphql import reading_of
from graphsvc.answers.shapes import Entity, Handling
from graphsvc.api.fields import MAX_NAME, MAX_PAGE, Info, act_field, index_of, shape, text_of, within
from graphsvc.api.ports import Shape
from graphsvc.model.errors import InvalidQuery
from graphsvc.sharing.states import ASKER, DISCLOSURE, HOLDER, PRESERVATION, STATES
from graphsvc.sharing.views import SharedReading


@strawberry.enum(description="On which side of a request: the organisation has asked, or it holds what is asked for.")
class Role(Enum):
    """The side of a request or a grant."""

    ASKED = ASKER
    HELD = HOLDER


@shape
class RequestedIdentifier:
    """An identifier that a request is about: entity kind and canonical key."""

    kind: str
    key: str


@shape
class Grant:
    """A disclosure that a holder granted. legalBasis: the only one that it serves; null for any."""

    id: strawberry.ID
    request: strawberry.ID
    owner: str
    grantee: str
    state: str
    case: str
    purpose: str
    legal_basis: str | None
    groups: list[str]
    uses: list[str]
    conditions: str | None
    until: str
    records: int
    index: int
    revoked_index: int | None


@shape
class DisclosureRequest:
    """A request from asker to holder, as both see it. kind: disclosure or preservation. records: only for the asker."""

    id: strawberry.ID
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
    groups: list[str]
    identifiers: list[RequestedIdentifier]
    records: list[strawberry.ID]
    justification: str
    question: str | None
    reason: str | None
    reminders: int
    grant: Grant | None
    answered_by: int | None


@shape
class RequestEvent:
    """Something that was done about a request."""

    index: int
    at: str
    action: str
    org: str
    person: str
    text: str | None


@shape
class HeldRecord:
    """A record of the holder's that a request means. groups: the field groups that it says something in."""

    handle: strawberry.ID
    submission: int
    row: int
    handling: Handling
    groups: list[str]
    entities: list[Entity]


@shape
class RequestFile:
    """A request with its history; records only for the holder. truncated: it means more than are listed."""

    request: DisclosureRequest
    history: list[RequestEvent]
    records: list[HeldRecord]
    truncated: bool


@shape
class Membership:
    """An organisation in a sharing group. until: null for no end."""

    org: str
    state: str
    until: str | None


@shape
class SharingGroup:
    """A sharing group. state is the caller's; members are shown to members only."""

    id: strawberry.ID
    founder: str
    purpose: str
    rulebook: str | None
    founded_at: str
    state: str
    members: list[Membership]


@shape
class SharedRecords:
    """How many records an act moved."""

    index: int
    group: str
    records: int


async def disclosure_requests(
    info: Info, role: Role, state: str | None = None, first: int = 50, before: int | None = None
) -> list[Shape]:
    """Disclosure requests, newest first."""
    return await _requests(info, DISCLOSURE, (role, state, first, before))


async def preservation_requests(
    info: Info, role: Role, state: str | None = None, first: int = 50, before: int | None = None
) -> list[Shape]:
    """Preservation requests, newest first."""
    return await _requests(info, PRESERVATION, (role, state, first, before))


async def disclosure_request(info: Info, id: strawberry.ID) -> Shape | None:
    """One request of either kind."""
    name = text_of("id", id, MAX_NAME)
    return await info.context.in_turn(_sharing(info).request(name))


async def grants(info: Info, role: Role, first: int = 50, before: int | None = None) -> list[Shape]:
    """Grants, newest first."""
    window = within("first", first, 1, MAX_PAGE), index_of("before", before)
    return await info.context.in_turn(asyncio.to_thread(_sharing(info).grants, role.value, *window))


async def sharing_groups(info: Info) -> list[Shape]:
    """The groups of the caller's organisation."""
    return await info.context.in_turn(asyncio.to_thread(_sharing(info).groups))


async def _requests(info: Info, kind: str, asked: tuple[Role, str | None, int, int | None]) -> list[Shape]:
    role, state, first, before = asked
    if state is not None and state not in STATES:
        raise InvalidQuery(f"states are: {', '.join(STATES)}", code="out_of_range", where="state")
    window = within("first", first, 1, MAX_PAGE), index_of("before", before)
    return await info.context.in_turn(asyncio.to_thread(_sharing(info).requests, kind, role.value, state, *window))


def _sharing(info: Info) -> SharedReading:
    return reading_of(info).of(SharedReading)


@shape
class SharingQuery:
    """What was asked, granted and shared."""

    disclosure_requests = strawberry.field(
        resolver=disclosure_requests,
        graphql_type=list[DisclosureRequest] | None,
        description="Disclosure requests that the caller's organisation has asked or holds, newest first.",
    )
    preservation_requests = strawberry.field(
        resolver=preservation_requests,
        graphql_type=list[DisclosureRequest] | None,
        description="Preservation requests that the caller's organisation has asked or holds, newest first.",
    )
    disclosure_request = strawberry.field(
        resolver=disclosure_request,
        graphql_type=RequestFile | None,
        description="One request of either kind with its history; null when absent or of others.",
    )
    grants = strawberry.field(
        resolver=grants,
        graphql_type=list[Grant] | None,
        description="Disclosures that the caller's organisation was granted (ASKED) or has granted (HELD).",
    )
    sharing_groups = strawberry.field(
        resolver=sharing_groups,
        graphql_type=list[SharingGroup] | None,
        description="The sharing groups that the caller's organisation belongs to or is invited to.",
    )


@shape
class SharingMutation:
    """Acts of sharing."""

    request_disclosure = act_field("disclosure-request", DisclosureRequest, "Ask a holder to disclose.")
    decide_disclosure = act_field("disclosure-decision", DisclosureRequest, "Grant, refuse or ask back.")
    answer_question = act_field("disclosure-answer", DisclosureRequest, "Answer what the holder asked back.")
    remind_request = act_field("request-remind", DisclosureRequest, "Remind the holder of a request.")
    withdraw_request = act_field("request-withdraw", DisclosureRequest, "Withdraw a disclosure request.")
    revoke_grant = act_field("grant-revoke", DisclosureRequest, "End a grant at once.")
    request_preservation = act_field("preservation-request", DisclosureRequest, "Ask a holder to keep what it has.")
    acknowledge_preservation = act_field("preservation-acknowledge", DisclosureRequest, "Keep it, or say why not.")
    extend_preservation = act_field("preservation-extend", DisclosureRequest, "Move the end of a preservation.")
    lift_preservation = act_field("preservation-lift", DisclosureRequest, "End a preservation.")
    request_production = act_field("production-request", DisclosureRequest, "Ask for what was preserved.")
    create_group = act_field("group-create", SharingGroup, "Found a sharing group.")
    invite_to_group = act_field("group-invite", SharingGroup, "Invite an organisation, or move a member's end.")
    accept_invitation = act_field("group-accept", SharingGroup, "Come into a group.")
    leave_group = act_field("group-leave", SharingGroup, "Leave a group, or decline an invitation.")
    remove_from_group = act_field("group-remove", SharingGroup, "Remove a member from a group.")
    share_records = act_field("records-share", SharedRecords, "Share own records with a group.")
    unshare_records = act_field("records-unshare", SharedRecords, "Take own records back from a group.")
