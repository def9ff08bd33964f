"""The last head of each log that this client has seen, kept for good: two forks can't be shown to it one after another.

A receipt is taken only if its tree and the one kept are parts of one log, which the service must prove; then the larger
one is kept. So whoever forks the log has to keep each client on its side of the fork for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from graphsvc.client.errors import Refused
from graphsvc.model.errors import InvalidInput
from graphsvc_verify.canonical import unb64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.merkle import verify_consistency
from graphsvc_verify.note import Checkpoint, verify_checkpoint
from graphsvc_verify.trust import Trust

WAIT = 30.0
"""Seconds to wait for another process that is writing."""
_ATTEMPTS = 16
_TABLE = "CREATE TABLE IF NOT EXISTS heads (log TEXT PRIMARY KEY, note TEXT NOT NULL)"

Growth = Callable[[int, int], list[str]]
"""Asks the service for the proof (base64url hashes) that the tree of the second size extends that of the first."""


class Pins:
    """The head of one log, in the file ``path`` that processes share; without ``path``, in this object only.

    A checkpoint in the trust file counts as seen.
    """

    def __init__(self, trust: Trust, path: Path | None = None) -> None:
        self._trust = trust
        self._path = path
        self._known = ""
        self._begun = False

    def hold(self, seen: Checkpoint, growth: Growth) -> None:
        """Accept a checkpoint whose signature holds, if it is of the same log as the head that is kept.

        The newer head is on disk when this returns. Raises VerifyError ``fork`` for another log, InvalidInput when the
        file can't be used, and what ``growth`` raises.
        """
        if not self._begun and self._trust.checkpoint is not None:
            self._hold(self._trust.checkpoint, growth)
        self._begun = True
        self._hold(seen, growth)

    def _hold(self, seen: Checkpoint, growth: Growth) -> None:
        for _ in range(_ATTEMPTS):
            kept = self._read()
            if kept == seen.note or not _is_newer(kept and verify_checkpoint(kept, self._trust.log), seen, growth):
                return
            if self._swap(kept, seen.note):
                return
        raise InvalidInput("other processes keep writing the last head; try again", code="no_pins")

    def _read(self) -> str:
        if self._path is None:
            return self._known
        with self._open() as database:
            return _note(database, self._trust.log.vkey)

    def _swap(self, kept: str, note: str) -> bool:
        """Put ``note`` in the place of ``kept``, unless another process was faster."""
        if self._path is None:
            self._known = note
            return True
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            if _note(database, self._trust.log.vkey) != kept:
                database.execute("ROLLBACK")
                return False
            database.execute("REPLACE INTO heads VALUES (?, ?)", (self._trust.log.vkey, note))
            database.execute("COMMIT")
            return True

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        assert self._path is not None
        try:
            database = sqlite3.connect(self._path, timeout=WAIT, isolation_level=None)
            try:
                database.execute("PRAGMA synchronous = EXTRA")
                database.execute(_TABLE)
                yield database
            finally:
                database.close()
        except sqlite3.Error as error:
            message = f"the log's last head can't be kept: {type(error).__name__}"
            raise InvalidInput(message, code="no_pins", where=str(self._path)) from None


def _note(database: sqlite3.Connection, log: str) -> str:
    found = database.execute("SELECT note FROM heads WHERE log = ?", (log,)).fetchone()
    return "" if found is None else str(found[0])


def _is_newer(kept: Checkpoint | str, seen: Checkpoint, growth: Growth) -> bool:
    """Whether ``seen`` is the later head of the same log. Raises VerifyError ``fork`` when it is of another one."""
    if isinstance(kept, str) or kept.size == 0:
        return True
    old, new = sorted((kept, seen), key=lambda one: one.size)
    if old.size == 0:
        return False
    proof = [] if old.size == new.size else _proof(growth, old.size, new.size)
    try:
        verify_consistency(old.size, new.size, old.root, new.root, proof)
    except VerifyError as error:
        message = f"the log is not the one that was seen here before ({old.size} and {new.size} entries)"
        raise VerifyError("fork", f"{message}: {error.message}") from None
    return new is seen and old.size < new.size


def _proof(growth: Growth, old: int, new: int) -> list[bytes]:
    try:
        return [unb64u(step, 32) for step in growth(old, new)]
    except (Refused, VerifyError, TypeError):
        message = f"the service does not prove that its log of {new} entries extends the one of {old} seen before"
        raise VerifyError("fork", message) from None
