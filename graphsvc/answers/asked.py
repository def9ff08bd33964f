"""What a question asks for, beside where it starts: how far it goes, and which claims count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec

from graphsvc.graph.sieve import During
from graphsvc.model.gradings import Minimum
from graphsvc.model.principals import Footing

HUB_CAP = 300
"""Entities with more visible links than this are not walked through, unless the question says otherwise."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which claims count: of these owners, within this time, of these kinds of link, with at least this grading."""

    owners: Sequence[str] | None = None
    during: During | None = None
    link_kinds: Sequence[str] | None = None
    grading: Minimum | None = None


@dataclass(frozen=True, slots=True)
class Expansion:
    """A network: handles of where it starts, and how far it goes. ``hub_cap`` None: through hubs as well.

    ``stop`` are handles of entities that are shown, and not walked through. ``cursor`` names the part of the list.
    """

    starts: Sequence[str]
    hops: int = 1
    limit: int = 300
    hub_cap: int | None = HUB_CAP
    stop: Sequence[str] = ()
    cursor: str | None = None

    @property
    def question(self) -> Expansion:
        """The same, whichever part of it."""
        return replace(self, limit=0, cursor=None)


@dataclass(frozen=True, slots=True)
class Route:
    """Handles of two ends, and how many of the shortest paths between them, of at most so many links."""

    source: str
    target: str
    max_hops: int = 6
    k: int = 3
    cursor: str | None = None

    @property
    def question(self) -> Route:
        """The same, whichever part of it."""
        return replace(self, k=0, cursor=None)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: ``first`` members after the place that the cursor ``after`` names (None: from the start)."""

    first: int
    after: str | None = None


def bound_to(field: str, asked: Any, narrowing: Narrowing, footing: Footing) -> bytes:
    """What a cursor is bound to: the question without its page. Another question does not open it."""
    return sha256(msgspec.json.encode([field, asked, narrowing, footing])).digest()
