"""The whole HTTP interface, assembled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

import strawberry
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from graphsvc.api.explorer import explorer_routes
from graphsvc.api.graphql_http import Doing, GraphqlEndpoint
from graphsvc.api.log import LogRoutes
from graphsvc.api.ports import Ports
from graphsvc.api.problems import details_response, http_problem, problem_response
from graphsvc.api.requests import route
from graphsvc.api.transport import Transport
from graphsvc.api.turns import ActTurns

CORS_SECONDS = 600
"""For so long a browser may remember what another origin's page may send."""
SENT = ["authorization", "content-digest", "content-type", "graphsvc-case", "graphsvc-legal-basis", "graphsvc-purpose",
        "graphsvc-token-digest", "idempotency-key", "signature", "signature-input"]  # fmt: skip
"""Headers that a page of another origin may send."""


class _Api(FastAPI):
    """FastAPI, with a short way to the routes that have no variable part: these raise nothing and need no clean-up."""

    direct: Mapping[tuple[str, str], Route] = MappingProxyType({})
    """By method and path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI's. What has been put around the application as a middleware is never passed by."""
        found = self.direct.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None or self.user_middleware:
            await super().__call__(scope, receive, send)
        else:
            await found.app(scope, receive, send)


def build_api(
    schema: strawberry.Schema,
    ports: Ports,
    acts: ActTurns,
    rooms: Iterable[Sequence[Route]] = (),
    transport: Transport = Transport(),  # noqa: B008 -- it is frozen
) -> FastAPI:
    """The application: GraphQL, the public log, and the routes of ``rooms``. It does no I/O until it is called.

    ``acts`` are the turns that acts of all routes share. Raises InvalidInput when a persisted document does not fit
    the schema.
    """
    doing = Doing(ports.registering, ports.acting, acts)
    graphql = GraphqlEndpoint(schema, ports.authenticating, ports.asking, doing, transport)
    routes = [route("POST", "/graphql", graphql.post), *LogRoutes(ports.log).routes(), *chain(*rooms)]
    if transport.explorer:
        routes += explorer_routes()
    # The documentation pages that FastAPI offers load scripts from elsewhere.
    app = _Api(
        title="graphsvc",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Its own spans hold paths and queries as they came; ours hold routes (graphsvc.api.observed).
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    transport.observed.routes(routes)
    app.router.routes.extend(routes)
    plain = [one for one in routes if not one.param_convertors]
    app.direct = {(method, one.path): one for one in plain for method in one.methods or ()}
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(Exception, _exception)
    if transport.origins:
        # Without credentials: tokens go in a header that the page sets, so no page acts with a browser's cookie.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(transport.origins),
            allow_methods=["GET", "POST"],
            allow_headers=SENT,
            expose_headers=["retry-after", "www-authenticate"],
            max_age=CORS_SECONDS,
        )
    return app


async def _http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return problem_response(error)
    response = details_response(http_problem(error.status_code))
    response.headers.update(error.headers or {})
    return response


async def _exception(request: Request, error: Exception) -> Response:
    return problem_response(error)
