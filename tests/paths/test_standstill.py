"""Nothing that one caller asks stops the others: a slow database, a busy graph, an answer too large."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, event

from graphsvc.demo.company import Members
from graphsvc.graph.bolt.connection import Connection
from graphsvc.local.run import LocalService
from graphsvc.model.principals import ACT, Footing
from graphsvc.model.room import CODE
from tests.paths.conftest import FOOTING
from tests.paths.wire import SEARCH, account_key, file_of, row

SOMETHING = '{ entity(handle: "x") { kind } }'
SLOW = {
    "{ policyVersions { index } }": "policy_events",
    "{ submissions { index } }": "submissions",
    "{ cases { title } }": "cases",
    "{ accessLog { nextBefore } }": "disclosures",
    "{ disclosureRequests(role: ASKED) { id } }": "requests",
    "{ preservationRequests(role: HELD) { id } }": "requests",
    '{ informationRequest(id: "x") { truncated } }': "requests",
    "{ grants(role: HELD) { id } }": "grants",
    "{ sharingGroups { id } }": "memberships",
    "{ recalls { index } }": "withdrawals",
    "{ recallNotices { notice } }": "notices",
    "{ holds { index } }": "holds",
    '{ subjectAccess(kind: "Account", '
    'parts: [{name: "site", value: "shopee"}, {name: "id", value: "x"}]) { key } }': "withdrawn",
}
"""Questions that read the ledger's tables, and the table that each begins with."""


class Asker:
    """Asks over HTTP as one client of an organisation."""

    def __init__(self, service: LocalService, members: Members, client: str, footing: Footing) -> None:
        names = {"graphsvc-purpose": footing.purpose, "graphsvc-legal-basis": footing.legal_basis}
        stated = {**names, "graphsvc-case": footing.case}
        headers = {"authorization": f"Bearer {members.token(client)}", **{n: v for n, v in stated.items() if v}}
        self._http = httpx2.Client(base_url=service.url, headers=headers, timeout=60)

    def close(self) -> None:
        self._http.close()

    def __call__(self, query: str, **variables: Any) -> httpx2.Response:
        return self._http.post("/graphql", json={"query": query, "variables": variables})


Ask = Callable[[str, Footing], Asker]


@pytest.fixture
def asker(local_service: LocalService, members: Members) -> Iterator[Ask]:
    with ExitStack() as stack:

        def ask(client: str, footing: Footing) -> Asker:
            made = Asker(local_service, members, client, footing)
            stack.callback(made.close)
            return made

        yield ask


@pytest.fixture
def officer(asker: Ask) -> Asker:
    return asker("pasar.officer", ACT)


@pytest.fixture
def police(asker: Ask) -> Asker:
    return asker("police-ke.analyst", FOOTING)


class Halt:
    """Makes the database stand still at each statement that reads from a table."""

    def __init__(self) -> None:
        self._table = ""
        self._reached, self._go_on = threading.Event(), threading.Event()

    def __call__(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self._table and f"FROM {self._table}" in statement.replace('"', ""):
            self._reached.set()
            assert self._go_on.wait(60)

    @contextmanager
    def at(self, table: str) -> Iterator[threading.Event]:
        """Stand still until the block ends; the event tells when one does."""
        self._reached, self._go_on = threading.Event(), threading.Event()
        self._table = table
        try:
            yield self._reached
        finally:
            self._table = ""
            self._go_on.set()


@pytest.fixture(scope="session")
def halt(local_service: LocalService) -> Halt:
    # Stays until the end: listeners are not to be removed while statements run.
    halt = Halt()
    event.listen(Engine, "before_cursor_execute", halt)
    return halt


@pytest.mark.parametrize(("query", "table"), SLOW.items(), ids=[f"{n}-{t}" for n, t in enumerate(SLOW.values())])
def test_while_the_database_is_slow_others_are_answered(
    query: str, table: str, officer: Asker, police: Asker, halt: Halt
) -> None:
    assert police(SOMETHING).status_code == 200
    with ThreadPoolExecutor(1) as pool:
        with halt.at(table) as reached:
            waiting = pool.submit(officer, query)
            assert reached.wait(30), "the question reads another table first"
            answered = police(SOMETHING)
            assert not waiting.done()
        assert answered.status_code == 200 and waiting.result().status_code == 200, waiting.result().text


def test_a_question_about_a_case_that_is_not_registered_waits_alone(asker: Ask, police: Asker, halt: Halt) -> None:
    assert police(SOMETHING).status_code == 200
    stranger = asker("pasar.officer", Footing("investigation", "statutory-duty", "NO/SUCH"))
    with ThreadPoolExecutor(1) as pool:
        with halt.at("cases") as reached:
            waiting = pool.submit(stranger, SOMETHING)
            assert reached.wait(30)
            assert police(SOMETHING).status_code == 200
        assert waiting.result().json()["errors"][0]["extensions"]["code"] == "unknown_case"


def test_one_organisation_leaves_connections_to_the_graph_to_others(
    local_service: LocalService, officer: Asker, police: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty neighbourhoods and path searches at once, none of which comes back: others' questions do."""
    assert local_service.parts is not None
    go_on, inside = threading.Event(), threading.Semaphore(0)
    run = Connection.run

    async def stuck(self: Connection, request: bytes, seconds: float) -> bytearray | None:
        if b"$given.most" in request and b"$given.records" in request:
            inside.release()
            async with asyncio.timeout(60):
                while not go_on.is_set():
                    await asyncio.sleep(0.05)
        return await run(self, request, seconds)

    entity = asyncio.run(_an_entity(local_service, officer))
    monkeypatch.setattr(Connection, "run", stuck)
    with ThreadPoolExecutor(40) as pool:
        try:
            expand = "query($h: ID!) { expand(start: $h) { truncated } }"
            asked = [pool.submit(officer, expand, h=entity) for _ in range(40)]
            assert inside.acquire(timeout=30)
            assert police(SOMETHING).status_code == 200
            # Those beyond the line are told at once to come again.
            refused = [one.result() for one in asked if one.done()]
        finally:
            go_on.set()
        answers = [one.result() for one in asked]
    # How many come to heavy questions at all is decided before (api.turns); what a full line says: test_heavy_turns.
    assert all(one.status_code == 200 or one.headers["retry-after"] for one in answers)
    assert {one.status_code for one in answers} <= {200, 429, 503} and answers[0].status_code == 200
    assert len(refused) <= 40
    assert officer(SOMETHING).status_code == 200


async def _an_entity(service: LocalService, officer: Asker) -> str:
    parts = service.parts
    assert parts is not None
    found = officer(SEARCH, **account_key("standstill")).json()["data"]["search"]
    return str(found[0]["handle"])


@pytest.fixture(autouse=True, scope="module")
def records(local_service: LocalService, members: Members, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One account; another with forty telephones, which together hold more text than an answer may."""
    folder = tmp_path_factory.mktemp("standstill")
    said = [row("standstill", 900_001), *(_long(number) for number in range(40))]
    outgoing = file_of(folder / "rows.ndjson", said)
    index = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index
    assert local_service.parts is not None
    asyncio.run(local_service.parts.applier.wait(index))


def _long(number: int) -> bytes:
    draft = json.loads(row("standstill-long", 900_100 + number))
    draft["entities"][0]["attributes"] = {"about": "x" * 19_500}
    return json.dumps(draft).encode()


def test_an_answer_that_is_too_large_is_refused_and_nothing_is_logged(
    local_service: LocalService, police: Asker, officer: Asker
) -> None:
    assert local_service.parts is not None
    ledger = local_service.parts.ledger
    start = police(SEARCH, **account_key("standstill-long")).json()["data"]["search"][0]["handle"]
    expand = "expand(start: $h, hops: 2) { entities { records { attributes { value } } } links { kind } }"
    one = police(f"query($h: ID!) {{ {expand} }}", h=start)
    assert one.status_code == 200 and len(one.content) > 500_000
    before = ledger.head
    ten = " ".join(f"a{n}: {expand}" for n in range(10))
    refused = police(f"query($h: ID!) {{ {ten} }}", h=start)
    assert refused.status_code == 413
    [error] = refused.json()["errors"]
    assert error["extensions"]["code"] == CODE and "data" not in refused.json()
    assert ledger.head == before, "what was not shown is in nobody's log"
    assert police(f"query($h: ID!) {{ {expand} }}", h=start).content.count(b"x" * 1_000)
