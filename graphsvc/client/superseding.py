"""Check what an entry says that a submission supersedes against the file that was sent.

The organisation signed the file's rows and mapping, so the file decides which rows may supersede a record: by the place
(submission and row) that a row names, or by its own reference. Only the older file shows that the older record had the
same reference; what is checked here is that by reference each row supersedes one record, and each record has one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphsvc.client.manifest import Outgoing
from graphsvc.model.drafts import Draft
from graphsvc_verify.errors import VerifyError
from importers import importer_for, rows_of
from importers.mapping import load_mapping

Pair = tuple[int, int, int]
"""A row of the submission; submission and row of the record that it supersedes."""


def check_superseding(outgoing: Outgoing, index: int, header: Mapping[str, Any]) -> int:
    """Check, and count, the older records that the entry at ``index`` says the file supersedes.

    Raises VerifyError ``wrong_fact`` where the file does not ask for one of them, InvalidInput where it can't be read.
    """
    try:
        pairs = {(int(row), int(old), int(place)) for row, old, place in header["body"].get("supersedes", ())}
    except (LookupError, TypeError, ValueError, AttributeError):
        raise VerifyError("wrong_fact", "the entry does not say what it supersedes") from None
    if not pairs:
        return 0
    by_place, referring = _asked(outgoing)
    by_reference = sorted(pairs - by_place)
    rows, records = {pair[0] for pair in by_reference}, {pair[1:] for pair in by_reference}
    if not rows <= referring or len(rows) < len(by_reference) or len(records) < len(by_reference):
        raise VerifyError("wrong_fact", "the entry supersedes records that no row of the file asks to supersede")
    if any(old >= index for _, old, _ in pairs):
        raise VerifyError("wrong_fact", "the entry supersedes what was not there before it")
    return len({pair[1:] for pair in pairs})


def _asked(outgoing: Outgoing) -> tuple[set[Pair], set[int]]:
    """What the rows supersede by place, and the rows that have a reference."""
    by_place: set[Pair] = set()
    referring: set[int] = set()
    mapping = None if outgoing.mapping is None else load_mapping(outgoing.mapping)
    with outgoing.path.open("rb") as file:
        importer = importer_for(outgoing.media_type, mapping, file)
        for number, draft in importer.drafts(rows_of(outgoing.media_type, file)):
            named = draft.supersedes if isinstance(draft, Draft) else None
            if named is None:
                continue
            if named.submission is not None and named.row is not None:
                by_place.add((number, named.submission, named.row))
            if named.reference is not None:
                referring.add(number)
    return by_place, referring
