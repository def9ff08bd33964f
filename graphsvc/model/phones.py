"""Telephone numbers in E.164, from digits and punctuation. Words and several numbers in a cell: ``phonecells``.

``phonenumbers`` decides. Its general parser costs more than all the rest of cleaning a row, so a number that is
already a country code and a valid national number is recognised by the same metadata directly; what needs reading
(national or international prefixes, calling codes of several countries) goes to the parser. Both ways give the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata

from graphsvc.model.scalars import ValueProblem

_NON_DIGITS = re.compile(r"[^0-9]+")
_TYPES = (
    "mobile", "fixed_line", "voip", "toll_free", "premium_rate", "shared_cost", "personal_number", "pager", "uan",
    "voicemail",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _NumberPlan:
    """One country's number plan: what is valid, and which prefixes need the parser."""

    calling_code: str
    general: re.Pattern[str]
    types: tuple[tuple[frozenset[int], re.Pattern[str]], ...]
    national_prefix: re.Pattern[str] | None
    exit_code: re.Pattern[str] | None

    def valid(self, national: str) -> bool:
        """Whether a national number is valid as it stands, and can't be read as one with a prefix."""
        if national[:1] == "0" or (self.national_prefix is not None and self.national_prefix.match(national)):
            return False
        if not self.general.fullmatch(national):
            return False
        return any(len(national) in lengths and form.fullmatch(national) for lengths, form in self.types)


def number(raw: str, region: str | None) -> str:
    """A telephone number as ``+8613800138000``, from folded text without words; ``region`` reads national numbers.

    Raises ValueProblem: ``invalid_phone``, ``ambiguous_phone`` or ``phone_without_region``.
    """
    if "+" not in raw and (digits := _NON_DIGITS.sub("", raw)).startswith("00"):
        return _exported(digits, raw, region)
    return _direct(raw, region) or parsed(raw, region)


def unchecked(raw: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    """What folded text says as a number, whether a plan knows it or not; None where it says none."""
    if "+" not in raw and (digits := _NON_DIGITS.sub("", raw)).startswith("00"):
        raw = f"+{digits[2:]}"
    try:
        return phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None


def _exported(digits: str, raw: str, region: str | None) -> str:
    """A number that begins with 00: what exports write for ``+``, whatever a region's own exit code is.

    In some regions the exit code is longer and begins with 00 too (Thailand 001, 009), so that the same digits can
    mean two numbers: such a number is not linked.
    """
    found: set[str] = set()
    for written, read_in in ((f"+{digits[2:]}", None), (raw, region)):
        try:
            found.add(parsed(written, read_in))
        except ValueProblem:
            continue
    if len(found) > 1:
        message = "00 begins two different numbers here: write + and the country code; it is kept, not linked"
        raise ValueProblem("ambiguous_phone", message)
    return found.pop() if found else parsed(raw, region)


def parsed(raw: str, region: str | None) -> str:
    """As :func:`phone`, but by ``phonenumbers`` alone; ``raw`` is folded already. Raises ValueProblem."""
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE and "+" not in raw and not region:
            message = "write + and the country code, or set `region` in the defaults"
            raise ValueProblem("phone_without_region", message) from None
        raise ValueProblem("invalid_phone", "this is no telephone number: it is kept, not linked") from None
    if not phonenumbers.is_valid_number(number):
        raise ValueProblem("invalid_phone", "no number plan knows this telephone number: it is kept, not linked")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _direct(raw: str, region: str | None) -> str | None:
    """E.164 where nothing has to be interpreted, else None."""
    digits = _NON_DIGITS.sub("", raw)
    if "+" in raw:
        for length in (2, 3, 1):
            plan = _plan_of_code(digits[:length])
            if plan is not None:
                return f"+{digits}" if plan.valid(digits[length:]) else None
        return None
    plan = _plan_of_region(region) if region else None
    if plan is None or (plan.exit_code is not None and plan.exit_code.match(digits)) or not plan.valid(digits):
        return None
    return f"+{plan.calling_code}{digits}"


@lru_cache(maxsize=1024)
def _plan_of_code(calling_code: str) -> _NumberPlan | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code or 0), ())
    return _plan_of_region(regions[0]) if len(regions) == 1 else None


@lru_cache(maxsize=512)
def _plan_of_region(region: str) -> _NumberPlan | None:
    """The plan of a region that has its calling code for itself; None for the others and for unknown ones."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.country_code is None or metadata.general_desc is None:
        return None
    if phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(metadata.country_code) != (region,):
        return None
    types = []
    for name in _TYPES:
        desc = getattr(metadata, name)
        if desc is not None and desc.national_number_pattern:
            types.append((frozenset(desc.possible_length), re.compile(desc.national_number_pattern)))
    return _NumberPlan(
        str(metadata.country_code),
        re.compile(metadata.general_desc.national_number_pattern or "(?!)"),
        tuple(types),
        re.compile(metadata.national_prefix_for_parsing) if metadata.national_prefix_for_parsing else None,
        re.compile(metadata.international_prefix) if metadata.international_prefix else None,
    )
