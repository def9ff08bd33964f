"""The ledger's link claims as Parquet files: what whole-graph analysis reads, beside the graph database.

The store is a projection of the ledger like the graph, with a watermark of its own; it can be removed and built again.
Every part is written to a temporary name, made durable and renamed. It is named after its submission and batch, and
also after the entry that reapplied its rows, if one did: appending the same batch again replaces it. A crash leaves at
most a temporary file, which the next start removes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graphsvc.columns.claims import SCHEMA, ClaimArrays, claim_arrays, claims_table
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import IntegrityError
from graphsvc.model.files import publish, sweep, temporary, write_durably
from graphsvc.model.places import ROW_BITS
from graphsvc.policy.scope import Scope

_PART = re.compile(r"claims-(\d{12})-(\d{9})(?:-\d{12})?\.parquet")
_CHANGE = re.compile(r"change-(\d{12})\.json")


@dataclass(frozen=True, order=True, slots=True)
class Watermark:
    """The last part that is there: ledger index and batch; (-1, 0) for an empty store."""

    index: int
    batch: int


class Change(msgspec.Struct, frozen=True):
    """Records that a ledger entry moved to label number ``lid``."""

    records: list[int]
    lid: int


@dataclass(frozen=True, slots=True)
class _Changes:
    """All changes so far, the latest of each record winning: record integers, sorted, and their new label."""

    records: Any
    lids: Any


class Columns:
    """The store in one directory. One writer; readers in the same process may run beside it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(directory, deep=False)
        self._lock = threading.Lock()
        self._parts = {path.name: path for path in sorted(directory.iterdir()) if _PART.fullmatch(path.name)}
        self._log = {
            int(found[1]): _read(path) for path in directory.iterdir() if (found := _CHANGE.fullmatch(path.name))
        }
        self._changes = _collapse(self._log)

    def append(self, entry_index: int, batch: int, table: Any, later: int | None = None) -> None:
        """Add the claims of one batch (an Arrow table of ``claims.SCHEMA``); the same batch again changes nothing.

        ``later`` is the entry that brought them, where it is not the submission itself.
        """
        name = f"{_named(entry_index, batch)}{'' if later is None else f'-{later:012d}'}.parquet"
        path = self._directory / name
        _write(table, path)
        with self._lock:
            self._parts = {**self._parts, name: path}

    def append_drafts(
        self,
        entry_index: int,
        batch: int,
        drafts: Sequence[CleanDraft],
        ids: Sequence[Sequence[int]],
        lids: Sequence[int],
        later: int | None = None,
    ) -> None:
        """Add the link claims of accepted drafts, with entity integers and label numbers as the graph gave them."""
        self.append(entry_index, batch, claims_table(entry_index, drafts, ids, lids), later)

    def withdraw(self, records: Iterable[int]) -> None:
        """Remove the claims of ``records`` from every part for good; doing it again changes nothing.

        Each part is replaced as a whole: a reader that has the old one open goes on reading that.
        """
        gone = np.array(sorted(records), np.int64)
        entries = {f"{entry:012d}" for entry in np.unique(gone >> ROW_BITS).tolist()}
        with self._lock:
            parts = [path for name, path in self._parts.items() if name[7:19] in entries]
        for path in parts:
            table = pq.read_table(path, schema=SCHEMA)
            keep = ~np.isin(table.column("rec").to_numpy(), gone)
            if not keep.all():
                _write(table.filter(pa.array(keep)), path)

    def move(self, entry_index: int, moves: Iterable[tuple[int, Iterable[int]]]) -> None:
        """Move claims, as ledger entry ``entry_index`` says: per move, a label number and the records that move."""
        self._change(entry_index, [Change(sorted(records), lid) for lid, records in moves])

    def watermark(self) -> Watermark:
        """How far the columns are: the last batch that was appended."""
        with self._lock:
            last = max(self._parts, default=None)
        found = _PART.fullmatch(last) if last else None
        return Watermark(int(found[1]), int(found[2])) if found else Watermark(-1, 0)

    def has(self, entry_index: int, batch: int) -> bool:
        """Whether a batch is here; after a crash the columns may be one batch ahead of the graph."""
        with self._lock:
            return f"{_named(entry_index, batch)}.parquet" in self._parts

    def select(self, scope: Scope, now: int) -> ClaimArrays:
        """Exactly the link claims that ``scope`` may analyse: label in scope, not expired at ``now``, not withdrawn.

        ``now`` is epoch seconds. Raises IntegrityError when a part can't be read.
        """
        allowed = scope.allowed("analyse")
        with self._lock:
            parts, changes = list(self._parts.values()), self._changes
        # What has moved is read under its old label and judged by its new one below.
        moved = pa.array(changes.records, pa.int64())
        wanted = pc.field("lid").isin(pa.array(allowed, pa.int64())) | pc.field("rec").isin(moved)
        try:
            tables = [
                pq.read_table(part, schema=SCHEMA, filters=wanted & (pc.field("exp") > now))
                for part in parts
                if allowed
            ]
        except (OSError, pa.ArrowInvalid) as error:
            raise IntegrityError("a part of the columns can't be read", where=type(error).__name__) from None
        table = pa.concat_tables([SCHEMA.empty_table(), *tables]).unify_dictionaries()
        lids, rec = _relabel(table, changes)
        hidden = np.isin(rec, np.array(scope.hidden, dtype=np.int64))
        if scope.hidden_in:
            hidden |= np.isin(rec >> ROW_BITS, np.array(scope.hidden_in, dtype=np.int64))
        keep = np.isin(lids, np.array(allowed, dtype=np.int64)) & ~hidden
        table = table.set_column(SCHEMA.get_field_index("lid"), SCHEMA.field("lid"), pa.array(lids))
        return claim_arrays(table.filter(pa.array(keep)))

    def _change(self, entry_index: int, changes: list[Change]) -> None:
        path = self._directory / f"change-{entry_index:012d}.json"
        write_durably(path, msgspec.json.encode(changes))
        with self._lock:
            self._log = {**self._log, entry_index: changes}
            self._changes = _collapse(self._log)


def _collapse(log: dict[int, list[Change]]) -> _Changes:
    latest: dict[int, int] = {}
    for change in (change for _, changes in sorted(log.items()) for change in changes):
        latest.update(dict.fromkeys(change.records, change.lid))
    records = sorted(latest)
    return _Changes(np.array(records, np.int64), np.array([latest[record] for record in records], np.int64))


def _relabel(table: Any, changes: _Changes) -> tuple[Any, Any]:
    """Each claim's label number after all changes, and its record."""
    lids, rec = table.column("lid").to_numpy().copy(), table.column("rec").to_numpy()
    if len(changes.records) and len(rec):
        at = np.minimum(np.searchsorted(changes.records, rec), len(changes.records) - 1)
        changed = changes.records[at] == rec
        lids[changed] = changes.lids[at][changed]
    return lids, rec


def _read(path: Path) -> list[Change]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Change])
    except msgspec.DecodeError:
        raise IntegrityError("a change of the columns can't be read", where=path.name) from None


def _named(entry_index: int, batch: int) -> str:
    return f"claims-{entry_index:012d}-{batch:09d}"


def _write(table: Any, path: Path) -> None:
    """Write claims so that a reader sees the old part or the new one. Raises OSError."""
    part = temporary(path)
    pq.write_table(table.cast(SCHEMA), part, compression="zstd")
    publish(part, path)
