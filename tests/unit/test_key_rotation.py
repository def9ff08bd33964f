"""``keys rotate``: one root-signed act after which the new key counts and the old one does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_actors import Member, carrying, enter, last_key_event, opened, over_wire, sign, trust_of
from typer.testing import CliRunner

from graphsvc.cli import app
from graphsvc.client.enrol import Enroller, KeyRequest
from graphsvc.client.keys import HpkeKey, SigningKey, load_hpke_key, load_signing_key, save_hpke_key, save_signing_key
from graphsvc.ledger import enrolment
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import Conflict, InvalidInput
from graphsvc_verify.canonical import b64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence, open_evidence
from graphsvc_verify.jws import read_act
from graphsvc_verify.keychain import SIGNED
from graphsvc_verify.persons import split_opening, with_opening
from graphsvc_verify.receipt import check_receipt
from graphsvc_verify.scan import scan_log

ORG, PERSON = "pasar", "officer-1"


class World:
    """A log with three members; Pasar rotates at its command line, offline."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger, self.members = opened(folder / "log")
        self.pasar = self.members[0]
        save_signing_key(folder / "root.pem", SigningKey(self.pasar.root))

    def rotate(self, kid: str, *words: str, status: int = 0, out: str = "rotate.jws") -> str:
        """The act that the command signs, or what it says."""
        place = ["--org", ORG, "--origin", self.ledger.origin, "--prev", str(last_key_event(self.ledger, ORG))]
        files = ["--root", str(self.folder / "root.pem"), "--out", str(self.folder / out)]
        done = CliRunner().invoke(app, ["keys", "rotate", kid, *place, *files, *words])
        if status:
            return str(done.exception)
        assert done.exit_code == 0, done.output + str(done.exception)
        return (self.folder / out).read_text().strip()

    def to_new(self, name: str = "new.pem") -> str:
        """The working key gives way to one made here."""
        words = ("--new", str(self.folder / name), "--person", PERSON, "--role", "officer")
        return self.rotate(self.pasar.kid, *words)

    def new_key(self, name: str = "new.pem") -> Member:
        """Pasar with its new key."""
        member = Member(ORG)
        member.key = load_signing_key(self.folder / name).private
        return member

    def entered(self, act: str) -> Any:
        """An entry of the owner's with an act in it, as the operator's own code writes it, unchecked."""
        return enter(self.ledger, carrying(act))

    def told(self) -> list[str]:
        """What the verifier says of each entry with a section: the assurance, or why the act in it is void."""
        evidence = open_evidence(over_wire(self.ledger.evidence(ORG)), self.pasar.hpke)
        report = check_evidence(evidence, trust_of(self.ledger, self.members))
        told = [entry for entry in report.entries if entry.owner is not None]
        return [entry.void[0]["code"] if entry.void else entry.assurance for entry in told]

    def code(self) -> str:
        with pytest.raises(VerifyError) as caught:
            self.told()
        return caught.value.code


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.ledger.close()


def test_one_act_changes_the_key_and_what_came_before_still_holds(world: World) -> None:
    ledger, pasar = world.ledger, world.pasar
    before = world.entered(pasar.act(ledger))
    act, carried = world.to_new(), pasar.act(ledger)
    assert ledger.signing_key(ORG, pasar.kid) is not None, "until it is sent the old key counts"
    index = ledger.enrol(act)
    new = world.new_key()
    record = ledger.signing_key(ORG, new.kid)
    assert record is not None and (record.person, record.roles, record.enrolled) == (PERSON, ("officer",), index)
    # No entry is without a key, and none has both.
    for at in range(before.index, ledger.head + 2):
        in_force = [key for key in (pasar.kid, new.kid) if ledger.signing_key(ORG, key, at)]
        assert in_force == ([pasar.kid] if at < index else [new.kid] if at > index else [])
    # Use after rotation is refused, also of what was signed before.
    for late in (carried, pasar.act(ledger)):
        with pytest.raises(InvalidInput):
            ledger.check_act(late, "graphsvc-remind-request+jws", ORG)
    assert ledger.check_act(new.act(ledger), "graphsvc-remind-request+jws", ORG)[1].kid == new.kid
    # Evidence and receipts from before hold, and so does what the new key signs.
    world.entered(new.act(ledger))
    assert world.told() == [SIGNED, SIGNED]
    trust = trust_of(ledger, world.members)
    check_receipt(over_wire(before.receipt), trust)
    scan = scan_log(fetch_from(ledger), trust, ORG, [pasar.hpke])
    assert before.index in [seen.index for seen in scan.seen]
    # An operator that takes it all the same is found out.
    world.entered(pasar.act(ledger))
    assert world.told() == [SIGNED, SIGNED, "key_revoked"]


def fetch_from(ledger: Ledger) -> Callable[[str], bytes | None]:
    def fetch(path: str) -> bytes | None:
        if path == "checkpoint":
            return ledger.checkpoint().encode()
        return ledger.object(path.removeprefix("object/")) if path.startswith("object/") else ledger.tile(path)

    return fetch


def test_the_new_key_does_not_count_before_its_entry(world: World) -> None:
    act = world.to_new()
    world.entered(world.new_key().act(world.ledger))
    world.ledger.enrol(act)
    assert world.told() == ["key_not_enrolled"]


def test_a_receiving_key_is_rotated_and_the_old_one_opens_what_was_sealed_for_it(world: World) -> None:
    ledger, pasar = world.ledger, world.pasar
    entered = [world.entered(pasar.act(ledger)).index]
    old = HpkeKey(pasar.hpke)
    ledger.enrol(world.rotate(old.kid, "--new", str(world.folder / "new.json"), "--hpke"))
    new = load_hpke_key(world.folder / "new.json")
    entered.append(world.entered(pasar.act(ledger)).index)
    evidence = over_wire(ledger.evidence(ORG, entered))
    assert ledger._registry.recipients()[ORG] == (new.kid, new.public)
    opened = [[bool(one["opened"]) for one in open_evidence(evidence, key.private)["entries"]] for key in (old, new)]
    assert opened == [[True, False], [False, True]]


def test_the_holder_may_be_elsewhere(world: World) -> None:
    key = SigningKey.new()
    request = world.folder / "request.json"
    request.write_bytes(KeyRequest.of(key, ORG, world.ledger.origin, "budi").write())
    world.ledger.enrol(world.rotate(world.pasar.kid, "--request", str(request)))
    assert world.ledger.signing_key(ORG, key.kid) is not None
    elsewhere = KeyRequest.of(SigningKey.new(), "swiftline", world.ledger.origin, "budi").write()
    request.write_bytes(elsewhere)
    assert "another organisation" in world.rotate(key.kid, "--request", str(request), out="other.jws", status=2)


def test_what_is_no_rotation_is_refused(world: World) -> None:
    ledger, pasar, last = world.ledger, world.pasar, last_key_event(world.ledger, ORG)
    assert last is not None
    enroller = Enroller(ORG, ledger.origin, SigningKey(pasar.root))
    request = KeyRequest.of(SigningKey.new(), ORG, ledger.origin, PERSON)
    foreign = Enroller(ORG, ledger.origin, SigningKey.new())
    working = Enroller(ORG, ledger.origin, SigningKey(pasar.key))
    for one in (foreign, working):
        with pytest.raises(InvalidInput):
            ledger.enrol(one.rotate(request, (), pasar.kid, "stolen", last))
    # An unknown key, one of another use, one of another organisation, itself; without a word why.
    for kid in ("A" * 16, HpkeKey(pasar.hpke).kid, world.members[1].kid, request.kid):
        with pytest.raises(Conflict):
            ledger.enrol(enroller.rotate(request, (), kid, "x", last))
    with pytest.raises(InvalidInput):
        ledger.enrol(enroller.rotate(request, (), "", "x", last))
    event = read_act(split_opening(enroller.rotate(request, (), pasar.kid, "x", last))[0]).payload["event"]
    for changed in ({**event, "possession": b64u(bytes(64))}, {**event, "reason": 1}, {**event, "replaces": None}):
        with pytest.raises(InvalidInput):
            act = sign(pasar.root, "graphsvc-rotate+jws", pasar.payload(ledger, changed, request.kid))
            ledger.enrol(with_opening(act, request.opening))
    # As the two halves it is neither.
    for typ in ("graphsvc-enrol+jws", "graphsvc-revoke+jws"):
        with pytest.raises(InvalidInput):
            ledger.enrol(
                with_opening(sign(pasar.root, typ, pasar.payload(ledger, event, request.kid)), request.opening)
            )
    ledger.enrol(enroller.rotate(request, (), pasar.kid, "x", last))
    third = KeyRequest.of(SigningKey.new(), ORG, ledger.origin, PERSON)
    with pytest.raises(Conflict):
        ledger.enrol(enroller.rotate(third, (), pasar.kid, "x", last))


def test_an_operator_rotates_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the database: it enters a rotation under a root of its own, or a real one as something else."""
    ledger, pasar = world.ledger, world.pasar
    world.entered(pasar.act(ledger))
    root = Ed25519PrivateKey.generate()
    registry = ledger._registry
    roots = {**registry.roots, ORG: root.public_key().public_bytes_raw()}
    changed = type(registry)(registry.organisations, registry.keys, roots, registry.events)
    request = KeyRequest.of(SigningKey.new(), ORG, ledger.origin, PERSON)
    last = last_key_event(ledger, ORG)
    assert last is not None
    act = Enroller(ORG, ledger.origin, SigningKey(root)).rotate(request, (), pasar.kid, "x", last)
    ledger._wait(enrolment.prepare_key_event(act, changed, ledger.origin, ledger._clock()))
    assert world.code() == "bad_enrolment"


def test_a_rotation_stands_in_an_entry_of_its_kind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.entered(world.pasar.act(world.ledger))
    monkeypatch.setattr(enrolment, "TYPES", dict.fromkeys(enrolment.TYPES, "enrol"))
    world.ledger.enrol(world.to_new())
    assert world.code() == "bad_key_event"


def dashed(dashes: str) -> SigningKey:
    """A key whose id begins so, as one in 64 or in 4,096 does."""
    return next(key for key in iter(SigningKey.new, None) if key.kid.startswith(dashes))


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_an_id_that_begins_with_a_dash_is_no_option(world: World, dashes: str) -> None:
    key = dashed(dashes)
    request = world.folder / "request.json"
    request.write_bytes(KeyRequest.of(key, ORG, world.ledger.origin, PERSON).write())
    world.ledger.enrol(world.rotate(world.pasar.kid, "--request", str(request)))
    again = ("--new", str(world.folder / "again.pem"), "--person", PERSON)
    world.ledger.enrol(world.rotate(key.kid, *again, out="again.jws"))
    assert world.ledger.signing_key(ORG, key.kid) is None
    said = world.rotate(f"{dashes}what", *again, out="no.jws", status=2)
    assert "16 characters" in said and not (world.folder / "no.jws").exists()


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_such_a_key_can_be_revoked(world: World, dashes: str) -> None:
    key = dashed(dashes)
    enroller = Enroller(ORG, world.ledger.origin, SigningKey(world.pasar.root))
    request = KeyRequest.of(key, ORG, world.ledger.origin, PERSON)
    last = world.ledger.enrol(enroller.enrol(request, ("submitter",), last_key_event(world.ledger, ORG)))
    place = ["--org", ORG, "--origin", world.ledger.origin, "--prev", str(last)]
    files = ["--root", str(world.folder / "root.pem"), "--out", str(world.folder / "gone.jws")]
    done = CliRunner().invoke(app, ["keys", "revoke", key.kid, *place, *files])
    assert done.exit_code == 0, done.output
    world.ledger.enrol((world.folder / "gone.jws").read_text().strip())
    assert world.ledger.signing_key(ORG, key.kid) is None


def test_nothing_is_made_in_vain(world: World) -> None:
    kid = world.pasar.kid
    assert "--person" in world.rotate(kid, "--new", str(world.folder / "a.pem"), status=2)
    assert "--new" in world.rotate(kid, status=2)
    save_hpke_key(world.folder / "there.json", HpkeKey.new())
    there = ("--new", str(world.folder / "there.json"), "--hpke")
    assert "never written over" in world.rotate(kid, *there, status=2)
    (world.folder / "rotate.jws").write_text("{}")
    assert "a file already" in world.rotate(kid, "--new", str(world.folder / "a.pem"), "--person", "x", status=2)
    assert not (world.folder / "a.pem").exists() and json.loads((world.folder / "rotate.jws").read_text()) == {}
