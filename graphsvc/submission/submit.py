"""Submissions: from received bytes to a durable ledger entry and its receipt.

What a crash leaves. Before step 6: perhaps sealed packs and keys that nothing refers to, never half a submission. After
step 6 the submission is acknowledged or will be, when the client asks again with the same idempotency key; the applier
takes it from the ledger whatever happens to this process.
"""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import Column, select

from graphsvc.api.spool import scratch
from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.entry import Effects
from graphsvc.ledger.payload import mapping_secret, seal_mapping
from graphsvc.lifecycle.correct import check_superseded
from graphsvc.lifecycle.store import Book
from graphsvc.model.bounds import MAX_ROWS
from graphsvc.model.errors import (
    Conflict,
    Denied,
    InvalidManifest,
    KeyReused,
    NotFound,
    ScopeMoved,
    TooLarge,
    Unavailable,
)
from graphsvc.model.principals import Principal
from graphsvc.policy.rules import digest_of
from graphsvc.rulebooks.decisions import Governing
from graphsvc.settings import Settings
from graphsvc.sharing.preservations import answered
from graphsvc.sharing.store import Request
from graphsvc.submission.entry import Made, answer_of, entry_of
from graphsvc.submission.intake import Intake
from graphsvc.submission.manifest import Manifest, Upload, checked_manifest
from graphsvc.submission.preview import Look
from graphsvc.submission.superseding import MOVED, Superseded, find_superseded
from graphsvc.submission.workers import Taken, Task, Workers
from graphsvc.wire.submissions import Preview, RowsTaken, Sheet
from graphsvc_verify.canonical import digest
from graphsvc_verify.deeds import Deed
from graphsvc_verify.meaning import submission_name

ATTEMPTS = 4
"""At most this many attempts, while policies or the organisation's own records keep changing."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an upload: HTTP status, and what the submitter is told."""

    status: int
    taken: RowsTaken


@dataclass(frozen=True, slots=True)
class Intakes:
    """What submissions are checked against and written to."""

    core: Core
    workers: Workers
    settings: Settings
    groups: Callable[[str, float], frozenset[str]]
    """The sharing groups that an organisation belongs to at a moment (epoch seconds)."""
    governing: Governing
    corrected: Callable[[int], Awaitable[None]]
    """Takes back what a submission, by its ledger index, supersedes."""
    reference_key: Callable[[str], bytes]
    """The key of an organisation's own references."""


class Submitting:
    """Accepts submissions. The only state is which idempotency keys are in flight."""

    def __init__(self, parts: Intakes) -> None:
        self._parts = parts
        self._in_flight: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        # Threads of their own, so that questions and acts don't wait for rows that are being sealed.
        self._pool = ThreadPoolExecutor(parts.workers.count, thread_name_prefix="submission")

    def close(self) -> None:
        """Wait for the submissions that are being worked on, and start no others."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def admit(self, principal: Principal, key: str) -> None:
        """Raise Denied unless the caller is a submitter of a member; the policies in force decide later over each row.

        Raises Conflict while that idempotency ``key`` is being worked on. Cheap: it is asked before a body is read.
        """
        if "submitter" not in principal.roles:
            raise Denied("only a submitter sends submissions")
        if principal.org not in self._parts.core.ledger.members():
            raise Denied("your organisation is no member")
        with self._lock:
            self._check_idle(principal.org, key)

    @contextmanager
    def claim(self, principal: Principal, key: str) -> Iterator[None]:
        """Hold an idempotency key while its submission waits for its turn and is worked on. Raises Conflict."""
        mine = (principal.org, key)
        with self._lock:
            self._check_idle(*mine)
            self._in_flight.add(mine)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.discard(mine)

    async def submit(self, principal: Principal, upload: Upload) -> Result:
        """Check, log and keep one submission.

        The caller holds the idempotency key (:meth:`claim`). Raises InvalidManifest, InvalidInput, Conflict (a
        manifest seen before), KeyReused, Unavailable (disk full). In a dry run nothing is stored and the answer says
        what would have become of each row.
        """
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._pool, self._submit, principal, upload)
        if result.taken.index is not UNSET:
            # 7. Take back what it supersedes (custody.correcting).
            await self._parts.corrected(result.taken.index)
        return result

    async def preview(self, principal: Principal, sheet: Sheet) -> Preview:
        """What a file would become under a mapping that is proposed for it; nothing is stored or logged.

        Raises InvalidInput for one that is no table, TooLarge for one that has too much to be looked at.
        """
        parts, policies = self._parts, self._parts.governing.in_force()
        look = Look(
            sheet=sheet,
            principal=principal,
            max_row=parts.settings.max_row,
            policies=dict(policies.files),
            groups=parts.groups(principal.org, time.time()),
            closed=policies.closed,
        )
        return await asyncio.get_running_loop().run_in_executor(self._pool, parts.workers.look, look)

    async def outcome(self, principal: Principal, key: str) -> Result:
        """What became of the submission that the caller's organisation sent under an idempotency key.

        Raises Conflict while it is being worked on, NotFound where nothing was stored under the key.
        """
        self.admit(principal, key)

        def read() -> Result:
            found = self._known(principal.org, key)
            if found is None:
                raise NotFound("nothing was stored under this idempotency key", where="header Idempotency-Key")
            return self._again(found)

        return await asyncio.to_thread(read)

    async def errors(self, principal: Principal, index: int) -> AsyncIterator[Mapping[str, Any]]:
        """The rows of the caller's own submission ``index`` that were not accepted; NotFound for any other."""
        return await self._told(principal, index, tables.rejections.c.errors)

    async def notes(self, principal: Principal, index: int) -> AsyncIterator[Mapping[str, Any]]:
        """What is said of unlinked values in accepted rows of the caller's own submission; NotFound for any other."""
        return await self._told(principal, index, tables.unlinked.c.notes)

    async def _told(self, principal: Principal, index: int, column: Column[Any]) -> AsyncIterator[Mapping[str, Any]]:
        def read() -> list[dict[str, Any]]:
            own = select(tables.submissions.c.index).where(
                tables.submissions.c.index == index, tables.submissions.c.org == principal.org
            )
            with self._parts.core.ledger.reading() as connection:
                if connection.execute(own).first() is None:
                    raise NotFound("there is no such submission")
                found = connection.execute(select(column).where(column.table.c.index == index)).scalar()
            return found or []

        return _each(await asyncio.to_thread(read))

    def _submit(self, principal: Principal, upload: Upload) -> Result:
        parts = self._parts
        # 1. Does the organisation's own key stand behind exactly these bytes?
        manifest, deed = checked_manifest(parts.core.ledger, principal, upload)
        if manifest.rows > MAX_ROWS:
            raise TooLarge(f"a submission has at most {MAX_ROWS} rows: split the file", where="manifest rows")
        if upload.dry_run:
            self._answered(manifest)
            checked = parts.workers.take_in(self._task(principal, upload, manifest, "")).intake
            superseded = self._superseded(principal.org, checked)
            answer = answer_of(_agreeing(checked, manifest), superseded)
            return Result(200, replace(answer, dry_run=True, warnings=checked.warnings))
        with _disk_errors():
            for _ in range(ATTEMPTS):
                try:
                    return self._take(principal, upload, manifest, deed)
                except ScopeMoved:
                    # Another version of the policies came into force meanwhile: what it allows is asked anew.
                    continue
        raise Unavailable("access rules are changing; send it again", code="scope_moved")

    def _take(self, principal: Principal, upload: Upload, manifest: Manifest, deed: Deed) -> Result:
        parts = self._parts
        # 2. Seen before? The same answer again, or a refusal if the body differs.
        if (seen := self._seen(manifest, upload)) is not None:
            return seen
        request = self._answered(manifest)
        # 3. Rows to drafts, cleaned, allowed under their label, sealed pack by pack (workers, intake).
        with ExitStack() as kept:
            leaves = kept.enter_context(scratch(parts.settings.spool))
            task = self._task(principal, upload, manifest, submission_name(manifest.iss, manifest.jti), leaves)
            taken = parts.workers.take_in(task)
            kept.enter_context(parts.core.payloads.store.or_removed(taken.packs))
            intake = _agreeing(taken.intake, manifest)
            superseded = self._superseded(principal.org, intake)
            if not intake.accepted:
                return Result(422, replace(answer_of(intake, superseded), code="no_row_accepted"))
            # 4. Store the keys, apart from the packs; until the next step nothing refers to either.
            body = self._kept(task.name, upload, taken)
            # 5. One entry, durable when this returns; its side rows are in the same transaction.
            for _ in range(ATTEMPTS):
                answer = answer_of(intake, superseded)
                made = Made(manifest, intake, superseded, body, answer, leaves)
                draft = entry_of(deed, upload, made, request, self._still(task))
                try:
                    appended = parts.core.ledger.append(draft).result()
                except Conflict as conflict:
                    if conflict.code != MOVED:
                        raise
                    # Another submission, or a recall, came between: what is superseded now?
                    superseded = self._superseded(principal.org, intake)
                    continue
                # 6. Acknowledge; the applier takes it from the ledger.
                parts.core.applier.notify()
                return Result(201, replace(answer, index=appended.index, receipt=msgspec.Raw(appended.encoded)))
            raise Unavailable("your organisation's records are changing; send it again", code=MOVED)

    def _superseded(self, org: str, intake: Intake) -> Superseded:
        """What the rows supersede now. Raises InvalidManifest where one names a place that holds no record."""
        parts = self._parts
        # In this order: what changes after the first call is noticed when the entry is written.
        found = find_superseded(parts.core.ledger, org, intake)
        check_superseded(Book(parts.core.ledger, parts.core.payloads.store), org, intake.supersedes)
        return found

    def _still(self, task: Task) -> Effects:
        """Checks in the entry's transaction that the policies by which the rows were allowed are still in force."""
        used = digest_of(task.policies)
        return lambda connection, _index, _t: self._parts.governing.unmoved(connection, used)

    def _task(
        self, principal: Principal, upload: Upload, manifest: Manifest, name: str, leaves: Path | None = None
    ) -> Task:
        policies = self._parts.governing.in_force()
        return Task(
            path=upload.path,
            media_type=upload.media_type,
            mapping=upload.mapping,
            seed=upload.seed,
            defaults=manifest.defaults,
            principal=principal,
            name=name,
            max_row=self._parts.settings.max_row,
            rows=manifest.rows,
            policies=dict(policies.files),
            groups=self._parts.groups(principal.org, time.time()),
            closed=policies.closed,
            reference_key=self._parts.reference_key(principal.org),
            leaves=leaves,
        )

    def _answered(self, manifest: Manifest) -> Request | None:
        """The open request that the submission says it answers, if any."""
        return None if manifest.answers is None else answered(self._parts.core.ledger, manifest.iss, manifest.answers)

    def _check_idle(self, org: str, key: str) -> None:
        """Raise Conflict while the key is being worked on. The caller holds the lock."""
        if (org, key) in self._in_flight:
            raise Conflict("this idempotency key is being worked on; ask again", code="in_flight")

    def _seen(self, manifest: Manifest, upload: Upload) -> Result | None:
        acts = tables.acts
        found = self._known(manifest.iss, upload.idempotency_key)
        if found is None:
            by_act = select(acts.c.index).where(acts.c.iss == manifest.iss, acts.c.jti == manifest.jti)
            with self._parts.core.ledger.reading() as connection:
                if connection.execute(by_act).first() is not None:
                    # The ledger would refuse it as well, but only after all rows were sealed again.
                    raise Conflict("this manifest was taken under another idempotency key", code="act_replayed")
            return None
        if found["digest"] != digest(upload.manifest.encode()):
            raise KeyReused("this idempotency key was used for another submission", where="header Idempotency-Key")
        return self._again(found)

    def _known(self, org: str, key: str) -> Mapping[str, Any] | None:
        table = tables.idempotency
        with self._parts.core.ledger.reading() as connection:
            found = connection.execute(select(table).where(table.c.org == org, table.c.key == key)).mappings().first()
        return None if found is None else dict(found)

    def _again(self, found: Mapping[str, Any]) -> Result:
        index = found["index"]
        receipt = msgspec.Raw(msgspec.json.encode(self._parts.core.ledger.receipt(index)))
        return Result(200, replace(msgspec.convert(found["response"], RowsTaken), index=index, receipt=receipt))

    def _kept(self, name: str, upload: Upload, taken: Taken) -> dict[str, Any]:
        payloads, intake = self._parts.core.payloads, taken.intake
        secrets = {**taken.secrets, f"seed|{name}": upload.seed}
        if upload.mapping is not None:
            secrets[mapping_secret(name)] = seal_mapping(payloads.store, name, upload.mapping)
        payloads.keys.keep(secrets)
        return {
            "packs": taken.packs,
            "draftsRoot": f"sha256:{intake.drafts_root.hex()}",
            "draftLeaves": intake.draft_leaves,
            "accepted": intake.accepted,
            "rejected": intake.rejected,
            "charset": intake.charset,
            "schema": self._parts.core.schema.digest,
        }


def _agreeing(intake: Intake, manifest: Manifest) -> Intake:
    """The intake, unchanged. Raises InvalidManifest unless its rows are those that were signed."""
    if manifest.rows != intake.rows:
        raise InvalidManifest("rows: the body has another number of rows", where="manifest rows")
    if manifest.rows_root != f"sha256:{intake.rows_root.hex()}":
        raise InvalidManifest("rowsRoot: the rows are not those signed", where="manifest rowsRoot")
    return intake


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn an I/O error, but not a full disk, into Unavailable: nothing refers to what was written so far."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unavailable("the service can't store anything now; nothing was kept", code="storage_failed") from None


async def _each(rows: list[dict[str, Any]]) -> AsyncIterator[Mapping[str, Any]]:
    for row in rows:
        yield row
