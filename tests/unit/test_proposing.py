"""A mapping proposed for an unknown table: what its columns hold, in several languages, and what has to be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphsvc.client.convert import Input, convert
from graphsvc.client.propose import propose_mapping, written
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import load_schema
from tests.commands import Run, running
from tests.workbooks import workbook

SCHEMA = load_schema()
TABLES = {
    "vi": "Người bán;Số điện thoại;Ngày đăng ký;Mã người bán;E-mail\n"
    "Anh;0912345678;13/03/2025 09:15;u1;anh@example.com\n",
    "zh": "用户ID,手机号,注册时间,店铺名,备注\nu1,13800138000,2025-03-01,老店,好\n",
    "id": "ID Penjual\tNo. HP\tTanggal\tNama Toko\nu1\t081234567801\t2025-03-01\tAntik\n",
    "es": "Usuario,Teléfono,Fecha,Observaciones\nu1,+34 612 34 56 78,2025-03-01,x\n",
    "th": "รหัสผู้ใช้,เบอร์โทร,วันที่\nu1,0812345678,2025-03-01\n",
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return running(monkeypatch, capfd)


def proposed(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> dict[str, str]:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return dict(propose_mapping(tmp_path / name, SCHEMA).columns)


@pytest.mark.parametrize("language", sorted(TABLES))
def test_headings_of_several_languages(tmp_path: Path, language: str) -> None:
    found = proposed(tmp_path, TABLES[language])
    assert {"user_id", "phone", "date"} <= set(found.values())


def test_cells_decide_where_they_have_a_form_of_their_own(tmp_path: Path) -> None:
    text = "a,b,c,d,e\nli@example.com,490154203237518,DE89370400440532013000,+62 812-3456-7801,12\n"
    assert proposed(tmp_path, text) == {"a": "email", "b": "imei", "c": "iban", "d": "phone", "e": ""}


def test_the_same_word_twice_and_a_title_above(tmp_path: Path) -> None:
    found = proposed(tmp_path, "Sellers 2025\n\nuser id,phone,phone\nu1,+6281234567801,+6281234567802\n")
    assert found == {"user id": "user_id", "phone#1": "phone", "phone#2": "phone"}
    data = written(propose_mapping(tmp_path / "t.csv", SCHEMA), {"site": "x"}, SCHEMA)
    made = convert(Input(tmp_path / "t.csv", data), SCHEMA)
    assert [entity.key for entity in made.drafts[0].entities] == [
        "account:x:u1", "phone:e164:+6281234567801", "phone:e164:+6281234567802",
    ]  # fmt: skip


def test_only_what_the_file_does_not_say_is_asked(tmp_path: Path) -> None:
    def asked(text: str) -> list[str]:
        (tmp_path / "t.csv").write_text(text)
        return [question.name for question in propose_mapping(tmp_path / "t.csv", SCHEMA).questions]

    always = ["handling", "legalBasis"]
    assert asked("user id,phone,date\nu1,0812345678,03/04/2025 9:00\n") == [
        "site",
        "region",
        "date",
        "timezone",
        *always,
    ]
    assert asked("site,user id,phone,date\nx,u1,+62812345678,13/04/2025\n") == always
    assert asked("waybill,receiver phone\nX1,+6281234567801\n") == ["courier", *always]


@pytest.mark.parametrize(
    ("text", "kinds", "links"),
    [
        ("waybill,courier,sender phone,receiver phone\nSWL004277,swiftline,+84912345678,+8613800138000\n",
         ["Parcel", "Phone", "Phone"], ["SENT_BY", "SENT_TO"]),
        ("case number,species,quantity,unit,date\nK1,Loxodonta africana,2,kg,2025-03-01\n",
         ["Seizure", "Taxon"], ["SEIZED_IN"]),
        ("full name,phone\nAnh,+84912345678\n", ["Person", "Phone"], ["USES"]),
        ("listing id,site,title,phone\n1,x,XY,+84912345678\n", ["Listing", "Phone"], ["MENTIONS"]),
    ],
)  # fmt: skip
def test_what_a_table_is_about(tmp_path: Path, text: str, kinds: list[str], links: list[str]) -> None:
    (tmp_path / "t.csv").write_text(text)
    data = written(propose_mapping(tmp_path / "t.csv", SCHEMA), {"legalBasis": "consent"}, SCHEMA)
    made = convert(Input(tmp_path / "t.csv", data), SCHEMA)
    assert (made.rejected, made.assumed) == (0, ())
    assert [entity.kind for entity in made.drafts[0].entities] == kinds
    assert [link.kind for link in made.drafts[0].links] == links


def test_an_encoding_and_a_sheet_that_must_be_named_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("usuario,teléfono,nota\nu1,+34612345678,Peña Nieto\n".encode("windows-1252"))
    data = written(propose_mapping(tmp_path / "t.csv", SCHEMA), {"site": "x"}, SCHEMA)
    assert b"encoding: 'windows-1252'" in data
    assert convert(Input(tmp_path / "t.csv", data), SCHEMA).accepted == 1
    rows: list[list[object]] = [["user id", "phone"], ["u1", "+6281234567801"]]
    (tmp_path / "t.xlsx").write_bytes(workbook({"About": [["by hand"]], "March": rows}))
    data = written(propose_mapping(tmp_path / "t.xlsx", SCHEMA), {"site": "x"}, SCHEMA)
    assert b"sheet: 'March'" in data and convert(Input(tmp_path / "t.xlsx", data), SCHEMA).accepted == 1


def test_headings_from_others_stay_text(tmp_path: Path) -> None:
    """A heading is written into a YAML file: it must not become anything else there."""
    hostile = ['user id": {x: y}', "phone}]", "#a", "null", "a: b", "{user id}", "user\tid"]
    (tmp_path / "t.csv").write_text(
        ",".join('"' + one.replace('"', '""') + '"' for one in hostile) + "\n1,2,3,4,5,6,7\n"
    )
    data = written(propose_mapping(tmp_path / "t.csv", SCHEMA), {"site": "a: b"}, SCHEMA)
    assert convert(Input(tmp_path / "t.csv", data), SCHEMA).rows == 2


def test_a_ready_mapping_that_fits_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("courier,waybill,sender_phone\nx,1234567,\n")
    assert propose_mapping(tmp_path / "t.csv", SCHEMA).ready == "courier-parcels"


def test_templates_convert_with_their_mappings() -> None:
    folder = Path(__file__).parents[2] / "importers" / "mappings"
    templates = sorted(folder.glob("*.csv"))
    assert [path.stem for path in templates] == ["courier-parcels", "marketplace-accounts"]
    for path in templates:
        as_csv, as_excel = (
            convert(Input(path.with_suffix(ending), path.with_suffix(".yaml").read_bytes()), SCHEMA)
            for ending in (".csv", ".xlsx")
        )
        assert (as_csv.accepted, as_csv.rejected, as_csv.unlinked, as_csv.losses) == (1, 0, [], {})
        assert as_excel.format.name == "xlsx" and as_excel.drafts == as_csv.drafts
        assert propose_mapping(path, SCHEMA).ready == path.stem


def test_the_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLES["vi"])
    done = run("map", str(tmp_path / "t.csv"), "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert {one["name"] for one in told["questions"]} == {"site", "region", "timezone", "handling", "legalBasis"}
    answers = {
        "site": "cho",
        "region": "VN",
        "timezone": "+07:00",
        "handling": "tlp-2.0 GREEN",
        "legalBasis": "consent",
    }
    words = [word for name, answer in answers.items() for word in ("--answer", f"{name}={answer}")]
    out = tmp_path / "m.yaml"
    done = run("map", str(tmp_path / "t.csv"), *words, "--out", str(out))
    assert done.returncode == 0 and "Account cho:u1, Phone e164:+84912345678" in done.stdout
    assert run("convert", str(tmp_path / "t.csv"), "--map", str(out), "--json").value["accepted"] == 1
    assert run("map", str(tmp_path / "t.csv"), "--answer", "colour=red", "--json").code == (2, "no_question")
    assert run("template", "courier-parcels", str(tmp_path / "form.xlsx")).returncode == 0
    assert run("map", str(tmp_path / "form.xlsx"), "--json").stdout.count("courier-parcels") == 1
    assert run("template", "courier", str(tmp_path / "other.xlsx")).returncode == 2
    (tmp_path / "b.json").write_text('{"type": "bundle", "id": "bundle--1", "objects": []}')
    assert run("map", str(tmp_path / "b.json"), "--json").code == (2, "no_table")


def test_a_file_without_a_header_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(InvalidInput) as caught:
        propose_mapping(tmp_path / "t.csv", SCHEMA)
    assert caught.value.code == "no_header"
