"""Bounds on the arguments of root fields, declared in their annotations, as ``first: Annotated[int, PAGE] = 50``.

Each check takes the argument's place in the query and its value. It returns the value to use, or raises InvalidQuery.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Protocol, get_args, get_origin, get_type_hints

from strawberry.types import has_object_definition

from graphsvc.model.errors import InvalidQuery

MAX_NAME = 64
MAX_VALUE = 1_024
MAX_PAGE = 500
MAX_ACT = 60_000
MAX_KINDS = 32
MAX_INDEX = 2**31 - 1


class Check(Protocol):
    """A bound on an argument."""

    def __call__(self, where: str, value: Any, /) -> Any:
        """The value to use. Raises InvalidQuery that names ``where``."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text of 1 to ``longest`` characters."""

    longest: int = MAX_VALUE

    def __call__(self, where: str, value: str, /) -> str:
        """The text, unchanged. Raises InvalidQuery."""
        return text_of(where, value, self.longest)


@dataclass(frozen=True, slots=True)
class Within:
    """A number from ``low`` to ``high``."""

    low: int
    high: int

    def __call__(self, where: str, value: int, /) -> int:
        """The number, unchanged. Raises InvalidQuery."""
        return within(where, value, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Many:
    """A list of ``low`` to ``high`` members."""

    low: int
    high: int

    def __call__(self, where: str, value: list[Any], /) -> list[Any]:
        """The list, unchanged. Raises InvalidQuery."""
        within(where, len(value), self.low, self.high)
        return value


class Kinds:
    """At most :data:`MAX_KINDS` names of kinds; whether they exist is checked where they are used."""

    def __call__(self, where: str, value: list[str], /) -> list[str]:
        """The names."""
        within(where, len(value), 1, MAX_KINDS)
        return [text_of(f"{where}/{position}", kind, MAX_NAME) for position, kind in enumerate(value)]


@dataclass(frozen=True, slots=True)
class Handles:
    """A list of ``low`` to ``high`` handles."""

    low: int
    high: int

    def __call__(self, where: str, value: list[str], /) -> list[str]:
        """The handles."""
        within(where, len(value), self.low, self.high)
        return [text_of(f"{where}/{position}", one) for position, one in enumerate(value)]


class Instant:
    """A time as RFC 3339; it must have a zone."""

    def __call__(self, where: str, value: str, /) -> str:
        """The time in UTC."""
        try:
            moment = datetime.fromisoformat(text_of(where, value, MAX_NAME))
            if moment.tzinfo is not None:
                return moment.astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            pass
        message = "a time with its zone is needed, as 2026-01-31T00:00:00Z"
        raise InvalidQuery(message, code="bad_time", where=where) from None


LEDGER_INDEX = Within(0, MAX_INDEX)
"""A ledger index."""
PAGE = Within(1, MAX_PAGE)
"""How many members of a list a caller asks for."""


def text_of(where: str, value: str, longest: int = MAX_VALUE) -> str:
    """A text of 1 to ``longest`` characters. Raises InvalidQuery that names ``where``."""
    if not value or len(value) > longest:
        raise InvalidQuery(f"a text of 1 to {longest} characters is needed", code="out_of_range", where=where)
    if "\0" in value:
        # Databases don't take this character.
        raise InvalidQuery("a text without the character 0 is needed", code="out_of_range", where=where)
    return value


def within(where: str, value: int, low: int, high: int) -> int:
    """A number from ``low`` to ``high``. Raises InvalidQuery that names ``where``."""
    # Explicit null for an argument with a default comes through as None.
    if value is None or not low <= value <= high:
        raise InvalidQuery(f"a number from {low} to {high} is needed", code="out_of_range", where=where)
    return value


class Group:
    """Arguments that several root fields share: a dataclass below this, each of its members an argument."""


def arguments_of(resolver: Callable[..., Any]) -> tuple[list[inspect.Parameter], dict[str, type[Group]]]:
    """The parameters of a root field with those of its groups spread, and the groups by the name of their parameter."""
    hints = get_type_hints(resolver, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if isinstance(kind, type) and issubclass(kind, Group)}
    spread: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(resolver).parameters.items():
        if name not in groups:
            spread.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        own = get_type_hints(groups[name], include_extras=True)
        for member in fields(groups[name]):  # type: ignore[arg-type]
            default = inspect.Parameter.empty if member.default is MISSING else member.default
            spread.append(
                inspect.Parameter(
                    member.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=own[member.name]
                )
            )
    return spread, groups


def members_of(group: type[Group]) -> list[str]:
    """The names of a group's arguments."""
    return [member.name for member in fields(group)]  # type: ignore[arg-type]


def checks_of(name: str, parameters: list[inspect.Parameter]) -> Mapping[str, tuple[Check, bool]]:
    """The checks of a root field's arguments, by name, each with whether null is let through unchecked.

    Raises TypeError for an argument without a bound; only truth values, enums and input objects need none.
    """
    found: dict[str, tuple[Check, bool]] = {}
    for parameter in parameters:
        if parameter.name == "info":
            continue
        hint = parameter.annotation
        checks = [note for note in getattr(hint, "__metadata__", ()) if callable(note)]
        plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        parts = set(get_args(plain)) or {plain}
        if checks:
            found[parameter.name] = checks[0], NoneType in parts
        elif not all(map(_bounded, parts - {NoneType})):
            raise TypeError(f"{name}: the argument {parameter.name} has no bound")
    return found


def _bounded(kind: Any) -> bool:
    return kind is bool or has_object_definition(kind) or (isinstance(kind, type) and issubclass(kind, Enum))
