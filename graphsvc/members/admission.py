"""What is neither a submission nor a question: admitting organisations, enrolling keys, cases, evidence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from graphsvc.acts.signed import Acted
from graphsvc.anchoring.witnesses import Witnessing
from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.telling import tell_due
from graphsvc.model.errors import Conflict, Denied, InvalidInput
from graphsvc.model.principals import Organisation, Principal
from graphsvc.model.schema import Schema
from graphsvc.model.slugs import FORM, SLUG
from graphsvc.wire.answers import Case
from graphsvc.wire.members import Admitted, KeyEventEntered

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_:-]{0,79}")
RESERVED = frozenset({"oversight", "operator"})
"""Names that mean something else in the ledger."""
CASE_ROLES = frozenset({"investigator", "analyst"})


class Administering:
    """Admits organisations, enrols keys, registers cases, gives evidence. Holds no state."""

    def __init__(
        self,
        ledger: Ledger,
        schema: Schema,
        witnessing: Witnessing | None = None,
    ) -> None:
        self._ledger = ledger
        self._schema = schema
        self._witnessing = witnessing

    async def admit(self, principal: Principal, organisation: Organisation, root_key: bytes) -> Acted:
        """Admit an organisation with its root key (raw Ed25519). Operators only; Conflict for a member."""
        if "operator" not in principal.roles:
            raise Denied("only an operator admits organisations")
        if not SLUG.fullmatch(organisation.org) or organisation.org in RESERVED:
            raise InvalidInput(f"an organisation's slug is {FORM}", where="/org")
        self._schema.codelists["organisation-kinds"].clean(organisation.kind)
        if not re.fullmatch(r"[A-Z]{2}", organisation.jurisdiction):
            raise InvalidInput("the jurisdiction is two letters of ISO 3166-1, as KE", where="/jurisdiction")
        appended = await asyncio.to_thread(self._ledger.admit, organisation, root_key, principal.person)
        return Acted(Admitted(org=organisation.org, index=appended.index), appended.encoded)

    async def enrol(self, principal: Principal, act: str) -> Acted:
        """Log a key event that the organisation's root key signed. Anybody may hand it in: the signature decides."""
        index = await asyncio.to_thread(self._ledger.enrol, act)
        receipt = await asyncio.to_thread(self._ledger.receipt, index)
        return Acted(KeyEventEntered(index=index), msgspec.json.encode(receipt))

    async def register_case(self, principal: Principal, reference: str, title: str, legal_basis: str) -> Acted:
        """Register a case of the caller's organisation, which reads can then cite.

        Raises Denied without an investigating role, InvalidInput, Conflict when the reference is taken.
        """
        # 1. May the caller do this, and is the case written as it must be?
        if not CASE_ROLES & set(principal.roles):
            raise Denied("only investigators and analysts register cases")
        if not _REFERENCE.fullmatch(reference):
            raise InvalidInput("a case reference is up to 80 plain characters", where="reference")
        legal_basis = self._schema.codelists["legal-bases"].clean(legal_basis)
        if await asyncio.to_thread(self._ledger.has_case, principal.org, reference):
            raise Conflict("your organisation has a case with this reference", code="case_exists")
        # 2. Durable, the case with it.
        draft = _case_entry(principal, reference, title[:200], legal_basis)
        appended = await asyncio.wrap_future(self._ledger.append(draft))
        case = Case(reference=reference, title=title[:200], legal_basis=legal_basis, registered_at=appended.t)
        return Acted(case, appended.encoded)

    async def evidence(self, principal: Principal, indexes: list[int] | None, since: int | None) -> Mapping[str, Any]:
        """What an officer of the caller's organisation needs to check offline who saw its records.

        ``since`` is the size of a checkpoint that the verifier pins; the evidence proves that the log grew from it.
        """
        if not {"officer", "investigator"} & set(principal.roles):
            raise Denied("only data-protection officers and investigators take evidence")
        await asyncio.to_thread(tell_due, self._ledger)
        # Proofs lead to a witnessed checkpoint of the whole log, or to the newest one where none comes in time.
        head = None if self._witnessing is None else await self._witnessing.wait(self._ledger.head)
        return await asyncio.to_thread(self._ledger.evidence, principal.org, indexes, since, head)


def _case_entry(principal: Principal, reference: str, title: str, legal_basis: str) -> EntryDraft:
    def effects(connection: Connection, index: int, t: str) -> None:
        case = {"reference": reference, "title": title, "legal_basis": legal_basis}
        connection.execute(insert(tables.cases), {"org": principal.org, **case, "index": index, "t": t})

    facts = {"action": "case", "person": principal.person, "case": reference}
    return EntryDraft(
        type="case",
        who={"org": principal.org, "person": principal.person},
        basis=legal_basis,
        case=reference,
        requester=principal.org,
        owners=[OwnerPart(owner=principal.org, facts=facts, disclosures=[])],
        body={"reference": reference, "title": title},
        effects=effects,
    )
