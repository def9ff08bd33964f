"""Searches for rings as a client follows them, and their rings as the document that pictures are drawn of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from graphsvc.client.questions import KEPT_RINGS, RING, RING_RUNS
from graphsvc.model.errors import NotFound, Unavailable
from graphsvc.model.principals import Footing
from graphsvc.wire.rings import KeptRing, RingReportFile, RingRun

if TYPE_CHECKING:
    from graphsvc.client.service import Client

NO_FOOTING = Footing()
ENDED = ("done", "forgotten", "failed", "cancelled")
PAGE = 100
EACH = 0.5
"""Seconds between two looks at a search."""
FORMAT = "graphsvc-rings-1"
"""The format of ``graphsvc rings detect --out``, of which ``graphsvc rings report`` draws pictures."""


def find_run(client: Client, run: str, footing: Footing = NO_FOOTING) -> RingRun:
    """A search of the caller's organisation, by its id; totals on a footing that allows them. Raises NotFound."""
    before: int | None = None
    while found := client.read(RING_RUNS, {"first": PAGE, "before": before}, footing):
        for one in found:
            if one.id == run:
                return one
        before = found[-1].index
    raise NotFound("there is no such search", where=run)


def wait_for(client: Client, run: str, seconds: float, footing: Footing = NO_FOOTING) -> RingRun:
    """The search once it has ended. Raises Unavailable after ``seconds``."""
    until = time.monotonic() + seconds
    while (found := find_run(client, run, footing)).state not in ENDED:
        if time.monotonic() > until:
            raise Unavailable("the search goes on; look again later", code="still_running", where=run)
        time.sleep(EACH)
    return found


def every_ring(client: Client, asked: Mapping[str, Any], footing: Footing, most: int) -> Iterator[KeptRing]:
    """The rings that ``asked`` (arguments of the question) wants, ranked, page by page, at most ``most``."""
    after: str | None = None
    while most > 0:
        page = client.read(KEPT_RINGS, {**asked, "first": min(most, PAGE), "afterRing": after}, footing)
        if page is None:
            raise NotFound("there is no such search, or it has no result")
        yield from page.rings
        most, after = most - len(page.rings), page.next_after
        if after is None:
            return


def report_of(client: Client, ring: str, footing: Footing, asked: Mapping[str, Any] | None = None) -> RingReportFile:
    """The report of a ring. Raises NotFound where it is not there, or may not be seen on this footing."""
    found = client.read(RING, {"id": ring, "hoursFromUtc": 0, **(asked or {})}, footing)
    if found is None:
        raise NotFound("there is no such ring, or you may not see all that it cites on this footing", where=ring)
    return found


def document_of(files: list[RingReportFile]) -> dict[str, Any]:
    """Reports of rings as one document of :data:`FORMAT`; names are keys of entities where these may be seen.

    Rings that are told no rank are numbered in the order given.
    """
    numbers = {one.ring.id: one.ring.rank or place for place, one in enumerate(files, start=1)}
    networks: dict[str, int] = {}
    for one in files:
        networks.setdefault(one.ring.network, numbers[one.ring.id])
    return {
        "format": FORMAT,
        "files": {},
        "parameters": {one.name: one.value for one in files[0].run.parameters} if files else {},
        "rings": [_ring(one, numbers[one.ring.id], networks[one.ring.network]) for one in files],
    }


def _ring(file: RingReportFile, rank: int, network: int) -> dict[str, Any]:
    names = {entity.handle: entity.key or entity.handle for entity in file.entities}

    def named(handles: list[str]) -> list[str]:
        return [names.get(handle, handle) for handle in handles]

    return {
        "rank": rank,
        "id": file.ring.id,
        "score": file.ring.score,
        "accounts": named([*file.core, *file.fringe]),
        "fringe": named(file.fringe),
        "identifiers": [
            {
                "name": None if one.identifier is None else names.get(one.identifier, one.identifier),
                "kind": one.kind,
                "accounts": named(one.accounts),
                "since": one.since,
                "until": one.until,
                "records": one.records,
            }
            for one in file.identifiers
        ],
        "cycles": file.cycles,
        "expected": file.ring.expected,
        "significant": file.ring.significant,
        "tag": file.ring.tag,
        "network": network,
        "goBetweens": named([one.entity for one in file.go_betweens]),
        "brokers": named([one.entity for one in file.brokers]),
        "excludedHubs": len(file.excluded_hubs),
        "reasons": [{"text": one.text, "records": one.records} for one in file.reasons],
    }
