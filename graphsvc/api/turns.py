"""Turns: organisations share what not all of them can use at once, and get it one after the other.

Submissions, acts and questions have turns of their own, so none of them holds up the others. :class:`Rate` keeps
anybody from doing in a minute what others do in a day.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from graphsvc.model.errors import GraphsvcError, TooMany
from graphsvc.model.principals import Principal


@dataclass(frozen=True, slots=True)
class Share:
    """How many turns there are at once, how many of them one organisation may have, and how many it may wait for.

    ``patience``: the seconds that a caller waits at most; None: as long as it stays connected.
    """

    at_once: int
    each: int
    waiting: int
    patience: float | None = None


SUBMISSIONS = Share(at_once=2, each=2, waiting=64)
"""As many as there are intake workers. An organisation may use all of them as long as nobody else waits."""
QUESTIONS = Share(at_once=32, each=6, waiting=128)
"""Of the graph's eight reading threads, one organisation leaves two to others."""
ACTS = Share(at_once=8, each=3, waiting=64)
LOG = Share(at_once=8, each=4, waiting=256)
"""Reads of the public log. Its readers are anonymous, so turns go by address."""
THREADS = 32
"""Threads for what acts and questions do in the ledger's database: more than there are turns of acts."""


def _too_many() -> GraphsvcError:
    return TooMany("too much of your organisation's waits already; ask again later", retry_after=5)


class Turns:
    """Turns of one kind of work. For one event loop; it remembers only callers that work or wait.

    ``refusal`` makes the error for a caller that has too many waiting already, or has waited too long.
    """

    def __init__(self, share: Share, refusal: Callable[[], GraphsvcError] = _too_many) -> None:
        self._share = share
        self._refusal = refusal
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Wait until it is the turn of ``who``, and hold it for the block. Raises what ``refusal`` makes."""
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
            raise self._refusal()
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(mine)
        try:
            async with asyncio.timeout(self._share.patience):
                await mine
        except BaseException as error:
            if mine.done() and not mine.cancelled():
                self._leave(who)  # the turn had come already
            mine.cancel()
            if isinstance(error, TimeoutError):
                raise self._refusal() from None
            raise

    def _leave(self, who: str) -> None:
        self._running[who] -= 1
        if not self._running[who]:
            del self._running[who]
        while self._give():
            pass

    def _give(self) -> bool:
        """Give one turn to the caller that has the fewest now, of equals the longest waiting; False: none may."""
        for who, queue in list(self._waiting.items()):
            while queue and queue[0].done():  # gone away meanwhile
                queue.popleft()
            if not queue:
                del self._waiting[who]
        first = min(filter(self._may, self._waiting), key=self._running.__getitem__, default=None)
        if first is None:
            return False
        queue = self._waiting.pop(first)
        mine = queue.popleft()
        if queue:
            # To the end of the line: the others come first.
            self._waiting[first] = queue
        self._running[first] += 1
        mine.set_result(None)
        return True

    def _may(self, who: str) -> bool:
        return self._running.total() < self._share.at_once and self._running[who] < self._share.each


class Counting(Protocol):
    """Counts for all processes of a service."""

    async def take(self, who: str, a_minute: int, /) -> float:
        """Count one of ``a_minute``; the seconds to wait where they are used up, and none was counted. 0: counted."""
        ...


class Rates:
    """At most ``a_minute`` for each name (0: any number), at this process and, with ``shared``, at all together."""

    def __init__(self, a_minute: int, shared: Counting | None, what: str) -> None:
        self._a_minute, self._shared, self._what = a_minute, shared, what
        self._here = Rate(a_minute, time.monotonic)

    async def count(self, who: str) -> None:
        """Count one. Raises TooMany; Unavailable where the others can't be asked."""
        self._here.count(who)
        if self._shared is None or not self._a_minute:
            return
        wait = await self._shared.take(f"{self._what}|{who}", self._a_minute)
        if wait:
            raise too_often(self._a_minute, int(wait) + 1)


class ActTurns:
    """The turns of acts, and how many each person may do in a minute."""

    def __init__(self, a_minute: int, shared: Counting | None = None) -> None:
        self._turns = Turns(ACTS)
        self._rate = Rates(a_minute, shared, "acts")

    @asynccontextmanager
    async def turn(self, principal: Principal) -> AsyncIterator[None]:
        """Count one act and hold its turn for the block. Raises TooMany."""
        await self._rate.count(f"{principal.org}|{principal.person}")
        async with self._turns.turn(principal.org):
            yield


class QuestionTurns:
    """The turns of GraphQL requests, and how many each person and each organisation may ask in a minute (0: any)."""

    def __init__(self, a_person: int = 0, an_organisation: int = 0, shared: Counting | None = None) -> None:
        self._turns = Turns(QUESTIONS)
        self._person = Rates(a_person, shared, "questions")
        self._organisation = Rates(an_organisation, shared, "questions of all")

    async def count(self, principal: Principal) -> None:
        """Count one request. Raises TooMany."""
        await self._person.count(f"{principal.org}|{principal.person}")
        await self._organisation.count(principal.org)

    @asynccontextmanager
    async def turn(self, principal: Principal) -> AsyncIterator[None]:
        """Hold a turn for the block. Raises TooMany."""
        async with self._turns.turn(principal.org):
            yield


def too_often(a_minute: int, wait: int) -> TooMany:
    """The error for one who asks more often; ``wait`` is in seconds."""
    return TooMany(f"more than {a_minute} a minute; ask again later", retry_after=wait)


class Rate:
    """At most ``a_minute`` for each name (0: any number), even all of them at once. For one event loop."""

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
            raise too_often(self._most, wait)

    def _forget(self, now: float) -> None:
        while self._left:
            who, (_, at) = next(iter(self._left.items()))
            if now - at < 60:
                return
            del self._left[who]
