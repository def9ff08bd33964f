"""GraphQL of rings that were kept: searches, rings page by page, one ring's report, two runs compared."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphsvc.answers.graphql import reading_of
from graphsvc.api.arguments import LEDGER_INDEX, MAX_NAME, PAGE, Kinds, Many, Text, Within
from graphsvc.api.fields import Info, mutation, question
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
Word = Annotated[str | None, Text(MAX_NAME)]
Words = Annotated[list[str] | None, Kinds()]


@question(cost=2)
async def ring_runs(
    info: Info, first: First = 50, before: Annotated[int | None, LEDGER_INDEX] = None
) -> list[RingRun]:
    """The searches for rings of the caller's organisation, newest first."""
    return await info.context.in_turn(_rings(info).runs(first, before))


@question(cost=20)
async def kept_rings(
    info: Info,
    *,
    run: MaybeName = None,
    tag: Word = None,
    significant: bool | None = None,
    kinds: Words = None,
    agencies: Words = None,
    verdict: Word = None,
    first: First = 50,
    after_ring: MaybeName = None,
) -> KeptRings | None:
    """The rings that a search found (none named: the last one), ranked, as far as all that they cite may be seen.

    tag: household, workplace, account farm, or none for those without one. kinds: of what they share. agencies: whose
    records they cite. verdict: open, accepted or dismissed.
    """
    for where, word, words in (("tag", tag, TAGS), ("verdict", verdict, VERDICTS)):
        if word is not None and word not in words:
            raise InvalidQuery(f"there is no such {where}; {hint(word, words)}", code="out_of_range", where=where)
    wanted = Wanted(tag, significant, kinds, agencies, verdict)
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


def _rings(info: Info) -> RingsView:
    return reading_of(info).of(RingsView)


QUESTIONS = (ring_runs, kept_rings, ring, compare_runs)
MUTATIONS = tuple(map(mutation, ACTS))
"""In the order of the schema."""
