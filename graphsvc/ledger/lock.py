"""One process per ledger: two sequencers on one directory would fork the log."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from graphsvc.model.errors import Unavailable


def lock_directory(directory: Path) -> Callable[[], None]:
    """Lock the directory; returns a function that unlocks it. The system unlocks it when the process ends.

    Raises Unavailable when another process holds it.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise Unavailable("another process works on this state directory or ledger", code="ledger_locked") from None
    return lambda: os.close(descriptor)
