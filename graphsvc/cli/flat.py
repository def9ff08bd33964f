"""Answers of any form as tables: a row for each member of a list, a column for each value in it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphsvc.cli.output import table
from graphsvc.model.spreadsheets import guarded

LIST = "list"
"""The first column of a CSV of several lists: which one a row belongs to."""


@dataclass(frozen=True)
class Flat:
    """One list of an answer, or the single values beside its lists, as a table."""

    name: str
    columns: list[str]
    rows: list[list[str | None]]


def flat_of(data: Mapping[str, Any]) -> list[Flat]:
    """The tables of an answer's ``data``, in its order."""
    return [one for name, value in data.items() for one in _tables(name, value)]


def show(tables: Sequence[Flat]) -> None:
    """Print the tables for people."""
    for number, one in enumerate(tables):
        if number:
            sys.stdout.write("\n")
        if one.rows:
            table(one.columns, one.rows, title=one.name if len(tables) > 1 else "")
        else:
            sys.stdout.write(f"{one.name}: nothing\n")
        sys.stdout.flush()


def write_csv(tables: Sequence[Flat]) -> None:
    """Write the tables as one CSV; of several, each row says first which list it belongs to."""
    several = len(tables) > 1
    columns = list(dict.fromkeys(column for one in tables for column in one.columns))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([LIST, *columns] if several else columns)
    for one in tables:
        for row in one.rows:
            cells = dict(zip(one.columns, row, strict=True))
            said = [guarded(cells.get(column) or "") for column in columns]
            writer.writerow([one.name, *said] if several else said)


def _tables(name: str, value: Any) -> Iterator[Flat]:
    if isinstance(value, list):
        yield _table(name, [member if isinstance(member, dict) else {name: member} for member in value])
    elif isinstance(value, dict):
        single = {key: one for key, one in value.items() if not _is_list_of_objects(one)}
        if single:
            yield _table(name, [single])
        for key, one in value.items():
            if _is_list_of_objects(one):
                yield from _tables(f"{name}.{key}", one)
    elif value is None:
        yield Flat(name, [], [])
    else:
        yield _table(name, [{name: value}])


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and (not value or isinstance(value[0], dict))


def _table(name: str, members: Sequence[Mapping[str, Any]]) -> Flat:
    rows = [dict(_cells("", member)) for member in members]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return Flat(name, columns, [[row.get(column) for column in columns] for row in rows])


def _cells(path: str, member: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The cells of a row: what is nested gets a dotted name, and a list below is one cell."""
    for key, value in member.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from _cells(name, value)
        else:
            yield name, _text(value)


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return "; ".join(" ".join(_words(one)) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


def _words(value: Any) -> Iterator[str]:
    """The single values in something nested, in order."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _words(one)
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)
    elif (text := _text(value)) is not None:
        yield text
