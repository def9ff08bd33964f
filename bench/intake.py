"""Intake: what a million rows in one submission cost the service in memory, from the first piece to the receipt.

The service is a process of its own, as in production; the client sends the file in pieces and waits for a receipt that
it has checked. Memory is what Linux counts as resident: before, at its highest and after, of the service itself and of
that process among its workers that took most. A submission of several batches has been applied before, so that what all
submissions use is there. Applying the rows goes on when they are acknowledged; what it takes is told apart, up to a
minute after the receipt.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

import msgspec

from bench import ingest, stage
from bench.processes import Memory, children, serving
from bench.report import report
from graphsvc.client import Outgoing
from graphsvc.demo.company import Members

ROWS = 1_000_000
WANTED = 100
"""MB that the service may grow by."""
FIRST = 20_000
"""Rows of the submission before that: four batches of the applier."""
APPLYING = 60.0
"""Seconds after the receipt in which memory is looked at as well."""
PAUSE = 0.2


def write_file(path: Path, seed: int, count: int) -> Path:
    """Write so many rows as NDJSON, one at a time."""
    with path.open("wb") as out:
        for row in itertools.islice(ingest.rows(seed, count), count):
            out.write(msgspec.json.encode(row) + b"\n")
    return path


def submit(members: Members, path: Path, count: int) -> float:
    """Seconds until a submission of the file was acknowledged; every row must be accepted."""
    client = members.separate_client("pasar.feed")
    try:
        begun = time.perf_counter()
        outgoing = Outgoing(path, "application/x-ndjson", None, ingest.DEFAULTS)
        done = client.submit(outgoing, "pasar", members.by_name["pasar"].working)
        assert (done.accepted, done.rejected) == (count, 0)
        return time.perf_counter() - begun
    finally:
        client.close()


def applied(members: Members, patience: float) -> bool:
    """Whether all submissions are applied within some seconds."""
    client = members.separate_client("pasar.feed")
    try:
        until = time.monotonic() + patience
        while time.monotonic() < until:
            sent = client.query(ingest.APPLIED, {"a": None}).data["submissions"]
            if all(one["applied"] for one in sent):
                return True
            time.sleep(PAUSE)
        return False
    finally:
        client.close()


def measured(members: Members, folder: Path, service: int, sizes: tuple[int, int], applying: float) -> dict[str, float]:
    """The figures of a submission of so many rows behind a first one, to the process ``service``; memory in MB."""
    first, rows = sizes
    submit(members, write_file(folder / "first.ndjson", 50, first), first)
    applied(members, applying)
    path = write_file(folder / "rows.ndjson", 51, rows)
    size = path.stat().st_size
    before = {pid: Memory.of(pid) for pid in (service, *children(service))}
    for pid in before:
        Memory.forget_peak(pid)
    seconds = submit(members, path, rows)
    peak = {pid: Memory.of(pid).peak for pid in before}
    applied(members, applying)
    behind = Memory.of(service)
    worker = max((pid for pid in before if pid != service), key=lambda pid: peak[pid] - before[pid].resident)
    return {
        "rows": rows,
        "body_mb": round(size / 1e6),
        "api_memory_growth_mb": round((peak[service] - before[service].resident) / 1e6, 1),
        "api_memory_before_mb": round(before[service].resident / 1e6, 1),
        "api_memory_peak_mb": round(peak[service] / 1e6, 1),
        "api_memory_applying_mb": round((behind.peak - before[service].resident) / 1e6, 1),
        "api_memory_after_mb": round(behind.resident / 1e6, 1),
        "worker_memory_before_mb": round(before[worker].resident / 1e6, 1),
        "worker_memory_peak_mb": round(peak[worker] / 1e6, 1),
        "acknowledged_rows_per_s": round(rows / seconds),
    }


def figures(rows: int) -> dict[str, float]:
    """The same, with a Neo4j and a service of its own."""
    with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as name, stage.neo4j(Path(name)) as child:
        folder = Path(name)
        stage.plan(child)
        with stage.service(child, folder / "data") as running, stage.enrolled(running, folder / "keys") as members:
            return measured(members, folder, serving(folder / "data"), (FIRST, rows), APPLYING)


def main(rows: int = ROWS) -> None:
    """Run the benchmark and report its figures."""
    found = figures(rows)
    service = [f"{found[f'api_memory_{when}_mb']:.0f}" for when in ("before", "peak", "after")]
    worker = [f"{found[f'worker_memory_{when}_mb']:.0f}" for when in ("before", "peak")]
    report(
        f"Intake of {rows:,} rows in one submission, {found['body_mb']} MB",
        [
            ("memory of the service grows by, MB", f"{found['api_memory_growth_mb']:.0f}", f"< {WANTED}"),
            ("the service before, at most, after, MB", ", ".join(service), ""),
            ("growth while the rows are applied, MB", f"{found['api_memory_applying_mb']:.0f}", ""),
            ("its worker before, at most, MB", ", ".join(worker), ""),
            ("rows/s from the first byte to the receipt", f"{found['acknowledged_rows_per_s']:,}", ""),
        ],
        found,
    )
