"""How much memory the own Neo4j gets: by the size of its store, within what the machine or its container has.

The page cache should hold the store, and what it grows by until the next start; it fills as pages are read. The heap
holds what statements work on, which follows the size of batches and answers, and only slowly that of the store. Each
gets a quarter of the memory at most: the other half is for the service, whose search for rings needs as much for a
large graph, and for the system. ``docs/operations.md`` has what was measured.
"""

from __future__ import annotations

import os
from pathlib import Path

MIB, GIB = 1 << 20, 1 << 30
HEAP = (512 * MIB, 8 * GIB)
"""The heap of an empty store on a machine that has enough, and the largest one."""
PAGECACHE = 256 * MIB
"""The page cache of an empty store on a machine that has enough."""
LEAST = (256 * MIB, 64 * MIB)
"""Heap and page cache below which Neo4j does not start, or hardly works."""

_UNLIMITED = 1 << 60
_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def sizes(store: int, memory: int) -> tuple[int, int]:
    """Heap and page cache in bytes, whole MiB, for a store of ``store`` bytes on a machine of ``memory`` bytes."""
    heap = min(max(HEAP[0], store // 8), HEAP[1], memory // 4)
    pagecache = min(max(PAGECACHE, memory // 16, store + store // 4), memory // 4)
    return max(heap, LEAST[0]) // MIB * MIB, max(pagecache, LEAST[1]) // MIB * MIB


def store_bytes(home: Path) -> int:
    """The size of the stores in a Neo4j home, or of what lies there to be imported; 0 where there is neither."""
    return max(_below(home / "data" / "databases"), _below(home / "import"))


def _below(top: Path) -> int:
    total = 0
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                total += (Path(folder) / name).stat().st_size
            except OSError:  # a file that goes at this moment
                continue
    return total


def memory_bytes(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """The memory that this process may use: the machine's, or less where a control group around it has a limit.

    ``proc`` and ``cgroups`` are where the system tells. Where it tells nothing, 4 GiB are assumed.
    """
    limits = [limit for limit in (_machine(proc), *_limits(proc, cgroups)) if 0 < limit < _UNLIMITED]
    return min(limits, default=4 * GIB)


def _machine(proc: Path) -> int:
    for line in _lines(proc / "meminfo"):
        name, _, rest = line.partition(":")
        if name == "MemTotal":
            return _number(rest.split()[0] if rest.split() else "") * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _limits(proc: Path, cgroups: Path) -> list[int]:
    """The limits of the control groups that this process is in, of version 2 and 1; a group's parents limit it too."""
    found = []
    for line in _lines(proc / "self" / "cgroup"):
        _, kinds, path = [*line.split(":", 2), "", ""][:3]
        if kinds and "memory" not in kinds.split(","):
            continue
        root, name = (cgroups / "memory", "memory.limit_in_bytes") if kinds else (cgroups, "memory.max")
        # In a container the path may be that outside, while what is seen inside begins at its own group.
        parts = [part for part in path.split("/") if part not in ("", ".", "..")]
        for depth in range(len(parts) + 1):
            found += [_number(line) for line in _lines(root.joinpath(*parts[:depth], name))[:1]]
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _number(text: str) -> int:
    """A number of bytes; 0 for what is none, such as ``max``."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
