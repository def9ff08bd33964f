"""Circular reporting: what repeats what, and how many sources are behind it."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.answers.provenance import Said, circular, independent_sources
from graphsvc.model.draftleaves import draft_contents
from graphsvc.model.drafts import CleanDraft, CleanEntity, Origin
from graphsvc.model.labels import Handling, Label

OWN = Said("pasar")
REPORT = Said("pasar", "pasar", "PS-7")
REPEAT = Said("police", "pasar", "ps-7")
CASES = {
    "one owner": ([OWN, OWN], 1, [False, False]),
    "two owners": ([OWN, Said("customs")], 2, [False, False]),
    "a report and its repeat": ([REPORT, REPEAT], 1, [False, True]),
    "a repeat without reference": ([REPORT, Said("police", "pasar")], 1, [False, True]),
    "a record without reference and a repeat": ([OWN, REPEAT], 1, [False, True]),
    "another report of the same source": ([REPORT, Said("police", "pasar", "PS-8")], 1, [False, False]),
    "two repeats of what is not shown": ([REPEAT, Said("customs", "pasar", "PS-7")], 1, [True, True]),
    "two others, of different reports": ([REPEAT, Said("customs", "pasar", "PS-9")], 1, [False, False]),
    "a chain": ([REPORT, REPEAT, Said("customs", "police", "K 1")], 1, [False, True, True]),
    "a chain whose start is not shown": ([REPEAT, Said("customs", "police", "K 1")], 1, [False, True]),
    "a relay that knows something itself": ([REPORT, REPEAT, Said("police"), Said("customs", "police")], 2, None),
    "round in a circle": ([Said("a", "b"), Said("b", "a")], 1, [True, True]),
    "round in a circle, and one who knows": ([Said("a", "b"), Said("b", "a"), Said("c")], 2, [True, True, False]),
    "a circle that leads out": ([Said("a", "b"), Said("b", "a"), Said("b", "c", "1")], 1, None),
    "two circles": ([Said("a", "b"), Said("b", "a"), Said("c", "d"), Said("d", "c")], 2, [True] * 4),
    "nothing": ([], 0, []),
}


@pytest.mark.parametrize("case", CASES)
def test_sources_behind_what_is_said(case: str) -> None:
    said, sources, repeated = CASES[case]
    assert independent_sources(said) == sources
    assert repeated is None or circular(said) == repeated


SAID = st.builds(
    Said, st.sampled_from("abc"), st.sampled_from(["", "a", "b", "c", "d"]), st.sampled_from(["", "1", "2"])
)


@given(said=st.lists(SAID, min_size=1, max_size=5))
def test_sources_are_never_more_than_who_is_named_and_order_does_not_matter(said: list[Said]) -> None:
    sources = independent_sources(said)
    assert 1 <= sources <= len({one.owner for one in said} | {one.source[0] for one in said})
    marked = dict(zip(said, circular(said), strict=True))
    for order in list(permutations(said))[:24]:
        assert independent_sources(order) == sources
        assert dict(zip(order, circular(order), strict=True)) == marked
    assert not any(repeated for one, repeated in marked.items() if not one.relayed)


@given(said=st.lists(SAID, min_size=1, max_size=5), one=SAID)
def test_passing_on_what_is_there_adds_no_source(said: list[Said], one: Said) -> None:
    """A newcomer who has it from one of the owners leaves the number as it is."""
    again = Said("new", said[0].owner, one.reference)
    assert independent_sources([*said, again]) == independent_sources(said)


@given(said=st.lists(SAID, min_size=1, max_size=5), shown=st.integers(1, 5))
def test_what_is_not_listed_counts_by_its_owner_and_origin(said: list[Said], shown: int) -> None:
    """Never more is marked than with all of them at hand; and as much, but for references that can't be compared."""
    # Whoever names no origin gives no reference either.
    said = [one if one.organisation else Said(one.owner) for one in said]
    told = {(one.owner, one.organisation) for one in said}
    assert circular(said, told) == circular(said), "what is listed already marks nothing more"
    some, whole = circular(said[:shown], told), circular(said)[:shown]
    assert all(full for part, full in zip(some, whole, strict=True) if part)
    plain = [one for one in said if not one.reference]
    if plain == said and len({*said}) == len(said):
        assert some == whole


def test_an_origin_can_be_proved_with_its_field_group() -> None:
    label = Label("pasar", "company", "ID", Handling("tlp-2.0", "GREEN"), "GREEN", "consent")
    plain = CleanDraft(3, label, [CleanEntity("Phone", "phone:x:1", {})])
    told = CleanDraft(3, label, [CleanEntity("Phone", "phone:x:1", {})], origin=Origin("police-ke", "K 1"))
    assert dict(draft_contents(told)).items() >= dict(draft_contents(plain)).items(), "nothing else changes"
    content = dict(draft_contents(told))["operational"]
    assert content == (
        b'{"group":"operational","row":3,"values":{"entities":[null],"links":[],"origin":["police-ke","K 1"]}}'
    )
