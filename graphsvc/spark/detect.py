"""The search for rings on a cluster: the same as :func:`graphsvc.detect.recipe.detect` finds in the same claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import Window
from pyspark.sql import functions as sql

from graphsvc.detect.arrays import Ints
from graphsvc.detect.evidence import TOOK, Claims
from graphsvc.detect.explain import Ring, tell
from graphsvc.detect.hubs import CITED
from graphsvc.detect.names import Names
from graphsvc.detect.networks import NARROW
from graphsvc.detect.recipe import NO_STAGE, VERSION, Found, Parameters
from graphsvc.detect.significance import Null, significant
from graphsvc.model.errors import InvalidInput
from graphsvc.spark.components import FEW, components_of
from graphsvc.spark.links import Linked, link
from graphsvc.spark.pieces import FOUND, SHIPPED, Piece, decode, keys_of, null_of, renamed, searching
from graphsvc.spark.projection import PART, Store, project
from graphsvc.spark.session import from_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

AT_ONCE = 200_000
"""About so many links are searched at once by one worker; a larger component is searched whole."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How work is shared out: claims in a file, links that are labelled in one place, links searched at once."""

    part: int = PART
    few: int = FEW
    at_once: int = AT_ONCE


def detect(
    claims: Claims,
    parameters: Parameters,
    names: Names,
    store: Store,
    stage: Callable[[str], None] = NO_STAGE,
    bounds: Bounds = Bounds(),
) -> Found:
    """Find the rings in ``claims`` on the cluster of ``store``; all but that as the engine of one machine does.

    Raises InvalidInput where the cluster's workers lack this version of graphsvc.
    """
    _check_workers(store)
    # 1. The projection; evidence, episodes, links, hubs (links).
    stage("project")
    projected, entities = project(claims, names, store, bounds.part)
    stage("link")
    linked = link(projected, parameters.kinds, claims.words, len(entities), store)
    # 2. What hangs together, and what lies around it (components).
    stage("part")
    shared = linked.links.where("users >= 2 and not hub")
    kept = components_of(shared.select("member", "node"), store, bounds.few)
    shipped = _shipped(linked, kept, parameters, store, bounds.at_once)
    # 3. The search of each component, the same functions as everywhere (pieces).
    stage("search")
    null = _null(linked)
    pieces, cut = _searched(shipped, projected, searching(parameters.settings(), null, claims.words), store)
    # 4. Of all together: significance, order, and the telling (significance, rank, explain).
    stage("explain")
    rings = _told(pieces, parameters, entities)
    totals = linked.links.agg(sql.countDistinct("member"), sql.count("*")).first()
    hubs = linked.nodes.where("hub").count()
    accounts, links = (0, 0) if totals is None else totals
    wanted = rings[: parameters.limit]
    return Found(wanted, hubs, accounts, links, len(wanted) < len(rings), cut)


def _check_workers(store: Store) -> None:
    def versions(_: object) -> object:
        from graphsvc.detect import engine, recipe

        yield recipe.VERSION if callable(engine.by_ties) else 0

    context = store.session.sparkContext
    try:
        found = set(context.parallelize(range(2), 2).mapPartitions(versions).collect())
    except Exception as error:
        if not (from_spark(error) and "ModuleNotFoundError" in str(error)):
            raise
        found = set()
    if found != {VERSION}:
        why = "another version of graphsvc" if found else "graphsvc is not there"
        told = f"the workers can't search ({why}); install graphsvc[rings] of this version on every machine"
        raise InvalidInput(told, code="no_workers", where="--master")


def _null(linked: Linked) -> Null:
    """The degrees of the whole graph, hubs left out."""
    degrees = linked.links.where("not hub").groupBy("member").count()
    users = linked.nodes.where("users > 0 and not hub and not dead")
    sides = (
        degrees.groupBy("count").agg(sql.count("*").alias("nodes")),
        users.groupBy(sql.col("users").alias("count")).agg(sql.count("*").alias("nodes")),
    )
    return null_of(*({row["count"]: row["nodes"] for row in side.collect()} for side in sides))


def _shipped(linked: Linked, kept: DataFrame, parameters: Parameters, store: Store, at_once: int) -> DataFrame:
    """The uses that each bucket of components needs: its own, what is narrow around them, and their hubs'."""
    # 1. Components in buckets; a node belongs to one.
    buckets = max(1, kept.count() // at_once, min(kept.count() // 1000, store.session.sparkContext.defaultParallelism))
    kept = kept.select("member", "node", sql.pmod(sql.xxhash64("component"), sql.lit(buckets)).alias("bucket"))
    shared = linked.links.where("users >= 2 and not hub")
    own = store.keep(kept.select("node", "bucket").distinct(), "own")
    # 2. Narrow things that one of its members shares with strangers: go-betweens may use them.
    narrow = shared.where(sql.col("users") <= NARROW).join(own.select("node"), "node", "left_anti")
    around = narrow.join(kept.select("member", "bucket").distinct(), "member").select("node", "bucket").distinct()
    inner = store.keep(shared.join(own.union(around), "node").select("bucket", "member", "node"), "inner")
    # 3. Hubs of its members, with so many other users that they are seen to be hubs.
    hub = linked.links.where("hub")
    members = inner.select("bucket", "member").distinct()
    mine = store.keep(hub.join(members, "member").select("bucket", "member", "node"), "own-hubs")
    most = max(parameters.kinds.cap, *parameters.kinds.caps.values(), 0) + 1
    firm = hub.where((sql.col("way") != TOOK) & (sql.col("users") <= CITED)).select("member", "node")
    first = firm.withColumn("place", sql.row_number().over(Window.partitionBy("node").orderBy("member")))
    first = first.where(sql.col("place") <= most).drop("place")
    proof = mine.select("bucket", "node").distinct().join(first, "node").select("bucket", "member", "node")
    chosen = inner.union(mine.union(proof).distinct())
    # 4. Each with its uses.
    told = linked.links.select("member", "node", "users", "hub", "way", "code", "entity", "other", "episode")
    uses = linked.uses.select(sql.col("actor").alias("member"), "node", "since", "until", "claim", "via")
    every = chosen.join(told, ["member", "node"]).join(uses, ["member", "node"])
    return store.keep(every.select("bucket", *SHIPPED), "shipped")


def _searched(
    shipped: DataFrame, projected: DataFrame, search: Callable[[Any, Any], Any], store: Store
) -> tuple[list[Piece], bool]:
    """All groups of all buckets, each network's named by its first group; and whether loops were cut short."""
    cited = shipped.select("bucket", sql.col("claim").alias("pos")).union(
        shipped.where("via >= 0").select("bucket", sql.col("via").alias("pos"))
    )
    # Read anew, so that no column of it is one of the uses' own.
    claims = store.keep(cited.distinct().join(projected, "pos"), "cited")
    both = shipped.groupBy("bucket").cogroup(claims.groupBy("bucket"))
    rows = store.keep(both.applyInArrow(search, FOUND), "found").toArrow().column("found").to_pylist()
    pieces, cut = list[Piece](), False
    for found in map(decode, rows):
        before = len(pieces)
        for one in found.found:
            one.network += before
        pieces += found.found
        cut |= found.cut
    return pieces, cut


def _told(pieces: list[Piece], parameters: Parameters, entities: Ints) -> tuple[Ring, ...]:
    keys = keys_of(pieces)
    marked = significant(keys.log_e)
    order = keys.order(parameters.order)
    network: dict[int, int] = {}
    for place, n in enumerate(order, start=1):
        network.setdefault(pieces[n].network, place)
    rings = list[Ring]()
    for place, n in enumerate(order, start=1):
        facts = replace(renamed(pieces[n].facts, entities), significant=bool(marked[n]))
        rings.append(tell(facts, place, network[pieces[n].network]))
    return tuple(rings)
