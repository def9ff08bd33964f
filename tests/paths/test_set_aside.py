"""What can't be applied all the same: the rows at fault are set aside, their owner is told, all others go on."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx2
import pytest
from sealed_drafts import enter_drafts

from graphsvc.answers import own
from graphsvc.app import Service
from graphsvc.client.errors import Refused
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.ledger.taken import standing
from graphsvc.lifecycle.retention import Rule, due
from graphsvc.local.run import LocalService
from graphsvc.model import ranges
from graphsvc.model.accelerator import describe
from graphsvc.model.drafts import CleanDraft, CleanEntity, CleanLink
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Footing
from graphsvc.wire.answers import RowsAside
from graphsvc_verify.evidence import check_evidence
from tests.commands import Desk, running
from tests.paths.conftest import FOOTING
from tests.paths.process import wait_ready
from tests.paths.wire import DEFAULTS, SEARCH, account_key, file_of, row

BY_NAME = {one.org: one for one in ORGANISATIONS}
SUBMISSIONS = "{ submissions(first: 50) { index accepted applied moreSetAside setAside { code first last } } }"
ACCESS = """query($kind: String!, $parts: [KeyPart!]!) { subjectAccess(kind: $kind, parts: $parts) {
  records { submission row state raw expires } } }"""
NEVER = "2030-00-00"


def label(org: str, code: str = "GREEN", groups: tuple[str, ...] = ()) -> Label:
    own = BY_NAME[org]
    return Label(org, own.kind, own.jurisdiction, Handling("tlp-2.0", code), "GREEN", "statutory-duty", groups=groups)


def draft(org: str, number: int, account: str, **more: Any) -> CleanDraft:
    said = {
        "row": number,
        "label": label(org),
        "entities": [
            CleanEntity("Account", f"account:shopee:{account}", {"identity": {"id": account}}),
            CleanEntity("Phone", f"phone:e164:+2547{number:08d}", {}),
        ],
        "links": [CleanLink("USES", 0, 1, {})],
    }
    return CleanDraft(**{**said, **more})


@dataclass
class World:
    """The session's service, and rows put into its ledger as an older version would have."""

    service: LocalService
    parts: Service
    members: Members
    folder: Path
    name: str

    def seal(self, org: str, drafts: list[CleanDraft | bytes]) -> int:
        payloads = self.parts.core.payloads
        index = enter_drafts(self.parts.ledger, (payloads.store, payloads.keys), org, drafts)
        self.settled(index)
        return index

    def settled(self, index: int) -> None:
        asyncio.run(self.parts.applier.wait(index, seconds=240))
        asyncio.run(self.parts.applier.wait(self.parts.ledger.head - 1, seconds=240))

    def aside(self, submission: int) -> list[tuple[str, int, int]]:
        with self.parts.ledger.reading() as connection:
            found = standing(connection, [submission]).get(submission, [])
        return sorted((code, first, last) for code, named in found for _, first, last in named)

    def listed(self, client: str, submission: int) -> dict[str, Any]:
        found = self.members.client(client).query(SUBMISSIONS).data["submissions"]
        return dict(next(one for one in found if one["index"] == submission))

    def act(self, org: str, kind: str, target: dict[str, Any]) -> dict[str, Any]:
        return self.members.act(f"{org}.officer", kind, "records", {"target": target, "reason": "x"})

    def told(self, org: str, kind: str) -> list[tuple[Any, dict[str, Any]]]:
        """Evidence entries of a type, checked offline, with what they tell the organisation."""
        key = self.members.by_name[org].recipient
        entries = [one.index for one in self.parts.ledger.owner_entries(org) if one.type == kind]
        report = check_evidence(self.members.client(f"{org}.officer").evidence(entries, key), self.members.trust())
        return [(one, dict(one.owner["facts"])) for one in report.entries if one.owner is not None]


@pytest.fixture
def world(local_service: LocalService, members: Members, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    assert local_service.parts is not None
    name = f"aside-{crc32(request.node.name.encode()):x}"
    return World(local_service, local_service.parts, members, tmp_path, name)


def test_the_rows_at_fault_are_set_aside_and_everybody_else_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    org, name = "swiftline", world.name
    huge = CleanEntity("Account", f"account:shopee:{name}-{'x' * 40_000}", {})
    index = world.seal(
        org,
        [
            draft(org, 0, f"{name}-0"),
            draft(org, 1, f"{name}-1", expires=NEVER),
            draft(org, 2, f"{name}-2", entities=[CleanEntity("Zeppelin", f"zeppelin:x:{name}", {})], links=[]),
            draft(org, 3, f"{name}-3", entities=[huge], links=[]),
            draft(org, 4, f"{name}-4", links=[CleanLink("USES", 1 << 70, 1, {})]),
            b"no JSON",
            draft(org, 6, f"{name}-6", links=[CleanLink("USES", 0, 1, {"secret": {"a": 1}})]),
            draft(org, 99, f"{name}-7"),
            draft(org, 8, f"{name}-8"),
        ],
    )
    aside = world.aside(index)
    assert [(code, first, last) for code, first, last in aside if first != 3] == [
        ("bad_value", 1, 1),
        ("bad_value", 4, 4),
        ("bad_value", 6, 6),
        ("unknown_kind", 2, 2),
        ("unreadable", 5, 5),
        ("unreadable", 7, 7),
    ]
    [refused] = [code for code, first, _ in aside if first == 3]
    assert refused in ("graph_statement", "graph_refused"), "Neo4j's index takes some 8 kB"
    # Everybody else, and its own good rows: applied, and `after` answers.
    sent = file_of(world.folder / "rows.ndjson", [row(f"{name}-other", 5)], DEFAULTS)
    after = world.members.client("pasar.feed").submit(sent, "pasar", world.members.by_name["pasar"].working).index
    investigator = world.members.client("police-ke.investigator")
    for account, count in (("other", 1), ("0", 1), ("8", 1), ("1", 0)):
        found = investigator.query(SEARCH, account_key(f"{name}-{account}"), FOOTING, after).data["search"]
        assert len([one for entity in found for one in entity["records"]]) == count, account
    # Its owner is told: in its list, and in its section of the log, which nobody but the operator has signed.
    listed = world.listed("swiftline.officer", index)
    assert (listed["accepted"], listed["applied"]) == (9, True)
    assert sorted((one["code"], one["first"], one["last"]) for one in listed["setAside"]) == aside
    assert not listed["moreSetAside"]
    with monkeypatch.context() as few:
        few.setattr(own, "MOST_ASIDE", 1)
        listed = world.listed("swiftline.officer", index)
    assert listed["moreSetAside"] and len(listed["setAside"]) == len({code for code, *_ in aside})
    told = [(entry, facts) for entry, facts in world.told(org, "set-aside") if facts["submission"] == index]
    assert sorted(tuple(one) for _, facts in told for one in facts["rows"]) == aside
    assert told and not any(entry.acts for entry, _ in told)
    # The receipt stays true.
    assert world.parts.ledger.receipt(index)["index"] == index
    _told_without_rows(world, index)


def _told_without_rows(world: World, index: int) -> None:
    """Readiness and doctor name entry and code, and nothing of the rows."""
    wait_ready(world.service.url)
    ready = httpx2.get(f"{world.service.url}/health/ready")
    assert ready.status_code == 200 and {"entry": index, "code": "bad_value"} in ready.json()["setAside"]
    assert world.name not in ready.text
    checks = {one.name: one for one in world.members.client(OPERATOR).doctor()}
    assert not checks["set aside"].ok and f"entry {index}: 3 rows, bad_value" in checks["set aside"].found
    assert checks["ledger"].ok and checks["neo4j"].ok and checks["applier"].ok and checks["disk"].ok
    assert checks["sealing"].ok and checks["sealing"].found == describe()
    assert world.name not in str(checks)


def test_what_is_set_aside_can_be_recalled_held_erased_and_accounted_for(world: World) -> None:
    org, name = "pasar", world.name
    index = world.seal(org, [draft(org, number, f"{name}-{number}", expires=NEVER) for number in range(6)])
    assert world.aside(index) == [("bad_value", 0, 5)]
    world.act(org, "recall", {"submission": index, "rows": [0]})
    world.act(org, "erase", {"submission": index, "rows": [1]})
    entity = {"kind": "Account", "parts": {"site": "shopee", "id": f"{name}-2"}}
    assert world.act(org, "recall", {"select": {"entity": entity}})["records"] == 1
    held = world.act(org, "hold", {"submission": index, "rows": [3]})
    assert held["records"] == 1
    with pytest.raises(Refused) as refused:
        world.act(org, "erase", {"submission": index, "rows": [3]})
    assert refused.value.code == "held"
    assert world.aside(index) == [("bad_value", 3, 5)], "what is taken back or erased waits for nothing any more"
    shown = world.members.client("pasar.officer").query(ACCESS, account_key(f"{name}-4"), Footing()).data
    (record,) = shown["subjectAccess"]["records"]
    assert record == {"submission": index, "row": 4, "state": "set aside", "raw": "row 4", "expires": NEVER}
    operator = world.members.client(OPERATOR)
    for rows in ([0], [1], [2], [3, 77]):
        with pytest.raises(Refused) as gone:
            operator.reapply(index, rows)
        assert gone.value.code == "not_found"
    again = operator.reapply(index)
    assert again.set_aside == [RowsAside(code="bad_value", first=3, last=5)] and again.records == 3
    # A purge takes what is over age, though no graph knows of it.
    rules = [Rule(id="short", max_age_days=0, owner=org)]
    later = time.time() + 60
    found = next(one for one in due(world.parts.core, rules, later) if one.owner == org)
    assert ranges.of_submission(found.over_age, index) == ((index, 3, 5),)
    assert ranges.of_submission(found.purged, index) == ((index, 0, 0), (index, 2, 2), (index, 4, 5))


def test_nothing_comes_back_that_its_owner_may_not_share_any_more(world: World) -> None:
    """The group that the rows were under was left meanwhile: reapply refuses, whatever was mended."""
    org, name = "pasar", world.name
    index = world.seal(org, [draft(org, 0, name, label=label(org, groups=("left-long-ago",)), expires=NEVER)])
    with pytest.raises(Refused) as refused:
        world.members.client(OPERATOR).reapply(index)
    assert refused.value.code == "left_group"


def test_only_operators_and_only_what_is_set_aside(world: World) -> None:
    for client in ("pasar.officer", "police-ke.investigator"):
        for call in (
            lambda client=client: world.members.client(client).reapply(3),
            world.members.client(client).doctor,
        ):
            with pytest.raises(Refused) as refused:
                call()
            assert refused.value.code == "denied"
    token = world.members.token(OPERATOR)
    for body, where in (
        ({}, "/entry"),
        ({"entry": "3"}, "/entry"),
        ({"entry": True}, "/entry"),
        ({"entry": 1 << 40}, "/entry"),
        ({"entry": 3, "rows": []}, "/rows"),
        ({"entry": 3, "rows": [-1]}, "/rows"),
        ({"entry": 3, "rows": [1 << 28]}, "/rows"),
        ({"entry": 3, "all": True}, "body"),
    ):
        answer = httpx2.post(
            f"{world.service.url}/v1/reapply", json=body, headers={"authorization": f"Bearer {token}"}, timeout=30
        )
        assert (answer.status_code, answer.json()["where"]) == (400, where), body


def test_the_commands(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    org, name = "pasar", world.name
    monkeypatch.setenv("COLUMNS", "300")
    desk = Desk(running(monkeypatch, capfd), world.service, world.members, tmp_path)
    index = world.seal(org, [draft(org, 0, name, expires=NEVER), draft(org, 1, f"{name}-1")])
    seen = desk(OPERATOR, "doctor", json=False)
    assert seen.returncode == 1 and f"entry {index}" in seen.stdout and "reapply" in seen.stdout
    told = json.loads(desk(OPERATOR, "doctor").stdout)
    assert told["ok"] is False and {one["name"] for one in told["checks"]} > {"ledger", "tiles", "neo4j", "applier"}
    done = desk(OPERATOR, "reapply", str(index), "--row", "0")
    assert done.returncode == 1, "it is as bad as before"
    assert json.loads(done.stdout)["setAside"] == [{"code": "bad_value", "first": 0, "last": 0}]
    assert desk("pasar.officer", "doctor").code[1] == "denied"
