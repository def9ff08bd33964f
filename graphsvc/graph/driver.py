"""The connection to Neo4j: the one place that opens sessions, and turns the driver's errors into ours.

Questions are read by a client of our own on the event loop (:mod:`graphsvc.graph.bolt`). Everything else goes through
the official, synchronous driver: writes, constraints, plans, reads of threads, and all reads where the URL asks for
routing or a setting for the driver. Then they run in a small pool of threads.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from typing import Any, TypeVar

from neo4j import READ_ACCESS, Driver, GraphDatabase, NotificationMinimumSeverity, Query, Session, Transaction
from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Neo4jError

from graphsvc.graph.bolt.address import read_address
from graphsvc.graph.bolt.client import Client
from graphsvc.graph.bolt.connection import GRACE_SECONDS
from graphsvc.graph.bolt.packstream import unpack, unpack_list
from graphsvc.graph.bolt.pool import WAIT_SECONDS
from graphsvc.graph.constraints import AWAIT_INDEXES, CONSTRAINTS, EMPTY, FIRST_WATERMARK, check_kinds
from graphsvc.graph.failures import failed, refused, slow, unreachable
from graphsvc.graph.plans import PLAN_SECONDS, Ahead, Plans
from graphsvc.graph.statements import Parameters
from graphsvc.model.errors import GraphsvcError, Unavailable

READERS = 8
"""Reads at once, and so connections held for reading; and as many threads, for what is large."""

READ_SECONDS = 20.0
"""The server ends a read that takes longer."""

WRITE_SECONDS = 300.0
"""The server ends a write transaction that takes longer; it is tried again, and in smaller parts."""

CLOSE_SECONDS = 5.0
"""Reads in flight get this long to end when the service stops; then their connections are closed."""

SMALL = 32 << 10
"""An answer of more bytes is unpacked and put in order in a thread: some two hundred claims."""

BOLT, DRIVER = "bolt", "driver"
"""Who reads: the client of our own, or the official driver."""

ABOUT = """CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel'
RETURN versions[0], datetime().epochMillis"""

T = TypeVar("T")


class Graph:
    """One Neo4j database. Thread-safe; close it when done."""

    def __init__(
        self, driver: Driver, database: str, connect: Callable[[Callable[[], None]], Client] | None = None
    ) -> None:
        """``connect`` makes what answers :meth:`ask`, given whom to tell of lost connections; None: the driver does."""
        self._driver = driver
        self._database = database
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="graph")
        self._kinds: frozenset[str] = frozenset()
        self._plans = Plans(self._explain)
        self._client = None if connect is None else connect(self._plans.forget)

    @classmethod
    def open(cls, uri: str, auth: tuple[str, str], database: str = "neo4j", reader: str = BOLT) -> Graph:
        """Connect and check that the server answers. Raises Unavailable; the message holds no address or secret.

        ``reader`` is :data:`BOLT` or :data:`DRIVER`; ``neo4j`` URLs are read by the driver in any case.
        """
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
        address = None if reader == DRIVER else read_address(uri)
        return cls(driver, database, None if address is None else partial(Client, address, auth, database, READERS))

    def close(self) -> None:
        """End all reads in flight and close all connections."""
        self._plans.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        # A server that hangs never answers: whoever still waits for it is let go when the connections close.
        ending = threading.Thread(target=self._pool.shutdown, name="graph-closing", daemon=True)
        ending.start()
        until = time.monotonic() + CLOSE_SECONDS
        if self._client is not None:
            self._client.close(CLOSE_SECONDS)
        ending.join(max(0.0, until - time.monotonic()))
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

    async def ask(self, statement: str, parameters: Parameters, make: Callable[[list[Any]], T]) -> T:
        """What ``make`` makes of the first (and only) record of a read, a list of its columns; without one, of [].

        Every statement of this package packs its answer into one record: a record object each would cost more than the
        rest of the read. ``make`` may run in another thread, in the caller's context: a large answer is not put in
        order on the loop. Raises Unavailable, IntegrityError, and what ``make`` raises.
        """
        text, given = with_one_map(statement, parameters)
        # 1. Planned before it is timed. Others may wait for the same plan, so nobody may cancel it.
        if (planning := self._plans.made(text)) is not None:
            await asyncio.shield(asyncio.wrap_future(planning))
        pool = None if self._client is None else await self._client.here()
        # 2. By the driver, which blocks, in a thread.
        if self._client is None or pool is None:
            try:
                async with asyncio.timeout(READ_SECONDS + GRACE_SECONDS + WAIT_SECONDS):
                    return await self.in_thread(lambda: make(self._answered(text, given)))
            except TimeoutError:
                raise slow() from None
        # 3. On the loop.
        record = await self._client.run(pool, text, given, READ_SECONDS)
        if record is None:
            return make([])
        if len(record) <= SMALL:
            return make(unpack(record, 2)[0])
        return await self.in_thread(lambda: make(unpack_list(record, 2)))

    def answer(self, statement: str, parameters: Parameters) -> list[Any]:
        """The first (and only) record of a read, as a list of its columns; [] without one. Blocks."""
        text, given = with_one_map(statement, parameters)
        if (planning := self._plans.made(text)) is not None:
            planning.result()
        return self._answered(text, given)

    def _answered(self, text: str, given: Parameters) -> list[Any]:
        query = Query(text, timeout=READ_SECONDS)
        try:
            with (
                _translated(),
                self._driver.session(database=self._database, default_access_mode=READ_ACCESS) as session,
            ):
                records = list(session.run(query, given))
        except Unavailable as error:
            if error.code == "graph_down":
                self._plans.forget()
            raise
        return list(records[0].values()) if records else []

    def alive(self) -> bool:
        """Whether the server answers."""
        try:
            return self._answered("RETURN true", {}) == [True]
        except GraphsvcError:
            return False

    def about(self) -> tuple[str, float]:
        """The server's version, and its clock in seconds since the epoch. Raises Unavailable."""
        version, now = self._answered(ABOUT, {})
        return str(version), int(now) / 1000

    def plan_ahead(self, statements: Sequence[str]) -> Future[None]:
        """Have the server plan these statements, one after the other; returns at once. Failures stop no other.

        Just after its start the server takes seconds to plan a wide read, and no question should wait for that.
        """
        return self._plans.make_ahead([with_one_map(statement, {})[0] for statement in statements])

    @property
    def ahead(self) -> Ahead:
        """How far :meth:`plan_ahead` is."""
        return self._plans.ahead

    def _explain(self, text: str) -> None:
        statement, given = explaining(text)
        for again in (True, False):
            try:
                with self.session() as session:
                    session.run(Query(statement, timeout=PLAN_SECONDS), given).consume()
                return
            except Unavailable as error:
                # The driver may have used a connection that the server has ended; by that it drops all such.
                if error.code != "graph_down" or not again:
                    raise

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run ``work`` in one of the reading threads, in the caller's context."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, copy_context().run, work)


def with_one_map(statement: str, parameters: Parameters) -> tuple[str, Parameters]:
    """A statement and its parameters as members of one map.

    The server plans a statement anew for every order of magnitude of every list among its parameters, and a reader's
    scope is many lists. It knows no sizes within a map, so there is one plan.
    """
    return _mapped(statement), {"given": parameters}


def explaining(text: str) -> tuple[str, Parameters]:
    """What makes the server plan a statement that :func:`with_one_map` returned, and keep the plan.

    Without a map it keeps none: a plan goes by the types of parameters, and one that is missing has none.
    """
    return f"EXPLAIN {text}", {"given": {}}


@cache
def _mapped(statement: str) -> str:
    return re.sub(r"\$(\w+)", r"$given.\1", statement)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (AuthError, ConfigurationError) as error:
        raise refused(type(error).__name__) from None
    except Neo4jError as error:
        raise failed(str(error.code)) from None
    except DriverError as error:
        raise unreachable(type(error).__name__) from None
