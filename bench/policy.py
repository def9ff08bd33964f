"""What the policy costs: hubs of hidden claims, reads with predicates against reads without, scopes against bare Cedar.

Everything that is compared takes turns in one run, so each figure is a ratio. Hubs are asked for twice: of the graph,
and of the whole service as an investigator asks it, policies, ledger and all.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import cedarpy

from bench import stage
from bench.expand import CASE, EXPAND, FOOTING, INVESTIGATOR, REGISTER
from bench.hubs import HIDDEN, MARKS, VISIBLE, World, imported, labels
from bench.report import report
from graphsvc.client.service import footing_headers
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph import queries
from graphsvc.graph.driver import Graph
from graphsvc.graph.facts import IDENTIFIED, Node, Walk, Ways
from graphsvc.graph.read import RECORDS, Reader
from graphsvc.model.labels import GROUPS, ORIGIN
from graphsvc.model.places import ROW_BITS
from graphsvc.model.principals import Entitlements, Footing, Principal
from graphsvc.model.product import product_data
from graphsvc.policy.decide import READS, Decider, profile_of
from graphsvc.policy.evaluate import _context, _entities, _request
from graphsvc.policy.rules import load_policies
from graphsvc.policy.scope import Scope

LABELS, ROUNDS, TIMES, ASKED = 640, 7, 120, 1_000
"""Labels of a new reader's scope; repetitions of a ratio and of a call; identifiers in one match."""
POLICE = next(one for one in ORGANISATIONS if one.org == "police-ke")
READER = Principal(POLICE, "bench", ("investigator",))
ANALYST = Principal(POLICE, "bench", ("analyst", "investigator"))
PHONE = "phone:e164:"
SEARCH = '{ search(kind: "Phone", parts: [{name: "value", value: "%s"}]) { handle kind key records { handle } } }'
ENTITY = "query($start: ID!) { entity(handle: $start) { key records { handle attributes { name value } } } }"
PATHS = "query($start: ID!, $end: ID!) { paths(source: $start, target: $end) { paths { length links { kind } } } }"
MATCH = "query($i: [IdentifierInput!]!) { match(identifiers: $i) { kind hit contacts { org } } }"

Ask = Callable[[], object]
Rows = list[tuple[str, str, str]]


def median_ms(asks: Sequence[Ask], times: int = TIMES) -> list[float]:
    """Median milliseconds of each call; they take turns in alternating order, after ``times`` / 2 turns to warm up."""
    seen: list[list[float]] = [[] for _ in asks]
    pairs = list(zip(asks, seen, strict=True))
    for turn in range(-times // 2, times):
        for ask, mine in pairs if turn % 2 else reversed(pairs):
            begun = time.perf_counter()
            ask()
            if turn >= 0:
                mine.append((time.perf_counter() - begun) * 1e3)
    return [statistics.median(mine) for mine in seen]


def compare_hubs(asks: Sequence[tuple[str, Ask, Ask]]) -> tuple[float, Rows]:
    """The worst ratio, and a report row for each read, given as (name, ask the plain hub, ask the busy hub)."""
    worst, rows = 0.0, []
    for name, plain, busy in asks:
        free, laden = median_ms([plain, busy])
        worst = max(worst, laden / free)
        rows.append((f"  {name}: {free:.2f} ms, {laden:.2f} with the hidden", f"{laden / free:.2f}", ""))
    return worst, rows


def graph_asks(
    graph: Graph, world: World, scope: Scope, loop: asyncio.AbstractEventLoop
) -> Iterator[tuple[str, Ask, Ask]]:
    """Each read of the graph, on both hubs of each pair. Both must answer with as much."""
    reader = Reader(graph)
    blind = Scope(READER, FOOTING, 0, "bench", scope.valid_until, {"view": (max(scope.labels),)}, scope.labels)
    reads: dict[str, Callable[[str, Node, Node], Any]] = {
        "expand": lambda _key, hub, _: reader.expand(scope, [hub], Walk(2)),
        "entity": lambda _key, hub, _: reader.entity(scope, hub),
        "search": lambda key, *_: reader.resolve(scope, [key]),
        "match": lambda key, *_: reader.match(scope, [key]),
        "paths": lambda _key, hub, account: reader.paths(scope, hub, account, Ways(6, 3)),
        "records": lambda key, *_: reader.records_about(scope, [key], 100),
    }
    for density, keys in world.pairs.items():
        places = []
        for key in keys:
            hub = Node(MARKS.entity(key))
            near = loop.run_until_complete(reader.expand(scope, [hub], Walk(1)))
            assert near is not None and len(near.links) == VISIBLE
            last = near.links[-1].source
            places.append((key, hub, next(one.node for one in near.entities if one.id == last)))
        for name, read in reads.items():
            plain, busy = ((lambda p=place, r=read: loop.run_until_complete(r(*p))) for place in places)
            yield f"graph, {name}, {density} labels", plain, busy
        hidden, absent = (
            (lambda k=key: loop.run_until_complete(reader.resolve(blind, [k]))) for key in (keys[1], f"{PHONE}+254799")
        )
        assert not hidden() and not absent()
        yield f"graph, wholly hidden to absent, {density} labels", absent, hidden


class Caller:
    """An investigator at the service, on one connection."""

    def __init__(self, url: str, token: str, footing: Footing = FOOTING) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc)
        self._headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "accept": "application/graphql-response+json",
            **footing_headers(footing),
        }

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(self, query: str, variables: dict[str, Any] | None = None) -> Callable[[], bytes]:
        """A function that sends this question and returns the answer's body."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()

        def send() -> bytes:
            self._connection.request("POST", "/graphql", body, self._headers)
            response = self._connection.getresponse()
            answer = response.read()
            assert response.status == 200 and b'"errors"' not in answer, answer[:300]
            return answer

        return send


def service_asks(caller: Caller, world: World) -> Iterator[tuple[str, Ask, Ask]]:
    """Each question to the service, on both hubs of each pair. Both must be answered with as many bytes."""
    for density, keys in world.pairs.items():
        numbers = [key.removeprefix(PHONE) for key in keys]
        handles = [json.loads(caller.ask(SEARCH % one)())["data"]["search"][0]["handle"] for one in numbers]
        ends = []
        for handle in handles:
            found = json.loads(caller.ask(EXPAND, {"start": handle})())["data"]["expand"]
            assert len(found["links"]) == VISIBLE
            ends.append(found["links"][-1]["source"])
        identifiers = [[{"kind": "Phone", "parts": [{"name": "value", "value": one}]}] for one in numbers]
        asks = {
            "expand": [caller.ask(EXPAND, {"start": one}) for one in handles],
            "entity": [caller.ask(ENTITY, {"start": one}) for one in handles],
            "search": [caller.ask(SEARCH % one) for one in numbers],
            "match": [caller.ask(MATCH, {"i": one}) for one in identifiers],
            "paths": [caller.ask(PATHS, {"start": a, "end": b}) for a, b in zip(handles, ends, strict=True)],
        }
        for name, (plain, busy) in asks.items():
            # Only the data is compared: the padding of a receipt is random.
            assert len({len(str(json.loads(ask())["data"])) for ask in (plain, busy)}) == 1, f"{name} must look alike"
            yield f"service, {name}, {density} labels", plain, busy


def without_predicates(statement: str) -> str:
    """The same statement, in which no label, expiry, withdrawal or mask is looked at."""
    text = statement.replace("[l IN e.lids WHERE $may[l] IN $view]", "e.lids")
    text = text.replace("any(a IN shown WHERE $may[a.lid] IN $identity) AS named", "true AS named")
    text = text.replace(
        f"CASE WHEN $may[a.lid] IN ${ORIGIN} THEN split(a.origin, ' ')[0] END", "split(a.origin, ' ')[0]"
    )
    for claim in ("a", "c"):
        # The index seeks by ``exp``, so a condition on it must stay; IS NOT NULL always holds.
        text = text.replace(f" AND NOT {claim}.rec / {1 << ROW_BITS} IN $hiddenIn", "")
        text = text.replace(f"{claim}.exp > $now AND NOT {claim}.rec IN $hidden", f"{claim}.exp IS NOT NULL")
        for group, name in (*((one, one) for one in GROUPS), (ORIGIN, "origin")):
            text = text.replace(f"CASE WHEN $may[{claim}.lid] IN ${group} THEN {claim}.{name} END", f"{claim}.{name}")
    for node in ("startNode(c)", "endNode(c)"):
        text = text.replace(f"CASE WHEN $may[c.lid] IN $identity THEN {node}.key END", f"{node}.key")
    assert "$may" not in text and "$now" not in text, "every predicate must be found"
    return text


def read_ratio(graph: Graph, starts: Sequence[str], scope: Scope) -> float:
    """Two hops with policy against the same statement without, each on the same starts, in turns: the median."""
    plain = queries.expand(2)
    bare = without_predicates(plain)
    # Both ask whose the claims are: that decides which come first where they are cut, not what may be seen.
    owners = {"owner": scope.masks()["owner"], "place": list(range(len(scope.viewed)))}
    base = {"stop": [], "cap": 301, "most": 301, "records": RECORDS, "factor": 1, "other": 0, **owners}
    policy = {"now": int(time.time()), "hidden": [], "hiddenIn": [], **scope.masks(IDENTIFIED)}
    asked = itertools.cycle(starts)
    # Plan both first: planning may take seconds, more than a read's time limit, and must not be measured.
    with graph.session() as session:
        for statement, parameters in ((plain, policy), (bare, {})):
            session.run(statement, {**base, **parameters, "starts": starts[:1]}).consume()

    def one(turn: int) -> list[float]:
        start = next(asked)
        both = [(plain, {**base, **policy, "starts": [start]}), (bare, {**base, "starts": [start]})]
        seconds, found = [0.0, 0.0], [None, None]
        for place in (0, 1) if turn % 2 else (1, 0):
            begun = time.perf_counter()
            found[place] = graph.answer(*both[place])
            seconds[place] = time.perf_counter() - begun
        assert sorted(map(str, found[0][0])) == sorted(map(str, found[1][0])), "both must see the same"
        return seconds

    for turn in range(300):
        one(turn)
    seen = [[one(turn) for turn in range(200)] for _ in range(ROUNDS)]
    return statistics.median(
        statistics.median(mine for mine, _ in turns) / statistics.median(reference for _, reference in turns)
        for turns in seen
    )


def widened(scope: Scope, count: int) -> Scope:
    """The scope of a reader who sees ``count`` labels more, of which the network has none."""
    more = tuple(range(max(scope.labels) + 1, max(scope.labels) + 1 + count))
    return replace(scope, lids={name: (*lids, *more) for name, lids in scope.lids.items()})


def scope_figures(count: int = LABELS, rounds: int = ROUNDS, times: int = TIMES) -> tuple[float, float]:
    """The ratio of a new reader's scope to bare Cedar on as many decisions; milliseconds of a known reader's scope.

    The ratio compares seconds of CPU, since both sides work in one thread.
    """
    policies = load_policies(product_data("policies"))
    known = MappingProxyType(dict(enumerate(labels("GREEN", count), 1)))
    profile = profile_of(ANALYST, FOOTING, True)
    ratios = []
    decider = Decider(policies)
    for _ in range(rounds):
        gc.collect()
        begun = time.process_time()
        decider = Decider(policies)
        scope = decider.scope(ANALYST, FOOTING, True, Entitlements(), known, 0)
        ours = time.process_time() - begun
        assert len(scope.allowed("view")) == count, "every label must be looked at in full"
        numbered = list(enumerate(known.values()))
        contexts = {action: _context(profile, action) for action in READS}
        asked = [_request(position, action, contexts[action]) for position, _ in numbered for action in READS]
        begun = time.process_time()
        entities = _entities(policies, profile, numbered)
        results = cedarpy.is_authorized_batch(asked, policies.rulebook("pasar").policies, entities)
        bare = time.process_time() - begun
        assert len(results) == count * len(READS)
        ratios.append(ours / bare)
    (warm,) = median_ms([lambda: decider.scope(ANALYST, FOOTING, True, Entitlements(), known, 0)], times)
    return statistics.median(ratios), warm


def match_asks(graph: Graph, caller: Caller, world: World, scope: Scope, loop: asyncio.AbstractEventLoop) -> list[Ask]:
    """Match of many identifiers in one request, half of them absent: of the graph, of the service."""
    held = itertools.islice((key for key in world.ids if key.startswith(f"{PHONE}+86")), ASKED // 2)
    keys = [*held, *(f"{PHONE}+86138{n:08d}" for n in range(ASKED // 2))]
    reader = Reader(graph)
    parts = [[{"name": "value", "value": key.removeprefix(PHONE)}] for key in keys]
    ask = caller.ask(MATCH, {"i": [{"kind": "Phone", "parts": one} for one in parts]})
    assert ask().count(b'"hit":true') == ASKED // 2
    assert len(loop.run_until_complete(reader.match(scope, keys))) == ASKED // 2
    return [lambda: loop.run_until_complete(reader.match(scope, keys)), ask]


def served(members: Members, url: str) -> Caller:
    """The investigator, with a registered case."""
    members.client(INVESTIGATOR).query(REGISTER, {"r": CASE})
    return Caller(url, members.token(INVESTIGATOR))


def main() -> None:
    """Run the benchmark and report its figures."""
    # As in the service: the garbage collector skips what start-up made.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    cold, warm = scope_figures()
    loop = asyncio.new_event_loop()
    policies = load_policies(product_data("policies"))
    with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as name:
        folder = Path(name)
        with imported(folder, stage.HEAP, stage.PAGECACHE) as (child, world):
            graph = Graph.open(child.uri, child.auth)
            scope = Decider(policies).scope(READER, FOOTING, True, Entitlements(), world.labels, 0)
            assert len(scope.allowed("view")) == sum(one.handling.code == "GREEN" for one in world.labels.values())
            read, wide = (read_ratio(graph, world.starts[:500], one) for one in (scope, widened(scope, LABELS)))
            hub, rows = compare_hubs(list(graph_asks(graph, world, scope, loop)))
            with (
                stage.service(child, folder / "data") as running,
                stage.enrolled(running, folder / "keys") as members,
            ):
                caller = served(members, running.url)
                asked, more = compare_hubs(list(service_asks(caller, world)))
                in_graph, in_service = median_ms(match_asks(graph, caller, world, scope, loop), 20)
            graph.close()
    report(
        f"Policy: {HIDDEN:,} hidden claims, {world.entities:,} entities, {LABELS} labels",
        [
            ("worst read of a hub with hidden claims to one without", f"{max(hub, asked):.2f}", "≤ 1.5"),
            *rows,
            *more,
            ("two hops with policy to the same without predicates", f"{read:.2f}", "≤ 1.15"),
            (f"the same, {LABELS} labels more in the scope", f"{wide:.2f}", ""),
            ("a new reader's scope to bare Cedar", f"{cold:.2f}", "≤ 1.2"),
            ("a known reader's scope, ms", f"{warm:.3f}", "≤ 1"),
            (f"match of {ASKED:,} identifiers, graph, ms", f"{in_graph:.1f}", ""),
            (f"match of {ASKED:,} identifiers, service, ms", f"{in_service:.1f}", ""),
        ],
        {
            "hub_ratio": round(max(hub, asked), 3),
            "hub_graph_ratio": round(hub, 3),
            "hub_service_ratio": round(asked, 3),
            "read_ratio": round(read, 3),
            "read_wide_ratio": round(wide, 3),
            "scope_cold_ratio": round(cold, 3),
            "scope_warm_ms": round(warm, 4),
            "match_1000_ms": round(in_graph, 1),
            "match_1000_service_ms": round(in_service, 1),
            "entities": world.entities,
        },
    )
