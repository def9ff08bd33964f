"""Trials of proposed policies, one at a time; the organisations that wait for one take turns.

A trial takes seconds of a processor. However many proposals one organisation hands in, the others wait for one of its
trials at most, and whatever else the service does waits for none: a trial is another process
(:mod:`graphsvc.policy.trial`).
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import msgspec

from graphsvc.model.errors import Unavailable
from graphsvc.policy.bounds import bound_files
from graphsvc.policy.check import Finding
from graphsvc.policy.diff import Difference
from graphsvc.policy.trial import Answer, Order, hold_trial, refuse

WAITING = 4
"""At most this many trials of one organisation may wait."""
KEPT = 64
"""At most this many passed trials are remembered, so that they are not held again."""
COMPARED = 8
"""At most this many differences are remembered."""

T = TypeVar("T")
_Place = tuple[Order, Future[Answer]]


class Trials:
    """Holds trials. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, deque[_Place]] = OrderedDict()
        self._passed: OrderedDict[str, None] = OrderedDict()
        self._compared: OrderedDict[str, Difference] = OrderedDict()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="policy-trial")

    async def findings(self, org: str, order: Order) -> tuple[Finding, ...]:
        """What is to be mended; none when all is well, at once where the very same has passed before.

        Raises InvalidPolicy where the process did not survive the texts, Unavailable when too many of ``org`` wait.
        """
        # What is past the bounds is refused without waiting for a turn.
        bound_files(order.files)
        bound_files(order.tables)
        name = _named(order)
        with self._lock:
            if name in self._passed:
                self._passed.move_to_end(name)
                return ()
        answer = await asyncio.wrap_future(self._in_turn(org, order))
        if not answer.findings:
            self._keep(self._passed, name, None, KEPT)
        return answer.findings

    async def difference(self, org: str, order: Order) -> Difference:
        """What changes by an order to compare; at once where the very same has been compared before.

        Raises InvalidPolicy, Unavailable as :meth:`findings` does.
        """
        name = _named(order)
        with self._lock:
            if name in self._compared:
                self._compared.move_to_end(name)
                return self._compared[name]
        answer = await asyncio.wrap_future(self._in_turn(org, order))
        refuse(answer.findings)
        assert answer.difference is not None
        self._keep(self._compared, name, answer.difference, COMPARED)
        return answer.difference

    def _keep(self, kept: OrderedDict[str, T], name: str, found: T, most: int) -> None:
        with self._lock:
            kept[name] = found
            while len(kept) > most:
                kept.popitem(last=False)

    def _in_turn(self, org: str, order: Order) -> Future[Answer]:
        future: Future[Answer] = Future()
        with self._lock:
            mine = self._waiting.setdefault(org, deque())
            if len(mine) >= WAITING:
                message = "proposals of your organisation are being checked; wait for their answers"
                raise Unavailable(message, code="policy_check_busy")
            mine.append((order, future))
        self._pool.submit(self._next)
        return future

    def _next(self) -> None:
        with self._lock:
            # The organisation that has waited longest; if more of it waits, it goes to the end.
            org, waiting = self._waiting.popitem(last=False)
            order, future = waiting.popleft()
            if waiting:
                self._waiting[org] = waiting
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(hold_trial(order))
        except BaseException as error:
            future.set_exception(error)


def _named(order: Order) -> str:
    return hashlib.sha256(msgspec.json.encode(order, order="sorted")).hexdigest()
