"""How invented people log in at the development provider: a page that lists them, no password, codes with PKCE.

For trying out what a browser does; loopback alone, as all of the provider.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from graphsvc_verify.canonical import b64u

CODE_SECONDS = 60.0
REFRESH_SECONDS = 36_000.0
CALLBACK = "/session/callback"
"""The one path at which a code is handed over, on any loopback port (RFC 8252 section 7.3)."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_MOST = 1_000
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
}
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Log in</title>
<style>body{{font:16px/1.5 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}}
li{{margin:.5rem 0}}small{{color:#444}}</style></head>
<body><h1>Log in</h1><p>These people are invented: choose who you are. This page is for development alone.</p>
<ul>{people}</ul></body></html>"""


class Person(Protocol):
    """Somebody invented."""

    @property
    def client_id(self) -> str:
        """Its name here."""
        ...

    @property
    def org(self) -> str:
        """Its organisation."""
        ...

    @property
    def person(self) -> str:
        """What tokens call it."""
        ...

    @property
    def roles(self) -> tuple[str, ...]:
        """Its roles."""
        ...


@dataclass(frozen=True, slots=True)
class _Code:
    person: Person
    redirect_uri: str
    challenge: str
    nonce: str
    until: float


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Who has logged in: for whom tokens are to be made, and the nonce for the ID token (empty at a renewal)."""

    person: Person
    nonce: str
    refresh: str


class Logins:
    """Logins of one client: the service's. Codes and refresh tokens are good once, and are kept in memory."""

    def __init__(self, client_id: str, people: Sequence[Person]) -> None:
        self._client_id = client_id
        self._people = {one.client_id: one for one in people}
        self._codes: dict[str, _Code] = {}
        self._refresh: dict[str, tuple[Person, float]] = {}

    async def authorize(self, request: Request) -> Response:
        """The page, or, once somebody is chosen, the way back with a code."""
        query = dict(request.query_params)
        if len(query) != len(request.query_params.multi_items()) or not self._fine(query):
            return Response("This is no login that the service began.", 400, dict(_HEADERS))
        chosen = self._people.get(query.pop("person", ""))
        if chosen is None:
            return Response(self._page(query), 200, dict(_HEADERS), "text/html; charset=utf-8")
        code = secrets.token_urlsafe(32)
        _put(self._codes, code, _Code(chosen, query["redirect_uri"], query["code_challenge"], query.get("nonce", ""),
                                      time.monotonic() + CODE_SECONDS))  # fmt: skip
        said = urlencode({"code": code, "state": query["state"]})
        return RedirectResponse(f"{query['redirect_uri']}?{said}", 303, dict(_HEADERS))

    def redeem(self, form: Mapping[str, str]) -> Redeemed | None:
        """Who a code or a refresh token stands for; None where it is good no more."""
        now = time.monotonic()
        if form.get("grant_type") == "refresh_token":
            person, until = self._refresh.pop(form.get("refresh_token", ""), (None, 0.0))
            return None if person is None or until < now else Redeemed(person, "", self._another(person))
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.until < now or form.get("redirect_uri") != code.redirect_uri:
            return None
        challenge = b64u(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not hmac.compare_digest(challenge, code.challenge):
            return None
        return Redeemed(code.person, code.nonce, self._another(code.person))

    def forget(self, refresh: str) -> None:
        """Take a refresh token back."""
        self._refresh.pop(refresh, None)

    def _fine(self, query: Mapping[str, str]) -> bool:
        try:
            back = urlsplit(query.get("redirect_uri", ""))
        except ValueError:
            return False
        at_home = back.scheme == "http" and back.hostname in _LOOPBACK and back.path == CALLBACK and not back.query
        return (
            at_home
            and query.get("client_id") == self._client_id
            and query.get("response_type") == "code"
            and query.get("code_challenge_method") == "S256"
            and query.get("code_challenge", "").isascii()
            and bool(query.get("code_challenge"))
            and bool(query.get("state"))
        )

    def _page(self, query: Mapping[str, str]) -> str:
        people = "".join(
            f'<li><a href="?{html.escape(urlencode({**query, "person": one.client_id}))}">{html.escape(one.person)}</a>'
            f"<br><small>{html.escape(one.org)}: {html.escape(', '.join(one.roles) or 'no role')}</small></li>"
            for one in sorted(self._people.values(), key=lambda one: (one.org, one.client_id))
        )
        return _PAGE.format(people=people)

    def _another(self, person: Person) -> str:
        token = secrets.token_urlsafe(32)
        _put(self._refresh, token, (person, time.monotonic() + REFRESH_SECONDS))
        return token


def _put(kept: dict[str, Any], name: str, value: Any) -> None:
    """Keep something; beyond the bound what is oldest goes."""
    while len(kept) >= _MOST:
        del kept[next(iter(kept))]
    kept[name] = value
