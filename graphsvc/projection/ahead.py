"""The batch of the next turn is read and prepared in a thread of its own, while the graph takes the one before it.

Nothing durable happens there: packs are read, opened, decoded, and worked out as far as that goes without the database.
Who gets the batch, and when, is the applier's to say, so order and crash points are the same as without this thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType

from graphsvc.graph.prepare import Prepared
from graphsvc.graph.write import Writer
from graphsvc.projection.batches import Batch

CLOSE_SECONDS = 5.0
"""What is being read gets this long to end when the applier stops or fails; a store that hangs is left behind."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch and what the writer prepares of it; None where that failed: the applier meets the fault in its turn."""

    batch: Batch
    prepared: Prepared | None


class Ahead:
    """The batches of entries that have begun, entry by entry; a context manager, for one thread.

    One batch at a time is made ahead. One that was made for a turn that another entry got stays until its own turn:
    at most one for each organisation that has entries waiting.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._begun: dict[int, Iterator[Ready]] = {}
        self._made: dict[int, Future[Ready | None]] = {}
        self._orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        """Let the thread end with what it is at; what it has not begun is not made."""
        self._closing.set()
        self._orders.put(None)
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def begin(self, entry: int, submission: int, batches: Iterator[Batch], numbered_by: int | None = None) -> None:
        """Give the batches of an entry, once; they are read when they are asked for.

        ``numbered_by``: the entry by whose index new entities are numbered, where it is not the submission.
        """
        if entry not in self._begun:
            self._begun[entry] = self._ready(submission, batches, numbered_by)

    def order(self, entry: int) -> None:
        """Have the next batch of an entry that has begun made ahead, unless it is already."""
        if entry in self._made:
            return
        made: Future[Ready | None] = Future()
        self._made[entry] = made
        begun = self._begun[entry]

        def make() -> None:
            try:
                made.set_result(next(begun, None))
            except BaseException as error:
                made.set_exception(error)

        if self._thread is None:
            # A daemon: a store that hangs must not hold up the end of the service.
            self._thread = threading.Thread(target=self._run, name="applier-ahead", daemon=True)
            self._thread.start()
        self._orders.put(make)

    def take(self, entry: int) -> Ready | None:
        """The next batch of an entry that has begun, None after its last; raises what reading it raises."""
        made = self._made.pop(entry, None)
        found = next(self._begun[entry], None) if made is None else made.result()
        if found is None or found.batch.to is None:
            del self._begun[entry]
        return found

    def _ready(self, submission: int, batches: Iterator[Batch], numbered_by: int | None) -> Iterator[Ready]:
        for batch in batches:
            try:
                prepared = self._writer.prepare(submission, batch.drafts, batch.ordinals, numbered_by)
            except Exception:  # a row's fault, which the applier finds when it comes to this batch
                prepared = None
            yield Ready(batch, prepared)

    def _run(self) -> None:
        while (order := self._orders.get()) is not None and not self._closing.is_set():
            order()
