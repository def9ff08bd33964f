"""``/session``: how a person logs in with a browser, who is logged in, and how that ends. Tokens never reach a page."""

from __future__ import annotations

import html
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from graphsvc.api.problems import problem_of
from graphsvc.api.requests import SESSION_COOKIE, call_of, json_response, route
from graphsvc.auth.login import PATIENCE, Login, failed
from graphsvc.auth.sessions import Sessions, check_guard, origin_of
from graphsvc.model.errors import Denied, GraphsvcError, InvalidInput
from graphsvc.wire.session import SessionState

LOGIN_COOKIE = "__Host-graphsvc-login"
CALLBACK = "/session/callback"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PRIVATE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{more}</head>
<body><h1>{title}</h1><p>{text}</p><p><a href="{link}">{label}</a></p></body></html>"""


@dataclass(frozen=True, slots=True)
class SessionRoutes:
    """The routes. ``public_url`` is the service's address for browsers; empty: loopback, as the browser names it."""

    login: Login
    sessions: Sessions
    public_url: str = ""

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            route("GET", "/session", self.state),
            route("GET", "/session/login", self.begin),
            route("GET", CALLBACK, self.finish),
            route("POST", "/session/logout", self.end),
        ]

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider; ``return`` is a path here to go back to."""
        back = request.query_params.getlist("return")
        if len(back) > 1:
            raise InvalidInput("one path is needed", code="bad_return", where="return")
        url, sealed = await self.login.begin(f"{self._origin(request)}{CALLBACK}", "".join(back))
        response = RedirectResponse(url, 303, dict(_PRIVATE))
        # Lax: the provider sends the browser back from its own pages.
        response.set_cookie(LOGIN_COOKIE, sealed, PATIENCE, secure=True, httponly=True, samesite="lax")
        return response

    async def finish(self, request: Request) -> Response:
        """Take the provider's answer; the session is always a new one, with a name of its own."""
        try:
            origin = self._origin(request)
            said = {name: request.query_params.getlist(name) for name in ("code", "state", "iss", "error")}
            if any(len(values) > 1 or len("".join(values)) > 2_048 for values in said.values()):
                raise failed("the identity provider's answer is not one")
            code, state, issuer, error = ("".join(said[name]) for name in ("code", "state", "iss", "error"))
            attempt = self.login.opened(request.cookies.get(LOGIN_COOKIE, ""), state, issuer)
            if error or not code or attempt.redirect_uri != f"{origin}{CALLBACK}":
                raise failed("the identity provider did not let you in")
            name = await self.sessions.begin(await self.login.finish(attempt, code))
        except GraphsvcError as problem:
            return _without(_failed_page(problem), LOGIN_COOKIE)
        # A page, no redirect: the cookie is strict, so the next request must begin at a page of our own.
        response = _page("Logged in", "One moment.", attempt.back, "Go on", forward=True)
        response.set_cookie(SESSION_COOKIE, name, secure=True, httponly=True, samesite="strict")
        return _without(response, LOGIN_COOKIE)

    async def state(self, request: Request) -> Response:
        """Who is logged in, how long that lasts, and the guard that every request of the session must carry."""
        if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise Denied("only the service's own pages ask this", code="csrf", where="header sec-fetch-site")
        session = await self.sessions.find(request.cookies.get(SESSION_COOKIE, ""))
        principal = await self.sessions.of(session)
        idle, longest = self.sessions.lasts_until(session)
        answer = SessionState(
            org=principal.org,
            person=principal.person,
            roles=list(principal.roles),
            csrf=session.guard,
            idle_seconds=idle,
            longest_seconds=longest,
        )
        response = json_response(answer)
        if (name := await self.sessions.renamed(session)) is not None:
            response.set_cookie(SESSION_COOKIE, name, secure=True, httponly=True, samesite="strict")
        return response

    async def end(self, request: Request) -> Response:
        """End the session, and its tokens at the provider."""
        call = call_of(request)
        session = await self.sessions.find(call.session)
        check_guard(session, call, origin_of(self._origin(request)))
        await self.sessions.end(session)
        # Not the storage: a device keeps its signing key and the log that it has seen there, and nothing of a person.
        headers = {**_PRIVATE, "clear-site-data": '"cache"'}
        return _without(Response(status_code=204, headers=headers), SESSION_COOKIE)

    def _origin(self, request: Request) -> str:
        """The service's origin as the browser knows it; without a setting only loopback is believed."""
        if self.public_url:
            return self.public_url.rstrip("/")
        if request.url.hostname not in _LOOPBACK:
            message = "logging in needs GRAPHSVC_PUBLIC_URL, the service's address for browsers"
            raise InvalidInput(message, code="setting", where="header host")
        return origin_of(str(request.url))


def _failed_page(error: GraphsvcError) -> Response:
    problem = problem_of(error)
    response = _page("Not logged in", problem.detail, "/session/login", "Try again", status=problem.answer.status)
    if problem.answer.retry_after:
        response.headers["retry-after"] = str(problem.answer.retry_after)
    return response


def _page(title: str, text: str, link: str, label: str, *, status: int = 200, forward: bool = False) -> Response:
    shown = {"title": title, "text": text, "link": link, "label": label}
    escaped = {name: html.escape(value, quote=True) for name, value in shown.items()}
    more = f'<meta http-equiv="refresh" content="0;url={escaped["link"]}">' if forward else ""
    return Response(_PAGE.format(**escaped, more=more), status, dict(_PRIVATE), "text/html; charset=utf-8")


def _without(response: Response, cookie: str) -> Response:
    response.delete_cookie(cookie, secure=True, httponly=True, samesite="lax")
    return response
