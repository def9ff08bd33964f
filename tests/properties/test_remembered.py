"""What a file's earlier rows left remembered changes nothing of a later row: each comes out as it would alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.model import remembered
from graphsvc.model.claims import check_applicable, encode_draft
from graphsvc.model.cleaning import Cleaner, clean_draft
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, DraftEntity, DraftLink, Observed, RowProblem
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from tests.properties.test_accepted_applies import drafts

SCHEMA = load_schema()
PASAR = Organisation("pasar", "company", "ID", "Pasar")
DEFAULTS = Defaults(
    handling=Handling("tlp-2.0", "GREEN"), purposes=["investigation"], legal_basis="agreement", region="ID"
)
REGIONS = st.sampled_from([None, "", "ID", "CN", "cn", "XX", "Kenya", "\ud800"])


@st.composite
def files(draw: st.DrawFn) -> list[Draft]:
    """Rows of one file: some stand in it several times, and in several regions."""
    some = draw(st.lists(drafts(), min_size=1, max_size=3))
    rows = []
    for _ in range(draw(st.integers(2, 6))):
        row = copy.deepcopy(draw(st.sampled_from(some)))
        for entity in row.entities:
            entity.region = draw(REGIONS)
        rows.append(row)
    return rows


def told(found: CleanDraft | list[RowProblem], notes: list[RowProblem]) -> tuple[Any, ...]:
    """All that cleaning says of a row; bytes, so that 1 and true are told apart."""
    return (encode_draft(found) if isinstance(found, CleanDraft) else found, notes)


@settings(max_examples=150, deadline=None)
@given(rows=files())
def test_each_row_comes_out_as_it_would_alone(rows: list[Draft]) -> None:
    cleaner = Cleaner(SCHEMA, DEFAULTS, PASAR)
    for row in rows:
        notes: list[RowProblem] = []
        alone: list[RowProblem] = []
        found = cleaner.clean(row, notes)
        assert told(found, notes) == told(clean_draft(row, SCHEMA, DEFAULTS, PASAR, alone), alone)
        if isinstance(found, CleanDraft):
            check_applicable(found)


def account(name: str, said: Any = "x", region: str | None = None) -> Draft:
    """A row of an account, and a phone without a country's code."""
    entities = [
        DraftEntity("a", "Account", {"site": "pasar", "id": name}, {"displayName": said}),
        DraftEntity("p", "Phone", {"value": "0812-3456-7811"}, region=region),
    ]
    return Draft(entities, [DraftLink("USES", "a", "p", observed=Observed(since="2026-10-01"))])


def test_what_is_remembered_holds_in_its_region_only() -> None:
    cleaner = Cleaner(SCHEMA, DEFAULTS, PASAR)
    found = [cleaner.clean(account("u1", region=region)) for region in ("ID", "TH", "ID", None)]
    keys = [one.entities[-1].key for one in found if isinstance(one, CleanDraft)]
    assert len(keys) == 4 and keys[0] == keys[2] == keys[3] == "phone:e164:+6281234567811" != keys[1]


def test_values_that_compare_equal_are_told_apart() -> None:
    cleaner = Cleaner(SCHEMA, DEFAULTS, PASAR)
    assert isinstance(cleaner.clean(account("u1", "1")), CleanDraft)
    assert isinstance(cleaner.clean(account("u1", 1)), CleanDraft)
    for said in (True, 1.0, ["1"]):
        refused = cleaner.clean(account("u1", said))
        assert isinstance(refused, list) and refused[0].code == "wrong_type", said


def test_rows_share_nothing_that_can_be_changed() -> None:
    cleaner = Cleaner(SCHEMA, DEFAULTS, PASAR)
    first, second = cleaner.clean(account("u1")), cleaner.clean(account("u1"))
    assert isinstance(first, CleanDraft) and isinstance(second, CleanDraft)
    first.entities[0].attributes["identity"] = {"displayName": "y"}
    assert second == cleaner.clean(account("u1"))


def test_memory_has_a_bound_over_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_REMEMBERED", 50)
    memory = remembered.FileMemory(SCHEMA, DEFAULTS, PASAR)
    kinds = [memory.kind("Account", region) for region in ("ID", "CN", None)]
    for n in range(1_000):
        known = kinds[n % 3]
        assert known is not None and memory.keep_key(known, (("id", f"u{n}"),), f"account:pasar:u{n}")
        assert memory.keep_value(known.attributes["displayName"], f"n{n}", f"n{n}")
        assert memory.keep_interval((f"2026-01-{n}", None), ("2026-01-01T00:00:00Z", None))
        held = [len(one.keys) + len(one.attributes["displayName"].values) for one in kinds if one is not None]
        assert 0 < sum(held) + len(memory.intervals) <= 50
    assert known is not None and memory.keep_value(known.attributes["displayName"], "x" * 5_000, "x" * 5_000)
    assert "x" * 5_000 not in known.attributes["displayName"].values, "long values are not remembered"
