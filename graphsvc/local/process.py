"""How this process handles memory and threads: set once, for a service that runs for months."""

from __future__ import annotations

import ctypes
import gc
import sys

_M_ARENA_MAX = -8
_ARENAS = 2


def bound_arenas() -> None:
    """Have the C library keep few pools of free memory, whatever the number of threads; call it before any starts.

    By default it makes up to eight for each processor, and what is free in one serves no other: under mixed load as
    much lay idle as was in use (ADR 0334). A C library without the setting (macOS, musl) is left as it is. Source:
    mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(ctypes.c_int(_M_ARENA_MAX), ctypes.c_int(_ARENAS))


def settle() -> None:
    """What start-up made stays: the garbage collector skips it, and runs less often, as batches make many objects."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    # The threads that read, seal and talk to Neo4j should not wait long for each other; but each switch costs time.
    sys.setswitchinterval(0.003)
