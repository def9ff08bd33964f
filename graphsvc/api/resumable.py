"""Bodies that come in pieces: each lies in a file of its own until all of it is there, whatever breaks in between.

What is kept of an upload beside its bytes is one small file, written before the first piece is taken: who sends it, how
long it is, until when. How much of it is there is the length of its file, so nothing can be half said. A killed process
leaves what it had written; the next piece goes on there. The bytes are not trusted before the submission's signed
manifest has been checked against all of them.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from graphsvc.api.uploads import free_bytes
from graphsvc.model.errors import Conflict, InvalidInput, NoRoom, NotFound, TooLarge, TooMany
from graphsvc.model.files import write_durably
from graphsvc.model.principals import Principal
from graphsvc.settings import Settings

KEPT = 24 * 3600
"""Seconds from its beginning after which an upload is gone."""
OPEN = 8
"""At most this many uploads of one organisation are open."""
ALL_OPEN = 256
"""At most this many uploads of all organisations are open."""
OFFSET, INCOMPLETE = "upload_offset", "upload_incomplete"
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")
_BYTES, _TOLD = ".bytes", ".json"
_CHUNK = 1 << 20


class Told(msgspec.Struct, frozen=True, rename="camel"):
    """What is kept of an upload beside its bytes; ``expires`` is in epoch seconds."""

    org: str
    person: str
    client: str
    length: int
    media_type: str
    expires: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an upload stands."""

    name: str
    told: Told
    offset: int
    path: Path


class OpenUploads:
    """The uploads that are open. Thread-safe; one process has them, as it has the spool."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._clock = settings, clock
        self._folder = settings.spool / "uploads"
        self._lock = threading.Lock()
        self._turns: dict[str, int] = {}
        """Upload → the number of the request that may write to it: a later one takes over from one that hangs."""
        self._used: set[str] = set()

    def open(self) -> None:
        """Remove what has expired and what a killed process left without its other half."""
        with self._lock:
            self._sweep()

    def begin(self, principal: Principal, length: int, media_type: str) -> Standing:
        """Open an upload of ``length`` bytes. Raises TooLarge, TooMany, NoRoom."""
        if length > self._settings.max_body:
            message = f"the body passes the limit of {self._settings.max_body} bytes"
            raise TooLarge(message, where="header upload-length")
        with self._lock:
            every = self._sweep()
            mine = [told.length for told in every.values() if told.org == principal.org]
            if len(mine) >= OPEN or len(every) >= ALL_OPEN:
                raise TooMany("too many uploads are open: finish one, delete one or wait", retry_after=30)
            if sum(mine) + length > self._settings.spool_an_organisation:
                raise TooMany("your organisation's uploads take too much room: finish or delete one", retry_after=30)
            if free_bytes(self._settings.data) - 2 * length < self._settings.disk_reserve:
                raise NoRoom("the service has too little room left for it; nothing was stored")
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            name = secrets.token_urlsafe(16)
            told = Told(principal.org, principal.person, principal.client, length, media_type, self._clock() + KEPT)
            path = self._path(name, _BYTES)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            write_durably(self._path(name, _TOLD), msgspec.json.encode(told))
        return Standing(name, told, 0, path)

    def standing(self, principal: Principal, name: str) -> Standing:
        """Where the caller's upload stands; nothing of an earlier request is written after this.

        Raises NotFound where there is none, it is another's, or it has expired.
        """
        with self._lock:
            found = self._found(principal, name)
            self._turns[name] = self._turns.get(name, 0) + 1
            return found

    def writing(self, principal: Principal, name: str, offset: int) -> Writing:
        """Go on at ``offset``. Raises NotFound, and Conflict ``upload_offset`` where the upload stands elsewhere."""
        with self._lock:
            found = self._found(principal, name)
            if found.offset != offset:
                message = "the upload stands elsewhere: ask for its offset with HEAD and go on from there"
                raise Conflict(message, code=OFFSET, where="header upload-offset")
            turn = self._turns[name] = self._turns.get(name, 0) + 1
            file = found.path.open("r+b")
            file.seek(offset)
        return Writing(file, found, lambda: self._turns.get(name) == turn, self._lock)

    def use(self, principal: Principal, name: str) -> Standing:
        """The upload, whole; nobody removes it until :meth:`used`.

        Raises NotFound, and Conflict: ``upload_incomplete``, or ``in_flight`` where it is in use.
        """
        with self._lock:
            found = self._found(principal, name)
            if found.offset != found.told.length:
                raise Conflict(
                    "a part of the body has not come yet: send the rest", code=INCOMPLETE, where="part upload"
                )
            if name in self._used:
                raise Conflict("this upload is being worked on; ask again", code="in_flight")
            self._used.add(name)
        return found

    def used(self, name: str, *, remove: bool) -> None:
        """End the use of an upload; ``remove`` it where its submission is decided."""
        with self._lock:
            self._used.discard(name)
            if remove:
                self._remove(name)

    def remove(self, principal: Principal, name: str) -> None:
        """Remove the caller's upload. Raises NotFound, and Conflict where it is in use."""
        with self._lock:
            self._found(principal, name)
            if name in self._used:
                raise Conflict("this upload is being worked on; ask again", code="in_flight")
            self._remove(name)

    def _found(self, principal: Principal, name: str) -> Standing:
        told = self._read(name) if _NAME.fullmatch(name) else None
        who = (principal.org, principal.person, principal.client)
        if told is None or (told.org, told.person, told.client) != who or told.expires <= self._clock():
            raise NotFound("there is no such upload: begin a new one", where="upload")
        path = self._path(name, _BYTES)
        return Standing(name, told, path.stat().st_size, path)

    def _read(self, name: str) -> Told | None:
        try:
            return msgspec.json.decode(self._path(name, _TOLD).read_bytes(), type=Told)
        except (OSError, msgspec.DecodeError):
            return None

    def _sweep(self) -> dict[str, Told]:
        """Remove what has expired or is half; returns what is open. The caller holds the lock."""
        found: dict[str, Told] = {}
        now = self._clock()
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            name = path.name.partition(".")[0]
            if name in found or name in self._used:
                continue
            told = self._read(name)
            if told is None or told.expires <= now or not self._path(name, _BYTES).exists():
                self._remove(name)
                path.unlink(missing_ok=True)
            else:
                found[name] = told
        return found

    def _remove(self, name: str) -> None:
        self._turns.pop(name, None)
        for ending in (_TOLD, _BYTES):
            self._path(name, ending).unlink(missing_ok=True)

    def _path(self, name: str, ending: str) -> Path:
        return self._folder / f"{name}{ending}"


class Writing:
    """One request's writing to an upload. Not for several threads at once."""

    def __init__(self, file: BinaryIO, standing: Standing, is_mine: Callable[[], bool], lock: threading.Lock) -> None:
        self._file, self._standing, self._is_mine, self._lock = file, standing, is_mine, lock
        self._sha256 = hashlib.sha256()
        self.offset = standing.offset

    def write(self, chunk: bytes) -> None:
        """Take some bytes. Raises TooLarge past the length stated, Conflict where a later request has taken over."""
        if self.offset + len(chunk) > self._standing.told.length:
            raise TooLarge("there are more bytes than the upload's length says", where="body")
        with self._lock:
            self._check_mine()
            self._file.write(chunk)
            self._file.flush()
        self._sha256.update(chunk)
        self.offset += len(chunk)

    def finish(self, stated: bytes | None) -> bool:
        """Make the bytes durable; False, and they are taken back, where they have not the digest ``stated``."""
        if stated is None or stated == self._sha256.digest():
            os.fdatasync(self._file.fileno())
            return True
        with self._lock:
            self._check_mine()
            self._file.truncate(self._standing.offset)
        self.offset = self._standing.offset
        return False

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._file.close()

    def _check_mine(self) -> None:
        if not self._is_mine():
            raise Conflict("a later request goes on with this upload", code=OFFSET, where="header upload-offset")


def sha256_of(path: Path) -> bytes:
    """The raw SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def stated_digest(header: str, decode: Callable[[str], bytes]) -> bytes | None:
    """The digest of an ``Upload-Checksum`` header, None without one. Raises InvalidInput."""
    if not header:
        return None
    name, _, value = header.partition(" ")
    try:
        digest = decode(value) if name == "sha256" else b""
    except ValueError:
        digest = b""
    if len(digest) != 32:
        message = "write sha256, a space and the piece's SHA-256 in base64"
        raise InvalidInput(message, code="invalid_header", where="header upload-checksum")
    return digest
