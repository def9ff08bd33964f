"""GraphQL of sharing: requests between organisations, grants, groups.

Every change is a signed act (``docs/formats.md``, Acts): a mutation takes the compact JWS and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import Annotated

import strawberry

from graphsvc.answers.graphql import reading_of
from graphsvc.api.arguments import LEDGER_INDEX, MAX_NAME, PAGE, Handles, Many, Text
from graphsvc.api.fields import Info, mutation, question
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.labels import GROUPS
from graphsvc.sharing.preview import Offer, preview
from graphsvc.sharing.states import ASKER, DISCLOSURE, HOLDER, PRESERVATION, STATES
from graphsvc.sharing.views import SharingView
from graphsvc.wire.sharing import (
    ACTS,
    MAX_RECORDS,
    Grant,
    GrantPreview,
    InformationRequest,
    RequestFile,
    SharingGroup,
)

First = Annotated[int, PAGE]
Before = Annotated[int | None, LEDGER_INDEX]
USES = ("analyse", "export")
State = Annotated[str | None, Text(MAX_NAME)]


@strawberry.enum(description="The side of a request: the organisation made it (ASKED) or received it (HELD).")
class Role(Enum):
    """The side of a request or a grant."""

    ASKED = ASKER
    HELD = HOLDER


@question(cost=2)
async def disclosure_requests(
    info: Info, role: Role, state: State = None, first: First = 50, before: Before = None
) -> list[InformationRequest]:
    """Disclosure requests that the caller's organisation made (ASKED) or received (HELD), newest first."""
    return await _requests(info, DISCLOSURE, role, state, (first, before))


@question(cost=2)
async def preservation_requests(
    info: Info, role: Role, state: State = None, first: First = 50, before: Before = None
) -> list[InformationRequest]:
    """Preservation requests that the caller's organisation made (ASKED) or received (HELD), newest first."""
    return await _requests(info, PRESERVATION, role, state, (first, before))


@question(cost=5)
async def information_request(info: Info, id: Annotated[strawberry.ID, Text(MAX_NAME)]) -> RequestFile | None:
    """One request of either kind with its history; null when absent or between other organisations."""
    return await info.context.in_turn(_sharing(info).request(id))


@question(cost=10)
async def preview_grant(
    info: Info,
    request: Annotated[strawberry.ID, Text(MAX_NAME)],
    records: Annotated[list[strawberry.ID], Handles(1, MAX_RECORDS)],
    field_groups: Annotated[list[str], Many(1, len(GROUPS))],
    uses: Annotated[list[str] | None, Many(0, len(USES))] = None,
    legal_basis: Annotated[str | None, Text(MAX_NAME)] = None,
) -> list[GrantPreview] | None:
    """What the asker of a request would be shown of the caller's records by a grant; null when it is not held."""
    _among(field_groups, GROUPS, "fieldGroups")
    _among(uses or (), USES, "uses")
    offer = Offer(records, field_groups, uses or (), legal_basis or "")

    async def previewed() -> list[GrantPreview] | None:
        held = await _sharing(info).held(request)
        return None if held is None else await preview(reading_of(info), held, offer)

    return await info.context.in_turn(previewed())


@question(cost=2)
async def grants(info: Info, role: Role, first: First = 50, before: Before = None) -> list[Grant]:
    """Disclosures that the caller's organisation was granted (ASKED) or has granted (HELD)."""
    return await info.context.in_turn(asyncio.to_thread(_sharing(info).grants, role.value, first, before))


@question(cost=2)
async def sharing_groups(info: Info) -> list[SharingGroup]:
    """The sharing groups that the caller's organisation belongs to or is invited to."""
    return await info.context.in_turn(asyncio.to_thread(_sharing(info).groups))


async def _requests(
    info: Info, kind: str, role: Role, state: str | None, page: tuple[int, int | None]
) -> list[InformationRequest]:
    if state is not None and state not in STATES:
        raise InvalidQuery(f"states are: {', '.join(STATES)}", code="out_of_range", where="state")
    return await info.context.in_turn(asyncio.to_thread(_sharing(info).requests, kind, role.value, state, *page))


def _among(said: Sequence[str], known: Sequence[str], where: str) -> None:
    if not set(said) <= set(known):
        raise InvalidQuery(f"those that there are: {', '.join(known)}", code="out_of_range", where=where)


def _sharing(info: Info) -> SharingView:
    return reading_of(info).of(SharingView)


QUESTIONS = (disclosure_requests, preservation_requests, information_request, preview_grant, grants, sharing_groups)
MUTATIONS = tuple(map(mutation, ACTS))
