"""Metrics, traces, rates and the log: what they count, and that a caller puts no word of its own into them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from api_world import World
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from graphsvc.api.transport import Transport
from graphsvc.api.turns import QuestionTurns
from graphsvc.upkeep.logs import JsonLines

SECRET = "8613800138000"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def series(world: World, transport: Transport) -> str:
    """What a scraper reads after requests of which each has the number in another place."""
    ask = world.request
    ask("GET", f"/v1/submissions/{SECRET}/errors")
    ask("GET", f"/{SECRET}")
    ask("GET", f"/log/tile/{SECRET}", token=None)
    ask("GET", f"/v1/submissions/outcome?key={SECRET}")
    ask("POST", "/v1/keys", content=b'{"act": "%s"}' % SECRET.encode())
    ask("POST", "/graphql", json={"query": f"query A{SECRET} {{ f{SECRET}: cases {{ title }} x{SECRET} }}"})
    ask("POST", "/graphql", json={"query": f'query A{SECRET} {{ f{SECRET}: entity(handle: "{SECRET}") {{ kind }} }}'})
    ask("POST", "/graphql", json={"query": '{ entity(handle: "boom") { kind } }'})
    ask("POST", "/graphql", json={"query": "{ cases { title } }"}, headers={"graphsvc-case": SECRET, "x-a": SECRET})
    ask("POST", "/graphql", json={"documentId": SECRET})
    ask("POST", "/graphql", json=[{"query": f"{{ x{SECRET} }}"}] * 3, headers={"user-agent": SECRET})
    return generate_latest(transport.observed.registry).decode()


def test_metrics_count_and_hold_no_word_of_a_caller(tmp_path: Path) -> None:
    transport = Transport()
    found = series(World(tmp_path, transport=transport), transport)
    assert SECRET not in found
    assert 'graphsvc_requests_total{method="POST",route="/graphql",status="200"}' in found
    assert 'graphsvc_requests_total{method="GET",route="/v1/submissions/{index}/errors",status="404"} 1.0' in found
    assert 'graphsvc_fields_total{field="entity",operation="query"} 2.0' in found
    assert 'graphsvc_errors_total{code="internal"} 1.0' in found
    before = found.count("\n")
    again = series(World(tmp_path / "again", transport=transport), transport)
    assert again.count("\n") == before, "the same requests make no new series"


def test_traces_hold_no_word_of_a_caller(tmp_path: Path) -> None:
    transport, kept = Transport(), InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    transport.observed.tracer = provider.get_tracer("test")
    world = World(tmp_path, transport=transport)
    series(world, transport)
    headers = {"traceparent": PARENT, "tracestate": f"a={SECRET}", "baggage": f"who={SECRET}"}
    world.request("GET", "/health/live", headers=headers)
    spans = kept.get_finished_spans()
    assert len(spans) > 9
    assert not any(SECRET in span.to_json() for span in spans)
    assert {span.name for span in spans} >= {"POST /graphql", "GET /v1/submissions/{index}/errors"}
    last = spans[-1]
    assert last.parent is not None and f"{last.context.trace_id:032x}" == PARENT.split("-")[1]
    assert last.attributes is not None and last.attributes["http.response.status_code"] == 200


def test_a_person_and_an_organisation_ask_so_often_and_no_more(tmp_path: Path) -> None:
    for turns, allowed in ((QuestionTurns(3, 0), 3), (QuestionTurns(0, 2), 2), (QuestionTurns(), 9)):
        world = World(tmp_path / str(allowed), transport=Transport(turns=turns))
        answers = [world.graphql("{ __typename }") for _ in range(9)]
        assert [one.status_code for one in answers] == [200] * allowed + [429] * (9 - allowed)
        if allowed < 9:
            assert int(answers[-1].headers["retry-after"]) > 0
            batch = world.request("POST", "/graphql", json=[{"query": "{ __typename }"}] * 2)
            assert batch.status_code == 429, "a batch is no way round"


def test_a_log_line_is_an_object_without_the_words_of_an_exception() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        record = logging.LogRecord("part", logging.ERROR, "x", 1, 'a "quote"\n%d', (7,), (ValueError, error, None))
    line = JsonLines().format(record)
    said = json.loads(line)
    assert (said["level"], said["part"], said["message"]) == ("error", "part", 'a "quote"\n7')
    assert said["exception"] == "ValueError" and SECRET not in line and "\n" not in line


@pytest.mark.parametrize("path", ["/health/live", "/log/checkpoint"])
def test_every_route_is_counted(tmp_path: Path, path: str) -> None:
    transport = Transport()
    World(tmp_path, transport=transport).request("GET", path, token=None)
    assert f'route="{path}",status="200"}} 1.0' in generate_latest(transport.observed.registry).decode()
