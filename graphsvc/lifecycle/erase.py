"""Records erased for good: out of graph and columns, and their keys and salts destroyed; the tree stays as it is.

What a crash leaves. Before the entry is durable nothing has happened. After it the records are hidden, the applier
takes them out of graph and columns, and every start destroys the keys of all that entries have erased.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Connection

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.core import Core
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.taken import PAYLOAD
from graphsvc.lifecycle.destroy import destroy, forget_rows
from graphsvc.lifecycle.preserve import holds_now, refuse_held
from graphsvc.lifecycle.recall import Decision, checked_deadline, tell, unchanged, withdrawal_entry
from graphsvc.lifecycle.store import DESTROYING, ERASED, book_of, in_force
from graphsvc.lifecycle.targets import records_of, resolve
from graphsvc.model import ranges
from graphsvc.model.errors import Conflict, InvalidInput, NotFound
from graphsvc.model.ranges import Ranges
from graphsvc.projection.changes import ERASURE
from graphsvc.wire.acts import Target
from graphsvc.wire.lifecycle import Erase, Withdrawn

MOST = 20_000
"""At most this many rows go with one entry of a purge: they are looked up in memory."""


class Erasing:
    """Carries out erasures one at a time: each rewrites what is kept for the other rows of its submissions."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lock = threading.Lock()

    @carries_out(Erase)
    async def carry_out(self, act: SignedAct, body: Erase) -> Acted:
        """Carry a signed erasure out: by the owner's officers, of own records, those taken back before included.

        Raises InvalidInput, Denied, NotFound (absent, another's or erased already, alike), Conflict (under a hold,
        or something of the same submissions was taken out since the signer looked), Unavailable.
        """
        core = self._core
        await core.applier.settle(act.org)
        named = await asyncio.to_thread(self._named, act, body.target)
        decision = Decision(act.org, ERASED, act.person, body.reason, checked_deadline(None), act)
        appended, records = await self.erase(decision, named)
        recipients = await tell(core, appended.index)
        answer = Withdrawn(index=appended.index, records=records, organisations=sorted(recipients))
        return Acted(answer, appended.encoded)

    async def erase(self, decision: Decision, named: Ranges, told: bool = True) -> tuple[Appended, int]:
        """Erase rows; returns the entry and how many records they were. ``told``: those who saw them are to be told.

        Raises Conflict when something of it is under a hold or can't be erased apart from other rows, Unavailable when
        the applier is too far behind.
        """
        core = self._core
        await asyncio.to_thread(_destructible, core, named)
        async with self._turn():
            # 1. All of it is applied, so nothing that is still running works on it.
            await core.applier.settle(decision.owner)
            await asyncio.to_thread(lambda: refuse_held(holds_now(core, decision.owner), named))
            records = await asyncio.to_thread(lambda: ranges.count(records_of(core, named)))
            # 2. Durable; from here on hidden, and bound to go whatever happens.
            draft = withdrawal_entry(decision, named, ERASURE, {}, records, told)
            insert_rows = draft.effects
            assert insert_rows is not None

            def effects(connection: Connection, index: int, t: str) -> None:
                insert_rows(connection, index, t)
                refuse_held(in_force(connection, decision.owner), named)
                forget_rows(connection, named)

            draft.effects = effects
            appended = await asyncio.wrap_future(core.ledger.append(draft))
            core.applier.notify()
            # 3. Nobody can read them any more.
            await asyncio.to_thread(destroy, core.ledger, core.payloads.store, core.payloads.keys, named)
            # 4. Nor recover them from old pages of the database; if that is held up, the worker does it later.
            await asyncio.to_thread(core.ledger.forget)
        return appended, records

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        # Requests and the worker run in loops of their own, so a lock of asyncio would not do.
        await asyncio.to_thread(self._lock.acquire)
        try:
            yield
        finally:
            self._lock.release()

    def _named(self, act: SignedAct, target: Target) -> Ranges:
        core = self._core
        if target.select is not None and target.select.entity is not None:
            message = "an act is kept for ever: name what is to be erased by submission and rows, or by handle"
            raise InvalidInput(message, code="bad_act", where="act body target select entity")
        named = resolve(core, act.org, target)
        submissions = ranges.submissions(named)
        left = ranges.minus(named, book_of(core).gone(submissions, DESTROYING))
        if not left or (target.rows is not None and left != named):
            raise NotFound("there is no such record")
        unchanged(core, act, submissions)
        return left


def _destructible(core: Core, named: Ranges) -> None:
    """Raise Conflict where only a part of a pack that can't be read would go: nobody can tell its rows' keys apart."""
    for submission in ranges.submissions(named):
        lost = book_of(core).lost(submission)
        own = ranges.of_submission(named, submission)
        if ranges.both(lost, own) and ranges.minus(lost, own):
            message = "the payload of some of these rows can't be read: name all rows of the submission from there on"
            raise Conflict(message, code=PAYLOAD)
