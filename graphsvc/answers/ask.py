"""The path of a question: from a caller's footing to an answer whose ledger entry is durable before it leaves.

A crash before step 4 leaves nothing; a crash after it leaves an entry for an answer that never left: the trail
over-reports, it never under-reports.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from graphsvc.anchoring.witnesses import Witnessing
from graphsvc.answers.questions import MANY, Means, Reading
from graphsvc.ledger.entry import Disclosure, EntryDraft, Late, OwnerPart
from graphsvc.ledger.own import cases_of, submissions_since
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.signedreads import check_signed
from graphsvc.ledger.telling import day_after
from graphsvc.model.errors import NotAtHand, ScopeMoved, Unavailable
from graphsvc.model.labels import Label
from graphsvc.model.places import ROW_BITS, ROW_MASK
from graphsvc.model.principals import Footing, Principal
from graphsvc.policy.footings import check_footing
from graphsvc.policy.scope import Scope
from graphsvc.projection.schedule import Progress
from graphsvc.wire.answers import Cut, WithheldRecords
from graphsvc_verify.lines import READ
from graphsvc_verify.meaning import read_facts
from graphsvc_verify.signedread import SignedRead

ATTEMPTS = 4
"""At most this many runs of one question, while access rules keep changing."""

MOST_PENDING = 100
"""At most this many submissions that an answer lacks are named with it."""
SETTLED = 2_000
"""At most this many callers are remembered whose scope can be made without reading the ledger."""


@dataclass(frozen=True, slots=True)
class Released:
    """An answer that may leave: ``data`` exactly as it is to be sent, and the receipt for it as JSON.

    It covers at least all entries up to ``applied_index``, and all submissions of the caller's organisation
    but those in ``own_pending`` (the first :data:`MOST_PENDING`), which it has in part or not at all. ``only_own``: no
    other organisation's records were in scope.
    ``cut``: what it leaves out although the caller may see it, whatever fields were asked for
    (:meth:`graphsvc.answers.rendering.Cut.lists`).
    ``withheld``: the records that an answer for export lacks because they may only be looked at.
    """

    data: bytes
    receipt: bytes
    applied_index: int
    own_pending: tuple[int, ...] = ()
    only_own: bool = False
    cut: tuple[Cut, ...] = ()
    withheld: tuple[WithheldRecords, ...] = ()


class Asking:
    """Answers questions. One instance a process; it keeps only which scopes can be made without reading."""

    def __init__(self, means: Means, witnessing: Witnessing | None = None) -> None:
        self._means = means
        self._core = means.core
        self._witnessing = witnessing
        self._at_hand: tuple[int, Mapping[int, Label], set[tuple[Principal, Footing]]] = (-2, {}, set())

    async def run(
        self,
        principal: Principal,
        footing: Footing,
        question: bytes,
        work: Callable[[Reading], Awaitable[bytes]],
        signed: SignedRead | None = None,
    ) -> Released:
        """Answer one request.

        ``question`` is the request as asked, of which the ledger keeps a keyed digest; ``work`` reads through the
        :class:`Reading` it is given and returns the encoded ``data``; ``signed`` is the request's signature, which the
        ledger keeps. Raises InvalidInput for an invalid footing, InvalidSignature when the signature does not hold,
        Conflict when it came before, Unavailable when access rules keep changing or the ledger can't be written; then
        nothing leaves.
        """
        footing = msgspec.structs.replace(footing, signed=signed is not None)
        applier = self._core.applier
        for attempt in range(ATTEMPTS):
            progress, labels = applier.progress, applier.labels
            moving = not progress.unmoved(self._core.ledger.last_scope_event)
            pending = await self._pending(principal.org, progress)
            # 1. The scope, at the ledger's head: the only key to what follows (policy.decide).
            scope = await self._scope_soon(principal, footing)
            # A key event between here and step 3 is a scope event: what holds at this head holds for the entry.
            if signed is not None:
                check_signed(self._core.ledger, signed, principal, footing)
            # 2. Read and encode; everything shown is noted down on the way (reading).
            reading = Reading(self._means, scope, pending)
            data = await work(reading)
            withheld: tuple[WithheldRecords, ...] = ()
            readings = [reading]
            if footing.export:
                # Read again, as far as may be exported: records that only the first reading saw are left out.
                reading = Reading(self._means, scope.for_export(), pending)
                data = await work(reading)
                withheld = reading.shapes.leave_out(readings[0].shapes.kept)
                readings.append(reading)
            if not all(one.was_reached(progress) for one in readings) or time.time() >= scope.valid_until:
                # The entries waited for may have brought or moved labels that the scope doesn't know of; or something
                # that the scope was made from has ended meanwhile.
                continue
            if attempt == 0 and moving and applier.labels is not labels:
                # Records may have got a label meanwhile that this scope doesn't know of.
                continue
            # 3. Enter it in the ledger; the sequencer refuses if access rules have changed since step 1 (ledger.log).
            draft = await _drafted(scope, question, data, reading)
            draft.signed = signed
            try:
                # 4. Durable when this returns.
                appended = await self._core.ledger.append_soon(draft)
            except ScopeMoved:
                continue
            # 5. Cosigned by witnesses, where the policy requires it (witnessing).
            appended = await self._witnessed(appended)
            # 6. Only now may the answer leave, with its receipt.
            only_own, cut = reading.only_own("view"), tuple(reading.shapes.cut.lists())
            return Released(data, appended.encoded, progress.applied, pending, only_own, cut, withheld)
        raise Unavailable("access rules are changing; ask again", code="scope_moved")

    async def _pending(self, org: str, progress: Progress) -> tuple[int, ...]:
        """The organisation's own submissions that are acknowledged and not wholly applied; nobody else's are told."""
        ledger, found, seen = self._core.ledger, progress.submissions_of(org), progress.head - 1
        if ledger.has_submitted_since(org, seen):
            found += await asyncio.to_thread(submissions_since, ledger, org, seen, MOST_PENDING)
        return tuple(found[:MOST_PENDING])

    async def _scope_soon(self, principal: Principal, footing: Footing) -> Scope:
        """The current scope, made in a thread if something for it must be read from the ledger or decided first.

        Once made, all of it is in memory until the next event that changes access rules, or a label that is new.
        Raises InvalidInput for an invalid footing, whose codes and case are looked up once.
        """
        ledger, applier = self._core.ledger, self._core.applier
        event, labels, known = ledger.last_scope_event, applier.labels, self._at_hand
        unmoved = applier.progress.unmoved(event)
        if unmoved and event == known[0] and labels is known[1] and (principal, footing) in known[2]:
            # An event may come at any moment: then it is made in a thread, where waiting for the disk delays nobody.
            with suppress(NotAtHand):
                return self._core.scope(principal, footing, at_hand=True)

        def made() -> Scope:
            org, codelists = principal.org, self._core.schema.codelists
            check_footing(footing, codelists, lambda case: ledger.has_case(org, case), lambda: cases_of(ledger, org))
            return self._core.scope(principal, footing)

        scope = await asyncio.to_thread(made)
        if applier.progress.unmoved(event):
            if known[0] != event or known[1] is not labels or len(known[2]) >= SETTLED:
                known = self._at_hand = (event, labels, set())
            known[2].add((principal, footing))
        return scope

    async def _witnessed(self, appended: Appended) -> Appended:
        """The entry, proved to a checkpoint that enough witnesses signed. Raises Unavailable if they don't."""
        witnessing = self._witnessing
        if witnessing is None or not witnessing.policy.require:
            return appended
        head = await witnessing.wait(appended.index + 1)
        if head is None:
            message = "too few witnesses have signed that this was logged; nothing leaves before they have"
            raise Unavailable(message, code="not_witnessed")
        return await asyncio.to_thread(witnessing.proved, appended, head)


async def _drafted(scope: Scope, question: bytes, data: bytes, reading: Reading) -> EntryDraft:
    many = sum(map(len, reading.shapes.shown.values())) > MANY
    asked = scope, question, data, reading
    return await asyncio.to_thread(_entry, *asked) if many else _entry(*asked)


def _entry(scope: Scope, question: bytes, data: bytes, reading: Reading) -> EntryDraft:
    principal, footing = scope.principal, scope.footing
    who = {"org": principal.org, "person": principal.person}
    stated = {"purpose": footing.purpose, "basis": footing.legal_basis, "case": footing.case}
    body = {"export": True} if footing.export else {}
    facts = read_facts({"who": who, **stated, "policy": scope.policy, "body": body})
    shown, hits, late = reading.shapes.shown, reading.shapes.hits(), _late(scope, reading)
    owners = [
        OwnerPart(owner, facts, _disclosures(shown.get(owner, {})), hits.get(owner) if owner not in late else None)
        for owner in sorted({*shown, *hits})
        if owner in shown or owner not in late
    ]
    owners += [
        OwnerPart(owner, {**facts, "late": late[owner].value()}, [], hits[owner], late[owner]) for owner in sorted(late)
    ]
    return EntryDraft(
        type=READ,
        who=who,
        purpose=footing.purpose,
        basis=footing.legal_basis,
        case=footing.case,
        policy=scope.policy,
        at=scope.at,
        query=question,
        answer=data,
        requester=principal.org,
        owners=owners,
        acts=[],
        body=body,
        read=True,
        sees=scope.owners,
        effects=None,
    )


def _late(scope: Scope, reading: Reading) -> dict[str, Late]:
    """The owners that are not told of their hits now, by the policy version that the scope was made under.

    Later changes of those rules have no effect on it: the entry keeps what was decided.
    """
    organisations, late = reading.core.ledger.organisations(), dict[str, Late]()
    for owner in reading.shapes.hits():
        if owner == scope.principal.org:
            continue
        rule = scope.tellings.of(scope.footing, scope.principal.organisation.kind, organisations[owner].kind)
        if rule is not None:
            due = "" if rule.delay is None else day_after(time.time(), rule.delay)
            late[owner] = Late(rule.name, rule.law, due)
    return late


def _disclosures(records: Mapping[int, tuple[str, tuple[str, ...]]]) -> list[Disclosure]:
    # Ordered by handle: the requester gets the leaves, and ledger order would tell it when others submitted.
    return sorted(
        (
            Disclosure(submission=record >> ROW_BITS, row=record & ROW_MASK, handle=handle, groups=groups)
            for record, (handle, groups) in records.items()
        ),
        key=lambda disclosure: disclosure.handle,
    )
