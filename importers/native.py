"""The native format: NDJSON, one draft per line, in the form of ``schema/submission.schema.json``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from graphsvc.model.drafts import Defaults, Draft, RowProblem
from importers.rows import Row

_AT = re.compile(r" - at `\$?([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class NativeImporter:
    """Reads drafts as they are. ``defaults`` is empty: what holds for all rows is in the manifest."""

    defaults = Defaults()

    def __init__(self) -> None:
        # Numbers with a fraction come as their digits, so no precision is lost on the way to a decimal.
        self._decoder = msgspec.json.Decoder(Draft, float_hook=str)

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and the draft, the problem that stopped it, or None for a blank line."""
        for row in rows:
            yield row.number, self._draft(row)

    def _draft(self, row: Row) -> Draft | RowProblem | None:
        if row.data is None:
            return too_long(row)
        data = row.data.removeprefix(b"\xef\xbb\xbf") if row.number == 0 else row.data
        if not data.strip():
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
