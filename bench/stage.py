"""What benchmarks run on: a Neo4j of their own, the service as a process of its own, one organisation with its keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from neo4j import Driver, GraphDatabase, NotificationMinimumSeverity

from graphsvc.demo.cast import CLIENTS, OPERATOR
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph.driver import Graph
from graphsvc.graph.read import Reader
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.local.run import LocalService
from graphsvc.model.accelerator import AUTO
from graphsvc.model.schema import load_schema

HEAP, PAGECACHE = "1g", "512m"


@contextmanager
def neo4j(folder: Path) -> Iterator[Neo4jChild]:
    """A fresh Neo4j below ``folder``."""
    child = Neo4jChild(folder / "neo4j", None, HEAP, PAGECACHE)
    child.start()
    try:
        yield child
    finally:
        child.stop()


@contextmanager
def constrained(child: Neo4jChild) -> Iterator[None]:
    """A server on what was imported into it, started, with its constraints made; it stops at the end of the block."""
    child.start()
    try:
        graph = Graph.open(child.uri, child.auth)
        graph.constrain(list(load_schema().kinds))
        graph.close()
        yield
    finally:
        child.stop()


def plan(child: Neo4jChild) -> None:
    """Have the server plan what questions ask first, as a service does after its start: no clock should run meanwhile.

    The plans stay with the server, so a service that starts later finds them there.
    """
    graph = Graph.open(child.uri, child.auth)
    try:
        graph.constrain(list(load_schema().kinds))
        Reader(graph).plan_ahead().result()
    finally:
        graph.close()


@contextmanager
def raw_driver(child: Neo4jChild) -> Iterator[Driver]:
    """The plain driver."""
    quiet = NotificationMinimumSeverity.OFF
    with GraphDatabase.driver(child.uri, auth=child.auth, notifications_min_severity=quiet) as driver:
        yield driver


@contextmanager
def service(child: Neo4jChild, data: Path, module: str = "graphsvc", accelerator: str = AUTO) -> Iterator[LocalService]:
    """``graphsvc up`` on ``data`` as a process of its own, over the given Neo4j.

    ``module`` replaces ``graphsvc``; ``accelerator`` is ``auto`` or ``off``.
    """
    (data / "dev").mkdir(parents=True, exist_ok=True)
    (data / "dev" / "people.json").write_bytes(msgspec.json.encode(list(CLIENTS)))
    user, password = child.auth
    environment = {
        **os.environ,
        "GRAPHSVC_NEO4J_URI": child.uri,
        "GRAPHSVC_NEO4J_USER": user,
        "GRAPHSVC_NEO4J_PASSWORD": password,
        "GRAPHSVC_ACCELERATOR": accelerator,
    }
    command = [sys.executable, "-m", module, "up", "--data", str(data), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield LocalService(
            told["url"], told["identity"], data / "dev" / "clients.json", told["origin"], told["log"], data
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def enrolled(running: LocalService, folder: Path) -> Iterator[Members]:
    """The scenario's organisations, admitted and enrolled."""
    members = Members(running, ORGANISATIONS, folder)
    operator = members.client(OPERATOR)
    for organisation in ORGANISATIONS:
        member = members.by_name[organisation.org]
        operator.admit(organisation, member.root.public)
        member.enrol(operator, running.origin, "bench")
    try:
        yield members
    finally:
        members.close()


def wipe(driver: Driver) -> None:
    """Remove all nodes, the watermark too; indexes and constraints stay."""
    with driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS").consume()
