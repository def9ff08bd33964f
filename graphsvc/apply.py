"""The one applier: carries ledger entries into the graph and the columns, in ledger order, each exactly once.

What a crash leaves: the graph's watermark moves in the same transaction as the claims, so after a restart the applier
goes on at the first batch that did not commit. The columns are written before that commit, so they are never behind the
graph; what they have too early is replaced by the same. Rows are set aside by an entry that is durable before the
watermark goes over them: killed before it, they are tried again; after it, the next start reads it and leaves them out.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from graphsvc import batches
from graphsvc.aside import (
    REFUSED,
    SLOW,
    as_ranges,
    fault_of,
    last_row,
    owner_of,
    row_fault,
    set_aside_entry,
)
from graphsvc.batches import Batch, RowReader, Stopping
from graphsvc.changes import BRINGING, CHANGES, EFFECTIVE, MOVE, PAYLOAD, Aside, Plan, read_change, read_plan
from graphsvc.columns.store import Columns
from graphsvc.graph.write import Applied, Step, Writer
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, RowKeys
from graphsvc.model.errors import GraphsvcError, IntegrityError, Unavailable
from graphsvc.model.labels import Label
from graphsvc.model.places import ROW_BITS

LISTED = 2_000
"""So many withdrawn records are hidden one by one until the graph has let go of them."""
STOP_SECONDS = 10.0
"""A batch in hand gets this long when the service stops; what did not commit then is applied by the next start."""

_log = logging.getLogger("graphsvc.apply")


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


class Applier:
    """One thread that follows the ledger. ``labels`` is the label table of what is applied, replaced, never changed."""

    def __init__(self, ledger: Ledger, payloads: Payloads, projections: Projections) -> None:
        self._ledger = ledger
        self._rows = RowReader(ledger, payloads.store, payloads.keys, self._go_on)
        self._projections = projections
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="applier", daemon=True)
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._lock = threading.Lock()
        self.labels: Mapping[int, Label] = MappingProxyType({})
        self._last_leaving: tuple[int, list[Leaving]] = (-1, [])
        self._entry: int | None = None
        self.applied = -1
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

    async def wait(self, index: int, seconds: float = 30.0) -> None:
        """Return once entry ``index`` is applied; raises Unavailable after ``seconds``."""
        if self.applied >= index:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting.append((index, loop, done))
        self._wake.set()
        try:
            await asyncio.wait_for(done, seconds)
        except TimeoutError:
            raise Unavailable("that entry is not applied yet; ask again", code="not_applied_yet") from None
        finally:
            with self._lock:
                self._waiting = [entry for entry in self._waiting if entry[2] is not done]

    def withdrawn(
        self, at: int, alike: Callable[[Label, Label], bool] = lambda _before, _label: False
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What entries up to ``at`` have moved or withdrawn but the graph still has: hidden from a scope.

        Records by their integers; where an entry names more than :data:`LISTED`, their submissions as a whole. Records
        stay to be seen where ``alike`` says that the reader is decided alike under the label before and the one after,
        and the two show it the same: of several moves of one record, each must leave it so.
        """
        if self._ledger.last_scope_event <= self.applied:
            return (), ()
        pending = self._ledger.indexes(self.applied + 1, at + 1, CHANGES)
        parts = [part for index, kind in pending for part in self._leaving(index, kind)]
        hidden = [part for part in parts if part.labels is None or not alike(*part.labels)]
        return tuple(n for part in hidden for n in part.records), tuple(n for part in hidden for n in part.whole)

    def _leaving(self, index: int, kind: str) -> list[Leaving]:
        """What one entry changes, part by part. Kept: every question asks until it is applied."""
        known = self._last_leaving
        if known[0] != index:
            change = read_change(kind, self._ledger.open_header(index)["body"])
            many = len(change.records) > LISTED
            found = [_leaving(change.gone, None, many)]
            for move in change.moves:
                labels = (move.before, move.label) if move.before is not None and move.unseen else None
                found.append(_leaving(move.records, labels, many))
            known = self._last_leaving = (index, found)
        return known[1]

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
        """Apply every effective entry between the watermark and the ledger's head; ``progress`` is told how many.

        For the applier's thread, or instead of it.
        """
        self._entry = None
        writer = self._projections.writer
        mark = writer.watermark()
        head = self._ledger.head
        effective = self._ledger.indexes(mark.index + 1, head, EFFECTIVE)
        plan = read_plan(self._ledger, effective)
        writer.reserve(plan.labels)
        for done, (index, kind) in enumerate(effective, 1):
            if self._stop.is_set():
                return
            self._entry = index
            if index > mark.index + 1 and not mark.batch:
                writer.advance(index - 1)
            at = mark.batch if index == mark.index + 1 else 0
            try:
                if kind in BRINGING:
                    self._bring(index, at, plan)
                else:
                    self._apply_change(index, kind, at)
            except Stopping:
                return
            mark = writer.watermark()
            self._refresh_labels()
            self._reached(index)
            if progress is not None:
                progress(done)
        self._reached(head - 1)

    def _bring(self, entry: int, at: int, plan: Plan) -> None:
        """Apply the rows that an entry brings, from the ``at``-th on; those that can't be applied are set aside."""
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

        step = Step(entry, part.at, part.to, submission)
        for again in range(batches.TRIES):
            self._go_on(again * 0.5)
            try:
                # The columns first, within the graph's transaction: a crash between them repeats the same part.
                self._projections.writer.apply(step, part.drafts, part.ordinals, to_columns, plan.heirs)
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

    def _apply_change(self, index: int, kind: str, at: int) -> None:
        header = self._ledger.open_header(index)
        change = read_change(kind, header["body"])
        writer, columns = self._projections.writer, self._projections.columns
        if kind == MOVE:
            writer.move(index, change.moves, lambda moved: columns.move(index, moved))
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
                writer.withdraw(Step(index, at, to), piece, owners)
            except Exception as error:
                # Never set aside: what it names would come back. In smaller parts it may be taken.
                if len(piece) < 2 or fault_of(error) not in (*REFUSED, SLOW):
                    raise
                half = -(-len(piece) // 2)
                pieces[:1] = [piece[:half], piece[half:]]
                continue
            at, pieces = at + len(piece), after

    def _go_on(self, pause: float = 0.0) -> None:
        """Wait a moment; raise Stopping when the service stops."""
        if self._stop.wait(pause):
            raise Stopping("the service stops")

    def _refresh_labels(self) -> None:
        known = max(self.labels, default=-1)
        fresh = dict(self._projections.writer.labels(known))
        if fresh:
            self.labels = MappingProxyType({**self.labels, **fresh})

    def _reached(self, index: int) -> None:
        if index <= self.applied:
            return
        self.applied = index
        with self._lock:
            done = [entry for entry in self._waiting if entry[0] <= index]
            self._waiting = [entry for entry in self._waiting if entry[0] > index]
        for _, loop, future in done:
            # Who waited may have gone this moment, and its loop with it: that must not hold up the graph.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, future)


def _leaving(records: Sequence[int], labels: tuple[Label, Label] | None, many: bool) -> Leaving:
    whole = tuple(sorted({record >> ROW_BITS for record in records})) if many else ()
    return Leaving(() if many else tuple(records), whole, labels)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
