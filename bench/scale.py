"""What grows with the graph: questions over HTTP, the applier, memory and store, at some numbers of link claims.

``make bench NAME=scale CLAIMS="100000 1000000"``. The network is written by the product's own offline import, which is
the way of a rebuild (:mod:`bench.network`); the service runs on it in a process of its own, with Neo4j's own sizes.
One client asks, so what is seen is the time of one question on a machine that does nothing else; CPU is counted by
process, and can be compared where the machine was busy. Tables go to the output, and a plot to ``build/scale.svg``.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import ingest, network, stage
from bench.expand import CASE, INVESTIGATOR, REGISTER
from bench.plot import plot
from bench.policy import ENTITY, MATCH, Caller
from bench.processes import Processes
from graphsvc.demo.company import Members
from graphsvc.demo.questions import RINGS
from graphsvc.graph.marks import Marks
from graphsvc.local.memory import store_bytes
from graphsvc.model.principals import Footing

CLAIMS = (100_000,)
"""Link claims, where no numbers are given."""
ANALYST = "police-ke.analyst"
ANALYSIS = Footing("analysis", "law-enforcement", CASE)
MATCHED = 100
"""Identifiers in one match, half of them absent."""
SEARCH = """query($p: [KeyPart!]!) { search(kind: "Account", parts: $p) {
  handle key records { handle owner attributes { name value } } } }"""
EXPAND = """query($start: ID!, $hops: Int!) { expand(start: $start, hops: $hops, limit: 300) { truncated
  entities { handle kind key records { handle owner } }
  links { kind source target since record { handle owner } } } }"""
PLOT = Path("build") / "scale.svg"


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of question: median and slowest of its times in ms; ms of CPU of service and of Neo4j for each."""

    name: str
    median: float
    slowest: float
    service: float
    neo4j: float


@dataclass(slots=True)
class Seen:
    """All that was seen at one number of link claims. Sizes are bytes; ``ring_memory``: what the first rings added."""

    claims: int
    asked: list[Asked] = field(default_factory=list)
    rows_per_s: float = 0.0
    row_cpu: tuple[float, float] = (0.0, 0.0)
    import_s: float = 0.0
    store: int = 0
    service: int = 0
    neo4j: int = 0
    sizes: tuple[str, str] = ("", "")


def measure(folder: Path, claims: int, times: int, rows: int) -> Seen:
    """Everything at one size: each question ``times`` times, then ``rows`` rows applied."""
    begun = time.perf_counter()
    with network.imported(folder, claims, Marks(b"bench")) as (child, world):
        seen = Seen(claims, import_s=time.perf_counter() - begun, sizes=child._sizes())
        stage.plan(child)
        with stage.service(child, folder / "data") as running, stage.enrolled(running, folder / "keys") as members:
            members.client(INVESTIGATOR).query(REGISTER, {"r": CASE})
            processes = Processes(child.home)
            for name, ask, count in questions(running.url, members, world, times):
                seen.asked.append(timed(name, ask, count, processes))
            apply(seen, members, folder, rows, processes)
            seen.service, seen.neo4j = (used.resident for used in processes.used())
    seen.store = store_bytes(child.home)
    return seen


def questions(
    url: str, members: Members, world: network.Network, times: int
) -> Iterator[tuple[str, Callable[[], bytes], int]]:
    """Each kind of question, as (name, ask the next one, how often), over entities drawn from all clusters."""
    with (
        closing(Caller(url, members.token(INVESTIGATOR))) as investigator,
        closing(Caller(url, members.token(ANALYST), ANALYSIS)) as analyst,
    ):
        drawn = random.Random(7)
        accounts = [drawn.randrange(world.clusters) * network.ACCOUNTS for _ in range(times + 3)]

        def each(query: str, variables: Sequence[dict[str, Any]]) -> Callable[[], bytes]:
            asks = iter([investigator.ask(query, one) for one in variables] * 2)

            def ask() -> bytes:
                return next(asks)()

            return ask

        parts = [
            {"p": [{"name": "site", "value": "pasar"}, {"name": "id", "value": f"n{number}"}]} for number in accounts
        ]
        handles = []
        for one in parts:
            (found,) = json.loads(investigator.ask(SEARCH, one)())["data"]["search"]
            handles.append(found["handle"])
        yield "resolve", each(ENTITY, [{"start": handle} for handle in handles]), times
        yield "search", each(SEARCH, parts), times
        yield f"match of {MATCHED}", each(MATCH, [_identifiers(drawn, world) for _ in range(13)]), min(times, 10)
        for hops in (1, 2, 3):
            starts = [{"start": handle, "hops": hops} for handle in handles]
            yield f"expand {hops}", each(EXPAND, starts), times
        rings = analyst.ask(RINGS, {"parameters": None})

        def find() -> bytes:
            found = rings()
            assert b'"accounts":0,' not in found, "there is nothing to analyse"
            return found

        yield "rings", find, 3


def timed(name: str, ask: Callable[[], bytes], count: int, processes: Processes) -> Asked:
    """Ask ``count`` times, after three (rings: none) that warm up."""
    for _ in range(3 if count > 3 else 0):
        ask()
    before = processes.used()
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        assert len(ask()) > 50
        times.append((time.perf_counter() - begun) * 1e3)
    cpu = [
        (after.seconds - earlier.seconds) / count * 1e3 for after, earlier in zip(processes.used(), before, strict=True)
    ]
    return Asked(name, statistics.median(times), max(times), *cpu)


def apply(seen: Seen, members: Members, folder: Path, rows: int, processes: Processes) -> None:
    """Rows a second from HTTP to applied on top of what is there, and µs of CPU a row by process."""
    files = ingest.write_files(folder, 30, count=rows, parts=4)
    before = processes.used()
    seen.rows_per_s = ingest.run_service(members, files, rows)
    service, neo4j = (
        (after.seconds - earlier.seconds) / rows * 1e6 for after, earlier in zip(processes.used(), before, strict=True)
    )
    seen.row_cpu = service, neo4j


def show(all_seen: Sequence[Seen]) -> None:
    """Print one table with a column for each size, and the figures as one line of JSON."""
    table = Table(title="Scale: one client; median ms (CPU ms: service + Neo4j)", title_justify="left")
    for heading in ("link claims", *(f"{seen.claims:,}" for seen in all_seen)):
        table.add_column(heading, justify="left" if heading == "link claims" else "right")
    for place, first in enumerate(all_seen[0].asked):
        cells = (seen.asked[place] for seen in all_seen)
        table.add_row(first.name, *(f"{one.median:,.1f} ({one.service:,.1f} + {one.neo4j:,.1f})" for one in cells))
    rest: dict[str, Callable[[Seen], str]] = {
        "rows applied /s": lambda seen: f"{seen.rows_per_s:,.0f}",
        "CPU µs a row: service + Neo4j": lambda seen: "{:,.0f} + {:,.0f}".format(*seen.row_cpu),
        "written and imported, s": lambda seen: f"{seen.import_s:,.0f}",
        "store, MB (bytes a link claim)": lambda seen: f"{seen.store / 1e6:,.0f} ({seen.store / seen.claims:,.0f})",
        "Neo4j's heap, page cache": lambda seen: ", ".join(seen.sizes),
        "memory of Neo4j, MB": lambda seen: f"{seen.neo4j / 1e6:,.0f}",
        "memory of the service, MB": lambda seen: f"{seen.service / 1e6:,.0f}",
    }
    for name, told in rest.items():
        table.add_row(name, *map(told, all_seen))
    Console(width=110).print(table)
    figures = {
        str(seen.claims): {
            **{f"{one.name}_ms".replace(" ", "_"): round(one.median, 2) for one in seen.asked},
            "rows_per_s": round(seen.rows_per_s),
            "store_bytes_a_claim": round(seen.store / seen.claims),
            "service_mb": round(seen.service / 1e6),
            "neo4j_mb": round(seen.neo4j / 1e6),
        }
        for seen in all_seen
    }
    print(json.dumps(figures), flush=True)


def main(claims: Sequence[int] = CLAIMS, times: int = 100, rows: int = 20_000, svg: Path = PLOT) -> None:
    """Run the benchmark at each number of link claims and report its figures."""
    all_seen = []
    for count in sorted(claims):
        with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as name:
            all_seen.append(measure(Path(name), count, times, rows))
        show(all_seen)
    svg.parent.mkdir(parents=True, exist_ok=True)
    lines = {one.name: [seen.asked[place].median for seen in all_seen] for place, one in enumerate(all_seen[0].asked)}
    svg.write_text(plot("Median ms by link claims", [seen.claims for seen in all_seen], lines), encoding="utf-8")
    print(f"plot: {svg}")


def _identifiers(drawn: random.Random, world: network.Network) -> dict[str, Any]:
    held = (drawn.randrange(world.clusters) * network.PHONES for _ in range(MATCHED // 2))
    values = [*map(network.phone_key, held), *(f"+86138{drawn.randrange(10**8):08d}" for _ in range(MATCHED // 2))]
    parts = [[{"name": "value", "value": value.removeprefix("phone:e164:")}] for value in values]
    return {"i": [{"kind": "Phone", "parts": one} for one in parts]}
