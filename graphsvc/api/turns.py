"""Whose turn it is: callers share what can't be had by all at once, organisation by organisation, one after the other.

Submissions, acts and questions each have turns of their own, so none of them holds up the others; and a rate, so that
nobody does in a minute what others need a day for.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from graphsvc.model.errors import TooMany
from graphsvc.model.principals import Principal


@dataclass(frozen=True, slots=True)
class Share:
    """So many turns at once, so many of them one organisation's at most, and so many that it may wait for."""

    at_once: int
    each: int
    waiting: int


SUBMISSIONS = Share(at_once=2, each=2, waiting=64)
"""As many as there are intake workers. An organisation may use all of them as long as nobody else waits."""
QUESTIONS = Share(at_once=32, each=6, waiting=128)
"""Of the graph's eight reading threads, one organisation leaves two to others."""
ACTS = Share(at_once=8, each=3, waiting=64)
LOG = Share(at_once=8, each=4, waiting=256)
"""Reads of the public log, which nobody says their name for: by address."""
THREADS = 32
"""Threads for what acts and questions do in the ledger's database: more than there are turns of acts."""


class Turns:
    """Turns of one kind of work. For one event loop; it keeps nothing of who doesn't work or wait."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Wait until it is the turn of ``who``, and hold it for the block. Raises TooMany when too many wait for it."""
        await self._enter(who)
        try:
            yield
        finally:
            self._leave(who)

    async def _enter(self, who: str) -> None:
        if who not in self._waiting and self._may(who):
            self._running[who] += 1
            return
        queue = self._waiting.setdefault(who, deque())
        if len(queue) >= self._share.waiting:
            raise TooMany("too much of your organisation's waits already; ask again later", retry_after=5)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._leave(who)  # the turn had come already
            raise

    def _leave(self, who: str) -> None:
        self._running[who] -= 1
        if not self._running[who]:
            del self._running[who]
        while self._give():
            pass

    def _give(self) -> bool:
        """Give one turn to whoever has waited longest for its next one; False if nobody may have it."""
        for who in list(self._waiting):
            queue = self._waiting[who]
            while queue and queue[0].done():  # cancelled meanwhile
                queue.popleft()
            if queue and not self._may(who):
                continue
            del self._waiting[who]
            if not queue:
                continue
            mine = queue.popleft()
            if queue:
                # To the end of the line: the others come first.
                self._waiting[who] = queue
            self._running[who] += 1
            mine.set_result(None)
            return True
        return False

    def _may(self, who: str) -> bool:
        return self._running.total() < self._share.at_once and self._running[who] < self._share.each


class ActTurns:
    """The turns of acts, and how many each person may do in a minute."""

    def __init__(self, a_minute: int) -> None:
        self._turns = Turns(ACTS)
        self._rate = Rate(a_minute, time.monotonic)

    @asynccontextmanager
    async def turn(self, principal: Principal) -> AsyncIterator[None]:
        """Count one act and hold its turn for the block. Raises TooMany."""
        self._rate.count(f"{principal.org}|{principal.person}")
        async with self._turns.turn(principal.org):
            yield


class Rate:
    """At most so many a minute for each name (0: any number), all of them at once if it likes. For one event loop."""

    def __init__(self, a_minute: int, clock: Callable[[], float]) -> None:
        self._most = a_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def count(self, who: str) -> None:
        """Count one. Raises TooMany."""
        if not self._most:
            return
        now = self._clock()
        left, at = self._left.pop(who, (float(self._most), now))
        left = min(self._most, left + (now - at) * self._most / 60)
        self._forget(now)
        # Those that come again go to the end, so the first ones are those that have been away longest.
        self._left[who] = (max(0.0, left - 1), now)
        if left < 1:
            self._left[who] = (left, now)
            wait = int((1 - left) * 60 / self._most) + 1
            raise TooMany(f"more than {self._most} a minute; ask again later", retry_after=wait)

    def _forget(self, now: float) -> None:
        while self._left:
            who, (_, at) = next(iter(self._left.items()))
            if now - at < 60:
                return
            del self._left[who]
