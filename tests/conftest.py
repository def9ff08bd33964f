"""What several folders of tests share: the real Neo4j, and where the test data lies."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
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


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a demo that was told and has ended.

    Beside it what it said: ``.json`` and ``.log``, and ``.metrics``, what a scraper saw of it last. Where
    ``GRAPHSVC_TEST_DEMO`` names one that was told before, that is taken: whoever mends a page need not wait.
    """
    from tests.paths.process import environment

    if told_before := os.environ.get("GRAPHSVC_TEST_DEMO"):
        return Path(told_before)
    data = tmp_path_factory.mktemp("demo") / "data"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        metrics = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "graphsvc", "demo", "--once", "--json", "--data", str(data)]
    variables = {**environment(), "GRAPHSVC_METRICS": metrics, "GRAPHSVC_LOG_FORM": "json"}
    with data.with_suffix(".json").open("w") as said, data.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=log)
        seen = ""
        while process.poll() is None:
            with suppress(httpx2.HTTPError):
                seen = httpx2.get(f"http://{metrics}/metrics").text
            time.sleep(0.3)
    data.with_suffix(".metrics").write_text(seen)
    told = data.with_suffix(".json").read_text() + data.with_suffix(".log").read_text()
    assert process.returncode == 0, told
    return data
