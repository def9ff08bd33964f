"""Executes one prepared operation: by its plan, or by graphql-core for what a plan does not cover.

The size of an answer is counted while it is built, so one that is too large ends before it is complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, NamedTuple

import msgspec
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, execute, get_nullable_type, is_list_type
from graphql.execution.values import VariableValues

from graphsvc.api.documents import Prepared
from graphsvc.api.fields import Context
from graphsvc.api.plans import LEAF, Plan, Surprise
from graphsvc.api.problems import graphql_error
from graphsvc.api.tables import One, Several, shape_of
from graphsvc.model.errors import TooLarge
from graphsvc.model.room import CODE, Room, too_large
from graphsvc.wire.errors import AnswerError
from graphsvc.wire.shapes import Shape

MANY = 500
"""An answer of this many objects or more is rendered in a thread: it takes some milliseconds."""

_encode = msgspec.json.Encoder().encode


class Question(NamedTuple):
    """One operation with its variables: as given, and in the types declared."""

    prepared: Prepared
    given: Mapping[str, Any]
    variables: VariableValues


@dataclass(frozen=True, slots=True)
class Answer:
    """The encoded ``data`` and the errors beside it, ready to send."""

    data: bytes
    errors: list[AnswerError]


class Fetched(NamedTuple):
    """What a root field gave: a value, or the exception it raised."""

    value: Any
    error: Exception | None


@dataclass(frozen=True, slots=True)
class RootInfo:
    """The part of strawberry's ``Info`` that root fields use."""

    context: Context


async def answer(schema: GraphQLSchema, question: Question, context: Context) -> Answer:
    """Execute ``question``; a plan and graphql-core give the same bytes.

    First the root fields are read, then their values are rendered: in a thread, unless they are few. Raises TooLarge
    when the answer would be too large. When every root field failed, raises what the first one raised.
    """
    plan = question.prepared.plan
    # 1. Read the root fields, one after the other.
    if plan is not None:
        fetched = await _fetch(plan, question.variables, context)
    else:
        fetched = {} if question.prepared.introspective else await _fetch_any(schema, question, context)
    for one in fetched.values():
        if isinstance(one.error, TooLarge) and one.error.code == CODE:
            # An answer that is too large is neither sent nor logged.
            raise one.error
    # 2. Render and encode what was selected of their values.
    if plan is not None and _members(fetched) < MANY:
        return _rendered(schema, question, fetched)
    return await asyncio.to_thread(_rendered, schema, question, fetched)


async def _fetch(plan: Plan, variables: VariableValues, context: Context) -> dict[str, Fetched]:
    info = RootInfo(context)
    fetched: dict[str, Fetched] = {}
    for root in plan.roots:
        try:
            fetched[root.key] = Fetched(await root.resolve(info, **root.arguments(variables)), None)
        except Exception as error:  # whatever it is: graphql-core reports it at its path
            fetched[root.key] = Fetched(None, error)
    return fetched


async def _fetch_any(schema: GraphQLSchema, question: Question, context: Context) -> dict[str, Fetched]:
    """The values of the root fields where there is no plan: graphql-core calls them, and gets null for each."""
    fetched: dict[str, Fetched] = {}

    async def fetch(key: str, call: Callable[[], Any]) -> None:
        try:
            fetched[key] = Fetched(await call(), None)
        except Exception as error:
            fetched[key] = Fetched(None, error)

    def resolve(following: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        if info.path.prev is None and not info.field_name.startswith("__"):
            return fetch(info.path.key, lambda: following(source, info, **arguments))
        # Introspection fields in the same document are not rendered yet: their lists stay empty.
        return [] if is_list_type(get_nullable_type(info.return_type)) else following(source, info, **arguments)

    result = _execute(schema, question, resolve, context)
    if isawaitable(result):
        await result
    return fetched


def _members(fetched: dict[str, Fetched]) -> int:
    """About how many objects there are to render: the members of lists, and of lists in those."""
    return sum(_count(one.value) for one in fetched.values())


def _count(value: Any) -> int:
    if isinstance(value, One):
        return value.table.count
    if isinstance(value, Several):
        return value.members.count
    return sum(len(part) + sum(len(inner) for member in part for inner in _lists(member)) for part in _lists(value))


def _lists(value: Any) -> list[list[Any]]:
    if isinstance(value, list):
        return [value]
    if not isinstance(value, Shape):
        return []
    return [part for name in value.__struct_fields__ if isinstance(part := getattr(value, name), list)]


def _rendered(schema: GraphQLSchema, question: Question, fetched: dict[str, Fetched]) -> Answer:
    plan = question.prepared.plan
    if plan is not None and not any(one.error for one in fetched.values()):
        try:
            data = plan.project([one.value for one in fetched.values()], Room())
            return Answer(_encode(data), [])
        except Surprise:
            pass
    return _general(schema, question, fetched)


def _general(schema: GraphQLSchema, question: Question, fetched: dict[str, Fetched]) -> Answer:
    room = Room()

    def resolve(following: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        if info.path.prev is None and info.path.key in fetched:
            one = fetched[info.path.key]
            if one.error is not None:
                raise one.error
            return shape_of(one.value)
        value = following(source, info, **arguments)
        try:
            room.take(len(str(info.path.key)) + LEAF + (len(value) if isinstance(value, str) else 0))
        except TooLarge as error:
            raise _Stopped from error
        return value

    try:
        result = _execute(schema, question, resolve)
    except _Stopped:
        raise too_large() from None
    assert isinstance(result, ExecutionResult), "all that has to be waited for was fetched before"
    _raise_if_nothing_is_left(result)
    errors = [graphql_error(error) for error in result.errors or ()]
    return Answer(_encode(result.data), errors)


class _Stopped(BaseException):
    """Ends graphql-core. It is no Exception: graphql-core would make it a field's error, and go on."""


def _execute(schema: GraphQLSchema, question: Question, resolve: Callable[..., Any], context: Any = None) -> Any:
    operation = question.prepared.operation
    return execute(
        schema,
        question.prepared.document,
        context_value=context,
        variable_values=dict(question.given),
        operation_name=operation.name.value if operation.name else None,
        middleware=[resolve],
        hide_suggestions=True,
    )


def _raise_if_nothing_is_left(result: ExecutionResult) -> None:
    errors: list[GraphQLError] = result.errors or []
    if not errors:
        return
    failed = {error.path[0] for error in errors if error.path}
    if result.data is None or all(value is None and key in failed for key, value in result.data.items()):
        raise errors[0].original_error or errors[0]
