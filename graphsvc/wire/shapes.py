"""What a declaration of an answer is made of, and the GraphQL selection that asks for all of it."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta


class Shape(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    """A GraphQL object type: its docstring is the description, its annotations the fields and their nullability.

    A field's own description is a ``Meta(description=…)`` of its annotation (:func:`told`).
    """


class Id:
    """Marks a text as GraphQL's ID."""


ID = Annotated[str, Id]
"""An opaque name, as a handle."""


def told(description: str) -> Meta:
    """An annotation that gives a field its description in the schema."""
    return Meta(description=description)


def selection(answer: Any) -> str:
    """The GraphQL selection of all that ``answer`` declares: a shape, or a list of one; empty for a scalar."""
    forms = list(shapes_in(answer))
    if not forms:
        return ""
    (form,) = forms
    hints = get_type_hints(form, include_extras=True)
    fields = (f"{field.encode_name}{selection(hints[field.name])}" for field in msgspec.structs.fields(form))
    return f" {{ {' '.join(fields)} }}"


def shapes_in(hint: Any) -> Iterator[type[Shape]]:
    """The shapes that an annotation is about: none for a scalar, one for a shape, a list of it, or it or null."""
    if get_origin(hint) in (Annotated, list, Union, UnionType):
        for part in get_args(hint):
            if part is not NoneType:
                yield from shapes_in(part)
    elif isinstance(hint, type) and issubclass(hint, Shape):
        yield hint
