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


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a process that are resident now, and the most that were since :meth:`forget_peak`."""

    resident: int
    peak: int

    @classmethod
    def of(cls, pid: int) -> Memory:
        """What Linux says of a process. Raises OSError where it has gone."""
        lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        said = {line[0]: int(line[1]) << 10 for line in lines if line[0] in ("VmRSS:", "VmHWM:")}
        return cls(said["VmRSS:"], said["VmHWM:"])

    @staticmethod
    def forget_peak(pid: int) -> None:
        """Have the peak begin anew at what is resident now."""
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def children(parent: int) -> list[int]:
    """The processes that a process has started and that still run."""
    return _children().get(parent, [])


def serving(data: Path) -> int:
    """The process that this one has started to serve from a folder. Raises LookupError where there is none."""
    for pid in children(os.getpid()):
        said = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"up" in said and os.fsencode(data) in said:
            return pid
    raise LookupError("nothing serves from this folder")


def _children() -> dict[int, list[int]]:
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and (fields := _stat(int(path.name))):
            parents.setdefault(int(fields[1]), []).append(int(path.name))
    return parents


def _below(top: int) -> list[int]:
    parents = _children()
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
