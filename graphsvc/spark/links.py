"""From claims to links, hubs and degrees as DataFrames: what :func:`graphsvc.detect.graph.build` does in one place.

What is told of one claim, and of one identifier's episodes, is told by the same pure functions, on the workers. An
identifier is a node: an entity and its episode in one number, or, below zero, a contact of two members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as sql

from graphsvc.detect.arrays import compact
from graphsvc.detect.contacts import CAP
from graphsvc.detect.episodes import cut_episodes
from graphsvc.detect.evidence import EARLIEST, GAVE, TOOK, USED, Kinds, gather
from graphsvc.detect.graph import EPISODES
from graphsvc.spark.projection import Projected, Store

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

USE, ACT, JOIN, CONTACT = range(4)
EVIDENCE = (
    "what int, a long, b long, a_code int, b_code int, way int, since long, until long, claim long, via long, "
    "paid boolean"
)
COLUMNS = ("actor", "entity", "other", "code", "way", "since", "until", "claim", "via", "derived")
"""A use: ``other`` is the second member of a contact, whose first is ``entity``, or -1."""
NODE = ("entity", "other", "episode", "node")


@dataclass(frozen=True)
class Linked:
    """All uses with their nodes; nodes with their users, dead ones told; links of what is alive."""

    uses: DataFrame
    nodes: DataFrame
    links: DataFrame


def link(claims: DataFrame, kinds: Kinds, words: Sequence[str], entities: int, store: Store) -> Linked:
    """The links of all ``claims``, as ``build(gather(claims))`` makes them; ``entities`` is how many there are."""
    evidence = store.keep(claims.mapInArrow(_gathering(kinds, tuple(words)), EVIDENCE), "evidence")
    there = {row["what"]: row for row in evidence.groupBy("what").agg(
        sql.max(sql.col("way") == TOOK).alias("took"), sql.max("paid").alias("paid"), sql.max("since").alias("since")
    ).collect()}  # fmt: skip
    # Every step that several others read is kept: a plan that holds it many times takes longer to make than to run.
    # 1. Who acted by telephone; purchases are no evidence.
    uses = _uses(evidence.where(sql.col("what") == USE))
    if ACT in there:
        acts = _uses(evidence.where(sql.col("what") == ACT))
        uses = store.keep(uses.unionByName(_by_holders(acts, _holders(uses))), "with-acts")
    contacts = evidence.where(sql.col("what") == CONTACT)
    if any(row["took"] or row["paid"] for row in there.values()):
        uses, contacts = _without_purchases(uses, contacts, store)
    # 2. Identifiers behind identifiers, and contacts between members.
    parts = [uses]
    if JOIN in there:
        most = max(kinds.cap, *kinds.caps.values(), 0)
        parts.append(store.keep(_follow(uses, evidence.where(sql.col("what") == JOIN), most), "followed"))
    if CONTACT in there:
        parts.append(_met(contacts, store.keep(_holders(uses), "holders"), store))
    # 3. Episodes.
    timed = any(row["since"] > EARLIEST for row in there.values())
    every = store.keep(reduce(_both, parts), "every") if timed and len(parts) > 1 else reduce(_both, parts)
    uses = store.keep(_with_nodes(every, timed, entities), "uses")
    # 4. Each link once; hubs; and what only repeats the identifier behind it.
    return _linked(uses, kinds, words, JOIN in there, store)


def _both(one: DataFrame, other: DataFrame) -> DataFrame:
    return one.unionByName(other)


def _gathering(kinds: Kinds, words: tuple[str, ...]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    def gathered(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            claims = Projected.of(batch, words)
            found = gather(claims, kinds)
            for what, uses in ((USE, found.uses), (ACT, found.acts)):
                yield _rows(what, len(uses), {
                    "a": uses.actor, "b": uses.identifier, "b_code": uses.code, "way": uses.way,
                    "since": uses.since, "until": uses.until, "claim": claims.pos[uses.claim],
                })  # fmt: skip
            for what, pairs in ((JOIN, found.joins), (CONTACT, found.contacts)):
                yield _rows(what, len(pairs), {
                    "a": pairs.a, "b": pairs.b, "a_code": pairs.a_code, "b_code": pairs.b_code, "paid": pairs.paid,
                    "since": pairs.since, "until": pairs.until, "claim": claims.pos[pairs.claim],
                })  # fmt: skip

    return gathered


def _rows(what: int, count: int, columns: dict[str, Any]) -> Any:
    types = {"what": pa.int32(), "a_code": pa.int32(), "b_code": pa.int32(), "way": pa.int32(), "paid": pa.bool_()}
    blank = {"what": what, "a_code": -1, "b_code": -1, "way": USED, "via": -1, "paid": False}
    arrays, names = [], [field.split()[0] for field in EVIDENCE.split(", ")]
    for name in names:
        values = columns[name] if name in columns else np.full(count, blank[name])
        arrays.append(pa.array(values, types.get(name, pa.int64())))
    return pa.RecordBatch.from_arrays(arrays, names)


def _uses(evidence: DataFrame) -> DataFrame:
    return evidence.select(
        sql.col("a").alias("actor"), sql.col("b").alias("entity"), sql.lit(-1).cast("long").alias("other"),
        sql.col("b_code").alias("code"), "way", "since", "until", "claim", "via", sql.lit(False).alias("derived"),
    )  # fmt: skip


def _holders(uses: DataFrame) -> DataFrame:
    """Who alone uses an identifier, and the claim that says so first."""
    return (
        uses.groupBy(sql.col("entity").alias("held"))
        .agg(sql.min("actor").alias("holder"), sql.max("actor").alias("last"), sql.min("claim").alias("held_by"))
        .where("holder = last").drop("last")
    )  # fmt: skip


def _without_purchases(uses: DataFrame, contacts: DataFrame, store: Store) -> tuple[DataFrame, DataFrame]:
    """As :func:`graphsvc.detect.direction.only_buys`."""
    gave = uses.where(sql.col("way") == GAVE).select(sql.col("actor").alias("giver"))
    givers = store.keep(gave.union(contacts.where("paid").select("b")).distinct(), "givers")
    taken = uses.where(sql.col("way") == TOOK).join(givers, sql.col("actor") == sql.col("giver"), "left_semi")
    paid = contacts.where("paid").join(givers, sql.col("a") == sql.col("giver"), "left_semi")
    return (
        store.keep(uses.where(sql.col("way") != TOOK).unionByName(taken), "no-purchases"),
        contacts.where("not paid").unionByName(paid),
    )


def _by_holders(acts: DataFrame, holders: DataFrame) -> DataFrame:
    found = acts.join(holders, sql.col("actor") == sql.col("held"), "left")
    return found.select(*(
        sql.coalesce("holder", "actor").alias(name) if name == "actor"
        else sql.coalesce("held_by", sql.lit(-1).cast("long")).alias(name) if name == "via"
        else sql.col(name)
        for name in COLUMNS
    ))  # fmt: skip


def _follow(uses: DataFrame, joins: DataFrame, most: int) -> DataFrame:
    """As :func:`graphsvc.detect.behind.follow`."""
    ways = [
        joins.select(
            sql.col(near).alias("near"), sql.col(far).alias("far"), sql.col(f"{far}_code").alias("far_code"),
            sql.col("since").alias("from"), sql.col("until").alias("to"), sql.col("claim").alias("joined"),
        )
        for near, far in (("a", "b"), ("b", "a"))
    ]  # fmt: skip
    narrow = uses.groupBy(sql.col("entity").alias("one")).count().where(sql.col("count") <= most).select("one")
    near = uses.join(narrow, sql.col("entity") == sql.col("one"), "left_semi")
    found = near.join(ways[0].unionByName(ways[1]), sql.col("entity") == sql.col("near"))
    return found.select(
        "actor", sql.col("far").alias("entity"), sql.lit(-1).cast("long").alias("other"),
        sql.col("far_code").alias("code"), "way", sql.greatest("since", "from").alias("since"),
        sql.least("until", "to").alias("until"), "claim",
        sql.col("joined").alias("via"), sql.lit(True).alias("derived"),
    ).where("since <= until")  # fmt: skip


def _met(contacts: DataFrame, holders: DataFrame, store: Store) -> DataFrame:
    """As :func:`graphsvc.detect.contacts.as_uses`."""
    met = contacts
    for end in ("a", "b"):
        told = holders.select(*(sql.col(name).alias(f"{end}_{name}") for name in ("held", "holder", "held_by")))
        met = met.join(told, sql.col(end) == sql.col(f"{end}_held"), "left")
    ends = [sql.coalesce(f"{end}_holder", end) for end in ("a", "b")]
    met = met.select(
        "since", "until", "claim", ends[0].alias("a"), ends[1].alias("b"), sql.least(*ends).alias("low"),
        sql.greatest(*ends).alias("high"), sql.col("a_held_by").alias("a_via"), sql.col("b_held_by").alias("b_via"),
    )  # fmt: skip
    met = store.keep(met, "met")
    pairs = met.select("low", "high").distinct()
    both = pairs.select(sql.col("low").alias("busy")).union(pairs.select("high"))
    busy = both.groupBy("busy").count().where(sql.col("count") > CAP).select("busy")
    for end in ("low", "high"):
        met = met.join(busy, sql.col(end) == sql.col("busy"), "left_anti")
    met = store.keep(met.where("low <> high"), "contacts")
    parts = [
        met.select(
            sql.col(end).alias("actor"), sql.col("low").alias("entity"), sql.col("high").alias("other"),
            sql.lit(-1).alias("code"), sql.lit(USED).alias("way"), "since", "until", "claim",
            sql.coalesce(f"{end}_via", sql.lit(-1).cast("long")).alias("via"), sql.lit(False).alias("derived"),
        )
        for end in ("a", "b")
    ]  # fmt: skip
    return parts[0].unionByName(parts[1])


def _with_nodes(uses: DataFrame, timed: bool, entities: int) -> DataFrame:
    """The uses with the episode and the node of each identifier; what one actor uses has one, as a contact."""
    none = sql.lit(0).cast("long").alias("episode")
    if timed:
        plain, met = uses.where("other < 0"), uses.where("other >= 0")
        several = (
            plain.groupBy(sql.col("entity").alias("one"))
            .agg((sql.min("actor") != sql.max("actor")).alias("several")).where("several").select("one")
        )  # fmt: skip
        shared = sql.col("entity") == sql.col("one")
        cut, rest = plain.join(several, shared, "left_semi"), plain.join(several, shared, "left_anti")
        kept = cut.withColumn("bucket", sql.pmod(sql.xxhash64("entity"), sql.lit(_buckets(uses))))
        schema = ", ".join(f"{name} {kind}" for name, kind in cut.dtypes) + ", episode bigint"
        found = kept.groupBy("bucket").applyInArrow(_episodes, schema)
        uses = rest.unionByName(met).select("*", none).unionByName(found)
    else:
        uses = uses.select("*", none)
    met = -1 - (sql.col("entity") * sql.lit(entities).cast("long") + sql.col("other"))
    return uses.withColumn(
        "node", sql.when(sql.col("other") >= 0, met).otherwise(sql.col("entity") * EPISODES + sql.col("episode"))
    )  # fmt: skip


def _buckets(frame: DataFrame) -> int:
    """So many groups of keys are worked on one by one."""
    return max(8, int(frame.sparkSession.sparkContext.defaultParallelism) * 4)


def _episodes(table: Any) -> Any:
    entity, actor, since, until = (np.asarray(table.column(name)) for name in ("entity", "actor", "since", "until"))
    found = cut_episodes(compact(entity)[1], compact(actor)[1], since, until)
    return table.drop_columns(["bucket"]).append_column("episode", pa.array(found, pa.int64()))


def _linked(uses: DataFrame, kinds: Kinds, words: Sequence[str], joined: bool, store: Store) -> Linked:
    caps = [kinds.cap_of(word) for word in words]
    cap: Column = sql.lit(kinds.cap)
    for code, own in enumerate(caps):
        if own != kinds.cap:
            cap = sql.when(sql.col("code") == code, own).otherwise(cap)
    every = store.keep(
        uses.groupBy("actor", *NODE)
        .agg(
            sql.first("code").alias("code"), sql.max(sql.col("way") == GAVE).alias("gave"),
            sql.max(sql.col("way") == USED).alias("used"),
        )
        .select(
            sql.col("actor").alias("member"), *NODE, "code",
            sql.when(sql.col("gave"), GAVE).when(sql.col("used"), USED).otherwise(TOOK).alias("way"),
        ),
        "links",
    )  # fmt: skip
    crowd = sql.col("all") > cap
    nodes = every.groupBy("node").agg(
        sql.first("code").alias("code"),
        sql.count("*").alias("all"),
        sql.sum((sql.col("way") != TOOK).cast("long")).alias("firm"),
    )
    users = sql.when(crowd, sql.col("firm")).otherwise(sql.col("all"))
    nodes = nodes.select("node", "code", "all", users.alias("users"), crowd.alias("crowded"))
    nodes = nodes.select("*", (sql.col("users") > cap).alias("hub"))
    if joined:
        nodes = store.keep(nodes, "all-nodes")
        dead = _repeated((uses, every, nodes), words, store)
        nodes = nodes.join(dead.select(sql.col("node"), sql.lit(True).alias("dead")), "node", "left")
    else:
        nodes = nodes.withColumn("dead", sql.lit(None).cast("boolean"))
    nodes = store.keep(nodes.withColumn("dead", sql.coalesce("dead", sql.lit(False))), "nodes")
    alive = nodes.where("not dead and users > 0").select("node", "users", "crowded", "hub")
    links = every.join(alive, "node").where(~(sql.col("crowded") & (sql.col("way") == TOOK))).drop("crowded")
    return Linked(uses, nodes, store.keep(links, "alive"))


def _repeated(told_of: tuple[DataFrame, DataFrame, DataFrame], words: Sequence[str], store: Store) -> DataFrame:
    """The nodes that say nothing that another does not say too, as :func:`graphsvc.detect.behind.shadows`.

    ``told_of`` are all uses, links and nodes.
    """
    uses, links, nodes = told_of
    direct = uses.where("via < 0 and other < 0 and not derived").select("claim", sql.col("node").alias("near"))
    pairs = uses.where("derived").select("claim", sql.col("node").alias("far")).join(direct, "claim")
    pairs = store.keep(pairs.select("near", "far").distinct(), "pairs")
    # 1. What is reached from one identifier alone.
    count = pairs.groupBy(sql.col("far").alias("node")).agg(sql.count("*").alias("sources"))
    used = direct.select(sql.col("near").alias("node")).distinct().withColumn("direct", sql.lit(2))
    sources = count.join(used, "node", "left").select(
        "node", (sql.col("sources") + sql.coalesce("direct", sql.lit(0))).alias("sources")
    )
    sources = store.keep(sources, "sources")
    alone = sources.where("sources = 1").select("node")
    # 2. Pairs of which the one behind may say all that the nearer one says.
    told = nodes.select("node", sql.col("all").alias("count"), "hub", "code")
    for end in ("near", "far"):
        own = told.select(*(sql.col(name).alias(end if name == "node" else f"{end}_{name}") for name in told.columns))
        pairs = pairs.join(own, end)
    wide = sources.where("sources > 1").select(sql.col("node").alias("far"))
    fine = store.keep(pairs.where("not near_hub and not far_hub").join(wide, "far", "left_semi"), "fine")
    # 3. Where every user of the nearer one is one of the other.
    own = links.select(sql.col("node").alias("near"), "member")
    other = links.select(sql.col("node").alias("far"), "member")
    both = (
        fine.join(own, "near").join(other, ["far", "member"]).groupBy("near", "far").agg(sql.count("*").alias("common"))
    )
    covered = store.keep(fine.join(both, ["near", "far"]).where("common = near_count"), "covered")
    # 4. Of two with the same users the one stays that is behind more, then the first by kind and name.
    behind = fine.groupBy("far").agg(sql.count("*").alias("behind"))
    by_word = np.unique(np.array([*words, ""]), return_inverse=True)[1]
    order = sql.array(*(sql.lit(int(place)) for place in by_word))
    for end in ("near", "far"):
        least = behind.select(sql.col("far").alias(end), (-sql.col("behind")).alias("least"))
        code = sql.col(f"{end}_code")
        word = sql.element_at(order, sql.when(code < 0, len(words) + 1).otherwise(code + 1)).alias("word")
        first = sql.coalesce("least", sql.lit(0)).alias("first")
        covered = covered.join(least, end, "left").withColumn(
            f"{end}_place", sql.struct(first, word, sql.col(end).alias("node"))
        )
        covered = covered.drop("least")
    said = (sql.col("near_count") < sql.col("far_count")) | (
        (sql.col("near_count") == sql.col("far_count")) & (sql.col("near_place") > sql.col("far_place"))
    )
    return alone.union(covered.where(said).select("near")).distinct()
