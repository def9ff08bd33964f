"""Members and identifiers as a bipartite graph: each link once, hubs set apart, numbered from 0 on each side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphsvc.detect.arrays import Codes, Flags, Ints, compact, number_pairs
from graphsvc.detect.behind import follow, shadows
from graphsvc.detect.contacts import as_uses, by_holders
from graphsvc.detect.direction import only_buys
from graphsvc.detect.episodes import cut_episodes
from graphsvc.detect.evidence import GAVE, TOOK, USED, Evidence, Kinds, Uses
from graphsvc.detect.names import Ranks

EPISODES = 1 << 20
"""An identifier has fewer episodes than this."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Who shares what. Links are (member, identifier), each once, sorted; both are numbered from 0.

    ``members`` and ``identifiers`` are entity integers, a contact's is negative: ``-1 - n`` for row n of ``contacts``.
    ``code`` is an identifier's kind, -1 for contacts; ``episode`` tells apart identifiers of one entity. ``uses`` are
    all uses, with the link of each in ``link``. ``users`` counts an identifier's members, ``hub`` marks those with too
    many. ``degree`` counts what a member uses, hubs left out. ``way`` is a link's: it took only where all uses took.
    """

    members: Ints
    identifiers: Ints
    code: Codes
    episode: Ints
    member: Ints
    identifier: Ints
    way: Codes
    uses: Uses
    link: Ints
    users: Ints
    hub: Flags
    degree: Ints
    contacts: Ints


def build(evidence: Evidence, kinds: Kinds, words: Sequence[str], ranks: Ranks) -> Graph:
    """The graph of all ``evidence``: purchases left out, identifiers followed, episodes apart, hubs marked.

    ``ranks`` choose between two identifiers that say the same.
    """
    # 1. Who acted by telephone (contacts); and purchases, which are no evidence (direction).
    every = evidence.uses.with_more(by_holders(evidence.acts, evidence.uses)) if len(evidence.acts) else evidence.uses
    bought, paid = only_buys(every, evidence.contacts)
    uses = every.only(~bought) if bought.any() else every
    # 2. Identifiers behind identifiers, and contacts between members (behind, contacts).
    derived = follow(uses, evidence.joins, max(kinds.cap, *kinds.caps.values(), 0))
    met, contacts = as_uses(evidence.contacts.only(~paid), uses)
    direct = len(uses)
    uses = uses.with_more(derived).with_more(met)
    # 3. Episodes in time (episodes).
    members, member = compact(uses.actor)
    entities, entity = compact(uses.identifier)
    episode = _episodes(entity, member, uses)
    nodes, identifier = compact(entity * EPISODES + episode)
    # 4. Each link once.
    left, right, link = number_pairs(member, identifier)
    code = np.full(len(nodes), -1, dtype=np.int32)
    code[identifier] = uses.code
    way = np.full(len(left), TOOK, dtype=np.int32)
    for stronger in (USED, GAVE):
        way[link[uses.way == stronger]] = stronger
    # Who pays or receives makes no hub: where there are too many, they are left out, and the others count.
    caps = _caps(code, kinds, words)
    crowded = (np.bincount(right, minlength=len(nodes)) > caps)[right] & (way == TOOK)
    users = np.bincount(right[~crowded], minlength=len(nodes))
    hub = users > caps
    # 5. What only repeats the identifier behind it is taken out (behind).
    at = np.arange(direct, direct + len(derived))

    spelled = np.array([*words, ""])[code]
    dead = _repeated(
        (left, right), identifier, hub, (uses, at),
        lambda asked: _places(spelled[asked], ranks(entities[nodes[asked] // EPISODES]), nodes[asked] % EPISODES),
    )  # fmt: skip
    users[dead] = 0
    alive = (users > 0)[right] & ~crowded
    degree = np.bincount(left[alive & ~hub[right]], minlength=len(members))
    place = np.cumsum(alive) - 1
    kept = alive[link]
    return Graph(
        members, entities[nodes // EPISODES], code, nodes % EPISODES, left[alive], right[alive], way[alive],
        uses.only(kept), place[link[kept]], users, hub, degree, contacts,
    )  # fmt: skip


def _episodes(entity: Ints, member: Ints, uses: Uses) -> Ints:
    """Each use's episode; an identifier of one member has one."""
    some = np.zeros(int(entity.max(initial=-1)) + 1, dtype=np.int64)
    some[entity] = member
    several = np.zeros(len(some), dtype=np.bool_)
    several[entity[some[entity] != member]] = True
    at = np.flatnonzero(several[entity])
    episode = np.zeros(len(entity), dtype=np.int64)
    episode[at] = cut_episodes(entity[at], member[at], uses.since[at], uses.until[at])
    return episode


def _repeated(
    links: tuple[Ints, Ints], identifier: Ints, hub: Flags, derived: tuple[Uses, Ints], places: Callable[[Ints], Ints]
) -> Ints:
    """Identifiers that repeat another, one of the two being behind the other; ``places`` as in ``shadows``."""
    uses, at = derived
    if not len(at):
        return at
    # 1. A derived use and the direct one it rests on have the claim in common: that one's identifier is the nearer.
    direct = np.flatnonzero((uses.via < 0) & (uses.identifier >= 0))
    order = direct[np.argsort(uses.claim[direct], kind="stable")]
    place = np.minimum(np.searchsorted(uses.claim[order], uses.claim[at]), len(order) - 1)
    known = uses.claim[order[place]] == uses.claim[at]
    near, far = identifier[order[place[known]]], identifier[at[known]]
    near, far, _ = number_pairs(near, far)
    # 2. What is reached from one identifier alone says what that one says.
    sources = np.bincount(far, minlength=len(hub))
    sources[np.unique(identifier[direct])] += 2
    alone = np.flatnonzero(sources == 1)
    # 3. Of the others the one behind says what the nearer one says, where it takes in all of its users.
    fine = ~hub[near] & ~hub[far] & (sources[far] > 1)
    return np.union1d(alone, shadows(links, near[fine], far[fine], places))


def _places(kind: Any, rank: Ints, episode: Ints) -> Ints:
    """The place of each identifier by kind, then by visible name and episode."""
    return np.argsort(np.lexsort((episode, rank, kind)))


def _caps(code: Codes, kinds: Kinds, words: Sequence[str]) -> Ints:
    by_code = np.array([*(kinds.cap_of(word) for word in words), kinds.cap], dtype=np.int64)
    return by_code[code]
