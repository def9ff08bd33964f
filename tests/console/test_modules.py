"""The tests of the console's own modules, in Node: the check of receipts by vectors, recognition, chart, texts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parents[2] / "console"
VITEST = CONSOLE / "node_modules" / ".bin" / "vitest"


def test_the_modules_of_the_console() -> None:
    if shutil.which("node") is None or not VITEST.exists():
        pytest.skip("no Node or none of its packages here: make console")
    done = subprocess.run(
        [VITEST, "run"], cwd=CONSOLE, env=dict(os.environ), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-3_000:]
