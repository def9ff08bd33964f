"""From link claims to the part of the actor–identifier graph in which rings can be.

An actor (an account, a person) and an identifier (a phone, an address) are joined once, however many claims say so. Two
steps do most of the work in telling rings from crowds: identifiers of many actors (a shop's phone, a courier's depot)
are left out, and nodes with one link only are pruned until every node has two (the 2-core; Seidman 1983). All
arrays are numpy; nothing here loops over links, but for the tail of a very long chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

ACTORS = ("Account", "Person", "Organisation")
IDENTIFIERS = ("Phone", "Email", "Device", "PaymentAccount", "Address", "Parcel", "Vehicle")
ROUNDS = 64
"""At most this many rounds prune all links at once, the rest goes link by link: a chain of n nodes needs n rounds."""


class Claims(Protocol):
    """Link claims as arrays of equal length; ``words`` spells the codes of the kinds."""

    @property
    def src(self) -> Ints:
        """Entity integers the claims lead from."""
        ...

    @property
    def dst(self) -> Ints:
        """Entity integers the claims lead to."""
        ...

    @property
    def src_kind(self) -> Codes:
        """Codes of the kinds of ``src``."""
        ...

    @property
    def dst_kind(self) -> Codes:
        """Codes of the kinds of ``dst``."""
        ...

    @property
    def rec(self) -> Ints:
        """Record integers."""
        ...

    @property
    def words(self) -> tuple[str, ...]:
        """The kinds' names, by code."""
        ...


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which kinds of entity act, which identify, and how many actors an identifier may have before it is a hub."""

    actors: tuple[str, ...] = ACTORS
    identifiers: tuple[str, ...] = IDENTIFIERS
    cap: int = 20
    caps: Mapping[str, int] = field(default_factory=dict)

    def cap_of(self, kind: str) -> int:
        """The cap for identifiers of ``kind``."""
        return self.caps.get(kind, self.cap)


@dataclass(frozen=True, slots=True)
class Projection:
    """The pruned graph: nodes are numbered 0…n-1, actors first; links are (actor, identifier), each once.

    ``ids`` are the nodes' entity integers, ``kinds`` their kinds' names. ``claim_link`` and ``claim_rec`` say which
    record states which link. ``hub_actor``, ``hub`` and ``hub_rec`` are the claims that join actors of the graph to
    hubs (entity integers) that were left out. ``hubs`` counts all hubs left out; ``all_accounts`` (actors) and
    ``all_links`` count what was there before pruning.
    """

    ids: Ints
    kinds: tuple[str, ...]
    actors: int
    actor: Ints
    identifier: Ints
    claim_link: Ints
    claim_rec: Ints
    hub_actor: Ints
    hub: Ints
    hub_rec: Ints
    hubs: int
    all_accounts: int
    all_links: int


def project(claims: Claims, kinds: Kinds) -> Projection:
    """The part of ``claims`` in which rings can be: capped, deduplicated and pruned to its 2-core."""
    # 1. Claims between an actor and an identifier, the actor first; kinds are codes from here on.
    actor, identifier, code, rec = _bipartite(claims, kinds)
    # 2. One link for all claims of the same pair; identifiers of one actor, or of too many, do not count.
    pairs, claim_link = _unique_pairs(actor, identifier)
    names, position, degree = np.unique(pairs[:, 1], return_inverse=True, return_counts=True)
    caps = _caps(names, identifier, code, claims.words, kinds)
    hub = degree > caps
    live = (degree >= 2) & ~hub
    linked = live[position]
    # 3. Prune to the 2-core.
    _, left = np.unique(pairs[:, 0], return_inverse=True)
    core = linked.copy()
    core[linked] = two_core(left[linked], position[linked])
    # 4. Number what is left, and keep the claims that state it.
    kept = pairs[core]
    actors, a = np.unique(kept[:, 0], return_inverse=True)
    identifiers, i = np.unique(kept[:, 1], return_inverse=True)
    number = np.cumsum(core) - 1
    of_core = core[claim_link]
    of_hub = hub[position][claim_link] & np.isin(actor, actors)
    return Projection(
        ids=np.concatenate([actors, identifiers]),
        kinds=_kinds_of(actors, identifiers, claims),
        actors=len(actors),
        actor=a.astype(np.int64),
        identifier=i.astype(np.int64) + len(actors),
        claim_link=number[claim_link[of_core]].astype(np.int64),
        claim_rec=rec[of_core],
        hub_actor=np.searchsorted(actors, actor[of_hub]).astype(np.int64),
        hub=identifier[of_hub],
        hub_rec=rec[of_hub],
        hubs=int(hub.sum()),
        all_accounts=len(np.unique(pairs[:, 0])),
        all_links=len(pairs),
    )


def two_core(left: Ints, right: Ints) -> Flags:
    """Which links of a bipartite graph lie in its 2-core; ``left`` and ``right`` number each side from 0."""
    keep = np.ones(len(left), dtype=np.bool_)
    for _ in range(ROUNDS):
        a, b = left[keep], right[keep]
        fine = (
            (np.bincount(a, minlength=1)[a] >= 2) & (np.bincount(b, minlength=1)[b] >= 2)
            if len(a)
            else np.ones(0, bool)
        )
        if fine.all():
            return keep
        keep[np.flatnonzero(keep)[~fine]] = False
    return _peel(left, right, keep)


def _peel(left: Ints, right: Ints, keep: Flags) -> Flags:
    """The rest of the pruning, link by link: time grows with the links, whatever the shape."""
    offset = int(left.max(initial=0)) + 1
    ends = np.concatenate([left, right + offset])
    alive = np.flatnonzero(np.concatenate([keep, keep]))
    order = alive[np.argsort(ends[alive], kind="stable")]
    degree = np.bincount(ends[alive], minlength=int(ends.max(initial=0)) + 1)
    start = np.concatenate([[0], np.cumsum(degree)])
    waiting = np.flatnonzero(degree == 1).tolist()
    while waiting:
        node = waiting.pop()
        for end in order[start[node] : start[node + 1]].tolist():
            link = end % len(left)
            if not keep[link]:
                continue
            keep[link] = False
            for other in (int(left[link]), int(right[link]) + offset):
                degree[other] -= 1
                if degree[other] == 1:
                    waiting.append(other)
    return keep


def components(n: int, a: Ints, b: Ints) -> Ints:
    """Connected components of ``n`` nodes and links ``a``–``b``: each node's component, named by its smallest node.

    Hooking and pointer jumping (Shiloach and Vishkin 1982): some log n rounds over all links at once.
    """
    parent = np.arange(n, dtype=np.int64)
    while True:
        pa, pb = parent[a], parent[b]
        differ = pa != pb
        if not differ.any():
            return parent
        low, high = np.minimum(pa, pb)[differ], np.maximum(pa, pb)[differ]
        np.minimum.at(parent, high, low)
        while True:
            jumped = parent[parent]
            if np.array_equal(jumped, parent):
                break
            parent = jumped


def _bipartite(claims: Claims, kinds: Kinds) -> tuple[Ints, Ints, Codes, Ints]:
    """(actor, identifier, the identifier's kind code, record) of every claim between the two sides."""
    acts = np.array([word in kinds.actors for word in claims.words] or [False])
    names = np.array([word in kinds.identifiers for word in claims.words] or [False])
    forth = acts[claims.src_kind] & names[claims.dst_kind]
    back = names[claims.src_kind] & acts[claims.dst_kind]
    return (
        np.concatenate([claims.src[forth], claims.dst[back]]),
        np.concatenate([claims.dst[forth], claims.src[back]]),
        np.concatenate([claims.dst_kind[forth], claims.src_kind[back]]),
        np.concatenate([claims.rec[forth], claims.rec[back]]),
    )


def _unique_pairs(a: Ints, b: Ints) -> tuple[Ints, Ints]:
    """The distinct pairs as an array of shape (links, 2), and for each input position its pair's number."""
    order = np.lexsort((b, a))
    first = np.ones(len(a), dtype=np.bool_)
    first[1:] = (a[order][1:] != a[order][:-1]) | (b[order][1:] != b[order][:-1])
    number = np.empty(len(a), dtype=np.int64)
    number[order] = np.cumsum(first) - 1
    chosen = order[first]
    return np.stack([a[chosen], b[chosen]], axis=1), number


def _caps(names: Ints, identifier: Ints, code: Codes, words: Sequence[str], kinds: Kinds) -> Ints:
    """The cap of each of ``names``, by its kind."""
    by_code = np.array([kinds.cap_of(word) for word in words] or [kinds.cap], dtype=np.int64)
    caps = np.zeros(len(names), dtype=np.int64)
    caps[np.searchsorted(names, identifier)] = by_code[code]
    return caps


def _kinds_of(actors: Ints, identifiers: Ints, claims: Claims) -> tuple[str, ...]:
    found: list[str] = []
    ids = np.concatenate([claims.src, claims.dst])
    codes = np.concatenate([claims.src_kind, claims.dst_kind])
    for side in (actors, identifiers):
        wanted = np.isin(ids, side)
        at = np.zeros(len(side), dtype=np.int64)
        at[np.searchsorted(side, ids[wanted])] = codes[wanted]
        found += [claims.words[code] for code in at.tolist()]
    return tuple(found)


Names = Callable[[Sequence[int]], Sequence[str]]
"""Visible names of entities, given their integers: they break ties."""


def renumbered(projection: Projection, names: Names) -> Projection:
    """The same graph, its actors and its identifiers each in the order of their visible names, links sorted.

    Entity integers follow the ledger's order, which hidden records take part in; after this nothing that is found
    depends on them.
    """
    count = projection.actors
    spelled = list(names([int(n) for n in projection.ids]))
    order = np.array(sorted(range(len(spelled)), key=lambda n: (n >= count, spelled[n])), dtype=np.int64)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    actor, identifier = rank[projection.actor], rank[projection.identifier]
    links = np.lexsort((identifier, actor))
    place = np.empty(len(links), dtype=np.int64)
    place[links] = np.arange(len(links))
    changed: dict[str, Any] = {
        "ids": projection.ids[order],
        "kinds": tuple(projection.kinds[n] for n in order),
        "actor": actor[links],
        "identifier": identifier[links],
        "claim_link": place[projection.claim_link],
        "hub_actor": rank[projection.hub_actor],
    }
    unchanged = {name: getattr(projection, name) for name in Projection.__dataclass_fields__ if name not in changed}
    return Projection(**unchanged, **changed)
