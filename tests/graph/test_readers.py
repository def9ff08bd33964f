"""Both readers, the client of our own and the official driver, do the same: what they answer, and what goes wrong.

Faults are real ones: a proxy before the server stalls, cuts and refuses, and a server is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from between import Between
from reading import BOTH, LARGE, LONG, ask, code_of, echoes, hastened, run, running

from graphsvc.graph import driver
from graphsvc.graph.driver import DRIVER, READERS, Graph
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.errors import Unavailable


@pytest.fixture(params=BOTH)
def reader(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def between(neo4j_server: Neo4jChild) -> Iterator[Between]:
    with Between(neo4j_server.port) as proxy:
        yield proxy


@pytest.fixture
def graph(reader: str, between: Between, neo4j_server: Neo4jChild, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """A graph behind the proxy, which closes soon: what hangs at the end of a test hangs on purpose."""
    monkeypatch.setattr(driver, "CLOSE_SECONDS", 0.2)
    graph = Graph.open(between.uri, neo4j_server.auth, reader=reader)
    yield graph
    graph.close()


@pytest.mark.parametrize(
    "value",
    [None, True, -17, 2**62, "ä" * 70_000, [1, [2, [None, "x"]], []], {"a": [1, {"b": False}]}, (1, (2,)), 1.5, b"\0x"],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back(graph: Graph, value: Any) -> None:
    def listed(one: Any) -> Any:
        return [listed(inner) for inner in one] if isinstance(one, (list, tuple)) else one

    assert run(ask(graph, value=value)) == [listed(value)]


def test_the_first_record_is_the_answer_and_none_is_an_empty_list(graph: Graph) -> None:
    async def both() -> None:
        assert await ask(graph, "UNWIND [3, 4, 5] AS n RETURN n, 'x'") == [3, "x"]
        assert await ask(graph, "UNWIND [3] AS n WITH n WHERE n > 3 RETURN n") == []
        assert await ask(graph, LARGE, n=200_000) == [list(range(1, 200_001)), "end"]

    run(both())


def test_what_is_large_is_put_in_order_in_a_thread(graph: Graph, reader: str) -> None:
    def where(_: list[Any]) -> str:
        return threading.current_thread().name.split("_")[0]

    async def both() -> list[str]:
        return [await graph.ask("RETURN range(1, $n)", {"n": n}, where) for n in (3, 100_000)]

    here = threading.current_thread().name
    assert run(both()) == (["graph", "graph"] if reader == DRIVER else [here, "graph"])


def test_a_wrong_statement_is_refused_and_the_connection_goes_on(graph: Graph, between: Between) -> None:
    async def wrong() -> None:
        await echoes(graph)
        accepted = between.accepted
        for statement in ("nonsense", "RETURN 1 / ($value - 1)", "CREATE (n:Wrong) RETURN n.id"):
            assert await code_of(ask(graph, statement, value=1)) == "graph_statement"
            await echoes(graph)
        assert between.accepted <= accepted + 1, "the driver opens one more to plan"

    run(wrong())


def test_a_read_that_takes_too_long_is_ended_by_the_server(graph: Graph) -> None:
    async def slow() -> None:
        await ask(graph, LONG, n=1)
        with hastened(READ=0.05):
            assert await code_of(ask(graph, LONG, n=100_000)) == "graph_slow"
        await echoes(graph)

    run(slow())


def test_a_server_that_stalls_is_given_up(graph: Graph, between: Between) -> None:
    async def stalls() -> None:
        await echoes(graph)
        with hastened(READ=0.2, GRACE=0.2, WAIT=0.2):
            between.stalled = True
            assert await code_of(ask(graph, value=1)) == "graph_slow"
            between.stalled = False
        await echoes(graph)

    run(stalls())


@pytest.mark.parametrize("after", [0, 3, 100, 70_000, 300_000])
def test_a_connection_cut_in_the_middle_of_an_answer(graph: Graph, between: Between, after: int) -> None:
    async def cut() -> None:
        await ask(graph, LARGE, n=1)
        between.cut = after
        assert await code_of(ask(graph, LARGE, n=200_000)) == "graph_down"
        between.cut = None
        assert (await ask(graph, LARGE, n=200_000))[1] == "end"

    run(cut())


def test_a_server_that_is_gone_for_a_while(graph: Graph, between: Between) -> None:
    async def gone() -> None:
        await echoes(graph)
        between.gone = True
        between.drop()
        for _ in range(3):
            assert await code_of(ask(graph, value=1)) == "graph_down"
        between.gone = False
        await echoes(graph)

    run(gone())


def test_an_answer_in_pieces_is_whole(graph: Graph, between: Between) -> None:
    between.dripping = 1
    assert run(ask(graph, "RETURN $value, 'x'", value=["a" * 300, None])) == [["a" * 300, None], "x"]
    between.dripping = 0


def test_hundreds_at_once_get_each_its_own_over_few_connections(graph: Graph, between: Between) -> None:
    async def many() -> list[list[Any]]:
        return await asyncio.gather(*(ask(graph, value=n) for n in range(250)))

    assert run(many()) == [[n] for n in range(250)]
    assert between.accepted <= 2 * READERS + 8


def test_reads_left_in_the_middle_leave_others_their_answers(graph: Graph) -> None:
    async def left(n: int) -> bool:
        going = asyncio.create_task(ask(graph, LARGE if n % 5 == 0 else "RETURN $n, 'end'", n=n * 50 + 1))
        await asyncio.sleep(n % 7 / 1000)
        if n % 3 == 0:
            going.cancel()
        try:
            found = await going
        except asyncio.CancelledError:
            return False
        return found == [list(range(1, n * 50 + 2)) if n % 5 == 0 else n * 50 + 1, "end"]

    async def many() -> list[bool]:
        await ask(graph, LARGE, n=1)
        found = await asyncio.gather(*(left(n) for n in range(150)))
        await echoes(graph)
        return [found[n] for n in range(150) if n % 3]

    assert all(run(many()))


def test_closing_ends_what_is_in_flight_and_what_waits(graph: Graph, graph_session: Graph) -> None:
    async def closed() -> None:
        await ask(graph, f"/* closed */ {LONG}", n=1)
        going = [asyncio.create_task(ask(graph, f"/* closed */ {LONG}", n=100_000)) for _ in range(2 * READERS)]
        await running(graph_session, "closed", READERS)
        await asyncio.to_thread(graph.close)
        for one in await asyncio.wait_for(asyncio.gather(*going, return_exceptions=True), 15):
            # What waits for a thread is cancelled with it.
            assert isinstance(one, (Unavailable, asyncio.CancelledError))
        with pytest.raises((Unavailable, RuntimeError)):
            await ask(graph, value=1)

    run(closed())


def test_closing_lets_a_short_read_end(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "CLOSE_SECONDS", 15.0)

    async def closed() -> list[Any]:
        await ask(graph, LONG, n=1)
        going = asyncio.create_task(ask(graph, LONG, n=1_500))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(graph.close)
        return await going

    assert run(closed()) == [1_500**2]


def test_each_loop_is_served(graph: Graph) -> None:
    """Loops beside the one at home, and those that come after it."""

    async def two() -> list[Any]:
        own = await ask(graph, value=1)
        return [*own, *await asyncio.to_thread(lambda: run(ask(graph, value=2))), *await ask(graph, value=3)]

    for _ in range(3):
        assert run(two()) == [1, 2, 3]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_server_killed_while_it_answers_and_started_again(tmp_path: Path) -> None:
    child = Neo4jChild(tmp_path / "home", heap="256m", pagecache="64m")
    child.start()
    graphs = [Graph.open(child.uri, child.auth, reader=one) for one in BOTH]

    async def killed() -> None:
        for graph in graphs:
            await ask(graph, LONG, n=1)
            await echoes(graph)
        going = [asyncio.create_task(code_of(ask(graph, LONG, n=100_000))) for graph in graphs]
        await asyncio.sleep(0.5)
        os.kill(int((child.home / "run" / "pid").read_text()), signal.SIGKILL)
        assert await asyncio.gather(*going) == ["graph_down", "graph_down"]
        for graph in graphs:
            assert await code_of(ask(graph, value=1)) == "graph_down"
        await asyncio.to_thread(child.stop)
        await asyncio.to_thread(child.start)
        for graph in graphs:
            await echoes(graph)
            assert not graph._plans.made("RETURN $given.value")
            assert LONG.replace("$n", "$given.n") not in graph._plans._known, "another server has planned nothing"

    try:
        run(killed())
    finally:
        for graph in graphs:
            graph.close()
        child.stop()
