"""Plain values: text, names, numbers, dates. Each cleaner gives a canonical value or raises :class:`ValueProblem`.

Canonical means: cleaning it again changes nothing, and two writings of the same value become equal. There are no
floats: a decimal is a string of digits, exact as written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from graphsvc.model.calendars import written_out
from graphsvc.model.errors import InvalidInput

MAX_TEXT = 20_000
"""Longest text kept, in characters."""
MAX_SHORT = 512
"""Longest name, identifier or key part, in characters."""
MAX_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exact."""

MIN_YEAR, MAX_YEAR = 1700, 2100
"""The years that a date or time may lie in: years of other calendars (2568, 1446, 114) lie outside."""

_DATE = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})(?:\2(\d{1,2}))?)?", re.ASCII)
_COMPACT_DATE = re.compile(r"(\d{4})()(\d{2})(\d{2})", re.ASCII)
_TIME = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})[T ] ?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII | re.IGNORECASE,
)
_MAX_BITS = 4_096
_WIDEST_OFFSET = 16 * 60
_SPACES = re.compile(r"\s+")
_TRUE = frozenset(("true", "yes", "y", "1", "是", "t"))
_FALSE = frozenset(("false", "no", "n", "0", "否", "f"))


class ValueProblem(InvalidInput):
    """A value that can't be brought into canonical form.

    ``rejects`` tells the two cases apart: False means kept and marked but never linked (a telephone number with
    digits masked, a code that is not in its list); True means the whole row is refused (a list where text belongs).
    The message never repeats the value.
    """

    code = "invalid_value"

    def __init__(self, code: str, message: str, *, rejects: bool = False) -> None:
        super().__init__(message, code=code)
        self.rejects = rejects


class SeveralValues(ValueProblem):
    """A cell that holds several values of its type, or values and other text.

    ``values`` are canonical; ``rest`` are the pieces that are none, each with its problem. Whoever can take several
    values does; for all others it is a problem like any other.
    """

    def __init__(self, code: str, message: str, values: list[str], rest: list[tuple[str, ValueProblem]]) -> None:
        super().__init__(code, message)
        self.values, self.rest = values, rest


@dataclass(frozen=True, slots=True)
class CleanContext:
    """What cleaning may know beside the value: the contributor's default region (ISO 3166-1) and its slug."""

    region: str | None = None
    org: str = ""


def as_text(value: Any) -> str:
    """A JSON scalar as text; lists, objects and null are refused."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() > _MAX_BITS:
            raise ValueProblem("too_long", "the number is too long: shorten it", rejects=True)
        return str(value)
    if isinstance(value, Decimal):
        return str(value)
    raise ValueProblem("wrong_type", "give text here, not a list, an object, null, true or false", rejects=True)


def fold(value: str) -> str:
    """Text of any script for an identifier: NFKC, every script's digits as 0-9, dashes as ``-``, nothing invisible."""
    if value.isascii() and value.isprintable():
        return value.strip()
    out: list[str] = []
    for char in unicodedata.normalize("NFKC", value):
        category = unicodedata.category(char)
        if category == "Nd":
            out.append(str(unicodedata.decimal(char)))
        elif category == "Pd" or char == "\u2212":
            out.append("-")
        elif category[0] == "Z" or char in "\t\r\n":
            out.append(" ")
        elif category[0] != "C":
            out.append(char)
    return unicodedata.normalize("NFC", "".join(out)).strip()


def text(value: Any) -> str:
    """Free text: NFC, line ends as one line feed, no control characters; at most :data:`MAX_TEXT` characters."""
    raw = as_text(value)
    if not (raw.isascii() and raw.isprintable()):
        raw = unicodedata.normalize("NFC", raw.replace("\r\n", "\n").replace("\r", "\n"))
        raw = "".join(c for c in raw if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
        raw = unicodedata.normalize("NFC", raw)
    raw = raw.strip()
    if len(raw) > MAX_TEXT:
        raise ValueProblem("too_long", f"text is longer than {MAX_TEXT} characters: shorten it")
    return _filled(raw)


def name(value: Any) -> str:
    """A name on one line: as text, with runs of white space as one space."""
    return _short(_SPACES.sub(" ", text(value)))


def reference(value: Any) -> str:
    """A contributor's own reference: one line, case kept."""
    return name(value)


def identifier(value: Any) -> str:
    """A number given out by some office: folded, capitals, no spaces."""
    return _filled(_short(_without(" ", _upper(fold(as_text(value))))))


def user_id(value: Any) -> str:
    """A user or item id on a site: folded, without a leading ``@``, case kept (sites differ)."""
    raw = fold(as_text(value)).lstrip("@ ")
    return _filled(_short(_SPACES.sub(" ", raw) if "  " in raw else raw))


def handle(value: Any) -> str:
    """A public handle: as a user id, without case."""
    return fold(user_id(value).casefold()).lstrip("@ ")


def plate(value: Any) -> str:
    """A registration plate: folded, capitals, without spaces and separators."""
    return _filled(_short(_without(" -.·・•", _upper(fold(as_text(value))))))


def address(value: Any) -> str:
    """A postal address for comparing: folded, no case, punctuation as one space."""
    spaced = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in fold(fold(as_text(value)).casefold()))
    return _filled(_short(_SPACES.sub(" ", spaced).strip()))


def boolean(value: Any) -> bool:
    """True or false, also written yes/no, y/n, 1/0, 是/否."""
    if isinstance(value, bool):
        return value
    word = as_text(value).strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueProblem("invalid_boolean", "write true or false")


def integer(value: Any) -> int:
    """A whole number within ±(2^53 - 1)."""
    try:
        number = value if isinstance(value, int) and not isinstance(value, bool) else int(Decimal(decimal(value)))
    except (InvalidOperation, OverflowError) as error:
        raise ValueProblem("invalid_integer", "write a whole number such as 12") from error
    if abs(number) > MAX_INTEGER:
        raise ValueProblem("invalid_integer", "whole numbers go up to 9007199254740991: give it as text")
    if not isinstance(value, int) and Decimal(decimal(value)) != number:
        raise ValueProblem("invalid_integer", "write a whole number, without decimals")
    return number


def decimal(value: Any) -> str:
    """An exact decimal number as a string: no exponent, no thousands separators, at most 38 digits each side."""
    if isinstance(value, float):
        value = repr(value)
    raw = fold(as_text(value))
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", raw, re.I):
        raise ValueProblem("invalid_decimal", "write a number such as 1234.5, without separators for thousands")
    number = Decimal(raw)
    if number.adjusted() > 37 or len(number.as_tuple().digits) > 76 or int(number.as_tuple().exponent) < -60:
        raise ValueProblem("invalid_decimal", "the number has too many digits")
    written = format(number, "f")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    whole, dot, rest = written.lstrip("+-").partition(".")
    canonical = (whole.lstrip("0") or "0") + dot + rest
    return f"-{canonical}" if number < 0 else canonical


def day(value: Any) -> str:
    """A date as ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY``; also read with ``/`` or ``.``, or with the month as a word.

    Day first in digits is refused.
    """
    return _day(fold(as_text(value)))


@lru_cache(maxsize=1 << 14)
def _day(raw: str) -> str:
    match = _COMPACT_DATE.fullmatch(raw) or _DATE.fullmatch(raw) or _DATE.fullmatch(written_out(raw))
    if match is None:
        raise ValueProblem("invalid_date", "write the date as YYYY-MM-DD, so that day and month can't be confused")
    year, month, of_month = (None if part is None else int(part) for part in match.group(1, 3, 4))
    assert year is not None
    try:
        # A month or day of 00 is not the same as none: nobody knows what it stands for.
        date(year, 1 if month is None else month, 1 if of_month is None else of_month)
    except ValueError as error:
        raise ValueProblem("invalid_date", "there is no such day in the calendar") from error
    _plausible(year)
    return "-".join(f"{part:0{width}d}" for part, width in ((year, 4), (month, 2), (of_month, 2)) if part is not None)


def moment(value: Any) -> str:
    """A time as RFC 3339 UTC (``2025-03-01T22:14:00Z``), or a full date where no time is known.

    The year comes first; the rest is read as Excel and databases write it. A time without offset from UTC is refused:
    guessing one would move a night's advert to another day.
    """
    return _moment(fold(as_text(value)))


@lru_cache(maxsize=1 << 14)
def _moment(raw: str) -> str:
    match = _TIME.fullmatch(raw) or _TIME.fullmatch(written_out(raw))
    if match is None:
        whole = _day(raw)
        if len(whole) != 10:
            raise ValueProblem("invalid_time", "write the time as 2025-03-01T22:14:00+08:00, or the whole date")
        return whole
    if match["zone"] is None:
        raise ValueProblem("no_offset", "add Z or an offset as +08:00 to the time, or set `timezone` in the mapping")
    year, month, of_month, hour, minute, second = (int(part or 0) for part in match.group(1, 3, 4, 5, 6, 7))
    micro = int((match[8] or "").ljust(6, "0")[:6])
    try:
        when = datetime(year, month, of_month, hour, minute, second, micro, UTC) - _offset(match["zone"])
    except (ValueError, OverflowError) as error:
        raise ValueProblem("invalid_time", "there is no such time in the calendar") from error
    _plausible(when.year)
    whole = when.isoformat()[:19]
    if when.microsecond:
        whole += f".{when.microsecond:06d}".rstrip("0")
    return f"{whole}Z"


def lacks_offset(value: str) -> bool:
    """Whether a text is a time of day that doesn't say its offset from UTC."""
    raw = fold(value)
    match = _TIME.fullmatch(raw) or _TIME.fullmatch(written_out(raw))
    return match is not None and match["zone"] is None


def _offset(zone: str) -> timedelta:
    """An offset from UTC as written; raises ValueError where no clock has it."""
    if zone[0] not in "+-":
        return timedelta(0)
    minutes = int(zone[1:3]) * 60 + int(zone[-2:] if len(zone) > 3 else 0)
    if int(zone[-2:]) > 59 or minutes >= _WIDEST_OFFSET:
        raise ValueError("no offset")
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def _plausible(year: int) -> None:
    if not MIN_YEAR <= year <= MAX_YEAR:
        message = f"years go from {MIN_YEAR} to {MAX_YEAR} of the Gregorian calendar: convert other calendars' years"
        raise ValueProblem("implausible_year", message)


def first_moment(value: Any) -> str:
    """The beginning of a time or date, RFC 3339 UTC. For ``expires`` this is the careful reading."""
    when = moment(value)
    return when if len(when) > 10 else f"{when}T00:00:00Z"


def last_moment(value: Any) -> str:
    """The end of a time or date, RFC 3339 UTC."""
    when = moment(value)
    return when if len(when) > 10 else f"{when}T23:59:59Z"


def _upper(value: str) -> str:
    return unicodedata.normalize("NFKC", value.upper())


def _without(chars: str, value: str) -> str:
    """The value without these characters, in NFC again: characters that become neighbours may combine."""
    return unicodedata.normalize("NFC", value.translate(dict.fromkeys(map(ord, chars))))


def _short(value: str) -> str:
    if len(value) > MAX_SHORT:
        raise ValueProblem("too_long", f"this value may have at most {MAX_SHORT} characters")
    return value


def _filled(value: str) -> str:
    if not value:
        raise ValueProblem("empty", "the value is empty")
    return value
