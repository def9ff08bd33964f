"""Conversion without a service: it says what the service says, loses nothing in silence, its output submits alike."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from graphsvc.client.convert import Converted, Input, convert
from graphsvc.client.manifest import measure, media_type_of
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from graphsvc.submission.intake import Intake, Order, take_in
from graphsvc_verify.merkle import root
from importers import CSV, NDJSON
from importers.mapping import load_mapping
from importers.rows import MAX_ROW
from tests.commands import Run, running
from tests.workbooks import workbook

SCHEMA = load_schema()
PASAR = Organisation("pasar", "company", "ID", "Pasar")
DEFAULTS = Defaults(
    handling=Handling("tlp-2.0", "GREEN"), purposes=["investigation"], legal_basis="legitimate-interest"
)
MAPPING = b"""format: csv
region: ID
rows:
  - entities:
      - ref: seller
        kind: Account
        key: {site: {const: pasar}, id: id}
        attributes: {displayName: shop, registrationCountry: land}
      - {ref: phone, kind: Phone, key: {value: {column: phone, split: /}}, optional: true}
    links: [{kind: USES, from: seller, to: phone}]
    supersedes: {reference: id}
"""
ROWS = """id,phone,shop,land,colour
u1,0812-3456-7801,Antik,ID,red
u2,0812-3456-7801 / 0812-3456-7802,,Atlantis,
u3,0812-3456-78XX,Rumah,ID,
,0812-3456-7803,Toko,ID,
u1,0812-3456-7804,Twice,ID,
u5,1.2E+12,,,blue
u6,1,2,3,4,5
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return running(monkeypatch, capfd)


@pytest.fixture
def sellers(tmp_path: Path) -> Input:
    path = tmp_path / "sellers.csv"
    path.write_text(ROWS)
    return Input(path, MAPPING, DEFAULTS, PASAR)


def taken(given: Input, media_type: str = CSV, leaves: Path | None = None) -> Intake:
    """What the service's intake says of the file."""
    mapping = None if given.mapping is None else load_mapping(given.mapping, SCHEMA)
    return take_in(
        Order(
            path=given.path, media_type=media_type, mapping=mapping, seed=bytes(32), defaults=given.defaults,
            organisation=given.organisation, schema=SCHEMA, may_submit=lambda label: True, groups=frozenset(),
            max_row=MAX_ROW, rows=1 << 20, reference_key=b"key",
            leaves=leaves,
        ),
        None,
    )  # fmt: skip


def same(made: Converted, intake: Intake) -> None:
    assert (made.rows, made.accepted, made.rejected, made.charset) == (
        intake.rows, intake.accepted, intake.rejected, intake.charset,
    )  # fmt: skip
    assert [(one.row, one.code, one.pointer, one.message) for one in made.problems] == [
        (one.row, one.code, one.pointer, one.message) for one in intake.problems
    ]
    assert [(one.row, one.code, one.pointer, one.message) for one in made.unlinked] == [
        (one.row, one.code, one.pointer, one.message) for one in intake.notes
    ]


def test_rows_are_told_with_column_type_and_what_to_do(sellers: Input) -> None:
    made = convert(sellers, SCHEMA)
    assert (made.rows, made.accepted, made.rejected) == (8, 4, 3)
    assert [(one.row, one.code, one.columns) for one in made.problems] == [
        (4, "missing_value", ()), (5, "double_reference", ("id",)), (7, "row_width", ()),
    ]  # fmt: skip
    assert [(one.row, one.code, one.columns, one.type) for one in made.unlinked] == [
        (2, "not_in_list", ("land",), "Countries and territories, ISO 3166-1 alpha-2"),
        (3, "invalid_phone", ("phone",), "A telephone number, any writing"),
        (6, "digits_lost", ("phone",), "A telephone number, any writing"),
    ]
    assert made.losses == {"column colour: no rule of the mapping reads it": 2}
    assert [entity.key for entity in made.drafts[1].entities] == [
        "account:pasar:u2", "phone:e164:+6281234567801", "phone:e164:+6281234567802",
    ]  # fmt: skip
    assert len(made.drafts[1].links) == 2


def test_convert_and_service_say_the_same(sellers: Input) -> None:
    same(convert(sellers, SCHEMA), taken(sellers))


def test_convert_and_service_say_the_same_of_every_field_case(test_data: Path) -> None:
    folders = sorted((test_data.parent / "cases" / "field").glob("*/expected.json"))
    if not folders:
        pytest.skip("no field cases beside the test data")
    files = 0
    for expected in folders:
        for file in json.loads(expected.read_text())["files"]:
            mapping = (expected.parent / file["map"]).read_bytes() if file.get("map") else None
            given = Input(expected.parent / file["file"], mapping, DEFAULTS, PASAR)
            media_type = CSV if given.path.suffix == ".csv" else NDJSON
            try:
                made = convert(replace(given, media_type=media_type), SCHEMA)
            except InvalidInput as error:
                with pytest.raises(InvalidInput) as caught:
                    taken(given, media_type)
                assert (caught.value.code, caught.value.message) == (error.code, error.message)
            else:
                same(made, taken(given, media_type))
            files += 1
    assert files > 25


def test_what_is_written_submits_as_the_file_would(sellers: Input, tmp_path: Path) -> None:
    lines = io.BytesIO()
    first = convert(sellers, SCHEMA, lines.write)
    (tmp_path / "drafts.ndjson").write_bytes(lines.getvalue())
    again = convert(Input(tmp_path / "drafts.ndjson", None, DEFAULTS, PASAR), SCHEMA)
    assert (again.accepted, again.rejected, again.losses) == (first.accepted, 0, {})
    for one, other in zip(first.drafts, again.drafts, strict=True):
        assert msgspec.structs.replace(one, row=0) == msgspec.structs.replace(other, row=0)


def test_what_nothing_says_is_assumed_and_not_written(sellers: Input) -> None:
    lines = io.BytesIO()
    made = convert(replace(sellers, defaults=Defaults()), SCHEMA, lines.write)
    assert made.assumed == ("handling", "legal_basis") and made.accepted == 4
    assert b"handling" not in lines.getvalue() and b"legalBasis" not in lines.getvalue()


def test_the_command(run: Run, sellers: Input, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_bytes(MAPPING)
    done = run("convert", str(sellers.path), "--map", str(tmp_path / "m.yaml"))
    assert done.returncode == 1
    assert "Account pasar:u1, Phone e164:+6281234567801" in done.stdout
    for told in (
        "8 rows: 4 would be accepted, 3 rejected",
        "land (",
        "not_in_list",
        "2 × column colour",
        "legal basis",
    ):
        assert told in done.stderr
    out = tmp_path / "drafts.ndjson"
    done = run("convert", str(sellers.path), "--map", str(tmp_path / "m.yaml"), "--out", str(out), "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["losses"] == {
        "column colour: no rule of the mapping reads it": 2
    }
    assert len(out.read_text().splitlines()) == 4 and out.stat().st_mode & 0o777 == 0o600
    done = run("convert", str(out), "--to", "ndjson")
    assert done.returncode == 0 and done.stdout == out.read_text()
    assert run("convert", str(sellers.path), "--json").code == (2, "mapping_missing")
    assert run("convert", str(sellers.path), "--map", "courier-parcel", "--json").code == (2, "no_mapping")


BOOK = {"x": [["id", "phone", "shop", "land"], ["u1", 81234567801, "Antik", "ID"]]}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BUNDLE = {
    "type": "bundle",
    "id": "bundle--1",
    "objects": [
        {"type": "identity", "id": "identity--1", "identity_class": "individual", "name": "Anh"},
        {"type": "malware", "id": "malware--1", "name": "x"},
    ],
}


def test_the_service_takes_a_workbook_and_a_bundle_row_by_row(tmp_path: Path) -> None:
    """What the client signs is what the service computes: the same rows, each with a leaf of its own."""
    (tmp_path / "s.xlsx").write_bytes(workbook(BOOK))
    (tmp_path / "b.json").write_text(json.dumps(BUNDLE))
    for name, media_type, mapping, rows in (
        ("s.xlsx", XLSX, MAPPING.replace(b"format: csv", b"format: table"), 2),
        ("b.json", "application/stix+json", None, 2),
    ):
        given = Input(tmp_path / name, mapping, DEFAULTS, PASAR)
        assert media_type_of(given.path) == media_type
        measured = measure(given.path, media_type, bytes(32))
        intake = taken(given, media_type, tmp_path / "leaves")
        hashes = (tmp_path / "leaves").read_bytes()
        assert measured.rows == intake.rows == rows and len(hashes) == 32 * rows
        assert root([hashes[at : at + 32] for at in range(0, len(hashes), 32)]) == intake.rows_root
        assert measured.rows_root == f"sha256:{intake.rows_root.hex()}" and measured.size == given.path.stat().st_size
        made = convert(given, SCHEMA)
        same(made, intake)
        assert made.accepted == 1


def test_a_dry_run_of_submit_reads_them_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.xlsx").write_bytes(workbook(BOOK))
    (tmp_path / "m.yaml").write_bytes(MAPPING)
    (tmp_path / "d.json").write_text(json.dumps(msgspec.to_builtins(DEFAULTS)))
    words = ["--map", str(tmp_path / "m.yaml"), "--defaults", str(tmp_path / "d.json"), "--dry-run", "--json"]
    done = run("submit", str(tmp_path / "s.xlsx"), *words)
    assert done.value["accepted"] == 1 and done.value["charset"] == "utf-8"
    done = run("submit", str(tmp_path / "s.xlsx"), *words, "--rejected", str(tmp_path / "r.xlsx"))
    assert done.code == (2, "no_lines")
