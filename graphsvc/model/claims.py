"""What a clean draft becomes: its claims as the graph, the columns and the files of an import hold them.

All that writes claims uses this one conversion. Intake runs it as well before it acknowledges a row
(:func:`check_applicable`), so whatever is accepted can be applied.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from graphsvc.model.drafts import CleanDraft, Origin
from graphsvc.model.errors import IntegrityError
from graphsvc.model.labels import GROUPS, Label, label_key
from graphsvc.model.places import ROW_MASK
from graphsvc.model.times import FOREVER, epoch

UNKNOWN = -(1 << 62)
"""Stands for an end of an interval that the contributor left open."""
MAX_INDEXED = 8_000
"""At most this many bytes of UTF-8 in an entity's key: the graph's unique index takes 8,167."""
MAX_LABEL = 64_000
"""At most this many bytes in a label as JSON: it travels with every answer about labels."""

Facts = list[str | None]
"""What one claim says, in the order of :data:`FACTS`."""
FACTS = ("gs", "gi", "gsch", "since", "until", *GROUPS, "origin")
"""A claim's properties in the graph: the grading's source, information and scheme, times, groups as JSON, origin."""

_GROUPS = frozenset(GROUPS)
_INT64 = 1 << 63
_encode = msgspec.json.Encoder(order="sorted").encode
_decode_draft = msgspec.json.Decoder(CleanDraft).decode
encode_draft = msgspec.json.Encoder().encode
"""A clean draft as the bytes that are sealed."""


class Unfit(IntegrityError):
    """A draft that can't become claims; ``where`` is a JSON pointer into it. Cleaning turns it into a row problem."""

    code = "not_applicable"

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message, where=pointer)


def decode_draft(data: bytes) -> CleanDraft:
    """The clean draft that :func:`encode_draft` wrote. Raises msgspec.DecodeError."""
    return _decode_draft(data)


def expiry(draft: CleanDraft) -> int:
    """When a draft's claims end, in epoch seconds; rounded down, so that nothing outlives its expiry."""
    try:
        return epoch(draft.expires, FOREVER)
    except (ValueError, OverflowError):
        raise Unfit("/expires", "there is no such time") from None


def entity_facts(draft: CleanDraft) -> list[Facts]:
    """What the draft says of each of its entities."""
    head, tail = _grading(draft), packed_origin(draft.origin)
    return [
        [*head, draft.since, draft.until, *_packed(entity.attributes, f"/entities/{place}/attributes"), tail]
        for place, entity in enumerate(draft.entities)
    ]


def link_facts(draft: CleanDraft) -> list[Facts]:
    """What the draft says of each of its links."""
    head, tail = _grading(draft), packed_origin(draft.origin)
    return [
        [*head, *_interval(draft, place), *_packed(link.attributes, f"/links/{place}/attributes"), tail]
        for place, link in enumerate(draft.links)
    ]


def link_times(draft: CleanDraft) -> list[tuple[int, int]]:
    """Since and until of each link in epoch seconds, as in its facts; :data:`UNKNOWN` for an open end."""
    return [_times(*_interval(draft, place), f"/links/{place}") for place in range(len(draft.links))]


def check_applicable(draft: CleanDraft) -> None:
    """Do all that is done with a draft once it is sealed; raises Unfit where a step would fail."""
    try:
        same = decode_draft(encode_draft(draft)) == draft
    except (ValueError, TypeError, OverflowError):
        same = False
    if not same:
        raise Unfit("", "the row does not stay what it is when it is stored")
    check_whole(draft)
    check_label(draft.label)
    link_times(draft)
    for place, entity in enumerate(draft.entities):
        if not is_storable(entity.key):
            raise Unfit(f"/entities/{place}/key", "a key holds no control characters")
        if not is_indexable(entity.key):
            raise Unfit(f"/entities/{place}/key", "the key is too long")
    entity_facts(draft)
    for place, (link, _) in enumerate(zip(draft.links, link_facts(draft), strict=True)):
        if not (0 <= link.source < len(draft.entities) and 0 <= link.target < len(draft.entities)):
            raise Unfit(f"/links/{place}", "the link has an end that is no entity of the row")


def check_whole(draft: CleanDraft) -> None:
    """What :func:`check_applicable` asks of a row as a whole; raises Unfit."""
    if not 0 <= draft.row <= ROW_MASK:
        raise Unfit("", f"a submission holds at most {ROW_MASK + 1} rows")
    if draft.expires is not None and not -_INT64 <= expiry(draft) < _INT64:
        raise Unfit("/expires", "there is no such time")
    if draft.since is not None or draft.until is not None:
        _times(draft.since, draft.until, "")


def check_label(label: Label) -> None:
    """Raises Unfit where a label is too long to travel with answers."""
    if len(label_key(label)) > MAX_LABEL:
        raise Unfit("/groups", "the row names too many groups")


def is_indexable(key: str) -> bool:
    """Whether a key can stand in files for import and in the graph's unique index."""
    if key.isascii():
        return key.isprintable() and len(key) <= MAX_INDEXED
    return is_storable(key) and len(key.encode()) <= MAX_INDEXED


def is_storable(key: str) -> bool:
    """Whether a key can stand in a file for import: no control characters, no half of a surrogate pair."""
    return key.isprintable() or not any(unicodedata.category(char) in ("Cc", "Cs") for char in key)


def packed_origin(origin: Origin | None) -> str | None:
    """An origin as claims hold it: the organisation's slug, a space, the reference."""
    return None if origin is None else f"{origin.organisation} {origin.reference}"


def _grading(draft: CleanDraft) -> tuple[str | None, str | None, str | None]:
    grading = draft.grading
    return grading.source or None, grading.information or None, grading.scheme or None


def _interval(draft: CleanDraft, place: int) -> tuple[str | None, str | None]:
    link = draft.links[place]
    own = link.since is not None or link.until is not None
    return (link.since, link.until) if own else (draft.since, draft.until)


def _times(since: str | None, until: str | None, pointer: str) -> tuple[int, int]:
    try:
        return epoch(since, UNKNOWN), epoch(until, UNKNOWN)
    except (ValueError, OverflowError):
        raise Unfit(f"{pointer}/observed", "there is no such time") from None


def _packed(attributes: Mapping[str, Mapping[str, Any]], pointer: str) -> Facts:
    """Per field group, the attributes as JSON, or None."""
    if not attributes:
        return [None, None, None, None, None]
    if not attributes.keys() <= _GROUPS:
        raise Unfit(pointer, "a field group doesn't exist")
    return [_encode(attributes[group]).decode() if attributes.get(group) else None for group in GROUPS]
