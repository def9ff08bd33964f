"""What hangs together, as DataFrames: a bounded number of rounds of pruning, then components.

Pruning costs a round for each layer, so that it is bounded; what it leaves is pruned to the end where the component is
searched, which gives the same. Few links are pruned and labelled in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import functions as sql

from graphsvc.detect.arrays import compact
from graphsvc.detect.core import components, two_core
from graphsvc.spark.projection import Store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROUNDS = 6
"""At most so many rounds prune on the cluster."""
FEW = 5_000_000
"""So many links are pruned and labelled in one place (some 500 MB); more on the cluster."""
STARS = 60
"""At most so many rounds of contraction: they halve the longest way or better."""


def components_of(links: DataFrame, store: Store, few: int = FEW) -> DataFrame:
    """The links (member, node) that pruning leaves, with the ``component`` of each, named by any number of its own."""
    if links.count() <= few:
        return _in_one_place(links, store)
    links = _prune(links, store)
    # Members are even, nodes odd numbers.
    ends = links.select((sql.col("member") * 2).alias("src"), (sql.col("node") * 2 + 1).alias("dst"))
    stars = _stars(ends, store)
    # The least end of a component is the centre of its star.
    own = stars.union(stars.select(sql.col("component").alias("end"), "component")).distinct()
    members = own.where("pmod(end, 2) = 0").select(sql.shiftright("end", 1).alias("member"), "component")
    return store.keep(links.join(members, "member"), "labelled")


def _in_one_place(links: DataFrame, store: Store) -> DataFrame:
    table = links.toArrow()
    member, node = (np.asarray(table.column(name)) for name in ("member", "node"))
    keep = two_core(compact(member)[1], compact(node)[1])
    member, node = member[keep], node[keep]
    left, right = compact(member)[1], compact(node)[1]
    offset = int(left.max(initial=-1)) + 1
    found = components(offset + int(right.max(initial=-1)) + 1, left, right + offset)[left]
    return store.write({"member": member, "node": node, "component": found}, "labelled")


def _prune(links: DataFrame, store: Store) -> DataFrame:
    """The links that are left when ends of one link are taken away, again and again; no link of the core is lost."""
    before = -1
    for turn in range(ROUNDS):
        for end in ("node", "member"):
            fine = links.groupBy(end).count().where("count >= 2").select(end)
            links = links.join(fine, end, "left_semi")
        links = store.keep(links.select("member", "node"), f"pruned-{turn}")
        left = links.count()
        if left == before:
            break
        before = left
    return links


def _stars(ends: DataFrame, store: Store) -> DataFrame:
    """(end, component) by alternating large-star and small-star contraction (Kiveris and others 2014)."""
    ends = ends.select(sql.least("src", "dst").alias("src"), sql.greatest("src", "dst").alias("dst")).distinct()
    before = None
    for turn in range(STARS):
        both = ends.union(ends.select("dst", "src"))
        least = (
            both.groupBy("src")
            .agg(sql.min("dst").alias("least"))
            .select("src", sql.least("src", "least").alias("least"))
        )
        large = both.join(least, "src").where("dst > src").select(sql.col("least").alias("src"), "dst")
        large = large.where("src <> dst").distinct()
        down = large.select(sql.greatest("src", "dst").alias("upper"), sql.least("src", "dst").alias("lower"))
        lowest = down.groupBy("upper").agg(sql.min("lower").alias("least"))
        small = down.join(lowest, "upper")
        ends = small.where("lower <> least").select(sql.col("least").alias("src"), sql.col("lower").alias("dst"))
        ends = store.keep(
            ends.union(small.select(sql.col("least").alias("src"), sql.col("upper").alias("dst"))).distinct(),
            f"stars-{turn}",
        )
        now = ends.agg(sql.count("*"), sql.sum(sql.xxhash64("src", "dst").cast("decimal(38,0)"))).first()
        if now == before:
            break
        before = now
    return ends.select(sql.col("dst").alias("end"), sql.col("src").alias("component"))
