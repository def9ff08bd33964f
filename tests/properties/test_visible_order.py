"""What is shown stands in one order: all that is visible first, the reader's draw between what looks alike."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.graph import read
from graphsvc.graph.facts import EntityFacts, LinkClaim, RecordClaim, claim_order, ordered, shuffle_of, tell

SHUFFLE = shuffle_of(b"secret", "police-ke")
TEXTS = st.sampled_from([None, None, "", "a", "b"])
CLAIMS = st.tuples(
    st.integers(0, 9), st.just(1), st.integers(5, 6), *[TEXTS for _ in range(11)], st.integers(0, 2**40)
).map(RecordClaim._make)
KEYS = st.sampled_from([None, None, "", "account:x:1", "account:x:2"])
ENTITIES = st.builds(
    lambda n, kind, key, claims: EntityFacts(n, str(n), kind, key, claims, tell(claims, lambda _: "pasar")),
    st.integers(0, 5),
    st.sampled_from(["Account", "Phone"]),
    KEYS,
    st.lists(CLAIMS, min_size=1, max_size=2),
)
LINKS = st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["USES", "CONTROLS"]), CLAIMS).map(
    lambda parts: LinkClaim(*parts[:3], *parts[3])
)
quick = settings(deadline=None, max_examples=80)


def _said(claim: RecordClaim | LinkClaim) -> tuple[object, ...]:
    return tuple(text or "" for text in claim.texts)


@quick
@given(st.lists(CLAIMS, max_size=8))
def test_claims_go_by_their_texts_then_their_end_then_the_draw(claims: list[RecordClaim]) -> None:
    whole = sorted(claims, key=lambda claim: (_said(claim), claim.exp, SHUFFLE.claim(claim)))
    assert ordered(claims, claim_order, SHUFFLE.claim) == whole


@quick
@given(st.lists(ENTITIES, max_size=8))
def test_entities_go_by_kind_and_key_then_what_is_said_of_them(facts: list[EntityFacts]) -> None:
    def whole(one: EntityFacts) -> tuple[object, ...]:
        return one.kind, one.key or "", _said(one.claims[0]), len(one.claims), SHUFFLE.entity(one)

    assert read.in_order(facts, SHUFFLE) == sorted(facts, key=whole)


@quick
@given(st.lists(LINKS, max_size=8), st.lists(ENTITIES, max_size=4))
def test_links_go_by_kind_and_ends_then_their_own_texts(links: list[LinkClaim], facts: list[EntityFacts]) -> None:
    keys = {one.id: one.key or "" for one in facts}

    def whole(link: LinkClaim) -> tuple[object, ...]:
        ends = keys.get(link.source, ""), keys.get(link.target, "")
        return link.kind, *ends, _said(link), link.exp, SHUFFLE.claim(link)

    assert read.links_of(links, facts, SHUFFLE) == sorted(links, key=whole)
