"""Preservations: a holder keeps what it has until a date and, if asked to later, hands it in.

A preservation gives no access: what was kept comes as an ordinary signed submission whose manifest cites the request.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import Conflict, Denied, InvalidInput, InvalidManifest, NotFound
from graphsvc.model.times import coming
from graphsvc.sharing import store
from graphsvc.sharing.desk import Desk, Told
from graphsvc.sharing.disclosures import Disclosures
from graphsvc.sharing.kept import Kept
from graphsvc.sharing.states import ACKNOWLEDGE, PRESERVATION, SUBMISSION, Event, allow
from graphsvc.sharing.store import Request
from graphsvc.wire.sharing import (
    AcknowledgePreservation,
    ExtendPreservation,
    LiftPreservation,
    RequestPreservation,
    RequestProduction,
)


class Preservations:
    """Carries out the acts about preservation requests."""

    def __init__(self, desk: Desk, disclosures: Disclosures, kept: Kept) -> None:
        self._desk = desk
        self._kept = kept
        self._disclosures = disclosures

    @carries_out(RequestPreservation)
    async def request(self, act: SignedAct, form: RequestPreservation) -> Acted:
        """Ask a company to keep what it has on identifiers."""
        body = self._disclosures.asked(act, form, form.identifiers)
        body["until"] = coming(form.until, "until")
        return await self._desk.open(act, PRESERVATION, form.holder, body)

    @carries_out(AcknowledgePreservation)
    async def acknowledge(self, act: SignedAct, form: AcknowledgePreservation) -> Acted:
        """The holder agrees, which puts what it has about the identifiers under a hold; or it says why not."""
        if not form.accept and not form.note:
            raise InvalidInput("say why not", code="bad_act", where="note")
        request = self._desk.request(act)
        if not form.accept:
            return await self._desk.step(act, request, {"way": "refuse", "reason": form.note})
        self._desk.check(act, request, f"{ACKNOWLEDGE}:accept")
        named = await self._kept.meant(act.org, request)

        def keep(connection: Connection, index: int, t: str) -> None:
            self._kept.hold(connection, request, act.person, named, (index, t))

        # The asker is not told what the holder has: only the entry's own body has the ranges.
        told = Told((request.asker, request.holder), held=named)
        return await self._desk.step(act, request, {"way": "accept", "note": form.note}, keep, told)

    @carries_out(ExtendPreservation)
    async def extend(self, act: SignedAct, form: ExtendPreservation) -> Acted:
        """Change when a preservation ends."""
        body = {"until": coming(form.until, "until"), "note": form.note}
        return await self._desk.step(act, self._desk.request(act), body)

    @carries_out(LiftPreservation)
    async def lift(self, act: SignedAct, form: LiftPreservation) -> Acted:
        """End a preservation."""
        return await self._desk.step(act, self._desk.request(act), {"note": form.note})

    @carries_out(RequestProduction)
    async def produce(self, act: SignedAct, form: RequestProduction) -> Acted:
        """Ask the holder to hand in what it kept."""
        body = {
            "legalBasis": self._disclosures.legal_basis(form.legal_basis),
            "deadline": coming(form.deadline, "deadline"),
            "justification": form.justification,
        }
        return await self._desk.step(act, self._desk.request(act), body)


def answered(ledger: Ledger, org: str, request: str) -> Request:
    """The open request to ``org`` that a submission's manifest cites. Raises InvalidManifest, alike for any other."""
    try:
        with ledger.reading() as connection:
            found = store.find(connection, org, request)
        allow(found.kind, found.standing(time.time()), SUBMISSION, found.side(org))
    except (NotFound, Conflict, Denied):
        raise InvalidManifest(
            "answers: this is no open request to your organisation", code="no_open_request", where="manifest answers"
        ) from None
    return found


def note_answer(connection: Connection, request: Request, who: tuple[str, str], at: tuple[int, str]) -> None:
    """Note within a submission's entry ``at`` (index, time) that ``who`` (organisation, person) answers ``request``.

    Raises Conflict when the request is no longer open.
    """
    (org, person), (index, t) = who, at
    found = store.find(connection, org, request.id)
    allow(found.kind, found.standing(time.time()), SUBMISSION, found.side(org))
    store.note(connection, request.id, Event(index=index, t=t, kind=SUBMISSION, org=org, person=person, body={}))
