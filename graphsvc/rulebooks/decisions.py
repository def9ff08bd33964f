"""The path of a policy version: proposed, checked, approved, in force from a ledger index on.

What is in force is read from the ledger, never from the disk: the files under ``policies/`` are version 0, entered when
the log is first opened. The entry that brings a version into force is a scope event, so the sequencer refuses every
read whose scope was taken before it. A crash before that entry leaves the old version in force, after it the new one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.scopeheads import EVERYBODY
from graphsvc.model.errors import Conflict, Denied, InvalidInput, NotFound, ScopeMoved
from graphsvc.policy.bounds import InvalidPolicy
from graphsvc.policy.diff import Difference
from graphsvc.policy.rules import SCHEMA_FILE, Policies, digest_of, policies_of, read_files
from graphsvc.policy.trial import Order, cpu_time
from graphsvc.rulebooks.trials import Trials
from graphsvc.rulebooks.usable import unusable
from graphsvc.rulebooks.versions import (
    APPROVE,
    BASE,
    PROPOSE,
    SCHEMA,
    Event,
    Proposal,
    Versions,
    missing,
    part_of,
    parts_of,
)
from graphsvc.rulebooks.views import version_shape
from graphsvc.wire.rulebooks import ApprovePolicy, PolicyVersion, ProposePolicy, RollBackPolicy
from graphsvc_verify.meaning import SHARED

_log = logging.getLogger("graphsvc.policy")


class Governing:
    """Knows what is in force and takes the acts that change it. Thread-safe."""

    def __init__(self, ledger: Ledger, directory: Path) -> None:
        """Follow ``ledger``; ``directory`` gives version 0 and the schema. Raises InvalidPolicy, Unavailable."""
        self._ledger = ledger
        self._lock = threading.Lock()
        self._known = -2
        disk = read_files(directory)
        self._schema = disk[SCHEMA_FILE]
        self._versions = _read(ledger)
        self._trials = Trials()
        self._closed: dict[str, str] = {}
        self._policies = self._started(disk)

    def in_force(self) -> Policies:
        """The policies in force at the ledger's head or later. Every question calls this."""
        event = self._ledger.last_scope_event
        if self._known == event:
            return self._policies
        with self._lock:
            # An event that is not durable yet is not in the tables: what is read now must not be kept as its outcome.
            durable = event < self._ledger.head
            self._follow()
            if durable:
                self._known = event
            return self._policies

    def versions(self) -> Versions:
        """Where all versions and proposals stand."""
        with self._lock:
            self._follow()
            return self._versions

    async def difference(self, org: str, proposal: Proposal) -> Difference:
        """Every decision that a proposal changes, or changed, beside what the other parts are now.

        Raises InvalidPolicy, Unavailable.
        """
        versions, part = await asyncio.to_thread(self.versions), proposal.part
        base = versions.earlier(part, proposal.base) or {}
        closed = self._closed_files(versions)
        old, new = (
            {name: text for name, text in versions.with_part(part, files).items() if name not in closed}
            for files in (base, proposal.files)
        )
        order = Order(
            "compare",
            {**new, SCHEMA_FILE: self._schema},
            # An organisation's file decides over its own labels only.
            owners=None if part == SHARED else (part,),
            old={**old, SCHEMA_FILE: self._schema},
            cpu_seconds=cpu_time(old) + cpu_time(new),
        )
        return await self._trials.difference(org, order)

    def unmoved(self, connection: Connection, digest: str) -> None:
        """Within an entry's transaction: raise ScopeMoved unless the policies ``digest`` are those in force."""
        if _last_digest(connection) != digest:
            raise ScopeMoved("another version of the policies is in force")

    @carries_out(ProposePolicy)
    async def propose(self, act: SignedAct, body: ProposePolicy) -> Acted:
        """Propose a version of the part that is the act's ``sub``."""
        return await self._propose(act, body)

    @carries_out(RollBackPolicy)
    async def roll_back(self, act: SignedAct, body: RollBackPolicy) -> Acted:
        """Propose the way back to an earlier version of the part that is the act's ``sub``."""
        return await self._propose(act, body)

    async def _propose(self, act: SignedAct, form: ProposePolicy | RollBackPolicy) -> Acted:
        """Enter a proposal.

        Raises Denied, Conflict when the base is not current, InvalidInput when the result does not pass the check.
        """
        # 1. Whose part is it, and who may?
        part = self._part(act)
        versions = await asyncio.to_thread(self.versions)
        # 2. On top of what is current.
        if form.base != versions.base(part):
            raise Conflict("another version is current; propose it anew on top of that", code="object_changed")
        if versions.proposal(part, act.object) is not None:
            raise Conflict("this very version is proposed already; approve it", code="already_exists")
        _named(part, form)
        files = versions.proposed(part, act.kind, act.body)
        if files is None:
            raise NotFound("there has been no such version")
        if digest_of(files) == form.base:
            raise InvalidInput("this changes nothing", code="no_change", where="files")
        # 3. Is it sound? Files, tables and every decision (policy.check).
        await self._checked(act.org, versions, (part, files), form)
        # 4. Durable; nothing changes yet.
        appended = await self._enter(act, part, versions, frozenset(self._ledger.members()), "")
        return await self._shown(act, part, appended)

    @carries_out(ApprovePolicy)
    async def approve(self, act: SignedAct, _: ApprovePolicy) -> Acted:
        """Approve a proposal by signing the same body; it comes into force once enough persons have signed.

        Raises Denied for its own proposer, NotFound, Conflict when it can't be approved any more.
        """
        part = self._part(act)
        versions = await asyncio.to_thread(self.versions)
        # 1. The same body, hence the same digest.
        proposal = versions.proposal(part, act.object)
        if proposal is None:
            raise NotFound("nothing with this content is proposed")
        if versions.state(proposal) != "open":
            raise Conflict(f"this proposal is {versions.state(proposal)}", code="wrong_state")
        if (act.org, act.person) in proposal.signers:
            raise Denied("another person must approve it")
        act.unmoved(proposal.last())
        # 2. Enough of them?
        mine = Event(-1, "", act.kind, part, act.org, act.person, act.object, {}, "")
        supported = replace(proposal, approvals=[*proposal.approvals, mine])
        members, digest = frozenset(self._ledger.members()), ""
        if not missing(supported, members):
            # 3. Checked again beside what the other parts are now; then in force from this entry on.
            form = _form(proposal.kind, act.body)
            digest = await self._checked(act.org, versions, (part, proposal.files), form)
        appended = await self._enter(act, part, versions, members, digest)
        return await self._shown(act, part, appended)

    def _part(self, act: SignedAct) -> str:
        if act.sub not in (SHARED, act.org):
            raise Denied("an organisation decides on its own file, and with others on the shared rulebook")
        return act.sub

    async def _checked(
        self,
        org: str,
        versions: Versions,
        proposed: tuple[str, Mapping[str, str]],
        form: ProposePolicy | RollBackPolicy,
    ) -> str:
        """The digest of all policies if these files of a part were in force. Raises InvalidInput unless they pass."""
        part, files = proposed
        composed = {**versions.with_part(part, files), SCHEMA_FILE: self._schema}
        # Parts that can't be used allow nothing anyway: they are no reason to refuse what others propose.
        closed = self._closed_files(versions)
        tried = {name: text for name, text in composed.items() if name not in closed or part_of(name) == part}
        order = Order(
            "check",
            tried,
            form.tables if isinstance(form, ProposePolicy) else {},
            # An organisation's file decides over its own labels only: no other can be broken by it.
            owners=None if part == SHARED else (part,),
            cpu_seconds=cpu_time(tried),
        )
        for first in await self._trials.findings(org, order):
            code = first.code if first.code == InvalidPolicy.code else "policy_check"
            raise InvalidInput(first.message, code=code, where=first.where)
        return digest_of(composed)

    def _closed_files(self, versions: Versions) -> frozenset[str]:
        """The files in force of parts that can't be used, as long as no other version of them is in force."""
        closed = {part for part, version in self._closed.items() if versions.base(part) == version}
        return frozenset(name for part in closed for name in versions.files(part))

    def _composed(self, versions: Versions) -> Policies:
        """The policies in force: each part has passed the check, or is closed."""
        files = {**versions.with_part("", {}), SCHEMA_FILE: self._schema}
        return policies_of(files, self._closed_files(versions))

    async def _enter(
        self, act: SignedAct, part: str, versions: Versions, members: frozenset[str], digest: str
    ) -> Appended:
        row = {
            "kind": act.kind,
            "part": part,
            "org": act.org,
            "person": act.person,
            "object": act.object,
            "body": act.body if act.kind != APPROVE else {},
            "digest": digest,
        }

        def effects(connection: Connection, index: int, t: str) -> None:
            # A member admitted meanwhile has a say too, and must be told.
            if part == SHARED and members != frozenset(self._ledger.members()):
                raise Conflict("members have changed meanwhile; look again", code="object_changed")
            _expect(connection, versions.last)
            connection.execute(insert(tables.policy_events), {**row, "index": index, "t": t})

        meaning = act.meaning
        draft = EntryDraft(
            type=meaning.type,
            who={"org": act.org, "person": act.person},
            policy=digest or None,
            requester=act.org,
            owners=[
                OwnerPart(org, {**meaning.told(org, act.org), "policy": digest or None}, [])
                for org in sorted(members if part == SHARED else {act.org})
            ],
            acts=[act.compact],
            body=dict(meaning.body),
            # Every entry names the digest of all policies that it was decided by, one organisation's file among them.
            concerns=EVERYBODY if digest else None,
            effects=effects,
        )
        return await asyncio.wrap_future(self._ledger.append(draft))

    async def _shown(self, act: SignedAct, part: str, appended: Appended) -> Acted:
        def read() -> PolicyVersion:
            versions = self.versions()
            proposal = versions.proposal(part, act.object)
            assert proposal is not None
            return version_shape(versions, proposal, act.org, self._ledger.members())

        return Acted(await asyncio.to_thread(read), appended.encoded)

    def _started(self, disk: Mapping[str, str]) -> Policies:
        """What is in force when the service starts; enters into the ledger what is missing there."""
        if self._versions.last < 0:
            policies = policies_of(disk)
            self._say(BASE, {"files": {name: text for name, text in disk.items() if part_of(name)}}, policies.digest)
            return policies
        # This release may be unable to read what an earlier one accepted: that part is closed, not the service.
        for part in unusable(self._versions, self._schema):
            self._closed[part] = self._versions.base(part)
            _log.error(
                "the policies of %s can't be read: nothing that they decide over is shown until others are in force",
                part,
            )
        policies = self._composed(self._versions)
        if policies.digest != self._versions.digest:
            self._say(SCHEMA, {"schema": self._schema}, policies.digest)
        if parts_of(disk) != {part: dict(one.files) for part, one in self._versions.current.items() if one.files}:
            _log.warning("the policy files on disk are not those in force; propose them to change what is in force")
        return policies

    def _say(self, kind: str, body: dict[str, Any], digest: str) -> None:
        last = self._versions.last
        row = {"kind": kind, "part": "", "org": "", "person": "", "object": "", "body": body, "digest": digest}

        def effects(connection: Connection, index: int, t: str) -> None:
            _expect(connection, last)
            connection.execute(insert(tables.policy_events), {**row, "index": index, "t": t})

        draft = EntryDraft(
            type="policy", policy=digest, body={"action": kind, **body}, concerns=EVERYBODY, effects=effects
        )
        self._ledger.append(draft).result()
        self._versions = _read(self._ledger)

    def _follow(self) -> None:
        """Take in what was decided since; the caller holds the lock."""
        fresh = _events(self._ledger, self._versions.last)
        if not fresh:
            return
        # Others may still use the old object, so it is not changed.
        versions = _read(self._ledger)
        if versions.digest != self._policies.digest:
            self._policies = self._composed(versions)
        self._versions = versions


def _named(part: str, form: ProposePolicy | RollBackPolicy) -> None:
    """Raise InvalidInput unless all files named are of the part that is decided on."""
    for name in form.files if isinstance(form, ProposePolicy) else ():
        if part_of(name) != part:
            raise InvalidInput("the file is not one of this part's", code="bad_act", where=f"files {name}")


def _form(kind: str, body: Mapping[str, Any]) -> ProposePolicy | RollBackPolicy:
    if kind == PROPOSE:
        return msgspec.convert(body, ProposePolicy)
    return msgspec.convert(body, RollBackPolicy)


def _events(ledger: Ledger, after: int) -> list[Event]:
    table = tables.policy_events
    query = select(table).where(table.c.index > after).order_by(table.c.index)
    with ledger.reading() as connection:
        return [Event(**row) for row in connection.execute(query).mappings()]


def _read(ledger: Ledger) -> Versions:
    versions = Versions()
    for event in _events(ledger, -1):
        versions.apply(event)
    return versions


def _expect(connection: Connection, last: int) -> None:
    """Raise Conflict unless ``last`` is the newest event: of two decisions on one state only the first counts."""
    found = connection.execute(select(func.max(tables.policy_events.c.index))).scalar()
    if (-1 if found is None else found) != last:
        raise Conflict("something else was decided about the policies meanwhile; look again", code="object_changed")


def _last_digest(connection: Connection) -> str:
    table = tables.policy_events
    query = select(table.c.digest).where(table.c.digest != "").order_by(table.c.index.desc()).limit(1)
    return str(connection.execute(query).scalar() or "")


__all__ = ["Governing", "Proposal"]
