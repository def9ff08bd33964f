"""``/health/live``, ``/health/ready``, ``/v1/doctor``: how the parts of the service do."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphsvc.api.ports import Authenticating
from graphsvc.api.requests import caller, json_response, route
from graphsvc.model.errors import Denied
from graphsvc.upkeep.checkup import Checkup


class UpkeepRoutes:
    """The routes of upkeep. Monitoring asks for health, so that needs no token."""

    def __init__(self, authenticating: Authenticating, checkup: Checkup) -> None:
        self._authenticating = authenticating
        self._checkup = checkup

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            route("GET", "/health/live", self.live),
            route("GET", "/health/ready", self.ready),
            route("GET", "/v1/doctor", self.doctor),
        ]

    async def live(self, _: Request) -> Response:
        """The process answers."""
        return json_response({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """Which parts are ready, how far applier and plans are, what is set aside: entries and codes, no values."""
        parts, progress = self._checkup.ready(), await asyncio.to_thread(self._checkup.progress)
        # A lagging service still answers, and every answer says how far it looked: 503 keeps new callers from old news.
        status = "starting" if not all(parts.values()) else "lagging" if progress.applier.lagging else "ready"
        told = {"status": status, "parts": parts, "applier": progress.applier, "plans": progress.plans}
        told["setAside"] = progress.set_aside
        return json_response(told, 200 if status == "ready" else 503)

    async def doctor(self, request: Request) -> Response:
        """What an operator looks at, and what to do about it."""
        principal = await caller(self._authenticating, request)
        if "operator" not in principal.roles:
            raise Denied("only an operator asks for this")
        return json_response({"checks": await asyncio.to_thread(self._checkup.checks)})
