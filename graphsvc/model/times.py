"""Times as formats write them: RFC 3339 in UTC, with ``Z``; and as numbers, in seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from graphsvc.model.errors import InvalidInput
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import noted

FOREVER = 253402300799
"""The end of year 9999 in epoch seconds: stands for no end."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def written(moment: datetime, timespec: str = "seconds") -> str:
    """A moment as RFC 3339 in UTC, cut to ``timespec`` (``seconds`` or ``milliseconds``): ``2026-03-01T00:00:00Z``."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


@lru_cache(4096)
def epoch(time: str | None, missing: int) -> int:
    """An RFC 3339 time or date in UTC as epoch seconds, rounded down; ``missing`` for None. Raises ValueError."""
    if time is None:
        return missing
    parsed = datetime.fromisoformat(time)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return (parsed - _EPOCH) // _SECOND


def seconds(moment: str) -> float:
    """Epoch seconds of an RFC 3339 time, with their fraction. Raises ValueError."""
    return datetime.fromisoformat(moment).timestamp()


def coming(moment: str, where: str) -> str:
    """An RFC 3339 time in the form that entries use. Raises InvalidInput for one that has passed or is none."""
    try:
        said = noted(moment)
    except VerifyError as error:
        raise InvalidInput(error.message, code="bad_act", where=where) from None
    if datetime.fromisoformat(moment) <= datetime.now(UTC):
        raise InvalidInput("this time has passed", code="bad_act", where=where)
    return said
