"""Rings: the claims that the caller may analyse go through the detector as arrays, and come back as entities.

One entity is a node of its own in each world of the reader's (:class:`graphsvc.graph.facts.Node`), as in every other
read: what the reader may not identify is in no ring with what it can name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphsvc.columns.claims import ClaimArrays
from graphsvc.columns.store import Columns
from graphsvc.core import Core
from graphsvc.detect.arrays import Ints
from graphsvc.detect.evidence import Kinds
from graphsvc.detect.recipe import Found, Parameters, detect
from graphsvc.graph.facts import IDENTIFIED, Node
from graphsvc.graph.handles import RECORD
from graphsvc.model.errors import TooLarge
from graphsvc.policy.scope import Scope

LIMIT = 100
"""So many rings are shown unless more are asked for: households and the like come last."""
DIRECT = 250_000
"""At most this many claims are analysed while the caller waits; more are a job's, which is kept (``detectRings``)."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Which entity in which world each node is: node ``n`` is entity ``ids[n // len(worlds)]`` in world ``n % …``.

    ``ids`` are sorted. With one world only, and so for most readers, nodes are entities: then ``ids`` is None.
    """

    worlds: tuple[str, ...]
    ids: Ints | None = None

    def by_world(self, nodes: Sequence[int]) -> dict[str, dict[int, int]]:
        """The nodes by world, each as entity integer → node."""
        found: dict[str, dict[int, int]] = {}
        for node in nodes:
            at, world = divmod(node, len(self.worlds))
            found.setdefault(self.worlds[world], {})[at if self.ids is None else int(self.ids[at])] = node
        return found


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found among the nodes of ``apart``, and the parameters it was found with, as they are shown."""

    found: Found
    apart: Apart
    stated: list[tuple[str, str]]


Names = Callable[[Apart, Sequence[int]], Coroutine[Any, Any, Sequence[str]]]


async def find_rings(
    columns: Columns,
    scope: Scope,
    asked: Mapping[str, Any],
    names: Names,
) -> Detected:
    """Find the rings in exactly the claims that ``scope`` may analyse.

    ``asked`` holds the parameters that were given, as the API names them; ``names`` gives visible names of nodes, by
    which ties are broken. Raises InvalidInput when a parameter can't be used, TooLarge for more than ``DIRECT`` claims.
    """
    parameters = _parameters(asked)
    loop = asyncio.get_running_loop()

    def spelled(apart: Apart, nodes: Sequence[int]) -> Sequence[str]:
        return asyncio.run_coroutine_threadsafe(names(apart, nodes), loop).result()

    return await asyncio.to_thread(_find, columns, scope, parameters, spelled)


def _find(
    columns: Columns, scope: Scope, parameters: Parameters, names: Callable[[Apart, Sequence[int]], Sequence[str]]
) -> Detected:
    # 1. Select by label, expiry and withdrawal, without a round trip through the graph (columns).
    claims = columns.select(scope, int(time.time()))
    if len(claims) > DIRECT:
        message = f"you may analyse more than {DIRECT:,} claims: start a search that is kept, with detectRings"
        raise TooLarge(message, code="too_many_claims", where="rings")
    # 2. Make each entity a separate node in each world.
    claims, apart = take_apart(claims, scope)
    # 3. Search, let each stand alone, judge, rank, explain (detect).
    found = detect(claims, parameters, lambda nodes: names(apart, nodes))
    stated = [(name, _shown(value)) for name, value in sorted(parameters.stated().items())]
    return Detected(found, apart, stated)


def take_apart(claims: ClaimArrays, scope: Scope) -> tuple[ClaimArrays, Apart]:
    """The claims with nodes in place of entities, and what each node is. ``scope`` must allow viewing ``claims``."""
    lids = np.unique(claims.lid).tolist()
    world_of = {lid: scope.world_of(lid) for lid in lids}
    worlds = tuple(sorted({IDENTIFIED, *world_of.values()}))
    if len(worlds) == 1:
        return claims, Apart(worlds)
    numbers = np.array([worlds.index(world_of[lid]) for lid in lids], dtype=np.int64)
    world = numbers[np.searchsorted(lids, claims.lid)]
    ids, at = np.unique(np.concatenate([claims.src, claims.dst]), return_inverse=True)
    source, target = np.split(at, 2)
    count = len(worlds)
    return replace(claims, src=source * count + world, dst=target * count + world), Apart(worlds, ids)


async def node_names(
    core: Core, scope: Scope, apart: Apart, numbers: Sequence[int], now: int | None = None
) -> list[str]:
    """Names that break ties between nodes of rings: the key where it is visible, else a handle."""
    handles, names = core.handles(scope.principal.org), dict[int, str]()
    for world, there in apart.by_world(numbers).items():
        found = await core.reader.names(scope, list(there), now, world)
        for n, (mark, key) in found.items():
            names[there[n]] = key or handles.seal_node(RECORD, Node(mark, world))
    # A node that has gone since the columns were read gets some name; it is shown nowhere.
    return [names.get(number) or handles.seal(RECORD, number) for number in numbers]


def _parameters(asked: Mapping[str, Any]) -> Parameters:
    given = dict(asked)
    kinds = Kinds()
    if "hub_cap" in given:
        kinds = Kinds(kinds.actors, kinds.identifiers, given.pop("hub_cap"))
    if "identifier_kinds" in given:
        kinds = Kinds(kinds.actors, tuple(given.pop("identifier_kinds")), kinds.cap)
    return Parameters(kinds=kinds, **{"limit": LIMIT, **given})


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_shown(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
