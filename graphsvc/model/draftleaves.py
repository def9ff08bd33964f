"""What the proof leaves of a clean draft commit to: one content for each field group that it says something in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec
import orjson

from graphsvc.model.drafts import CleanDraft, Values
from graphsvc.model.labels import GROUPS, ORIGIN, Label

STRUCTURE = "structure"
"""The pseudo field group of all that is no attribute: kinds, links, label, grading, times."""
REFERENCE = "reference"
"""The pseudo field group of the owner's own reference, which nobody else is shown."""


def draft_contents(draft: CleanDraft) -> Iterator[tuple[str, bytes]]:
    """The canonical {row, group, values} of each field group that a draft has something in, structure first.

    orjson with sorted keys is RFC 8785 here: names are ASCII, numbers are integers (a property test compares).
    """
    entities, links = draft.entities, draft.links
    yield (
        STRUCTURE,
        _content(
            draft.row,
            STRUCTURE,
            {
                "kinds": [entity.kind for entity in entities],
                "links": [[link.kind, link.source, link.target, link.since, link.until] for link in links],
                "label": _label_values(draft.label),
                "grading": [draft.grading.scheme, draft.grading.source, draft.grading.information],
                "observed": [draft.since, draft.until],
                "expires": draft.expires,
            },
        ),
    )
    said = {"identity"}
    for entity in entities:
        said.update(entity.attributes)
    for link in links:
        said.update(link.attributes)
    if draft.origin is not None:
        said.add(ORIGIN)
    for group in GROUPS:
        if group in said:
            values: Values = {
                "entities": [entity.attributes.get(group) for entity in entities],
                "links": [link.attributes.get(group) for link in links],
            }
            if group == "identity":
                values["keys"] = [entity.key for entity in entities]
            if group == ORIGIN and draft.origin is not None:
                values["origin"] = [draft.origin.organisation, draft.origin.reference]
            yield group, _content(draft.row, group, values)
    if draft.reference is not None:
        yield REFERENCE, _content(draft.row, REFERENCE, {"reference": draft.reference})


def _content(row: int, group: str, values: Values) -> bytes:
    return orjson.dumps({"row": row, "group": group, "values": values}, option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=4096)
def _label_values(label: Label) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(msgspec.to_builtins(label), option=orjson.OPT_SORT_KEYS))
