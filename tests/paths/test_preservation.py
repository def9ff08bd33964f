"""Preservation through HTTP: kept on request, extended, lifted, and in the end handed in as a signed submission."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from graphsvc.app import Service
from graphsvc.client import Outgoing
from graphsvc.client.errors import Refused
from graphsvc.client.questions import PRESERVATIONS, REQUEST
from graphsvc.client.service import Submitted
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.sharing.states import (
    ACKNOWLEDGED,
    ANSWERED,
    CLOSED,
    EXPIRED,
    LIFTED,
    OPEN,
    PRODUCTION,
    REFUSED,
    Standing,
    keeps,
    seconds,
)
from tests.paths.conftest import CASE, FOOTING
from tests.paths.test_disclosure import later, refused
from tests.paths.wire import SEARCH, account_key, file_of, phone, row

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
            "identifiers": [{"kind": "Phone", "parts": {"value": phone(self.number)}}],
            "purpose": FOOTING.purpose,
            "legalBasis": FOOTING.legal_basis,
            "case": CASE,
            "until": later(days=90),
            "deadline": later(hours=6),
            "justification": "adverts vanish within hours",
        } | changes
        made = self.members.act(ASKER, "request-preservation", "pasar", body)
        self.request = made["id"]
        return made

    def act(self, name: str, kind: str, **body: Any) -> dict[str, Any]:
        return self.members.act(name, kind, self.request, body)

    def produce(self) -> dict[str, Any]:
        body = {"legalBasis": "court-order", "deadline": later(days=7), "justification": "order 17 of the court"}
        return self.act(ASKER, "request-production", **body)

    def answer(self, request: str | None = None, org: str = "pasar") -> Submitted:
        outgoing = replace(self.outgoing, answers=self.request if request is None else request)
        return self.members.client(f"{org}.feed").submit(outgoing, org, self.members.by_name[org].working)

    def seen(self, name: str) -> dict[str, Any]:
        file = self.members.client(name).query(REQUEST.document, {"id": self.request}).data["informationRequest"]
        return dict(file["request"])


@pytest.fixture
def world(members: Members, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    number = 8_950 + len(request.node.name)
    yield World(members, file_of(tmp_path / "kept.ndjson", [row(request.node.name, number)]), number)


def test_kept_produced_and_answered_by_a_submission_that_cites_it(world: World) -> None:
    identifiers = [{"kind": "Phone", "parts": [{"name": "value", "value": phone(world.number)}]}]
    hit = world.members.client(ASKER).query(MATCH, {"i": identifiers}, FOOTING).data["match"]
    # Whether anybody is there to be asked depends on which tests ran before.
    assert hit in ([{"hit": False}], [{"hit": None}])
    assert world.ask()["state"] == "open"
    listed = world.members.client(HOLDER).query(PRESERVATIONS.document, {"role": "HELD", "first": 1}).data
    assert [one["id"] for one in listed["preservationRequests"]] == [world.request]
    assert refused(world.answer) == (422, "no_open_request"), "nothing is to be handed in yet"
    kept = world.act(HOLDER, "acknowledge-preservation", accept=True, note="kept under ticket 9")
    assert kept["state"] == "acknowledged" and world.seen(ASKER)["state"] == "acknowledged"
    until = later(days=200)
    assert world.act(ASKER, "extend-preservation", until=until)["until"] == until
    assert world.produce()["state"] == "production"
    submitted = world.answer()
    for name in (ASKER, HOLDER):
        found = world.seen(name)
        assert (found["state"], found["answeredBy"]) == ("answered", submitted.index)
    evidence = world.members.client(ASKER).evidence(key=world.members.by_name["police-ke"].recipient)
    assert submitted.index in [entry["index"] for entry in evidence["entries"]], "the asker is told in the ledger"
    world.outgoing.path.write_bytes(row("another", world.number) + b"\n")
    assert refused(world.answer) == (422, "no_open_request"), "answered once"


class Kept:
    """A row of Pasar's about the phone that it was asked to keep, and a row that has nothing to do with it."""

    def __init__(self, world: World, service: Service, name: str) -> None:
        self.world = world
        self.service = service
        self.name = name
        self.index = self.submit(row(name, world.number), row(f"{name}-other", world.number + 500))

    def submit(self, *rows: bytes) -> int:
        path = self.world.outgoing.path.with_name(f"{self.name}-{self.service.ledger.head}.ndjson")
        outgoing = file_of(path, rows)
        index = self.world.members.client("pasar.feed").submit(
            outgoing, "pasar", self.world.members.by_name["pasar"].working
        )
        return index.index

    def do(self, kind: str, rows: list[int] | None, index: int | None = None) -> dict[str, Any]:
        target = {"submission": self.index if index is None else index} | ({} if rows is None else {"rows": rows})
        body = {"target": target, "reason": "tidying up"}
        return self.world.members.act(HOLDER, kind, "records", body)

    def holds(self, *, open_only: bool = True) -> list[dict[str, Any]]:
        query = "query($o: Boolean!) { holds(open: $o) { index request until inForce records ranges { first } } }"
        listed = self.world.members.client(HOLDER).query(query, {"o": open_only}).data["holds"]
        return [one for one in listed if one["request"] == self.world.request]

    def purge(self) -> dict[str, Any]:
        report = msgspec.to_builtins(self.world.members.client(OPERATOR).purge(dry_run=False))
        return next(
            (one for one in report["owners"] if one["owner"] == "pasar"), {"held": 0, "records": 0, "holds": []}
        )


@pytest.fixture
def kept(world: World, local_service: LocalService, request: pytest.FixtureRequest) -> Kept:
    assert local_service.parts is not None
    return Kept(world, local_service.parts, request.node.name[-24:])


def test_what_was_promised_is_kept_until_the_asker_lets_it_go(kept: Kept) -> None:
    world = kept.world
    world.ask()
    world.act(HOLDER, "acknowledge-preservation", accept=True)
    (hold,) = kept.holds()
    assert (hold["records"], hold["ranges"], hold["inForce"]) == (1, [{"first": 0}], True)
    told = world.members.client(ASKER).evidence([hold["index"]], key=world.members.by_name["police-ke"].recipient)
    assert [entry["index"] for entry in told["entries"]] == [hold["index"]] and '"hold"' not in json.dumps(told)
    # The holder's own officer can't erase it, nor with the whole submission, nor end the hold.
    for rows in ([0], None):
        with pytest.raises(Refused) as refused_as:
            kept.do("erase", rows)
        assert (refused_as.value.status, refused_as.value.code) == (409, "held")
        assert str(hold["index"]) in refused_as.value.message and world.request in refused_as.value.message
    release = {"hold": hold["index"], "reason": "x"}
    assert refused(world.members.act, HOLDER, "release", "hold", release) == (409, "preserved")
    # What it gets on the phone later is kept as well.
    later_on = kept.submit(row(f"{kept.name}-later", world.number))
    assert refused(kept.do, "erase", None, later_on) == (409, "held")
    # Taken back it is hidden, and no purge takes it.
    kept.do("recall", [0, 1])
    client = world.members.client(ASKER)
    assert client.query(SEARCH, account_key(kept.name), FOOTING).data["search"] == []
    found = kept.purge()
    assert found["held"] >= 1 and hold["index"] in found["holds"]
    # Longer, then asked for: no time ends it while it is asked for. Lifted it goes.
    until = later(days=400)
    world.act(ASKER, "extend-preservation", until=until)
    assert kept.holds()[0]["until"] == until
    world.produce()
    assert kept.holds()[0]["inForce"]
    world.act(ASKER, "lift-preservation", note="found elsewhere")
    assert kept.holds() == [] and [one["inForce"] for one in kept.holds(open_only=False)] == [False]
    assert kept.do("erase", [0])["records"] == 1
    assert kept.do("erase", None, later_on)["records"] == 1


def test_what_was_taken_back_before_is_kept_too_and_what_is_refused_is_not(kept: Kept) -> None:
    world = kept.world
    kept.do("recall", [0])
    world.ask()
    world.act(HOLDER, "acknowledge-preservation", accept=True)
    assert kept.holds()[0]["records"] == 1
    assert refused(kept.do, "erase", [0]) == (409, "held")
    world.act(ASKER, "lift-preservation")
    world.ask()
    world.act(HOLDER, "acknowledge-preservation", accept=False, note="no")
    assert kept.holds() == [] and kept.do("erase", [0])["records"] == 1


@pytest.mark.parametrize(
    ("state", "until", "kept_on"),
    [
        (ACKNOWLEDGED, "2035-01-01T00:00:00Z", True),
        (PRODUCTION, "2001-01-01T00:00:00Z", True),
        (ANSWERED, "2035-01-01T00:00:00Z", True),
        (ANSWERED, "2001-01-01T00:00:00Z", False),
        *((state, "2035-01-01T00:00:00Z", False) for state in (OPEN, REFUSED, LIFTED, EXPIRED, CLOSED)),
    ],
)
def test_the_request_alone_says_how_long(state: str, until: str, kept_on: bool) -> None:
    assert keeps(Standing(state=state, until=until), seconds("2026-01-01T00:00:00Z")) is kept_on


def test_lifted_or_refused_it_is_over(world: World) -> None:
    world.ask()
    assert refused(world.act, HOLDER, "acknowledge-preservation", accept=False) == (400, "bad_act")
    assert (
        world.act(HOLDER, "acknowledge-preservation", accept=False, note="no such service here")["state"] == "refused"
    )
    assert refused(world.produce) == (409, "wrong_state")
    world.ask()
    world.act(HOLDER, "acknowledge-preservation", accept=True)
    assert world.act(ASKER, "lift-preservation", note="found elsewhere")["state"] == "lifted"
    assert refused(world.produce) == (409, "wrong_state")
    assert refused(world.act, HOLDER, "decide-disclosure", decision="refuse", reason="x") == (409, "wrong_kind")


def test_only_the_holder_answers_and_foreign_is_as_absent(world: World) -> None:
    world.ask()
    world.produce()
    for org, request in (("swiftline", None), ("pasar", "r-absent"), ("pasar", ""), ("police-ke", None)):
        assert refused(world.answer, request, org) == (422, "no_open_request"), (org, request)
    client = world.members.client("swiftline.officer")
    foreign, absent = (client.query(REQUEST.document, {"id": one}) for one in (world.request, "r" + "x" * 21))
    assert foreign.raw == absent.raw
    assert refused(
        world.members.act, "swiftline.officer", "acknowledge-preservation", world.request, {"accept": True}
    ) == (
        404,
        "not_found",
    )
    assert refused(world.act, ASKER, "acknowledge-preservation", accept=True) == (403, "denied")
    assert refused(
        world.act, HOLDER, "request-production", legalBasis="court-order", deadline=later(days=1), justification="x"
    ) == (403, "denied")


def test_a_disclosure_request_may_be_answered_by_a_submission_too(world: World) -> None:
    body = {
        "holder": "pasar",
        "identifiers": [{"kind": "Phone", "parts": {"value": phone(world.number)}}],
        "purpose": FOOTING.purpose,
        "legalBasis": FOOTING.legal_basis,
        "case": CASE,
        "deadline": later(days=2),
        "fieldGroups": ["identity"],
        "justification": "what do you have that is not in here?",
    }
    world.request = world.members.act(ASKER, "request-disclosure", "pasar", body)["id"]
    index = world.answer().index
    found = world.seen(ASKER)
    assert (found["state"], found["answeredBy"]) == ("answered", index)
