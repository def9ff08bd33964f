"""GraphQL of policies: versions of the rulebooks, the acts that change them, and why a record is shown or not.

Every change is a signed act (``docs/formats.md``, Acts): a mutation takes the compact JWS and nothing else.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import strawberry

from graphsvc.answers.graphql import reading_of
from graphsvc.api.arguments import LEDGER_INDEX, MAX_NAME, PAGE, Text, Within, text_of, within
from graphsvc.api.fields import Info, mutation, question
from graphsvc.api.types import given
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.places import ROW_MASK
from graphsvc.rulebooks.views import OtherReader, RulebooksView
from graphsvc.wire.rulebooks import ACTS, AccessExplanation, PolicyDifference, PolicyVersion

MAX_ROLES = 8
MAX_FOOTING = 200
MAX_OBJECT = 80


@given
class ReaderInput:
    """A reader that an owner asks about. Groups and grants of a member are those in force."""

    org: str
    kind: str
    roles: list[str]
    purpose: str = ""
    legal_basis: str = ""
    case: str = ""
    signed: bool = False


@question(cost=5)
async def policy_versions(
    info: Info,
    part: Annotated[str | None, Text(MAX_NAME)] = None,
    first: Annotated[int, PAGE] = 50,
    before: Annotated[int | None, LEDGER_INDEX] = None,
) -> list[PolicyVersion]:
    """Versions and proposals of the shared rulebook and of the caller's own file, newest first.

    before: those entered before this index. Versions of one index come together, even if that is more than first.
    """
    return await info.context.in_turn(asyncio.to_thread(_governing(info).versions, part, first, before))


@question(cost=50)
async def policy_difference(info: Info, object: Annotated[strawberry.ID, Text(MAX_OBJECT)]) -> PolicyDifference | None:
    """All decisions that a version of the shared rulebook, or of the caller's own file, changes from its base."""
    return await info.context.in_turn(_governing(info).difference(object))


@question(cost=10)
async def explain_access(
    info: Info,
    record: Annotated[strawberry.ID | None, Text()] = None,
    submission: Annotated[int | None, LEDGER_INDEX] = None,
    row: Annotated[int | None, Within(0, ROW_MASK)] = None,
    reader: ReaderInput | None = None,
) -> AccessExplanation | None:
    """What the caller (of an own record, any reader) may do with a record, and why; null when not visible."""
    if record is None and (submission is None or row is None):
        raise InvalidQuery("name a record, or a submission and a row", code="out_of_range", where="record")
    place = None if submission is None or row is None else (submission, row)
    return await info.context.in_turn(_governing(info).why(record, place, _reader(reader)))


def _reader(reader: ReaderInput | None) -> OtherReader | None:
    if reader is None:
        return None
    within("reader/roles", len(reader.roles), 0, MAX_ROLES)
    for name in ("org", "kind", "purpose", "legal_basis", "case"):
        if said := getattr(reader, name):
            text_of(f"reader/{name}", said, MAX_FOOTING)
    return OtherReader(
        org=reader.org,
        kind=reader.kind,
        roles=tuple(text_of("reader/roles", role, MAX_NAME) for role in reader.roles),
        purpose=reader.purpose,
        legal_basis=reader.legal_basis,
        case=reader.case,
        signed=bool(reader.signed),
    )


def _governing(info: Info) -> RulebooksView:
    return reading_of(info).of(RulebooksView)


QUESTIONS = (policy_versions, policy_difference, explain_access)
MUTATIONS = tuple(map(mutation, ACTS))
