"""The product reads its own data, whatever lies beside it."""

from __future__ import annotations

from pathlib import Path

from graphsvc.model.product import product_data
from graphsvc.model.schema import load_schema


def test_an_installed_package_reads_its_own_and_not_what_another_distribution_left_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "graphsvc"
    own, strange = package / "_data" / "schema", package.parent / "schema"
    for folder in (own, strange):
        folder.mkdir(parents=True)
    assert product_data("schema", package) == own
    assert product_data("policies", package) == package.parent / "policies", "a checkout has it beside the package"


def test_here_it_is_there() -> None:
    assert load_schema(product_data("schema")).kinds and (product_data("policies") / "shared.cedar").is_file()
