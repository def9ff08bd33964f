"""Make the service's own graph anew before Neo4j starts, if its files may still hold what was erased.

Neo4j marks what is deleted as free and leaves it where it was: texts in the store, keys in pages of its indexes, and
both in the transaction log. Only files that are written from scratch are known to be without it. So a start that comes
``forget_days`` or more after an erasure rebuilds graph and columns from the ledger (rebuild) into a fresh home and
removes the old one. After a crash the next start goes on as after any interrupted rebuild.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from graphsvc.graph.driver import Graph
from graphsvc.graph.fingerprint import Fingerprint, fingerprint
from graphsvc.ledger.database import first_of
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.opening import open_payloads
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.lifecycle.replay import replay_erasures
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.errors import GraphsvcError
from graphsvc.model.schema import load_schema
from graphsvc.projection.apply import Payloads
from graphsvc.projection.changes import ERASURE
from graphsvc.projection.rebuild import Source, made_at, rebuild_offline
from graphsvc.settings import Settings

T = TypeVar("T")
_log = logging.getLogger("graphsvc")


@dataclass(frozen=True, slots=True)
class Servers:
    """The Neo4j that a rebuild works with: the service's own, in any home, or the server that the settings name."""

    settings: Settings

    def import_files(self, home: Path, arguments: list[str]) -> None:
        """Fill the store of a fresh home."""
        self._child(home).import_files(arguments)

    def served(self, home: Path, work: Callable[[Graph], T]) -> T:
        """Return what ``work`` makes of the graph in a home, with its constraints; the server runs meanwhile."""
        child = self._child(home)
        child.start()
        try:
            with self._graph(child.uri, child.auth) as graph:
                return work(graph)
        finally:
            child.stop()

    @contextmanager
    def external(self) -> Iterator[Graph]:
        """The graph of the server that the settings name."""
        settings = self.settings
        with self._graph(settings.neo4j_uri, (settings.neo4j_user, settings.neo4j_password)) as graph:
            yield graph

    def seen(self) -> Fingerprint:
        """The fingerprint of the graph as it is now."""
        if not self.settings.neo4j_uri:
            return self.served(self.settings.data / "neo4j", fingerprint)
        with self.external() as graph:
            return fingerprint(graph)

    def _child(self, home: Path) -> Neo4jChild:
        return Neo4jChild(home, None, self.settings.neo4j_heap, self.settings.neo4j_pagecache)

    @contextmanager
    def _graph(self, uri: str, auth: tuple[str, str]) -> Iterator[Graph]:
        graph = Graph.open(uri, auth, self.settings.neo4j_database)
        try:
            graph.constrain(list(load_schema().kinds))
            yield graph
        finally:
            graph.close()


def renew(settings: Settings) -> bool:
    """Make the service's own graph anew if its files may hold what was erased ``forget_days`` ago or earlier.

    Returns whether it did. Call it at a start, with the state directory locked, before Neo4j and the ledger are opened.
    A failure does not stop the start: the graph stays as it was, the failure is logged and shown by ``graphsvc
    doctor``, and the next start tries again.
    """
    if settings.neo4j_uri or settings.database or not _due(settings):
        return False
    servers = Servers(settings)
    try:
        with (
            closing(Ledger.open(settings.data / "ledger", settings.origin)) as ledger,
            closing(RowKeys(settings.data / "keys" / "rows.db", create=False)) as keys,
        ):
            store = open_payloads(settings.payload_location, settings.s3_endpoint)
            replay_erasures(ledger, store, keys)
            source = Source(ledger, Payloads(store, keys), settings.data)
            rebuild_offline(source, servers.import_files, servers.served)
    except (GraphsvcError, OSError) as error:
        code = error.code if isinstance(error, GraphsvcError) else type(error).__name__
        _log.error("the graph was not made anew and may hold what was erased; the next start tries again: %s", code)
        return False
    return True


def _due(settings: Settings) -> bool:
    home, ledger = settings.data / "neo4j", settings.data / "ledger" / "ledger.db"
    if not home.exists() or not ledger.exists():
        return False
    found = first_of(ledger, ERASURE, made_at(home))
    return found is not None and (datetime.now(UTC) - datetime.fromisoformat(found)).days >= settings.forget_days
