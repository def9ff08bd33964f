"""Minimum gradings: a scheme's own order within it, the table of levels between schemes, and what is refused."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from graphsvc.model.errors import InvalidInput
from graphsvc.model.gradings import UNGRADED, Minimum
from graphsvc.model.product import product_data
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import load_schema

GRADINGS = load_schema().gradings


def passing(*words: str | None, ungraded: bool = False) -> set[str]:
    return set(GRADINGS.at_least(Minimum(*words, ungraded=ungraded)))


def of(scheme: str, found: set[str]) -> set[str]:
    return {one.removeprefix(f"{scheme} ").replace(" ", "") for one in found if one.startswith(f"{scheme} ")}


def test_b2_or_better_in_every_scheme() -> None:
    found = passing("admiralty", "B", "2")
    assert of("admiralty", found) == {"A1", "A2", "B1", "B2"}
    assert of("europol-4x4", found) == {"A1", "A2", "B1", "B2"}
    assert of("uk-3x5x2", found) == {"1A"}
    assert UNGRADED not in found


def test_a_schemes_own_order_holds_within_it() -> None:
    assert of("uk-3x5x2", passing("uk-3x5x2", "2", "C")) == {s + i for s in "12" for i in "ABC"}
    assert of("uk-3x5x2", passing("uk-3x5x2", "3", "E")) == {s + i for s in "123" for i in "ABCDE"}
    assert of("europol-4x4", passing("europol-4x4", "C")) == {s + i for s in "ABC" for i in "1234"}
    assert of("admiralty", passing("admiralty", "E")) == {s + i for s in "ABCDE" for i in "123456"}


def test_what_cannot_be_judged_passes_no_minimum_but_its_own() -> None:
    for found in (passing("admiralty", "E", "5"), passing("europol-4x4", "C", "3")):
        assert not any("F" in one or "X" in one or one.endswith(" 6") for one in found)
        assert not {one for one in of("uk-3x5x2", found) if one[0] == "2" or one[1] in "CD"}
    everything = passing()
    assert passing("admiralty", "F", "6") == everything == passing("europol-4x4", "X", "4") and len(everything) == 67


def test_one_side_alone_and_the_ungraded() -> None:
    assert of("admiralty", passing("admiralty", None, "1")) == {f"{s}1" for s in "ABCDEF"}
    assert passing("admiralty", "A", "1", ungraded=True) == passing("admiralty", "A", "1") | {UNGRADED}
    assert of("admiralty", passing("admiralty", "b")) == of("admiralty", passing("admiralty", "B"))


def test_a_stricter_minimum_never_lets_more_through() -> None:
    for scheme, scale in GRADINGS.scales.items():
        for side, codes in (("source", scale.source), ("information", scale.information)):
            order = [one for one in GRADINGS.codelists[f"{scheme}-{side}"].codes if codes[one] < 6]
            sets = [set(GRADINGS.at_least(Minimum(scheme, **{side: code}))) for code in order]
            assert all(a <= b for a, b in pairwise(sets)), (scheme, side)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("nato", "A"), "scheme"),
        (("admiralty", "Z"), "source"),
        (("admiralty", None, "9"), "information"),
        ((None, "A"), "scheme"),
    ],
)
def test_unknown_codes_are_named(words: tuple[str | None, ...], named: str) -> None:
    with pytest.raises(ValueProblem, match=named) as caught:
        GRADINGS.at_least(Minimum(*words))
    assert caught.value.code == "bad_grading"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"X": 6', '"Y": 6'),
        ('"C": 4, "X": 6', '"C": 4'),
        ('"A": 1, "B": 2, "C": 4', '"A": 0, "B": 2, "C": 4'),
        ("uk-3x5x2:", "uk:"),
    ],
)
def test_a_wrong_table_stops_the_start(tmp_path: Path, old: str, new: str) -> None:
    folder = tmp_path / "schema"
    shutil.copytree(product_data("schema"), folder)
    text = (folder / "gradings.yaml").read_text()
    assert old in text
    (folder / "gradings.yaml").write_text(text.replace(old, new))
    with pytest.raises(InvalidInput, match=r"gradings\.yaml"):
        load_schema(folder)
