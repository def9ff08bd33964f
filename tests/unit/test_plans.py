"""What is planned: once however many ask, again after a failure or a restart, ahead for a bounded time."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from graphsvc.graph import driver, plans
from graphsvc.graph.driver import Graph
from graphsvc.graph.plans import Ahead, Plans
from graphsvc.model.errors import IntegrityError, Unavailable


class Server:
    """Plans when it is told to."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.failing: dict[str, Exception] = {}
        self.planned: Counter[str] = Counter()

    def explain(self, statement: str) -> None:
        assert self.open.wait(30)
        self.planned[statement] += 1
        if (error := self.failing.get(statement)) is not None:
            raise error


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def made(server: Server) -> Iterator[Plans]:
    made = Plans(server.explain)
    yield made
    server.open.set()
    made.close()


def wait(future: Future[None] | None) -> None:
    assert future is not None
    future.result(30)


def test_a_statement_is_planned_once_for_all_who_ask_and_then_known(server: Server, made: Plans) -> None:
    server.open.clear()
    futures = [made.made("a") for _ in range(20)]
    server.open.set()
    for future in futures:
        wait(future)
    assert made.made("a") is None and server.planned == {"a": 1}


def test_what_failed_is_tried_again_and_told(server: Server, made: Plans) -> None:
    server.failing["a"] = Unavailable("x", code="graph_down")
    with pytest.raises(Unavailable):
        wait(made.made("a"))
    del server.failing["a"]
    wait(made.made("a"))
    assert made.made("a") is None and server.planned == {"a": 2}


def test_another_server_knows_nothing_even_of_what_is_being_planned(server: Server, made: Plans) -> None:
    wait(made.made("a"))
    server.open.clear()
    going = made.made("b")
    made.forget()
    server.open.set()
    wait(going)
    for statement in "ab":
        wait(made.made(statement))
    assert server.planned == {"a": 2, "b": 2}


def test_ahead_all_are_planned_but_what_can_not_be(
    server: Server, made: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "_AGAIN_SECONDS", 0.01)
    assert made.ahead == Ahead(0, 0, True)
    server.failing |= {"bad": IntegrityError("x"), "later": Unavailable("x")}
    server.open.clear()
    done = made.make_ahead(["a", "bad", "later", "b"])
    assert made.ahead == Ahead(4, 0, False)
    server.open.set()
    while server.planned["later"] < 3:
        assert not made.ahead.over
    del server.failing["later"]
    wait(done)
    assert made.ahead == Ahead(4, 3, True) and server.planned["bad"] == 1


def test_ahead_is_waited_for_no_longer_than_the_bound(
    server: Server, made: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "AHEAD_SECONDS", 0.0)
    server.open.clear()
    made.make_ahead(["a", "b"])
    assert made.ahead == Ahead(2, 0, True)


def test_a_closed_one_plans_nothing(server: Server, made: Plans) -> None:
    made.close()
    with pytest.raises(Unavailable):
        made.made("a")


def test_a_read_is_timed_once_it_is_planned(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers is stood in for: the order of the two is what matters."""
    monkeypatch.setattr(Graph, "_explain", lambda _, text: server.explain(text))
    monkeypatch.setattr(Graph, "_answered", lambda _, text, given: [server.planned[text], given])
    unused: Any = None
    graph = Graph(unused, "neo4j")

    async def asked() -> None:
        server.open.clear()
        with pytest.MonkeyPatch.context() as patch:
            for name in ("READ_SECONDS", "GRACE_SECONDS", "WAIT_SECONDS"):
                patch.setattr(driver, name, 0.0)
            first, second = (asyncio.create_task(graph.ask("RETURN $n", {"n": n}, list)) for n in (1, 2))
            await asyncio.sleep(0.1)
            first.cancel()
            assert not second.done()
        server.open.set()
        assert await second == [1, {"given": {"n": 2}}], "one that goes away takes the plan from nobody"

    asyncio.run(asked())
    graph._plans.close()
