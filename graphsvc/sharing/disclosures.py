"""Disclosures: requested, decided by the holder of the records, in force until they end or are revoked.

A grant is two things in one ledger entry: the records move to a label with the grant's id added, and the grant is
entered with its conditions. Only a reader of the grantee, on the footing that the grant names, has that id in its
profile; for every other reader the new label decides like the old one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, insert, update

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.ledger import tables
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Move
from graphsvc.model.principals import Entitlements, Footing, Principal
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.times import coming
from graphsvc.sharing import store
from graphsvc.sharing.desk import Desk, Told
from graphsvc.sharing.moves import Mover, until_settled, with_grant
from graphsvc.sharing.named import named_records, records_of_handles
from graphsvc.sharing.states import DECISION, DISCLOSURE
from graphsvc.sharing.store import Request
from graphsvc.sharing.views import check_meant, meant
from graphsvc.wire.acts import Identifier
from graphsvc.wire.sharing import (
    AnswerQuestion,
    DecideDisclosure,
    RemindRequest,
    RequestDisclosure,
    RequestPreservation,
    RevokeGrant,
    WithdrawRequest,
)
from graphsvc_verify.meaning import grant_id, granted


class Disclosures:
    """Carries out the acts about disclosure requests and grants."""

    def __init__(self, desk: Desk, mover: Mover) -> None:
        self._desk = desk
        self._mover = mover

    @carries_out(RequestDisclosure)
    async def request(self, act: SignedAct, form: RequestDisclosure) -> Acted:
        """Ask a holder for what it has on identifiers, or for withheld fields of records already seen."""
        if not form.identifiers and not form.records:
            raise InvalidInput("name identifiers or records", code="bad_act", where="act body")
        body = self.asked(act, form, form.identifiers)
        body["records"] = records_of_handles(self._mover.core, act.org, form.holder, form.records)
        return await self._desk.open(act, DISCLOSURE, form.holder, body)

    @carries_out(DecideDisclosure)
    async def decide(self, act: SignedAct, form: DecideDisclosure) -> Acted:
        """Grant a request, refuse it or ask back."""
        request = self._desk.request(act)
        if form.decision == "grant":
            return await until_settled(lambda: self._grant(act, request, form))
        said = {"refuse": {"reason": form.reason}, "ask": {"question": form.question}}[form.decision]
        if not all(said.values()):
            raise InvalidInput(f"say the {next(iter(said))}", code="bad_act", where="act body")
        return await self._desk.step(act, request, {"way": form.decision, **said})

    @carries_out(AnswerQuestion)
    async def answer(self, act: SignedAct, form: AnswerQuestion) -> Acted:
        """Answer the holder's question about a request."""
        return await self._desk.step(act, self._desk.request(act), {"answer": form.text})

    @carries_out(RemindRequest)
    async def remind(self, act: SignedAct, form: RemindRequest) -> Acted:
        """Remind the holder."""
        return await self._desk.step(act, self._desk.request(act), {"note": form.note})

    @carries_out(WithdrawRequest)
    async def withdraw(self, act: SignedAct, form: WithdrawRequest) -> Acted:
        """Withdraw the request."""
        return await self._desk.step(act, self._desk.request(act), {"note": form.note})

    @carries_out(RevokeGrant)
    async def revoke(self, act: SignedAct, form: RevokeGrant) -> Acted:
        """End a grant: it serves no question from the moment that the entry is durable."""
        ledger = self._desk.ledger
        with ledger.reading() as connection:
            row = store.grant(connection, act.org, act.sub)
            request = store.find(connection, act.org, row["request"])

        def end(connection: Connection, index: int, _t: str) -> None:
            table = tables.grants
            connection.execute(update(table).where(table.c.id == act.sub).values(revoked=index))

        told = Told((request.asker, request.holder), request.id, given=True)
        return await self._desk.step(act, request, {"reason": form.reason}, end, told)

    def asked(
        self,
        act: SignedAct,
        form: RequestDisclosure | RequestPreservation,
        named: Sequence[Identifier],
    ) -> dict[str, object]:
        """What a request says, checked: holder, codes, a registered case, a deadline ahead, canonical keys."""
        schema, ledger = self._mover.core.schema, self._desk.ledger
        if self._desk.member(form.holder, "holder") == act.org:
            raise InvalidInput("your organisation is the holder itself", code="bad_act", where="holder")
        if not ledger.has_case(act.org, form.case):
            raise InvalidInput("register the case first", code="unknown_case", where="case")
        body: dict[str, object] = {
            **msgspec.to_builtins(form),
            "urgency": form.urgency,
            "purpose": self._coded("purposes", form.purpose, "purpose"),
            "legalBasis": self.legal_basis(form.legal_basis),
            "deadline": coming(form.deadline, "deadline"),
        }
        try:
            keys = [(one.kind, schema.key_in_act(one.kind, one.parts, act.org)) for one in named]
        except ValueProblem as problem:
            raise InvalidInput(problem.message, code=problem.code, where="identifiers") from None
        return {**body, "identifiers": [{"kind": kind, "key": key} for kind, key in keys]}

    def legal_basis(self, code: str) -> str:
        """A code of the list of legal bases. Raises InvalidInput."""
        return self._coded("legal-bases", code, "legalBasis")

    def _coded(self, listing: str, code: str, where: str) -> str:
        try:
            known = self._mover.core.schema.codelists[listing].clean(code)
        except ValueProblem as problem:
            raise InvalidInput(problem.message, code=problem.code, where=where) from None
        if known != code:
            # The entry says what was signed, to the letter.
            raise InvalidInput(f"write the code as the list does: {known}", code="not_in_list", where=where)
        return known

    async def _grant(self, act: SignedAct, request: Request, form: DecideDisclosure) -> Acted:
        """Grant records and field groups to the asker, on the footing that it asked on."""
        # 1. What is granted lies within what was asked for.
        if not form.field_groups or form.target is None or form.until is None:
            raise InvalidInput("say which records, which field groups and until when", code="bad_act", where="act body")
        until = coming(form.until, "until")
        basis = self.legal_basis(form.legal_basis) if form.legal_basis else ""
        records = named_records(self._mover.core, act.org, form.target)
        moment = await self._mover.moment(act)
        self._desk.check(act, request, f"{DECISION}:full")
        all_meant, more = await meant(self._mover.core.reader, moment.scope, request, time.time())
        check_meant(records, all_meant)
        # 2. Where the records go: the same labels with the grant's id added.
        grant = grant_id(act.deed)
        moves = await self._mover.moves(moment, records, lambda label: with_grant(label, grant))
        actions = tuple(granted(act.body))
        # A reader whose policy demands signed requests can sign them.
        basis_used = basis or request.asked["legalBasis"]
        stated = Footing(request.asked["purpose"], basis_used, request.asked["case"], signed=True)
        self._opens(request.asker, stated, Entitlements(grants=((grant, actions),)), moves)
        # 3. One entry for both sides: the records move and the grant is there, or neither.
        whole = (
            set(request.asked["fieldGroups"]) <= set(form.field_groups) and set(records) == set(all_meant) and not more
        )
        row = {
            "id": grant,
            "request": request.id,
            "owner": act.org,
            "grantee": request.asker,
            "case": stated.case,
            "purpose": stated.purpose,
            "legal_basis": basis,
            "actions": list(actions),
            "conditions": form.conditions,
            "until": until,
            "records": len(records),
        }

        def enter(connection: Connection, index: int, _t: str) -> None:
            connection.execute(insert(tables.grants), {**row, "index": index})

        body = {"way": "full" if whole else "partial", "grant": grant, "until": until, "conditions": form.conditions}
        told = Told((request.asker, request.holder), moves=moves, given=True, at=moment.event)
        return await self._desk.step(act, request, body, enter, told)

    def _opens(self, grantee: str, footing: Footing, given: Entitlements, moves: Sequence[Move]) -> None:
        """Raise InvalidInput when policies keep some of the records from the grantee in spite of the grant."""
        organisation = self._desk.ledger.organisations()[self._desk.member(grantee, "request")]
        reader = Principal(organisation, "", ("investigator", "analyst"))
        for move in moves:
            decision = self._mover.core.decider.explain(reader, footing, True, move.label, given)["view"]
            if not decision.allowed:
                message = f"rule {decision.rule} keeps {move.label.handling.code} records from {grantee} all the same"
                raise InvalidInput(message, code="grant_void", where="records")
