"""One process a ledger: two sequencers on one directory would fork the log."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from graphsvc.model.errors import Unavailable


def lock_directory(directory: Path) -> Callable[[], None]:
    """Take the directory's lock, which the system lets go of when the process ends; returns how to let go before.

    Raises Unavailable when another process holds it.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise Unavailable("another process works on this state directory or ledger", code="ledger_locked") from None
    return lambda: os.close(descriptor)
