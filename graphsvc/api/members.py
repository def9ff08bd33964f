"""``/v1/organisations``, ``/v1/purge``, ``/v1/reapply``: what operators do about members, and about records."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from graphsvc.api.organisations import _MEMBERS, MAX_INDEXES, _are_indexes, _members, _text
from graphsvc.api.ports import Authenticating, Keeping, Membership
from graphsvc.api.requests import caller, json_response
from graphsvc.api.turns import ActTurns
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.model.places import ROW_MASK

_REASON = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")


class MemberRoutes:
    """The routes with what they need."""

    def __init__(
        self, authenticating: Authenticating, keeping: Keeping, membership: Membership, acts: ActTurns
    ) -> None:
        self._authenticating = authenticating
        self._keeping = keeping
        self._membership = membership
        self._acts = acts

    async def listed(self, request: Request) -> Response:
        """All organisations, with keys and submissions counted; ``left`` is the entry by which one has left."""
        principal = await caller(self._authenticating, request)
        return json_response({"organisations": await self._membership.listed(principal)})

    async def update(self, request: Request) -> Response:
        """Change a member's name or contact: ``{"name": …, "contact": …}``, either."""
        principal = await caller(self._authenticating, request)
        body = await _members(request, {"name", "contact"})
        said = {name: _text(body, name, _MEMBERS[name]) for name in body}
        membership, org = self._membership, _org(request)
        async with self._acts.turn(principal):
            acted = await membership.update(principal, org, said.get("name"), said.get("contact"))
        return json_response({**acted.body, "receipt": acted.receipt})

    async def depart(self, request: Request) -> Response:
        """Off-board a member: ``{"records": "keep" or "recall", "reason": …}``; says what ended with it."""
        principal = await caller(self._authenticating, request)
        body = await _members(request, {"records", "reason"})
        records = _text(body, "records", re.compile("keep|recall"))
        membership, org, reason = self._membership, _org(request), _text(body, "reason", _REASON)
        async with self._acts.turn(principal):
            acted = await membership.depart(principal, org, records, reason)
        return json_response({**acted.body, "receipt": acted.receipt})

    async def purge(self, request: Request) -> Response:
        """Erase what is due now, ``{"confirm": true}``, or say what would go, ``{"dryRun": true}``; never unasked."""
        principal = await caller(self._authenticating, request)
        body = await _members(request, {"confirm", "dryRun"})
        for name, value in body.items():
            if not isinstance(value, bool):
                raise InvalidInput("true or false is needed", code="invalid_request", where=f"/{name}")
        confirmed = body.get("confirm", False)
        if body.get("dryRun", False) == confirmed:
            message = "say confirm to erase, or dryRun to be told what would go"
            raise InvalidInput(message, code="invalid_request", where="body")
        async with self._acts.turn(principal):
            return json_response(await self._keeping.purge(principal, not confirmed))

    async def reapply(self, request: Request) -> Response:
        """Bring in what was set aside: ``{"entry": index, "rows": [...] or null for all of its rows}``."""
        principal = await caller(self._authenticating, request)
        body = await _members(request, {"entry", "rows"})
        entry, rows = body.get("entry", -1), body.get("rows")
        if not _are_indexes([entry]) or entry >= 2**31:
            raise InvalidInput("the ledger index of a submission is needed", code="invalid_request", where="/entry")
        if rows is not None and (not _are_indexes(rows) or not rows or max(rows) > ROW_MASK):
            message = f"up to {MAX_INDEXES} rows are needed, or null for all"
            raise InvalidInput(message, code="invalid_request", where="/rows")
        acted = await self._keeping.reapply(principal, entry, rows)
        return json_response({**acted.body, "receipt": acted.receipt})


def _org(request: Request) -> str:
    org = str(request.path_params["org"])
    if not _MEMBERS["org"].fullmatch(org):
        raise NotFound("there is no such organisation", where="org")
    return org
