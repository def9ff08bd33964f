"""Custody put together: which act is carried out by what, and what goes on by itself."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from graphsvc.acts.signed import Acted, Handler, SignedAct
from graphsvc.lifecycle import acknowledge, correct, hold, reapply, recall
from graphsvc.lifecycle.erase import Erasing
from graphsvc.lifecycle.preserve import keys_of, meant
from graphsvc.lifecycle.purge import purge
from graphsvc.lifecycle.retention import Rule
from graphsvc.lifecycle.targets import Parts
from graphsvc.lifecycle.views import CustodyReading
from graphsvc.members.membership import Membership, leave, to_leave
from graphsvc.model.errors import Denied
from graphsvc.model.labels import Label
from graphsvc.model.principals import Principal
from graphsvc.model.ranges import Ranges
from graphsvc.policy.scope import Scope
from graphsvc.sharing.store import Request

if TYPE_CHECKING:
    from graphsvc.answers.rendering import Shapes

STOP_SECONDS = 10.0
"""A round in hand gets this long when the service stops."""
_log = logging.getLogger("graphsvc.lifecycle")


class Custody:
    """All of custody over one service."""

    def __init__(self, parts: Parts, rules: Sequence[Rule]) -> None:
        self._parts = parts
        self._rules = tuple(rules)
        self._erasing = Erasing(parts)
        self.membership = Membership(parts)

    def handlers(self) -> dict[str, Handler]:
        """The handlers of the acts of custody, by kind."""

        def over(path: Callable[[Parts, SignedAct], Awaitable[Acted]]) -> Handler:
            return lambda act: path(self._parts, act)

        return {
            "recall": over(recall.recall),
            "recall-ack": over(acknowledge.acknowledge),
            "hold": over(hold.hold),
            "release": over(hold.release),
            "erase": self._erasing.carry_out,
            "update-organisation": self.membership.update_own,
        }

    def reading(self, scope: Scope, shapes: Shapes, now: int) -> CustodyReading:
        """The part of a reading that is about custody."""
        return CustodyReading(self._parts, scope, shapes, now)

    async def purge(self, principal: Principal, dry_run: bool) -> dict[str, Any]:
        """Purge what is due now. Operators only."""
        if "operator" not in principal.roles:
            raise Denied("only an operator starts a purge")
        return await purge(self._parts, self._erasing, self._rules, by=principal.person, dry_run=dry_run)

    async def reapply(self, principal: Principal, submission: int, rows: Sequence[int] | None) -> Acted:
        """Bring rows in that were set aside. Operators only."""
        return await reapply.reapply(self._parts, principal, submission, rows)

    def labels_aside(self, org: str, records: Sequence[int]) -> dict[int, Label]:
        """The labels of those of an organisation's own records that are set aside, and so in no graph. Blocks."""
        return reapply.own_labels_aside(self._parts, org, records)

    async def meant(self, org: str, request: Request) -> Ranges:
        """What an organisation has about the identifiers of a request now. Raises Unavailable where that is not known.

        Everything of its own that is in the ledger counts, so it has to be applied.
        """
        await self._parts.applier.settle(org)
        return await asyncio.to_thread(meant, self._parts, org, keys_of(request))

    async def corrected(self, submission: int) -> None:
        """Take back what a submission supersedes."""
        await correct.correct(self._parts, submission)

    async def finish(self) -> None:
        """Finish what a crash has cut off: corrections, departures, telling."""
        for submission in correct.unfinished(self._parts):
            await correct.correct(self._parts, submission)
        for org in to_leave(self._parts):
            await leave(self._parts, org)
        for index in recall.untold(self._parts):
            await recall.tell(self._parts, index)

    async def run_once(self) -> None:
        """One round of the worker: finish what was cut off, purge what is due, leave nothing of it in the database."""
        await self.finish()
        await purge(self._parts, self._erasing, self._rules)
        await asyncio.to_thread(self._parts.ledger.forget)


class CustodyWorker:
    """A thread that finishes what was cut off at its start, and purges every ``seconds``."""

    def __init__(self, custody: Custody, seconds: float) -> None:
        self._custody = custody
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="custody", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round in hand and stop; one that takes longer goes on with the next start."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        work: Callable[[], Coroutine[Any, Any, None]] = self._custody.finish
        while not self._stop.is_set():
            try:
                asyncio.run(work())
            except Exception as error:  # told, and tried again: nothing is lost meanwhile
                _log.error("custody stopped, will try again: %s", type(error).__name__)
            self._stop.wait(self._seconds)
            work = self._custody.run_once
