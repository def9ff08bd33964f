"""Dates whose month is a word, or that say year, month and day: nothing in them can be confused.

Month names of the field's languages. A year of the Buddhist era is read where the text says so, and only there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

_NAMES = """
january jan januari januar janvier janv jan. enero ene janeiro gennaio gen января янв มกราคม ม.ค. ocak
february feb februari februar février févr fév febrero fevereiro fev febbraio feb. февраля фев กุมภาพันธ์ ก.พ. şubat subat
march mar maret märz mrz mars marzo março maart марта мар มีนาคม มี.ค. mart
april apr avril avr abril abr aprile апреля апр เมษายน เม.ย. nisan
may mei mai mayo maio maggio mag мая พฤษภาคม พ.ค. mayıs mayis
june jun juni juin junio junho giugno giu июня июн มิถุนายน มิ.ย. haziran
july jul juli juillet juil julio julho luglio lug июля июл กรกฎาคม ก.ค. temmuz
august aug agustus août agosto ago agu ags agt augustus августа авг สิงหาคม ส.ค. ağustos agustos
september sep sept septembre septiembre setembro set settembre сентября сен сент กันยายน ก.ย. eylül eylul
october oct oktober okt octobre octubre outubro out ottobre ott октября окт ตุลาคม ต.ค. ekim
november nov novembre noviembre novembro ноября ноя нояб พฤศจิกายน พ.ย. kasım kasim
december dec desember des dezember dez décembre déc diciembre dic dezembro dicembre декабря дек ธันวาคม ธ.ค. aralık
"""
_ERA = 543
"""The Buddhist era is so many years ahead of the common one."""
_SAID = r"(?:พ\.?ศ\.?|b\.?\s?e\.?)"
_YEAR = rf"({_SAID}\s*)?(\d{{4}})(\s*{_SAID})?"


def _folded(word: str) -> str:
    # Turkish has two letters i: in capitals, and where a keyboard has but one, either may stand for the other.
    return unicodedata.normalize("NFKC", word).casefold().replace("ı", "i").rstrip(".")


MONTHS: Mapping[str, int] = MappingProxyType(
    {_folded(name): month for month, row in enumerate(_NAMES.strip().splitlines(), 1) for name in row.split()}
)
"""Month names and their usual short forms, without case and full stop at the end."""

_MONTH = "|".join(sorted((re.escape(name) for name in MONTHS), key=len, reverse=True))
_WEEKDAY = r"(?:[^\W\d]+\.?,\s*)?"
_FORMS = tuple(
    re.compile(form, re.I)
    for form in (
        r"(?P<y>\d{4})\s*[年년]\s*(?P<m>\d{1,2})\s*[月월]\s*(?:(?P<d>\d{1,2})\s*[日号號일])?",
        r"(?:ngày\s*)?(?:(?P<d>\d{1,2})\s*,?\s*)?tháng\s*(?P<m>\d{1,2})\s*,?\s*(?:năm\s*)?(?P<y>\d{4})",
        rf"{_WEEKDAY}(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|o|\.)?[\s\-/]*(?:de\s+|of\s+)?(?P<word>{_MONTH})\.?"
        rf"[\s\-/,]*(?:de\s+)?(?P<year>{_YEAR})",
        rf"{_WEEKDAY}(?P<word>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s*,?\s+(?P<year>{_YEAR})",
        rf"(?P<word>{_MONTH})\.?[\s,]+(?:de\s+)?(?P<year>{_YEAR})",
        rf"(?P<y>\d{{4}})-(?P<word>{_MONTH})-(?P<d>\d{{1,2}})",
    )
)


def written_out(raw: str) -> str:
    """Folded text with the date at its beginning in digits, year first, where that date is in words; else as it is.

    ``1 March 2025 22:14Z`` becomes ``2025-03-01 22:14Z``, ``2025年3月`` becomes ``2025-03``.
    """
    for form in _FORMS:
        match = form.match(raw)
        if match is None or raw[match.end() : match.end() + 1].isalnum():
            continue
        parts = match.groupdict()
        year = int(parts["y"]) if parts.get("y") else _year(parts["year"])
        word = parts.get("word")
        month = int(parts["m"]) if word is None else MONTHS.get(_folded(word), 0)
        day = parts.get("d")
        written = f"{year:04d}-{month:02d}" + (f"-{int(day):02d}" if day else "")
        rest = raw[match.end() :].lstrip(" ,")
        return f"{written} {rest}" if rest else written
    return raw


def _year(written: str) -> int:
    digits = re.sub(r"\D", "", written)
    said = re.search(_SAID, written, re.I) is not None
    return int(digits) - (_ERA if said else 0)
