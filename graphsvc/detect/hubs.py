"""Hubs that a group's members share as well: they are no evidence, but an analyst wants to know of them.

That something is a hub is shown by citing more of its users than the cap allows, so that what is cited still says so.
"""

from __future__ import annotations

import numpy as np

from graphsvc.detect.arrays import Flags, Ints, bounds_in, number_pairs, spans, starts_of
from graphsvc.detect.assemble import Records
from graphsvc.detect.evidence import TOOK, Claims
from graphsvc.detect.graph import Graph
from graphsvc.detect.names import Ranks
from graphsvc.detect.search import Search, Settings
from graphsvc.detect.standing import Standing, withstands

CITED = 20_000
"""Hubs of more users than this are counted as the others, but not cited: a sample of them would have to be named."""
PLACES = frozenset({"Address", "Parcel", "Vehicle", "Container"})
"""Kinds at which strangers meet: they make no account farm."""


def shared_hubs(
    claims: Claims, first: Search, standing: Standing, settings: Settings, ranks: Ranks
) -> tuple[dict[int, Records], Flags]:
    """For each group the hubs that two or more of its members use, with records; and which groups are an account farm.

    Most members of an account farm use one hub that is no place. Hubs are cited where the group stays what it is with
    these claims beside its own.
    """
    graph, groups = first.graph, standing.found.groups
    farmed = np.zeros(groups.count, dtype=np.bool_)
    # 1. (group, hub) for hubs that two members use.
    of, who, _ = groups.members()
    member = np.searchsorted(graph.members, standing.claims.entity(standing.found.graph.members[who]))
    at = np.flatnonzero(graph.hub[graph.identifier])
    order = at[np.argsort(graph.member[at], kind="stable")]
    low, high = bounds_in(graph.member[order], member)
    counts = high - low
    link = order[spans(low, counts)]
    ring, hub, number = number_pairs(np.repeat(of, counts), graph.identifier[link])
    users = np.bincount(number, minlength=len(ring))
    members = np.bincount(of, minlength=groups.count)
    # 2. Account farms.
    meeting = np.array([*(word in PLACES for word in claims.words), False], dtype=np.bool_)
    farm = (2 * users >= members[ring]) & (users >= 2) & ~meeting[graph.code[hub]]
    farmed[ring[farm]] = True
    ring, hub = ring[users >= 2], hub[users >= 2]
    fine = graph.users[hub] <= CITED
    ring, hub = ring[fine], hub[fine]
    if not len(ring):
        return {}, farmed
    # 3. What shows that each is a hub, and that the group stays the same beside it.
    proofs = _proofs(graph, (ring, hub), (of, member), settings, ranks)
    position = np.concatenate(proofs)
    stays = withstands(claims, standing, settings, ranks, (position, np.repeat(ring, [len(one) for one in proofs])))
    found: dict[int, Records] = {}
    for group, entity, proof in zip(ring.tolist(), graph.identifiers[hub].tolist(), proofs, strict=True):
        if stays[group]:
            found.setdefault(group, {})[entity] = tuple(np.unique(claims.rec[proof]).tolist())
    return found, farmed


def _proofs(
    graph: Graph, pairs: tuple[Ints, Ints], members: tuple[Ints, Ints], settings: Settings, ranks: Ranks
) -> list[Ints]:
    """For each (group, hub) the positions of claims by more users than the cap: its own, then others by name."""
    # 1. All uses of these hubs, hub by hub, the users by name.
    named = np.unique(pairs[1])
    use = np.flatnonzero(np.isin(graph.identifier[graph.link], named) & (graph.way[graph.link] != TOOK))
    user, node = graph.member[graph.link[use]], graph.identifier[graph.link[use]]
    order = np.lexsort((ranks(graph.members[user]), node))
    use, user, node = use[order], user[order], node[order]
    low, high = bounds_in(node, pairs[1])
    starts = starts_of(members[0], int(members[0].max(initial=-1)) + 1)
    most = max(settings.kinds.cap, *settings.kinds.caps.values(), 0) + 1
    found = list[Ints]()
    for group, start, end in zip(pairs[0].tolist(), low.tolist(), high.tolist(), strict=True):
        own = np.isin(user[start:end], members[1][starts[group] : starts[group + 1]])
        # 2. So many others by name that there are more than any cap; all claims of each.
        number = np.cumsum(np.concatenate([[True], user[start + 1 : end] != user[start : end - 1]]))
        at = use[start:end][own | (number <= most)]
        via = graph.uses.via[at]
        found.append(np.unique(np.concatenate([graph.uses.claim[at], via[via >= 0]])))
    return found
