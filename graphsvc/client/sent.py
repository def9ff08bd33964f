"""What was submitted already, so that the same file is not stored twice because somebody sent it twice.

::

    {"key": b64u 32 random bytes}
    {"content": hex HMAC-SHA-256(key, content), "index": …, "rows": …, "accepted": …, "rejected": …}
    …

``content`` is the canonical JSON of all that was sent (log key, organisation, media type, digests of mapping and body,
defaults, request answered). Each submission adds a line once the service has acknowledged it; the line does not reveal
what was sent. Lines that can't be read are skipped: at worst a file is sent twice.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from graphsvc.client.keys import write_private
from graphsvc.client.manifest import Outgoing
from graphsvc.client.submitted import Submitted
from graphsvc.model.errors import InvalidInput
from graphsvc_verify.canonical import b64u, digest, encode, unb64u
from graphsvc_verify.errors import VerifyError


class _Key(msgspec.Struct):
    key: str


class _Line(msgspec.Struct):
    content: str
    index: int
    rows: int
    accepted: int
    rejected: int


_T = TypeVar("_T", _Key, _Line)


class SentBook:
    """The submissions that an organisation made to one log from one place, remembered in ``path``."""

    def __init__(self, path: Path, log: str, org: str) -> None:
        self._path = path
        self._place = {"log": log, "org": org}

    def find(self, outgoing: Outgoing) -> Submitted | None:
        """The submission with the same content, as far as it is remembered; the last one where there are several."""
        if (key := self._key()) is None:
            return None
        content = self._content(outgoing, key)
        same = [line for line in self._lines(_Line) if hmac.compare_digest(line.content, content)]
        if not same:
            return None
        last = same[-1]
        return Submitted(last.index, last.rows, last.accepted, last.rejected, {})

    def note(self, outgoing: Outgoing, answer: Submitted) -> None:
        """Remember what the service has acknowledged. Raises OSError where the file can't be written."""
        key = self._key()
        if key is None:
            key = secrets.token_bytes(32)
            self._path.unlink(missing_ok=True)
            write_private(self._path, msgspec.json.encode(_Key(b64u(key))) + b"\n")
        line = _Line(self._content(outgoing, key), answer.index, answer.rows, answer.accepted, answer.rejected)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _key(self) -> bytes | None:
        for line in self._lines(_Key):
            with suppress(VerifyError):
                return unb64u(line.key, 32)
        return None

    def _lines(self, kind: type[_T]) -> Iterator[_T]:
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            try:
                yield msgspec.json.decode(line, type=kind)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue

    def _content(self, outgoing: Outgoing, key: bytes) -> str:
        try:
            with outgoing.path.open("rb") as file:
                body = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            where = str(outgoing.path)
            raise InvalidInput(f"the file can't be read: {error.strerror}", code="unreadable", where=where) from None
        said = {
            **self._place,
            "mediaType": outgoing.media_type,
            "mapping": None if outgoing.mapping is None else digest(outgoing.mapping),
            "body": body,
            "answers": outgoing.answers,
            "defaults": outgoing.said,
        }
        return hmac.digest(key, encode(said), "sha256").hex()
