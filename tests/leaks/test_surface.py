"""Everything that the schema and the routes expose is in the tables by which the twins are asked."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import Route

from graphsvc.api.schema import core_of
from graphsvc.app import api_schema
from tests.leaks.acts import MUTATIONS
from tests.leaks.surface import ARGUMENTS, ONCE, QUERIES, ROUTES, Indexes, Seen, Untouched, root_fields
from tests.leaks.twins import Twins


def fields(root: str) -> set[str]:
    """The fields of a root type."""
    return set(root_fields(root))


def unlisted(queries: Iterable[str], mutations: Iterable[str], routes: Iterable[tuple[str, str]]) -> set[str]:
    """What is there and has no entry, and what has an entry and is not there."""
    listed = {
        *(f"Query.{name}" for name in (*QUERIES, *ONCE)),
        *(f"Mutation.{name}" for name in MUTATIONS),
        *(f"{method} {path}" for method, path in ROUTES),
    }
    there = {
        *(f"Query.{name}" for name in queries),
        *(f"Mutation.{name}" for name in mutations),
        *(f"{method} {path}" for method, path in routes),
    }
    return listed ^ there


def asked_of(route: Route) -> set[str]:
    """The methods of a route; HEAD beside GET is the same, without the body."""
    methods = route.methods or set()
    return methods - {"HEAD"} if "GET" in methods else methods


def test_every_field_and_route_has_an_entry(twins: Twins) -> None:
    """A new field or route says in ``surface`` how to call it in a world, or why no record can show through it."""
    assert not core_of(api_schema()).subscription_type, "say how the twins listen to subscriptions"
    parts = twins.sides[0].service.parts
    assert parts is not None
    routes = [
        (method, route.path)
        for route in parts.app.router.routes
        if isinstance(route, Route)
        for method in sorted(asked_of(route))
    ]
    assert len(routes) == len(parts.app.router.routes), "a mounted application hides its routes"
    assert not unlisted(fields("Query"), fields("Mutation"), routes)
    assert unlisted({*fields("Query"), "everything"}, fields("Mutation"), routes) == {"Query.everything"}
    assert unlisted(fields("Query"), {*fields("Mutation"), "open"}, routes) == {"Mutation.open"}
    assert unlisted(fields("Query"), fields("Mutation"), [*routes, ("GET", "/all")]) == {"GET /all"}


def test_every_argument_is_given_in_some_call() -> None:
    """A new argument is given in a call of ``surface``, or named there with the reason why no call gives it."""
    given = {
        f"{name}.{argument}"
        for entries in (QUERIES, ONCE)
        for name, entry in entries.items()
        if not isinstance(entry, Untouched)
        for arguments in entry(Seen(1, Indexes()))
        for argument in arguments
    }
    there = {f"{name}.{argument}" for name, field in root_fields("Query").items() for argument in field.args}
    assert given | set(ARGUMENTS) == there
    assert not given & set(ARGUMENTS)
    acts = {name: set(field.args) for name, field in root_fields("Mutation").items() if name != "registerCase"}
    assert all(arguments == {"act"} for arguments in acts.values()), "what else does this mutation take?"
