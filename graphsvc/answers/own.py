"""What the caller's organisation has here: its submissions, its cases, and who was shown what of its records."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from sqlalchemy import select

from graphsvc.answers.questions import Reading
from graphsvc.ledger import tables
from graphsvc.ledger.taken import standing
from graphsvc.ledger.telling import tell_due
from graphsvc.model.errors import Denied
from graphsvc.policy.telling import Tellings
from graphsvc.wire.answers import Access, AccessLog, Case, RowsAside, Submission, SubmissionRow, TellingRule, ToldLate

MOST_ASIDE = 200
"""At most this many ranges of rows set aside are listed of one submission for each code."""


def told_in_general(tellings: Tellings) -> list[TellingRule]:
    """The rules by which owners are told of hits late, as owners see them: they say nothing of any single hit."""
    return [
        TellingRule(
            rule=rule.name,
            law=rule.law,
            purposes=list(rule.purposes),
            legal_bases=list(rule.legal_bases),
            askers=list(rule.askers),
            owners=None if rule.owners is None else list(rule.owners),
            delay=rule.delay,
        )
        for rule in tellings.rules
    ]


class OwnView:
    """The part of a reading that is about the caller's organisation itself."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._core = reading.core
        self._org = reading.scope.principal.org

    async def submissions(self, first: int, before: int | None, after: int | None) -> list[Submission]:
        """The caller's organisation's submissions, newest first."""
        await self._reading.reach(after)
        return await asyncio.to_thread(self._submissions, first, before)

    def _submissions(self, first: int, before: int | None) -> list[Submission]:
        table = tables.submissions
        query = select(table).where(table.c.org == self._org).order_by(table.c["index"].desc())
        if before is not None:
            query = query.where(table.c["index"] < before)
        progress = self._core.applier.progress
        with self._core.ledger.reading() as connection:
            rows = connection.execute(query.limit(first)).mappings().all()
            aside = standing(connection, [row["index"] for row in rows])
        return [
            Submission(
                index=row["index"],
                received_at=row["t"],
                rows=row["rows"],
                accepted=row["accepted"],
                rejected=row["rejected"],
                applied=progress.has(row["index"]),
                set_aside=[
                    RowsAside(code=code, first=low, last=high)
                    for code, named in aside.get(row["index"], ())
                    for _, low, high in named[:MOST_ASIDE]
                ],
                more_set_aside=any(len(named) > MOST_ASIDE for _, named in aside.get(row["index"], ())),
                media_type=row["media_type"],
            )
            for row in rows
        ]

    async def cases(self) -> list[Case]:
        """The caller's organisation's registered cases."""
        return await asyncio.to_thread(self._cases)

    def _cases(self) -> list[Case]:
        table = tables.cases
        query = select(table).where(table.c.org == self._org).order_by(table.c["index"])
        with self._core.ledger.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            Case(
                reference=row["reference"],
                title=row["title"],
                legal_basis=row["legal_basis"],
                registered_at=row["t"],
            )
            for row in rows
        ]

    async def access_log(
        self, since: str | None, until: str | None, first: int, before: int | None, submission: int | None
    ) -> AccessLog:
        """Who saw the caller's organisation's records, newest first; for its data-protection officers."""
        principal = self._reading.scope.principal
        if "officer" not in principal.roles:
            raise Denied("only data-protection officers read the access log", where="role")
        await asyncio.to_thread(tell_due, self._core.ledger)
        asked = (principal.org, since, until, first, before, submission)
        rows, more = await asyncio.to_thread(self._core.ledger.access_log, *asked)
        entries = [
            Access(
                index=row.index,
                at=row.t,
                reader=row.reader,
                person=row.person,
                purpose=row.purpose,
                legal_basis=row.basis,
                case=row.case,
                policy=row.policy,
                signed=row.signed,
                export=row.export,
                late=None if row.late is None else ToldLate(**asdict(row.late)),
                records=[
                    SubmissionRow(submission=submission, row=number, hit=hit) for submission, number, hit in row.records
                ],
            )
            for row in rows
        ]
        next_before = entries[-1].index if more else None
        return AccessLog(
            entries=entries, next_before=next_before, told_late=told_in_general(self._reading.scope.tellings)
        )
