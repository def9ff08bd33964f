"""One service with the demo's data for all journeys, a browser, and windows in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from graphsvc.console import FILES
from tests.console.desk import AXE, CHROMIUM, Desk
from tests.paths.process import Up, environment, wait_ready

WITHHELD = "+8613792190461"
"""A phone that customs tell of by a hit alone; no other test has it."""
ASKED = "+8613792190462"
"""Another one, which journeys of requests ask to disclose."""


def _row(ref: str, name: str, number: str) -> dict[str, Any]:
    return {
        "entities": [
            {"ref": "suspect", "kind": "Person", "key": {"ref": ref}, "attributes": {"name": name}},
            {"ref": "phone", "kind": "Phone", "key": {"value": number}},
        ],
        "links": [{"kind": "USES", "from": "suspect", "to": "phone"}],
        "handling": {"scheme": "tlp-2.0", "code": "AMBER+STRICT"},
    }


_ROWS = (_row("CONSOLE-1", "Console One", WITHHELD), _row("CONSOLE-2", "Console Two", ASKED))


@pytest.fixture(scope="session")
def built() -> None:
    """The console, built; and a browser. Skips without."""
    if not (FILES / "index.html").is_file():
        pytest.skip("the console is not built here: make console")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser here: {CHROMIUM} is needed")
    if not AXE.exists():
        pytest.skip("axe-core is not here: make console")


@pytest.fixture(scope="package")
def console(built: None, demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of a service with a copy of the demo's data, and of its identity provider."""
    data = Path(shutil.copytree(demo_data, tmp_path_factory.mktemp("console") / "data"))
    up = Up(data, {})
    wait_ready(up.service.url)
    _submit_withheld(data / "demo" / "organisations" / "customs-cn", up.service.url, up.service.identity_url)
    yield up.service.url, up.service.identity_url
    up.stop()


def _submit_withheld(desk: Path, url: str, identity: str) -> None:
    """Customs submit more suspects, under a code by which the police learn of a hit alone."""
    profile = json.loads((desk / "feed.json").read_text())
    (desk / "here.json").write_text(json.dumps({**profile, "url": url, "tokenEndpoint": f"{identity}/token"}))
    (desk / "row.ndjson").write_text("".join(json.dumps(row) + "\n" for row in _ROWS))
    command = [
        sys.executable,
        "-m",
        "graphsvc",
        "submit",
        "row.ndjson",
        "--sign",
        "working.pem",
        "--profile",
        "here.json",
    ]
    done = subprocess.run(command, cwd=desk, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="package")
def browser(built: None) -> Iterator[Browser]:
    """A browser, as long as journeys last: its loop runs in this thread, and other tests run loops of their own."""
    with sync_playwright() as run:
        opened = run.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def window(console: tuple[str, str], browser: Browser) -> Iterator[Callable[..., Desk]]:
    """Opens windows, of which all are closed at the end."""
    desks: list[Desk] = []

    def open_window(**how: Any) -> Desk:
        desks.append(Desk.at(browser, *console, **how))
        return desks[-1]

    yield open_window
    for desk in desks:
        desk.context.close()
