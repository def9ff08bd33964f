"""A submission of a million rows over HTTP: the command waits for it, and ends with the receipt."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphsvc.client.keys import save_signing_key
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from tests.paths.process import Up, environment, until
from tests.paths.wire import DEFAULTS

ROWS = int(os.environ.get("GRAPHSVC_ROWS", "1000000"))
MAPPING = """format: csv
rows:
  - entities:
      - {ref: a, kind: Account, key: {site: {const: pasar}, id: account}}
      - {ref: p, kind: Phone, key: {value: phone}}
    links: [{kind: USES, from: a, to: p}]
"""


def write_rows(path: Path) -> None:
    """Accounts and phones of a marketplace as CSV; each is named twice on the average."""
    rng = random.Random(7)
    with path.open("w", encoding="utf-8") as file:
        file.write("account,phone\n")
        for _ in range(ROWS):
            file.write(f"u{rng.randrange(ROWS // 2)},+86138{rng.randrange(ROWS // 2):08d}\n")


@pytest.mark.soak
def test_a_submission_of_a_million_rows_ends_with_its_receipt(tmp_path: Path) -> None:
    up = Up(tmp_path / "service", {})
    members = Members(up.service, ORGANISATIONS, tmp_path / "keys")
    try:
        for organisation in ORGANISATIONS:
            members.client(OPERATOR).admit(organisation, members.by_name[organisation.org].root.public)
            members.by_name[organisation.org].enrol(members.client(OPERATOR), up.service.origin, "machine")
        profile = members.write_profile("pasar.feed", DEFAULTS)
        save_signing_key(profile.parent / "key.pem", members.by_name["pasar"].working)
        write_rows(tmp_path / "rows.csv")
        (tmp_path / "rows.yaml").write_text(MAPPING, encoding="utf-8")
        words = ["submit", str(tmp_path / "rows.csv"), "--map", str(tmp_path / "rows.yaml"), "--json"]
        words += ["--sign", str(profile.parent / "key.pem"), "--profile", str(profile)]
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "graphsvc", *words], capture_output=True, text=True, env=environment()
        )
        print(f"\n{ROWS} rows: the command ended after {time.monotonic() - begun:.0f} s, {done.stderr[-300:]}")
        assert done.returncode == 0, (done.stdout[-500:], done.stderr[-500:])
        told = json.loads(done.stdout)
        assert (told["rows"], told["accepted"], told["rejected"]) == (ROWS + 1, ROWS, 0)
        assert told["index"] >= 0
        # It is in the graph in the end, and another's three rows do not wait for it: test_lag.
        ready = lambda: up.get("/health/live").status_code == 200  # noqa: E731
        assert until(ready, "it answers all that while")
    finally:
        members.close()
        up.stop()
