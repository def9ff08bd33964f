"""Every page does what it says, at the service that the demo leaves behind, stopped and started again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from graphsvc.demo.cast import CLIENTS
from graphsvc.local.identity import DevelopmentClient
from tests.paths.pages import FOLLOWED, File, Step, Terminal, parts, pattern
from tests.paths.process import environment

DESK = "demo-data/demo/organisations/pasar"
BESIDE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "README.md": {"working.pem": f"{DESK}/working.pem", "profile.json": f"{DESK}/feed.json"},
        "docs/client-files.md": {"working.pem": f"{DESK}/working.pem", "client.secret": f"{DESK}/feed.secret"},
        "docs/operations.md": {
            "operator.json": "demo-data/demo/organisations/operator/operator.json",
            "harbour.secret": "demo-data/harbour.secret",
            "state": "demo-data",
        },
        "verifier/README.md": {"evidence.zip": f"{DESK}/evidence.zip", "trust.json": f"{DESK}/../trust.json"},
    }
)
"""Files that a page takes for granted, and where the demo has them."""
HARBOUR = DevelopmentClient("harbour.officer", "harbour", "dpo@harbour.example", ("officer",))
"""Somebody of an organisation that is admitted by a page."""


@pytest.fixture(scope="module")
def served(demo_data: Path) -> Iterator[Mapping[str, str]]:
    """The demo's data, served once more without a word on ports; yields what pages call otherwise, by what they say."""
    people = demo_data / "dev" / "people.json"
    assert len(msgspec.json.decode(people.read_bytes())) == len(CLIENTS), "the demo keeps who there is"
    people.write_bytes(msgspec.json.encode([*CLIENTS, HARBOUR]))
    # The port of the demo was any free one: by now a connection of another test may have it, for a while.
    deadline = time.monotonic() + 120
    process, said = _up(demo_data)
    while said.get("error", {}).get("code") == "port_taken" and time.monotonic() < deadline:
        _end(process)
        time.sleep(2)
        process, said = _up(demo_data)
    with process:
        try:
            assert "url" in said, said
            write_secret(demo_data)
            yield names(said["url"], said["identity"])
        finally:
            process.terminate()
            assert process.wait(90) == 0


def _up(data: Path) -> tuple[subprocess.Popen[str], Any]:
    command = [sys.executable, "-m", "graphsvc", "up", "--data", str(data), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def _end(process: subprocess.Popen[str]) -> None:
    with process:
        process.wait(90)


def write_secret(data: Path) -> None:
    """The secret of the client that joins, beside the demo's data."""
    clients = json.loads((data / "dev" / "clients.json").read_bytes())["clients"]
    secret = next(one["clientSecret"] for one in clients if one["clientId"] == HARBOUR.client_id)
    (data / "harbour.secret").write_text(secret)


def names(url: str, identity: str) -> Mapping[str, str]:
    """What is another thing here than on a page: the demo's address, and those of the service in the examples."""
    return {
        "http://127.0.0.1:8443": url,
        "https://graph.example.org": url,
        "https://login.example.org": identity,
        "graph.example.org/log": "graphsvc.local/log",
    }


def desk(page: str, data: Path, folder: Path, around: Mapping[str, str]) -> tuple[Terminal, list[File | Step]]:
    """A terminal in a new folder where the demo was told, with what the page takes for granted; the page's steps."""
    here = folder / "here"
    here.mkdir()
    (here / "demo-data").symlink_to(data)
    for name, there in BESIDE.get(page, {}).items():
        _bring(here / there, here / name)
    pinned = json.loads((data / "demo" / "organisations" / "trust.json").read_bytes())
    roots = pinned["organisations"]
    keys = {"LOG_KEY": pinned["log"], "PASAR_ROOT": roots["pasar"], "POLICE_ROOT": roots["police-ke"]}
    # A page that speaks of places outside the folder it is read in.
    places = {"/backup/": f"{here}/backup-", "/safe/": f"{here}/safe-"}
    return Terminal(here, folder / "aside", keys), parts(page, {**around, **places})


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_does_what_it_says(page: str, demo_data: Path, served: Mapping[str, str], tmp_path: Path) -> None:
    terminal, steps = desk(page, demo_data, tmp_path, served)
    assert steps
    for step in steps:
        if isinstance(step, File):
            terminal.write(step)
        elif all(shutil.which(tool) for tool in ("curl", "node") if f"{tool} " in step.command):
            terminal.follow(step, code_of(step))


def code_of(step: Step) -> int:
    """A dry run that would reject a row ends with 1, and the page says so."""
    return int("1 rejected" in (step.expected or "") and "--dry-run" in step.command)


def _bring(there: Path, here: Path) -> None:
    """A link; of a profile a copy that names its files where they are."""
    if there.suffix != ".json" or here.name == "trust.json":
        here.symlink_to(there)
        return
    profile = json.loads(there.read_bytes())
    for member in ("trust", "secretFile", "signingKey"):
        if member in profile:
            profile[member] = str(there.parent / profile[member])
    here.write_text(json.dumps(profile))


def test_shown_output_is_compared() -> None:
    shown = pattern("a  b\n…\nlast …, checked\n")
    assert shown.match("a b\nmore\nlast 17, checked\n") and shown.match("a    b  \nlast x, checked\n")
    assert not shown.match("a c\nlast 17, checked\n") and not shown.match("a b\nmore\n")
