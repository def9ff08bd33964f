"""The side tables of sharing: requests with what was done about them, and grants. Only the two sides see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select

from graphsvc.ledger import tables
from graphsvc.ledger.chunks import chunks
from graphsvc.model.errors import NotFound
from graphsvc.sharing.states import ASKER, HOLDER, Event, Standing, stand, unfinished


@dataclass(frozen=True, slots=True)
class Request:
    """One request with its events in ledger order."""

    id: str
    kind: str
    asker: str
    holder: str
    index: int
    events: tuple[Event, ...]

    def standing(self, now: float) -> Standing:
        """Where the request stands at ``now`` (epoch seconds)."""
        return stand(self.kind, self.events, now)

    def side(self, org: str) -> str:
        """The side of the request that ``org`` is on."""
        return ASKER if org == self.asker else HOLDER

    @property
    def asked(self) -> Mapping[str, Any]:
        """What was asked when the request was made."""
        return self.events[0].body


def find(connection: Connection, org: str, request: str) -> Request:
    """A request to or from ``org``; NotFound for an absent one and for those of others alike."""
    table = tables.requests
    mine = (table.c.asker == org) | (table.c.holder == org)
    found = _requests(connection, (table.c.id == request) & mine, 1)
    if not found:
        raise NotFound("there is no such request")
    return found[0]


def listed(connection: Connection, org: str, side: str, kind: str, window: tuple[int | None, int]) -> list[Request]:
    """Requests of a kind that ``org`` is on ``side`` of, newest first; ``window``: before which entry, how many."""
    table, (before, most) = tables.requests, window
    wanted = (table.c.kind == kind) & ((table.c.asker if side == ASKER else table.c.holder) == org)
    if before is not None:
        wanted &= table.c["index"] < before
    return _requests(connection, wanted, most)


def unfinished_of(connection: Connection, org: str, now: float) -> list[str]:
    """The requests to or from ``org`` that are not at an end at ``now``, newest first."""
    table = tables.requests
    found = _requests(connection, (table.c.asker == org) | (table.c.holder == org), None)
    return [request.id for request in found if unfinished(request.kind, request.standing(now))]


def _requests(connection: Connection, wanted: ColumnElement[bool], most: int | None) -> list[Request]:
    table = tables.requests
    chosen = select(table).where(wanted).order_by(table.c["index"].desc()).limit(most)
    rows = connection.execute(chosen).mappings().all()
    events = _events(connection, [row["id"] for row in rows])
    return [Request(**row, events=tuple(events.get(row["id"], ()))) for row in rows]


def _events(connection: Connection, ids: Sequence[str]) -> dict[str, list[Event]]:
    table, found = tables.request_events, dict[str, list[Event]]()
    for chunk in chunks(ids):
        chosen = select(table).where(table.c.request.in_(chunk)).order_by(table.c["index"])
        for row in connection.execute(chosen).mappings():
            values = {name: row[name] for name in Event.__struct_fields__}
            found.setdefault(row["request"], []).append(Event(**values))
    return found


def enter(connection: Connection, request: Request) -> None:
    """Enter a new request with its first event."""
    values = {"id": request.id, "kind": request.kind, "asker": request.asker, "holder": request.holder}
    connection.execute(insert(tables.requests), {**values, "index": request.index})
    note(connection, request.id, request.events[0])


def note(connection: Connection, request: str, event: Event) -> None:
    """Note what was done about a request."""
    values = {name: getattr(event, name) for name in Event.__struct_fields__}
    connection.execute(insert(tables.request_events), {**values, "request": request})


def grants_of(connection: Connection, requests: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The grants of some requests, by request: there is at most one."""
    table, ids, found = tables.grants, list(requests), dict[str, Mapping[str, Any]]()
    for chunk in chunks(ids):
        chosen = select(table).where(table.c.request.in_(chunk))
        found.update({row["request"]: dict(row) for row in connection.execute(chosen).mappings()})
    return found


def grant(connection: Connection, owner: str, name: str) -> Mapping[str, Any]:
    """A grant that ``owner`` gave; NotFound for an absent one and for those of others alike."""
    table = tables.grants
    row = connection.execute(select(table).where(table.c.id == name, table.c.owner == owner)).mappings().first()
    if row is None:
        raise NotFound("there is no such grant")
    return dict(row)
