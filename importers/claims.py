"""The table of claims that ``graphsvc export --format csv`` writes, read back without a mapping: a line a claim."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from graphsvc.model.drafts import Defaults, Draft, DraftLink, Grading, Observed, Origin, RowProblem, Superseded
from graphsvc.model.exported import CLAIMS_ATTRIBUTE, CLAIMS_BETWEEN, CLAIMS_HEAD, CLAIMS_MARK
from graphsvc.model.spreadsheets import released
from importers.exported import attributes_of, entity_of, handling_of
from importers.formats import Format, Salt
from importers.losses import Losses
from importers.native import too_long
from importers.rows import Readable, Row, iter_rows
from importers.rules import Mapping

_BOM = b"\xef\xbb\xbf"
_START = CLAIMS_MARK.encode()


class ClaimsImporter:
    """Makes a draft of each claim: an entity with its attributes, or a link with both its ends."""

    def __init__(self) -> None:
        self.defaults = Defaults()
        self.charset = "utf-8"
        self.losses: Counter[str] = Losses()
        self._columns: list[str] = []

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and the draft, its problem, or None for the stamp, the header and blank lines."""
        for row in rows:
            yield row.number, self._of(row)

    def _of(self, row: Row) -> Draft | RowProblem | None:
        if row.data is None:
            return too_long(row)
        data = row.data.removeprefix(_BOM) if row.number == 0 else row.data
        if not data.strip() or (not self._columns and data.startswith(_START)):
            return None
        try:
            (cells,) = csv.reader([data.decode().rstrip("\r")], strict=True)
        except (UnicodeDecodeError, csv.Error, ValueError):
            return RowProblem(
                row.number, "bad_csv", "", "this is no line of an export: take the file as it was written"
            )
        if not self._columns:
            if tuple(cells[: len(CLAIMS_HEAD)]) == CLAIMS_HEAD:
                self._columns = cells
                return None
            return RowProblem(row.number, "bad_record", "", "the header is not that of an export: export again")
        if len(cells) != len(self._columns):
            return RowProblem(row.number, "row_width", "", "the row has not as many cells as the header")
        return self._claim({name: released(cell) for name, cell in zip(self._columns, cells, strict=True)}, row.number)

    def _claim(self, cells: dict[str, str], row: int) -> Draft | RowProblem | None:
        said = [
            (name.removeprefix(CLAIMS_ATTRIBUTE), value)
            for name, cell in cells.items()
            if name.startswith(CLAIMS_ATTRIBUTE) and cell
            for value in cell.split(CLAIMS_BETWEEN)
        ]
        linked = cells["claim"] == "link"
        one = entity_of("e1", cells["kind"], cells["identifier"], () if linked else said, self.losses)
        other = entity_of("e2", cells["toKind"], cells["toIdentifier"], ()) if linked else None
        if one is None or (linked and other is None):
            self.losses["a claim about an entity whose key is withheld"] += 1
            return None
        observed = Observed(cells["since"] or None, cells["until"] or None)
        draft = Draft([one], row=row)
        if other is not None:
            same = (other.kind, other.key) == (one.kind, one.key)
            draft.entities += [] if same else [other]
            attributes = attributes_of(said, self.losses)
            draft.links = [DraftLink(cells["link"], "e1", "e1" if same else "e2", attributes, observed)]
        else:
            draft.observed = observed
        draft.handling = handling_of([cells["handling"]])
        draft.grading = _grading(cells["grading"])
        draft.pap, draft.expires = cells["pap"] or None, cells["expires"] or None
        organisation, _, reference = cells["origin"].partition("/")
        draft.origin = Origin(organisation or ("" if cells["origin"] else cells["owner"]), reference)
        draft.supersedes = Superseded(reference=_reference(cells))
        return draft


def _grading(text: str) -> Grading | None:
    parts = text.split("/")
    return Grading(*parts) if len(parts) == 3 else None


def _reference(cells: dict[str, str]) -> str:
    """The claim's own name: its record, and what of the record it is."""
    named = ("claim", "kind", "identifier", "link", "toKind", "toIdentifier", "since", "until")
    digest = hashlib.sha256("\0".join(cells[name] for name in named).encode()).hexdigest()
    return f"{cells['record']}/{digest[:16]}"


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    return iter_rows(body, "csv", max_row, salt)


def _open(mapping: Mapping | None, body: BinaryIO) -> ClaimsImporter:
    return ClaimsImporter()


def _recognises(head: bytes, ending: str) -> bool:
    start = head.removeprefix(_BOM)
    columns = ",".join(CLAIMS_HEAD).encode()
    return start.startswith(_START) and any(line.startswith(columns) for line in start.split(b"\n"))


FORMAT = Format(
    name="claims",
    title="CSV of an export",
    media_type="text/x-graphsvc-claims",
    endings=(),
    mapping="none",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="a line, which is a claim of an entity or a link",
    read=(
        "what `graphsvc export --format csv` has written: entities by `identifier`, links by both their identifiers",
        "handling code, PAP, grading, origin (else the owner), times, expiry, attributes",
    ),
    lost=(
        "claims about entities whose keys are withheld; which claims came in one record",
        "legal basis and purposes, which an export doesn't have: state your own",
    ),
    rank=9,
)
"""The table of claims of :mod:`graphsvc.exchange`."""
