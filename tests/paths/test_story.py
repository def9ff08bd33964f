"""The demo and the command line as a user runs them: processes of their own, exit codes, JSON."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from graphsvc.client import Outgoing
from graphsvc.demo.company import Members
from graphsvc.demo.demo import tell
from graphsvc.demo.scenario import make_scenario
from graphsvc.demo.stage import Stage
from graphsvc.demo.story import Story
from graphsvc.local.run import LocalService
from tests.paths.process import environment
from tests.paths.wire import DEFAULTS, file_of, row

ORG = "swiftline"
SECONDS = 240


def run(*words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """``graphsvc …`` with nothing on standard input."""
    command = [sys.executable, "-m", "graphsvc", *map(str, words)]
    variables = {**environment(), **settings}
    return subprocess.run(
        command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def said(done: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, Any]:
    """The one JSON object that a command printed, ending with ``code``."""
    assert done.returncode == code, done.stdout + done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


@pytest.fixture(scope="module")
def profile(members: Members) -> Path:
    return members.write_profile(f"{ORG}.feed", DEFAULTS)


@pytest.fixture
def rows(tmp_path: Path) -> Outgoing:
    bad = row("cli-bad", 5_000).replace(b'"Phone"', b'"Telephone"')
    return file_of(tmp_path / "rows.ndjson", [*(row(f"cli-{number}", 5_001 + number) for number in range(5)), bad])


def test_the_demo_tells_its_story_and_ends_well(demo_data: Path) -> None:
    score = json.loads(demo_data.with_suffix(".json").read_text())
    assert score["held"] and [len(step["checks"]) > 0 for step in score["steps"]] == [True] * 12
    assert all(check["held"] for step in score["steps"] for check in step["checks"])
    error = said(run("demo", "--once", "--json", "--data", demo_data), 2)["error"]
    assert error["code"] == "exists", "a demo is never told over another's state"
    assert f"graphsvc up --data {demo_data}" in error["message"], "it can be served again"


def test_a_demo_that_does_not_give_what_was_planted_ends_with_1(tmp_path: Path) -> None:
    # A service that takes no row above 40 bytes can't give what the scenario planted.
    score = said(run("demo", "--once", "--json", "--data", tmp_path / "demo", GRAPHSVC_MAX_ROW="40"), 1)
    assert not score["held"] and [check["held"] for check in score["steps"][0]["checks"]] == [True]
    assert len(score["steps"]) == 2 and not score["steps"][1]["checks"][-1]["held"], "told no further than it held"


def test_a_story_with_another_truth_does_not_hold(members: Members, tmp_path: Path) -> None:
    scenario = make_scenario(tmp_path / "files", seed=23, accounts=600)
    truth = replace(
        scenario.truth, path_length=scenario.truth.path_length + 1, absent_phone=scenario.truth.withheld_phone
    )
    told = io.StringIO()
    stage = Stage(Console(file=told, width=200))
    story = Story(stage, members, replace(scenario, truth=truth))
    # The organisations of this service are in already.
    story.enrol = lambda: None  # type: ignore[method-assign]
    tell(stage, story)
    failed = [check["what"] for step in stage.score()["steps"] for check in step["checks"] if not check["held"]]
    assert not stage.held and "the step went through" not in failed, told.getvalue()
    assert [what.split(",")[0] for what in failed if "path" in what] == [
        f"the shortest path has {truth.path_length} links"
    ], failed
    assert "no hit for a phone that nobody has" in failed


def test_submit_checks_here_and_there_and_hands_in_once(rows: Outgoing, profile: Path, members: Members) -> None:
    key = members.folder / ORG / "working.pem"
    options = ("--profile", profile, "--json")
    checked = said(run("submit", rows.path, "--dry-run", *options), 1)
    assert (checked["dryRun"], checked["accepted"], checked["rejected"]) == (True, 5, 1)
    asked = said(run("submit", rows.path, "--dry-run", "--sign", key, *options), 1)
    assert (asked["dryRun"], asked["index"], asked["accepted"], asked["rejected"]) == (True, -1, 5, 1)
    taken = said(run("submit", rows.path, "--sign", key, *options))
    assert (taken["rows"], taken["accepted"], taken["index"] > 0) == (6, 5, True)
    assert [problem["code"] for problem in taken["problems"]] == ["unknown_kind"]
    foreign = run("submit", rows.path, "--sign", members.folder / "pasar" / "working.pem", "--again", *options)
    assert said(foreign, 3)["error"]["code"] == "unknown_key"


def test_tokens_for_the_command_line(local_service: LocalService, profile: Path) -> None:
    listed = said(run("token", "--data", local_service.data, "--json"))["clients"]
    assert "police-ke.analyst" in [client["clientId"] for client in listed] and "Secret" not in json.dumps(listed)
    one = said(run("token", "police-ke.analyst", "--data", local_service.data, "--json"))["accessToken"]
    other = said(run("token", "--profile", profile, "--json"))["accessToken"]
    assert one.count(".") == other.count(".") == 2
    assert said(run("token", "nobody", "--data", local_service.data, "--json"), 2)["error"]["code"] == "unknown_client"


def test_evidence_is_verified_and_tampered_evidence_is_refused(members: Members, rows: Outgoing) -> None:
    members.client(f"{ORG}.feed").submit(rows, ORG, members.by_name[ORG].working)
    evidence = members.client(f"{ORG}.officer").evidence(key=members.by_name[ORG].recipient)
    file = rows.path.with_name("evidence.json")
    file.write_text(json.dumps(evidence))
    trust = ("--trust", members.trust_file)
    assert run("verify", file, *trust).returncode == 0
    said(run("verify", file, *trust, "--json"))
    leaf = evidence["entries"][0]["leaf"]
    other = "A" if leaf[40] != "A" else "B"
    evidence["entries"][0]["leaf"] = leaf[:40] + other + leaf[41:]
    file.write_text(json.dumps(evidence))
    done = run("verify", file, *trust)
    assert done.returncode == 1 and "Traceback" not in done.stderr
