"""``POST /v1/organisations``, ``/v1/keys`` and ``/v1/evidence``."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from graphsvc.api.ports import Administering, Authenticating
from graphsvc.api.requests import body_of, caller, json_object, json_response
from graphsvc.api.turns import ActTurns
from graphsvc.model.errors import Denied, InvalidInput
from graphsvc.model.principals import Organisation

OPERATOR = "operator"
"""The role that admits organisations."""
MAX_BODY = 256 << 10
MAX_INDEXES = 10_000

_MEMBERS = {
    "org": re.compile(r"[a-z][a-z0-9-]{0,62}"),
    "kind": re.compile(r"[a-z][a-z0-9_-]{0,62}"),
    "jurisdiction": re.compile(r"[A-Z]{2}"),
    "name": re.compile(r"[^\x00-\x1f\x7f]{1,200}"),
    "contact": re.compile(r"[^\x00-\x1f\x7f]{0,200}"),
}


class OrganisationRoutes:
    """The routes with what they need."""

    def __init__(self, authenticating: Authenticating, administering: Administering, acts: ActTurns) -> None:
        self._authenticating = authenticating
        self._administering = administering
        self._acts = acts

    async def admit(self, request: Request) -> Response:
        """Admit an organisation: slug, kind, jurisdiction, name, contact and its offline root key."""
        principal = await caller(self._authenticating, request)
        if OPERATOR not in principal.roles:
            raise Denied("only an operator admits organisations")
        body = await _members(request, {*_MEMBERS, "rootKey"})
        values = {name: _text(body, name, pattern) for name, pattern in _MEMBERS.items()}
        root_key = _key(_text(body, "rootKey", re.compile(r"[A-Za-z0-9_-]{43}")))
        async with self._acts.turn(principal):
            acted = await self._administering.admit(principal, Organisation(**values), root_key)
        return json_response({**acted.body, "receipt": acted.receipt}, 201)

    async def enrol(self, request: Request) -> Response:
        """Log a key event: ``{"act": <compact JWS by the organisation's root key>}``."""
        principal = await caller(self._authenticating, request)
        body = await _members(request, {"act"})
        act = _text(body, "act", re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"))
        async with self._acts.turn(principal):
            acted = await self._administering.enrol(principal, act)
        return json_response({**acted.body, "receipt": acted.receipt}, 201)

    async def doctor(self, request: Request) -> Response:
        """What an operator looks at, and what to do about it."""
        principal = await caller(self._authenticating, request)
        return json_response({"checks": await self._administering.checks(principal)})

    async def evidence(self, request: Request) -> Response:
        """An evidence file's content: ``{"indexes": [...] or null, "since": size of a pinned checkpoint or null}``."""
        principal = await caller(self._authenticating, request)
        body = await _members(request, {"indexes", "since"})
        indexes, since = body.get("indexes"), body.get("since")
        if since is not None and not _are_indexes([since]):
            message = "the size of an older checkpoint is needed, or null"
            raise InvalidInput(message, code="invalid_request", where="/since")
        if indexes is not None and not _are_indexes(indexes):
            message = f"at most {MAX_INDEXES} ledger indexes are needed, or null for all"
            raise InvalidInput(message, code="invalid_request", where="/indexes")
        async with self._acts.turn(principal):
            return json_response(await self._administering.evidence(principal, indexes, since))


async def _members(request: Request, known: set[str]) -> dict[str, Any]:
    body = json_object(await body_of(request, MAX_BODY))
    if not set(body) <= known:
        raise InvalidInput(f"known members: {', '.join(sorted(known))}", code="invalid_request", where="body")
    return body


def _text(body: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidInput("the member is missing or not of its form", code="invalid_request", where=f"/{name}")
    return value


def _key(text: str) -> bytes:
    return urlsafe_b64decode(text + "=")


def _are_indexes(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_INDEXES
        and all(type(index) is int and 0 <= index < 2**53 for index in value)
    )
