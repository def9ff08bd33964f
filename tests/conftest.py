"""What several folders of tests share: the real Neo4j, and where the test data lies."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from graphsvc.graph.driver import Graph
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model import accelerator
from graphsvc.model.schema import load_schema
from tests import lanes
from tests.databases import fresh_database, postgres

_count = itertools.count()
WIPE = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS"


def pytest_configure() -> None:
    """No example fails for being slow; what a setting switches off for services, it does for parts under test too."""
    settings.register_profile("unhurried", settings.get_profile(settings.get_current_profile_name()), deadline=None)
    settings.load_profile("unhurried")
    if os.environ.get("GRAPHSVC_ACCELERATOR") == accelerator.OFF:
        sys.modules[accelerator.PACKAGE] = None  # type: ignore[assignment]  # so importing it fails


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long runs take part only where they are asked for: ``pytest -m soak``."""
    if "soak" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    lanes.in_order(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> lanes.Lanes:
    """With ``-n`` each worker takes whole folders."""
    return lanes.scheduler(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what tests have counted: worlds, decisions, cases."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid}: {name}: {value:,}")


@pytest.fixture(scope="session")
def neo4j_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jChild]:
    """One real Neo4j for the whole run, on a free port, stopped at its end."""
    child = Neo4jChild(tmp_path_factory.mktemp("neo4j"), heap="384m", pagecache="128m")
    child.start()
    try:
        yield child
    finally:
        child.stop()


@pytest.fixture(scope="session")
def graph_session(neo4j_server: Neo4jChild) -> Iterator[Graph]:
    """A connection with all constraints made, for the whole run."""
    graph = Graph.open(neo4j_server.uri, neo4j_server.auth)
    try:
        graph.constrain(list(load_schema().kinds))
        yield graph
    finally:
        graph.close()


@pytest.fixture
def graph_database(graph_session: Graph) -> Graph:
    """The session's graph, emptied: nothing but constraints and the first watermark."""
    _wipe(graph_session)
    return graph_session


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of public test data; tests that need it are skipped without."""
    folder = Path(os.environ.get("GRAPHSVC_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no test data; set GRAPHSVC_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def wipe() -> Callable[[Graph], None]:
    """Empties a graph inside a test."""
    return _wipe


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_server: str) -> str:
    """A fresh, empty database."""
    return fresh_database(postgres_server, f"test{next(_count)}")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database, or nothing for SQLite."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_database"))


def _wipe(graph: Graph) -> None:
    with graph.session() as session:
        session.run(WIPE).consume()
    graph.constrain(sorted(graph.kinds))
