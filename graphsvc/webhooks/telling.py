"""Tells each receiver of its organisation's submissions, in ledger order, once they are applied.

What is to be told is in the ledger, so nothing is queued: a receiver has a place in the log, which moves on when it has
answered. A crash before that tells it once more, under the same id; a crash after it does not. A receiver that can't be
reached is asked again, less and less often, and hears of all it missed, in order. Nobody waits for another's receiver.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from graphsvc.ledger import tables
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.own import submissions_since
from graphsvc.ledger.taken import standing
from graphsvc.model import ranges
from graphsvc.projection.schedule import Progress
from graphsvc.webhooks.receivers import Receiver
from graphsvc.webhooks.sending import NotSent, Sender

LOOK = 1.0
"""Seconds between two looks for what is new."""
PAUSES = (1.0, 5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0)
"""Seconds after a failure, the last one from then on."""
APPLIED = "submission.applied"
_log = logging.getLogger("graphsvc.webhooks")


class Told:
    """Up to which entry each receiver has been told, durable over a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch(mode=0o600)
        with closing(self._open()) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS told (receiver TEXT PRIMARY KEY, entry INTEGER NOT NULL)")

    def of(self, receiver: str, head: int) -> int:
        """The last entry that a receiver was told of; one that is new begins at ``head``."""
        with closing(self._open()) as database, database:
            database.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (receiver, head))
            return int(database.execute("SELECT entry FROM told WHERE receiver = ?", (receiver,)).fetchone()[0])

    def move(self, receiver: str, entry: int) -> None:
        """Note that a receiver was told of an entry. Durable when this returns."""
        with closing(self._open()) as database, database:
            database.execute("UPDATE told SET entry = ? WHERE receiver = ?", (entry, receiver))

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=30)
        database.execute("PRAGMA synchronous=FULL")
        return database


class Webhooks:
    """Tells receivers, each in a thread of its own. ``progress`` says how far the graph is."""

    def __init__(
        self, ledger: Ledger, progress: Callable[[], Progress], receivers: Sequence[Receiver], told: Told,
        sender: Sender | None = None,
    ) -> None:  # fmt: skip
        self._ledger, self._progress, self._told = ledger, progress, told
        self._sender = sender or Sender()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=(one,), name=f"webhook {one.org}", daemon=True)
            for one in receivers
        ]

    def start(self) -> None:
        """Begin to tell."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what is being sent is not waited for: it is sent again, under its id, unless it was answered."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(2)

    def tell(self, receiver: Receiver) -> bool:
        """Tell a receiver of the next submission, if it is applied; whether there was one. Raises NotSent."""
        if receiver.org not in self._ledger.organisations() or receiver.org in self._ledger.departed:
            return False
        # 1. The next submission of this organisation after the receiver's place, if all of it is in the graph.
        place = self._told.of(receiver.name, self._ledger.head - 1)
        following = submissions_since(self._ledger, receiver.org, place, 1)
        if not following or not self._progress().has(following[0]):
            return False
        # 2. Sent, and answered.
        body = self._body(following[0])
        self._sender.send(receiver, _id(receiver, following[0]), int(time.time()), body)
        # 3. Only now is it told.
        self._told.move(receiver.name, following[0])
        return True

    def _body(self, index: int) -> bytes:
        table = tables.submissions
        with self._ledger.reading() as connection:
            row = connection.execute(select(table).where(table.c["index"] == index)).mappings().one()
            aside = standing(connection, [index]).get(index, [])
        data: dict[str, Any] = {name: row[name] for name in ("index", "rows", "accepted", "rejected")}
        data["setAside"] = sum(ranges.count(rows) for _, rows in aside)
        return msgspec.json.encode({"type": APPLIED, "timestamp": row["t"], "data": data})

    def _follow(self, receiver: Receiver) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                pause = 0.0 if self.tell(receiver) else LOOK
                failures = 0
            except (NotSent, SQLAlchemyError, sqlite3.Error, OSError) as error:
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                why = str(error) if isinstance(error, NotSent) else type(error).__name__
                _log.warning("the receiver of %s was not told (%s): again in %d s", receiver.org, why, int(pause))
            self._stopping.wait(pause)


def _id(receiver: Receiver, index: int) -> str:
    """The same for each attempt, and another one for each receiver."""
    return "msg_" + hashlib.sha256(f"{receiver.name}|{index}".encode()).hexdigest()[:32]
