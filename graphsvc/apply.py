"""The one applier: carries ledger entries into the graph and the columns, in ledger order, each exactly once.

What a crash leaves: the graph's watermark moves in the same transaction as the claims, so after a restart the applier
goes on at the first batch that did not commit. The columns are written before that commit, so they are never behind the
graph; what they have too early is replaced by the same.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from graphsvc.changes import CHANGES, EFFECTIVE, MOVE, SUBMISSION, Plan, read_change, read_plan
from graphsvc.columns.store import Columns
from graphsvc.graph.write import Applied, Writer
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, RowKeys, read_drafts
from graphsvc.model.bounds import Load
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import Unavailable
from graphsvc.model.labels import Label
from graphsvc.model.places import ROW_BITS

LISTED = 2_000
"""So many withdrawn records are hidden one by one until the graph has let go of them."""

_log = logging.getLogger("graphsvc.apply")
_decode = msgspec.json.Decoder(CleanDraft).decode


@dataclass(frozen=True, slots=True)
class Batch:
    """Some drafts of one submission, each with the ordinal of its first entity."""

    number: int
    last: bool
    drafts: list[CleanDraft]
    ordinals: list[int]


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
        self._payloads = payloads
        self._projections = projections
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="applier", daemon=True)
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._lock = threading.Lock()
        self.labels: Mapping[int, Label] = MappingProxyType({})
        self._last_leaving: tuple[int, list[Leaving]] = (-1, [])
        self.applied = -1
        self.failed: str | None = None

    def start(self) -> None:
        """Read where the graph stands and begin to follow the ledger."""
        self._refresh_labels()
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand and stop."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

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
                pause, self.failed = 0.2, None
            except Exception as error:  # whatever it is, it is told, shown by readiness, and tried again
                self.failed = type(error).__name__
                pause = min(pause * 2, 5.0)
                _log.error("applying stopped, will try again: %s", type(error).__name__)
            self._wake.wait(pause)
            self._wake.clear()

    def catch_up(self, progress: Callable[[int], None] | None = None) -> None:
        """Apply every effective entry between the watermark and the ledger's head; ``progress`` is told how many.

        For the applier's thread, or instead of it.
        """
        writer = self._projections.writer
        mark = writer.watermark()
        head = self._ledger.head
        effective = self._ledger.indexes(mark.index + 1, head, EFFECTIVE)
        plan = read_plan(self._ledger, effective)
        writer.reserve(plan.labels)
        for done, (index, kind) in enumerate(effective, 1):
            if self._stop.is_set():
                return
            if index > mark.index + 1 and not mark.batch:
                writer.advance(index - 1)
            if kind == SUBMISSION:
                self._apply_submission(index, mark.batch if index == mark.index + 1 else 0, plan)
            else:
                self._apply_change(index, kind, mark.batch if index == mark.index + 1 else 0)
            mark = writer.watermark()
            self._refresh_labels()
            self._reached(index)
            if progress is not None:
                progress(done)
        self._reached(head - 1)

    def _apply_submission(self, index: int, skip: int, plan: Plan) -> None:
        columns = self._projections.columns
        for batch in self.batches(self._ledger.open_header(index)["body"]):
            if batch.number < skip:
                continue

            def to_columns(applied: Applied, batch: Batch = batch) -> None:
                columns.append_drafts(index, batch.number, batch.drafts, applied.ids, applied.lids)

            # The columns first, within the graph's transaction: a crash between them repeats the same part.
            self._projections.writer.apply(
                index, batch.number, batch.last, batch.drafts, batch.ordinals, to_columns, plan.heirs
            )

    def _apply_change(self, index: int, kind: str, skip: int) -> None:
        header = self._ledger.open_header(index)
        change = read_change(kind, header["body"])
        writer, columns = self._projections.writer, self._projections.columns
        if kind == MOVE:
            writer.move(index, change.moves, lambda moved: columns.move(index, moved))
            return
        # The columns first: gone there a moment early is no harm, late would be.
        columns.withdraw(change.gone)
        owners = [str(part["owner"]) for part in header["owners"]]
        # Cut by what the graph has of the records: those that a batch before took out cost nothing, so after a crash
        # the batches that are left begin with them.
        pieces = writer.pieces(change.gone)
        for number, gone in enumerate(pieces, skip):
            writer.withdraw(index, gone, owners, number, gone is pieces[-1])

    def batches(self, body: Mapping[str, object]) -> Iterator[Batch]:
        """The accepted drafts of a submission in batches; erased ones are left out, ordinals and cuts count them."""
        packs = msgspec.convert(body["packs"], list[str])
        drafts: list[CleanDraft] = []
        ordinals: list[int] = []
        number, ordinal = 0, 0
        load = Load()
        for pack in packs:
            for sealed in read_drafts(
                self._payloads.store.get(pack), self._payloads.keys.open(pack), str(body["name"])
            ):
                if not load.takes(sealed.claims, sealed.size):
                    yield Batch(number, False, drafts, ordinals)
                    drafts, ordinals, number, load = [], [], number + 1, Load()
                    load.takes(sealed.claims, sealed.size)
                if sealed.draft is not None:
                    drafts.append(_decode(sealed.draft))
                    ordinals.append(ordinal)
                ordinal += sealed.entities
        yield Batch(number, True, drafts, ordinals)

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
            loop.call_soon_threadsafe(_settle, future)


def _leaving(records: Sequence[int], labels: tuple[Label, Label] | None, many: bool) -> Leaving:
    whole = tuple(sorted({record >> ROW_BITS for record in records})) if many else ()
    return Leaving(() if many else tuple(records), whole, labels)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
