"""Being witnessed: the log hands its newest checkpoint to other parties' witnesses and keeps what they sign.

One thread per witness. A *round* is one checkpoint; it ends when as many witnesses as needed have signed it, or after
a time. The last checkpoint with enough signatures is durable beside the pinned ones, so that the ledger can't start
behind it. At start every witness is asked as well, since a backup may be older than all files here.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import msgspec

from graphsvc.ledger.log import Ledger
from graphsvc.ledger.receipts import Appended
from graphsvc.model.errors import IntegrityError, InvalidInput, Unavailable
from graphsvc.model.files import write_durably
from graphsvc_verify.cosignature import WitnessKey, parse_witnesses, read_cosignatures
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import is_number, parse_checkpoint, split_note

ROUND = 3.0
"""Seconds after which a round without enough signatures makes room for a newer checkpoint."""
IDLE = 1.0
"""Seconds between rounds when nobody waits."""
PAUSE = 0.5
"""Seconds before a witness that failed is asked again."""
_log = logging.getLogger("graphsvc.witnesses")
Head = tuple[int, str]


class _Address(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    url: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    v: int
    needed: int
    witnesses: list[_Address]
    require: bool = False
    wait: int = 10


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """Who witnesses, how many are ``needed``, and whether answers must be witnessed before they leave (``require``).

    ``wait``: at most this many seconds an answer waits until it is witnessed.
    """

    witnesses: tuple[tuple[WitnessKey, str], ...]
    needed: int
    require: bool
    wait: float


def read_witness_policy(path: Path) -> WitnessPolicy:
    """The policy in a JSON file: ``{v: 1, needed, require, wait, witnesses: [{key, url}]}``. Raises InvalidInput."""
    try:
        said = msgspec.json.decode(path.read_bytes(), type=_File)
        keys, needed = parse_witnesses({"needed": said.needed, "keys": [one.key for one in said.witnesses]})
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="bad_witnesses", where=str(path)) from None
    except (msgspec.DecodeError, VerifyError) as error:
        raise InvalidInput(f"not a list of witnesses: {error}", code="bad_witnesses", where=str(path)) from None
    if said.v != 1 or needed == 0:
        message = "version 1, different witnesses, and at least one and at most all of them needed"
        raise InvalidInput(message, code="bad_witnesses", where=str(path))
    urls = (one.url.rstrip("/") for one in said.witnesses)
    return WitnessPolicy(tuple(zip(keys, urls, strict=True)), needed, said.require, float(said.wait))


@dataclass(slots=True)
class _Round:
    """One checkpoint on its way to the witnesses; ``lines``: signatures by witness, empty for one that can't sign."""

    size: int
    note: str
    started: float
    lines: dict[str, str] = field(default_factory=dict)


class Witnessing:
    """Keeps a ledger witnessed. :meth:`start` after the ledger is open, :meth:`stop` before it closes."""

    def __init__(self, ledger: Ledger, policy: WitnessPolicy, directory: Path) -> None:
        self._ledger, self.policy = ledger, policy
        self._file = directory / "pinned" / "witnessed.note"
        self._turn = threading.Condition()
        self._stopped = False
        self._wanted = 0
        self._waiting: list[tuple[int, Future[Head]]] = []
        self._round = _Round(-1, "", 0.0)
        self._newest: Head | None = None
        self.failure: str | None = None
        self._threads = [
            threading.Thread(target=self._follow, args=one, name="witness", daemon=True) for one in policy.witnesses
        ]

    def start(self) -> None:
        """Ask every witness for the last checkpoint that it signed, then follow the log.

        Raises IntegrityError when one has signed a larger tree than the ledger's, or another: the ledger is a fork.
        """
        size, note = _sized(self._ledger.checkpoint())
        for key, url in self.policy.witnesses:
            with httpx2.Client(timeout=5.0) as http:
                try:
                    _submit(http, (key, url), note, size, [])
                except _Differs as differs:
                    if differs.size >= size:
                        raise IntegrityError(
                            f"the witness {key.name} has signed a log of {differs.size} entries, this one has {size}: "
                            "a restored backup is a fork",
                            code="fork",
                        ) from None
                except Unavailable as error:
                    _log.warning("the witness %s could not be asked: %s", key.name, error.message)
        if self._file.exists():
            kept = _sized(self._file.read_text(encoding="utf-8"))
            keys = [key for key, _ in self.policy.witnesses]
            if len(read_cosignatures(kept[1], keys)) >= self.policy.needed:
                self._newest = kept
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; whoever waits is refused."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for _, future in self._waiting:
            future.cancel()

    @property
    def newest(self) -> Head | None:
        """The newest checkpoint with enough signatures, as (size, note), or None."""
        return self._newest

    def witnessed(self, size: int) -> Future[Head]:
        """Resolves to a checkpoint of at least ``size`` entries with enough signatures; the caller bounds the wait."""
        future: Future[Head] = Future()
        with self._turn:
            if self._newest is not None and self._newest[0] >= size:
                future.set_result(self._newest)
                return future
            self._wanted = max(self._wanted, size)
            self._waiting = [pair for pair in self._waiting if not pair[1].cancelled()] + [(size, future)]
            self._turn.notify_all()
        return future

    async def wait(self, size: int) -> Head | None:
        """A checkpoint of at least ``size`` entries with enough signatures; None when the policy's wait is over."""
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self.witnessed(size)), self.policy.wait)
        except TimeoutError:
            return None

    def proved(self, appended: Appended, head: Head) -> Appended:
        """The entry with its proof to a witnessed checkpoint in place of the one it was committed under."""
        size, note = head
        path = tuple(self._ledger.inclusion(appended.index, size))
        return Appended(appended.index, appended.t, note, path, appended.members)

    def _follow(self, key: WitnessKey, url: str) -> None:
        known, failed = 0, 0.0
        with httpx2.Client(timeout=5.0) as http:
            while (turn := self._next(key, failed)) is not None:
                size, note = turn.size, turn.note
                try:
                    proof = self._ledger.consistency(known, size) if 0 < known < size else []
                    line = _submit(http, (key, url), note, known, proof)
                    known, failed = size, 0.0
                    self._signed(turn, key, line)
                except _Differs as differs:
                    failed = self._differs(turn, key, known, differs.size)
                    known = differs.size
                except Exception as error:
                    # Whatever it was, the witness is asked again; reads that need it are refused meanwhile.
                    _log.warning("the witness %s did not sign: %s", key.name, type(error).__name__)
                    failed = time.monotonic()

    def _differs(self, turn: _Round, key: WitnessKey, told: int, size: int) -> float:
        """Handle a witness that last signed another size than ``told``; returns when it failed (0: not a failure)."""
        if size > self._ledger.head or size == told == turn.size:
            self.failure = f"the witness {key.name} has signed another or a longer log"
            _log.critical("%s", self.failure)
            return time.monotonic()
        if size > turn.size:
            # It has signed a newer checkpoint of ours, and its answer was lost: it can't sign the one of this round.
            with self._turn:
                turn.lines.setdefault(key.name, "")
                self._wanted = max(self._wanted, size)
        return 0.0

    def _next(self, key: WitnessKey, failed: float) -> _Round | None:
        """The round that the witness has not signed yet; None at the end."""
        with self._turn:
            while not self._stopped:
                self._advance()
                pause = failed + PAUSE - time.monotonic()
                if pause <= 0 and self._round.size >= 0 and key.name not in self._round.lines:
                    return self._round
                self._turn.wait(pause if pause > 0 else 0.2)
            return None

    def _advance(self) -> None:
        """Begin a new round when the last one is done with and there is something new."""
        now, last = time.monotonic(), self._round
        done = last.size < 0 or self._count(last) >= self.policy.needed or now - last.started > ROUND
        due = self._wanted > last.size or now - last.started > IDLE
        if done and due and self._ledger.head > last.size:
            self._round = _Round(*_sized(self._ledger.checkpoint()), now)
            self._turn.notify_all()

    @staticmethod
    def _count(turn: _Round) -> int:
        return sum(1 for line in turn.lines.values() if line)

    def _signed(self, turn: _Round, key: WitnessKey, line: str) -> None:
        with self._turn:
            turn.lines[key.name] = line
            if self._count(turn) < self.policy.needed or (self._newest or (-1, ""))[0] > turn.size:
                return
            note = turn.note + "".join(turn.lines[name] for name in sorted(turn.lines))
            # Durable before anyone relies on it: the ledger never starts behind it again.
            write_durably(self._file, note.encode())
            self._newest = (turn.size, note)
            ready = [pair for pair in self._waiting if pair[0] <= turn.size]
            self._waiting = [pair for pair in self._waiting if pair[0] > turn.size]
            self._turn.notify_all()
        for _, future in ready:
            if future.set_running_or_notify_cancel():
                future.set_result((turn.size, note))


class WitnessedLog:
    """The public side of a ledger whose checkpoint is the newest witnessed one, as soon as there is one."""

    def __init__(self, ledger: Ledger, witnessing: Witnessing) -> None:
        self._witnessing = witnessing
        self._ledger = ledger
        self.tile, self.object, self.consistency = ledger.tile, ledger.object, ledger.consistency

    def checkpoint(self) -> str:
        """The checkpoint with the witnesses' signatures."""
        newest = self._witnessing.newest
        return self._ledger.checkpoint() if newest is None else newest[1]


class _Differs(Exception):
    """The witness's last checkpoint is of another size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


def _submit(http: httpx2.Client, witness: tuple[WitnessKey, str], note: str, old: int, proof: Sequence[bytes]) -> str:
    """One ``add-checkpoint``; returns the witness's signature line. Raises _Differs or Unavailable."""
    key, url = witness
    steps = "".join(base64.b64encode(step).decode() + "\n" for step in proof)
    try:
        response = http.post(f"{url}/add-checkpoint", content=f"old {old}\n{steps}\n{note}".encode())
    except httpx2.TransportError as error:
        raise Unavailable(f"no answer: {type(error).__name__}", code="witness") from None
    text = response.text
    if response.status_code == 409 and is_number(text.strip()):
        raise _Differs(int(text))
    if response.status_code != 200:
        raise Unavailable(f"it answered with status {response.status_code}", code="witness")
    try:
        if not read_cosignatures(note + text, [key]):
            raise Unavailable("it signed with another key", code="witness")
    except VerifyError as error:
        raise Unavailable(f"its signature does not hold: {error.code}", code="witness") from None
    _, lines = split_note(note + text)
    own = [
        line
        for line, (name, identifier, _) in zip(_lines(note + text), lines, strict=True)
        if (name, identifier) == (key.name, key.id)
    ]
    return own[0]


def _lines(note: str) -> list[str]:
    return note.rpartition("\n\n")[2].splitlines(keepends=True)


def _sized(note: str) -> Head:
    return parse_checkpoint(split_note(note)[0], note).size, note


def parts_ready(witnessing: Witnessing | None) -> dict[str, bool]:
    """What readiness says of the witnesses; nothing where none are configured."""
    return {} if witnessing is None else {"witnesses": witnessing.failure is None}
