"""Search by name: against a full-text index that knows no policy, and with hidden names against none.

The figures: ``search_p50_ratio_to_raw``, the median of a search by two words of visible names, through the reader,
over that of the server's own full-text index on the same names with a limit of as many (wanted: at most 3);
``search_hidden_ratio``, the same search for a word that 300,000 hidden names have over one that none has (at most 1.1).
Both sides of a ratio take turns in one run.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from neo4j import Driver

from bench import stage
from bench.hubs import MARKS, labels
from bench.report import report
from graphsvc.graph.bulk import DraftFiles, import_arguments, write_rest
from graphsvc.graph.driver import Graph
from graphsvc.graph.named import named
from graphsvc.graph.read import Reader
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.drafts import CleanDraft, CleanEntity
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.labels import GROUPS, Label
from graphsvc.model.names import sought
from graphsvc.model.places import record_int
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.policy.scope import Scope

NAMES, HIDDEN, VISIBLE, SPREAD = 1_000_000, 300_000, 20, 40
"""Visible names; names hidden behind the busy word; visible names with either word; labels that may be seen."""
BATCH, FIRST, ENTRY = 20_000, 20, 1_000
PLAIN, BUSY = "ngaplain", "ngabusy"
RAW = "CREATE FULLTEXT INDEX raw_names IF NOT EXISTS FOR ()-[a:ABOUT]-() ON EACH [a.personal]"
RAW_SEARCH = """
CALL db.index.fulltext.queryRelationships('raw_names', $text, {limit: $first}) YIELD relationship AS a
WITH a, endNode(a) AS e
RETURN collect([e.key, e.kind, a.rec, a.identity, a.personal, a.since, a.until, a.gs, a.gi])"""


@dataclass(slots=True)
class World:
    """What was written: labels by number, those that may be seen, and names to ask for."""

    labels: dict[int, Label] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def scope(self) -> Scope:
        """What the reader may see: all field groups under the visible labels."""
        lids = dict.fromkeys(("view", "match", "analyse", "export", *GROUPS), tuple(self.seen))
        reader = Principal(Organisation("ke-police", "police", "KE", "Police"), "bench", ("investigator",))
        return Scope(reader, Footing("investigation", "law", "B-1"), 0, "bench", time.time() + 9e6, lids, self.labels)


def syllables(drawn: random.Random, count: int) -> list[str]:
    """Made-up words of four to nine letters."""
    parts = [a + b for a in "bcdghklmnpqrstvxy" for b in ("a", "ai", "an", "e", "en", "i", "inh", "o", "ong", "u")]
    return ["".join(drawn.choices(parts, k=drawn.randint(2, 3))) for _ in range(count)]


def draw(names: int, hidden: int) -> tuple[World, Iterator[tuple[int, str]]]:
    """The labels of a world with pairs of words to ask for, and its rows: a label's number and a name each."""
    drawn = random.Random(11)
    world = World(dict(enumerate([*labels("GREEN", SPREAD), *labels("RED", 10)], 1)), list(range(1, SPREAD + 1)))
    dark = list(range(SPREAD + 1, SPREAD + 11))
    # Some words are in many names and most in few, as in any register.
    words = syllables(drawn, max(50, names // 50))
    weights = list(itertools.accumulate(1 / (place + 10) for place in range(len(words))))
    world.asked = [" ".join(drawn.choices(words, cum_weights=weights, k=2)) for _ in range(200_000)]

    def rows() -> Iterator[tuple[int, str]]:
        for _ in range(names):
            yield drawn.choice(world.seen), " ".join(drawn.choices(words, cum_weights=weights, k=3))
        for word, more in ((PLAIN, 0), (BUSY, hidden)):
            for n in range(VISIBLE + more):
                yield (world.seen[n % SPREAD] if n < VISIBLE else drawn.choice(dark)), f"{word} x{n}"

    return world, rows()


def draft(world: World, row: int, number: int, lid: int, name: str) -> CleanDraft:
    """A record about one account with a name; ``number`` is the account's."""
    key = f"account:pasar:s{number}"
    attributes = {"identity": {"profile": f"https://pasar.example/s{number}"}, "personal": {"verifiedName": name}}
    return CleanDraft(row, world.labels[lid], [CleanEntity("Account", key, attributes)], [])


def write(folder: Path, names: int, hidden: int) -> World:
    """The files of an import: one account and one name a record."""
    world, rows = draw(names, hidden)
    entities: list[tuple[int, str, str, str]] = []
    with DraftFiles(folder, 0, MARKS) as out:
        for entry in itertools.count(ENTRY):
            batch = list(itertools.islice(rows, BATCH))
            if not batch:
                break
            first = len(entities)
            drafts = [draft(world, row, first + row, *one) for row, one in enumerate(batch)]
            ids = [[record_int(entry, row)] for row in range(len(batch))]
            lids = [lid for lid, _ in batch]
            entities += [
                (n, one.entities[0].key, "Account", str(lid)) for (n,), one, lid in zip(ids, drafts, lids, strict=True)
            ]
            out.write(entry, drafts, ids, lids)
    write_rest(folder, entities, {one: lid for lid, one in world.labels.items()}, -1, MARKS)
    return world


@contextmanager
def imported(folder: Path, names: int, hidden: int) -> Iterator[tuple[Neo4jChild, World]]:
    """A fresh Neo4j below ``folder`` that holds the names, with all indexes and a raw full-text one."""
    child, files = Neo4jChild(folder / "neo4j", None, "1g", "1g"), folder / "files"
    files.mkdir()
    world = write(files, names, hidden)
    child.import_files(import_arguments(files))
    with stage.constrained(child):
        yield child, world


def index_raw(driver: Driver) -> None:
    """Make the full-text index and wait until it is filled."""
    driver.execute_query(RAW)
    driver.execute_query("CALL db.awaitIndexes(1800)")


def found_raw(driver: Driver, text: str) -> int:
    """How many the raw index finds of all words."""
    query = " AND ".join(text.split())
    return len(driver.execute_query(RAW_SEARCH, text=query, first=FIRST).records[0][0])


def choose(world: World, driver: Driver, count: int, ours: Callable[[str], int]) -> tuple[list[str], int]:
    """Pairs of words that some names have, and how many of those met were refused: both words in too many names."""
    found, refused = list[str](), 0
    for text in world.asked:
        if len(set(text.split())) == 2 and found_raw(driver, text):
            try:
                ours(text)
            except InvalidQuery:
                refused += 1
                continue
            found.append(text)
            if len(found) == count:
                break
    return found, refused


def median_ms(ask: Callable[[], int], times: int) -> float:
    """The median of asking so often; every answer must hold something."""
    seen = []
    for _ in range(times):
        begun = time.perf_counter()
        assert ask() > 0
        seen.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(seen)


def compare(graph: Graph, driver: Driver, world: World, times: int, rounds: int) -> dict[str, float]:
    """The figures, each ratio the median over rounds in which both sides take turns."""
    runner, reader, scope = asyncio.Runner(), Reader(graph), world.scope

    def ours(text: str) -> int:
        return len(runner.run(named(reader, scope, sought(text, False), FIRST)).entities)

    def each(ask: Callable[[str], int], asked: Sequence[str]) -> float:
        left = iter(asked)
        return median_ms(lambda: ask(next(left)), len(asked))

    # Every text has been asked of both sides before any is timed.
    texts, refused = choose(world, driver, times, ours)
    assert ours(PLAIN) and ours(BUSY)
    raw, mine, plain, busy = [], [], [], []
    for _ in range(rounds):
        raw.append(each(lambda text: found_raw(driver, text), texts))
        mine.append(each(ours, texts))
        plain.append(each(ours, [PLAIN] * times))
        busy.append(each(ours, [BUSY] * times))
    runner.close()
    return {
        "search_p50_ratio_to_raw": round(statistics.median(a / b for a, b in zip(mine, raw, strict=True)), 2),
        "search_hidden_ratio": round(statistics.median(a / b for a, b in zip(busy, plain, strict=True)), 2),
        "search_p50_ms": round(statistics.median(mine), 2),
        "raw_p50_ms": round(statistics.median(raw), 2),
        "search_refused": round(refused / (refused + len(texts)), 3),
    }


def main(names: int = NAMES, hidden: int = HIDDEN, times: int = 200, rounds: int = 5) -> None:
    """Run the benchmark and report its figures."""
    with (
        tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as folder,
        imported(Path(folder), names, hidden) as (child, world),
        stage.raw_driver(child) as driver,
    ):
        index_raw(driver)
        graph = Graph.open(child.uri, child.auth)
        try:
            figures = compare(graph, driver, world, times, rounds)
        finally:
            graph.close()
    rows = [
        ("a search by two words to a raw full-text index, p50", str(figures["search_p50_ratio_to_raw"]), "≤ 3"),
        (f"the same with {hidden:,} hidden matches to none", str(figures["search_hidden_ratio"]), "≤ 1.1"),
        ("ms: ours, raw", f"{figures['search_p50_ms']}, {figures['raw_p50_ms']}", ""),
        ("refused: both words in too many names", f"{figures['search_refused']:.1%}", ""),
    ]
    report(f"Search by name: {names:,} names, {SPREAD} labels", rows, {"names": names, **figures})
