"""Two-hop expand through GraphQL, with policy and durable audit, against raw Bolt with the same predicates.

The raw side's statement is kept in ``two_hops.cypher``: what makes the service's own faster must not speed up the
reference. Its parameters are those of the service's reader, which has all that the statement names.

Both sides have 8 clients, a thread each, and ask for the same entities in the same order; the service runs in a process
of its own, and the clients of both sides do no more than send and receive.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from neo4j import Driver

from bench import stage
from bench.ingest import DEFAULTS, FILES, ROWS, write_files
from bench.processor import Processors
from bench.report import report
from graphsvc.client import Outgoing
from graphsvc.client.service import footing_headers
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph.driver import Graph
from graphsvc.graph.facts import IDENTIFIED
from graphsvc.graph.read import RECORDS, Reader
from graphsvc.graph.write import Writer
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.accelerator import AUTO, OFF
from graphsvc.model.accelerator import load as load_accelerator
from graphsvc.model.principals import Entitlements, Footing, Principal
from graphsvc.model.product import product_data
from graphsvc.policy.decide import Decider
from graphsvc.policy.rules import load_policies

CLIENTS, ASKED, WARM, TURNS, LIMIT, STARTS = 8, 1_600, 3_000, 5, 300, 200
INVESTIGATOR = "police-ke.investigator"
CASE = "BENCH/1"
DENSITIES = ((5, 3), (6, 5))
"""(seed, how many rows an entity is in on average): ordinary entities, and busy ones."""
FOOTING = Footing("investigation", "law-enforcement", CASE)
EXPAND = """query($start: ID!) { expand(start: $start, hops: 2, limit: 300) { truncated
  entities { handle kind key records { handle owner handling { scheme code } grading { source information }
    attributes { name fieldGroup value } withheld { fieldGroup owner rule } } }
  links { kind source target since until record { handle owner handling { code } } } } }"""
SEARCH = 'query($p: [KeyPart!]!) { search(kind: "Account", parts: $p) { handle key } }'
REGISTER = """mutation($r: String!) {
  registerCase(reference: $r, title: "Bench", legalBasis: "law-enforcement") { reference } }"""

STATEMENT = Path(__file__).with_name("two_hops.cypher")

Ask = Callable[[int], int]
"""Asks for the n-th start and returns how many link claims came back."""


def load(members: Members, folder: Path, seed: int, often: int, count: int = ROWS, parts: int = FILES) -> None:
    """Submit the ingest benchmark's rows, each entity in ``often`` of them on average; returns once applied."""
    client, key = members.client("pasar.feed"), members.by_name["pasar"].working
    last = -1
    for path in write_files(folder, seed, often, count, parts):
        last = client.submit(Outgoing(path, "application/x-ndjson", None, DEFAULTS), "pasar", key).index
    client.query("query($a: Int) { submissions(first: 1, after: $a) { applied } }", {"a": last})


def find_starts(members: Members, driver: Driver, seed: int, count: int = STARTS) -> list[tuple[str, str]]:
    """Start entities as (mark, handle): accounts, with the handles that the investigator knows them by."""
    investigator = members.client(INVESTIGATOR)
    named = "MATCH (e:Account) WHERE e.key STARTS WITH $start WITH e ORDER BY e.key LIMIT 4000 RETURN e.key, e.mark"
    with driver.session() as session:
        keys = dict(session.run(named, start=f"account:pasar:u{seed}x").values())
    starts = []
    for key in random.Random(3).sample(sorted(keys), count):
        parts = [{"name": "site", "value": "pasar"}, {"name": "id", "value": key.rpartition(":")[2]}]
        found = investigator.query(SEARCH, {"p": parts}, FOOTING).data["search"]
        starts.append((keys[key], found[0]["handle"]))
    return starts


def raw_parameters(child: Neo4jChild, members: Members) -> dict[str, Any]:
    """The predicates that the service passes for the same reader."""
    graph = Graph.open(child.uri, child.auth)
    labels, reader = dict(Writer(graph).labels()), Reader(graph)
    graph.close()
    police = members.by_name["police-ke"].organisation
    principal = Principal(police, "bench", ("investigator",))
    decider = Decider(load_policies(product_data("policies")))
    scope = decider.scope(principal, FOOTING, True, Entitlements(), labels, 0)
    assert scope.allowed("view")
    asked = {"kinds": [], "most": LIMIT + 1, "records": RECORDS}
    return {**reader.parameters(scope, None, IDENTIFIED), **asked}


def raw_asker(driver: Driver, starts: Sequence[tuple[str, str]], parameters: dict[str, Any]) -> Callable[[], Ask]:
    """What makes clients of the plain driver."""
    statement = STATEMENT.read_text(encoding="utf-8")

    def connect() -> Ask:
        def ask(n: int) -> int:
            with driver.session() as session:
                records = list(session.run(statement, {**parameters, "start": starts[n % len(starts)][0]}))
            return len(records[0][0])

        return ask

    return connect


def http_asker(url: str, token: str, starts: Sequence[tuple[str, str]]) -> Callable[[], Ask]:
    """What makes clients of the service, each on a connection of its own."""
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "accept": "application/graphql-response+json",
        **footing_headers(FOOTING),
    }
    bodies = [json.dumps({"query": EXPAND, "variables": {"start": handle}}).encode() for _, handle in starts]

    def connect() -> Ask:
        connection = HTTPConnection(urlsplit(url).netloc)

        def ask(n: int) -> int:
            connection.request("POST", "/graphql", bodies[n % len(bodies)], headers)
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body[:300]
            return body.count(b'"source":"')

        # Who asks needs to know of no connection: it ends with the asking.
        weakref.finalize(ask, connection.close)
        return ask

    return connect


def drive(connect: Callable[[], Ask], count: int, clients: int = CLIENTS) -> tuple[float, float, int]:
    """Ask ``count`` times with all clients; returns requests per second, median seconds, link claims in all."""
    times: list[float] = []
    links: list[int] = []
    gate = threading.Barrier(clients + 1)

    def client(number: int) -> None:
        ask = connect()
        gate.wait()
        for n in range(number, count, clients):
            begun = time.perf_counter()
            links.append(ask(n))
            times.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    assert len(times) == count
    return count / (time.perf_counter() - begun), statistics.median(times), sum(links)


@dataclass(frozen=True, slots=True)
class Compared:
    """Throughput and median as ratios to raw, link claims an answer, and µs of processor time a request by process."""

    throughput: float
    p50: float
    links: float
    service: Mapping[str, int]
    raw: Mapping[str, int]


def compare(
    raw: Callable[[], Ask],
    ours: Callable[[], Ask],
    processors: Processors,
    asked: int = ASKED,
    warm: int = WARM,
    turns: int = TURNS,
) -> Compared:
    """Drive both sides in turns."""

    def driven(connect: Callable[[], Ask]) -> tuple[tuple[float, float, int], dict[str, float]]:
        before = processors.spent()
        seen, after = drive(connect, asked), processors.spent()
        return seen, {name: (after[name] - before[name]) / asked * 1e6 for name in after}

    for connect in (raw, ours):
        drive(connect, warm)
    driven_both = [(driven(raw), driven(ours)) for _ in range(turns)]
    seen = [(reference[0], mine[0]) for reference, mine in driven_both]
    assert all(reference[2] == mine[2] > 0 for reference, mine in seen), "both sides must see the same link claims"
    spent = [
        {
            name: round(statistics.median(turn[side][1][name] for turn in driven_both))
            for name in driven_both[0][side][1]
        }
        for side in (0, 1)
    ]
    throughput = statistics.median(mine[0] / reference[0] for reference, mine in seen)
    p50 = statistics.median(mine[1] / reference[1] for reference, mine in seen)
    return Compared(throughput, p50, seen[0][0][2] / asked, spent[1], spent[0])


def figures(seen: Compared, prefix: str = "") -> dict[str, float]:
    """What is reported of one density; ``cpu_us_…`` is µs of processor time a request, of raw for the same request."""
    ratios = {"throughput_ratio_to_raw": round(seen.throughput, 3), "p50_ratio_to_raw": round(seen.p50, 3)}
    spent = {f"cpu_us_{name}": seen.service[name] for name in ("service", "neo4j", "sealer")}
    reference = {f"raw_cpu_us_{name}": seen.raw[name] for name in ("client", "neo4j")}
    found = {**ratios, "links": round(seen.links, 1), **spent, **reference}
    return {f"{prefix}{name}": value for name, value in found.items()}


def measure(folder: Path, ways: Sequence[str]) -> dict[str, list[Compared]]:
    """By way, with the accelerator (``auto``) or without (``off``), what each density gives on the same data."""
    with stage.neo4j(folder) as child, stage.raw_driver(child) as driver:
        data, asked = folder / "data", []
        with stage.service(child, data) as running, stage.enrolled(running, folder / "keys") as members:
            members.client(INVESTIGATOR).query(REGISTER, {"r": CASE})
            for seed, often in DENSITIES:
                load(members, folder, seed, often)
                starts = find_starts(members, driver, seed)
                asked.append((starts, raw_asker(driver, starts, raw_parameters(child, members))))
        seen: dict[str, list[Compared]] = {}
        for way in ways:
            with stage.service(child, data, accelerator=way) as running:
                processors = Processors(child, data)
                members = Members(running, ORGANISATIONS, folder / f"clients-{way}")
                token = members.token(INVESTIGATOR)
                seen[way] = [compare(raw, http_asker(running.url, token, starts), processors) for starts, raw in asked]
                members.close()
    return seen


def main() -> None:
    """Run the benchmark and report its figures."""
    there = load_accelerator() is not None
    with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as name:
        seen = measure(Path(name), (OFF, AUTO) if there else (OFF,))
    rows: list[tuple[str, str, str]] = []
    found: dict[str, float | None] = {}
    for way, throughput, p50, prefix in ((OFF, "≥ 0.36", "≤ 3.2", ""), (AUTO, "≥ 0.48", "≤ 2.5", "fast_")):
        if way not in seen:
            rows.append(("with the accelerator", "not built here", throughput))
            found |= {f"{prefix}throughput_ratio_to_raw": None, f"{prefix}p50_ratio_to_raw": None}
            continue
        ordinary, dense = seen[way]
        what = "Python" if way == OFF else "with the accelerator"
        for one, wanted in ((ordinary, (throughput, p50)), (dense, ("", ""))):
            rows += _rows(what, one, wanted)
        found |= {**figures(ordinary, prefix), **figures(dense, f"{prefix}dense_")}
    report(f"Two-hop expand, {CLIENTS} clients", rows, found)


def _rows(what: str, one: Compared, wanted: tuple[str, str]) -> list[tuple[str, str, str]]:
    return [
        (f"{what}: throughput to raw, {one.links:.0f} link claims an answer", f"{one.throughput:.2f}", wanted[0]),
        (f"{what}: median to raw, {one.links:.0f} link claims an answer", f"{one.p50:.2f}", wanted[1]),
        ("µs of CPU a request: service, Neo4j, sealing", _several(one.service, "service", "neo4j", "sealer"), ""),
        ("µs of CPU a raw request: client, Neo4j", _several(one.raw, "client", "neo4j"), ""),
    ]


def _several(spent: Mapping[str, int], *names: str) -> str:
    return ", ".join(str(spent[name]) for name in names)
