"""What is checked first of every request: who calls, on what footing, and how much it sends."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from graphsvc.api.ports import Acted, Authenticating, Call
from graphsvc.api.problems import problem_response
from graphsvc.model.errors import InvalidInput, TooLarge
from graphsvc.model.principals import Footing, Principal

PURPOSE, LEGAL_BASIS, CASE = "graphsvc-purpose", "graphsvc-legal-basis", "graphsvc-case"
SESSION_COOKIE = "__Host-graphsvc"
GUARD = "graphsvc-csrf"
"""The cookie of a person's session, and the header that every request with it must have."""
MAX_MEMBERS = 256 << 10
"""At most this many bytes in a body that is a JSON object."""
MAX_INDEXES = 10_000
LONGEST = 200
"""At most this many characters in a footing header."""

Handler = Callable[[Request], Awaitable[Response]]


def guarded(handler: Handler) -> Handler:
    """The handler with every exception turned into problem details."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception as error:
            return problem_response(error)

    return handle


def route(method: str, path: str, handler: Handler) -> Route:
    """A route whose handler's exceptions become problem details."""
    safe = guarded(handler)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        response = await safe(Request(scope, receive, send))
        await response(scope, receive, send)

    made = Route(path, safe, methods=[method])
    # What Starlette puts around a handler is for handlers that raise, and costs more than many a question.
    made.app = answer
    return made


async def caller(authenticating: Authenticating, request: Request) -> Principal:
    """The principal behind a request; raises Unauthenticated."""
    return await authenticating.principal(single_header(request, "authorization") or None, call_of(request))


def call_of(request: Request) -> Call:
    """What of a request, beside ``Authorization``, can tell who sends it."""
    url = request.url
    return Call(
        method=request.method,
        url=f"{url.scheme}://{url.netloc}{request.scope.get('raw_path', b'').decode('latin-1') or url.path}",
        proofs=request.headers.getlist("dpop"),
        session=request.cookies.get(SESSION_COOKIE, ""),
        guard=request.headers.get(GUARD, ""),
        origin=request.headers.get("origin", ""),
    )


def footing(request: Request) -> Footing:
    """Purpose, legal basis and case as the headers state them; empty where they don't."""
    purpose, basis, case = (single_header(request, name, LONGEST) for name in (PURPOSE, LEGAL_BASIS, CASE))
    return Footing(purpose, basis, case)


def single_header(request: Request, name: str, longest: int = 16_384) -> str:
    """A header that may come once, in printable ASCII; empty when absent. Raises InvalidInput."""
    values = request.headers.getlist(name)
    if not values:
        return ""
    value = values[0].strip()
    if len(values) > 1:
        raise InvalidInput("the header may come only once", code="invalid_header", where=f"header {name}")
    if len(value) > longest or not value.isascii() or not value.isprintable():
        message = f"printable ASCII of at most {longest} characters is needed"
        raise InvalidInput(message, code="invalid_header", where=f"header {name}")
    return value


async def body_of(request: Request, largest: int) -> bytes:
    """The whole body; raises TooLarge past ``largest`` bytes, InvalidInput when it has a content coding."""
    stated_length(request, largest)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > largest:
            raise TooLarge(f"the body passes the limit of {largest} bytes", where="body")
        chunks.append(chunk)
    return b"".join(chunks)


def stated_length(request: Request, largest: int) -> int:
    """The length that the headers state for a body, 0 where they state none.

    Raises TooLarge past ``largest``, InvalidInput when the body has a content coding.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidInput("content codings are not taken", code="invalid_header", where="header content-encoding")
    length = single_header(request, "content-length", 20)
    if not length:
        return 0
    if not length.isdecimal() or int(length) > largest:
        raise TooLarge(f"the request passes the limit of {largest} bytes", where="header content-length")
    return int(length)


def json_object(body: bytes) -> dict[str, Any]:
    """A body as a JSON object; raises InvalidInput on bad JSON, bad UTF-8 and any other JSON value."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("the body is not JSON in UTF-8", code="invalid_json", where=f"byte {error.pos}") from None
    if not isinstance(value, dict):
        raise InvalidInput("the body must be a JSON object", code="invalid_json", where="body")
    return value


def json_response(value: Any, status: int = 200) -> Response:
    """A JSON response that no cache keeps."""
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def acted_response(acted: Acted, status: int = 200) -> Response:
    """The response to an act: its answer with the receipt."""
    members: dict[str, msgspec.Raw] = msgspec.json.decode(
        msgspec.json.encode(acted.answer), type=dict[str, msgspec.Raw]
    )
    return json_response({**members, "receipt": msgspec.Raw(acted.receipt)}, status)


async def members_of(request: Request, known: set[str]) -> dict[str, Any]:
    """The members of a body that is a JSON object with ``known`` members only. Raises InvalidInput."""
    body = json_object(await body_of(request, MAX_MEMBERS))
    if not set(body) <= known:
        raise InvalidInput(f"known members: {', '.join(sorted(known))}", code="invalid_request", where="body")
    return body


def text_member(body: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    """A member that is a text and matches ``pattern``. Raises InvalidInput."""
    value = body.get(name, "")
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidInput("the member is missing or not of its form", code="invalid_request", where=f"/{name}")
    return value


def are_indexes(value: object) -> bool:
    """Whether ``value`` is a list of at most :data:`MAX_INDEXES` ledger indexes or row numbers."""
    return (
        isinstance(value, list)
        and len(value) <= MAX_INDEXES
        and all(type(index) is int and 0 <= index < 2**53 for index in value)
    )
