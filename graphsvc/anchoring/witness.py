"""A witness (c2sp.org/tlog-witness): another party's program that watches a log and signs that it only grew.

It keeps one row per log: the size and root of what it signed last. That row is durable before a signature leaves, and
compared and replaced in one transaction; so it never signs two trees of one log that don't extend one another.
"""

from __future__ import annotations

import base64
import binascii
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.ledger.keyfiles import signing_key
from graphsvc.model.errors import InvalidInput
from graphsvc.model.files import sweep, sync_directory
from graphsvc_verify.cosignature import WitnessKey, cosignature_line, cosigned_message
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.merkle import EMPTY_ROOT, verify_consistency
from graphsvc_verify.note import (
    Checkpoint,
    NoteKey,
    is_name,
    is_number,
    parse_checkpoint,
    split_note,
    verify_checkpoint,
)

MAX_BODY = 200_000
MAX_PROOF = 63
SIZE = "text/x.tlog.size"
_TABLE = "CREATE TABLE IF NOT EXISTS logs (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL)"
_STORE = (
    "INSERT INTO logs VALUES (?, ?, ?) ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status, text and its media type."""

    status: int
    text: str = ""
    media: str = "text/plain; charset=utf-8"


class Witness:
    """Signs checkpoints of the logs it knows. Thread-safe; its state lies in ``directory``."""

    def __init__(
        self, directory: Path, name: str, logs: Sequence[NoteKey], clock: Callable[[], float] = time.time
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not is_name(name):
            raise InvalidInput("a witness's name has no blanks and no +", code="bad_name")
        sweep(directory, deep=False)
        self._database = directory / "witness.db"
        fresh = not self._database.exists()
        self._private = signing_key(directory / "witness.key", create=fresh)
        self.key = WitnessKey(name, self._private.public_key().public_bytes_raw())
        self._logs: dict[str, list[NoteKey]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        self._clock = clock
        with closing(self._connect()) as connection:
            connection.execute(_TABLE)
        sync_directory(directory)

    def add_checkpoint(self, body: bytes) -> Reply:
        """Answer one ``add-checkpoint`` request (c2sp.org/tlog-witness)."""
        # 1. What is asked.
        asked = _read(body)
        if asked is None:
            return Reply(400, "not an add-checkpoint request\n")
        old, proof, note, origin = asked
        # 2. Is it a log that this witness knows, and did the log sign it?
        if origin not in self._logs:
            return Reply(404, "unknown log\n")
        checkpoint = self._signed(note, origin)
        if checkpoint is None:
            return Reply(403, "no signature of a key of this log\n")
        if old > checkpoint.size:
            return Reply(400, "the old size is larger than the new one\n")
        # 3. Does it extend what was signed last? Compared, and kept, in one transaction.
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT size, root FROM logs WHERE origin = ?", (origin,)).fetchone()
            size, root = row or (0, EMPTY_ROOT)
            refusal = _refusal(old, proof, checkpoint, (size, root))
            if refusal is not None:
                connection.execute("ROLLBACK")
                return refusal
            connection.execute(_STORE, (origin, checkpoint.size, checkpoint.root))
            connection.execute("COMMIT")
        # 4. Only now it signs.
        moment = int(self._clock())
        signature = self._private.sign(cosigned_message(moment, split_note(note)[0]))
        return Reply(200, cosignature_line(self.key, moment, signature))

    def _signed(self, note: str, origin: str) -> Checkpoint | None:
        for key in self._logs[origin]:
            try:
                return verify_checkpoint(note, key)
            except VerifyError:
                continue
        return None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._database, timeout=10.0, isolation_level=None)
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection


def witness_app(witness: Witness) -> Starlette:
    """The witness as an application over HTTP."""

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return Response("too large\n", 413, media_type="text/plain")
        reply = await run_in_threadpool(witness.add_checkpoint, body)
        return Response(reply.text, reply.status, {"content-type": reply.media})

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])


def _read(body: bytes) -> tuple[int, list[bytes], str, str] | None:
    """Old size, proof, checkpoint and its origin; None when ``body`` is no such request."""
    try:
        head, gap, note = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        word, _, number = first.partition(" ")
        if not gap or word != "old" or not is_number(number) or len(lines) > MAX_PROOF:
            return None
        proof = [base64.b64decode(line, validate=True) for line in lines]
        text, _ = split_note(note)
        origin = parse_checkpoint(text, note).origin
    except (UnicodeDecodeError, binascii.Error, ValueError, VerifyError):
        return None
    return (int(number), proof, note, origin) if all(len(step) == 32 for step in proof) else None


def _refusal(old: int, proof: list[bytes], new: Checkpoint, last: tuple[int, bytes]) -> Reply | None:
    size, root = last
    if old != size or (new.size == size and new.root != root):
        return Reply(409, f"{size}\n", SIZE)
    try:
        if old:
            verify_consistency(old, new.size, root, new.root, proof)
        elif proof:
            raise VerifyError("bad_consistency", "from nothing there is nothing to prove")
    except VerifyError as error:
        return Reply(422, f"{error.message}\n")
    return None
