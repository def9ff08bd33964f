"""``/v1/organisations``, ``/v1/keys``, ``/v1/evidence``: organisations that come, change and go, and their evidence."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.api.ports import Authenticating
from graphsvc.api.requests import (
    MAX_INDEXES,
    acted_response,
    are_indexes,
    caller,
    json_response,
    members_of,
    route,
    text_member,
)
from graphsvc.api.turns import ActTurns
from graphsvc.members.admission import Administering
from graphsvc.members.membership import Membership
from graphsvc.model.errors import Denied, InvalidInput, NotFound
from graphsvc.model.principals import Organisation
from graphsvc.model.slugs import SLUG
from graphsvc_verify.canonical import unb64u

OPERATOR = "operator"
"""The role that admits organisations."""
_FORMS = {
    "org": SLUG,
    "kind": re.compile(r"[a-z][a-z0-9_-]{0,62}"),
    "jurisdiction": re.compile(r"[A-Z]{2}"),
    "name": re.compile(r"[^\x00-\x1f\x7f]{1,200}"),
    "contact": re.compile(r"[^\x00-\x1f\x7f]{0,200}"),
}
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_ACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(~[A-Za-z0-9_-]+)?")
_REASON = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")


class MemberRoutes:
    """The routes about organisations."""

    def __init__(
        self, authenticating: Authenticating, administering: Administering, membership: Membership, acts: ActTurns
    ) -> None:
        self._authenticating = authenticating
        self._administering = administering
        self._membership = membership
        self._acts = acts

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            route("POST", "/v1/organisations", self.admit),
            route("GET", "/v1/organisations", self.listed),
            route("POST", "/v1/organisations/{org}", self.update),
            route("POST", "/v1/organisations/{org}/departure", self.depart),
            route("POST", "/v1/keys", self.enrol),
            route("POST", "/v1/evidence", self.evidence),
        ]

    async def admit(self, request: Request) -> Response:
        """Admit an organisation: slug, kind, jurisdiction, name, contact and its offline root key."""
        principal = await caller(self._authenticating, request)
        if OPERATOR not in principal.roles:
            raise Denied("only an operator admits organisations")
        body = await members_of(request, {*_FORMS, "rootKey"})
        values = {name: text_member(body, name, pattern) for name, pattern in _FORMS.items()}
        root_key = unb64u(text_member(body, "rootKey", _KEY))
        async with self._acts.turn(principal):
            acted = await self._administering.admit(principal, Organisation(**values), root_key)
        return acted_response(acted, 201)

    async def listed(self, request: Request) -> Response:
        """All organisations, with keys and submissions counted; ``left`` is the entry by which one has left."""
        principal = await caller(self._authenticating, request)
        return json_response({"organisations": await self._membership.listed(principal)})

    async def update(self, request: Request) -> Response:
        """Change a member's name or contact: ``{"name": …, "contact": …}``, either."""
        principal = await caller(self._authenticating, request)
        body = await members_of(request, {"name", "contact"})
        said = {name: text_member(body, name, _FORMS[name]) for name in body}
        org = _org(request)
        async with self._acts.turn(principal):
            acted = await self._membership.update(principal, org, said.get("name"), said.get("contact"))
        return acted_response(acted)

    async def depart(self, request: Request) -> Response:
        """Off-board a member: ``{"records": "keep" or "recall", "reason": …}``; says what ended with it."""
        principal = await caller(self._authenticating, request)
        body = await members_of(request, {"records", "reason"})
        records = text_member(body, "records", re.compile("keep|recall"))
        org, reason = _org(request), text_member(body, "reason", _REASON)
        async with self._acts.turn(principal):
            acted = await self._membership.depart(principal, org, records, reason)
        return acted_response(acted)

    async def enrol(self, request: Request) -> Response:
        """Log a key event: ``{"act": <compact JWS by the organisation's root key>~<what opens its person>}``."""
        principal = await caller(self._authenticating, request)
        body = await members_of(request, {"act"})
        act = text_member(body, "act", _ACT)
        async with self._acts.turn(principal):
            acted = await self._administering.enrol(principal, act)
        return acted_response(acted, 201)

    async def evidence(self, request: Request) -> Response:
        """An evidence file's content: ``{"indexes": [...] or null, "since": size of a pinned checkpoint or null}``."""
        principal = await caller(self._authenticating, request)
        body = await members_of(request, {"indexes", "since"})
        indexes, since = body.get("indexes"), body.get("since")
        if since is not None and not are_indexes([since]):
            message = "the size of an older checkpoint is needed, or null"
            raise InvalidInput(message, code="invalid_request", where="/since")
        if indexes is not None and not are_indexes(indexes):
            message = f"at most {MAX_INDEXES} ledger indexes are needed, or null for all"
            raise InvalidInput(message, code="invalid_request", where="/indexes")
        async with self._acts.turn(principal):
            return json_response(await self._administering.evidence(principal, indexes, since))


def _org(request: Request) -> str:
    org = str(request.path_params["org"])
    if not SLUG.fullmatch(org):
        raise NotFound("there is no such organisation", where="org")
    return org
