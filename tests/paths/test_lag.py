"""A graph that lags says so: in every answer, to the organisation whose data waits, and in readiness."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from graphsvc.api.http import build_api
from graphsvc.api.ports import Ports
from graphsvc.api.turns import ActTurns
from graphsvc.app import Service, api_schema
from graphsvc.client.answers import Answer
from graphsvc.demo.cast import CLIENTS
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model import bounds
from graphsvc.upkeep.checkup import Checkup
from graphsvc.upkeep.http import UpkeepRoutes
from graphsvc_verify.entry import parse_leaf
from tests.paths.conftest import FOOTING
from tests.paths.process import until
from tests.paths.test_asked import run
from tests.paths.wire import DEFAULTS, MintingIdentity, file_of, phone, row

MATCH = """query($i: [IdentifierInput!]!, $after: Int) {
  match(identifiers: $i, after: $after) { outcome hit problem { code } } }"""
POLICE = "police-ke.investigator"
NUMBERS = count(8_700_000)


class Halted:
    """An applier that stands still until the block ends."""

    def __init__(self, service: Service, members: Members, folder: Path) -> None:
        self.service = service
        self.members = members
        self._folder = folder
        self.go_on, self._stands = threading.Event(), threading.Event()
        self._catch_up = service.applier.catch_up

    def stand(self) -> None:
        """Stands still when this returns."""
        self.service.applier.notify()
        assert self._stands.wait(60)

    def __call__(self, *given: Any) -> None:
        self._stands.set()
        assert self.go_on.wait(120)
        self._catch_up(*given)

    def submit_one(self, org: str = "police-ke") -> tuple[int, str]:
        """One row of an organisation, acknowledged: its index and the phone that it names."""
        index, (number,) = self.submit(org, 1)
        return index, number

    def submit(self, org: str, count: int) -> tuple[int, list[str]]:
        """Some rows, each with a phone of its own."""
        numbers = [next(NUMBERS) for _ in range(count)]
        rows = [row(f"lag-{number}", number) for number in numbers]
        outgoing = file_of(self._folder / f"{numbers[0]}.ndjson", rows)
        index = self.members.client(f"{org}.feed").submit(outgoing, org, self.members.by_name[org].working).index
        return index, [phone(number) for number in numbers]

    def match(self, number: str, who: str = POLICE, after: int | None = None) -> Answer:
        asked = {"i": [{"kind": "Phone", "parts": [{"name": "value", "value": number}]}]}
        return self.members.client(who).query(MATCH, asked, FOOTING if who == POLICE else type(FOOTING)(), after)


@pytest.fixture
def halted(
    local_service: LocalService, members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Halted]:
    assert local_service.parts is not None
    halted = Halted(local_service.parts, members, tmp_path)
    # Somebody else's records are there to be asked about.
    index, number = halted.submit_one("pasar")
    assert halted.match(number, after=index).data["match"][0]["outcome"] == "HIT"
    monkeypatch.setattr(local_service.parts.applier, "catch_up", halted)
    halted.stand()
    yield halted
    halted.go_on.set()


def test_ones_own_number_that_waits_is_not_asked_rather_than_no_hit(halted: Halted) -> None:
    index, number = halted.submit_one()
    late = halted.match(number)
    (found,) = late.data["match"]
    assert found == {"outcome": "NOT_ASKED", "hit": None, "problem": {"code": "not_applied_yet"}}
    assert late.own_pending == (index,) and late.applied_index < index and not late.only_own
    others = halted.match(number, "pasar.officer")
    assert others.own_pending == () and others.only_own, "what waits of others is nobody's business"
    profile = halted.members.write_profile(POLICE, DEFAULTS)
    footing = ["--purpose", FOOTING.purpose, "--legal-basis", FOOTING.legal_basis, "--case", FOOTING.case]
    told = run("match", "--phone", number, "--profile", str(profile), *footing)
    assert told.returncode == 4 and "not asked" in told.stdout
    assert f"your own submissions {index} are not in the graph yet" in told.stderr
    halted.go_on.set()
    applied = halted.match(number, after=index)
    assert applied.data["match"][0]["outcome"] == "HIT" and applied.own_pending == ()


def test_an_answer_says_how_far_it_looked_when_it_was_read(halted: Halted, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is applied between reading and the answer's entry is not in the answer."""
    index, number = halted.submit_one()
    ledger, applier = halted.service.ledger, halted.service.applier
    append = ledger.append_soon

    async def later(draft: Any) -> Any:
        halted.go_on.set()
        await applier.wait(index)
        return await append(draft)

    monkeypatch.setattr(ledger, "append_soon", later)
    answer = halted.match(number)
    assert answer.data["match"][0]["outcome"] == "NOT_ASKED" and applier.applied >= index
    assert answer.applied_index < index and answer.own_pending == (index,)


def test_a_small_one_is_in_and_found_while_anothers_large_one_is_half_in(
    local_service: LocalService, members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert local_service.parts is not None
    world = Halted(local_service.parts, members, tmp_path)
    columns = world.service.applier._projections.columns
    append, went_on = columns.append_drafts, {2: threading.Event(), 4: threading.Event()}
    stands = {at: threading.Event() for at in went_on}

    def held(entry: int, at: int, *rest: Any) -> None:
        if at in stands:
            stands[at].set()
            assert went_on[at].wait(60)
        append(entry, at, *rest)

    monkeypatch.setattr(bounds, "BATCH_ROWS", 2)
    monkeypatch.setattr(columns, "append_drafts", held)
    try:
        large, numbers = world.submit("pasar", 6)
        # The first two rows are in when two rows of somebody else's come.
        assert stands[2].wait(60)
        small, (found, *_) = world.submit("police-ke", 2)
        went_on[2].set()
        assert stands[4].wait(60)
        late = world.match(found, after=small)
        assert late.data["match"][0]["outcome"] == "HIT" and late.own_pending == ()
        assert late.applied_index < large < small, "not everything up to it is in"
        # Whose is half in is told so.
        half = [world.match(number, "pasar.officer") for number in (numbers[0], numbers[5])]
        assert [answer.data["match"][0]["outcome"] for answer in half] == ["HIT", "NOT_ASKED"]
        assert [answer.own_pending for answer in half] == [(large,), (large,)]
    finally:
        for event in went_on.values():
            event.set()
    assert world.match(numbers[5], "pasar.officer", after=large).own_pending == ()


@pytest.mark.parametrize(("late", "age", "status"), [(60, 30, "ready"), (60, 90, "lagging"), (0, 90_000, "ready")])
def test_readiness_has_a_bound_and_says_how_far_behind(halted: Halted, late: int, age: int, status: str) -> None:
    index, _ = halted.submit_one()
    parts = halted.service
    until(lambda: parts.graph.ahead.over, "statements are not planned", 400)
    written = datetime.fromisoformat(parse_leaf(parts.ledger.entry(index)).t) + timedelta(seconds=age)
    checkup = Checkup(parts.ledger, parts.applier, parts.graph, Path("/"), float(late), lambda: written)
    nothing: Any = None
    app = build_api(api_schema(), Ports(*[nothing] * 5), ActTurns(0), [UpkeepRoutes(nothing, checkup).routes()])

    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://api") as client:
            return await client.get("/health/ready")

    answer = asyncio.run(ask())
    told = answer.json()["applier"]
    assert (answer.status_code, answer.json()["status"]) == (200 if status == "ready" else 503, status)
    assert (told["entriesBehind"], told["secondsBehind"]) == (1, age)


def test_a_role_that_may_ask_nobody_is_told_so(
    local_service: LocalService, identity: MintingIdentity, members: Members
) -> None:
    """An officer reads nobody else's records, whatever the footing: that is no "no hit"."""
    investigator = next(client for client in CLIENTS if client.client_id == POLICE)
    token = identity.mint(investigator, roles=["officer"])
    headers = {"authorization": f"Bearer {token}", "graphsvc-purpose": FOOTING.purpose}
    headers |= {"graphsvc-legal-basis": FOOTING.legal_basis, "graphsvc-case": FOOTING.case}
    asked = {"i": [{"kind": "Phone", "parts": [{"name": "value", "value": phone(next(NUMBERS))}]}]}
    answer = httpx2.post(f"{local_service.url}/graphql", json={"query": MATCH, "variables": asked}, headers=headers)
    (found,) = answer.json()["data"]["match"]
    assert found == {"outcome": "NOT_ASKED", "hit": None, "problem": {"code": "nobody_to_ask"}}
    assert answer.json()["extensions"]["onlyOwn"] is True
