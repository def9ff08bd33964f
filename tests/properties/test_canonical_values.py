"""Cleaning is idempotent, and one number has one key in whatever way it is written."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graphsvc.model.phones import _direct, parsed
from graphsvc.model.scalars import CleanContext, ValueProblem
from graphsvc.model.schema import load_schema
from graphsvc.model.values import TYPES

SCHEMA = load_schema()
CONTEXT = CleanContext("CN", "pasar")
DIGITS = ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "๐๑๒๓๔๕๖๗๘๙", "０１２３４５６７８９", "0123456789")
NUMBERS = [
    (region, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    for region in ("CN", "VN", "KE", "ID", "TH", "IN", "ZA", "GB", "US", "RU", "IT", "CZ", "HK", "AE")
    if (number := phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE))
]
WORDY = {
    "text",
    "name",
    "reference",
    "identifier",
    "user-id",
    "handle",
    "plate",
    "address",
    "site",
    "courier",
    "waybill",
}
SAMPLES = {
    "phone": "+8613800138000", "national-id": "CN:11010519491231002X", "email": "li.wei@example.com", "boolean": "yes",
    "url": "https://example.org/a%20b?id=1&x=%E4", "iban": "GB82WEST12345698765432", "imei": "490154203237518",
    "imsi": "460030912121001", "iccid": "8986011234567890128", "mac": "00:1a:2b:3c:4d:5e", "ip": "2001:db8::1",
    "iso6346": "CSQU3054383", "imo": "9319466", "vin": "1M8GDM9AXKP042788", "lei": "213800KUD8LAJWSQ9D15",
    "uscc": "91110000600037341L", "wallet": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "s10": "RR123456785CN",
    "taxon": "Loxodonta africana", "coordinates": "-1.29207,36.82195", "sha256": "ab" * 32, "pdq": "cd" * 32,
    "phash": "ef" * 8, "integer": "-120", "decimal": "-0012.500", "date": "2025-03-01",
    "datetime": "2025-03-01T22:14:00.5+08:00",
    "country": "ke", "card": "4111 1111 1111 1111", "permit": "CITES No. ID-0012/24",
    "public-ip": "[2001:4860:4860::8888]:443", "card-number": "4539 1488 0343 6467",
    "document-number": "No. E 12345678", "document-ending": "E12345678",
}  # fmt: skip
WORDS = st.one_of(
    st.text(max_size=30),
    st.text(st.sampled_from("0123456789+-. ()/:eE"), max_size=20),
    st.text(st.sampled_from("aßİıſŉǰΐﬁｅ٣０@.#:/ \u200f\u0345"), max_size=12),
    st.sampled_from([code for codelist in SCHEMA.codelists.values() for code in codelist.codes]),
    st.datetimes().map(lambda when: when.isoformat() + "+05:30"),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.tuples(st.text(max_size=8), st.text(st.sampled_from("aé.x-1"), max_size=12)).map("@".join),
)


def again(name, value):
    try:
        once = SCHEMA.clean(name, value, CONTEXT)
    except ValueProblem:
        return
    assert SCHEMA.clean(name, once, CONTEXT) == once


@pytest.mark.parametrize("name", sorted(WORDY))
@given(value=WORDS)
@example(value="ŉa")
@example(value="ﬃﬁ")
@example(value="A´")
def test_cleaning_words_twice_is_cleaning_once(name, value):
    again(name, value)


@pytest.mark.parametrize("name", sorted(SAMPLES))
@given(data=st.data())
def test_cleaning_identifiers_twice_is_cleaning_once(name, data):
    again(name, SAMPLES[name])
    value = list(SAMPLES[name])
    for place in data.draw(st.lists(st.integers(0, len(value) - 1), max_size=3)):
        value[place] = data.draw(
            st.sampled_from([*"0123456789aZ .-/:+%", value[place].swapcase(), "", "٣", "ß", "e\u0301"])
        )
    again(name, "".join(value))


def test_every_type_is_tried_and_every_sample_is_valid():
    codes = {name for name in SCHEMA.types if name.startswith("code:")}
    assert set(SCHEMA.types) == WORDY | set(SAMPLES) | codes | {"own-ref", "listing-url", "profile-url"}
    for name, sample in SAMPLES.items():
        SCHEMA.clean(name, sample, CONTEXT)


def test_every_code_and_other_name_of_a_code_is_stable():
    for codelist in SCHEMA.codelists.values():
        for written in [*codelist.codes, *codelist.folded]:
            once = codelist.clean(written)
            assert codelist.clean(once) == codelist.clean(once.swapcase()) == once


@given(st.sampled_from(NUMBERS), st.sampled_from(DIGITS), st.data())
def test_one_telephone_number_has_one_key(entry, digits, data):
    region, e164 = entry
    number = phonenumbers.parse(e164)
    styles = [
        phonenumbers.PhoneNumberFormat.INTERNATIONAL,
        phonenumbers.PhoneNumberFormat.RFC3966,
        phonenumbers.PhoneNumberFormat.NATIONAL,
    ]
    written = phonenumbers.format_number(number, data.draw(st.sampled_from(styles)))
    for old, new in data.draw(
        st.lists(
            st.sampled_from([("-", " "), (" ", "-"), (" ", ""), ("-", "–"), (" ", "\u00a0"), ("+", "＋"), ("-", ".")])
        )
    ):
        written = written.replace(old, new)
    written = written.translate(str.maketrans("0123456789", digits))
    written = (
        data.draw(st.sampled_from(["", "\u200e", "\u202a", " "]))
        + written
        + data.draw(st.sampled_from(["", "\u200f", "\n"]))
    )
    assert SCHEMA.key_of("Phone", {"value": written}, "o", region) == f"phone:e164:{e164}"


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.integers(0, 10), st.data())
def test_the_short_way_agrees_with_the_parser(region, kind, data):
    number = phonenumbers.example_number_for_type(region, kind)
    digits = list(
        phonenumbers.national_significant_number(number) if number else data.draw(st.text("0123456789", min_size=5))
    )
    for place in data.draw(st.lists(st.integers(0, len(digits) - 1), max_size=3)):
        digits[place] = data.draw(st.sampled_from("0123456789"))
    raw = data.draw(st.sampled_from(["", "0", "1", "00"])) + "".join(digits)
    national = data.draw(st.booleans())
    raw = raw if national else f"+{phonenumbers.country_code_for_region(region)}{raw}"
    direct = _direct(raw, region if national else None)
    if direct is not None:
        assert parsed(raw, region if national else None) == direct


@given(st.text(max_size=40), st.sampled_from(sorted(TYPES)))
def test_any_text_is_cleaned_or_refused(value, name):
    try:
        SCHEMA.clean(name, value, CONTEXT)
    except ValueProblem as problem:
        assert problem.code and problem.message
