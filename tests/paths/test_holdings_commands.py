"""What an organisation registered, handed in and disclosed, at the command line, through the real service."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphsvc.cli.output import BAD_INPUT, DONE, REFUSED, table
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.policy.rules import digest_of
from tests.commands import Run
from tests.paths.desks import ON, Desks, desks, run  # noqa: F401 - fixtures


def test_a_case_is_registered_and_listed(desks: Desks) -> None:
    reference = f"KE-{desks.index}"
    done = desks.police.get("case", reference, "--title", "Phones of a shop", "--legal-basis", "court-order")
    assert (done["reference"], done["legalBasis"]) == (reference, "court-order") and done["index"] > desks.index
    assert done["registeredAt"] in {one["registeredAt"] for one in desks.police.get("cases")["cases"]}
    shown = desks.police.types("cases").stdout
    assert reference in shown and done["registeredAt"] in shown
    again = ("case", reference, "--title", "x", "--legal-basis", "court-order")
    assert desks.police.refused(*again) == (REFUSED, "case_exists")
    assert desks.police.refused("case", f"{reference}b", "--title", "x", "--legal-basis", "whim")[0] == BAD_INPUT
    assert reference not in desks.pasar.types("cases").stdout, "cases are seen by their organisation only"


def test_submissions_and_their_refused_rows(desks: Desks) -> None:
    found = {one["index"]: one for one in desks.customs.get("submissions")["submissions"]}
    assert found[desks.index]["accepted"] == 2 and found[desks.index]["rejected"] == 0
    assert desks.customs.get("submissions", str(desks.index)) == {"index": desks.index, "problems": []}
    assert desks.index not in {one["index"] for one in desks.pasar.get("submissions")["submissions"]}
    assert desks.pasar.refused("submissions", str(desks.index)) == (REFUSED, "not_found")


def test_who_was_shown_what(desks: Desks) -> None:
    wait = "query($n: Int) { submissions(after: $n) { index } }"
    desks.members.client("customs-cn.officer").query(wait, {"n": desks.index})
    question = desks.folder / "mine.graphql"
    number = f'[{{name: "value", value: "{desks.phone}"}}]'
    question.write_text(f'{{ search(kind: "Phone", parts: {number}) {{ records {{ submission }} }} }}')
    asked = desks.customs.get("ask", str(question))
    (own,) = [one for one in desks.customs.get("access-log")["entries"] if one["index"] == asked["index"]]
    assert own["reader"] == "customs-cn" and {"submission": desks.index, "row": 0, "hit": False} in own["records"]
    assert own["at"] in desks.customs.types("access-log", "--first", "500").stdout
    assert asked["index"] not in {one["index"] for one in desks.pasar.get("access-log")["entries"]}


def test_policies_in_force_are_pulled_and_nothing_is_overwritten(desks: Desks, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    done = desks.customs.get("policy", "pull", "shared", str(folder))
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in done["files"]}
    assert done["version"] == digest_of(texts) and "shared.cedar" in texts
    assert desks.customs.refused("policy", "pull", "shared", str(folder)) == (BAD_INPUT, "exists")
    assert desks.customs.refused("policy", "pull", "pasar", str(folder)) == (BAD_INPUT, "not_found")


def test_trust_files_are_shown_and_made(
    desks: Desks,
    local_service: LocalService,
    members: Members,
    run: Run,
    tmp_path: Path,
) -> None:
    pinned = json.loads(members.trust_file.read_bytes())
    shown = desks.police.get("trust", "show")
    assert shown["log"] == pinned["log"] and shown["organisations"] == pinned["organisations"]
    printed = run("trust", "log", "--data", str(local_service.data))
    assert printed.stdout.strip() == pinned["log"] == local_service.log_vkey
    made = tmp_path / "own.json"
    words = ("trust", "new", str(made), "--log", pinned["log"], "--root", f"pasar={pinned['organisations']['pasar']}")
    assert run(*words).returncode == DONE and made.stat().st_mode & 0o777 == 0o600
    assert run("trust", "show", str(made), "--json").stdout.count("pasar") == 1
    assert run(*words).returncode == BAD_INPUT, "it is there already"
    assert run("trust", "new", str(tmp_path / "b.json"), "--log", "x+1+AA", "--root", "pasar=a").returncode != DONE


def test_ids_and_dates_stay_whole_at_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    handle, when = "h" * 30, "2026-11-26T15:46:21.123Z"
    rows = [(handle, when, "a text of several words that may well be wrapped where it is too long for a line", 7)] * 2
    table(("id", "when", "words", "rows"), rows)
    beside = capsys.readouterr().out
    assert beside.count(handle) == beside.count(when) == 2 and max(map(len, beside.splitlines())) <= 80
    table(("id", "when", "other id"), [(handle, when, handle)])
    below = capsys.readouterr().out
    assert below.splitlines() == [f"id        {handle}", f"when      {when}", f"other id  {handle}"]
