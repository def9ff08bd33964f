"""Plain answers to compare with: the graph filtered first, in Python, then asked with networkx."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
from graph_world import NOW

from graphsvc.graph.facts import IDENTIFIED
from graphsvc.model.claims import expiry
from graphsvc.model.drafts import CleanDraft
from graphsvc.policy.scope import Scope

Link = tuple[str, str, str, int]
"""Source key, kind, target key, record."""


@dataclass(frozen=True)
class Visible:
    """What one reader may see of some drafts, worked out without a database."""

    records: dict[str, set[int]]
    named: set[str]
    links: set[Link]

    def neighbourhood(self, start: str, hops: int, kinds: Sequence[str] | None = None) -> tuple[set[str], set[Link]]:
        links = {link for link in self.links if kinds is None or link[1] in kinds}
        reached, front, found = {start}, {start}, set[Link]()
        for _ in range(hops):
            touching = {link for link in links if link[0] in front or link[2] in front}
            found |= touching
            front = {end for link in touching for end in (link[0], link[2])} - reached
            reached |= front
        return reached, found

    def lengths(self, source: str, target: str, max_hops: int, k: int) -> list[int]:
        """The lengths of the k shortest simple paths."""
        return sorted(len(path) - 1 for path in self.simple_paths(source, target, max_hops))[:k]

    def simple_paths(self, source: str, target: str, max_hops: int) -> set[tuple[str, ...]]:
        graph = nx.Graph([(a, b) for a, _, b, _ in self.links])
        if source == target or source not in graph or target not in graph:
            return set()
        return {tuple(path) for path in nx.all_simple_paths(graph, source, target, cutoff=max_hops)}

    def between(self, path: Sequence[str]) -> set[Link]:
        steps = {frozenset(pair) for pair in pairwise(path)}
        return {link for link in self.links if frozenset((link[0], link[2])) in steps}


def visible(
    drafts: Sequence[CleanDraft],
    scope: Scope,
    grades: Sequence[str] | None = None,
    world: str | None = IDENTIFIED,
    now: int = NOW,
) -> Visible:
    """What ``scope`` shows in a world (None: in all) of drafts that were applied as entry 0.

    Of those with one of ``grades`` if given.
    """
    numbers = {label: lid for lid, label in scope.labels.items()}
    records: dict[str, set[int]] = {}
    named: set[str] = set()
    links: set[Link] = set()
    for draft in drafts:
        lid = numbers[draft.label]
        if lid not in scope.allowed("view") or expiry(draft) <= now or draft.row in scope.hidden:
            continue
        if world is not None and world != ("" if lid in scope.allowed("identity") else draft.label.owner):
            continue
        grading = f"{draft.grading.scheme} {draft.grading.source} {draft.grading.information}".strip()
        if grades is not None and grading not in grades:
            continue
        keys = [entity.key for entity in draft.entities]
        for key in keys:
            records.setdefault(key, set()).add(draft.row)
        if lid in scope.allowed("identity"):
            named |= set(keys)
        links |= {(keys[link.source], link.kind, keys[link.target], draft.row) for link in draft.links}
    return Visible(records, named, links)
