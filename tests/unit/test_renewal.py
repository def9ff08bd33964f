"""When a start makes the own graph anew, and that it starts all the same where it can't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sealed_world import SealedWorld

from graphsvc.local import renewal
from graphsvc.local.renewal import renew
from graphsvc.settings import Settings


@pytest.fixture
def erased(tmp_path: Path) -> Iterator[tuple[Settings, int]]:
    """A state directory with an own graph and an erasure of today that a crash has cut off, and that entry."""
    world = SealedWorld(tmp_path / "data")
    world.erase(world.submit("one"), 0, destroy=False)
    index = world.ledger.head - 1
    world.close()
    (tmp_path / "data" / "neo4j").mkdir()
    yield replace(world.settings, forget_days=0), index


def test_it_is_due_once_for_each_erasure(erased: tuple[Settings, int], monkeypatch: pytest.MonkeyPatch) -> None:
    settings, index = erased
    home, ran = settings.data / "neo4j", []

    def rebuilt(source: Any, *_: object) -> None:
        (pack,) = source.ledger.open_header(index - 1)["body"]["packs"]
        ran.append(any(source.payloads.keys.open(pack)[:64]))
        (home / "made").write_text(str(source.ledger.head - 1))

    monkeypatch.setattr(renewal, "rebuild_offline", rebuilt)
    assert not renew(replace(settings, forget_days=7)), "an erasure of today waits"
    assert not renew(replace(settings, neo4j_uri="bolt://elsewhere")), "the server of others is theirs"
    assert renew(settings) and ran == [False], "what is erased has no keys before anything is read"
    assert not renew(settings), "nothing was erased since"
    (home / "made").write_text(str(index - 1))
    assert renew(settings) and len(ran) == 2
    home.joinpath("made").unlink()
    home.rmdir()
    assert not renew(settings), "there are no files yet"


def test_a_start_goes_on_where_it_fails(
    erased: tuple[Settings, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "no space left on this device")

    monkeypatch.setattr(renewal, "rebuild_offline", fails)
    assert not renew(erased[0]) and "may hold what was erased" in caplog.text
    assert (erased[0].data / "neo4j").exists()
    SealedWorld(erased[0].data).close()
