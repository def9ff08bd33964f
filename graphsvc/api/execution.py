"""Executes one prepared operation: by its plan, or by graphql-core wherever the plan does not reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, NamedTuple

import msgspec
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, execute
from graphql.execution.values import VariableValues

from graphsvc.api.documents import Prepared
from graphsvc.api.plans import Plan, Surprise
from graphsvc.api.problems import graphql_error
from graphsvc.api.roots import Context

_encode = msgspec.json.Encoder().encode


class Question(NamedTuple):
    """One operation with its variables: as given, and in the types declared."""

    prepared: Prepared
    given: dict[str, Any]
    variables: VariableValues


@dataclass(frozen=True, slots=True)
class Answer:
    """The encoded ``data`` and the errors beside it, ready to leave."""

    data: bytes
    errors: list[dict[str, Any]]


class Fetched(NamedTuple):
    """What a root field gave: a value, or the exception it raised."""

    value: Any
    error: Exception | None


@dataclass(frozen=True, slots=True)
class RootInfo:
    """What root fields use of strawberry's ``Info``."""

    context: Context


async def answer(schema: GraphQLSchema, question: Question, context: Context) -> Answer:
    """Execute ``question``; the bytes are the same whichever way it goes.

    Raises what the first root field raised when every root field failed: then there is no data to speak of.
    """
    plan = question.prepared.plan
    if plan is None:
        return await _general(schema, question, context, {})
    fetched = await _fetch(plan, question.variables, context)
    if not any(one.error for one in fetched.values()):
        try:
            data = plan.project([one.value for one in fetched.values()])
            return Answer(_encode(data), [])
        except Surprise:
            pass
    return await _general(schema, question, context, fetched)


async def _fetch(plan: Plan, variables: VariableValues, context: Context) -> dict[str, Fetched]:
    info = RootInfo(context)
    fetched: dict[str, Fetched] = {}
    for root in plan.roots:
        try:
            fetched[root.key] = Fetched(await root.resolve(info, **root.arguments(variables)), None)
        except Exception as error:  # whatever it is: graphql-core reports it at its path
            fetched[root.key] = Fetched(None, error)
    return fetched


async def _general(schema: GraphQLSchema, question: Question, context: Context, fetched: dict[str, Fetched]) -> Answer:
    operation = question.prepared.operation
    result = execute(
        schema,
        question.prepared.document,
        context_value=context,
        variable_values=question.given,
        operation_name=operation.name.value if operation.name else None,
        middleware=[_reuse(fetched)] if fetched else None,
        hide_suggestions=True,
    )
    if isawaitable(result):
        result = await result
    _raise_if_nothing_is_left(result)
    errors = [graphql_error(error) for error in result.errors or ()]
    return Answer(_encode(result.data), errors)


def _reuse(fetched: dict[str, Fetched]) -> Callable[..., Any]:
    def resolve(following: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        if info.path.prev is None and info.path.key in fetched:
            return _given(fetched[info.path.key])
        return following(source, info, **arguments)

    return resolve


def _given(one: Fetched) -> Awaitable[Any] | Any:
    if one.error is not None:
        raise one.error
    return one.value


def _raise_if_nothing_is_left(result: ExecutionResult) -> None:
    errors: list[GraphQLError] = result.errors or []
    if not errors:
        return
    failed = {error.path[0] for error in errors if error.path}
    if result.data is None or all(value is None and key in failed for key, value in result.data.items()):
        raise errors[0].original_error or errors[0]
