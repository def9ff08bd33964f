"""Entities by what records call them: by words of a name, or the beginning of one.

What a record calls an entity is kept as one relationship ``NAMED`` for each word, found by indexes on (word, label,
field group, expiry) and on (beginning of a word, label, field group, expiry). So a search looks at rows under labels
whose names the reader may see, and at no others: neither what other labels hide, nor a name whose group is withheld,
nor what has expired costs anything. Only claims that grant the identity count, as wherever entities are searched for.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from graphsvc.graph import queries
from graphsvc.graph.facts import IDENTIFIED, EntityFacts
from graphsvc.graph.read import Reader, whole
from graphsvc.graph.sieve import ALL, Sieve
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.labels import GROUPS
from graphsvc.model.names import NAMES, Sought
from graphsvc.model.places import ROW_BITS
from graphsvc.policy.scope import IDENTITY, Scope

MOST_NAMES = 20_000
"""A search all of whose words stand in more visible names than this is refused: no cut of them would be fair."""
FEW = (1_000, 5_000)
"""Where there are several words, this many rows of each are looked at before more are."""
TOO_MANY = "too_many_names"

Place = tuple[int, int]
"""Turn, and the number that the owner is ordered by."""


class Named(NamedTuple):
    """A part of the entities that were found, of ``total`` in all; ``last`` is its last place (None: no more)."""

    entities: list[EntityFacts]
    total: int
    last: Place | None


# Written in another way than for claims: a grading is asked of the claim, which these rows are not.
_LIVE = f"x.exp > ($now) AND NOT x.rec IN $hidden AND NOT x.rec / {1 << ROW_BITS} IN $hiddenIn"


IN_PARTS = f"""WITH DISTINCT $owner[lid] AS owner, e
  WITH owner, e ORDER BY e.kind, e.key
  WITH owner, collect(e) AS hand
  UNWIND range(0, size(hand) - 1) AS turn
  WITH hand[turn] AS e, turn, $place[owner] AS place ORDER BY turn, place
  WITH e, collect([turn, place])[0] AS at
  RETURN collect([e, at[0], at[1]]) AS found
}}
CALL (found) {{
  UNWIND found AS one
  WITH one WHERE one[1] > $at[0] OR (one[1] = $at[0] AND one[2] > $at[1])
  WITH one ORDER BY one[1], one[2] LIMIT $most
  RETURN collect(one) AS part
}}
WITH size(looked) >= $names AS over, size(found) AS count, part
CALL (part) {{
  UNWIND part AS one WITH one[0] AS e
  {queries.FACTS}
}}
RETURN entities, [one IN part | [one[0].id, one[1], one[2]]], count, over"""
"""From rows ``lid, e``, a part of the entities by turns; ``looked`` has what was looked at."""


@cache
def find(sifted: bool) -> str:
    """By the word, or the beginning of one, that fewest of the rows have; ``sifted``: their claim passes the sieve.

    Of each word at most ``$names`` rows are looked at to see which has fewest. What else is asked is compared in those.
    """
    passing = f"AND EXISTS {{ MATCH (n)-[a:ABOUT]->(e) WHERE {queries.live('a')} }}" if sifted else ""
    return f"""
CALL () {{
  {_rows("term", "$words")}
  RETURN rows
  UNION ALL
  {_rows("lead", "$beginnings")}
  RETURN rows
}}
WITH rows AS looked ORDER BY size(rows) LIMIT 1
CALL (looked) {{
  UNWIND CASE WHEN size(looked) < $names THEN looked ELSE [] END AS x
  WITH x WHERE all(part IN $parts WHERE x.text CONTAINS part)
  WITH x.lid AS lid, startNode(x) AS n, endNode(x) AS e
  WITH lid, n, e WHERE ($entityKinds IS NULL OR e.kind IN $entityKinds) {passing}
  {IN_PARTS}"""


def _rows(index: str, asked: str) -> str:
    return f"""UNWIND {asked} AS word
  CALL (word) {{
    UNWIND $slots AS slot
    MATCH ()-[x:NAMED {{{index}: word, lid: slot[0], grp: slot[1]}}]->()
      USING INDEX SEEK x:NAMED({index}, lid, grp, exp) WHERE {_LIVE}
    WITH x LIMIT $names
    RETURN collect(x) AS rows
  }}"""


async def named(
    reader: Reader,
    scope: Scope,
    search: Sought,
    first: int,
    after: Place | None = None,
    now: float | None = None,
    sieve: Sieve = ALL,
) -> Named:
    """The ``first`` entities after a place of those that visible records call so; owners take turns.

    Raises InvalidQuery :data:`TOO_MANY` where every word stands in more than :data:`MOST_NAMES` visible names.
    """
    sifted = sieve.grades is not None or sieve.recorded is not None
    asked: dict[str, Any] = {"slots": slots_of(scope), "parts": search.parts}
    every = ((search.word, search.leading), *search.others)
    asked["words"] = [word for word, leading in every if not leading]
    asked["beginnings"] = [word for word, leading in every if leading]
    kinds = None if search.kinds is None else list(search.kinds)
    asked |= {"entityKinds": kinds, "most": first + 1, "at": list(after or (-1, 0))}

    def read(row: list[Any]) -> Named | None:
        return part_of(reader, scope, row, first)

    ask = reader.asking(scope, now, sieve, IDENTIFIED)
    # Nobody knows which word is rare among the names that this reader may see, and a common one is in very many. So
    # few rows of each are looked at, then more, until one word has no more than these.
    for most in _bounds(len(every)):
        found = await ask(find(sifted), read, names=most + 1, **asked, records=reader.records_listed)
        if found is not None:
            return found
    message = f"more than {MOST_NAMES} names have each of these words: write another one, or ask for some owners only"
    raise InvalidQuery(message, code=TOO_MANY, where="text")


def _bounds(words: int) -> list[int]:
    """How many rows of each word are looked at, one after the other."""
    return [*(few for few in FEW if few < MOST_NAMES and words > 1), MOST_NAMES]


def part_of(reader: Reader, scope: Scope, row: list[Any], first: int) -> Named | None:
    """What :data:`IN_PARTS` returns; None where too much would have had to be looked at."""
    rows, places, count, over = row
    if over:
        return None
    facts = {one.id: one for one in reader.facts_of(whole(rows), scope, IDENTIFIED)}
    shown = [facts[place[0]] for place in places[:first] if place[0] in facts]
    last = (places[first - 1][1], places[first - 1][2]) if len(places) > first else None
    return Named(shown, count, last)


def slots_of(scope: Scope) -> list[list[int]]:
    """Labels with the field groups in which names may be searched: where name and identity may be seen."""
    seen = frozenset(scope.allowed("view")) & frozenset(scope.allowed(IDENTITY))
    return [[lid, GROUPS.index(group)] for group in NAMES for lid in scope.allowed(group) if lid in seen]
