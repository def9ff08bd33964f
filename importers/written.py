"""Times, numbers and identifiers as tables write them, brought into the form that the cleaners read.

Only what a mapping states is done: nothing here guesses whether 03/04 is in March or in April. A cell that is not what
the mapping says is given back as it stands; the cleaner then keeps it, marked, and says why.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from typing import Literal

from graphsvc.model.scalars import MAX_SHORT, fold

DateForm = Literal["dmy", "mdy", "ymd", "epoch", "epoch-ms", "epoch-us", "excel", "excel-1904"]
"""How a column writes days and times; the last two are Excel's numbers of days, in its two calendars."""
Calendar = Literal["gregorian", "buddhist"]

BUDDHIST = 543
"""Years that the Thai calendar is ahead."""
_CENTURY = 69
"""Two-digit years below this are of this century (POSIX strptime)."""
_MAX_DIGITS = 60
_SEPARATED = re.compile(
    r"(?P<a>\d{1,4})\s?(?:[-/.]|年|\s|,)\s?(?P<b>\d{1,2}|[A-Za-z]{3,9}\.?)\s?(?:[-/.]|月|\s|,)\s?(?P<c>\d{1,4})日?"
    r"(?:[T,]?\s*(?P<before>上午|下午)?\s?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?P<part>[.,]\d{1,9})?)?"
    r"\s?(?P<half>[AaPp]\.?\s?[Mm]\.?|上午|下午|น\.)?)?(?P<zone>\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
)
_MONTH_FIRST = re.compile(r"(?P<b>[A-Za-z]{3,9}\.?)\s(?P<a>\d{1,2}),?\s(?P<c>\d{4})(?P<rest>.*)", re.S)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_PLACES: dict[str, tuple[str, str, str]] = {"dmy": ("c", "b", "a"), "mdy": ("c", "a", "b"), "ymd": ("a", "b", "c")}
_EPOCHS = {"epoch": 1, "epoch-ms": 1_000, "epoch-us": 1_000_000}
_EXCEL = {"excel": datetime(1899, 12, 30), "excel-1904": datetime(1904, 1, 1)}
_GUARDED = re.compile(r"=\s*\"(?P<formula>[^\"]*)\"|['`’](?P<mark>[^\s'`’]*\d[^\s'`’]*)['`’]?")


def dated(text: str, form: DateForm, calendar: Calendar = "gregorian") -> str:
    """A day or time in ``form`` as ``YYYY-MM-DD``, or ``YYYY-MM-DDTHH:MM:SS`` with the offset that it states.

    Numbers since 1970 are of UTC, and end in ``Z``. What begins with a year of four digits is read so in every form.
    Text that is not in ``form`` is returned as it is.
    """
    raw = fold(text)
    if form in _EPOCHS or form in _EXCEL:
        return _counted(raw, form) or text
    if month_first := _MONTH_FIRST.fullmatch(raw):
        raw = f"{month_first['a']} {month_first['b']} {month_first['c']}{month_first['rest']}"
        form = "dmy"
    match = _SEPARATED.fullmatch(raw)
    if match is None:
        return text
    places = _PLACES["ymd" if len(match["a"]) == 4 else form]
    year, month, day = (_part(match[place]) for place in places)
    if None in (year, month, day) or len(match[places[0]]) == 3 or (len(match["a"]) == 4 and len(match["c"]) > 2):
        return text
    assert year is not None and month is not None and day is not None
    if calendar == "buddhist":
        year = (year + 2500 if len(match[places[0]]) <= 2 else year) - BUDDHIST
    elif len(match[places[0]]) <= 2:
        year += 2000 if year < _CENTURY else 1900
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return text
    whole = f"{year:04d}-{month:02d}-{day:02d}"
    if match["hour"] is None:
        return whole
    hour = _of_day(int(match["hour"]), match["half"] or match["before"] or "")
    if hour is None:
        return text
    zone = (match["zone"] or "").strip()
    return f"{whole}T{hour:02d}:{match['minute']}:{match['second'] or '00'}{match['part'] or ''}{zone}"


def number(text: str, decimal: str = ".", factor: Decimal | None = None) -> str:
    """A number with ``decimal`` as its decimal mark, times ``factor``, exactly; text that is none as it is.

    The other mark, spaces and apostrophes part thousands. Digits stay what they are: nothing is rounded.
    """
    raw = fold(text).replace(" ", "").replace("'", "").replace("’", "")
    other = "," if decimal == "." else "."
    if other in raw and not re.fullmatch(
        rf"[+-]?\d{{1,3}}(?:{re.escape(other)}\d{{3}})+(?:{re.escape(decimal)}\d+)?", raw
    ):
        return text
    plain = raw.replace(other, "").replace(decimal, ".")
    if _NUMBER.fullmatch(plain) is None or len(plain) > _MAX_DIGITS:
        return text
    if factor is None:
        return plain
    with localcontext() as context:
        context.prec = 2 * _MAX_DIGITS
        product = Decimal(plain) * factor
    return f"{product.normalize():f}"


def factor_of(text: str) -> Decimal | None:
    """A factor as a mapping writes it; None for what is no positive number of at most 30 digits."""
    try:
        found = Decimal(text) if len(text) <= 30 and _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        return None
    return found if found is not None and found > 0 else None


def unguarded(cell: str) -> str:
    """A cell without what keeps a spreadsheet from taking it for a number: ``="0812"``, ``'0812``.

    An apostrophe goes only before a word with a digit in it: 't Hooft keeps his.
    """
    if cell[:1] not in "='`’" or len(cell) > MAX_SHORT or (match := _GUARDED.fullmatch(cell)) is None:
        return cell
    return (match["formula"] if match["formula"] is not None else match["mark"]).strip()


def _counted(raw: str, form: str) -> str | None:
    if _NUMBER.fullmatch(raw) is None or len(raw) > 24:
        return None
    try:
        if form in _EPOCHS:
            when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
                microseconds=int(Decimal(raw) * 1_000_000 / _EPOCHS[form])
            )
            return when.replace(tzinfo=None).isoformat() + "Z"
        days = Decimal(raw)
        # Excel counts a 29 February 1900 that never was: before March 1900 its numbers mean another day.
        if form == "excel" and days < 61:
            return None
        local = _EXCEL[form] + timedelta(seconds=round(days * 86_400))
    except (OverflowError, ValueError):
        return None
    return local.isoformat() if days % 1 else local.date().isoformat()


def _part(word: str) -> int | None:
    if word.isdecimal():
        return int(word)
    name = word.rstrip(".").casefold()
    return _MONTHS.index(name[:3]) + 1 if name[:3] in _MONTHS else None


def _of_day(hour: int, half: str) -> int | None:
    """The hour of 24; None where a clock has no such hour."""
    mark = half.casefold()[:1]
    if mark in ("a", "p", "上", "下"):
        if not 1 <= hour <= 12 and not (mark in ("上", "下") and hour < 24):
            return None
        return hour % 12 + (12 if mark in ("p", "下") else 0) if hour <= 12 else hour
    return hour if hour < 24 else None
