"""CPU time and memory of the processes of a benchmark, as Linux tells them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of CPU so far, and bytes resident now."""

    seconds: float
    resident: int


@dataclass(frozen=True, slots=True)
class Processes:
    """The Neo4j of a home, and all other processes that this one has started and that still run: the service's."""

    home: Path

    def used(self) -> tuple[Used, Used]:
        """Of the service, of Neo4j."""
        neo4j = int((self.home / "run" / "pid").read_text())
        service = [pid for pid in _below(os.getpid()) if pid != neo4j]
        return _sum(service), _sum([neo4j])


def _below(top: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and (fields := _stat(int(path.name))):
            parents.setdefault(int(fields[1]), []).append(int(path.name))
    found, left = [], [top]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def _sum(pids: list[int]) -> Used:
    seconds, resident = 0.0, 0
    for pid in pids:
        if fields := _stat(pid):
            seconds += (int(fields[11]) + int(fields[12])) / _TICKS
            resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return Used(seconds, resident)


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on; none where the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
