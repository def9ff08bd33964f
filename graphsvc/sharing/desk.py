"""How an act of sharing is carried out: one ledger entry, told to those whom it concerns and nobody else.

What an act does to a request is checked within the entry's own transaction, so of two acts on one state only the first
is carried out. Whom a request is about stands in the signed act and in side tables, never in what the entry tells.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from graphsvc.acts.signed import Acted, SignedAct
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.scopeheads import Concern
from graphsvc.model.errors import InvalidInput, ScopeMoved
from graphsvc.model.labels import Move
from graphsvc.model.ranges import Ranges
from graphsvc.sharing import store
from graphsvc.sharing.states import Event, allow
from graphsvc.sharing.store import Request
from graphsvc.sharing.views import request_shape
from graphsvc.wire.sharing import InformationRequest
from graphsvc_verify.meaning import LABEL, request_id

Effect = Callable[[Connection, int, str], None]


@dataclass(frozen=True, slots=True)
class Told:
    """Whom an entry tells, and what it says beyond what follows from the act.

    ``on`` is the request of a grant that is revoked, which the act does not name. ``held`` are rows that the entry puts
    under a hold: told to nobody. ``moves`` makes it an entry that moves records, ``given`` one that changes what the
    parties were given: both are scope events. ``at`` is the signer's last scope event when the moves were worked
    out.
    """

    parties: Iterable[str]
    on: str = ""
    moves: Sequence[Move] = ()
    given: bool = False
    at: int | None = None
    held: Ranges = ()

    @property
    def concerns(self) -> Concern | None:
        """Whose reads must not be older than the entry; None for nobody's."""
        if not self.given and not self.moves:
            return None
        owners = frozenset(move.label.owner for move in self.moves)
        return Concern(frozenset(self.parties if self.given else ()), owners)


class Desk:
    """Writes the entries of sharing. Holds no state."""

    def __init__(self, ledger: Ledger, notify: Callable[[], None]) -> None:
        self.ledger = ledger
        self._notify = notify

    def request(self, act: SignedAct) -> Request:
        """The request that an act is about, to or from the signer's organisation. Raises NotFound."""
        with self.ledger.reading() as connection:
            return store.find(connection, act.org, act.sub)

    def check(self, act: SignedAct, request: Request, step: str) -> None:
        """Raise Conflict or Denied unless the signer may take this step now and knew of the request's last change."""
        standing = request.standing(time.time())
        allow(request.kind, standing, step, request.side(act.org))
        act.unmoved(standing.last)

    async def open(self, act: SignedAct, kind: str, holder: str, body: Mapping[str, Any]) -> Acted:
        """Enter a new request of the signer's organisation to ``holder``."""
        name = request_id(act.deed)

        def effect(connection: Connection, index: int, t: str) -> None:
            store.enter(connection, Request(name, kind, act.org, holder, index, (_event(act, index, t, body),)))

        return await self._shown(act, name, await self.write(act, Told((act.org, holder)), effect))

    async def step(
        self,
        act: SignedAct,
        request: Request,
        body: Mapping[str, Any],
        also: Effect | None = None,
        told: Told | None = None,
    ) -> Acted:
        """Take one step about a request; ``also`` writes more in its transaction, ``told`` says who is told."""

        def effect(connection: Connection, index: int, t: str) -> None:
            event = _event(act, index, t, body)
            self.check(act, store.find(connection, act.org, request.id), event.step)
            store.note(connection, request.id, event)
            if also is not None:
                also(connection, index, t)

        self.check(act, request, _event(act, -1, "", body).step)
        told = told or Told((request.asker, request.holder))
        return await self._shown(act, request.id, await self.write(act, told, effect))

    async def write(self, act: SignedAct, told: Told, effect: Effect) -> Appended:
        """Write the entry, durably; raises what ``effect`` raises, ScopeMoved when labels moved after ``told.at``."""

        def effects(connection: Connection, index: int, t: str) -> None:
            if told.at is not None and self.ledger.scope_event_of(act.org) != told.at:
                raise ScopeMoved("labels have moved meanwhile")
            effect(connection, index, t)

        meaning, on = act.meaning, {"on": told.on} if told.on else {}
        purpose, basis, case = meaning.footing
        moves = {"moves": msgspec.to_builtins(list(told.moves))} if meaning.type == LABEL else {}
        held = {"hold": [list(part) for part in told.held]} if told.held else {}
        draft = EntryDraft(
            type=meaning.type,
            who={"org": act.org, "person": act.person},
            purpose=purpose,
            basis=basis,
            case=case,
            requester=act.org,
            owners=[OwnerPart(org, {**meaning.told(org, act.org), **on}, []) for org in sorted(set(told.parties))],
            acts=[act.compact],
            body={**meaning.body, **on, **moves, **held},
            concerns=told.concerns,
            effects=effects,
        )
        appended = await asyncio.wrap_future(self.ledger.append(draft))
        self._notify()
        return appended

    def member(self, org: str, where: str) -> str:
        """A member that has not left. Raises InvalidInput."""
        if org not in self.ledger.members():
            raise InvalidInput("there is no such organisation", code="unknown_organisation", where=where)
        return org

    async def _shown(self, act: SignedAct, request: str, appended: Appended) -> Acted:
        def read() -> InformationRequest:
            with self.ledger.reading() as connection:
                found = store.find(connection, act.org, request)
                return request_shape(found, store.grants_of(connection, [request]).get(request), time.time())

        return Acted(await asyncio.to_thread(read), appended.encoded)


def _event(act: SignedAct, index: int, t: str, body: Mapping[str, Any]) -> Event:
    said = {name: value for name, value in body.items() if value not in ("", None)}
    return Event(index=index, t=t, kind=act.kind, org=act.org, person=act.person, body=said)
