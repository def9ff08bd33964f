"""Searches for rings, one by one: what is analysed is entered in the ledger before anybody sees what was found.

What a crash leaves: a search is in the ledger from the moment that it was asked for, and waits there until an entry
ends it. The result is stored, sealed, before that entry: where the service is killed in between, the next start
searches again, and nobody is ever shown the result that was stored for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from sqlalchemy import Connection

from graphsvc.answers.rings import Apart, node_names, take_apart
from graphsvc.columns.claims import ClaimArrays
from graphsvc.core import Core
from graphsvc.graph.handles import RECORD
from graphsvc.ledger.entry import Disclosure, EntryDraft, OwnerPart
from graphsvc.model.errors import Conflict, GraphsvcError, NotFound, ScopeMoved, Unavailable
from graphsvc.model.places import ROW_BITS, ROW_MASK
from graphsvc.model.principals import Principal
from graphsvc.policy.scope import Scope
from graphsvc.rings import kept, store
from graphsvc.rings.child import Child, Task, chosen, in_window
from graphsvc.rings.detecting import parameters_of, window_of
from graphsvc.rings.identity import name_rings
from graphsvc.rings.kept import Found, Known, Result
from graphsvc.rings.store import FAILED, FINISHED, Results, Run
from graphsvc_verify.lines import READ
from graphsvc_verify.meaning import read_facts

ATTEMPTS = 5
"""So often a search is begun anew where access rules change under it, or its process dies."""
FAULTS = 3
"""A search that failed so often for a reason that nobody foresaw ends as failed: it must not wait for ever."""
PAUSE = 5.0
"""Seconds between two tries where the service lacks something."""
STOP_SECONDS = 10.0
_log = logging.getLogger("graphsvc.rings.worker")


@dataclass(frozen=True, slots=True)
class _Analysed:
    """What one search looks at, under one scope; ``digest`` is salted, so that nobody can guess what went in."""

    scope: Scope
    claims: ClaimArrays
    apart: Apart
    salt: bytes
    digest: str


class _Stopped(Exception):
    """The search was cancelled, or the service stops."""


class RingWorker:
    """A thread that carries out searches, each in a process of its own. One at a time, organisations by turns."""

    def __init__(self, core: Core, results: Results) -> None:
        self._core = core
        self._results = results
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._now: tuple[str, str] = ("", "")
        self._child: Child | None = None
        self._asked: Future[list[str]] | None = None
        self._last: dict[str, float] = {}
        self._faults: Counter[str] = Counter()

    def start(self) -> None:
        """Begin, also after a stop; searches that an earlier end cut off come first."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="rings", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; a search in hand begins anew with the next start."""
        self._stop.set()
        self._wake.set()
        self._kill()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        """There is a search to carry out."""
        self._wake.set()

    def cancel(self, run: str) -> None:
        """A search has come to an end: leave it, if it is the one in hand."""
        if self._now[0] == run:
            self._kill(run)

    def stage(self, run: str) -> str | None:
        """What is being done about a search; None: it waits."""
        now, stage = self._now
        return stage if now == run else None

    def _kill(self, run: str = "") -> None:
        with self._lock:
            if self._child is not None and run in ("", self._now[0]):
                self._child.kill()
                if self._asked is not None:
                    self._asked.cancel()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                busy = asyncio.run(self._next())
            except Exception as error:  # nothing is lost: what waits is in the ledger
                _log.error("searches for rings stopped, will try again: %s", type(error).__name__)
                self._stop.wait(PAUSE)
                busy = True
            if not busy:
                self._wake.wait(PAUSE * 12)

    async def _next(self) -> bool:
        with self._core.ledger.reading() as connection:
            waits = store.waiting(connection)
        if not waits or self._stop.is_set():
            return False
        # Whose last search is longest ago comes first; of one organisation, the oldest.
        run = min(waits, key=lambda one: (self._last.get(one.org, 0.0), one.index))
        self._last[run.org] = time.monotonic()
        self._now = (run.id, "begin")
        try:
            await self._search(run)
        except _Stopped:
            pass
        except Exception:
            self._faults[run.id] += 1
            if self._faults[run.id] < FAULTS:
                raise
            self._fail(run, "fault")
        finally:
            self._now = ("", "")
        return True

    async def _search(self, run: Run) -> None:
        code = ScopeMoved.code
        before: _Analysed | None = None
        found: Found | None = None
        try:
            for _ in range(ATTEMPTS):
                # 1. What may be analysed at the ledger's head.
                analysed = await self._analysed(run)
                # 2. Searched, unless access rules have changed and that changed nothing of it.
                if found is None or before is None or not _same(before, analysed):
                    made = await self._found(run, analysed)
                    if isinstance(made, str):
                        code, found = made, None
                        continue
                    found = made
                # 3. Stored, then entered, then told.
                if await self._finish(run, analysed, found):
                    return
                code, before = ScopeMoved.code, analysed
        except (Unavailable, OSError) as error:
            # The graph is down or lags, or the disk is full: the search goes on waiting.
            _log.warning("a search for rings waits: %s", getattr(error, "code", "disk"))
            self._stop.wait(PAUSE)
            return
        except GraphsvcError as error:
            code = error.code
        self._fail(run, code)

    async def _analysed(self, run: Run) -> _Analysed:
        """What the search may analyse now. Raises Unavailable, NotFound for an organisation that has left."""
        core, body = self._core, run.body
        organisation = core.ledger.members().get(run.org)
        if organisation is None:
            raise NotFound("the organisation has left")
        await core.applier.settle(run.org)
        principal = Principal(organisation, run.person, run.roles)
        scope = core.scope(principal, run.footing)
        claims = in_window(core.columns.select(scope, int(time.time())), *window_of(body))
        if body.agencies:
            wanted = [lid for lid, label in scope.labels.items() if label.owner in body.agencies]
            claims = chosen(claims, np.isin(claims.lid, np.array(wanted, dtype=np.int64)))
        salt = secrets.token_bytes(32)
        return _Analysed(scope, *take_apart(claims, scope), salt, _digest(salt, claims))

    async def _found(self, run: Run, analysed: _Analysed) -> Found | str:
        apart, loop = analysed.apart, asyncio.get_running_loop()
        task = Task(analysed.claims, apart.worlds, apart.ids, parameters_of(run.body))

        def names(nodes: Sequence[int]) -> Sequence[str]:
            asked = node_names(self._core, analysed.scope, apart, nodes)
            self._asked = asyncio.run_coroutine_threadsafe(asked, loop)
            return self._asked.result()

        def stage(now: str) -> None:
            self._now = (run.id, now)

        with self._lock:
            self._check(run)
            child = self._child = Child(task)
        try:
            found = await asyncio.to_thread(child.run, names, stage)
        finally:
            with self._lock:
                self._child = None
                child.kill()
        self._check(run)
        return found

    def _check(self, run: Run) -> None:
        """Raise _Stopped when the service stops, or the search has come to an end meanwhile."""
        with self._core.ledger.reading() as connection:
            if self._stop.is_set() or store.find_run(connection, run.org, run.id).state != store.WAITING:
                raise _Stopped

    async def _finish(self, run: Run, analysed: _Analysed, found: Found) -> bool:
        """Store the result, then enter it; False when access rules have changed since the scope was made."""
        core = self._core
        if time.time() >= analysed.scope.valid_until:
            return False
        with core.ledger.reading() as connection:
            last = store.last_done(connection, run.org)
        known: list[Known] = [] if last is None else self._results.of(last).known
        ids, known = name_rings(run.id, found.heads, known)
        result = Result(found, ids, known, analysed.salt)
        self._now = (run.id, "store")
        name, secret = kept.seal(core.payloads.store, run.id, result)
        core.payloads.keys.keep(secret)

        old = list[tuple[str, str]]()

        def effects(connection: Connection, index: int, t: str) -> None:
            done = {"analysed": analysed.digest, "object": name, "totals": found.totals}
            store.end(connection, run.id, FINISHED, (index, t), **done)
            store.enter_rings(connection, run.org, ids, index)
            old.extend(store.forget(connection, run.org))

        try:
            await asyncio.wrap_future(core.ledger.append(_entry(core, run, analysed, result, effects)))
        except BaseException as error:
            core.payloads.store.remove(name)
            core.payloads.keys.remove(kept.secret_of(run.id))
            if isinstance(error, ScopeMoved):
                return False
            if isinstance(error, Conflict):
                # Cancelled meanwhile.
                raise _Stopped from None
            raise
        for former, their in old:
            core.payloads.store.remove(their)
            core.payloads.keys.remove(kept.secret_of(former))
        return True

    def _fail(self, run: Run, code: str) -> None:
        """Say in the ledger that the search failed, and why."""

        def effects(connection: Connection, index: int, t: str) -> None:
            store.end(connection, run.id, FAILED, (index, t), why=code[:40])

        said = {"action": "search-failed", "on": run.id, "why": code}
        draft = EntryDraft(
            type="rings",
            who={"org": run.org, "person": run.person},
            requester=run.org,
            owners=[OwnerPart(run.org, dict(said), [])],
            body=said,
            effects=effects,
        )
        try:
            self._core.ledger.append(draft).result()
        except Conflict:
            return


def _same(one: _Analysed, other: _Analysed) -> bool:
    """Whether two scopes allow the same claims, in the same worlds."""
    names = ("src", "dst", "src_kind", "dst_kind", "kind", "lid", "rec", "since", "until")
    return one.apart.worlds == other.apart.worlds and all(
        np.array_equal(getattr(one.claims, name), getattr(other.claims, name)) for name in names
    )


def _digest(salt: bytes, claims: ClaimArrays) -> str:
    """A salted digest of claims in an order of their own: which records, what links, which times, under what labels."""
    columns = (claims.rec, claims.lid, claims.since, claims.until, claims.src, claims.dst, claims.kind.astype(np.int64))
    order = np.lexsort(columns)
    made = sha256(salt)
    for column in columns:
        made.update(column[order].astype("<i8").tobytes())
    return f"sha256:{made.hexdigest()}"


def _entry(core: Core, run: Run, analysed: _Analysed, result: Result, effects: Any) -> EntryDraft:
    """The entry of a search: a read of all that its rings cite, told to the owners as every read is."""
    scope, said, handles = analysed.scope, run.body, core.handles(run.org)
    cited = {record for ring in result.every() for record in ring.cited}
    claims = analysed.claims
    at = np.isin(claims.rec, np.array(sorted(cited), dtype=np.int64))
    lids = dict(zip(claims.rec[at].tolist(), claims.lid[at].tolist(), strict=True))
    shown: dict[str, list[Disclosure]] = {}
    for record, lid in lids.items():
        place, handle = (record >> ROW_BITS, record & ROW_MASK), handles.seal(RECORD, record)
        shown.setdefault(scope.labels[lid].owner, []).append(Disclosure(*place, handle, ()))
    who = {"org": run.org, "person": run.person}
    stated = {"purpose": said.purpose, "basis": said.legal_basis, "case": said.case}
    numbers = {"claims": len(claims), "rings": len(result.ids), "analysed": analysed.digest}
    body = {"search": run.id, **numbers}
    facts = read_facts({"who": who, **stated, "policy": scope.policy, "body": {}})
    return EntryDraft(
        type=READ,
        who=who,
        purpose=said.purpose,
        basis=said.legal_basis,
        case=said.case,
        policy=scope.policy,
        at=scope.at,
        requester=run.org,
        owners=[
            OwnerPart(owner, facts, sorted(records, key=lambda one: one.handle))
            for owner, records in sorted(shown.items())
        ],
        body=body,
        read=True,
        sees=scope.owners,
        effects=effects,
    )
