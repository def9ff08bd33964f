"""The connection to Neo4j: the one place that opens sessions, and turns the driver's errors into ours.

The driver is the synchronous one. Reads run in a small pool of threads of their own, which costs a fifth less CPU per
read than the asynchronous driver (0.53 against 0.66 ms for two hops, eight callers), since the codec is native code and
an answer is a handful of messages.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import cache
from typing import Any, TypeVar

from neo4j import READ_ACCESS, Driver, GraphDatabase, NotificationMinimumSeverity, Query, Session, Transaction
from neo4j.exceptions import (
    AuthError,
    ClientError,
    ConfigurationError,
    DatabaseError,
    DriverError,
    Neo4jError,
)

from graphsvc.graph.constraints import AWAIT_INDEXES, CONSTRAINTS, EMPTY, FIRST_WATERMARK, check_kinds
from graphsvc.graph.statements import Parameters
from graphsvc.model.errors import GraphsvcError, IntegrityError, Unavailable

READERS = 8
"""Threads that read at once, and so connections held for reading."""

READ_SECONDS = 20.0
"""The server ends a read that takes longer."""

WRITE_SECONDS = 300.0
"""The server ends a write transaction that takes longer; it is tried again, and in smaller parts."""

CLOSE_SECONDS = 5.0
"""Reads in flight get this long to end when the service stops; then their connections are closed."""

TOO_MUCH = (
    "Neo.TransientError.General.OutOfMemoryError",
    "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
    "Neo.TransientError.General.TransactionOutOfMemoryError",
    "Neo.TransientError.General.StackOverFlowError",
)
"""The server's codes for a statement that needed more memory than there is, while the server itself goes on."""

TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"
"""How the server's codes for a transaction that took too long begin. The statement may be fine, the machine busy."""

T = TypeVar("T")


class Graph:
    """One Neo4j database. Thread-safe; close it when done."""

    def __init__(self, driver: Driver, database: str) -> None:
        self._driver = driver
        self._database = database
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="graph")
        self._kinds: frozenset[str] = frozenset()
        self._closing = threading.Event()

    @classmethod
    def open(cls, uri: str, auth: tuple[str, str], database: str = "neo4j") -> Graph:
        """Connect and check that the server answers. Raises Unavailable; the message holds no address or secret."""
        with _translated():
            driver = GraphDatabase.driver(
                uri,
                auth=auth,
                user_agent="graphsvc",
                telemetry_disabled=True,
                notifications_min_severity=NotificationMinimumSeverity.OFF,
                max_connection_pool_size=READERS + 8,
                connection_timeout=10,
                connection_acquisition_timeout=20,
                max_transaction_retry_time=10,
            )
            try:
                driver.verify_connectivity()
            except BaseException:
                driver.close()
                raise
        return cls(driver, database)

    def close(self) -> None:
        """End all reads in flight and close all connections."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        # A server that hangs never answers: whoever still waits for it is let go when the connections close.
        ending = threading.Thread(target=self._pool.shutdown, name="graph-closing", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)
        self._driver.close()

    def constrain(self, kinds: Sequence[str]) -> None:
        """Make constraints, indexes and the first watermark where they are missing; ``kinds`` are the schema's."""
        self._kinds = check_kinds(kinds)
        with self.session() as session:
            for statement in CONSTRAINTS:
                session.run(statement).consume()
            session.run(AWAIT_INDEXES).consume()
            session.run(FIRST_WATERMARK).consume()

    def empty(self) -> None:
        """Remove everything but constraints and indexes, and set the watermark back."""
        with self.session() as session:
            for statement in EMPTY:
                session.run(statement).consume()
            session.run(FIRST_WATERMARK).consume()

    @property
    def kinds(self) -> frozenset[str]:
        """The entity kinds that may be written; empty before :meth:`constrain`."""
        return self._kinds

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that raises our errors in place of the driver's; for this package only."""
        with _translated(), self._driver.session(database=self._database) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that writes, ended by the server after :data:`WRITE_SECONDS`; for this package only."""
        with self.session() as session, session.begin_transaction(timeout=WRITE_SECONDS) as transaction:
            yield transaction

    def answer(self, statement: str, parameters: Parameters) -> list[Any]:
        """The first (and only) record of a read, as a list of its columns.

        Every statement of this package packs its answer into one record: a record object each would cost more client
        CPU than the rest of the read.
        """
        text, given = with_one_map(statement, parameters)
        query = Query(text, timeout=READ_SECONDS)
        with _translated(), self._driver.session(database=self._database, default_access_mode=READ_ACCESS) as session:
            records = list(session.run(query, given))
        return list(records[0].values()) if records else []

    async def ask(self, statement: str, parameters: Parameters, make: Callable[[list[Any]], T]) -> T:
        """What ``make`` makes of the first (and only) record of a read, a list of its columns; without one, of [].

        ``make`` may run in another thread, in the caller's context: a large answer is not put in order on the loop.
        """
        return await self.in_thread(lambda: make(self.answer(statement, parameters)))

    def alive(self) -> bool:
        """Whether the server answers."""
        try:
            return self.answer("RETURN true", {}) == [True]
        except GraphsvcError:
            return False

    def plan_ahead(self, statements: Sequence[str]) -> Future[None]:
        """Have the server plan these statements in one reading thread, one after the other; failures are ignored.

        Just after its start the server takes seconds to plan a wide read, and no question should wait for that.
        """
        return self._pool.submit(self._plan, statements)

    def _plan(self, statements: Sequence[str]) -> None:
        for statement in statements:
            if self._closing.is_set():
                return
            with suppress(GraphsvcError), self.session() as session:
                session.run(f"EXPLAIN {with_one_map(statement, {})[0]}").consume()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run ``work`` in one of the reading threads, in the caller's context."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, copy_context().run, work)


def with_one_map(statement: str, parameters: Parameters) -> tuple[str, Parameters]:
    """A statement and its parameters as members of one map.

    The server plans a statement anew for every order of magnitude of every list among its parameters, and a reader's
    scope is many lists. It knows no sizes within a map, so there is one plan.
    """
    return _mapped(statement), {"given": parameters}


@cache
def _mapped(statement: str) -> str:
    return re.sub(r"\$(\w+)", r"$given.\1", statement)


@contextmanager
def _translated() -> Iterator[None]:
    # The driver's texts hold addresses and, for constraints, stored values: only its codes may pass.
    try:
        yield
    except (AuthError, ConfigurationError) as error:
        raise Unavailable(f"Neo4j refused the connection: {type(error).__name__}", code="graph_down") from None
    except ClientError as error:
        if str(error.code).startswith(TIMED_OUT):
            raise Unavailable("Neo4j takes too long; ask again, or for less", code="graph_slow") from None
        raise IntegrityError(f"Neo4j refused a statement: {error.code}", code="graph_statement") from None
    except Neo4jError as error:
        too_much = isinstance(error, DatabaseError) or str(error.code) in TOO_MUCH
        code = "graph_refused" if too_much else "graph_down"
        raise Unavailable(f"Neo4j can't do this now: {error.code}", code=code) from None
    except DriverError as error:
        raise Unavailable(f"Neo4j can't be reached: {type(error).__name__}", code="graph_down") from None
