"""The GraphQL questions of the story, as an investigator, an analyst and an officer would ask them."""

from __future__ import annotations

REGISTER_CASE = """
mutation($reference: String!, $title: String!, $legalBasis: String!) {
  registerCase(reference: $reference, title: $title, legalBasis: $legalBasis) {
    reference title legalBasis registeredAt
  }
}
"""

_RECORD = """{
      owner ownerKind handle handling { scheme code } grading { scheme source information }
      attributes { name fieldGroup value } withheld { fieldGroup owner rule }
    }"""

SEARCH = f"""
query($kind: String!, $parts: [KeyPart!]!, $after: Int) {{
  search(kind: $kind, parts: $parts, after: $after) {{
    handle kind key
    records {_RECORD}
  }}
}}
"""

EXPAND = f"""
query($start: ID!, $hops: Int!, $limit: Int!, $after: Int) {{
  expand(start: $start, hops: $hops, limit: $limit, after: $after) {{
    truncated
    entities {{ handle kind key
    records {_RECORD} }}
    links {{ kind source target record {{ owner handle handling {{ code }} grading {{ source information }} }} }}
  }}
}}
"""

PATHS = """
query($source: ID!, $target: ID!, $after: Int) {
  paths(source: $source, target: $target, maxHops: 6, k: 3, after: $after) {
    truncated
    paths {
      length
      entities { handle kind key }
      links {
        kind source target
        record { owner handle handling { scheme code } grading { scheme source information } }
        withheld { fieldGroup owner rule }
      }
    }
  }
}
"""

MATCH = """
query($identifiers: [IdentifierInput!]!, $after: Int) {
  match(identifiers: $identifiers, after: $after) { kind hit contacts { org name contact } }
}
"""

RINGS = """
query($parameters: RingParameters, $after: Int) {
  rings(parameters: $parameters, after: $after) {
    accounts links excludedHubs
    parameters { name value }
    rings {
      id rank score cycles
      accounts { handle kind key }
      identifiers { handle kind key }
      reasons { text records }
    }
  }
}
"""

RECALLS = """
query($first: Int!) {
  recalls(first: $first) {
    index reason records open
    notices { org records acknowledged outcome because overdue }
  }
}
"""

NOTICES = """
query($first: Int!) {
  recallNotices(open: true, first: $first) {
    notice owner reason deadline count
    records { handle reads { index at } }
  }
}
"""

ACCESS_LOG = """
query($first: Int!) {
  accessLog(first: $first) {
    nextBefore
    entries { index at reader person purpose legalBasis case policy signed records { submission row } }
  }
}
"""
