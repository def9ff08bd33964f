"""A person's session: what a page of the service is told about it."""

from __future__ import annotations

from graphsvc.wire.shapes import Shape


class SessionState(Shape):
    """Who is logged in; csrf: the header that every request of the session carries; for how many seconds it lasts."""

    org: str
    person: str
    roles: list[str]
    csrf: str
    idle_seconds: int
    longest_seconds: int
