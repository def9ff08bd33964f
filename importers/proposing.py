"""A mapping proposed for a table that nobody has described yet: from its headings, in several languages, and its cells.

Cells decide where their type can be told by a check digit or a form; headings where it can't. What neither tells, as on
which site the accounts are, is a question, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from graphsvc.model.datafiles import read_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.phones import number
from graphsvc.model.scalars import CleanContext, ValueProblem, fold
from graphsvc.model.values import clean
from importers.written import dated

LOOKED = 500
"""At most this many rows are looked at."""
_ENOUGH = 0.8
"""This part of a column's filled cells must be of a type for the column to be of it."""
_BY_FORM = ("email", "iban", "imei", "wallet", "ip")
"""Types that cells alone can tell: they have a check digit or a form of their own."""
_HEADINGS = Path(__file__).with_name("headings.yaml")
_PUNCTUATION = re.compile(r"[\s._\-:/()]+")
_DAY = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*")
_TIMES = ("ymd", "dmy", "mdy")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading as a mapping names it, what it holds (empty: not known), and its form of date."""

    name: str
    role: str = ""
    date: str = ""
    region: bool = False
    """Whether its telephone numbers are written without their country."""
    clock: bool = False
    """Whether its times have hours without an offset from UTC."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the file doesn't tell: a word for the answer, the question, and what is written until it is answered."""

    name: str
    text: str
    meanwhile: str


@dataclass(slots=True)
class Proposal:
    """The columns, and what has to be asked; ``mapping`` makes the file from the answers."""

    columns: list[Column]
    header: int
    questions: list[Question] = field(default_factory=list)

    def roles(self) -> dict[str, Column]:
        """The first column of each role."""
        found: dict[str, Column] = {}
        for column in self.columns:
            if column.role:
                found.setdefault(column.role, column)
        return found


_NOTHING: Mapping[str, str] = MappingProxyType({})


def propose(rows: Sequence[Sequence[str]], chosen: Mapping[str, str] = _NOTHING) -> Proposal | None:
    """What a table seems to hold, by its first rows, each as its cells; None where no row looks like a header.

    ``chosen`` says of columns, by name, what they hold (empty: nothing that is read), whatever they seem to. Raises
    InvalidInput for a column that is not there, or that is to hold what no column holds.
    """
    at = _header_of(rows)
    if at is None:
        return None
    header, body = [" ".join(cell.split()) for cell in rows[at]], rows[at + 1 : at + 1 + LOOKED]
    columns = []
    for index, name in enumerate(header):
        cells = [fold(row[index]) for row in body if index < len(row) and row[index].strip()]
        named = name if header.count(name) == 1 else f"{name}#{header[: index + 1].count(name)}"
        called = named if name else f"#{index + 1}"
        said = chosen.get(called)
        columns.append(_column(called, name, cells) if said is None else _held(called, said, cells))
    if strange := set(chosen).difference(column.name for column in columns):
        raise InvalidInput(f"{len(strange)} of these columns are not in the table", code="no_column", where="/holds")
    if set(chosen.values()).difference(held_by_columns(), ("",)):
        known = ", ".join(held_by_columns())
        raise InvalidInput(f"a column holds nothing, or one of {known}", code="no_such_holding", where="/holds")
    made = Proposal(columns, at + 1)
    made.questions = _questions(made)
    return made


def _header_of(rows: Sequence[Sequence[str]]) -> int | None:
    """The first row that is nearly as full as the fullest, and has words in it and no numbers."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:50]]
    for index, row in enumerate(rows[:50]):
        words = [cell for cell in row if cell.strip()]
        plain = [word for word in words if not any(char.isdigit() for char in word)]
        if words and filled[index] >= 0.6 * max(filled) and len(plain) >= 0.7 * len(words):
            return index
    return None


def _column(name: str, heading: str, cells: Sequence[str]) -> Column:
    role = _by_heading(heading)
    for kind in _BY_FORM:
        if kind == "imei" and role == "card":
            continue  # both have sixteen digits: here the heading tells
        if _share(cells, lambda cell, kind=kind: clean(kind, cell, CleanContext())) >= _ENOUGH:  # type: ignore[misc]
            return Column(name, kind)
    if role.endswith("phone") or (not role and _share(cells, _plain_number) >= _ENOUGH):
        return _held(name, role or "phone", cells)
    if (
        role in ("", "date")
        and cells
        and sum(_DAY.fullmatch(cell) is not None for cell in cells) >= _ENOUGH * len(cells)
    ):
        return _held(name, "date", cells)
    return Column(name, role)


def _held(name: str, role: str, cells: Sequence[str]) -> Column:
    """A column of which it is known what it holds: how its cells write that is told by them."""
    if role.endswith("phone"):
        return Column(name, role, region=_share(cells, lambda cell: number(cell, None)) < 1)
    if role == "date" and cells:
        forms = [form for form in _TIMES if all(_is_day(dated(cell, form)) for cell in cells)]  # type: ignore[arg-type]
        form = "ymd" if "ymd" in forms else forms[0] if len(forms) == 1 else "?" if forms else ""
        return Column(name, "date", date=form, clock=any(":" in cell for cell in cells))
    return Column(name, role)


def _share(cells: Sequence[str], rule: Callable[[str], object]) -> float:
    """The part of the cells that a rule takes."""
    taken = 0
    for cell in cells[:100]:
        try:
            rule(cell)
        except (ValueProblem, ValueError):
            continue
        taken += 1
    return taken / min(len(cells), 100) if cells else 0.0


def _plain_number(cell: str) -> None:
    """Take a cell that is a telephone number with its country; anything else may be any number."""
    if not cell.startswith("+"):
        raise ValueError
    number(cell, None)


def _is_day(text: str) -> bool:
    """Whether a text is a day of the calendar, year first."""
    try:
        clean("date", text[:10], CleanContext())
    except ValueProblem:
        return False
    return True


def _by_heading(heading: str) -> str:
    words = _PUNCTUATION.sub(" ", fold(heading[:200]).casefold()).strip()
    exact = _roles()
    if words in exact:
        return exact[words]
    # The longest word that the heading has as a word of its own: "receiver phone" before "phone".
    near = [word for word in exact if len(word) >= 4 and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", words)]
    return exact[max(near, key=len)] if near else ""


def held_by_columns() -> list[str]:
    """All that a column may hold, by its code, in order."""
    return sorted(set(_roles().values()))


@lru_cache(maxsize=1)
def _roles() -> Mapping[str, str]:
    """Every word of the table of headings → what such a column holds."""
    table = read_yaml(_HEADINGS, dict[str, list[str]])
    return {
        _PUNCTUATION.sub(" ", fold(word).casefold()).strip(): role for role, words in table.items() for word in words
    }


def _questions(made: Proposal) -> list[Question]:
    roles, asked = made.roles(), list[Question]()
    if "user_id" in roles and "site" not in roles:
        asked.append(Question("site", "On which site are the accounts (as taobao, or your own name)?", "my-site"))
    if "listing_id" in roles and "site" not in roles and "user_id" not in roles:
        asked.append(Question("site", "On which site are the adverts?", "my-site"))
    if "waybill" in roles and "courier" not in roles:
        asked.append(Question("courier", "Whose waybills are these (as ems, or your own name)?", "my-courier"))
    if any(column.region for column in made.columns):
        asked.append(Question("region", "Of which country are telephone numbers written without one (as ID)?", ""))
    for column in made.columns:
        if column.date == "?":
            asked.append(Question("date", f"Is 03/04 in {column.name} in March (mdy) or in April (dmy)?", "dmy"))
            break
    if any(column.clock for column in made.columns):
        asked.append(Question("timezone", "Which offset from UTC have the times (as +07:00)?", "Z"))
    asked.append(Question("handling", "Under which handling code do you give it (as tlp-2.0 AMBER)?", "tlp-2.0 AMBER"))
    asked.append(Question("legalBasis", "On which legal basis (as legitimate-interest)?", ""))
    return asked
