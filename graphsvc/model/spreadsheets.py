"""What spreadsheets and data frames make of identifiers on their way: error cells, words for nothing, lost digits.

A column of numbers with a gap comes back as ``81234567801.0``, a long one as ``1.23457E+14``, a broken formula as
``#N/A``. Read as they stand, such cells tie strangers together: two different numbers print alike.
"""

from __future__ import annotations

import re
from typing import Any

from graphsvc.model.scalars import ValueProblem, fold

EXACT_DIGITS = 15
"""Decimal digits that every whole number keeps in a double (IEEE 754 binary64)."""

_ERROR_CELL = re.compile(
    r"#(?:N/A|N/D|NV|REF!|BEZUG!|VALUE!|WERT!|VALEUR!|VALOR!|NAME\?|NOM\?|DIV/0!|NUM!|ZAHL!|NOMBRE!|NULL!|NUL!"
    r"|NULO!|NULLO!|ERROR!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|BUSY!|GETTING_DATA|EXTERNAL!|UNKNOWN!|PYTHON!|#+)"
    r"|Err:\d{3}",
    re.I,
)
_NOTHING = re.compile(
    r"[<(\[]?(?:null|nan|none|nil|undefined|n/a|n\.a\.|nat)[>)\]]?|\\N|[-–—_.?*/]+|无|無|暂无|未知", re.I
)
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:(?:[.,]\d+)?e[+-]\d{1,3}|[.,]\d+e\d{1,3})", re.I)
_ERROR_HEADS = frozenset("#eE")
_NOTHING_HEADS = frozenset(r"<([nNuU\-–—_.?*/无無暂未")
_NUMBER_HEADS = frozenset("+-0123456789")
"""With what each of the above begins, once it is folded: most cells are told by one character."""
_ACTS, _SIGNS = frozenset("=@\t\r\n＝＠"), frozenset("+-＋－")
_FLOAT = re.compile(r"(\d{6,})[.,]0{1,2}")


def without_error(value: Any) -> Any:
    """The value, or ValueProblem ``error_cell`` where a cell holds a spreadsheet's error instead of one."""
    if isinstance(value, str) and value.lstrip()[:1] in _ERROR_HEADS and _ERROR_CELL.fullmatch(value.strip()):
        raise ValueProblem("error_cell", "the cell holds a spreadsheet's error, not a value: correct it in the file")
    return value


def restored(value: Any) -> Any:
    """An identifier as it was before a spreadsheet or a data frame took it for a number.

    ``81234567801.0`` becomes ``81234567801``; what holds no digits to trust raises ValueProblem: ``error_cell``,
    ``no_value`` (a word for nothing) or ``digits_lost``. Anything else is returned as it is.
    """
    if not isinstance(value, str):
        return value
    without_error(value)
    word = fold(value)
    head = word[:1]
    if head in _NOTHING_HEADS and _NOTHING.fullmatch(word):
        raise ValueProblem("no_value", "this is a word for nothing, not an identifier: leave the cell empty")
    if head not in _NUMBER_HEADS:
        return value
    whole = _FLOAT.fullmatch(word)
    if _SCIENTIFIC.fullmatch(word) or (whole is not None and len(whole[1]) > EXACT_DIGITS):
        raise ValueProblem("digits_lost", "a spreadsheet has cut digits off this number: export the column as text")
    return value if whole is None else whole[1]


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what it would; a number's sign stays.

    So says OWASP of CSV injection: cells that begin with ``=``, ``+``, ``-``, ``@``, a tab or a line end, also in
    their wide forms. :func:`released` takes exactly this apostrophe off again.
    """
    return f"'{cell}" if _acts(cell.lstrip("'")) else cell


def released(cell: str) -> str:
    """A cell as it was before :func:`guarded`."""
    return cell[1:] if cell[:1] == "'" and _acts(cell.lstrip("'")) else cell


def _acts(cell: str) -> bool:
    first = cell[:1]
    return first in _ACTS or (first in _SIGNS and not _signed_number(cell))


def _signed_number(cell: str) -> bool:
    digits = cell[1:].replace(" ", "").replace("-", "")
    return digits.isascii() and digits.replace(".", "", 1).isdigit()
