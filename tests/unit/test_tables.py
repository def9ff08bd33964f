"""Tables as people write them: encodings, delimiters, line ends, headers, guards, and what a mapping says of cells."""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.model.cleaning import clean_draft, merge_defaults
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from importers import CSV, importer_for, rows_of
from importers.charsets import detect_charset
from importers.mapping import load_mapping
from importers.rows import iter_rows
from importers.written import dated, number, unguarded

SCHEMA = load_schema()
PASAR = Organisation("pasar", "company", "ID", "Pasar")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), legal_basis="consent")
SELLERS = """format: table
region: ID
rows:
  - entities:
      - ref: a
        kind: Account
        key: {site: {const: x}, id: seller}
        attributes: {displayName: {column: shop, optional: true}}
      - {ref: p, kind: Phone, key: {value: phone}, optional: true}
    links: [{kind: USES, from: a, to: p}]
"""


def read(data: bytes, mapping: str = SELLERS) -> list[Draft | RowProblem | None]:
    body = io.BytesIO(data)
    importer = importer_for(CSV, load_mapping(mapping.encode(), SCHEMA), body)
    return [found for _, found in importer.drafts(rows_of(CSV, body))]


def drafts(data: bytes, mapping: str = SELLERS) -> list[CleanDraft]:
    defaults = merge_defaults(DEFAULTS, load_mapping(mapping.encode(), SCHEMA).defaults)
    found = []
    for one in read(data, mapping):
        assert not isinstance(one, RowProblem), one
        if one is not None:
            clean = clean_draft(one, SCHEMA, defaults, PASAR)
            assert isinstance(clean, CleanDraft), clean
            found.append(clean)
    return found


def keys(data: bytes, mapping: str = SELLERS) -> list[list[str]]:
    return [[entity.key for entity in one.entities] for one in drafts(data, mapping)]


ONE = [["account:x:u1", "phone:e164:+6281234567801"]]


@pytest.mark.parametrize(
    "data",
    [
        b"seller,phone\nu1,081234567801\n",
        b"seller;phone\r\nu1;081234567801\r\n",
        b"seller\tphone\nu1\t081234567801\n",
        b"seller|phone|note\nu1|081234567801|a,b;c\n",
        b"sep=;\r\nseller;phone\r\nu1;081234567801\r\n",
        b'"sep=|"\nseller|phone\nu1|081234567801\n',
        b"\xef\xbb\xbfseller,phone\nu1,081234567801",
        "seller\tphone\r\nu1\t081234567801\r\n".encode("utf-16"),
        "seller,phone\nu1,081234567801\n".encode("utf-16-be"),
        b"seller,phone\ru1,081234567801\r",
        b"seller,phone\r\r\nu1,081234567801\r\r\n",
        b"\n\nSellers of March;;\n;;\nseller;phone;\nu1;081234567801;\n;;\n",
        b"seller,phone\nu1,081234567801\nseller,phone\n,\n",
        b"seller , Phone ,phone\nu1,x,081234567801\n",
        b"seller,phone\n'u1,'081234567801\n",
        b'seller,phone\n"=""u1""","=""081234567801"""\n',
        b"seller,phone\nu1,\t081234567801\n",
        b"seller,phone,shop\nu1,081234567801\n",
        b"seller,phone\nu1,081234567801.0\n",
    ],
)
def test_one_table_in_many_forms(data: bytes) -> None:
    assert keys(data) == ONE


@pytest.mark.parametrize("cell", ["8.12346E+14", "#N/A", "#REF!", "Err:502", "812345678901234567.0", "NULL", "-"])
def test_what_a_spreadsheet_has_spoilt_becomes_no_key(cell: str) -> None:
    assert keys(f"seller,phone\nu1,{cell}\n".encode()) == [["account:x:u1"]]


def test_long_rows_are_refused_with_the_likely_cause() -> None:
    [_, problem] = read(b"seller,phone,shop\nu1,081234567801,Antik, Jaya\n")
    assert isinstance(problem, RowProblem) and problem.code == "row_width" and "in quotes" in problem.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('seller,phone\nu1,"0812\nu2,0813\nu3,0814\n', "character 4 of the row's line 1 is not closed, and 3 lines"),
        ('seller,phone\nu1,"Toko "Jaya" baru"\n', "character 10 of the row's line 1, is not doubled"),
        ('seller,phone\n"a\nb","c\n', "character 4 of the row's line 2 is not closed: close it"),
    ],
)
def test_quotes_that_do_not_fit_are_told_with_their_place(text: str, told: str) -> None:
    problem = read(text.encode())[-1]
    assert isinstance(problem, RowProblem) and problem.code == "bad_csv" and told in problem.message


TEXTS = {
    "utf-8": "seller,phone,shop\nu1,081234567801,象牙\n",
    "gb18030": "seller,phone,shop\nu1,081234567801,象牙工艺品老店\nu2,,联通二楼\n",
}
OTHERS = {
    "windows-1252": "Peña Nieto, Müller, à côté, São João, Ångström",
    "windows-1250": "Łódź, Kraków, żółć, Příbram, Gdańsk",
    "windows-1251": "Слоновая кость, бивень носорога, клык моржа",
    "tis-620": "งาช้าง ร้านค้า กรุงเทพ",
    "euc-kr": "상아 조각 서울 가게",
    "big5": "象牙雕刻 臺北 古董店 電話",
}


@pytest.mark.parametrize("charset", sorted(TEXTS))
def test_an_encoding_is_found_where_the_text_is_plausible(charset: str) -> None:
    assert detect_charset(io.BytesIO(TEXTS[charset].encode(charset))) == charset


@pytest.mark.parametrize("charset", sorted(OTHERS))
def test_what_merely_decodes_is_refused_and_the_likely_encoding_named(charset: str) -> None:
    data = f"seller,phone,shop\nu1,081234567801,{OTHERS[charset].replace(',', ' ')}\n".encode(charset)
    with pytest.raises(InvalidInput) as caught:
        read(data)
    assert caught.value.code == "unknown_charset" and charset in caught.value.message
    [one] = drafts(data, SELLERS + f"encoding: {charset}\n")
    assert one.entities[0].attributes["identity"]["displayName"] == " ".join(OTHERS[charset].replace(",", " ").split())


@given(st.sampled_from(["utf-16-le", "utf-16-be"]), st.text("ab象é\U0001f418\n,\r", max_size=60), st.integers(1, 9))
def test_utf_16_is_cut_as_its_text_is(charset: str, text: str, size: int) -> None:
    class Pieces(io.BytesIO):
        def read(self, most: int | None = -1, /) -> bytes:
            return super().read(min(size, most) if most and most > 0 else size)

    mark = "\ufeff".encode(charset)
    found = [row.data for row in iter_rows(Pieces(mark + text.encode(charset)), "csv")]
    assert found == [row.data for row in iter_rows(io.BytesIO(text.encode()), "csv")]


def test_half_a_character_at_the_end_refuses_its_row_alone() -> None:
    found = read("\ufeffseller,phone\nu1,081234567801\nu2".encode("utf-16-le") + b"\x00\xd8")
    assert isinstance(found[1], Draft) and isinstance(found[2], RowProblem) and found[2].code == "broken_utf8"


# The mapping language

PHONES = """format: table
{top}
rows:
  - {rule}
    entities:
      - {{ref: a, kind: Account, key: {{site: {{const: x}}, id: {{column: "#row"}}}}, attributes: {{{attributes}}}}}
      - {{ref: p, kind: Phone, key: {{value: {phone}}}, optional: true{entity}}}
    links: [{{kind: USES, from: a, to: p}}]
"""


def phones(phone: str, data: str, **more: str) -> list[list[str]]:
    return [one[1:] for one in keys(data.encode(), mapping_of(phone, **more))]


def mapping_of(phone: str = "phone", **more: str) -> str:
    given = {"top": "region: ID", "rule": "title_", "attributes": "", "entity": "", **more}
    return PHONES.format(phone=phone, **given).replace("  - title_\n    entities", "  - entities")


def attributes(said: str, cell: str, **more: str) -> dict[str, object]:
    [one] = drafts(f"phone;v;unit\n;{cell};{more.pop('unit', '')}\n".encode(), mapping_of(attributes=said, **more))
    return {name: value for group in one.entities[0].attributes.values() for name, value in group.items()}


def test_region_by_column_and_by_row() -> None:
    table = "phone,land\n0912345678,VN\n081234567801,Indonesia\n0912345678,Atlantis\n+84912345678,\n"
    assert phones("phone", table, entity=", region: land") == [
        ["phone:e164:+84912345678"], ["phone:e164:+6281234567801"], [], ["phone:e164:+84912345678"],
    ]  # fmt: skip
    assert phones("phone", "phone\n0912345678\n", rule="region: {const: VN}") == [["phone:e164:+84912345678"]]
    assert phones("phone", "phone\n081234567801\n") == [["phone:e164:+6281234567801"]]


def test_several_entities_of_one_cell() -> None:
    split = '{column: phone, split: ["/", ";", " or "]}'
    found = drafts(b"phone\n081234567801 / 081234567802 or 081234567801\n\n", mapping_of(split))
    assert [entity.key for entity in found[0].entities[1:]] == [
        "phone:e164:+6281234567801",
        "phone:e164:+6281234567802",
    ]
    assert len(found[0].links) == 2


def test_strip_replace_and_absent() -> None:
    said = '{column: phone, strip: ["WA:", "(lama)"], replace: {"O": "0"}, absent: [kosong]}'
    assert phones(said, "phone\nWA: O81234567801 (lama)\nkosong\n") == [["phone:e164:+6281234567801"], []]


def test_a_replacement_that_grows_without_end_refuses_its_row() -> None:
    said = '{column: phone, replace: {"0": "' + "9" * 300 + '"}}'
    found = read(("phone\n" + "0" * 1000 + "\n").encode(), mapping_of(said))
    assert isinstance(found[1], RowProblem) and found[1].code == "too_long"


def test_columns_by_position_and_a_doubled_header() -> None:
    table = "phone,phone\n081234567801,081234567802\n"
    assert phones('"phone#2"', table) == [["phone:e164:+6281234567802"]]
    assert phones('"#1"', table) == [["phone:e164:+6281234567801"]]
    with pytest.raises(InvalidInput) as caught:
        phones("phone", table)
    assert caught.value.code == "double_column" and "phone#2" in caught.value.message
    with pytest.raises(InvalidInput):
        phones('"phone#3"', table)


def test_a_row_number_is_a_reference_and_an_empty_part_makes_a_template_absent() -> None:
    table = "phone,prefix,rest\n,62812,34567801\n,,34567801\n"
    mapping = mapping_of('{template: "+{prefix}{rest}"}')
    assert keys(table.encode(), mapping) == [["account:x:2", "phone:e164:+6281234567801"], ["account:x:3"]]


def test_header_further_down_and_a_footer() -> None:
    table = "phone list of March\nphone\n081234567801\nTotal,1\n081234567802\n"
    assert phones("phone", table, top="region: ID\nheader: 2\nfooter: [Total]") == [["phone:e164:+6281234567801"]]
    with pytest.raises(InvalidInput) as caught:
        phones("phone", table, top="header: 1")
    assert caught.value.code == "missing_column"


def test_when_not_and_else() -> None:
    mapping = """format: table
rows:
  - when: {column: kind, equals: seller}
    entities: [{ref: a, kind: Account, key: {site: {const: x}, id: id}}]
  - when: {column: kind, in: [buyer, seller], not: true}
    entities: [{ref: p, kind: Person, key: {ref: id}}]
  - else: true
    entities: [{ref: o, kind: Organisation, key: {ref: id}}]
"""
    assert keys(b"kind,id\nseller,1\nbuyer,2\nother,3\n,4\n", mapping) == [
        ["account:x:1"], ["organisation:own:pasar/2"], ["person:pasar:3"], ["person:pasar:4"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "cell", "expected"),
    [
        ("{column: v, date: dmy, timezone: '+07:00'}", "03/04/2025 9:05 PM", "2025-04-03T14:05:00Z"),
        ("{column: v, date: mdy, timezone: Z}", "3/4/25, 12:05 am", "2025-03-04T00:05:00Z"),
        ("{column: v, date: dmy, calendar: buddhist}", "27/06/2568", "2025-06-27"),
        ("{column: v, date: dmy, calendar: buddhist}", "27 มิ.ย. 68", None),
        ("{column: v, date: dmy}", "3 Apr 2025", "2025-04-03"),
        ("{column: v, date: dmy}", "Apr 3, 2025", "2025-04-03"),
        ("{column: v, date: dmy}", "2025-04-03", "2025-04-03"),
        ("{column: v, date: dmy}", "31/02/2025", None),
        ("{column: v, date: dmy}", "04/13/2025", None),
        ("{column: v, date: epoch}", "1740841440", "2025-03-01T15:04:00Z"),
        ("{column: v, date: epoch-ms}", "1740841440000", "2025-03-01T15:04:00Z"),
        ("{column: v, date: excel}", "45834", "2025-06-26"),
        ("{column: v, date: excel, timezone: Z}", "45834.5", "2025-06-26T12:00:00Z"),
        ("{column: v, date: excel-1904}", "44372", "2025-06-26"),
        ("{column: v, date: excel}", "1.5E+30", None),
        ("{column: v, date: ymd, timezone: '+08:00'}", "2025年4月3日 下午9:05", "2025-04-03T13:05:00Z"),
    ],
)
def test_dates_in_the_form_that_is_stated(said: str, cell: str, expected: str | None) -> None:
    assert attributes(f"lastSeenAt: {said}", cell).get("lastSeenAt") == expected


@pytest.mark.parametrize(
    ("said", "cell", "unit", "expected"),
    [
        ('{column: v, decimal: ","}', "1.234,50", "", "1234.5"),
        ('{column: v, decimal: "."}', "1,234.50", "", "1234.5"),
        ('{column: v, decimal: "."}', "1,23", "", None),
        ('{column: v, multiply: "0.001"}', "2500", "", "2.5"),
        ('{column: v, factors: {g: "0.001", lb: "0.45359237", kg: 1}, unit: unit}', "10", "LB", "4.5359237"),
        ('{column: v, factors: {g: "0.001", kg: 1}, unit: unit}', "10", "stone", None),
        ('{column: v, factors: {g: "0.001", kg: 1}, unit: unit}', "10", "", None),
    ],
)
def test_numbers_and_units(said: str, cell: str, unit: str, expected: str | None) -> None:
    assert attributes(f"riskScore: {said}", cell, unit=unit).get("riskScore") == expected


def test_an_unknown_code_costs_no_identifier() -> None:
    [one] = drafts(b"phone,land\n081234567801,Atlantis\n", mapping_of(attributes="registrationCountry: land"))
    assert len(one.entities) == 2 and [code for _, code, _ in one.unlinked] == ["not_in_list"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("optional: true}", "optional: true, kinds: x}", "line 5"),
        ("kind: Phone", "kind: Fone", "line 5"),
        ("value: phone", "value: {column: phone, date: ydm}", "line 5"),
        ("value: phone", 'value: {column: phone, multiply: "0"}', "line 5"),
        ("value: phone", "value: {column: phone, calendar: buddhist}", "line 5"),
        ("value: phone", "value: {column: phone, factors: {kg: 1}}", "line 5"),
        ("region: ID", "region: ID\nheader: 0", "line 3"),
        ("region: ID", "region: ID\nheader: 3\ncolumns: [a]", "line 3"),
        ("region: ID", 'region: ID\nfooter: [" "]', "line 3"),
        ("  - entities", "  - else: true\n    entities", "line 4"),
        ("format: table", "format: tabel", "line 1"),
    ],
)
def test_mistakes_in_a_mapping_are_told_with_their_line(old: str, new: str, told: str) -> None:
    text = mapping_of()
    assert old in text
    lines = text.splitlines()
    assert "Phone" in lines[5] and lines[1] == "region: ID"
    told = told.replace("line 5", "line 6")
    with pytest.raises(InvalidInput) as caught:
        load_mapping(text.replace(old, new, 1).encode(), SCHEMA)
    assert f"({told})" in caught.value.message, caught.value.message


# Times, numbers and guards by themselves

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)).map(lambda one: one.replace(microsecond=0))


@given(MOMENTS, st.sampled_from("/.-"), st.booleans())
def test_a_day_comes_back_from_every_form(when: datetime, mark: str, padded: bool) -> None:
    d, m, y = (f"{when.day:02d}", f"{when.month:02d}", f"{when.year}") if padded else (when.day, when.month, when.year)
    clock = f"{when:%H:%M:%S}"
    for form, parts in (("dmy", (d, m, y)), ("mdy", (m, d, y)), ("ymd", (y, m, d))):
        text = mark.join(map(str, parts))
        assert dated(text, form) == when.date().isoformat()  # type: ignore[arg-type]
        assert dated(f"{text} {clock}", form) == when.isoformat()  # type: ignore[arg-type]
        assert dated(f"{text}, {when:%I:%M:%S %p}", form) == when.isoformat()  # type: ignore[arg-type]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15))
def test_numbers_stay_exact_in_both_ways_of_writing_them(value: Decimal) -> None:
    assert Decimal(number(f"{value:,f}")) == value
    swapped = f"{value:,f}".translate(str.maketrans(",.", ".,"))
    assert Decimal(number(swapped, ",")) == value
    assert Decimal(number(f"{value:f}", ".", Decimal("0.001"))) == value * Decimal("0.001")


@given(st.text(max_size=40))
def test_no_text_breaks_what_reads_cells(text: str) -> None:
    for form in ("dmy", "mdy", "ymd", "epoch", "epoch-ms", "epoch-us", "excel", "excel-1904"):
        assert isinstance(dated(text, form), str)  # type: ignore[arg-type]
    assert isinstance(number(text), str) and isinstance(number(text, ",", Decimal(2)), str)
    assert isinstance(unguarded(text), str)


def test_a_long_cell_is_not_searched_for_guards() -> None:
    cell = "'" + "1" * 100_000 + " "
    assert unguarded(cell) == cell


@pytest.mark.parametrize("name", ["'t Hooft", "'Abd al-Rahman", "=1+1", "O'Brien", "'"])
def test_an_apostrophe_of_a_name_stays(name: str) -> None:
    assert unguarded(name) == name
