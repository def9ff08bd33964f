"""Members that change or leave: contacts, and what becomes of keys, records, requests, grants and groups when one goes.

What a crash leaves. The departure is one entry: with it keys count no more, tokens are refused, requests, grants and
memberships have ended. If its records are to be taken back, another entry does that; the next start goes on with it
(worker).
"""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from graphsvc.acts.signed import Acted, Handler, SignedAct
from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.scopeheads import EVERYBODY
from graphsvc.lifecycle import bodies
from graphsvc.lifecycle.recall import Decision, checked_deadline, tell, withdraw
from graphsvc.lifecycle.store import DEPARTED, book_of
from graphsvc.lifecycle.targets import records_of
from graphsvc.model import ranges
from graphsvc.model.errors import Conflict, Denied, InvalidInput, NotFound
from graphsvc.model.principals import Principal
from graphsvc.model.ranges import Ranges
from graphsvc.model.times import seconds
from graphsvc.sharing.states import DEPARTURE, REVOKE, Event
from graphsvc.sharing.store import note, unfinished_of

KEEP, RECALL = "keep", "recall"
UPDATE = "organisation-update"


class Membership:
    """What operators do about members, and members about themselves. Holds no state."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def listed(self, principal: Principal) -> list[dict[str, Any]]:
        """All organisations, with counts of keys in force and submissions, and those that have left. Operators only."""
        _operator(principal)
        return await asyncio.to_thread(self._listed)

    async def update(self, principal: Principal, org: str, name: str | None, contact: str | None) -> Acted:
        """Change a member's name or contact. Operators only; raises NotFound."""
        _operator(principal)
        return await self._update(org, (name, contact), principal.person)

    async def update_own(self, act: SignedAct) -> Acted:
        """Change the own organisation's name or contact by a signed act of an officer."""
        body = act.read(bodies.UpdateOrganisation)
        act.unmoved(await asyncio.to_thread(self._changed, act.org))
        return await self._update(act.org, (body.name, body.contact), act.person, act)

    async def depart(self, principal: Principal, org: str, records: str, reason: str) -> Acted:
        """Off-board a member. ``records``: ``keep`` them under their labels, or ``recall`` all of them.

        Operators only. Raises InvalidInput, NotFound for no member, Conflict for one that has left.
        """
        _operator(principal)
        if records not in (KEEP, RECALL):
            raise InvalidInput("say keep or recall", code="invalid_request", where="/records")
        core = self._core
        if org not in core.ledger.organisations():
            raise NotFound("there is no such organisation")
        ended: dict[str, Any] = {}

        def effects(connection: Connection, index: int, t: str) -> None:
            ended.update(_end(connection, org, index, t, (records, reason)))

        # 1. One entry: keys, tokens, requests, grants and memberships end with it.
        facts = {"action": DEPARTURE, "records": records, "reason": reason, "by": principal.person}
        draft = EntryDraft(
            type=DEPARTURE,
            who={"org": "operator", "person": principal.person},
            owners=[OwnerPart(org, facts, [])],
            body={"org": org, "records": records, "reason": reason, "by": principal.person},
            # Grants that it gave end with it, so that is a matter of others as well.
            concerns=EVERYBODY,
            registry=True,
            effects=effects,
        )
        appended = await asyncio.wrap_future(core.ledger.append(draft))
        # 2. Its records, as was decided; those who saw them are told.
        taken = await leave(core, org) if records == RECALL else {"withdrawal": None, "records": 0, "told": []}
        body = {"org": org, "index": appended.index, "choice": records, **ended, **taken}
        return Acted(body, appended.receipt)

    def handlers(self) -> dict[str, Handler]:
        """The handlers of the acts of members about themselves, by kind."""
        return {"update-organisation": self.update_own}

    async def finish(self) -> None:
        """Finish departures that a crash has cut off."""
        for org in await asyncio.to_thread(to_leave, self._core):
            await leave(self._core, org)

    async def _update(
        self, org: str, changes: tuple[str | None, str | None], by: str, act: SignedAct | None = None
    ) -> Acted:
        known = self._core.ledger.members().get(org)
        if known is None:
            raise NotFound("there is no such organisation")
        name, contact = (changes[0] or known.name, known.contact if changes[1] is None else changes[1])
        if changes == (None, None):
            raise InvalidInput("say what changes: name, contact", code="invalid_request")

        def effects(connection: Connection, index: int, _t: str) -> None:
            table = tables.organisations
            connection.execute(update(table).where(table.c.org == org).values(name=name, contact=contact))

        now = {"name": name, "contact": contact, "by": by}
        facts, body = {"action": UPDATE, **now}, {"org": org, **now}
        if act is not None:
            facts, body = {**facts, **act.meaning.facts}, {**body, **act.meaning.body}
        draft = EntryDraft(
            type=UPDATE,
            who={"org": "operator" if act is None else org, "person": by},
            requester=None if act is None else org,
            owners=[OwnerPart(org, facts, [])],
            acts=[] if act is None else [act.compact],
            body=body,
            registry=True,
            effects=effects,
        )
        appended = await asyncio.wrap_future(self._core.ledger.append(draft))
        return Acted({"org": org, "name": name, "contact": contact, "index": appended.index}, appended.receipt)

    def _changed(self, org: str) -> int:
        """The last entry that changed the organisation's name or contact."""
        for index, _ in reversed(self._core.ledger.indexes(0, self._core.ledger.head, (UPDATE,))):
            if self._core.ledger.open_header(index)["body"]["org"] == org:
                return index
        return -1

    def _listed(self) -> list[dict[str, Any]]:
        keys, sent = tables.keys, tables.submissions
        in_force = select(keys.c.org, func.count()).where(keys.c.revoked.is_(None), keys.c.use == "sig")
        with self._core.ledger.reading() as connection:
            signing: dict[str, int] = dict(connection.execute(in_force.group_by(keys.c.org)).all())
            submissions: dict[str, int] = dict(
                connection.execute(select(sent.c.org, func.count()).group_by(sent.c.org)).all()
            )
        left = self._core.ledger.departed
        return [
            {
                **{name: getattr(one, name) for name in ("org", "kind", "jurisdiction", "name", "contact")},
                "keys": signing.get(org, 0),
                "submissions": submissions.get(org, 0),
                "left": left.get(org),
            }
            for org, one in sorted(self._core.ledger.organisations().items())
        ]


def to_leave(core: Core) -> list[str]:
    """Organisations that have left and whose records are to be taken back, as far as any are still there."""
    table = tables.departures
    with core.ledger.reading() as connection:
        return list(connection.execute(select(table.c.org).where(table.c.records == RECALL)).scalars())


async def leave(core: Core, org: str) -> dict[str, Any]:
    """Take back everything of an organisation's that is still there, and tell those who saw it; again does nothing."""
    live = await asyncio.to_thread(_everything, core, org)
    if not live:
        return {"withdrawal": None, "records": 0, "told": []}
    decision = Decision(org, DEPARTED, "operator", "the organisation has left", checked_deadline(None))
    appended = await withdraw(core, decision, live)
    told = await tell(core, appended.index)
    return {"withdrawal": appended.index, "records": ranges.count(live), "told": sorted(told)}


def _everything(core: Core, org: str) -> Ranges:
    named = ranges.ranges((one["index"], 0, one["rows"] - 1) for one in book_of(core).submissions(org) if one["rows"])
    return ranges.minus(records_of(core, named), book_of(core).gone(ranges.submissions(named)))


def _end(connection: Connection, org: str, index: int, t: str, choice: tuple[str, str]) -> dict[str, Any]:
    """Everything that ends with a membership, in the departure's own transaction; what that was."""
    taken = connection.execute(select(tables.departures.c.org).where(tables.departures.c.org == org)).first()
    if taken is not None:
        raise Conflict("the organisation has left already", code="departed")
    row = {"org": org, "index": index, "t": t, "records": choice[0], "reason": choice[1]}
    connection.execute(insert(tables.departures), row)
    keys, grants, groups = tables.keys, tables.grants, tables.memberships
    of_org = (keys.c.org == org) & keys.c.revoked.is_(None)
    revoked = connection.execute(update(keys).where(of_org, keys.c.use == "sig").values(revoked=index)).rowcount
    because = {"reason": DEPARTURE}
    closed = unfinished_of(connection, org, seconds(t))
    for request in closed:
        note(connection, request, Event(index, t, DEPARTURE, org, "operator", because))
    open_ones = grants.c.revoked.is_(None) & or_(grants.c.owner == org, grants.c.grantee == org)
    chosen = select(grants.c.id, grants.c.request).where(open_ones).order_by(grants.c["index"])
    ended = {row.id: row.request for row in connection.execute(chosen)}
    for request in ended.values():
        note(connection, request, Event(index, t, REVOKE, org, "operator", because))
    connection.execute(update(grants).where(open_ones).values(revoked=index))
    belongs = (groups.c.org == org) & groups.c.state.in_(("member", "invited"))
    left = list(connection.execute(select(groups.c.group).where(belongs).order_by(groups.c.group)).scalars())
    connection.execute(update(groups).where(belongs).values(state="left", index=index, t=t))
    return {"keys": revoked, "grants": list(ended), "requests": closed, "groups": left}


def _operator(principal: Principal) -> None:
    if "operator" not in principal.roles:
        raise Denied("only an operator does this")
