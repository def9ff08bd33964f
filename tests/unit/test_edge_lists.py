"""Edge lists: what is read from each format, what is said of bad ones, scores against known rings, and pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from graphsvc.cli import app
from graphsvc.detect.evidence import UNKNOWN
from graphsvc.edgelists.drawing import draw_report
from graphsvc.edgelists.read import EdgeList, read_edges
from graphsvc.edgelists.truth import Scores, read_truth, score
from graphsvc.edgelists.write import read_rings
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import Schema, load_schema

RING = [(f"u{n}", f"p{m}") for n in range(5) for m in (n, (n + 1) % 5, (n + 2) % 5)]


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema()


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def rows_of(edges: EdgeList) -> list[tuple[str, ...]]:
    """Names and kinds of each claim's ends and its kind of link."""
    columns = (edges.src, edges.dst, edges.src_kind, edges.dst_kind, edges.kind)
    return [
        (edges.names[a], edges.names[b], edges.words[of], edges.words[to], edges.words[verb])
        for a, b, of, to, verb in zip(*(column.tolist() for column in columns), strict=True)
    ]


def test_rows_become_claims(tmp_path: Path, schema: Schema) -> None:
    path = write(
        tmp_path / "e.csv", "actor,identifier,kind,verb,since,until", "u1,+62,Phone,,2024-01-02,2024-02-01T12:00:00Z",
        "u2,x,,SENT_BY,,", "u1,u2,Account,PAID_TO,,", "+62,+63,Phone,CONTACTED,,",
    )  # fmt: skip
    links = write(tmp_path / "l.csv", "a,b", "+62,handset")
    edges = read_edges(path, links, schema)
    assert rows_of(edges) == [
        ("u1", "+62", "Account", "Phone", "USES"), ("u2", "x", "Account", "", "SENT_BY"),
        ("u1", "u2", "Account", "Account", "PAID_TO"), ("+62", "+63", "Phone", "Account", "CONTACTED"),
        ("+62", "handset", "Phone", "", "USES"),
    ]  # fmt: skip
    assert (edges.since[0], edges.until[0], edges.since[1]) == (1704153600, 1706788800, UNKNOWN)
    assert edges.rec.tolist() == [0, 1, 2, 3, 4] and edges.rows == 4
    assert len(set(edges.spell(range(len(edges.names))))) == len(edges.names)


def test_numbers_in_both_columns_are_not_contacts(tmp_path: Path, schema: Schema) -> None:
    edges = read_edges(write(tmp_path / "e.csv", "actor,identifier", "1,2", "2,1"), None, schema)
    assert edges.actors == 2 and len(edges.names) == 4


def test_parquet_and_graphml_hold_the_same(tmp_path: Path, schema: Schema) -> None:
    text = read_edges(
        write(tmp_path / "e.csv", "actor,identifier,kind,since", *[f"{a},{i},Phone,2024-03-01" for a, i in RING]),
        None,
        schema,
    )
    table = pa.table({
        "actor": pa.array([a for a, _ in RING]).dictionary_encode(), "identifier": [i for _, i in RING],
        "kind": ["Phone"] * len(RING), "since": [date(2024, 3, 1)] * len(RING),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "e.parquet")
    graph = nx.DiGraph()
    for actor, identifier in RING:
        graph.add_node(identifier, kind="Phone")
        graph.add_edge(actor, identifier, since="2024-03-01")
    nx.write_graphml(graph, tmp_path / "e.graphml")
    for name in ("e.parquet", "e.graphml"):
        other = read_edges(tmp_path / name, None, schema)
        assert rows_of(other) == rows_of(text) and (other.since == text.since).all(), name


@pytest.mark.parametrize(
    ("lines", "code", "where"),
    [
        (["actor,identifier", "a,b", "c,"], "empty_cell", "e.csv, line 3, column identifier"),
        (["actor,identifier", "a,b", "a,b,c"], "row_width", "e.csv, line 3"),
        (["actor,identifier,kind", "a,b,Phon"], "unknown_kind", "e.csv, line 2, column kind"),
        (["actor,identifier,verb", "a,b,", "a,b,USED"], "unknown_link_kind", "e.csv, line 3, column verb"),
        (["actor,identifier,since", "a,b,yesterday"], "bad_date", "e.csv, line 2, column since"),
        (["actor,identifier,since,until", "a,b,2024-02-01,2024-01-01"], "bad_interval", "e.csv, line 2, column until"),
        (["actor,idenifier", "a,b"], "bad_columns", "e.csv, column 2"),
        (["actor", "a"], "bad_columns", "e.csv"),
    ],
)
def test_bad_rows_are_told_by_line_and_column(
    tmp_path: Path, schema: Schema, lines: list[str], code: str, where: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_edges(write(tmp_path / "e.csv", *lines), None, schema)
    assert (refused.value.code, refused.value.where) == (code, where)


def test_bad_files_are_told(tmp_path: Path, schema: Schema) -> None:
    (tmp_path / "none.csv").write_bytes(b"")
    (tmp_path / "latin.csv").write_bytes(b"actor,identifier\n\xe9,b\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    (tmp_path / "bad.graphml").write_text("<graphml><edge")
    for name, code in (
        ("none.csv", "bad_csv"), ("latin.csv", "bad_csv"), ("bad.parquet", "bad_parquet"),
        ("bad.graphml", "bad_graphml"), ("e.txt", "bad_format"), ("absent.csv", "unreadable"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            read_edges(tmp_path / name, None, schema)
        assert refused.value.code == code, name


def test_scores_by_hand() -> None:
    known = [frozenset("abcd"), frozenset("efgh"), frozenset("ijkl")]
    reported = [frozenset("abc"), frozenset("xyz"), frozenset("efghu"), frozenset("abcd")]
    assert score(known, reported) == Scores(
        jaccard=(1 + 4 / 5) / 3, precision=3 / 4, recall=2 / 3, average_precision=(1 / 1 + 2 / 3) / 3, reported=4
    )
    assert score(known, []).stated() == {
        "jaccard": 0.0, "precision": 0.0, "recall": 0.0, "average_precision": 0.0, "reported": 0
    }  # fmt: skip


def test_the_command_finds_scores_and_draws(tmp_path: Path) -> None:
    crowd = [(f"u{n}", "hub") for n in range(5, 40)] + [(f"u{n}", f"own{n}") for n in range(40)]
    edges = write(
        tmp_path / "e.csv", "actor,identifier,kind,since,until",
        *[f"{a},{i},Phone,2024-01-01,2024-06-01" for a, i in [*RING, *crowd]],
    )  # fmt: skip
    known = write(tmp_path / "known.csv", "actor,ring", *[f"u{n},1" for n in range(5)])
    out = tmp_path / "rings.json"
    run = CliRunner().invoke(app, ["rings", "detect", str(edges), "--out", str(out), "--truth", str(known)])
    assert run.exit_code == 0, run.output
    scores = json.loads(run.stdout.splitlines()[-1])
    assert scores == {"jaccard": 1.0, "precision": 1.0, "recall": 1.0, "average_precision": 1.0, "reported": 1}
    assert "0.400" in run.stdout and "1 rings" in run.stdout
    (ring,) = read_rings(out)["rings"]
    assert ring["accounts"] == [f"u{n}" for n in range(5)] and len(ring["identifiers"]) == 5
    assert ring["identifiers"][0]["since"] == "2024-01-01" and ring["reasons"][0]["rows"] == list(range(1, 16))
    short = CliRunner().invoke(app, ["rings", "detect", str(edges), "--out", str(out), "--truth", str(known), "--json"])
    assert json.loads(short.stdout)["jaccard"] == 1.0
    drawn = CliRunner().invoke(app, ["rings", "report", str(out), "--out", str(tmp_path / "pictures")])
    assert drawn.exit_code == 0, drawn.output
    pictures = sorted(tmp_path.glob("pictures/*.svg"))
    assert [path.stem for path in pictures] == ["network-1", "ring-1", "scores", "sizes", "times-1"]
    root = ElementTree.parse(tmp_path / "pictures" / "ring-1.svg").getroot()
    assert len(root.findall(".//{*}circle")) == 5 and len(root.findall(".//{*}line")) == 15
    before = {path.name: path.read_bytes() for path in pictures}
    draw_report(read_rings(out), 1, tmp_path / "again", png=False)
    assert before == {path.name: path.read_bytes() for path in sorted(tmp_path.glob("again/*.svg"))}


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    bad = write(tmp_path / "e.csv", "actor,identifier", "a,")
    end = ["--out", str(tmp_path / "o.json"), "--json"]
    command = [sys.executable, "-m", "graphsvc", "rings", "detect", str(bad), *end]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "empty_cell"
    assert not (tmp_path / "o.json").exists()
    run = CliRunner().invoke(app, ["rings", "report", str(bad), "--out", str(tmp_path)])
    assert isinstance(run.exception, InvalidInput) and run.exception.code == "bad_rings"


def test_known_rings_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "actor,ring", "a,1", "b,1", "a,2")
    assert read_truth(path) == [frozenset("ab"), frozenset("a")]
    with pytest.raises(InvalidInput):
        read_truth(write(tmp_path / "none.csv", "actor,ring"))
