"""The rows of one submission: read, cleaned, allowed, sealed, one pass with one row in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import msgspec
import orjson

from graphsvc.ledger.payload import Packer, draft_leaf
from graphsvc.model.bounds import MAX_CLAIMS, MAX_DRAFT
from graphsvc.model.claims import Unfit, encode_draft
from graphsvc.model.cleaning import clean_draft, merge_defaults
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, RowProblem, Values
from graphsvc.model.errors import InvalidManifest, TooLarge
from graphsvc.model.labels import GROUPS, ORIGIN, Label
from graphsvc.model.merkle import GrowingRoot
from graphsvc.model.principals import Organisation
from graphsvc.model.references import MAX_REFERENCES, References
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import Schema
from graphsvc_verify.keyed import row_salt
from importers import importer_for, row_kind
from importers.mapping import Mapping
from importers.rows import Row, iter_rows

MAX_PROBLEMS = 50_000
"""At most this many row problems, and as many notes on unlinked values, are kept; the counts are exact all the same."""
MAX_SUPERSEDED = 100_000
"""At most this many older records are corrected by one submission."""
STRUCTURE = "structure"
"""The pseudo field group of all that is no attribute: kinds, links, label, grading, times."""
REFERENCE = "reference"
"""The pseudo field group of the owner's own reference, which nobody else is shown."""


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


@dataclass(slots=True)
class Intake:
    """What a pass over the rows gave. ``leaves`` holds 32 bytes a row, in order; roots are 32 bytes.

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
    leaves: bytearray = field(default_factory=bytearray)
    charset: str = "utf-8"
    rows_root: bytes = b""
    drafts_root: bytes = b""
    draft_leaves: int = 0
    supersedes: list[tuple[int, int, int]] = field(default_factory=list)
    references: list[tuple[int, bytes]] = field(default_factory=list)
    claims: int = 0


def take_in(order: Order, packer: Packer | None) -> Intake:
    """Read every row of ``order``; accepted ones go to ``packer`` (None: a dry run, nothing is sealed).

    Memory: 32 bytes a row, the problems that are kept, one row. Raises InvalidInput for what stops a whole file: an
    unknown media type or encoding, a mapping that doesn't fit; TooLarge where it makes more claims than it may.
    """
    intake = Intake()
    rows_root, drafts_root = GrowingRoot(), GrowingRoot()
    with order.path.open("rb") as body:
        importer = importer_for(order.media_type, order.mapping, body)
        intake.charset = getattr(importer, "charset", "utf-8")
        defaults = merge_defaults(order.defaults, importer.defaults)
        current, references = _Current(), References(order.reference_key)
        salt = partial(row_salt, order.seed)
        rows = iter_rows(body, row_kind(order.media_type), order.max_row, salt)
        for _, found in importer.drafts(current.watch(rows)):
            row = current.row
            intake.rows += 1
            if intake.rows > order.rows:
                raise InvalidManifest("rows: the body has another number of rows", where="manifest rows")
            leaf = row.leaf or b""
            intake.leaves += leaf
            rows_root.add(leaf)
            if found is None:
                continue
            ready = found if isinstance(found, RowProblem) else _ready(found, order, defaults, references)
            if not isinstance(ready, _Ready):
                _reject(intake, ready)
                continue
            _count(intake, row, found, ready)
            if packer is not None:
                for one in _seal(packer, row, ready):
                    drafts_root.add(one)
    intake.rows_root, intake.drafts_root = rows_root.root(), drafts_root.root()
    intake.draft_leaves = drafts_root.count
    return intake


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


class _Current:
    """Remembers the row that an importer is at."""

    row: Row

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            self.row = row
            yield row


@dataclass(frozen=True, slots=True)
class _Ready:
    """A row that can be sealed: its clean draft, that draft's bytes, the contents of its proof leaves, its notes.

    ``reference`` is the digest of its own reference, empty where it has none.
    """

    clean: CleanDraft
    data: bytes
    contents: list[tuple[str, bytes]]
    notes: list[RowProblem]
    reference: bytes


def _ready(draft: Draft, order: Order, defaults: Defaults, references: References) -> _Ready | list[RowProblem]:
    """All that may fail for a row is done here, before anything of it is kept."""
    notes: list[RowProblem] = []
    clean = clean_draft(draft, order.schema, defaults, order.organisation, notes)
    if not isinstance(clean, CleanDraft):
        return clean
    if not order.groups.issuperset(clean.label.groups):
        message = "name only sharing groups that your organisation belongs to (graphsvc group list)"
        return [RowProblem(draft.row, "not_a_member", "/groups", message)]
    if not order.may_submit(clean.label):
        message = "your organisation may not submit under this handling code, legal basis or group"
        return [RowProblem(draft.row, "may_not_submit", "/handling", message)]
    data = encode_draft(clean)
    if len(data) > MAX_DRAFT:
        message = (
            f"what is made of the row has more than {MAX_DRAFT} bytes: split it, or let the mapping make less of it"
        )
        return [RowProblem(draft.row, "too_many_claims", "", message)]
    try:
        contents = list(draft_contents(clean))
    except (TypeError, ValueError):
        return [RowProblem(draft.row, Unfit.code, "", "the row can't be written as canonical JSON: tell the operator")]
    try:
        # Last: a row that is rejected must not take its reference.
        digest = b"" if clean.reference is None else references.take(draft.row, clean.reference)
    except ValueProblem as problem:
        return [RowProblem(draft.row, problem.code, "/supersedes/reference", problem.message)]
    return _Ready(clean, data, contents, notes, digest)


def _count(intake: Intake, row: Row, found: Draft | RowProblem, ready: _Ready) -> None:
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
    named = found.supersedes if isinstance(found, Draft) else None
    if named is not None and named.submission is not None and named.row is not None:
        intake.supersedes.append((row.number, named.submission, named.row))
        if len(intake.supersedes) > MAX_SUPERSEDED:
            message = f"the rows correct more than {MAX_SUPERSEDED} older records: split the file"
            raise TooLarge(message, code="too_many_corrections", where=f"row {row.number}")


def _reject(intake: Intake, problems: RowProblem | list[RowProblem]) -> None:
    intake.rejected += 1
    _keep(intake.problems, [problems] if isinstance(problems, RowProblem) else problems)


def _keep(kept: list[RowProblem], more: list[RowProblem]) -> None:
    kept += more[: max(MAX_PROBLEMS - len(kept), 0)]


def _seal(packer: Packer, row: Row, ready: _Ready) -> Iterator[bytes]:
    clean = ready.clean
    key = packer.add(row.number, row.data or b"", ready.data, len(clean.entities), len(clean.links))
    return (draft_leaf(key, group, content) for group, content in ready.contents)


def _content(row: int, group: str, values: Values) -> bytes:
    return orjson.dumps({"row": row, "group": group, "values": values}, option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=4096)
def _label_values(label: Label) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(msgspec.to_builtins(label), option=orjson.OPT_SORT_KEYS))
