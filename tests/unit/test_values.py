"""Value types: what becomes canonical, what is kept but never linked, what refuses a row."""

from __future__ import annotations

import pytest

from graphsvc.model.keccak import keccak256
from graphsvc.model.scalars import CleanContext, ValueProblem
from graphsvc.model.schema import load_schema
from graphsvc.model.values import TYPES

SCHEMA = load_schema()
CONTEXT = CleanContext("CN", "pasar")


@pytest.mark.parametrize(
    ("kind", "raw", "canonical"),
    [
        ("phone", "138 0013 8000", "+8613800138000"),
        ("phone", "tel:+86-138-0013-8000", "+8613800138000"),
        ("phone", "0086 13800138000", "+8613800138000"),
        ("phone", "+44 (0)20 7946 0018", "+442079460018"),
        ("phone", 8613800138000, "+8613800138000"),
        ("email", "MailTo:Li.Wei@EXAMPLE.Com", "li.wei@example.com"),
        ("email", "a@bücher.example", "a@xn--bcher-kva.example"),
        ("url", "HTTP://Example.org:80/a?utm_source=x&id=1#top", "https://example.org/a?id=1"),
        ("iban", "gb82 west 1234 5698 7654 32", "GB82WEST12345698765432"),
        ("imei", "49-015420-323751-8", "490154203237518"),
        ("imei", "49015420323751", "490154203237518"),
        ("imei", "4901542032375101", "490154203237518"),
        ("mac", "00-1A-2B-3C-4D-5E", "00:1a:2b:3c:4d:5e"),
        ("iso6346", "csqu 305438 3", "CSQU3054383"),
        ("s10", "rr 123 456 785 cn", "RR123456785CN"),
        ("wallet", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "evm:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
        ("wallet", "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "btc:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("wallet", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "tron:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        ("national-id", "11010519491231002x", "CN:11010519491231002X"),
        ("taxon", "LOXODONTA  AFRICANA", "Loxodonta africana"),
        ("coordinates", "-1.2920700, 36.8219500", "-1.29207,36.82195"),
        ("ip", "::ffff:192.0.2.1", "192.0.2.1"),
        ("plate", "京A·12345", "京A12345"),
        ("handle", "＠Ivory_Shop", "ivory_shop"),
        ("decimal", "0.11071130074560642", "0.11071130074560642"),
        ("decimal", "1.50e3", "1500"),
        ("decimal", "-0.0", "0"),
        ("integer", "١٢", 12),
        ("date", "2025/3/1", "2025-03-01"),
        ("date", "2025", "2025"),
        ("datetime", "2025-03-01 22:14+08:00", "2025-03-01T14:14:00Z"),
        ("datetime", "2025-03-01T22:14:00.250Z", "2025-03-01T22:14:00.25Z"),
        ("datetime", "2025-03-01", "2025-03-01"),
        ("boolean", "是", True),
        ("text", "a\r\nb\x00", "a\nb"),
        ("site", "闲鱼", "xianyu"),
        ("site", "https://www.shop.example/x", "shop.example"),
        ("listing-url", "https://item.taobao.com/item.htm?spm=9&id=778899", "taobao:778899"),
        ("listing-url", "ebay.de/itm/Old-Carving/123456789012?hash=x", "ebay:123456789012"),
        ("profile-url", "https://t.me/ivoryshop", "telegram:ivoryshop"),
        ("courier", "顺丰速运", "sf-express"),
        ("country", "uk", "GB"),
        ("code:cites-units", "pcs", "no."),
        ("code:handling-tlp-2.0", "tlp:amber+strict", "AMBER+STRICT"),
    ],
)
def test_canonical_form(kind, raw, canonical):
    found = SCHEMA.clean(kind, raw, CONTEXT)
    assert found == canonical and type(found) is type(canonical)
    assert kind.endswith("-url") or SCHEMA.clean(kind, found, CONTEXT) == canonical


@pytest.mark.parametrize(
    ("kind", "raw", "code"),
    [
        ("phone", "+420 608 447 63X", "invalid_phone"),
        ("phone", "+86 12", "invalid_phone"),
        ("phone", "call me", "invalid_phone"),
        ("email", "nobody", "invalid_email"),
        ("iban", "GB83WEST12345698765432", "invalid_iban"),
        ("imei", "490154203237519", "invalid_imei"),
        ("mac", "02:00:00:00:00:01", "random_mac"),
        ("iso6346", "CSQU3054384", "invalid_container"),
        ("s10", "RR123456786CN", "invalid_s10"),
        ("wallet", "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "wallet_checksum"),
        ("wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "wallet_checksum"),
        ("national-id", "110105194912310021", "invalid_national_id"),
        ("decimal", "1,234.50", "invalid_decimal"),
        ("decimal", "NaN", "invalid_decimal"),
        ("integer", "9007199254740992", "invalid_integer"),
        ("integer", "1.5", "invalid_integer"),
        ("date", "03/04/2025", "invalid_date"),
        ("date", "2025-02-30", "invalid_date"),
        ("datetime", "2025-03-01T22:14:00", "no_offset"),
        ("datetime", "0001-01-01T00:00:00+10:00", "invalid_time"),
        ("boolean", "perhaps", "invalid_boolean"),
        ("url", "javascript:alert(1)", "invalid_url"),
        ("url", "http://[", "invalid_url"),
        ("courier", "s10", "invalid_courier"),
        ("site", "a:b", "invalid_site"),
        ("code:genders", "male", "not_in_list"),
        ("code:countries", "XX", "not_in_list"),
        ("text", "x" * 20_001, "too_long"),
        ("name", "x" * 513, "too_long"),
        ("profile-url", "https://www.facebook.com/profile.php", "profile_url"),
        ("profile-url", "https://www.facebook.com/Marketplace/", "profile_url"),
        ("profile-url", "https://t.me/joinchat", "profile_url"),
        ("profile-url", "https://shop.example/login", "profile_url"),
    ],
)
def test_kept_but_not_linked(kind, raw, code):
    with pytest.raises(ValueProblem) as caught:
        SCHEMA.clean(kind, raw, CONTEXT)
    assert (caught.value.code, caught.value.rejects) == (code, False)
    assert str(raw) not in caught.value.message, "messages never repeat a value"


@pytest.mark.parametrize(
    ("kind", "raw", "code"),
    [("phone", ["+86"], "wrong_type"), ("text", {"a": 1}, "wrong_type"), ("text", True, "wrong_type")],
)  # fmt: skip
def test_refuses_the_row(kind, raw, code):
    with pytest.raises(ValueProblem) as caught:
        SCHEMA.clean(kind, raw, CONTEXT)
    assert (caught.value.code, caught.value.rejects) == (code, True)


def test_codes_are_suggested():
    with pytest.raises(ValueProblem, match="did you mean call"):
        SCHEMA.clean("code:contact-channels", "cal", CONTEXT)


def test_region_is_needed_for_a_national_number():
    with pytest.raises(ValueProblem, match="set `region`") as caught:
        SCHEMA.clean("phone", "13800138000", CleanContext())
    assert caught.value.code == "phone_without_region"


def test_waybills():
    def key(courier, waybill):
        return SCHEMA.key_of("Parcel", {"courier": courier, "waybill": waybill}, "o")

    assert key("SF", "sf-1234-5678-90123") == "parcel:sf-express:SF1234567890123"
    assert key("China Post", "RR123456785CN") == key("vn-post", "rr 123456785 cn") == "parcel:s10:RR123456785CN"
    assert SCHEMA.key_of("Parcel", {"waybill": "RR123456785CN"}, "o") == "parcel:s10:RR123456785CN"
    assert key("UPS", "1Z999AA10123456784") == "parcel:ups:1Z999AA10123456784"
    assert key("swiftline", "SWL-0042-77") == "parcel:swiftline:SWL004277"
    for courier, waybill in (
        ("UPS", "1Z999AA10123456785"),
        ("sf", "12"),
        ("swiftline", "RR123456786CN"),
        ("x", "abcdefg"),
    ):
        with pytest.raises(ValueProblem):
            key(courier, waybill)


def test_one_page_by_any_address_is_one_key():
    by_id = SCHEMA.key_of("Listing", {"site": "淘宝", "item": "778899"}, "o")
    assert by_id == SCHEMA.key_of("Listing", {"url": "https://item.taobao.com/item.htm?id=778899&spm=a.b"}, "o")


def test_keccak_is_keccak():
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    assert keccak256(b"a" * 136) != keccak256(b"a" * 135)


def test_every_type_of_the_table_is_used_or_plain():
    used = {a.type.name for k in [*SCHEMA.kinds.values(), *SCHEMA.links.values()] for a in k.attributes.values()}
    used |= {type_.name for kind in SCHEMA.kinds.values() for form in kind.keys for _, type_ in form.parts}
    assert set(TYPES) == used & set(TYPES)
