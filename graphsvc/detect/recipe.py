"""Finding rings: gather evidence, cut, prune, stand alone, rank, explain. Pure: arrays in, rings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from graphsvc.detect.assemble import Assembly, Judged
from graphsvc.detect.evidence import Claims, Kinds
from graphsvc.detect.explain import Ring, tell
from graphsvc.detect.judge import judge
from graphsvc.detect.names import NameRanks, Names, Ranks
from graphsvc.detect.networks import Networks
from graphsvc.detect.partition import SHARES, TIES
from graphsvc.detect.rank import BY_CHANCE, BY_SPREAD
from graphsvc.detect.search import Search, Settings, null_of, one_world, search
from graphsvc.detect.significance import significant
from graphsvc.detect.standing import Standing
from graphsvc.model.errors import InvalidInput

VERSION = 3
"""The recipe's version: it rises with every change that can change what is found."""
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
    # 2. What stands on what it cites alone, and what is known of it (standing, judge).
    null = null_of(first.graph, one_world)
    standing, judged, networks, keys = judge(claims, first, (settings, ranks, null), stage)
    # 3. Of all together: significance, and the order (significance, rank).
    judged = replace(judged, significant=significant(judged.log_e))
    return Grouped(claims, first, standing, judged, keys.order(parameters.order), networks, ranks)


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
