"""GraphQL of members: cases, and the act by which one changes itself."""

from __future__ import annotations

from typing import Annotated, cast

from strawberry.types.field import StrawberryField

from graphsvc.api.arguments import Text
from graphsvc.api.fields import Info, change, mutation
from graphsvc.model.errors import InvalidQuery
from graphsvc.wire.answers import Case
from graphsvc.wire.members import ACTS


@change
async def register_case(
    info: Info,
    reference: Annotated[str, Text(200)],
    title: Annotated[str, Text(500)],
    legal_basis: Annotated[str, Text(200)],
) -> Case:
    """Register a case, so that questions can name it."""
    context = info.context
    if context.registering is None:
        raise InvalidQuery("this operation can't change anything")
    registering = context.registering.register_case(context.principal, reference, title, legal_basis)
    acted = await context.in_turn(registering)
    context.receipts.append(acted.receipt)
    return cast(Case, acted.answer)


QUESTIONS: tuple[StrawberryField, ...] = ()
MUTATIONS = (register_case, *map(mutation, ACTS))
