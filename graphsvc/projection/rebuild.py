"""The path of a rebuild: graph and columns made anew from the ledger, equal to what they were.

What a crash leaves. The service's own Neo4j is built beside the old one, in folders that end in ``.next``; one durable
file, ``rebuild``, decides that they are swapped in. Before it is there, the old folders are untouched and the new ones
are rubbish; once it is there, every start finishes the swap. An external server can't be built beside itself: there the
file says that graph and columns are to be emptied: every start empties them until that is done, and the applier goes on
from wherever it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from graphsvc.columns.store import Columns
from graphsvc.graph.bulk import import_arguments
from graphsvc.graph.driver import Graph
from graphsvc.graph.fingerprint import Fingerprint, count, fingerprint
from graphsvc.graph.marks import Marks
from graphsvc.graph.write import Watermark, Writer
from graphsvc.ledger.keyfiles import HANDLES_KEY, secret
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import IntegrityError
from graphsvc.model.files import sync_directory, write_durably
from graphsvc.projection.apply import Applier, Payloads, Projections
from graphsvc.projection.assemble import Progress, assemble
from graphsvc.projection.changes import EFFECTIVE, SUBMISSION

NEXT, OLD = ".next", ".old"
SWAPPED = ("neo4j", "columns")
SWAP, EMPTY = b"swap", b"empty"
MADE = "made"
"""The file in a home that says up to which entry a rebuild wrote its store."""

Import = Callable[[Path, list[str]], None]
"""Creates a Neo4j home and runs the offline import there with these arguments."""
Served = Callable[[Path, Callable[[Graph], "Rebuilt"]], "Rebuilt"]
"""Runs a Neo4j on a home, makes the constraints, and returns what the given function returns for its graph."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Accepted rows that were read, what the graph has now, and its fingerprint if that was asked for."""

    rows: int
    nodes: int
    relationships: int
    fingerprint: Fingerprint | None


@dataclass(frozen=True, slots=True)
class Source:
    """What a rebuild reads; ``data`` is the state directory, ``digest`` asks for a fingerprint of the result."""

    ledger: Ledger
    payloads: Payloads
    data: Path
    digest: bool = False
    progress: Progress | None = None


def rebuild_offline(source: Source, run_import: Import, served: Served) -> Rebuilt:
    """Build a fresh home for the own Neo4j, and fresh columns, and swap them in. Nobody may use the old ones meanwhile.

    Raises IntegrityError when the import does not hold what was written, Unavailable, OSError; then all is as before.
    """
    data, payloads = source.data, source.payloads
    # 1. Empty folders beside those in use; what an interrupted rebuild left goes.
    finish(data)
    home, columns = (data / f"{name}{NEXT}" for name in SWAPPED)
    files = home / "import"
    for folder in (files, columns):
        folder.mkdir(parents=True, mode=0o700)
    try:
        # 2. Drafts to rows: entity integers, label numbers, claims (assemble).
        marks = Marks(secret(data / HANDLES_KEY, create=False))
        made = assemble(source.ledger, (payloads.store, payloads.keys), (files, columns), marks, source.progress)
        # 3. Rows to a store; constraints and indexes on a server of its own.
        run_import(home, import_arguments(files))
        shutil.rmtree(files)
        files.mkdir()

        def check(graph: Graph) -> Rebuilt:
            counted = count(graph)
            if counted != (made.nodes, made.relationships) or Writer(graph).watermark() != Watermark(made.index):
                raise IntegrityError("the import did not take everything")
            return Rebuilt(made.rows, *counted, fingerprint(graph) if source.digest else None)

        done = served(home, check)
        write_durably(home / MADE, str(made.index).encode())
    except BaseException:
        for folder in (home, columns):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    # 4. One durable file, and the new ones are those in use.
    write_durably(data / "rebuild", SWAP)
    finish(data)
    return done


def rebuild_online(source: Source, graph: Graph) -> Rebuilt:
    """Empty an external server and the columns, and let the applier fill them again; raises what the applier raises."""
    ledger, progress = source.ledger, source.progress
    write_durably(source.data / "rebuild", EMPTY)
    finish(source.data, graph)
    writer = Writer(graph, Marks(secret(source.data / HANDLES_KEY, create=False)))
    applier = Applier(ledger, source.payloads, Projections(writer, Columns(source.data / "columns")))
    total = len(ledger.indexes(0, ledger.head, EFFECTIVE))
    applier.catch_up(None if progress is None else lambda done: progress(done, total))
    submissions = ledger.indexes(0, ledger.head, (SUBMISSION,))
    rows = sum(ledger.open_header(index)["body"]["accepted"] for index, _ in submissions)
    return Rebuilt(rows, *count(graph), fingerprint(graph) if source.digest else None)


def made_at(home: Path) -> int:
    """The entry up to which a rebuild wrote the store of a home; -1 for a store that was never rebuilt.

    What was erased after that entry may still lie in its files.
    """
    try:
        return int((home / MADE).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return -1


def finish(data: Path, graph: Graph | None = None) -> None:
    """Finish what a rebuild decided, or remove what one that was interrupted left. Part of every start.

    Without ``graph`` only a swap is finished: that must be before Neo4j starts. Raises IntegrityError for a marker
    that no rebuild writes, OSError.
    """
    marker = data / "rebuild"
    decided = marker.read_bytes() if marker.exists() else b""
    if marker.exists() and decided not in (SWAP, EMPTY):
        raise IntegrityError(
            "the file does not say what a rebuild has decided: remove it, then run graphsvc rebuild",
            code="rebuild_marker",
            where=str(marker),
        )
    if decided == EMPTY:
        if graph is None:
            return
        shutil.rmtree(data / "columns", ignore_errors=True)
        graph.empty()
    for name in SWAPPED:
        current, fresh, old = (data / f"{name}{end}" for end in ("", NEXT, OLD))
        if decided == SWAP and fresh.exists():
            shutil.rmtree(old, ignore_errors=True)
            if current.exists():
                current.rename(old)
            fresh.rename(current)
        shutil.rmtree(fresh, ignore_errors=True)
    if decided:
        sync_directory(data)
        marker.unlink()
        sync_directory(data)
    for name in SWAPPED:
        shutil.rmtree(data / f"{name}{OLD}", ignore_errors=True)
