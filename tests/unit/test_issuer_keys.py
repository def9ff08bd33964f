"""An issuer's keys and its word on tokens, followed while the service runs: changed, withdrawn, false, slow, gone."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from graphsvc.auth import Authenticator, FetchedKeys, keys, ownclient, revocation
from graphsvc.auth.ownclient import Credentials, OwnClient, endpoints_of
from graphsvc.auth.revocation import Introspection
from graphsvc.model.errors import Unauthenticated, Unavailable
from graphsvc.model.principals import Organisation

PASAR = Organisation("pasar", "company", "ID", "Pasar")
OLD, NEW, TWIN = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("old", "new", "old"))


class Issuer:
    """An issuer that serves ``keys``, ``says`` something of tokens, and counts what it is asked."""

    def __init__(self) -> None:
        self.keys: list[ECKey] = [OLD]
        self.says: Any = {"active": True}
        self.delay, self.status = 0.0, 200
        self.body: bytes | None = None
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                time.sleep(issuer.delay)
                at = issuer.url
                content: Any = {"keys": [key.as_dict(private=False) for key in issuer.keys]}
                if self.path.endswith("openid-configuration"):
                    names = ("authorization", "token", "introspection", "revocation")
                    content = {"issuer": at, **{f"{name}_endpoint": f"{at}/{name}" for name in names}}
                self._answer(json.dumps(content).encode() if issuer.body is None else issuer.body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                issuer.asked.append(self.path)
                time.sleep(issuer.delay)
                self._answer(json.dumps(issuer.says).encode())

            def _answer(self, content: bytes) -> None:
                self.send_response(issuer.status)
                if issuer.status == 302:
                    self.send_header("location", f"{issuer.url}/jwks")
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def token(self, key: ECKey = OLD, **changes: Any) -> str:
        now = int(time.time())
        who = {"sub": "ratna", "client_id": "c", "org": "pasar", "roles": [], "jti": str(time.perf_counter_ns())}
        claims = {"iss": self.url, "aud": "graphsvc", **who, "iat": now, "exp": now + 60, **changes}
        header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
        return jws.serialize_compact(header, json.dumps(claims), key, algorithms=["ES256"])


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


def _gate(issuer: Issuer, timeout: float = 5.0, standing: Any = None) -> Authenticator:
    fetched = FetchedKeys(f"{issuer.url}/jwks", timeout)
    return Authenticator(issuer.url, "graphsvc", fetched, {"pasar": PASAR}.get, standing=standing)


async def _all_done() -> None:
    """Wait for what runs beside the requests."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


async def _is_in(gate: Authenticator, token: str) -> bool:
    try:
        await gate.principal(f"Bearer {token}")
    except Unauthenticated:
        return False
    return True


def test_a_new_key_counts_at_once_and_a_withdrawn_one_ends_also_for_tokens_seen_before(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        gate, seen = _gate(issuer), issuer.token()
        assert await _is_in(gate, seen)
        monkeypatch.setattr(keys, "RETRY", 0.0)
        issuer.keys = [OLD, NEW]
        assert await _is_in(gate, issuer.token(NEW)) and await _is_in(gate, seen)
        issuer.keys = [NEW]
        for name in ("KEYS_FRESH", "KEYS_DUE"):
            monkeypatch.setattr(keys, name, 0.0)
        assert not await _is_in(gate, seen) and await _is_in(gate, issuer.token(NEW))
        # A made-up key under the old name opens nothing, and what was seen before doesn't either.
        issuer.keys = [NEW, TWIN]
        assert not await _is_in(gate, seen) and not await _is_in(gate, issuer.token())

    asyncio.run(story())


def test_who_can_not_know_does_not_call_a_token_bad(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        gate = _gate(issuer)
        assert await _is_in(gate, issuer.token())
        # Somebody has just made the service ask in vain; a good new token follows within the pause.
        monkeypatch.setattr(keys, "RETRY", 1.0)
        asked, issuer.keys = len(issuer.asked), [OLD, NEW]
        unknown = ECKey.generate_key("P-256", {"kid": "made-up"})
        tokens = [issuer.token(NEW), issuer.token(unknown), issuer.token(NEW)]
        assert await asyncio.gather(*(_is_in(gate, token) for token in tokens)) == [True, False, True]
        assert len(issuer.asked) == asked + 1, "all wait for one fetch"
        # While the provider fails, nobody is told that a token is bad, and nobody waits.
        issuer.status = 500
        for _ in range(2):
            with pytest.raises(Unavailable):
                await gate.principal(f"Bearer {issuer.token(unknown)}")

    asyncio.run(story())


def test_one_fetch_for_all_and_none_waits_for_a_provider_that_hangs_again(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        gate = _gate(issuer, timeout=1.0)
        token = issuer.token()
        assert await asyncio.gather(*(_is_in(gate, issuer.token()) for _ in range(20))) == [True] * 20
        assert issuer.asked == ["/jwks"]
        issuer.delay = 30.0
        for name, value in (("KEYS_FRESH", 0.0), ("KEYS_DUE", 0.0), ("RETRY", 0.0)):
            monkeypatch.setattr(keys, name, value)
        assert await _is_in(gate, token), "waits once, and goes on with what is at hand"
        # Then each further attempt runs beside the requests.
        async with asyncio.timeout(3.0):
            for _ in range(5):
                assert await _is_in(gate, token)
        monkeypatch.setattr(keys, "KEYS_STALE", 0.0)
        with pytest.raises(Unavailable):
            await gate.principal(f"Bearer {token}")
        await _all_done()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>", 200),
        (b"[]", 200),
        (b'{"keys": {}}', 200),
        (b'{"keys": []}', 200),
        (b'{"keys": [{"kid": "old", "kty": "oct", "k": "eHg"}]}', 200),
        (b'{"keys": [' + b" " * keys.LARGEST + b"]}", 200),
        (None, 500),
        (None, 302),
        (None, 206),
        (json.dumps({"keys": [OLD.as_dict(private=False), TWIN.as_dict(private=False)]}).encode(), 200),
    ],
    ids=["page", "list", "object", "empty", "symmetric", "endless", "failing", "moved", "in part", "two of one name"],
)
def test_a_key_set_that_is_none_lets_nobody_in(issuer: Issuer, body: bytes | None, status: int) -> None:
    issuer.body, issuer.status = body, status
    with pytest.raises((Unavailable, Unauthenticated)):
        asyncio.run(_gate(issuer, timeout=1.0).principal(f"Bearer {issuer.token()}"))


def test_private_parts_in_a_key_set_are_dropped_and_two_of_one_name_are_none() -> None:
    found = keys.usable({"keys": [OLD.as_dict(private=True), NEW.as_dict(private=False), NEW.as_dict(private=False)]})
    assert set(found) == {"old", "new"} and not found["old"].is_private
    assert set(keys.usable({"keys": [one.as_dict(private=False) for one in (OLD, NEW, TWIN)]})) == {"new"}


def _standing(issuer: Issuer, fresh: float = 20.0, timeout: float = 5.0) -> Introspection:
    return Introspection(OwnClient(issuer.url, Credentials("graphsvc", secret="s"), timeout), fresh)


def test_a_token_that_is_taken_back_is_refused_for_good(issuer: Issuer) -> None:
    async def story() -> None:
        standing = _standing(issuer, fresh=0.0)
        gate, token = _gate(issuer, standing=standing), issuer.token()
        assert await asyncio.gather(*(_is_in(gate, token) for _ in range(10))) == [True] * 10
        assert issuer.asked.count("/introspection") == 1, "once for all who wait"
        issuer.says = {"active": False}
        assert not await _is_in(gate, token)
        issuer.says = {"active": True}
        assert not await _is_in(gate, token) and await _is_in(gate, issuer.token())
        asked = len(issuer.asked)
        assert not await _is_in(gate, issuer.token(aud="other")), "of strangers' tokens nobody is asked"
        assert len(issuer.asked) == asked

    asyncio.run(story())


def test_an_answer_is_good_for_a_while(issuer: Issuer) -> None:
    async def story() -> None:
        gate, token = _gate(issuer, standing=_standing(issuer)), issuer.token()
        assert [await _is_in(gate, token) for _ in range(5)] == [True] * 5
        assert issuer.asked.count("/introspection") == 1
        assert revocation.FRESH + keys.KEYS_DUE / 2 < 60

    asyncio.run(story())


@pytest.mark.parametrize("says", [{}, {"active": "true"}, {"active": 1}, [], "active", None, {"Active": True}])
def test_only_a_plain_yes_is_one(issuer: Issuer, says: Any) -> None:
    issuer.says = says
    assert not asyncio.run(_is_in(_gate(issuer, standing=_standing(issuer)), issuer.token()))


def test_without_an_answer_nobody_is_let_in(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        gate = _gate(issuer, standing=_standing(issuer, fresh=0.0, timeout=1.5))
        token = issuer.token()
        assert await _is_in(gate, token)
        for changes in ({"status": 500}, {"status": 401}, {"delay": 30.0}):
            monkeypatch.setattr(revocation, "PAUSE", 0.0)
            vars(issuer).update({"status": 200, "delay": 0.0, **changes})
            with pytest.raises(Unavailable):
                await gate.principal(f"Bearer {token}")
        monkeypatch.setattr(revocation, "PAUSE", 60.0)
        async with asyncio.timeout(3.0):
            for _ in range(5):
                with pytest.raises(Unavailable):
                    await gate.principal(f"Bearer {issuer.token()}")
        monkeypatch.setattr(revocation, "PAUSE", 0.0)
        issuer.delay = 0.0
        assert await _is_in(gate, token), "it is back"

    asyncio.run(story())


def test_a_discovery_document_is_the_issuers_own() -> None:
    good = {"issuer": "https://a", "authorization_endpoint": "https://a/x", "token_endpoint": "https://a/t"}
    assert endpoints_of(good, "https://a").token == "https://a/t"
    for changes in (
        {"issuer": "https://a/"},
        {"issuer": "https://evil"},
        {"token_endpoint": "http://a/t"},
        {"token_endpoint": None},
        {"token_endpoint": ""},
        {"introspection_endpoint": "http://a/i"},
    ):
        with pytest.raises(ValueError, match=r"."):
            endpoints_of({**good, **changes}, "https://a")
    with pytest.raises(ValueError, match="https"):
        OwnClient("http://a.example", Credentials("x"))
    assert "secret" not in repr(ownclient.Tokens("secret", "secret", "secret"))
