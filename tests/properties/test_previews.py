"""Whatever a table holds and is said to hold: a preview says what is wrong, or tells each of its rows once."""

from __future__ import annotations

import csv
import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphsvc.client.profile import local_organisation
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Principal
from graphsvc.model.schema import load_schema
from graphsvc.submission.preview import Look, preview
from graphsvc.wire.submissions import Sheet
from importers.proposing import held_by_columns

SCHEMA = load_schema()
WHO = Principal(local_organisation(None), "someone", ("submitter",))
SAID = Defaults(handling=Handling("tlp-2.0", "AMBER"), legal_basis="legitimate-interest")
HEADINGS = st.sampled_from(
    ["user id", "phone", "date", "ID: 1", "a#b", "'", '"', "{x}", "[y", "- z", "", "no", "\u2028", "用户"]
)
CELLS = st.text(max_size=12) | st.sampled_from(
    ["u1", "+6281234567801", "0812", "13/03/2025 09:15", "=1+1", "\ufffd", "a\nb"]
)
TABLES = st.integers(1, 6).flatmap(
    lambda width: st.tuples(
        st.lists(HEADINGS, min_size=width, max_size=width),
        st.lists(st.lists(CELLS, max_size=width + 1), max_size=6),
    )
)
KINDS = st.sampled_from([*held_by_columns(), ""])
ANSWERS = st.dictionaries(
    st.sampled_from(["site", "courier", "region", "date", "timezone", "handling", "legalBasis"]),
    st.sampled_from(["pasar", "ID", "dmy", "+07:00", "tlp-2.0 RED", "x: y", "{", "#", "' \"", "\n- a"])
    | st.text(max_size=8),
)


@given(TABLES, st.lists(KINDS, max_size=6), ANSWERS)
def test_any_table_is_told_or_refused(table: tuple[list[str], list[list[str]]], kinds: list[str], answers: Any) -> None:
    heading, rows = table
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([heading, *rows])
    body = text.getvalue().encode("utf-8", "replace")

    def looked(holds: dict[str, str]) -> Any:
        sheet = Sheet(body=body, ending=".csv", delimiter=",", holds=holds, answers=answers, defaults=SAID)
        return preview(Look(sheet, WHO, 1 << 20, {}, frozenset(), frozenset()), SCHEMA, lambda _: True)

    try:
        first = looked({})
        holds = {column.name: kind for column, kind in zip(first.columns, kinds, strict=False)}
        made = looked(holds)
    except InvalidInput:
        return
    assert {one.name: one.holds for one in made.columns}.items() >= holds.items()
    assert len({one.row for one in made.errors}) == made.rejected
    assert made.accepted + made.rejected <= len(made.cells) == len(first.cells)
    assert all(made.header <= one.row < len(made.cells) for one in (*made.errors, *made.notes))
