"""How many heavy questions run at once: by organisation, so that none takes what all others read with, and in all.

Who finds the lane full waits in line behind its own organisation's questions; whose line is full is told to come again.
A lane belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from graphsvc.model.errors import Unavailable

BUSY = "too_busy"
WAITING = 16
"""Questions of one organisation that may wait in one line."""
PATIENCE = 30.0
"""Seconds that one waits at most."""


class Lane:
    """Lets ``each`` questions of an organisation run at once, ``total`` of all; organisations take turns."""

    def __init__(self, each: int, total: int, waiting: int = WAITING, patience: float = PATIENCE) -> None:
        self._each = each
        self._free = total
        self._waiting = waiting
        self._patience = patience
        self._running: dict[str, int] = {}
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, org: str) -> AsyncIterator[None]:
        """Run within; raises Unavailable when too many of the organisation wait already, or it takes too long."""
        await self._enter(org)
        try:
            yield
        finally:
            self._leave(org)

    async def _enter(self, org: str) -> None:
        if self._free and self._runs(org) < self._each:
            self._take(org)
            return
        line = self._lines.setdefault(org, deque())
        if len(line) >= self._waiting:
            raise _busy()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # It was let in at the very moment that it gave up.
                self._leave(org)
            else:
                with suppress(ValueError):
                    line.remove(turn)
            if isinstance(error, TimeoutError):
                raise _busy() from None
            raise

    def _leave(self, org: str) -> None:
        self._free += 1
        self._running[org] -= 1
        if not self._running[org]:
            del self._running[org]
        self._let_in()

    def _let_in(self) -> None:
        """The next in line: of the organisation that runs the fewest now, or among equals was served longest ago."""
        while self._free:
            for org, line in list(self._lines.items()):
                while line and line[0].done():
                    line.popleft()
                if not line:
                    del self._lines[org]
            fewest = min(self._lines, key=self._runs, default=None)
            if fewest is None or self._runs(fewest) >= self._each:
                return
            self._take(fewest)
            # To the end of those who wait: the others come first next time.
            line = self._lines[fewest] = self._lines.pop(fewest)
            line.popleft().set_result(None)

    def _runs(self, org: str) -> int:
        return self._running.get(org, 0)

    def _take(self, org: str) -> None:
        self._free -= 1
        self._running[org] = self._runs(org) + 1


def _busy() -> Unavailable:
    message = "your organisation runs as many questions of this kind as it may; nothing was looked up: ask again"
    return Unavailable(message, code=BUSY)
