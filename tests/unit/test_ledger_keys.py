from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_actors import ORIGIN, ROLES, Member, moment, opened, sign

from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import Conflict, InvalidInput, NotFound
from graphsvc.model.principals import Organisation
from graphsvc_verify.canonical import b64u, digest, encode
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.hpkekeys import unwrap_day_key
from graphsvc_verify.keyevents import ENROL
from graphsvc_verify.persons import Opening, split_opening, with_opening


@pytest.fixture
def ledger(tmp_path: Path, database: str) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path, ORIGIN, database=database)
    yield ledger
    ledger.close()


@pytest.fixture
def member(ledger: Ledger) -> Member:
    member = Member("pasar")
    organisation = Organisation("pasar", "company", "ID", "Pasar")
    ledger.admit(organisation, member.root.public_key().public_bytes_raw(), "operator")
    return member


def test_a_key_counts_from_its_enrolment_to_its_revocation(ledger: Ledger, member: Member) -> None:
    assert ledger.signing_key("pasar", member.kid) is None
    enrolled = ledger.enrol(member.enrolment(ledger))
    record = ledger.signing_key("pasar", member.kid)
    assert record is not None and record.person == "officer-1" and record.roles == ROLES
    assert ledger.signing_key("swiftline", member.kid) is None
    ledger.append(EntryDraft(type="note")).result()
    revoked = ledger.enrol(member.revocation(ledger))
    assert ledger.signing_key("pasar", member.kid) is None
    found = [at for at in range(ledger.head + 3) if ledger.signing_key("pasar", member.kid, at)]
    assert found == list(range(enrolled + 1, revoked))
    with pytest.raises(Conflict):
        ledger.enrol(member.enrolment(ledger))
    with pytest.raises(Conflict):
        ledger.enrol(member.revocation(ledger))


def test_key_events_are_chained_in_every_leaf(ledger: Ledger, member: Member) -> None:
    first = ledger.enrol(member.enrolment(ledger))
    note = ledger.append(EntryDraft(type="note")).result()
    second = ledger.enrol(member.enrolment(ledger, use="hpke"))
    assert parse_leaf(ledger.entry(first)).key_head is None
    assert parse_leaf(ledger.entry(note.index)).key_head == first
    assert parse_leaf(ledger.entry(second)).key_head == first


def test_an_enrolled_recipient_can_unwrap_its_day_key_and_no_one_else(ledger: Ledger, member: Member) -> None:
    ledger.enrol(member.enrolment(ledger, use="hpke"))
    leaf = parse_leaf(ledger.entry(ledger.append(EntryDraft(type="note")).result().index))
    content = ledger.object(parse_leaf(ledger.entry(leaf.epoch)).acts[0])
    assert content is not None
    key, tag_key = unwrap_day_key(content, ORIGIN, "pasar", member.hpke)
    assert len(key) == len(tag_key) == 32
    for origin, recipient, private in ((ORIGIN, "pasar", Member("x").hpke), ("other", "pasar", member.hpke)):
        with pytest.raises(Exception, match="bad_box"):
            unwrap_day_key(content, origin, recipient, private)
    with pytest.raises(Exception, match="no_day_key"):
        unwrap_day_key(content, ORIGIN, "oversight", member.hpke)


def test_only_the_root_key_enrols(ledger: Ledger, member: Member) -> None:
    act = member.enrolment(ledger)
    other = Ed25519PrivateKey.generate()
    compact, opening = split_opening(act)
    head, payload, signature = compact.split(".")
    kid = {"kid": "AAAAAAAAAAAAAAAA"}
    event = {"v": 1}
    refused = [
        member.enrolment(ledger, root=other),
        member.enrolment(ledger, root=member.key),
        with_opening(f"{head}.{payload}.{b64u(bytes(64))}", opening),
        with_opening(f"{head}.{payload[:-2]}AA.{signature}", opening),
        with_opening(f"{head}.{payload}", opening),
        compact,
        f"{compact}~",
        f"{act}~",
        with_opening(compact, Opening("officer-2", bytes(16))),
        with_opening(compact, Opening("officer-1", bytes([1] * 16))),
        with_opening(split_opening(member.enrolment(ledger, use="hpke"))[0], opening),
        sign(member.root, ENROL, member.payload(ledger, event, member.kid)),
        sign(member.root, ENROL, member.payload(ledger, event, member.kid), **kid),
        sign(member.root, "graphsvc-request+jws", member.payload(ledger, event, member.kid)),
        member.enrolment(ledger, possession=b64u(bytes(64))),
        member.enrolment(ledger, possession=None),
        member.enrolment(ledger, person="officer-1"),
        member.enrolment(ledger, person=Opening("someone-else", bytes(16)).hash),
        member.enrolment(ledger, extra=1),
        member.enrolment(ledger, roles="all"),
        member.enrolment(ledger, roles=["oficer"]),
        member.enrolment(ledger, use="hpke", publicKey=b64u(bytes(31))),
    ]
    for text in refused:
        with pytest.raises(InvalidInput):
            ledger.enrol(text)
    with pytest.raises(Conflict):
        ledger.enrol(member.enrolment(ledger, prev=0))
    with pytest.raises(NotFound):
        ledger.enrol(Member("stranger").enrolment(ledger))
    ledger.enrol(act)
    with pytest.raises(Conflict):
        ledger.enrol(act)


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "other.example/log"},
        {"exp": "2020-01-01T00:00:00Z"},
        {"iat": moment(90)},
        {"iat": "yesterday"},
        {"object": digest(b"x")},
        {"sub": "AAAAAAAAAAAAAAAA"},
        {"after": "0"},
        {"v": 2},
        {"surplus": True},
    ],
)
def test_an_enrolment_is_for_this_log_and_now(ledger: Ledger, member: Member, change: dict[str, object]) -> None:
    from graphsvc_verify.jws import read_act

    compact, opening = split_opening(member.enrolment(ledger))
    payload = {**read_act(compact).payload, **change}
    with pytest.raises(InvalidInput):
        ledger.enrol(with_opening(sign(member.root, ENROL, payload), opening))
    ledger.enrol(member.enrolment(ledger))


def test_an_older_state_of_the_keys_is_refused(ledger: Ledger, member: Member) -> None:
    early = member.enrolment(ledger, use="hpke")
    ledger.enrol(member.enrolment(ledger))
    with pytest.raises(Conflict):
        ledger.enrol(early)


# y = 1, y = 0 (order 4), y = -1 (order 2), a point of order 8, y = p + 1 (not canonical), a mixed-order point.
WEAK = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0200000000000000000000000000000000000000000000000000000000000000",
]


@pytest.mark.parametrize("raw", WEAK)
def test_weak_keys_are_refused(ledger: Ledger, raw: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ledger.admit(Organisation("weak", "company", "ID", "Weak"), bytes.fromhex(raw), "operator")
    assert caught.value.code == "bad_key"


def test_an_organisation_is_admitted_once_under_a_plain_slug(ledger: Ledger, member: Member) -> None:
    public = member.root.public_key().public_bytes_raw()
    with pytest.raises(Conflict):
        ledger.admit(Organisation("pasar", "company", "ID", "Again"), public, "operator")
    for slug in ("Pasar", "pa sar", "", "oversight", "é", "a/b"):
        with pytest.raises(InvalidInput):
            ledger.admit(Organisation(slug, "company", "ID", "Bad"), public, "operator")
    assert list(ledger.organisations()) == ["pasar"]


def test_acts_are_checked_under_the_key_in_force(tmp_path: Path) -> None:
    ledger, members = opened(tmp_path / "acts")
    member, typ = members[0], "graphsvc-remind-request+jws"
    act, key = ledger.check_act(member.act(ledger), typ, "pasar")
    assert key.kid == member.kid
    assert act.payload["iss"] == "pasar"
    good = member.act(ledger)
    for text, kind, org in (
        (good, "graphsvc-grant+jws", "pasar"),
        (good, typ, "swiftline"),
        (member.act(ledger, aud="other"), typ, "pasar"),
        (member.act(ledger, exp="2020-01-01T00:00:00Z"), typ, "pasar"),
        (sign(member.key, typ, act.payload, alg="none"), typ, "pasar"),
        (sign(member.key, typ, act.payload, alg="HS256"), typ, "pasar"),
        (sign(member.key, typ, act.payload, crit=["b64"]), typ, "pasar"),
        (sign(member.root, typ, act.payload), typ, "pasar"),
    ):
        with pytest.raises(InvalidInput):
            ledger.check_act(text, kind, org)
    assert ledger.check_act(sign(member.key, typ, act.payload, alg="EdDSA"), typ, "pasar")[0].payload == act.payload
    ledger.enrol(member.revocation(ledger))
    with pytest.raises(InvalidInput):
        ledger.check_act(good, typ, "pasar")
    assert encode(act.payload)
    ledger.close()


def test_a_role_that_there_is_not_is_refused_with_the_nearest(ledger: Ledger, member: Member) -> None:
    with pytest.raises(InvalidInput, match="did you mean officer") as caught:
        ledger.enrol(member.enrolment(ledger, roles=["submitter", "oficer"]))
    assert caught.value.code == "unknown_role" and ledger.signing_key("pasar", member.kid) is None
