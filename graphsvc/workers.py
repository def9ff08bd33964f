"""Worker processes for intake: cleaning and sealing rows would otherwise keep readers and the applier waiting.

Each worker loads schema and policies once and takes in one body after the other. A worker ends when its pipe closes,
so none outlives the service, however that ends; one that dies is replaced, and nothing refers to what it was doing.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from graphsvc.intake import Intake, Order, take_in
from graphsvc.ledger.objects import open_payloads
from graphsvc.ledger.payload import Packer
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import GraphsvcError, InvalidInput, Unavailable
from graphsvc.model.principals import Principal
from graphsvc.model.schema import load_schema
from graphsvc.policy.decide import Decider
from graphsvc.policy.rules import policies_of
from importers.mapping import load_mapping


@dataclass(frozen=True, slots=True)
class Places:
    """Where a worker finds what it needs."""

    schema: Path
    payloads: str
    s3_endpoint: str = ""


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
    policies: Mapping[str, str]
    """The texts of the policy files in force."""
    groups: frozenset[str] = frozenset()
    """The sharing groups that the submitter's organisation belongs to."""
    closed: frozenset[str] = frozenset()
    """Those of the policy files that can't be used, and allow nothing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it: the counts and roots, and for sealed rows the packs' digests and the secrets to keep."""

    intake: Intake
    packs: list[str]
    secrets: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Failed:
    """An error on its way between processes."""

    message: str
    code: str
    where: str
    errno: int | None = None
    invalid: bool = False

    def error(self) -> Exception:
        if self.errno is not None:
            return OSError(self.errno, os.strerror(self.errno))
        if self.invalid:
            return InvalidInput(self.message, code=self.code, where=self.where)
        return Unavailable("the submission could not be taken in; nothing was kept", code="intake_failed")


class Workers:
    """A few worker processes. Thread-safe; as many bodies at once as there are workers, others wait their turn."""

    def __init__(self, places: Places, count: int) -> None:
        self._places = places
        self._free: queue.Queue[_Worker] = queue.Queue()
        self._all = [_Worker(places) for _ in range(count)]
        for worker in self._all:
            self._free.put(worker)

    def take_in(self, task: Task) -> Taken:
        """Run one task. Raises InvalidInput (what stops a whole file), OSError (disk), Unavailable (a worker died)."""
        with self._worker() as worker:
            answer = worker.ask(task)
        if isinstance(answer, _Failed):
            raise answer.error()
        return answer

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

    def __init__(self, places: Places) -> None:
        self._places = places
        self._start()

    def _start(self) -> None:
        # Spawned, not forked: this process has threads, and a fork would copy their locks as they stand.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_work, args=(theirs, self._places), name="intake", daemon=True
        )
        self._process.start()
        theirs.close()

    def ask(self, task: Task) -> Taken | _Failed:
        try:
            self._pipe.send(task)
            answer: Taken | _Failed = self._pipe.recv()
        except (EOFError, OSError):
            self.end()
            self._start()
            return _Failed("", "", "")
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


def _work(pipe: Connection, places: Places) -> None:
    schema = load_schema(places.schema)
    store = open_payloads(places.payloads, places.s3_endpoint)

    def run(task: Task) -> Taken:
        decider = _decider(tuple(task.policies.items()), task.closed)
        allowed = lru_cache(maxsize=None)(lambda label: decider.may_submit(task.principal, label))
        order = Order(
            path=task.path,
            media_type=task.media_type,
            mapping=None if task.mapping is None else load_mapping(task.mapping, schema),
            seed=task.seed,
            defaults=task.defaults,
            organisation=task.principal.organisation,
            schema=schema,
            may_submit=allowed,
            groups=task.groups,
            max_row=task.max_row,
        )
        if not task.name:
            return Taken(take_in(order, None), [], {})
        packer = Packer(store, task.name)
        with store.or_removed(packer.packs):
            intake = take_in(order, packer)
            return Taken(intake, *packer.finish())

    while True:
        try:
            task: Task = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            answer: Taken | _Failed = run(task)
        except GraphsvcError as error:
            answer = _Failed(error.message, error.code, error.where, invalid=isinstance(error, InvalidInput))
        except OSError as error:
            answer = _Failed("", "", "", errno=error.errno)
        pipe.send(answer)
