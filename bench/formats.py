"""Formats: rows a second from a file to clean drafts, against the floor of any reader in the same run, and memory.

The floor does what nobody can leave out: it decodes the file (msgspec, the csv module) and calls the library of the
value once for each distinct value (phonenumbers). A ratio of 1 would mean that mapping, check, labels and encoding cost
nothing. Both take turns on the same file. Memory is the peak of a small and of a large file, each in a process of its
own: what grows with the file shows as a difference.
"""

from __future__ import annotations

import csv
import functools
import gc
import multiprocessing
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import phonenumbers

from bench.ingest import DEFAULTS
from bench.report import report
from graphsvc.model.principals import Organisation
from graphsvc.model.references import References
from graphsvc.model.schema import load_schema
from importers.formats import HEAD, recognise
from importers.mapping import load_mapping
from importers.reading import How, Reading, Ready

ROWS, TURNS, LARGE = 60_000, 5, 512 << 20
WANTED = 0.6
ORGANISATION = Organisation("pasar", "company", "ID", "Pasar")
MAPPING = b"""format: csv
region: ID
rows:
  - entities:
      - ref: a
        kind: Account
        key: {site: {const: pasar}, id: user}
        attributes: {displayName: name, registeredAt: since}
      - {ref: p, kind: Phone, key: {value: phone}}
    links: [{kind: USES, from: a, to: p, observed: {since: seen}}]
"""
HEADER = ("user", "name", "since", "phone", "seen")


def lines(count: int, often: int = 2) -> Iterator[tuple[str, str, str, str, str]]:
    """Rows of a marketplace's table, each value ``often`` times on average; numbers as people write them."""
    for n in range(count):
        one, other = (n * 7919) % (count // often or 1), (n * 104_729) % (count // often or 1)
        number = f"0812-{other // 10_000 % 10_000:04d}-{other % 10_000:04d}"
        yield f"u{one}", f"user {one}", f"2026-0{one % 9 + 1}-11T10:00:00Z", number, f"2026-10-{n % 28 + 1:02d}"


def write_csv(path: Path, count: int) -> Path:
    """The table as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(lines(count))
    return path


def write_ndjson(path: Path, count: int) -> Path:
    """The same rows as drafts."""
    with path.open("wb") as file:
        for user, name, since, phone, seen in lines(count):
            said = {"displayName": name, "registeredAt": since}
            entities = [
                {"ref": "a", "kind": "Account", "key": {"site": "pasar", "id": user}, "attributes": said},
                {"ref": "p", "kind": "Phone", "key": {"value": phone}, "region": "ID"},
            ]
            links = [{"kind": "USES", "from": "a", "to": "p", "observed": {"since": seen}}]
            file.write(msgspec.json.encode({"entities": entities, "links": links}) + b"\n")
    return path


_schema = functools.cache(load_schema)


def read(path: Path, mapping: bytes | None = None) -> int:
    """Read a file to clean drafts, as client and service do; returns how many rows were accepted."""
    schema = _schema()
    with path.open("rb") as file:
        kind = recognise(file.read(HEAD), path.name)
        file.seek(0)
        how = How(kind.media_type, load_mapping(mapping, schema) if mapping else None, schema, DEFAULTS, ORGANISATION)
        return sum(isinstance(found, Ready) for _, found in Reading(file, how, References(b"bench")))


def floor_ndjson(path: Path) -> int:
    """Decode each line, and call the value's library once for each distinct number."""
    decoder = msgspec.json.Decoder()
    known: dict[str, str] = {}
    count = 0
    with path.open("rb") as file:
        for line in file:
            count += 1
            for entity in decoder.decode(line)["entities"]:
                if entity["kind"] == "Phone":
                    _number(entity["key"]["value"], known)
    return count


def floor_csv(path: Path) -> int:
    """The same of a table."""
    known: dict[str, str] = {}
    count = 0
    with path.open(newline="") as file:
        for row in csv.reader(file):
            count += 1
            _number(row[3], known)
    return count


def _number(value: str, known: dict[str, str]) -> None:
    if value not in known:
        try:
            made = phonenumbers.parse(value, "ID")
            known[value] = phonenumbers.format_number(made, phonenumbers.PhoneNumberFormat.E164)
        except phonenumbers.NumberParseException:
            known[value] = ""


def ratio(ours: Callable[[], int], floor: Callable[[], int], turns: int) -> tuple[float, float]:
    """How fast ``ours`` is by ``floor``, in turns on the processor's time, and its rows a second: both medians."""
    _schema()
    ratios, rates = [], []
    for _ in range(turns):
        began = time.process_time()
        floor()
        between = time.process_time()
        rows = ours()
        end = time.process_time()
        ratios.append((between - began) / (end - between))
        rates.append(rows / (end - between))
    return statistics.median(ratios), statistics.median(rates)


def others(folder: Path, count: int) -> Iterator[tuple[str, Path, bytes | None]]:
    """A file of every other format that is easily made, with the mapping that it needs."""
    from bench.formatfiles import FILES

    for name, write in FILES.items():
        path, mapping = write(folder, count)
        yield name, path, mapping


def peak(path: str, mapping: bytes | None) -> int:
    """The memory in bytes that reading a file takes beyond what there was before; run in a process of its own."""
    _schema()
    before = highest(anew=True)
    read(Path(path), mapping)
    return highest() - before


def highest(anew: bool = False) -> int:
    """The most memory in bytes that this process has held; ``anew``: what was before is forgotten.

    Not ``ru_maxrss``: a child's begins with its parent's, and loading modules takes more for a moment than they keep.
    """
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def flat(write: Callable[[Path, int], Path], folder: Path, mapping: bytes | None, rows: tuple[int, int]) -> list[int]:
    """The peaks of a small and a large file of one format."""
    peaks = []
    for count in rows:
        path = write(folder / f"flat-{count}", count)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks.append(pool.apply(peak, (str(path), mapping)))
        path.unlink()
    return peaks


def figures(folder: Path, rows: int = ROWS, turns: int = TURNS, large: int = LARGE) -> dict[str, Any]:
    """All figures of one run."""
    table, drafts = write_csv(folder / "t.csv", rows), write_ndjson(folder / "d.ndjson", rows)
    found: dict[str, Any] = {}
    found["ndjson_ratio"], found["ndjson_rows_per_s"] = ratio(lambda: read(drafts), lambda: floor_ndjson(drafts), turns)
    found["csv_ratio"], found["csv_rows_per_s"] = ratio(lambda: read(table, MAPPING), lambda: floor_csv(table), turns)
    for name, path, mapping in others(folder, max(50, rows // 10)):
        began = time.process_time()
        count = read(path, mapping)
        found[f"{name}_rows_per_s"] = count / (time.process_time() - began)
    per_row = table.stat().st_size / rows
    small, big = flat(lambda path, n: write_csv(path.with_suffix(".csv"), n), folder, MAPPING,
                      (rows, max(rows * 2, int(large / per_row))))  # fmt: skip
    found["csv_memory_mib"], found["csv_memory_small_mib"] = big / 2**20, small / 2**20
    from bench.formatfiles import write_ufed

    per_message = 5_000
    small, big = flat(write_ufed, folder, None, (max(rows // 100, 10), max(rows // 50, large // per_message)))
    found["ufed_memory_mib"], found["ufed_memory_small_mib"] = big / 2**20, small / 2**20
    return found


def main() -> None:
    """Run and report."""
    # As in the service's intake workers, for both.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with tempfile.TemporaryDirectory() as folder:
        found = figures(Path(folder))
    rows = [
        (name, f"{value:,.2f}" if "ratio" in name else f"{value:,.0f}", f"≥ {WANTED}" if "ratio" in name else "–")
        for name, value in found.items()
    ]
    report("formats", rows, {name: round(value, 3) for name, value in found.items()})
