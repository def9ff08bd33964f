"""Couriers and their waybills, read from ``schema/couriers.yaml``. A waybill with a wrong check digit links nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from graphsvc.model import identifiers
from graphsvc.model.catalogues import bad_file, slug
from graphsvc.model.datafiles import read_yaml
from graphsvc.model.scalars import CleanContext, ValueProblem, as_text, fold

_LABEL = re.compile(
    r"(?:AWB|WAYBILL|TRACKING(?:NO|NUMBER|ID)?|NORESI|RESI|MVĐ|MÃVẬNĐƠN|MÃĐƠN|运单号?|快递单号|單號|单号|NO)[:.#：]+"
)
_COMPANY = re.compile(
    r"[\s,]*(?:\b(?:co\.?,?\s*ltd|ltd|inc|corp|gmbh|s\.a\.|pt|jsc|courier|couriers)\b\.?|有限公司|股份|公司)\s*$", re.I
)


class _CourierFile(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    waybill: str = ""
    aliases: list[str] = []
    check: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Couriers:
    """Couriers by name, the forms of their waybills, and the check-digit rule of each."""

    names: Mapping[str, str]
    waybills: Mapping[str, re.Pattern[str]]
    checks: Mapping[str, str]

    def clean(self, value: Any, context: CleanContext | None = None) -> str:
        """The canonical name of a courier; for an unlisted one, its name in lower case."""
        word = fold(as_text(value)).casefold()
        for written in (word, _COMPANY.sub("", word), _joined(word)):
            if (known := self.names.get(written)) is not None:
                return known
        return slug(word, "courier")

    def compose(self, courier: str, waybill: str) -> str:
        """``courier:waybill``, or ``s10:item`` for a valid postal item number, which is the same at every post."""
        raw = re.sub(r"[^A-Z0-9]", "", _LABEL.sub("", waybill, count=1))
        if identifiers.is_s10(raw):
            return f"s10:{raw}"
        pattern = self.waybills.get(courier)
        if identifiers.looks_s10(raw):
            raise ValueProblem("invalid_s10", "the check digit of this postal item number is wrong (UPU S10)")
        if not 6 <= len(raw) <= 40 or not re.search(r"[0-9]", raw) or len(set(raw)) < 2:
            raise ValueProblem("invalid_waybill", "a waybill has 6 to 40 letters and digits: it is kept, not linked")
        if pattern is not None and not pattern.fullmatch(raw):
            raise ValueProblem("invalid_waybill", "this is no waybill of that courier: it is kept, not linked")
        if not CHECKS[self.checks.get(courier, "")](raw):
            raise ValueProblem("invalid_waybill", "the check digit of this waybill is wrong: it is kept, not linked")
        return f"{courier}:{raw}"


def load_couriers(path: Path) -> Couriers:
    """``couriers.yaml``; InvalidInput where two couriers claim one name or a check-digit rule is not known."""
    names: dict[str, str] = {}
    waybills: dict[str, re.Pattern[str]] = {}
    checks: dict[str, str] = {}
    for courier, read in read_yaml(path, dict[str, _CourierFile]).items():
        for word in [slug(courier, "courier"), *read.aliases]:
            for written in {fold(word).casefold(), _joined(fold(word).casefold())}:
                if names.setdefault(written, courier) != courier:
                    raise bad_file(path, f"{word} names two couriers")
        if read.check not in CHECKS:
            raise bad_file(path, f"{courier}: unknown check {read.check}")
        if read.waybill:
            waybills[courier] = _pattern(read.waybill, path)
        checks[courier] = read.check
    return Couriers(MappingProxyType(names), MappingProxyType(waybills), MappingProxyType(checks))


def _joined(word: str) -> str:
    """A name without spaces, hyphens and dots: ``S.F. Express`` and ``SF-Express`` are one."""
    return re.sub(r"[\s.\-_]+", "", word)


def _pattern(written: str, path: Path) -> re.Pattern[str]:
    try:
        pattern = re.compile(written)
    except re.error as error:
        raise bad_file(path, f"bad pattern {written}: {error}") from error
    if pattern.groups:
        raise bad_file(path, f"{written} must have no groups")
    return pattern


def _mod7(raw: str) -> bool:
    return int(raw[:-1]) % 7 == int(raw[-1])


def _dhl(raw: str) -> bool:
    """Air waybills end in the rest of the other nine digits by 7; piece numbers (J…) have no check digit."""
    return not raw.isdecimal() or _mod7(raw)


def _awb(raw: str) -> bool:
    """IATA air waybill: the seven digits after the airline's prefix modulo 7."""
    return int(raw[3:10]) % 7 == int(raw[10])


def _gs1(raw: str) -> bool:
    """GS1: from the right, digits count three times and once in turn, the last one completes the sum to ten."""
    digits = [int(char) for char in reversed(raw)]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _ups(raw: str) -> bool:
    """UPS 1Z: letters count (code - 63) modulo 10, every second character twice, check digit completes to ten."""
    digits = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in raw[2:]]
    total = sum(digits[0:15:2]) + 2 * sum(digits[1:15:2])
    return -total % 10 == digits[15]


def _fedex(raw: str) -> bool:
    """FedEx by length: weights 3 1 7 modulo 11 for 12 and 34 digits, GS1 for the ground and post forms."""
    if len(raw) in (12, 34):
        serial = raw[:11] if len(raw) == 12 else raw[-14:-1]
        total = sum((1, 3, 7)[place % 3] * int(char) for place, char in enumerate(reversed(serial)))
        return total % 11 % 10 == int(raw[-1])
    if len(raw) == 22:
        return _gs1(raw if raw.startswith("92") else raw[7:])
    return _gs1(raw if len(raw) == 15 else f"92{raw}")


def _dpd(raw: str) -> bool:
    """DPD's long form ends in a check character by ISO 7064 MOD 37,36; the short forms are taken as they are."""
    if len(raw) != 28:
        return True
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    check = 36
    for char in raw[:-1]:
        check = (check + alphabet.index(char)) % 36 or 36
        check = check * 2 % 37
    return (check + alphabet.index(raw[-1])) % 36 == 1


CHECKS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "": lambda raw: True, "mod7": _mod7, "dhl": _dhl, "awb": _awb, "gs1": _gs1, "ups": _ups, "fedex": _fedex,
        "dpd": _dpd,
    }
)  # fmt: skip
"""Check-digit rules by the names that ``couriers.yaml`` gives them; each takes a waybill that has the form."""
