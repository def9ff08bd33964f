"""The whole HTTP interface, assembled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import strawberry
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.api.graphql_http import Doing, GraphqlEndpoint
from graphsvc.api.log import LogRoutes
from graphsvc.api.ports import Ports
from graphsvc.api.problems import details_response, http_problem, problem_response
from graphsvc.api.requests import route
from graphsvc.api.turns import ActTurns


def build_api(
    schema: strawberry.Schema, ports: Ports, acts: ActTurns, rooms: Iterable[Sequence[Route]] = ()
) -> FastAPI:
    """The application: GraphQL, the public log, and the routes of ``rooms``. It does no I/O until it is called.

    ``acts`` are the turns that acts of all routes share.
    """
    doing = Doing(ports.registering, ports.acting, acts)
    graphql = GraphqlEndpoint(schema, ports.authenticating, ports.asking, doing)
    routes = [route("POST", "/graphql", graphql.post), *LogRoutes(ports.log).routes(), *chain(*rooms)]
    # The documentation pages that FastAPI offers load scripts from elsewhere.
    app = FastAPI(
        title="graphsvc",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Traces and metrics are for whoever sets up a provider; log records could hold values.
        telemetry={"logs": False},
    )
    app.router.routes.extend(routes)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(Exception, _exception)
    return app


async def _http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return problem_response(error)
    response = details_response(http_problem(error.status_code))
    response.headers.update(error.headers or {})
    return response


async def _exception(request: Request, error: Exception) -> Response:
    return problem_response(error)
