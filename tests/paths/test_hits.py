"""A hit is a disclosure: its owner finds it in access log, scan and subject access; the public log shows none of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client import Client
from graphsvc.client.answers import Answer
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Footing
from graphsvc_verify.canonical import unb64u
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.receipt import attention_of
from tests.commands import Desk, running
from tests.paths.conftest import CASE, FOOTING
from tests.paths.wire import SEARCH, account_key, file_of, phone, row

RED = Defaults(handling=Handling("tlp-2.0", "RED"), legal_basis="statutory-duty", pap="RED")
INVESTIGATOR = "police-ke.investigator"
MATCH = """query($identifiers: [IdentifierInput!]!, $after: Int) {
  match(identifiers: $identifiers, after: $after) { outcome contacts { org } } }"""
ACCESS = """{ accessLog(first: 50) { nextBefore entries {
  index reader person purpose legalBasis case records { submission row hit } } } }"""
NUMBERS = count(6_310_000)


def asked(*numbers: int) -> list[dict[str, Any]]:
    return [{"kind": "Phone", "parts": [{"name": "value", "value": phone(number)}]} for number in numbers]


@dataclass
class World:
    """Pasar's four records of three phones, the first two of one; of the fourth phone nobody holds anything."""

    members: Members
    local: LocalService
    numbers: list[int]
    index: int

    def hit(self, *numbers: int, footing: Footing = FOOTING, by: str = INVESTIGATOR) -> Answer:
        return self.members.client(by).query(MATCH, {"identifiers": asked(*numbers)}, footing, self.index)

    def listed(self) -> dict[int, dict[str, Any]]:
        found = self.officer.query(ACCESS).data["accessLog"]["entries"]
        return {entry["index"]: entry for entry in found}

    @property
    def officer(self) -> Client:
        return self.members.client("pasar.officer")

    def scan(self, desk: Desk, org: str, *words: str) -> dict[str, Any]:
        key, trust = str(self.members.folder / org / "recipient.json"), str(self.members.trust_file)
        named = ("--log", self.local.url, "--org", org, "--key", key, "--trust", trust)
        return desk(f"{org}.officer", "scan", *named, *words).value

    def rows(self, *rows: int) -> list[dict[str, Any]]:
        return [{"submission": self.index, "row": one, "hit": True} for one in rows]


@pytest.fixture
def world(members: Members, local_service: LocalService, tmp_path: Path) -> World:
    numbers = [next(NUMBERS) for _ in range(4)]
    rows = [row(f"hits-{number}", number) for number in numbers[:3]]
    rows.insert(1, row(f"hits-{numbers[0]}-again", numbers[0]))
    index = _sent(members, "pasar", tmp_path, rows)
    return World(members, local_service, numbers, index)


@pytest.fixture
def desk(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Desk:
    return Desk(running(monkeypatch, capfd), world.local, world.members, tmp_path)


def _sent(members: Members, org: str, folder: Path, rows: list[bytes], *defaults: Defaults) -> int:
    outgoing = file_of(folder / org / "rows.ndjson", rows, *defaults)
    return members.client(f"{org}.feed").submit(outgoing, org, members.by_name[org].working).index


def test_three_hits_are_in_all_three_places_with_purpose_and_case(world: World, desk: Desk, tmp_path: Path) -> None:
    answer = world.hit(*world.numbers)
    assert [one["outcome"] for one in answer.data["match"]] == ["HIT"] * 3 + ["NO_HIT"]
    index = answer.receipt["index"]

    # 1. The service's own list, for the officer.
    entry = world.listed()[index]
    assert entry["records"] == world.rows(0, 1, 2, 3)
    assert [entry[name] for name in ("reader", "purpose", "case")] == ["police-ke", FOOTING.purpose, CASE]

    # 2. The log itself, with the owner's key; and the two say the same.
    listed, key = tmp_path / "access.json", str(world.members.folder / "pasar" / "recipient.json")
    listed.write_bytes(world.officer.query(ACCESS).body)
    scanned = world.scan(desk, "pasar", "--answer", str(listed))
    assert scanned["ok"] and scanned["differences"] == []
    [seen] = [one for one in scanned["entries"] if one["index"] == index]
    assert seen["records"] == [[world.index, n, ["hit"]] for n in range(4)]
    assert [seen["facts"][name] for name in ("reader", "purpose", "case")] == ["police-ke", FOOTING.purpose, CASE]

    # 3. What a person is told who asks what is held on it.
    report = desk("pasar.officer", "subject-access", f"Phone:value={phone(world.numbers[0])}").value
    assert [one["row"] for one in report["records"]] == [0, 1]
    for record in report["records"]:
        [told] = record["disclosures"]
        assert (told["index"], told["reader"], told["case"], told["hit"]) == (index, "police-ke", CASE, True)

    # 4. Evidence, for a court, opened by the owner.
    own = tmp_path / "own.zip"
    assert desk("pasar.officer", "evidence", "--key", key, "--index", str(index), "--out", str(own)).returncode == 0
    assert desk("pasar.officer", "verify", str(own), "--trust", str(world.members.trust_file)).returncode == 0


def test_who_asked_learns_neither_how_many_records_were_hit_nor_which(world: World) -> None:
    many, one = world.hit(world.numbers[0]), world.hit(world.numbers[1])
    for answer in (many, one):
        [owner] = answer.receipt["openings"]["owners"]
        [(_, handle, groups)] = owner["leaves"]
        assert (owner["owner"], handle, groups) == ("pasar", "", ["hit"])
        assert answer.proof.hits == {"pasar"} and attention_of(answer.proof) == ""
    assert [world.listed()[one.receipt["index"]]["records"] for one in (many, one)] == [
        world.rows(0, 1),
        world.rows(2),
    ]


def test_in_the_public_log_a_hit_is_as_a_miss(world: World) -> None:
    def form(answer: Answer) -> tuple[int, list[int]]:
        leaf = parse_leaf(unb64u(answer.receipt["leaf"]))
        return len(unb64u(str(leaf.header["box"]))), sorted(len(unb64u(one["box"])) for one in leaf.sections.values())

    hit, miss = world.hit(*world.numbers), world.hit(world.numbers[3])
    assert miss.receipt["openings"]["owners"] == [] and hit.receipt["openings"]["owners"]
    assert form(hit) == form(miss)


def test_a_record_that_is_shown_as_well_is_named_once(world: World) -> None:
    both = MATCH.replace("$after: Int", "$after: Int, $kind: String!, $parts: [KeyPart!]!", 1)
    inner = "search(kind: $kind, parts: $parts) { records { owner handle } } }"
    question = both.rstrip().removesuffix("}") + inner
    variables = {"identifiers": asked(*world.numbers), **account_key(f"hits-{world.numbers[0]}")}
    answer = world.members.client(INVESTIGATOR).query(question, variables, FOOTING, world.index)
    records = world.listed()[answer.receipt["index"]]["records"]
    assert [(one["row"], one["hit"]) for one in records] == [(0, False), (1, True), (2, True), (3, True)]


def test_a_hit_on_what_is_never_shown_is_told_too(world: World, desk: Desk, tmp_path: Path) -> None:
    """The record stays at home; that there is one, the police learn, and customs that they have."""
    number = next(NUMBERS)
    index = _sent(world.members, "customs-cn", tmp_path, [row(f"red-{number}", number)], RED)
    answer = world.members.client(INVESTIGATOR).query(MATCH, {"identifiers": asked(number)}, FOOTING, index)
    assert answer.data["match"] == [{"outcome": "HIT", "contacts": [{"org": "customs-cn"}]}]
    [seen] = [one for one in world.scan(desk, "customs-cn")["entries"] if one["index"] == answer.receipt["index"]]
    assert seen["records"] == [[index, 0, ["hit"]]]


def test_whoever_only_got_a_hit_is_told_of_no_recall(world: World, desk: Desk) -> None:
    """A notice names records by handles that its recipient was shown; of a hit it was shown none."""
    world.hit(*world.numbers)
    client = world.members.client(INVESTIGATOR)
    assert client.query(SEARCH, account_key(f"hits-{world.numbers[1]}"), FOOTING, world.index).data["search"]
    sign = ("--reason", "sent by mistake", "--sign", str(world.members.folder / "pasar" / "officer.pem"))

    def recalled(row: int) -> list[str]:
        words = ("recall", "--submission", str(world.index), "--row", str(row), *sign)
        found: list[str] = desk("pasar.officer", *words).value["organisations"]
        return found

    assert (recalled(3), recalled(2)) == ([], ["police-ke"])
