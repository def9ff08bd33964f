"""Records erased for good: out of graph and columns, and their keys and salts destroyed; the tree stays as it is.

What a crash leaves. Before the entry is durable nothing has happened. After it the records are hidden, the applier
takes them out of graph and columns, and every start destroys the keys of all that entries have erased.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection

from graphsvc.acts import Acted, SignedAct
from graphsvc.changes import BRINGING, ERASURE, PAYLOAD, DraftReader, Remains, read_again
from graphsvc.custody import forms, ranges
from graphsvc.custody.book import DESTROYING, ERASED, in_force
from graphsvc.custody.destroying import destroy, forget_rows
from graphsvc.custody.preserving import holds_now, refuse_held
from graphsvc.custody.ranges import Ranges
from graphsvc.custody.sealed import open_records
from graphsvc.custody.targets import Parts, records_of, resolve
from graphsvc.custody.withdrawing import Decision, checked_deadline, tell, unchanged, withdrawal_entry
from graphsvc.ledger.receipts import Appended
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import Conflict, InvalidInput, NotFound

MOST = 20_000
"""So many rows at most go with one entry of a purge: what remains of them is worked out in memory."""


class Erasing:
    """Erases, one after the other: what one erasure leaves behind depends on those before it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()

    async def carry_out(self, act: SignedAct) -> Acted:
        """Carry a signed erasure out: by the owner's officers, of own records, those taken back before included.

        Raises InvalidInput, Denied, NotFound (absent, another's or erased already, alike), Conflict (under a hold,
        or something of the same submissions went after what the signer knew), Unavailable.
        """
        body = act.read(forms.Erase)
        parts = self._parts
        await parts.applier.wait(parts.ledger.head - 1)
        named = await asyncio.to_thread(self._named, act, body.target)
        decision = Decision(act.org, ERASED, act.person, body.reason, checked_deadline(None), act)
        appended, records = await self.erase(decision, named)
        recipients = await tell(parts, appended.index)
        answer = {"index": appended.index, "records": records, "organisations": sorted(recipients)}
        return Acted(answer, appended.receipt)

    async def erase(self, decision: Decision, named: Ranges, told: bool = True) -> tuple[Appended, int]:
        """Erase rows; returns the entry and how many records they were. ``told``: those who saw them are to be told.

        Raises Conflict when something of it is under a hold or can't be erased apart from other rows, Unavailable when
        the applier is too far behind.
        """
        parts = self._parts
        await asyncio.to_thread(_destructible, parts, named)
        async with self._turn():
            # 1. What stays of them in the numbering of the graph, while they can still be read.
            await parts.applier.wait(parts.ledger.head - 1)
            at = parts.ledger.head
            await asyncio.to_thread(lambda: refuse_held(holds_now(parts, decision.owner), named))
            keys, more = await asyncio.to_thread(self._before, named)
            records = await asyncio.to_thread(lambda: ranges.count(records_of(parts, named)))
            # 2. Durable; from here on hidden, and bound to go whatever happens.
            draft = withdrawal_entry(decision, named, ERASURE, {"remains": more}, records, told)
            insert_rows = draft.effects
            assert insert_rows is not None

            def effects(connection: Connection, index: int, t: str) -> None:
                insert_rows(connection, index, t)
                refuse_held(in_force(connection, decision.owner), named)
                forget_rows(connection, named)

            draft.effects = effects
            appended = await asyncio.wrap_future(parts.ledger.append(draft))
            parts.applier.notify()
            # 3. What came between 1 and 2 may have named the same things: then that is said as well.
            if await asyncio.to_thread(parts.ledger.indexes, at, appended.index, BRINGING):
                await self._say_again(decision, named, keys, appended.index)
            # 4. Nobody can read them any more.
            await asyncio.to_thread(destroy, parts.ledger, parts.payloads.store, parts.payloads.keys, named)
            # 5. Nor read them off what the database has overwritten; what holds it up is left to the worker.
            await asyncio.to_thread(parts.ledger.forget)
        return appended, records

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        # Requests and the worker run in loops of their own, so a lock of asyncio would not do.
        await asyncio.to_thread(self._lock.acquire)
        try:
            yield
        finally:
            self._lock.release()

    def _named(self, act: SignedAct, target: forms.Target) -> Ranges:
        parts = self._parts
        if target.select is not None and target.select.entity is not None:
            message = "an act is kept for ever: name what is to be erased by submission and rows, or by handle"
            raise InvalidInput(message, code="bad_act", where="act body target select entity")
        named = resolve(parts, act.org, target)
        submissions = ranges.submissions(named)
        left = ranges.minus(named, parts.book.gone(submissions, DESTROYING))
        if not left or (target.rows is not None and left != named):
            raise NotFound("there is no such record")
        unchanged(parts, act, submissions)
        return left

    def _before(self, named: Ranges) -> tuple[list[str], dict[str, Any]]:
        """The keys that the records name, and what an entry says remains of them."""
        parts = self._parts
        keys: dict[str, None] = {}
        labels = set()
        for opened in open_records(parts.ledger, parts.payloads, named):
            if opened.draft is not None:  # else it is set aside: nothing of it is in the graph
                keys.update(dict.fromkeys(entity.key for entity in opened.draft.entities))
                labels.add(opened.draft.label)
        numbers = {label: lid for lid, label in parts.applier.labels.items()}
        came = sorted(((numbers[label], label) for label in labels if label in numbers), key=itemgetter(0))
        return list(keys), msgspec.to_builtins(Remains(self._heirs(list(keys), named), came))

    def _heirs(self, keys: list[str], named: Ranges) -> list[tuple[int, int, int]]:
        """[entity, record, position in its draft] for what other records keep of some entities."""
        parts = self._parts
        # Whichever of them is the first to come in a rebuild must bring the integer: what was reapplied comes late.
        late = list(ranges.records(read_again(parts.ledger))) if keys else []
        shared = parts.holdings.shared(keys, list(ranges.records(named)), late) if keys else []
        drafts = _drafts(parts, {heir for _, _, heir in shared})
        return [
            (entity, heir, next(n for n, other in enumerate(drafts[heir].entities) if other.key == key))
            for entity, key, heir in shared
        ]

    async def _say_again(self, decision: Decision, named: Ranges, keys: list[str], index: int) -> None:
        parts = self._parts
        await parts.applier.wait(index)
        heirs = await asyncio.to_thread(self._heirs, keys, named)
        body = {"remains": msgspec.to_builtins(Remains(heirs)), "ranges": [list(part) for part in named]}
        draft = withdrawal_entry(decision, named, ERASURE, {}, 0, told=False)
        draft.body, draft.effects, draft.acts = {**body, "cause": decision.cause, "again": index}, None, []
        await asyncio.wrap_future(parts.ledger.append(draft))
        parts.applier.notify()


def _destructible(parts: Parts, named: Ranges) -> None:
    """Where a pack can't be read, nobody can tell its rows' keys apart: all that may be in it goes, or nothing."""
    for submission in ranges.submissions(named):
        lost = parts.book.lost(submission)
        own = ranges.of_submission(named, submission)
        if ranges.both(lost, own) and ranges.minus(lost, own):
            message = "the payload of some of these rows can't be read: name all rows of the submission from there on"
            raise Conflict(message, code=PAYLOAD)


def _drafts(parts: Parts, records: Iterable[int]) -> dict[int, CleanDraft]:
    wanted = ranges.of_records(records)
    if ranges.count(wanted) == 1:
        (record,) = ranges.records(wanted)
        return {record: DraftReader(parts.ledger, parts.payloads.store, parts.payloads.keys)(record)}
    opened = open_records(parts.ledger, parts.payloads, wanted)
    return {one.record: one.draft for one in opened if one.draft is not None}
