"""The purge: what has expired, is over age or was taken back, and is under no hold, is erased for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from graphsvc.core import Core
from graphsvc.ledger.taken import PAYLOAD
from graphsvc.lifecycle.erase import MOST, Erasing
from graphsvc.lifecycle.recall import Decision
from graphsvc.lifecycle.retention import Due, Rule, due
from graphsvc.lifecycle.store import PURGED
from graphsvc.model import ranges
from graphsvc.model.errors import Conflict
from graphsvc.model.ranges import Ranges
from graphsvc.wire.upkeep import Purged, PurgedOwner

SERVICE = "the service's purge"


async def purge(
    core: Core, erasing: Erasing, rules: Sequence[Rule], *, by: str = SERVICE, dry_run: bool = False
) -> Purged:
    """Purge what is due; the report names counts and entries, by owner. ``dry_run``: only say what would go.

    Each entry names positions only. Raises Unavailable when the applier is too far behind.
    """
    # 1. All entries count, so they have to be applied.
    await core.applier.wait(core.ledger.head - 1)
    # 2. What is due, less what is held (retention).
    found = await asyncio.to_thread(lambda: list(due(core, rules)))
    report = []
    for one in found:
        entries: list[int] = []
        held_meanwhile = 0
        # 3. Erased, in parts (erasing).
        for part in [] if dry_run else list(_parts(one.purged)):
            decision = Decision(one.owner, PURGED, by, "retention")
            try:
                appended, _ = await erasing.erase(decision, part, told=False)
                entries.append(appended.index)
            except Conflict as conflict:
                if conflict.code not in ("held", PAYLOAD):
                    raise
                held_meanwhile += ranges.count(part)
        report.append(_told(one, entries, held_meanwhile))
    return Purged(dry_run=dry_run, owners=report, records=sum(one.records for one in report))


def _told(one: Due, entries: list[int], held_meanwhile: int) -> PurgedOwner:
    names = ("expired", "over_age", "recalled", "held")
    counts = {name: ranges.count(getattr(one, name)) for name in names}
    counts["held"] += held_meanwhile
    return PurgedOwner(
        owner=one.owner,
        records=ranges.count(one.purged) - held_meanwhile,
        expired=counts["expired"],
        over_age=counts["over_age"],
        recalled=counts["recalled"],
        held=counts["held"],
        holds=list(one.holds),
        entries=entries,
    )


def _parts(of: Ranges) -> Iterator[Ranges]:
    """Parts of at most :data:`MOST` rows."""
    taken: list[ranges.Range] = []
    room = MOST
    for submission, first, last in of:
        start = first
        while start <= last:
            end = min(last, start + room - 1)
            taken.append((submission, start, end))
            room -= end - start + 1
            start = end + 1
            if room == 0:
                yield tuple(taken)
                taken, room = [], MOST
    if taken:
        yield tuple(taken)
