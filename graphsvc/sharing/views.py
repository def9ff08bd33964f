"""What an organisation reads of sharing: its requests on either side, its grants, its groups; nothing of others'.

The holder of a request sees which of its own records are meant, worked out in its own labels alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, or_, select

from graphsvc.graph.handles import RECORD
from graphsvc.ledger import tables
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.model.labels import GROUPS
from graphsvc.model.places import ROW_BITS, ROW_MASK
from graphsvc.model.times import seconds
from graphsvc.policy.scope import Scope
from graphsvc.sharing import store
from graphsvc.sharing.states import ASKER, DISCLOSURE, HOLDER, Event
from graphsvc.sharing.store import Request
from graphsvc.wire.answers import Handling
from graphsvc.wire.sharing import (
    MAX_RECORDS,
    Grant,
    GroupMember,
    HeldRecord,
    InformationRequest,
    RequestedIdentifier,
    RequestEvent,
    RequestFile,
    SharingGroup,
)

if TYPE_CHECKING:
    from graphsvc.answers.questions import Reading
    from graphsvc.graph.facts import EntityFacts
    from graphsvc.graph.read import Reader

READERS = frozenset({"officer", "investigator"})
"""The roles that may read requests and grants."""
PAGE = 100


class SharingView:
    """The part of a reading that is about sharing. ``shapes`` notes every record that is shown. Most of it blocks."""

    def __init__(self, reading: Reading) -> None:
        self._core = reading.core
        self._scope = reading.scope
        self._shapes = reading.shapes
        self._now = reading.now
        self._org = reading.scope.principal.org
        self._may = bool(READERS & set(reading.scope.principal.roles))

    def requests(
        self, kind: str, side: str, state: str | None, first: int, before: int | None
    ) -> list[InformationRequest]:
        """Requests that the caller's organisation has asked or holds, newest first, of one state or of all."""
        found: list[InformationRequest] = []
        now = time.time()
        with self._core.ledger.reading() as connection:
            while self._may and len(found) < first:
                page = store.listed(connection, self._org, side, kind, (before, PAGE))
                grants = store.grants_of(connection, (request.id for request in page))
                shapes = (self._request(request, grants.get(request.id), now) for request in page)
                found += [shape for shape in shapes if state in (None, shape.state)]
                if len(page) < PAGE:
                    break
                before = page[-1].index
        return found[:first]

    async def request(self, name: str) -> RequestFile | None:
        """One request with its history and, for its holder, the records that it means; None when it is not there."""
        now = time.time()
        found = await asyncio.to_thread(self._find, name)
        if found is None:
            return None
        request, grant = found
        records, more = await self._meant(request)
        return RequestFile(
            request=self._request(request, grant, now),
            history=[_event_shape(event) for event in request.events],
            records=records,
            truncated=more,
        )

    async def held(self, name: str) -> Request | None:
        """A disclosure request to the caller's organisation; None when it is not there, or not to it."""
        found = await asyncio.to_thread(self._find, name)
        is_held = found is not None and found[0].kind == DISCLOSURE and found[0].side(self._org) == HOLDER
        return found[0] if found is not None and is_held else None

    def _find(self, name: str) -> tuple[Request, Mapping[str, Any] | None] | None:
        with self._core.ledger.reading() as connection:
            try:
                request = store.find(connection, self._org, name) if self._may else None
            except NotFound:
                return None
            return None if request is None else (request, store.grants_of(connection, [name]).get(name))

    def grants(self, side: str, first: int, before: int | None) -> list[Grant]:
        """Grants that the caller's organisation has got or given, newest first."""
        table = tables.grants
        wanted = (table.c.grantee if side == ASKER else table.c.owner) == self._org
        if before is not None:
            wanted &= table.c["index"] < before
        with self._core.ledger.reading() as connection:
            rows = connection.execute(select(table).where(wanted).order_by(table.c["index"].desc()).limit(first))
            return [grant_shape(dict(row), time.time()) for row in rows.mappings()] if self._may else []

    def groups(self) -> list[SharingGroup]:
        """The sharing groups that the caller's organisation has founded, belongs to or is invited to."""
        now = time.time()
        with self._core.ledger.reading() as connection:
            return group_shapes(connection, _groups_of(connection, self._org, now), self._org, now)

    def _request(self, request: Request, grant: Mapping[str, Any] | None, now: float) -> InformationRequest:
        handles = self._core.handles(self._org)
        own = request.asked.get("records", ()) if request.side(self._org) == ASKER else ()
        return request_shape(request, grant, now, lambda record: handles.seal(RECORD, record), own)

    async def _meant(self, request: Request) -> tuple[list[HeldRecord], bool]:
        if request.side(self._org) != HOLDER:
            return [], False
        reader, scope = self._core.reader, own_labels(self._scope)
        records, more = await meant(reader, scope, request, self._now)
        facts = await reader.records(scope, records, self._now)

        def shapes() -> list[HeldRecord]:
            return [self._record(scope, record, about) for record, about in sorted(facts.items())]

        return await asyncio.to_thread(shapes), more

    def _record(self, scope: Scope, record: int, about: Sequence[EntityFacts]) -> HeldRecord:
        label = scope.labels[about[0].claims[0].lid]
        entities = self._shapes.entities(about).shapes()
        records = [claim for one in entities for claim in one.records]
        # Keys belong to group identity, even where it has no attributes.
        said = {"identity", *(attribute.field_group for claim in records for attribute in claim.attributes)}
        return HeldRecord(
            handle=self._core.handles(self._org).seal(RECORD, record),
            submission=record >> ROW_BITS,
            row=record & ROW_MASK,
            handling=Handling(scheme=label.handling.scheme, code=label.handling.code),
            field_groups=[group for group in GROUPS if group in said],
            entities=entities,
        )


def own_labels(scope: Scope) -> Scope:
    """The scope reduced to the reader's own labels."""
    own = {lid for lid, label in scope.labels.items() if label.owner == scope.principal.org}
    return replace(scope, lids={action: tuple(n for n in lids if n in own) for action, lids in scope.lids.items()})


async def meant(reader: Reader, scope: Scope, request: Request, now: float) -> tuple[list[int], bool]:
    """The holder's records that a request means, and whether there are more than can be told.

    ``scope`` is the holder's, in its own labels.
    """
    keys = [identifier["key"] for identifier in request.asked["identifiers"]]
    about = await reader.records_about(scope, keys, MAX_RECORDS + 1, now) if keys else []
    records = sorted({*about, *request.asked.get("records", ())})
    there = await reader.labels_of(scope, records, now) if records else {}
    found = [record for record in records if record in there]
    return found[:MAX_RECORDS], len(found) > MAX_RECORDS


def check_meant(records: Sequence[int], all_meant: Sequence[int], where: str = "") -> None:
    """Raise InvalidInput unless all of ``records`` are among those that a request means."""
    if not set(records) <= set(all_meant):
        message = "a record is not, or no longer, among those that the request means"
        raise InvalidInput(message, code="not_asked_for", where=where)


def request_shape(
    request: Request,
    grant: Mapping[str, Any] | None,
    now: float,
    seal: Callable[[int], str] = str,
    named: Sequence[int] = (),
) -> InformationRequest:
    """A request as both sides see it; ``named`` are records that the asker named, sealed for it."""
    asked, standing = request.asked, request.standing(now)
    return InformationRequest(
        id=request.id,
        kind=request.kind,
        asker=request.asker,
        holder=request.holder,
        state=standing.state,
        overdue=standing.overdue,
        index=request.index,
        last_index=standing.last,
        asked_at=request.events[0].t,
        deadline=standing.deadline or None,
        until=standing.until or None,
        urgency=asked["urgency"],
        purpose=asked["purpose"],
        legal_basis=asked["legalBasis"],
        case=asked["case"],
        field_groups=list(asked.get("fieldGroups", ())),
        identifiers=[RequestedIdentifier(kind=one["kind"], key=one["key"]) for one in asked["identifiers"]],
        named_records=[seal(record) for record in named],
        justification=asked["justification"],
        question=standing.question or None,
        reason=standing.reason or None,
        reminders=standing.reminders,
        grant=None if grant is None else grant_shape(grant, now),
        answered_by=standing.answered_by,
    )


def grant_shape(row: Mapping[str, Any], now: float) -> Grant:
    """A grant as both sides see it."""
    state = "revoked" if row["revoked"] is not None else "expired" if seconds(row["until"]) <= now else "in-force"
    actions = row["actions"]
    return Grant(
        id=row["id"],
        request=row["request"],
        owner=row["owner"],
        grantee=row["grantee"],
        state=state,
        case=row["case"],
        purpose=row["purpose"],
        legal_basis=row["legal_basis"] or None,
        field_groups=[group for group in GROUPS if f"view:{group}" in actions],
        uses=[use for use in ("analyse", "export") if use in actions],
        conditions=row["conditions"] or None,
        until=row["until"],
        records=row["records"],
        index=row["index"],
        revoked_index=row["revoked"],
    )


def _event_shape(event: Event) -> RequestEvent:
    body = event.body
    texts = [
        body[name] for name in ("question", "answer", "reason", "note", "conditions", "justification") if name in body
    ]
    return RequestEvent(
        index=event.index,
        at=event.t,
        action=event.step,
        org=event.org,
        person=event.person,
        text=texts[0] if texts else None,
    )


def group_shapes(connection: Connection, names: Sequence[str], org: str, now: float) -> list[SharingGroup]:
    """Sharing groups, in the order of ``names``, as one that belongs to them or is invited to them sees them."""
    groups, members = tables.sharing_groups, tables.memberships
    found = connection.execute(select(groups).where(groups.c.id.in_(names))).mappings()
    known = {group["id"]: dict(group) for group in found}
    belongs: dict[str, list[Mapping[str, Any]]] = {name: [] for name in names}
    chosen = select(members).where(members.c.group.in_(names)).order_by(members.c.group, members.c.org)
    for row in connection.execute(chosen).mappings():
        belongs[row["group"]].append(dict(row))
    return [_group_shape(known[name], belongs[name], org, now) for name in names]


def _group_shape(group: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], org: str, now: float) -> SharingGroup:
    """One group; its members are shown to members only."""
    mine = next((row for row in rows if row["org"] == org), None)
    inside = mine is not None and _state(mine, now) == "member"
    shown = [row for row in rows if row["state"] in ("member", "invited")] if inside else [mine] if mine else []
    members = [GroupMember(org=row["org"], state=_state(row, now), until=row["until"] or None) for row in shown]
    return SharingGroup(
        id=group["id"],
        founder=group["founder"],
        purpose=group["purpose"],
        rulebook=group["rulebook"] or None,
        founded_at=group["t"],
        state=_state(mine, now) if mine else "left",
        members=members,
    )


def _groups_of(connection: Connection, org: str, now: float) -> list[str]:
    members = tables.memberships
    own = or_(members.c.state == "member", members.c.state == "invited")
    rows = connection.execute(select(members).where(members.c.org == org, own).order_by(members.c.group)).mappings()
    return [row["group"] for row in rows if _state(dict(row), now) in ("member", "invited")]


def _state(row: Mapping[str, Any], now: float) -> str:
    """A membership's state now: one that has ended counts as left."""
    ended = bool(row["until"]) and seconds(row["until"]) <= now
    return "left" if ended else str(row["state"])
