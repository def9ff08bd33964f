"""The one applier: carries ledger entries into the graph and the columns, each exactly once.

An organisation's entries come in ledger order; organisations take turns, a transaction each
(:mod:`graphsvc.projection.schedule`). While the graph takes a batch, the next turn's is read and prepared
(:mod:`graphsvc.projection.ahead`).

What a crash leaves: the graph's watermark moves in the same transaction as the claims, and says of each entry that is
under way how far it is, so after a restart the applier goes on at the batches that did not commit. The columns are
written before that commit, so they are never behind the graph; what they have too early is replaced when the batch
comes again, and stands under a label number that no other label gets. Rows are set aside by an entry that is durable
before the watermark passes them: after a crash before that entry they are tried again; after a crash behind it, the
next start reads the entry and leaves them out.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from graphsvc.columns.store import Columns
from graphsvc.graph.prepare import Prepared
from graphsvc.graph.write import Applied, Step, Watermark, Writer
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, RowKeys
from graphsvc.ledger.taken import PAYLOAD
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import GraphsvcError, IntegrityError, NotAtHand, Unavailable
from graphsvc.model.labels import Label
from graphsvc.projection import batches
from graphsvc.projection.ahead import Ahead
from graphsvc.projection.aside import (
    REFUSED,
    SLOW,
    as_ranges,
    fault_of,
    last_row,
    owner_of,
    row_fault,
    set_aside_entry,
)
from graphsvc.projection.batches import Batch, RowReader, Stopping
from graphsvc.projection.changes import BRINGING, CHANGES, MOVE, Aside, Plan, read_change
from graphsvc.projection.hiding import Hidden, read_hidden
from graphsvc.projection.schedule import Progress, Schedule, Waiting

STOP_SECONDS = 10.0
"""Seconds that the current batch gets when the service stops; what is not committed then, the next start applies."""

_log = logging.getLogger("graphsvc.projection.apply")


@dataclass(frozen=True, slots=True)
class Stuck:
    """What holds the applier up now: the ledger entry (None: none in particular) and why, as a code."""

    entry: int | None
    code: str


@dataclass(frozen=True, slots=True)
class Projections:
    """What the applier writes to."""

    writer: Writer
    columns: Columns


@dataclass(frozen=True, slots=True)
class Payloads:
    """What the applier reads from, beside the ledger."""

    store: PayloadStore
    keys: RowKeys


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """A caller in an event loop that waits for progress of which ``reached`` is true."""

    reached: Callable[[Progress], bool]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Applier:
    """One thread that follows the ledger. ``labels`` has the applied labels; it is replaced, never changed in place."""

    def __init__(self, ledger: Ledger, payloads: Payloads, projections: Projections) -> None:
        self._ledger = ledger
        self._rows = RowReader(ledger, payloads.store, payloads.keys, self._go_on)
        self._projections = projections
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="applier", daemon=True)
        self._waiting: list[_Waiter] = []
        self._lock = threading.Lock()
        self.labels: Mapping[int, Label] = MappingProxyType({})
        self._hidden: Mapping[int, list[Hidden]] = {}
        self._entry: int | None = None
        self._plan, self._schedule = Plan(), Schedule(Watermark(-1))
        self._ahead = Ahead(projections.writer)
        self.progress = Progress()
        self.stuck: Stuck | None = None

    def start(self) -> None:
        """Read where the graph stands and begin to follow the ledger."""
        self._refresh_labels()
        self._thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Finish the batch in hand and stop; one that takes longer than ``seconds`` is left to the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def notify(self) -> None:
        """Tell the applier that the ledger has grown."""
        self._wake.set()

    @property
    def applied(self) -> int:
        """The last entry up to which everything is applied, whoever it is about."""
        return self.progress.applied

    async def wait(self, index: int, org: str | None = None, seconds: float = 30.0) -> None:
        """Return once entry ``index`` and all before it are applied; with ``org``, only those about its records count.

        Raises Unavailable after ``seconds``.
        """
        if org is None:
            await self._until(lambda progress: progress.applied >= index, seconds)
        else:
            await self._until(lambda progress: progress.reached(index, org), seconds)

    async def settle(self, org: str, seconds: float = 30.0) -> None:
        """Return once all that the ledger now has about an organisation's records is applied; raises Unavailable."""
        last = self._ledger.head - 1
        await self._until(lambda progress: progress.settled(org, last), seconds)

    async def _until(self, reached: Callable[[Progress], bool], seconds: float) -> None:
        if reached(self.progress):
            return
        loop = asyncio.get_running_loop()
        waiter = _Waiter(reached, loop, loop.create_future())
        with self._lock:
            self._waiting.append(waiter)
        self._wake.set()
        try:
            # Progress that was made before this waiter was listed did not wake it.
            if not reached(self.progress):
                await asyncio.wait_for(waiter.done, seconds)
        except TimeoutError:
            raise Unavailable("that entry is not applied yet; ask again", code="not_applied_yet") from None
        finally:
            with self._lock:
                self._waiting = [one for one in self._waiting if one is not waiter]

    def hidden(
        self,
        at: int,
        alike: Callable[[Label, Label], bool] = lambda _before, _label: False,
        at_hand: bool = False,
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What a scope must hide: records that entries up to ``at`` moved or withdrew, but not yet in the graph.

        Returns integers of records and, for entries that name more than :data:`LISTED`, submissions to hide as a whole.
        Moved records stay visible where ``alike`` says that the labels before and after mean the same for the reader;
        of several moves of one record, each must. ``at_hand``: raises NotAtHand rather than read the ledger.
        """
        progress = self.progress
        if progress.unmoved(self._ledger.last_scope_event):
            return (), ()
        if at_hand:
            raise NotAtHand
        pending = [*progress.changes(at), *self._ledger.indexes(progress.head, at + 1, CHANGES)]
        # Kept: every question asks until they are applied.
        known = self._hidden
        self._hidden = found = {
            index: known.get(index) or read_hidden(self._ledger, index, kind) for index, kind in pending
        }
        parts = [part for of in found.values() for part in of]
        hidden = [part for part in parts if part.labels is None or not alike(*part.labels)]
        return tuple(n for part in hidden for n in part.records), tuple(n for part in hidden for n in part.whole)

    def _run(self) -> None:
        pause = 0.2
        while not self._stop.is_set():
            try:
                self.catch_up()
                pause, self.stuck = 0.2, None
            except Exception as error:  # whatever it is, it is told, shown by readiness, and tried again
                code = error.code if isinstance(error, GraphsvcError) else type(error).__name__
                self.stuck = Stuck(self._entry, code)
                pause = min(pause * 2, 5.0)
                _log.error("applying stopped at entry %s, will try again: %s", self._entry, code)
            self._wake.wait(pause)
            self._wake.clear()

    def catch_up(self, progress: Callable[[int], None] | None = None) -> None:
        """Apply every effective entry that waits, until none does; ``progress`` is told how many are done.

        Runs in the applier's thread; call it only where that was not started.
        """
        self._entry = None
        writer = self._projections.writer
        self._plan, self._schedule = Plan(by_record=False), Schedule(writer.watermark())
        # At most one entry per organisation: its iterator goes on with the next rows at its next turn.
        begun: dict[int, Iterator[bool]] = {}
        done = 0
        with Ahead(writer) as self._ahead:
            while (turn := self._next()) is not None and not self._stop.is_set():
                self._entry = index = turn.index
                if index not in begun:
                    begun[index] = self._work(turn)
                try:
                    if next(begun[index]):
                        del begun[index]
                        done += 1
                        self._schedule.done(index)
                        self._plan.forget(index)
                        self._refresh_labels()
                        if progress is not None:
                            progress(done)
                except Stopping:
                    return

    def _next(self) -> Waiting | None:
        """The entry whose turn it is, among all that are in the ledger now."""
        self._schedule.look(self._ledger, self._plan)
        progress = self._schedule.progress()
        if progress is not self.progress:
            self._reached(progress)
        return self._schedule.next()

    def _work(self, turn: Waiting) -> Iterator[bool]:
        """Apply an entry from where the graph is with it; yields after each transaction whether the entry is done."""
        return self._bring(turn.index) if turn.kind in BRINGING else self._change(turn.index, turn.kind)

    def _bring(self, entry: int) -> Iterator[bool]:
        """Apply the rows that an entry brings; those that can't be applied are set aside."""
        plan, ahead = self._plan, self._ahead
        self._begin(entry)
        while (ready := ahead.take(entry)) is not None:
            batch = ready.batch
            # What comes next is worked out while the graph takes this one.
            follows = self._schedule.after(entry, done=batch.to is None)
            if follows is not None and follows.kind in BRINGING:
                self._begin(follows.index)
                ahead.order(follows.index)
            if batch.faults or batch.rest is not None:
                self._set_aside(entry, as_ranges(batch.faults), plan, batch.rest)
            left: Batch | None = batch
            size = len(batch.drafts)
            while left is not None:
                part, after = left.cut(size)
                code = self._refused(entry, part, plan, ready.prepared if part is batch else None)
                if code is None:
                    # Parts that were made small because of one row may grow again after it.
                    left, size = after, 2 * size
                    yield part.to is None
                    continue
                faults = self._at_fault(plan.submission(entry), part, code)
                if faults:
                    self._set_aside(entry, as_ranges(faults), plan)
                    left = left.without({row for row, _ in faults})
                else:
                    size = -(-len(part.drafts) // 2)

    def _begin(self, entry: int) -> None:
        """Have the rows that an entry brings at hand, from where the graph is with it."""
        plan = self._plan
        rows = self._rows.batches(entry, self._schedule.at(entry), plan)
        self._ahead.begin(entry, plan.submission(entry), rows, plan.numbered_by(entry))

    def _refused(self, entry: int, part: Batch, plan: Plan, prepared: Prepared | None) -> str | None:
        """Apply one part; the code of what is wrong with its data, or None once it is applied."""
        columns, submission = self._projections.columns, plan.submission(entry)
        later, anew = None if entry == submission else entry, entry in plan.anew
        # Columns are only ever added to here, so that they are never behind the graph.
        drafts = [_added_links(draft) for draft in part.drafts] if anew else part.drafts

        def to_columns(applied: Applied) -> None:
            columns.append_drafts(submission, part.at, drafts, applied.ids, applied.lids, later)

        step = Step(entry, part.at, part.to, submission, self._schedule.passed(entry), anew)
        for again in range(batches.TRIES):
            self._go_on(again * 0.5)
            try:
                # The columns first, within the graph's transaction: a crash between them repeats the same part.
                self._projections.writer.apply(step, part.drafts, part.ordinals, to_columns, prepared)
                return None
            except Exception as error:
                code = fault_of(error)
                if code is None or (code == SLOW and len(part.drafts) < 2) or not part.drafts:
                    raise
                if code not in REFUSED or len(part.drafts) > 1:
                    break
        return code

    def _at_fault(self, submission: int, part: Batch, code: str) -> list[tuple[int, str]]:
        """The rows of a refused part that are at fault by themselves; none: the part must be divided first."""
        writer = self._projections.writer
        drafts = zip(part.drafts, part.ordinals, strict=True)
        checked = [(draft.row, row_fault(submission, draft, ordinal, writer.kinds)) for draft, ordinal in drafts]
        found = [(row, fault) for row, fault in checked if fault is not None]
        if found or len(part.drafts) > 1:
            return found
        if code in REFUSED:
            # If the server takes nothing at all, that says nothing about this row.
            writer.check()
        return [(part.drafts[0].row, code)]

    def _set_aside(self, entry: int, faults: list[tuple[str, int, int]], plan: Plan, rest: int | None = None) -> None:
        """Say in the log that rows are set aside: durable before the watermark passes them."""
        submission = plan.submission(entry)
        with self._ledger.reading() as connection:
            owner = owner_of(connection, submission)
            if owner is None:
                raise IntegrityError("an entry brings rows of what is no submission", code="no_submission")
            if rest is not None and entry in plan.anew:
                faults = [*faults, *((PAYLOAD, *rows) for rows in plan.anew[entry].rows if rows[0] >= rest)]
            elif rest is not None:
                faults = [*faults, (PAYLOAD, rest, last_row(connection, submission, rest))]
        self._go_on()
        aside = Aside(entry, submission, faults, rest)
        self._ledger.append(set_aside_entry(owner, aside, anew=entry in plan.anew)).result()
        plan.note_aside(aside)
        codes = sorted({code for code, _, _ in faults})
        _log.error("entry %d: rows were set aside: %s", entry, ", ".join(codes))

    def _change(self, index: int, kind: str) -> Iterator[bool]:
        """Do what an entry of :data:`CHANGES` says."""
        at = self._schedule.at(index)
        header = self._ledger.open_header(index)
        change = read_change(kind, header["body"])
        writer, columns = self._projections.writer, self._projections.columns
        if kind == MOVE:
            step = Step(index, at, passed=self._schedule.passed(index))
            writer.move(step, change.moves, lambda moved: columns.move(index, moved))
            yield True
            return
        # The columns first: records may be gone from there a moment too early, but not too late.
        columns.withdraw(change.gone)
        owners = [str(part["owner"]) for part in header["owners"]]
        # Cut by how much the graph has of the records: those that are out already cost nothing.
        pieces = writer.pieces(change.gone[at:])
        while pieces:
            self._go_on()
            piece, *after = pieces
            to = at + len(piece) if after else None
            try:
                writer.withdraw(Step(index, at, to, passed=self._schedule.passed(index)), piece, owners)
            except Exception as error:
                # Withdrawals are never set aside: the records would come back. Smaller parts may be taken.
                if len(piece) < 2 or fault_of(error) not in (*REFUSED, SLOW):
                    raise
                half = -(-len(piece) // 2)
                pieces[:1] = [piece[:half], piece[half:]]
                continue
            at, pieces = at + len(piece), after
            yield to is None

    def _go_on(self, pause: float = 0.0) -> None:
        """Wait a moment; raise Stopping when the service stops."""
        if self._stop.wait(pause):
            raise Stopping("the service stops")

    def _refresh_labels(self) -> None:
        known = max(self.labels, default=-1)
        fresh = dict(self._projections.writer.labels(known))
        if fresh:
            self.labels = MappingProxyType({**self.labels, **fresh})

    def _reached(self, progress: Progress) -> None:
        self.progress = progress
        with self._lock:
            done = [one for one in self._waiting if one.reached(progress)]
            self._waiting = [one for one in self._waiting if one not in done]
        for one in done:
            # A waiter's loop may have closed at this moment: that must not hold up the graph.
            with suppress(RuntimeError):
                one.loop.call_soon_threadsafe(_settle, one.done)


def _added_links(draft: CleanDraft) -> CleanDraft:
    """A draft that was cleaned anew, with only the links that it did not have before."""
    return msgspec.structs.replace(draft, links=draft.links[draft.unread.before :]) if draft.unread else draft


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
