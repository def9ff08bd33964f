"""``/console``: the pages that people work with; all their files come from here, built beforehand.

The pages hold no data and need no token: they ask ``/graphql`` in the session of whoever is logged in (ADR 0310). What
they must know beforehand is at ``/console/service.json``: the log that answers are checked against, and code lists.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from graphsvc.api.requests import route
from graphsvc.model.errors import NotFound
from graphsvc.model.schema import Schema

FILES = Path(__file__).parent / "files"
"""What ``console/build.py`` makes."""
DOCUMENTS = FILES / "documents.json"
"""What the pages ask, so that a service which answers known documents alone knows these."""
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types default graphsvc-worker"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_FRESH = {**_HEADERS, "cache-control": "no-cache"}
_FOR_EVER = {**_HEADERS, "cache-control": "public, max-age=31536000, immutable"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogKey:
    """The log that answers are entered in: its origin, and its key in the text form that verifiers pin."""

    origin: str
    key: str


@dataclass(frozen=True)
class ConsoleRoutes:
    """The pages, their files, and what they must know beforehand."""

    log: LogKey
    schema: Schema
    files: Path = FILES
    _read: dict[str, bytes] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """All of them. Where no console was built, one line says so, and they answer that there is none."""
        if not self._assets:
            _log.warning("there is no console here: it was not built (make setup builds it where Node can be had)")
        return [
            route("GET", "/console", self.page),
            route("GET", "/console/service.json", self.service),
            route("GET", "/console/assets/{name}", self.asset),
            route("GET", "/console/{path:path}", self.page),
        ]

    async def page(self, request: Request) -> Response:
        """The one page; which screen it shows, its own code reads off the address."""
        if request.url.path == "/console":
            return RedirectResponse("/console/search", 307, _FRESH)
        if not self._assets:
            raise NotFound("there is no console here: it was not built; all else works without it", where="path")
        return Response(self._content("index.html"), 200, _FRESH, "text/html; charset=utf-8")

    async def asset(self, request: Request) -> Response:
        """A file that carries its digest in its name."""
        name = request.path_params["name"]
        if name not in self._assets or (media_type := _TYPES.get(Path(name).suffix)) is None:
            raise NotFound("no such file", where="path")
        return Response(self._content(f"assets/{name}"), 200, _FOR_EVER, media_type)

    async def service(self, _: Request) -> Response:
        """The log's key, and the code lists that the pages offer: the same for everybody."""
        return Response(self._service, 200, _FRESH, "application/json")

    @cached_property
    def _assets(self) -> frozenset[str]:
        return frozenset(path.name for path in (self.files / "assets").glob("*"))

    @cached_property
    def _service(self) -> bytes:
        return orjson.dumps(
            {
                "origin": self.log.origin,
                "logKey": self.log.key,
                "purposes": self._codes("purposes"),
                "legalBases": self._codes("legal-bases"),
                "couriers": sorted(set(self.schema.couriers.names.values())),
                "kinds": self._kinds(),
            }
        )

    def _codes(self, name: str) -> list[dict[str, str]]:
        listed: Mapping[str, str] = self.schema.codelists[name].codes if name in self.schema.codelists else _NONE
        return [{"code": code, "title": title} for code, title in listed.items()]

    def _kinds(self) -> dict[str, Any]:
        return {
            kind.name: {"title": kind.title, "keys": [[name for name, _ in form.parts] for form in kind.keys]}
            for kind in self.schema.kinds.values()
        }

    def _content(self, name: str) -> bytes:
        if name not in self._read:
            self._read[name] = (self.files / name).read_bytes()
        return self._read[name]


_NONE: Mapping[str, str] = MappingProxyType({})
