"""The one applier: carries ledger entries into the graph and the columns, each exactly once.

An organisation's entries come in ledger order; organisations take turns, a transaction each
(:mod:`graphsvc.projection.schedule`).

What a crash leaves: the graph's watermark moves in the same transaction as the claims, and says of each entry that is
under way how far it is, so after a restart the applier goes on at the batches that did not commit. The columns are
written before that commit, so they are never behind the graph; what they have too early is replaced once the batch
comes, and stands under a number that no other label gets. Rows are set aside by an entry that is durable before the
watermark goes over them: killed before it, they are tried again; after it, the next start reads it and leaves them out.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from graphsvc.columns.store import Columns
from graphsvc.graph.write import Applied, Step, Watermark, Writer
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, RowKeys
from graphsvc.ledger.taken import PAYLOAD
from graphsvc.model.errors import GraphsvcError, IntegrityError, NotAtHand, Unavailable
from graphsvc.model.labels import Label
from graphsvc.model.places import ROW_BITS
from graphsvc.projection import batches
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
from graphsvc.projection.schedule import Progress, Schedule, Waiting

LISTED = 2_000
"""So many withdrawn records are hidden one by one until the graph has let go of them."""
STOP_SECONDS = 10.0
"""A batch in hand gets this long when the service stops; what did not commit then is applied by the next start."""

_log = logging.getLogger("graphsvc.projection.apply")


@dataclass(frozen=True, slots=True)
class Stuck:
    """What the applier can't get over now: the ledger entry (None: none in particular) and why, as a code."""

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


@dataclass(frozen=True, slots=True)
class Leaving:
    """Records that an entry changes alike, or their submissions; ``labels``: those before and after, if they decide."""

    records: tuple[int, ...]
    whole: tuple[int, ...]
    labels: tuple[Label, Label] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """Somebody in a loop who waits until as much is ``reached``."""

    reached: Callable[[Progress], bool]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Applier:
    """One thread that follows the ledger. ``labels`` is the label table of what is applied, replaced, never changed."""

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
        self._leaving: Mapping[int, list[Leaving]] = {}
        self._entry: int | None = None
        self._plan, self._schedule = Plan(), Schedule(Watermark(-1))
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
        """Return once entry ``index`` is applied, and all that came before it: of ``org`` alone, if one is given.

        Raises Unavailable after ``seconds``.
        """
        if org is None:
            await self._until(lambda progress: progress.applied >= index, seconds)
        else:
            await self._until(lambda progress: progress.reached(index, org), seconds)

    async def settle(self, org: str, seconds: float = 30.0) -> None:
        """Return once all is applied that the ledger has of an organisation by now; raises Unavailable."""
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
            # What came between the first look and the list did not know of this one.
            if not reached(self.progress):
                await asyncio.wait_for(waiter.done, seconds)
        except TimeoutError:
            raise Unavailable("that entry is not applied yet; ask again", code="not_applied_yet") from None
        finally:
            with self._lock:
                self._waiting = [one for one in self._waiting if one is not waiter]

    def withdrawn(
        self,
        at: int,
        alike: Callable[[Label, Label], bool] = lambda _before, _label: False,
        at_hand: bool = False,
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What entries up to ``at`` have moved or withdrawn but the graph still has: hidden from a scope.

        Records by their integers; where an entry names more than :data:`LISTED`, their submissions as a whole. Records
        stay to be seen where ``alike`` says that the reader is decided alike under the label before and the one after,
        and the two show it the same: of several moves of one record, each must leave it so. ``at_hand``: raises
        NotAtHand rather than read the ledger.
        """
        progress = self.progress
        if progress.unmoved(self._ledger.last_scope_event):
            return (), ()
        if at_hand:
            raise NotAtHand
        pending = [*progress.changes(at), *self._ledger.indexes(progress.head, at + 1, CHANGES)]
        # Kept: every question asks until they are applied.
        known = self._leaving
        self._leaving = found = {index: known.get(index) or self._read_leaving(index, kind) for index, kind in pending}
        parts = [part for of in found.values() for part in of]
        hidden = [part for part in parts if part.labels is None or not alike(*part.labels)]
        return tuple(n for part in hidden for n in part.records), tuple(n for part in hidden for n in part.whole)

    def _read_leaving(self, index: int, kind: str) -> list[Leaving]:
        """What one entry changes, part by part."""
        change = read_change(kind, self._ledger.open_header(index)["body"])
        many = len(change.records) > LISTED
        found = [_leaving(change.gone, None, many)]
        for move in change.moves:
            labels = (move.before, move.label) if move.before is not None and move.unseen else None
            found.append(_leaving(move.records, labels, many))
        return found

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

        For the applier's thread, or instead of it.
        """
        self._entry = None
        mark = self._projections.writer.watermark()
        self._plan, self._schedule = Plan(by_record=False), Schedule(mark)
        # Of each organisation at most one: what it has read of its rows goes on with its next turn.
        begun: dict[int, Iterator[bool]] = {}
        done = 0
        while (turn := self._next()) is not None and not self._stop.is_set():
            self._entry = index = turn.index
            if index not in begun:
                begun[index] = self._work(index, turn.kind, mark.at(index) or 0)
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

    def _work(self, entry: int, kind: str, at: int) -> Iterator[bool]:
        """Apply an entry from its ``at``-th row on, a transaction at a time; says after each whether it is whole."""
        return self._bring(entry, at) if kind in BRINGING else self._change(entry, kind, at)

    def _bring(self, entry: int, at: int) -> Iterator[bool]:
        """Apply the rows that an entry brings; those that can't be applied are set aside."""
        plan = self._plan
        for batch in self._rows.batches(entry, at, plan):
            if batch.faults or batch.rest is not None:
                self._set_aside(entry, as_ranges(batch.faults), plan, batch.rest)
            left: Batch | None = batch
            size = len(batch.drafts)
            while left is not None:
                part, after = left.cut(size)
                code = self._refused(entry, part, plan)
                if code is None:
                    # What had to be made small for one row may be larger again after it.
                    left, size = after, 2 * size
                    yield part.to is None
                    continue
                faults = self._at_fault(plan.submission(entry), part, code)
                if faults:
                    self._set_aside(entry, as_ranges(faults), plan)
                    left = left.without({row for row, _ in faults})
                else:
                    size = -(-len(part.drafts) // 2)

    def _refused(self, entry: int, part: Batch, plan: Plan) -> str | None:
        """Apply one part; the code of what is wrong with its data, or None once it is applied."""
        columns, submission = self._projections.columns, plan.submission(entry)
        later = entry if entry in plan.again else None

        def to_columns(applied: Applied) -> None:
            columns.append_drafts(submission, part.at, part.drafts, applied.ids, applied.lids, later)

        step = Step(entry, part.at, part.to, submission, self._schedule.passed(entry))
        for again in range(batches.TRIES):
            self._go_on(again * 0.5)
            try:
                # The columns first, within the graph's transaction: a crash between them repeats the same part.
                self._projections.writer.apply(step, part.drafts, part.ordinals, to_columns)
                return None
            except Exception as error:
                code = fault_of(error)
                if code is None or (code == SLOW and len(part.drafts) < 2) or not part.drafts:
                    raise
                if code not in REFUSED or len(part.drafts) > 1:
                    break
        return code

    def _at_fault(self, submission: int, part: Batch, code: str) -> list[tuple[int, str]]:
        """The rows of a part that was refused which are at fault by themselves; none: it must be divided first."""
        writer = self._projections.writer
        drafts = zip(part.drafts, part.ordinals, strict=True)
        checked = [(draft.row, row_fault(submission, draft, ordinal, writer.kinds)) for draft, ordinal in drafts]
        found = [(row, fault) for row, fault in checked if fault is not None]
        if found or len(part.drafts) > 1:
            return found
        if code in REFUSED:
            # A server that takes nothing at all says nothing about this row.
            writer.check()
        return [(part.drafts[0].row, code)]

    def _set_aside(self, entry: int, faults: list[tuple[str, int, int]], plan: Plan, rest: int | None = None) -> None:
        """Say in the log that rows are set aside: durable before the watermark goes over them."""
        submission = plan.submission(entry)
        with self._ledger.reading() as connection:
            owner = owner_of(connection, submission)
            if owner is None:
                raise IntegrityError("an entry brings rows of what is no submission", code="no_submission")
            if rest is not None:
                faults = [*faults, (PAYLOAD, rest, last_row(connection, submission, rest))]
        self._go_on()
        aside = Aside(entry, submission, faults, rest)
        self._ledger.append(set_aside_entry(owner, aside)).result()
        plan.note_aside(aside)
        codes = sorted({code for code, _, _ in faults})
        _log.error("entry %d: rows were set aside: %s", entry, ", ".join(codes))

    def _change(self, index: int, kind: str, at: int) -> Iterator[bool]:
        """Do what an entry of :data:`CHANGES` says."""
        header = self._ledger.open_header(index)
        change = read_change(kind, header["body"])
        writer, columns = self._projections.writer, self._projections.columns
        if kind == MOVE:
            step = Step(index, at, passed=self._schedule.passed(index))
            writer.move(step, change.moves, lambda moved: columns.move(index, moved))
            yield True
            return
        # The columns first: gone there a moment early is no harm, late would be.
        columns.withdraw(change.gone)
        owners = [str(part["owner"]) for part in header["owners"]]
        # Cut by what the graph has of the records: what is out already costs nothing.
        pieces = writer.pieces(change.gone[at:])
        while pieces:
            self._go_on()
            piece, *after = pieces
            to = at + len(piece) if after else None
            try:
                writer.withdraw(Step(index, at, to, passed=self._schedule.passed(index)), piece, owners)
            except Exception as error:
                # Never set aside: what it names would come back. In smaller parts it may be taken.
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
            # Who waited may have gone this moment, and its loop with it: that must not hold up the graph.
            with suppress(RuntimeError):
                one.loop.call_soon_threadsafe(_settle, one.done)


def _leaving(records: Sequence[int], labels: tuple[Label, Label] | None, many: bool) -> Leaving:
    whole = tuple(sorted({record >> ROW_BITS for record in records})) if many else ()
    return Leaving(() if many else tuple(records), whole, labels)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
