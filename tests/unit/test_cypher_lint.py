"""All Cypher and all use of the Neo4j driver stay in graphsvc/graph: elsewhere it would read without a scope."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for folder in ("graphsvc", "importers", "verifier/graphsvc_verify")
    for path in (ROOT / folder).rglob("*.py")
    if not path.is_relative_to(ROOT / "graphsvc" / "graph")
)
CYPHER = re.compile(
    r"\b(?:MATCH|MERGE)\s+(?:\w+\s*=\s*)?\(|\bUNWIND\s+\S+\s+AS\b|\bCREATE\s+\(|\bDETACH\s+DELETE\b|\bLOAD\s+CSV\s+(?:WITH|FROM)\b"
    r"|-\[\s*\w*\s*:\s*\w+|\bCALL\s+db\.",
)


def trespasses(source: str) -> list[str]:
    """What a module does that only graphsvc/graph may."""
    tree = ast.parse(source)
    found = []
    docs = {id(node.body[0].value) for node in ast.walk(tree) if _documented(node)}  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [f"import {alias.name}" for alias in node.names if alias.name.split(".")[0] == "neo4j"]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "neo4j":
            found.append(f"from {node.module}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            found += [hit.group() for hit in CYPHER.finditer(node.value)]
    return found


def _documented(node: ast.AST) -> bool:
    body = getattr(node, "body", None)
    return isinstance(body, list) and bool(body) and isinstance(body[0], ast.Expr)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_cypher_outside_the_graph_package(path: Path) -> None:
    assert not trespasses(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "import neo4j",
        "from neo4j.exceptions import Neo4jError",
        "q = 'MATCH (n) RETURN n'",
        "q = f'UNWIND $rows AS r'",
        "q = f'{x} MERGE (n:Entity {{id: 1}})'",
        "q = 'x' + '()-[c:CLAIM]->()'",
    ],
)
def test_the_lint_sees_a_trespass(source: str) -> None:
    assert trespasses(source)


@pytest.mark.parametrize(
    "source", ["from graphsvc.local.neo4j import Neo4jChild", "q = 'no match (or hidden)'", "'MATCH (n)'"]
)
def test_the_lint_lets_the_rest_pass(source: str) -> None:
    assert not trespasses(source)
