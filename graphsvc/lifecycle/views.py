"""What an organisation reads of custody: what it took back and who has answered, what it was told, its holds.

Nothing of other organisations: a notice names only the records that its recipient saw, by the handles it was shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from graphsvc.answers.own import told_in_general
from graphsvc.graph.handles import RECORD
from graphsvc.ledger import tables
from graphsvc.lifecycle.store import book_of, in_force
from graphsvc.lifecycle.subject_access import SubjectAccess
from graphsvc.model import ranges
from graphsvc.model.errors import Denied
from graphsvc.sharing.store import find
from graphsvc.wire.lifecycle import (
    LegalHold,
    NoticeAnswer,
    NoticeRead,
    NoticeRecord,
    RecalledRecords,
    RecallNotice,
    RowRange,
)
from graphsvc.wire.lifecycle import SubjectAccess as SubjectReport

if TYPE_CHECKING:
    from graphsvc.answers.questions import Reading

OFFICERS = frozenset({"officer"})
"""Roles that read holds, and all that is held on a subject."""
OWNERS = frozenset({"officer", "submitter"})
"""Roles that read what was taken back."""
TOLD = frozenset({"officer", "investigator", "analyst"})
"""Roles that read what the organisation was told."""
MOST = 500
"""At most this many records of one notice are listed."""


class CustodyView:
    """The part of a reading that is about custody. ``shapes`` notes every record that is shown."""

    def __init__(self, reading: Reading) -> None:
        self._core = reading.core
        self._org = reading.scope.principal.org
        self._roles = set(reading.scope.principal.roles)
        self._shapes = reading.shapes
        self._tellings = reading.scope.tellings
        self._now = reading.now

    def recalls(self, first: int, before: int | None) -> list[RecalledRecords]:
        """What the organisation took back or erased, newest first, who was told of it and what they answered."""
        self._require(OWNERS)
        table, told = tables.withdrawals, tables.notices
        query = select(table).where(table.c.owner == self._org).order_by(table.c["index"].desc()).limit(first)
        if before is not None:
            query = query.where(table.c["index"] < before)
        with self._core.ledger.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            answers: dict[int, list[NoticeAnswer]] = {row["index"]: [] for row in rows}
            chosen = select(told).where(told.c["index"].in_(list(answers))).order_by(told.c.recipient)
            deadlines = {row["index"]: row["deadline"] for row in rows}
            for row in connection.execute(chosen).mappings():
                answers[row["index"]].append(self._answer(dict(row), deadlines[row["index"]]))
        return [_recall(row, answers[row["index"]]) for row in rows]

    def notices(self, open_only: bool, first: int, before: int | None) -> list[RecallNotice]:
        """What the organisation was told of records that it saw, newest first; ``open_only``: unanswered ones."""
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

    def holds(self, open_only: bool, first: int, before: int | None) -> list[LegalHold]:
        """The organisation's legal holds, newest first, or those in force alone; for its officers."""
        self._require(OFFICERS)
        table = tables.holds
        query = select(table).where(table.c.org == self._org).order_by(table.c["index"].desc())
        if open_only:
            query = query.where(table.c.released.is_(None))
        if before is not None:
            query = query.where(table.c["index"] < before)
        with self._core.ledger.reading() as connection:
            kept = {hold.index for hold in in_force(connection, self._org)}
            listed = (row for row in connection.execute(query).mappings() if not open_only or row["index"] in kept)
            rows = list(islice(listed, first))
            asked = {row["request"]: find(connection, self._org, row["request"]) for row in rows if row["request"]}
        until = {name: request.standing(self._now).until for name, request in asked.items()}
        return [
            LegalHold(
                index=row["index"],
                at=row["t"],
                reason=row["reason"],
                person=row["person"],
                case=row["case"] or None,
                records=ranges.count(ranges.ranges(row["ranges"])),
                ranges=[RowRange(submission=one, first=low, last=high) for one, low, high in row["ranges"]],
                released=row["released"],
                in_force=row["index"] in kept,
                request=row["request"] or None,
                until=until.get(row["request"]),
            )
            for row in rows
        ]

    def subject_access(self, kind: str, parts: Mapping[str, str]) -> SubjectReport | None:
        """All that the organisation holds on an entity, and to whom it was disclosed; for its officers."""
        self._require(OFFICERS)
        report = SubjectAccess(self._core, self._org, self._now).report(kind, parts, self._shapes)
        report.told_late = told_in_general(self._tellings)
        return report

    def _require(self, roles: frozenset[str]) -> None:
        """Raise Denied without one of ``roles``: an empty answer would say that there is nothing."""
        if not roles & self._roles:
            raise Denied(f"only for the roles {', '.join(sorted(roles))}", where="role")

    def _answer(self, row: Mapping[str, Any], deadline: str) -> NoticeAnswer:
        done = row["acknowledged"] is not None
        return NoticeAnswer(
            org=row["recipient"],
            records=row["records"],
            told_at=row["t"],
            acknowledged=done,
            acknowledged_at=row["acknowledged_at"] or None,
            outcome=row["outcome"] or None,
            because=row["because"] or None,
            overdue=not done and self._passed(deadline),
        )

    def _notice(self, row: Mapping[str, Any]) -> RecallNotice:
        _, named = book_of(self._core).withdrawal(row["index"])
        seen = book_of(self._core).seen(row["owner"], named, row["index"]).get(self._org)
        reads = {} if seen is None else seen.reads
        handles = self._core.handles(self._org)
        listed = sorted((handles.seal(RECORD, record), entries) for record, entries in reads.items())[:MOST]
        reads_at = book_of(self._core).reads(sorted({entry for _, entries in listed for entry in entries}))
        answer = self._answer(row, row["deadline"])
        return RecallNotice(
            notice=row["index"],
            owner=row["owner"],
            cause=row["cause"],
            reason=row["reason"],
            deadline=row["deadline"],
            told_at=answer.told_at,
            count=row["records"],
            records=[
                NoticeRecord(handle=handle, reads=[NoticeRead(index=one, at=reads_at[one].t) for one in entries])
                for handle, entries in listed
            ],
            acknowledged=answer.acknowledged,
            outcome=answer.outcome,
            because=answer.because,
            overdue=answer.overdue,
        )

    def _passed(self, deadline: str) -> bool:
        return bool(deadline) and datetime.fromisoformat(deadline) < datetime.fromtimestamp(self._now, UTC)


def _recall(row: Mapping[str, Any], answers: list[NoticeAnswer]) -> RecalledRecords:
    return RecalledRecords(
        index=row["index"],
        cause=row["cause"],
        reason=row["reason"],
        person=row["person"],
        at=row["t"],
        deadline=row["deadline"] or None,
        records=row["records"],
        told=row["told"] is not None,
        open=sum(not one.acknowledged for one in answers),
        overdue=sum(one.overdue for one in answers),
        notices=answers,
    )
