"""Whose turn it is, how often in a minute, and how much may be received at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from graphsvc.api import uploads
from graphsvc.api.turns import Rate, Share, Turns
from graphsvc.api.uploads import Uploads
from graphsvc.model.errors import NoRoom, TooMany
from graphsvc.settings import Settings


class Works:
    """Work that ends when it is told to; notes whose began, in order."""

    def __init__(self, share: Share) -> None:
        self.turns = Turns(share)
        self.began: list[str] = []
        self.gates: list[asyncio.Event] = []

    def start(self, who: str) -> asyncio.Task[None]:
        async def work() -> None:
            async with self.turns.turn(who):
                self.began.append(who)
                gate = asyncio.Event()
                self.gates.append(gate)
                await gate.wait()

        return asyncio.create_task(work())

    async def end_one(self) -> None:
        self.gates.pop(0).set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_organisations_take_turns_however_many_one_of_them_has_waiting() -> None:
    async def story() -> None:
        works = Works(Share(at_once=2, each=2, waiting=10))
        tasks = [works.start("a") for _ in range(8)]
        await settle()
        tasks += [works.start(who) for who in ("b", "b", "c")]
        await settle()
        assert works.began == ["a", "a"], "one alone may use all there is"
        for _ in range(9):
            await works.end_one()
        assert works.began == ["a", "a", "b", "a", "c", "b", "a", "a", "a", "a", "a"]
        for gate in works.gates:
            gate.set()
        await asyncio.gather(*tasks)
        assert not works.turns._waiting and not works.turns._running

    asyncio.run(story())


def test_one_organisation_never_holds_all_turns_where_each_has_its_share() -> None:
    async def story() -> None:
        works = Works(Share(at_once=4, each=3, waiting=10))
        tasks = [works.start("a") for _ in range(6)]
        tasks.append(works.start("b"))
        await settle()
        assert works.began == ["a", "a", "a", "b"]
        for _ in range(7):
            await works.end_one()
        await asyncio.gather(*tasks)

    asyncio.run(story())


def test_who_waits_too_much_is_told_and_who_gives_up_is_passed_over() -> None:
    async def story() -> None:
        works = Works(Share(at_once=1, each=1, waiting=2))
        tasks = [works.start("a") for _ in range(3)]
        await settle()
        with pytest.raises(TooMany) as caught:
            await works.start("a")
        assert caught.value.retry_after > 0
        other = works.start("b")
        await settle()
        tasks[1].cancel()
        await settle()
        await works.end_one()
        # Given and given up in the same moment: the turn goes on to the next one.
        tasks[2].cancel()
        await settle()
        for _ in range(2):
            if works.gates:
                await works.end_one()
        await asyncio.gather(*tasks, other, return_exceptions=True)
        assert works.began.count("b") == 1 and not works.turns._waiting and not works.turns._running

    asyncio.run(story())


def test_a_rate_lets_so_many_at_once_and_then_so_many_a_minute() -> None:
    now = [100.0]
    rate = Rate(6, lambda: now[0])
    for _ in range(6):
        rate.count("a")
    with pytest.raises(TooMany) as caught:
        rate.count("a")
    rate.count("b")
    now[0] += caught.value.retry_after
    rate.count("a")
    with pytest.raises(TooMany):
        rate.count("a")
    now[0] += 61
    rate.count("c")
    assert list(rate._left) == ["c"], "who has been away for a minute is forgotten"
    for _ in range(100):
        Rate(0, lambda: now[0]).count("a")


def test_uploads_are_bounded_by_organisation_and_given_back(tmp_path: Path) -> None:
    settings = Settings(tmp_path, uploads_an_organisation=2, spool_an_organisation=1_000, disk_reserve=0)
    running = Uploads(settings)
    with running.one("a", 400) as first, running.one("a", 0) as second:
        second.receive(600)
        with pytest.raises(TooMany):
            second.receive(1)
        with pytest.raises(TooMany), running.one("a", 1):
            pass
        with running.one("b", 1_000):
            pass
        first.receive(400)
    with running.one("a", 1_000):
        pass
    assert not running._running and not +running._bytes


def test_the_last_room_on_the_disk_is_the_ledgers(tmp_path: Path) -> None:
    free = uploads.free_bytes(tmp_path)
    running = Uploads(Settings(tmp_path, disk_reserve=free - (100 << 20)))
    with pytest.raises(NoRoom), running.one("a", 200 << 20):
        pass
    with running.one("a", 1 << 20) as one, pytest.raises(NoRoom):
        one.receive(300 << 20)
    assert not running._running and not +running._bytes
