"""The public covert networks as they are: what is found in each beside the groups or roles that are known."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
from rich.console import Console
from rich.table import Table

from graphsvc.detect.recipe import Parameters, detect
from graphsvc.edgelists.read import read_edges
from graphsvc.model.schema import load_schema

FOLDER = Path(os.environ.get("GRAPHSVC_TEST_DATA", "../shared/data"))


def main() -> None:
    """A row for each network."""
    table = Table(
        "network",
        "people",
        "contacts",
        "rings",
        "significant",
        "largest",
        "in rings",
        "Louvain",
        title="Covert networks",
    )
    for name, edges in networks():
        graph = nx.Graph(edges)
        graph.remove_edges_from(nx.selfloop_edges(graph))
        found = find(sorted(map(sorted, graph.edges)))
        within = {one for ring in found for one in ring[0]}
        table.add_row(
            name, str(len(graph)), str(graph.number_of_edges()), str(len(found)), str(sum(sure for _, sure in found)),
            str(max((len(ring) for ring, _ in found), default=0)), f"{len(within) / max(len(graph), 1):.0%}",
            str(len(nx.community.louvain_communities(graph, seed=1))),
        )  # fmt: skip
    Console(width=120).print(table)


def networks() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Names and edges of the networks that lie in the folder of test data."""
    for path in sorted(FOLDER.glob("networks/*/*.edges.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        yield path.name.removesuffix(".edges.csv"), [(row[0], row[1]) for row in rows[1:] if len(row) >= 2]


def find(edges: list[list[str]]) -> list[tuple[set[str], bool]]:
    """The rings in contacts between persons, with whether each is significant."""
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    path = folder / f"covert-{os.getpid()}.csv"
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("actor", "identifier", "kind", "verb"))
            writer.writerows((a, b, "Person", "CONTACTED") for a, b in edges)
        read = read_edges(path, None, load_schema())
    finally:
        path.unlink(missing_ok=True)
    found = detect(read, Parameters(kinds=read.kinds(20), order="chance"), read.spell)
    return [({read.names[one] for one in ring.accounts}, ring.significant) for ring in found.rings]
