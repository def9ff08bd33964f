"""From a body to clean drafts, one row after the other: the one pass that service and clients both run.

What the service asks beside (whether the organisation may submit under a label) it asks by ``may_keep``; all else that
decides over a row is here, so a check without the service says what the service will say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from graphsvc.model.bounds import MAX_DRAFT
from graphsvc.model.claims import encode_draft
from graphsvc.model.cleaning import Cleaner, merge_defaults
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, RowProblem
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.references import References
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import Schema
from importers.formats import Salt, format_of
from importers.opening import importer_for
from importers.rows import MAX_ROW, Row
from importers.rules import Mapping

ASSUMED = Defaults(handling=Handling("tlp-2.0", "RED"), legal_basis="consent", pap="RED")
"""What rows are checked under where nothing says their handling code and legal basis; never submitted."""
Keep = Callable[[CleanDraft, bytes], RowProblem | None]
"""Whether a clean draft, also given as it is sealed, may be kept; else the problem."""


@dataclass(frozen=True, slots=True)
class How:
    """How a body is read: by which media type and mapping, for whom, with what said once for all its rows."""

    media_type: str
    mapping: Mapping | None
    schema: Schema
    defaults: Defaults
    organisation: Organisation


class Ready(msgspec.Struct, frozen=True, gc=False):
    """An accepted row: its draft as the importer made it and clean, the clean draft's bytes, the notes on its values.

    ``reference`` is the digest of its own reference, empty where it has none.
    """

    draft: Draft
    clean: CleanDraft
    data: bytes
    notes: list[RowProblem]
    reference: bytes


Outcome = Ready | list[RowProblem] | None
"""What became of a row; None: there was nothing to make of it, as of a header or a blank line."""


class Reading:
    """A body on its way to clean drafts; iterate over it once. ``charset`` is how its text is read.

    Raises InvalidInput for what stops a whole file: an unknown media type or encoding, a mapping that doesn't fit.
    """

    def __init__(
        self, body: BinaryIO, how: How, references: References, *, max_row: int = MAX_ROW, salt: Salt = None,
        may_keep: Keep | None = None,
    ) -> None:  # fmt: skip
        self._references, self._may_keep = references, may_keep
        self._importer = importer_for(how.media_type, how.mapping, body)
        self._defaults = merge_defaults(how.defaults, self._importer.defaults)
        self._cleaner = Cleaner(how.schema, self._defaults, how.organisation)
        self._rows = format_of(how.media_type).cut(body, max_row, salt)
        self._row: Row | None = None
        self.charset = self._importer.charset
        self.draft: Draft | None = None
        """What the importer made of the row that was given last, if that was a draft."""

    @property
    def defaults(self) -> Defaults:
        """What holds for rows that don't say otherwise: as said with the body, then as the mapping says."""
        return self._defaults

    @property
    def losses(self) -> Counter[str]:
        """What the rows read so far say and the model can't hold."""
        return self._importer.losses

    def __iter__(self) -> Iterator[tuple[Row, Outcome]]:
        for _, found in self._importer.drafts(self._watched()):
            assert self._row is not None
            self.draft = found if isinstance(found, Draft) else None
            yield self._row, self._outcome(found)

    def _watched(self) -> Iterator[Row]:
        for row in self._rows:
            self._row = row
            yield row

    def _outcome(self, found: Draft | RowProblem | None) -> Outcome:
        if found is None:
            return None
        if isinstance(found, RowProblem):
            return [found]
        notes = list[RowProblem]()
        clean = self._cleaner.clean(found, notes)
        if not isinstance(clean, CleanDraft):
            return clean
        data = encode_draft(clean)
        if len(data) > MAX_DRAFT:
            message = f"what is made of the row has more than {MAX_DRAFT} bytes: split it, or let the mapping make less"
            return [RowProblem(found.row, "too_many_claims", "", message)]
        if self._may_keep is not None and (problem := self._may_keep(clean, data)) is not None:
            return [problem]
        try:
            # Last: a row that is rejected must not take its reference.
            digest = b"" if clean.reference is None else self._references.take(found.row, clean.reference)
        except ValueProblem as problem:
            return [RowProblem(found.row, problem.code, "/supersedes/reference", problem.message)]
        return Ready(found, clean, data, notes, digest)
