"""Sessions of people: the browser holds a random name, the service holds the tokens, in memory alone (ADR 0254).

A request of a session is checked as one with its access token would be: membership, keys, revocation. Beyond that it
must come from the service's own pages: it carries the session's guard in a header that other pages can't set, and the
browser names no other origin. Names change while a session lasts, and always at login: one that was planted beforehand
is worth nothing. A restart ends all sessions; the provider's own then makes the next login a glance.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from graphsvc.api.ports import Call
from graphsvc.auth.ownclient import OwnClient, Tokens
from graphsvc.auth.tokens import Authenticator
from graphsvc.model.errors import Denied, TooMany, Unauthenticated
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
NO_SESSION = "no_session"


@dataclass(slots=True)
class Session:
    """One login of one person. ``guard`` is what its requests carry beside the cookie."""

    tokens: Tokens
    person: tuple[str, str]
    began: float
    used: float
    named: float
    guard: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    names: list[tuple[bytes, float]] = field(default_factory=list)
    """Digests of its names, and until when each is good."""
    renewing: asyncio.Task[Tokens] | None = None


class Sessions:
    """All sessions of this process. Times are in seconds, by a clock that never goes back."""

    def __init__(
        self,
        client: OwnClient,
        authenticator: Authenticator,
        idle: int = IDLE,
        longest: int = LONGEST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._authenticator = authenticator
        self._idle = idle
        self._longest = longest
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    async def begin(self, tokens: Tokens) -> str:
        """A new session with these tokens, which must be good for this service; returns its name for the cookie."""
        principal = await self._authenticator.principal(f"Bearer {tokens.access}")
        now = self._clock()
        self._sweep(now)
        person = principal.org, principal.person
        own = [one for one in self._all() if one.person == person]
        for old in sorted(own, key=lambda one: one.began)[: max(0, len(own) - A_PERSON + 1)]:
            self._drop(old)
        if len(self._sessions) >= 2 * MOST:
            raise TooMany("too many sessions: try again later", retry_after=60)
        session = Session(tokens, person, began=now, used=now, named=now)
        return self._name(session)

    def find(self, name: str) -> Session:
        """The session of that name. Raises Unauthenticated with code ``no_session``."""
        now, digest = self._clock(), _digest(name)
        session = self._sessions.get(digest)
        if session is None or not self._lasts(session, now) or dict(session.names).get(digest, 0.0) <= now:
            if session is not None and not self._lasts(session, now):
                self._drop(session)
            raise Unauthenticated("there is no session: log in", code=NO_SESSION, where="cookie")
        return session

    async def principal(self, call: Call, origin: str) -> Principal:
        """The person behind a request of a page of ``origin``, the service's own.

        Raises Unauthenticated, Denied with code ``csrf`` for a request of another page, Unavailable.
        """
        session = self.find(call.session)
        check_guard(session, call, origin)
        return await self.of(session)

    async def of(self, session: Session) -> Principal:
        """The person of a session; its access token is renewed when it is about to end. Raises as :meth:`principal`."""
        try:
            tokens = await self._good(session)
            principal = await self._authenticator.principal(f"Bearer {tokens.access}")
        except Unauthenticated:
            # What ended at the provider ends here.
            self._drop(session)
            raise Unauthenticated("the session has ended: log in", code=NO_SESSION, where="cookie") from None
        if (principal.org, principal.person) != session.person:
            self._drop(session)
            raise Unauthenticated("the session has ended: log in", code=NO_SESSION, where="cookie")
        session.used = self._clock()
        return principal

    def renamed(self, session: Session) -> str | None:
        """Another name for a session that has its name long enough; None where it keeps it."""
        now = self._clock()
        if now - session.named < RENAMED:
            return None
        session.names = [(name, min(until, now + GRACE)) for name, until in session.names if until > now]
        session.named = now
        return self._name(session)

    def lasts_until(self, session: Session) -> tuple[int, int]:
        """For how many seconds a session lasts: without a request, and in any case."""
        left = session.began + self._longest - self._clock()
        return int(min(self._idle, left)), int(left)

    async def end(self, session: Session) -> None:
        """End a session, here and, as far as the provider lets, there."""
        self._drop(session)
        if session.tokens.refresh:
            await self._client.revoke(session.tokens.refresh)

    async def _good(self, session: Session) -> Tokens:
        """The session's tokens, renewed once for all requests that need them."""
        if session.renewing is None or session.renewing.done():
            try:
                left = await self._authenticator.expires(session.tokens.access) - time.time()
            except Unauthenticated:
                left = 0.0
            if left > EARLY or not session.tokens.refresh:
                return session.tokens
            if session.renewing is None or session.renewing.done():
                session.renewing = asyncio.get_running_loop().create_task(self._renewed(session))
        return await asyncio.shield(session.renewing)

    async def _renewed(self, session: Session) -> Tokens:
        new = await self._client.refresh(session.tokens.refresh)
        # A provider that does not rotate refresh tokens sends none.
        session.tokens = Tokens(new.access, new.refresh or session.tokens.refresh)
        return session.tokens

    def _name(self, session: Session) -> str:
        name = secrets.token_urlsafe(32)
        digest = _digest(name)
        session.names.append((digest, float("inf")))
        self._sessions[digest] = session
        return name

    def _lasts(self, session: Session, now: float) -> bool:
        return now - session.used < self._idle and now - session.began < self._longest

    def _all(self) -> list[Session]:
        return list({id(one): one for one in self._sessions.values()}.values())

    def _drop(self, session: Session) -> None:
        for digest in [digest for digest, one in self._sessions.items() if one is session]:
            del self._sessions[digest]

    def _sweep(self, now: float) -> None:
        gone = [
            digest
            for digest, one in self._sessions.items()
            if not self._lasts(one, now) or dict(one.names).get(digest, 0.0) <= now
        ]
        for digest in gone:
            del self._sessions[digest]


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


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
