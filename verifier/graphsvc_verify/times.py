"""Times: what an operator's word for them can be held against.

Entry times are the operator's. They never go back from entry to entry; and a checkpoint that witnesses have cosigned
puts a bound on both sides: the entries in it are not younger than their signatures, those after it not older.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from graphsvc_verify.cosignature import Cosignature, read_cosignatures
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import SKEW, utc
from graphsvc_verify.trust import Trust


def check_time_order(times: Iterable[tuple[int, str]]) -> None:
    """Check that no entry of (index, t) is older than one before it. Raises VerifyError ``time_back``."""
    for (_, first), (index, second) in pairwise(sorted(set(times))):
        if second < first:
            raise VerifyError("time_back", f"entry {index} says an earlier time than an entry before it")


def check_witness_times(times: Iterable[tuple[int, str]], witnesses: Sequence[Cosignature], trust: Trust) -> None:
    """Compare entry times with when witnesses saw the checkpoint here and the pinned one; clocks may differ by SKEW.

    Raises VerifyError ``future_dated`` (an entry says a later time than the first witness of its tree) or
    ``back_dated`` (it came after the pinned checkpoint, and says an earlier time than that was witnessed).
    """
    latest = witnesses[0].time if witnesses else None
    after = pinned_time(trust)
    size = 0 if trust.checkpoint is None else trust.checkpoint.size
    for index, t in times:
        if latest is not None and utc(t) > latest + SKEW:
            raise VerifyError("future_dated", f"entry {index} says a later time than a witness saw it at")
        if after is not None and index >= size and utc(t) < after - SKEW:
            raise VerifyError("back_dated", f"entry {index} says an earlier time than the checkpoint before it")


def pinned_time(trust: Trust) -> datetime | None:
    """When a pinned witness first saw the pinned checkpoint, or None."""
    if trust.checkpoint is None:
        return None
    seen = read_cosignatures(trust.checkpoint.note, trust.witnesses)
    return seen[0].time if seen else None


def said_of_times(witnesses: Sequence[Cosignature], trust: Trust) -> str:
    """What a verdict says of times."""
    after = pinned_time(trust)
    bounds = [f"not before {_text(after)} where they follow the pinned checkpoint"] if after is not None else []
    bounds += [f"not after {_text(witnesses[0].time)}"] if witnesses else []
    if not bounds:
        return "Times are asserted by the operator."
    return f"Times are asserted by the operator; by the witnesses, {' and '.join(bounds)}, give or take 5 minutes."


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
