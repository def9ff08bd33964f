"""Tokens that are taken back before they expire: the provider is asked, and its word is good for :data:`FRESH` seconds.

Only tokens that verify are asked about, so strangers cause no questions. Without an answer nobody is let in (ADR 0252).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass

from graphsvc.auth.ownclient import OwnClient
from graphsvc.model.errors import Unauthenticated, Unavailable

FRESH = 20.0
"""Seconds that an answer is good for: a token that was taken back is refused within a minute."""
PAUSE = 1.0
"""Seconds after a failure in which nobody waits for the provider again."""
REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class _Said:
    active: bool
    at: float


class Introspection:
    """Asks the provider whether tokens are still good (RFC 7662)."""

    def __init__(self, client: OwnClient, fresh: float = FRESH) -> None:
        self._client = client
        self._fresh = fresh
        self._said: OrderedDict[bytes, _Said] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[bool]] = {}
        self._failed = float("-inf")

    async def check(self, token: str, /) -> None:
        """Raises Unauthenticated for a token that was taken back, Unavailable when the provider does not say."""
        name = hashlib.sha256(token.encode()).digest()
        said = self._said.get(name)
        # What was taken back stays so: no use in asking again.
        if said is None or (said.active and time.monotonic() - said.at >= self._fresh):
            said = await self._ask(name, token)
        if not said.active:
            message = "the token was taken back"
            raise Unauthenticated(message, code="invalid_token", where="header authorization")

    async def _ask(self, name: bytes, token: str) -> _Said:
        """Ask once for all who wait for the same token."""
        task = self._asking.get(name)
        if task is None or task.done():
            if time.monotonic() - self._failed < PAUSE:
                raise Unavailable("the identity provider does not answer", code="identity_unavailable")
            task = asyncio.get_running_loop().create_task(self._client.is_active(token))
            self._asking[name] = task
        at = time.monotonic()
        try:
            # A caller that goes away takes the question from nobody else.
            active = await asyncio.shield(task)
        except Unavailable:
            self._failed = time.monotonic()
            raise
        finally:
            if task.done():
                self._asking.pop(name, None)
        said = self._said[name] = _Said(active, at)
        self._said.move_to_end(name)
        while len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        return said
