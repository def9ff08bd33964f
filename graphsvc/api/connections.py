"""Connections: how many there may be, how long each may wait, and how slowly bytes may move, in both directions.

uvicorn's protocol limits only the pause between two requests. This one watches every connection from its start: a head
must be complete in time and has a largest size, and a body and an answer must keep moving. When there are too many
connections, the one that has waited longest makes room for a new one. One timer a second checks all connections, so
that no request needs timers of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import orjson
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from graphsvc.api.problems import Answer, Problem, http_problem
from graphsvc.settings import Settings

MAX_HEAD = 64 << 10
"""At most this many bytes in a request's line and headers together."""
MAX_HEADERS = 100
MAX_PIPELINED = 32
"""At most this many requests wait on one connection for the answer to the one before them."""
BACKLOG = 128
"""At most this many connections wait in the kernel until they are accepted."""
LINGER = 5.0
"""Seconds that a client may go on sending after its answer has left: closing at once could lose the answer."""
CROWDED = Answer(503, "Too many connections", 5)
_TICK = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be in all and from one address; times are seconds, ``rate`` is bytes a second.

    A request's head must be complete within ``head``; ``idle`` is the pause between two requests. In every ``stall``
    seconds of a body or an answer, ``stall × rate`` bytes must move, and none takes longer than ``transfer``.
    """

    connections: int
    a_peer: int
    head: float
    idle: float
    stall: float
    rate: int
    transfer: float


def bounds_of(settings: Settings, connections: int) -> Bounds:
    """The bounds from the settings; ``connections`` is how many there are file descriptors for."""
    most = min(settings.connections, connections)
    return Bounds(
        connections=most,
        # Behind a proxy all callers have its address, so this can't be a small number unless somebody sets it.
        a_peer=min(settings.connections_a_peer or max(1, most // 2), most),
        head=float(max(1, settings.head_seconds)),
        idle=float(max(1, settings.idle_seconds)),
        stall=float(max(1, settings.stall_seconds)),
        rate=settings.slowest_rate,
        transfer=float(max(1, settings.transfer_seconds)),
    )


class Door:
    """All connections of one server. For its event loop only."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._open: set[Connection] = set()
        self._peers: Counter[str] = Counter()
        self._waiting: dict[Connection, None] = {}
        self._ticking = False
        self._tick_seconds = min(_TICK, bounds.head / 4, bounds.idle / 4, bounds.stall / 4)

    @property
    def protocol(self) -> type[asyncio.Protocol]:
        """The protocol that uvicorn makes for each connection."""
        return cast("type[asyncio.Protocol]", partial(Connection, self))

    def enter(self, one: Connection) -> bool:
        """Admit a new connection. Of too many, the one that has waited longest is closed; False if none waits."""
        peer = one.peer
        if self._peers[peer] >= self.bounds.a_peer:
            oldest = next((other for other in self._waiting if other.peer == peer), None)
        elif len(self._open) >= self.bounds.connections:
            oldest = next(iter(self._waiting), None)
        else:
            return self._add(one)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.transport.abort()
        return self._add(one)

    def _add(self, one: Connection) -> bool:
        self._open.add(one)
        self._peers[one.peer] += 1
        self.waits(one)
        if not self._ticking:
            self._ticking = True
            one.loop.call_later(self._tick_seconds, self._tick, one.loop)
        return True

    def leave(self, one: Connection) -> None:
        """Forget a connection; harmless when it is forgotten already."""
        self.works(one)
        if one in self._open:
            self._open.discard(one)
            self._peers[one.peer] -= 1
            if not self._peers[one.peer]:
                del self._peers[one.peer]

    def waits(self, one: Connection) -> None:
        """Note that no request runs on the connection: it may be closed to make room for another."""
        self._waiting[one] = None

    def works(self, one: Connection) -> None:
        """Note that a request has begun on the connection."""
        self._waiting.pop(one, None)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for one in list(self._open):
            one.check(now)
        self._ticking = bool(self._open)
        if self._ticking:
            loop.call_later(self._tick_seconds, self._tick, loop)


class _Refused(Exception):
    """Ends the parsing of a request that is already refused."""


class Connection(HttpToolsProtocol):
    """One connection. ``_reading`` says what it receives now: nothing, a head or a body."""

    def __init__(self, door: Door, **given: Any) -> None:
        super().__init__(**given)
        self._door = door
        self.peer = ""
        self._reading = ""
        self._ended = False
        self._head = 0
        self._served = False
        self._since = self.loop.time()
        self._window = (self._since, 0)
        self._moved = 0
        self._sending: tuple[float, float, int] | None = None
        self._lingers: float | None = None
        self._closing: float | None = None
        self._worked_on: RequestResponseCycle | None = None

    # Called by the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit the new connection, or tell it that there are too many."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        if not self._door.enter(self):
            self._ended = True
            self._write(Problem(CROWDED, "too_many_connections", "there are too many connections; try again"))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended, whichever side ended it."""
        self._door.leave(self)
        self._tell_gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come; after a refusal they are dropped."""
        if self._ended or self.parser is None:
            return
        self._moved += len(data)
        if self._reading != "body":
            self._head += len(data)
        super().data_received(data)
        if not self._ended and self._reading == "head" and self._head > MAX_HEAD:
            self._refuse(_head_too_large())

    def resume_writing(self) -> None:
        """The peer has taken the bytes that waited for it."""
        self._sending = None
        super().resume_writing()

    # Called by the parser

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._reading, self._head = "head", 0
        if not self._answering:
            self._since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. Trailers, which come after a body, are dropped: none may pass for a header that came before it."""
        if self._reading == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A whole head: the request begins."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD or len(self.headers) > MAX_HEADERS:
            self._refuse(_head_too_large())
            raise _Refused
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse(_unreadable())
            raise _Refused
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and version == "1.1"):
            self._refuse(http_problem(400, "one host header is needed", "header host"))
            raise _Refused
        if len(self.pipeline) >= MAX_PIPELINED:
            self._end()
            raise _Refused
        super().on_headers_complete()
        self._door.works(self)
        self._reading = "body"
        self._since = self.loop.time()
        self._window = (self._since, self._moved)

    def on_message_complete(self) -> None:
        """The end of a request: of its body, or of its head if it has no body."""
        super().on_message_complete()
        self._reading = ""
        self._lingers = None
        self._settle()

    def on_response_complete(self) -> None:
        """An answer has been written, maybe before its request was read."""
        super().on_response_complete()
        self._served = True
        if self._reading == "body" and not self._answering:
            self._lingers = self.loop.time() + LINGER
        self._settle()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP in the same form as all other errors."""
        if not self._ended:
            self._refuse(_unreadable())

    # Called by the timer

    def check(self, now: float) -> None:
        """End the connection if its time is up; called about once a second."""
        bounds = self._door.bounds
        if self.transport.is_closing():
            self._closing = self._closing or now
            if now - self._closing > min(bounds.stall, LINGER):
                self.transport.abort()
            return
        if (size := self.transport.get_write_buffer_size()) and self._stalls(now, size):
            # No answer can say why: the peer takes no more bytes.
            self.transport.abort()
        elif self._lingers is not None and now > self._lingers:
            self.transport.close()
        elif self._ended:
            return
        elif self._reading == "body":
            self._check_body(now)
        elif not self._answering:
            patient = bounds.idle if self._served and not self._reading else bounds.head
            if now - self._since > patient and self._reading:
                self._time_out()
            elif now - self._since > patient:
                self.transport.close()

    def _check_body(self, now: float) -> None:
        bounds = self._door.bounds
        since, moved = self._window
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            # The service itself has paused reading.
            self._window = (now, self._moved)
        elif now - self._since > bounds.transfer:
            self._time_out()
        elif now - since >= bounds.stall:
            if self._moved - moved < bounds.rate * bounds.stall:
                self._time_out()
            self._window = (now, self._moved)

    def _stalls(self, now: float, size: int) -> bool:
        """Whether the peer takes too little of the ``size`` bytes that wait for it."""
        bounds = self._door.bounds
        first, since, before = self._sending or (now, now, size)
        if before - size >= bounds.rate * bounds.stall:
            since, before = now, size
        self._sending = (first, since, before)
        return now - since > bounds.stall or now - first > bounds.transfer

    # How the connection ends

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _settle(self) -> None:
        """If request and answer are both over, wait for the next request, which may have begun already."""
        if not (self._ended or self._reading == "body" or self._answering or self.transport.is_closing()):
            self._since = self.loop.time()
            self._door.waits(self)

    def _time_out(self) -> None:
        self._refuse(http_problem(408, "the request did not come in time"))

    def _refuse(self, problem: Problem) -> None:
        """Answer, unless another answer has begun, and close."""
        if not (self._answering and self.cycle.response_started):
            self._write(problem)
        self._end()

    def _write(self, problem: Problem) -> None:
        content = orjson.dumps(problem.details())
        headers = {**problem.headers(), "content-type": "application/problem+json", "connection": "close"}
        headers["content-length"] = str(len(content))
        lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        self.transport.write(STATUS_LINE[problem.answer.status] + lines + b"\r\n" + content)

    def _end(self) -> None:
        """Send no more and drop what still comes; close when the peer does, or after :data:`LINGER`."""
        self._ended = True
        if self._answering:
            self._tell_gone()
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write_eof()
        self._lingers = self.loop.time() + LINGER
        self._door.waits(self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # Of pipelined requests, uvicorn itself remembers the newest only.
        self._worked_on = cycle
        super()._start_asgi_task(cycle, app)

    def _tell_gone(self) -> None:
        """Tell the handlers of open requests that the client has gone."""
        for cycle in (self._worked_on, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()


def _unreadable() -> Problem:
    return http_problem(400, "the request is not HTTP/1.1 that this service can read")


def _head_too_large() -> Problem:
    return http_problem(431, f"a request's head has at most {MAX_HEAD} bytes and {MAX_HEADERS} headers")
