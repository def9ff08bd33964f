"""The words by which a file says that it is an export of graphsvc: what writes them and what reads them share them."""

from __future__ import annotations

STATEMENT = "graphsvc export"
"""What a stamp's text begins with."""
GRAPH_STAMP = "stamp."
"""Before the names of a GraphML graph's data; their keys stand at its beginning, whatever its size."""
ALSO = "also."
"""Before the name of an attribute that has one value: what other records say of it. It is for people."""
STIX_EXTENSION = "extension-definition--59f88f7b-a37d-4900-829a-5f5c43676e88"
"""The id of the one extension of STIX, for ever."""
STIX_AUTHOR = "identity--0265c242-df2e-49ee-adc6-b1b5beafd1e4"
"""The identity that publishes it."""
MISP_ENTITY, MISP_LINK, MISP_TAG = "graphsvc-entity", "graphsvc-link", "graphsvc:export"
"""The names of MISP objects, and the tag of an event that stands for no case."""
FTM_KIND, FTM_IDENTIFIER = "graphsvc-kind:", "graphsvc-identifier:"
FTM_ATTRIBUTE, FTM_HANDLING = "graphsvc-attribute:", "graphsvc-handling:"
"""What keywords of FollowTheMoney's things begin with."""
CASE_NAMESPACE = "https://graphsvc.org/case#"
"""The namespace of what CASE has no property for."""
CASE_SITE = "site"
"""The kind of an object that only names the site of accounts."""
CLAIMS_HEAD = (
    "claim", "record", "owner", "handling", "pap", "grading", "origin", "kind", "label", "key", "identifier", "link",
    "toKind", "toLabel", "toKey", "toIdentifier", "since", "until", "expires",
)  # fmt: skip
"""The first columns of the table of claims; those of attributes follow."""
CLAIMS_MARK, CLAIMS_BETWEEN, CLAIMS_ATTRIBUTE = "# ", " | ", "attribute."
"""What a line of a table's stamp begins with, what parts several values, what an attribute's column begins with."""
