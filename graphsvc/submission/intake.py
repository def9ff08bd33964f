"""The rows of one submission: read, cleaned, allowed, sealed, one pass with one row in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from graphsvc.ledger.payload import Packer, draft_leaf
from graphsvc.model.bounds import MAX_CLAIMS
from graphsvc.model.claims import Unfit
from graphsvc.model.draftleaves import draft_contents
from graphsvc.model.drafts import CleanDraft, Defaults, RowProblem
from graphsvc.model.errors import InvalidManifest, TooLarge
from graphsvc.model.labels import Label
from graphsvc.model.merkle import GrowingRoot
from graphsvc.model.principals import Organisation
from graphsvc.model.references import MAX_REFERENCES, References
from graphsvc.model.schema import Schema
from graphsvc.model.sharedkeys import SharedKeys
from graphsvc_verify.keyed import row_salt
from importers.reading import How, Reading, Ready
from importers.rows import Row
from importers.rules import Mapping

MAX_PROBLEMS = 50_000
"""At most this many row problems, and as many notes on unlinked values, are kept; the counts are exact all the same."""
MAX_SUPERSEDED = 100_000
"""At most this many older records are corrected by one submission."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be taken in: a body on disk and what holds for all its rows."""

    path: Path
    media_type: str
    mapping: Mapping | None
    seed: bytes
    defaults: Defaults
    organisation: Organisation
    schema: Schema
    may_submit: Callable[[Label], bool]
    groups: frozenset[str]
    max_row: int
    rows: int
    """How many rows the manifest states: one more ends the intake."""
    reference_key: bytes = field(kw_only=True, repr=False)
    """The key of the organisation's references."""
    leaves: Path | None = field(default=None, kw_only=True)
    """The file that gets the rows' leaf hashes, 32 bytes a row, in order; None: they are not kept."""


@dataclass(slots=True)
class Intake:
    """What a pass over the rows gave; roots are 32 bytes.

    ``supersedes``: accepted rows that correct older records by place, as (row, submission, row); ``references``:
    accepted rows that have a reference, with its digest. ``unlinked`` counts values of
    accepted rows that have no canonical form; ``notes`` says of the first of them where they stand and why.
    """

    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    unlinked: int = 0
    notes: list[RowProblem] = field(default_factory=list)
    charset: str = "utf-8"
    rows_root: bytes = b""
    drafts_root: bytes = b""
    draft_leaves: int = 0
    supersedes: list[tuple[int, int, int]] = field(default_factory=list)
    references: list[tuple[int, bytes]] = field(default_factory=list)
    claims: int = 0
    warnings: list[RowProblem] = field(default_factory=list)
    """Of a dry run: keys that very many rows share."""


def take_in(order: Order, packer: Packer | None) -> Intake:
    """Read every row of ``order``; accepted ones go to ``packer`` (None: a dry run, nothing is sealed).

    Memory: the problems that are kept, one row. Raises InvalidInput for what stops a whole file: an
    unknown media type or encoding, a mapping that doesn't fit; TooLarge where it makes more claims than it may.
    """
    intake = Intake()
    rows_root, drafts_root = GrowingRoot(), GrowingRoot()
    how = How(order.media_type, order.mapping, order.schema, order.defaults, order.organisation)
    allowing, shared = Allowing(order.groups, order.may_submit), SharedKeys(order.schema.kinds)
    with order.path.open("rb") as body, (order.leaves or Path(os.devnull)).open("wb") as leaves:
        salt = partial(row_salt, order.seed)
        references = References(order.reference_key)
        reading = Reading(body, how, references, max_row=order.max_row, salt=salt, may_keep=allowing)
        intake.charset = reading.charset
        for row, ready in reading:
            intake.rows += 1
            if intake.rows > order.rows:
                raise InvalidManifest("rows: the body has another number of rows", where="manifest rows")
            leaf = row.leaf or b""
            leaves.write(leaf)
            rows_root.add(leaf)
            if ready is None:
                continue
            if isinstance(ready, list):
                intake.rejected += 1
                _keep(intake.problems, ready)
                continue
            _count(intake, row, ready)
            if packer is None:
                shared.take(ready.clean)
            else:
                for one in _seal(packer, row, ready, allowing.contents):
                    drafts_root.add(one)
    intake.warnings = shared.warnings()
    intake.rows_root, intake.drafts_root = rows_root.root(), drafts_root.root()
    intake.draft_leaves = drafts_root.count
    return intake


class Allowing:
    """Whether a row may be kept, as far as only the service knows. All that may fail for a row is done here.

    ``groups`` are those that the organisation belongs to; ``contents`` those of the proof leaves of the row that was
    allowed last.
    """

    def __init__(self, groups: frozenset[str], may_submit: Callable[[Label], bool]) -> None:
        self._groups = groups
        self._may_submit = may_submit
        self.contents: list[tuple[str, bytes]] = []

    def __call__(self, clean: CleanDraft, _: bytes) -> RowProblem | None:
        """What is wrong with a row, if anything is."""
        if not self._groups.issuperset(clean.label.groups):
            message = "name only sharing groups that your organisation belongs to (graphsvc group list)"
            return RowProblem(clean.row, "not_a_member", "/groups", message)
        if not self._may_submit(clean.label):
            message = "your organisation may not submit under this handling code, legal basis or group"
            return RowProblem(clean.row, "may_not_submit", "/handling", message)
        try:
            self.contents = list(draft_contents(clean))
        except (TypeError, ValueError):
            message = "the row can't be written as canonical JSON: tell the operator"
            return RowProblem(clean.row, Unfit.code, "", message)
        return None


def _count(intake: Intake, row: Row, ready: Ready) -> None:
    clean = ready.clean
    intake.accepted += 1
    intake.unlinked += len(clean.unlinked)
    _keep(intake.notes, ready.notes)
    intake.claims += len(clean.entities) + len(clean.links)
    if intake.claims > MAX_CLAIMS:
        message = f"the rows make more than {MAX_CLAIMS} claims: split the file"
        raise TooLarge(message, code="too_many_claims", where=f"row {row.number}")
    if ready.reference:
        intake.references.append((row.number, ready.reference))
        if len(intake.references) > MAX_REFERENCES:
            message = f"more than {MAX_REFERENCES} rows have a reference: split the file"
            raise TooLarge(message, code="too_many_references", where=f"row {row.number}")
    named = ready.draft.supersedes
    if named is not None and named.submission is not None and named.row is not None:
        intake.supersedes.append((row.number, named.submission, named.row))
        if len(intake.supersedes) > MAX_SUPERSEDED:
            message = f"the rows correct more than {MAX_SUPERSEDED} older records: split the file"
            raise TooLarge(message, code="too_many_corrections", where=f"row {row.number}")


def _keep(kept: list[RowProblem], more: list[RowProblem]) -> None:
    kept += more[: max(MAX_PROBLEMS - len(kept), 0)]


def _seal(packer: Packer, row: Row, ready: Ready, contents: list[tuple[str, bytes]]) -> Iterator[bytes]:
    clean = ready.clean
    key = packer.add(row.number, row.data or b"", ready.data, len(clean.entities), len(clean.links))
    return (draft_leaf(key, group, content) for group, content in contents)
