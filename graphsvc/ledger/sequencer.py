"""The sequencer: one thread that numbers, seals, signs and commits entries, many in one transaction.

Order and what a crash leaves: the entries of a batch, their side tables, the filled hash tiles and the signed
checkpoint are one transaction. A crash before its commit leaves nothing of the batch; after it, all of it, though the
callers may not have heard: the log over-reports, it never under-reports. A failure of disk or database stops writing
until the process is started anew, because what the disk then holds is not known. A full disk is different, as nothing
of the batch was written: its callers are refused, the state is read again, and writing goes on when there is room.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError as SqlIntegrityError

from graphsvc.ledger.batch import Added, Batch, State
from graphsvc.ledger.entry import EntryDraft, Prepared
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.runs import Sealing
from graphsvc.ledger.store import Store, is_full, is_storage_failure
from graphsvc.model.errors import Conflict, GraphsvcError, NoRoom, Unavailable

MAX_BATCH = 128
"""At most this many entries in a commit; must stay below a tile's 256."""

LINGER = 0.0003
"""Seconds that a batch waits for more entries when the one before it held several."""

_log = logging.getLogger("graphsvc.ledger")


@dataclass(slots=True)
class Waiting:
    """A prepared draft or a plain read, and the future on which its caller waits, in a thread or an event loop."""

    item: Prepared | EntryDraft
    future: Future[Appended] | asyncio.Future[Appended] = field(default_factory=Future)


class Sequencer:
    """Owns all writing to the ledger. ``committed`` is called after each commit, before callers hear of it.

    ``restore`` brings the state back to the last commit after a batch that the disk had no room for. ``sealer`` is
    closed with the sequencer.
    """

    def __init__(
        self,
        store: Store,
        state: State,
        committed: Callable[[Batch], None],
        restore: Callable[[], None],
        sealer: Sealing,
    ) -> None:
        self._restore = restore
        self._full = False
        self._store = store
        self._state = state
        self._committed = committed
        self._sealer = sealer
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closing = False
        self._crowded = False
        self.failure: str | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, with one connection for all batches: getting one each time costs a third of a batch."""
        self._thread = threading.Thread(
            target=self._run, args=(self._store.writer.connect(),), name="ledger", daemon=True
        )
        self._thread.start()

    def submit(self, prepared: Prepared) -> Future[Appended]:
        """Queue an entry. The future fails with Unavailable when the ledger can't write."""
        future: Future[Appended] = Future()
        # From here on the caller can't cancel: the entry may be written whether or not anyone still listens.
        future.set_running_or_notify_cancel()
        self._put(Waiting(prepared, future))
        return future

    def submit_soon(self, item: Prepared | EntryDraft) -> asyncio.Future[Appended]:
        """The same for callers in an event loop; those of one commit are woken together.

        ``item`` may be a plain read that is not prepared yet: it is prepared where it is sealed.
        """
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._put(Waiting(item, future))
        return future

    def _put(self, waiting: Waiting) -> None:
        with self._gate:
            if self.failure is None and not self._closing:
                self._queue.put(waiting)
                return
        _deliver([(waiting, self._refusal())])

    def stop(self) -> None:
        """Write what is queued and end the thread."""
        with self._gate:
            self._closing = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
        self._sealer.close()

    def fail(self, error: Exception, amid: str = "") -> None:
        """Stop taking entries for good: the disk failed (``amid`` says in what), or another process leads."""
        with self._gate:
            if self.failure is None:
                self.failure = _reason(error, amid)
                _log.critical("the ledger stopped writing: %s", self.failure)

    @property
    def full(self) -> bool:
        """Whether the disk had no room for the last batch and still has none."""
        return self._full and not self._store.has_room()

    def _refusal(self) -> Unavailable:
        if self.failure is not None:
            return Unavailable(f"the ledger can't write ({self.failure}); nothing was stored", code="ledger_stopped")
        return Unavailable("the ledger is closing", code="ledger_closed")

    def _run(self, connection: Connection) -> None:
        with connection:
            while True:
                batch, last = self._collect()
                if batch:
                    self._write(connection, batch)
                if last:
                    return

    def _collect(self) -> tuple[list[Waiting], bool]:
        """The next entries to commit together; an entry that changes organisations or keys ends its batch."""
        first = self._queue.get()
        if first is None:
            return [], True
        batch = [first]
        if self._crowded and self._queue.qsize() < MAX_BATCH - 1:
            # Several callers are at work: a batch costs much the same for one entry and for many.
            time.sleep(LINGER)
        while len(batch) < MAX_BATCH and not batch[-1].item.registry:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
        self._crowded = len(batch) > 1
        return batch, False

    def _write(self, connection: Connection, waiting: list[Waiting]) -> None:
        if self.failure is not None:
            _deliver([(item, self._refusal()) for item in waiting])
            return
        if self.full:
            _deliver([(item, _no_room()) for item in waiting])
            return
        batch = Batch(self._state, self._sealer.seal)
        committed = False
        try:
            with connection.begin():
                self._store.fence(connection)
                batch.open(connection)
                outcomes = _add_all(batch, waiting)
                batch.close()
            committed = True
            self._committed(batch)
        except Exception as error:
            if is_full(error) and not committed and self._restored():
                _deliver([(item, _no_room()) for item in waiting])
                return
            # What is on disk is not known any more: never go on in this process.
            _log.exception("a batch of the ledger failed")
            self.fail(error)
            _deliver([(item, self._refusal()) for item in waiting])
            return
        self._full = False
        _deliver([(item, one if isinstance(one, Exception) else batch.appended(one)) for item, one in outcomes])

    def _restored(self) -> bool:
        """Read the state again after a batch that the disk had no room for; False if it can't be read."""
        try:
            self._restore()
        except Exception as error:
            _log.critical("the ledger can't be read again: %s", type(error).__name__)
            return False
        self._full = True
        _log.error("the ledger's disk is full; a batch was refused")
        return True


def _no_room() -> NoRoom:
    return NoRoom("the ledger has no room to say so; nothing was stored or shown")


def _add_all(batch: Batch, waiting: Sequence[Waiting]) -> list[tuple[Waiting, Added | Exception]]:
    """Add entries in order, successive plain reads together. Raises errors that mean that disk or database failed."""
    outcomes: list[tuple[Waiting, Added | Exception]] = []
    for plain, group in itertools.groupby(waiting, key=lambda one: isinstance(one.item, EntryDraft)):
        items = list(group)
        if plain:
            drafts = [one.item for one in items if isinstance(one.item, EntryDraft)]
            outcomes += zip(items, batch.add_reads(drafts), strict=True)
            continue
        for one in items:
            assert isinstance(one.item, Prepared)
            try:
                outcomes.append((one, batch.add(one.item)))
            except Exception as error:
                if is_storage_failure(error):
                    raise
                outcomes.append((one, _for_caller(error)))
    return outcomes


def _deliver(outcomes: Sequence[tuple[Waiting, Appended | Exception]]) -> None:
    """Tell the callers; an event loop is woken once for all that wait in it, which costs as much as for one."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Appended], Appended | Exception]]] = {}
    for waiting, outcome in outcomes:
        future = waiting.future
        if isinstance(future, asyncio.Future):
            loops.setdefault(future.get_loop(), []).append((future, outcome))
        elif isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
    for loop, told in loops.items():
        with suppress(RuntimeError):  # the loop has closed: nobody listens any more
            loop.call_soon_threadsafe(_settle, told)


def _settle(told: Sequence[tuple[asyncio.Future[Appended], Appended | Exception]]) -> None:
    for future, outcome in told:
        if future.done():  # cancelled: its caller went away
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _for_caller(error: Exception) -> Exception:
    if isinstance(error, SqlIntegrityError):
        return Conflict("it is there already", code="already_exists")
    return error


def _reason(error: Exception, amid: str) -> str:
    if isinstance(error, GraphsvcError):
        return error.code
    if amid:
        number = error.errno if isinstance(error, OSError) else None
        return f"{amid}: {os.strerror(number) if number else type(error).__name__}"
    text = str(getattr(error, "orig", error))
    return "disk full" if "full" in text or "No space" in text else type(error).__name__
