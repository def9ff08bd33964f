"""What tests of readers share: how they ask, and how they make things go wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from graphsvc.graph import driver
from graphsvc.graph.bolt import connection, pool
from graphsvc.graph.bolt.address import read_address
from graphsvc.graph.bolt.client import Client
from graphsvc.graph.driver import BOLT, DRIVER, READERS, Graph
from graphsvc.model.errors import GraphsvcError

BOTH = (BOLT, DRIVER)
ECHO = "RETURN $value"
LONG = "UNWIND range(1, $n) AS a UNWIND range(1, $n) AS b RETURN count(a + b)"
LARGE = "RETURN range(1, $n), 'end'"
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


async def ask(graph: Graph, statement: str = ECHO, **parameters: Any) -> list[Any]:
    return await graph.ask(statement, parameters, list)


async def code_of(work: Coroutine[Any, Any, Any]) -> str:
    """The code that it fails with; a message has nothing of what was asked, or of where."""
    with pytest.raises(GraphsvcError) as caught:
        await work
    assert "127.0.0.1" not in caught.value.message and "secret" not in caught.value.message
    return caught.value.code


async def running(graph: Graph, name: str, count: int) -> None:
    """Wait until the server runs so many statements with that name in a comment, as ``graph`` sees it."""
    shown = f"SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS '{name} *' RETURN count(*)"
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with graph.session() as session:
            if session.run(shown).single(strict=True)[0] - 1 == count:  # itself left out
                return
        await asyncio.sleep(0.05)
    pytest.fail(f"not {count} of them run")


async def echoes(graph: Graph) -> None:
    """Reads come back as what they asked for."""
    assert [(await ask(graph, value=n))[0] for n in range(3)] == [0, 1, 2]


@contextmanager
def hastened(**seconds: float) -> Iterator[None]:
    """Limits as given, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (driver, connection, pool):
            for name, value in seconds.items():
                if hasattr(module, f"{name}_SECONDS"):
                    patch.setattr(module, f"{name}_SECONDS", value)
        yield


def client_of(uri: str, auth: tuple[str, str], size: int = READERS) -> Client:
    address = read_address(uri)
    assert address is not None
    return Client(address, auth, "neo4j", size)


async def ask_by(client: Client, statement: str = "RETURN $value", **parameters: Any) -> bytearray | None:
    home = await client.here()
    assert home is not None
    return await client.run(home, statement, parameters, 20.0)
