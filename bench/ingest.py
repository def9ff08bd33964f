"""Ingest: accepted rows a second from HTTP to applied in Neo4j, against the raw driver on the same statements.

The reference runs the very statements of ``graphsvc.graph`` with the plain driver, batch by batch, on parameters that
were prepared before the clock starts. Both write the same rows into the same server; raw and service take turns.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from neo4j import Driver

from bench import stage
from bench.report import report
from graphsvc.client import Client, Outgoing
from graphsvc.client.pending import prepare as sign
from graphsvc.demo.company import Members
from graphsvc.graph import statements
from graphsvc.graph.constraints import FIRST_WATERMARK
from graphsvc.graph.marks import Marks
from graphsvc.graph.prepare import prepare
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.cleaning import clean_draft
from graphsvc.model.drafts import CleanDraft, Defaults, Draft
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema

ROWS, FILES, BATCH, ROUNDS, SENDERS = 60_000, 6, 5_000, 4, 2
PAUSE = 0.02
DEFAULTS = Defaults(
    handling=Handling("tlp-2.0", "AMBER"), pap="GREEN", legal_basis="legitimate-interest", purposes=["investigation"]
)


APPLIED = "query($a: Int) { submissions(first: 500, after: $a) { index applied } }"


def rows(seed: int, count: int, often: int = 2) -> Iterator[dict[str, Any]]:
    """Account–phone links as a marketplace has them; each entity occurs ``often`` times on average."""
    random_ = random.Random(seed)
    for n in range(count):
        account = random_.randrange(count // often)
        phone = random_.randrange(count // often)
        attributes = {"displayName": f"user {account}", "registeredAt": f"2026-0{account % 9 + 1}-11T10:00:00Z"}
        key = {"site": "pasar", "id": f"u{seed}x{account}"}
        yield {
            "entities": [
                {"ref": "a", "kind": "Account", "key": key, "attributes": attributes},
                {"ref": "p", "kind": "Phone", "key": {"value": f"+8613{seed:02d}{phone:07d}"}},
            ],
            "links": [{"kind": "USES", "from": "a", "to": "p", "observed": {"since": f"2026-10-{n % 28 + 1:02d}"}}],
        }


def write_files(folder: Path, seed: int, often: int = 2, count: int = ROWS, parts: int = FILES) -> list[Path]:
    """Write ``count`` rows as NDJSON files, the same number in each."""
    made, per = list(rows(seed, count, often)), count // parts
    paths = []
    for part in range(parts):
        path = folder / f"rows-{seed}-{part}.ndjson"
        path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in made[part * per : (part + 1) * per]))
        paths.append(path)
    return paths


def prepared_batches(
    seed: int, organisation: Organisation, count: int = ROWS
) -> list[list[tuple[str, dict[str, Any]]]]:
    """Every statement with its parameters, as the applier would run them on an empty graph."""
    schema = load_schema()
    clean: list[CleanDraft] = []
    for number, row in enumerate(rows(seed, count)):
        draft = msgspec.convert(row, Draft)
        draft.row = number
        made = clean_draft(draft, schema, DEFAULTS, organisation)
        assert isinstance(made, CleanDraft)
        clean.append(made)
    known: dict[str, int] = {}
    marks = Marks()
    batches = []
    for entry, start in enumerate(range(0, count, BATCH)):
        batch = prepare(entry, clean[start : start + BATCH], 0, marks)
        found = {position: known[key] for position, key in enumerate(batch.keys) if key in known}
        ids, runs = batch.bind(found, [1] * len(batch.labels), frozenset(schema.kinds))
        known.update(zip(batch.keys, ids, strict=True))
        mark = {"at_index": entry - 1, "at_open": [], "to_index": entry, "to_open": []}
        batches.append(
            [(statements.MOVE_WATERMARK, mark), (statements.LOOK_UP, batch.lookup([1] * len(batch.labels))), *runs]
        )
    return batches


def run_raw(driver: Driver, batches: list[list[tuple[str, dict[str, Any]]]], count: int = ROWS) -> float:
    """Rows a second of the plain driver."""
    with driver.session() as session:
        session.run(FIRST_WATERMARK).consume()
    begun = time.perf_counter()
    for batch in batches:
        with driver.session() as session, session.begin_transaction() as transaction:
            for statement, parameters in batch:
                transaction.run(statement, parameters).consume()
            transaction.commit()
    return count / (time.perf_counter() - begun)


def run_service(members: Members, files: list[Path], count: int = ROWS) -> float:
    """Rows a second from the first request sent to the last row applied."""
    key, org = members.by_name["pasar"].working, "pasar"
    outgoing = [Outgoing(path, "application/x-ndjson", None, DEFAULTS) for path in files]
    for one in outgoing:
        sign(one, members.trust().origin, org, key)
    clients = [members.separate_client("pasar.feed") for _ in range(SENDERS)]

    def send(work: tuple[Client, list[Outgoing]]) -> int:
        client, mine = work
        done = [client.submit(one, org, key) for one in mine]
        assert all(one.rejected == 0 for one in done)
        return max(one.index for one in done)

    begun = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        last = max(pool.map(send, [(client, outgoing[n::SENDERS]) for n, client in enumerate(clients)]))
    while True:
        answer = clients[0].query(APPLIED, {"a": last})
        if answer.data["submissions"] and all(one["applied"] for one in answer.data["submissions"]):
            break
        # The machine is for what is measured, not for who asks whether it is done.
        time.sleep(PAUSE)
    speed = count / (time.perf_counter() - begun)
    for client in clients:
        client.close()
    return speed


def compare(folder: Path, child: Neo4jChild, rounds: int, count: int = ROWS) -> tuple[list[float], list[float]]:
    """Rows a second of the service and of the plain driver, by round; the first warms the server up."""
    ours, raw = [], []
    with stage.raw_driver(child) as driver:
        for turn in range(rounds):
            data = folder / f"data-{turn}"
            stage.plan(child)
            with stage.service(child, data) as running, stage.enrolled(running, folder / f"keys-{turn}") as members:
                ours.append(run_service(members, write_files(folder, 10 + turn, count=count), count))
                batches = prepared_batches(10 + turn, members.by_name["pasar"].organisation, count)
            stage.wipe(driver)
            raw.append(run_raw(driver, batches, count))
            stage.wipe(driver)
    return ours[1:], raw[1:]


def main() -> None:
    """Run the benchmark and report its figures."""
    with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as name, stage.neo4j(Path(name)) as child:
        ours, raw = compare(Path(name), child, ROUNDS)
    ratio = statistics.median(mine / reference for mine, reference in zip(ours, raw, strict=True))
    report(
        f"Ingest, {ROWS} rows of two entities and a link",
        [
            ("service, HTTP to applied, rows/s", f"{max(ours):,.0f}", ""),
            ("raw driver, same statements, rows/s", f"{max(raw):,.0f}", ""),
            ("ratio to raw", f"{ratio:.2f}", "≥ 0.75"),
        ],
        {"ratio_to_raw": round(ratio, 3), "rows_per_s": round(max(ours)), "raw_rows_per_s": round(max(raw))},
    )
