"""Sessions and used proofs are those of all processes over one store: a file, or PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_dpop import KEY, PASAR, _proof
from test_sessions import PEOPLE, World

from graphsvc.api.ports import Call
from graphsvc.api.turns import ActTurns
from graphsvc.auth import sessions
from graphsvc.auth.dpop import Proofs
from graphsvc.auth.shared import Sealed, Shared
from graphsvc.ledger.opening import open_beside
from graphsvc.local import identity as local_identity
from graphsvc.local.identity import DevelopmentIdentity, IdentityServer
from graphsvc.model.errors import TooMany, Unauthenticated, Unavailable
from graphsvc.model.principals import Principal
from graphsvc.settings import Settings

SECRET = bytes(range(32))
URL = "https://graph.example.org/graphql"
ELSEWHERE = """
import asyncio, json, sys, time
from pathlib import Path
from graphsvc.api.ports import Call
from graphsvc.auth.dpop import Proofs
from graphsvc.auth.shared import Shared
from graphsvc.ledger.opening import open_beside
from graphsvc.model.errors import Unauthenticated
path, database, name, thumbprint, *proofs = sys.argv[1:]
shared = Shared(open_beside(Path(path), database), bytes(range(32)))
used = Proofs(shared=shared)

async def told():
    found = await shared.find(name, time.time())
    said = []
    for proof in proofs:
        try:
            await used.check(Call("POST", "https://graph.example.org/graphql", (proof,)), "t", thumbprint)
            said.append("taken")
        except Unauthenticated as refused:
            said.append(refused.message)
    if found is not None:
        await shared.drop(found.id)
    return {"person": found and found.content.person, "proofs": said}

print(json.dumps(asyncio.run(told())))
"""


@pytest.fixture
def place(database: str, tmp_path: Path) -> tuple[Path, str]:
    """Where the store is: a file, and a database's URL or nothing."""
    return tmp_path / "sessions.db", database


@pytest.fixture
def opened(place: tuple[Path, str]) -> Iterator[Callable[[], Shared]]:
    """Opens the store once more, as another process would."""
    all_: list[Shared] = []

    def another() -> Shared:
        all_.append(Shared(open_beside(*place), SECRET))
        return all_[-1]

    yield another
    for one in all_:
        one.close()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[tuple[IdentityServer, DevelopmentIdentity]]:
    server = IdentityServer("development")
    identity = DevelopmentIdentity(server.url, "graphsvc", tmp_path / "dev", PEOPLE)
    server.start(identity)
    yield server, identity
    server.stop()


def test_what_one_process_takes_another_knows(place: tuple[Path, str], opened: Callable[[], Shared]) -> None:
    here = opened()
    used, fresh = (_proof(iat=int(time.time()) + 30) for _ in range(2))
    call = Call("POST", URL, (used,))
    asyncio.run(Proofs(shared=here).check(call, "t", KEY.thumbprint()))
    name = asyncio.run(here.add(Sealed("a", "r", "i", "pasar", "ratna", "g"), time.time()))
    asked = [sys.executable, "-c", ELSEWHERE, str(place[0]), place[1], name, KEY.thumbprint(), used, fresh]
    told = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    assert told == {"person": "ratna", "proofs": ["the proof was used before (jti)", "taken"]}
    assert asyncio.run(here.find(name, time.time())) is None, "ended there, ended here"
    with pytest.raises(Unauthenticated, match="used before"):
        asyncio.run(Proofs(shared=here).check(Call("POST", URL, (fresh,)), "t", KEY.thumbprint()))


def test_a_browser_may_come_to_any_process(
    provider: Any, tmp_path: Path, opened: Callable[[], Shared], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (World(*provider, Settings(tmp_path), opened()) for _ in range(2))

    async def story() -> None:
        answer = await one.choose(await one.begin())
        two.cookies = one.cookies
        assert (await two.send("GET", answer)).status_code == 200, "begun at one, finished at the other"
        guard = await one.guard()
        asked = [world.send("POST", "/who", dict(one.cookies), **guard) for world in (one, two) for _ in range(3)]
        assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * 6
        # Tokens that are about to end are renewed once for both: a refresh token is good once.
        monkeypatch.setattr(local_identity, "LIFETIME", 20)
        await one.log_in()
        two.cookies = one.cookies
        guard = await two.guard()
        asked = [world.send("POST", "/who", dict(one.cookies), **guard) for world in (one, two) for _ in range(3)]
        assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * 6
        monkeypatch.setattr(sessions, "RENAMED", 0.0)
        kept = dict(one.cookies)
        assert (await two.send("GET", "/session")).status_code == 200 and kept != one.cookies
        assert (await one.send("POST", "/who", **guard)).status_code == 200, "under its new name"
        assert (await two.send("POST", "/session/logout", **guard)).status_code == 204
        for world in (one, two):
            gone = await world.send("POST", "/who", kept, **guard)
            assert (gone.status_code, gone.json()["code"]) == (401, "no_session")

    asyncio.run(story())


def test_what_is_asked_in_a_minute_is_counted_for_all_processes(opened: Callable[[], Shared]) -> None:
    one, two = (ActTurns(4, opened()) for _ in range(2))
    reader, other = (Principal(PASAR, name, ()) for name in ("ratna", "dewi"))

    async def act(turns: ActTurns, who: Principal) -> None:
        async with turns.turn(who):
            pass

    async def story() -> None:
        for turns in (one, two, two, one):
            await act(turns, reader)
        for turns in (one, two):
            with pytest.raises(TooMany) as caught:
                await act(turns, reader)
            assert 1 <= caught.value.retry_after <= 16
            await act(turns, other)

    asyncio.run(story())


def test_neither_the_store_nor_the_secret_opens_a_session(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    shared = Shared(open_beside(path, ""), SECRET)
    content = Sealed("ACCESS-TOKEN", "REFRESH-TOKEN", "ID-TOKEN", "pasar", "ratna@pasar.example", "GUARD")
    name = asyncio.run(shared.add(content, 1.0))
    found = asyncio.run(shared.find(name, 2.0))
    assert found is not None and found.content == content and "TOKEN" not in repr(found)
    shared.close()
    held = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    for said in ("TOKEN", "ratna", "GUARD", name):
        assert said.encode() not in held
    other = Shared(open_beside(path, ""), bytes(32))
    assert asyncio.run(other.find(name, 2.0)) is None, "under another secret it is no session"
    other.close()


def test_without_the_store_nobody_is_let_in(tmp_path: Path) -> None:
    shared = Shared(open_beside(tmp_path / "sessions.db", ""), SECRET)
    with shared._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE used_proofs")
    with pytest.raises(Unavailable):
        asyncio.run(Proofs(shared=shared).check(Call("POST", URL, (_proof(),)), "t", KEY.thumbprint()))
    shared.close()
