"""Entities by how their identifiers begin.

What a record says of an entity keeps the beginning of its key (``lead``), found by an index on (beginning, label,
expiry). So a search looks at claims under labels whose identity the reader may see, and at no others: neither what
other labels hide nor what has expired costs anything, as everywhere.
"""

from __future__ import annotations

from typing import Any

from graphsvc.graph import queries
from graphsvc.graph.facts import IDENTIFIED
from graphsvc.graph.named import IN_PARTS, Named, Place, part_of
from graphsvc.graph.read import Reader
from graphsvc.graph.sieve import ALL, Sieve
from graphsvc.model.beginnings import Beginning
from graphsvc.model.errors import InvalidQuery
from graphsvc.policy.scope import IDENTITY, Scope

MOST_CLAIMS = 20_000
"""A search whose beginning more visible claims share is refused: no cut of them would be fair."""
TOO_MANY = "too_many_identifiers"

FIND = f"""
CALL () {{
  UNWIND $slots AS l UNWIND $leads AS lead
  MATCH ()-[a:ABOUT {{lead: lead, lid: l}}]->() USING INDEX SEEK a:ABOUT(lead, lid, exp) WHERE {queries.live("a")}
  WITH a LIMIT $names
  RETURN collect(a) AS looked
}}
CALL (looked) {{
  UNWIND CASE WHEN size(looked) < $names THEN looked ELSE [] END AS a
  WITH a.lid AS lid, endNode(a) AS e
  WITH lid, e WHERE any(begun IN $begun WHERE e.key STARTS WITH begun)
  {IN_PARTS}"""


async def begun(
    reader: Reader,
    scope: Scope,
    search: Beginning,
    part: tuple[int, Place | None],
    now: float | None = None,
    sieve: Sieve = ALL,
) -> Named:
    """So many entities after a place of those whose identifier begins so; owners take turns.

    Raises InvalidQuery :data:`TOO_MANY` where more than :data:`MOST_CLAIMS` visible claims begin as the search does in
    its first characters (:func:`graphsvc.model.beginnings.lead_of`).
    """
    first, after = part
    seen = frozenset(scope.allowed(IDENTITY))
    asked: dict[str, Any] = {"slots": [lid for lid in scope.allowed("view") if lid in seen], "leads": search.leads}
    asked |= {"begun": search.keys, "names": MOST_CLAIMS + 1, "most": first + 1, "at": list(after or (-1, 0))}

    def read(row: list[Any]) -> Named:
        found = part_of(reader, scope, row, first)
        if found is None:
            message = f"more than {MOST_CLAIMS} records begin so: ask for some owners only"
            raise InvalidQuery(message, code=TOO_MANY, where="parts")
        return found

    ask = reader.asking(scope, now, sieve, IDENTIFIED)
    return await ask(FIND, read, **asked, records=reader.records_listed)
