"""The process that searches: it has claims as arrays and no way to anything else, and stands back behind readers.

It ends when its pipe closes, so none outlives the service. Its memory is limited: a search that needs more fails, and
the service goes on.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import msgspec
import numpy as np

from graphsvc.columns.claims import ClaimArrays
from graphsvc.detect.around import Around, around
from graphsvc.detect.assemble import Assembly
from graphsvc.detect.evidence import UNKNOWN
from graphsvc.detect.explain import Facts, tell
from graphsvc.detect.explain import Ring as Told
from graphsvc.detect.explain import Shared as ToldShared
from graphsvc.detect.recipe import Grouped, Parameters, group
from graphsvc.rings import kept
from graphsvc.rings.kept import Cited, Found, Head, Line, Posted, Shared, encode

MEMORY = 4 << 30
"""At most this many bytes of data in the process: a million accounts with three million links need 2 GB."""
NICE = 15
STAGE, NAMES, DONE, FAILED = "stage", "names", "done", "failed"
"""What the process says: what it does now; which nodes it needs names of; its result; a code."""

_log = logging.getLogger("graphsvc.rings.child")


@dataclass(frozen=True, slots=True)
class Task:
    """A search: claims whose ends are nodes, ``worlds`` a node's entity integer is in by turns, parameters.

    Node ``n`` is entity ``ids[n // len(worlds)]`` in world ``n % …``; without ``ids`` nodes are entities.
    """

    claims: ClaimArrays
    worlds: tuple[str, ...]
    ids: Any
    parameters: Parameters

    def entity(self, node: int) -> int:
        """The entity that a node is."""
        at = node // len(self.worlds)
        return at if self.ids is None else int(self.ids[at])


class Child:
    """One process and our end of its pipe."""

    def __init__(self, task: Task) -> None:
        # Spawned, not forked: this process has threads, and a fork would copy their locks as they stand.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs,), name="rings", daemon=True)
        self._process.start()
        theirs.close()
        self._task = task

    def run(self, names: Callable[[Sequence[int]], Sequence[str]], stage: Callable[[str], None]) -> Found | str:
        """What was found, or a code for why not; ``names`` are asked for on the way. For a thread of its own."""
        try:
            self._pipe.send(self._task)
            while True:
                said, value = self._pipe.recv()
                if said == NAMES:
                    self._pipe.send(list(names(value)))
                elif said == STAGE:
                    stage(value)
                elif said == DONE:
                    return kept.decode_found(value)
                else:
                    return str(value)
        except (EOFError, OSError, CancelledError):
            return "process_died"

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _work(pipe: Connection) -> None:
    if hasattr(os, "nice"):
        os.nice(NICE)
    _, hardest = resource.getrlimit(resource.RLIMIT_DATA)
    most = MEMORY if hardest == resource.RLIM_INFINITY else min(MEMORY, hardest)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hardest))
    try:
        task: Task = pipe.recv()
        pipe.send((DONE, encode(search(task, _asking(pipe), lambda stage: pipe.send((STAGE, stage))))))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return
    except MemoryError:
        pipe.send((FAILED, "too_much_memory"))
    except Exception as error:  # its message may hold what is in the claims
        _log.error("a search for rings failed: %s", type(error).__name__)
        pipe.send((FAILED, "search_failed"))


def _asking(pipe: Connection) -> Callable[[Sequence[int]], Sequence[str]]:
    def names(nodes: Sequence[int]) -> Sequence[str]:
        pipe.send((NAMES, list(nodes)))
        found: list[str] = pipe.recv()
        return found

    return names


def search(
    task: Task, names: Callable[[Sequence[int]], Sequence[str]], stage: Callable[[str], None] = lambda _: None
) -> Found:
    """Search, explain all, and look around; what comes back names entities by their integers."""
    claims = task.claims
    # 1. Groups, judged and ranked (detect).
    grouped = group(claims, task.parameters, names, stage)
    stage("explain")
    told = _told(grouped, task.parameters.limit)
    # 2. What lies around them: adverts, products, seizures (detect.around).
    stage("look around")
    near = around(claims, [ring.accounts for ring, _ in told], [ring.identifiers for ring, _ in told])
    rings = [_kept(task, ring, facts, one) for (ring, facts), one in zip(told, near, strict=True)]
    graph = grouped.first.graph
    return Found(
        rings=[msgspec.Raw(encode(one)) for one in rings],
        heads=[_head(one) for one in rings],
        lids=np.unique(claims.lid).tolist(),
        claims=len(claims),
        accounts=len(np.unique(graph.member)),
        links=len(graph.member),
        hubs=int(graph.hub.sum()),
    )


def in_window(claims: ClaimArrays, since: int | None, until: int | None) -> ClaimArrays:
    """The claims of a time, given in epoch seconds; claims without a time belong to every one."""
    keep = np.ones(len(claims), dtype=np.bool_)
    if since is not None:
        keep &= (claims.until == UNKNOWN) | (claims.until >= since)
    if until is not None:
        keep &= (claims.since == UNKNOWN) | (claims.since <= until)
    return chosen(claims, keep)


def chosen(claims: ClaimArrays, keep: Any) -> ClaimArrays:
    """Some of the claims."""
    names = ("src", "dst", "src_kind", "dst_kind", "kind", "lid", "rec", "since", "until")
    return claims if keep.all() else replace(claims, **{name: getattr(claims, name)[keep] for name in names})


def _told(grouped: Grouped, limit: int | None) -> list[tuple[Told, Facts]]:
    rank = {number: place for place, number in enumerate(grouped.order, start=1)}
    network: dict[int, int] = {}
    for number in grouped.order:
        network.setdefault(int(grouped.networks.network[number]), rank[number])
    assembly = Assembly(grouped.standing, grouped.ranks)
    found = list[tuple[Told, Facts]]()
    for number in grouped.order[:limit]:
        facts = assembly.facts(number, grouped.judged)
        found.append((tell(facts, rank[number], network[int(grouped.networks.network[number])]), facts))
    return found


def _kept(task: Task, ring: Told, facts: Facts, near: Around) -> kept.Ring:
    def entities(nodes: Sequence[int]) -> tuple[int, ...]:
        return tuple(map(task.entity, nodes))

    def cited(records: Any) -> tuple[Cited, ...]:
        return tuple((task.entity(node), tuple(every)) for node, every in records.items())

    def shared(one: ToldShared) -> Shared:
        entity = None if one.entity is None else task.entity(one.entity)
        return Shared(entity, one.kind, entities(one.accounts), one.since, one.until, one.records)

    return kept.Ring(
        rank=ring.rank,
        world=task.worlds[ring.accounts[0] % len(task.worlds)],
        score=ring.score,
        accounts=entities(ring.accounts),
        fringe=entities(ring.fringe),
        shared=tuple(map(shared, ring.shared)),
        cycles=ring.cycles,
        log_e=ring.log_e,
        significant=ring.significant,
        tag=ring.tag,
        network=ring.network,
        reasons=tuple(Line(one.text, one.records) for one in ring.reasons),
        brokers=cited({one: facts.by_account[one] for one in ring.brokers}),
        hubs=cited(facts.hubs),
        between=cited(facts.between),
        adverts=tuple(Posted(task.entity(one.entity), one.since, one.record) for one in near.adverts),
        products=cited(near.products),
        seizures=cited(near.seizures),
    )


def _head(ring: kept.Ring) -> Head:
    kinds = tuple(sorted({one.kind for one in ring.shared}))
    return Head(ring.world, ring.accounts, ring.tag, ring.significant, kinds, ring.network)
