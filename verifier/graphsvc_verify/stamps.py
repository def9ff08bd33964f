"""Time-stamps in the log: entries of type ``timestamp``, which bound the times of the entries before and after them.

Such an entry names a public object ``{v: 1, checkpoint: signed note, token: base64url}``. The token shows that the tree
of that checkpoint was there at its time, so the entries in it are not younger; and that the entry which carries it came
after that time, so it and what follows are not older.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphsvc_verify.canonical import decode, unb64u
from graphsvc_verify.entry import Leaf, fetch
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import SKEW, utc
from graphsvc_verify.merkle import verify_consistency
from graphsvc_verify.note import Checkpoint, verify_checkpoint
from graphsvc_verify.timestamp import check_token
from graphsvc_verify.trust import Trust

TYPE = "timestamp"
UNCHECKED = "Some time-stamps are there and are not checked: no time-stamping authority that is pinned made them."


@dataclass(frozen=True, slots=True)
class LoggedStamp:
    """A time-stamp in entry ``index`` of the tree of ``size`` entries; ``time`` is None where it was not checked."""

    index: int
    size: int
    time: datetime | None
    by: str


def read_stamp(leaf: Leaf, objects: Mapping[str, bytes]) -> tuple[str, bytes]:
    """(signed note, token) that a ``timestamp`` entry names. Raises VerifyError."""
    value = decode(fetch(leaf.acts[0], objects))
    if leaf.type != TYPE or not isinstance(value, dict) or set(value) != {"v", "checkpoint", "token"}:
        raise VerifyError("bad_timestamp", "not a time-stamp of version 1")
    if value["v"] != 1 or not isinstance(value["checkpoint"], str):
        raise VerifyError("bad_timestamp", "not a time-stamp of version 1")
    return value["checkpoint"], unb64u(str(value["token"]))


def check_stamp(
    index: int, leaf: Leaf, grown: Sequence[bytes], checkpoint: Checkpoint, objects: Mapping[str, bytes], trust: Trust
) -> LoggedStamp:
    """Check the time-stamp in an entry of the tree of ``checkpoint``; ``grown`` proves that its own tree grew to that.

    One of an authority that is not pinned is not checked further. Raises VerifyError ``fork``, ``bad_timestamp`` …
    """
    note, token = read_stamp(leaf, objects)
    stamped = verify_checkpoint(note, trust.log)
    if stamped.size > index:
        raise VerifyError("bad_timestamp", "a time-stamp is of a tree that was not there yet")
    try:
        verify_consistency(stamped.size, checkpoint.size, stamped.root, checkpoint.root, list(grown))
    except VerifyError as error:
        raise VerifyError("fork", f"a time-stamp is of another tree: {error.message}") from None
    try:
        found = check_token(token, note.encode(), trust.authorities)
    except VerifyError as error:
        if error.code != "unknown_authority":
            raise
        return LoggedStamp(index, stamped.size, None, "")
    return LoggedStamp(index, stamped.size, found.time, found.by)


def check_stamp_times(times: Iterable[tuple[int, str]], stamps: Sequence[LoggedStamp]) -> None:
    """Hold entry times of (index, t) against checked time-stamps; clocks may differ by SKEW.

    Raises VerifyError ``future_dated`` or ``back_dated``.
    """
    checked = [(one.index, one.size, one.time) for one in stamps if one.time is not None]
    for index, t in times:
        for at, size, time in checked:
            if index < size and utc(t) > time + SKEW:
                raise VerifyError("future_dated", f"entry {index} says a later time than it was time-stamped at")
            if index >= at and utc(t) < time - SKEW:
                raise VerifyError("back_dated", f"entry {index} says an earlier time than a time-stamp before it")


def told(stamps: Sequence[LoggedStamp]) -> list[dict[str, Any]]:
    """The time-stamps as a verdict lists them; ``t`` is null where a token was not checked."""
    return [
        {
            "index": one.index,
            "size": one.size,
            "t": None if one.time is None else one.time.isoformat().replace("+00:00", "Z"),
            "by": one.by,
        }
        for one in stamps
    ]
