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
from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from graphsvc.model.scalars import SeveralValues, ValueProblem, fold

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"/]{3,253}")
_MASK = re.compile(r"[*•●…]|\.\.|x{3}")
"""Characters of an address that somebody has covered."""
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TRACKING = re.compile(r"utm_.*|fbclid|gclid|spm|scm|_trk.*|ref_?|share_?.*|si|igshid|from|pvid", re.I)
_VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_VIN_VALUES = MappingProxyType(dict(zip(_VIN_LETTERS, map(int, "12345678123457923456789"), strict=True)))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_REPORTING_BODIES = frozenset(
    ("01", "10", "30", "33", "35", "44", "45", "49", "50", "51", "52", "53", "54", "86", "91", "97", "98", "99")
)
"""The first two digits of an IMEI: bodies that give out type allocation codes (GSMA)."""
_ADDRESSED = re.compile(r"(?:[^<>@]*<\s*([^<>\s]+)\s*>|(?:e-?mail|邮箱|電郵|邮件|thư)\s*[::]\s*(\S+))[\s.,;]*", re.I)


@lru_cache(maxsize=1 << 16)
def email(value: str) -> str:
    """An e-mail address without case, its domain in ASCII (IDNA); what stands after ``+`` is kept.

    Also read from ``Li Wei <li.wei@example.com>``, after a label, and with punctuation behind it. Raises SeveralValues
    where the text is a list of addresses.
    """
    raw = fold(value)
    if raw[:7].lower() == "mailto:":
        raw = raw[7:].partition("?")[0]
    if (addressed := _ADDRESSED.fullmatch(raw)) is not None:
        raw = addressed[1] or addressed[2]
    raw = raw.rstrip(".,;:")
    if raw.count("@") > 1:
        raise _addresses(raw)
    if not _EMAIL.fullmatch(raw) or _MASK.search(raw):
        raise ValueProblem("invalid_email", "this is no e-mail address: it is kept, not linked")
    local, _, domain = raw.rpartition("@")
    domain = host(domain)
    if "." not in domain or domain.rpartition(".")[2].isdecimal():
        raise ValueProblem("invalid_email", "the domain of the e-mail address is not complete")
    return f"{fold(local.casefold())}@{domain}"


def _addresses(raw: str) -> ValueProblem:
    """The problem with a cell of several addresses: SeveralValues where every one of them can be read."""
    pieces = [piece for piece in re.split(r"[;,|\s/]+", raw) if piece]
    try:
        found = list(dict.fromkeys(email(piece) for piece in pieces if piece.count("@") == 1))
    except ValueProblem as problem:
        return problem
    if not 1 < len(pieces) <= 20 or not all(piece.count("@") == 1 for piece in pieces):
        return ValueProblem("invalid_email", "this is no e-mail address: it is kept, not linked")
    return SeveralValues("several_emails", "several e-mail addresses in one cell: give each its own entity", found, [])


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
    if re.fullmatch(r"\d{14}|\d{16}", digits):  # no check digit tells it from another number of this length
        if digits[:2] not in _REPORTING_BODIES:
            raise ValueProblem("invalid_imei", "this is no IMEI: nobody gives out numbers that begin so")
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
    raw = re.sub(r"[\s\-*]", "", fold(value)).upper().removeprefix("VIN:")
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", raw) or len(set(raw)) < 3:
        raise ValueProblem("invalid_vin", "a vehicle identification number has 17 letters and digits, no I, O or Q")
    if raw[0] in "12345L":  # North America (49 CFR 565) and China (GB 16735) have a check digit; others need none
        total = sum(w * (int(c) if c.isdigit() else _VIN_VALUES[c]) for w, c in zip(_VIN_WEIGHTS, raw, strict=True))
        if "0123456789X"[total % 11] != raw[8]:
            raise ValueProblem("invalid_vin", "the check digit of this vehicle identification number is wrong")
    return raw


def ip(value: str) -> str:
    """An IPv4 or IPv6 address in its shortest form."""
    try:
        found = ipaddress.ip_address(fold(value))
    except ValueError as error:
        raise ValueProblem("invalid_ip", "this is no IP address") from error
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def checked(rule: Callable[[str], str], code: str, message: str, label: str = "") -> Callable[[str], str]:
    """A cleaner from a python-stdnum ``validate`` function, which gives the compact form or raises.

    ``label`` is a word that may stand before the number; spaces, hyphens, full stops, slashes and brackets don't count.
    """
    before = re.compile(rf"{label}\s*(?:NO|NUMBER)?[\s.:#]*") if label else re.compile("")

    @lru_cache(maxsize=1 << 14)
    def clean(value: str) -> str:
        raw = re.sub(r"[\s\-./()\[\]]", "", before.sub("", fold(value).upper(), count=1))
        try:
            return str(rule(raw))
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


IBAN = checked(
    stdnum.iban.validate, "invalid_iban", "the check digits of this IBAN are wrong: it is kept, not linked", "IBAN"
)
ISO6346 = checked(stdnum.iso6346.validate, "invalid_container", "the check digit of this container number is wrong")
LEI = checked(stdnum.lei.validate, "invalid_lei", "the check digits of this LEI are wrong", "LEI")
USCC = checked(uscc.validate, "invalid_uscc", "the check digit of this unified social credit code is wrong")
IMO = checked(stdnum.imo.validate, "invalid_imo", "the check digit of this IMO number is wrong", "IMO")
IMSI = checked(stdnum.imsi.validate, "invalid_imsi", "this is no IMSI", "IMSI")
