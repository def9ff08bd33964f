"""Reads over Bolt from whatever event loop asks, as far as one is at home here.

Connections belong to the loop that opened them. The first loop that asks is at home until it ends: in a service that is
the one that serves. Other loops, which acts have for a moment each, are sent to the official driver.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from graphsvc.graph.bolt.address import Address
from graphsvc.graph.bolt.connection import reading
from graphsvc.graph.bolt.pool import Pool
from graphsvc.graph.failures import unreachable
from graphsvc.graph.statements import Parameters


class Client:
    """A client of one server and database. Any thread may use it; close it when done."""

    def __init__(
        self, address: Address, auth: tuple[str, str], database: str, size: int, lost: Callable[[], None] = lambda: None
    ) -> None:
        """``lost`` is called when the server has ended a connection: it may be another one, or a new one, from now."""
        self._address, self._auth, self._database, self._size = address, auth, database, size
        self._lost = lost
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None
        self._ending: AsyncGenerator[None, None] | None = None
        self._closed = False

    async def here(self) -> Pool | None:
        """The connections of the running loop; None when another loop is at home. Raises Unavailable when closed."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            with self._lock:
                if self._loop is not None and not self._loop.is_closed():
                    return None
                self._loop = loop
                self._pool = Pool(self._address, self._auth, self._size, self._lost)
                self._ending = self._until_the_end(self._pool)
            # The loop closes what is begun so when it ends.
            await anext(self._ending)
        if self._closed:
            raise unreachable("closed")
        return self._pool

    async def run(self, pool: Pool, text: str, parameters: Parameters, seconds: float) -> bytearray | None:
        """The first record of a read, packed; None: there is none. The server ends it after ``seconds``."""
        return await pool.run(reading(text, parameters, seconds, self._database), seconds)

    def close(self, seconds: float) -> None:
        """Start no more reads; those in flight get so many seconds to end, then their connections are closed."""
        with self._lock:
            self._closed = True
            loop, pool = self._loop, self._pool
        if loop is None or pool is None or loop.is_closed():
            return
        if _running() is loop:
            pool.close()
        elif loop.is_running():
            drained, closed = threading.Event(), threading.Event()
            with suppress(RuntimeError):  # the loop has ended meanwhile, and its connections with it
                loop.call_soon_threadsafe(pool.drain, drained.set)
                drained.wait(seconds)
                loop.call_soon_threadsafe(pool.close)
                loop.call_soon_threadsafe(closed.set)
                closed.wait(1.0)

    async def _until_the_end(self, pool: Pool) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            pool.close()
            with self._lock:
                if self._pool is pool:
                    self._loop = self._pool = None


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
