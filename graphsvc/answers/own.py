"""What the caller's organisation has here: its submissions, its cases, and who was shown what of its records."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from graphsvc.answers.questions import Reading, Shape
from graphsvc.ledger import tables
from graphsvc.ledger.taken import standing
from graphsvc.ledger.telling import tell_due
from graphsvc.model.errors import Denied

MOST_ASIDE = 200
"""Ranges of rows set aside that are listed of one submission, by code."""


class OwnReading:
    """The part of a reading that is about the caller's organisation itself."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._core = reading.core
        self._org = reading.scope.principal.org

    async def submissions(self, first: int, after: int | None) -> list[Shape]:
        """The caller's organisation's submissions, newest first."""
        await self._reading.reach(after)
        return await asyncio.to_thread(self._submissions, first)

    def _submissions(self, first: int) -> list[Shape]:
        table = tables.submissions
        query = select(table).where(table.c.org == self._org).order_by(table.c["index"].desc())
        progress = self._core.applier.progress
        with self._core.ledger.reading() as connection:
            rows = connection.execute(query.limit(first)).mappings().all()
            aside = standing(connection, [row["index"] for row in rows])
        return [
            {
                "index": row["index"],
                "received_at": row["t"],
                "rows": row["rows"],
                "accepted": row["accepted"],
                "rejected": row["rejected"],
                "applied": progress.has(row["index"]),
                "set_aside": [
                    {"code": code, "first": low, "last": high}
                    for code, named in aside.get(row["index"], ())
                    for _, low, high in named[:MOST_ASIDE]
                ],
                "more_set_aside": any(len(named) > MOST_ASIDE for _, named in aside.get(row["index"], ())),
                "media_type": row["media_type"],
            }
            for row in rows
        ]

    async def cases(self) -> list[Shape]:
        """The caller's organisation's registered cases."""
        return await asyncio.to_thread(self._cases)

    def _cases(self) -> list[Shape]:
        table = tables.cases
        query = select(table).where(table.c.org == self._org).order_by(table.c["index"])
        with self._core.ledger.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            {
                "reference": row["reference"],
                "title": row["title"],
                "legal_basis": row["legal_basis"],
                "registered_at": row["t"],
            }
            for row in rows
        ]

    async def access_log(self, since: str | None, until: str | None, first: int, before: int | None) -> Shape:
        """Who saw the caller's organisation's records, newest first; for its data-protection officers."""
        principal = self._reading.scope.principal
        if "officer" not in principal.roles:
            raise Denied("only data-protection officers read the access log", where="role")
        await asyncio.to_thread(tell_due, self._core.ledger)
        rows, more = await asyncio.to_thread(self._core.ledger.access_log, principal.org, since, until, first, before)
        entries = [
            {
                "index": row["index"],
                "at": row["t"],
                "reader": row["reader"],
                "person": row["person"],
                "purpose": row["purpose"],
                "legal_basis": row["basis"],
                "case": row["case"],
                "policy": row["policy"],
                "signed": row["signed"],
                "export": row["export"],
                "late": row["late"],
                "records": [
                    {"submission": submission, "row": number, "hit": hit} for submission, number, hit in row["records"]
                ],
            }
            for row in rows
        ]
        next_before = entries[-1]["index"] if more else None
        told_late = self._reading.scope.tellings.listed()
        return {"entries": entries, "next_before": next_before, "told_late": told_late}
