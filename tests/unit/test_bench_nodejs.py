"""The servers in Node that a benchmark asks: what they need is pinned, and without Node there is no figure of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import graphql, nodejs


def asked() -> nodejs.Asked:
    return graphql.asked_of_node(nodes=20, edges=30, rounds=3, warm=2)


def test_without_node_there_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    found, why = nodejs.by_server(asked())
    assert found == {"yoga": None, "mercurius_jit": None} and why.startswith("Node 20.19 or newer is not here")


def test_the_lock_has_hashes_and_names_no_registry() -> None:
    lock = json.loads((nodejs.HERE / "package-lock.json").read_text())
    wanted = json.loads((nodejs.HERE / "package.json").read_text())
    first, *packages = lock["packages"].items()
    assert first[1]["dependencies"] == wanted["dependencies"] and len(packages) > len(wanted["dependencies"])
    assert all(one["integrity"].startswith("sha512-") and "resolved" not in one for _, one in packages)


@pytest.mark.skipif(not (nodejs.HERE / nodejs.STAMP).exists(), reason="make bench NAME=graphql installs the servers")
def test_both_servers_answer_as_strawberry_does() -> None:
    found = nodejs.measured(asked())
    assert set(found) == {"yoga", "mercurius_jit"} and min(found.values()) > 0
