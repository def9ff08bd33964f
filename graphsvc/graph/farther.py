"""Later parts of a network: the walk of :func:`graphsvc.graph.queries.expand`, shown from a place on.

A link claim's place in a network is the level at which the walk meets it, its turn there and the number that its
owner is ordered by. All three depend on visible claims alone, so a part begins behind such a place, whatever is visible
by then. Each part walks anew from the starts, through at most :data:`REACH` claims: that bounds its work, and how far
parts go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from graphsvc.graph import queries

REACH = 10_000
"""Parts end after this many link claims of one network."""

Place = tuple[int, int, int]
"""Level (from 1), turn in it, and the number that the owner is ordered by."""


@cache
def farther(hops: int) -> str:
    """As :func:`graphsvc.graph.queries.expand`, from behind the place ``$at`` on, within ``$reach`` claims in all.

    Returned are the claims, the facts of their ends, of the starts and of hubs that are met behind the place, whether
    there are more claims, the entities that were expanded, those hubs, and the place of the last claim: null where no
    part follows.
    """
    return f"""
UNWIND $starts AS mark MATCH (start:Entity {{mark: mark}})
WITH collect(DISTINCT start) AS begun
WITH begun, begun AS front, [] AS inner, [] AS hubs, [] AS seen, [] AS part, [] AS barred
{"".join(map(_level, range(1, hops + 1)))}
WITH begun, inner, barred, part[..$most - 1] AS kept, size(part) >= $most AS following, size(seen) >= $reach AS ended
CALL (begun, barred, kept) {{
  UNWIND begun + barred + [one IN kept | startNode(one[0])] + [one IN kept | endNode(one[0])] AS e
  WITH DISTINCT e {queries.FACTS}
}}
WITH entities, following OR ended AS truncated, [e IN inner | e.id] AS inner, [e IN barred | e.id] AS barred,
  CASE WHEN following THEN kept[-1][1..] END AS last, [one IN kept | one[0]] AS claims
WITH entities, truncated, inner, barred, last, [c IN claims | [c.src, c.dst, c.kind, {queries.columns("c")}]] AS claims
RETURN CASE WHEN {queries.held("claims", 3)} <= $room THEN claims END, entities, truncated, inner, barred, last"""


def last_place(owners: Sequence[str], levels: Sequence[int], number: Callable[[str], int]) -> Place:
    """The place of the last of a network's first claims.

    ``owners`` has whose they are, in the order of the walk, ``levels`` how many there were after each level, ``number``
    what an owner is ordered by.
    """
    level = next(at for at, size in enumerate(levels, 1) if size >= len(owners))
    begins = levels[level - 2] if level > 1 else 0
    return level, owners[begins:].count(owners[-1]) - 1, number(owners[-1])


def _level(level: int) -> str:
    # A start is walked from, hub or not. What was met before is left out by grouping: to look for each claim in a list
    # of thousands would take time by their product.
    touching = "" if level == 1 else "LIMIT $cap"
    walked = "true" if level == 1 else "size(touching) < $cap"
    return f"""
CALL (front) {{
  UNWIND front AS e
  CALL (e) {{
    {queries.TOUCHING}
    WITH DISTINCT c {touching}
    RETURN collect(c) AS touching
  }}
  RETURN collect([e, CASE WHEN {walked} THEN touching END]) AS met
}}
WITH begun, seen, part, inner + [one IN met WHERE one[1] IS NOT NULL | one[0]] AS inner, met, barred,
  [one IN met WHERE one[1] IS NULL | one[0]] AS shut, hubs
WITH begun, seen, part, inner, met, hubs + shut AS hubs,
  CASE WHEN {level} > $at[0] THEN barred + shut ELSE barred END AS barred
CALL (met, seen) {{
  CALL (met, seen) {{
    UNWIND seen AS c RETURN c, 0 AS fresh
    UNION ALL
    UNWIND met AS one UNWIND one[1] AS c RETURN c, 1 AS fresh
  }}
  WITH c, min(fresh) AS fresh WHERE fresh = 1
  WITH $owner[c.lid] AS owner, collect(c) AS found, [] AS sources
  {queries.by_turns("c", queries.LINK_ORDER, "$reach", placed=True)}
  RETURN shown AS fresh
}}
WITH begun, inner, hubs, barred, fresh, seen + [one IN fresh | one[0]] AS seen,
  part + [one IN fresh WHERE {level} > $at[0]
  OR ({level} = $at[0] AND (one[1] > $at[1] OR (one[1] = $at[1] AND one[2] > $at[2])))
  | [one[0], {level}, one[1], one[2]]] AS part
CALL (inner, hubs, fresh, seen, part) {{
  CALL (inner, hubs, fresh, seen, part) {{
    UNWIND CASE WHEN size(part) < $most AND size(seen) < $reach THEN fresh ELSE [] END AS one
    UNWIND [startNode(one[0]), endNode(one[0])] AS e
    RETURN e, 1 AS fresh_
    UNION ALL
    UNWIND inner + hubs AS e RETURN e, 0 AS fresh_
  }}
  WITH e, min(fresh_) AS fresh_ WHERE fresh_ = 1 AND NOT e.mark IN $stop
  RETURN collect(e) AS front
}}
WITH begun, front, inner, hubs, barred, seen, part"""
