from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A log of its own for each attack: attacks spoil it."""
    world = World(tmp_path / "log")
    yield world
    world.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A log that is only read."""
    world = World(tmp_path_factory.mktemp("still") / "log")
    yield world
    world.close()
