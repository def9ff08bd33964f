"""Processor time by process: what others do on the machine changes it little, unlike time by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

from graphsvc.local.neo4j import Neo4jChild

SEALER = "graphsvc.ledger.sealer"
"""The module that the service runs to seal reads, as its command line has it."""


class Processors:
    """What the service on ``data``, its sealing process, Neo4j and this process use up."""

    def __init__(self, child: Neo4jChild, data: Path) -> None:
        self._neo4j = psutil.Process(int((child.home / "run" / "pid").read_text()))
        (self._service,) = (one for one in psutil.Process().children() if str(data) in one.cmdline())

    def spent(self) -> Mapping[str, float]:
        """Seconds so far of each, by name, the kernel's for them counted; the sealing process may have none yet."""
        sealers = [one for one in self._service.children() if SEALER in one.cmdline()]
        groups = {"service": [self._service], "neo4j": [self._neo4j], "sealer": sealers, "client": [psutil.Process()]}
        return {name: sum(map(_seconds, processes)) for name, processes in groups.items()}


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
