"""Members that change or leave: contacts, and what becomes of keys, records, requests, grants and groups when one goes.

What a crash leaves. The departure is one entry: from it on keys do not count, tokens are refused, and requests, grants
and memberships have ended. If the member's records are to be taken back, another entry does that; after a crash the
worker of custody goes on at the next start.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, insert, or_, select, update

from graphsvc.acts.signed import Acted, Handler, SignedAct, carries_out, handlers_of
from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.scopeheads import EVERYBODY
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
from graphsvc.wire.members import Departed, Member, OrganisationChange, UpdateOrganisation

KEEP, RECALL = "keep", "recall"
UPDATE = "organisation-update"


@dataclass(frozen=True, slots=True)
class _Ended:
    """What ended with a membership: how many keys, and which grants, requests and groups."""

    keys: int
    grants: list[str]
    requests: list[str]
    groups: list[str]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was taken back of a member that left: the entry, how many records, and who was told."""

    withdrawal: int | None = None
    records: int = 0
    told: list[str] = field(default_factory=list)


class Membership:
    """What operators do about members, and members about themselves. Holds no state."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def listed(self, principal: Principal) -> list[Member]:
        """All organisations, with counts of keys in force and submissions, and those that have left. Operators only."""
        _operator(principal)
        return await asyncio.to_thread(self._listed)

    async def update(self, principal: Principal, org: str, name: str | None, contact: str | None) -> Acted:
        """Change a member's name or contact. Operators only; raises NotFound."""
        _operator(principal)
        return await self._update(org, (name, contact), principal.person)

    @carries_out(UpdateOrganisation)
    async def update_own(self, act: SignedAct, body: UpdateOrganisation) -> Acted:
        """Change the own organisation's name or contact by a signed act of an officer."""
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
        ended: list[_Ended] = []

        def effects(connection: Connection, index: int, t: str) -> None:
            ended.append(_end(connection, org, index, t, (records, reason)))

        # 1. One entry: keys, tokens, requests, grants and memberships end with it.
        facts = {"action": DEPARTURE, "records": records, "reason": reason, "by": principal.person}
        draft = EntryDraft(
            type=DEPARTURE,
            who={"org": "operator", "person": principal.person},
            owners=[OwnerPart(org, facts, [])],
            body={"org": org, "records": records, "reason": reason, "by": principal.person},
            # Grants that it gave end with it, so others' scopes change as well.
            concerns=EVERYBODY,
            registry=True,
            effects=effects,
        )
        appended = await asyncio.wrap_future(core.ledger.append(draft))
        # 2. Its records, as was decided; those who saw them are told.
        taken = await leave(core, org) if records == RECALL else _Taken()
        answer = Departed(
            org=org,
            index=appended.index,
            choice=records,
            keys=ended[-1].keys,
            grants=ended[-1].grants,
            requests=ended[-1].requests,
            sharing_groups=ended[-1].groups,
            withdrawal=taken.withdrawal,
            records=taken.records,
            told=taken.told,
        )
        return Acted(answer, appended.encoded)

    def handlers(self) -> dict[str, Handler]:
        """The handlers of the acts of members about themselves, by kind."""
        return handlers_of(self)

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
        answer = OrganisationChange(org=org, name=name, contact=contact, index=appended.index)
        return Acted(answer, appended.encoded)

    def _changed(self, org: str) -> int:
        """The last entry that changed the organisation's name or contact."""
        for index, _ in reversed(self._core.ledger.indexes(0, self._core.ledger.head, (UPDATE,))):
            if self._core.ledger.open_header(index)["body"]["org"] == org:
                return index
        return -1

    def _listed(self) -> list[Member]:
        keys, sent = tables.keys, tables.submissions
        in_force = select(keys.c.org, func.count()).where(keys.c.revoked.is_(None), keys.c.use == "sig")
        with self._core.ledger.reading() as connection:
            signing: dict[str, int] = dict(connection.execute(in_force.group_by(keys.c.org)).all())
            submissions: dict[str, int] = dict(
                connection.execute(select(sent.c.org, func.count()).group_by(sent.c.org)).all()
            )
        left = self._core.ledger.departed
        return [
            Member(
                **{name: getattr(one, name) for name in ("org", "kind", "jurisdiction", "name", "contact")},
                keys=signing.get(org, 0),
                submissions=submissions.get(org, 0),
                left=left.get(org),
            )
            for org, one in sorted(self._core.ledger.organisations().items())
        ]


def to_leave(core: Core) -> list[str]:
    """Organisations that have left and whose records are to be taken back, as far as any are still there."""
    table = tables.departures
    with core.ledger.reading() as connection:
        return list(connection.execute(select(table.c.org).where(table.c.records == RECALL)).scalars())


async def leave(core: Core, org: str) -> _Taken:
    """Take back all records of an organisation that are still there, and tell those who saw them. May be repeated."""
    live = await asyncio.to_thread(_everything, core, org)
    if not live:
        return _Taken()
    decision = Decision(org, DEPARTED, "operator", "the organisation has left", checked_deadline(None))
    appended = await withdraw(core, decision, live)
    told = await tell(core, appended.index)
    return _Taken(appended.index, ranges.count(live), sorted(told))


def _everything(core: Core, org: str) -> Ranges:
    named = ranges.ranges((one.index, 0, one.rows - 1) for one in book_of(core).submissions(org) if one.rows)
    return ranges.minus(records_of(core, named), book_of(core).gone(ranges.submissions(named)))


def _end(connection: Connection, org: str, index: int, t: str, choice: tuple[str, str]) -> _Ended:
    """End all that ends with a membership, in the departure's transaction; returns what that was. Raises Conflict."""
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
    return _Ended(revoked, list(ended), closed, left)


def _operator(principal: Principal) -> None:
    if "operator" not in principal.roles:
        raise Denied("only an operator does this")
