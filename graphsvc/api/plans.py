"""Plans: selections compiled once and projected column by column.

graphql-core visits every value of an answer one by one, through a resolver and a completer each. Our types only ever
read a member of a struct, so a selection is compiled to a tree that takes all objects of one level at a time: one list
per field, its types checked as a set, and the rows put together in C. Where a question gives a table
(:mod:`graphsvc.api.tables`) the lists are there already, and only those that were selected are made. Whatever is out of
the ordinary, when compiling (directives, arguments below the root, introspection) or in the values (a missing member, a
null or type where none should be), is left to graphql-core, which then answers from the values already fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice, repeat
from operator import attrgetter, mul
from typing import Any, cast

import msgspec
import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from graphsvc.api.tables import Repeated, Several, Table, column_of
from graphsvc.model.room import Room

Arguments = dict[str, Any]
"""What a field is given, by name."""
Column = list[Any] | Table[Any] | Several[Any]
"""A value for each object of a level."""
_LEAVES: dict[str, frozenset[type]] = {
    "ID": frozenset({str}),
    "String": frozenset({str}),
    "Int": frozenset({int}),
    "Boolean": frozenset({bool}),
}
Often = list[int] | None
"""How often each value of a column stands in the answer, if not once."""
LEAF = 6
"""Characters that a value takes in JSON besides its name and text."""
_INT = 2**31
_DEFINITION = "strawberry-definition"


class Surprise(Exception):
    """Something a plan does not cover: graphql-core is to execute it."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar: every value of a column has one of ``types``; if ``whole``, it must fit GraphQL's 32-bit Int too."""

    types: frozenset[type]
    whole: bool

    def project(self, column: Column, room: Room, often: Often = None) -> list[Any]:
        """The column itself, checked."""
        if not isinstance(column, list):
            raise Surprise
        found = set(map(type, column))
        if not found <= self.types:
            raise Surprise
        if self.whole and int in found:
            numbers = [value for value in column if value is not None]
            if min(numbers) < -_INT or max(numbers) >= _INT:
                raise Surprise
        if str in found:
            if often is not None:
                room.take(sum(map(mul, [len(value or "") for value in column], often)))
            else:
                room.take(sum(map(len, column if len(found) == 1 else filter(None, column))))
        return column


@dataclass(frozen=True, slots=True)
class Objects:
    """An object type's selection: for each field the member to read and how to project it; ``row`` makes the result.

    A field without a member is ``__typename``.
    """

    name: str
    shape: type
    row: Callable[..., Any]
    fields: tuple[tuple[str | None, Projection], ...]
    width: int
    """Characters of a row besides its values."""

    def project(self, column: Column, room: Room, often: Often = None) -> list[Any]:
        """One row object per struct, or row of the table."""
        if isinstance(column, Table):
            if column.shape is not self.shape:
                raise Surprise
        elif not isinstance(column, list) or not set(map(type, column)) <= {self.shape}:
            raise Surprise
        count = len(column)
        room.take(self.width * (count if often is None else sum(often)))
        columns: list[Sequence[Any]] = []
        for key, below in self.fields:
            if key is None:
                columns.append([self.name] * count)
                continue
            values = column.column(key) if isinstance(column, Table) else list(map(attrgetter(key), column))
            if isinstance(values, Repeated):
                columns.append(_repeated(below, values, room, often))
            else:
                columns.append(below.project(values, room, often))
        return list(map(self.row, *columns))


@dataclass(frozen=True, slots=True)
class Lists:
    """A list: all its members of all rows are projected in one column."""

    inner: Projection

    def project(self, column: Column, room: Room, often: Often = None) -> list[Any]:
        """One projected list for each list, of equal length."""
        whole: Column
        if isinstance(column, Several):
            whole, lengths = column.members, column.lengths
        elif isinstance(column, list) and set(map(type, column)) <= {list}:
            whole, lengths = list(chain.from_iterable(column)), list(map(len, column))
        else:
            raise Surprise
        each = None if often is None else list(chain.from_iterable(map(repeat, often, lengths)))
        members = iter(self.inner.project(whole, room, each))
        return [list(islice(members, length)) for length in lengths]


@dataclass(frozen=True, slots=True)
class Nullable:
    """Null, or what ``inner`` takes."""

    inner: Projection

    def project(self, column: Column, room: Room, often: Often = None) -> list[Any]:
        """Nulls stay where they are."""
        if not isinstance(column, list) or None not in column:
            return self.inner.project(column, room, often)
        there = [value is not None for value in column]
        each = None if often is None else list(compress(often, there))
        present = iter(self.inner.project(list(compress(column, there)), room, each))
        return [next(present) if one else None for one in there]


Projection = Leaf | Objects | Lists | Nullable


def _repeated(below: Projection, column: Repeated, room: Room, often: Often) -> list[Any]:
    """Each value projected once, and counted as often as it comes."""
    if often is not None:
        raise Surprise
    comes = Counter(column.places)
    rows = below.project(column.values, room, [comes[place] for place in range(len(column))])
    return rows * len(column.places) if len(rows) == 1 else list(map(rows.__getitem__, column.places))


@dataclass(frozen=True, slots=True)
class Root:
    """One root field: under which key it answers, how it is called and how its value is projected."""

    key: str
    node: FieldNode
    field: GraphQLField
    resolve: Callable[..., Any]
    convert: Callable[[Arguments], Arguments]
    projection: Projection

    def arguments(self, variables: VariableValues) -> Arguments:
        """The arguments under their Python names, converted just as graphql-core converts them."""
        return self.convert(get_argument_values(self.field, self.node, variables, hide_suggestions=True))


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole operation: its root fields in order."""

    roots: tuple[Root, ...]
    row: Callable[..., Any]

    def project(self, values: list[Any], room: Room) -> Any:
        """The ``data`` for the root fields' values or tables, ready for msgspec to encode; raises Surprise, TooLarge.

        ``room`` bounds its size.
        """
        try:
            pairs = zip(self.roots, map(column_of, values), strict=True)
            return self.row(*[root.projection.project(column, room)[0] for root, column in pairs])
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise Surprise from error


def plan_of(schema: strawberry.Schema, document: DocumentNode, operation: OperationDefinitionNode) -> Plan | None:
    """The plan for a valid query operation, or None where graphql-core is to execute it."""
    query = schema._schema.query_type
    if query is None or operation.operation is not OperationType.QUERY or operation.directives:
        return None
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    try:
        collected = _collect(operation.selection_set, query.name, fragments)
        roots = tuple(_root(schema, query, key, nodes, fragments) for key, nodes in collected.items())
    except Surprise:
        return None
    return Plan(roots, _row(collected))


Fragments = dict[str, FragmentDefinitionNode]


def _root(
    schema: strawberry.Schema, query: GraphQLObjectType, key: str, nodes: list[FieldNode], fragments: Fragments
) -> Root:
    field = query.fields.get(nodes[0].name.value)
    if field is None:  # __schema, __type, __typename
        raise Surprise
    definition: StrawberryField = field.extensions[_DEFINITION]
    if definition.base_resolver is None or definition.extensions or definition.permission_classes:
        raise Surprise

    def convert(values: Arguments) -> Arguments:
        converter = schema.schema_converter
        return convert_arguments(values, definition.arguments, converter.scalar_registry, converter.config)

    resolve = cast(Callable[..., Any], definition.base_resolver.wrapped_func)
    return Root(key, nodes[0], field, resolve, convert, _projection(field.type, nodes, fragments))


def _projection(kind: GraphQLOutputType, nodes: list[FieldNode], fragments: Fragments) -> Projection:
    if isinstance(kind, GraphQLNonNull):
        return _present(kind.of_type, nodes, fragments)
    inner = _present(kind, nodes, fragments)
    return Leaf(inner.types | {type(None)}, inner.whole) if isinstance(inner, Leaf) else Nullable(inner)


def _present(kind: GraphQLOutputType, nodes: list[FieldNode], fragments: Fragments) -> Projection:
    if isinstance(kind, GraphQLList):
        return Lists(_projection(kind.of_type, nodes, fragments))
    if isinstance(kind, GraphQLScalarType) and kind.name in _LEAVES:
        return Leaf(_LEAVES[kind.name], kind.name == "Int")
    if isinstance(kind, GraphQLObjectType):
        return _objects(kind, nodes, fragments)
    raise Surprise


def _objects(kind: GraphQLObjectType, nodes: list[FieldNode], fragments: Fragments) -> Objects:
    collected: dict[str, list[FieldNode]] = {}
    for node in nodes:
        if node.selection_set is not None:
            for key, found in _collect(node.selection_set, kind.name, fragments).items():
                collected.setdefault(key, []).extend(found)
    fields: list[tuple[str | None, Projection]] = []
    for found in collected.values():
        name = found[0].name.value
        if name == "__typename":
            fields.append((None, Leaf(_LEAVES["String"], False)))
            continue
        field = kind.fields[name]
        definition: StrawberryField = field.extensions[_DEFINITION]
        if not definition.is_basic_field or definition.permission_classes or found[0].arguments:
            raise Surprise
        fields.append((definition.python_name, _projection(field.type, found, fragments)))
    width = sum(len(key) + LEAF for key in collected)
    shape = kind.extensions[_DEFINITION].origin
    return Objects(kind.name, shape, _row(collected), tuple(fields), width)


def _collect(selections: SelectionSetNode, name: str, fragments: Fragments) -> dict[str, list[FieldNode]]:
    """The fields by response key, in the order in which GraphQL collects them, fragments opened."""
    collected: dict[str, list[FieldNode]] = {}
    spread: set[str] = set()

    def visit(nodes: SelectionSetNode) -> None:
        for node in nodes.selections:
            if node.directives:
                raise Surprise
            if isinstance(node, FieldNode):
                collected.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is not None and node.type_condition.name.value != name:
                    raise Surprise
                visit(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                fragment = fragments[node.name.value]
                if fragment.directives or fragment.type_condition.name.value != name:
                    raise Surprise
                visit(fragment.selection_set)

    visit(selections)
    return collected


def _row(keys: Arguments) -> Callable[..., Any]:
    # Built in C from positional values, and encoded under the response keys: cheaper than a dict each.
    names = [f"field_{position}" for position in range(len(keys))]
    fields = [(name, cast(type, Any)) for name in names]
    return msgspec.defstruct("Row", fields, rename=dict(zip(names, keys, strict=True)), gc=False)
