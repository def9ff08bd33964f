"""The rooms of the house: who may import whom, no circles, and sizes that a reader can take in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
PARTS = {"graph", "ledger", "model", "policy"}
ARROWS: dict[str, set[str]] = {
    # What is known of the field, and the parts that each do one thing.
    "model": set(),
    "importers": {"model"},
    "detect": {"model"},
    "policy": {"model"},
    "ledger": {"model"},
    "graph": {"model", "policy"},
    "columns": {"model", "policy"},
    # From entries to graph and columns; the running parts, once.
    "projection": {"columns", "graph", "ledger", "model"},
    "core": PARTS | {"columns", "projection"},
    # Other parties that see the log and nothing else.
    "anchoring": {"ledger", "model"},
    # What travels over HTTP, and nothing of what it means.
    "wire": {"model"},
    "settings": {"model"},
    "api": {"model", "settings", "wire"},
    "auth": {"api", "model", "settings", "wire"},
    "console": {"api", "model"},
    # The paths, and the powers over records, rules and members.
    "acts": {"ledger", "model", "wire"},
    "answers": PARTS | {"anchoring", "api", "columns", "core", "detect", "projection", "wire"},
    "rulebooks": PARTS | {"acts", "answers", "api", "wire"},
    "rings": PARTS | {"acts", "answers", "api", "columns", "core", "detect", "projection", "wire"},
    "sharing": PARTS | {"acts", "answers", "api", "core", "wire"},
    "lifecycle": (PARTS - {"policy"}) | {"acts", "answers", "api", "core", "projection", "sharing", "wire"},
    "submission": {
        *("api", "core", "importers", "ledger", "lifecycle", "model", "policy", "rulebooks", "settings"),
        *("sharing", "wire"),
    },
    "upkeep": {
        *("anchoring", "api", "auth", "graph", "ledger", "lifecycle", "model", "projection", "settings", "wire"),
    },
    "webhooks": {"ledger", "model", "projection"},
    "members": {
        *("acts", "anchoring", "api", "core", "ledger", "lifecycle", "model", "sharing", "wire"),
    },
    # Put together, and run on one machine.
    "app": {
        *PARTS,
        *("acts", "anchoring", "answers", "api", "auth", "columns", "console", "core", "lifecycle", "members"),
        *("projection", "rings", "rulebooks", "settings", "sharing", "submission", "upkeep", "webhooks"),
    },
    "local": {"api", "app", "auth", "graph", "ledger", "lifecycle", "model", "projection", "settings", "upkeep"},
    # What an organisation runs on its own machines, and the command line of all.
    "exchange": {"model", "wire"},
    "client": {"exchange", "importers", "model", "wire"},
    "demo": {"client", "local", "model", "wire"},
    "edgelists": {"detect", "model"},
    "spark": {"detect", "model"},
    "cli": {
        *PARTS,
        *("acts", "anchoring", "app", "client", "demo", "detect", "edgelists", "exchange", "local", "projection"),
        *("rulebooks", "settings", "spark", "upkeep", "wire"),
    },
    "__main__": {"cli"},
}
"""Room → the rooms that it may import. The verifier, which stands alone, may be imported by all."""
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("graphsvc", "importers")
    for path in sorted((ROOT / package).rglob("*.py"))
}
VERIFIER = sorted((ROOT / "verifier" / "graphsvc_verify").rglob("*.py"))


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "graphsvc" and len(parts) > 1 else parts[0]


def imports(source: str) -> Iterator[str]:
    """The modules that a file imports, wherever in it, also those that only the type checker sees."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


IMPORTS = nx.DiGraph(
    (name, found)
    for name, path in MODULES.items()
    for found in imports(path.read_text(encoding="utf-8"))
    if found in MODULES and found != name and found != "graphsvc"
)
FOUND = {(room_of(a), room_of(b)) for a, b in IMPORTS.edges if room_of(a) != room_of(b)}


def test_only_arrows_of_the_table() -> None:
    strange = {
        (a, b) for a, b in IMPORTS.edges if room_of(a) != room_of(b) and room_of(b) not in ARROWS.get(room_of(a), set())
    }
    assert not strange, f"these imports are not in the table: {sorted(strange)}"


def test_the_table_has_no_arrow_that_is_not_there() -> None:
    assert {(a, b) for a, others in ARROWS.items() for b in others} == FOUND


def test_no_knot_of_rooms_and_no_circle_of_files() -> None:
    rooms = nx.DiGraph(FOUND)
    knots = [sorted(one) for one in nx.strongly_connected_components(rooms) if len(one) > 1]
    circles = [sorted(one) for one in nx.strongly_connected_components(IMPORTS) if len(one) > 1]
    assert not knots and not circles, (knots, circles)


def test_a_circle_would_be_seen() -> None:
    assert set(imports("if TYPE_CHECKING:\n    from graphsvc.model import ranges\n")) == {"graphsvc.model.ranges"}
    back = nx.DiGraph([*FOUND, ("model", "app")])
    assert any(len(one) > 1 for one in nx.strongly_connected_components(back))


def test_the_root_of_the_package_holds_what_puts_it_together() -> None:
    files = {path.stem for path in (ROOT / "graphsvc").glob("*.py")}
    assert files == {"__init__", "__main__", "app", "core", "settings"}


def test_the_verifier_stands_alone() -> None:
    for path in VERIFIER:
        strange = [name for name in imports(path.read_text()) if name.split(".")[0] in {"graphsvc", "importers"}]
        assert not strange, (path.name, strange)


def test_the_architecture_draws_the_table() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = page.split("What each imports", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    drawn, room = set[tuple[str, str]](), ""
    for line in block.splitlines():
        room = line[:12].strip() or room
        drawn |= {(room, other) for other in line[12:].split() if other != "–"}
    assert drawn == FOUND - {("__main__", "cli")}


@pytest.mark.parametrize("path", [*MODULES.values(), *VERIFIER], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    # A long table may be longer: one table of a database after the other.
    assert text.count("\n") <= (480 if path.stem == "tables" else 420), "can a room of it stand alone?"
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
