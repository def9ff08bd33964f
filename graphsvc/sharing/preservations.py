"""The path of a preservation: keep what you have until a date, and later, where it is wanted, hand it in.

It opens nothing: what was kept comes as an ordinary signed submission whose manifest cites the request.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection

from graphsvc.acts.signed import Acted, SignedAct
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import Conflict, Denied, InvalidInput, InvalidManifest, NotFound
from graphsvc.sharing import bodies, store
from graphsvc.sharing.desk import Desk, Told
from graphsvc.sharing.disclosures import Disclosures
from graphsvc.sharing.kept import Kept
from graphsvc.sharing.states import ACKNOWLEDGE, PRESERVATION, SUBMISSION, Event, allow
from graphsvc.sharing.store import Request


class Preservations:
    """Carries out the acts about preservation requests."""

    def __init__(self, desk: Desk, disclosures: Disclosures, kept: Kept) -> None:
        self._desk = desk
        self._kept = kept
        self._disclosures = disclosures

    async def request(self, act: SignedAct) -> Acted:
        """Ask a company to keep what it has on identifiers."""
        form = act.read(bodies.PreservationRequest)
        body = self._disclosures.asked(act, form, form.identifiers)
        body["until"] = bodies.coming(form.until, "until")
        return await self._desk.open(act, PRESERVATION, form.holder, body)

    async def acknowledge(self, act: SignedAct) -> Acted:
        """The holder keeps it, which makes a hold on what it has about the identifiers; or it says why not."""
        form = act.read(bodies.Acknowledgement)
        if not form.accept and not form.note:
            raise InvalidInput("say why not", code="bad_act", where="note")
        request = self._desk.request(act)
        if not form.accept:
            return await self._desk.step(act, request, {"way": "refuse", "reason": form.note})
        self._desk.may(act, request, f"{ACKNOWLEDGE}:accept")
        named = await self._kept.meant(act.org, request)

        def keep(connection: Connection, index: int, t: str) -> None:
            self._kept.hold(connection, request, act.person, named, (index, t))

        # What the holder has, the asker is not told: the ranges stand in the entry's own part alone.
        told = Told((request.asker, request.holder), held=named)
        return await self._desk.step(act, request, {"way": "accept", "note": form.note}, keep, told)

    async def extend(self, act: SignedAct) -> Acted:
        """Keep it longer, or less long."""
        form = act.read(bodies.Extension)
        body = {"until": bodies.coming(form.until, "until"), "note": form.note}
        return await self._desk.step(act, self._desk.request(act), body)

    async def lift(self, act: SignedAct) -> Acted:
        """It need not be kept any longer."""
        return await self._desk.step(act, self._desk.request(act), {"note": act.read(bodies.Remark).note})

    async def produce(self, act: SignedAct) -> Acted:
        """Ask for what was kept."""
        form = act.read(bodies.Production)
        body = {
            "legalBasis": self._disclosures.legal_basis(form.legal_basis),
            "deadline": bodies.coming(form.deadline, "deadline"),
            "justification": form.justification,
        }
        return await self._desk.step(act, self._desk.request(act), body)


def answered(ledger: Ledger, org: str, request: str) -> Request:
    """The open request to ``org`` that a submission's manifest cites. Raises InvalidManifest, alike for all others."""
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

    Raises Conflict when that is open no longer.
    """
    (org, person), (index, t) = who, at
    found = store.find(connection, org, request.id)
    allow(found.kind, found.standing(time.time()), SUBMISSION, found.side(org))
    store.note(connection, request.id, Event(index=index, t=t, kind=SUBMISSION, org=org, person=person, body={}))
