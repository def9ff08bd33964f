"""The same answer by servers that run in Node, where Node and their packages can be had: a measure from elsewhere.

``bench/node`` has the script that asks them and the lock of what it needs, each package by its hash; it is installed by
this benchmark alone. Node is found as the console's build finds it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

HERE = Path(__file__).resolve().parent / "node"
BUILD = HERE.parents[1] / "console" / "build.py"
SERVERS = ("yoga", "mercurius_jit")
STAMP = "node_modules/.stamp"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: a document of a schema with its variables, and the data that it is answered from.

    Each server answers ``warm`` times before it is measured and ``rounds`` times while it is; they take turns.
    """

    schema: str
    document: str
    variables: dict[str, Any]
    data: dict[str, Any]
    rounds: int
    warm: int


@cache
def build() -> ModuleType:
    """The console's build, which is a script in no package."""
    spec = importlib.util.spec_from_file_location("graphsvc_console_build", BUILD)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(asked: Asked) -> dict[str, float]:
    """Median milliseconds of CPU an answer, by server. Raises the build's NotBuilt, which says why there are none."""
    node = build().find_node()
    fill(node)
    command = [str(shutil.which("node", path=node.path)), "servers.mjs"]
    given = msgspec.json.encode(asked).decode()
    told = msgspec.json.decode(build().run("the servers fail", command, node.path, HERE, given))
    for server in SERVERS:
        assert told[server]["answer"] == {"data": asked.data}, f"{server} says the same"
    return {server: told[server]["cpu_ms"] for server in SERVERS}


def fill(node: Any) -> None:
    """Install the packages, once for each state of their lock. Raises NotBuilt."""
    state, stamp = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest(), HERE / STAMP
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != state:
        build().install(node, HERE)
        stamp.write_text(state, encoding="utf-8")


def by_server(asked: Asked) -> tuple[dict[str, float | None], str]:
    """As :func:`measured`; None for each server where there are no figures, and why."""
    try:
        return dict(measured(asked)), ""
    except build().NotBuilt as error:
        return dict.fromkeys(SERVERS), str(error)
