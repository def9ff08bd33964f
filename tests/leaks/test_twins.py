"""Nothing leaks: what a reader may not see changes no byte of any answer."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest

from tests.leaks.twins import Twins, check
from tests.leaks.worlds import draw_worlds

SEED = int(os.environ.get("GRAPHSVC_TEST_SEED") or secrets.randbits(31))
MANY = int(os.environ.get("GRAPHSVC_TEST_WORLDS", "5000"))
BATCH = 250
"""Worlds loaded at once: the database plans its statements anew as it grows, and so only once for all of them."""


Record = Callable[[str, object], None]


@pytest.mark.timeout(1_200)
def test_twin_worlds_answer_alike(twins: Twins, capsys: pytest.CaptureFixture[str], record_property: Record) -> None:
    _run(twins, 200, capsys, record_property)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_many_twin_worlds_answer_alike(
    twins: Twins, capsys: pytest.CaptureFixture[str], record_property: Record
) -> None:
    _run(twins, MANY, capsys, record_property)


def _run(twins: Twins, count: int, capsys: pytest.CaptureFixture[str], record: Record) -> None:
    worlds = draw_worlds(count, SEED)

    def tell(line: str) -> None:
        with capsys.disabled():
            print(f"\ntwin worlds: {line}", flush=True)

    leaks = check(twins, worlds, BATCH, tell)
    record("twin worlds", len(worlds))
    record("of them against the graph filtered before", sum(world.bare for world in worlds))
    record("answers compared", twins.compared)
    record("seed", SEED)
    assert len(worlds) == count
    assert not leaks, f"GRAPHSVC_TEST_SEED={SEED}\n" + "\n".join(map(str, leaks[:3]))
