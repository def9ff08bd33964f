"""Nothing leaks: what a reader may not see changes no byte of any answer."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.leaks.twins import Twins, check
from tests.leaks.worlds import draw_worlds

SEED = int(os.environ.get("GRAPHSVC_TEST_SEED") or secrets.randbits(31))
MANY = int(os.environ.get("GRAPHSVC_TEST_WORLDS", "5000"))
BATCH = 250
"""Worlds loaded at once: the database plans its statements anew as it grows, and so only once for all of them."""


@pytest.mark.timeout(1_200)
def test_twin_worlds_answer_alike(twins: Twins, capsys: pytest.CaptureFixture[str]) -> None:
    _run(twins, 200, capsys)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_many_twin_worlds_answer_alike(twins: Twins, capsys: pytest.CaptureFixture[str]) -> None:
    _run(twins, MANY, capsys)


def _run(twins: Twins, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    worlds = draw_worlds(count, SEED)
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        with capsys.disabled():
            print(f"\ntwin worlds: {line}", flush=True)

    leaks = check(twins, worlds, BATCH, tell)
    with capsys.disabled():
        bare = sum(world.bare for world in worlds)
        print(f"\ntwin worlds: {said[-1]}, {bare} against the graph filtered before (GRAPHSVC_TEST_SEED={SEED})")
    assert len(worlds) == count
    assert not leaks, f"GRAPHSVC_TEST_SEED={SEED}\n" + "\n".join(map(str, leaks[:3]))
