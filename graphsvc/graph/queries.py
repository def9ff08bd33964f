"""The Cypher that reads.

Five rules hold in every statement, and a test reads the plans to see that they do:

* **Seek, never expand.** An entity keeps the labels that touch it; claims are found through the relationship indexes
  on (endpoint, lid, exp) for the labels that the reader may see. Cost, and so time, follows what is visible: neither
  what other labels hide nor what has expired is looked at.
* **Predicates on every claim**: its label is in the reader's set and it has not expired (by the seek itself), its
  record is not withdrawn. Field groups are masked here, so what a reader may not see never leaves the database.
* **What a reader may see is asked of one list**: ``$may`` has for each label what may be done with it, as one small
  number, and ``$view`` or ``$identity`` which of these numbers allow it (:class:`graphsvc.policy.scope.Packed`). A
  label that came later has no number, so no list allows it.
* **One world.** Where entities are asked for, ``$view`` allows the labels of one world of the reader's
  (:class:`graphsvc.graph.facts.Node`) and no others, so nothing is joined across worlds.
* **One packed record.** Columns travel as lists inside lists. Where they hold values, these are counted before they
  leave: a list that would pass ``$room`` characters is null.

Order and cuts go by visible values; an identifier counts as visible where the claim grants group ``identity``. What
is equal by all of these is ordered by lot, mixed under a key of the reading organisation: that tells nothing about who
came first. Where claims are cut, their owners take turns (:mod:`graphsvc.graph.turns`; ``$owner`` has the owner of each
label, ``$place`` the number that an owner is ordered by), and the totals over all come with those that are left.
"""

from __future__ import annotations

from functools import cache

from graphsvc.graph.facts import PRIME
from graphsvc.model.labels import GROUPS, ORIGIN
from graphsvc.model.places import ROW_BITS
from graphsvc.model.room import CLAIM

MAX_HOPS = 4
"""The widest neighbourhood that can be asked for."""

_PLAIN = ("rec", "lid", "exp", "gs", "gi", "gsch", "since", "until")


def columns(claim: str) -> str:
    """The columns of a claim: rec, lid, exp, grading, since, until, groups, origin, lot."""
    plain = [f"{claim}.{name}" for name in _PLAIN]
    masked = [f"CASE WHEN $may[{claim}.lid] IN ${group} THEN {claim}.{group} END" for group in GROUPS]
    return ", ".join(
        [*plain, *masked, f"CASE WHEN $may[{claim}.lid] IN ${ORIGIN} THEN {claim}.origin END", f"{claim}.lot"]
    )


def live(claim: str, record: str = "rec") -> str:
    """Whether a claim has neither expired nor been withdrawn."""
    # A record's integer begins with its submission's index: a large submission is hidden as a whole until it is gone.
    number = f"{claim}.{record}"
    return f"{claim}.exp > $now AND NOT {number} IN $hidden AND NOT {number} / {1 << ROW_BITS} IN $hiddenIn"


def tie(claim: str) -> str:
    """The order of :class:`graphsvc.graph.facts.Shuffle`."""
    return f"({claim}.lot / {PRIME} * $factor + {claim}.lot % {PRIME} * $other) % {PRIME}, {claim}.lot"


def key(claim: str, node: str) -> str:
    """The key of an entity where a claim grants it."""
    return f"CASE WHEN $may[{claim}.lid] IN $identity THEN {node}.key END"


def held(claims: str, first: int, start: str = "0") -> str:
    """How many characters claims hold, added to ``start``; in each, the claim's columns begin at place ``first``."""
    groups = range(first + len(_PLAIN), first + len(_PLAIN) + len(GROUPS))
    sizes = " + ".join(f"size(coalesce(c[{place}], ''))" for place in groups)
    return f"reduce(held = {start}, c IN {claims} | held + {CLAIM} + {sizes})"


TOUCHING = f"""
UNWIND [l IN e.lids WHERE $may[l] IN $view] AS l
CALL (e, l) {{
  MATCH ()-[c:CLAIM {{src: e.id, lid: l}}]->() USING INDEX SEEK c:CLAIM(src, lid, exp) WHERE {live("c")} RETURN c
  UNION ALL
  MATCH ()-[c:CLAIM {{dst: e.id, lid: l}}]->() USING INDEX SEEK c:CLAIM(dst, lid, exp) WHERE {live("c")} RETURN c
}}
"""

_SHOWN = ", ".join(f"CASE WHEN $may[a.lid] IN ${group} THEN a.{group} END" for group in GROUPS)


def sources(claim: str) -> str:
    """The organisations that claims name as origin; empty: none, or withheld."""
    organisation = f"CASE WHEN $may[{claim}.lid] IN ${ORIGIN} THEN split({claim}.origin, ' ')[0] END"
    return f"collect(DISTINCT coalesce({organisation}, ''))"


def by_turns(claim: str, order: str, most: str, placed: bool = False) -> str:
    """From rows ``owner, found``, a list of the claims to show, by turns (:mod:`graphsvc.graph.turns`).

    ``placed``: each with its turn and the number that its owner is ordered by. ``told`` keeps the totals over each
    owner's claims, shown or not: owner, number of claims, origins.
    """
    return f"""
CALL (found) {{
  UNWIND found AS {claim} WITH {claim} ORDER BY {order}, {tie(claim)} LIMIT {most}
  RETURN collect({claim}) AS hand
}}
WITH collect([$place[owner], hand]) AS hands, collect([owner, size(found), sources]) AS told
CALL (hands) {{
  UNWIND hands AS dealt UNWIND range(0, size(dealt[1]) - 1) AS turn
  WITH dealt[1][turn] AS {claim}, turn, dealt[0] AS place ORDER BY turn, place LIMIT {most}
  RETURN collect({f"[{claim}, turn, place]" if placed else claim}) AS shown
}}"""


# One row per visible entity: id, mark, kind, key where a visible claim grants it, claims, totals over all.
# Null when they hold more than $room characters.
FACTS = f"""
CALL (e) {{
  UNWIND [l IN e.lids WHERE $may[l] IN $view] AS l
  MATCH ()-[a:ABOUT {{ent: e.id, lid: l}}]->() USING INDEX SEEK a:ABOUT(ent, lid, exp) WHERE {live("a")}
  WITH $owner[l] AS owner, collect(a) AS found, {sources("a")} AS sources
  {by_turns("a", f"a.since, a.until, a.gs, a.gi, {_SHOWN}", "$records")}
  RETURN [a IN shown | [{columns("a")}]] AS claims, any(a IN shown WHERE $may[a.lid] IN $identity) AS named, told
}}
WITH e, claims, named, told WHERE size(claims) > 0
WITH collect([e.id, e.mark, e.kind, CASE WHEN named THEN e.key END, claims, told]) AS entities
RETURN CASE WHEN reduce(all = 0, e IN entities | {held("e[4]", 0, "all")}) <= $room THEN entities END AS entities"""

ENTITIES = f"UNWIND $ids AS id MATCH (e:Entity {{id: id}}) {FACTS}"

ENTITY = f"MATCH (e:Entity {{mark: $mark}}) {FACTS}"

# A key that no visible claim grants is not found: asking for it must not tell more than match does.
RESOLVE = f"""
UNWIND $keys AS key MATCH (e:Entity {{key: key}})
CALL (e) {{
  UNWIND [l IN e.lids WHERE $may[l] IN $view AND $may[l] IN $identity] AS l
  MATCH ()-[a:ABOUT {{ent: e.id, lid: l}}]->() USING INDEX SEEK a:ABOUT(ent, lid, exp) WHERE {live("a")}
  RETURN a LIMIT 1
}}
RETURN collect([e.key, e.id])"""

_ANY = f"""
CALL (e) {{
  UNWIND [l IN e.lids WHERE $may[l] IN $view] AS l
  MATCH ()-[a:ABOUT {{ent: e.id, lid: l}}]->() USING INDEX SEEK a:ABOUT(ent, lid, exp) WHERE {live("a")}
  RETURN a LIMIT 1
}}"""

# Mark and visible key of those entities that some visible claim supports.
NAMES = f"""
UNWIND $ids AS id MATCH (e:Entity {{id: id}}) {_ANY}
RETURN collect([e.id, e.mark, {key("a", "e")}])"""

LOCATE = f"""
UNWIND $marks AS mark MATCH (e:Entity {{mark: mark}}) {_ANY}
RETURN collect([e.mark, e.id])"""

# The records behind a hit, by label: their owners are told of it.
MATCH = f"""
UNWIND $keys AS key MATCH (e:Entity {{key: key}})
UNWIND [l IN e.lids WHERE l IN $match] AS l
CALL (e, l) {{
  MATCH ()-[a:ABOUT {{ent: e.id, lid: l}}]->() USING INDEX SEEK a:ABOUT(ent, lid, exp) WHERE {live("a")}
  WITH a LIMIT $most
  RETURN collect(DISTINCT a.rec) AS records
}}
WITH e.key AS key, l, records WHERE size(records) > 0
RETURN collect([key, l, records])"""

# The records about the entities that keys name.
RECORDS_ABOUT = f"""
UNWIND $keys AS key MATCH (e:Entity {{key: key}})
UNWIND [l IN e.lids WHERE $may[l] IN $view AND $may[l] IN $identity] AS l
MATCH ()-[a:ABOUT {{ent: e.id, lid: l}}]->() USING INDEX SEEK a:ABOUT(ent, lid, exp) WHERE {live("a")}
WITH DISTINCT a.rec AS rec LIMIT $most
RETURN collect(rec)"""

# Whole records: what each says of every entity that it is about. A record has a bounded number of entities.
RECORDS = f"""
UNWIND $ids AS id MATCH (n:Record {{id: id}}) WHERE $may[n.lid] IN $view
MATCH (n)-[a:ABOUT]->(e:Entity) WHERE $may[a.lid] IN $view AND {live("a")}
WITH collect([n.id, e.id, e.mark, e.kind, {key("a", "e")}, {columns("a")}]) AS claims
RETURN CASE WHEN {held("claims", 5)} <= $room THEN claims END"""

LABELS_OF = f"""
UNWIND $ids AS id MATCH (n:Record {{id: id}}) WHERE $may[n.lid] IN $view AND {live("n", "id")}
RETURN collect([n.id, n.lid])"""

# One level of a path search: topology only, claims by their element ids.
LEVEL = f"""
UNWIND $frontier AS id MATCH (e:Entity {{id: id}})
{TOUCHING}
WITH DISTINCT c LIMIT $most
WITH c, startNode(c) AS a, endNode(c) AS b
RETURN collect([a.id, b.id, {key("c", "a")}, {key("c", "b")}, elementId(c), c.lot])"""

CLAIMS = f"""
UNWIND $claims AS claim MATCH ()-[c]->() WHERE elementId(c) = claim
WITH c WHERE $may[c.lid] IN $view AND {live("c")}
WITH collect([c.src, c.dst, c.kind, {columns("c")}]) AS claims
RETURN CASE WHEN {held("claims", 3)} <= $room THEN claims END"""


LINKS_OF = f"""
UNWIND $ids AS id MATCH ()-[c:CLAIM {{rec: id}}]->() USING INDEX SEEK c:CLAIM(rec)
WHERE $may[c.lid] IN $view AND {live("c")}
WITH collect([c.src, c.dst, c.kind, {columns("c")}]) AS claims
RETURN CASE WHEN {held("claims", 3)} <= $room THEN claims END"""

# Totals over all claims of links between some ends, shown or not; found from the entities that a walk expanded.
LINKS_TOLD = f"""
UNWIND $ids AS id MATCH (e:Entity {{id: id}})
{TOUCHING}
WITH DISTINCT c WHERE c.src IN $ends AND c.dst IN $ends
WITH c.src AS src, c.dst AS dst, c.kind AS kind, $owner[c.lid] AS owner, count(c) AS count, {sources("c")} AS sources
RETURN collect([src, dst, kind, owner, count, sources])"""


def first_asked() -> list[str]:
    """The statements that questions run, the most frequent ones first."""
    by_identifier = [RESOLVE, ENTITIES, MATCH]
    along_paths = [LEVEL, CLAIMS]
    rest = [LOCATE, ENTITY, NAMES, RECORDS, LABELS_OF, RECORDS_ABOUT, LINKS_OF, LINKS_TOLD]
    one, two, *farther = (expand(hops) for hops in range(1, MAX_HOPS + 1))
    return [*by_identifier, one, two, *along_paths, *rest, *farther]


@cache
def expand(hops: int) -> str:
    """The neighbourhood of the marks ``$starts``: claims within ``hops``, and the facts of all their ends.

    One statement, level by level; ``$most`` is one more than the claims wanted: a level that reaches it ends the walk.
    Entities with ``$cap`` claims or more that the walk might follow are hubs: they are not walked through, and neither
    are those whose mark is in ``$stop``; starts are, in any case. The last columns have the entities that were
    expanded (every claim that touches one of these was looked at), the hubs, and how many claims there were after each
    level. :mod:`graphsvc.graph.farther` has the statement of later parts.
    """
    levels = _first_level() + "".join(_level() for _ in range(1, hops))
    return f"""
UNWIND $starts AS mark MATCH (start:Entity {{mark: mark}})
WITH collect(DISTINCT start) AS begun
WITH begun, begun AS front, [] AS inner, [] AS claims, [] AS hubs, [] AS levels
{levels}
WITH begun, inner, hubs, levels, claims[..$most - 1] AS kept, size(claims) >= $most AS truncated
CALL (begun, kept) {{
  UNWIND begun + [c IN kept | startNode(c)] + [c IN kept | endNode(c)] AS e WITH DISTINCT e {FACTS}
}}
WITH inner, hubs, levels, [c IN kept | [c.src, c.dst, c.kind, {columns("c")}]] AS claims, entities, truncated
RETURN CASE WHEN {held("claims", 3)} <= $room THEN claims END, entities, truncated, inner, hubs, levels"""


def _first_level() -> str:
    return f"""
CALL (front) {{
  UNWIND front AS e
  {TOUCHING}
  WITH DISTINCT c
  {_FRESH}
}}
WITH begun, [e IN front | e.id] AS inner, claims + fresh AS claims, hubs, fresh, [size(fresh)] AS levels
{_FRONT}"""


def _level() -> str:
    # Claims of an entity expanded earlier are in hand already (inner): no claim is found twice.
    return f"""
CALL (front) {{
  UNWIND front AS e
  CALL (e) {{
    {TOUCHING}
    WITH DISTINCT c LIMIT $cap
    RETURN collect(c) AS touching
  }}
  RETURN collect([e.id, CASE WHEN size(touching) < $cap THEN touching END]) AS met
}}
WITH begun, inner, claims, hubs + [one IN met WHERE one[1] IS NULL | one[0]] AS hubs, met, levels
CALL (met, inner) {{
  UNWIND met AS one UNWIND one[1] AS c
  WITH DISTINCT c, inner WHERE NOT c.src IN inner AND NOT c.dst IN inner
  {_FRESH}
}}
WITH begun, inner + [one IN met WHERE one[1] IS NOT NULL | one[0]] AS inner, claims + fresh AS claims, hubs, fresh,
  levels + (levels[-1] + size(fresh)) AS levels
{_FRONT}"""


LINK_ORDER = f"c.kind, {key('c', 'startNode(c)')}, {key('c', 'endNode(c)')}, c.since, c.until"
"""The order of link claims of one owner: by what is visible of them."""

_FRESH = f"""WITH $owner[c.lid] AS owner, collect(c) AS found, [] AS sources
  {by_turns("c", LINK_ORDER, "$most")}
  RETURN shown AS fresh"""

_FRONT = """CALL (inner, hubs, fresh, claims) {
  UNWIND CASE WHEN size(claims) < $most THEN fresh ELSE [] END AS c
  UNWIND [startNode(c), endNode(c)] AS e
  WITH DISTINCT e, inner, hubs WHERE NOT e.id IN inner AND NOT e.id IN hubs AND NOT e.mark IN $stop
  RETURN collect(e) AS front
}
WITH begun, front, inner, claims, hubs, levels"""
