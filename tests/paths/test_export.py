"""What may only be looked at leaves the service in no file: the service decides, says what it left out, and logs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from graphsvc.client.answers import Answer
from graphsvc.client.service import footing_headers
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model.principals import Footing
from tests.commands import Desk, running
from tests.paths.conftest import FOOTING
from tests.paths.wire import DEFAULTS, file_of, phone, row

INVESTIGATOR = "police-ke.investigator"
LOOKED_AT = msgspec.structs.replace(DEFAULTS, pap="AMBER")
"""May be seen, and is not exported (rule pap-export)."""
QUESTION = """query($value: String!, $after: Int) {
  search(kind: "Phone", parts: [{name: "value", value: $value}], after: $after) {
    key records { owner handle attributes { value } } } }"""
ACCESS = "{ accessLog(first: 20) { entries { index export records { submission row } } } }"
NUMBERS = count(7_410_000)
KEPT_BACK = [{"owner": "pasar", "rule": "pap-export", "records": 1}]


@dataclass
class World:
    """Pasar's records of two phones: of the first one of each kind, of the second one that is only looked at."""

    members: Members
    local: LocalService
    desk: Desk
    folder: Path
    both: str
    looked: str
    index: int

    def ask(self, value: str, export: bool) -> Answer:
        footing = msgspec.structs.replace(FOOTING, export=export)
        return self.members.client(INVESTIGATOR).query(QUESTION, {"value": value}, footing, self.index)

    def police(self, *words: str, json: bool = True) -> Any:
        return self.desk(INVESTIGATOR, *words, json=json)

    def asked(self, value: str, *words: str) -> Any:
        question = self.folder / "question.graphql"
        question.write_text(QUESTION)
        return self.police("ask", str(question), "--var", f'value="{value}"', *stated(FOOTING), *words)


def stated(footing: Footing) -> tuple[str, ...]:
    return ("--purpose", footing.purpose, "--legal-basis", footing.legal_basis, "--case", footing.case)


@pytest.fixture
def world(
    members: Members,
    local_service: LocalService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> World:
    both, looked = next(NUMBERS), next(NUMBERS)
    index = -1
    for name, defaults, rows in (
        ("given", DEFAULTS, [row(f"export-{both}", both)]),
        ("looked", LOOKED_AT, [row(f"export-{both}-b", both), row(f"export-{looked}", looked)]),
    ):
        outgoing = file_of(tmp_path / f"{name}.ndjson", rows, defaults)
        index = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index
    desk = Desk(running(monkeypatch, capfd), local_service, members, tmp_path)
    # What is asked later finds it applied.
    applied = "query($after: Int) { submissions(first: 1, after: $after) { index } }"
    members.client("pasar.feed").query(applied, after=index)
    return World(members, local_service, desk, tmp_path, phone(both), phone(looked), index)


def test_what_may_be_looked_at_only_goes_into_no_file_and_that_is_said(world: World) -> None:
    seen = world.asked(world.both).value
    assert len(seen["data"]["search"][0]["records"]) == 2 and seen["withheld"] == []
    out = world.folder / "answer.json"
    kept = world.asked(world.both, "--out", str(out)).value
    assert len(kept["data"]["search"][0]["records"]) == 1 and kept["withheld"] == KEPT_BACK
    written = json.loads(out.read_text())
    assert written["data"] == kept["data"] and written["extensions"]["withheld"] == KEPT_BACK
    assert out.stat().st_mode & 0o077 == 0
    told = world.desk(INVESTIGATOR, "ask", str(world.folder / "question.graphql"), "--var", f'value="{world.looked}"',
                      "--out", str(world.folder / "none.json"), *stated(FOOTING), json=False)  # fmt: skip
    assert told.returncode == 0 and "left out: 1 records of pasar may be looked at only (pap-export)" in told.stderr
    assert world.looked not in (world.folder / "none.json").read_text(), "not even what it is about"


def test_the_owner_is_told_that_it_went_into_a_file_and_of_what_was_left_out(world: World) -> None:
    looked, kept = world.ask(world.both, False), world.ask(world.both, True)
    listed = world.members.client("pasar.officer").query(ACCESS).data["accessLog"]["entries"]
    entries = {one["index"]: one for one in listed}
    assert [entries[one.receipt["index"]]["export"] for one in (looked, kept)] == [False, True]
    assert all(len(entries[one.receipt["index"]]["records"]) == 2 for one in (looked, kept))
    assert kept.proof.header["body"] == {"export": True} and looked.proof.header["body"] == {}
    groups = kept.proof.disclosed["pasar"].values()
    assert frozenset() in groups, "of the one that was left out nothing was shown"


def test_an_answer_for_looking_makes_no_evidence(world: World) -> None:
    answer, out = world.folder / "looked.json", world.folder / "case.zip"
    answer.write_bytes(world.ask(world.both, False).body)
    words = ("evidence", "--answer", str(answer), "--out", str(out))
    assert world.police(*words).code == (3, "not_exported") and not out.exists()
    answer.write_bytes(world.ask(world.both, True).body)
    assert world.police(*words).value["answers"] == 1
    assert world.police("verify", str(out), "--trust", str(world.members.trust_file)).returncode == 0


def test_the_service_decides_over_http_as_well(world: World) -> None:
    headers = {**footing_headers(FOOTING), "authorization": f"Bearer {world.members.token(INVESTIGATOR)}"}

    def post(export: Any) -> Any:
        body = {"query": QUESTION, "variables": {"value": world.both}, "extensions": {"export": export}}
        return httpx2.post(f"{world.local.url}/graphql", json=body, headers=headers).json()

    exported = post(True)
    assert len(exported["data"]["search"][0]["records"]) == 1 and exported["extensions"]["withheld"] == KEPT_BACK
    assert len(post(False)["data"]["search"][0]["records"]) == 2
    [error] = post("yes")["errors"]
    assert (error["extensions"]["code"], error["extensions"]["where"]) == ("invalid_request", "/extensions/export")


def test_one_s_own_records_are_kept_and_a_hit_is_a_hit_in_a_file(world: World) -> None:
    footing = msgspec.structs.replace(FOOTING, export=True)
    own = world.members.client("pasar.feed").query(QUESTION, {"value": world.looked}, Footing(export=True))
    assert len(own.data["search"][0]["records"]) == 1 and own.withheld == ()
    match = """query($i: [IdentifierInput!]!) { match(identifiers: $i) { outcome } }"""
    asked = {"i": [{"kind": "Phone", "parts": [{"name": "value", "value": world.looked}]}]}
    hit = world.members.client(INVESTIGATOR).query(match, asked, footing)
    assert hit.data["match"] == [{"outcome": "HIT"}] and hit.proof.header["body"] == {"export": True}
