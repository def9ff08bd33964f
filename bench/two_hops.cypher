// The raw side of `expand`: the service's two-hop read as it was when the benchmark was pinned. It stays as it is, so that a
// better statement of the service counts as one; only where the graph's form changes does it follow.
MATCH (start:Entity {mark: $start})
WITH start, [start] AS front, [] AS inner, [] AS claims

CALL (front, inner) {
  UNWIND front AS e
  
UNWIND [l IN e.lids WHERE $may[l] IN $view] AS l
CALL (e, l) {
  MATCH ()-[c:CLAIM {src: e.id, lid: l}]->() USING INDEX SEEK c:CLAIM(src, lid, exp) WHERE c.exp > $now AND NOT c.rec IN $hidden AND NOT c.rec / 268435456 IN $hiddenIn RETURN c
  UNION ALL
  MATCH ()-[c:CLAIM {dst: e.id, lid: l}]->() USING INDEX SEEK c:CLAIM(dst, lid, exp) WHERE c.exp > $now AND NOT c.rec IN $hidden AND NOT c.rec / 268435456 IN $hiddenIn RETURN c
}

  WITH DISTINCT c, inner WHERE NOT c.src IN inner AND NOT c.dst IN inner 
  WITH $owner[c.lid] AS owner, collect(c) AS found, [] AS sources
  
CALL (found) {
  UNWIND found AS c WITH c ORDER BY c.kind, CASE WHEN $may[c.lid] IN $identity THEN startNode(c).key END, CASE WHEN $may[c.lid] IN $identity THEN endNode(c).key END, c.since, c.until, (c.lot / 2147483647 * $factor + c.lot % 2147483647 * $other) % 2147483647, c.lot LIMIT $most
  RETURN collect(c) AS hand
}
WITH collect([$place[owner], hand]) AS hands, collect([owner, size(found), sources]) AS told
CALL (hands) {
  UNWIND hands AS dealt UNWIND range(0, size(dealt[1]) - 1) AS turn
  WITH dealt[1][turn] AS c, turn, dealt[0] AS place ORDER BY turn, place LIMIT $most
  RETURN collect(c) AS shown
}
  RETURN shown AS fresh
}
WITH start, inner + [e IN front | e.id] AS inner, claims + fresh AS claims, fresh
CALL (inner, fresh, claims) {
  UNWIND CASE WHEN size(claims) < $most THEN fresh ELSE [] END AS c
  UNWIND [startNode(c), endNode(c)] AS e
  WITH DISTINCT e, inner WHERE NOT e.id IN inner
  RETURN collect(e) AS front
}
WITH start, front, inner, claims
CALL (front, inner) {
  UNWIND front AS e
  
UNWIND [l IN e.lids WHERE $may[l] IN $view] AS l
CALL (e, l) {
  MATCH ()-[c:CLAIM {src: e.id, lid: l}]->() USING INDEX SEEK c:CLAIM(src, lid, exp) WHERE c.exp > $now AND NOT c.rec IN $hidden AND NOT c.rec / 268435456 IN $hiddenIn RETURN c
  UNION ALL
  MATCH ()-[c:CLAIM {dst: e.id, lid: l}]->() USING INDEX SEEK c:CLAIM(dst, lid, exp) WHERE c.exp > $now AND NOT c.rec IN $hidden AND NOT c.rec / 268435456 IN $hiddenIn RETURN c
}

  WITH DISTINCT c, inner WHERE NOT c.src IN inner AND NOT c.dst IN inner 
  WITH $owner[c.lid] AS owner, collect(c) AS found, [] AS sources
  
CALL (found) {
  UNWIND found AS c WITH c ORDER BY c.kind, CASE WHEN $may[c.lid] IN $identity THEN startNode(c).key END, CASE WHEN $may[c.lid] IN $identity THEN endNode(c).key END, c.since, c.until, (c.lot / 2147483647 * $factor + c.lot % 2147483647 * $other) % 2147483647, c.lot LIMIT $most
  RETURN collect(c) AS hand
}
WITH collect([$place[owner], hand]) AS hands, collect([owner, size(found), sources]) AS told
CALL (hands) {
  UNWIND hands AS dealt UNWIND range(0, size(dealt[1]) - 1) AS turn
  WITH dealt[1][turn] AS c, turn, dealt[0] AS place ORDER BY turn, place LIMIT $most
  RETURN collect(c) AS shown
}
  RETURN shown AS fresh
}
WITH start, inner + [e IN front | e.id] AS inner, claims + fresh AS claims, fresh
CALL (inner, fresh, claims) {
  UNWIND CASE WHEN size(claims) < $most THEN fresh ELSE [] END AS c
  UNWIND [startNode(c), endNode(c)] AS e
  WITH DISTINCT e, inner WHERE NOT e.id IN inner
  RETURN collect(e) AS front
}
WITH start, front, inner, claims
WITH start, inner, claims[..$most - 1] AS kept, size(claims) >= $most AS truncated
CALL (start, kept) {
  UNWIND [start] + [c IN kept | startNode(c)] + [c IN kept | endNode(c)] AS e WITH DISTINCT e 
CALL (e) {
  UNWIND [l IN e.lids WHERE $may[l] IN $view] AS l
  MATCH ()-[a:ABOUT {ent: e.id, lid: l}]->() USING INDEX SEEK a:ABOUT(ent, lid, exp) WHERE a.exp > $now AND NOT a.rec IN $hidden AND NOT a.rec / 268435456 IN $hiddenIn
  WITH $owner[l] AS owner, collect(a) AS found, collect(DISTINCT coalesce(CASE WHEN $may[a.lid] IN $operational THEN split(a.origin, ' ')[0] END, '')) AS sources
  
CALL (found) {
  UNWIND found AS a WITH a ORDER BY a.since, a.until, a.gs, a.gi, CASE WHEN $may[a.lid] IN $identity THEN a.identity END, CASE WHEN $may[a.lid] IN $personal THEN a.personal END, CASE WHEN $may[a.lid] IN $content THEN a.content END, CASE WHEN $may[a.lid] IN $financial THEN a.financial END, CASE WHEN $may[a.lid] IN $operational THEN a.operational END, (a.lot / 2147483647 * $factor + a.lot % 2147483647 * $other) % 2147483647, a.lot LIMIT $records
  RETURN collect(a) AS hand
}
WITH collect([$place[owner], hand]) AS hands, collect([owner, size(found), sources]) AS told
CALL (hands) {
  UNWIND hands AS dealt UNWIND range(0, size(dealt[1]) - 1) AS turn
  WITH dealt[1][turn] AS a, turn, dealt[0] AS place ORDER BY turn, place LIMIT $records
  RETURN collect(a) AS shown
}
  RETURN [a IN shown | [a.rec, a.lid, a.exp, a.gs, a.gi, a.gsch, a.since, a.until, CASE WHEN $may[a.lid] IN $identity THEN a.identity END, CASE WHEN $may[a.lid] IN $personal THEN a.personal END, CASE WHEN $may[a.lid] IN $content THEN a.content END, CASE WHEN $may[a.lid] IN $financial THEN a.financial END, CASE WHEN $may[a.lid] IN $operational THEN a.operational END, CASE WHEN $may[a.lid] IN $operational THEN a.origin END, a.lot]] AS claims, any(a IN shown WHERE $may[a.lid] IN $identity) AS named, told
}
WITH e, claims, named, told WHERE size(claims) > 0
WITH collect([e.id, e.mark, e.kind, CASE WHEN named THEN e.key END, claims, told]) AS entities
RETURN CASE WHEN reduce(all = 0, e IN entities | reduce(held = all, c IN e[4] | held + 500 + size(coalesce(c[8], '')) + size(coalesce(c[9], '')) + size(coalesce(c[10], '')) + size(coalesce(c[11], '')) + size(coalesce(c[12], '')))) <= $room THEN entities END AS entities
}
WITH inner, [c IN kept | [c.src, c.dst, c.kind, c.rec, c.lid, c.exp, c.gs, c.gi, c.gsch, c.since, c.until, CASE WHEN $may[c.lid] IN $identity THEN c.identity END, CASE WHEN $may[c.lid] IN $personal THEN c.personal END, CASE WHEN $may[c.lid] IN $content THEN c.content END, CASE WHEN $may[c.lid] IN $financial THEN c.financial END, CASE WHEN $may[c.lid] IN $operational THEN c.operational END, CASE WHEN $may[c.lid] IN $operational THEN c.origin END, c.lot]] AS claims, entities, truncated
RETURN CASE WHEN reduce(held = 0, c IN claims | held + 500 + size(coalesce(c[11], '')) + size(coalesce(c[12], '')) + size(coalesce(c[13], '')) + size(coalesce(c[14], '')) + size(coalesce(c[15], ''))) <= $room THEN claims END, entities, truncated, inner
