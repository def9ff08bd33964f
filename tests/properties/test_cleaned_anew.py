"""Cleaning anew under a newer plan gives what the newer plan gives at once, only adds, and ends after one time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from graphsvc.model.claims import check_applicable, decode_draft, encode_draft
from graphsvc.model.cleaning import CLEANER, clean_draft
from graphsvc.model.drafts import CleanDraft, Draft, DraftEntity, DraftLink
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from graphsvc.model.unread import LINKED, clean_anew
from tests.older_plan import DEFAULTS, old_number, older_schema

TODAY = load_schema()
OLDER = older_schema(Path(tempfile.mkdtemp()))
PASAR = Organisation("pasar", "company", "ID", "Pasar")
SPELLED = st.one_of(
    st.integers(0, 4).map(old_number),
    st.integers(0, 4).map(lambda n: f"+84 38 2300 00{n}"),
    st.sampled_from(["no number", "0", "+84 90 123 45xx", "12345"]),
)


@st.composite
def rows(draw: st.DrawFn) -> Draft:
    phones = draw(st.lists(SPELLED, min_size=1, max_size=4))
    entities = [DraftEntity("a", "Account", {"site": "shopee", "id": "x"})]
    entities += [DraftEntity(f"p{n}", "Phone", {"value": phone}) for n, phone in enumerate(phones)]
    refs = st.sampled_from([f"p{n}" for n in range(len(phones))])
    links = [DraftLink("USES", "a", ref) for ref in draw(st.lists(refs, max_size=3))]
    links += [DraftLink("CONTACTED", one, two) for one, two in draw(st.lists(st.tuples(refs, refs), max_size=3))]
    return Draft(entities=entities, links=links)


def said(draft: CleanDraft) -> tuple[set[str], list[tuple[str, str, str]]]:
    keys = [entity.key for entity in draft.entities]
    return set(keys), sorted((one.kind, keys[one.source], keys[one.target]) for one in draft.links)


@given(rows())
def test_as_if_it_came_today(row: Draft) -> None:
    before, at_once = (clean_draft(row, schema, DEFAULTS, PASAR) for schema in (OLDER, TODAY))
    assert isinstance(before, CleanDraft) and isinstance(at_once, CleanDraft)
    stored = decode_draft(encode_draft(before))
    assert stored == before
    cleaned = clean_anew(stored, TODAY, "pasar", CLEANER)
    after = cleaned.draft or before
    assert said(after) == said(at_once)
    assert sorted(after.unlinked) == sorted(at_once.unlinked)
    assert after.entities[: len(before.entities)] == before.entities
    assert after.links[: len(before.links)] == before.links
    assert (cleaned.draft is None) == (len(before.unlinked) == len(at_once.unlinked))
    assert len(cleaned.outcomes) == len(before.unlinked)
    check_applicable(after)
    again = clean_anew(decode_draft(encode_draft(after)), TODAY, "pasar", CLEANER)
    assert again.draft is None and LINKED not in {one.reason for one in again.outcomes}
    assert clean_anew(stored, OLDER, "pasar", CLEANER).draft is None
