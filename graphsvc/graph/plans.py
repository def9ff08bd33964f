"""What the server has planned. The first plan of a statement may take a minute on a machine that has just started.

A read's time limit is for reading. So a statement that was not planned yet is planned before it is run, within a limit
of its own, once however many ask for it; at the start that is done for all that questions begin with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass

from graphsvc.model.errors import GraphsvcError, Unavailable

PLAN_SECONDS = 120.0
"""The server ends the planning of a statement that takes longer."""

AHEAD_SECONDS = 300.0
"""What is planned ahead is waited for so long at the start."""

_AGAIN_SECONDS = 1.0
_THREADS = 2
"""One for what is planned ahead, one for what a question waits for."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """How far planning ahead is: ``planned`` of ``statements``; ``over``: the rest is not waited for any more."""

    statements: int
    planned: int
    over: bool


class Plans:
    """The statements that the server has planned. Thread-safe; close it when done."""

    def __init__(self, explain: Callable[[str], None]) -> None:
        """``explain`` has the server plan a statement; it blocks, and raises our errors."""
        self._explain = explain
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="graph-plans")
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._going: dict[str, Future[None]] = {}
        self._ahead, self._until = Ahead(0, 0, True), 0.0

    def made(self, statement: str) -> Future[None] | None:
        """None: the server has planned it. Else what ends once it has; it fails as the statement would."""
        if statement in self._known:
            return None
        with self._lock:
            if statement not in self._going:
                try:
                    self._going[statement] = self._threads.submit(self._make, statement, self._known)
                except RuntimeError:
                    raise Unavailable("Neo4j can't be reached: closed", code="graph_down") from None
            return self._going[statement]

    def forget(self) -> None:
        """The server may be another one, or have been started anew: it has planned nothing."""
        with self._lock:
            self._known = set()

    def make_ahead(self, statements: Sequence[str]) -> Future[None]:
        """Have these planned anew, one after the other, until all are or the time is up."""
        self.forget()
        self._ahead, self._until = Ahead(len(statements), 0, False), time.monotonic() + AHEAD_SECONDS
        done: Future[None] = Future()
        threading.Thread(
            target=self._make_ahead, args=(list(statements), done), name="graph-ahead", daemon=True
        ).start()
        return done

    @property
    def ahead(self) -> Ahead:
        """How far planning ahead is."""
        ahead = self._ahead
        return ahead if time.monotonic() < self._until else Ahead(ahead.statements, ahead.planned, True)

    def close(self) -> None:
        """Plan nothing more; what is being planned is waited for by nobody."""
        self._closing.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _make(self, statement: str, known: set[str]) -> None:
        try:
            self._explain(statement)
            known.add(statement)
        finally:
            with self._lock:
                self._going.pop(statement, None)

    def _make_ahead(self, left: list[str], done: Future[None]) -> None:
        statements, planned = len(left), 0
        while left and not self._closing.is_set() and time.monotonic() < self._until:
            again = []
            for statement in left:
                try:
                    if (going := self.made(statement)) is not None:
                        going.result()
                    planned += 1
                except Unavailable:
                    again.append(statement)
                except (GraphsvcError, CancelledError):
                    continue  # it can't be planned, or nothing is any more
                self._ahead = Ahead(statements, planned, False)
            left = again
            if left:
                self._closing.wait(_AGAIN_SECONDS)
        self._ahead = Ahead(statements, planned, True)
        done.set_result(None)
