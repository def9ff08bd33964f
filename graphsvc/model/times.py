"""Times as formats write them: RFC 3339 in UTC, with ``Z``; and as numbers, in seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def written(moment: datetime, timespec: str = "seconds") -> str:
    """A moment as RFC 3339 in UTC, cut to ``timespec`` (``seconds`` or ``milliseconds``): ``2026-03-01T00:00:00Z``."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


@lru_cache(4096)
def epoch(time: str | None, missing: int) -> int:
    """An RFC 3339 time or date in UTC as epoch seconds, cut downwards; ``missing`` for None. Raises ValueError."""
    if time is None:
        return missing
    parsed = datetime.fromisoformat(time)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return (parsed - _EPOCH) // _SECOND


def seconds(moment: str) -> float:
    """Epoch seconds of an RFC 3339 time, with their fraction. Raises ValueError."""
    return datetime.fromisoformat(moment).timestamp()
