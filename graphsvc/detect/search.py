"""From claims to groups: each step of the recipe in its order, up to the fringe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from graphsvc.detect.arrays import Ints, compact
from graphsvc.detect.canonical import colours_of, order_nodes
from graphsvc.detect.core import components
from graphsvc.detect.evidence import TOOK, Claims, Kinds, gather
from graphsvc.detect.graph import Graph, build
from graphsvc.detect.groups import Groups, evident, gather_groups, with_fringe
from graphsvc.detect.names import Ranks
from graphsvc.detect.partition import Linked, cut_parts
from graphsvc.detect.significance import Degrees, Null


@dataclass(frozen=True, slots=True)
class Settings:
    """What a search needs to know: kinds, densities to cut at by ties and by shares, seed, the least accounts."""

    kinds: Kinds
    densities: tuple[Sequence[float], Sequence[float]]
    seed: int
    min_accounts: int


Worlds = Callable[[Ints], Ints]
"""For entity integers of members the graph that each is in, where several lie side by side."""


def one_world(ids: Ints) -> Ints:
    """All in one graph."""
    return np.zeros(len(ids), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Search:
    """The graph and the groups in it; ``cut``: loops of eight were too many somewhere, and those of six were used."""

    graph: Graph
    groups: Groups
    cut: bool


def search(claims: Claims, settings: Settings, ranks: Ranks, worlds: Worlds = one_world) -> Search:
    """The groups in ``claims``, numbered in no order that means anything; no world of ``worlds`` knows of another."""
    # 1-3. Direction, identifiers behind identifiers, contacts, episodes; hubs marked (graph).
    graph = build(gather(claims, settings.kinds), settings.kinds, claims.words, ranks)
    return groups_in(graph, claims.words, settings, ranks, (null_of(graph, worlds), worlds))


def null_of(graph: Graph, worlds: Worlds) -> Null:
    """The degrees of each world of a graph, hubs left out."""
    of_member = worlds(graph.members)
    of_identifier = np.zeros(len(graph.identifiers), dtype=np.int64)
    of_identifier[graph.identifier] = of_member[graph.member]
    users = np.where(graph.hub, 0, graph.users)
    return Null(Degrees.of(of_member, graph.degree), Degrees.of(of_identifier, users))


def groups_in(
    graph: Graph, words: Sequence[str], settings: Settings, ranks: Ranks, chance: tuple[Null, Worlds]
) -> Search:
    """The groups of a graph, or of some of its components, given the degrees of each whole world and who is in which.

    What is found in a component hangs on nothing outside it but these degrees.
    """
    null, worlds = chance
    # 4. What several share and no hub is; of that what lies on short cycles (groups).
    shared = np.flatnonzero(((graph.users >= 2) & ~graph.hub)[graph.identifier])
    keep, cut = evident(compact(graph.member[shared])[1], compact(graph.identifier[shared])[1])
    links = shared[keep]
    # 5. In an order that hangs on structure alone (canonical).
    member, identifier, of_member, of_identifier = _numbered(graph, links, words, ranks)
    order = np.lexsort((identifier, member))
    member, identifier, links = member[order], identifier[order], links[order]
    # 6. Cut into parts, as coarse as explains most (partition).
    world = worlds(graph.members[graph.member[links]])
    part = cut_parts(Linked(member, identifier, graph.way[links], world, null), settings.densities, settings.seed)
    # 7. Groups within the parts, members in several of them, and their fringe (groups).
    of_part = np.zeros(len(of_identifier), dtype=np.int64)
    of_part[identifier] = part
    cores = gather_groups(member, identifier, of_part, graph.way[links])
    cores = Groups(cores.count, cores.group, of_member[cores.member], of_identifier[cores.identifier], cores.core)
    firm = shared[graph.way[shared] != TOOK]
    groups = with_fringe(cores, graph.member[firm], graph.identifier[firm], len(graph.users))
    return Search(graph, _large(groups, settings.min_accounts), cut)


def _numbered(graph: Graph, links: Ints, words: Sequence[str], ranks: Ranks) -> tuple[Ints, Ints, Ints, Ints]:
    """Members and identifiers of ``links`` numbered by structure, and what each number stands for in ``graph``."""
    members, left = compact(graph.member[links])
    identifiers, right = compact(graph.identifier[links])
    count = len(members) + len(identifiers)
    ends = left, right + len(members)
    colour = np.concatenate([
        np.full(len(members), 1, dtype=np.uint64), colours_of(words, graph.code[identifiers])
    ])  # fmt: skip
    place = order_nodes(*ends, colour, components(count, *ends), visible_ranks(graph, members, identifiers, ranks))
    by_member, by_identifier = place[: len(members)], place[len(members) :]
    member, identifier = np.argsort(np.argsort(by_member)), np.argsort(np.argsort(by_identifier))
    return member[left], identifier[right], members[np.argsort(by_member)], identifiers[np.argsort(by_identifier)]


def visible_ranks(graph: Graph, members: Ints, identifiers: Ints, ranks: Ranks) -> Ints:
    """The places of members, then of identifiers, in the order of visible names, episodes and contacts' ends."""
    entity = graph.identifiers[identifiers]
    met = entity < 0
    ends = graph.contacts[-1 - entity[met]] if met.any() else np.empty((0, 2), dtype=np.int64)
    rank = ranks(np.concatenate([graph.members[members], entity[~met], ends[:, 0], ends[:, 1]]))
    cuts = np.cumsum([len(members), int((~met).sum()), len(ends)])
    of_member, of_entity, one, other = np.split(rank, cuts)
    first, second = np.zeros(len(entity), dtype=np.int64), graph.episode[identifiers].copy()
    first[~met] = of_entity
    first[met], second[met] = np.minimum(one, other), np.maximum(one, other)
    side = np.concatenate([np.zeros(len(members), dtype=np.int64), 1 + met])
    keys = np.concatenate([of_member, first]), np.concatenate([np.zeros(len(members), dtype=np.int64), second])
    order = np.lexsort((keys[1], keys[0], side))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place


def _large(groups: Groups, least: int) -> Groups:
    """The groups of at least ``least`` members, numbered anew."""
    of, _, _ = groups.members()
    large = np.bincount(of, minlength=groups.count) >= least
    kept = large[groups.group]
    number = np.cumsum(large) - 1
    return Groups(
        int(large.sum()), number[groups.group[kept]], groups.member[kept], groups.identifier[kept], groups.core[kept]
    )  # fmt: skip
