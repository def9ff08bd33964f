"""Rules of retention in a file: what a file may hold, and what is said of one that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.lifecycle.retention import load_rules
from graphsvc.model.errors import InvalidInput
from graphsvc.model.product import product_data


def test_the_products_own_rules_are_read() -> None:
    assert load_rules(product_data("policies") / "retention.yaml")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("rules: &all\n  - {id: adverts, maxAgeDays: 90}\nmore: *all\n", "bad_yaml"),
        ("rules: [{id: adverts, maxAgeDays: 90, maxAgeDays: 9000}]\n", "bad_yaml"),
        ("rules: [{id: adverts, maxAgeDays: 0090}]\n", "bad_yaml"),
        ("rules: [{id: adverts, maxAgeDays: -1}]\n", "bad_retention"),
        ("rules: [{id: adverts}]\n", "bad_retention"),
        ("rules: [{id: adverts, maxAgeDay: 90}]\n", "bad_retention"),
        ("rules: [{id: one, maxAgeDays: 1}, {id: one, maxAgeDays: 2}]\n", "bad_retention"),
        ("", "bad_retention"),
    ],
)
def test_a_file_in_doubt_is_refused(tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "retention.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        load_rules(file)
    assert refused.value.code == code and "retention.yaml" in refused.value.where
