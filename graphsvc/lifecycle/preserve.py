"""Preservation: a hold on what a holder keeps because it acknowledged a request; the request itself ends the hold.

The hold covers what the holder had about the identifiers when it acknowledged (written in that entry's transaction),
and what it got since, which is looked up anew before anything is destroyed. Neither the holder's officers nor a purge
can end it: it ends when the asker lifts the request, when its time is over, or with the membership of one of the two.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, insert

from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.taken import gone
from graphsvc.lifecycle.sealed import Opened, open_records
from graphsvc.lifecycle.store import DESTROYING, Hold, book_of, in_force
from graphsvc.model import ranges
from graphsvc.model.errors import Conflict
from graphsvc.model.ranges import Ranges
from graphsvc.sharing import store
from graphsvc.sharing.store import Request


def meant(core: Core, org: str, keys: Collection[str]) -> Ranges:
    """What an organisation has about entities, by their canonical keys, as far as it is applied. Blocks.

    That is what is in the graph, expired or not, what is set aside, and what was taken back and is not destroyed yet.
    """
    if not keys:
        return ()
    live = core.holdings.about(list(keys), list(core.labels_of(org)))
    hidden = ranges.union(book_of(core).recalled(org), book_of(core).set_aside(org))
    kept = [one.record for one in open_records(core.ledger, core.payloads, hidden) if _names(one, keys)]
    return ranges.of_records([*live, *kept])


def keys_of(request: Request) -> list[str]:
    """The canonical keys of what a request is about."""
    return [str(one["key"]) for one in request.asked["identifiers"]]


def holds_now(core: Core, org: str) -> list[Hold]:
    """All holds in force on an organisation's records; those of preservations also cover what came since. Blocks."""
    with core.ledger.reading() as connection:
        found = in_force(connection, org)
        asked = {hold.index: keys_of(store.find(connection, org, hold.request)) for hold in found if hold.request}
    return [
        Hold(hold.index, hold.request, ranges.union(hold.ranges, meant(core, org, asked[hold.index])))
        if hold.index in asked
        else hold
        for hold in found
    ]


def refuse_held(holds: Collection[Hold], named: Ranges) -> None:
    """Raise Conflict that names the hold when something of ``named`` is under one."""
    for hold in holds:
        if ranges.both(hold.ranges, named):
            until = f"it ends with the preservation request {hold.request}" if hold.request else "release it first"
            raise Conflict(f"records are under the legal hold {hold.index}: {until}", code="held")


def enter_hold(connection: Connection, request: Request, person: str, named: Ranges, place: tuple[int, str]) -> None:
    """Write the hold that an acknowledgement makes, with its entry at ``place`` (index, time). Raises Conflict."""
    if ranges.both(named, gone(connection, ranges.submissions(named), DESTROYING)):
        raise Conflict("some of what is meant was erased meanwhile: acknowledge again", code="object_changed")
    row = {"org": request.holder, "case": "", "person": person, "released": None, "request": request.id}
    reason = f"preservation asked for by {request.asker}"
    said = {"index": place[0], "t": place[1], "reason": reason, "ranges": [list(part) for part in named]}
    connection.execute(insert(tables.holds), row | said)


def _names(opened: Opened, keys: Collection[str]) -> bool:
    return opened.draft is not None and any(entity.key in keys for entity in opened.draft.entities)
