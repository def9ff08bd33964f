"""Numbers that are never kept: one key however they are written, none without a valid check digit, and no way back."""

from __future__ import annotations

import ipaddress
import shutil
from pathlib import Path

import msgspec
import pytest
import stdnum.luhn
from hypothesis import assume, given
from hypothesis import strategies as st

from graphsvc.model.claims import encode_draft
from graphsvc.model.cleaning import clean_draft
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, DraftEntity, DraftLink, Observed, RowProblem
from graphsvc.model.errors import InvalidInput
from graphsvc.model.keyeddigests import KeyedDigests, is_digest
from graphsvc.model.keyparts import parts_of
from graphsvc.model.labels import Handling
from graphsvc.model.papers import card_number
from graphsvc.model.principals import Organisation
from graphsvc.model.product import product_data
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import Schema, load_schema

SERVICE = load_schema(digests=KeyedDigests(b"a" * 32))
OTHER = load_schema(digests=KeyedDigests(b"b" * 32))
CLIENT = load_schema()
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), legal_basis="agreement", purposes=["investigation"])
PASAR = Organisation("pasar", "company", "ID", "Pasar")


def _valid(head: str) -> str:
    return head + str(stdnum.luhn.calc_check_digit(head))


def _linked(number: str) -> bool:
    try:
        card_number(number)
    except ValueProblem:
        return False
    return True


CARDS = st.from_regex(r"[2-6][0-9]{11,17}", fullmatch=True).map(_valid).filter(_linked)
PASSPORTS = st.from_regex(r"[A-Z]{1,2}[0-9]{6,8}", fullmatch=True).filter(lambda one: len(set(one)) > 3)
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
GAPS = st.sampled_from(["", "", " ", "-", "\u00a0", "."])


def spread(draw: st.DrawFn, text: str) -> str:
    return "".join(char + draw(GAPS) for char in text).strip(" -.\u00a0")


def card(number: str, schema: Schema = SERVICE) -> str:
    return schema.key_of("BankCard", {"number": number}, "pasar")


def passport(number: str, country: str = "VN", schema: Schema = SERVICE) -> str:
    return schema.key_of("IdentityDocument", {"country": country, "type": "passport", "number": number}, "pasar")


@given(CARDS, st.data())
def test_every_writing_of_a_card_gives_one_key_that_holds_no_part_of_it(number: str, data: st.DataObject) -> None:
    key = card(number)
    assert card(spread(data.draw, number)) == card(spread(data.draw, number).translate(WIDE)) == key
    assert is_digest(key.removeprefix("bankcard:pan:"))
    assert number[-6:] not in key and number[:6] not in key
    assert card(key.removeprefix("bankcard:pan:")) == key


@given(CARDS, st.data())
def test_no_card_without_its_check_digit(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from([one for one in "0123456789" if one != number[place]]))
    spoilt = number[:place] + digit + number[place + 1 :]
    with pytest.raises(ValueProblem) as caught:
        card(spoilt)
    assert spoilt not in str(caught.value) and spoilt[-4:] not in caught.value.message


@given(PASSPORTS, st.data())
def test_every_writing_of_a_document_gives_one_key(number: str, data: st.DataObject) -> None:
    key = passport(number)
    written = data.draw(st.sampled_from(["", "No. ", "Passport No: "])) + spread(data.draw, number)
    assert passport(written) == passport(written.lower()) == key
    assert passport(number, "ID").rpartition("/")[2] != key.rpartition("/")[2]
    assert number not in key and passport(key.rpartition("/")[2]) == key


@given(CARDS, PASSPORTS)
def test_a_digest_of_elsewhere_is_no_key(number: str, paper: str) -> None:
    ours, theirs = card(number).rpartition(":")[2], card(number, OTHER).rpartition(":")[2]
    assert ours != theirs and card(number, CLIENT).rpartition(":")[2] not in (ours, theirs)
    for given_, ask in (
        (theirs, card),
        (passport(paper).rpartition("/")[2], card),
        (ours, passport),
        (passport(paper, "ID").rpartition("/")[2], passport),
    ):
        with pytest.raises(ValueProblem) as caught:
            ask(given_)
        assert caught.value.code == "foreign_digest"


@given(CARDS, PASSPORTS)
def test_what_was_cleaned_can_be_said_again_by_a_client_and_is_read_by_the_service(number: str, paper: str) -> None:
    for kind, key in (("BankCard", card(number)), ("IdentityDocument", passport(paper))):
        parts = parts_of(CLIENT, kind, key, "police-ke")
        assert parts is not None
        assert SERVICE.key_of(kind, parts, "police-ke") == key
        assert parts_of(SERVICE, kind, key, "police-ke") == parts


@given(CARDS, PASSPORTS)
def test_a_signed_act_names_a_number_by_its_digest_only(number: str, paper: str) -> None:
    for kind, parts, name in (
        ("BankCard", {"number": number}, "number"),
        ("IdentityDocument", {"country": "VN", "type": "passport", "number": paper}, "number"),
    ):
        with pytest.raises(ValueProblem) as caught:
            SERVICE.key_in_act(kind, parts, "pasar")
        key = SERVICE.key_of(kind, parts, "pasar")
        digest = key.replace("/", ":").rpartition(":")[2]
        assert caught.value.code == "number_in_act" and digest in caught.value.message
        assert parts[name] not in caught.value.message
        assert SERVICE.key_in_act(kind, {**parts, name: digest}, "pasar") == key


@given(CARDS, PASSPORTS, st.booleans())
def test_a_row_keeps_masks_and_digests_only(number: str, paper: str, wrong: bool) -> None:
    if wrong:
        number = number[:-1] + str((int(number[-1]) + 1) % 10)
        paper = f"{paper}*"
    draft = Draft(
        [
            DraftEntity("a", "Account", {"site": "pasar", "id": "9"}),
            DraftEntity("c", "BankCard", {"number": number}),
            DraftEntity("d", "IdentityDocument", {"country": "VN", "type": "passport", "number": paper}),
        ],
        [DraftLink("USES", "a", "c"), DraftLink("USES", "a", "d")],
    )
    notes: list[RowProblem] = []
    clean = clean_draft(draft, SERVICE, DEFAULTS, PASAR, notes)
    assert isinstance(clean, CleanDraft)
    kept = encode_draft(clean) + msgspec.json.encode(notes)
    assert number.encode() not in kept and paper.rstrip("*").encode() not in kept
    shown = {entity.kind: entity.attributes for entity in clean.entities}
    if wrong:
        assert set(shown) == {"Account"} and not clean.links
        assert {code for _, code, _ in clean.unlinked} == {"invalid_card", "invalid_document"}
    else:
        assert shown["BankCard"] == {"financial": {"masked": f"{number[:6]}******{number[-4:]}"}}
        assert shown["IdentityDocument"] == {"personal": {"ending": f"***{paper[-3:]}"}}
        assert len(clean.links) == 2


@given(st.ip_addresses())
def test_only_addresses_of_the_internet_are_keys(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    try:
        key = CLIENT.key_of("IpAddress", {"address": str(address)}, "pasar")
    except ValueProblem as problem:
        assert problem.code.endswith("_ip") and not problem.rejects and str(address) not in problem.message
        return
    found = ipaddress.ip_address(key.removeprefix("ipaddress:ip:"))
    assert found.is_global and not found.is_multicast
    for written in (address.exploded, address.compressed.upper(), f"{address}/{address.max_prefixlen}"):
        assert CLIENT.key_of("IpAddress", {"address": written}, "pasar") == key
    port = f"[{address}]:443" if address.version == 6 else f"{address}:443"
    assert CLIENT.key_of("IpAddress", {"address": port}, "pasar") == key


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("10.0.0.1", "private_ip"), ("192.168.1.7:8080", "private_ip"), ("fd00::1", "private_ip"),
        ("127.0.0.1", "loopback_ip"), ("::1", "loopback_ip"), ("::ffff:127.0.0.1", "loopback_ip"),
        ("169.254.1.1", "link_local_ip"), ("fe80::1%eth0", "link_local_ip"), ("100.64.3.4", "carrier_ip"),
        ("100.127.255.255", "carrier_ip"), ("0.0.0.0", "reserved_ip"), ("255.255.255.255", "reserved_ip"),
        ("239.1.1.1", "reserved_ip"), ("203.0.113.7", "reserved_ip"), ("2001:db8::1", "reserved_ip"),
        ("ff02::1", "reserved_ip"), ("64:ff9b::10.1.1.1", "private_ip"), ("2002:0a00:0001::1", "reserved_ip"),
        ("8.8.8.0/24", "invalid_ip"), ("010.1.1.1", "invalid_ip"), ("1.2.3", "invalid_ip"), ("134744072", "invalid_ip"),
    ],
)  # fmt: skip
def test_an_address_that_many_networks_have_says_why_it_links_nothing(written: str, code: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        CLIENT.key_of("IpAddress", {"address": written}, "pasar")
    assert caught.value.code == code


def test_one_address_in_both_families_is_one() -> None:
    keys = {
        CLIENT.key_of("IpAddress", {"address": one}, "pasar")
        for one in ("41.90.1.2", "::ffff:41.90.1.2", "64:ff9b::295a:102", "[::ffff:295a:102]:80")
    }
    assert keys == {"ipaddress:ip:41.90.1.2"}


@pytest.mark.parametrize(("of_row", "of_link", "linked"), [(False, False, 0), (True, False, 1), (False, True, 1)])
def test_a_link_of_an_address_says_when(of_row: bool, of_link: bool, linked: int) -> None:
    seen = Observed("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z")
    entities = [
        DraftEntity("a", "Account", {"site": "pasar", "id": "9"}),
        DraftEntity("i", "IpAddress", {"address": "41.90.1.2"}),
    ]
    draft = Draft(entities, [DraftLink("USES", "a", "i", {}, seen if of_link else None)])
    draft.observed = seen if of_row else None
    clean = clean_draft(draft, CLIENT, DEFAULTS, PASAR)
    assert isinstance(clean, CleanDraft) and len(clean.links) == linked
    assert [code for _, code, _ in clean.unlinked] == ([] if linked else ["no_time"])


@given(st.text(max_size=40))
def test_any_text_is_a_digest_or_an_error_that_does_not_repeat_it(text: str) -> None:
    assume(len(text) > 5)
    for ask in (card, passport):
        try:
            assert is_digest(ask(text).replace("/", ":").rpartition(":")[2])
        except ValueProblem as problem:
            assert text not in problem.message


def test_a_resident_number_must_pass_its_country_s_check() -> None:
    parts = {"country": "CN", "type": "national-id", "number": "11010519491231002X"}
    key = SERVICE.key_of("IdentityDocument", parts, "pasar")
    assert key == SERVICE.key_of(
        "IdentityDocument", {**parts, "type": "身份证", "number": "110105 19491231 002x"}, "pasar"
    )
    with pytest.raises(ValueProblem) as caught:
        SERVICE.key_of("IdentityDocument", {**parts, "number": "110105194912310021"}, "pasar")
    assert caught.value.code == "invalid_national_id"


def test_an_attribute_can_not_have_a_type_that_would_keep_the_number(tmp_path: Path) -> None:
    folder = tmp_path / "schema"
    shutil.copytree(product_data("schema"), folder)
    path = folder / "entities" / "Phone.yaml"
    path.write_text(path.read_text() + '  paid: {type: "card-number", group: financial, title: "Card"}\n')
    with pytest.raises(InvalidInput, match="only keys have the type"):
        load_schema(folder)
