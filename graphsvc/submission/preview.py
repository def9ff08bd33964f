"""A file that somebody is about to submit, looked at: a mapping proposed, and what each row would become under it.

It runs in a worker (:mod:`graphsvc.submission.workers`), reads as an intake reads, and keeps nothing: the file is never
on disk here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from graphsvc.model.drafts import CleanDraft, RowProblem
from graphsvc.model.errors import InvalidInput, TooLarge
from graphsvc.model.labels import Label
from graphsvc.model.principals import Principal
from graphsvc.model.references import References
from graphsvc.model.schema import Schema
from graphsvc.model.sharedkeys import SharedKeys
from graphsvc.submission.intake import Allowing
from graphsvc.wire.submissions import Asked, Becomes, CellProblem, ColumnHolds, Preview, Sheet
from importers.drafting import drafted
from importers.formats import HEAD, Format, recognise
from importers.mapping import load_mapping
from importers.proposing import Proposal, held_by_columns, propose
from importers.provenance import place_of
from importers.reading import ASSUMED, How, Reading
from importers.rules import Mapping as TableMapping
from importers.sampling import Sample, cells_of, sample

MOST_BYTES = 4 << 20
"""At most this many bytes are looked at; larger files are for the client."""
MOST_ROWS = 5_000
MOST_CELLS = 200
"""At most this many rows, and cells in one of them."""
MOST_FOUND = 1_000
"""At most this many problems, and as many values that can't be linked, are told; the counts are exact all the same."""
SHOWN = 10
"""So many of the first rows are shown as what they become."""
_APART = ("xlsx", "xls")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Look:
    """A file to be looked at: for whom, and under which policies."""

    sheet: Sheet = field(repr=False)
    principal: Principal
    max_row: int
    policies: Mapping[str, str] = field(repr=False)
    groups: frozenset[str]
    closed: frozenset[str]


def preview(look: Look, schema: Schema, may_submit: Callable[[Label], bool]) -> Preview:
    """What a file would become. Raises InvalidInput for one that is no table, TooLarge for one that has too much."""
    sheet = look.sheet
    if len(sheet.body) > MOST_BYTES:
        raise _large(f"{MOST_BYTES >> 20} MiB")
    kind = recognise(sheet.body[:HEAD], f"file{sheet.ending}")
    if kind.name == "ndjson":
        made = Preview(media_type=kind.media_type, title=kind.title, cells=_lines(kind, look))
        return _read(look, schema, may_submit, made)
    read = sample(kind, io.BytesIO(sheet.body), sheet.delimiter)
    if kind.name in _APART:
        return Preview(media_type=kind.media_type, title=kind.title, apart=True, cells=_of_sheet(kind, look, read))
    if kind.name != "csv":
        message = f"{kind.title} is not shown here row by row: graphsvc submit sends it as it is"
        raise InvalidInput(message, code="no_table", where="/body")
    found = propose(read.rows, sheet.holds)
    if found is None:
        message = "no row looks like a header: give the columns names in a first row"
        raise InvalidInput(message, code="no_header", where="/body")
    return _read(look, schema, may_submit, _proposed(kind, look, read, found))


def _proposed(kind: Format, look: Look, read: Sample, found: Proposal) -> Preview:
    asked = {question.name for question in found.questions}
    answers = {name: answer for name, answer in look.sheet.answers.items() if name in asked and answer.strip()}
    return Preview(
        media_type=kind.media_type,
        title=kind.title,
        header=found.header,
        columns=[ColumnHolds(column.name, column.role) for column in found.columns],
        kinds=held_by_columns(),
        questions=[Asked(question.name, question.text) for question in found.questions],
        mapping=drafted(found, answers, read.said),
        cells=_of_text(kind, look, read),
    )


def _read(look: Look, schema: Schema, may_submit: Callable[[Label], bool], made: Preview) -> Preview:
    """Every row of the file, under the mapping that was proposed."""
    mapping = load_mapping(made.mapping.encode(), schema) if made.mapping else None
    said = look.sheet.defaults
    given = [said] if mapping is None else [said, mapping.defaults]
    missing = [name for name in ("handling", "legal_basis") if all(getattr(one, name) is None for one in given)]
    defaults = msgspec.structs.replace(said, **{name: getattr(ASSUMED, name) for name in missing})
    how = How(made.media_type, mapping, schema, defaults, look.principal.organisation)
    # Under a label that nobody has stated it can't be told whether it is allowed.
    allowing = None if missing else Allowing(look.groups, may_submit)
    reading = Reading(io.BytesIO(look.sheet.body), how, References(b""), max_row=look.max_row, may_keep=allowing)
    made.charset = reading.charset
    shared = SharedKeys(schema.kinds)
    for _, ready in reading:
        if ready is None:
            continue
        if isinstance(ready, list):
            made.rejected += 1
            _tell(made.errors, ready, reading, (schema, mapping))
            continue
        made.accepted += 1
        shared.take(ready.clean)
        _tell(made.notes, ready.notes, reading, (schema, mapping))
        if len(made.becomes) < SHOWN:
            made.becomes.append(_becomes(ready.clean))
    made.warnings = shared.warnings()
    made.losses = dict(sorted(reading.losses.items(), key=lambda one: (-one[1], one[0])))
    return made


def _tell(
    told: list[CellProblem], problems: Sequence[RowProblem], reading: Reading,
    under: tuple[Schema, TableMapping | None],
) -> None:  # fmt: skip
    schema, mapping = under
    for one in problems[: max(0, MOST_FOUND - len(told))]:
        place = place_of(one.pointer, reading.draft, schema, mapping)
        told.append(CellProblem(one.row, one.code, one.pointer, one.message, place.columns, place.type))


def _becomes(clean: CleanDraft) -> Becomes:
    # A key is written as kind:form:value; the kind in words is enough.
    entities = [f"{one.kind} {one.key.partition(':')[2]}" for one in clean.entities]
    return Becomes(clean.row, entities, [one.kind for one in clean.links])


def _of_text(kind: Format, look: Look, read: Sample) -> list[list[str]]:
    return _bounded(cells_of(text, read.delimiter) for text in _texts(kind, look, read.charset))


def _lines(kind: Format, look: Look) -> list[list[str]]:
    return _bounded([text] for text in _texts(kind, look, "utf-8"))


def _texts(kind: Format, look: Look, charset: str) -> Iterator[str]:
    for number, row in enumerate(kind.cut(io.BytesIO(look.sheet.body), look.max_row, None)):
        if row.data is None:
            raise _large(f"{look.max_row} bytes in one row")
        data = row.data.removeprefix(_BOM) if number == 0 else row.data
        yield data.decode(charset, "replace").rstrip("\r")


def _of_sheet(kind: Format, look: Look, read: Sample) -> list[list[str]]:
    """The rows of the sheet that has the most."""
    wanted = read.said.get("sheet")
    records = (row.data or b'["",0,[]]' for row in kind.cut(io.BytesIO(look.sheet.body), look.max_row, None))
    decoded = (msgspec.json.decode(one, type=tuple[str, int, list[str]]) for one in records)
    return _bounded(cells for name, _, cells in decoded if wanted in (None, name))


def _bounded(rows: Iterator[list[str]]) -> list[list[str]]:
    kept: list[list[str]] = []
    for cells in rows:
        if len(kept) >= MOST_ROWS:
            raise _large(f"{MOST_ROWS} rows")
        if len(cells) > MOST_CELLS:
            raise _large(f"{MOST_CELLS} columns")
        kept.append(cells)
    return kept


def _large(what: str) -> TooLarge:
    return TooLarge(f"more than {what} are too much to look at here: graphsvc submit takes it", where="/body")
