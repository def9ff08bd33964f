"""The values of one row: how a source of a mapping finds its value among cells or in an object, and refines it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import itemgetter
from typing import Any

from graphsvc.model.errors import InvalidInput
from graphsvc.model.scalars import MAX_TEXT, lacks_offset
from importers.rules import FIELD, Condition, Source, Value
from importers.written import dated, factor_of, number, unguarded

Getter = Callable[[Any], Any]
"""Gives one value of a row (a list of cells, or an object), None where there is none."""
Lookup = Callable[[str], Getter | None]
"""Gives the getter of a column, None where the table has no such column."""
ROW = "#row"
"""The column that every table has: the row's number in its file, counted from 1."""
_GUARDS = frozenset(("=", "'", "`", "’"))
MAX_CONST = 1_000
"""A constant of at most this many characters is a word, whose share of a row's size need not be counted."""
MAX_PIECES = 1_000
"""A cell is split into at most this many pieces, empty ones counted; a row with more is refused."""


class Refused(Exception):
    """Ends the making of one row's draft; ``problem`` is (code, JSON pointer, what to do)."""

    def __init__(self, code: str, pointer: str, message: str) -> None:
        super().__init__(code)
        self.problem = (code, pointer, message)


def value_of(source: Source) -> Value:
    """A source in its long form."""
    return Value(column=source) if isinstance(source, str) else source


def getter_of(source: Source, lookup: Lookup, pointer: str) -> Getter:
    """The getter of a source's value; raises InvalidInput if a column is missing that is not optional.

    The getter itself raises Refused for a row whose value is too long or has too many pieces.
    """
    value = value_of(source)
    if value.const is not None:
        const = value.const
        return lambda row: const
    getters = [lookup(column) for column in value.columns]
    for column, getter in zip(value.columns, getters, strict=True):
        if getter is None and not value.optional:
            raise _missing(column, pointer)
    if any(getter is None for getter in getters):
        return lambda row: None
    base = getters[0] if value.template is None else _template(value.template, [g for g in getters if g])
    assert base is not None
    unit = None
    if value.unit is not None and (unit := lookup(value.unit)) is None:
        raise _missing(value.unit, pointer)
    if not (value.absent or value.map or value.other or value.split or value.timezone or _changes(value)):
        return base
    return _refined(base, value, unit)


def _changes(value: Value) -> bool:
    """Whether a value's text is changed, and not only looked up."""
    return bool(
        value.strip or value.replace or value.first or value.date or value.decimal or value.multiply or value.factors
    )


def _template(template: str, getters: list[Getter]) -> Getter:
    texts = FIELD.split(template)[::2]

    def get(row: Any) -> Any:
        out, size = [texts[0]], 0
        for getter, text in zip(getters, texts[1:], strict=True):
            value = getter(row)
            if value is None:
                return None
            out += (word_of(value), text)
            size += len(out[-2])
            if size > MAX_TEXT:
                raise Refused("too_long", "", f"a template makes more than {MAX_TEXT} characters: shorten it")
        return "".join(out)

    return get


def _refined(base: Getter, value: Value, unit: Getter | None) -> Getter:
    absent = frozenset(word.casefold() for word in value.absent)
    separators = value.separators
    changed = _changed(value) if _changes(value) else None
    factors = {word.casefold(): factor_of(str(factor)) for word, factor in value.factors.items()}

    def one(found: Any, factor: Decimal | None) -> Any:
        word = word_of(found) if not isinstance(found, list) else found
        if isinstance(word, str):
            if changed is not None:
                word = found = changed(word, factor)
            if not word or word.casefold() in absent:
                return None
            if word in value.map:
                return value.map[word]
            if value.other:
                return value.other
            if value.timezone and lacks_offset(word):
                return word + value.timezone
        return found

    def get(row: Any) -> Any:
        found = base(row)
        if found is None:
            return None
        factor = None
        if unit is not None:
            named = word_of(unit(row) or "")
            factor = factors.get(named.casefold())
            if factor is None and not isinstance(found, list):
                # In an unknown unit the number means nothing: with its unit it is kept as text, and marked.
                return f"{word_of(found)} {named}".strip() if named else f"{word_of(found)} ?"
        if separators and isinstance(found, str):
            for other in separators[1:]:
                found = found.replace(other, separators[0])
            parts = found.split(separators[0], MAX_PIECES)
            if len(parts) > MAX_PIECES:
                raise Refused("too_many", "", f"a cell is split into more than {MAX_PIECES} values: shorten it")
            found = [part.strip() for part in parts]
        if isinstance(found, list):
            return [kept for part in found if part != "" and (kept := one(part, factor)) is not None] or None
        return one(found, factor)

    return get


def _changed(value: Value) -> Callable[[str, Decimal | None], str]:
    """What a value's own rules make of its text; the second argument is the factor of the row's unit."""
    multiply = None if value.multiply is None else factor_of(str(value.multiply))
    counts = value.decimal is not None or multiply is not None or bool(value.factors)

    def change(word: str, factor: Decimal | None) -> str:
        for mark in value.strip:
            word = word.strip().removeprefix(mark).removesuffix(mark)
        for old, new in value.replace.items():
            if word.count(old) * (len(new) - len(old)) + len(word) > max(MAX_TEXT, len(word)):
                raise Refused("too_long", "", f"a replacement makes more than {MAX_TEXT} characters: shorten it")
            word = word.replace(old, new)
        word = word.strip()[: value.first]
        if value.date is not None:
            word = dated(word, value.date, value.calendar)
        return number(word, value.decimal or ".", factor or multiply) if counts else word

    return change


def test_of(condition: Condition, lookup: Lookup, pointer: str) -> Callable[[Any], bool]:
    """A condition as a test of a row; raises InvalidInput where its column is missing."""
    getter = lookup(condition.column)
    if getter is None:
        raise _missing(condition.column, pointer)
    words = None if condition.among is None else frozenset(condition.among)
    equals = None if condition.equals is None else word_of(condition.equals)

    def holds(row: Any) -> bool:
        return _meets(row) is not condition.negated

    def _meets(row: Any) -> bool:
        value = getter(row)
        if value is None:
            return condition.absent and not condition.present and equals is None and words is None
        if condition.absent:
            return False
        word = word_of(value)
        return (equals is None or word == equals) and (words is None or word in words)

    return holds


def word_of(value: Any) -> str:
    """A value as the text that conditions, maps and templates see: JSON's words for true and false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def columns_of(header: Iterable[str]) -> Lookup:
    """Columns of a table by header; white space around names is dropped, an empty cell is None.

    ``#3`` is the third column, ``phone#2`` the second that is named so. A row is a list of cells as long as the header,
    as :func:`plain` makes them, and its number after them.
    """
    places: dict[str, list[int]] = {}
    for index, name in enumerate(header):
        places.setdefault(" ".join(name.split()), []).append(index)
    width = sum(map(len, places.values()))

    def lookup(column: str) -> Getter | None:
        if column == ROW:
            return lambda cells: cells[-1]
        found = places.get(" ".join(column.split()), [])
        if not found and "#" in column:
            name, _, nth = column.rpartition("#")
            named = places.get(" ".join(name.split()), []) if name else list(range(width))
            found = named[int(nth) - 1 : int(nth)] if nth.isdecimal() and 0 < int(nth) <= len(named) else []
        if len(found) > 1:
            message = f'the header names {column} twice: rename one, or write "{column}#1", "{column}#2"'
            raise InvalidInput(message, code="double_column", where="row 0")
        return itemgetter(found[0]) if found else None

    return lookup


def plain(cells: Iterable[Any]) -> list[Any]:
    """Cells without white space around them and without guards; an empty one is None."""
    found: list[Any] = []
    for cell in cells:
        if isinstance(cell, str):
            word = cell.strip()
            found.append((unguarded(word) if word[:1] in _GUARDS else word) or None)
        else:
            found.append(cell)
    return found


def is_direct(source: Source) -> bool:
    """Whether a value is a constant word, or one cell as it stands."""
    value = value_of(source)
    if value.const is not None:
        return not isinstance(value.const, list) and len(str(value.const)) <= MAX_CONST
    refined = value.absent or value.map or value.other or value.split or value.timezone or value.unit
    return value.template is None and not (refined or _changes(value))


def path_of(column: str) -> Getter:
    """The getter of a dotted path into an object; a member whose own name is the whole path comes first."""
    steps = column.split(".")

    def get(found: Any) -> Any:
        if column in found:
            found = found[column]
        else:
            for step in steps:
                if not isinstance(found, dict) or step not in found:
                    return None
                found = found[step]
        if isinstance(found, str):
            return found.strip() or None
        return None if isinstance(found, dict) else found

    return get


def _missing(column: str, pointer: str) -> InvalidInput:
    message = f"mapping {pointer}: the table has no column {column}: correct the mapping, or mark the value optional"
    return InvalidInput(message, code="missing_column", where=f"mapping {pointer}")
