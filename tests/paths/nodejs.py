"""Node, and the packages that tests need there, of the versions and hashes in ``tests/interop/node``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "interop" / "node"


def node() -> str:
    """The program; skips without."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node here: install it to run the tests in JavaScript")
    return found


def installed(folder: Path) -> Path:
    """A copy of the folder of scripts with its packages installed; skips where they can't be had."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here: install it to run the tests in JavaScript")
    here = Path(shutil.copytree(SOURCE, folder / "node", ignore=shutil.ignore_patterns("node_modules")))
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0:
        pytest.skip(f"the packages for Node can't be had here: {done.stderr.strip()[-200:]}")
    return here
