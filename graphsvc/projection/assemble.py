"""From the ledger's sealed drafts to everything that a fresh graph and fresh columns hold, without a server.

Worker processes open and decode packs, then write their rows. This process alone gives entities their integers and
labels their numbers, in ledger order. So a worker gets a pack, reports the keys that it names, and writes the rows when
it has their numbers. Memory: some 250 bytes for each entity of the graph, and one pack per worker.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec

from graphsvc.columns.store import Columns
from graphsvc.graph.bulk import DraftFiles, write_rest
from graphsvc.graph.marks import Marks
from graphsvc.graph.numbering import Numbering
from graphsvc.graph.prepare import mentions
from graphsvc.ledger.anew import open_anew
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, RowKeys, pack_rows, read_drafts
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import IntegrityError, Unavailable
from graphsvc.model.labels import Label
from graphsvc.model.names import name_rows
from graphsvc.model.places import ROW_BITS, record_int
from graphsvc.projection.batches import read_draft
from graphsvc.projection.changes import BRINGING, EFFECTIVE, SUBMISSION, Plan, read_plan

ALWAYS = (1 << 62) - 1
Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)``, counted in accepted rows."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A sealed pack with its keys: pack ``number`` of a submission, whose items are bound to ``name``.

    ``entry`` is the one that brings its rows: the submission itself, or a later one that reapplies some or has them
    cleaned anew. ``numbered_by`` is the one by whose index new entities are numbered.
    """

    entry: int
    submission: int
    numbered_by: int
    number: int
    name: str
    data: bytes
    keys: bytes


@dataclass(slots=True)
class Named:
    """What a pack names, each entity once: key, kind, ordinal of its first mention.

    ``until`` is the entry at which the last of its records in this pack goes (:data:`ALWAYS`: none). ``touched`` are
    the final labels of those of its records that stay, as positions in ``labels``.
    """

    rows: int = 0
    records: int = 0
    claims: int = 0
    ordinals_used: int = 0
    keys: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    until: list[int] = field(default_factory=list)
    touched: list[tuple[int, ...]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Assembled:
    """What was written: accepted rows read, nodes and relationships of all kinds, and the last entry in the graph."""

    rows: int
    nodes: int
    relationships: int
    index: int


def assemble(
    ledger: Ledger,
    payloads: tuple[PayloadStore, RowKeys],
    folders: tuple[Path, Path],
    marks: Marks,
    progress: Progress | None = None,
) -> Assembled:
    """Write files for the offline import into the first folder and columns into the second, both empty.

    Raises IntegrityError when a payload is missing or altered, Unavailable when a worker dies, OSError.
    """
    files, columns = folders
    head = ledger.head
    effective = ledger.indexes(0, head, EFFECTIVE)
    plan = read_plan(ledger, effective)
    with _Workers(folders, plan, marks, os.cpu_count() or 1) as workers:
        numbering = Numbering({})
        state = _Entities()
        rows, records, claims, total = 0, 0, 0, _accepted(ledger, effective)
        for pack, named in workers.read(_packs(ledger, payloads, effective, plan)):
            lids = [numbering.number(label) for label in named.labels]
            workers.write(state.take(pack, named, lids), lids)
            rows, records, claims = rows + named.rows, records + named.records, claims + named.claims
            if progress is not None:
                progress(rows, total)
    _gather(columns)
    index = effective[-1][0] if effective else -1
    entities = write_rest(files, state.left(), numbering.new, index, marks)
    nodes = records + entities + len(numbering.new) + 1
    return Assembled(rows, nodes, claims, index)


def _accepted(ledger: Ledger, effective: list[tuple[int, str]]) -> int:
    return sum(ledger.open_header(index)["body"]["accepted"] for index, kind in effective if kind == SUBMISSION)


def _packs(
    ledger: Ledger, payloads: tuple[PayloadStore, RowKeys], effective: list[tuple[int, str]], plan: Plan
) -> Iterator[Pack]:
    store, keys = payloads
    for index, kind in effective:
        rest, row = plan.rest.get(index), 0
        if kind not in BRINGING or rest == 0:
            continue
        submission = plan.submission(index)
        if (anew := plan.anew.get(index)) is not None:
            yield Pack(index, submission, index, 0, anew.name, *open_anew(store, keys, anew))
            continue
        body = ledger.open_header(submission)["body"]
        for number, name in enumerate(body["packs"]):
            if rest is not None and row >= rest:
                break
            pack = Pack(index, submission, submission, number, body["name"], store.get(name), keys.open(name))
            row = max(pack_rows(pack.data), default=row - 1) + 1
            yield pack


class _Entities:
    """The entities so far, each with its integer and the entry until which some record keeps it. Arrays save memory."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}
        self._ids, self._until = array("q"), array("q")
        self._kinds, self._lids = array("H"), array("L")
        self._kind_names: dict[str, int] = {}
        self._lid_sets: dict[tuple[int, ...], int] = {(): 0}
        self._sets: list[tuple[int, ...]] = [()]
        self._merged: dict[tuple[int, tuple[int, ...]], int] = {}
        self._entry, self._base = -1, 0

    def take(self, pack: Pack, named: Named, lids: list[int]) -> array[int]:
        """The integers of the entities that a pack names. Packs must come in ledger order."""
        if pack.entry != self._entry:
            self._entry, self._base = pack.entry, 0
        first = pack.numbered_by << ROW_BITS | self._base
        self._base += named.ordinals_used
        places = {touched: tuple(sorted(lids[at] for at in touched)) for touched in set(named.touched)}
        found = array("q")
        slots, ids, untils = self._slots, self._ids, self._until
        for at, (key, until) in enumerate(zip(named.keys, named.until, strict=True)):
            slot = slots.get(key)
            if slot is None:
                slot = slots[key] = len(ids)
                ids.append(first + named.ordinals[at])
                untils.append(until)
                self._kinds.append(self._kind_names.setdefault(named.kinds[at], len(self._kind_names)))
                self._lids.append(0)
            elif untils[slot] < pack.entry:
                # Every record that named it had gone before this entry came, and it with them.
                ids[slot], untils[slot] = first + named.ordinals[at], until
            elif untils[slot] < until:
                untils[slot] = until
            self._lids[slot] = self._merge(self._lids[slot], places[named.touched[at]])
            found.append(ids[slot])
        return found

    def left(self) -> Iterator[tuple[int, str, str, str]]:
        """The entities that are there in the end."""
        kinds = list(self._kind_names)
        texts = [";".join(map(str, lids)) for lids in self._sets]
        for key, slot in self._slots.items():
            if self._until[slot] == ALWAYS:
                yield self._ids[slot], key, kinds[self._kinds[slot]], texts[self._lids[slot]]

    def _merge(self, known: int, more: tuple[int, ...]) -> int:
        found = self._merged.get((known, more))
        if found is None:
            both = tuple(sorted({*self._sets[known], *more}))
            found = self._merged[known, more] = self._lid_sets.setdefault(both, len(self._sets))
            if found == len(self._sets):
                self._sets.append(both)
        return found


class _Workers:
    """Processes that read and write packs in turn, so that the order of packs is known without asking."""

    def __init__(self, folders: tuple[Path, Path], plan: Plan, marks: Marks, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._current = 0
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, folders, plan, marks, number), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            if failed is None:
                pipe.send(None)
            else:
                process.terminate()
            process.join()
            pipe.close()
        if failed is None and any(process.exitcode for process in self._processes):
            raise Unavailable("a worker of the rebuild failed", code="worker_failed")

    def read(self, packs: Iterator[Pack]) -> Iterator[tuple[Pack, Named]]:
        """Each pack with what it names, in order; :meth:`write` must follow before the next is taken."""
        count = len(self._pipes)
        waiting: list[Pack] = []
        turn = 0
        for turn, pack in enumerate(packs):
            if len(waiting) == count:
                yield self._named(waiting.pop(0), (turn - count) % count)
            self._pipes[turn % count].send(pack)
            waiting.append(pack)
        for at, pack in enumerate(waiting):
            yield self._named(pack, (turn + 1 - len(waiting) + at) % count)

    def write(self, ids: array[int], lids: list[int]) -> None:
        """Have the pack that was read last written, with these integers and label numbers."""
        self._pipes[self._current].send((ids, lids))

    def _named(self, pack: Pack, worker: int) -> tuple[Pack, Named]:
        self._current = worker
        try:
            named = self._pipes[worker].recv()
        except EOFError:
            raise Unavailable("a worker of the rebuild failed", code="worker_failed") from None
        if isinstance(named, str):
            raise IntegrityError(named, where=f"entry {pack.entry}, pack {pack.number}")
        assert isinstance(named, Named)
        return pack, named


def _work(pipe: Connection, folders: tuple[Path, Path], plan: Plan, marks: Marks, number: int) -> None:
    # Drafts make no reference cycles, and looking for some among a pack's objects takes most of the reading time.
    gc.disable()
    columns = Columns(folders[1] / f"of-{number}")
    with DraftFiles(folders[0], number, marks) as files:
        while (pack := pipe.recv()) is not None:
            try:
                drafts, labels, places, named = _read(pack, plan)
            except IntegrityError as error:
                pipe.send(error.message)
                continue
            pipe.send(named)
            ids, lids = pipe.recv()
            kept = [at for at, label in enumerate(labels) if label is not None]
            left = [drafts[at] for at in kept]
            own = [[ids[place] for place in places[at]] for at in kept]
            under = [lids[label] for label in labels if label is not None]
            files.write(pack.submission, left, own, under)
            later = None if pack.entry == pack.submission else pack.entry
            columns.append_drafts(pack.submission, pack.number, left, own, under, later)


def _read(pack: Pack, plan: Plan) -> tuple[list[CleanDraft], list[int | None], list[list[int]], Named]:
    """The drafts of a pack, each one's last label (None: it has gone), its entities' places, and what is named."""
    named = Named()
    drafts: list[CleanDraft] = []
    begins: list[int] = []
    brings = plan.brings_last(pack.entry)
    for sealed in read_drafts(pack.data, pack.keys, pack.name):
        if brings(sealed.row) and (sealed.draft is not None or sealed.damaged):
            draft = read_draft(sealed)
            if draft is None:
                raise IntegrityError(f"row {sealed.row} can't be read; the service sets it aside, a rebuild does not")
            came = plan.label_at(pack.entry, record_int(pack.submission, sealed.row), draft.label)
            drafts.append(msgspec.structs.replace(draft, label=came))
            begins.append(named.ordinals_used)
        named.rows += pack.entry == pack.submission
        named.ordinals_used += sealed.entities
    known: dict[Label, int] = {}
    found = mentions(drafts, begins)
    touched: list[set[int]] = [set() for _ in found.keys]
    named.until = [-1] * len(found.keys)
    labels: list[int | None] = []
    for draft, own in zip(drafts, found.positions, strict=True):
        record = record_int(pack.submission, draft.row)
        fate = plan.fate(record, draft.label)
        label = None if fate is None else known.setdefault(fate, len(known))
        labels.append(label)
        until = plan.gone.get(record, ALWAYS)
        for place in own:
            named.until[place] = max(named.until[place], until)
            if label is not None:
                touched[place].add(label)
    left = [draft for draft, label in zip(drafts, labels, strict=True) if label is not None]
    named.records, named.claims = len(left), sum(map(_relationships, left))
    named.keys, named.kinds, named.ordinals, named.labels = found.keys, found.kinds, found.ordinals, list(known)
    named.touched = [tuple(sorted(each)) for each in touched]
    return drafts, labels, found.positions, named


def _relationships(draft: CleanDraft) -> int:
    names = (len(rows.terms) for entity in draft.entities for rows in name_rows(entity.attributes))
    return len(draft.entities) + len(draft.links) + sum(names)


def _gather(columns: Path) -> None:
    """Bring the workers' parts together."""
    for folder in sorted(columns.glob("of-*")):
        for path in folder.iterdir():
            path.rename(columns / path.name)
        folder.rmdir()
