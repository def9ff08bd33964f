"""Two-hop expand through GraphQL, with policy and durable audit, against raw Bolt with the same predicates.

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
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from neo4j import Driver

from bench import stage
from bench.ingest import DEFAULTS, FILES, ROWS, write_files
from bench.report import report
from graphsvc.client import Outgoing
from graphsvc.client.service import footing_headers
from graphsvc.demo.company import Members
from graphsvc.graph import queries
from graphsvc.graph.driver import Graph
from graphsvc.graph.facts import IDENTIFIED
from graphsvc.graph.read import RECORDS, Reader
from graphsvc.graph.write import Writer
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.principals import Entitlements, Footing, Principal
from graphsvc.model.product import product_data
from graphsvc.policy.decide import Decider
from graphsvc.policy.rules import load_policies

CLIENTS, ASKED, WARM, TURNS, LIMIT, STARTS = 8, 1_600, 800, 3, 300, 200
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
    statement = queries.expand(2, False)

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


def compare(
    raw: Callable[[], Ask], ours: Callable[[], Ask], asked: int = ASKED, warm: int = WARM, turns: int = TURNS
) -> tuple[float, float, float]:
    """Throughput and median, as ratios to raw, and link claims per answer; the sides take turns."""
    for connect in (raw, ours):
        drive(connect, warm)
    seen = [(drive(raw, asked), drive(ours, asked)) for _ in range(turns)]
    assert all(reference[2] == mine[2] > 0 for reference, mine in seen), "both sides must see the same link claims"
    throughput = statistics.median(mine[0] / reference[0] for reference, mine in seen)
    p50 = statistics.median(mine[1] / reference[1] for reference, mine in seen)
    return throughput, p50, seen[0][0][2] / asked


def main() -> None:
    """Run the benchmark and report its figures."""
    seen = []
    with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as name:
        folder = Path(name)
        with (
            stage.neo4j(folder) as child,
            stage.raw_driver(child) as driver,
            stage.service(child, folder / "data") as running,
            stage.enrolled(running, folder / "keys") as members,
        ):
            members.client(INVESTIGATOR).query(REGISTER, {"r": CASE})
            for seed, often in DENSITIES:
                load(members, folder, seed, often)
                starts = find_starts(members, driver, seed)
                raw = raw_asker(driver, starts, raw_parameters(child, members))
                seen.append(compare(raw, http_asker(running.url, members.token(INVESTIGATOR), starts)))
    (throughput, p50, links), (dense_throughput, dense_p50, dense_links) = seen
    report(
        f"Two-hop expand, {CLIENTS} clients",
        [
            (f"throughput to raw, {links:.0f} link claims an answer", f"{throughput:.2f}", "≥ 0.25"),
            (f"median to raw, {links:.0f} link claims an answer", f"{p50:.2f}", "≤ 4"),
            (f"throughput to raw, {dense_links:.0f} link claims an answer", f"{dense_throughput:.2f}", ""),
            (f"median to raw, {dense_links:.0f} link claims an answer", f"{dense_p50:.2f}", ""),
        ],
        {
            "throughput_ratio_to_raw": round(throughput, 3),
            "p50_ratio_to_raw": round(p50, 3),
            "links": round(links, 1),
            "dense_throughput_ratio_to_raw": round(dense_throughput, 3),
            "dense_p50_ratio_to_raw": round(dense_p50, 3),
            "dense_links": round(dense_links, 1),
        },
    )
