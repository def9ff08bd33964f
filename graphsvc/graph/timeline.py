"""What is claimed of some entities, in the order of time: what records say of them, and links that touch them.

A claim stands at the moment when its interval begins, or else when it ends; those without any time come last. At the
same moment owners take turns (:mod:`graphsvc.graph.turns`). So a claim's place is its moment, its turn and its owner's
number, which depend on visible claims alone; a page begins behind such a place, whatever is visible by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from graphsvc.graph import queries
from graphsvc.graph.facts import LinkClaim, Node, Thing, things_of
from graphsvc.graph.read import Reader, whole
from graphsvc.graph.sieve import ALL, Sieve
from graphsvc.policy.scope import Scope

UNDATED = "~"
"""Stands for the moment of a claim without any: behind every date."""

Place = tuple[str, int, int]
"""Moment, turn, and the number that the owner is ordered by."""


class Timeline(NamedTuple):
    """A page of claims; what a record says of an entity has that as both ends, and no kind.

    ``claims`` and ``owners`` count all visible ones, ``undated`` those of them without any time. ``last`` is the place
    of the last claim on the page; None: nothing comes behind it.
    """

    page: list[LinkClaim]
    things: dict[int, Thing]
    claims: int
    owners: int
    undated: int
    last: Place | None


_MOMENT = f"replace(coalesce(said.since, said.until, '{UNDATED}'), 'Z', '')"

TIMELINE = f"""
UNWIND $marks AS mark MATCH (e:Entity {{mark: mark}})
WITH collect(DISTINCT e) AS asked
CALL (asked) {{
  UNWIND asked AS e
  {queries.TOUCHING}
  RETURN c AS said
  UNION
  UNWIND asked AS e UNWIND [l IN e.lids WHERE $may[l] IN $view] AS l
  MATCH ()-[a:ABOUT {{ent: e.id, lid: l}}]->() USING INDEX SEEK a:ABOUT(ent, lid, exp) WHERE {queries.live("a")}
  RETURN a AS said
}}
WITH said, {_MOMENT} AS moment, $owner[said.lid] AS owner, coalesce(said.kind, '') AS kind,
  {queries.key("said", "startNode(said)")} AS source, {queries.key("said", "endNode(said)")} AS target
ORDER BY kind, source, target, said.since, said.until, {queries.tie("said")}
WITH moment, owner, collect(said) AS hand
WITH collect([moment, owner, hand]) AS hands, collect(DISTINCT owner) AS owners
CALL (hands) {{
  UNWIND hands AS one UNWIND range(0, size(one[2]) - 1) AS turn
  WITH one[2][turn] AS said, one[0] AS moment, turn, $place[one[1]] AS place
  WHERE moment > $at[0] OR (moment = $at[0] AND (turn > $at[1] OR (turn = $at[1] AND place > $at[2])))
  ORDER BY moment, turn, place LIMIT $most
  RETURN collect([said, moment, turn, place]) AS page
}}
CALL (page) {{
  UNWIND page AS one WITH one[0] AS said
  UNWIND [[endNode(said), said]] + CASE WHEN said.kind IS NULL THEN [] ELSE [[startNode(said), said]] END AS pair
  WITH pair[0] AS e, pair[1] AS said
  RETURN collect(DISTINCT [e.id, e.mark, e.kind, {queries.key("said", "e")}]) AS things
}}
WITH things, size(owners) AS owners, reduce(n = 0, one IN hands | n + size(one[2])) AS count, page,
  reduce(n = 0, one IN hands | n + CASE WHEN one[0] = '{UNDATED}' THEN size(one[2]) ELSE 0 END) AS undated
WITH things, owners, count, undated, [one IN page | [one[1], one[2], one[3]]] AS places,
  [one IN page | one[0]] AS claims
WITH things, owners, count, undated, places, [said IN claims | [coalesce(said.src, said.ent),
  coalesce(said.dst, said.ent), coalesce(said.kind, ''), {queries.columns("said")}]] AS claims
RETURN CASE WHEN {queries.held("claims", 3)} <= $room THEN claims END, things, places, count, owners, undated"""


async def timeline(
    reader: Reader,
    scope: Scope,
    entities: Sequence[Node],
    first: int,
    after: Place | None = None,
    now: float | None = None,
    sieve: Sieve = ALL,
) -> Timeline:
    """The ``first`` claims after a place of what is claimed of entities of one world; others are left out."""
    world = entities[0].world
    marks = sorted({node.mark for node in entities if node.world == world})

    def read(row: list[Any]) -> Timeline:
        if not row:
            return Timeline([], {}, 0, 0, 0, None)
        claims, things, places, count, owners, undated = row
        page = list(map(LinkClaim._make, whole(claims)))
        last = (places[first - 1][0], places[first - 1][1], places[first - 1][2]) if len(page) > first else None
        return Timeline(page[:first], things_of(things, world), count, owners, undated, last)

    ask = reader.asking(scope, now, sieve, world)
    return await ask(TIMELINE, read, marks=marks, most=first + 1, at=list(after or ("", 0, 0)))
