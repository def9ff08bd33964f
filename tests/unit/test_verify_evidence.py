from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_actors import Member, carrying, enter, opened, over_wire, read_of, sign, trust_of, trust_value
from sqlalchemy import delete

from graphsvc.ledger import enrolment, tables
from graphsvc.model.errors import NotFound
from graphsvc_verify.__main__ import main
from graphsvc_verify.canonical import b64u, digest, unb64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence, check_owner_section, open_evidence
from graphsvc_verify.jws import read_act
from graphsvc_verify.keychain import OPERATOR, SIGNED
from graphsvc_verify.lines import owner_line
from graphsvc_verify.signedread import SignedRead

Evidence = dict[str, Any]


class World:
    def __init__(self, directory: Path) -> None:
        self.ledger, self.members = opened(directory)
        self.owner, self.other, self.reader = self.members

    def read(self, count: int = 2, signed: SignedRead | None = None) -> Any:
        """An entry that shows records."""
        draft = read_of("police-ke", {"pasar": count, "swiftline": 1}, self.ledger.head - 1)
        draft.signed = signed
        return self.ledger.append(draft).result()

    def enter(self, act: str) -> Any:
        """The entry that an act makes, told to the owner; nobody checks the act."""
        return enter(self.ledger, carrying(act, "pasar"))

    def void(self, evidence: Evidence) -> str:
        """Why the act in the last entry counts for nothing."""
        entry = self.check(evidence).entries[-1]
        assert entry.assurance == OPERATOR and set(entry.facts.values()) == {OPERATOR}
        (void,) = entry.void
        return str(void["code"])

    def evidence(self, indexes: list[int] | None = None, since: int | None = None) -> Evidence:
        return open_evidence(over_wire(self.ledger.evidence("pasar", indexes, since)), self.owner.hpke)

    def check(self, evidence: Evidence, **trust: Any) -> Any:
        return check_evidence(over_wire(evidence), trust_of(self.ledger, self.members, **trust))

    def code(self, evidence: Evidence, **trust: Any) -> str:
        with pytest.raises(VerifyError) as caught:
            self.check(evidence, **trust)
        return caught.value.code


@pytest.fixture
def world(tmp_path: Path) -> Any:
    world = World(tmp_path / "log")
    yield world
    world.ledger.close()


def test_an_owner_opens_and_proves_exactly_its_own(world: World) -> None:
    reads = [world.read(2), world.read(3, world.reader.signed_read(world.ledger))]
    report = world.check(world.evidence())
    shown = [entry for entry in report.entries if entry.owner is not None]
    assert [entry.index for entry in shown] == [read.index for read in reads]
    assert [len(entry.owner["leaves"]) for entry in shown] == [2, 3]
    assert shown[0].owner["facts"]["reader"] == "police-ke"
    assert shown[0].assurance == "asserted by the operator"
    assert shown[1].assurance == "signed by the organisation" and shown[1].acts[0]["person"] == "officer-1"
    stranger = open_evidence(over_wire(world.ledger.evidence("pasar")), world.other.hpke)
    assert all(not item["opened"] for item in stranger["entries"])
    assert world.check(stranger).entries[-1].owner is None


def test_the_owner_section_is_what_the_reader_was_committed_to(world: World) -> None:
    read = world.read(3)
    evidence = world.evidence()
    item = next(item for item in evidence["entries"] if item["index"] == read.index)
    item["opened"].insert(0, {"role": "header", "tag": "", "key": read.receipt["openings"]["headerKey"]})
    entry = world.check(evidence).entries[-1]
    assert entry.header["who"]["org"] == "police-ke"
    section = dict(entry.owner)
    committed = next(one for one in entry.header["owners"] if one["owner"] == "pasar")
    line = b64u(owner_line("pasar", committed["root"], committed["facts"]))
    check_owner_section(section, line, entry.header)
    for change in (
        {"leaves": section["leaves"][:-1]},
        {"facts": {**section["facts"], "reader": "customs-cn"}},
        {"seed": b64u(bytes(32))},
        {"submissions": [1, 2]},
        {"owner": "x"},
    ):
        with pytest.raises(VerifyError, match="wrong_line"):
            check_owner_section({**section, **change}, line, None)
    # Where the line would have been made to fit, the header still does not.
    other = {**committed, "root": b64u(bytes(32))}
    with pytest.raises(VerifyError, match="wrong_root"):
        check_owner_section(section, line, {"owners": [other]})
    with pytest.raises(VerifyError, match="missing_owner"):
        check_owner_section(section, line, {"owners": []})


def test_a_missing_entry_of_the_owner_shows(world: World) -> None:
    reads = [world.read() for _ in range(4)]
    evidence = world.evidence()
    evidence["entries"] = [item for item in evidence["entries"] if item["index"] != reads[1].index]
    assert world.code(evidence) == "owner_seq"
    first = world.evidence()
    first["entries"] = [item for item in first["entries"] if item["index"] != reads[0].index]
    assert world.code(first) == "owner_seq"
    chosen = world.evidence([reads[0].index, reads[3].index])
    assert world.check(chosen).missing == [(1, 2)]
    with pytest.raises(NotFound):
        world.ledger.evidence("pasar", [0])
    with pytest.raises(NotFound):
        world.ledger.evidence("pasar", since=-1)


def test_an_owner_number_that_the_operator_skipped_shows(world: World) -> None:
    world.read()
    seq, index = world.ledger._state.numbers["pasar"]
    world.ledger._state.numbers["pasar"] = (seq + 1, index)
    world.read()
    assert world.code(world.evidence()) == "owner_seq"
    world.ledger._state.numbers["pasar"] = (seq + 2, 0)
    third = world.read()
    assert world.code(world.evidence([third.index - 1, third.index])) == "owner_seq"


def flip(item: dict[str, Any], name: str, at: int = 30) -> None:
    raw = bytearray(unb64u(item[name]))
    raw[at] ^= 1
    item[name] = b64u(bytes(raw))


def set_opened(evidence: Evidence, **changes: str) -> None:
    evidence["entries"][-1]["opened"][0].update(changes)


def drop_object(evidence: Evidence) -> None:
    leaf = json.loads(unb64u(evidence["epochs"][0]["leaf"]))
    evidence["objects"][leaf["acts"][0]] = b64u(b"{}")


TAMPERED: dict[str, tuple[Callable[[Evidence], Any], set[str]]] = {
    "leaf": (lambda e: flip(e["entries"][-1], "leaf"), {"bad_proof"}),
    "index": (lambda e: e["entries"][-1].update(index=e["entries"][-1]["index"] - 1), {"bad_proof"}),
    "proof": (lambda e: e["entries"][-1]["proof"].pop(), {"bad_proof"}),
    "checkpoint": (
        lambda e: e.update(checkpoint=e["checkpoint"].replace("\n\n", "0\n\n", 1)),
        {"bad_signature", "bad_note"},
    ),
    "no signature": (lambda e: e.update(checkpoint=e["checkpoint"].split("\n\n")[0] + "\n\n"), {"bad_note"}),
    "twice": (lambda e: e["entries"].append(e["entries"][-1]), {"bad_evidence", "act_replayed"}),
    "section key": (lambda e: set_opened(e, key=b64u(bytes(32))), {"bad_box"}),
    "section tag": (lambda e: set_opened(e, tag=b64u(bytes(16))), {"no_section"}),
    "key event left out": (lambda e: e["keyEvents"].pop(0), {"key_chain"}),
    "last key event left out": (lambda e: e["keyEvents"].pop(), {"key_chain", "unknown_key"}),
    "key event swapped": (lambda e: e["keyEvents"][0].update(act=e["keyEvents"][1]["act"]), {"key_chain"}),
    "epoch": (lambda e: e["epochs"][0].update(e["entries"][0]), {"bad_evidence"}),
    "owner": (lambda e: e.update(owner="swiftline"), {"bad_evidence"}),
    "origin": (lambda e: e.update(origin="other"), {"bad_evidence"}),
    "version": (lambda e: e.update(v=2), {"bad_evidence"}),
    "objects": (lambda e: e.update(objects=[]), {"bad_object"}),
    "shape": (lambda e: e.pop("keyEvents"), {"bad_evidence"}),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_evidence_does_not_hold(world: World, name: str) -> None:
    world.read()
    world.enter(world.reader.act(world.ledger))
    evidence = over_wire(world.evidence())
    assert world.check(evidence).entries[-1].assurance == SIGNED
    change, codes = TAMPERED[name]
    copied = copy.deepcopy(evidence)
    change(copied)
    assert world.code(copied) in codes


def test_acts_count_only_between_enrolment_and_revocation(world: World) -> None:
    ledger, reader = world.ledger, world.reader
    world.enter(reader.act(ledger))
    assert not world.check(world.evidence()).entries[-1].void
    ledger.enrol(reader.revocation(ledger))
    world.enter(reader.act(ledger))
    assert world.void(world.evidence()) == "key_revoked"


def test_acts_under_a_key_that_comes_later_count_for_nothing(world: World) -> None:
    late = Member("police-ke")
    late.root = world.reader.root
    early = world.enter(late.act(world.ledger))
    assert world.void(world.evidence([early.index])) == "unknown_key"
    world.ledger.enrol(late.enrolment(world.ledger))
    assert world.void(world.evidence([early.index])) == "key_not_enrolled"


def test_an_act_under_a_forged_signature_shows(world: World) -> None:
    reader, ledger = world.reader, world.ledger
    forger = Member("police-ke")
    forged = sign(forger.key, "graphsvc-remind-request+jws", read_act(reader.act(ledger)).payload, kid=reader.kid)
    world.enter(forged)
    assert world.void(world.evidence()) == "bad_signature"


def test_an_act_that_the_operator_replayed_shows(world: World) -> None:
    act = world.reader.act(world.ledger)
    world.enter(act)
    # The operator forgets that it took the act; the tree does not.
    with world.ledger._store.writer.begin() as connection:
        connection.execute(delete(tables.acts).where(tables.acts.c.iss == "police-ke", tables.acts.c.jti != "event-0"))
        connection.execute(delete(tables.objects).where(tables.objects.c.digest == digest(act.encode())))
    world.enter(act)
    first, second = (entry for entry in world.check(world.evidence()).entries if entry.type == "sharing")
    assert first.assurance == SIGNED and not first.void
    assert second.assurance == OPERATOR and second.void[0]["code"] == "act_replayed"


def test_an_act_that_says_something_impossible_shows(world: World) -> None:
    reader, ledger = world.reader, world.ledger
    for change, code in (
        ({"aud": "other.example"}, "bad_jws"),
        ({"exp": "2020-01-01T00:00:00Z"}, "out_of_time"),
        ({"iat": "2999-01-01T00:00:00Z"}, "out_of_time"),
        ({"after": 10_000}, "bad_jws"),
    ):
        index = world.enter(reader.act(ledger, **change)).index
        assert world.void(world.evidence([index])) == code


def test_an_enrolment_by_another_root_than_the_pinned_one_shows(world: World) -> None:
    world.enter(world.reader.act(world.ledger))
    roots = trust_value(world.ledger, world.members)["organisations"]
    roots["police-ke"] = b64u(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    assert world.code(world.evidence(), organisations=roots) == "bad_enrolment"
    del roots["police-ke"]
    report = world.check(world.evidence(), organisations=roots)
    assert report.entries[-1].assurance == "asserted by the operator", "no root is pinned: the key proves nothing"


def test_a_key_that_the_operator_enrolled_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # The operator runs its own code: here it puts its own root over the organisation's, as its database lets it.
    forged = Ed25519PrivateKey.generate()
    intruder = Member("police-ke")
    registry = world.ledger._registry
    roots = {**registry.roots, "police-ke": forged.public_key().public_bytes_raw()}
    changed = type(registry)(registry.organisations, registry.keys, roots, registry.events)
    act = intruder.enrolment(world.ledger, root=forged)
    prepared = enrolment.prepare_key_event(act, changed, world.ledger.origin, world.ledger._clock())
    world.ledger._wait(prepared)
    world.enter(intruder.act(world.ledger))
    assert world.code(world.evidence()) == "bad_enrolment"


def test_persons_of_others_are_named_only_by_the_acts_that_the_evidence_holds(world: World) -> None:
    world.read()

    def named(evidence: Evidence) -> dict[str, set[str]]:
        """By organisation, the names told of its keys."""
        found: dict[str, set[str]] = {}
        for item in evidence["keyEvents"]:
            payload = read_act(item["act"]).payload
            assert "officer-1" not in json.dumps(payload)
            told = {item["person"]["name"]} if "person" in item else set()
            found[payload["iss"]] = found.get(payload["iss"], set()) | told
        return found

    nobody: set[str] = set()
    before = world.evidence()
    assert named(before) == {"pasar": {"officer-1"}, "swiftline": nobody, "police-ke": nobody}
    assert world.check(before).entries
    world.read(2, world.reader.signed_read(world.ledger))
    after = world.evidence()
    assert named(after) == {"pasar": {"officer-1"}, "swiftline": nobody, "police-ke": {"officer-1"}}
    assert world.check(after).entries[-1].acts[0]["person"] == "officer-1"
    # Without it the act holds all the same, and says whose it is by the hash; another name does not hold.
    event = next(item for item in after["keyEvents"] if "person" in item and item["index"] > 3)
    told = event.pop("person")
    assert str(world.check(after).entries[-1].acts[0]["person"]).startswith("sha256:")
    event["person"] = {**told, "name": "officer-2"}
    assert world.code(after) == "bad_person"


def test_a_stale_key_head_shows(world: World) -> None:
    world.read()
    world.ledger._state.key_head = 1
    world.read()
    assert world.code(world.evidence()) == "key_chain"


def test_growth_from_the_pinned_checkpoint_is_checked(world: World) -> None:
    world.read()
    pinned = world.ledger.checkpoint()
    size = world.ledger.head
    world.read()
    world.check(world.evidence(since=size), checkpoint=pinned)
    assert world.code(world.evidence(), checkpoint=pinned) == "no_consistency"
    newer = world.ledger._state.signer.sign(world.ledger.head + 5, bytes(32))
    assert world.code(world.evidence(), checkpoint=newer) == "truncated"
    fork = world.ledger._state.signer.sign(size, bytes(32))
    assert world.code(world.evidence(since=size), checkpoint=fork) == "fork"
    same = world.ledger._state.signer.sign(world.ledger.head, bytes(32))
    assert world.code(world.evidence(), checkpoint=same) == "fork"


def test_large_sections_are_proved_through_their_objects(world: World) -> None:
    world.read(2000)
    assert len(world.check(world.evidence()).entries[-1].owner["leaves"]) == 2000


def test_the_command_says_what_was_proved(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world.read(2, world.reader.signed_read(world.ledger))
    keys, file = tmp_path / "trust.json", tmp_path / "evidence.json"
    keys.write_text(json.dumps(trust_value(world.ledger, world.members)))
    file.write_text(json.dumps(world.evidence()))
    assert main([str(file), "--trust", str(keys)]) == 0
    out = capsys.readouterr().out
    assert "HOLDS" in out and "officer-1 of police-ke: signed by the organisation" in out
    assert main([str(file), "--trust", str(keys), "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)["entries"][-1]
    assert entry["facts"]["reader"] == {"value": "police-ke", "by": SIGNED}
    assert entry["facts"]["person"] == {"value": "officer-1", "by": OPERATOR}
    assert entry["records"] == [[7, 0, ["content", "identity"]], [8, 1, ["identity"]]]
