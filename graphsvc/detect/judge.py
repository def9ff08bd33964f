"""What is known of groups that stand alone, whatever other groups there are: hubs, tags, chance, networks.

All of this follows from the groups' own component and the degrees in the whole graph. What hangs on all groups, their
significance and their ranks, comes after (:mod:`graphsvc.detect.recipe`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from graphsvc.detect.arrays import Ints, bounds_in, starts_of
from graphsvc.detect.assemble import Judged, Records
from graphsvc.detect.evidence import Claims
from graphsvc.detect.graph import Graph
from graphsvc.detect.groups import Groups
from graphsvc.detect.hubs import shared_hubs
from graphsvc.detect.names import Ranks
from graphsvc.detect.networks import Networks, join_rings
from graphsvc.detect.rank import Keys, Named, spreads
from graphsvc.detect.search import Search, Settings
from graphsvc.detect.significance import Null, log_expected, log_shapes
from graphsvc.detect.standing import Standing, digests_of, stand
from graphsvc.detect.tags import places, tags_of


def judge(
    claims: Claims, first: Search, means: tuple[Settings, Ranks, Null], stage: Callable[[str], None]
) -> tuple[Standing, Judged, Networks, Keys]:
    """The groups of ``first`` that stand alone, and what is known of each; none is marked significant yet.

    ``first`` is a search of ``claims``, or of components of their graph; ``means`` end in the whole graph's degrees.
    """
    settings, ranks, null = means
    # 1. What stands on what it cites alone (standing).
    stage("stand alone")
    standing = stand(claims, first, settings, ranks)
    groups, graph = standing.found.groups, standing.found.graph
    # 2. Hubs that they share, tags, chance, networks (hubs, tags, significance, networks).
    stage("judge")
    hubs, farmed = shared_hubs(claims, first, standing, settings, ranks)
    address = places(groups, graph.code, claims.words)
    tag = tags_of(groups, address, _address_places(standing, np.flatnonzero(address), ranks), farmed)
    log_e = log_expected(groups, null, np.zeros(groups.count, dtype=np.int64)) + log_shapes(groups)
    networks, between, brokers = _networks(claims, first.graph, standing, tag, ranks)
    spread, nothing = spreads(groups), np.zeros(groups.count, dtype=np.bool_)
    judged = Judged(spread, log_e, nothing, tag, hubs, between, brokers)
    # 3. What they are ranked by (rank).
    of, _, _ = groups.members()
    size = np.bincount(of, minlength=groups.count).tolist()
    names = _names(groups, standing, ranks)
    return standing, judged, networks, Keys(log_e, tag, spread, size, digests_of(standing.found).tolist(), names)


def _address_places(standing: Standing, address: Ints, ranks: Ranks) -> Ints:
    """Each identifier's place by name and episode among those that are an ``address``."""
    graph = standing.found.graph
    place = np.zeros(len(graph.identifiers), dtype=np.int64)
    rank = ranks(standing.claims.entity(graph.identifiers[address]))
    place[address[np.lexsort((graph.episode[address], rank))]] = np.arange(len(address))
    return place


def _names(groups: Groups, standing: Standing, ranks: Ranks) -> list[Named]:
    """Which members and identifiers are in each group, by the ranks of their names: no two groups have the same."""
    graph = standing.found.graph
    of, who, _ = groups.members()
    named, what, _ = groups.identifiers()
    entity = graph.identifiers[what]
    told = entity >= 0
    rank = ranks(standing.claims.entity(np.concatenate([graph.members[who], entity[told]])))
    sides = []
    for group, own in ((of, rank[: len(who)]), (named[told], rank[len(who) :])):
        order = np.lexsort((own, group))
        bounds = starts_of(group, groups.count).tolist()
        ordered = own[order].tolist()
        sides.append([tuple(ordered[low:high]) for low, high in pairwise(bounds)])
    return list(zip(*sides, strict=True))


def _networks(
    claims: Claims, graph: Graph, standing: Standing, tag: Sequence[str], ranks: Ranks
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
    return networks, _between(claims, graph, networks, ranks), brokers


def _between(claims: Claims, graph: Graph, networks: Networks, ranks: Ranks) -> dict[int, Records]:
    """For each ring its go-betweens by entity integer, in the order of their names, with what they share with it."""
    known = np.flatnonzero(networks.over >= 0)
    known = known[np.argsort(ranks(graph.members[networks.between[known]]), kind="stable")]
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
