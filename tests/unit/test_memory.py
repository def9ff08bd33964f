"""Sizes of the own Neo4j: by store and machine, in a container by its limits, and what is set wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.local import neo4j
from graphsvc.local.memory import GIB, MIB, memory_bytes, sizes, store_bytes
from graphsvc.local.neo4j import Neo4jChild

MEMINFO = "MemTotal:       {kib} kB\nMemFree:  1 kB\n"


@pytest.mark.parametrize(
    ("store", "memory", "heap", "pagecache"),
    [
        (0, 4 * GIB, 512 * MIB, 256 * MIB),
        (0, 24 * GIB, 512 * MIB, 1536 * MIB),
        (0, 1 * GIB, 256 * MIB, 256 * MIB),
        (0, 2 * GIB, 512 * MIB, 256 * MIB),
        (0, 256 * MIB, 256 * MIB, 64 * MIB),
        (1 * GIB, 4 * GIB, 512 * MIB, 1024 * MIB),
        (1 * GIB, 16 * GIB, 512 * MIB, 1280 * MIB),
        (11 * GIB, 64 * GIB, 1408 * MIB, 14080 * MIB),
        (11 * GIB, 24 * GIB, 1408 * MIB, 6144 * MIB),
        (1 << 40, 1 << 40, 8 * GIB, 256 * GIB),
    ],
)
def test_sizes(store: int, memory: int, heap: int, pagecache: int) -> None:
    assert sizes(store, memory) == (heap, pagecache)


@given(st.integers(0, 1 << 44), st.integers(0, 1 << 42))
def test_half_of_a_machine_is_left_and_a_larger_store_never_gets_less(store: int, memory: int) -> None:
    heap, pagecache = sizes(store, memory)
    assert heap >= 256 * MIB and pagecache >= 64 * MIB and heap % MIB == pagecache % MIB == 0
    if memory >= GIB:
        assert heap + pagecache <= memory // 2
    larger = sizes(store + GIB, memory)
    assert larger[0] >= heap and larger[1] >= pagecache


def system(folder: Path, kib: int, groups: str = "0::/\n") -> tuple[Path, Path]:
    proc, cgroups = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(MEMINFO.format(kib=kib))
    (proc / "self" / "cgroup").write_text(groups)
    cgroups.mkdir()
    return proc, cgroups


def limit(folder: Path, text: str, name: str = "memory.max") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{text}\n")


def test_memory_is_the_machines(tmp_path: Path) -> None:
    proc, cgroups = system(tmp_path, 8 << 20)
    assert memory_bytes(proc, cgroups) == 8 * GIB
    limit(cgroups, "max")
    assert memory_bytes(proc, cgroups) == 8 * GIB


def test_the_least_limit_of_a_group_and_its_parents_counts(tmp_path: Path) -> None:
    proc, cgroups = system(tmp_path, 8 << 20, "0::/system.slice/graphsvc.service\n")
    limit(cgroups / "system.slice" / "graphsvc.service", str(4 * GIB))
    assert memory_bytes(proc, cgroups) == 4 * GIB
    limit(cgroups / "system.slice", str(2 * GIB))
    assert memory_bytes(proc, cgroups) == 2 * GIB
    limit(cgroups / "system.slice", str(64 * GIB))
    assert memory_bytes(proc, cgroups) == 4 * GIB


def test_in_a_container_its_own_group_is_at_the_top(tmp_path: Path) -> None:
    proc, cgroups = system(tmp_path, 8 << 20, "0::/docker/0a1b\n")
    limit(cgroups, str(GIB))
    assert memory_bytes(proc, cgroups) == GIB


def test_control_groups_of_version_1_count_too(tmp_path: Path) -> None:
    proc, cgroups = system(tmp_path, 8 << 20, "9:memory:/docker/0a1b\n4:cpu,cpuacct:/\n")
    limit(cgroups / "memory", str((1 << 63) - 4096), "memory.limit_in_bytes")
    assert memory_bytes(proc, cgroups) == 8 * GIB
    limit(cgroups / "memory" / "docker" / "0a1b", str(3 * GIB), "memory.limit_in_bytes")
    assert memory_bytes(proc, cgroups) == 3 * GIB


def test_what_the_system_tells_may_be_nonsense(tmp_path: Path) -> None:
    proc, cgroups = system(tmp_path, 8 << 20, "nonsense\n\n0::/../..\n")
    limit(cgroups, "-1")
    assert memory_bytes(proc, cgroups) == 8 * GIB


def test_the_store_is_all_files_of_the_databases(tmp_path: Path) -> None:
    assert store_bytes(tmp_path) == 0
    for name, size in (("databases/neo4j/nodes", 1000), ("databases/system/x/y", 200), ("transactions/z", 5000)):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    assert store_bytes(tmp_path) == 1200
    (tmp_path / "import").mkdir()
    (tmp_path / "import" / "rows.tsv").write_bytes(bytes(3000))
    assert store_bytes(tmp_path) == 3000


def test_what_is_set_wins_and_the_rest_follows_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neo4j, "memory_bytes", lambda: 8 * GIB)
    assert Neo4jChild(tmp_path)._sizes() == ("512m", "512m")
    assert Neo4jChild(tmp_path, heap="2g")._sizes() == ("2g", "512m")
    assert Neo4jChild(tmp_path, heap="384m", pagecache="128m")._sizes() == ("384m", "128m")
    monkeypatch.setattr(neo4j, "store_bytes", lambda _home: 1600 * MIB)
    assert Neo4jChild(tmp_path, pagecache="64m")._sizes() == ("512m", "64m")
    assert Neo4jChild(tmp_path)._sizes() == ("512m", "2000m")
