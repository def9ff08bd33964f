"""GraphQL documents: parsed, validated, planned once and then remembered by their text."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    VariableDefinitionNode,
    parse,
    validate,
)
from graphql.execution.values import VariableValues, get_variable_values

from graphsvc.api.limits import MAX_QUERY, MAX_TOKENS, LimitsRule
from graphsvc.api.plans import Plan, plan_of
from graphsvc.wire.errors import AnswerError, Extensions, Place

REMEMBERED = 1 << 20
"""At most this many characters of query text are kept in memory, with the documents parsed from them."""
MAX_ERRORS = 10

_ECHO = re.compile(r"\b(Name|Int|Float|String|BlockString|Comment|character:|got:) ?['\"].*", re.DOTALL)

_INSIDE = re.compile(r"Variable '\$\w+' has invalid value at ([\w.\[\]]{1,200}):")


class Refused(Exception):
    """A document or its variables can't be executed; ``errors`` can be sent as they are: they quote no values."""

    def __init__(self, errors: list[AnswerError]) -> None:
        super().__init__("refused")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Prepared:
    """One operation of a valid document. ``plan`` is None where graphql-core executes it.

    ``introspective``: all its root fields ask about the schema, so nothing is read.
    """

    document: DocumentNode
    operation: OperationDefinitionNode
    introspective: bool
    plan: Plan | None

    @property
    def mutates(self) -> bool:
        """Whether the operation is a mutation."""
        return self.operation.operation is OperationType.MUTATION


class Documents:
    """Prepares documents against one schema. Only valid ones are remembered, the least recently used go first."""

    def __init__(self, schema: strawberry.Schema, remembered: int = REMEMBERED) -> None:
        self._planned = schema
        self._schema = schema._schema
        self._left = remembered
        self._known: OrderedDict[tuple[str, str | None], Prepared] = OrderedDict()

    def prepare(self, query: str, operation_name: str | None) -> Prepared:
        """The operation to execute; raises Refused."""
        key = query, operation_name
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
            return found
        prepared = self._prepare(query, operation_name)
        self._known[key] = prepared
        self._left -= len(query)
        while self._left < 0:
            (text, _), _ = self._known.popitem(last=False)
            self._left += len(text)
        return prepared

    def variables(self, prepared: Prepared, given: Mapping[str, Any]) -> VariableValues:
        """The variables in the types the operation declares; raises Refused, naming the variables."""
        declared = prepared.operation.variable_definitions or ()
        values = get_variable_values(self._schema, declared, dict(given), MAX_ERRORS, True)
        if isinstance(values, VariableValues):
            return values
        raise Refused([_variable_error(error) for error in values])

    def check(self, query: str) -> None:
        """Raises Refused when a document is not valid, whichever of its operations is asked for."""
        self._valid(query)

    def _prepare(self, query: str, operation_name: str | None) -> Prepared:
        document = self._valid(query)
        operation = _operation(document, operation_name)
        return Prepared(document, operation, _introspective(operation), plan_of(self._planned, document, operation))

    def _valid(self, query: str) -> DocumentNode:
        if len(query) > MAX_QUERY:
            raise Refused([_error(f"the query passes the limit of {MAX_QUERY} characters", "too_large")])
        try:
            document = parse(query, max_tokens=MAX_TOKENS)
            # The limits go first: they bound the work of all other rules.
            errors = validate(self._schema, document, [LimitsRule], MAX_ERRORS)
            errors = errors or validate(self._schema, document, None, MAX_ERRORS, True)
        except GraphQLSyntaxError as error:
            raise Refused([_document_error(error, "syntax")]) from None
        except RecursionError:
            raise Refused([_error("the document is nested too deeply", "too_large")]) from None
        if errors:
            raise Refused([_document_error(error, "invalid_query") for error in errors])
        return document


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if name is None:
        if len(operations) == 1:
            return operations[0]
        raise Refused([_error("the document holds several operations: name one", "operation_name", "operationName")])
    for operation in operations:
        if operation.name is not None and operation.name.value == name:
            return operation
    raise Refused([_error("the document holds no operation of that name", "operation_name", "operationName")])


def _introspective(operation: OperationDefinitionNode) -> bool:
    return all(
        isinstance(node, FieldNode) and node.name.value in {"__schema", "__type", "__typename"}
        for node in operation.selection_set.selections
    )


def _error(message: str, code: str, where: str = "") -> AnswerError:
    return AnswerError(message, Extensions(code, where))


def _document_error(error: GraphQLError, code: str) -> AnswerError:
    if any(isinstance(node, ValueNode) for node in error.nodes or ()):
        # graphql-core quotes the literal, which may be somebody's number.
        message = "a literal does not fit the type expected there"
    else:
        message = _ECHO.sub(r"\1", error.message)[:300]
    places = [Place(place.line, place.column) for place in error.locations or ()]
    places = places or [place for node in error.nodes or () for place in _begins(node)]
    where = f"line {places[0].line} column {places[0].column}" if places else "/query"
    code = str((error.extensions or {}).get("code", code))
    return AnswerError(message, Extensions(code, where), locations=places or None)


def _begins(node: Node) -> list[Place]:
    """Where a literal begins. The parser gives lists and objects no place: theirs is that of their first member."""
    if node.loc is not None:
        return [Place(node.loc.start_token.line, node.loc.start_token.column)]
    inside = (*getattr(node, "values", ()), *getattr(node, "fields", ()), getattr(node, "name", None))
    return next((places for one in inside if one is not None and (places := _begins(one))), [])


def _variable_error(error: GraphQLError) -> AnswerError:
    for node in error.nodes or ():
        if isinstance(node, VariableDefinitionNode):
            name = node.variable.name.value
            inner = _INSIDE.match(error.message)
            where = f"${name}{inner.group(1) if inner else ''}"
            return _error("a variable is missing or does not fit its type", "invalid_variable", where)
    return _error("the variables do not fit", "invalid_variable", "/variables")
