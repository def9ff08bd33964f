"""The native format: NDJSON, one draft per line, in the form of ``schema/submission.schema.json``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from graphsvc.model.drafts import Defaults, Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from importers.cells import ROW, path_of
from importers.draftplans import RulePlan, draft_of, plan_of
from importers.formats import Format, Importer, Salt
from importers.losses import Losses
from importers.rows import Readable, Row, iter_rows
from importers.rules import Mapping

_BOM = b"\xef\xbb\xbf"
_STAMP = b'{"export":{'
"""What the first line of an export begins with: it says who took it, when and how it is to be handled."""
_AT = re.compile(r" - at `\$?([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class NativeImporter:
    """Reads drafts as they are. ``defaults`` is empty: what holds for all rows is in the manifest."""

    def __init__(self) -> None:
        self.defaults = Defaults()
        self.charset = "utf-8"
        self.losses: Counter[str] = Losses()
        # Numbers with a fraction come as their digits, so no precision is lost on the way to a decimal.
        self._decoder = msgspec.json.Decoder(Draft, float_hook=str)

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and the draft, the problem that stopped it, or None for a blank line."""
        for row in rows:
            yield row.number, self._draft(row)

    def _draft(self, row: Row) -> Draft | RowProblem | None:
        if row.data is None:
            return too_long(row)
        data = row.data.removeprefix(_BOM) if row.number == 0 else row.data
        if not data.strip():
            return None
        if row.number == 0 and data.startswith(_STAMP):
            return None
        try:
            draft = self._decoder.decode(data)
        except msgspec.ValidationError as error:
            return RowProblem(row.number, "bad_draft", *_explained(str(error)))
        except UnicodeDecodeError:
            return RowProblem(row.number, "broken_utf8", "", "the row is not UTF-8: save the file as UTF-8")
        except msgspec.DecodeError:
            return broken_json(row)
        except RecursionError:
            return RowProblem(row.number, "bad_json", "", "the JSON is nested too deeply")
        draft.row = row.number
        return draft


class ObjectImporter:
    """Makes drafts of JSON objects of any shape, one a line, by a mapping whose columns are dotted paths."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.charset = "utf-8"
        self.defaults = mapping.defaults
        self.losses: Counter[str] = Losses()
        self._decoder = msgspec.json.Decoder(float_hook=str)

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and the draft, the problem that stopped it, or None for a blank line or comment."""
        plan = plan_of(self.mapping, path_of)
        for row in rows:
            yield row.number, self._draft(row, plan)

    def _draft(self, row: Row, plan: list[RulePlan]) -> Draft | RowProblem | None:
        if row.data is None:
            return too_long(row)
        data = row.data.removeprefix(_BOM) if row.number == 0 else row.data
        if not data.strip() or (self.mapping.comment and data.startswith(self.mapping.comment.encode())):
            return None
        try:
            found = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return broken_json(row)
        if not isinstance(found, dict):
            return broken_json(row)
        return draft_of(row.number, {ROW: str(row.number + 1), **found}, plan, self.mapping)


def too_long(row: Row) -> RowProblem:
    """The problem of a row above the limit."""
    message = f"the row has {row.size} bytes: split it, or ask the operator for the limit"
    return RowProblem(row.number, "row_too_long", "", message)


def broken_json(row: Row) -> RowProblem:
    """The problem of a row that is not JSON: broken UTF-8 or broken JSON, because each is mended in another way."""
    try:
        (row.data or b"").decode()
    except UnicodeDecodeError as error:
        message = f"byte {error.start} of the row is not UTF-8: save the file as UTF-8"
        return RowProblem(row.number, "broken_utf8", "", message)
    return RowProblem(row.number, "bad_json", "", "no JSON object: write one a line, without line breaks inside")


def _explained(message: str) -> tuple[str, str]:
    """The decoder's message as a JSON pointer and a message that tells what to do."""
    pointer = ""
    if (found := _AT.search(message)) is not None:
        message = message[: found.start()]
        pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(found[1]))
    # The decoder's message may quote a name from the row, which may hold control characters.
    shown = "".join(c if c.isprintable() else "?" for c in message[:200])
    return pointer, f"{shown}: see schema/submission.schema.json"


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    return iter_rows(body, "ndjson", max_row, salt)


def _open(mapping: Mapping | None, body: BinaryIO) -> Importer:
    if mapping is None:
        return NativeImporter()
    if mapping.format != "ndjson":
        message = f"the mapping is for {mapping.format}, the body is ndjson"
        raise InvalidInput(message, code="mapping_mismatch", where="mapping")
    return ObjectImporter(mapping)


def _recognises(head: bytes, ending: str) -> bool:
    start = head.removeprefix(_BOM).lstrip()
    if ending in FORMAT.endings:
        return True
    first, _, rest = start.partition(b"\n")
    return start[:1] == b"{" and first.rstrip().endswith(b"}") and rest.lstrip()[:1] in (b"{", b"")


FORMAT = Format(
    name="ndjson",
    title="NDJSON",
    media_type="application/x-ndjson",
    endings=(".ndjson", ".jsonl"),
    mapping="possible",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="a line",
    read=(
        "without a mapping: drafts, one a line, as in `schema/submission.schema.json`",
        "the stamp of an export before them",
        "with a mapping: objects of any shape, whose columns are dotted paths",
    ),
    lost=("with a mapping: members that no rule reads",),
    lines=True,
)
"""The native form, and JSON objects of any shape by a mapping."""
