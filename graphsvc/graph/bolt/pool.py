"""A bounded number of connections on one event loop; who waits longest for one gets the next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from graphsvc.graph.bolt.address import Address
from graphsvc.graph.bolt.connection import Connection
from graphsvc.graph.failures import slow, unreachable

WAIT_SECONDS = 60.0
"""Nobody waits longer for a connection. Each is taken for half a minute at most, so more says that Neo4j is overrun."""

LIFE_SECONDS = 3600.0
"""An older connection is not used any more, as the official driver has it."""


class Pool:
    """At most ``size`` connections to one server. For the event loop that it was made on."""

    def __init__(self, address: Address, auth: tuple[str, str], size: int, lost: Callable[[], None]) -> None:
        """``lost`` is called when the server ends a connection."""
        self._loop = asyncio.get_running_loop()
        self._address, self._auth, self._size = address, auth, size
        self._tell = lost
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._open = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._drained: Callable[[], None] | None = None
        self._closed = False

    @property
    def open(self) -> int:
        """How many connections there are, with those being opened."""
        return self._open

    async def run(self, request: bytes, seconds: float) -> bytearray | None:
        """Run one read on a connection of its own meanwhile: :meth:`Connection.run`."""
        connection = await self._take()
        self._busy.add(connection)
        try:
            return await connection.run(request, seconds)
        finally:
            self._busy.discard(connection)
            self._give_back(connection)

    def drain(self, drained: Callable[[], None]) -> None:
        """Start nothing more, and call ``drained`` once nothing goes on."""
        self._closed = True
        self._drained = drained
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(unreachable("closed"))
        self._look_whether_drained()

    def close(self) -> None:
        """End all connections."""
        self.drain(lambda: None)
        for connection in list(self._busy):
            connection.end()
        while self._idle:
            self._idle.pop().leave()
            self._open -= 1

    async def _take(self) -> Connection:
        if self._closed:
            raise unreachable("closed")
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and self._loop.time() - connection.opened < LIFE_SECONDS:
                return connection
            connection.leave()
            self._open -= 1
        if self._open < self._size:
            self._open += 1
            return await self._opened()
        return await self._wait() or await self._opened()

    async def _wait(self) -> Connection | None:
        """The next connection that is given back; None: there is room for another one."""
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(waiter)
        timer = self._loop.call_later(WAIT_SECONDS, _tire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())
            raise
        finally:
            timer.cancel()

    async def _opened(self) -> Connection:
        """Another connection, for which there is room."""
        try:
            connection = await Connection.open(self._address, self._auth, self._forget)
        except BaseException:
            self._pass_on(None)
            raise
        if self._closed:
            connection.end()
            self._pass_on(None)
            raise unreachable("closed")
        return connection

    def _give_back(self, connection: Connection) -> None:
        if connection.usable and not self._closed:
            self._pass_on(connection)
        else:
            connection.end()
            self._pass_on(None)

    def _pass_on(self, connection: Connection | None) -> None:
        """Give a connection, or room for one, to whoever has waited longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._idle.append(connection)
        self._look_whether_drained()

    def _forget(self, connection: Connection) -> None:
        """The server, or the network, has ended this one."""
        if connection in self._idle:
            self._idle.remove(connection)
            self._pass_on(None)
        self._tell()

    def _look_whether_drained(self) -> None:
        if self._drained is not None and self._open == len(self._idle):
            drained, self._drained = self._drained, None
            drained()


def _tire(waiter: asyncio.Future[Connection | None]) -> None:
    if not waiter.done():
        waiter.set_exception(slow())
