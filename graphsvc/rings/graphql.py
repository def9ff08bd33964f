"""GraphQL of rings that were kept: searches, rings page by page, one ring's report, two runs compared."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphsvc.answers.graphql import reading_of
from graphsvc.api.arguments import LEDGER_INDEX, MAX_NAME, PAGE, Kinds, Many, Text, Within
from graphsvc.api.fields import Info, mutation, question
from graphsvc.api.types import given
from graphsvc.detect.tags import FARM, HOUSEHOLD, WORKPLACE
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.hints import hint
from graphsvc.rings.judged import ACCEPTED, DISMISSED, OPEN
from graphsvc.rings.report import Question, report
from graphsvc.rings.views import RingsView, Wanted
from graphsvc.wire.rings import ACTS, KeptRings, RingComparison, RingReportFile, RingRun

TAGS = ("none", HOUSEHOLD, WORKPLACE, FARM)
VERDICTS = (OPEN, ACCEPTED, DISMISSED)
First = Annotated[int, PAGE]
Name = Annotated[strawberry.ID, Text(MAX_NAME)]
MaybeName = Annotated[strawberry.ID | None, Text(MAX_NAME)]


@given
class RingFilter:
    """Which rings are wanted; what is left out or null leaves all."""

    tag: str | None = strawberry.field(
        default=None, description="household, workplace, account farm, or none for those without one."
    )
    significant: bool | None = strawberry.field(default=None, description="Whether chance may explain them.")
    kinds: list[str] | None = strawberry.field(default=None, description="Kinds, one of which they share.")
    agencies: list[str] | None = strawberry.field(default=None, description="Owners, one of whose records they cite.")
    verdict: str | None = strawberry.field(default=None, description="open, accepted or dismissed.")


@question(cost=2)
async def ring_runs(info: Info, first: First = 50, before: Annotated[int | None, LEDGER_INDEX] = None) -> list[RingRun]:
    """The searches for rings of the caller's organisation, newest first."""
    return await info.context.in_turn(_rings(info).runs(first, before))


@question(cost=20)
async def kept_rings(
    info: Info,
    *,
    run: MaybeName = None,
    filter: RingFilter | None = None,
    first: First = 50,
    after_ring: MaybeName = None,
) -> KeptRings | None:
    """The rings that a search found (none named: the last one), ranked, as far as all that they cite may be seen."""
    wanted = Wanted() if filter is None else _wanted(filter)
    return await info.context.in_turn(_rings(info).rings(run, wanted, first, after_ring))


@question(cost=20)
async def ring(
    info: Info,
    *,
    id: Name,
    run: MaybeName = None,
    removed: Annotated[list[str] | None, Many(1, 500)] = None,
    hours_from_utc: Annotated[int, Within(-12, 14)] = 0,
) -> RingReportFile | None:
    """The report of one ring, as a run found it (none named: the last that did).

    removed: accounts by handle, to see what is left without them. hoursFromUtc: the zone that nights are counted in.
    """
    asked = Question(removed or (), hours_from_utc)
    return await info.context.in_turn(report(_rings(info), id, run, asked))


@question(cost=20)
async def compare_runs(
    info: Info, *, earlier: Name, later: Name, first: First = 50, after_ring: MaybeName = None
) -> RingComparison | None:
    """Two searches, ring by ring: who joined, who left, what is new and what is gone."""
    return await info.context.in_turn(_rings(info).compare(earlier, later, first, after_ring))


def _wanted(filter: RingFilter) -> Wanted:
    for name, words in (("tag", TAGS), ("verdict", VERDICTS)):
        word = getattr(filter, name)
        if word is not None and word not in words:
            message = f"there is no such {name}; {hint(word, words)}"
            raise InvalidQuery(message, code="out_of_range", where=f"filter/{name}")
    for name in ("kinds", "agencies"):
        if getattr(filter, name) is not None:
            Kinds()(f"filter/{name}", getattr(filter, name))
    return Wanted(filter.tag, filter.significant, filter.kinds, filter.agencies, filter.verdict)


def _rings(info: Info) -> RingsView:
    return reading_of(info).of(RingsView)


QUESTIONS = (ring_runs, kept_rings, ring, compare_runs)
MUTATIONS = tuple(map(mutation, ACTS))
"""In the order of the schema."""
