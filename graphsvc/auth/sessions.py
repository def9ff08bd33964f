"""Sessions of people: the browser holds a random name, the service holds the tokens, sealed (ADR 0297).

A request of a session is checked as one with its access token would be: membership, keys, revocation. Beyond that it
must come from the service's own pages: it carries the session's guard in a header that other pages can't set, and the
browser names no other origin. Names change while a session lasts, and always at login: one that was planted beforehand
is worth nothing. Sessions are those of all processes of the service, and outlast a restart.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from graphsvc.api.ports import Call
from graphsvc.auth.ownclient import OwnClient, Tokens
from graphsvc.auth.shared import Opened, Sealed, Shared
from graphsvc.auth.tokens import Authenticator
from graphsvc.model.errors import Denied, TooMany, Unauthenticated, Unavailable
from graphsvc.model.principals import Principal

IDLE, LONGEST = 1_800, 28_800
"""Seconds after which a session ends: without a request, and in any case."""
RENAMED = 900.0
"""Seconds after which a session gets another name."""
GRACE = 60.0
"""Seconds that the old name is good for beside the new one: requests under way have it."""
EARLY = 30.0
"""Seconds before its access token ends in which a session gets another one."""
MOST, A_PERSON = 20_000, 20
"""Sessions at once, and those of one person: beyond that its oldest ends."""
TOUCHED = 30.0
"""At most this many seconds, or a tenth of the time that a session may lie idle, a use of it goes unnoted."""
RENEWING = 15.0
"""Seconds after which a process that took it on to renew a session's tokens is given up."""
NO_SESSION = "no_session"


@dataclass(slots=True)
class Session:
    """One login of one person, as it stands. ``guard`` is what its requests carry beside the cookie."""

    name: str
    kept: Opened

    @property
    def guard(self) -> str:
        """What its requests carry beside the cookie."""
        return self.kept.content.guard


class Sessions:
    """All sessions of the service. Times are in seconds since the epoch."""

    def __init__(
        self,
        client: OwnClient,
        authenticator: Authenticator,
        shared: Shared,
        lasts: tuple[int, int] = (IDLE, LONGEST),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``lasts``: for how many seconds without a request, and in any case."""
        self._client = client
        self._authenticator = authenticator
        self._shared = shared
        self._idle, self._longest = lasts
        self._clock = clock
        self._renewing: dict[bytes, asyncio.Task[Sealed]] = {}

    async def begin(self, tokens: Tokens) -> str:
        """A new session with these tokens, which must be good for this service; returns its name for the cookie."""
        principal = await self._authenticator.principal(f"Bearer {tokens.access}")
        now, guard = self._clock(), secrets.token_urlsafe(32)
        content = Sealed(tokens.access, tokens.refresh, tokens.identity, principal.org, principal.person, guard)
        if await self._shared.end(now - self._longest, now - self._idle) >= MOST:
            raise TooMany("too many sessions: try again later", retry_after=60)
        own = await self._shared.of_person(content)
        for old in own[: max(0, len(own) - A_PERSON + 1)]:
            await self._shared.drop(old)
        return await self._shared.add(content, now)

    async def find(self, name: str) -> Session:
        """The session of that name. Raises Unauthenticated with code ``no_session``, Unavailable."""
        now = self._clock()
        kept = await self._shared.find(name, now) if name else None
        if kept is None or not self._lasts(kept, now):
            if kept is not None:
                await self._shared.drop(kept.id)
            raise Unauthenticated("there is no session: log in", code=NO_SESSION, where="cookie")
        return Session(name, kept)

    async def principal(self, call: Call, origin: str) -> Principal:
        """The person behind a request of a page of ``origin``, the service's own.

        Raises Unauthenticated, Denied with code ``csrf`` for a request of another page, Unavailable.
        """
        session = await self.find(call.session)
        check_guard(session, call, origin)
        return await self.of(session)

    async def of(self, session: Session) -> Principal:
        """The person of a session; its access token is renewed when it is about to end. Raises as :meth:`principal`."""
        kept = session.kept
        try:
            content = await self._good(session)
            principal = await self._authenticator.principal(f"Bearer {content.access}")
        except Unauthenticated:
            # What ended at the provider ends here.
            await self._shared.drop(kept.id)
            raise Unauthenticated("the session has ended: log in", code=NO_SESSION, where="cookie") from None
        if (principal.org, principal.person) != (content.org, content.person):
            await self._shared.drop(kept.id)
            raise Unauthenticated("the session has ended: log in", code=NO_SESSION, where="cookie")
        now = self._clock()
        if now - kept.used >= min(TOUCHED, self._idle / 10):
            await self._shared.touch(kept, now)
        return principal

    async def renamed(self, session: Session) -> str | None:
        """Another name for a session that has its name long enough; None where it keeps it."""
        now = self._clock()
        if now - session.kept.named < RENAMED:
            return None
        return await self._shared.rename(session.kept, now, now + GRACE)

    def lasts_until(self, session: Session) -> tuple[int, int]:
        """For how many seconds a session lasts: without a request, and in any case."""
        left = session.kept.began + self._longest - self._clock()
        return int(min(self._idle, left)), int(left)

    async def end(self, session: Session) -> None:
        """End a session, at every process and, as far as the provider lets, there."""
        await self._shared.drop(session.kept.id)
        if session.kept.content.refresh:
            await self._client.revoke(session.kept.content.refresh)

    async def _good(self, session: Session) -> Sealed:
        """The session's tokens, renewed once for all requests that need them, at whichever process."""
        kept = session.kept
        try:
            left = await self._authenticator.expires(kept.content.access) - time.time()
        except Unauthenticated:
            left = 0.0
        if left > EARLY or not kept.content.refresh:
            return kept.content
        task = self._renewing.get(kept.id)
        if task is None or task.done():
            task = self._renewing[kept.id] = asyncio.get_running_loop().create_task(self._renewed(session))
            task.add_done_callback(lambda _: self._renewing.pop(kept.id, None))
        return await asyncio.shield(task)

    async def _renewed(self, session: Session) -> Sealed:
        deadline = self._clock() + RENEWING
        while True:
            now = self._clock()
            kept = await self._shared.find(session.name, now)
            if kept is None:
                raise Unauthenticated("the session has ended: log in", code=NO_SESSION, where="cookie")
            if kept.version != session.kept.version:
                return kept.content
            if await self._shared.claim(kept, now, now + RENEWING):
                new = await self._client.refresh(kept.content.refresh)
                # A provider that does not rotate refresh tokens sends none.
                refresh = new.refresh or kept.content.refresh
                content = msgspec.structs.replace(kept.content, access=new.access, refresh=refresh)
                await self._shared.renew(kept, content)
                return content
            if now > deadline:
                raise Unavailable("the session is being renewed elsewhere: ask again", code="identity_unavailable")
            await asyncio.sleep(0.05)

    def _lasts(self, kept: Opened, now: float) -> bool:
        return now - kept.used < self._idle and now - kept.began < self._longest


class Callers:
    """Tells who calls: by an access token, else by a session. ``origin`` is the service's, empty: as requests say."""

    def __init__(self, authenticator: Authenticator, sessions: Sessions | None = None, public_url: str = "") -> None:
        self._authenticator = authenticator
        self._sessions = sessions
        self._public_url = public_url

    async def principal(self, authorization: str | None, call: Call, /) -> Principal:
        """The caller. A request with a token is one of its token, whatever else it brings."""
        if authorization is None and call.session and self._sessions is not None:
            return await self._sessions.principal(call, origin_of(self._public_url or call.url))
        return await self._authenticator.principal(authorization, call)


def check_guard(session: Session, call: Call, origin: str) -> None:
    """Raise Denied where a request does not come from the service's own pages."""
    if call.origin and call.origin != origin:
        raise Denied("the request comes from a page of another origin", code="csrf", where="header origin")
    if not hmac.compare_digest(call.guard.encode(), session.guard.encode()):
        raise Denied("the session's guard is needed: GET /session tells it", code="csrf", where="header graphsvc-csrf")


def origin_of(url: str) -> str:
    """The origin of an address, as browsers name it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}".lower()
