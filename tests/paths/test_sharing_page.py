"""The page on sharing does what it says, at the desks that the demo leaves, on a real service."""

from __future__ import annotations

import json
from pathlib import Path

from graphsvc.app import LocalService
from graphsvc.local.company import Members
from graphsvc.local.demo import write_profiles
from graphsvc.local.questions import REGISTER_CASE
from graphsvc.local.story import CASE
from tests.paths.pages import follow, parts, put_commands, write_files
from tests.paths.process import ROOT
from tests.paths.test_disclosure import STRICT
from tests.paths.test_tutorial import DEFAULTS
from tests.paths.wire import file_of

PAGE = ROOT / "docs" / "sharing.md"
ADDRESS = "http://127.0.0.1:8443"
PHONE = "+8613892190472"
"""The suspect's phone in the demo."""
OWN_CASE = "PAGE/2026-1"
"""In place of the demo's case, which the story's tests register."""


def test_the_page_does_what_it_says(local_service: LocalService, members: Members, tmp_path: Path) -> None:
    suspect = {"ref": "s", "kind": "Person", "key": {"ref": "S-17"}, "attributes": {"name": "Wu", "role": ["broker"]}}
    used = {"ref": "p", "kind": "Phone", "key": {"value": PHONE}}
    line = {"entities": [suspect, used], "links": [{"kind": "USES", "from": "s", "to": "p"}]}
    outgoing = file_of(tmp_path / "suspects.ndjson", [json.dumps(line).encode()], STRICT)
    index = members.client("customs-cn.feed").submit(
        outgoing, "customs-cn", members.by_name["customs-cn"].working
    ).index  # fmt: skip
    police = members.client("police-ke.investigator")
    police.query(REGISTER_CASE, {"reference": OWN_CASE, "title": "Ivory", "legalBasis": "mutual-assistance"})
    police.query("query($n: Int) { submissions(first: 1, after: $n) { index } }", {"n": index})
    write_profiles(members)
    members.write_profile("pasar", "pasar.feed", DEFAULTS)

    files, steps = parts(PAGE.read_text(encoding="utf-8").replace(ADDRESS, local_service.url).replace(CASE, OWN_CASE))
    assert set(files) == {"ask.json", "keep.json", "yes.json"} and len(steps) >= 8
    write_files(members.folder, files)
    variables = {**put_commands(tmp_path / "bin"), "COLUMNS": "200", "GRAPHSVC_PROFILE": "profile.json"}
    follow(steps, members.folder, variables)
