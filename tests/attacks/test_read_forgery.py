"""An operator with the database and the log's key can't make a read that an organisation is said to have signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from attack_world import OWNER, READER, World, data_of
from ledger_actors import QUESTION, Member, enter, for_export, over_wire, read_of
from sqlalchemy import delete

from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import SIGNED_READ, check_evidence, open_evidence
from graphsvc_verify.keychain import OPERATOR, SIGNED
from graphsvc_verify.package import check_package
from graphsvc_verify.scan import scan_log
from graphsvc_verify.signedread import FRESH, TYP, SignedRead
from tests.attacks.test_forgery import enrol_without_root

Change = Callable[[EntryDraft], None]


def entered(world: World, signed: SignedRead | None, change: Change = lambda _: None, reader: str = READER) -> int:
    """What the operator's own code writes, unchecked: a read of the owner's records with ``signed`` in it."""
    draft = for_export(read_of(reader, {OWNER: 2}, world.ledger.head - 1, data_of(OWNER, 2)))
    draft.signed = signed
    change(draft)
    return enter(world.ledger, draft).index


def told(world: World, index: int) -> str:
    """What the owner's verifier says of that entry: the assurance, or the code with which it refuses."""
    evidence = open_evidence(over_wire(world.ledger.evidence(OWNER, [index], world.old)), world.owner.hpke)
    try:
        (entry,) = (one for one in check_evidence(evidence, world.trust()).entries if one.index == index)
        return entry.void[0]["code"] if entry.void else entry.assurance
    except VerifyError as error:
        return error.code


def told_reader(world: World, index: int) -> str:
    """The same for the reader, who opens the header."""
    evidence = over_wire(world.ledger.evidence(READER, [index], world.old))
    opened = open_evidence({**evidence, "owner": READER}, world.reader.hpke)
    try:
        entry = check_evidence(opened, world.trust()).entries[-1]
        return entry.void[0]["code"] if entry.void else entry.assurance
    except VerifyError as error:
        return error.code


def test_the_organisation_signs_and_nobody_else(world: World) -> None:
    assert told(world, entered(world, None)) == OPERATOR
    index = entered(world, world.reader.signed_read(world.ledger))
    assert told(world, index) == told_reader(world, index) == SIGNED
    # The log's key in the organisation's name, the root's, another member's; a signature of zeros.
    for key in (world.ledger._state.signer._key, world.reader.root, world.other.key):
        signed = world.reader.signed_read(world.ledger)
        assert told(world, entered(world, replace(signed, signature=key.sign(signed.base)))) == "bad_signature"
    signed = world.reader.signed_read(world.ledger)
    assert told(world, entered(world, replace(signed, signature=bytes(64)))) == "bad_signature"
    # Under an own key: not enrolled; enrolled under a root that nobody pinned.
    intruder = Member(READER)
    assert told(world, entered(world, intruder.signed_read(world.ledger))) == "unknown_key"
    intruder.org = OWNER
    enrol_without_root(world, intruder)
    assert told(world, entered(world, intruder.signed_read(world.ledger))) == "bad_enrolment"


CHANGES: dict[str, tuple[Change, str, str]] = {
    "another question": (lambda d: setattr(d, "query", b"{other}"), SIGNED, "wrong_read"),
    "another purpose": (lambda d: said(d, "purpose", "prosecution"), "wrong_read", "wrong_read"),
    "another legal basis": (lambda d: said(d, "basis", "court-order"), "wrong_read", "wrong_read"),
    "another case": (lambda d: said(d, "case", "K-2"), "wrong_read", "wrong_read"),
    "no footing": (lambda d: said(d, "case", ""), "wrong_read", "wrong_read"),
    "owner told otherwise": (lambda d: d.owners[0].facts.update(case="K-2"), "wrong_read", "wrong_fact"),
    "owner told another reader": (lambda d: d.owners[0].facts.update(reader="swiftline"), "wrong_read", "wrong_fact"),
    "another organisation": (lambda d: d.who.update(org="swiftline"), SIGNED, "wrong_fact"),
    "no read": (lambda d: setattr(d, "type", "submission"), "wrong_read", "wrong_read"),
}


def said(draft: EntryDraft, name: str, value: str) -> None:
    """Say another footing, to everyone alike."""
    setattr(draft, name, value)
    draft.owners[0].facts[name] = value


@pytest.mark.parametrize("name", CHANGES)
def test_a_genuine_signature_covers_nothing_else(world: World, name: str) -> None:
    """The operator has a real signed question and logs something else under it."""
    change, owner, reader = CHANGES[name]
    index = entered(world, world.reader.signed_read(world.ledger), change)
    # An owner is not told what was asked nor by which account; who opens the header is.
    assert told(world, index) == owner
    assert told_reader(world, index) == reader


def test_a_signature_of_another_log_or_time_counts_nowhere(world: World) -> None:
    assert told(world, entered(world, world.reader.signed_read(world.ledger, origin="other.example"))) == (
        "bad_http_signature"
    )
    for earlier in (3 * FRESH, -3 * FRESH):
        assert told(world, entered(world, signed_at(world, earlier))) == "out_of_time"
    assert told(world, entered(world, signed_at(world, FRESH / 2))) == SIGNED


def signed_at(world: World, before: timedelta) -> SignedRead:
    """A question that the reader signed at another time."""
    signed = world.reader.signed_read(world.ledger)
    seconds = int(signed.created.timestamp())
    base = signed.base.replace(
        f"created={seconds}".encode(), f"created={seconds - int(before.total_seconds())}".encode()
    )
    return replace(signed, base=base, signature=world.reader.key.sign(base))


def test_a_revoked_key_and_a_key_not_yet_enrolled_sign_no_reads(world: World) -> None:
    early = Member(READER)
    early.root = world.reader.root
    before = entered(world, early.signed_read(world.ledger))
    world.ledger.enrol(early.enrolment(world.ledger))
    assert told(world, before) == "key_not_enrolled"
    assert told(world, entered(world, early.signed_read(world.ledger))) == SIGNED
    last = world.reader.signed_read(world.ledger)
    world.ledger.enrol(world.reader.revocation(world.ledger))
    assert told(world, entered(world, last)) == "key_revoked"


def test_a_signed_read_is_not_used_twice(world: World) -> None:
    signed = world.reader.signed_read(world.ledger)
    first = entered(world, signed)
    # The ledger itself takes none; so the operator makes it forget.
    with world.ledger._store.writer.begin() as connection:
        connection.execute(delete(tables.acts).where(tables.acts.c.jti == signed.nonce))
        connection.execute(delete(tables.objects).where(tables.objects.c.digest == acts_of(world, first)[0]))
    second = entered(world, signed)
    evidence = open_evidence(over_wire(world.ledger.evidence(OWNER, [first, second], world.old)), world.owner.hpke)
    entries = [entry for entry in check_evidence(evidence, world.trust()).entries if entry.type == "read"]
    assert [entry.assurance for entry in entries] == [SIGNED, OPERATOR]
    assert entries[1].void[0]["code"] == "act_replayed"
    # Each of both entries alone is evidence of one read; the scan sees that they carry the same.
    assert told(world, second) == SIGNED
    with pytest.raises(VerifyError) as caught:
        scan_log(fetch_from(world), world.trust(), OWNER, [world.owner.hpke])
    assert caught.value.code == "act_replayed"


def acts_of(world: World, index: int) -> list[str]:
    acts: list[str] = json.loads(world.ledger.entry(index))["acts"]
    return acts


def fetch_from(world: World) -> Callable[[str], bytes | None]:
    def fetch(path: str) -> bytes | None:
        if path == "checkpoint":
            return world.ledger.checkpoint().encode()
        if path.startswith("object/"):
            return world.ledger.object(path.removeprefix("object/"))
        return world.ledger.tile(path)

    return fetch


def test_another_act_makes_no_read_look_signed(world: World) -> None:
    """The operator holds an act that the reader signed for something else."""
    index = entered(world, None, lambda draft: draft.acts.append(world.reader.act(world.ledger)))
    assert told(world, index) == "wrong_read"


def test_a_package_tells_signed_reads_and_what_they_prove(world: World) -> None:
    report = check_package(world.package(), world.trust())
    signed = [act for entry in report.evidence.entries for act in entry.acts if act["typ"] == TYP]
    assert [(act["iss"], act["person"], act["assurance"]) for act in signed] == [(READER, "officer-1", SIGNED)]
    assert SIGNED_READ in report.limits


def test_what_is_kept_of_a_signed_read_opens_nothing(world: World) -> None:
    """An owner gets the signature of whoever saw its records: no token, no question that could be guessed."""
    kept = world.reader.signed_read(world.ledger).write()
    assert QUESTION not in kept and b"Bearer" not in kept and b"token:" not in kept
    assert SignedRead.read(kept.decode()).write() == kept
