"""Custody put together: what carries out each of its acts, and what runs by itself."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import Connection

from graphsvc.acts.signed import Acted, Handler, handlers_of, handlers_with
from graphsvc.core import Core
from graphsvc.ledger.telling import tell_due
from graphsvc.lifecycle import acknowledge, correct, hold, reapply, recall, reclean
from graphsvc.lifecycle.erase import Erasing
from graphsvc.lifecycle.preserve import enter_hold, keys_of, meant
from graphsvc.lifecycle.purge import purge
from graphsvc.lifecycle.retention import Rule
from graphsvc.model.errors import Denied
from graphsvc.model.labels import Label
from graphsvc.model.principals import Principal
from graphsvc.model.ranges import Ranges
from graphsvc.sharing.store import Request
from graphsvc.wire.upkeep import Purged, Recleaned

STOP_SECONDS = 10.0
"""The worker may take this many seconds to finish its round when the service stops."""
_log = logging.getLogger("graphsvc.lifecycle")


class Custody:
    """All of custody over one service."""

    def __init__(self, core: Core, rules: Sequence[Rule]) -> None:
        self._core = core
        self._rules = tuple(rules)
        self._erasing = Erasing(core)

    def handlers(self) -> dict[str, Handler]:
        """The handlers of the acts of custody, by kind."""
        paths = (recall.recall, acknowledge.acknowledge, hold.hold, hold.release)
        return {**handlers_with(self._core, *paths), **handlers_of(self._erasing)}

    async def purge(self, principal: Principal, dry_run: bool) -> Purged:
        """Purge what is due now. Operators only."""
        if "operator" not in principal.roles:
            raise Denied("only an operator starts a purge")
        return await purge(self._core, self._erasing, self._rules, by=principal.person, dry_run=dry_run)

    async def reapply(self, principal: Principal, submission: int, rows: Sequence[int] | None) -> Acted:
        """Reapply rows that were set aside. Operators only."""
        return await reapply.reapply(self._core, principal, submission, rows)

    async def reclean(self, principal: Principal, begin: tuple[int, int], apply: bool) -> Acted | Recleaned:
        """Clean anew what is kept unlinked, a part at a time. Operators only."""
        return await reclean.reclean(self._core, principal, begin, apply)

    def labels_aside(self, org: str, records: Sequence[int]) -> dict[int, Label]:
        """The labels of those of an organisation's own ``records`` that are set aside, so not in the graph. Blocks."""
        return reapply.own_labels_aside(self._core, org, records)

    async def meant(self, org: str, request: Request) -> Ranges:
        """What an organisation has now about the identifiers of a request.

        Waits until all its own entries are applied; raises Unavailable where that takes too long.
        """
        await self._core.applier.settle(org)
        return await asyncio.to_thread(meant, self._core, org, keys_of(request))

    def hold(
        self, connection: Connection, request: Request, person: str, named: Ranges, place: tuple[int, str]
    ) -> None:
        """Write the hold that an acknowledgement makes, with its entry at ``place`` (index, time). Raises Conflict."""
        enter_hold(connection, request, person, named, place)

    async def corrected(self, submission: int) -> None:
        """Take back what a submission supersedes."""
        await correct.correct(self._core, submission)

    async def finish(self) -> None:
        """Finish what a crash has cut off (corrections, telling of recalls); tell of late hits that are due by now."""
        for submission in correct.unfinished(self._core):
            await correct.correct(self._core, submission)
        for index in recall.untold(self._core):
            await recall.tell(self._core, index)
        await asyncio.to_thread(tell_due, self._core.ledger)

    async def run_once(self) -> None:
        """Purge what is due, and leave no trace of it in the database's files."""
        await purge(self._core, self._erasing, self._rules)
        await asyncio.to_thread(self._core.ledger.forget)


class CustodyWorker:
    """A thread that finishes at its start what a crash cut off; every ``seconds`` it does so again, and then purges.

    ``first`` finishes what other packages have to finish before custody can.
    """

    def __init__(self, custody: Custody, seconds: float, first: Callable[[], Awaitable[None]]) -> None:
        self._custody = custody
        self._first = first
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
        rounds = 0
        while not self._stop.is_set():
            try:
                asyncio.run(self._round(due=rounds > 0))
            except Exception as error:  # logged, and tried again: nothing is lost meanwhile
                _log.error("custody stopped, will try again: %s", type(error).__name__)
            self._stop.wait(self._seconds)
            rounds += 1

    async def _round(self, due: bool) -> None:
        await self._first()
        await self._custody.finish()
        if due:
            await self._custody.run_once()
