"""Finding rings: gather evidence, cut, prune, stand alone, rank, explain. Pure: arrays in, rings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from graphsvc.detect.arrays import Ints, bounds_in
from graphsvc.detect.assemble import Assembly, Judged, Records
from graphsvc.detect.evidence import Claims, Kinds
from graphsvc.detect.explain import Ring, tell
from graphsvc.detect.graph import Graph
from graphsvc.detect.groups import Groups
from graphsvc.detect.hubs import shared_hubs
from graphsvc.detect.names import NameRanks, Names
from graphsvc.detect.networks import Networks, join_rings
from graphsvc.detect.partition import SHARES, TIES
from graphsvc.detect.rank import spreads
from graphsvc.detect.search import Ranks, Search, Settings, search
from graphsvc.detect.significance import log_expected, log_shapes, significant
from graphsvc.detect.standing import Standing, digests_of, stand
from graphsvc.detect.tags import places, tags_of
from graphsvc.model.errors import InvalidInput

VERSION = 2
"""The recipe's version: it rises with every change that can change what is found."""
BY_SPREAD, BY_CHANCE = "spread", "chance"
"""Rings may be ranked by spread, or by how little chance explains them."""
NO_STAGE: Callable[[str], None] = lambda _: None  # noqa: E731


@dataclass(frozen=True, slots=True)
class Parameters:
    """What can be set. ``resolution`` is in thousandths of a link per pair of nodes; None: chosen piece by piece.

    Bounds: resolution 1…1000, accounts 2…10,000, limit 1…1000 or None, caps 2…10,000, seed below 2^63; else
    InvalidInput.
    """

    kinds: Kinds = field(default_factory=Kinds)
    resolution: int | None = None
    min_accounts: int = 3
    limit: int | None = None
    seed: int = 1
    order: str = BY_SPREAD

    def __post_init__(self) -> None:
        caps = (self.kinds.cap, *self.kinds.caps.values())
        bounds = {
            "resolution": self.resolution is None or 1 <= self.resolution <= 1000,
            "min_accounts": 2 <= self.min_accounts <= 10_000,
            "limit": self.limit is None or 1 <= self.limit <= 1000,
            "seed": 0 <= self.seed < 1 << 63,
            "cap": all(2 <= cap <= 10_000 for cap in caps),
            "order": self.order in (BY_SPREAD, BY_CHANCE),
        }
        for name, kept in bounds.items():
            if not kept:
                raise InvalidInput("the parameter is out of bounds", where=f"parameters/{name}")
        if set(self.kinds.actors) & set(self.kinds.identifiers):
            raise InvalidInput("a kind of entity is either an actor or an identifier")

    def settings(self) -> Settings:
        """What a search needs of these."""
        densities = (TIES, SHARES) if self.resolution is None else ((self.resolution / 1000,), ())
        return Settings(self.kinds, densities, self.seed, self.min_accounts)

    def stated(self) -> dict[str, Any]:
        """The parameters with the recipe's version, as they are shown and stored."""
        stated = {name: value for name, value in asdict(self).items() if value is not None}
        return {"recipe": VERSION, **stated}


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found in one set of claims: how many hubs were left out, how many accounts and links there were.

    ``more``: there are more rings than the limit. ``cut``: somewhere loops of six were the longest looked for.
    """

    rings: tuple[Ring, ...]
    excluded_hubs: int
    accounts: int
    links: int
    more: bool
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Grouped:
    """Groups that stand alone, in their order, judged but not yet told; ``first`` is the search of all claims."""

    claims: Claims
    first: Search
    standing: Standing
    judged: Judged
    order: tuple[int, ...]
    networks: Networks
    ranks: Ranks


def detect(claims: Claims, parameters: Parameters, names: Names, stage: Callable[[str], None] = NO_STAGE) -> Found:
    """Find the rings in ``claims``, which must be exactly what the asker may analyse.

    ``names`` gives, for entity integers, strings visible to the asker that are different for different entities; they
    decide ties alone, so that the answer depends on visible things only. Equal claims, parameters and names give equal
    rings, whatever the entities' integers and the claims' order. ``stage`` hears what is being done.
    """
    grouped = group(claims, parameters, names, stage)
    stage("explain")
    rings = told(grouped, grouped.order[: parameters.limit])
    graph = grouped.first.graph
    more = len(rings) < len(grouped.order)
    accounts = len(np.unique(graph.member))
    return Found(rings, int(graph.hub.sum()), accounts, len(graph.member), more, grouped.first.cut)


def group(claims: Claims, parameters: Parameters, names: Names, stage: Callable[[str], None] = NO_STAGE) -> Grouped:
    """The groups in ``claims``, ranked: all of :func:`detect` but the telling."""
    settings, ranks = parameters.settings(), NameRanks(names)
    # 1. Evidence, short cycles, parts, groups, fringe (search).
    stage("search")
    first = search(claims, settings, ranks)
    # 2. What stands on what it cites alone (standing).
    stage("stand alone")
    standing = stand(claims, first, settings, ranks)
    groups = standing.found.groups
    # 3. Hubs that they share, tags, significance, networks (hubs, tags, significance, networks).
    stage("judge")
    graph = first.graph
    hubs, farmed = shared_hubs(claims, first, standing, settings, ranks)
    tag = tags_of(groups, places(standing.found.graph.code, claims.words), farmed)
    counted = graph.users[(graph.users > 0) & ~graph.hub]
    log_e = log_expected(groups, graph.degree, counted) + log_shapes(groups)
    spread = spreads(groups)
    networks, between, brokers = _networks(claims, graph, standing, tag)
    judged = Judged(spread, log_e, significant(log_e), tag, hubs, between, brokers)
    # 4. Ranked: tagged ones last, the widest spread first, or what chance explains least (rank).
    of, _, _ = groups.members()
    size = np.bincount(of, minlength=groups.count).tolist()
    alike, name = digests_of(standing.found).tolist(), _first_names(groups, standing, ranks)
    surprise = np.round(log_e, 9).tolist()
    keys = (
        [(-spread[n], -size[n], surprise[n]) for n in range(groups.count)]
        if parameters.order == BY_SPREAD
        else [(surprise[n], -size[n], -spread[n]) for n in range(groups.count)]
    )
    order = sorted(range(groups.count), key=lambda n: (tag[n] != "", *keys[n], alike[n], name[n]))
    return Grouped(claims, first, standing, judged, tuple(order), networks, ranks)


def told(grouped: Grouped, wanted: Sequence[int]) -> tuple[Ring, ...]:
    """The rings of the ``wanted`` groups, with their explanations."""
    rank = {number: place for place, number in enumerate(grouped.order, start=1)}
    network: dict[int, int] = {}
    for number in grouped.order:
        network.setdefault(int(grouped.networks.network[number]), rank[number])
    assembly = Assembly(grouped.standing, grouped.ranks)
    return tuple(
        tell(assembly.facts(n, grouped.judged), rank[n], network[int(grouped.networks.network[n])]) for n in wanted
    )


def _first_names(groups: Groups, standing: Standing, ranks: Ranks) -> list[int]:
    """The rank of the first name among each group's members."""
    if not groups.count:
        return []
    place = ranks(standing.claims.entity(standing.found.graph.members[groups.member]))
    first = np.full(groups.count, np.iinfo(np.int64).max)
    np.minimum.at(first, groups.group, place)
    return [int(one) for one in first]


def _networks(
    claims: Claims, graph: Graph, standing: Standing, tag: Sequence[str]
) -> tuple[Networks, dict[int, Records], dict[int, set[int]]]:
    """Networks of the groups without a tag; each group's go-betweens with records; each group's brokers."""
    groups = standing.found.groups
    of, who, core = groups.members()
    plain = np.array([not one for one in tag], dtype=np.bool_)
    chosen = core & (plain[of] if len(of) else core)
    member = np.searchsorted(graph.members, standing.claims.entity(standing.found.graph.members[who]))
    good = ~graph.hub[graph.identifier]
    links = graph.member[good], graph.identifier[good]
    networks = join_rings(groups.count, (of[chosen], member[chosen]), links)
    brokers: dict[int, set[int]] = {}
    several = np.bincount(member, minlength=len(graph.members)) >= 2
    for ring, one in zip(of[several[member]].tolist(), graph.members[member[several[member]]].tolist(), strict=True):
        brokers.setdefault(ring, set()).add(one)
    return networks, _between(claims, graph, networks), brokers


def _between(claims: Claims, graph: Graph, networks: Networks) -> dict[int, Records]:
    """For each ring its go-betweens by entity integer, with the records of what they share with it."""
    known = networks.over >= 0
    over: Ints = networks.over[known]
    used = np.isin(graph.identifier[graph.link], over)
    node, record = graph.identifier[graph.link][used], claims.rec[graph.uses.claim[used]]
    order = np.argsort(node, kind="stable")
    low, high = bounds_in(node[order], over)
    found: dict[int, Records] = {}
    rings, members = networks.ring[known].tolist(), graph.members[networks.between[known]].tolist()
    for ring, member, start, end in zip(rings, members, low.tolist(), high.tolist(), strict=True):
        so_far = found.setdefault(ring, {})
        so_far[member] = tuple(sorted({*so_far.get(member, ()), *record[order[start:end]].tolist()}))
    return found
