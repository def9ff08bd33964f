"""``python -m bench.counting``: the service with a ledger that only counts reads, so that the audit's cost can be seen.

It stands in for ``graphsvc`` in one benchmark and nowhere else: an answer leaves with a receipt that proves nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

import graphsvc.app
from graphsvc.cli import main
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger


class Counted:
    """Stands in for a ledger entry."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.encoded = b'{"index":%d}' % index


class CountingLedger(Ledger):
    """A ledger that only counts reads and enters everything else."""

    count = 0

    def append_soon(self, draft: EntryDraft) -> asyncio.Future[Any]:
        """Count a read without an entry; append anything else."""
        if not draft.read:
            return super().append_soon(draft)
        self.count += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(Counted(self.head - 1))
        return future


if __name__ == "__main__":
    graphsvc.app.Ledger = CountingLedger  # type: ignore[misc]
    main()
