"""The applier against a real Neo4j: two at once, one that was stopped, and one that is killed at every step."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit"))

from graph_world import draft, label
from ledger_actors import ORIGIN, Member
from sealed_drafts import enter_anew, enter_drafts
from sealed_world import SealedWorld

from graphsvc.columns.store import Columns
from graphsvc.graph.driver import Graph
from graphsvc.graph.fingerprint import Fingerprint, fingerprint
from graphsvc.graph.marks import Marks
from graphsvc.graph.write import OutOfOrder, Writer
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model import bounds
from graphsvc.model.drafts import Unread
from graphsvc.model.errors import Conflict
from graphsvc.model.files import is_temporary
from graphsvc.projection.apply import Applier, Payloads, Projections
from graphsvc.projection.changes import SET_ASIDE, Aside, read_aside

CHILD = Path(__file__).parents[1] / "storage" / "crash_child.py"
BATCH = 4
SECRET = bytes(32)
KINDS = ["Account", "Phone", "Parcel", "Person"]


class DraftWorld(SealedWorld):
    """A ledger of real drafts of three organisations: submissions of some batches, label moves and a withdrawal."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        for org in ("swift", "customs"):
            Member(org).join(self.ledger)

    def rows(self, name: str, count: int, code: str, org: str = "pasar", **wrong: dict[str, Any]) -> int:
        """A submission; ``wrong`` says what is wrong with row ``r<number>``."""
        drafts = [
            draft(
                row,
                label(org, code),
                [f"account:shop:{name}{row}", f"phone:e164:+{row}"],
                [("USES", 0, 1)],
                **wrong.get(f"r{row}", {}),
            )
            for row in range(count)
        ]
        return enter_drafts(self.ledger, (self.store, self.keys), org, drafts)

    def fill(self) -> None:
        first = self.rows("a", 10, "GREEN")
        self.rows("b", 3, "RED", "swift")
        self.enter(
            "label",
            {"moves": [{"records": [first << 28, first << 28 | 1], "label": msgspec.to_builtins(label(code="AMBER"))}]},
        )
        self.enter("withdrawal", {"ranges": [[first, 2, 2]]})
        self.rows("c", 5, "CLEAR", "swift")
        self.cleaned_anew()
        # As an older version of the service took them in: rows of the first and of the second batch.
        self.rows("d", 7, "GREEN", r1={"expires": "2030-00-00"}, r2={"expires": "2030-00-00"}, r6={"expires": "never"})

    def cleaned_anew(self) -> None:
        """Five rows of a submission, of which one has gone, and one moves before they are cleaned anew, one after."""
        index, labels = self.rows("e", 6, "GREEN"), (label(), label(code="RED"))

        def move(row: int) -> None:
            moved = {"records": [index << 28 | row], "label": msgspec.to_builtins(labels[1])}
            self.enter("label", {"moves": [moved]})

        def anew(*rows: int) -> int:
            drafts = [
                draft(
                    row,
                    labels[0],
                    [f"account:shop:e{row}", f"phone:e164:+{row}", f"phone:e164:+9{row}"],
                    [("USES", 0, 1), ("USES", 0, 2)],
                    unread=Unread(before=1),
                    # As an older version cleaned it: it stays as it was.
                    **({"expires": "2030-00-00"} if row == 5 else {}),
                )
                for row in rows
            ]
            return enter_anew(self.ledger, (self.store, self.keys), "pasar", index, drafts)

        self.enter("withdrawal", {"ranges": [[index, 3, 3]]})
        move(1)
        assert anew(0, 1, 2, 4, 5) < self.ledger.head
        move(2)
        self.enter("withdrawal", {"ranges": [[index, 4, 4]]})


@dataclass
class Expected:
    """The ledger, and what one undisturbed applier makes of it."""

    data: Path
    fingerprint: Fingerprint
    parts: dict[str, list[Any]]
    aside: list[Aside]


def aside_in(ledger: Ledger) -> list[Aside]:
    """What its entries say is set aside."""
    return [read_aside(ledger, index) for index, _ in ledger.indexes(0, ledger.head, (SET_ASIDE,))]


def applier_of(
    data: Path, uri: str, auth: tuple[str, str], columns: str = "columns"
) -> tuple[Applier, Callable[[], None]]:
    """An applier over the ledger in ``data``, and how to close what it uses."""
    bounds.BATCH_ROWS = BATCH
    ledger, keys = Ledger.open(data / "ledger", ORIGIN), RowKeys(data / "keys" / "rows.db")
    graph = Graph.open(uri, auth)
    graph._kinds = frozenset(KINDS)
    projections = Projections(Writer(graph, Marks(SECRET)), Columns(data / columns))

    def close() -> None:
        ledger.close()
        keys.close()
        graph.close()

    return Applier(ledger, Payloads(FilePayloadStore(data / "payloads"), keys), projections), close


def parts(data: Path, graph: Graph) -> dict[str, list[Any]]:
    """What the files of the columns say, by name: keys and labels for the numbers that this graph has for them."""
    with graph.session() as session:
        keys = dict(session.run("MATCH (e:Entity) RETURN e.id, e.key").values())
        labels = dict(session.run("MATCH (l:Label) RETURN l.lid, l.key").values())
    found: dict[str, list[Any]] = {}
    for path in (data / "columns").iterdir():
        if path.suffix == ".json" and not is_temporary(path.name):
            said = msgspec.json.decode(path.read_bytes())
            found[path.name] = [(one["records"], labels[one["lid"]]) for one in said]
        elif not is_temporary(path.name):
            names = {"src": keys, "dst": keys, "lid": labels}
            rows = pq.read_table(path).to_pylist()
            found[path.name] = [{name: names.get(name, {}).get(v, v) for name, v in row.items()} for row in rows]
            assert all(isinstance(row[name], str) for row in found[path.name] for name in names), "there is such a one"
    return found


@pytest.fixture
def expected(
    tmp_path: Path, neo4j_server: Neo4jChild, graph_database: Graph, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Expected]:
    monkeypatch.setattr(bounds, "BATCH_ROWS", BATCH)
    world = DraftWorld(tmp_path / "data")
    world.fill()
    world.close()
    applied = shutil.copytree(tmp_path / "data", tmp_path / "applied")
    applier, close = applier_of(applied, neo4j_server.uri, neo4j_server.auth)
    applier.catch_up()
    aside = aside_in(applier._ledger)
    close()
    seen = Expected(tmp_path / "data", fingerprint(graph_database), parts(applied, graph_database), aside)
    assert seen.fingerprint.nodes > 30 and len(seen.parts) == 3 + 1 + 2 + 2 + 1 + (2 + 2 + 2)
    assert [one.faults for one in aside] == [[("bad_value", 5, 5)], [("bad_value", 1, 2)], [("bad_value", 6, 6)]]
    with graph_database.session() as session:
        found = session.run(
            "MATCH (a:Entity)<-[:ABOUT]-(r:Record)-[:ABOUT]->(p:Phone) WHERE a.key STARTS WITH 'account:shop:e' "
            "MATCH (l:Label {lid: r.lid}) RETURN a.key, l.key CONTAINS 'RED', count(p)"
        ).values()
    assert sorted(found) == [[f"account:shop:e{n}", n in (1, 2), 1 if n == 5 else 2] for n in (0, 1, 2, 5)]
    graph_database.empty()
    yield seen


def test_two_appliers_at_once_apply_everything_once(
    expected: Expected, neo4j_server: Neo4jChild, graph_database: Graph
) -> None:
    ledger, keys = Ledger.open(expected.data / "ledger", ORIGIN), RowKeys(expected.data / "keys" / "rows.db")
    payloads = Payloads(FilePayloadStore(expected.data / "payloads"), keys)
    graphs = [Graph.open(neo4j_server.uri, neo4j_server.auth) for _ in range(2)]
    for graph in graphs:
        graph._kinds = frozenset(KINDS)
    gate = threading.Barrier(2)
    refused: list[str] = []

    def run(graph: Graph) -> None:
        applier = Applier(
            ledger, payloads, Projections(Writer(graph, Marks(SECRET)), Columns(expected.data / "columns"))
        )
        gate.wait()
        while True:
            try:
                return applier.catch_up()
            except (OutOfOrder, Conflict, FileNotFoundError) as error:
                refused.append(type(error).__name__)

    for _ in range(4):
        graph_database.empty()
        threads = [threading.Thread(target=run, args=(graph,)) for graph in graphs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert fingerprint(graph_database) == expected.fingerprint
        assert parts(expected.data, graph_database) == expected.parts
        assert aside_in(ledger) == expected.aside, "set aside once, whoever was first"
    assert refused, "they never met: the test shows nothing"
    for graph in graphs:
        graph.close()
    ledger.close()
    keys.close()


def test_an_applier_that_slept_goes_on_with_the_labels_of_now(
    expected: Expected, neo4j_server: Neo4jChild, graph_database: Graph
) -> None:
    """Its table of labels is from before; the numbers that it gives must be those after."""
    applier, close = applier_of(expected.data, neo4j_server.uri, neo4j_server.auth)
    writer = applier._projections.writer
    assert writer.watermark().index == -1 and writer._known() == {}
    with pytest.MonkeyPatch.context() as patch:
        ledger = applier._ledger
        patch.setattr(type(ledger), "head", property(lambda self: self._head - 1))
        other = Graph.open(neo4j_server.uri, neo4j_server.auth)
        other._kinds = frozenset(KINDS)
        payloads = Payloads(FilePayloadStore(expected.data / "payloads"), RowKeys(expected.data / "keys" / "rows.db"))
        Applier(ledger, payloads, Projections(Writer(other, Marks(SECRET)), applier._projections.columns)).catch_up()
        other.close()
    applier.catch_up()
    close()
    assert fingerprint(graph_database) == expected.fingerprint


def test_killed_at_every_step_of_applying(
    expected: Expected, neo4j_server: Neo4jChild, graph_database: Graph, tmp_path: Path
) -> None:
    point, done = 0, False
    with subprocess.Popen(
        [sys.executable, str(CHILD), "applier", str(tmp_path / "runs"), neo4j_server.uri, *neo4j_server.auth],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])},
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        while not done:
            point += 1
            data = tmp_path / "runs" / str(point)
            shutil.copytree(expected.data, data)
            graph_database.empty()
            child.stdin.write("go\n")
            child.stdin.flush()
            said = child.stdout.readline()
            assert said.startswith(f"{point}|"), said
            done = "done" in said
            applier, close = applier_of(data, neo4j_server.uri, neo4j_server.auth)
            applier.catch_up()
            aside = aside_in(applier._ledger)
            close()
            assert aside == expected.aside, f"set aside once, killed at point {point}"
            assert fingerprint(graph_database) == expected.fingerprint, f"killed at point {point}"
            assert parts(data, graph_database) == expected.parts, f"killed at point {point}"
            shutil.rmtree(data)
        child.stdin.close()
    assert point > 40
