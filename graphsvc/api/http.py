"""The whole HTTP interface, assembled."""

from __future__ import annotations

import strawberry
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.api.graphql_http import Doing, GraphqlEndpoint
from graphsvc.api.log import LogRoutes
from graphsvc.api.members import MemberRoutes
from graphsvc.api.organisations import OrganisationRoutes
from graphsvc.api.ports import Administering, Ports
from graphsvc.api.problems import details_response, http_problem, problem_response
from graphsvc.api.requests import Handler, guarded, json_response
from graphsvc.api.submissions import SubmissionRoutes
from graphsvc.api.turns import ActTurns
from graphsvc.settings import Settings


def build_api(schema: strawberry.Schema, ports: Ports, settings: Settings) -> FastAPI:
    """The application. It does no I/O until it is called; ``spool.sweep`` must have made the spool directory."""
    acts = ActTurns(settings.acts_a_minute)
    graphql = GraphqlEndpoint(
        schema, ports.authenticating, ports.asking, Doing(ports.administering, ports.acting, acts)
    )
    submissions = SubmissionRoutes(ports.authenticating, ports.submitting, settings)
    organisations = OrganisationRoutes(ports.authenticating, ports.administering, acts)
    members = MemberRoutes(ports.authenticating, ports.keeping, ports.membership, acts)
    log = LogRoutes(ports.log)
    routes = [
        _route("POST", "/graphql", graphql.post),
        _route("POST", "/v1/submissions", submissions.post),
        _route("GET", "/v1/submissions/outcome", submissions.outcome),
        _route("GET", "/v1/submissions/{index}/errors", submissions.errors),
        _route("GET", "/v1/submissions/{index}/notes", submissions.notes),
        _route("POST", "/v1/organisations", organisations.admit),
        _route("GET", "/v1/organisations", members.listed),
        _route("POST", "/v1/organisations/{org}", members.update),
        _route("POST", "/v1/organisations/{org}/departure", members.depart),
        _route("POST", "/v1/purge", members.purge),
        _route("POST", "/v1/reapply", members.reapply),
        _route("GET", "/v1/doctor", organisations.doctor),
        _route("POST", "/v1/keys", organisations.enrol),
        _route("POST", "/v1/evidence", organisations.evidence),
        _route("GET", "/log/checkpoint", log.checkpoint),
        _route("GET", "/log/tile/{path:path}", log.tile),
        _route("GET", "/log/object/{digest}", log.object),
        _route("GET", "/v1/log/consistency", log.consistency),
        *_health(ports.administering),
    ]
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


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(path, guarded(handler), methods=[method])


def _health(administering: Administering) -> list[Route]:
    async def live(request: Request) -> Response:
        return json_response({"status": "live"})

    async def ready(request: Request) -> Response:
        parts, progress = dict(await administering.ready()), await administering.progress()
        # Lagging, it answers still, and every answer says how far it looked: 503 keeps new callers away from old news.
        status = "starting" if not all(parts.values()) else "lagging" if progress["applier"]["lagging"] else "ready"
        return json_response({"status": status, "parts": parts, **progress}, 200 if status == "ready" else 503)

    return [_route("GET", "/health/live", live), _route("GET", "/health/ready", ready)]


async def _http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return problem_response(error)
    response = details_response(http_problem(error.status_code))
    response.headers.update(error.headers or {})
    return response


async def _exception(request: Request, error: Exception) -> Response:
    return problem_response(error)
