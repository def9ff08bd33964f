"""A process that seals runs of reads, so that the service's own interpreter is free for questions.

It is started when several callers are at work. Until it is ready, or when it has died, runs are sealed in the
sequencer's thread: the outcome is the same. It gets the day keys over a socket that is its standard input, stores
nothing, and ends when that closes. Messages are a length (uint32) and MessagePack; an empty one says that it is ready.
"""

from __future__ import annotations

import logging
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import msgspec

from graphsvc.ledger.daykeys import DayKey, Epoch
from graphsvc.ledger.runs import Finished, Refused, Run, seal_run

PATIENCE = 10.0
"""Seconds that the process gets for a run, and for ending by itself."""
PAUSE = 1.0
"""Seconds between a failure and the next start."""
_log = logging.getLogger("graphsvc.ledger")


@dataclass(frozen=True, slots=True)
class Order:
    """A run, and the pairs (key, tag key) of its epoch; None when the process has them already."""

    run: Run
    epoch: int
    pairs: dict[str, tuple[bytes, bytes]] | None


_decode_order = msgspec.msgpack.Decoder(Order).decode
_decode_outcomes = msgspec.msgpack.Decoder(list[Finished | Refused]).decode
_encode = msgspec.msgpack.Encoder().encode


class Sealer:
    """The service's end of the sealing process. For use by one thread. ``code`` says why it seals."""

    def __init__(self, code: str = "Python") -> None:
        self.code = code
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._ready = False
        self._epoch: Epoch | None = None
        self._failed = float("-inf")

    @property
    def ready(self) -> bool:
        """Whether the next run will be sealed in the process."""
        if self._socket is not None and not self._ready and _readable(self._socket):
            try:
                self._ready = _receive(self._socket) == bytearray()
            except OSError:
                self._ready = False
            if not self._ready:
                self._give_up()
        return self._ready

    def seal(self, run: Run, epoch: Epoch) -> list[Finished | Refused]:
        """Seal a run, in the process or here; returns what :func:`graphsvc.ledger.runs.seal_run` returns."""
        if self._process is None and len(run.drafts) > 1 and time.monotonic() - self._failed > PAUSE:
            self._start()
        if self.ready and (message := self._message(run, epoch)) is not None:
            try:
                outcomes = self._ask(message, len(run.drafts))
            except (OSError, msgspec.DecodeError):
                self._give_up()
            else:
                self._epoch = epoch
                return outcomes
        return seal_run(run, epoch)

    def close(self) -> None:
        """End the process."""
        process, ours = self._process, self._socket
        self._process, self._socket, self._ready = None, None, False
        if ours is not None:
            ours.close()
        if process is None:
            return
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        self._epoch = None
        # -P: no module of the working directory may stand for one of ours.
        command = [sys.executable, "-P", "-m", "graphsvc.ledger.sealer"]
        try:
            self._socket, theirs = socket.socketpair()
            self._socket.settimeout(PATIENCE)
            with theirs:
                self._process = subprocess.Popen(command, stdin=theirs.fileno())
        except OSError:  # no descriptors, no memory
            self._give_up()

    def _give_up(self) -> None:
        _log.warning("the sealing process has failed; another will be started")
        self._failed = time.monotonic()
        if self._process is not None:
            self._process.kill()
        self.close()

    def _message(self, run: Run, epoch: Epoch) -> bytes | None:
        """The order as it is sent; None for values that can't be sent, which :func:`seal_run` then refuses."""
        # By identity: after a batch that was taken back an index may come again, with other keys.
        new = epoch is not self._epoch
        pairs = {name: (pair.key, pair.tag_key) for name, pair in epoch.keys.items()} if new else None
        try:
            return _encode(Order(run, epoch.index, pairs))
        except (TypeError, ValueError, OverflowError):
            return None

    def _ask(self, message: bytes, count: int) -> list[Finished | Refused]:
        assert self._socket is not None
        _send(self._socket, message)
        answer = _receive(self._socket)
        if answer is None:
            raise ConnectionError
        outcomes = _decode_outcomes(answer)
        if len(outcomes) != count:
            raise ConnectionError
        return outcomes


def _readable(of: socket.socket) -> bool:
    # Not select(): that knows the first 1,024 descriptors only, and connections may have those.
    poll = select.poll()
    poll.register(of, select.POLLIN)
    return bool(poll.poll(0))


def _send(to: socket.socket, message: bytes) -> None:
    to.sendall(len(message).to_bytes(4, "big") + message)


def _receive(of: socket.socket) -> bytearray | None:
    """The next message, or None at the end. Raises ConnectionError within a message, TimeoutError."""
    size = _exactly(of, 4)
    return None if size is None else _exactly(of, int.from_bytes(size, "big"))


def _exactly(of: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    view, read = memoryview(data), 0
    while read < size:
        got = of.recv_into(view[read:])
        if not got:
            if read:
                raise ConnectionError
            return None
        read += got
    return data


def main() -> None:
    """Seal runs until the input closes."""
    # An interrupted service still writes what is queued, and needs this process for it; then it closes our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    service = socket.socket(fileno=sys.stdin.fileno())
    _send(service, b"")
    epoch = Epoch(-1, "", {}, {})
    while (message := _receive(service)) is not None:
        order = _decode_order(message)
        if order.pairs is not None:
            epoch = Epoch(order.epoch, "", {name: DayKey(*pair) for name, pair in order.pairs.items()}, {})
        _send(service, _encode(seal_run(order.run, epoch)))


if __name__ == "__main__":
    main()
