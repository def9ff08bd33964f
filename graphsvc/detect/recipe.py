"""Finding rings: project, cut into communities, rank, explain. Pure: arrays in, rings out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from graphsvc.detect.engine import communities
from graphsvc.detect.projection import Claims, Kinds, Names, project, renumbered
from graphsvc.detect.score import Ring, rank_rings
from graphsvc.model.errors import InvalidInput

VERSION = 1
"""The recipe's version: it rises with every change that can change what is found."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What can be set. ``resolution`` is in thousandths of a link per pair of nodes: no float is ever signed.

    Bounds: resolution 1…1000, accounts 2…10,000, limit 1…1000, caps 2…10,000, seed below 2^63; else InvalidInput.
    """

    kinds: Kinds = field(default_factory=Kinds)
    resolution: int = 25
    min_accounts: int = 3
    limit: int = 100
    seed: int = 1

    def __post_init__(self) -> None:
        caps = (self.kinds.cap, *self.kinds.caps.values())
        bounds = {
            "resolution": 1 <= self.resolution <= 1000,
            "min_accounts": 2 <= self.min_accounts <= 10_000,
            "limit": 1 <= self.limit <= 1000,
            "seed": 0 <= self.seed < 1 << 63,
            "cap": all(2 <= cap <= 10_000 for cap in caps),
        }
        for name, kept in bounds.items():
            if not kept:
                raise InvalidInput("the parameter is out of bounds", where=f"parameters/{name}")
        if set(self.kinds.actors) & set(self.kinds.identifiers):
            raise InvalidInput("a kind of entity is either an actor or an identifier")

    def stated(self) -> dict[str, Any]:
        """The parameters with the recipe's version, as they are shown and stored."""
        return {"recipe": VERSION, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found in one projection: how many hubs were left out, and how much there was before pruning.

    ``more``: there are more rings than the limit.
    """

    rings: tuple[Ring, ...]
    excluded_hubs: int
    accounts: int
    links: int
    more: bool


def detect(claims: Claims, parameters: Parameters, names: Names) -> Found:
    """Find the rings in ``claims``, which must be exactly what the asker may analyse.

    ``names`` gives, for entity integers, strings visible to the asker that are different for different entities; they
    decide every tie, so that the answer depends on visible things only. Equal claims, parameters and names give equal
    rings, whatever the entities' integers and the claims' order.
    """
    # 1. What can hold rings at all: capped, deduplicated, pruned (projection).
    projection = project(claims, parameters.kinds)
    # 2. From here on in the order of visible names.
    graph = renumbered(projection, names)
    # 3. Communities (engine).
    found = communities(len(graph.ids), graph.actor, graph.identifier, parameters.resolution / 1000, parameters.seed)
    # 4. Rank and explain (score).
    rings, more = rank_rings(graph, found, parameters.min_accounts, parameters.limit)
    return Found(tuple(rings), projection.hubs, projection.all_accounts, projection.all_links, more)
