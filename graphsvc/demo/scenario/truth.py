"""What was planted, so that a story or a test can tell whether the service found it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphsvc.model.drafts import Defaults

Written = dict[str, Any]
"""A part of a draft as its contributor writes it in JSON."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One organisation's file as it would submit it.

    ``rows`` counts every physical row, a CSV header included; ``accepted`` the rows that become records;
    ``rejected`` maps the other rows' numbers to what is wrong with them, in words; ``marked`` are accepted rows
    with a value that can't be normalised.
    """

    org: str
    path: Path
    mapping: Path | None
    media_type: str
    defaults: Defaults
    rows: int
    accepted: int
    rejected: dict[int, str]
    marked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlantedRing:
    """Accounts and shared identifiers of a planted ring, by canonical key."""

    goods: str
    accounts: tuple[str, ...]
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """What an investigator of ``police-ke`` must find, and must not."""

    rings: tuple[PlantedRing, ...]
    start_phone: str
    seized_parcel: str
    seller: str
    path_length: int
    path_owners: frozenset[str]
    withheld_phone: str
    withheld_holder: str
    withheld_person: str
    withheld_name: str
    absent_phone: str
    hidden: tuple[str, ...]
    withheld_group: tuple[str, str]
    hubs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """The files on disk and the truth about them."""

    seed: int
    slices: tuple[Slice, ...]
    truth: Truth
    accounts: int


@dataclass(slots=True)
class Claims:
    """Who claims which link, as the scenario wrote it down: enough to know shortest paths beforehand."""

    links: list[tuple[str, str, str, bool]] = field(default_factory=list)
    mentions: list[tuple[str, str, bool]] = field(default_factory=list)

    def say(self, owner: str, first: str, second: str = "", *, hidden: bool = False) -> None:
        """``owner`` claims that there is ``first`` (and that it is linked to ``second``)."""
        self.mentions.append((first, owner, hidden))
        if second:
            self.mentions.append((second, owner, hidden))
            self.links.append((first, second, owner, hidden))

    def distance(self, start: str, end: str) -> int:
        """Length of a shortest path over what is not hidden; -1 when there is none."""
        near: dict[str, list[str]] = {}
        for first, second, _, hidden in self.links:
            if not hidden:
                near.setdefault(first, []).append(second)
                near.setdefault(second, []).append(first)
        seen, queue = {start: 0}, deque([start])
        while queue:
            here = queue.popleft()
            if here == end:
                return seen[here]
            for there in near.get(here, ()):
                if there not in seen:
                    seen[there] = seen[here] + 1
                    queue.append(there)
        return -1

    def only_hidden(self) -> tuple[str, ...]:
        """Keys that are mentioned in hidden claims only, in the order of their first mention."""
        shown = {key for key, _, hidden in self.mentions if not hidden}
        return tuple(dict.fromkeys(key for key, _, _ in self.mentions if key not in shown))

    def owners(self, keys: Iterable[str]) -> frozenset[str]:
        """Who claims any of the keys."""
        wanted = set(keys)
        return frozenset(owner for key, owner, hidden in self.mentions if key in wanted and not hidden)
