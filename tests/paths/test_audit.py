"""The audit page does what it says: files are written, commands run and outputs compared, on a real service.

Names of the page are replaced by those of the service here: address, origin, and the case, which is registered before.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from graphsvc.app import LocalService
from graphsvc.local.company import Members
from tests.paths.conftest import CASE
from tests.paths.pages import follow, parts, put_commands, write_files
from tests.paths.process import ROOT
from tests.paths.wire import SEARCH, account_key, file_of, row

PAGE = ROOT / "docs" / "audit.md"
ADDRESS, ORIGIN, REFERENCE = "https://graph.example.org", "graph.example.org/log", "KE/2026-17"
DESKS = {"investigator": "police-ke.investigator", "officer": "pasar.officer"}


@pytest.fixture
def folder(members: Members, local_service: LocalService, tmp_path: Path) -> Path:
    """A folder with what the page says is there, and the record that it asks about."""
    known = msgspec.json.decode(local_service.clients_file.read_bytes())["clients"]
    secrets = {entry["clientId"]: entry["clientSecret"] for entry in known}
    for desk, name in DESKS.items():
        org, _, part = name.partition(".")
        (tmp_path / f"{desk}.secret").write_text(secrets[name])
        reach = {
            "tokenEndpoint": f"{local_service.identity_url}/token",
            "clientId": name,
            "secretFile": f"{desk}.secret",
        }
        key = str(members.by_name[org].folder / f"{part}.pem")
        profile = {"url": local_service.url, "org": org, "trust": "trust.json", "signingKey": key, **reach}
        (tmp_path / f"{desk}.json").write_text(json.dumps(profile))
    shutil.copy(members.trust_file, tmp_path / "trust.json")
    for name in ("recipient.json", "root.pem"):
        shutil.copy(members.folder / "pasar" / name, tmp_path / name)
    outgoing = file_of(tmp_path / "rows.ndjson", [row("seller-17", 8_001), row("seller-18", 8_002)])
    index = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index
    members.client("pasar.officer").query(SEARCH, account_key("seller-17"), after=index)
    return tmp_path


def test_the_audit_page_does_what_it_says(local_service: LocalService, folder: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, here in ((ADDRESS, local_service.url), (ORIGIN, local_service.origin), (REFERENCE, CASE)):
        text = text.replace(name, here)
    files, steps = parts(text)
    assert set(files) == {"question.graphql", "access.graphql"} and len(steps) >= 7
    write_files(folder, files)
    follow(steps, folder, put_commands(folder / "bin"))


def test_the_page_for_a_lawyer_is_one_and_for_an_engineer_three() -> None:
    """At some 60 lines a page."""
    lawyer, _, engineer = PAGE.read_text(encoding="utf-8").partition("## For an engineer")
    assert len(lawyer.splitlines()) <= 60 and len(engineer.splitlines()) <= 240
