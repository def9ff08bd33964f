"""Small files written after public bug reports of systems like this one: what each row must, and must not, link to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client.check import check_file
from graphsvc.client.manifest import Outgoing, media_type_of
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()
PASAR = Organisation("pasar", "company", "ID", "Pasar")
CASES = (
    "f01_float_artefact",
    "f03_double_zero",
    "f04_scientific_notation",
    "f06_error_cells_as_ids",
    "f08_wallets",
    "f10_pages_that_are_no_profile",
    "f11_courier_names",
    "f13_buddhist_years",
    "f15_day_first",
    "f26_digits_of_all_scripts",
    "f33_taxon_names",
    "f37_country_names",
)


@pytest.mark.parametrize("name", CASES)
def test_links_are_right_and_none_is_wrong(test_data: Path, name: str) -> None:
    folder = test_data.parent / "cases" / "field" / name
    if not folder.is_dir():
        pytest.skip("no field cases beside the test data")
    for file in json.loads((folder / "expected.json").read_text())["files"]:
        path = folder / file["file"]
        mapping = (folder / file["map"]).read_bytes() if file.get("map") else None
        checked = check_file(Outgoing(path, media_type_of(path), mapping), SCHEMA, PASAR, keep=True)
        assert checked.accepted == file.get("accepted", checked.accepted), file["file"]
        rows = {_row(draft): draft for draft in checked.drafts}
        for row, wanted in file.get("rows", {}).items():
            _compare(rows.get(row), wanted, f"{file['file']} {row}")
        for alike in file.get("same", []):
            assert len({tuple(_others(rows[row])) for row in alike}) == 1, (file["file"], alike)


def _row(draft: CleanDraft) -> str:
    accounts = (entity.key.split(":", 2)[2] for entity in draft.entities if entity.kind == "Account")
    return next(accounts, "")


def _others(draft: CleanDraft) -> list[str]:
    """The keys of a row without its account's."""
    found = sorted(entity.key for entity in draft.entities if entity.kind != "Account")
    assert found
    return found


def _compare(draft: CleanDraft | None, wanted: dict[str, Any], where: str) -> None:
    assert (draft is None) == bool(wanted.get("absent")), where
    if draft is None:
        return
    own = next(entity for entity in draft.entities if entity.kind == "Account")
    keys = sorted(entity.key for entity in draft.entities if entity is not own)
    assert not set(keys) & set(wanted.get("not", ())), where
    assert keys == sorted(wanted.get("keys", keys)), where
    assert "any" not in wanted or keys in [sorted(each) for each in wanted["any"]], where
    said = {
        name: value
        for entity in draft.entities
        for group in entity.attributes.values()
        for name, value in group.items()
    }
    assert {name: said.get(name) for name in wanted.get("attrs", {})} == wanted.get("attrs", {}), where
    assert all(said.get(name) in among for name, among in wanted.get("attrs_any", {}).items()), where
