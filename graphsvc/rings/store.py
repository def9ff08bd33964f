"""The side tables of rings: searches, the rings that they found, judgements, all of them one organisation's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from graphsvc.ledger import tables
from graphsvc.ledger.chunks import chunks
from graphsvc.model.errors import Conflict, NotFound
from graphsvc.model.principals import Footing
from graphsvc.projection.apply import Payloads
from graphsvc.rings import kept
from graphsvc.rings.judged import Judged
from graphsvc.rings.kept import Result
from graphsvc.wire.rings import DetectRings

WAITING, RUNNING, FINISHED, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
FORGOTTEN = "forgotten"
REMEMBERED = 50
"""The results of so many searches of an organisation are kept, the last ones."""
RESULTS = 4
"""So many results are kept in memory: whoever pages through rings asks for the same one again."""


@dataclass(frozen=True, slots=True)
class Run:
    """One search. ``state`` is waiting until it has an end; ``ended`` is the entry that says so."""

    id: str
    org: str
    person: str
    roles: tuple[str, ...]
    index: int
    t: str
    said: dict[str, Any]
    state: str = WAITING
    ended: int | None = None
    ended_at: str = ""
    why: str = ""
    analysed: str = ""
    object: str = ""
    totals: dict[str, Any] | None = None

    @property
    def body(self) -> DetectRings:
        """What was asked for."""
        return msgspec.convert(self.said, DetectRings)

    @property
    def footing(self) -> Footing:
        """The footing that it searches on; signed, as it is an act."""
        return footing_of(self.body)


def footing_of(body: DetectRings) -> Footing:
    """The footing that is asked for."""
    return Footing(body.purpose, body.legal_basis, body.case, signed=True)


def begin(connection: Connection, run: Run) -> None:
    """Enter a search that waits."""
    values = {name: getattr(run, name) for name in Run.__slots__}
    connection.execute(insert(tables.ring_runs), {**values, "roles": list(run.roles)})


def end(connection: Connection, run: str, state: str, place: tuple[int, str], **more: Any) -> None:
    """Note that a search came to an end, in the entry at ``place``. Raises Conflict where it has one already."""
    table = tables.ring_runs
    chosen = (table.c.id == run) & (table.c.state == WAITING)
    values = {"state": state, "ended": place[0], "ended_at": place[1], **more}
    if connection.execute(update(table).where(chosen).values(**values)).rowcount != 1:
        raise Conflict("this search has come to an end already", code="wrong_state")


def forget(connection: Connection, org: str) -> list[tuple[str, str]]:
    """Note that the results of all but the last searches of ``org`` are kept no longer: (search, object) of each."""
    table = tables.ring_runs
    done = (table.c.org == org) & (table.c.state == FINISHED)
    chosen = select(table.c.id, table.c.object).where(done).order_by(table.c.ended.desc()).offset(REMEMBERED)
    old = [(row.id, row.object) for row in connection.execute(chosen.limit(1_000))]
    for name, _ in old:
        connection.execute(update(table).where(table.c.id == name).values(state=FORGOTTEN, object=""))
    return old


def find_run(connection: Connection, org: str, run: str) -> Run:
    """A search of ``org``; NotFound for an absent one and for another's alike."""
    table = tables.ring_runs
    found = _runs(connection, (table.c.id == run) & (table.c.org == org), 1)
    if not found:
        raise NotFound("there is no such search")
    return found[0]


def runs_of(connection: Connection, org: str, before: int | None, most: int) -> list[Run]:
    """The searches of ``org``, newest first."""
    table = tables.ring_runs
    wanted = table.c.org == org
    return _runs(connection, wanted if before is None else wanted & (table.c["index"] < before), most)


def last_done(connection: Connection, org: str) -> Run | None:
    """The search of ``org`` that ended last with a result."""
    table = tables.ring_runs
    chosen = select(table).where((table.c.org == org) & (table.c.state == FINISHED)).order_by(table.c.ended.desc())
    rows = connection.execute(chosen.limit(1)).mappings().all()
    return _run(rows[0]) if rows else None


def waiting(connection: Connection) -> list[Run]:
    """All searches without an end, the oldest first."""
    table = tables.ring_runs
    chosen = select(table).where(table.c.state == WAITING).order_by(table.c["index"])
    return [_run(row) for row in connection.execute(chosen).mappings()]


def _runs(connection: Connection, wanted: Any, most: int) -> list[Run]:
    table = tables.ring_runs
    chosen = select(table).where(wanted).order_by(table.c["index"].desc()).limit(most)
    return [_run(row) for row in connection.execute(chosen).mappings()]


def _run(row: Any) -> Run:
    return Run(**{**row, "roles": tuple(row["roles"])})


def enter_rings(connection: Connection, org: str, ids: Sequence[str], index: int) -> None:
    """Note rings that were found for the first time."""
    table, known = tables.rings, set[str]()
    for chunk in chunks(list(ids)):
        known |= set(connection.execute(select(table.c.id).where(table.c.id.in_(chunk))).scalars())
    rows = [{"id": one, "org": org, "index": index} for one in ids if one not in known]
    if rows:
        connection.execute(insert(table), rows)


def check_rings(connection: Connection, org: str, ids: Sequence[str]) -> None:
    """Raise NotFound unless all of these are rings that searches of ``org`` have found."""
    table = tables.rings
    chosen = select(table.c.id).where(table.c.id.in_(list(ids)), table.c.org == org)
    if set(ids) - set(connection.execute(chosen).scalars()):
        raise NotFound("there is no such ring")


def judge(connection: Connection, one: Judged) -> None:
    """Enter a judgement."""
    connection.execute(insert(tables.ring_judgements), {name: getattr(one, name) for name in Judged.__slots__})


def judgements(connection: Connection, org: str) -> list[Judged]:
    """All judgements of ``org``, in ledger order."""
    table = tables.ring_judgements
    chosen = select(table).where(table.c.org == org).order_by(table.c["index"])
    return [Judged(**row) for row in connection.execute(chosen).mappings()]


class Results:
    """Reads results of searches; the last few stay in memory. Thread-safe; blocks."""

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads
        self._known: OrderedDict[str, Result] = OrderedDict()
        self._lock = Lock()

    def of(self, run: Run) -> Result:
        """The result of a search that is done. Raises Conflict for another, IntegrityError."""
        if run.state != FINISHED:
            raise Conflict("this search has no result", code="wrong_state")
        with self._lock:
            if run.id in self._known:
                self._known.move_to_end(run.id)
                return self._known[run.id]
        key = self._payloads.keys.open(kept.secret_of(run.id))
        found = kept.unseal(self._payloads.store, run.id, run.object, key)
        with self._lock:
            self._known[run.id] = found
            while len(self._known) > RESULTS:
                self._known.popitem(last=False)
        return found
