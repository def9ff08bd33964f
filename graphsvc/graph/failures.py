"""What Neo4j's failures mean here. Its texts hold addresses and, for constraints, stored values: only codes pass."""

from __future__ import annotations

from graphsvc.model.errors import GraphsvcError, IntegrityError, Unavailable

TOO_MUCH = (
    "Neo.TransientError.General.OutOfMemoryError",
    "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
    "Neo.TransientError.General.TransactionOutOfMemoryError",
    "Neo.TransientError.General.StackOverFlowError",
)
"""The server's codes for a statement that needed more memory than there is, while the server itself goes on."""

TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"
"""How the server's codes for a transaction that took too long begin. The statement may be fine, the machine busy."""

REFUSED = (
    "Neo.ClientError.Security.AuthorizationFailed",
    "Neo.ClientError.Security.Unauthorized",
    "Neo.ClientError.Security.TokenExpired",
)
"""The server's codes for credentials that it does not take."""

_PASSING = (
    "Neo.ClientError.Security.AuthorizationExpired",
    "Neo.ClientError.Cluster.NotALeader",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
)
"""Codes of the client's errors that go away by themselves, as the official driver has it."""

_FINAL = ("Neo.TransientError.Transaction.Terminated", "Neo.TransientError.Transaction.LockClientStopped")
"""Codes of passing errors that are the client's, as the official driver has it."""


def failed(code: str) -> GraphsvcError:
    """The error for a failure that the server reports by its code."""
    parts = code.split(".")
    kind = parts[1] if len(parts) == 4 else "DatabaseError"
    if code in REFUSED:
        return refused("AuthError")
    if code.startswith(TIMED_OUT):
        return slow()
    if code in _FINAL or (kind == "ClientError" and code not in _PASSING):
        return IntegrityError(f"Neo4j refused a statement: {code}", code="graph_statement")
    named = "graph_refused" if kind == "DatabaseError" or code in TOO_MUCH else "graph_down"
    return Unavailable(f"Neo4j can't do this now: {code}", code=named)


def refused(why: str) -> Unavailable:
    """The error where the server does not let us in; ``why`` is the name of an error."""
    return Unavailable(f"Neo4j refused the connection: {why}", code="graph_down")


def unreachable(why: str) -> Unavailable:
    """The error where the server can't be reached, or stops in the middle; ``why`` is the name of an error."""
    return Unavailable(f"Neo4j can't be reached: {why}", code="graph_down")


def slow() -> Unavailable:
    """The error of what takes too long."""
    return Unavailable("Neo4j takes too long; ask again, or for less", code="graph_slow")
