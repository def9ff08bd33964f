"""HTTP by hand: bytes out, status and body back, for what no client library would send."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

WATCHDOG = 60.0
"""Seconds without an answer after which a test fails: far more than any answer takes."""


@dataclass(frozen=True)
class Answer:
    """An answer; ``status`` 0: the connection ended without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The machine word of a problem, or of the first error of GraphQL."""
        said: Any = orjson.loads(self.body)
        return str(said["code"] if "code" in said else said["errors"][0]["extensions"]["code"])


class Line:
    """One connection to a service."""

    def __init__(self, url: str, buffer: int = 0) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(WATCHDOG)
        self.socket.connect((host, int(port)))
        self._read = bytearray()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send; fine when the other side has ended it: then the answer tells why."""
        with suppress(ConnectionError):
            self.socket.sendall(data)

    def answer(self, has_body: bool = True) -> Answer:
        """The next answer; that to a HEAD has no body, whatever length it states."""
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                return Answer(0, {}, bytes(self._read))
        head, _, rest = bytes(self._read).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0")) if has_body else 0
        self._read = bytearray(rest)
        while len(self._read) < length and self._more():
            pass
        body, self._read = bytes(self._read[:length]), self._read[length:]
        return Answer(int(first.split(" ")[1]), headers, body)

    def ended(self) -> bool:
        """Wait for the other side to end it."""
        while self._more():
            pass
        return True

    def _more(self) -> bool:
        try:
            got = self.socket.recv(1 << 16)
        except ConnectionError:
            return False
        self._read += got
        return bool(got)


def request(method: str, path: str, headers: Mapping[str, str | list[str]], body: bytes = b"") -> bytes:
    """A request as bytes (Latin-1); a header given as a list comes several times."""
    stated = {"host": "x", "content-length": str(len(body)), **{name.lower(): said for name, said in headers.items()}}
    lines = [f"{method} {path} HTTP/1.1"]
    for name, said in stated.items():
        lines += [f"{name}: {one}" for one in ([said] if isinstance(said, str) else said)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ask(url: str, data: bytes) -> Answer:
    """Send ``data`` on a connection of its own and take the answer."""
    with Line(url) as line:
        line.send(data)
        return line.answer()
