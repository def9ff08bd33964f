"""What is known of telephone numbering beside ``phonenumbers``: words beside numbers, renumbered ranges.

Read from ``schema/numbering.yaml``; :class:`Numbering` is the cleaner of the type ``phone``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import phonenumbers

from graphsvc.model.datafiles import read_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.phonecells import CellWords, Reading, is_plain, several
from graphsvc.model.phones import number, unchecked
from graphsvc.model.scalars import CleanContext, SeveralValues, ValueProblem, as_text, fold


class _RangesFile(msgspec.Struct, forbid_unknown_fields=True):
    region: str
    since: str
    source: str
    moves: list[tuple[str, str]]
    withCode: list[tuple[str, str]] = []  # noqa: N815 - as the file writes it


class _ReusedFile(msgspec.Struct, forbid_unknown_fields=True):
    region: str
    written: str
    now: str
    source: str


class _NumberingFile(msgspec.Struct, forbid_unknown_fields=True):
    labels: list[str]
    chats: list[str]
    extensions: list[str]
    joints: list[str]
    hyphenExtensions: list[str]  # noqa: N815 - as the file writes it
    ranges: list[_RangesFile]
    reused: list[_ReusedFile]


@dataclass(frozen=True, slots=True)
class Move:
    """One range that was given new numbers on a day; ``source`` says who said so.

    ``coded``: only for numbers that were written with the country's code.
    """

    region: str
    since: date
    old: re.Pattern[str]
    new: str
    source: str
    coded: bool


@dataclass(frozen=True, slots=True, eq=False)
class Numbering:
    """Cleans telephone numbers. Equal only to itself, so that it may be part of a cache's key.

    ``moves`` and ``reused`` are by calling code, the latter as patterns of (writing, number of today).
    """

    words: CellWords
    moves: Mapping[int, tuple[Move, ...]]
    reused: Mapping[int, tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]]

    def clean(self, value: Any, context: CleanContext) -> str:
        """A telephone number as ``+8613800138000``; the context's region reads national numbers.

        Raises ValueProblem (``invalid_phone``, ``ambiguous_phone``, ``phone_without_region``): the number is kept,
        never linked; or SeveralValues where the cell holds several numbers, or one and something that is none.
        """
        return _clean(self, value if isinstance(value, str) else as_text(value), context.region)

    def one(self, raw: str, region: str | None) -> str:
        """The number that ``raw``, folded and without words, stands for, by the plan of today or an older one."""
        try:
            found = number(raw, region)
        except ValueProblem as problem:
            if problem.code != "invalid_phone" or (moved := self._moved(raw, region)) is None:
                raise
            return moved
        if self.reused:
            self._check_reuse(raw, found)
        return found

    def _moved(self, raw: str, region: str | None) -> str | None:
        """The new number of one in a renumbered range; None where there is none, or more than one."""
        old = unchecked(raw, region)
        if old is None or (moves := self.moves.get(old.country_code or 0)) is None:
            return None
        digits = phonenumbers.national_significant_number(old)
        coded = re.sub(r"[^0-9]", "", raw).removeprefix("00") == f"{old.country_code}{digits}"
        found = set()
        for move in moves:
            if (coded or not move.coded) and (match := move.old.fullmatch(digits)) is not None:
                try:
                    found.add(number(f"+{old.country_code}{match.expand(move.new)}", None))
                except ValueProblem:
                    continue
        return found.pop() if len(found) == 1 else None

    def _check_reuse(self, raw: str, found: str) -> None:
        for code, rules in self.reused.items():
            prefix = f"+{code}"
            if not found.startswith(prefix):
                continue
            for written, now in rules:
                if now.fullmatch(found, len(prefix)) and written.match(raw):
                    message = "an old area code is now the beginning of other people's numbers: it is kept, not linked"
                    raise ValueProblem("ambiguous_phone", message)


@lru_cache(maxsize=1 << 16)
def _clean(numbering: Numbering, value: str, region: str | None) -> str:
    raw = fold(value)
    if raw[:4].lower() == "tel:":
        raw = raw[4:].strip()
    region = region.upper() if region else None
    if is_plain(raw):
        return numbering.one(raw, region)
    reading = Reading(numbering.one, numbering.words, region)
    found, rest = several(reading, value)
    if len(found) == 1 and not rest:
        return found[0]
    if found:
        message = "several telephone numbers, or one and other text, in one cell: give each its own entity"
        raise SeveralValues("several_phones", message, found, rest)
    raise rest[0][1]


def load_numbering(path: Path) -> Numbering:
    """``numbering.yaml``; InvalidInput where a pattern, a day or a region in it is wrong."""
    read = read_yaml(path, _NumberingFile)
    moves: dict[int, list[Move]] = {}
    reused: dict[int, list[tuple[re.Pattern[str], re.Pattern[str]]]] = {}
    for change in read.ranges:
        since = _day(change.since, path)
        for coded, rows in ((False, change.moves), (True, change.withCode)):
            for old, new in rows:
                move = Move(change.region, since, _pattern(old, path), new, change.source, coded)
                moves.setdefault(_code(change.region, path), []).append(move)
    for rule in read.reused:
        code = _code(rule.region, path)
        abroad = rf"(?:(?:\+|00)\s*{code}[\s.\-]*(?:\(0\))?|[(\s]*)"
        written = _pattern(rf"{abroad}\(?(?:{rule.written})\)?[\s.\-]+", path)
        reused.setdefault(code, []).append((written, _pattern(rule.now, path)))
    words = CellWords.of(read.labels, read.chats, read.extensions, read.joints, read.hyphenExtensions)
    return Numbering(words, _frozen(moves), _frozen(reused))


def _frozen(table: Mapping[int, Iterable[Any]]) -> Mapping[int, tuple[Any, ...]]:
    return MappingProxyType({code: tuple(rows) for code, rows in table.items()})


def _code(region: str, path: Path) -> int:
    code: int = phonenumbers.country_code_for_region(region)
    if not code:
        raise InvalidInput(f"{path.name}: there is no numbering plan {region}", code="bad_file", where=path.name)
    return code


def _pattern(written: str, path: Path) -> re.Pattern[str]:
    try:
        return re.compile(written)
    except re.error as error:
        message = f"{path.name}: bad pattern {written}: {error}"
        raise InvalidInput(message, code="bad_file", where=path.name) from error


def _day(written: str, path: Path) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        message = f"{path.name}: write days as 2018-09-15, in quotes"
        raise InvalidInput(message, code="bad_file", where=path.name) from error
