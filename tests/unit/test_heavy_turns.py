"""Turns of heavy questions: so many at once of an organisation and of all, in turn, and an end to waiting."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from graphsvc.answers.questions import BUSY, LONG, WIDE, _busy
from graphsvc.api.turns import Share, Turns
from graphsvc.graph.driver import READERS
from graphsvc.model.errors import Unavailable


class Questions:
    """Questions that stay inside until they are let go."""

    def __init__(self, lane: Turns) -> None:
        self._lane = lane
        self.inside: list[str] = []
        self._gates: list[tuple[str, asyncio.Event]] = []

    async def ask(self, org: str) -> None:
        async with self._lane.turn(org):
            gate = asyncio.Event()
            self.inside.append(org)
            self._gates.append((org, gate))
            await gate.wait()
            self.inside.remove(org)

    async def let_go(self) -> str:
        """The one that has been inside longest goes."""
        org, gate = self._gates.pop(0)
        gate.set()
        await settle()
        return org


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_no_organisation_takes_all_turns_and_all_take_turns() -> None:
    async def run() -> None:
        questions = Questions(Turns(Share(at_once=3, each=2, waiting=16), _busy))
        asked = [asyncio.create_task(questions.ask("greedy")) for _ in range(6)]
        await settle()
        assert Counter(questions.inside) == {"greedy": 2}
        asked += [asyncio.create_task(questions.ask(org)) for org in ("small", "other")]
        await settle()
        assert Counter(questions.inside) == {"greedy": 2, "small": 1}
        # One place is free: the other organisation has it, although four of the greedy one came before.
        assert await questions.let_go() == "greedy"
        assert Counter(questions.inside) == {"greedy": 1, "small": 1, "other": 1}
        while questions.inside:
            assert len(questions.inside) <= 3 and Counter(questions.inside)["greedy"] <= 2
            await questions.let_go()
        await asyncio.gather(*asked)

    asyncio.run(run())


def test_a_line_is_bounded_and_waiting_has_an_end() -> None:
    async def run() -> None:
        questions = Questions(Turns(Share(at_once=2, each=1, waiting=2, patience=0.01), _busy))
        first = asyncio.create_task(questions.ask("greedy"))
        await settle()
        waiting = [asyncio.create_task(questions.ask("greedy")) for _ in range(2)]
        await settle()
        with pytest.raises(Unavailable) as refused:
            await questions.ask("greedy")
        assert refused.value.code == BUSY
        # Another's question does not wait for theirs.
        other = asyncio.create_task(questions.ask("small"))
        await settle()
        assert questions.inside == ["greedy", "small"]
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [getattr(error, "code", None) for error in told] == [BUSY, BUSY]
        await questions.let_go()
        await questions.let_go()
        await asyncio.gather(first, other)
        # What gave up took no place with it.
        again = [asyncio.create_task(questions.ask(org)) for org in ("greedy", "small")]
        await settle()
        assert sorted(questions.inside) == ["greedy", "small"]
        for _ in again:
            await questions.let_go()
        await asyncio.gather(*again)

    asyncio.run(run())


def test_who_goes_away_while_waiting_leaves_the_line() -> None:
    async def run() -> None:
        questions = Questions(Turns(Share(at_once=1, each=1, waiting=16), _busy))
        first = asyncio.create_task(questions.ask("one"))
        await settle()
        gone, next_ = (asyncio.create_task(questions.ask(org)) for org in ("two", "three"))
        await settle()
        gone.cancel()
        await settle()
        await questions.let_go()
        assert questions.inside == ["three"]
        await questions.let_go()
        await asyncio.gather(first, next_)

    asyncio.run(run())


def test_heavy_questions_leave_threads_and_connections_to_who_asks_for_one_thing() -> None:
    assert WIDE.each < WIDE.at_once and LONG.each < LONG.at_once
    assert WIDE.at_once + LONG.at_once <= READERS - 2
