"""The Neo4j child: what it may do, and that it never outlives who started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphsvc.graph.driver import Graph
from graphsvc.local.neo4j import Neo4jChild, stop_left_over
from graphsvc.local.supervisor import Supervisor
from graphsvc.model.errors import IntegrityError, Unavailable

STARTER = """
import sys, time
from pathlib import Path
from graphsvc.local.neo4j import Neo4jChild
child = Neo4jChild(Path(sys.argv[1]), heap="256m", pagecache="64m")
child.start()
print(child.port, flush=True)
time.sleep(600)
"""


PREPARER = """
import sys
from pathlib import Path
from graphsvc.local.neo4j import Neo4jChild
Neo4jChild(Path(sys.argv[1]))._admin(Path(sys.argv[2]), ["word"])
"""
SLEEPER = f"{sys.executable} -c 'import time; time.sleep(600)' \"$@\""


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_for_end(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not alive(pid)


def test_the_child_keeps_to_itself(neo4j_server: Neo4jChild, graph_session: Graph, tmp_path: Path) -> None:
    home = neo4j_server.home
    if os.name == "posix":
        assert (home / "password").stat().st_mode & 0o777 == 0o600
        assert home.stat().st_mode & 0o077 == 0
    assert len(neo4j_server.auth[1]) >= 24
    assert not list((home / "run").glob("admin*")), "the first password's argument file is gone"
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n")
    with pytest.raises(IntegrityError), graph_session.session() as session:
        session.run("LOAD CSV FROM $url AS row RETURN row", url=secret.as_uri()).consume()
    with pytest.raises(Unavailable):
        Graph.open(neo4j_server.uri, ("neo4j", "neo4j"))
    with socket.socket() as probe:
        probe.settimeout(1)
        assert probe.connect_ex(("127.0.0.1", neo4j_server.port)) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 7474)) != 0, "no HTTP"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_killed_starter_takes_its_child_along_and_the_home_starts_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen([sys.executable, "-c", STARTER, str(home)], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert int(starter.stdout.readline()) > 0
        pid = int((home / "run" / "pid").read_text())
        password = (home / "password").read_text()
        starter.send_signal(signal.SIGKILL)
    again = Neo4jChild(home, heap="256m", pagecache="64m")
    again.start()
    try:
        assert not alive(pid)
        assert again.auth == ("neo4j", password)
        Graph.open(again.uri, again.auth).close()
        # Now the keeper is killed as well: the server is signalled by the kernel, or found by the next start.
        pid = int((home / "run" / "pid").read_text())
        assert again._process is not None
        again._process.kill()
        stop_left_over(home)
        assert wait_for_end(pid, 10)
        assert not (home / "run" / "pid").exists()
    finally:
        again.stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.timeout(900)
def test_a_child_that_is_killed_is_started_again_where_it_was(tmp_path: Path) -> None:
    child = Neo4jChild(tmp_path / "home", heap="256m", pagecache="64m")
    supervisor = Supervisor(child)
    supervisor.start()
    graph = Graph.open(child.uri, child.auth)
    try:
        for who in ("server", "keeper"):
            uri, pid = child.uri, int((child.home / "run" / "pid").read_text())
            assert child._process is not None
            os.kill(pid if who == "server" else child._process.pid, signal.SIGKILL)
            # Without its keeper the server is told to end, and takes its time.
            assert wait_for_end(pid, 250)
            deadline = time.monotonic() + 250
            while time.monotonic() < deadline and not answers(graph):
                time.sleep(0.2)
            assert answers(graph) and child.uri == uri
    finally:
        graph.close()
        supervisor.stop()
    assert not child.alive and not (child.home / "run" / "pid").exists()


def answers(graph: Graph) -> bool:
    try:
        graph.constrain([])
    except Unavailable:
        return False
    return True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_prepares_a_store_ends_with_who_started_it(tmp_path: Path) -> None:
    """Java is stood in for by something that would run for long: what matters is who ends it."""
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\nexec {SLEEPER}\n")
    java.chmod(0o700)
    (tmp_path / "home" / "run").mkdir(parents=True)
    command = [sys.executable, "-c", PREPARER, str(tmp_path / "home"), str(java)]
    with subprocess.Popen(command) as starter:
        file = tmp_path / "home" / "run" / "pid"
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        pid = int(file.read_text())
        assert alive(pid)
        starter.kill()
    stop_left_over(tmp_path / "home")
    assert wait_for_end(pid, 60)


def test_a_foreign_process_with_the_old_number_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "pid").write_text(str(os.getpid()))
    stop_left_over(tmp_path)
    assert not (tmp_path / "run" / "pid").exists()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="did not start"):
        Neo4jChild(tmp_path / "home", heap="1k").start()
