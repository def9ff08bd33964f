"""Identifiers that link records of several contributors: e-mail, devices, accounts, vessels. One cleaner for each type.

Check digits come from ``python-stdnum``. A value that does not pass its
check is never linked: a mistyped number would tie strangers together.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import stdnum.iban
import stdnum.imei
import stdnum.imo
import stdnum.imsi
import stdnum.iso6346
import stdnum.lei
import stdnum.luhn
from stdnum.cn import ric, uscc
from stdnum.cz import rc as cz_rc
from stdnum.exceptions import ValidationError
from stdnum.fr import nir
from stdnum.id import nik
from stdnum.in_ import aadhaar, pan
from stdnum.kr import rrn
from stdnum.my import nric
from stdnum.pk import cnic
from stdnum.pl import pesel
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.tw import ubn
from stdnum.za import idnr

from graphsvc.model.scalars import ValueProblem, decimal, fold

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"/]{3,253}")
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TRACKING = re.compile(r"utm_.*|fbclid|gclid|spm|scm|_trk.*|ref_?|share_?.*|si|igshid|from|pvid", re.I)
_TAXON = re.compile(r"[^\W\d_]+(?:[ \-×.][^\W\d_×]*)*", re.I)
_RESIDENT = MappingProxyType(
    {
        "CN": ric.validate, "CZ": cz_rc.validate, "FR": nir.validate, "ID": nik.validate, "IN": aadhaar.validate,
        "KR": rrn.validate, "MY": nric.validate, "PK": cnic.validate, "PL": pesel.validate, "SK": cz_rc.validate,
        "TH": pin.validate, "TR": tckimlik.validate, "ZA": idnr.validate,
    }
)  # fmt: skip
_TAX = MappingProxyType({"IN": pan.validate, "TW": ubn.validate})


@lru_cache(maxsize=1 << 16)
def email(value: str) -> str:
    """An e-mail address without case, its domain in ASCII (IDNA)."""
    raw = fold(value)
    if raw[:7].lower() == "mailto:":
        raw = raw[7:].partition("?")[0]
    if not _EMAIL.fullmatch(raw):
        raise ValueProblem("invalid_email", "this is no e-mail address: it is kept, not linked")
    local, _, domain = raw.rpartition("@")
    domain = host(domain)
    if "." not in domain:
        raise ValueProblem("invalid_email", "the domain of the e-mail address is not complete")
    return f"{fold(local.casefold())}@{domain}"


def host(value: str) -> str:
    """A host name in lower-case ASCII (IDNA), without a dot at its end."""
    lowered = value.casefold().rstrip(".")
    if not lowered.isascii():
        try:
            lowered = lowered.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ValueProblem("invalid_host", "the host name can't be written in ASCII") from error
    if not lowered or not _HOST.fullmatch(lowered):
        raise ValueProblem("invalid_host", "this is no host name")
    return lowered


@lru_cache(maxsize=1 << 14)
def url(value: str) -> str:
    """A web address: scheme and host in lower case, no default port, fragment or tracking parameter."""
    raw = fold(value)
    if "://" not in raw:
        raw = f"https://{raw.removeprefix('//')}"
    try:
        parts = urlsplit(raw)
        port = parts.port
    except ValueError as error:
        raise ValueProblem("invalid_url", "this is no web address") from error
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or " " in raw or len(raw) > 2048:
        raise ValueProblem("invalid_url", "write a web address such as https://example.org/item/1")
    where = host(parts.hostname)
    if port not in (None, 80, 443):
        where += f":{port}"
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.fullmatch(k)])
    return urlunsplit(("https", where, quote(parts.path, safe="/%:@!$&'()*+,;=-._~") or "/", query, ""))


@lru_cache(maxsize=1 << 14)
def imei(value: str) -> str:
    """An IMEI with check digit, 15 digits; 14 digits get theirs, the software version of an IMEISV is dropped."""
    digits = re.sub(r"[\s\-/]", "", fold(value))
    if re.fullmatch(r"\d{14}|\d{16}", digits):
        digits = digits[:14] + stdnum.luhn.calc_check_digit(digits[:14])
    if not re.fullmatch(r"\d{15}", digits) or not stdnum.luhn.is_valid(digits) or len(set(digits)) == 1:
        raise ValueProblem("invalid_imei", "the check digit of this IMEI is wrong: it is kept, not linked")
    return digits


def mac(value: str) -> str:
    """A hardware address as ``aa:bb:cc:dd:ee:ff``; random (locally administered) ones can't link anything."""
    digits = re.sub(r"[\s:.\-]", "", fold(value)).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise ValueProblem("invalid_mac", "this is no MAC address")
    if int(digits[:2], 16) & 3:
        raise ValueProblem("random_mac", "this MAC address is random or for a group: it is kept, not linked")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def iccid(value: str) -> str:
    """The number of a SIM card (ITU-T E.118), 18 to 22 digits with Luhn's check digit."""
    digits = re.sub(r"[\s\-F]", "", fold(value).upper())
    if not re.fullmatch(r"89\d{16,20}", digits) or not stdnum.luhn.is_valid(digits):
        raise ValueProblem("invalid_iccid", "the check digit of this SIM card number is wrong")
    return digits


def vin(value: str) -> str:
    """A vehicle identification number (ISO 3779): 17 characters without I, O, Q."""
    raw = re.sub(r"[\s\-]", "", fold(value)).upper()
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", raw) or len(set(raw)) < 3:
        raise ValueProblem("invalid_vin", "a vehicle identification number has 17 letters and digits, no I, O or Q")
    return raw


def taxon(value: str) -> str:
    """A scientific name: genus with a capital, the rest in small letters, one space between."""
    raw = re.sub(r"\s+", " ", fold(value)).lower()
    if not _TAXON.fullmatch(raw) or len(raw) > 200:
        raise ValueProblem("invalid_taxon", "write the scientific name without author or year, as Loxodonta africana")
    return raw.capitalize()


def ip(value: str) -> str:
    """An IPv4 or IPv6 address in its shortest form."""
    try:
        found = ipaddress.ip_address(fold(value))
    except ValueError as error:
        raise ValueProblem("invalid_ip", "this is no IP address") from error
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def coordinates(value: str) -> str:
    """Latitude and longitude in degrees (WGS 84) as ``lat,lon``, five decimals at most (about a metre)."""
    parts = re.split(r"[,;\s]+", fold(value).strip("()[] "))
    if len(parts) != 2:
        raise ValueProblem("invalid_coordinates", "write latitude and longitude as -1.29207,36.82195")
    out = []
    for part, limit in zip(parts, (90, 180), strict=True):
        number = decimal(part)
        if abs(float(number)) > limit:
            raise ValueProblem("invalid_coordinates", "latitude goes to 90, longitude to 180 degrees")
        out.append(decimal(f"{float(number):.5f}"))
    return ",".join(out)


def national_id(value: str, region: str | None) -> str:
    """A resident or tax number as ``CN:11010519491231002X``, its check digit checked where python-stdnum knows it."""
    raw = fold(value).upper()
    country, colon, number = raw.partition(":")
    if not colon:
        country, number = region or "", raw
    number = re.sub(r"[\s\-./]", "", number)
    if not re.fullmatch(r"[A-Z]{2}", country) or not re.fullmatch(r"[A-Z0-9]{4,30}", number):
        raise ValueProblem("invalid_national_id", "write the country before the number, as in CN:11010519491231002X")
    if (check := _RESIDENT.get(country)) is not None:
        for rule in (check, _TAX.get(country)):
            try:
                if rule is not None:
                    return f"{country}:{re.sub(r'[^A-Z0-9]', '', rule(number).upper())}"
            except (ValidationError, LookupError, ValueError):  # some rules stumble over numbers they do not know
                continue
        raise ValueProblem("invalid_national_id", "the check digit of this resident number is wrong")
    return f"{country}:{number}"


def checked(rule: Callable[[str], str], code: str, message: str) -> Callable[[str], str]:
    """A cleaner from a python-stdnum ``validate`` function, which gives the compact form or raises."""

    @lru_cache(maxsize=1 << 14)
    def clean(value: str) -> str:
        try:
            return str(rule(re.sub(r"\s", "", fold(value)).upper()))
        except (ValidationError, LookupError, ValueError) as error:
            raise ValueProblem(code, message) from error

    return clean


def digest(bits: int) -> Callable[[str], str]:
    """A cleaner for hashes of ``bits`` bits, written in hexadecimal digits."""
    form = re.compile(rf"[0-9a-f]{{{bits // 4}}}")

    def clean(value: str) -> str:
        raw = fold(value).lower().removeprefix("sha256:")
        if not form.fullmatch(raw):
            raise ValueProblem("invalid_digest", f"write {bits // 4} hexadecimal digits")
        return raw

    return clean


def s10(value: str) -> str:
    """A postal item's identifier, UPU S10: 2 letters, 8 digits, check digit, country: ``RR123456785CN``."""
    raw = re.sub(r"[\s\-]", "", fold(value)).upper()
    if not is_s10(raw):
        raise ValueProblem("invalid_s10", "the check digit of this postal item number is wrong (UPU S10)")
    return raw


def looks_s10(raw: str) -> bool:
    """Whether a compact waybill has the form of S10, whatever its check digit. WW, XX and ZZ are no countries."""
    return re.fullmatch(r"[A-Z]{2}[0-9]{9}(?!WW|XX|ZZ)[A-Z]{2}", raw) is not None


def is_s10(raw: str) -> bool:
    """Whether a compact waybill is a valid S10 identifier: weights 8 6 4 2 3 5 9 7 modulo 11 (UPU S10, section 5)."""
    if not looks_s10(raw):
        return False
    total = sum(w * int(d) for w, d in zip((8, 6, 4, 2, 3, 5, 9, 7), raw[2:10], strict=True))
    return {10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11) == int(raw[10])


IBAN = checked(stdnum.iban.validate, "invalid_iban", "the check digits of this IBAN are wrong: it is kept, not linked")
ISO6346 = checked(stdnum.iso6346.validate, "invalid_container", "the check digit of this container number is wrong")
LEI = checked(stdnum.lei.validate, "invalid_lei", "the check digits of this LEI are wrong")
USCC = checked(uscc.validate, "invalid_uscc", "the check digit of this unified social credit code is wrong")
IMO = checked(stdnum.imo.validate, "invalid_imo", "the check digit of this IMO number is wrong")
IMSI = checked(stdnum.imsi.validate, "invalid_imsi", "this is no IMSI")
