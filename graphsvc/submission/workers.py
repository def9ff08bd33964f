"""Worker processes for intake: cleaning and sealing rows would otherwise keep readers and the applier waiting.

Each worker loads schema and policies once and takes in one body after the other. A worker ends when its pipe closes,
so none outlives the service, however that ends; one that dies, or meets an unexpected error, is replaced, and
nothing refers to what it was doing. A worker's memory is limited: one body can't take the machine's. Workers run with
low priority: what they have not taken in yet waits in a file, while readers and the graph's writer are waited for.
"""

from __future__ import annotations

import errno
import gc
import logging
import multiprocessing
import os
import queue
import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType
from typing import overload

from graphsvc.ledger.objects import PayloadStore
from graphsvc.ledger.opening import open_payloads
from graphsvc.ledger.payload import Packer
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import GraphsvcError, InvalidInput, InvalidManifest, TooLarge, Unavailable
from graphsvc.model.keyeddigests import KeyedDigests
from graphsvc.model.labels import Label
from graphsvc.model.principals import Principal
from graphsvc.model.schema import Schema, load_schema
from graphsvc.policy.decide import Decider
from graphsvc.policy.rules import policies_of
from graphsvc.submission.intake import Intake, Order, take_in
from graphsvc.submission.preview import Look, preview
from graphsvc.wire.submissions import Preview
from importers.mapping import load_mapping

MEMORY = 1 << 30
"""At most this many bytes of data in a worker: rows stream, so even large bodies need some 300 MB at most."""

NICE = 15
"""How far workers stand back, on the system's scale from 0 to 19."""

_log = logging.getLogger("graphsvc.submission.workers")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a worker finds what it needs."""

    schema: Path
    payloads: str
    s3_endpoint: str = ""
    digest_key: bytes = field(default=b"", kw_only=True, repr=False)
    """The key of numbers that are kept as digests only."""


@dataclass(frozen=True, slots=True)
class Task:
    """One body to take in. ``name`` binds its sealed rows to the submission; empty: a dry run, nothing is sealed."""

    path: Path
    media_type: str
    mapping: bytes | None
    seed: bytes
    defaults: Defaults
    principal: Principal
    name: str
    max_row: int
    rows: int
    """The rows that the manifest states."""
    policies: Mapping[str, str]
    """The texts of the policy files in force."""
    reference_key: bytes = field(kw_only=True, repr=False)
    """The key of the organisation's own references."""
    groups: frozenset[str] = frozenset()
    """The sharing groups that the submitter's organisation belongs to."""
    closed: frozenset[str] = frozenset()
    """Those of the policy files that can't be used, and allow nothing."""
    leaves: Path | None = None
    """The file that gets the rows' leaf hashes; None: they are not kept."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a task: the counts and roots, and for sealed rows the packs' digests and the secrets to keep."""

    intake: Intake
    packs: list[str]
    secrets: dict[str, bytes]


_CALLERS: Mapping[str, type[InvalidInput]] = MappingProxyType(
    {kind.__name__: kind for kind in (InvalidManifest, TooLarge, InvalidInput)}
)
"""Errors that are the caller's mistakes: they keep their class between processes."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """An error on its way between processes. ``last``: the worker ends with it."""

    kind: str
    """A name of :data:`_CALLERS`, ``disk``, ``memory``, or ``fault`` for all else."""
    message: str = ""
    code: str = ""
    where: str = ""
    errno: int = 0
    last: bool = False

    def error(self) -> Exception:
        if self.kind == "disk":
            return OSError(self.errno, os.strerror(self.errno))
        if self.kind == "memory":
            message = "this needs more memory than one submission may have: split the file or simplify its mapping"
            return TooLarge(message, code="too_much_memory", where="part body")
        if (kind := _CALLERS.get(self.kind)) is not None:
            return kind(self.message, code=self.code, where=self.where)
        return Unavailable("the submission could not be taken in; nothing was kept", code="intake_failed")


class Workers:
    """A few worker processes. Thread-safe; as many bodies at once as there are workers, others wait their turn."""

    def __init__(self, places: Places, count: int, memory: int = MEMORY, nice: int = NICE) -> None:
        self.count = count
        self._free: queue.Queue[_Worker] = queue.Queue()
        self._all = [_Worker(places, memory, nice) for _ in range(count)]
        for worker in self._all:
            self._free.put(worker)

    def take_in(self, task: Task) -> Taken:
        """Run one task.

        Raises InvalidInput (what stops a whole file; TooLarge, InvalidManifest), OSError (disk), Unavailable (a worker
        died, or met an unexpected error).
        """
        with self._worker() as worker:
            return worker.ask(task)

    def look(self, look: Look) -> Preview:
        """What a file would become; nothing of it is kept. Raises as :meth:`take_in` does."""
        with self._worker() as worker:
            return worker.ask(look)

    def close(self) -> None:
        """Let the workers end."""
        for worker in self._all:
            worker.end()

    @contextmanager
    def _worker(self) -> Iterator[_Worker]:
        worker = self._free.get()
        try:
            yield worker
        finally:
            self._free.put(worker)


class _Worker:
    """One process and our end of its pipe."""

    def __init__(self, places: Places, memory: int, nice: int) -> None:
        self._places = places
        self._memory = memory
        self._nice = nice
        self._start()

    def _start(self) -> None:
        # Spawned, not forked: this process has threads, and a fork would copy their locks as they stand.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_work, args=(theirs, self._places, self._memory, self._nice), name="intake", daemon=True
        )
        self._process.start()
        theirs.close()

    @overload
    def ask(self, task: Task) -> Taken: ...
    @overload
    def ask(self, task: Look) -> Preview: ...
    def ask(self, task: Task | Look) -> Taken | Preview:
        """What came of a task, or of looking at a file. Raises as :meth:`Workers.take_in` does."""
        answer: Taken | Preview | _Failed
        try:
            self._pipe.send(task)
            answer = self._pipe.recv()
        except (EOFError, OSError):
            answer = _Failed("fault", last=True)
        if isinstance(answer, _Failed):
            if answer.last:
                self.end()
                self._start()
            raise answer.error()
        return answer

    def end(self) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


@lru_cache(maxsize=1)
def _decider(files: tuple[tuple[str, str], ...], closed: frozenset[str]) -> Decider:
    """The decider for policies by their texts: made again only when another version is in force."""
    return Decider(policies_of(dict(files), closed))


def _work(pipe: Connection, places: Places, memory: int, nice: int) -> None:
    if hasattr(os, "nice"):
        os.nice(nice)
    # Drafts make no reference cycles: looking for some among all that was loaded costs more than it finds.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    # The limit is on data, not on the address space: only data grows with what a body needs.
    _, hardest = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory if hardest == resource.RLIM_INFINITY else min(memory, hardest)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hardest))
    schema = load_schema(places.schema, KeyedDigests(places.digest_key))
    _serve(pipe, schema, open_payloads(places.payloads, places.s3_endpoint))


def _serve(pipe: Connection, schema: Schema, store: PayloadStore) -> None:
    """Take in what the service sends until it is gone, or memory was short."""
    while True:
        try:
            task: Task | Look = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        answer = _answered(task, schema, store)
        try:
            pipe.send(answer)
        except OSError:
            # The service was killed meanwhile: nobody will ever refer to what was sealed for it.
            for pack in answer.packs if isinstance(answer, Taken) else ():
                store.remove(pack)
            return
        if isinstance(answer, _Failed) and answer.last:
            return


def _answered(task: Task | Look, schema: Schema, store: PayloadStore) -> Taken | Preview | _Failed:
    """What came of a task. Messages of unexpected errors are not passed on: they may hold what is in the rows."""
    try:
        if isinstance(task, Look):
            return preview(task, schema, _asking(task))
        return _take_in(task, schema, store)
    except InvalidInput as error:
        kind = next(name for name, known in _CALLERS.items() if isinstance(error, known))
        return _Failed(kind, error.message, error.code, error.where)
    except GraphsvcError:
        return _Failed("fault")
    except OSError as error:
        if error.errno == errno.ENOMEM:
            return _Failed("memory", last=True)
        return _Failed("disk", errno=error.errno or errno.EIO)
    except MemoryError:
        return _Failed("memory", last=True)
    except Exception as error:  # the rows may be strange in a way that nobody thought of
        _log.error("a submission could not be taken in: %s", type(error).__name__)
        return _Failed("fault", last=True)


def _asking(task: Task | Look) -> Callable[[Label], bool]:
    """Whether the submitter may submit under a label, by the policies in force."""
    decider = _decider(tuple(task.policies.items()), task.closed)
    return lru_cache(maxsize=4096)(lambda label: decider.may_submit(task.principal, label))


def _take_in(task: Task, schema: Schema, store: PayloadStore) -> Taken:
    order = Order(
        path=task.path,
        media_type=task.media_type,
        mapping=None if task.mapping is None else load_mapping(task.mapping, schema),
        seed=task.seed,
        defaults=task.defaults,
        organisation=task.principal.organisation,
        schema=schema,
        may_submit=_asking(task),
        groups=task.groups,
        max_row=task.max_row,
        rows=task.rows,
        reference_key=task.reference_key,
        leaves=task.leaves,
    )
    if not task.name:
        return Taken(take_in(order, None), [], {})
    packer = Packer(store, task.name)
    with store.or_removed(packer.packs):
        intake = take_in(order, packer)
        return Taken(intake, *packer.finish())
