"""Some components at once, on a worker: the same pure functions, given the degrees in the whole graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from graphsvc.detect.arrays import Ints, compact, number_pairs
from graphsvc.detect.assemble import Assembly
from graphsvc.detect.evidence import Uses
from graphsvc.detect.explain import Facts, Shared
from graphsvc.detect.graph import EPISODES, Graph
from graphsvc.detect.judge import judge
from graphsvc.detect.rank import Keys, Named
from graphsvc.detect.recipe import NO_STAGE
from graphsvc.detect.search import Settings, groups_in, one_world
from graphsvc.detect.significance import Degrees, Null
from graphsvc.spark.projection import Projected

SHIPPED = (
    "member", "node", "entity", "other", "episode", "code", "way", "users", "hub", "since", "until", "claim", "via",
)  # fmt: skip
FOUND = "found binary"


class Piece(msgspec.Struct, array_like=True):
    """A group as it travels to the driver: its facts, what it is ranked by, the first of its network's groups."""

    facts: Facts
    size: int
    alike: int
    names: Named
    network: int


class Pieces(msgspec.Struct, array_like=True):
    """What was found in some components; ``cut``: somewhere loops of six were the longest looked for."""

    found: list[Piece]
    cut: bool


def encode(pieces: Pieces) -> bytes:
    """As bytes; fractions as text."""
    return msgspec.msgpack.encode(pieces, enc_hook=str)


def decode(data: bytes) -> Pieces:
    """What :func:`encode` wrote."""
    return msgspec.msgpack.decode(data, type=Pieces, dec_hook=lambda _, text: Fraction(text))


def searching(settings: Settings, null: Null, words: tuple[str, ...]) -> Callable[[Any, Any], Any]:
    """A function from the uses and the claims of some components to what is found in them, one row."""

    def searched(uses: Any, claims: Any) -> Any:
        found = search_pieces(uses, Projected.of(claims, words), settings, null)
        return pa.table({"found": pa.array([encode(found)], pa.binary())})

    return searched


def search_pieces(table: Any, claims: Projected, settings: Settings, null: Null) -> Pieces:
    """What is found in the components whose uses ``table`` holds, :data:`SHIPPED` by name."""
    graph = graph_of(table, claims.pos)
    first = groups_in(graph, claims.words, settings, _as_numbered, (null, one_world))
    standing, judged, networks, keys = judge(claims, first, (settings, _as_numbered, null), NO_STAGE)
    assembly = Assembly(standing, _as_numbered)
    found = [
        Piece(assembly.facts(n, judged), keys.size[n], keys.alike[n], keys.names[n], int(networks.network[n]))
        for n in range(standing.found.groups.count)
    ]
    return Pieces(found, first.cut)


def _as_numbered(ids: Ints) -> Ints:
    """Entities are numbered by their visible names."""
    return ids


def graph_of(table: Any, pos: Ints) -> Graph:
    """The graph of some components; ``pos`` are the positions of the claims that are there, sorted."""
    columns = {name: table.column(name).to_numpy() for name in SHIPPED}
    order = np.lexsort((columns["via"], columns["claim"], columns["node"], columns["member"]))
    columns = {name: column[order] for name, column in columns.items()}
    members, member = compact(columns["member"])
    # 1. Identifiers in the order of entities and episodes; contacts, numbered downwards from -1, before them.
    met = columns["other"] >= 0
    low, high, number = number_pairs(columns["entity"][met], columns["other"][met])
    entity = columns["entity"].copy()
    entity[met] = -1 - number
    nodes, identifier = compact(entity * EPISODES + columns["episode"])
    # 2. Each link once, each node's kind and users.
    left, right, link = number_pairs(member, identifier)
    way, code, users = np.empty(len(left), np.int32), np.empty(len(nodes), np.int32), np.empty(len(nodes), np.int64)
    hub = np.zeros(len(nodes), dtype=np.bool_)
    way[link] = columns["way"]
    for array, name in ((code, "code"), (users, "users"), (hub, "hub")):
        array[identifier] = columns[name]
    claim, via = (np.searchsorted(pos, columns[name]) for name in ("claim", "via"))
    uses = Uses(
        columns["member"], entity, columns["code"], columns["way"], columns["since"], columns["until"], claim,
        np.where(columns["via"] < 0, -1, via),
    )  # fmt: skip
    none = np.zeros(len(members), dtype=np.int64)
    contacts = np.stack([low, high], axis=1)
    return Graph(
        members, nodes // EPISODES, code, nodes % EPISODES, left, right, way, uses, link, users, hub, none, contacts
    )  # fmt: skip


def keys_of(pieces: list[Piece]) -> Keys:
    """What the groups are ranked by."""
    return Keys(
        np.array([one.facts.log_e for one in pieces], dtype=np.float64),
        [one.facts.tag for one in pieces],
        [one.facts.spread for one in pieces],
        [one.size for one in pieces],
        [one.alike for one in pieces],
        [one.names for one in pieces],
    )


def null_of(member_sizes: dict[int, int], identifier_sizes: dict[int, int]) -> Null:
    """The degrees of the whole graph, from how many nodes of either side have how many links."""

    def degrees(sizes: dict[int, int]) -> Degrees:
        size = np.array(sorted(sizes), dtype=np.int64)
        count = np.array([sizes[one] for one in sorted(sizes)], dtype=np.int64)
        return Degrees(np.zeros(len(size), dtype=np.int64), size, count)

    return Null(degrees(member_sizes), degrees(identifier_sizes))


def renamed(facts: Facts, entities: Ints) -> Facts:
    """The facts with places among ``entities`` as entity integers again."""

    def ids(places: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(entities[list(places)].tolist())

    def by_id(records: Any) -> dict[int, tuple[int, ...]]:
        return dict(zip(ids(tuple(records)), records.values(), strict=True))

    def shared(one: Shared) -> Shared:
        entity = None if one.entity is None else int(entities[one.entity])
        return replace(one, entity=entity, accounts=ids(one.accounts))

    return replace(
        facts,
        accounts=ids(facts.accounts),
        fringe=ids(facts.fringe),
        shared=tuple(map(shared, facts.shared)),
        by_account=by_id(facts.by_account),
        brokers=ids(facts.brokers),
        hubs=by_id(facts.hubs),
        between=by_id(facts.between),
    )
