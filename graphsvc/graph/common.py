"""What some entities have in common: the things that two or more of them are linked with, and links between them.

A thing is shared where visible claims link it with at least two of the entities; all visible claims count for that, and
for its totals. Where claims are cut, owners take turns, each with its claims about what joins most entities first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from graphsvc.graph import queries
from graphsvc.graph.facts import EntityFacts, Link, LinkClaim, Node, Told
from graphsvc.graph.read import Reader, claims_of, in_order, links_of, links_told, totals_of, whole
from graphsvc.graph.sieve import ALL, Sieve
from graphsvc.policy.scope import Scope

Place = tuple[int, int]
"""Turn, and the number that the owner is ordered by."""


class Part(NamedTuple):
    """A part of the claims: so many, of those behind a place (None: from the start)."""

    limit: int
    after: Place | None = None


class Shared(NamedTuple):
    """A thing, the entities that it joins, and the totals over all visible claims that link it with them."""

    thing: int
    joins: list[int]
    told: Told


class Common(NamedTuple):
    """What is shared, that which joins most entities first; all shown claims, and the facts of all their ends.

    ``total``: how many things are shared in all. ``truncated``: there are more claims than these; then ``told`` has
    the totals of the links shown, and ``last`` is the place of the last claim. A thing is on each part that has claims
    about it.
    """

    entities: list[EntityFacts]
    links: list[LinkClaim]
    shared: list[Shared]
    total: int
    truncated: bool
    told: dict[Link, Told]
    last: Place | None = None


_ORDER = f"""c.kind, {queries.key("c", "startNode(c)")}, {queries.key("c", "endNode(c)")}, c.since, c.until,
  {queries.tie("c")}"""

COMMON = f"""
UNWIND $marks AS mark MATCH (e:Entity {{mark: mark}})
WITH collect(DISTINCT e) AS asked
CALL (asked) {{
  UNWIND asked AS e
  {queries.TOUCHING}
  WITH DISTINCT e, c WHERE c.src <> c.dst
  WITH e, c, CASE WHEN c.src = e.id THEN endNode(c) ELSE startNode(c) END AS n
  WITH n, collect(DISTINCT e.id) AS joins, collect(DISTINCT c) AS found
  WHERE size(joins) > 1 OR n.mark IN $marks
  RETURN collect([n, joins, found, n.mark IN $marks]) AS joint
}}
WITH asked, joint, size([one IN joint WHERE NOT one[3]]) AS count
CALL (joint, asked) {{
  UNWIND joint AS one UNWIND one[2] AS c
  WITH c, max(CASE WHEN one[3] THEN size(asked) ELSE size(one[1]) END) AS joined
  WITH c, joined, $owner[c.lid] AS owner ORDER BY joined DESC, {_ORDER}
  WITH owner, collect(c)[..$at[0] + 1 + $most] AS hand
  UNWIND range(0, size(hand) - 1) AS turn
  WITH hand[turn] AS c, turn, $place[owner] AS place
  WHERE turn > $at[0] OR (turn = $at[0] AND place > $at[1])
  WITH c, turn, place ORDER BY turn, place LIMIT $most
  RETURN collect([c, turn, place]) AS shown
}}
WITH asked, joint, count, [one IN shown[..$most - 1] | one[0]] AS kept, size(shown) >= $most AS truncated,
  shown[$most - 2][1..] AS last
CALL (asked, kept) {{
  UNWIND asked + [c IN kept | startNode(c)] + [c IN kept | endNode(c)] AS e WITH DISTINCT e {queries.FACTS}
}}
CALL (joint) {{
  UNWIND [one IN joint WHERE NOT one[3]] AS one UNWIND one[2] AS c
  WITH one[0].id AS thing, one[1] AS joins, $owner[c.lid] AS owner, count(c) AS claims,
    {queries.sources("c")} AS sources
  WITH thing, joins, collect([owner, claims, sources]) AS told
  RETURN collect([thing, joins, told]) AS shared
}}
WITH asked, count, truncated, last, entities, shared,
  [c IN kept | [c.src, c.dst, c.kind, {queries.columns("c")}]] AS claims
RETURN CASE WHEN {queries.held("claims", 3)} <= $room THEN claims END, entities, truncated, shared, count,
  [e IN asked | e.id], last"""


async def common(
    reader: Reader,
    scope: Scope,
    entities: Sequence[Node],
    part: Part,
    now: float | None = None,
    sieve: Sieve = ALL,
) -> Common | None:
    """What entities of one world have in common, by a part of the claims; None where fewer than two are visible."""
    world = entities[0].world
    marks = sorted({node.mark for node in entities if node.world == world})
    shuffle = reader.shuffle(scope)
    ask = reader.asking(scope, now, sieve, world)

    def read(row: list[Any]) -> tuple[Common, list[int]] | None:
        facts = in_order(reader.facts_of(whole(row[1]), scope, world), shuffle) if row else []
        if sum(one.mark in marks for one in facts) < 2:
            return None
        links = links_of(claims_of(row[0]), facts, shuffle)
        place = {one.id: number for number, one in enumerate(facts)}
        shared = [
            Shared(thing, sorted(set(joins) & place.keys(), key=place.__getitem__), totals_of(told, scope.viewed))
            for thing, joins, told in row[3]
            if thing in place
        ]
        shared.sort(key=lambda one: (-len(one.joins), place[one.thing]))
        last = (row[6][0], row[6][1]) if row[2] else None
        return Common(facts, links, shared, row[4], row[2], {}, last), row[5]

    at = list(part.after or (-1, 0))
    found = await ask(COMMON, read, marks=marks, most=part.limit + 1, at=at, records=reader.records_listed)
    if found is None:
        return None
    cut = found[0].truncated or part.after is not None
    told = await links_told(ask, found[0].links, found[1], scope) if cut else {}
    return found[0]._replace(told=told)
