"""``/explorer``: a page to ask in and to read the schema in; all its files come from here.

It keeps nothing: a query, a variable or a token in a browser's storage would stay there for whoever comes next.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.api.requests import route
from graphsvc.model.errors import NotFound

FILES = {
    "index.html": "text/html; charset=utf-8",
    "explorer.css": "text/css; charset=utf-8",
    "explorer.js": "text/javascript; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def explorer_routes() -> list[Route]:
    """The page and its files. They need no token and hold no data."""
    return [route("GET", "/explorer", _page), route("GET", "/explorer/{name}", _file)]


async def _page(_: Request) -> Response:
    return _response("index.html")


async def _file(request: Request) -> Response:
    return _response(request.path_params["name"])


def _response(name: str) -> Response:
    if name not in FILES:
        raise NotFound("no such file", where="path")
    return Response(_content(name), 200, HEADERS, FILES[name])


@cache
def _content(name: str) -> bytes:
    return (Path(__file__).parent / name).read_bytes()
