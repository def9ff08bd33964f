"""Preservation through HTTP: kept on request, extended, lifted, and in the end handed in as a signed submission."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client import Outgoing
from graphsvc.client.acts import PRESERVATIONS, REQUEST
from graphsvc.client.service import Submitted
from graphsvc.local.company import Members
from tests.paths.conftest import CASE, FOOTING
from tests.paths.test_disclosure import later, refused
from tests.paths.wire import file_of, phone, row

ASKER, HOLDER = "police-ke.investigator", "pasar.officer"
MATCH = "query($i: [IdentifierInput!]!) { match(identifiers: $i) { hit } }"


@dataclass
class World:
    """The police ask Pasar to keep what it has on a phone that gives no hit."""

    members: Members
    outgoing: Outgoing
    number: int
    request: str = ""

    def ask(self, **changes: Any) -> dict[str, Any]:
        body = {
            "holder": "pasar",
            "identifiers": [{"kind": "Phone", "key": {"value": phone(self.number)}}],
            "purpose": FOOTING.purpose,
            "legalBasis": FOOTING.legal_basis,
            "case": CASE,
            "until": later(days=90),
            "deadline": later(hours=6),
            "justification": "adverts vanish within hours",
        } | changes
        made = self.members.act(ASKER, "preservation-request", "pasar", body)
        self.request = made["id"]
        return made

    def act(self, name: str, kind: str, **body: Any) -> dict[str, Any]:
        return self.members.act(name, kind, self.request, body)

    def produce(self) -> dict[str, Any]:
        body = {"legalBasis": "court-order", "deadline": later(days=7), "justification": "order 17 of the court"}
        return self.act(ASKER, "production-request", **body)

    def answer(self, request: str | None = None, org: str = "pasar") -> Submitted:
        outgoing = replace(self.outgoing, answers=self.request if request is None else request)
        return self.members.client(f"{org}.feed").submit(outgoing, org, self.members.by_name[org].working)

    def seen(self, name: str) -> dict[str, Any]:
        file = self.members.client(name).query(REQUEST, {"id": self.request}).data["disclosureRequest"]
        return dict(file["request"])


@pytest.fixture
def world(members: Members, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    number = 8_950 + len(request.node.name)
    yield World(members, file_of(tmp_path / "kept.ndjson", [row(request.node.name, number)]), number)


def test_kept_produced_and_answered_by_a_submission_that_cites_it(world: World) -> None:
    identifiers = [{"kind": "Phone", "parts": [{"name": "value", "value": phone(world.number)}]}]
    hit = world.members.client(ASKER).query(MATCH, {"i": identifiers}, FOOTING).data["match"]
    assert hit == [{"hit": False}]
    assert world.ask()["state"] == "open"
    listed = world.members.client(HOLDER).query(PRESERVATIONS, {"role": "HELD", "first": 1}).data
    assert [one["id"] for one in listed["preservationRequests"]] == [world.request]
    assert refused(world.answer) == (422, "no_open_request"), "nothing is to be handed in yet"
    kept = world.act(HOLDER, "preservation-acknowledge", accept=True, note="kept under ticket 9")
    assert kept["state"] == "acknowledged" and world.seen(ASKER)["state"] == "acknowledged"
    until = later(days=200)
    assert world.act(ASKER, "preservation-extend", until=until)["until"] == until
    assert world.produce()["state"] == "production"
    submitted = world.answer()
    for name in (ASKER, HOLDER):
        found = world.seen(name)
        assert (found["state"], found["answeredBy"]) == ("answered", submitted.index)
    evidence = world.members.client(ASKER).evidence(key=world.members.by_name["police-ke"].recipient)
    assert submitted.index in [entry["index"] for entry in evidence["entries"]], "the asker is told in the ledger"
    world.outgoing.path.write_bytes(row("another", world.number) + b"\n")
    assert refused(world.answer) == (422, "no_open_request"), "answered once"


def test_lifted_or_refused_it_is_over(world: World) -> None:
    world.ask()
    assert refused(world.act, HOLDER, "preservation-acknowledge", accept=False) == (400, "bad_act")
    assert (
        world.act(HOLDER, "preservation-acknowledge", accept=False, note="no such service here")["state"] == "refused"
    )
    assert refused(world.produce) == (409, "wrong_state")
    world.ask()
    world.act(HOLDER, "preservation-acknowledge", accept=True)
    assert world.act(ASKER, "preservation-lift", note="found elsewhere")["state"] == "lifted"
    assert refused(world.produce) == (409, "wrong_state")
    assert refused(world.act, HOLDER, "disclosure-decision", decision="refuse", reason="x") == (409, "wrong_kind")


def test_only_the_holder_answers_and_foreign_is_as_absent(world: World) -> None:
    world.ask()
    world.produce()
    for org, request in (("swiftline", None), ("pasar", "r-absent"), ("pasar", ""), ("police-ke", None)):
        assert refused(world.answer, request, org) == (422, "no_open_request"), (org, request)
    client = world.members.client("swiftline.officer")
    foreign, absent = (client.query(REQUEST, {"id": one}) for one in (world.request, "r" + "x" * 21))
    assert foreign.raw == absent.raw
    assert refused(
        world.members.act, "swiftline.officer", "preservation-acknowledge", world.request, {"accept": True}
    ) == (
        404,
        "not_found",
    )
    assert refused(world.act, ASKER, "preservation-acknowledge", accept=True) == (403, "denied")
    assert refused(
        world.act, HOLDER, "production-request", legalBasis="court-order", deadline=later(days=1), justification="x"
    ) == (403, "denied")


def test_a_disclosure_request_may_be_answered_by_a_submission_too(world: World) -> None:
    body = {
        "holder": "pasar",
        "identifiers": [{"kind": "Phone", "key": {"value": phone(world.number)}}],
        "purpose": FOOTING.purpose,
        "legalBasis": FOOTING.legal_basis,
        "case": CASE,
        "deadline": later(days=2),
        "groups": ["identity"],
        "justification": "what do you have that is not in here?",
    }
    world.request = world.members.act(ASKER, "disclosure-request", "pasar", body)["id"]
    index = world.answer().index
    found = world.seen(ASKER)
    assert (found["state"], found["answeredBy"]) == ("answered", index)
