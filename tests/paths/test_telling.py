"""A hit that a rule of policy delays, or keeps silent: nowhere before it is due, and everywhere after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphsvc.client.answers import Answer
from graphsvc.client.errors import Refused
from graphsvc.client.questions import VERSIONS
from graphsvc.demo.company import Members
from graphsvc.ledger.telling import day_after
from graphsvc.local.run import LocalService
from graphsvc.model.principals import Footing
from graphsvc_verify.canonical import unb64u
from graphsvc_verify.entry import parse_leaf
from tests.commands import Desk, running
from tests.paths.conftest import CASE
from tests.paths.test_hits import INVESTIGATOR, MATCH, World, asked
from tests.paths.test_hits import _sent as sent
from tests.paths.wire import account_key, phone, row

NUMBERS = count(6_320_000)
NOTES = count()
LAW = "Criminal Procedure Act, section 101"
RULES = f"""rules:
  - name: covert-investigation
    law: {LAW}
    purposes: [investigation]
    legalBases: [court-order]
    askers: [police]
    delay: 30
  - name: tipping-off
    law: Anti-Money-Laundering Act, section 47
    purposes: [investigation]
    legalBases: [mutual-assistance]
    askers: [police]
    owners: [company]
    silent: true
"""
DELAYED, SILENT = (Footing("investigation", basis, CASE) for basis in ("court-order", "mutual-assistance"))
OFFICERS = ("pasar.officer", "swiftline.officer", "customs-cn.officer")
ACCESS = """{ accessLog(first: 100) { nextBefore toldLate { rule law delay askers }
  entries { index reader person purpose legalBasis case
    late { index at rule law } records { submission row hit } } } }"""


def current(members: Members) -> str:
    listed = (
        members.client(OFFICERS[0]).query(VERSIONS.document, {"part": "shared", "first": 100}).data["policyVersions"]
    )
    return str(next(one["version"] for one in listed if one["state"] == "in-force"))


def decide(members: Members, kind: str, body: dict[str, Any]) -> str:
    """More than half of the members bring a version of the shared part into force; the state after the last of them."""
    body = {**body, "note": f"secrecy as the law asks, {next(NOTES)}"}
    members.act(OFFICERS[0], kind, "shared", body)
    for one in OFFICERS[1:]:
        state = members.act(one, "approve-policy", "shared", body)["state"]
    return str(state)


@pytest.fixture(scope="module")
def versions(members: Members) -> Iterator[tuple[str, str]]:
    """The version of the shared part before, and the one with the rules, which is in force."""
    before = current(members)
    body = {"base": before, "files": {"telling.yaml": RULES}}
    assert decide(members, "propose-policy", body) == "in-force"
    with_rules = current(members)
    yield before, with_rules
    if current(members) != before:
        decide(members, "roll-back-policy", {"base": with_rules, "to": before})


@pytest.fixture
def world(members: Members, local_service: LocalService, tmp_path: Path, versions: tuple[str, str]) -> World:
    numbers = [next(NUMBERS) for _ in range(4)]
    rows = [row(f"telling-{number}", number) for number in numbers[:3]]
    return World(members, local_service, numbers, sent(members, "pasar", tmp_path, rows))


@pytest.fixture
def desk(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Desk:
    return Desk(running(monkeypatch, capfd), world.local, world.members, tmp_path)


def move_clock(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let telling stand so many days later than now, at the same hour."""
    monkeypatch.setattr("graphsvc.ledger.telling.time", SimpleNamespace(time=lambda: time.time() + days * 86_400))


class Places:
    """All places where Pasar finds what was told of its records, by itself and from the service."""

    def __init__(self, world: World, desk: Desk, folder: Path) -> None:
        self.world, self.desk, self.folder = world, desk, folder
        self.key = str(world.members.folder / "pasar" / "recipient.json")
        self.number = 0

    def listed(self) -> dict[str, Any]:
        found: dict[str, Any] = self.world.officer.query(ACCESS).data["accessLog"]
        return found

    def of(self, index: int, number: int) -> dict[str, Any]:
        """What each place has about entry ``index``, that hit the phone ``number``."""
        answer = self.world.officer.query(ACCESS)
        self.number += 1
        listed = self.folder / f"access-{self.number}.json"
        listed.write_bytes(answer.body)
        scanned = self.world.scan(self.desk, "pasar", "--answer", str(listed))
        assert scanned["ok"] and scanned["differences"] == []
        report = self.desk("pasar.officer", "subject-access", f"Phone:value={phone(number)}").value
        assert [rule["rule"] for rule in report["toldLate"]] == ["covert-investigation", "tipping-off"]
        return {
            "access log": [one for one in answer.data["accessLog"]["entries"] if one["index"] == index],
            "scan": [one for one in scanned["entries"] if one["index"] == index],
            "subject access": [
                told for record in report["records"] for told in record["disclosures"] if told["index"] == index
            ],
            "evidence": self.evidence(index),
            "all evidence": [one for one in self.evidence(None) if one["index"] == index],
        }

    def evidence(self, index: int | None) -> list[dict[str, Any]]:
        """What a verifier finds in the evidence on an entry, or on all; nothing where the service gives none."""
        self.number += 1
        path = str(self.folder / f"own-{self.number}.zip")
        words = () if index is None else ("--index", str(index))
        done = self.desk("pasar.officer", "evidence", "--key", self.key, *words, "--out", path)
        if done.returncode:
            assert done.code == (3, "not_found")
            return []
        found: list[dict[str, Any]] = self.desk(
            "pasar.officer", "verify", path, "--trust", str(self.world.members.trust_file)
        ).value["entries"]
        return found


@pytest.fixture
def places(world: World, desk: Desk, tmp_path: Path) -> Places:
    return Places(world, desk, tmp_path)


def nowhere(found: dict[str, Any]) -> bool:
    return not any(found.values())


def test_a_delayed_hit_is_nowhere_before_it_is_due_and_everywhere_after(
    world: World, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, number = world.hit(*world.numbers[:2], footing=DELAYED), world.numbers[0]
    index = answer.receipt["index"]
    # 1. Who asked knows: its receipt commits to what the owner will be told, by which rule, and when.
    due = day_after(time.time(), 30)
    assert [one["outcome"] for one in answer.data["match"]] == ["HIT", "HIT"]
    assert answer.proof.hits == {"pasar"}
    assert answer.proof.later == {"pasar": {"rule": "covert-investigation", "law": LAW, "due": due}}
    # 2. The owner is told in general, and nothing of this one; on the last day before as well.
    assert places.listed()["toldLate"][0] == {
        "rule": "covert-investigation", "law": LAW, "delay": 30, "askers": ["police"]
    }  # fmt: skip
    assert nowhere(places.of(index, number))
    move_clock(monkeypatch, 30)
    assert nowhere(places.of(index, number))
    # 3. Then it is in all places, under its own entry, and says why it is late.
    move_clock(monkeypatch, 31)
    found = places.of(index, number)
    [entry], [seen], [told] = found["access log"], found["scan"], found["subject access"]
    assert entry["records"] == world.rows(0, 1)
    assert [entry[name] for name in ("reader", "purpose", "legalBasis", "case")] == ["police-ke", *stated(DELAYED)]
    assert (entry["late"]["rule"], entry["late"]["law"]) == ("covert-investigation", LAW)
    assert (seen["records"], seen["told"]) == ([[world.index, n, ["hit"]] for n in (0, 1)], entry["late"]["index"])
    assert seen["facts"]["late"] == {"rule": "covert-investigation", "law": LAW, "due": due}
    assert (told["reader"], told["case"], told["hit"]) == ("police-ke", CASE, True)
    for evidence in (found["evidence"], found["all evidence"]):
        [one] = [one for one in evidence if one["index"] == index]
        assert (one["late"]["due"], one["records"]) == (due, seen["records"])
    assert {one["type"] for one in found["evidence"]} == {"read", "told"}, "the entry with the key is there too"


def stated(footing: Footing) -> list[str]:
    return [footing.purpose, footing.legal_basis, footing.case]


def test_a_silent_hit_is_never_told_and_stays_with_who_asked(
    world: World, places: Places, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = world.hit(world.numbers[0], footing=SILENT)
    index = answer.receipt["index"]
    assert answer.proof.later["pasar"]["due"] is None
    move_clock(monkeypatch, 4_000)
    assert nowhere(places.of(index, world.numbers[0]))
    key, trust = str(world.members.folder / "police-ke" / "recipient.json"), str(world.members.trust_file)
    words = ("--log", world.local.url, "--org", "police-ke", "--key", key, "--trust", trust)
    assert index in [one["index"] for one in desk(INVESTIGATOR, "scan", *words).value["inYourName"]]
    # The service's own keys open what was sealed: an auditor finds it.
    assert world.local.parts is not None
    header = world.local.parts.ledger.open_header(index)
    [group] = header["body"]["later"]
    assert (group["rule"], group["due"], [one["owner"] for one in group["owners"]]) == ("tipping-off", None, ["pasar"])


def test_what_no_rule_is_about_is_told_at_once(world: World, places: Places, tmp_path: Path, desk: Desk) -> None:
    """Another legal basis; an owner of another kind than the rule's."""
    answer = world.hit(world.numbers[0])
    found = places.of(answer.receipt["index"], world.numbers[0])
    assert all(found.values()) and found["access log"][0]["late"] is None and answer.proof.later == {}
    number = next(NUMBERS)
    index = sent(world.members, "customs-cn", tmp_path, [row(f"telling-{number}", number)])
    other = world.members.client(INVESTIGATOR).query(MATCH, {"identifiers": asked(number)}, SILENT, index)
    assert other.data["match"] == [{"outcome": "HIT", "contacts": [{"org": "customs-cn"}]}]
    seen = [one for one in world.scan(desk, "customs-cn")["entries"] if one["index"] == other.receipt["index"]]
    assert [one["records"] for one in seen] == [[[index, 0, ["hit"]]]]


def test_a_record_shown_is_told_at_once_and_only_what_was_hit_beside_it_late(
    world: World, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = MATCH.replace("$after: Int", "$after: Int, $kind: String!, $parts: [KeyPart!]!", 1)
    inner = "search(kind: $kind, parts: $parts) { records { owner handle } } }"
    question = both.rstrip().removesuffix("}") + inner
    variables = {"identifiers": asked(*world.numbers), **account_key(f"telling-{world.numbers[0]}")}
    answer = world.members.client(INVESTIGATOR).query(question, variables, DELAYED, world.index)
    index = answer.receipt["index"]
    before = places.of(index, world.numbers[0])
    assert [one["records"] for one in before["access log"]] == [[{"submission": world.index, "row": 0, "hit": False}]]
    assert [len(one["records"]) for one in before["scan"]] == [1] and "late" not in before["scan"][0]["facts"]
    assert nowhere(
        {**places.of(index, world.numbers[1]), "access log": [], "scan": [], "evidence": [], "all evidence": []}
    )
    move_clock(monkeypatch, 31)
    after = places.of(index, world.numbers[1])
    records = [(one["row"], one["hit"]) for one in after["access log"][0]["records"]]
    assert records == [(0, False), (1, True), (2, True)]
    assert sorted(one["told"] is None for one in after["scan"]) == [False, True] and after["subject access"]


def test_in_the_public_log_a_delayed_hit_is_as_a_miss(world: World) -> None:
    def form(answer: Answer) -> tuple[int, list[int]]:
        leaf = parse_leaf(unb64u(answer.receipt["leaf"]))
        return len(unb64u(str(leaf.header["box"]))), sorted(len(unb64u(one["box"])) for one in leaf.sections.values())

    late, miss = world.hit(*world.numbers, footing=DELAYED), world.hit(world.numbers[3], footing=DELAYED)
    assert late.proof.later and not miss.proof.hits
    assert form(late) == form(miss)


def test_the_owner_is_given_no_evidence_on_what_it_is_not_told(world: World) -> None:
    """As for an entry that is nothing of its own, and for one that is not there."""
    late, miss = world.hit(world.numbers[0], footing=DELAYED), world.hit(world.numbers[3], footing=DELAYED)
    for index in (late.receipt["index"], miss.receipt["index"], 10**9):
        with pytest.raises(Refused) as caught:
            world.officer.evidence([index])
        assert (caught.value.status, caught.value.code) == (404, "not_found")


def test_what_was_promised_stays_when_the_rule_goes_and_the_records_go(
    world: World, places: Places, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (world.hit(number, footing=DELAYED).receipt["index"] for number in world.numbers[:2])
    # 1. One record is recalled and one erased: nobody is told of a recall who was only told of a hit, so the owner
    #    learns nothing by that either.
    act = world.members.act
    recalled = act("pasar.officer", "recall", "records", aimed(world, 0))
    erased = act("pasar.officer", "erase", "records", aimed(world, 1))
    assert (recalled["organisations"], erased["organisations"]) == ([], [])
    assert nowhere(places.of(first, world.numbers[0]))
    # 2. The rules are rolled back: the next hit is told at once, those from before when they said.
    before, with_rules = versions
    decide(world.members, "roll-back-policy", {"base": with_rules, "to": before})
    try:
        now = world.hit(world.numbers[2], footing=DELAYED).receipt["index"]
        listed = places.listed()
        assert now in [one["index"] for one in listed["entries"]] and listed["toldLate"] == []
        assert not {first, second} & {one["index"] for one in listed["entries"]}
        move_clock(monkeypatch, 31)
        late = {one["index"]: one for one in places.listed()["entries"]}
        assert (late[first]["records"], late[second]["records"]) == (world.rows(0), world.rows(1))
    finally:
        decide(world.members, "roll-back-policy", {"base": before, "to": with_rules})
    assert all(places.of(first, world.numbers[0]).values())


def aimed(world: World, n: int) -> dict[str, Any]:
    return {"target": {"submission": world.index, "rows": [n]}, "reason": "sent by mistake"}
