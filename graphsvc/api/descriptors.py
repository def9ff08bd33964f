"""File descriptors: connections get what is left once ledger, graph, columns and uploads have theirs, never more."""

from __future__ import annotations

import resource

from graphsvc.api.connections import BACKLOG
from graphsvc.model.errors import InvalidInput

OURS = 384
"""Descriptors kept for all but connections: 64 readers of the ledger with two files each, 16 connections to Neo4j, 16
tiles and their directories, 64 uploads, Parquet parts, worker processes, other databases, libraries, and a quarter
in reserve.
"""
FEWEST = 64
"""The service does not start with room for fewer connections than this."""
_MOST = 1 << 16
"""At most this many descriptors: nobody needs more, and some programs loop over all that they may open."""


def room_for_connections() -> int:
    """Raise the soft limit of open files to the hard one, and say how many connections that leaves room for.

    Raises InvalidInput when there is room for too few.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # some systems say "unlimited" and have a limit all the same
            wanted = soft
    # What the kernel has queued can be accepted all at once, before the first of it can be turned away.
    left = wanted - OURS - BACKLOG
    if left < FEWEST:
        needed = OURS + BACKLOG + FEWEST
        message = f"the process may open {wanted} files, at least {needed} are needed: raise its limit (ulimit -n)"
        raise InvalidInput(message, code="open_files")
    return left
