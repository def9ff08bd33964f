"""The ledger's public side: checkpoint, tiles, objects and consistency proofs, for anyone (C2SP tlog-tiles)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.api.ports import LogReading
from graphsvc.api.requests import json_response, route
from graphsvc.api.turns import LOG, Turns
from graphsvc.model.errors import InvalidInput, NotFound

_TILE = re.compile(r"tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3])/(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[1-9][0-9]{0,2})?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
T = TypeVar("T")
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
_FRESH = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}


class LogRoutes:
    """The routes; none checks who calls, since everyone may read what they return."""

    def __init__(self, log: LogReading) -> None:
        self._log = log
        self._turns = Turns(LOG)

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            route("GET", "/log/checkpoint", self.checkpoint),
            route("GET", "/log/tile/{path:path}", self.tile),
            route("GET", "/log/object/{digest}", self.object),
            route("GET", "/v1/log/consistency", self.consistency),
        ]

    async def _read(self, request: Request, what: Callable[..., T], *given: Any) -> T:
        async with self._turns.turn(request.client.host if request.client else ""):
            return await run_in_threadpool(what, *given)

    async def checkpoint(self, request: Request) -> Response:
        """The last published checkpoint."""
        note = await self._read(request, self._log.checkpoint)
        return Response(note, 200, _FRESH, "text/plain; charset=utf-8")

    async def tile(self, request: Request) -> Response:
        """A tile or an entry bundle, full or partial."""
        path = f"tile/{request.path_params['path']}"
        if len(path) > 100 or not _TILE.fullmatch(path):
            raise NotFound("no such tile", where="path")
        return _bytes(await self._read(request, self._log.tile, path))

    async def object(self, request: Request) -> Response:
        """An object by its digest."""
        digest = request.path_params["digest"]
        if not _DIGEST.fullmatch(digest):
            raise NotFound("no such object", where="path")
        return _bytes(await self._read(request, self._log.object, digest))

    async def consistency(self, request: Request) -> Response:
        """The proof between two sizes, as base64url hashes."""
        old, new = _size(request, "old"), _size(request, "new")
        proof = await self._read(request, self._log.consistency, old, new)
        hashes = [urlsafe_b64encode(one).rstrip(b"=").decode() for one in proof]
        return json_response({"old": old, "new": new, "proof": hashes})


def _bytes(data: bytes | None) -> Response:
    if data is None:
        raise NotFound("the log has nothing there", where="path")
    return Response(data, 200, _FOR_EVER, "application/octet-stream")


def _size(request: Request, name: str) -> int:
    values = request.query_params.getlist(name)
    if len(values) != 1 or not re.fullmatch(r"[0-9]{1,15}", values[0]):
        raise InvalidInput("one tree size is needed", code="invalid_parameter", where=f"query {name}")
    return int(values[0])
