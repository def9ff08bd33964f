"""What an organisation reads of custody: what it took back and who has answered, what it was told, its holds.

Nothing of others': a notice names records by the handles that its recipient was shown, and no more of them than it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from graphsvc.graph.handles import RECORD
from graphsvc.ledger import tables
from graphsvc.lifecycle.store import book_of, in_force
from graphsvc.lifecycle.subject_access import SubjectAccess
from graphsvc.model import ranges
from graphsvc.model.errors import Denied
from graphsvc.sharing.store import find

if TYPE_CHECKING:
    from graphsvc.answers.questions import Reading

Shape = dict[str, Any]
OFFICERS = frozenset({"officer"})
"""Who reads holds, and all that is held on a subject."""
OWNERS = frozenset({"officer", "submitter"})
"""Who reads what was taken back."""
TOLD = frozenset({"officer", "investigator", "analyst"})
"""Who reads what the organisation was told."""
MOST = 500
"""Records listed of one notice."""


class CustodyReading:
    """The part of a reading that is about custody. ``shapes`` notes every record that is shown."""

    def __init__(self, reading: Reading) -> None:
        self._core = reading.core
        self._org = reading.scope.principal.org
        self._roles = set(reading.scope.principal.roles)
        self._shapes = reading.shapes
        self._tellings = reading.scope.tellings
        self._now = reading.now

    def recalls(self, first: int, before: int | None) -> list[Shape]:
        """What the organisation took back or erased, newest first, with whom that was told and what they answered."""
        self._require(OWNERS)
        table, told = tables.withdrawals, tables.notices
        query = select(table).where(table.c.owner == self._org).order_by(table.c["index"].desc()).limit(first)
        if before is not None:
            query = query.where(table.c["index"] < before)
        with self._core.ledger.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            answers: dict[int, list[Shape]] = {row["index"]: [] for row in rows}
            chosen = select(told).where(told.c["index"].in_(list(answers))).order_by(told.c.recipient)
            deadlines = {row["index"]: row["deadline"] for row in rows}
            for row in connection.execute(chosen).mappings():
                answers[row["index"]].append(self._answer(dict(row), deadlines[row["index"]]))
        return [_recall(row, answers[row["index"]]) for row in rows]

    def notices(self, open_only: bool, first: int, before: int | None) -> list[Shape]:
        """What the organisation was told of records that it saw, newest first; ``open_only``: what waits for it."""
        self._require(TOLD)
        told, table = tables.notices, tables.withdrawals
        query = (
            select(told, table.c.owner, table.c.cause, table.c.reason, table.c.deadline)
            .join(table, table.c["index"] == told.c["index"])
            .where(told.c.recipient == self._org)
            .order_by(told.c["index"].desc())
            .limit(first)
        )
        if open_only:
            query = query.where(told.c.acknowledged.is_(None))
        if before is not None:
            query = query.where(told.c["index"] < before)
        with self._core.ledger.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [self._notice(row) for row in rows]

    def holds(self, open_only: bool) -> list[Shape]:
        """The organisation's legal holds, newest first; for its officers."""
        self._require(OFFICERS)
        table = tables.holds
        query = select(table).where(table.c.org == self._org).order_by(table.c["index"].desc()).limit(MOST)
        if open_only:
            query = query.where(table.c.released.is_(None))
        with self._core.ledger.reading() as connection:
            rows = connection.execute(query).mappings().all()
            asked = {row["request"]: find(connection, self._org, row["request"]) for row in rows if row["request"]}
            kept = {hold.index for hold in in_force(connection, self._org)}
        if open_only:
            rows = [row for row in rows if row["index"] in kept]
        until = {name: request.standing(self._now).until for name, request in asked.items()}
        return [
            {
                **{name: row[name] for name in ("index", "reason", "person", "released")},
                "in_force": row["index"] in kept,
                "request": row["request"] or None,
                "until": until.get(row["request"]),
                "at": row["t"],
                "case": row["case"] or None,
                "records": ranges.count(ranges.ranges(row["ranges"])),
                "ranges": [{"submission": one, "first": low, "last": high} for one, low, high in row["ranges"]],
            }
            for row in rows
        ]

    def subject_access(self, kind: str, parts: Mapping[str, str]) -> Shape | None:
        """All that the organisation holds on an entity, and to whom it was disclosed; for its officers."""
        self._require(OFFICERS)
        report = SubjectAccess(self._core, self._org, self._now).report(kind, parts, self._shapes)
        return {**report, "told_late": self._tellings.listed()}

    def _require(self, roles: frozenset[str]) -> None:
        """Raise Denied without one of ``roles``: an empty answer would say that there is nothing."""
        if not roles & self._roles:
            raise Denied(f"only for the roles {', '.join(sorted(roles))}", where="role")

    def _answer(self, row: Mapping[str, Any], deadline: str) -> Shape:
        done = row["acknowledged"] is not None
        return {
            "org": row["recipient"],
            "records": row["records"],
            "told_at": row["t"],
            "acknowledged": done,
            "acknowledged_at": row["acknowledged_at"] or None,
            "outcome": row["outcome"] or None,
            "because": row["because"] or None,
            "overdue": not done and self._passed(deadline),
        }

    def _notice(self, row: Mapping[str, Any]) -> Shape:
        _, named = book_of(self._core).withdrawal(row["index"])
        seen = book_of(self._core).seen(row["owner"], named, row["index"]).get(self._org)
        reads = {} if seen is None else seen.reads
        handles = self._core.handles(self._org)
        listed = sorted((handles.seal(RECORD, record), entries) for record, entries in reads.items())[:MOST]
        times = book_of(self._core).times(sorted({entry for _, entries in listed for entry in entries}))
        answer = self._answer(row, row["deadline"])
        return {
            **{name: answer[name] for name in ("told_at", "acknowledged", "outcome", "because", "overdue")},
            **{name: row[name] for name in ("owner", "cause", "reason", "deadline")},
            "notice": row["index"],
            "count": row["records"],
            "records": [
                {"handle": handle, "reads": [{"index": one, "at": times[one]["t"]} for one in entries]}
                for handle, entries in listed
            ],
        }

    def _passed(self, deadline: str) -> bool:
        return bool(deadline) and datetime.fromisoformat(deadline) < datetime.fromtimestamp(self._now, UTC)


def _recall(row: Mapping[str, Any], answers: list[Shape]) -> Shape:
    return {
        **{name: row[name] for name in ("index", "cause", "reason", "records", "person")},
        "at": row["t"],
        "deadline": row["deadline"] or None,
        "told": row["told"] is not None,
        "open": sum(not one["acknowledged"] for one in answers),
        "overdue": sum(one["overdue"] for one in answers),
        "notices": answers,
    }
