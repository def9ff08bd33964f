"""The budget of identifiers: how many distinct ones an organisation may ask for in a day, over all ways of asking.

``match``, ``search`` and whatever else answers to an identifier draw on one budget, so that none of them can be used to
try out numbers by the million. An identifier counts once a day (UTC), whether or not anybody holds it and whoever does:
the count tells nothing that the caller does not know. It is spent before anything is looked up, in a transaction of its
own that nothing later takes back.

What was asked is kept as HMAC-SHA-256 under a key of the day, cut to 16 bytes, so the table holds no identifier and two
days can't be joined; rows of past days are deleted.
"""

from __future__ import annotations

import asyncio
import hmac
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from graphsvc.ledger.store import told_plainly
from graphsvc.model.errors import BudgetSpent, Unavailable
from graphsvc.model.principals import Organisation
from graphsvc.model.times import seconds, written
from graphsvc.policy.limits import Limits

_DAY = 86_400
_DIGEST = 16
_KEPT = 1
"""Days kept beside the present one, so that a clock set back a little gives nothing back."""
_TABLES = """
CREATE TABLE IF NOT EXISTS asked (
  day INTEGER NOT NULL, org TEXT NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (day, org, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
  day INTEGER NOT NULL, org TEXT NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (day, org)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """Where an organisation stands today: ``used`` of ``limit`` identifiers; ``resets_at`` is RFC 3339 UTC."""

    limit: int
    used: int
    resets_at: str


class Budget:
    """The budgets of all organisations, in one SQLite file. Thread-safe, also between processes on one machine.

    ``limits`` returns the limits in force and is called at each question.
    """

    def __init__(
        self, path: Path, secret: bytes, limits: Callable[[], Limits], clock: Callable[[], float] = time.time
    ) -> None:
        self._limits = limits
        self._secret = secret
        self._clock = clock
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        with told_plainly("the budget of identifiers"):
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            # What was spent stays spent through a power cut as well.
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    async def spend(self, organisation: Organisation, keys: Collection[str]) -> None:
        """Count canonical keys as asked for today; those asked for already today are free.

        Raises BudgetSpent, and counts none of them, when they would pass the limit; Unavailable when it can't be
        written. Durable when it returns.
        """
        await asyncio.to_thread(self._spend, organisation, keys)

    async def balance(self, organisation: Organisation) -> Balance:
        """What an organisation has used of its budget today."""
        return await asyncio.to_thread(self._balance, organisation)

    def _spend(self, organisation: Organisation, keys: Collection[str]) -> None:
        day, org, limit = int(self._clock() // _DAY), organisation.org, self._limits().of(organisation)
        digests = self._digests(day, org, keys)
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    used = self._used(day, org)
                    before = self._db.total_changes
                    self._db.executemany("INSERT OR IGNORE INTO asked VALUES (?, ?, ?)", digests)
                    fresh = self._db.total_changes - before
                    if fresh and used + fresh > limit:
                        raise self._refusal(Balance(limit, used, _midnight(day)), fresh)
                    if fresh:
                        self._count(day, org, used + fresh)
                    self._db.execute("COMMIT")
                except BaseException:
                    # On a full disk SQLite has ended the transaction already.
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                message = f"the budget of identifiers can't be written: {type(error).__name__}"
                raise Unavailable(message, code="budget_down") from None

    def _balance(self, organisation: Organisation) -> Balance:
        day = int(self._clock() // _DAY)
        with self._lock:
            return Balance(self._limits().of(organisation), self._used(day, organisation.org), _midnight(day))

    def _used(self, day: int, org: str) -> int:
        row = self._db.execute("SELECT used FROM spent WHERE day = ? AND org = ?", (day, org)).fetchone()
        return 0 if row is None else int(row[0])

    def _count(self, day: int, org: str, used: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO spent VALUES (?, ?, ?)", (day, org, used))
        for table in ("asked", "spent"):
            self._db.execute(f"DELETE FROM {table} WHERE day < ?", (day - _KEPT,))  # noqa: S608 - two fixed names

    def _digests(self, day: int, org: str, keys: Collection[str]) -> list[tuple[int, str, bytes]]:
        key = hmac.digest(self._secret, b"graphsvc budget v1|%d|" % day + org.encode(), "sha256")
        return [(day, org, hmac.digest(key, one.encode(), "sha256")[:_DIGEST]) for one in sorted(set(keys))]

    def _refusal(self, balance: Balance, fresh: int) -> BudgetSpent:
        left = max(balance.limit - balance.used, 0)
        message = (
            f"{fresh} identifiers were not asked for yet today, {left} are left of your organisation's {balance.limit} "
            "a day: nothing was looked up; ask for fewer, or after midnight UTC"
        )
        told: dict[str, int | str] = {"limit": balance.limit, "used": balance.used, "left": left}
        told["resetsAt"] = balance.resets_at
        wait = max(int(seconds(balance.resets_at) - self._clock()), 1)
        return BudgetSpent(message, retry_after=wait, budget=told)


def _midnight(day: int) -> str:
    """The end of a day, whose number counts from 1970-01-01, as RFC 3339 UTC."""
    return written(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day + 1))
