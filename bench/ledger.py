"""The ledger: appends against bare SQLite, what the audit costs an answer, and a rebuild against the applier.

Reported beside them: an inclusion proof and a start with a large log, and the check of an evidence file.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from bench import expand, logs, stage
from bench.ingest import DEFAULTS, rows
from bench.report import report
from graphsvc.columns.store import Columns
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph.driver import Graph
from graphsvc.graph.fingerprint import count
from graphsvc.graph.marks import Marks
from graphsvc.graph.write import Writer
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.keyfiles import HANDLES_KEY, secret
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.ledger.payload import Packer, draft_leaf
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.accelerator import AUTO, OFF, describe, load
from graphsvc.model.cleaning import clean_draft
from graphsvc.model.draftleaves import draft_contents
from graphsvc.model.drafts import CleanDraft, Draft
from graphsvc.model.schema import load_schema
from graphsvc.projection.apply import Applier, Payloads, Projections
from graphsvc.projection.rebuild import Rebuilt, Source, rebuild_offline
from graphsvc_verify.evidence import check_evidence

CALLERS, SECONDS, APPEND_TURNS = 256, 2.0, 5
CLIENTS, ASKED, WARM, TURNS = 64, 1_600, 640, 3
REBUILT, PER_FILE = int(os.environ.get("BENCH_ROWS", "1000000")), 20_000
LARGE = int(os.environ.get("BENCH_ENTRIES", "1000000"))
EVIDENCE_RECORDS = 1_000


class Appends(NamedTuple):
    """Durable appends per second; their ratio to bare SQLite with all rows that a commit writes, and with leaves alone.

    ``cpu`` is µs of this process and of the sealing process for each.
    """

    rate: float
    ratio: float
    alone: float
    cpu: float


def appends(
    folder: Path,
    draft: Callable[[], EntryDraft],
    *ways: str,
    callers: int = CALLERS,
    seconds: float = SECONDS,
    turns: int = APPEND_TURNS,
) -> list[Appends]:
    """What appending gives in each of the ways, with the accelerator (``auto``) or without (``off``).

    Ways and SQLite take turns.
    """
    ledgers = [logs.fresh(folder / way, way) for way in ways]
    found: list[list[Appends]] = [[] for _ in ways]
    for ledger in ledgers:
        logs.append_rate(ledger, callers, seconds / 2, draft)
    for turn in range(turns):
        for way, ledger, measured in zip(ways, ledgers, found, strict=True):
            start, begun = ledger.head, _cpu()
            rate = logs.append_rate(ledger, callers, seconds, draft)
            cpu = (_cpu() - begun) / max(1, ledger.head - start) * 1e6
            batches = logs.batches_of(ledger, start)
            ratio = rate / logs.bare_rate(folder / f"{way}{turn}.db", batches)
            alone = rate / logs.bare_rate(folder / f"{way}{turn}-leaves.db", batches, ("entries",))
            measured.append(Appends(rate, ratio, alone, cpu))
    for ledger in ledgers:
        ledger.close()
    return [_median(measured) for measured in found]


def _median(measured: list[Appends]) -> Appends:
    """The best rate, and the medians of all else."""
    _, ratios, alone, cpu = zip(*measured, strict=True)
    return Appends(max(one.rate for one in measured), *map(statistics.median, (ratios, alone, cpu)))


def _cpu() -> float:
    """Seconds of CPU that this process and its children have used."""
    own = psutil.Process()
    return sum(sum(one.cpu_times()[:2]) for one in (own, *own.children()))


def audit(folder: Path) -> tuple[float, float, float]:
    """Expands a second with the durable ledger, its ratio to the counting one, seconds to check evidence."""
    with stage.neo4j(folder) as child, stage.raw_driver(child) as driver:
        data = folder / "data"
        with stage.service(child, data) as running, stage.enrolled(running, folder / "keys") as members:
            members.client(expand.INVESTIGATOR).query(expand.REGISTER, {"r": expand.CASE})
            expand.load(members, folder, 5, 3)
            starts = expand.find_starts(members, driver, 5)
            checked = evidence_seconds(members, starts)
        rates: dict[str, list[float]] = {"graphsvc": [], "bench.counting": []}
        # The first turn is not counted: Neo4j still compiles its queries.
        for turn in range(TURNS + 1):
            for module, found in rates.items():
                with stage.service(child, data, module) as running:
                    others = Members(running, ORGANISATIONS, folder / f"{module}-{turn}")
                    token = others.token(expand.INVESTIGATOR)
                    connect = expand.http_asker(running.url, token, starts)
                    expand.drive(connect, WARM, CLIENTS)
                    found.append(expand.drive(connect, ASKED, CLIENTS)[0])
    durable, counting = rates.values()
    ratio = statistics.median(ours / other for ours, other in zip(durable[1:], counting[1:], strict=True))
    return max(durable), ratio, checked


def evidence_seconds(members: Members, starts: list[tuple[str, str]], records: int = EVIDENCE_RECORDS) -> float:
    """Seconds to check evidence over entries that showed about so many of one owner's records."""
    investigator, officer = members.client(expand.INVESTIGATOR), members.client("pasar.officer")
    shown = 0
    for _, handle in starts:
        answer = investigator.query(expand.EXPAND, {"start": handle}, expand.FOOTING).data["expand"]
        shown += len({record["handle"] for entity in answer["entities"] for record in entity["records"]})
        if shown >= records:
            break
    evidence = officer.evidence(key=members.by_name["pasar"].recipient)
    return logs.timed(lambda: check_evidence(evidence, members.trust()))


def seal(data: Path, count: int = REBUILT, per_file: int = PER_FILE) -> tuple[Ledger, Payloads]:
    """A log with all rows of the rebuild in it, sealed as the service seals them."""
    ledger, keys = logs.fresh(data / "ledger"), RowKeys(data / "keys" / "rows.db")
    secret(data / HANDLES_KEY, create=True)
    store, schema = FilePayloadStore(data / "payloads"), load_schema()
    organisation = next(one for one in ORGANISATIONS if one.org == logs.OWNER)

    def drafts() -> Iterator[CleanDraft]:
        for number, row in enumerate(rows(20, count)):
            draft = msgspec.convert(row, Draft)
            draft.row = number % per_file
            made = clean_draft(draft, schema, DEFAULTS, organisation)
            assert isinstance(made, CleanDraft)
            yield made

    encode, source = msgspec.json.Encoder().encode, drafts()
    for file in range(count // per_file):
        packer = Packer(store, f"file-{file}")
        for _ in range(per_file):
            draft = next(source)
            key = packer.add(draft.row, b"row", encode(draft), len(draft.entities))
            [draft_leaf(key, group, content) for group, content in draft_contents(draft)]
        packs, secrets = packer.finish()
        keys.keep(secrets)
        body = {"name": f"file-{file}", "packs": packs, "accepted": per_file}
        ledger.append(EntryDraft(type="submission", requester=logs.OWNER, body=body)).result()
    return ledger, Payloads(store, keys)


def rebuild(folder: Path) -> tuple[float, float]:
    """Rows a second of the applier into a fresh server, and of a rebuild of the same through the offline import."""
    ledger, payloads = seal(folder / "data")
    schema = load_schema()
    with stage.neo4j(folder) as child:
        graph = Graph.open(child.uri, child.auth)
        graph.constrain(list(schema.kinds))
        marks = Marks(secret(folder / "data" / HANDLES_KEY, create=False))
        applier = Applier(ledger, payloads, Projections(Writer(graph, marks), Columns(folder / "columns")))
        online = REBUILT / logs.timed(applier.catch_up)
        before = count(graph)
        graph.close()

    def run_import(home: Path, arguments: list[str]) -> None:
        Neo4jChild(home, None, stage.HEAP, stage.PAGECACHE).import_files(arguments)

    def served(home: Path, work: Callable[[Graph], Rebuilt]) -> Rebuilt:
        fresh = Neo4jChild(home, None, stage.HEAP, stage.PAGECACHE)
        fresh.start()
        graph = Graph.open(fresh.uri, fresh.auth)
        try:
            graph.constrain(list(schema.kinds))
            return work(graph)
        finally:
            graph.close()
            fresh.stop()

    made: list[Rebuilt] = []
    source = Source(ledger, payloads, folder / "data")
    took = logs.timed(lambda: made.append(rebuild_offline(source, run_import, served)))
    assert (made[0].nodes, made[0].relationships) == before, "the rebuilt graph differs"
    ledger.close()
    payloads.keys.close()
    return online, REBUILT / took


def large(folder: Path, entries: int = LARGE, proofs: int = 300) -> tuple[float, float]:
    """Seconds of a start with a large log whose tiles are published, milliseconds of a proof in it."""
    logs.grow(folder / "large", entries)
    Ledger.open(folder / "large", logs.ORIGIN).close()
    opened: list[Ledger] = []
    start = logs.timed(lambda: opened.append(Ledger.open(folder / "large", logs.ORIGIN)))
    places = [random.randrange(entries) for _ in range(proofs)]
    proof = statistics.median(logs.timed(lambda at=at: opened[0].inclusion(at, entries)) for at in places)  # type: ignore[misc]
    opened[0].close()
    return start, proof * 1000


def main() -> None:
    """Run the benchmark and report its figures."""
    sys.setswitchinterval(0.003)  # as in the service
    with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as name:
        folder = Path(name)
        for part in ("notes", "reads", "audit", "rebuild"):
            (folder / part).mkdir()
        [notes] = appends(folder / "notes", logs.note, AUTO)
        there = load() is not None
        reads, *others = appends(folder / "reads", logs.read, *((AUTO, OFF) if there else (OFF,)))
        python = others[0] if there else reads
        expands, audit_ratio, checked = audit(folder / "audit")
        online, offline = rebuild(folder / "rebuild")
        start, proof = large(folder)
    report(
        f"Ledger: {CALLERS} callers, {CLIENTS} clients, {REBUILT:,} rows rebuilt, a log of {LARGE:,} entries",
        [
            ("what seals", describe(), ""),
            ("reads of five records appended /s", f"{reads.rate:,.0f}", "≥ 1,600"),
            ("their ratio to bare SQLite, all rows (leaves alone)", f"{reads.ratio:.2f} ({reads.alone:.2f})", "≥ 0.25"),
            ("the same in Python", f"{python.ratio:.2f} ({python.alone:.2f})", ""),
            ("CPU for each, µs (in Python)", f"{reads.cpu:,.0f} ({python.cpu:,.0f})", ""),
            ("smallest entries appended /s", f"{notes.rate:,.0f}", ""),
            ("their ratio to bare SQLite, all rows (leaves alone)", f"{notes.ratio:.2f} ({notes.alone:.2f})", ""),
            ("expand /s with the durable ledger", f"{expands:,.0f}", ""),
            ("its ratio to a counting ledger", f"{audit_ratio:.2f}", "≥ 0.85"),
            ("rows /s applied online", f"{online:,.0f}", ""),
            ("rows /s rebuilt offline, all in all", f"{offline:,.0f}", ""),
            ("ratio offline to online", f"{offline / online:.2f}", "≥ 3"),
            ("start, s", f"{start:.2f}", "about 5"),
            ("inclusion proof, ms", f"{proof:.2f}", "a few"),
            (f"evidence of about {EVIDENCE_RECORDS:,} records checked, s", f"{checked:.2f}", "about 2"),
        ],
        {
            "append_ratio_to_sqlite": round(reads.ratio, 3),
            "append_ratio_to_leaves_alone": round(reads.alone, 3),
            "appends_per_s": round(reads.rate),
            "append_cpu_us": round(reads.cpu),
            "accelerated": there,
            "python_append_ratio_to_sqlite": round(python.ratio, 3),
            "python_appends_per_s": round(python.rate),
            "python_append_cpu_us": round(python.cpu),
            "note_append_ratio_to_sqlite": round(notes.ratio, 3),
            "note_append_ratio_to_leaves_alone": round(notes.alone, 3),
            "note_appends_per_s": round(notes.rate),
            "expand_audit_ratio": round(audit_ratio, 3),
            "rebuild_ratio": round(offline / online, 2),
            "rebuild_rows_per_s": round(offline),
            "apply_rows_per_s": round(online),
            "start_s": round(start, 2),
            "proof_ms": round(proof, 3),
            "evidence_s": round(checked, 2),
            "entries": LARGE,
        },
    )
