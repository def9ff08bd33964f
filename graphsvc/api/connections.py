"""Connections: how many there may be, how long each may wait, and how slowly bytes may move, in both directions.

uvicorn's protocol bounds only the pause between two requests. This one watches every connection from its first moment:
a head must be complete in time, a body and an answer must move on, what waits longest makes room for who comes anew,
and a head has a size. One timer a second walks all connections; nothing is armed or cancelled on the way of a request.
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
"""Bytes of a request's line and headers, all together."""
MAX_HEADERS = 100
MAX_PIPELINED = 32
"""Requests that wait on one connection for the answer to the one before them."""
BACKLOG = 128
"""Connections that the kernel keeps for us until we accept them."""
LINGER = 5.0
"""Seconds that a request may go on after its answer has left: closing at once would take the answer with it."""
CROWDED = Answer(503, "Too many connections", 5)
_TICK = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be in all and from one address; times are seconds, ``rate`` is bytes a second.

    Within ``head`` a request's head must be there; ``idle`` is the pause between two requests. In every ``stall``
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
    """The bounds that are set, for as many ``connections`` as there are descriptors for."""
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
        """What uvicorn makes of each connection."""
        return cast("type[asyncio.Protocol]", partial(Connection, self))

    def enter(self, one: Connection) -> bool:
        """Take a new connection in. Of too many the one that has waited longest goes; False: none waits."""
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
        """Forget a connection; fine when it is forgotten."""
        self.works(one)
        if one in self._open:
            self._open.discard(one)
            self._peers[one.peer] -= 1
            if not self._peers[one.peer]:
                del self._peers[one.peer]

    def waits(self, one: Connection) -> None:
        """Nothing is asked on the connection now: it may make room for another."""
        self._waiting[one] = None

    def works(self, one: Connection) -> None:
        """A request has begun."""
        self._waiting.pop(one, None)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for one in list(self._open):
            one.check(now)
        self._ticking = bool(self._open)
        if self._ticking:
            loop.call_later(self._tick_seconds, self._tick, loop)


class _Refused(Exception):
    """Ends the parsing of what is already answered."""


class Connection(HttpToolsProtocol):
    """One connection. What it receives goes through three states: nothing, a head, a body."""

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

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A new connection: taken in, or told that there are too many."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        if not self._door.enter(self):
            self._ended = True
            self._write(Problem(CROWDED, "too_many_connections", "there are too many connections; try again"))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, whoever ended it."""
        self._door.leave(self)
        self._tell_gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; what comes after a refusal is let fall."""
        if self._ended or self.parser is None:
            return
        self._moved += len(data)
        if self._reading != "body":
            self._head += len(data)
        super().data_received(data)
        if not self._ended and self._reading == "head" and self._head > MAX_HEAD:
            self._refuse(_head_too_large())

    def resume_writing(self) -> None:
        """The peer has taken what was waiting for it."""
        self._sending = None
        super().resume_writing()

    # What the parser tells

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._reading, self._head = "head", 0
        if not self._answering:
            self._since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. Those after a body (trailers) are for nobody: none may be taken for one that came before it."""
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
        """The end of a body, or of a head that has none."""
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
        """What is no HTTP gets an answer of the same form as all others."""
        if not self._ended:
            self._refuse(_unreadable())

    # What time tells

    def check(self, now: float) -> None:
        """End the connection if it has had its time; called about once a second."""
        bounds = self._door.bounds
        if self.transport.is_closing():
            self._closing = self._closing or now
            if now - self._closing > min(bounds.stall, LINGER):
                self.transport.abort()
            return
        if (size := self.transport.get_write_buffer_size()) and self._stalls(now, size):
            # There is no room to say so: what is written does not leave.
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
            # It is us who take no more for now.
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

    # How it ends

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _settle(self) -> None:
        """If request and answer are over, wait for the next one, of which some may be there already."""
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
        """Say no more; what still comes is let fall, and the connection closed when the peer does, or soon."""
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
        """Whoever works on an answer hears that nobody waits for it."""
        for cycle in (self._worked_on, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()


def _unreadable() -> Problem:
    return http_problem(400, "the request is not HTTP/1.1 that this service can read")


def _head_too_large() -> Problem:
    return http_problem(431, f"a request's head has at most {MAX_HEAD} bytes and {MAX_HEADERS} headers")
