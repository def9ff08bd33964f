"""What finding rings costs: from stored claims to stored rings, beside bare engines and networkx; and how it grows."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graphsvc.columns.claims import SCHEMA, ClaimArrays
from graphsvc.columns.store import Columns
from graphsvc.detect import partition
from graphsvc.detect.recipe import Grouped, Parameters, group
from graphsvc.edgelists.plots import Axes, lines
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.policy.scope import Scope

WANTED = {"total_ratio_to_engine": "≤ 2.5", "speedup_over_networkx": "≥ 20", "memory_gb": "≤ 2"}
ACCOUNTS, COMPARED = 1_000_000, 100_000
SIZES = (3_200, 32_000, 320_000, 1_600_000)
"""Accounts, of about three links each."""
PICTURE = Path("docs/img/rings-growth.svg")
KINDS = ("Account", "Phone", "Device", "Address", "PaymentAccount")


def claims_of(accounts: int, seed: int = 1) -> pa.Table:
    """A large world as stored claims, some three links an account: families, crowds, chance, a ring in 110 accounts."""
    draw = np.random.default_rng(seed)
    parts: list[tuple[np.ndarray, np.ndarray, str]] = []
    made = accounts

    def share(users: np.ndarray, size: int | np.ndarray, kind: str) -> None:
        nonlocal made
        of = np.repeat(np.arange(len(size)), size) if isinstance(size, np.ndarray) else np.arange(len(users)) // size
        users = users[: len(of)]
        parts.append((users, made + of[: len(users)], kind))
        made += int(of.max(initial=-1)) + 1

    everybody = np.arange(accounts)
    for kind in ("Phone", "Device"):
        share(everybody, 1, kind)
    at_home = draw.permutation(accounts)[: accounts * 15 // 100]
    sizes = draw.integers(2, 7, len(at_home) // 4)
    share(at_home, sizes[np.cumsum(sizes) <= len(at_home)], "Address")
    share(at_home[: len(at_home) // 2], sizes[: len(sizes) // 2], "Phone")
    for number, low, high, kind in ((accounts // 80, 4, 15, "Address"), (accounts // 1500, 60, 300, "Address")):
        sizes = draw.integers(low, high, number)
        share(draw.integers(0, accounts, int(sizes.sum())), sizes, kind)
    share(draw.integers(0, accounts, accounts * 15 // 100), 2, "PaymentAccount")
    members = draw.permutation(accounts)[: accounts // 110 * 8]
    for _ in range(3):
        pool = made + np.arange(len(members)) // 8 * 5 + draw.integers(0, 5, len(members))
        parts.append((members, pool, "PaymentAccount"))
    made += len(members) // 8 * 5
    src, dst = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    kinds = np.concatenate([np.full(len(part[0]), KINDS.index(part[2])) for part in parts])
    order = draw.permutation(len(src))
    return _table(src[order], dst[order], kinds[order])


def _table(src: np.ndarray, dst: np.ndarray, kinds: np.ndarray) -> pa.Table:
    n = len(src)
    spelled = pa.DictionaryArray.from_arrays
    always, never = np.full(n, -(1 << 62)), np.full(n, 1 << 40)
    columns = {
        "src": src.astype(np.int64), "dst": dst.astype(np.int64),
        "src_kind": spelled(np.zeros(n, np.int32), list(KINDS)),
        "dst_kind": spelled(kinds.astype(np.int32), list(KINDS)),
        "kind": spelled(np.zeros(n, np.int32), ["USES"]), "lid": np.ones(n, np.int64), "rec": np.arange(n),
        "since": always, "until": always, "exp": never,
    }  # fmt: skip
    return pa.table([pa.array(columns[field.name]) for field in SCHEMA], schema=SCHEMA)


def measure(accounts: int, folder: Path) -> dict[str, float]:
    """CPU seconds of each step for a world of ``accounts``, its links, rings, and the most memory, in GB."""
    store = Columns(folder / "columns")
    table = claims_of(accounts)
    for part in range(0, len(table), 500_000):
        store.append(part // 500_000, 0, table.slice(part, 500_000))
    links = len(table)
    del table
    reader = Principal(Organisation("police-ke", "police", "KE", "Police"), "analyst")
    scope = Scope(reader, Footing(), 0, "", 0.0, {"analyse": (1,)}, {})
    engine = _Timed()
    started = time.process_time()
    claims = store.select(scope, 0)
    selected = time.process_time()
    with engine:
        grouped = group(claims, Parameters(), lambda ids: [f"{one:010d}" for one in ids])
    searched = time.process_time()
    _store(grouped, folder / "rings.parquet")
    total = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {
        "links": links, "rings": len(grouped.order), "select": selected - started, "search": searched - selected,
        "engine": engine.seconds, "whole_engine": _whole(claims), "total": total, "memory_gb": memory,
    }  # fmt: skip


class _Timed:
    """Counts what the engines take within the recipe."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._kept = (partition.by_ties, partition.by_shares)

    def __enter__(self) -> None:
        partition.by_ties, partition.by_shares = (self._timed(one) for one in self._kept)

    def __exit__(self, *_: object) -> None:
        partition.by_ties, partition.by_shares = self._kept

    def _timed(self, engine: partition.Engine) -> partition.Engine:
        def run(*arguments: object) -> np.ndarray:
            started = time.process_time()
            found = engine(*arguments)  # type: ignore[arg-type]
            self.seconds += time.process_time() - started
            return found

        return run


def _whole(claims: ClaimArrays) -> float:
    """The bare engine on all links, at the one density at which it does best alone."""
    _, member = np.unique(claims.src, return_inverse=True)
    _, identifier = np.unique(claims.dst, return_inverse=True)
    started = time.process_time()
    partition.by_ties(member, identifier, np.zeros(len(member), np.int64), 0.05, 1)
    return time.process_time() - started


def _store(grouped: Grouped, path: Path) -> None:
    """The rings as columns: rank, member, identifier, core."""
    groups, graph = grouped.standing.found.groups, grouped.standing.found.graph
    rank = np.empty(groups.count, dtype=np.int64)
    rank[list(grouped.order)] = np.arange(1, groups.count + 1)
    entity = grouped.standing.claims.entity
    columns = {
        "rank": rank[groups.group], "member": entity(graph.members[groups.member]),
        "identifier": entity(graph.identifiers[groups.identifier]), "core": groups.core,
    }  # fmt: skip
    pq.write_table(pa.table(columns), path, compression="zstd")


def _by_networkx(accounts: int) -> float:
    table = claims_of(accounts)
    graph = nx.Graph(zip(table.column("src").to_pylist(), table.column("dst").to_pylist(), strict=True))
    started = time.process_time()
    nx.community.louvain_communities(graph, seed=1)
    return time.process_time() - started


def _apart(accounts: int) -> dict[str, float]:
    """Measured in a process of its own, so that memory is this run's alone."""
    command = [sys.executable, "-m", "bench.rings.speed", str(accounts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(accounts, found, flush=True)
    return found


def main() -> dict[str, float]:
    """A million accounts; and networkx on the largest size that it finishes within minutes."""
    large, small = _apart(ACCOUNTS), _apart(COMPARED)
    slow = _by_networkx(COMPARED)
    return {
        "accounts": ACCOUNTS, "links": large["links"], "rings": large["rings"],
        "total_seconds": round(large["total"], 2), "engine_seconds": round(large["engine"], 2),
        "total_ratio_to_engine": round(large["total"] / large["engine"], 2),
        "total_ratio_to_one_leiden": round(large["total"] / large["whole_engine"], 2),
        "speedup_over_networkx": round(slow / small["whole_engine"], 1),
        "recipe_speedup_over_networkx": round(slow / small["total"], 1), "memory_gb": round(large["memory_gb"], 2),
    }  # fmt: skip


def growth() -> dict[str, float]:
    """CPU seconds from ten thousand to five million links, drawn; the slope on logarithmic axes."""
    found = [_apart(accounts) for accounts in SIZES]
    series = {name: [(one["links"], max(one[name], 1e-3)) for one in found] for name in ("total", "search", "engine")}
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(lines(Axes("From stored claims to stored rings", "links", "CPU seconds", True, True), series))
    x, y = (np.log([point[side] for point in series["total"][1:]]) for side in (0, 1))
    return {"growth_slope": round(float(np.polyfit(x, y, 1)[0]), 2)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(measure(int(sys.argv[1]), Path(place))))
