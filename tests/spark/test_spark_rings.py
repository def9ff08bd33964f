"""Rings on a Spark cluster of processes on this machine: byte for byte those of the engine of one machine.

One session serves all; it takes half a minute and 4 GB. Without PySpark or Java these tests skip, and say so.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.rings.covert import networks
from bench.rings.worlds import make_world
from graphsvc.cli import app
from graphsvc.detect.recipe import Found, Parameters, detect
from graphsvc.edgelists.read import EdgeList, read_edges
from graphsvc.edgelists.write import read_rings, write_rings
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import load_schema
from graphsvc.spark.projection import Store
from graphsvc.spark.session import check_installed, opened, work_folder

# PySpark leaves the sockets over which results came to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
MASTER = "local-cluster[2,1,2048]"
Row = tuple[str, ...]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """A running session on a cluster of two workers, each a process of its own."""
    try:
        check_installed()
    except InvalidInput as error:
        pytest.skip(str(error))
    with work_folder(None) as own, opened(MASTER, own) as session:
        yield session
        assert (own / "home" / "work").is_dir(), "workers write here, not beside the installed programs"
    assert not own.exists()


def rows_of(letter: str, accounts: int) -> tuple[list[Row], list[Row]]:
    """A world as rows of an edge list and of its links, with names that no other world has."""

    def day(number: int) -> str:
        return (date(1970, 1, 1) + timedelta(number)).isoformat()

    world = make_world(letter, accounts, 9)
    edges = [
        (f"{letter}{one.actor}", f"{letter}{one.identifier}", one.kind, one.verb, day(one.since), day(one.until))
        for one in world.sightings
    ]
    return edges, [(f"{letter}{one.a}", f"{letter}{one.b}", day(one.since), day(one.until)) for one in world.behind]


def much() -> tuple[list[Row], list[Row]]:
    """Worlds with all that the recipe has steps for, and the public covert networks as persons in contact."""
    edges, links = list[Row](), list[Row]()
    for letter in "CDEF":
        more, joined = rows_of(letter, 240)
        edges += more
        links += joined
    for name, contacts in networks():
        edges += [(f"{name} {a}", f"{name} {b}", "Person", "CONTACTED", "", "") for a, b in contacts if a != b]
    # Whoever alone uses a telephone took part in its calls; a parcel may be sent by telephone.
    phones, parcels = ([row[1] for row in edges if row[2] == kind] for kind in ("Phone", "Parcel"))
    edges += [(a, b, "Phone", "CONTACTED", "", "") for a, b in pairwise(phones[:60])]
    edges += [(a, b, "Person", "SENT_BY", "", "") for a, b in zip(parcels, phones, strict=False)]
    return edges, links


def written(folder: Path, edges: list[Row], links: list[Row]) -> tuple[Path, Path]:
    for name, header, rows in (
        ("edges.csv", "actor,identifier,kind,verb,since,until", edges), ("links.csv", "a,b,since,until", links)
    ):  # fmt: skip
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header.split(","), *rows])
    return folder / "edges.csv", folder / "links.csv"


def as_bytes(path: Path, found: Found, parameters: Parameters, edges: EdgeList) -> bytes:
    write_rings(path, found, parameters, edges, {})
    return path.read_bytes()


def test_the_cluster_finds_the_same_rings_whatever_the_parts(cluster: Any, tmp_path: Path) -> None:
    from graphsvc.spark.detect import Bounds
    from graphsvc.spark.detect import detect as detect_there

    read = read_edges(*written(tmp_path, *much()), load_schema())
    parameters = Parameters(kinds=read.kinds(12), order="chance")
    here = detect(read, parameters, read.spell)
    assert len(here.rings) > 60 and any(ring.between for ring in here.rings) and any(ring.hubs for ring in here.rings)
    assert any(ring.brokers for ring in here.rings) and any(ring.tag for ring in here.rings)
    assert any(one.entity is None for ring in here.rings for one in ring.shared), "contacts are shared as well"
    # Parts of 700 claims, no component labelled in one place, some 300 links a worker at once.
    bounds = Bounds(part=700, few=0, at_once=300)
    (tmp_path / "work").mkdir()
    stages = list[str]()
    there = detect_there(read, parameters, read.spell, Store(cluster, tmp_path / "work"), stages.append, bounds)
    assert as_bytes(tmp_path / "a", there, parameters, read) == as_bytes(tmp_path / "b", here, parameters, read)
    assert there == here and stages == ["project", "link", "part", "search", "explain"]


def test_the_command_finds_the_same_rings_in_shuffled_rows(cluster: Any, tmp_path: Path) -> None:
    edges, links = rows_of("E", 220)
    random.Random(4).shuffle(edges)
    random.Random(5).shuffle(links)
    paths = list(map(str, written(tmp_path, edges, links)))
    command = ["rings", "detect", paths[0], "--links", paths[1], "--out"]
    here = CliRunner().invoke(app, [*command, str(tmp_path / "here.json")])
    there = CliRunner().invoke(
        app, [*command, str(tmp_path / "there.json"), "--engine", "spark", "--master", MASTER, "--work", str(tmp_path)]
    )
    assert (here.exit_code, there.exit_code) == (0, 0), there.output
    assert here.stdout == there.stdout
    assert len(read_rings(tmp_path / "here.json")["rings"]) > 10
    assert (tmp_path / "here.json").read_bytes() == (tmp_path / "there.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edges.csv", "here.json", "links.csv", "there.json"]


def test_an_empty_list_and_one_without_rings(cluster: Any, tmp_path: Path) -> None:
    from graphsvc.spark.detect import detect as detect_there

    (tmp_path / "e.csv").write_text("actor,identifier\n" + "".join(f"a{n},i{n // 2}\n" for n in range(9)))
    read = read_edges(tmp_path / "e.csv", None, load_schema())
    parameters = Parameters(kinds=read.kinds(20))
    (tmp_path / "work").mkdir()
    found = detect_there(read, parameters, read.spell, Store(cluster, tmp_path / "work"))
    assert found == detect(read, parameters, read.spell) and not found.rings
