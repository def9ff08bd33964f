"""Link claims as columns: what the projection's files hold and what analysis gets out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.model.claims import expiry, link_times
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.places import record_int

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

WORDS = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("src", pa.int64(), nullable=False),
        pa.field("dst", pa.int64(), nullable=False),
        pa.field("src_kind", WORDS, nullable=False),
        pa.field("dst_kind", WORDS, nullable=False),
        pa.field("kind", WORDS, nullable=False),
        pa.field("lid", pa.int64(), nullable=False),
        pa.field("rec", pa.int64(), nullable=False),
        pa.field("since", pa.int64(), nullable=False),
        pa.field("until", pa.int64(), nullable=False),
        pa.field("exp", pa.int64(), nullable=False),
    ]
)
"""One row per link claim: integers and kinds of both entities, kind of link, label, record, times in epoch seconds."""


@dataclass(frozen=True, slots=True)
class ClaimArrays:
    """Link claims: one per index, over all arrays. ``words`` spells out the codes in the three arrays of kinds."""

    src: Ints
    dst: Ints
    src_kind: Codes
    dst_kind: Codes
    kind: Codes
    lid: Ints
    rec: Ints
    since: Ints
    until: Ints
    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.src)


def claims_table(
    entry_index: int, drafts: Sequence[CleanDraft], ids: Sequence[Sequence[int]], lids: Sequence[int]
) -> Any:
    """The link claims of accepted drafts as an Arrow table of :data:`SCHEMA`.

    ``ids`` are each draft's entity integers in the order of its entities, ``lids`` each draft's label number.
    """
    rows = list(_rows(entry_index, drafts, ids, lids))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(SCHEMA)
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _rows(
    entry_index: int, drafts: Sequence[CleanDraft], ids: Sequence[Sequence[int]], lids: Sequence[int]
) -> Iterator[tuple[int | str, ...]]:
    for draft, entities, lid in zip(drafts, ids, lids, strict=True):
        record = record_int(entry_index, draft.row)
        expires = expiry(draft)
        for link, (since, until) in zip(draft.links, link_times(draft), strict=True):
            yield (
                entities[link.source],
                entities[link.target],
                draft.entities[link.source].kind,
                draft.entities[link.target].kind,
                link.kind,
                lid,
                record,
                since,
                until,
                expires,
            )


def claim_arrays(table: Any) -> ClaimArrays:
    """An Arrow table of :data:`SCHEMA` as numpy arrays with one code book."""
    spelled = {name: table.column(name).combine_chunks() for name in ("src_kind", "dst_kind", "kind")}
    words = tuple(sorted({word for column in spelled.values() for word in _values(column)}))
    numbers = {word: number for number, word in enumerate(words)}
    codes = {name: _codes(column, numbers) for name, column in spelled.items()}
    ints: dict[str, Ints] = {
        name: table.column(name).to_numpy() for name in ("src", "dst", "lid", "rec", "since", "until")
    }
    return ClaimArrays(
        src=ints["src"],
        dst=ints["dst"],
        src_kind=codes["src_kind"],
        dst_kind=codes["dst_kind"],
        kind=codes["kind"],
        lid=ints["lid"],
        rec=ints["rec"],
        since=ints["since"],
        until=ints["until"],
        words=words,
    )


def _values(column: Any) -> list[str]:
    chunk = _dictionary(column)
    return [str(word) for word in chunk.dictionary.to_pylist()]


def _codes(column: Any, numbers: dict[str, int]) -> Codes:
    chunk = _dictionary(column)
    translate = np.array([numbers[word] for word in chunk.dictionary.to_pylist()], dtype=np.int32)
    codes: Codes = translate[chunk.indices.to_numpy(zero_copy_only=False)] if len(chunk) else np.empty(0, np.int32)
    return codes


def _dictionary(column: Any) -> Any:
    # combine_chunks gives an Array, or for no chunks at all a ChunkedArray, by version of Arrow.
    if isinstance(column, pa.ChunkedArray):
        return pa.array([], type=WORDS) if column.num_chunks == 0 else column.unify_dictionaries().chunk(0)
    return column
