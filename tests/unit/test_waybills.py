"""Waybills: at least 500 writings are read right, and none with a wrong check digit is a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stdnum import luhn
from stdnum.iso7064 import mod_37_36

from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()
# Numbers in the form of each courier; those with check digits are published test numbers (tracking_number_data, IATA).
SAMPLES = {
    "sf-express": ["SF1234567890123", "123456789012"],
    "yto": ["YT1234567890123"], "zto": ["78123456789012"],
    "sto": ["772012345678901"], "yunda": ["432156789012345"], "jd-logistics": ["JDVA12345678901"],
    "jt-express": ["JP1234567890", "JT1234567890123"], "best-express": ["71234567890123"],
    "deppon": ["DPK123456789012"],
    "china-post": ["9812345678901"], "cainiao": ["LP12345678901234"], "ttk": ["123456789013"],
    "kuayue": ["KY1234567890123"], "zjs": ["A123456789012"], "yunexpress": ["YT1234567890123456"],
    "4px": ["4PX1234567890123CN"], "dhl": ["3318810025", "8487135506", "1099255990", "JVGL0999999990"],
    "dhl-ecommerce": ["GM2951173225174494"], "dhl-paket": ["00340434161094000003"],
    "ups": ["1Z5R89390357567127", "1Z879E930346834440", "1Z410E7W0392751591", "1Z8V92A70367203024"],
    "fedex": ["986578788855", "477179081230", "799531274483", "041441760228964", "568283610012000",
              "61299998820821171811", "9261292700768711948021", "9611020987654312345672",
              "1001921334250001000300779017972697"],
    "tnt": ["123456782", "GD123456785WW"], "aramex": ["12345678901"], "awb": ["17612345675", "02012345675"],
    "usps": ["71123456789123456787"], "canada-post": ["0073938000549297"], "ontrac": ["C12345678901234"],
    "lasership": ["LX12345678"], "amazon-logistics": ["TBA123456789012"], "parcelforce": ["AB1234567"],
    "evri": ["H00AB12345678901"], "dpd": ["15501234567890", "008182709980000020033350276C"],
    "gls": ["12345678901"], "postnl": ["3SABCD123456789"], "bpost": ["323212345678901234567890"],
    "inpost": ["612345678901234567890123"], "packeta": ["Z1234567890"], "nova-poshta": ["20450123456789"],
    "ukrposhta": ["0500123456789"], "cdek": ["1234567890"], "viettel-post": ["123456789012"], "ghn": ["5ENLKKHD"],
    "ghtk": ["S123456HN1A112345"], "jne": ["1234567890123"], "sicepat": ["001234567890"],
    "anteraja": ["10001234567890"],
    "tiki": ["660012345678"], "pos-indonesia": ["P2301234567890"], "lion-parcel": ["11LP1234567890"],
    "id-express": ["IDE123456789012"], "wahana": ["AAA12345"], "kerry-express": ["KERDO00123456"],
    "flash-express": ["TH01013FJ8X42A"], "spx": ["SPXVN012345678901"], "ninja-van": ["NLIDAP12345678"],
    "pos-malaysia": ["PL123456789012"], "lbc": ["123456789012"], "delhivery": ["1234567890123"],
    "bluedart": ["12345678901"], "ekart": ["FMPC1234567890"], "yamato": [f"12345678901{12345678901 % 7}"],
    "sagawa": [f"40012345678{40012345678 % 7}"],
    "cj-logistics": ["123456789012"], "korea-post": ["6123456789012"], "t-cat": ["901234567890"],
}  # fmt: skip
NAMES = {
    "sf-express": ["顺丰速运", "SF Express", "順豐"], "yto": ["圆通快递", "YTO"], "zto": ["中通快递"], "sto": ["申通"],
    "yunda": ["韵达快递"], "jd-logistics": ["京东快递"], "jt-express": ["J&T Express", "极兔速递", "JNT"],
    "best-express": ["百世快递"], "deppon": ["德邦物流"], "china-post": ["中国邮政", "EMS"], "dhl": ["DHL Express"],
    "fedex": ["FedEx Express", "联邦快递"], "viettel-post": ["Viettel Post"],
    "ghn": ["Giao Hàng Nhanh", "Giao Hang Nhanh"],
    "ghtk": ["Giao Hàng Tiết Kiệm"], "jne": ["JNE Express"], "sicepat": ["SiCepat Ekspres"],
    "tiki": ["Titipan Kilat"],
    "kerry-express": ["เคอรี่", "Kerry"], "flash-express": ["แฟลช"], "ninja-van": ["นินจาแวน", "Ninja Van"],
    "yamato": ["ヤマト運輸"], "sagawa": ["佐川急便"], "nova-poshta": ["Нова Пошта"], "awb": ["Air Waybill"],
}  # fmt: skip


def key(courier: str, waybill: str) -> str | None:
    try:
        return SCHEMA.key_of("Parcel", {"courier": courier, "waybill": waybill}, "o")
    except ValueProblem:
        return None


def written(number: str) -> Iterator[str]:
    yield number
    yield number.lower()
    yield " ".join(number[start : start + 4] for start in range(0, len(number), 4))
    yield "-".join((number[:3], number[3:]))
    yield number.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    yield f"No. {number}".replace("No. ", "No: ")
    yield f"\u200e{number} "


def s10(service: str, serial: str, country: str) -> str:
    """A postal item number; the check digit by the weights of the UPU, worked out here again."""
    rest = 11 - sum(int(d) * w for d, w in zip(serial, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    return f"{service}{serial}{0 if rest == 10 else 5 if rest == 11 else rest}{country}"


def rows() -> list[tuple[str, str, str]]:
    """(courier, waybill as written, key)."""
    made = [
        (name, one, f"parcel:{courier}:{number}")
        for courier, numbers in SAMPLES.items()
        for number in numbers
        for name in [courier, *NAMES.get(courier, [])]
        for one in written(number)
    ]
    items = [s10(service, f"{serial:08d}", c) for c in ("CN", "VN", "TH", "ID", "KE", "GB") for service, serial in
             (("RR", 12345678), ("EE", 47312482), ("CP", 1), ("LX", 99887766))]  # fmt: skip
    return made + [
        (name, one, f"parcel:s10:{i}") for i in items for name in ("china-post", "Thai Post", "x") for one in written(i)
    ]


def test_waybills_are_read_right() -> None:
    table = rows()
    assert len(table) >= 500 and len(SAMPLES) >= 40
    wrong = [(courier, one, right, found) for courier, one, right in table if (found := key(courier, one)) != right]
    assert not wrong, wrong[:10]


@pytest.mark.parametrize("courier", ["dhl", "ups", "fedex", "awb", "usps", "canada-post", "yamato", "sagawa"])
def test_a_wrong_check_digit_is_no_key(courier: str) -> None:
    for number in SAMPLES[courier]:
        if not number[-1].isdigit() or (courier == "dhl" and not number.isdigit()):
            continue
        for digit in "0123456789":
            spoilt = number[:-1] + digit
            assert (key(courier, spoilt) is None) == (spoilt != number), spoilt


def test_a_wrong_postal_check_digit_is_no_key_at_any_courier() -> None:
    for courier in ("china-post", "vnpost", "4px", "swiftline", "jt-express"):
        assert key(courier, "RR123456786CN") is None


def test_check_rules_agree_with_the_standards_own_code() -> None:
    number = mod_37_36.calc_check_digit("008182709980000020033350276")
    assert key("dpd", f"008182709980000020033350276{number}") is not None
    assert not luhn.is_valid("0073938000549297"), "GS1 is another rule than Luhn's"


@pytest.mark.parametrize(
    ("courier", "waybill"),
    [
        ("ups", "1Z12"),
        ("sf", "12"),
        ("zto", "0000"),
        ("jne", "无"),
        ("x", "abcdefg"),
        ("x", "0000000000"),
        ("dhl", "12345"),
    ],
)
def test_what_is_no_waybill_is_no_key(courier: str, waybill: str) -> None:
    assert key(courier, waybill) is None


def test_every_courier_has_a_source() -> None:
    raw = (Path(__file__).parents[2] / "schema" / "couriers.yaml").read_text(encoding="utf-8")
    listed = [line for line in raw.splitlines() if line and not line.startswith("#")]
    assert sum("waybill: " in line for line in listed) >= 40 and all("{source: " in line for line in listed)
