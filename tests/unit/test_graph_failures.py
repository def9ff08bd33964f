"""A code means the same whichever client it came through: the official driver's classes are the oracle."""

from __future__ import annotations

import pytest
from neo4j.exceptions import AuthError, ClientError, DatabaseError, Neo4jError

from graphsvc.graph.failures import TIMED_OUT, TOO_MUCH, failed
from graphsvc.model.errors import IntegrityError

CODES = (
    *TOO_MUCH,
    TIMED_OUT,
    f"{TIMED_OUT}ClientConfiguration",
    "Neo.ClientError.Security.Unauthorized",
    "Neo.ClientError.Security.AuthorizationFailed",
    "Neo.ClientError.Security.TokenExpired",
    "Neo.ClientError.Security.AuthorizationExpired",
    "Neo.ClientError.Security.AuthenticationRateLimit",
    "Neo.ClientError.Security.Forbidden",
    "Neo.ClientError.Statement.SyntaxError",
    "Neo.ClientError.Schema.ConstraintValidationFailed",
    "Neo.ClientError.Cluster.NotALeader",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
    "Neo.ClientError.Transaction.Terminated",
    "Neo.TransientError.Transaction.Terminated",
    "Neo.TransientError.Transaction.LockClientStopped",
    "Neo.TransientError.Transaction.DeadlockDetected",
    "Neo.TransientError.General.DatabaseUnavailable",
    "Neo.DatabaseError.General.UnknownError",
    "Neo.DatabaseError.Statement.ExecutionFailed",
    "Neo.OtherError.General.Unknown",
    "nonsense",
    "",
)


@pytest.mark.parametrize("code", CODES)
def test_a_code_means_what_the_drivers_class_does(code: str) -> None:
    theirs = Neo4jError._hydrate_neo4j(code=code, message="somebody's value")
    ours = failed(code)
    told = str(theirs.code)
    if isinstance(theirs, AuthError):
        expected = "graph_down"
    elif isinstance(theirs, ClientError):
        expected = "graph_slow" if told.startswith(TIMED_OUT) else "graph_statement"
    else:
        expected = "graph_refused" if isinstance(theirs, DatabaseError) or told in TOO_MUCH else "graph_down"
    assert ours.code == failed(told).code == expected
    assert isinstance(ours, IntegrityError) == (expected == "graph_statement")
    assert "value" not in ours.message
