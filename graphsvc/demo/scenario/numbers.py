"""Identifiers that look and check like real ones: phone numbers, waybills, accounts, devices. All from one seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_MOBILE = {"ID": ("+62812", 8), "VN": ("+8490", 7), "CN": ("+86138", 8), "KE": ("+254712", 6)}
"""Mobile ranges: prefix in E.164 and how many digits follow."""

_TRUNK = {"ID": ("+62", "0"), "VN": ("+84", "0"), "CN": ("+86", ""), "KE": ("+254", "0")}
_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


class Numbers:
    """Draws identifiers, none twice. The same seed gives the same identifiers in the same order."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._taken: set[str] = set()

    def phone(self, country: str) -> str:
        """A mobile number in E.164 of one of the scenario's four countries (ISO 3166-1 alpha-2)."""
        prefix, digits = _MOBILE[country]
        return self._fresh(lambda: prefix + str(self._rng.randrange(2, 10)) + self._digits(digits - 1))

    def waybill(self, country: str) -> str:
        """An international waybill in the form of UPU standard S10, with a right check digit."""
        service = self._rng.choice(("EE", "EM", "CP", "LX"))
        return self._fresh(lambda: s10(service, self._digits(8), country))

    def courier_waybill(self) -> str:
        """A waybill in a private courier's form: ``SF`` and twelve digits."""
        return self._fresh(lambda: "SF" + self._digits(12))

    def user(self) -> str:
        """A marketplace's user number."""
        return self._fresh(lambda: "u" + str(self._rng.randrange(1, 10)) + self._digits(6))

    def payment(self) -> str:
        """An account number at a payment app."""
        return self._fresh(lambda: "88" + self._digits(10))

    def device(self) -> str:
        """A device number as an app draws it: 16 hexadecimal digits."""
        return self._fresh(lambda: f"{self._rng.getrandbits(64):016x}")

    def item(self) -> str:
        """The number of an advert."""
        return self._fresh(lambda: "7" + self._digits(9))

    def _digits(self, count: int) -> str:
        return f"{self._rng.randrange(10**count):0{count}d}"

    def _fresh(self, draw: Callable[[], str]) -> str:
        while True:
            value = draw()
            if value not in self._taken:
                self._taken.add(value)
                return value


def s10(service: str, serial: str, country: str) -> str:
    """A waybill by UPU S10: service indicator, eight digits, check digit (modulus 11, weights 86423597), country."""
    rest = 11 - sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, serial, strict=True)) % 11
    check = {10: 0, 11: 5}.get(rest, rest)
    return f"{service}{serial}{check}{country}"


def spoil_s10(waybill: str) -> str:
    """The same waybill with a wrong check digit."""
    return waybill[:10] + str((int(waybill[10]) + 1) % 10) + waybill[11:]


def as_written(phone: str, country: str, style: int) -> str:
    """An E.164 number as people of ``country`` write it; styles 0 to 3: plain, spaced, dashed, international."""
    code, trunk = _TRUNK[country]
    if style == 3 or not phone.startswith(code):
        return phone
    national = trunk + phone[len(code) :]
    if style == 0:
        return national
    mark = " " if style == 1 else "-"
    return f"{national[:4]}{mark}{national[4:8]}{mark}{national[8:]}"
