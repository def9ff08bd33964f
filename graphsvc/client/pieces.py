"""A large body goes out in pieces, by tus 1.0.0: what had come before a break or a kill is not sent again."""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import httpx2

from graphsvc.client.answers import problem
from graphsvc.client.counted import Progress
from graphsvc.client.errors import Unreachable
from graphsvc.client.manifest import Outgoing
from graphsvc.client.sending import PATIENCE

LARGE = 32 << 20
"""Bodies of so many bytes and more go out in pieces."""
PIECE = 8 << 20
"""Bytes of a piece: so much at most is sent twice."""
FAILURES = 10
"""So many failures in a row, with ever longer pauses, end the attempt: after about a minute."""
UPLOADS = "/v1/uploads"
_TUS = {"tus-resumable": "1.0.0"}
_WAIT = frozenset({429, 502, 503, 504, 507})
_ELSEWHERE = frozenset({409, 460})
"""The upload stands elsewhere, or the piece was damaged: ask where it stands and go on."""


class Send(Protocol):
    """Sends one request of the client; raises what the transport raises."""

    def __call__(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """The response, whatever its status."""


class Kept:
    """The name of an upload that is not finished, kept beside the file it is of; without a path, in memory."""

    def __init__(self, path: Path | None, write: Callable[[Path, bytes], None]) -> None:
        self._path, self._write = path, write
        self.name = ""
        if path is not None and path.exists():
            self.name = path.read_text(encoding="ascii", errors="replace").strip()

    def keep(self, name: str) -> None:
        """Keep a name; an empty one forgets it."""
        self.name = name
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            if name:
                self._write(self._path, name.encode())


class Pieces:
    """Sends one body in pieces, and goes on where it was by itself."""

    def __init__(self, send: Send, outgoing: Outgoing, kept: Kept, progress: Progress | None) -> None:
        self._send, self._outgoing, self._kept, self._progress = send, outgoing, kept, progress
        self._size = outgoing.path.stat().st_size
        self._told = self._failures = 0

    def run(self) -> str | None:
        """Send what is missing; returns the upload's name, None where the service takes no pieces.

        Raises Refused, Unreachable.
        """
        while True:
            try:
                if not self._kept.name and not self._begin():
                    return None
                offset = self._offset()
                while offset is not None and offset < self._size:
                    offset = self._piece(offset)
                if offset is not None:
                    return self._kept.name
            except httpx2.TransportError as error:
                self._failed(f"the service did not answer: {type(error).__name__}")

    def _begin(self) -> bool:
        """Open an upload. False where the service has no such thing."""
        said = b64encode(self._outgoing.media_type.encode()).decode()
        headers = {**_TUS, "upload-length": str(self._size), "upload-metadata": f"filetype {said}"}
        response = self._send("POST", UPLOADS, headers=headers)
        if response.status_code in (404, 405):
            return False
        if self._settled(response):
            self._kept.keep(response.headers["location"].rpartition("/")[2])
        return True

    def _offset(self) -> int | None:
        """How much is there; None: ask again, perhaps for a new upload."""
        if not self._kept.name:
            return None
        response = self._send("HEAD", f"{UPLOADS}/{self._kept.name}", headers=_TUS)
        if response.status_code == 404:
            self._kept.keep("")
            self._failed("the upload has expired again and again")
            return None
        return self._at(response) if self._settled(response) else None

    def _piece(self, offset: int) -> int | None:
        """Send the next piece; returns how much is there then, None: ask."""
        with self._outgoing.path.open("rb") as file:
            file.seek(offset)
            piece = file.read(PIECE)
        headers = {
            **_TUS,
            "content-type": "application/offset+octet-stream",
            "upload-offset": str(offset),
            "upload-checksum": f"sha256 {b64encode(hashlib.sha256(piece).digest()).decode()}",
        }
        response = self._send("PATCH", f"{UPLOADS}/{self._kept.name}", headers=headers, content=piece)
        if response.status_code in (*_ELSEWHERE, 404):
            self._failed("the upload does not go on")
            return None
        if not self._settled(response):
            return None
        self._failures = 0
        return self._at(response)

    def _at(self, response: httpx2.Response) -> int:
        offset = int(response.headers["upload-offset"])
        if self._progress is not None and offset > self._told:
            self._progress(offset - self._told)
        self._told = max(self._told, offset)
        return offset

    def _settled(self, response: httpx2.Response) -> bool:
        """Whether a request was done; waits where the service says so. Raises Refused for what stays refused."""
        if response.status_code < 400:
            return True
        after = response.headers.get("retry-after", "")
        refused = problem(response.status_code, response.content)
        if response.status_code not in _WAIT or (after.isdigit() and int(after) > PATIENCE):
            raise refused
        self._failures += 1
        if self._failures == FAILURES:
            raise refused
        time.sleep(float(after) if after.isdigit() else 1.0)
        return False

    def _failed(self, message: str) -> None:
        """Count a failure, and wait the longer the more there were. Raises Unreachable after too many."""
        self._failures += 1
        if self._failures == FAILURES:
            raise Unreachable(message)
        time.sleep(min(10.0, 0.1 * 2**self._failures))


def forget(send: Send, name: str) -> None:
    """Have the service remove an upload that is no longer needed; one that stays there expires by itself."""
    with suppress(httpx2.TransportError):
        send("DELETE", f"{UPLOADS}/{name}", headers=_TUS)
