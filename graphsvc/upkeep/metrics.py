"""Metrics for Prometheus, on an address of their own: who monitors the service reads them, its callers don't.

How busy the service is, and how far behind, tells what others do, so it is nothing for callers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from graphsvc.model.errors import InvalidInput
from graphsvc.upkeep.checkup import Checkup


class Standing(Collector):
    """How the parts of a service stand at the moment of a scrape."""

    def __init__(self, checkup: Checkup, data: Path) -> None:
        self._checkup = checkup
        self._data = data

    def describe(self) -> list[Metric]:
        """Nothing: registering needs no look at the parts."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges. Blocks on the ledger's database: for the thread of the scrape."""
        progress, lag = self._checkup.progress(), self._checkup.lag()
        ready = GaugeMetricFamily("graphsvc_ready", "1 where the part is ready, else 0.", labels=["part"])
        for part, is_ready in self._checkup.ready().items():
            ready.add_metric([part], float(is_ready))
        yield ready
        applier = progress.applier
        for name, words, value in (
            ("graphsvc_ledger_entries", "Entries of the log.", applier.head),
            ("graphsvc_applied_entries", "Entries up to which all are in the graph.", applier.applied),
            ("graphsvc_behind_entries", "Entries that change the graph and wait.", lag.entries),
            ("graphsvc_behind_seconds", "Age of the oldest of those.", lag.seconds),
            ("graphsvc_set_aside_entries", "Entries of which rows are set aside.", len(progress.set_aside)),
            ("graphsvc_plans_missing", "Common statements that Neo4j has not planned.",
             progress.plans.statements - progress.plans.planned),
            ("graphsvc_disk_free_bytes", "Free on the disk of the state directory.",
             shutil.disk_usage(self._data).free),
        ):  # fmt: skip
            yield GaugeMetricFamily(name, words, value=float(value))


@contextmanager
def serve_metrics(where: str, registry: CollectorRegistry, standing: Standing) -> Iterator[str]:
    """Serve ``registry`` at ``where`` (``host:port``, port 0 takes a free one) for the block, and yield the URL.

    Raises InvalidInput when the address can't be had.
    """
    host, _, port = where.rpartition(":")
    registry.register(standing)
    ProcessCollector(registry=registry)
    GCCollector(registry)
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError):
        raise InvalidInput("the address can't be had", code="setting", where="GRAPHSVC_METRICS") from None
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
