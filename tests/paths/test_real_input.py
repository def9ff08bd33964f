"""Networks of real and simulated cases, in over HTTP by mapping files alone, come out as networkx reads them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from graphsvc.client import Client, Outgoing
from graphsvc.demo.company import Members
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Footing
from graphsvc.model.product import product_data
from tests.paths.conftest import FOOTING

ROXANNE = "networks/roxanne/roxsd_drug.json"
MONEY = "networks/roxanne/roxsd_money.json"
TOGO = "networks/covert_47_Togo/covert_47"
COCAINE = "networks/covert_13_Cocaine-Dealing-Natarajan/covert_13"
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), legal_basis="statutory-duty", pap="GREEN")
MAPPINGS = product_data("schema").parent / "importers" / "mappings"

SEARCH = """query($kind: String!, $parts: [KeyPart!]!, $after: Int) {
  search(kind: $kind, parts: $parts, after: $after) { handle key } }"""
EXPAND = """query($start: ID!, $hops: Int!) { expand(start: $start, hops: $hops, limit: 2000) {
  truncated entities { handle key } links { kind source target record { owner } } } }"""
PATHS = """query($a: ID!, $b: ID!) { paths(source: $a, target: $b, maxHops: 8, k: 3) {
  truncated paths { length entities { handle } links { source target } } } }"""


@dataclass
class Case:
    """A network: its files with their mappings, the raw reading, and how a raw node id becomes a canonical key."""

    files: list[tuple[str, str, str]]
    read: Callable[[Path], nx.MultiDiGraph]
    kind: str
    parts: Callable[[str], dict[str, str]]


def _read_roxanne(*names: str) -> Callable[[Path], nx.MultiDiGraph]:
    def read(data: Path) -> nx.MultiDiGraph:
        graph = nx.MultiDiGraph()
        for name in names:
            for line in (data / name).read_text().splitlines():
                if line.startswith("#"):
                    continue
                row = json.loads(line)
                if row["type"] == "node":
                    graph.add_node(row["id"])
                else:
                    graph.add_edge(row["source"], row["target"])
        return graph

    return read


def _read_covert(stem: str) -> Callable[[Path], nx.MultiDiGraph]:
    def read(data: Path) -> nx.MultiDiGraph:
        graph = nx.MultiDiGraph()
        with (data / f"{stem}.nodes.csv").open(newline="") as file:
            graph.add_nodes_from(row["name"] for row in csv.DictReader(file))
        with (data / f"{stem}.edges.csv").open(newline="") as file:
            graph.add_edges_from((row["source"], row["target"]) for row in csv.DictReader(file))
        return graph

    return read


def _covert(stem: str) -> Case:
    files = [(f"{stem}.nodes.csv", "covert-nodes", "text/csv"), (f"{stem}.edges.csv", "covert-edges", "text/csv")]
    return Case(files, _read_covert(stem), "Person", lambda node: {"ref": node})


# The phone and the money network of the one simulated case go in together: shared accounts must join them.
CASES = {
    "roxanne": Case(
        [(ROXANNE, "roxanne", "application/x-ndjson"), (MONEY, "roxanne", "application/x-ndjson")],
        _read_roxanne(ROXANNE, MONEY),
        "Account",
        lambda node: {"site": "roxsd", "id": node},
    ),
    "togo": _covert(TOGO),
    "cocaine": _covert(COCAINE),
}
OWNERS = {"roxanne": "police-ke", "togo": "police-ke", "cocaine": "customs-cn"}


@pytest.fixture(scope="module", params=list(CASES))
def loaded(
    request: pytest.FixtureRequest, members: Members, test_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    case, owner = CASES[request.param], OWNERS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    index = -1
    for name, mapping, media_type in case.files:
        copy = folder / Path(name).name
        copy.write_bytes((test_data / name).read_bytes())
        outgoing = Outgoing(copy, media_type, (MAPPINGS / f"{mapping}.yaml").read_bytes(), DEFAULTS)
        done = members.client(f"{owner}.feed").submit(outgoing, owner, members.by_name[owner].working)
        assert done.rejected == 0, done.problems
        index = done.index
    raw = case.read(test_data)
    client = members.client(f"{owner}.investigator" if owner == "police-ke" else f"{owner}.officer")
    footing = FOOTING if owner == "police-ke" else Footing()
    handles = {}
    for node in raw:
        parts = [{"name": name, "value": value} for name, value in case.parts(node).items()]
        found = client.query(SEARCH, {"kind": case.kind, "parts": parts}, footing, after=index)
        assert len(found.data["search"]) == 1, node
        handles[node] = found.data["search"][0]["handle"]
    assert len(set(handles.values())) == raw.number_of_nodes()
    return client, raw, handles, footing


def test_expand_gives_the_same_nodes_and_edges(loaded: tuple[Client, nx.MultiDiGraph, dict[str, str], Any]) -> None:
    client, raw, handles, footing = loaded
    plain = raw.to_undirected(as_view=True)
    for start in list(raw)[::3]:
        for hops in (1, 2, 4):
            distance = nx.single_source_shortest_path_length(plain, start, cutoff=hops)
            network = client.query(EXPAND, {"start": handles[start], "hops": hops}, footing).data["expand"]
            assert not network["truncated"]
            assert {entity["handle"] for entity in network["entities"]} == {handles[node] for node in distance}
            # What an expansion walks over: every edge that leaves a node nearer than the last ring.
            walked = Counter(
                (handles[a], handles[b])
                for a, b in raw.edges()
                if min(distance.get(a, hops), distance.get(b, hops)) < hops
            )
            assert Counter((link["source"], link["target"]) for link in network["links"]) == walked


def test_paths_have_the_same_shortest_lengths(loaded: tuple[Client, nx.MultiDiGraph, dict[str, str], Any]) -> None:
    client, raw, handles, footing = loaded
    plain = nx.Graph(raw.to_undirected(as_view=True))
    edges = {frozenset((handles[a], handles[b])) for a, b in plain.edges()}
    for a, b in list(combinations(sorted(plain), 2))[::9]:
        answers = client.query(PATHS, {"a": handles[a], "b": handles[b]}, footing).data["paths"]["paths"]
        length = nx.shortest_path_length(plain, a, b) if nx.has_path(plain, a, b) else None
        if length is None or length > 8:
            assert answers == []
            continue
        assert answers[0]["length"] == length
        assert [answer["length"] for answer in answers] == sorted(answer["length"] for answer in answers)
        for answer in answers:
            steps = [entity["handle"] for entity in answer["entities"]]
            assert steps[0] == handles[a] and steps[-1] == handles[b] and len(set(steps)) == len(steps)
            assert all(frozenset(step) in edges for step in pairwise(steps))
