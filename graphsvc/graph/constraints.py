"""Neo4j's constraints: uniqueness, and the indexes that every read seeks by.

All reads go through ``(endpoint, lid, exp)`` relationship indexes instead of expanding a node and filtering, so their
cost follows what the reader may see: neither what other labels hide nor what has expired is looked at. A Neo4j label
per kind exists for people who look at the graph with Neo4j's own tools; kind names come from the schema and are checked
before they become part of a statement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from graphsvc.model.errors import InvalidInput

_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,39}")

CONSTRAINTS = (
    "CREATE CONSTRAINT entity_key IF NOT EXISTS FOR (e:Entity) REQUIRE e.key IS UNIQUE",
    "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (e:Entity) REQUIRE e.id IS UNIQUE",
    "CREATE CONSTRAINT entity_mark IF NOT EXISTS FOR (e:Entity) REQUIRE e.mark IS UNIQUE",
    "CREATE CONSTRAINT record_id IF NOT EXISTS FOR (r:Record) REQUIRE r.id IS UNIQUE",
    "CREATE CONSTRAINT label_lid IF NOT EXISTS FOR (l:Label) REQUIRE l.lid IS UNIQUE",
    "CREATE CONSTRAINT watermark_name IF NOT EXISTS FOR (w:Watermark) REQUIRE w.name IS UNIQUE",
    # Earlier versions had these, without the expiry.
    "DROP INDEX claim_src IF EXISTS",
    "DROP INDEX claim_dst IF EXISTS",
    "DROP INDEX about_ent IF EXISTS",
    # Earlier versions had it: an indexed value has at most some 8 kB, and a label grows with every grant.
    "DROP CONSTRAINT label_key IF EXISTS",
    "CREATE INDEX claim_rec IF NOT EXISTS FOR ()-[c:CLAIM]-() ON (c.rec)",
    "CREATE INDEX claim_src_live IF NOT EXISTS FOR ()-[c:CLAIM]-() ON (c.src, c.lid, c.exp)",
    "CREATE INDEX claim_dst_live IF NOT EXISTS FOR ()-[c:CLAIM]-() ON (c.dst, c.lid, c.exp)",
    "CREATE INDEX about_lead IF NOT EXISTS FOR ()-[a:ABOUT]-() ON (a.lead, a.lid, a.exp)",
    # Names are sought by a word or by its beginning: both under one label and field group, like claims.
    "CREATE INDEX named_term IF NOT EXISTS FOR ()-[x:NAMED]-() ON (x.term, x.lid, x.grp, x.exp)",
    "CREATE INDEX named_lead IF NOT EXISTS FOR ()-[x:NAMED]-() ON (x.lead, x.lid, x.grp, x.exp)",
    "CREATE INDEX about_ent_live IF NOT EXISTS FOR ()-[a:ABOUT]-() ON (a.ent, a.lid, a.exp)",
)
FIRST_WATERMARK = "MERGE (w:Watermark {name: 'graph'}) ON CREATE SET w.index = -1"
EMPTY = (
    "MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS",
    "MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 10000 ROWS",
)
"""Relationships go before the nodes that they join, so that no transaction grows with a busy entity."""
AWAIT_INDEXES = "CALL db.awaitIndexes(300)"


def check_kinds(kinds: Sequence[str]) -> frozenset[str]:
    """The kinds as a set; raises InvalidInput if a name could do more in a statement than name a Neo4j label."""
    for kind in kinds:
        if _KIND.fullmatch(kind) is None:
            raise InvalidInput("a kind's name is letters and digits and begins with a capital", where=f"kind {kind!r}")
    return frozenset(kinds)
