"""GraphQL of custody: what was taken back, what one was told, holds, subject access.

Every change is a signed act (``docs/formats.md``, Acts): a mutation takes the compact JWS and nothing else.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from graphsvc.answers.graphql import reading_of
from graphsvc.answers.inputs import IdentifierInput, Kind, Parts, identifier_of
from graphsvc.api.arguments import LEDGER_INDEX, PAGE
from graphsvc.api.fields import Info, mutation, question
from graphsvc.lifecycle.views import CustodyView
from graphsvc.wire.lifecycle import ACTS, LegalHold, RecalledRecords, RecallNotice, SubjectAccess


@question(cost=5)
async def recalls(
    info: Info, first: Annotated[int, PAGE] = 50, before: Annotated[int | None, LEDGER_INDEX] = None
) -> list[RecalledRecords]:
    """What the caller's organisation took back, who had seen it, and who has not answered."""
    return await info.context.in_turn(asyncio.to_thread(_custody(info).recalls, first, before))


@question(cost=10)
async def recall_notices(
    info: Info,
    open: bool = True,
    first: Annotated[int, PAGE] = 50,
    before: Annotated[int | None, LEDGER_INDEX] = None,
) -> list[RecallNotice]:
    """Records that the caller's organisation saw and that were taken back since. open: unanswered only."""
    return await info.context.in_turn(asyncio.to_thread(_custody(info).notices, open is not False, first, before))


@question(cost=2)
async def holds(
    info: Info,
    open: bool = True,
    first: Annotated[int, PAGE] = 50,
    before: Annotated[int | None, LEDGER_INDEX] = None,
) -> list[LegalHold]:
    """The caller's organisation's legal holds, newest first; for its officers. open: in force only."""
    return await info.context.in_turn(asyncio.to_thread(_custody(info).holds, open is not False, first, before))


@question(cost=50)
async def subject_access(info: Info, kind: Kind, parts: Parts) -> SubjectAccess | None:
    """All that the caller's organisation holds and has disclosed on an identifier; for its officers."""
    stated, custody = identifier_of(IdentifierInput(kind=kind, parts=parts), ""), _custody(info)
    return await info.context.in_turn(asyncio.to_thread(custody.subject_access, stated.kind, stated.parts))


def _custody(info: Info) -> CustodyView:
    return reading_of(info).of(CustodyView)


QUESTIONS = (recalls, recall_notices, holds, subject_access)
MUTATIONS = tuple(map(mutation, ACTS))
