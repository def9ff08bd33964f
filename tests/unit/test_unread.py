"""What can't be read is kept with its row, and cleaned anew by a newer plan; in doubt nothing is linked."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from graphsvc.ledger.anew import derived_pair, row_pairs, seal_anew
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.ledger.payload import Packer, read_drafts
from graphsvc.model.claims import decode_draft, encode_draft
from graphsvc.model.cleaning import CLEANER, clean_draft
from graphsvc.model.drafts import CleanDraft, Draft, DraftEntity, DraftLink, Unread, UnreadEntity
from graphsvc.model.errors import IntegrityError
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import Schema, load_schema
from graphsvc.model.unread import LINKED, NOT_KEPT, CleanedAnew, Outcome, clean_anew
from graphsvc_verify.canonical import b64u
from tests.older_plan import DEFAULTS, cleaned, new_key, old_number, older_schema, seller

PASAR = Organisation("pasar", "company", "ID", "Pasar")
TODAY = load_schema()
GOOD = "+84 90 123 4501"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    return older_schema(tmp_path_factory.mktemp("plan"))


def anew(draft: CleanDraft, schema: Schema = TODAY) -> CleanedAnew:
    return clean_anew(draft, schema, "pasar", CLEANER + 1)


def links(draft: CleanDraft) -> set[tuple[str, str, str]]:
    return {(one.kind, draft.entities[one.source].key, draft.entities[one.target].key) for one in draft.links}


def test_what_could_not_be_read_is_linked_once_it_can_be(older: Schema) -> None:
    (draft,) = cleaned([seller("anna", [GOOD, old_number(1), "no number"])], older, PASAR)
    assert [code for _, code, _ in draft.unlinked] == ["invalid_phone", "invalid_phone"]
    assert decode_draft(encode_draft(draft)) == draft, "it is sealed with the row"
    same = anew(draft, older)
    assert same.draft is None and {one.reason for one in same.outcomes} == {"invalid_phone"}
    found = anew(draft)
    assert [one.reason for one in found.outcomes] == [LINKED, "invalid_phone"]
    made = found.draft
    assert made is not None and made.cleaner == CLEANER + 1 and made.unread is not None
    # All that was there stays in its place; the rest comes after it.
    assert made.entities[: len(draft.entities)] == draft.entities and made.links[: len(draft.links)] == draft.links
    assert (made.unread.before, made.label, made.row) == (len(draft.links), draft.label, draft.row)
    at_once = clean_draft(seller("anna", [GOOD, old_number(1), "no number"]), TODAY, DEFAULTS, PASAR)
    assert isinstance(at_once, CleanDraft) and links(made) == links(at_once)
    assert [raw for _, _, raw in made.unlinked] == ["no number"] and made.entities[-1].key == new_key(1)
    # A second time there is nothing to do, and what still can't be read is still kept.
    again = anew(made)
    assert again.draft is None and again.outcomes == [Outcome("/entities/3/key", "phone", "invalid_phone")]


def test_links_wait_for_both_their_ends(older: Schema) -> None:
    two = Draft(
        entities=[
            DraftEntity("s", "Account", {"site": "shopee", "id": "a"}),
            DraftEntity("p", "Phone", {"value": old_number(2)}),
            DraftEntity("q", "Phone", {"value": "12"}),
        ],
        links=[DraftLink("CONTACTED", "p", "q"), DraftLink("USES", "s", "p")],
    )
    (draft,) = cleaned([two], older, PASAR)
    made = anew(draft).draft
    assert made is not None and links(made) == {("USES", "account:shopee:a", new_key(2))}
    assert made.unread is not None
    (waiting,) = made.unread.links
    assert (waiting.kind, waiting.sources, waiting.targets) == ("CONTACTED", [1], [-1])
    # Later the other end can be read as well.
    made.unread.entities[0].parts["value"] = GOOD
    last = anew(made).draft
    assert last is not None and ("CONTACTED", new_key(2), "phone:e164:+84901234501") in links(last)
    assert last.unread == Unread(before=1)


def test_in_doubt_nothing_of_the_row_is_linked(older: Schema) -> None:
    draft = seller("anna", [old_number(3)])
    draft.links.append(DraftLink("POSTED", "p0", "a"))
    (clean,) = cleaned([draft], older, PASAR)
    doubted = anew(clean)
    assert doubted.draft is None and doubted.outcomes[0].reason == "link_not_allowed"
    # It is in the row already, and the row says something else of it.
    named = Draft(
        entities=[
            DraftEntity("p", "Phone", {"value": "+84382300004"}, {"lineType": "mobile"}),
            DraftEntity("q", "Phone", {"value": old_number(4)}, {"lineType": "fixed"}),
        ]
    )
    (clean,) = cleaned([named], older, PASAR)
    assert clean.unread is not None and clean.unread.entities[0].attributes
    assert anew(clean).outcomes[0].reason == "contradiction"
    assert anew(clean).draft is None
    # Of the same thing twice only one entity comes, with the links of both.
    (clean,) = cleaned([seller("anna", [old_number(5), "+84382300005"])], older, PASAR)
    made = anew(clean).draft
    assert made is not None and len(made.entities) == 2 and len(made.links) == 2


def test_an_address_that_changes_hands_needs_a_time(older: Schema) -> None:
    draft = seller("anna", ["+84901234501"])
    draft.entities.append(DraftEntity("i", "IpAddress", {"address": "not yet"}))
    draft.links.append(DraftLink("USES", "a", "i"))
    (clean,) = cleaned([draft], older, PASAR)
    assert clean.unread is not None
    clean.unread.entities[0].parts["address"] = "8.8.8.8"
    assert anew(clean).outcomes[0].reason == "no_time"
    dated = msgspec.structs.replace(clean, since="2025-01-01T00:00:00Z")
    assert anew(dated).draft is not None


def test_what_is_a_secret_and_what_is_no_text_is_not_kept(older: Schema) -> None:
    draft = seller("anna", [])
    draft.entities.append(DraftEntity("d", "BankCard", {"number": "1234 5678 9012 3456"}))
    draft.entities.append(DraftEntity("h", "Phone", {"value": "half \ud800"}))
    (clean,) = cleaned([draft], older, PASAR)
    assert clean.unread is None and clean.unlinked
    assert {one.reason for one in anew(clean).outcomes} == {NOT_KEPT}
    # As a row that was sealed before rows kept it: decoded, and told.
    sealed = msgspec.json.decode(encode_draft(clean))
    del sealed["unread"]
    assert anew(decode_draft(msgspec.json.encode(sealed))).draft is None


def test_a_kind_that_is_gone_or_a_cleaner_that_fails_costs_one_value(older: Schema) -> None:
    (clean,) = cleaned([seller("anna", [old_number(6)])], older, PASAR)
    assert clean.unread is not None
    clean.unread.entities += [
        UnreadEntity("/entities/7/key", "Zeppelin", {"value": "x"}, {}, None),
        UnreadEntity("/entities/8/key", "Phone", {"nothing": "x"}, {}, None),
    ]
    found = anew(clean)
    assert [one.reason for one in found.outcomes] == [LINKED, "unknown_kind", "unknown_key_part"]
    assert found.draft is not None


def test_the_keys_of_what_is_sealed_anew_go_with_the_rows(tmp_path: Path) -> None:
    store = FilePayloadStore(tmp_path)
    packer = Packer(store, "pasar|1")
    for row in (3, 5):
        packer.add(row, b"raw", b"draft", 1)
    (pack,), keys = packer.finish()
    pairs = row_pairs(store.get(pack), keys[pack])
    sealed = [(row, pairs[row], b"draft of %d" % row, (2, 1)) for row in pairs]
    (made,), salts = seal_anew(store, "pasar|1|reclean|n", iter(sealed))
    derived = {row: derived_pair(pair, "pasar|1|reclean|n", row) for row, pair in pairs.items()}
    assert len({*pairs.values(), *derived.values()}) == 4 and salts == [pair[32:] for pair in derived.values()]
    assert derived_pair(pairs[3], "pasar|1|reclean|other", 3) != derived[3] != derived_pair(pairs[3], "n", 5)
    read = list(read_drafts(store.get(made), b"".join(derived.values()), "pasar|1|reclean|n"))
    assert [(one.row, one.draft, one.claims) for one in read] == [(3, b"draft of 3", 3), (5, b"draft of 5", 3)]
    # A row's keys are destroyed: so are all that were made of them.
    gone = derived_pair(bytes(64), "pasar|1|reclean|n", 3) + derived[5]
    assert [one.draft for one in read_drafts(store.get(made), gone, "pasar|1|reclean|n")] == [None, b"draft of 5"]
    with pytest.raises(IntegrityError):
        row_pairs(store.get(pack), keys[pack][:-1])


def test_the_keys_are_those_of_the_vector() -> None:
    """Written down once, so that packs of today can be read for ever."""
    file = Path(__file__).parents[1] / "vectors" / "ledger.json"
    vector = json.loads(file.read_text(encoding="utf-8"))["cleanedAnew"]
    key = sha256(b"draft key").digest()
    assert b64u(key) == vector["draftKey"]
    said = f"graphsvc cleaned anew 1|{vector['name']}|{vector['row']}|".encode()
    both = [hmac.digest(key, said + part, "sha256") for part in (b"row", b"draft")]
    assert [b64u(one) for one in both] == [vector["rawKeyAnew"], vector["draftKeyAnew"]]
    assert derived_pair(bytes(32) + key, vector["name"], vector["row"]) == b"".join(both)
