"""The Cypher that writes. Rows travel as lists, not maps: less to send and to read on both sides.

Indices into a row are named where the row is built (:mod:`graphsvc.graph.prepare`). Records and claims are plain
CREATE: the watermark, moved in the same transaction, is what keeps a batch from being applied twice.
"""

from __future__ import annotations

from functools import cache
from typing import Any

Parameters = dict[str, Any]
"""A statement's parameters by name, of any type that Bolt carries."""

_FACTS = (
    "gs: {0}[0], gi: {0}[1], gsch: {0}[2], since: {0}[3], until: {0}[4], identity: {0}[5], personal: {0}[6], "
    "content: {0}[7], financial: {0}[8], operational: {0}[9], origin: {0}[10]"
)

# A missing list counts as empty.
READ_WATERMARK = "MATCH (w:Watermark {name: 'graph'}) RETURN w.index, coalesce(w.open, [])"

# Writing the name first takes the write lock, so that two appliers can't both read the old values.
MOVE_WATERMARK = """
MATCH (w:Watermark {name: 'graph'}) SET w.name = w.name
WITH w WHERE w.index = $at_index AND coalesce(w.open, []) = $at_open
SET w.index = $to_index, w.open = CASE WHEN size($to_open) > 0 THEN $to_open END RETURN count(w)"""

TOUCH_WATERMARK = "MATCH (w:Watermark {name: 'graph'}) SET w.name = w.name"

# This takes the watermark's lock, so that two appliers can't both give out the same number.
COUNT_LABELS = """
MATCH (w:Watermark {name: 'graph'}) SET w.name = w.name
WITH w RETURN COUNT { MATCH (:Label) }"""

READ_LABELS = "MATCH (l:Label) WHERE l.lid > $after WITH l ORDER BY l.lid RETURN collect([l.lid, l.key])"

CREATE_LABELS = "UNWIND $labels AS l CREATE (:Label {lid: l[0], key: l[1]})"

# Most entities that come again come under a label they have: only a new one is written.
LOOK_UP = """
UNWIND $touch AS t MATCH (e:Entity {key: t[0]})
WITH e, t, [l IN t[1] WHERE NOT l IN e.lids] AS fresh
FOREACH (_ IN CASE WHEN size(fresh) > 0 THEN [1] ELSE [] END | SET e.lids = e.lids + fresh)
RETURN collect([t[2], e.id])"""

CREATE_RECORDS = f"""
UNWIND $records AS r CREATE (n:Record {{id: r[0], lid: r[1], exp: r[2]}})
WITH n, r UNWIND r[3] AS a MATCH (e:Entity {{id: a[0]}})
CREATE (n)-[:ABOUT {{ent: a[0], rec: r[0], lid: r[1], exp: r[2], lot: a[2], lead: a[4], {_FACTS.format("a[1]")}}}]->(e)
FOREACH (g IN a[3] | FOREACH (t IN g[2] |
  CREATE (n)-[:NAMED {{rec: r[0], lid: r[1], exp: r[2], grp: g[0], text: g[1], term: t[0], lead: t[1]}}]->(e)))"""

CREATE_CLAIMS = f"""
UNWIND $claims AS c MATCH (a:Entity {{id: c[0]}}) MATCH (b:Entity {{id: c[1]}})
CREATE (a)-[:CLAIM {{src: c[0], dst: c[1], kind: c[2], rec: c[3], lid: c[4], exp: c[5],
  lot: c[7], {_FACTS.format("c[6]")}}}]->(b)"""

# A record's claims are found by its integer: walking from its entities would look at every pair of them, or at all that
# others claim of a busy one.
MOVE_RECORDS = """
UNWIND $records AS id MATCH (n:Record {id: id}) WHERE n.lid <> $lid AND n.lid IN $own
WITH n, n.lid AS old
CALL (n) {
  MATCH (n)-[x:ABOUT]->(:Entity) SET x.lid = $lid
}
CALL (n) {
  MATCH (n)-[x:NAMED]->(:Entity) SET x.lid = $lid
}
CALL (n) {
  MATCH ()-[c:CLAIM {rec: n.id}]->() USING INDEX SEEK c:CLAIM(rec) SET c.lid = $lid
}
SET n.lid = $lid
WITH n, old MATCH (n)-[:ABOUT]->(e:Entity)
RETURN [collect(DISTINCT n.id), collect(DISTINCT [e.id, old])]"""

COUNT_CLAIMS = """
UNWIND $records AS id MATCH (n:Record {id: id})
RETURN collect([id, COUNT { (n)-[:ABOUT]->() } + COUNT { (n)-[:NAMED]->() }
  + COUNT { MATCH ()-[c:CLAIM {rec: id}]->() USING INDEX SEEK c:CLAIM(rec) RETURN c }])"""

DELETE_RECORDS = """
UNWIND $records AS id MATCH (n:Record {id: id}) WHERE n.lid IN $own
CALL (n) {
  MATCH ()-[c:CLAIM {rec: n.id}]->() USING INDEX SEEK c:CLAIM(rec) DELETE c
}
WITH n, n.lid AS old MATCH (n)-[:ABOUT]->(e:Entity)
WITH collect(DISTINCT n) AS gone, collect(DISTINCT [e.id, old]) AS left
FOREACH (n IN gone | DETACH DELETE n)
RETURN left"""

# The index is on (ent, lid, exp) and serves only queries that name all three, hence the condition on exp.
# Every claim's ends are ABOUT ends of the same record and label, so ABOUT alone tells whether a label is still there.
DROP_LABELS = """
UNWIND $left AS pair MATCH (e:Entity {id: pair[0]})
WHERE NOT EXISTS { MATCH ()-[x:ABOUT {ent: pair[0], lid: pair[1]}]->() WHERE x.exp IS NOT NULL }
SET e.lids = [l IN e.lids WHERE l <> pair[1]]"""

ADD_LABEL = """
UNWIND $ids AS id MATCH (e:Entity {id: id}) WHERE NOT $lid IN e.lids SET e.lids = e.lids + $lid"""

DELETE_BARE = """
UNWIND $ids AS id MATCH (e:Entity {id: id}) WHERE size(e.lids) = 0 AND NOT EXISTS { (e)--() } DELETE e"""


@cache
def create_entities(kind: str) -> str:
    """The statement that creates entities of one (checked) kind from ``$new`` rows of id, key, labels and mark."""
    return f"UNWIND $new AS n CREATE (:Entity:{kind} {{id: n[0], key: n[1], lids: n[2], mark: n[3], kind: '{kind}'}})"
