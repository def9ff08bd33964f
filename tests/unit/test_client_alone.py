"""The client installs and runs without any part of a service."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import networkx as nx

from tests.paths.process import environment
from tests.unit.test_layers import IMPORTS, MODULES, imports

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN = {"graphsvc", "graphsvc-verify"}


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def closure(names: set[str]) -> set[str]:
    """These distributions with all that they need, extras left out."""
    found, pending = set[str](), set(names)
    while pending:
        name = pending.pop()
        found.add(name)
        try:
            needed = requires(name) or ()
        except PackageNotFoundError:
            continue  # of another platform
        pending |= {name_of(one) for one in needed if "extra ==" not in one} - found
    return found


BASE = {name_of(one) for one in PROJECT["dependencies"]}
SERVICE = {name_of(one) for one in PROJECT["optional-dependencies"]["service"]} - OWN


def test_the_client_needs_nothing_of_a_service() -> None:
    assert not BASE & SERVICE
    assert not closure(BASE - OWN) & (SERVICE - {"joserfc"}), "joserfc comes with authlib"


def test_all_that_the_client_imports_is_installed_with_it() -> None:
    """Followed through every import, those inside functions too, from the client and what converts files."""
    reached = set[str]()
    for start in [name for name in MODULES if name.startswith(("graphsvc.client", "graphsvc.wire", "importers"))]:
        reached |= {start, *nx.descendants(IMPORTS, start)} if start in IMPORTS else {start}
    distributions = packages_distributions()
    allowed = closure(BASE) | OWN
    for name in reached:
        for imported in imports(MODULES[name].read_text(encoding="utf-8")):
            top = imported.partition(".")[0]
            if top in distributions and top not in ("graphsvc", "importers", "graphsvc_verify"):
                assert {name_of(one) for one in distributions[top]} & allowed, f"{name} imports {top}"


def test_it_runs_where_nothing_else_is() -> None:
    """Every other package is made to fail, then the whole client is imported, and a command says what it lacks."""
    allowed = sorted(closure(BASE) | OWN)
    code = f"""
import re, sys
from importlib.metadata import packages_distributions

allowed = set({allowed!r})
hidden = {{top for top, found in packages_distributions().items()
          if not any(re.sub(r"[-_.]+", "-", one).lower() in allowed for one in found)}} - {{"graphsvc", "importers"}}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
assert "strawberry" in hidden and "neo4j" in hidden and "cryptography" not in hidden
import pkgutil
from importlib import import_module
import graphsvc.client
for one in pkgutil.iter_modules(graphsvc.client.__path__):
    import_module(f"graphsvc.client.{{one.name}}")
from graphsvc.client import Client, Outgoing
from graphsvc.model.schema import load_schema
assert load_schema().kinds
sys.argv = ["graphsvc", "up", "--json"]
from graphsvc.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert '"not_installed"' in done.stdout and "graphsvc[service" in done.stdout
