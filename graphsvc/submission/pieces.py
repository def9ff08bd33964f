"""``/v1/uploads``: a body that comes in pieces, by tus 1.0.0 with its extensions creation, expiration, checksum and
termination. ``POST /v1/submissions`` then names the upload in place of the body.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable, Callable
from email.utils import formatdate

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.api.ports import Authenticating
from graphsvc.api.problems import Answer, Problem, details_response, problem_response
from graphsvc.api.requests import caller, route, single_header, stated_length
from graphsvc.api.resumable import OpenUploads, Standing, Writing, stated_digest
from graphsvc.api.spool import media_type_of
from graphsvc.api.turns import Rate
from graphsvc.api.uploads import UploadRoom, Uploads
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Principal
from graphsvc.settings import Settings
from graphsvc.submission.submit import Submitting

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,checksum,termination"
OCTETS = "application/offset+octet-stream"
GULP = 1 << 20
"""Bytes gathered before a worker thread writes them."""
_PATH = "/v1/uploads"
_DAMAGED = Answer(460, "The piece was damaged on its way")
_OTHER_VERSION = Answer(412, "Another version of tus")
_Handler = Callable[[Request], Awaitable[Response]]


class UploadRoutes:
    """The routes of bodies that come in pieces."""

    def __init__(
        self, authenticating: Authenticating, submitting: Submitting, settings: Settings, uploads: Uploads, rate: Rate
    ) -> None:
        self._authenticating, self._submitting, self._settings = authenticating, submitting, settings
        self._uploads, self._rate = uploads, rate
        self.open = OpenUploads(settings)
        self.open.open()

    def routes(self) -> list[Route]:
        """All routes."""
        one = f"{_PATH}/{{name}}"
        return [
            route("OPTIONS", _PATH, self._tus(self.options, any_version=True)),
            route("POST", _PATH, self._tus(self.create)),
            route("HEAD", one, self._tus(self.head)),
            route("PATCH", one, self._tus(self.patch)),
            route("DELETE", one, self._tus(self.delete)),
        ]

    async def options(self, request: Request) -> Response:
        """What of tus is spoken here."""
        await self._caller(request)
        said = {"tus-version": VERSION, "tus-extension": EXTENSIONS, "tus-checksum-algorithm": "sha256"}
        return Response(status_code=204, headers={**said, "tus-max-size": str(self._settings.max_body)})

    async def create(self, request: Request) -> Response:
        """Open an upload: ``Upload-Length``, and ``filetype`` in ``Upload-Metadata``, how the body is read."""
        principal = await self._caller(request)
        length = _number(request, "upload-length")
        media_type = media_type_of(_metadata(request).get("filetype", b""), "header upload-metadata")
        stated_length(request, 0)
        self._rate.count(principal.org)
        found = await run_in_threadpool(self.open.begin, principal, length, media_type)
        return Response(status_code=201, headers={**_said(found), "location": f"{_PATH}/{found.name}"})

    async def head(self, request: Request) -> Response:
        """How much of an upload is there."""
        principal = await self._caller(request)
        found = await run_in_threadpool(self.open.standing, principal, request.path_params["name"])
        return Response(status_code=200, headers=_said(found))

    async def patch(self, request: Request) -> Response:
        """The next piece. What comes before a connection breaks is kept."""
        principal = await self._caller(request)
        if single_header(request, "content-type") != OCTETS:
            raise InvalidInput(f"{OCTETS} is needed", code="invalid_header", where="header content-type")
        offset, stated = _number(request, "upload-offset"), _checksum(request)
        length = stated_length(request, self._settings.max_body)
        with self._uploads.one(principal.org, length) as room:
            name = request.path_params["name"]
            writing = await run_in_threadpool(self.open.writing, principal, name, offset)
            try:
                await _take(request, writing, room)
                sound = await run_in_threadpool(writing.finish, stated)
            finally:
                writing.close()
        if not sound:
            problem = Problem(_DAMAGED, "upload_checksum", "send the piece again", "header upload-checksum")
            return details_response(problem)
        return Response(status_code=204, headers={"upload-offset": str(writing.offset), "cache-control": "no-store"})

    async def delete(self, request: Request) -> Response:
        """Remove an upload."""
        principal = await self._caller(request)
        await run_in_threadpool(self.open.remove, principal, request.path_params["name"])
        return Response(status_code=204)

    async def _caller(self, request: Request) -> Principal:
        principal = await caller(self._authenticating, request)
        self._submitting.admit(principal, "")
        return principal

    @staticmethod
    def _tus(handler: _Handler, *, any_version: bool = False) -> _Handler:
        """The handler, for requests of this version of tus; every answer says the version."""

        async def handle(request: Request) -> Response:
            try:
                if not any_version and single_header(request, "tus-resumable") != VERSION:
                    problem = Problem(_OTHER_VERSION, "tus_version", f"say Tus-Resumable: {VERSION}")
                    response = details_response(problem)
                    response.headers["tus-version"] = VERSION
                else:
                    response = await handler(request)
            except ClientDisconnect:
                raise
            except Exception as error:
                response = problem_response(error)
            response.headers["tus-resumable"] = VERSION
            return response

        return handle


async def _take(request: Request, writing: Writing, room: UploadRoom) -> None:
    """Write a body as it comes; what has come before the connection breaks is written too."""
    pending: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            pending.append(chunk)
            size += len(chunk)
            if size >= GULP:
                room.receive(size)
                data, size = b"".join(pending), 0
                pending.clear()
                await run_in_threadpool(writing.write, data)
    finally:
        if pending:
            room.receive(size)
            await run_in_threadpool(writing.write, b"".join(pending))


def _said(found: Standing) -> dict[str, str]:
    return {
        "upload-offset": str(found.offset),
        "upload-length": str(found.told.length),
        "upload-expires": formatdate(found.told.expires, usegmt=True),
        "cache-control": "no-store",
    }


def _number(request: Request, name: str) -> int:
    text = single_header(request, name, 16)
    if not text.isdecimal() or not text.isascii():
        raise InvalidInput("a number of bytes is needed", code="invalid_header", where=f"header {name}")
    return int(text)


def _checksum(request: Request) -> bytes | None:
    return stated_digest(single_header(request, "upload-checksum", 100), lambda text: b64decode(text, validate=True))


def _metadata(request: Request) -> dict[str, bytes]:
    """``Upload-Metadata``: names, each with a value in base64, between commas. Raises InvalidInput."""
    found: dict[str, bytes] = {}
    for pair in single_header(request, "upload-metadata", 2_000).split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            found[name] = b64decode(value, validate=True)
        except ValueError:
            message = "write names, each with a value in base64, with commas between"
            raise InvalidInput(message, code="invalid_header", where="header upload-metadata") from None
    return found
