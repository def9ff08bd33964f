"""What a client meets beyond its own input: a service that refuses, or one that can't be reached."""

from __future__ import annotations

from graphsvc.model.errors import GraphsvcError


class Refused(GraphsvcError):
    """The service answered with an error; ``status`` is the HTTP status, ``code`` the service's word for it."""

    code = "refused"

    def __init__(self, status: int, message: str, *, code: str, where: str = "") -> None:
        super().__init__(message, code=code, where=where)
        self.status = status


class Unreachable(GraphsvcError):
    """The service or its identity provider did not answer; it is safe to try again."""

    code = "unreachable"


def answer_status(code: str) -> int:
    """The HTTP status that stands for an error within an answer."""
    return 429 if code == "budget_spent" else 400
