"""Rings that stand alone: what a ring cites must, without anything else, give back that ring.

Every group is searched for once more in a world of its own, which holds the claims that it cites and nothing else; all
of these worlds are searched together, and none knows of another. What comes back otherwise than it went in is taken as
it came back, and tried again, until nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphsvc.detect.arrays import Codes, Flags, Ints, compact, number_pairs, spans, starts_of, sums
from graphsvc.detect.canonical import digest
from graphsvc.detect.evidence import Claims
from graphsvc.detect.groups import Groups
from graphsvc.detect.names import Ranks
from graphsvc.detect.search import Search, Settings, search

ROUNDS = 8
"""After so many rounds what still changes is no ring."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Claims of several worlds side by side, as :class:`graphsvc.detect.evidence.Claims`.

    Entity e of world w is ``w * len(entities) + e``, e being its place in ``entities``. ``origin`` holds the positions
    of the claims that these are copies of.
    """

    src: Ints
    dst: Ints
    src_kind: Codes
    dst_kind: Codes
    kind: Codes
    rec: Ints
    since: Ints
    until: Ints
    words: tuple[str, ...]
    entities: Ints
    origin: Ints

    @classmethod
    def of(cls, claims: Claims, world: Ints, position: Ints) -> Copies:
        """The claims at ``position``, each in its ``world``."""
        ends = np.concatenate([claims.src[position], claims.dst[position]])
        entities, place = compact(ends)
        source, target = np.split(place, 2)
        kept = ("src_kind", "dst_kind", "kind", "rec", "since", "until")
        same = {name: getattr(claims, name)[position] for name in kept}
        src, dst = world * len(entities) + source, world * len(entities) + target
        return cls(src=src, dst=dst, **same, words=claims.words, entities=entities, origin=position)

    def world(self, copied: Ints) -> Ints:
        """The worlds that copies are in."""
        return copied // max(len(self.entities), 1)

    def ranked(self, ranks: Ranks) -> Ranks:
        """Ranks of copies, which are those of what they stand for."""
        return lambda ids: ranks(self.entity(ids))

    def entity(self, copied: Ints) -> Ints:
        """The entities that copies stand for; contacts, which are negative, stay."""
        return np.where(copied < 0, copied, self.entities[copied % max(len(self.entities), 1)])


@dataclass(frozen=True, slots=True)
class Standing:
    """Groups that stand alone, in the graph of their own claims: ``claims`` are that graph's, one world a group."""

    claims: Copies
    found: Search


def stand(claims: Claims, first: Search, settings: Settings, ranks: Ranks) -> Standing:
    """The groups of ``first``, a search of ``claims``, as they are on the evidence of what they cite alone."""
    found = first
    position, world = _cited(found, np.arange(len(claims.rec)))
    seen = _digests(first, lambda ids: ids)
    for turn in range(ROUNDS):
        # 1. Each group's claims in a world of their own, searched like any.
        copies = Copies.of(claims, world, position)
        found = search(copies, settings, copies.ranked(ranks), copies.world)
        now = _digests(found, copies.entity)
        # 2. Nothing changed: these are the rings.
        if len(now) == len(seen) and (np.sort(now) == np.sort(seen)).all():
            break
        # 3. What did is tried again as it came back; in the last round it is given up. The same ring twice is one.
        keep = np.zeros(found.groups.count, dtype=np.bool_)
        keep[np.unique(now, return_index=True)[1]] = True
        if turn >= ROUNDS - 2:
            keep &= np.isin(now, seen)
        found = Search(found.graph, _only(found.groups, keep), found.cut)
        seen = now[keep]
        position, world = _cited(found, copies.origin)
    return Standing(copies, found)


def withstands(claims: Claims, standing: Standing, settings: Settings, ranks: Ranks, more: tuple[Ints, Ints]) -> Flags:
    """Which groups stay what they are where claims are added to their worlds, given as (positions, groups)."""
    position, world = _cited(standing.found, standing.claims.origin)
    asked = np.isin(world, more[1])
    position, world = position[asked], world[asked]
    world, position, _ = number_pairs(np.concatenate([world, more[1]]), np.concatenate([position, more[0]]))
    copies = Copies.of(claims, world, position)
    found = search(copies, settings, copies.ranked(ranks), copies.world)
    count = standing.found.groups.count
    before, now = _digests(standing.found, standing.claims.entity), _digests(found, copies.entity)
    of = np.zeros(found.groups.count, dtype=np.int64)
    of[found.groups.group] = copies.world(found.graph.members[found.groups.member])
    same = sums(of, now == before[of], count) == 1
    stays: Flags = same & (np.bincount(of, minlength=count) == 1)
    return stays


def digests_of(found: Search) -> npt.NDArray[np.uint64]:
    """A hash of each group's shape alone: how many links its members and identifiers have, in core and fringe."""
    groups = found.groups
    _, _, member = number_pairs(groups.group, groups.member)
    _, _, identifier = number_pairs(groups.group, groups.identifier)
    ends = np.bincount(member)[member] * 100_003 + np.bincount(identifier)[identifier] * 7 + groups.core
    return digest(groups.group, ends.astype(np.uint64), groups.count)


def _only(groups: Groups, keep: npt.NDArray[np.bool_]) -> Groups:
    chosen, number = keep[groups.group], np.cumsum(keep) - 1
    parts = (groups.member[chosen], groups.identifier[chosen], groups.core[chosen])
    return Groups(int(keep.sum()), number[groups.group[chosen]], *parts)


def claims_of(found: Search) -> tuple[Ints, Ints]:
    """(position of claim, group) for every claim that a group's links rest on, each once, by group."""
    graph, groups = found.graph, found.groups
    width = int(graph.identifier.max(initial=0)) + 1
    keys = graph.member * width + graph.identifier
    link = np.searchsorted(keys, groups.member * width + groups.identifier)
    order, start = np.argsort(graph.link, kind="stable"), starts_of(graph.link, len(keys))
    counts = np.diff(start)[link]
    use, group = order[spans(start[link], counts)], np.repeat(groups.group, counts)
    claim, via = graph.uses.claim[use], graph.uses.via[use]
    second = via >= 0
    of, position, _ = number_pairs(np.concatenate([group, group[second]]), np.concatenate([claim, via[second]]))
    return position, of


def _cited(found: Search, origin: Ints) -> tuple[Ints, Ints]:
    position, group = claims_of(found)
    return origin[position], group


def _digests(found: Search, entity: Ranks) -> npt.NDArray[np.uint64]:
    """A hash of each group: its accounts, core and fringe, its identifiers and links, as ``entity`` names them."""
    graph, groups = found.graph, found.groups
    who = entity(graph.members[groups.member])
    what = graph.identifiers[groups.identifier]
    ends = graph.contacts[-1 - what[what < 0]]
    met = what < 0
    what = np.where(met, 0, entity(np.maximum(what, 0)))
    what[met] = entity(ends[:, 0]) * -31 - entity(ends[:, 1])
    parts = who.astype(np.uint64), what.astype(np.uint64), graph.episode[groups.identifier].astype(np.uint64)
    mixed = parts[0] * np.uint64(0x9E3779B97F4A7C15) + parts[1] * np.uint64(0xC2B2AE3D27D4EB4F) + parts[2]
    return digest(groups.group, mixed * np.uint64(2) + groups.core.astype(np.uint64), groups.count)
