"""What an operator looks at: whether the parts of a running service do their work, and what to do where one does not.

Entries are named by their index and faults by a code; values, rows and organisations are not named.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from graphsvc.anchoring.witnesses import Witnessing, parts_ready
from graphsvc.graph.driver import Graph
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.rowkeys import ERASED_WITHIN_DAYS
from graphsvc.ledger.taken import standing
from graphsvc.model import ranges
from graphsvc.model.ranges import Ranges
from graphsvc.projection.apply import Applier
from graphsvc.projection.changes import EFFECTIVE, ERASURE
from graphsvc.projection.rebuild import made_at
from graphsvc.wire.upkeep import Applied, Check, EntryAside, Planned, Progress, Stuck
from graphsvc_verify.entry import parse_leaf

LEAST_FREE = 2 << 30
"""An operator is told when less than this many bytes of the disk are free."""
LATE = 60.0
"""An entry should be published, and applied, within this many seconds."""

FORGET_WITHIN = ERASED_WITHIN_DAYS - 7
"""This many days after an erasure, an operator is told that the graph's files may still hold what was erased."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Lag:
    """How many entries that change the graph are not applied, and how many seconds ago the oldest was written."""

    entries: int
    seconds: float


class Checkup:
    """Looks at one service. Blocks: for worker threads.

    ``late``: within how many seconds an entry should be applied; 0: no matter when.
    """

    def __init__(
        self,
        ledger: Ledger,
        applier: Applier,
        graph: Graph,
        data: Path,
        late: float = LATE,
        clock: Callable[[], datetime] = _now,
        witnessing: Witnessing | None = None,
    ) -> None:
        self._witnessing = witnessing
        self._late = late
        self._clock = clock
        self._ledger = ledger
        self._applier = applier
        self._graph = graph
        self._data = data

    def ready(self) -> Mapping[str, bool]:
        """Which parts are ready, by name: whether the ledger takes entries, the applier is not stuck. Never blocks.

        ``plans``: nobody need wait for the first plan of a common question, or that was waited for long enough.
        """
        return {
            "ledger": self._ledger.closed_by is None and not self._ledger.full,
            "tiles": self._ledger.published_late is None,
            "applier": self._applier.stuck is None,
            "plans": self._graph.ahead.over,
            **parts_ready(self._witnessing),
        }

    def progress(self) -> Progress:
        """How far the applier is, where it is stuck, and what is set aside: entries and codes."""
        stuck, lag, ahead = self._applier.stuck, self.lag(), self._graph.ahead
        return Progress(
            applier=Applied(
                applied=self._applier.applied,
                head=self._ledger.head,
                entries_behind=lag.entries,
                seconds_behind=int(lag.seconds),
                lagging=self._is_late(lag),
                stuck=None if stuck is None else Stuck(entry=stuck.entry, code=stuck.code),
            ),
            plans=Planned(
                statements=ahead.statements, planned=ahead.planned, late=ahead.over and ahead.planned < ahead.statements
            ),
            set_aside=[EntryAside(entry=entry, code=code) for entry, code, _ in self._aside()],
        )

    def lag(self) -> Lag:
        """How far the graph is behind the log. Entries that change nothing in it, such as reads, do not count."""
        progress, head = self._applier.progress, self._ledger.head
        waiting = list(progress.waiting)
        if progress.head < head:
            waiting += [index for index, _ in self._ledger.indexes(progress.head, head, EFFECTIVE)]
        return Lag(len(waiting), max(self._age(waiting[0]), 0.0)) if waiting else Lag(0, 0.0)

    def _is_late(self, lag: Lag) -> bool:
        return bool(self._late) and lag.seconds > self._late

    def checks(self) -> list[Check]:
        """Each check: its name, whether all is well, what was found, and what to do."""
        looks = (self._takes_entries, self._publishes, self._neo4j, self._applies)
        return [look() for look in (*looks, self._set_aside, self._forgets, self._disk, self._sealing)]

    def _takes_entries(self) -> Check:
        why, advice = self._ledger.closed_by, "look at the disk under the state directory, then restart the service"
        if why is None and self._ledger.full:
            why, advice = "the disk has no room for the next entries", "make room: it goes on by itself"
        return _check("ledger", why is None, why or f"takes entries; {self._ledger.head} so far", advice)

    def _publishes(self) -> Check:
        published, head = self._ledger.published, self._ledger.head
        advice = "nobody outside sees the log grow: look at the disk under ledger/tiles; it is tried again by itself"
        found = f"{published} of {head} entries are published"
        if (late := self._ledger.published_late) is not None:
            found += f"; {late}"
        return _check("tiles", late is None and (published >= head or self._age(published) < LATE), found, advice)

    def _neo4j(self) -> Check:
        alive = self._graph.alive()
        advice = "look at Neo4j and its log; entries wait in the ledger, and the service goes on by itself"
        ahead = self._graph.ahead
        if alive and ahead.planned < ahead.statements:
            # Each question plans what it needs, and waits for that: nothing is refused, so nothing is wrong.
            found = f"answers; {ahead.planned} of {ahead.statements} common statements are planned"
            return _check("neo4j", True, found, "")
        return _check("neo4j", alive, "answers" if alive else "does not answer", advice)

    def _applies(self) -> Check:
        stuck, lag = self._applier.stuck, self.lag()
        found = f"{lag.entries} entries behind" + (f", the oldest for {int(lag.seconds)} s" if lag.entries else "")
        if stuck is not None:
            found += f"; stuck at entry {stuck.entry}: {stuck.code}" if stuck.entry is not None else f"; {stuck.code}"
        advice = "it tries again by itself: look at Neo4j, its memory and the disk (docs/operations.md has the codes)"
        return _check("applier", stuck is None and not self._is_late(lag), found, advice)

    def _set_aside(self) -> Check:
        aside = self._aside()
        found = "\n".join(f"entry {entry}: {ranges.count(rows)} rows, {code}" for entry, code, rows in aside)
        advice = "their owners are told; once what is wrong is mended: graphsvc reapply ENTRY"
        return _check("set aside", not aside, found or "nothing", advice)

    def _sealing(self) -> Check:
        """Never wrong: the accelerator is not needed."""
        return _check("sealing", True, self._ledger.sealer.code, "")

    def _disk(self) -> Check:
        free = shutil.disk_usage(self._data).free
        return _check("disk", free >= LEAST_FREE, f"{free >> 20} MiB free", "make room: a full disk stops the ledger")

    def _forgets(self) -> Check:
        home = self._data / "neo4j"
        after = made_at(home) + 1
        left = self._ledger.indexes(after, self._ledger.head, (ERASURE,)) if home.exists() else []
        if not left:
            return _check("erased", True, "the own graph's files hold nothing that was erased", "")
        days = int(self._age(left[0][0]) // 86_400)
        found = f"{len(left)} erasures since the graph's files were made; the oldest {days} days ago"
        return _check("erased", days < FORGET_WITHIN, found, "restart the service: it makes the graph anew by itself")

    def _aside(self) -> list[tuple[int, str, Ranges]]:
        with self._ledger.reading() as connection:
            found = standing(connection)
        return [(entry, code, rows) for entry, parts in sorted(found.items()) for code, rows in parts]

    def _age(self, index: int) -> float:
        """Seconds since an entry was written."""
        written = datetime.fromisoformat(parse_leaf(self._ledger.entry(index)).t)
        return (self._clock() - written).total_seconds()


def _check(name: str, ok: bool, found: str, advice: str) -> Check:
    return Check(name=name, ok=ok, found=found, advice="" if ok else advice)
