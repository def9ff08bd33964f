"""A TAXII 2.1 server that is read only: exported bundles for programs that fetch (OASIS TAXII 2.1).

It serves what was exported, and nothing else: what the policy allowed and the log has told is in the bundles. It knows
no service and no key. Who may read is who knows the password (HTTP Basic, as TAXII demands); encryption is a proxy's.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.exchange.shelves import Kept, Shelf, Wanted
from graphsvc.model.errors import InvalidInput

MEDIA = "application/taxii+json;version=2.1"
STIX = "application/stix+json;version=2.1"
ROOT = "/graphsvc"
"""Path of the one API root."""
MOST = 500
"""At most so many objects are in one page, whatever limit is asked."""
_ACCEPTED = re.compile(
    r"\s*(?:\*/\*|application/\*|application/taxii\+json\s*(?:;\s*version\s*=\s*2\.1\s*)?)(?:;\s*q=[\d.]+)?\s*"
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
_FILTERS = frozenset(
    ("added_after", "limit", "next", "match[id]", "match[type]", "match[version]", "match[spec_version]")
)


@dataclass(frozen=True, slots=True)
class Problem(Exception):
    """An error message of TAXII."""

    status: int
    title: str


Answer = Callable[[Request, Shelf], tuple[dict[str, Any], Sequence[Kept]]]


def taxii_app(shelves: Sequence[Shelf], password: str, title: str) -> Starlette:
    """The server as an application. ``password`` is what every caller must know."""
    by_id = {shelf.id: shelf for shelf in shelves}
    if len(by_id) < len(shelves):
        raise InvalidInput("two folders have one name: a collection is named by it", code="double_name")

    def guarded(handle: Callable[[Request], tuple[dict[str, Any], Sequence[Kept]]]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            try:
                _check(request, password)
                value, kept = await run_in_threadpool(handle, request)
            except Problem as problem:
                return _refused(problem)
            except InvalidInput as error:
                return _refused(Problem(500, f"a bundle can't be served: {error.code}"))
            headers = {}
            if kept:
                headers = {"X-TAXII-Date-Added-First": kept[0].added, "X-TAXII-Date-Added-Last": kept[-1].added}
            return _reply(200, value, headers)

        return answer

    def of_shelf(handle: Answer) -> Callable[[Request], Any]:
        def found(request: Request) -> tuple[dict[str, Any], Sequence[Kept]]:
            shelf = by_id.get(request.path_params["collection"])
            if shelf is None:
                raise Problem(404, "there is no such collection")
            return handle(request, shelf)

        return guarded(found)

    def discovery(request: Request) -> tuple[dict[str, Any], Sequence[Kept]]:
        root = str(request.base_url).rstrip("/") + f"{ROOT}/"
        return {"title": title, "default": root, "api_roots": [root]}, ()

    def root(request: Request) -> tuple[dict[str, Any], Sequence[Kept]]:
        return {"title": title, "versions": [MEDIA], "max_content_length": 1}, ()

    def collections(request: Request) -> tuple[dict[str, Any], Sequence[Kept]]:
        return {"collections": [_described(shelf) for shelf in shelves]}, ()

    one = f"{ROOT}/collections/{{collection}}"
    return Starlette(
        routes=[
            Route("/taxii2/", guarded(discovery)),
            Route(f"{ROOT}/", guarded(root)),
            Route(f"{ROOT}/collections/", guarded(collections)),
            Route(f"{one}/", of_shelf(lambda request, shelf: (_described(shelf), ()))),
            Route(f"{one}/objects/", of_shelf(_objects)),
            Route(f"{one}/manifest/", of_shelf(_manifest)),
            Route(f"{one}/objects/{{object}}/", of_shelf(_objects)),
            Route(f"{one}/objects/{{object}}/versions/", of_shelf(_versions)),
        ],
        exception_handlers={404: partial(_plain, Problem(404, "there is nothing here")),
                            405: partial(_plain, Problem(405, "this server is read only"))},
    )  # fmt: skip


def _check(request: Request, password: str) -> None:
    """Who calls, and what it takes. Raises Problem."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        _, _, word = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        word = ""
    if scheme.lower() != "basic" or not hmac.compare_digest(word.encode(), password.encode()):
        raise Problem(401, "the password is not right, or missing")
    accepted = request.headers.get("accept", "*/*").split(",")
    if not any(_ACCEPTED.fullmatch(one) for one in accepted):
        raise Problem(406, f"this server speaks {MEDIA}")


def _objects(request: Request, shelf: Shelf) -> tuple[dict[str, Any], Sequence[Kept]]:
    page, more = _page(request, shelf)
    return {**more, **({"objects": [one.object for one in page]} if page else {})}, page


def _manifest(request: Request, shelf: Shelf) -> tuple[dict[str, Any], Sequence[Kept]]:
    page, more = _page(request, shelf)
    told = [{"id": one.id, "date_added": one.added, "version": one.version, "media_type": STIX} for one in page]
    return {**more, **({"objects": told} if page else {})}, page


def _versions(request: Request, shelf: Shelf) -> tuple[dict[str, Any], Sequence[Kept]]:
    page, more = _page(request, shelf, Wanted(versions=frozenset(("all",))))
    return {**more, **({"versions": [one.version for one in page]} if page else {})}, page


def _page(request: Request, shelf: Shelf, wanted: Wanted | None = None) -> tuple[list[Kept], dict[str, Any]]:
    """One page, and how to go on."""
    asked = request.query_params
    if strange := sorted(set(asked.keys()) - _FILTERS):
        raise Problem(400, f"there is no such filter: {strange[0][:40]}")
    single = request.path_params.get("object")
    filters = wanted or Wanted(versions=_set(asked, "match[version]") or frozenset(("last",)))
    filters = Wanted(
        after=_moment(asked.get("added_after", "")),
        ids=frozenset((single,)) if single else _set(asked, "match[id]"),
        types=frozenset() if single else _set(asked, "match[type]"),
        specs=_set(asked, "match[spec_version]"),
        versions=filters.versions,
    )
    limit = min(_number(asked.get("limit", str(MOST))), MOST)
    page: list[Kept] = []
    for one in shelf.select(filters, _start(asked.get("next"))):
        if len(page) == limit:
            return page, {"more": True, "next": _next(page[-1])}
        page.append(one)
    if single and not page and not any(one.id == single for one in shelf.all()):
        raise Problem(404, "there is no such object in the collection")
    return page, {"more": False} if page else {}


def _set(asked: Any, name: str) -> frozenset[str]:
    return frozenset(filter(None, asked.get(name, "").split(",")))


def _moment(text: str) -> str:
    """A time as the shelves write it, with microseconds."""
    if text and not _MOMENT.fullmatch(text):
        raise Problem(400, "added_after is a time such as 2026-01-31T00:00:00.000Z")
    head, _, rest = text.rstrip("Z").partition(".")
    return f"{head}.{rest:0<6}Z" if text else ""


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < len(text) < 10 or int(text) < 1:
        raise Problem(400, "limit is a whole number from 1 on")
    return int(text)


def _next(last: Kept) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(last.order)).decode().rstrip("=")


def _start(text: str | None) -> tuple[str, str, str] | None:
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=tuple[str, str, str])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise Problem(400, "next is what an earlier page gave") from None


def _described(shelf: Shelf) -> dict[str, Any]:
    return {"id": shelf.id, "title": shelf.title, "can_read": True, "can_write": False, "media_types": [STIX]}


def _refused(problem: Problem) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="graphsvc"'} if problem.status == 401 else {}
    headers |= {"Allow": "GET"} if problem.status == 405 else {}
    return _reply(problem.status, {"title": problem.title, "http_status": str(problem.status)}, headers)


async def _plain(problem: Problem, _request: Request, _error: Exception) -> Response:
    return _refused(problem)


def _reply(status: int, value: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(value), status, {"content-type": MEDIA, **headers})
