"""A file looked at before it is submitted: what is proposed, what each row would become, what is too much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphsvc.client.convert import Input, convert
from graphsvc.client.profile import local_organisation
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput, TooLarge
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Principal
from graphsvc.model.schema import load_schema
from graphsvc.submission import preview as looking
from graphsvc.submission.preview import Look, preview
from graphsvc.wire.submissions import Preview, Sheet
from tests.workbooks import workbook

SCHEMA = load_schema()
SAID = Defaults(handling=Handling("tlp-2.0", "AMBER"), legal_basis="legitimate-interest")
TABLE = (
    "Sellers of March;;;\n"
    "ID Penjual;No. HP;Kolom;Tanggal daftar\n"
    "u1;0812-3456-7801;+62 812 0000 1;13/03/2025 09:15\n"
    "\n"
    ";0812-3456-7802;x;14/03/2025 09:15\n"
    "u3;0812-3456-78XX;x;15/03/2025 09:15\n"
)
ANSWERS = {"site": "pasar", "region": "ID", "timezone": "+07:00"}


def looked(body: str | bytes, ending: str = ".csv", *, allowed: bool = True, **said: Any) -> Preview:
    raw = body.encode() if isinstance(body, str) else body
    sheet = Sheet(body=raw, ending=ending, **{"defaults": SAID, **said})
    who = Principal(local_organisation(None), "someone", ("submitter",))
    look = Look(sheet, who, 1 << 20, {}, frozenset(), frozenset())
    asked: list[Label] = []
    return preview(look, SCHEMA, lambda label: asked.append(label) is None and allowed)


def test_a_table_is_told_column_by_column_and_row_by_row() -> None:
    made = looked(TABLE, answers=ANSWERS)
    assert [(one.name, one.holds) for one in made.columns] == [
        *(("ID Penjual", "user_id"), ("No. HP", "phone"), ("Kolom", ""), ("Tanggal daftar", "date")),
    ]
    assert made.header == 2 and len(made.cells) == 6 and made.cells[2][0] == "u1" and made.cells[3] in ([], [""])
    assert {one.name for one in made.questions} >= {"site", "region", "timezone"}
    assert (made.accepted, made.rejected) == (2, 1)
    [wrong] = made.errors
    assert (wrong.row, wrong.code) == (4, "missing_value"), wrong
    [kept] = made.notes
    assert (kept.row, kept.code, kept.columns) == (5, "invalid_phone", ("No. HP",))
    assert made.becomes[0].entities == ["Account pasar:u1", "Phone e164:+6281234567801"]
    assert made.becomes[0].links == ["USES"]


def test_it_says_what_the_client_says_of_the_same_file(tmp_path: Path) -> None:
    made = looked(TABLE, answers=ANSWERS)
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    same = convert(Input(path, made.mapping.encode(), SAID), SCHEMA)
    assert (same.accepted, same.rejected) == (made.accepted, made.rejected)
    assert [(one.row, one.code) for one in same.problems] == [(one.row, one.code) for one in made.errors]


def test_what_a_column_holds_is_what_a_person_says() -> None:
    made = looked(TABLE, answers=ANSWERS, holds={"Kolom": "note", "No. HP": ""})
    assert {one.name: one.holds for one in made.columns}["Kolom"] == "note"
    assert made.becomes[0].entities == ["Account pasar:u1"]
    again = looked(TABLE, answers=ANSWERS, holds={"Kolom": "phone"})
    assert "Phone e164:+62812000001" in again.becomes[0].entities or any("Kolom" in one.columns for one in again.notes)
    for holds, code in (({"None": "phone"}, "no_column"), ({"Kolom": "colour"}, "no_such_holding")):
        with pytest.raises(InvalidInput) as caught:
            looked(TABLE, holds=holds)
        assert caught.value.code == code and "None" not in caught.value.message


def test_what_may_not_be_submitted_is_said_before() -> None:
    made = looked(TABLE, answers=ANSWERS, allowed=False)
    assert made.accepted == 0 and {one.code for one in made.errors} >= {"may_not_submit"}
    # Under a label that nobody has stated nothing can be told of it.
    unsaid = looked(TABLE, answers=ANSWERS, allowed=False, defaults=Defaults())
    assert unsaid.accepted == 2


def test_a_workbook_gives_its_cells_to_be_written_as_csv() -> None:
    book = workbook({"few": [["x"]], "all": [["user id", "phone"], ["u1", "+6281234567801"], ["u2", "a,b"]]})
    made = looked(book, ".xlsx")
    assert made.apart and not made.mapping
    assert made.cells == [["user id", "phone"], ["u1", "+6281234567801"], ["u2", "a,b"]]


def test_a_table_that_a_page_wrote_is_parted_by_commas() -> None:
    text = 'user id,note\nu1,"a;b;c;d"\nu2,"e;f;g;h"\n'
    made = looked(text, delimiter=",", answers={"site": "pasar"})
    assert [one.name for one in made.columns] == ["user id", "note"] and made.accepted == 2


def test_rows_that_say_what_they_are_need_no_mapping() -> None:
    good = '{"entities": [{"ref": "p", "kind": "Phone", "key": {"value": "+254710000431"}}]}'
    made = looked(f"{good}\nnothing\n", ".ndjson")
    assert (made.mapping, made.accepted, made.rejected) == ("", 1, 1)
    assert made.cells == [[good], ["nothing"]] and made.errors[0].row == 1


def test_what_is_too_much_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MOST_ROWS", 3)
    for body in (TABLE, "a," * 300 + "\nu1\n"):
        with pytest.raises(TooLarge) as caught:
            looked(body, answers=ANSWERS)
        assert "graphsvc submit" in caught.value.message
    monkeypatch.setattr(looking, "MOST_BYTES", 10)
    with pytest.raises(TooLarge):
        looked(TABLE)


@pytest.mark.parametrize(
    ("body", "ending", "code"),
    [
        ("1,2\n3,4\n", ".csv", "no_header"),
        ("<graphml xmlns='http://graphml.graphdrawing.org/xmlns'/>", ".graphml", "no_table"),
    ],
)
def test_what_is_no_table_is_refused(body: str, ending: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        looked(body, ending)
    assert caught.value.code == code
