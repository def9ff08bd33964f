"""The local check of a file before it is sent: importer, schema and cleaners, the same as the service's; no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphsvc.client.manifest import Outgoing, Progress
from graphsvc.model.cleaning import clean_draft, merge_defaults
from graphsvc.model.drafts import CleanDraft, RowProblem
from graphsvc.model.principals import Organisation
from graphsvc.model.references import References
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import Schema
from importers import importer_for, row_kind
from importers.mapping import load_mapping
from importers.rows import Row, iter_rows

KEPT = 50_000
"""At most this many problems, and notes on unlinked values, are kept, as in the service; the counts are exact."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What would become of the rows.

    ``refused`` are the rejected rows, and ``problems`` say why. ``marked`` rows are accepted with a value that can't be
    linked; ``unlinked`` says where the first such values stand, and why.
    """

    rows: int
    accepted: int
    rejected: int
    marked: tuple[int, ...]
    problems: tuple[RowProblem, ...]
    drafts: tuple[CleanDraft, ...] = ()
    unlinked: tuple[RowProblem, ...] = ()
    refused: tuple[int, ...] = ()


def check_file(
    outgoing: Outgoing, schema: Schema, organisation: Organisation, progress: Progress | None = None, keep: bool = False
) -> Checked:
    """Read a whole file as the service would and say what it would accept; ``keep`` keeps the clean drafts.

    What only the service knows (policy, keys) is not checked. Raises InvalidInput on a bad mapping or media type.
    """
    rows = accepted = 0
    marked: list[int] = []
    refused: list[int] = []
    problems: list[RowProblem] = []
    kept: list[CleanDraft] = []
    unlinked: list[RowProblem] = []
    references = References(b"")
    mapping = None if outgoing.mapping is None else load_mapping(outgoing.mapping, schema)
    with outgoing.path.open("rb") as file:
        importer = importer_for(outgoing.media_type, mapping, file)
        defaults = merge_defaults(outgoing.defaults, importer.defaults)
        for number, draft in importer.drafts(_counted(iter_rows(file, row_kind(outgoing.media_type)), progress)):
            rows = max(rows, number + 1)
            if draft is None:
                continue
            noted: list[RowProblem] = []
            if isinstance(draft, RowProblem):
                found: CleanDraft | list[RowProblem] = [draft]
            else:
                found = _once(clean_draft(draft, schema, defaults, organisation, noted), references)
            if isinstance(found, list):
                refused.append(number)
                problems += found[: max(0, KEPT - len(problems))]
                continue
            accepted += 1
            marked += [number] if found.unlinked else []
            unlinked += noted[: max(0, KEPT - len(unlinked))]
            kept += [found] if keep else []
    found_out = (tuple(marked), tuple(problems), tuple(kept), tuple(unlinked), tuple(refused))
    return Checked(rows, accepted, len(refused), *found_out)


def _once(found: CleanDraft | list[RowProblem], references: References) -> CleanDraft | list[RowProblem]:
    if isinstance(found, CleanDraft) and found.reference is not None:
        try:
            references.take(found.row, found.reference)
        except ValueProblem as problem:
            return [RowProblem(found.row, problem.code, "/supersedes/reference", problem.message)]
    return found


def _counted(rows: Iterator[Row], progress: Progress | None) -> Iterator[Row]:
    for row in rows:
        if progress is not None:
            progress(row.size + 1)
        yield row
