"""Telephone numbers as people write them: at least 1,500 spellings, 99 in 100 right, and no wrong link at all.

Numbers are the examples of numbering plans, or made up. Spellings are made here by hand, from facts about each region,
and not by the library that reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from graphsvc.model.cleaning import NUMBERING_PLAN
from graphsvc.model.numbering import load_numbering
from graphsvc.model.product import product_data
from graphsvc.model.scalars import CleanContext, SeveralValues, ValueProblem
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()
TABLE = Path(__file__).parent.parent / "tables" / "phones.tsv"
# Region: trunk prefix for fixed lines, trunk prefix for mobile numbers, exit code.
REGIONS = {
    "CN": ("0", "", "00"), "VN": ("0", "0", "00"), "TH": ("0", "0", "001"), "ID": ("0", "0", "001"),
    "MY": ("0", "0", "00"), "PH": ("0", "0", "00"), "SG": ("", "", "001"), "KH": ("0", "0", "001"),
    "LA": ("0", "0", "00"), "MM": ("0", "0", "00"), "IN": ("0", "0", "00"), "PK": ("0", "0", "00"),
    "BD": ("0", "0", "00"), "NP": ("0", "0", "00"), "LK": ("0", "0", "00"), "KE": ("0", "0", "000"),
    "TZ": ("0", "0", "000"), "UG": ("0", "0", "000"), "NG": ("0", "0", "009"), "ZA": ("0", "0", "00"),
    "GH": ("0", "0", "00"), "CM": ("", "", "00"), "CI": ("", "", "00"), "BJ": ("", "", "00"), "MZ": ("", "", "00"),
    "ET": ("0", "0", "00"), "BR": ("", "", ""), "MX": ("", "", "00"), "CO": ("", "", ""), "US": ("1", "1", "011"),
    "GB": ("0", "0", "00"), "DE": ("0", "0", "00"), "FR": ("0", "0", "00"), "ES": ("", "", "00"), "IT": ("", "", "00"),
    "RU": ("8", "8", "810"), "UA": ("0", "0", "00"), "TR": ("0", "0", "00"), "AE": ("0", "0", "00"),
    "SA": ("0", "0", "00"), "JP": ("0", "0", "010"), "KR": ("0", "0", "001"), "TW": ("0", "0", "002"),
    "HK": ("", "", "001"), "AU": ("0", "0", "0011"), "ZM": ("0", "0", "00"), "NA": ("0", "0", "00"),
}  # fmt: skip
RENUMBERED = [
    ("VN", "+841621234567", "+84321234567"), ("VN", "+841691234567", "+84391234567"),
    ("VN", "+841201234567", "+84701234567"), ("VN", "+841211234567", "+84791234567"),
    ("VN", "+841221234567", "+84771234567"), ("VN", "+841261234567", "+84761234567"),
    ("VN", "+841281234567", "+84781234567"), ("VN", "+841231234567", "+84831234567"),
    ("VN", "+841241234567", "+84841234567"), ("VN", "+841251234567", "+84851234567"),
    ("VN", "+841271234567", "+84811234567"), ("VN", "+841291234567", "+84821234567"),
    ("VN", "+841861234567", "+84561234567"), ("VN", "+841881234567", "+84581234567"),
    ("VN", "+841991234567", "+84591234567"), ("VN", "+84438212345", "+842438212345"),
    ("CI", "+22501020304", "+2250101020304"), ("CI", "+22545123456", "+2250545123456"),
    ("CI", "+22507123456", "+2250707123456"), ("BJ", "+22997123456", "+2290197123456"),
    ("BJ", "+22921301234", "+2290121301234"), ("MX", "+5215512345678", "+525512345678"),
    ("BR", "+551181234567", "+5511981234567"), ("CO", "+5712345678", "+576012345678"),
    ("CM", "+23777123456", "+237677123456"), ("CM", "+23733421234", "+237233421234"),
    ("MU", "+2307123456", "+23057123456"), ("MA", "+21222123456", "+212522123456"),
    ("MA", "+21210123456", "+212610123456"), ("TH", "+6612345678", "+66812345678"),
]  # fmt: skip
SCRIPTS = ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "๐๑๒๓๔๕๖๗๘๙", "０１２３４５６７８９")


def links(region: str | None, written: str) -> list[str]:
    """The numbers that a cell would be linked by."""
    try:
        return [SCHEMA.clean("phone", written, CleanContext(region, "o"))]
    except SeveralValues as several:
        return several.values
    except ValueProblem:
        return []


def grouped(digits: str, sizes: tuple[int, ...], mark: str) -> str:
    parts, start = [], 0
    for size in sizes:
        if start < len(digits):
            parts.append(digits[start : start + size])
            start += size
    return mark.join([*parts, digits[start:]] if start < len(digits) else parts)


def spellings(region: str, national: str, trunk: str, exit_code: str) -> Iterator[tuple[str, str]]:
    """(as written, number) for one number of a region."""
    code = str(phonenumbers.country_code_for_region(region))
    e164 = f"+{code}{national}"
    at_home = trunk + national
    yield e164, e164
    yield code.join(["00", national]), e164
    for sizes, mark in (((3, 3, 3), " "), ((2, 3, 4), "-"), ((3, 4), " "), ((2, 2, 2, 2), " "), ((4, 3), ".")):
        yield grouped(at_home, sizes, mark), e164
        yield f"+{code} {grouped(national, sizes, mark)}", e164
    yield f"({at_home[:3]}) {at_home[3:]}", e164
    yield f"(+{code}) {national}", e164
    yield f"+{code}\u00a0{grouped(national, (3, 3), chr(0x2011))}", e164
    yield f"\u202a+{code} {national}\u202c", e164
    if trunk == "0":
        yield f"+{code} (0) {national}", e164
        yield f"+{code}(0){grouped(national, (2, 3), ' ')}", e164
    for script in SCRIPTS[hash_of(region) % 5 :: 2]:
        yield at_home.translate(str.maketrans("0123456789", script)), e164
    yield f"Tel: {at_home}", e164
    yield f"WhatsApp +{code} {national}", e164
    yield f"{at_home} (WA)", e164
    yield f"Mob. {grouped(at_home, (4, 3), ' ')}.", e164
    yield f"{at_home} ext. 12", e164
    yield f"+{code}{national};ext=7", e164
    yield f"https://wa.me/{code}{national}?text=a", e164
    if exit_code:
        yield f"{exit_code} 86 138 0013 8000", "+8613800138000"
    yield f"  {at_home}\n", e164
    yield f"{at_home};\r\nfax: {at_home}", e164


def hash_of(word: str) -> int:
    return sum(map(ord, word))


def made() -> list[tuple[str | None, str, list[str]]]:
    """Spellings of example numbers of all regions."""
    rows: list[tuple[str | None, str, list[str]]] = []
    for region, (fixed, mobile, exit_code) in REGIONS.items():
        for kind, trunk in ((PhoneNumberType.MOBILE, mobile), (PhoneNumberType.FIXED_LINE, fixed)):
            number = phonenumbers.example_number_for_type(region, kind)
            national = phonenumbers.national_significant_number(number)
            rows += [(region, written, [e164]) for written, e164 in spellings(region, national, trunk, exit_code)]
    return rows


def by_hand() -> list[tuple[str | None, str, list[str]]]:
    rows: list[tuple[str | None, str, list[str]]] = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            region, written, right = line.split("\t")[:3]
            rows.append((region or None, written, [] if right == "-" else right.split()))
    return rows


def test_made_spellings_are_right_and_none_is_linked_wrongly() -> None:
    rows = made()
    assert len(rows) >= 1_500 and len({region for region, _, _ in rows}) >= 40
    missed = []
    for region, written, right in rows:
        found = links(region, written)
        assert set(found) <= set(right), f"wrong link: {region} {written!r} {found}"
        if found != right:
            missed.append((region, written))
    assert len(missed) <= len(rows) // 100, missed


@pytest.mark.parametrize(("region", "written", "right"), by_hand())
def test_spellings_by_hand(region: str | None, written: str, right: list[str]) -> None:
    assert links(region, written) == right


def test_what_can_t_be_told_says_why() -> None:
    for region, written, code in (
        ("CN", "138****8000", "invalid_phone"),
        ("VN", "(08) 3821 2345", "ambiguous_phone"),
        ("DE", "030 123456/78", "ambiguous_phone"),
        (None, "0712345678", "phone_without_region"),
    ):
        with pytest.raises(ValueProblem) as caught:
            SCHEMA.clean("phone", written, CleanContext(region, "o"))
        assert caught.value.code == code and written not in caught.value.message


@pytest.mark.parametrize(("region", "old", "new"), list(RENUMBERED))
def test_renumbered_ranges(region: str, old: str, new: str) -> None:
    """Both by hand: an old number with its country code, and the number of today."""
    assert links(None, old) == [new] and links(None, new) == [new]
    number = phonenumbers.parse(old)
    assert not phonenumbers.is_valid_number(number), "today somebody else may have this number"


def test_every_range_has_a_source_and_an_example() -> None:
    numbering = load_numbering(product_data("schema") / "numbering.yaml")
    moves = [move for rows in numbering.moves.values() for move in rows]
    regions = {move.region for move in moves}
    assert len(regions) >= 10 and regions == {region for region, _, _ in RENUMBERED}
    for move in moves:
        assert move.source and 2000 <= move.since.year <= 2026
        code = str(phonenumbers.country_code_for_region(move.region))
        olds = [old.removeprefix(f"+{code}") for region, old, _ in RENUMBERED if region == move.region]
        assert any(move.old.fullmatch(old) for old in olds) or move.old.pattern.startswith("0("), move.old.pattern


def test_the_plans_are_those_that_the_cleaner_s_version_stands_for() -> None:
    assert phonenumbers.__version__ == NUMBERING_PLAN, "raise CLEANER and NUMBERING_PLAN: keys may change"
