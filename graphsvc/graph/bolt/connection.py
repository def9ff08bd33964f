"""One Bolt connection on the event loop: greeting, log-on, one statement at a time.

Source: Bolt Protocol documentation (Neo4j), handshake and messages of versions 5.4 to 5.8. A connection that is left in
the middle of an answer, for whatever reason, is ended: nobody can get another one's answer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, cast

from graphsvc.graph.bolt.address import Address
from graphsvc.graph.bolt.packstream import pack, unpack
from graphsvc.graph.failures import failed, slow, unreachable
from graphsvc.model.errors import GraphsvcError, Unavailable

CONNECT_SECONDS = 10.0
"""A connection must be ready within this time; so must one that is reset."""

GRACE_SECONDS = 10.0
"""An answer must be there so long after the server should have ended the statement."""

MOST_BYTES = 128 << 20
"""An answer of more bytes is not taken: several times what any statement of this package may return."""

_MAGIC = b"\x60\x60\xb0\x17"
# Version 5.8 and the four before it; nothing else is offered.
_OFFER = _MAGIC + b"\x00\x04\x08\x05" + bytes(12)
_MAJOR, _MINORS = 5, range(4, 9)
_CHUNK = 0xFFFF
_HELLO, _LOGON, _RUN = b"\xb1\x01", b"\xb1\x6a", b"\xb3\x10"
_PULL_ALL = b"\x00\x06\xb1\x3f\xa1\x81n\xff\x00\x00"
_RESET = b"\x00\x02\xb0\x0f\x00\x00"
_GOODBYE = b"\x00\x02\xb0\x02\x00\x00"
_SUCCESS, _RECORD, _IGNORED, _FAILURE = 0x70, 0x71, 0x7E, 0x7F


def framed(*parts: bytes) -> bytes:
    """One message in chunks."""
    message = b"".join(parts)
    if len(message) <= _CHUNK:
        return b"%b%b\x00\x00" % (len(message).to_bytes(2, "big"), message)
    chunks = (message[at : at + _CHUNK] for at in range(0, len(message), _CHUNK))
    return b"".join(len(chunk).to_bytes(2, "big") + chunk for chunk in chunks) + b"\x00\x00"


def reading(
    text: str, parameters: dict[str, Any], seconds: float, database: str, bookmarks: Sequence[str] = ()
) -> bytes:
    """What is sent for one read: RUN, with how long the server may take, and PULL.

    ``bookmarks`` are what the server must have seen before; a single server needs none.
    """
    terms: dict[str, Any] = {"mode": "r", "db": database, "tx_timeout": max(1, int(seconds * 1000))}
    if bookmarks:
        terms["bookmarks"] = list(bookmarks)
    return framed(_RUN, pack(text), pack(parameters), pack(terms)) + _PULL_ALL


class Connection(asyncio.Protocol):
    """One connection, for one caller at a time, on the loop that opened it. Made by :meth:`open`."""

    def __init__(self, lost: Callable[[Connection], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._greeted = False
        self._given_up = False
        self._buffer, self._message = bytearray(), bytearray()
        self._waiting: asyncio.Future[None] | None = None
        self._left = self._received = 0
        self._record: bytearray | None = None
        self._failure = ""
        self.opened = self._loop.time()

    @classmethod
    async def open(cls, address: Address, auth: tuple[str, str], lost: Callable[[Connection], None]) -> Connection:
        """Connect and log on; ``lost`` is called when the connection ends and it was not us who ended it.

        Raises Unavailable: the server can't be reached in time, speaks no version that we do, or refuses us.
        """
        connection = cls(lost)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                named = address.host if address.tls else None
                await connection._loop.create_connection(
                    lambda: connection, address.host, address.port, ssl=address.tls, server_hostname=named
                )
                await connection._log_on(auth)
        except OSError as error:  # of TLS and of names, too; a time-out is one
            connection.end()
            raise unreachable(type(error).__name__) from None
        except BaseException:
            connection.end()
            raise
        return connection

    @property
    def usable(self) -> bool:
        """Whether it can take a statement."""
        return self._transport is not None and self._waiting is None and not self._given_up

    async def run(self, request: bytes, seconds: float) -> bytearray | None:
        """The first record of a read, packed; None: there is none. The server should end it after ``seconds``.

        Raises IntegrityError or Unavailable. Afterwards, or cancelled, look whether the connection is still usable.
        """
        await self._exchange(request, 2, seconds + GRACE_SECONDS)
        if not self._failure:
            return self._record
        error = failed(self._failure)
        # The server ignores everything until it is told to begin anew.
        try:
            await self._exchange(_RESET, 1, CONNECT_SECONDS)
        except GraphsvcError:
            raise error from None
        if self._failure:
            self.end()
        raise error

    def end(self) -> None:
        """End it at once, whatever is going on. The server ends what it was doing for us."""
        self._given_up = True
        self._stop(unreachable("closed"))

    def leave(self) -> None:
        """End an idle connection as the protocol wants it."""
        if self._transport is not None and self.usable:
            self._given_up = True
            self._transport.write(_GOODBYE)
            if self._transport.get_extra_info("ssl_object") is None:
                self._transport.close()
            else:
                # To end TLS in order would wait for the server, longer than a loop that ends does.
                self._transport.abort()

    async def _log_on(self, auth: tuple[str, str]) -> None:
        hello: dict[str, object] = {"user_agent": "graphsvc", "bolt_agent": {"product": "graphsvc"}}
        hello["notifications_minimum_severity"] = "OFF"
        user, password = auth
        known = {"scheme": "basic", "principal": user, "credentials": password}
        # Who opens keeps the time for all of it.
        await self._exchange(_OFFER, 1, 2 * CONNECT_SECONDS)
        await self._exchange(framed(_HELLO, pack(hello)) + framed(_LOGON, pack(known)), 2, 2 * CONNECT_SECONDS)
        if self._failure:
            raise failed(self._failure)

    async def _exchange(self, request: bytes, answers: int, seconds: float) -> None:
        """Send in one write, and wait for so many messages that end an answer."""
        if self._transport is None or self._given_up:
            raise unreachable("closed")
        self._left, self._received, self._record, self._failure = answers, 0, None, ""
        waiting = self._waiting = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._take_too_long)
        self._transport.write(request)
        try:
            await waiting
        except BaseException:
            # What was asked for may still come: there is no other use for this connection.
            self.end()
            raise
        finally:
            timer.cancel()
            self._waiting = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio's: connected."""
        self._transport = cast(asyncio.Transport, transport)
        if (raw := transport.get_extra_info("socket")) is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, error: Exception | None) -> None:
        """Of asyncio's: the connection has ended."""
        self._transport = None
        self._stop(unreachable(type(error).__name__ if error else "closed"))
        if not self._given_up:
            self._given_up = True
            self._lost(self)

    def data_received(self, data: bytes) -> None:
        """Of asyncio's: bytes have come. Takes what is whole of them."""
        self._received += len(data)
        if self._received > MOST_BYTES:
            self._stop(Unavailable("Neo4j sends more than any answer may hold", code="graph_refused"))
            return
        buffer = self._buffer
        buffer += data
        if not self._greeted:
            self._be_greeted()
            return
        at, end = 0, len(buffer)
        while end - at >= 2:
            size = buffer[at] << 8 | buffer[at + 1]
            after = at + 2 + size
            if after > end:
                break
            if size:
                self._message += buffer[at + 2 : after]
            elif self._message:  # else it is a sign of life
                message, self._message = self._message, bytearray()
                self._take(message)
            at = after
        del buffer[:at]

    def _be_greeted(self) -> None:
        buffer = self._buffer
        if len(buffer) < 4:
            return
        answer = bytes(buffer[:4])
        if answer[:2] != b"\x00\x00" or answer[3] != _MAJOR or answer[2] not in _MINORS or len(buffer) > 4:
            self._stop(unreachable("UnsupportedServerProduct"))
            return
        buffer.clear()
        self._greeted = True
        self._count_down()

    def _take(self, message: bytearray) -> None:
        tag = message[1] if len(message) > 1 else 0
        if tag == _RECORD:
            if self._record is None:
                self._record = message
            return
        if self._waiting is None or tag not in (_SUCCESS, _FAILURE, _IGNORED):
            self._stop(unreachable("BoltProtocolError"))
            return
        if tag == _FAILURE and not self._failure:
            self._failure = _code_of(message)
        self._count_down()

    def _count_down(self) -> None:
        self._left -= 1
        if not self._left and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _take_too_long(self) -> None:
        self._stop(slow())

    def _stop(self, error: GraphsvcError) -> None:
        """Tell whoever waits, and drop the connection."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        if self._transport is not None:
            self._transport.abort()


def _code_of(message: bytearray) -> str:
    try:
        told, _ = unpack(message, 2)
        return str(told.get("neo4j_code") or told["code"])
    except (ValueError, AttributeError, KeyError):
        return "Neo.DatabaseError.General.UnknownError"
