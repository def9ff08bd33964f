"""Imports point one way, and the tree keeps to its sizes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = {"graphsvc.model", "graphsvc_verify"}
PATHS = {
    *(
        "graphsvc.submission.submit",
        "graphsvc.submission.intake",
        "graphsvc.projection.apply",
        "graphsvc.answers.ask",
        "graphsvc.answers.questions",
        "graphsvc.answers.rendering",
    ),
    *(
        "graphsvc.answers.rings",
        "graphsvc.sharing",
        "graphsvc.lifecycle",
        "graphsvc.members.admission",
        "graphsvc.submission.workers",
        "graphsvc.acts.signed",
    ),
    *(
        "graphsvc.projection.changes",
        "graphsvc.projection.assemble",
        "graphsvc.projection.rebuild",
        "graphsvc.upkeep.backup",
        "graphsvc.lifecycle.replay",
    ),
    *(
        "graphsvc.projection.aside",
        "graphsvc.projection.batches",
        "graphsvc.upkeep.checkup",
        "graphsvc.answers.lanes",
        "graphsvc.projection.schedule",
    ),
    *("graphsvc.answers.budget", "graphsvc.answers.provenance", "graphsvc.rulebooks", "graphsvc.submission.manifest"),
}
PARTS = {"importers", "graphsvc.policy", "graphsvc.graph", "graphsvc.columns", "graphsvc.detect", "graphsvc.ledger"}
EDGE = {"graphsvc.api", "graphsvc.cli", "graphsvc.client", "graphsvc.local", "graphsvc.app", "graphsvc.auth"}
EDGE |= {"graphsvc.local.renewal"}
ALLOWED: dict[str, set[str]] = {
    "graphsvc_verify": set(),
    "graphsvc.model": {"graphsvc_verify"},
    "graphsvc.settings": BASE,
    "graphsvc.policy": BASE,
    "importers": BASE,
    "graphsvc.detect": BASE,
    "graphsvc.ledger": BASE,
    "graphsvc.graph": BASE | {"graphsvc.policy.scope"},
    "graphsvc.columns": BASE | {"graphsvc.policy.scope"},
    "graphsvc.auth": BASE,
    **dict.fromkeys(PATHS, BASE | PARTS | PATHS | {"graphsvc.settings", "graphsvc.anchoring.witnesses"}),
    "graphsvc.api": BASE | PATHS | {"graphsvc.auth", "graphsvc.settings", "graphsvc.policy.scope"},
    # Servers of other parties, and what talks to them: they see the log and nothing else.
    "graphsvc.anchoring.witness": BASE | {"graphsvc.ledger"},
    "graphsvc.anchoring.witnesses": BASE | {"graphsvc.ledger"},
    "graphsvc.anchoring.timestamps": BASE | {"graphsvc.ledger"},
    "graphsvc.client": BASE | {"importers", "graphsvc.settings"},
    "graphsvc.local": BASE | EDGE | {"graphsvc.settings", "importers"},
    "graphsvc.local.renewal": BASE | PARTS | PATHS | {"graphsvc.settings", "graphsvc.local"},
    "graphsvc.app": BASE
    | PARTS
    | PATHS
    | EDGE
    | {"graphsvc.settings", "graphsvc.anchoring.witnesses", "graphsvc.anchoring.timestamps"},
    "graphsvc.cli": BASE | PARTS | PATHS | EDGE | {"graphsvc.settings", "graphsvc.anchoring.witness"},
    "graphsvc.__main__": EDGE,
}
MODULES = sorted(
    [*ROOT.glob("graphsvc/**/*.py"), *ROOT.glob("importers/**/*.py"), *ROOT.glob("verifier/graphsvc_verify/**/*.py")]
)


def _name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] == "verifier":
        parts = parts[1:]
    return ".".join(parts)


def _room(name: str) -> str:
    parts = name.split(".")
    return parts[0] if parts[0] != "graphsvc" else ".".join(parts[:2])


def _imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module in {"graphsvc"}}
    return {name for name in found if name.split(".")[0] in {"graphsvc", "importers", "graphsvc_verify"}}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_point_one_way(path: Path) -> None:
    room = _room(_name(path))
    if room == "graphsvc" or room == "graphsvc.__init__":
        return
    allowed = ALLOWED[room] | {room}
    wrong = {
        name
        for name in _imports(ast.parse(path.read_text()))
        if name != "graphsvc"
        and _room(name) not in allowed
        and name not in allowed
        and not any(name.startswith(a + ".") for a in allowed)
    }
    assert not wrong, f"{room} must not import {sorted(wrong)}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 420, "can a room of it stand alone?"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 60, f"{node.name} is {lines} lines"
            count = len(
                [
                    a
                    for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                    if a.arg not in {"self", "cls"}
                ]
            )
            assert count <= 7, f"{node.name} takes {count} parameters"


def test_layers_are_told_for_every_room() -> None:
    rooms = {_room(_name(path)) for path in MODULES} - {"graphsvc", "graphsvc.__init__"}
    assert rooms <= set(ALLOWED), f"say in ALLOWED what these may import: {sorted(rooms - set(ALLOWED))}"
