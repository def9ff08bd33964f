"""Tests in lanes: workers of pytest-xdist that each take whole folders, the longest first.

A folder's tests share servers that a session starts once, so no folder is cut. Without ``-n`` nothing of this is used.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

LONGEST = ("paths", "leaks", "properties", "unit")
"""Folders in the order in which lanes take them, before all others."""


class Lanes(LoadScopeScheduling):
    """Gives out folders below ``tests/`` in the order in which their tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return folder_of(nodeid)


def folder_of(nodeid: str) -> str:
    """The folder below ``tests/`` in which a test is, or the file if it is in none."""
    return nodeid.split("/")[1].partition("::")[0]


def in_order(items: list[pytest.Item]) -> None:
    """Put the tests of the longest folders first; within a folder their order stays."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(folder_of(item.nodeid), len(places)))


def scheduler(config: pytest.Config, log: Any) -> Lanes:
    """What xdist asks which lane takes what."""
    config.option.loadscopereorder = False
    return Lanes(config, log)
