"""``/v1/purge``, ``/v1/reapply``, ``/v1/reclean``: what operators do about records due to go, set aside, unlinked."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.acts.signed import Acted
from graphsvc.api.ports import Authenticating
from graphsvc.api.requests import MAX_INDEXES, acted_response, are_indexes, caller, json_response, members_of, route
from graphsvc.api.turns import ActTurns
from graphsvc.lifecycle.custody import Custody
from graphsvc.model.errors import InvalidInput
from graphsvc.model.places import ROW_MASK


class CustodyRoutes:
    """The routes of custody."""

    def __init__(self, authenticating: Authenticating, custody: Custody, acts: ActTurns) -> None:
        self._authenticating = authenticating
        self._custody = custody
        self._acts = acts

    def routes(self) -> list[Route]:
        """All of them."""
        deeds = {"purge": self.purge, "reapply": self.reapply, "reclean": self.reclean}
        return [route("POST", f"/v1/{name}", deed) for name, deed in deeds.items()]

    async def purge(self, request: Request) -> Response:
        """Erase what is due now, ``{"confirm": true}``, or say what would go, ``{"dryRun": true}``."""
        principal = await caller(self._authenticating, request)
        body = await members_of(request, {"confirm", "dryRun"})
        for name, value in body.items():
            if not isinstance(value, bool):
                raise InvalidInput("true or false is needed", code="invalid_request", where=f"/{name}")
        confirmed = body.get("confirm", False)
        if body.get("dryRun", False) == confirmed:
            message = "say confirm to erase, or dryRun to be told what would go"
            raise InvalidInput(message, code="invalid_request", where="body")
        async with self._acts.turn(principal):
            return json_response(await self._custody.purge(principal, not confirmed))

    async def reapply(self, request: Request) -> Response:
        """Bring in what was set aside: ``{"entry": index, "rows": [...] or null for all of its rows}``."""
        principal = await caller(self._authenticating, request)
        body = await members_of(request, {"entry", "rows"})
        entry, rows = body.get("entry", -1), body.get("rows")
        if not are_indexes([entry]) or entry >= 2**31:
            raise InvalidInput("the ledger index of a submission is needed", code="invalid_request", where="/entry")
        if rows is not None and (not are_indexes(rows) or not rows or max(rows) > ROW_MASK):
            message = f"up to {MAX_INDEXES} rows are needed, or null for all"
            raise InvalidInput(message, code="invalid_request", where="/rows")
        return acted_response(await self._custody.reapply(principal, entry, rows))

    async def reclean(self, request: Request) -> Response:
        """Clean a part of what is unlinked anew: ``{"entry": index, "pack": number, "apply": whether to link it}``."""
        principal = await caller(self._authenticating, request)
        body = await members_of(request, {"entry", "pack", "apply"})
        begin = (body.get("entry", 0), body.get("pack", 0))
        for name, value in zip(("entry", "pack"), begin, strict=True):
            if not are_indexes([value]) or value >= 2**31:
                raise InvalidInput("a number from 0 is needed", code="invalid_request", where=f"/{name}")
        apply = body.get("apply", False)
        if not isinstance(apply, bool):
            raise InvalidInput("true or false is needed", code="invalid_request", where="/apply")
        async with self._acts.turn(principal):
            done = await self._custody.reclean(principal, begin, apply)
        return acted_response(done) if isinstance(done, Acted) else json_response(done)
