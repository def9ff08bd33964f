"""Every benchmark's parts still run: tiny sizes, one service for all of them, no figure is looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from neo4j import Driver

from bench import __main__ as command
from bench import expand, formats, graphql, ingest, intake, ledger, logs, network, policy, scale, search, stage
from bench.processes import Processes, serving
from bench.processor import Processors
from graphsvc.columns.store import Columns
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph import queries
from graphsvc.graph.driver import Graph
from graphsvc.graph.marks import Marks
from graphsvc.graph.write import Step, Writer
from graphsvc.ledger.keyfiles import HANDLES_KEY
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.local.run import LocalService
from graphsvc.model.accelerator import AUTO, OFF
from graphsvc.model.labels import label_key
from graphsvc.projection.apply import Applier, Projections

CLAIMS = 300


@dataclass(frozen=True)
class World:
    """A service in a process of its own, over a small network."""

    child: Neo4jChild
    driver: Driver
    running: LocalService
    members: Members
    network: network.Network
    folder: Path


@pytest.fixture(scope="class")
def world(neo4j_server: Neo4jChild, graph_session: Graph, wipe: Any, tmp_path_factory: Any) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("bench")
    wipe(graph_session)
    made = network.Network(CLAIMS, network.spread(5))
    (folder / "files").mkdir()
    entities = network.write(made, folder / "files", Columns(folder / "columns"), Marks(b"bench"))
    written = {name: _lines(folder / "files", name) for name in ("record", "about", "claim", "entity")}
    assert written == {"record": CLAIMS, "about": 2 * CLAIMS, "claim": CLAIMS, "entity": entities}
    with stage.raw_driver(neo4j_server) as driver:
        _write_online(graph_session, made, Columns(folder / "data" / "columns"), driver)
        (found,) = driver.execute_query("MATCH (e:Entity) RETURN count(e)").records
        assert found[0] == entities, "the files for the import name the entities that the writer makes"
        with (
            stage.service(neo4j_server, folder / "data") as running,
            stage.enrolled(running, folder / "keys") as members,
        ):
            members.client(expand.INVESTIGATOR).query(expand.REGISTER, {"r": expand.CASE})
            yield World(neo4j_server, driver, running, members, made, folder)


def _lines(folder: Path, name: str) -> int:
    return sum(path.read_text().count("\n") for path in folder.glob(f"{name}-*.tsv"))


def _write_online(graph: Graph, made: network.Network, columns: Columns, driver: Driver) -> None:
    """What the import would write, by the writer; then the watermark is that of an empty ledger."""
    writer = Writer(graph, Marks(b"bench"))
    for at, (entry, drafts, _, _) in enumerate(network.batches(made)):
        begins = list(accumulate((len(draft.entities) for draft in drafts[:-1]), initial=0))
        applied = writer.apply(Step(at, submission=entry), drafts, begins)
        columns.append_drafts(entry, 0, drafts, applied.ids, applied.lids)
    driver.execute_query("MATCH (w:Watermark) SET w.index = -1")


class TestOnAService:
    """What asks a running service; the rest, which writes into the graph by itself, comes behind it."""

    def test_scale(self, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        seen, processes = scale.Seen(CLAIMS, store=1), Processes(world.child.home)
        for name, ask, _ in scale.questions(world.running.url, world.members, world.network, 2):
            answer = json.loads(ask())
            assert "errors" not in answer, answer
            if name.startswith(("expand", "search")):
                assert str(answer).count("handle") > 1, name
            if name == "rings":
                assert answer["data"]["rings"]["links"] > CLAIMS / 2
            seen.asked.append(scale.timed(name, ask, 1, processes))
        assert [one.name for one in seen.asked] == [
            *("resolve", "search", "match of 100", "expand 1", "expand 2", "expand 3", "rings")
        ]
        scale.apply(seen, world.members, world.folder, 8, processes)
        service, neo4j = processes.used()
        assert seen.rows_per_s > 0 and min(service.resident, neo4j.resident) > 1 << 20
        monkeypatch.setattr(scale, "measure", lambda _folder, claims, _times, _rows: scale.Seen(claims, seen.asked))
        scale.main([CLAIMS, 10 * CLAIMS], svg=world.folder / "made" / "scale.svg")
        figures = json.loads(capsys.readouterr().out.splitlines()[-2])
        assert set(figures) == {"300", "3000"} and "expand_2_ms" in figures["300"]
        picture = ElementTree.fromstring((world.folder / "made" / "scale.svg").read_text())
        assert sum("rings" in (text.text or "") for text in picture.iter("{http://www.w3.org/2000/svg}text")) == 1

    def test_expand(self, world: World) -> None:
        expand.load(world.members, world.folder, 5, 3, 60, 1)
        starts = expand.find_starts(world.members, world.driver, 5, 4)
        raw = expand.raw_asker(world.driver, starts, expand.raw_parameters(world.child, world.members))
        ours = expand.http_asker(world.running.url, world.members.token(expand.INVESTIGATOR), starts)
        processors = Processors(world.child, world.folder / "data")
        found = expand.figures(expand.compare(raw, ours, processors, asked=8, warm=8, turns=1))
        assert min(found[name] for name in ("throughput_ratio_to_raw", "p50_ratio_to_raw", "links")) > 0
        assert found["cpu_us_service"] > 0
        assert ledger.evidence_seconds(world.members, starts, 1) > 0

    def test_policy(self, world: World) -> None:
        value = network.phone_key(0).removeprefix(policy.PHONE)
        identifiers = [{"kind": "Phone", "parts": [{"name": "value", "value": value}]}]
        with closing(policy.Caller(world.running.url, world.members.token(expand.INVESTIGATOR))) as caller:
            assert b'"hit":true' in caller.ask(policy.MATCH, {"i": identifiers})()
            assert min(policy.median_ms([caller.ask(policy.SEARCH % value)], 2)) > 0
        assert min(policy.scope_figures(count=8, rounds=1, times=2)) > 0
        assert "$may" not in policy.without_predicates(queries.expand(2))

    def test_ingest(self, world: World) -> None:
        files = ingest.write_files(world.folder, 11, count=40, parts=2)
        assert ingest.run_service(world.members, files, 40) > 0

    def test_intake(self, world: World) -> None:
        service = serving(world.folder / "data")
        found = intake.measured(world.members, world.folder, service, (30, 60), 20.0)
        assert found["rows"] == 60 and found["acknowledged_rows_per_s"] > 0
        assert found["api_memory_peak_mb"] >= found["api_memory_before_mb"] > 50
        assert found["worker_memory_peak_mb"] >= found["worker_memory_before_mb"] > 10


def test_formats(tmp_path: Path) -> None:
    found = formats.figures(tmp_path, rows=120, turns=1, large=40_000)
    rates = {name.removesuffix("_rows_per_s") for name in found if name.endswith("_rows_per_s")}
    assert rates >= {"ndjson", "csv", "xlsx", "parquet", "stix", "misp", "ftm", "case", "graphml", "telegram", "ufed"}
    assert all(found[f"{name}_rows_per_s"] > 0 for name in rates) and min(found["ndjson_ratio"], found["csv_ratio"]) > 0
    assert formats.read(tmp_path / "t.csv", formats.MAPPING) == formats.read(tmp_path / "d.ndjson") == 120


def test_ingest_by_the_raw_driver(neo4j_server: Neo4jChild, graph_database: Graph) -> None:
    organisation = next(one for one in ORGANISATIONS if one.org == "pasar")
    batches = ingest.prepared_batches(12, organisation, 40)
    with stage.raw_driver(neo4j_server) as driver:
        assert ingest.run_raw(driver, batches, 40) > 0
        (found,) = driver.execute_query("MATCH (r:Record) RETURN count(r)").records
    assert found[0] == 40


def test_graphql() -> None:
    mine, theirs, size = graphql.compared(nodes=40, edges=80, rounds=3)
    assert min(mine, theirs) > 0 and size > 5_000


def test_search(neo4j_server: Neo4jChild, graph_database: Graph) -> None:
    made, rows = search.draw(150, 60)
    drafts = [search.draft(made, row, row, *one) for row, one in enumerate(rows)]
    with stage.raw_driver(neo4j_server) as driver:
        named = [[lid, label_key(one)] for lid, one in made.labels.items()]
        driver.execute_query("UNWIND $rows AS r CREATE (:Label {lid: r[0], key: r[1]})", rows=named)
        Writer(graph_database, Marks(b"bench")).apply(Step(0), drafts, 0)
        try:
            search.index_raw(driver)
            found = search.compare(graph_database, driver, made, times=3, rounds=1)
        finally:
            driver.execute_query("DROP INDEX raw_names IF EXISTS")
    assert found.pop("search_refused") == 0
    assert min(found.values()) > 0 and len(found) == 4


def test_ledger(tmp_path: Path, graph_database: Graph) -> None:
    for name, draft in (("notes", logs.note), ("reads", logs.read)):
        for found in ledger.appends(tmp_path / name, draft, AUTO, OFF, callers=4, seconds=0.05, turns=1):
            assert min(found.rate, found.ratio, found.alone) > 0
    assert min(ledger.large(tmp_path, entries=600, proofs=3)) > 0
    log, payloads = ledger.seal(tmp_path / "data", 40, 20)
    assert (tmp_path / "data" / HANDLES_KEY).exists(), "a rebuild could not begin without it"
    Applier(log, payloads, Projections(Writer(graph_database), Columns(tmp_path / "columns"))).catch_up()
    with graph_database.session() as session:
        assert session.run("MATCH (r:Record) RETURN count(r)").single(strict=True)[0] == 40
    log.close()
    payloads.keys.close()


def test_the_command_refuses_what_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for given in (
        ["nothing"],
        ["ingest", "5"],
        ["scale", "many"],
        ["scale", "0"],
        ["search", "5", "6"],
        ["intake", "1", "2"],
    ):
        monkeypatch.setattr("sys.argv", ["bench", *given])
        assert command.main() == 2
        assert capsys.readouterr().err
