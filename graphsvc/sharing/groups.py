"""Sharing groups: who founds, invites, accepts and leaves, and which records are shared with a group.

Who belongs to a group is in the ledger, nowhere else. Sharing moves the owner's records to a label with the group
added; that is the owner's permission to the group's members, and stays until the owner takes it back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.ledger import tables
from graphsvc.ledger.receipts import Appended
from graphsvc.model.errors import Conflict, Denied, InvalidInput, NotFound
from graphsvc.model.slugs import FORM, SLUG
from graphsvc.model.times import coming, seconds
from graphsvc.sharing.desk import Desk, Effect, Told
from graphsvc.sharing.moves import Mover, until_settled, with_group, without_group
from graphsvc.sharing.named import named_records
from graphsvc.sharing.views import group_shapes
from graphsvc.wire.acts import Target
from graphsvc.wire.sharing import (
    AcceptInvitation,
    CreateGroup,
    InviteToGroup,
    LeaveGroup,
    RemoveFromGroup,
    SharedRecords,
    ShareRecords,
    UnshareRecords,
)


class Groups:
    """Carries out the acts about groups, and the sharing of records with them."""

    def __init__(self, desk: Desk, mover: Mover) -> None:
        self._desk = desk
        self._mover = mover

    @carries_out(CreateGroup)
    async def create(self, act: SignedAct, body: CreateGroup) -> Acted:
        """Found a group; its id is the act's ``sub``, taken once for all."""
        if not SLUG.fullmatch(act.sub):
            raise InvalidInput(f"a group's id is {FORM}", code="bad_act", where="sub")

        def found(connection: Connection, index: int, t: str) -> None:
            table = tables.sharing_groups
            if connection.execute(select(table.c.id).where(table.c.id == act.sub)).first() is not None:
                raise Conflict("this id is taken", code="group_exists")
            values = {"id": act.sub, "founder": act.org, "purpose": body.purpose, "rulebook": body.rulebook}
            connection.execute(insert(table), {**values, "index": index, "t": t})
            _set(connection, act.sub, act.org, "member", "", (index, t))

        return await self._changed(act, (act.org,), found)

    @carries_out(InviteToGroup)
    async def invite(self, act: SignedAct, body: InviteToGroup) -> Acted:
        """The founder invites an organisation, for good or until a moment; it is a member once it has accepted.

        Inviting a member again moves the end of its membership.
        """
        org = self._desk.member(body.org, "org")
        until = "" if body.until is None else coming(body.until, "until")

        def invite(connection: Connection, index: int, t: str) -> None:
            self._founder(connection, act)
            if org == act.org:
                raise Conflict("the founder belongs to the group already", code="wrong_state")
            state = "member" if _state(connection, act.sub, org) == "member" else "invited"
            _set(connection, act.sub, org, state, until, (index, t))

        return await self._changed(act, (act.org, org), invite)

    @carries_out(AcceptInvitation)
    async def accept(self, act: SignedAct, _: AcceptInvitation) -> Acted:
        """An invited organisation joins the group."""

        def accept(connection: Connection, index: int, t: str) -> None:
            until, last = self._own(connection, act, "invited")
            act.unmoved(last)
            _set(connection, act.sub, act.org, "member", until, (index, t))

        return await self._changed(act, self._told(act), accept)

    @carries_out(LeaveGroup)
    async def leave(self, act: SignedAct, _: LeaveGroup) -> Acted:
        """A member leaves, or an invitation is declined; the founder leaves last, and with it the group ends."""

        def leave(connection: Connection, index: int, t: str) -> None:
            self._own(connection, act, "member", "invited")
            others = [org for org in _members(connection, act.sub) if org != act.org]
            if _founder_of(connection, act.sub) == act.org and others:
                raise Conflict("remove the other members first: the founder leaves last", code="wrong_state")
            _set(connection, act.sub, act.org, "left", "", (index, t))

        return await self._changed(act, self._told(act), leave)

    @carries_out(RemoveFromGroup)
    async def remove(self, act: SignedAct, body: RemoveFromGroup) -> Acted:
        """The founder removes a member, or takes an invitation back."""

        def remove(connection: Connection, index: int, t: str) -> None:
            self._founder(connection, act)
            if body.org == act.org or _state(connection, act.sub, body.org) not in ("member", "invited"):
                raise NotFound("there is no such member")
            _set(connection, act.sub, body.org, "removed", "", (index, t))

        return await self._changed(act, (*self._told(act), self._desk.member(body.org, "org")), remove)

    @carries_out(ShareRecords)
    async def share(self, act: SignedAct, body: ShareRecords) -> Acted:
        """Share own records with a group that the signer's organisation belongs to."""
        return await until_settled(lambda: self._move(act, body.target, True))

    @carries_out(UnshareRecords)
    async def unshare(self, act: SignedAct, body: UnshareRecords) -> Acted:
        """Take own records back from a group, whether or not the owner still belongs to it."""
        return await until_settled(lambda: self._move(act, body.target, False))

    async def _move(self, act: SignedAct, target: Target, share: bool) -> Acted:
        group = act.sub
        if share:
            with self._desk.ledger.reading() as connection:
                self._own(connection, act, "member")
        records = named_records(self._mover.core, act.org, target)
        moment = await self._mover.moment(act, -1 if target.submission is None else target.submission)
        change = with_group if share else without_group
        moves = await self._mover.moves(moment, records, lambda label: change(label, group))
        moved = sum(len(move.records) for move in moves)
        if not moves:
            raise Conflict("there is nothing to move: absent, expired, or as it should be already", code="no_change")

        def check(connection: Connection, _index: int, _t: str) -> None:
            if share:
                self._own(connection, act, "member")

        told = Told((act.org,), moves=moves, at=moment.event)
        appended = await self._desk.write(act, told, check)
        return Acted(SharedRecords(index=appended.index, sharing_group=group, records=moved), appended.encoded)

    async def _changed(self, act: SignedAct, parties: Sequence[str], effect: Effect) -> Acted:
        appended: Appended = await self._desk.write(act, Told(parties, given=True), effect)
        with self._desk.ledger.reading() as connection:
            return Acted(group_shapes(connection, [act.sub], act.org, time.time())[0], appended.encoded)

    def _told(self, act: SignedAct) -> tuple[str, ...]:
        """Who is told of a change of members: those who belong now, and the signer. Raises NotFound for strangers."""
        with self._desk.ledger.reading() as connection:
            if _state(connection, act.sub, act.org) not in ("member", "invited"):
                raise NotFound("there is no such group")
            return (act.org, *_members(connection, act.sub))

    def _founder(self, connection: Connection, act: SignedAct) -> None:
        if _state(connection, act.sub, act.org) != "member":
            raise NotFound("there is no such group")
        if _founder_of(connection, act.sub) != act.org:
            raise Denied("only the founder of a group does this")

    def _own(self, connection: Connection, act: SignedAct, *states: str) -> tuple[str, int]:
        """End and last entry of the signer's own membership, if it is in one of ``states``."""
        state = _state(connection, act.sub, act.org)
        if state not in ("member", "invited"):
            raise NotFound("there is no such group")
        if state not in states:
            raise Conflict(f"your organisation is {state} now", code="wrong_state")
        table = tables.memberships
        chosen = select(table.c.until, table.c["index"]).where(table.c.group == act.sub, table.c.org == act.org)
        until, last = connection.execute(chosen).one()
        return until, last


def _state(connection: Connection, group: str, org: str) -> str:
    """An organisation's state in a group now, empty if it was never in it; one whose time has ended has left."""
    table = tables.memberships
    chosen = select(table.c.state, table.c.until).where(table.c.group == group, table.c.org == org)
    row = connection.execute(chosen).first()
    if row is None:
        return ""
    return "left" if row.until and seconds(row.until) <= time.time() else str(row.state)


def _founder_of(connection: Connection, group: str) -> str:
    table = tables.sharing_groups
    return str(connection.execute(select(table.c.founder).where(table.c.id == group)).scalar_one())


def _members(connection: Connection, group: str) -> list[str]:
    table = tables.memberships
    chosen = select(table.c.org).where(table.c.group == group, table.c.state == "member").order_by(table.c.org)
    return [org for org in connection.execute(chosen).scalars() if _state(connection, group, org) == "member"]


def _set(connection: Connection, group: str, org: str, state: str, until: str, at: tuple[int, str]) -> None:
    table = tables.memberships
    values = {"state": state, "until": until, "index": at[0], "t": at[1]}
    mine = (table.c.group == group) & (table.c.org == org)
    if connection.execute(update(table).where(mine).values(**values)).rowcount == 0:
        connection.execute(insert(table), {"group": group, "org": org, **values})
