"""Who waits for an entry to be applied may go at any moment; the applier goes on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from graphsvc.model.errors import Unavailable
from graphsvc.projection.apply import Applier, _Waiter
from graphsvc.projection.schedule import Progress


@pytest.fixture
def applier() -> Applier:
    parts: Any = SimpleNamespace(store=None, keys=None, writer=None, columns=None)
    return Applier(parts, parts, parts)


def test_a_loop_that_was_closed_while_somebody_waited_in_it_holds_up_nobody(applier: Applier) -> None:
    gone = asyncio.new_event_loop()
    applier._waiting.append(_Waiter(lambda progress: progress.applied >= 0, gone, gone.create_future()))
    gone.close()

    async def waits() -> None:
        waiting = asyncio.create_task(applier.wait(0))
        await asyncio.sleep(0)
        await asyncio.to_thread(applier._reached, Progress(1))
        await waiting

    asyncio.run(waits())
    assert applier.applied == 0 and not applier._waiting


def test_who_has_waited_in_vain_is_forgotten(applier: Applier) -> None:
    with pytest.raises(Unavailable, match="not applied yet"):
        asyncio.run(applier.wait(3, seconds=0.01))
    assert not applier._waiting
    applier._reached(Progress(4))
