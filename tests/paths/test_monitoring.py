"""What monitoring sees of the demo's story: figures that move, and nobody's identifier in them or in the log."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from graphsvc.demo.cast import CLIENTS
from graphsvc.demo.scenario import ORGANISATIONS

WORD = re.compile(r"[^\s,;\"'|]{6,}")


@pytest.fixture(scope="module")
def metrics(demo_data: Path) -> str:
    return demo_data.with_suffix(".metrics").read_text()


@pytest.fixture(scope="module")
def identifiers(demo_data: Path) -> set[str]:
    """What a log or a metric must not hold: words of the rows that were submitted, persons, cases, organisations."""
    found = {client.person for client in CLIENTS} | {one.org for one in ORGANISATIONS}
    for path in (demo_data / "demo" / "files").rglob("*"):
        if path.suffix in (".csv", ".ndjson", ".json"):
            text = path.read_text(encoding="utf-8", errors="ignore")
            found |= {word for word in WORD.findall(text) if any(sign.isdigit() for sign in word)}
    assert len(found) > 1_000
    return found


def test_the_figures_tell_the_story(metrics: str) -> None:
    values = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    answered = (("method", "POST"), ("route", "/graphql"), ("status", "200"))
    assert values["graphsvc_requests_total", *answered] > 20
    assert values["graphsvc_fields_total", ("field", "expand"), ("operation", "query")] >= 1
    assert values["graphsvc_fields_total", ("field", "recall"), ("operation", "mutation")] >= 1
    assert values["graphsvc_requests_total", ("method", "POST"), ("route", "/v1/submissions"), ("status", "201")] >= 4
    assert values["graphsvc_ledger_entries",] > 40
    assert values["graphsvc_ready", ("part", "ledger")] == 1
    assert values["graphsvc_disk_free_bytes",] > 0 and values["process_cpu_seconds_total",] > 0


def test_no_identifier_in_metrics_or_log(demo_data: Path, metrics: str, identifiers: set[str]) -> None:
    log = demo_data.with_suffix(".log").read_text()
    for seen in (metrics, log):
        assert not re.search(r"\+\d{7,}|@\w+\.", seen), "a telephone number or an address"
        words = {word for line in seen.splitlines() if not line.startswith("#") for word in WORD.findall(line)}
        labels = set(re.findall(r'="([^"]*)"', seen))
        assert not (words | labels) & identifiers


def test_the_log_is_one_object_a_line(demo_data: Path) -> None:
    for line in demo_data.with_suffix(".log").read_text().splitlines():
        said = json.loads(line)
        assert set(said) <= {"t", "level", "part", "message", "exception"}, line


def test_an_identifier_would_be_found(identifiers: set[str]) -> None:
    planted = next(iter(sorted(identifiers)))
    assert {planted} & identifiers
