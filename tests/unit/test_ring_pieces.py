"""Rings found component by component, without a cluster: the same as found all at once, line by line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from bench.rings.quality import Told, told
from bench.rings.worlds import make_world
from graphsvc.cli import app
from graphsvc.detect.arrays import compact
from graphsvc.detect.core import components
from graphsvc.detect.evidence import gather
from graphsvc.detect.explain import Ring, tell
from graphsvc.detect.graph import EPISODES, Graph, build
from graphsvc.detect.recipe import Parameters, detect
from graphsvc.detect.search import null_of, one_world
from graphsvc.detect.significance import significant
from graphsvc.model.errors import InvalidInput
from graphsvc.spark import session
from graphsvc.spark.pieces import Piece, decode, encode, graph_of, keys_of, renamed, search_pieces
from graphsvc.spark.projection import COLUMNS, Projected


def numbered(claims: Told) -> tuple[Told, np.ndarray]:
    """The claims with entities in the order of their names, and the entity of each place."""
    entities = np.array(sorted(range(len(claims.names)), key=claims.names.__getitem__), np.int64)
    place = np.argsort(entities)
    return replace(claims, src=place[claims.src], dst=place[claims.dst]), entities


def shipped(graph: Graph, chosen: np.ndarray) -> pa.Table:
    """The uses of the chosen links, as a worker gets them, in some other order."""
    use = np.flatnonzero(chosen[graph.link])
    use = np.random.default_rng(1).permutation(use)
    link = graph.link[use]
    node = graph.identifier[link]
    entity = graph.identifiers[node]
    ends = graph.contacts[np.where(entity < 0, -1 - entity, 0)] if len(graph.contacts) else np.full((len(use), 2), -1)
    met = entity < 0
    return pa.table({
        "member": graph.members[graph.member[link]], "node": entity * EPISODES + graph.episode[node],
        "entity": np.where(met, ends[:, 0], entity), "other": np.where(met, ends[:, 1], -1),
        "episode": graph.episode[node], "code": graph.code[node], "way": graph.way[link], "users": graph.users[node],
        "hub": graph.hub[node], "since": graph.uses.since[use], "until": graph.uses.until[use],
        "claim": graph.uses.claim[use], "via": graph.uses.via[use],
    })  # fmt: skip


def in_pieces(claims: Told, parameters: Parameters, buckets: int) -> list[Ring]:
    placed, entities = numbered(claims)
    graph = build(gather(placed, parameters.kinds), parameters.kinds, placed.words, lambda ids: ids)
    null = null_of(graph, one_world)
    # 1. Components of what is shared, dealt out; hubs of everybody go to all.
    shared = ((graph.users >= 2) & ~graph.hub)[graph.identifier]
    nodes = len(graph.members) + len(graph.identifiers)
    component = components(nodes, graph.member[shared], graph.identifier[shared] + len(graph.members))
    bucket = compact(component)[1][graph.member] % buckets
    pieces = list[Piece]()
    for number in range(buckets):
        chosen = (shared & (bucket == number)) | graph.hub[graph.identifier]
        table = shipped(graph, chosen)
        cited = np.unique(np.concatenate([table["claim"].to_numpy(), table["via"].to_numpy()]))
        rows = cited[cited >= 0]
        sent = Projected.of(pa.table({"pos": rows, **{n: getattr(placed, n)[rows] for n in COLUMNS}}), placed.words)
        found = decode(encode(search_pieces(table, sent, parameters.settings(), null)))
        assert not found.cut
        for one in found.found:
            one.network += number * 1_000_000
        pieces += found.found
    # 2. Put together as the driver does.
    keys = keys_of(pieces)
    marked, network, rings = significant(keys.log_e), dict[int, int](), []
    order = keys.order(parameters.order)
    for place, n in enumerate(order, 1):
        network.setdefault(pieces[n].network, place)
    for place, n in enumerate(order, 1):
        facts = replace(renamed(pieces[n].facts, entities), significant=bool(marked[n]))
        rings.append(tell(facts, place, network[pieces[n].network]))
    return rings


@pytest.mark.parametrize(
    ("letter", "order"), [("A", "spread"), ("C", "chance"), ("D", "spread"), ("E", "chance"), ("F", "spread")]
)
def test_component_by_component_the_same_rings_are_found(letter: str, order: str) -> None:
    claims = told(make_world(letter, 300, 7))
    parameters = Parameters(order=order)
    whole = detect(claims, parameters, lambda ids: [claims.names[one] for one in ids]).rings
    assert len(whole) > 5
    assert in_pieces(claims, parameters, 5) == list(whole)


def test_numbers_of_entities_and_the_order_of_claims_change_no_word() -> None:
    claims = told(make_world("E", 400, 2))
    names = claims.names
    whole = detect(claims, Parameters(), lambda ids: [names[one] for one in ids]).rings
    draw = np.random.default_rng(5)
    number, rows = draw.permutation(len(names)), draw.permutation(len(claims.rec))
    moved = {name: getattr(claims, name)[rows] for name in COLUMNS}
    moved |= {"src": number[moved["src"]], "dst": number[moved["dst"]]}
    back = np.argsort(number)
    again = detect(replace(claims, **moved), Parameters(), lambda ids: [names[back[one]] for one in ids]).rings
    assert [[reason.text for reason in ring.reasons] for ring in again] == [
        [reason.text for reason in ring.reasons] for ring in whole
    ]
    assert [[(s.kind, s.records) for s in ring.shared] for ring in again] == [
        [(s.kind, s.records) for s in ring.shared] for ring in whole
    ]


def test_a_graph_is_put_together_again_from_its_uses() -> None:
    placed, _ = numbered(told(make_world("E", 200, 1)))
    kinds = Parameters().kinds
    graph = build(gather(placed, kinds), kinds, placed.words, lambda ids: ids)
    again = graph_of(shipped(graph, np.ones(len(graph.member), bool)), np.arange(len(placed.rec)))
    names = [(graph.members, again.members), (graph.users[graph.users > 0], again.users)]
    assert all((one == other).all() for one, other in names)
    assert (graph.way == again.way).all() and len(graph.uses) == len(again.uses)


EDGES = "actor,identifier\na,b\n"


@pytest.mark.parametrize(
    ("options", "code", "where"),
    [
        (["--master", "local[2]"], "no_cluster", "--master"),
        (["--work", "."], "no_cluster", "--work"),
        (["--engine", "spark"], "no_cluster", "--master"),
        (["--engine", "spark", "--master", "spark://host:7077"], "no_folder", "--work"),
    ],
)
def test_options_that_do_not_fit_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: str, where: str
) -> None:
    monkeypatch.setattr(session, "check_installed", lambda: None)
    told = refused(tmp_path, options)
    assert (told.code, told.where) == (code, where)


def refused(folder: Path, options: list[str]) -> InvalidInput:
    edges = folder / "e.csv"
    edges.write_text(EDGES)
    run = CliRunner().invoke(app, ["rings", "detect", str(edges), "--out", str(folder / "o.json"), *options])
    assert isinstance(run.exception, InvalidInput), run.output
    assert not (folder / "o.json").exists()
    return run.exception


def test_what_is_missing_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--engine", "spark", "--master", "local[2]"]
    monkeypatch.setattr(session, "find_spec", lambda _: None)
    told = refused(tmp_path, options)
    assert told.code == "no_pyspark" and "graphsvc[spark]" in str(told)
    monkeypatch.setattr(session, "find_spec", lambda _: object())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    told = refused(tmp_path, options)
    assert told.code == "no_java" and "install a Java" in str(told)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "at JAVA_HOME" in str(refused(tmp_path, options))
    for said, told in (
        ('openjdk version "11.0.2"', "version 11"),
        ('java version "1.8.0_392"', "version 8"),
        ("", "not run"),
    ):
        java(tmp_path / "bin" / "java", said)
        assert told in str(refused(tmp_path, options))
    java(tmp_path / "bin" / "java", 'openjdk version "21.0.4"')
    session.check_installed()


def java(path: Path, said: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    path.chmod(0o755)
