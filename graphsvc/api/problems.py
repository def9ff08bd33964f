"""From errors to responses: RFC 9457 problem details and GraphQL errors, by one table.

What graphsvc raises on purpose keeps its message; anything else becomes ``internal error`` with a random reference. The
log gets that reference, the kinds of exception and the places, never their messages: those can hold values.
"""

from __future__ import annotations

import errno
import logging
import re
import secrets
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import msgspec
import orjson
from graphql import GraphQLError
from starlette.responses import Response

from graphsvc.model.errors import (
    BudgetSpent,
    Conflict,
    Denied,
    GraphsvcError,
    IntegrityError,
    InvalidInput,
    InvalidManifest,
    InvalidQuery,
    InvalidSignature,
    KeyReused,
    NoRoom,
    NotFound,
    ScopeMoved,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from graphsvc.wire.errors import AnswerError, Extensions

BAD = "invalid_argument"
_ARGUMENT = re.compile(r"Argument '(\w+)' ")
_log = logging.getLogger("graphsvc.api")


@dataclass(frozen=True, slots=True)
class Answer:
    """How one class of error is answered: HTTP status, title, seconds after which to try again (0: don't say)."""

    status: int
    title: str
    retry_after: int = 0


TABLE: dict[type[GraphsvcError], Answer] = {
    GraphsvcError: Answer(500, "The service failed"),
    InvalidInput: Answer(400, "The request is not valid"),
    InvalidManifest: Answer(422, "The manifest does not hold"),
    InvalidSignature: Answer(400, "The request's signature does not hold"),
    InvalidQuery: Answer(400, "The query can't be answered as asked"),
    TooLarge: Answer(413, "A limit was passed"),
    Unauthenticated: Answer(401, "No valid access token"),
    Denied: Answer(403, "Not allowed"),
    BudgetSpent: Answer(429, "The day's identifiers are used up"),
    TooMany: Answer(429, "Too much at once"),
    NotFound: Answer(404, "Not found"),
    Conflict: Answer(409, "The state has moved"),
    KeyReused: Answer(422, "The idempotency key was used for another body"),
    ScopeMoved: Answer(503, "Access rules changed meanwhile", 1),
    Unavailable: Answer(503, "Not available now", 5),
    NoRoom: Answer(507, "No room left", 60),
    IntegrityError: Answer(500, "Stored state contradicts itself"),
}
"""How each class of errors is answered; a subclass without a row is answered like its parent."""

IN_FLIGHT = "in_flight"
"""The code of the one conflict that goes away by itself."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error, ready to send."""

    answer: Answer
    code: str
    detail: str
    where: str = ""
    budget: Mapping[str, Any] | None = None
    """What is left of a budget, where that is the problem."""

    def details(self) -> Mapping[str, object]:
        """The members of an RFC 9457 problem details object."""
        return {
            "type": f"urn:graphsvc:problem:{self.code}",
            "title": self.answer.title,
            "status": self.answer.status,
            "detail": self.detail,
            "code": self.code,
            "where": self.where,
            **({} if self.budget is None else {"budget": dict(self.budget)}),
        }

    def headers(self) -> dict[str, str]:
        """The headers that go with the status."""
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        if self.answer.status == 401:
            error = ', error="invalid_token"' if self.code == "invalid_token" else ""
            headers["www-authenticate"] = f'Bearer realm="graphsvc"{error}'
            if self.code == "invalid_dpop_proof":
                headers["www-authenticate"] = f'DPoP realm="graphsvc", error="{self.code}", algs="ES256 Ed25519 EdDSA"'
        retry_after = 1 if self.code == IN_FLIGHT else self.answer.retry_after
        if retry_after:
            headers["retry-after"] = str(retry_after)
        return headers


def problem_of(error: BaseException) -> Problem:
    """The problem behind an exception; unknown ones are masked and logged under a reference."""
    if isinstance(error, IntegrityError):
        reference = log_masked(error)
        return Problem(TABLE[IntegrityError], error.code, f"stored state contradicts itself, reference {reference}")
    if isinstance(error, BudgetSpent | TooMany):
        answer = _answer(type(error))
        if error.retry_after:
            answer = replace(answer, retry_after=error.retry_after)
        budget = error.budget if isinstance(error, BudgetSpent) else None
        return Problem(answer, error.code, error.message, error.where, budget)
    if isinstance(error, GraphsvcError):
        return Problem(_answer(type(error)), error.code, error.message, error.where)
    if isinstance(error, GraphQLError) and error.nodes and error.original_error is None:
        # The only errors that graphql-core raises about the request, not the data: they point into the document.
        named = _ARGUMENT.match(error.message)
        where = named[1] if named else ""
        return problem_of(InvalidQuery("an argument is missing, null or of another type", code=BAD, where=where))
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        log_masked(error)
        return Problem(TABLE[NoRoom], NoRoom.code, "the service has no room left; nothing was stored")
    return Problem(Answer(500, "Internal error"), "internal", f"internal error, reference {log_masked(error)}")


def problem_response(error: BaseException) -> Response:
    """The problem details response for an exception."""
    problem = problem_of(error)
    return details_response(problem)


def details_response(problem: Problem, more: Mapping[str, Any] | None = None) -> Response:
    """A problem as an ``application/problem+json`` response; ``more`` members say what else the caller needs."""
    content = orjson.dumps({**(more or {}), **problem.details()})
    return Response(content, problem.answer.status, problem.headers(), "application/problem+json")


def http_problem(status: int, detail: str = "", where: str = "") -> Problem:
    """The problem for a status that HTTP itself asks for (404 no such route, 405, 406, 415)."""
    phrase = HTTPStatus(status).phrase
    return Problem(Answer(status, phrase), phrase.lower().replace(" ", "_").replace("-", "_"), detail or phrase, where)


def graphql_error(error: GraphQLError) -> AnswerError:
    """An error met in execution, as a GraphQL error with its path."""
    problem = problem_of(error.original_error or error)
    return msgspec.structs.replace(error_shape(problem), path=None if error.path is None else list(error.path))


def error_shape(problem: Problem) -> AnswerError:
    """A problem as a GraphQL error without a path."""
    return AnswerError(problem.detail, Extensions(problem.code, problem.where, problem.budget))


def log_masked(error: BaseException) -> str:
    """Log an exception without its message, and return the random reference it was logged under."""
    reference = secrets.token_hex(6)
    kinds: list[str] = []
    current: BaseException | None = error
    while current is not None and len(kinds) < 8:
        kinds.append(type(current).__qualname__)
        current = current.__cause__ or current.__context__
    places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
    _log.error("internal error %s: %s at %s", reference, " from ".join(kinds), " > ".join(places))
    return reference


def _answer(kind: type[GraphsvcError]) -> Answer:
    for parent in kind.__mro__:
        if parent in TABLE:
            return TABLE[parent]
    raise AssertionError("every error descends from GraphsvcError")
