"""Custody at the command line, through the real service: what owner, recipient, officer and operator type."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.company import Members
from graphsvc.lifecycle import subject_access
from graphsvc.local.run import LocalService
from tests.commands import Desk, Done, running
from tests.paths.conftest import FOOTING
from tests.paths.wire import SEARCH, SITE, account_key, file_of, phone, row

POLICE = "police-ke.investigator"
FROM = {"organisation": "police-ke", "reference": "<script>alert(1)</script>"}


@dataclass
class World:
    """Three records of Pasar's, two of which the police have seen; commands run by the people of both."""

    by: Desk
    members: Members
    name: str
    number: int
    index: int

    def owner(self, *words: str, json: bool = True) -> Done:
        return self.by("pasar.officer", *words, json=json)

    def signed(self, *words: str) -> Done:
        return self.owner(
            *words, "--reason", "sent by mistake", "--sign", str(self.members.folder / "pasar/officer.pem")
        )

    def operator(self, *words: str) -> Done:
        return self.by(OPERATOR, *words)

    def account(self, n: int) -> str:
        return f"Account:site={SITE},id={self.name}-{n}"


@pytest.fixture
def world(
    local_service: LocalService,
    members: Members,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    assert local_service.parts is not None
    name = request.node.name.removeprefix("test_").replace("_", "")[:24]
    number = crc32(name.encode()) % 1_000_000
    rows = [row(f"{name}-{n}", number + n, origin=FROM) for n in range(3)]
    outgoing = file_of(tmp_path / "rows.ndjson", rows)
    index = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index
    asyncio.run(local_service.parts.applier.wait(index))
    for n in (0, 1):
        assert members.client(POLICE).query(SEARCH, account_key(f"{name}-{n}"), FOOTING).data["search"]
    desk = Desk(running(monkeypatch, capfd), local_service, members, tmp_path)
    yield World(desk, members, name, number, index)


def test_taken_back_told_answered(world: World) -> None:
    recalled = ("recall", "--submission", str(world.index), "--row", "0")
    assert world.owner(*recalled).code == (2, "no_reason")
    made = world.signed(*recalled).value
    assert (made["records"], made["organisations"]) == (1, ["police-ke"])
    assert world.signed(*recalled).code == (3, "not_found"), "it is gone already"
    index = str(made["index"])

    def answers() -> dict[str, Any]:
        [found] = [one for one in world.owner("recall").value["recalls"] if one["index"] == made["index"]]
        return dict(found)

    assert (answers()["open"], answers()["overdue"]) == (1, 0)
    shown = world.owner("recall", json=False).stdout
    assert index in shown and "police-ke" in shown and "none yet" in shown

    [notice] = [one for one in world.by(POLICE, "notices").value["notices"] if one["notice"] == made["index"]]
    assert (notice["owner"], notice["count"], len(notice["records"])) == ("pasar", 1, 1)
    assert notice["records"][0]["handle"] in world.by(POLICE, "notices", json=False).stdout
    sign = ("--sign", str(world.members.folder / "police-ke/investigator.pem"))
    answer = ("notices", "--acknowledge", index, *sign)
    assert world.by(POLICE, *answer).code == (2, "no_outcome")
    assert world.by(POLICE, *answer, "--outcome", "kept").returncode == 2
    assert world.by(POLICE, *answer, "--outcome", "deleted").value["outcome"] == "deleted"
    assert [one["outcome"] for one in answers()["notices"]] == ["deleted"] and answers()["open"] == 0
    assert made["index"] not in [one["notice"] for one in world.by(POLICE, "notices").value["notices"]]
    assert made["index"] in [one["notice"] for one in world.by(POLICE, "notices", "--all").value["notices"]]


def test_a_long_list_is_read_page_by_page(world: World) -> None:
    about = ("--about", f"Phone:value={phone(world.number)}")
    made = [world.signed("hold", *about).value["index"] for _ in range(3)]
    first = world.owner("hold", "--first", "2").value
    assert [one["index"] for one in first["holds"]] == made[:0:-1] and first["nextBefore"] == made[1]
    rest = world.owner("hold", "--before", str(made[1])).value
    assert rest["holds"][0]["index"] == made[0] and rest["nextBefore"] is None
    assert f"go on with --before {made[1]}" in world.owner("hold", "--first", "2", json=False).stdout
    for index in made:
        world.signed("release", str(index))
    # Ended ones are passed over, not counted.
    assert not {one["index"] for one in world.owner("hold", "--first", "3").value["holds"]} & set(made)
    found = world.owner("submissions", "--before", str(world.index + 1), "--first", "1").value
    assert [one["index"] for one in found["submissions"]] == [world.index] == [found["nextBefore"]]


def test_held_released_erased_purged(world: World) -> None:
    about = ("--about", f"Phone:value={phone(world.number)}")
    assert world.signed("hold", *about, "--submission", "1").code == (2, "no_target")
    assert world.signed("hold", *about, "--case", "CASE/1").code == (2, "no_target")
    held = world.signed("hold", *about).value
    [listed] = [one for one in world.owner("hold").value["holds"] if one["index"] == held["index"]]
    assert listed["ranges"] == [{"submission": world.index, "first": 0, "last": 0}]
    assert f"{world.index}: 0–0" in world.owner("hold", json=False).stdout
    erased = ("erase", "--submission", str(world.index), "--row", "0")
    assert world.signed(*erased).code == (2, "not_confirmed")
    assert world.signed(*erased, "--yes").code == (3, "held")
    world.signed("release", str(held["index"]))
    assert world.signed(*erased, "--yes").value["records"] == 1
    assert held["index"] not in [one["index"] for one in world.owner("hold").value["holds"]]

    def due(*words: str) -> dict[str, Any]:
        report = world.operator("purge", *words).value
        return next((dict(one) for one in report["owners"] if one["owner"] == "pasar"), {"records": 0})

    world.signed("recall", "--submission", str(world.index))
    assert due()["records"] >= 2 and due()["entries"] == []
    assert world.by(POLICE, "purge").code == (3, "denied")
    assert due("--yes")["entries"] and due()["records"] == 0


def test_all_that_is_held_on_somebody(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "report.html"
    report = world.owner("subject-access", world.account(0), "--html", str(page)).value
    [record] = report["records"]
    assert (record["submission"], record["row"], record["state"]) == (world.index, 0, "live")
    assert [one["reader"] for one in record["disclosures"]] == ["police-ke"]
    written = page.read_text()
    assert "police-ke" in written and FOOTING.case in written and "&lt;script&gt;" in written
    assert "<script" not in written and page.stat().st_mode & 0o077 == 0
    assert world.owner("subject-access", world.account(0), "--html", str(page)).code == (2, "exists")
    assert "1 records" in world.owner("subject-access", world.account(2), json=False).stdout
    assert world.owner("subject-access", world.account(9)).value["records"] == []
    assert world.by("pasar.feed", "subject-access", world.account(0)).code == (3, "denied")
    assert world.owner("subject-access", "Phone").code == (2, "bad_identifier")
    # A cut is said, with how many there are.
    assert (report["recordCount"], report["truncated"]) == (1, False)
    monkeypatch.setattr(subject_access, "MOST", 0)
    assert world.owner("subject-access", world.account(2), json=False).stdout.strip().endswith("0 of 1 records shown")
    cut, short = world.owner("subject-access", world.account(2), "--html", str(tmp_path / "cut.html")).value, "0 of 1 "
    assert (cut["recordCount"], cut["truncated"], cut["records"]) == (1, True, [])
    assert short in (tmp_path / "cut.html").read_text() and "holds no record" not in (tmp_path / "cut.html").read_text()
