"""Owners take turns: whatever is cut, every owner is seen before anybody's second, and nothing comes twice or goes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from graphsvc.graph.turns import Places, by_turns

OWNERS = ("pasar", "swiftline", "customs-cn", "police-ke", "nobody")
CLAIMS = st.lists(st.tuples(st.sampled_from(OWNERS), st.integers(0, 3)), max_size=60)
PLACES = st.binary(max_size=8).map(lambda secret: Places(secret, "police-ke"))


@given(claims=CLAIMS, place=PLACES, cut=st.integers(0, 70))
def test_every_owner_is_seen_before_anybodys_second(claims: list[tuple[str, int]], place: Places, cut: int) -> None:
    numbered = [(owner, said, number) for number, (owner, said) in enumerate(claims)]
    dealt = by_turns(numbered, lambda claim: claim[0], place)
    assert sorted(dealt, key=lambda claim: claim[2]) == numbered, "none twice, none lost"
    for owner in OWNERS:
        own = [claim for claim in numbered if claim[0] == owner]
        assert [claim for claim in dealt if claim[0] == owner] == own, "each owner's own order"
    there = Counter(owner for owner, _ in claims)
    kept = Counter(owner for owner, *_ in dealt[:cut])
    assert all(kept[owner] == there[owner] or kept[owner] >= max(kept.values(), default=0) - 1 for owner in there)


@given(claims=CLAIMS, place=PLACES)
def test_turns_go_by_the_readers_order_of_owners_and_by_nothing_else(
    claims: list[tuple[str, int]], place: Places
) -> None:
    dealt = by_turns(claims, lambda claim: claim[0], place)
    first = dealt[: len({owner for owner, _ in claims})]
    assert [owner for owner, _ in first] == sorted({owner for owner, _ in claims}, key=place)
    assert by_turns(dealt, lambda claim: claim[0], place) == dealt
    others = [claim for claim in claims if claim[0] != "nobody"]
    assert by_turns(others, lambda claim: claim[0], place) == [claim for claim in dealt if claim[0] != "nobody"]


def test_places_differ_by_reader_and_fit_the_graphs_integers() -> None:
    orders = {tuple(sorted(OWNERS, key=Places(b"secret", f"reader-{n}"))) for n in range(30)}
    assert len(orders) > 5, "nobody is first for all"
    assert all(0 <= Places(b"secret", "reader")(f"owner-{n}") < 1 << 56 for n in range(99))
