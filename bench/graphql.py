"""What GraphQL costs: a network of 1,000 entities and 2,000 links, by this service's plans and by plain strawberry.

Both answer the same document with the same bytes, from objects that are there already, in turns in one process: parsing
(remembered by ours), reading every member, encoding. Seconds are those of the processor.

Beside them, where Node can be had, stand graphql-yoga and mercurius with its JIT on the same schema, document and data;
their figures are null elsewhere.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import strawberry

from bench import nodejs
from bench.report import report
from graphsvc.api.documents import Documents
from graphsvc.api.execution import Question, answer
from graphsvc.api.fields import Context
from graphsvc.api.schema import core_of
from graphsvc.app import api_schema
from graphsvc.model.principals import Organisation, Principal
from graphsvc.wire import answers as wire

NODES, EDGES, ROUNDS = 1_000, 2_000, 31
WARM = 100
"""So often a server in Node answers before it is measured: its compiler has seen all of it then."""
WANTED = 0.125
DOCUMENT = """query Network($start: ID!) {
  expand(start: $start, hops: 2, limit: 1000) {
    truncated
    entities { handle kind key recordCount }
    links { kind source target since claimCount }
  }
}"""
READER = Principal(Organisation("police-ke", "police", "KE", "Police"), "bench", ("investigator",))
Ask = Callable[[], Awaitable[bytes]]


@strawberry.type
class Entity:
    """As a program without plans would declare it."""

    handle: strawberry.ID
    kind: str
    key: str | None
    record_count: int


@strawberry.type
class Link:
    """The same."""

    kind: str
    source: strawberry.ID
    target: strawberry.ID
    since: str | None
    claim_count: int


@strawberry.type
class Network:
    """The same."""

    entities: list[Entity]
    links: list[Link]
    truncated: bool


class Reading:
    """A reading that has found the network already."""

    def __init__(self, found: wire.Network) -> None:
        self._found = found

    async def expand(self, *_: Any) -> wire.Network:
        """The network, whatever is asked."""
        return self._found


def handle(number: int) -> str:
    """As long as a handle is."""
    return f"{number:055d}"


def ours(nodes: int, edges: int) -> Ask:
    """The service's way from a question to bytes, without HTTP, policy, graph and ledger."""
    schema = api_schema()
    documents = Documents(schema)
    common: dict[str, Any] = {"records": [], "more_records": False, "owner_count": 1, "independent_sources": 1}
    entities = [
        wire.Entity(handle=handle(n), kind="Account", key=f"account:shopee:u{n}", record_count=n % 7, **common)
        for n in range(nodes)
    ]
    record = wire.Citation(
        handle=handle(0), owner="pasar", owner_kind="company", handling=wire.Handling(scheme="tlp-2.0", code="GREEN"),
        grading=None, origin=None, circular=False,
    )  # fmt: skip
    bare: dict[str, Any] = {
        "until": None, "attributes": [], "withheld": [], "record": record, "independent_sources": 1
    }  # fmt: skip
    links = [
        wire.Link(kind="USES", source=handle(n % nodes), target=handle(n * 7 % nodes), since=since(n),
                  claim_count=n % 5, **bare)
        for n in range(edges)
    ]  # fmt: skip
    network = wire.Network(entities=entities, links=links, truncated=False, more_links=False, hubs=[], next=None)
    context = Context(READER, reading=Reading(network))
    given = {"start": handle(0)}

    async def ask() -> bytes:
        prepared = documents.prepare(DOCUMENT, None)
        question = Question(prepared, given, documents.variables(prepared, given))
        return (await answer(core_of(schema), question, context)).data

    return ask


def plain_schema(nodes: int, edges: int) -> strawberry.Schema:
    """The same network behind a schema as strawberry makes it."""
    found = Network(
        entities=[
            Entity(handle=strawberry.ID(handle(n)), kind="Account", key=f"account:shopee:u{n}", record_count=n % 7)
            for n in range(nodes)
        ],
        links=[
            Link(
                kind="USES",
                source=strawberry.ID(handle(n % nodes)),
                target=strawberry.ID(handle(n * 7 % nodes)),
                since=since(n),
                claim_count=n % 5,
            )
            for n in range(edges)
        ],
        truncated=False,
    )

    @strawberry.type
    class Query:
        @strawberry.field
        async def expand(self, start: strawberry.ID, hops: int = 1, limit: int = 300) -> Network:
            return found

    return strawberry.Schema(Query)


def plain(schema: strawberry.Schema) -> Ask:
    """The same by strawberry as it comes, encoded by orjson."""

    async def ask() -> bytes:
        result = await schema.execute(DOCUMENT, {"start": handle(0)})
        assert result.errors is None, result.errors
        return orjson.dumps(result.data)

    return ask


def since(number: int) -> str | None:
    """A day for most."""
    return f"2026-01-{number % 28 + 1:02d}" if number % 3 else None


def compared(nodes: int = NODES, edges: int = EDGES, rounds: int = ROUNDS) -> tuple[float, float, int]:
    """Median milliseconds of CPU an answer by ours and by strawberry, in turns; and the bytes of an answer."""

    async def run() -> tuple[float, float, int]:
        asks = (ours(nodes, edges), plain(plain_schema(nodes, edges)))
        first, second = [await ask() for ask in asks]
        assert orjson.loads(first)["expand"] == orjson.loads(second)["expand"], "both say the same"
        seen: tuple[list[float], list[float]] = ([], [])
        for turn in range(rounds):
            for place in (0, 1) if turn % 2 else (1, 0):
                begun = time.process_time()
                await asks[place]()
                seen[place].append((time.process_time() - begun) * 1e3)
        return statistics.median(seen[0]), statistics.median(seen[1]), len(first)

    return asyncio.run(run())


def asked_of_node(nodes: int = NODES, edges: int = EDGES, rounds: int = ROUNDS, warm: int = WARM) -> nodejs.Asked:
    """What servers in Node are asked: strawberry's schema, the document, and strawberry's answer as their data."""
    schema = plain_schema(nodes, edges)
    data = orjson.loads(asyncio.run(plain(schema)()))
    return nodejs.Asked(schema.as_str(), DOCUMENT, {"start": handle(0)}, data, rounds, warm)


def main() -> None:
    """Run the benchmark and report its figures."""
    # As in the service: the garbage collector skips what start-up made.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    mine, theirs, size = compared()
    node, why = nodejs.by_server(asked_of_node())
    ratio = mine / theirs
    rows = [
        (f"{NODES:,} entities, {EDGES:,} links, {size >> 10} KiB: strawberry, ms of CPU", f"{theirs:.1f}", ""),
        ("by plans, ms of CPU", f"{mine:.2f}", ""),
        ("CPU to strawberry's", f"{ratio:.3f}", f"≤ {WANTED}"),
    ]
    figures: dict[str, float | None] = {"cpu_ratio_to_strawberry": round(ratio, 4), "cpu_ms": round(mine, 2)}
    for server, spent in node.items():
        rows.append((f"{server.replace('_', ', ')}, ms of CPU", why if spent is None else f"{spent:.2f}", ""))
        figures[f"cpu_ratio_to_{server}"] = None if spent is None else round(mine / spent, 3)
        figures[f"{server}_cpu_ms"] = None if spent is None else round(spent, 2)
    report("graphql: one answer", rows, figures)
