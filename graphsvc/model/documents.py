"""Numbers of papers and cards: resident and tax numbers, permits, payment cards.

Check digits come from ``python-stdnum``, those of Hong Kong, Singapore and Taiwan from their published rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import stdnum.luhn
from stdnum.at import vnr
from stdnum.be import nn as be_nn
from stdnum.bg import egn
from stdnum.br import cnpj, cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ch_ssn
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cu import ni
from stdnum.cz import rc as cz_rc
from stdnum.de import idnr as de_idnr
from stdnum.dk import cpr
from stdnum.do import cedula
from stdnum.ec import ci as ec_ci
from stdnum.ec import ruc as ec_ruc
from stdnum.ee import ik
from stdnum.es import dni, nie, nif
from stdnum.exceptions import ValidationError
from stdnum.fr import nir
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.id import nik
from stdnum.ie import pps
from stdnum.il import idnr as il_idnr
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.jp import in_ as jp_in
from stdnum.kr import rrn
from stdnum.lt import asmens
from stdnum.lv import pvn
from stdnum.mu import nid
from stdnum.mx import curp, rfc
from stdnum.my import nric
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pk import cnic
from stdnum.pl import pesel
from stdnum.pt import cc
from stdnum.pt import nif as pt_nif
from stdnum.ro import cnp
from stdnum.si import emso
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.tw import ubn
from stdnum.za import idnr

from graphsvc.model.scalars import ValueProblem, fold, identifier

_TAIWAN = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_PERMIT_LABEL = re.compile(
    r"^(?:CITES|PERMIT|CERTIFICATE|CERT|LICEN[CS]E|PERMIS|PERMISO|IZIN|GIẤY PHÉP|许可证号?|許可證號?"
    r"|NUMBER|NUMERO|NO|NR|N°|Nº|№|EXPORT|IMPORT|RE-EXPORT)(?![A-Z0-9])[\s.:#°/\-]*",
    re.I,
)
_MASKED_CARD = re.compile(r"(\d{6})[*xX•·]+(\d{4})")


def _hong_kong(number: str) -> str:
    """HKID: one or two letters, six digits, check digit in brackets; weights 9 to 2, modulo 11."""
    match = re.fullmatch(r"([A-Z]{1,2})(\d{6})([\dA])", number)
    if match is None:
        raise ValueError
    head = match[1].rjust(2)
    values = [36 if char == " " else ord(char) - 55 for char in head] + [int(digit) for digit in match[2]]
    total = sum(weight * value for weight, value in zip(range(9, 1, -1), values, strict=True))
    if (total + int(match[3], 16)) % 11:
        raise ValueError
    return number


def _singapore(number: str) -> str:
    """NRIC and FIN: weights 2 7 6 5 4 3 2, 4 more for T and G, 3 more for M; the letter by the rest modulo 11."""
    if re.fullmatch(r"[STFGM]\d{7}[A-Z]", number) is None:
        raise ValueError
    total = sum(w * int(d) for w, d in zip((2, 7, 6, 5, 4, 3, 2), number[1:8], strict=True))
    rest = (total + {"T": 4, "G": 4, "M": 3}.get(number[0], 0)) % 11
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(number[0], "XWUTRQPNMLK")
    if letters[10 - rest if number[0] == "M" else rest] != number[8]:
        raise ValueError
    return number


def _taiwan(number: str) -> str:
    """National and resident numbers: the letter counts 10 to 35, weights 1, then 9 8 7 6 5 4 3 2 1 1, modulo 10."""
    if re.fullmatch(r"[A-Z][1289]\d{8}", number) is None:
        raise ValueError
    tens, ones = divmod(_TAIWAN.index(number[0]) + 10, 10)
    weights = (8, 7, 6, 5, 4, 3, 2, 1, 1)
    if (tens + 9 * ones + sum(w * int(d) for w, d in zip(weights, number[1:], strict=True))) % 10:
        raise ValueError
    return number


_Rules = tuple[Callable[[str], str], ...]
_RESIDENT: Mapping[str, _Rules] = MappingProxyType(
    {
        "AT": (vnr.validate,), "BE": (be_nn.validate,), "BG": (egn.validate,), "BR": (cpf.validate, cnpj.validate),
        "CA": (sin.validate,), "CH": (ch_ssn.validate,), "CL": (rut.validate,), "CN": (ric.validate,),
        "CU": (ni.validate,), "CZ": (cz_rc.validate,), "DE": (de_idnr.validate,),
        "DK": (cpr.validate,), "DO": (cedula.validate,), "EC": (ec_ci.validate, ec_ruc.validate), "EE": (ik.validate,),
        "ES": (dni.validate, nie.validate, nif.validate), "FR": (nir.validate,), "GR": (amka.validate,),
        "HK": (_hong_kong,), "HR": (oib.validate,), "ID": (nik.validate,), "IE": (pps.validate,),
        "IL": (il_idnr.validate,),
        "IN": (aadhaar.validate, pan.validate), "IT": (codicefiscale.validate,),
        "JP": (jp_in.validate,), "KR": (rrn.validate,), "LT": (asmens.validate,), "LV": (pvn.validate,),
        "MU": (nid.validate,), "MX": (curp.validate, rfc.validate), "MY": (nric.validate,), "NL": (bsn.validate,),
        "NO": (fodselsnummer.validate,), "PK": (cnic.validate,), "PL": (pesel.validate,),
        "PT": (cc.validate, pt_nif.validate), "RO": (cnp.validate,), "SG": (_singapore,), "SI": (emso.validate,),
        "SK": (cz_rc.validate,), "TH": (pin.validate,), "TR": (tckimlik.validate,),
        "TW": (_taiwan, ubn.validate), "ZA": (idnr.validate,),
    }
)  # fmt: skip
"""Countries whose resident and tax numbers have a check that is known here; one of the rules must pass."""


def national_id(value: str, region: str | None) -> str:
    """A resident or tax number as ``CN:11010519491231002X``, its check digit checked where the rule is known."""
    raw = fold(value).upper()
    country, colon, number = raw.partition(":")
    if not colon:
        country, number = region or "", raw
    number = re.sub(r"[\s\-./()]", "", number)
    if not re.fullmatch(r"[A-Z]{2}", country) or not re.fullmatch(r"[A-Z0-9]{4,30}", number) or len(set(number)) < 2:
        raise ValueProblem("invalid_national_id", "write the country before the number, as in CN:11010519491231002X")
    rules = _RESIDENT.get(country, ())
    for rule in rules:
        try:
            return f"{country}:{re.sub(r'[^A-Z0-9]', '', rule(number).upper())}"
        except (ValidationError, LookupError, ValueError):  # some rules stumble over numbers they do not know
            continue
    if rules:
        raise ValueProblem("invalid_national_id", "the check digit of this resident number is wrong")
    return f"{country}:{number}"


def permit(value: str) -> str:
    """A permit's number: capitals, without the words before it, spaces and spaces around separators."""
    raw = re.sub(r"\s*([-/.])\s*", r"\1", fold(value)).upper()
    for _ in range(6):
        raw = _PERMIT_LABEL.sub("", raw, count=1)
    found = identifier(raw)
    if not re.search(r"[1-9]", found):
        raise ValueProblem("invalid_permit", "a permit's number has digits: it is kept, not linked")
    return found


def card(value: str) -> str:
    """A payment card as its first six and last four digits, ``411111******1111``; it is never kept whole.

    Many cards share these ten digits, so that they are no key.
    """
    digits = re.sub(r"[\s\-.]", "", fold(value))
    if (masked := _MASKED_CARD.fullmatch(digits)) is not None:
        return f"{masked[1]}******{masked[2]}"
    if not re.fullmatch(r"\d{12,19}", digits) or not stdnum.luhn.is_valid(digits) or len(set(digits)) == 1:
        raise ValueProblem("invalid_card", "the check digit of this card number is wrong")
    return f"{digits[:6]}******{digits[-4:]}"
