"""The operator cleans anew what an older numbering plan could not read; owners see it, what has gone stays away."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sealed_drafts import enter_anew, enter_drafts
from sqlalchemy import select

from graphsvc.app import Service
from graphsvc.client.errors import Refused
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph.fingerprint import fingerprint
from graphsvc.ledger import anew, tables
from graphsvc.ledger.entry import EntryDraft
from graphsvc.lifecycle import reclean
from graphsvc.lifecycle.sealed import open_records
from graphsvc.local.run import LocalService
from graphsvc.model.drafts import Unread
from graphsvc.model.errors import Conflict
from graphsvc.model.places import ROW_MASK
from graphsvc.model.principals import Footing
from graphsvc_verify.evidence import check_evidence
from tests.commands import Desk, running
from tests.older_plan import cleaned, new_key, old_number, older_schema, seller
from tests.paths.conftest import FOOTING
from tests.paths.wire import SEARCH

BY_NAME = {one.org: one for one in ORGANISATIONS}
FIRST = 41_000
"""Numbers of this file: +84 382 341 0xx."""
ACCESS = """query($kind: String!, $parts: [KeyPart!]!) { subjectAccess(kind: $kind, parts: $parts) {
  records { submission row state entities { key } links { kind target } } } }"""


@dataclass
class World:
    """The session's service, and rows that it took in under an older numbering plan."""

    service: LocalService
    parts: Service
    members: Members
    folder: Path

    def seal(self, org: str, numbers: list[int], name: str) -> int:
        old = older_schema(self.folder / f"{name}-{org}")
        rows = [seller(f"{name}-{n}", [old_number(number)], row=n) for n, number in enumerate(numbers)]
        index = enter_drafts(self.parts.ledger, self.payloads, org, cleaned(rows, old, BY_NAME[org]))
        self.settled()
        return index

    @property
    def payloads(self) -> Any:
        return self.parts.core.payloads.store, self.parts.core.payloads.keys

    def settled(self) -> None:
        asyncio.run(self.parts.applier.wait(self.parts.ledger.head - 1, seconds=240))

    def act(self, org: str, kind: str, submission: int, *rows: int) -> None:
        target = {"target": {"submission": submission, "rows": list(rows)}, "reason": "x"}
        self.members.act(f"{org}.officer", kind, "records", target)
        self.settled()

    def found(self, number: int) -> int:
        """How many records there are that an investigator finds by the number as it is today."""
        asked = {"kind": "Phone", "parts": [{"name": "value", "value": new_key(number).rpartition(":")[2]}]}
        after = self.parts.ledger.head - 1
        seen = self.members.client("police-ke.investigator").query(SEARCH, asked, FOOTING, after).data["search"]
        return sum(len(entity["records"]) for entity in seen)

    def entries(self) -> list[int]:
        return [index for index, _ in self.parts.ledger.indexes(0, self.parts.ledger.head, ("reclean",))]


@pytest.fixture
def world(local_service: LocalService, members: Members, tmp_path: Path) -> World:
    assert local_service.parts is not None
    return World(local_service, local_service.parts, members, tmp_path)


def test_the_operator_cleans_anew(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    numbers = [FIRST + n for n in range(6)]
    index = world.seal("pasar", numbers, "reclean")
    desk = Desk(running(monkeypatch, capfd), world.service, world.members, tmp_path)
    world.act("pasar", "recall", index, 1)
    world.act("pasar", "erase", index, 2)
    world.act("pasar", "hold", index, 3)
    before = world.entries()
    # A dry run says how many, of which type and why, and changes nothing. No value is printed.
    asked = desk(OPERATOR, "reclean")
    told = json.loads(asked.stdout)
    assert (asked.returncode, told["applied"], told["records"], told["entries"]) == (0, False, 4, [])
    assert {"type": "phone", "reason": "linked", "count": 4} in told["values"]
    assert "0168" not in asked.stdout and "84382" not in asked.stdout and world.entries() == before
    assert all(world.found(number) == 0 for number in numbers)
    shown = desk(OPERATOR, "reclean", json=False)
    assert "phone" in shown.stdout and "linked" in shown.stdout and "--apply" in shown.stderr
    # With --apply it is done: one entry, applied when the command ends.
    done = json.loads(desk(OPERATOR, "reclean", "--apply").stdout)
    assert (done["applied"], done["records"], done["setAside"]) == (True, 4, 0)
    assert world.entries() == [*before, *done["entries"]] and len(done["entries"]) == 1
    for row, number in enumerate(numbers):
        assert world.found(number) == (0 if row in (1, 2) else 1), row
    # A second time nothing is left to do, and nothing is written.
    digest = fingerprint(world.parts.graph)
    assert json.loads(desk(OPERATOR, "reclean", "--apply").stdout)["records"] == 0
    assert world.entries() == [*before, *done["entries"]] and fingerprint(world.parts.graph) == digest
    _owner_is_told(world, index, done["entries"][0], numbers)
    # What goes afterwards goes whole, and comes back by nothing.
    world.act("pasar", "recall", index, 4)
    world.act("pasar", "erase", index, 5)
    assert world.found(numbers[4]) == world.found(numbers[5]) == 0
    opened = open_records(world.parts.ledger, world.parts.core.payloads, ((index, 0, 5),))
    assert [one.record & ROW_MASK for one in opened] == [0, 1, 3, 4]
    assert json.loads(desk(OPERATOR, "reclean", "--apply").stdout)["records"] == 0


def _owner_is_told(world: World, index: int, entry: int, numbers: list[int]) -> None:
    """In its own section of the log, under the operator's word alone; in its notes; in a report on the subject."""
    officer = world.members.client("pasar.officer")
    listed = check_evidence(officer.evidence([entry], world.members.by_name["pasar"].recipient), world.members.trust())
    (one,) = listed.entries
    assert one.owner is not None and not one.acts
    facts = dict(one.owner["facts"])
    assert (facts["action"], facts["submission"], facts["count"]) == ("reclean", index, 4)
    assert facts["rows"] == [["", 0, 0], ["", 3, 5]]
    with world.parts.ledger.reading() as connection:
        table = tables.unlinked
        notes = connection.execute(select(table.c.notes).where(table.c["index"] == index)).scalar()
    assert sorted({note["row"] for note in notes}) == [1], "the erased one's went with it, the linked ones' now"
    asked = {"kind": "Phone", "parts": [{"name": "value", "value": f"+{new_key(numbers[3]).rpartition('+')[2]}"}]}
    (record,) = officer.query(ACCESS, asked, Footing()).data["subjectAccess"]["records"]
    assert (record["submission"], record["row"], record["state"]) == (index, 3, "live")
    assert new_key(numbers[3]) in {entity["key"] for entity in record["entities"]}
    assert record["links"] == [{"kind": "USES", "target": new_key(numbers[3])}]


def test_what_changes_meanwhile_is_looked_at_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    index = world.seal("swiftline", [FIRST + 20, FIRST + 21, FIRST + 22], "between")
    seal, cut = reclean._sealed, list[int]()

    def between(*arguments: Any) -> EntryDraft:
        made = seal(*arguments)
        if not cut:
            cut.append(1)
            target = {"target": {"submission": index, "rows": [1]}, "reason": "x"}
            world.members.act("swiftline.officer", "erase", "records", target)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(reclean, "_sealed", between)
        done = world.members.client(OPERATOR).reclean(index, apply=True)
    assert cut and done.records == 2 and done.index is not None
    assert [world.found(FIRST + n) for n in (20, 21, 22)] == [1, 0, 1]


def test_what_can_not_be_applied_stays_as_it_was(world: World) -> None:
    """As an older version would have cleaned it: the row stays in the graph, its owner is told, a next run tries."""
    index = world.seal("pasar", [FIRST + 30, FIRST + 31], "stays")
    old = older_schema(world.folder / "again")
    rows = [seller(f"stays-{n}", [old_number(FIRST + 30 + n)], row=n) for n in range(2)]
    bad = cleaned(rows, old, BY_NAME["pasar"])
    for one in bad:
        one.unread, one.expires = Unread(), "2030-00-00" if one.row == 0 else None
    entry = enter_anew(world.parts.ledger, world.payloads, "pasar", index, bad)
    world.settled()
    with world.parts.ledger.reading() as connection:
        assert anew.known(connection, index) == {entry: ((index, 1, 1),)}
    told = world.members.client("pasar.officer")
    last = [one.index for one in world.parts.ledger.owner_entries("pasar") if one.type == "set-aside"][-1:]
    report = check_evidence(told.evidence(last, world.members.by_name["pasar"].recipient), world.members.trust())
    assert dict(report.entries[0].owner["facts"])["reclean"] == entry  # type: ignore[index]
    with pytest.raises(Refused) as refused:
        world.members.client(OPERATOR).reapply(index)
    assert refused.value.code == "not_found", "it is in the graph: nothing is set aside"
    # Its pack is lost: all of it stays as it was, and everybody else goes on.
    store = world.parts.core.payloads.store
    lost = enter_anew(world.parts.ledger, world.payloads, "pasar", index, [bad[1]], store.remove)
    world.settled()
    with world.parts.ledger.reading() as connection:
        assert lost not in anew.known(connection, index)
    done = world.members.client(OPERATOR).reclean(index, apply=True)
    assert (done.records, done.set_aside) == (1, 0), "the row that stayed as it was is still to be cleaned"
    assert world.found(FIRST + 30) == 1


def test_only_operators_and_only_what_is_well_formed(world: World) -> None:
    for client in ("pasar.officer", "police-ke.investigator"):
        with pytest.raises(Refused) as refused:
            world.members.client(client).reclean(apply=True)
        assert refused.value.code == "denied"
    headers = {"authorization": f"Bearer {world.members.token(OPERATOR)}"}
    for body, where in (
        ({"entry": "3"}, "/entry"),
        ({"entry": -1}, "/entry"),
        ({"entry": 1 << 40}, "/entry"),
        ({"pack": True}, "/pack"),
        ({"apply": 1}, "/apply"),
        ({"rows": []}, "body"),
    ):
        answer = httpx2.post(f"{world.service.url}/v1/reclean", json=body, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["where"]) == (400, where), body


def test_two_at_once_do_it_once(world: World) -> None:
    index = world.seal("pasar", [FIRST + 40], "twice")
    core = world.parts.core
    (place,) = reclean._places(core, [(index, "pasar")], (index, 0))
    found = reclean._look(core, place)
    first, second = (reclean._sealed(core, place, found, "operator", []) for _ in range(2))
    world.parts.ledger.append(first).result()
    with pytest.raises(Conflict) as refused:
        world.parts.ledger.append(second).result()
    assert refused.value.code == reclean.MOVED
    world.settled()
    assert world.found(FIRST + 40) == 1
