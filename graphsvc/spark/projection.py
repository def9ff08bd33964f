"""Claims as Parquet parts, and what every step keeps: a folder that all machines of the cluster see.

Entities are named by their places in the order of visible names, so that ties are broken alike on every machine
without a name being sent there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graphsvc.detect.arrays import Ints, compact
from graphsvc.detect.evidence import Claims
from graphsvc.detect.names import NameRanks, Names

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PART = 1_000_000
"""So many claims are written into one file."""
COLUMNS = ("src", "dst", "src_kind", "dst_kind", "kind", "rec", "since", "until")


@dataclass(frozen=True)
class Store:
    """A session and the folder in which its steps keep what they made."""

    session: SparkSession
    folder: Path

    def keep(self, frame: DataFrame, name: str) -> DataFrame:
        """``frame`` as it is written under ``name``: made once, and no more when a machine is lost."""
        path = (self.folder / name).resolve().as_uri()
        frame.write.parquet(path)
        return self.session.read.parquet(path)

    def write(self, columns: dict[str, Any], name: str, part: int = PART) -> DataFrame:
        """Arrays of equal length as a frame."""
        table = pa.table(columns)
        path = self.folder / name
        path.mkdir()
        for number, start in enumerate(range(0, max(len(table), 1), part)):
            pq.write_table(table.slice(start, part), path / f"part-{number:06d}.parquet", row_group_size=part // 4)
        return self.session.read.parquet(path.resolve().as_uri())


def project(claims: Claims, names: Names, store: Store, part: int = PART) -> tuple[DataFrame, Ints]:
    """The claims with their positions, entities named by place; and the entity of each place."""
    entities, ends = compact(np.concatenate([claims.src, claims.dst]))
    rank = NameRanks(names)(entities)
    by_rank = np.empty(len(entities), dtype=np.int64)
    by_rank[rank] = entities
    src, dst = np.split(rank[ends], 2)
    columns = {name: getattr(claims, name) for name in COLUMNS} | {"src": src, "dst": dst}
    return store.write({"pos": np.arange(len(claims.rec)), **columns}, "claims", part), by_rank


@dataclass(frozen=True, slots=True)
class Projected:
    """Some rows of the projection as :class:`graphsvc.detect.evidence.Claims`; ``pos`` are their positions."""

    pos: Ints
    src: Ints
    dst: Ints
    src_kind: Any
    dst_kind: Any
    kind: Any
    rec: Ints
    since: Ints
    until: Ints
    words: tuple[str, ...]

    @classmethod
    def of(cls, table: Any, words: Sequence[str]) -> Projected:
        """The rows of an Arrow table or batch, in the order of their positions."""
        pos = np.asarray(table.column("pos"))
        order = np.argsort(pos, kind="stable")
        columns = {name: np.asarray(table.column(name))[order] for name in COLUMNS}
        return cls(pos=pos[order], **columns, words=tuple(words))
