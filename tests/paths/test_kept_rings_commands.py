"""An analyst at the command line: searches, looks, judges, and draws what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.cli.output import BAD_INPUT, DONE, REFUSED
from graphsvc.client.profile import ProfileFile, write_profile
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from tests.commands import Run, running
from tests.paths.desks import ON, Person
from tests.paths.test_kept_rings_service import SIZE, World, world
from tests.paths.wire import DEFAULTS

__all__ = ["world"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return running(monkeypatch, capfd)


@pytest.fixture
def analyst(local_service: LocalService, members: Members, run: Run, tmp_path: Path) -> Person:
    profile = ProfileFile(url=local_service.url, org="police-ke", trust=str(members.trust_file), defaults=DEFAULTS)
    write_profile(tmp_path / "police-ke" / "profile.json", profile)
    key = members.folder / "police-ke" / "analyst.pem"
    return Person(run, tmp_path / "police-ke" / "profile.json", members.token("police-ke.analyst"), key)


def test_from_a_search_to_a_picture(world: World, analyst: Person, tmp_path: Path) -> None:
    first = analyst.get("rings", "search", *ON, "--wait", "SIGN")
    assert first["state"] == "done"
    assert analyst.get("rings", "runs", "--first", "1")["ringRuns"][0]["id"] == first["id"]
    listed = analyst.get("rings", "list", *ON, "--run", first["id"], "--first", "200", "--kind", "Phone")["rings"]
    file = world.mine(first["id"])
    assert file is not None and file.ring.id in {one["id"] for one in listed}
    ring = file.ring.id
    shown = analyst.get("rings", "show", ring, *ON, "--without", file.core[0], "--hours-from-utc", "8")
    assert len(shown["core"]) == SIZE and shown["removals"][0]["left"] == SIZE - 1
    told = analyst.types("rings", "show", ring, *ON)
    assert told.returncode == DONE and world.key(0) in told.stdout and "between 9 pm and 6 am" in told.stdout, told
    # Judged, step by step; each stands in the report.
    for words in (
        ("annotate", ring, "--text", "seen at the border"),
        ("accept", ring, "--note", "a gang"),
        ("reopen", ring, "--reason", "not sure"),
        ("dismiss", ring, "--reason", "the staff of a shop"),
        ("split", ring, "--part", ",".join(file.core[:3]), "--part", ",".join(file.core[3:]), "--reason", "two"),
        ("merge", ring, "--reason", "it is one by itself"),
    ):
        assert analyst.get("rings", *words, "SIGN")["ring"] == ring, words
    assert [one["action"] for one in analyst.get("rings", "show", ring, *ON)["judgements"]] == [
        *("annotate-ring", "accept-ring", "reopen-ring", "dismiss-ring", "split-ring", "merge-rings"),
    ]
    assert ring in {one["id"] for one in analyst.get("rings", "list", *ON, "--verdict", "dismissed")["rings"]}
    # Kept in a file, drawn, and compared with the search itself.
    out, pictures = tmp_path / "found.json", tmp_path / "pictures"
    kept = analyst.get("rings", "save", *ON, "--run", first["id"], "--out", str(out), "--first", "200")
    assert kept["rings"] >= 1
    drawn = analyst.run("rings", "report", str(out), "--ring", "1", "--out", str(pictures))
    assert drawn.returncode == DONE and len(list(pictures.glob("*.svg"))) == 5, drawn
    changes = analyst.get("rings", "compare", first["id"], first["id"], *ON)["changes"]
    assert changes and all(not one["joined"] and not one["left"] for one in changes)


def test_what_is_wrong_is_said_with_what_to_do(world: World, analyst: Person, tmp_path: Path) -> None:
    run = world.search()
    assert analyst.refused("rings", "show", "c" + "0" * 21, *ON) == (BAD_INPUT, "not_found")
    assert analyst.refused("rings", "list", *ON, "--run", "s" + "0" * 21) == (BAD_INPUT, "not_found")
    assert analyst.refused("rings", "cancel", run.id, "SIGN") == (REFUSED, "wrong_state")
    assert analyst.refused("rings", "search", "--purpose", "analysis", "SIGN") == (BAD_INPUT, "incomplete_footing")
    assert analyst.refused("rings", "search", *ON, "--hub-cap", "1", "SIGN") == (BAD_INPUT, "bad_act")
    (tmp_path / "there.json").write_text("x")
    assert analyst.refused("rings", "save", *ON, "--out", str(tmp_path / "there.json")) == (BAD_INPUT, "exists")
    assert world.listed(run.id)
