"""How root fields are declared: what one may use, what it costs, what it answers.

Both executors, plans and graphql-core, call the functions of root fields, and read what they return by attribute: the
structs of :mod:`graphsvc.wire`, from which the schema's types are made.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from inspect import cleandoc
from typing import Any, Optional, TypeVar, get_type_hints

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from graphsvc.api.arguments import MAX_ACT, arguments_of, checks_of, members_of, text_of
from graphsvc.api.ports import Acting, Receipt, Registering
from graphsvc.api.types import graphql_type
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.principals import Principal
from graphsvc.wire.acts import Body, kind_of
from graphsvc.wire.shapes import Shape

T = TypeVar("T")
COST = "cost"
"""The name under which a root field's metadata hold its cost."""


@dataclass(slots=True)
class Context:
    """What the root fields of one request may use; queries have a reading, mutations the rest."""

    principal: Principal
    reading: Any = None
    registering: Registering | None = None
    acting: Acting | None = None
    receipts: list[Receipt] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def scoped(self) -> Any:
        """The reading of this request. Raises InvalidQuery in a mutation, which must not read."""
        if self.reading is None:
            raise InvalidQuery("this operation can't read")
        return self.reading

    async def in_turn(self, call: Awaitable[T]) -> T:
        """Await ``call`` after the calls before it: a reading answers one question at a time."""
        async with self._turn:
            return await call


Info = strawberry.Info[Context, None]


def question(cost: int) -> Callable[[Callable[..., Awaitable[Any]]], StrawberryField]:
    """Make a root field of a function: its docstring is the description, ``cost`` counts against a document's bound.

    The cost counts as often as any one field below is selected under different names. Raises TypeError for an
    argument without a bound (:mod:`graphsvc.api.arguments`). The field is nullable: if it fails, others are answered.
    """

    def declare(resolver: Callable[..., Awaitable[Any]]) -> StrawberryField:
        parameters, groups = arguments_of(resolver)
        checked = checks_of(resolver.__name__, parameters)
        checks = [(name, to_camel_case(name), *check) for name, check in checked.items()]
        members = {name: members_of(kind) for name, kind in groups.items()}

        @wraps(resolver)
        async def bounded(info: Info, **arguments: Any) -> Any:
            for name, where, check, optional in checks:
                if name in arguments and not (optional and arguments[name] is None):
                    arguments[name] = check(where, arguments[name])
            made = {
                name: groups[name](**{member: arguments.pop(member) for member in names if member in arguments})
                for name, names in members.items()
            }
            return await resolver(info, **arguments, **made)

        bounded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        answer = graphql_type(get_type_hints(resolver, include_extras=True)["return"])
        return _field(bounded, answer, cleandoc(resolver.__doc__ or ""), {COST: cost})

    return declare


def change(resolver: Callable[..., Awaitable[Any]]) -> StrawberryField:
    """Declare a mutation that takes no signed act, as :func:`question` declares a root field."""
    return question(0)(resolver)


def mutation(body: type[Body]) -> StrawberryField:
    """The mutation that takes a signed act with this ``body``."""
    kind = kind_of(body)

    async def act(info: Info, act: str) -> Shape:
        context = info.context
        if context.acting is None:
            raise InvalidQuery("this operation can't change anything")
        acted = await context.in_turn(context.acting.act(context.principal, kind, text_of("act", act, MAX_ACT)))
        context.receipts.append(acted.receipt)
        return acted.answer

    # strawberry names the field after its resolver.
    act.__name__ = kind.replace("-", "_")
    return _field(act, graphql_type(body.answer), cleandoc(body.__doc__ or ""), {})


def _field(resolver: Any, answer: Any, description: str, metadata: dict[str, Any]) -> StrawberryField:
    made: StrawberryField = strawberry.field(
        resolver=resolver,
        graphql_type=Optional[answer],  # noqa: UP045 -- what is computed can't stand left of a bar
        description=description,
        metadata=metadata,
    )
    return made
