"""Logging in with a browser at a real provider, and what must not work: forged, planted, replayed, led away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from graphsvc.api.requests import SESSION_COOKIE, caller, json_response, route
from graphsvc.auth import StaticKeys, login, sessions
from graphsvc.auth.gate import Gate, Identities, open_gate
from graphsvc.auth.http import LOGIN_COOKIE
from graphsvc.auth.login import own_path
from graphsvc.auth.ownclient import Credentials, OwnClient
from graphsvc.auth.sessions import Sessions
from graphsvc.auth.shared import Shared
from graphsvc.auth.tokens import Authenticator
from graphsvc.local import identity as local_identity
from graphsvc.local.identity import DevelopmentClient, DevelopmentIdentity, IdentityServer
from graphsvc.model.errors import InvalidInput, Unavailable
from graphsvc.model.principals import Organisation
from graphsvc.settings import Settings

PEOPLE = [
    DevelopmentClient("pasar.analyst", "pasar", "ratna@pasar.example", ("analyst",)),
    DevelopmentClient("pasar.officer", "pasar", "<b>dewi</b>", ("officer",)),
    DevelopmentClient("stranger.one", "stranger", "nobody@stranger.example", ("analyst",)),
]
MEMBERS = {"pasar": Organisation("pasar", "company", "ID", "Pasar")}
HOME = "http://127.0.0.1:8443"


class World:
    """A provider, a gate at it, and a browser in front."""

    def __init__(
        self, server: IdentityServer, identity: DevelopmentIdentity, settings: Settings, shared: Shared | None = None
    ) -> None:
        self.server, self.identity = server, identity
        known = Identities(server.url, StaticKeys(identity.jwks()), credentials=identity.own_client)
        self.gate: Gate = open_gate(settings, known, MEMBERS.get, shared)

        async def who(request: Request) -> Response:
            principal = await caller(self.gate.callers, request)
            return json_response({"org": principal.org, "person": principal.person, "client": principal.client})

        routes = [route("POST", "/who", who), route("GET", "/who", who), *self.gate.routes]
        self.app = Starlette(routes=routes)
        self.cookies: dict[str, str] = {}
        self.set_cookie: list[str] = []

    async def send(
        self, method: str, url: str, cookies: dict[str, str] | None = None, **headers: str
    ) -> httpx2.Response:
        jar = self.cookies if cookies is None else cookies
        said = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items()), **headers}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=HOME) as client:
            response = await client.request(method, url, headers=said)
        self.set_cookie = response.headers.get_list("set-cookie")
        if cookies is None:
            for line in self.set_cookie:
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value.strip('"')
                if "max-age=0" in line.lower():
                    del self.cookies[name]
        return response

    async def begin(self, back: str = "/cases") -> str:
        """Begin to log in; the address of the provider's page."""
        begun = await self.send("GET", "/session/login?" + urlencode({"return": back}))
        assert begun.status_code == 303, begun.text
        return begun.headers["location"]

    async def choose(self, page: str, who: str = "ratna@pasar.example") -> str:
        """Choose somebody on the provider's page; where that leads."""
        async with httpx2.AsyncClient() as client:
            shown = await client.get(page)
            found = re.findall(r'href="([^"]+)">([^<]+)<', shown.text)
            links = {unescape(name): unescape(href) for href, name in found}
            gone = await client.get(page.partition("?")[0] + links[who])
        assert gone.status_code == 303, gone.text
        return gone.headers["location"]

    async def log_in(self, who: str = "ratna@pasar.example") -> httpx2.Response:
        return await self.send("GET", await self.choose(await self.begin(), who))

    async def guard(self) -> dict[str, str]:
        return {"graphsvc-csrf": (await self.send("GET", "/session")).json()["csrf"]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    server = IdentityServer("development")
    identity = DevelopmentIdentity(server.url, "graphsvc", tmp_path / "dev", PEOPLE)
    server.start(identity)
    yield World(server, identity, Settings(tmp_path))
    server.stop()


Story = Callable[[World], Awaitable[None]]


def _run(world: World, story: Story) -> None:
    asyncio.run(story(world))  # type: ignore[arg-type]


def test_a_person_logs_in_asks_and_logs_out(world: World) -> None:
    async def story(world: World) -> None:
        page = await world.log_in()
        assert page.status_code == 200 and 'content="0;url=/cases"' in page.text
        (made,) = (line for line in world.set_cookie if line.startswith(f"{SESSION_COOKIE}="))
        attributes = {part.strip().lower() for part in made.split(";")[1:]}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= attributes and "domain" not in made.lower()
        assert LOGIN_COOKIE not in world.cookies
        state = (await world.send("GET", "/session")).json()
        assert (state["org"], state["person"], state["roles"]) == ("pasar", "ratna@pasar.example", ["analyst"])
        assert (state["idleSeconds"], state["longestSeconds"]) == (1800, 28799)
        guard = {"graphsvc-csrf": state["csrf"]}
        asked = await world.send("POST", "/who", **guard, origin=HOME)
        assert asked.json() == {"org": "pasar", "person": "ratna@pasar.example", "client": "graphsvc"}
        assert "eyJ" not in page.text + str(state) + str(world.cookies), "a token is in what the browser has"
        kept = dict(world.cookies)
        assert (await world.send("POST", "/session/logout", **guard)).status_code == 204
        assert SESSION_COOKIE not in world.cookies
        gone = await world.send("POST", "/who", kept, **guard)
        assert (gone.status_code, gone.json()["code"]) == (401, "no_session")

    _run(world, story)


def test_a_request_of_another_page_is_refused(world: World) -> None:
    async def story(world: World) -> None:
        await world.log_in()
        guard = await world.guard()
        for method in ("POST", "GET"):
            for headers in (
                {},
                {"graphsvc-csrf": ""},
                {"graphsvc-csrf": guard["graphsvc-csrf"][:-1]},
                {**guard, "origin": "https://evil.example"},
                {**guard, "origin": "null"},
                {**guard, "origin": "http://127.0.0.1:8444"},
                {**guard, "origin": "https://127.0.0.1:8443"},
            ):
                refused = await world.send(method, "/who", **headers)
                assert (refused.status_code, refused.json()["code"]) == (403, "csrf"), headers
        out = await world.send("POST", "/session/logout")
        assert out.status_code == 403 and (await world.send("POST", "/who", **guard)).status_code == 200
        told = await world.send("GET", "/session", **{"sec-fetch-site": "cross-site"})
        assert told.status_code == 403 and "csrf" not in told.json().get("detail", "")
        # The guard of one session opens no other one.
        other = World(world.server, world.identity, Settings(Path("x")))
        assert (await world.send("POST", "/who", {SESSION_COOKIE: "x" * 43}, **guard)).status_code == 401
        assert (await other.send("POST", "/who", world.cookies, **guard)).status_code == 401, "of another process"

    _run(world, story)


def test_a_planted_session_or_login_is_worth_nothing(world: World) -> None:
    async def story(world: World) -> None:
        # A name planted beforehand is not the one that the session gets.
        world.cookies[SESSION_COOKIE] = "planted"
        await world.log_in()
        first = world.cookies[SESSION_COOKIE]
        planted = await world.send("GET", "/session", {SESSION_COOKIE: "planted"})
        assert first != "planted" and planted.status_code == 401
        await world.log_in()
        assert world.cookies[SESSION_COOKIE] != first
        # The attacker's answer of the provider in the victim's browser, which has begun no login, or another one.
        attacker = World(world.server, world.identity, Settings(Path("x")))
        attacker.app, answer = world.app, ""
        answer = await attacker.choose(await attacker.begin())
        victim: dict[str, str] = {}
        assert (await world.send("GET", answer, victim)).status_code == 401
        await world.begin()
        page = await world.send("GET", answer)
        assert page.status_code == 401 and "another login" in page.text
        assert not any(line.startswith(f"{SESSION_COOKIE}=") for line in world.set_cookie)

    _run(world, story)


def test_an_answer_is_good_once_and_only_as_it_was_asked_for(world: World) -> None:
    async def story(world: World) -> None:
        answer = await world.choose(await world.begin())
        began = dict(world.cookies)
        query = {name: values[0] for name, values in parse_qs(urlsplit(answer).query).items()}
        for changes in (
            {"state": "other"},
            {"state": ""},
            {"code": ""},
            {"error": "access_denied"},
            {"iss": "https://evil.example"},
            {"code": "x" * 3_000},
        ):
            refused = await world.send("GET", "/session/callback?" + urlencode({**query, **changes}), dict(began))
            assert refused.status_code == 401 and f"{SESSION_COOKIE}=" not in str(world.set_cookie), changes
        twice = f"/session/callback?{urlencode(query)}&{urlencode({'state': 'other'})}"
        assert (await world.send("GET", twice, dict(began))).status_code == 401
        assert (await world.send("GET", answer, {LOGIN_COOKIE: began[LOGIN_COOKIE][:-4] + "AAAA"})).status_code == 401
        assert (await world.send("GET", answer, dict(began))).status_code == 200
        assert (await world.send("GET", answer, dict(began))).status_code == 401, "a code is good once"

    _run(world, story)


def test_who_is_no_member_gets_no_session(world: World) -> None:
    async def story(world: World) -> None:
        page = await world.log_in("nobody@stranger.example")
        assert page.status_code == 401 and "not a member" in page.text and SESSION_COOKIE not in world.cookies

    _run(world, story)


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "evil", "/a\nb", "/a b",
        "/\tx",
        "javascript:alert(1)", "/é", "/" + "a" * 500, " /a", "///evil.example", "http:/evil.example", "/a\x00",
    ],
)  # fmt: skip
def test_nobody_is_led_away(back: str, world: World) -> None:
    with pytest.raises(InvalidInput):
        own_path(back)

    async def story(world: World) -> None:
        refused = await world.send("GET", "/session/login?" + urlencode({"return": back}))
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_return")

    _run(world, story)


def test_good_ways_back_are_shown_harmlessly(world: World) -> None:
    async def story(world: World) -> None:
        assert own_path("") == "/"
        page = await world.send("GET", await world.choose(await world.begin('/a?q="><script>x</script>')))
        assert page.status_code == 200 and "<script" not in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and page.headers["referrer-policy"] == "no-referrer"

    _run(world, story)


def test_a_host_that_is_made_up_is_no_address_to_come_back_to(world: World) -> None:
    async def story(world: World) -> None:
        refused = await world.send("GET", "http://evil.example/session/login")
        assert (refused.status_code, refused.json()["code"]) == (400, "setting")

    _run(world, story)


def test_tokens_are_renewed_once_for_all_and_names_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        monkeypatch.setattr(local_identity, "LIFETIME", 20)  # so each token is about to end
        await world.log_in()
        old, guard = world.cookies[SESSION_COOKIE], await world.guard()
        answers = await asyncio.gather(*(world.send("POST", "/who", dict(world.cookies), **guard) for _ in range(5)))
        assert [one.status_code for one in answers] == [200] * 5, "a refresh token is good once"
        monkeypatch.setattr(sessions, "RENAMED", 0.0)
        assert (await world.send("GET", "/session")).status_code == 200
        assert world.cookies[SESSION_COOKIE] != old
        assert (await world.send("POST", "/who", {SESSION_COOKIE: old}, **guard)).status_code == 200, "under way"
        monkeypatch.setattr(sessions, "GRACE", 0.0)
        now = world.cookies[SESSION_COOKIE]
        await world.send("GET", "/session")
        assert (await world.send("POST", "/who", {SESSION_COOKIE: now}, **guard)).status_code == 401
        assert (await world.send("POST", "/who", **guard)).status_code == 200

    _run(world, story)


def test_what_ends_at_the_provider_ends_here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        monkeypatch.setattr(local_identity, "LIFETIME", 20)
        await world.log_in()
        guard = await world.guard()
        world.identity._logins._refresh.clear()
        gone = await world.send("POST", "/who", **guard)
        assert (gone.status_code, gone.json()["code"]) == (401, "no_session")
        monkeypatch.setattr(local_identity, "LIFETIME", 900)
        assert (await world.send("POST", "/who", **guard)).status_code == 401, "for good"

    _run(world, story)


def test_sessions_end_by_time_and_a_person_has_so_many(world: World, tmp_path: Path) -> None:
    now = [0.0]
    own = OwnClient(world.server.url, world.identity.own_client)
    keys = StaticKeys(world.identity.jwks())
    authenticator = Authenticator(world.server.url, "graphsvc", keys, MEMBERS.get)
    store = Sessions(own, authenticator, Shared.alone(), (100, 250), lambda: now[0])

    async def story(world: World) -> None:
        def tokens() -> sessions.Tokens:
            return sessions.Tokens(world.identity.token(PEOPLE[0], through="graphsvc"))

        name = await store.begin(tokens())
        for now[0] in (90.0, 180.0, 240.0):
            await store.of(await store.find(name))
        now[0] = 251.0
        for gone in (name, "", "x"):
            with pytest.raises(Exception, match="no session"):
                await store.find(gone)
        names = [await store.begin(tokens()) for _ in range(sessions.A_PERSON + 2)]
        held = [one for one in names if await _there(store, one)]
        assert held == names[2:], "the oldest of that person end"
        now[0] += 100
        assert not any([await _there(store, one) for one in names])

    _run(world, story)


async def _there(store: Sessions, name: str) -> bool:
    try:
        return bool(await store.find(name))
    except Exception:
        return False


def test_a_token_beside_the_cookie_counts_alone(world: World) -> None:
    async def story(world: World) -> None:
        await world.log_in()
        token = world.identity.token(PEOPLE[1])
        asked = await world.send("POST", "/who", authorization=f"Bearer {token}")
        assert asked.json()["person"] == "<b>dewi</b>"
        assert (await world.send("POST", "/who", **await world.guard(), authorization="Bearer x")).status_code == 401

    _run(world, story)


def test_the_page_of_invented_people_escapes_them_and_gives_codes_to_the_service_alone(world: World) -> None:
    async def story(world: World) -> None:
        page = await world.begin()
        shown = httpx2.get(page)
        assert "&lt;b&gt;dewi" in shown.text and "<b>dewi" not in shown.text
        query = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
        address = page.partition("?")[0]
        for changes in (
            {"redirect_uri": "https://evil.example/session/callback"},
            {"redirect_uri": "http://127.0.0.1.evil.example/session/callback"},
            {"redirect_uri": "http://127.0.0.1:1/other"},
            {"redirect_uri": "http://127.0.0.1:1@evil.example/session/callback"},
            {"client_id": "other"},
            {"response_type": "token"},
            {"code_challenge_method": "plain"},
            {"code_challenge": ""},
            {"state": ""},
        ):
            refused = httpx2.get(address, params={**query, **changes, "person": "pasar.analyst"})
            assert refused.status_code == 400 and "location" not in refused.headers, changes

    _run(world, story)


def test_an_id_token_of_another_login_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        answer = await world.choose(await world.begin())
        (code,) = parse_qs(urlsplit(answer).query)["code"]
        kept = world.identity._logins._codes[code]
        world.identity._logins._codes[code] = type(kept)(
            kept.person, kept.redirect_uri, kept.challenge, "other", kept.until
        )
        page = await world.send("GET", answer)
        assert page.status_code == 401 and "another login" in page.text

    _run(world, story)


def test_a_provider_that_is_gone_is_503_and_a_login_too_late_is_none(world: World, monkeypatch: Any) -> None:
    async def story(world: World) -> None:
        answer = await world.choose(await world.begin())
        monkeypatch.setattr(login, "PATIENCE", -1)
        assert (await world.send("GET", answer, dict(world.cookies))).status_code == 401
        monkeypatch.setattr(login, "PATIENCE", 600)
        world.server.stop()
        late = await world.send("GET", answer)
        assert late.status_code == 503 and late.headers["retry-after"]
        nobody = OwnClient("http://127.0.0.1:1", Credentials("x", secret="y"))
        with pytest.raises(Unavailable):
            await nobody.endpoints()

    _run(world, story)
