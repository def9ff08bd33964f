"""Which ledger entries wait to be applied, and whose turn it is.

The entries of one organisation are applied in ledger order, as they are about the same records. What one organisation
submits, moves or takes back changes nobody else's records, and the outcome does not depend on who came first. So
organisations take turns, a transaction each: three rows wait for one transaction, never for another's million rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from types import MappingProxyType

from graphsvc.graph.write import Watermark
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.own import owners_of
from graphsvc.projection.changes import BRINGING, CHANGES, EFFECTIVE, SUBMISSION, Plan

MOST_AHEAD = 1_000
"""At most this many waiting entries are looked at for the next turn, so the watermark names no more as open."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry that is not applied, or not wholly. ``concerns``: whose records it is about; None: anybody's."""

    index: int
    kind: str
    concerns: frozenset[str] | None

    def is_about(self, org: str) -> bool:
        """Whether it may be about an organisation's records."""
        return self.concerns is None or org in self.concerns


@dataclass(frozen=True)
class Progress:
    """How far the ledger is applied at one moment: all below ``head``, but for what is ``waiting``, in ledger order."""

    head: int = 0
    waiting: Mapping[int, Waiting] = field(default_factory=dict)

    @property
    def applied(self) -> int:
        """The last entry up to which everything is applied."""
        return next(iter(self.waiting), self.head) - 1

    def has(self, index: int) -> bool:
        """Whether an entry is applied; then so are all earlier ones about the same organisations."""
        return index < self.head and index not in self.waiting

    def reached(self, index: int, org: str) -> bool:
        """Whether entry ``index`` is applied, and all up to it that is about an organisation's records."""
        return self.has(index) and self.settled(org, index)

    def settled(self, org: str, index: int) -> bool:
        """Whether all entries up to ``index`` that are about an organisation's records are applied."""
        return index < self.head and not any(one.index <= index and one.is_about(org) for one in self.waiting.values())

    def unmoved(self, index: int) -> bool:
        """Whether all entries up to ``index`` that move records or take them out are applied."""
        return index < self.head and not self.changes(index)

    def changes(self, index: int) -> list[tuple[int, str]]:
        """(index, type) of the entries up to ``index`` that still have to move records or take them out."""
        return [change for change in self._changes if change[0] <= index]

    def submissions_of(self, org: str) -> list[int]:
        """An organisation's submissions that are not wholly applied."""
        return list(self._submissions.get(org, ()))

    # Cached: every question asks for these, and many entries may be waiting.
    @cached_property
    def _changes(self) -> list[tuple[int, str]]:
        return [(one.index, one.kind) for one in self.waiting.values() if one.kind in CHANGES]

    @cached_property
    def _submissions(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for one in self.waiting.values():
            for org in one.concerns or () if one.kind == SUBMISSION else ():
                found.setdefault(org, []).append(one.index)
        return found


class Schedule:
    """The entries that wait, for one applier, from one reading of the graph's watermark on."""

    def __init__(self, mark: Watermark) -> None:
        self._mark = mark
        self._head = mark.whole + 1
        self._waiting: dict[int, Waiting] = {}
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._progress: Progress | None = None

    def look(self, ledger: Ledger, plan: Plan) -> None:
        """Take in entries that have come into the ledger since, here and in ``plan``."""
        head = ledger.head
        if head <= self._head:
            return
        effective = ledger.indexes(self._head, head, EFFECTIVE)
        fresh = [(index, kind) for index, kind in effective if self._mark.at(index) is not None]
        if fresh:
            plan.take(ledger, fresh)
            self._waiting.update(_waiting(ledger, plan, fresh))
        self._head, self._progress = head, None

    def next(self) -> Waiting | None:
        """The entry whose turn it is: among the first of each organisation, the one whose last turn is longest ago."""
        found = self._first()
        if found is None:
            return None
        self._turn += 1
        self._turns.update(dict.fromkeys(found.concerns or (), self._turn))
        return found

    def after(self, entry: int, done: bool) -> Waiting | None:
        """Whose turn comes after that of ``entry``, if nothing comes in meanwhile; ``done``: this turn ends it."""
        return self._first(entry if done else None)

    def at(self, entry: int) -> int:
        """How far an entry that waits was applied when the watermark was read."""
        return self._mark.at(entry) or 0

    def _first(self, without: int | None = None) -> Waiting | None:
        found: tuple[int, Waiting] | None = None
        before: set[str] = set()
        for one in islice(self._waiting.values(), MOST_AHEAD):
            if one.index == without:
                continue
            if one.concerns is None:
                # It waits for all that came before it, and all that came after it waits for it.
                found = found or (0, one)
                break
            last = max((self._turns.get(org, 0) for org in one.concerns), default=0)
            if before.isdisjoint(one.concerns) and (found is None or last < found[0]):
                found = last, one
            before |= one.concerns
        return None if found is None else found[1]

    def passed(self, entry: int) -> tuple[int, ...]:
        """The entries before ``entry``, whose turn it is, that still have to be applied."""
        return tuple(index for index in islice(self._waiting, MOST_AHEAD) if index < entry)

    def done(self, entry: int) -> None:
        """Note that an entry is wholly applied."""
        del self._waiting[entry]
        self._progress = None

    def progress(self) -> Progress:
        """How far the ledger is applied; the same object until that changes."""
        if self._progress is None:
            self._progress = Progress(self._head, MappingProxyType(dict(self._waiting)))
        return self._progress


def _waiting(ledger: Ledger, plan: Plan, fresh: Sequence[tuple[int, str]]) -> dict[int, Waiting]:
    def submissions(index: int, kind: str) -> frozenset[int]:
        return frozenset({plan.submission(index)}) if kind in BRINGING else plan.touched[index]

    touched = {index: submissions(index, kind) for index, kind in fresh}
    owners = owners_of(ledger, frozenset().union(*touched.values()))

    def concerns(index: int) -> frozenset[str] | None:
        # It names what is no submission, so nobody can say whose records it is about.
        if not touched[index] <= owners.keys():
            return None
        return frozenset(owners[submission] for submission in touched[index])

    return {index: Waiting(index, kind, concerns(index)) for index, kind in fresh}
