"""GraphQL types, made from the structs of answers (:mod:`graphsvc.wire`)."""

from __future__ import annotations

from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Any, Optional, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

import strawberry
from msgspec import Meta
from strawberry.types import get_object_definition, has_object_definition

from graphsvc.api.tables import One, Several
from graphsvc.wire.shapes import Id, Shape

C = TypeVar("C", bound=type)


@dataclass_transform(field_specifiers=(strawberry.field,))
def given(declared: C) -> C:
    """An input type described by its docstring."""
    return strawberry.input(declared, description=cleandoc(declared.__doc__ or ""))


def graphql_type(hint: Any) -> Any:
    """An annotation as strawberry takes it; every shape in it is declared on the way."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return strawberry.ID if Id in parts[1:] else graphql_type(parts[0])
    if origin is One:
        return graphql_type(parts[0])
    if origin in (list, Several):
        return list[graphql_type(parts[0])]  # type: ignore[misc]
    if origin in (Union, UnionType):
        (inner,) = (part for part in parts if part is not NoneType)
        return Optional[graphql_type(inner)]  # noqa: UP045 -- what is computed can't stand left of a bar
    if isinstance(hint, type) and issubclass(hint, Shape) and not has_object_definition(hint):
        _declare(hint)
    return hint


def _declare(shape: type[Shape]) -> None:
    """Make a struct a GraphQL type: strawberry defines a twin class, and the struct takes over that definition."""
    hints = get_type_hints(shape, include_extras=True)
    members: dict[str, Any] = {
        name: strawberry.field(description=note.description)
        for name, hint in hints.items()
        for note in getattr(hint, "__metadata__", ())
        if isinstance(note, Meta) and note.description
    }
    members["__annotations__"] = {name: graphql_type(hint) for name, hint in hints.items()}
    twin = strawberry.type(type(shape.__name__, (), members), description=cleandoc(shape.__doc__ or ""))
    definition = get_object_definition(twin, strict=True)
    definition.origin = shape
    shape.__strawberry_definition__ = definition  # type: ignore[attr-defined]
