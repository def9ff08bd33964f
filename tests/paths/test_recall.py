"""Recall through the running parts: gone at once, everyone who saw it is told and answers, the owner sees who has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from graphsvc.app import Service
from graphsvc.client.acts import carry_out, head_of
from graphsvc.client.errors import Refused
from graphsvc.demo.company import Members
from graphsvc.lifecycle import correct, recall
from graphsvc.lifecycle.recall import Decision
from graphsvc.local.run import LocalService
from graphsvc.model import ranges
from graphsvc.model.principals import Footing
from graphsvc.projection.changes import WITHDRAWAL
from graphsvc_verify.evidence import check_evidence
from tests.paths.conftest import FOOTING
from tests.paths.wire import SEARCH, account_key, file_of, row

RECALLS = """{ recalls(first: 5) { index cause reason records told open overdue deadline
  notices { org records acknowledged outcome because overdue } } }"""
NOTICES = """query($open: Boolean!) { recallNotices(open: $open, first: 100) {
  notice owner cause reason deadline count records { handle reads { index at } } acknowledged outcome overdue } }"""
EXPAND = """query($s: ID!) { expand(start: $s, hops: 1) {
  entities { kind records { owner submission row } } links { kind record { owner } } } }"""
PATHS = "query($a: ID!, $b: ID!) { paths(source: $a, target: $b, maxHops: 2) { paths { length } } }"
MATCH = """query($kind: String!, $parts: [KeyPart!]!) { match(identifiers: [{kind: $kind, parts: $parts}]) { hit } }"""
RINGS = "{ rings { accounts links } }"
POLICE, ANALYST, PASAR = "police-ke.investigator", "police-ke.analyst", "pasar.officer"


@dataclass
class World:
    """Four records of Pasar's: two accounts on each of two phones, seen by nobody yet."""

    parts: Service
    members: Members
    data: Path
    folder: Path
    index: int
    name: str

    def account(self, number: int) -> str:
        return f"{self.name}-{number}"

    def search(self, client: str, number: int, footing: Footing = FOOTING, after: int | None = None) -> list[Any]:
        variables = account_key(self.account(number))
        found: list[Any] = self.members.client(client).query(SEARCH, variables, footing, after).data["search"]
        return found

    def recall(self, target: dict[str, Any], by: str = PASAR, **more: Any) -> dict[str, Any]:
        after = more.pop("after", None)
        body = {"target": target, "reason": "sent by mistake", **more}
        return self.members.act(by, "recall", "records", body, after)

    def notices(self, client: str = POLICE, *, open_only: bool = True) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(client, NOTICES, open=open_only)["recallNotices"]
        return found

    def recalls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(PASAR, RECALLS)["recalls"]
        return found

    def ask(self, client: str, query: str, footing: Footing = FOOTING, **variables: Any) -> dict[str, Any]:
        foot = footing if client.startswith("police") else Footing()
        return self.members.client(client).query(query, variables, foot).data

    def facts(self, client: str, index: int) -> dict[str, Any]:
        """What the section of an organisation says in an entry, opened with its own key and checked offline."""
        key = self.members.by_name[client.partition(".")[0]].recipient
        report = check_evidence(self.members.client(client).evidence([index], key), self.members.trust())
        [facts] = [entry.owner["facts"] for entry in report.entries if entry.owner is not None]
        return dict(facts)

    def applied(self, index: int) -> None:
        asyncio.run(self.parts.applier.wait(index))


@pytest.fixture
def world(
    local_service: LocalService, members: Members, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[World]:
    assert local_service.parts is not None
    name = request.node.name.replace("_", "")[-24:]
    base = crc32(name.encode()) % 1_000_000
    rows = [row(f"{name}-{number}", base + number // 2) for number in range(4)]
    outgoing = file_of(tmp_path / "rows.ndjson", rows)
    index = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index
    world = World(local_service.parts, members, local_service.data, tmp_path, index, name)
    world.applied(index)
    yield world


def test_a_recalled_record_is_gone_everywhere_at_once(world: World) -> None:
    start, other = world.search(POLICE, 0)[0]["handle"], world.search(POLICE, 1)[0]["handle"]
    assert [path["length"] for path in world.ask(POLICE, PATHS, a=start, b=other)["paths"]["paths"]] == [2]
    assert world.ask(POLICE, MATCH, **account_key(world.account(0)))["match"][0]["hit"]
    before = world.ask(ANALYST, RINGS)["rings"]
    world.recall({"submission": world.index, "rows": [0]})
    # Not waited for: from the moment that the recall is durable, applied or not, nobody sees the record.
    assert world.search(POLICE, 0) == [] and world.ask(POLICE, EXPAND, s=start)["expand"] is None
    assert world.ask(POLICE, PATHS, a=start, b=other)["paths"]["paths"] == []
    assert not world.ask(POLICE, MATCH, **account_key(world.account(0)))["match"][0]["hit"]
    after = world.ask(ANALYST, RINGS)["rings"]
    assert (after["links"], after["accounts"]) == (before["links"] - 1, before["accounts"] - 1)
    around = world.ask(POLICE, EXPAND, s=other)["expand"]
    assert len(around["links"]) == 1 and len(world.search(POLICE, 1)) == 1
    # Its owner does not have it in the graph any more either.
    assert world.search(PASAR, 0, Footing()) == []
    # What only it held has gone from graph and columns.
    world.applied(world.parts.ledger.head - 1)
    record = world.index << 28
    with world.parts.graph.session() as session:
        found = session.run("MATCH (n) WHERE n.id = $r OR n.key ENDS WITH $k RETURN n", r=record, k=world.account(0))
        assert list(found) == []
        assert list(session.run("MATCH ()-[x]->() WHERE x.rec = $r RETURN x", r=record)) == []


def test_who_saw_it_is_told_and_answers_and_the_owner_sees_it(world: World) -> None:
    handles = {number: world.search(POLICE, number)[0]["records"][0]["handle"] for number in (0, 1)}
    made = world.recall({"submission": world.index}, deadline="2099-01-01T00:00:00Z")
    assert (made["records"], made["organisations"]) == (4, ["police-ke"])
    [notice] = [one for one in world.notices() if one["notice"] == made["index"]]
    assert (notice["owner"], notice["cause"], notice["reason"]) == ("pasar", "recalled", "sent by mistake")
    # Told under the handles that it knew, of what it saw and nothing else.
    assert (notice["count"], {one["handle"] for one in notice["records"]}) == (2, set(handles.values()))
    assert all(one["reads"] for one in notice["records"]) and not notice["overdue"]
    assert not [one for one in world.notices("swiftline.officer") if one["notice"] == made["index"]]
    [recall] = [one for one in world.recalls() if one["index"] == made["index"]]
    assert (recall["records"], recall["told"], recall["open"], recall["overdue"]) == (4, True, 1, 0)

    kept = {"notice": made["index"], "outcome": "kept"}
    with pytest.raises(Refused, match="obligation"):
        world.members.act(POLICE, "acknowledge-recall", str(made["index"]), kept)
    body = {**kept, "because": "Criminal Procedure Code s. 121"}
    with pytest.raises(Refused, match="no such notice"):
        world.members.act("swiftline.officer", "acknowledge-recall", str(made["index"]), body)
    world.members.act(POLICE, "acknowledge-recall", str(made["index"]), body)
    with pytest.raises(Refused, match="answered"):
        world.members.act(POLICE, "acknowledge-recall", str(made["index"]), body)
    [recall] = [one for one in world.recalls() if one["index"] == made["index"]]
    assert recall["open"] == 0
    [answer] = recall["notices"]
    assert (answer["org"], answer["records"], answer["outcome"]) == ("police-ke", 2, "kept")
    assert answer["because"] == "Criminal Procedure Code s. 121"
    assert made["index"] not in [one["notice"] for one in world.notices()]
    assert made["index"] in [one["notice"] for one in world.notices(open_only=False)]


def test_the_ledger_tells_each_its_own(world: World) -> None:
    """The notice is in the recipient's own sections, which its own key opens, and says no more than it saw."""
    world.search(POLICE, 2)
    made = world.recall({"submission": world.index, "rows": [2, 3]})
    told = world.parts.ledger.indexes(made["index"], world.parts.ledger.head, ("notice",))[0][0]
    facts = world.facts(POLICE, told)
    assert (facts["action"], facts["notice"], facts["count"]) == ("notice", made["index"], 1)
    assert len(facts["records"]) == 1 and "recipients" not in facts
    assert world.facts(PASAR, told)["recipients"] == [{"org": "police-ke", "records": 1}]


def test_a_selection_by_identifier_and_by_label(world: World) -> None:
    entity = {"kind": "Account", "parts": {"site": "shopee", "id": world.account(3)}}
    assert world.recall({"select": {"entity": entity}})["records"] == 1
    handle = world.search(PASAR, 1, Footing())[0]["handle"]
    assert (
        world.recall({"select": {"handle": handle, "handling": {"scheme": "tlp-2.0", "code": "GREEN"}}})["records"] == 1
    )
    assert (
        world.search(POLICE, 1) == world.search(POLICE, 3) == [] and world.search(POLICE, 0) and world.search(POLICE, 2)
    )
    with pytest.raises(Refused, match="no such record"):
        world.recall({"select": {"entity": entity, "handling": {"scheme": "tlp-2.0", "code": "RED"}}})


def test_foreign_absent_and_recalled_records_are_refused_alike(world: World) -> None:
    world.recall({"submission": world.index, "rows": [3]})
    head = world.parts.ledger.head
    answers = set()
    for by, target in (
        ("customs-cn.officer", {"submission": world.index, "rows": [0]}),
        ("customs-cn.officer", {"submission": world.index}),
        (PASAR, {"submission": world.index, "rows": [99]}),
        (PASAR, {"submission": 2}),
        (PASAR, {"submission": world.index, "rows": [3]}),
        (PASAR, {"submission": world.index, "rows": [0, 3]}),
    ):
        with pytest.raises(Refused) as refused:
            world.recall(target, by)
        answers.add((refused.value.status, refused.value.code, refused.value.message))
    assert len(answers) == 1, answers
    types = [kind for _, kind, _ in world.parts.ledger.entries(head, world.parts.ledger.head)]
    assert WITHDRAWAL not in types and world.search(POLICE, 0)


def test_only_a_key_with_the_role_and_only_what_its_holder_knew(world: World) -> None:
    with pytest.raises(Refused, match="role"):
        world.recall({"submission": world.index}, by=POLICE)
    at = world.parts.ledger.head - 1
    world.recall({"submission": world.index, "rows": [0]}, by="pasar.feed")
    with pytest.raises(Refused) as moved:
        world.recall({"submission": world.index, "rows": [1]}, after=at)
    assert moved.value.code == "object_changed"
    with pytest.raises(Refused, match="passed"):
        world.recall({"submission": world.index, "rows": [1]}, deadline="2020-01-01T00:00:00Z")


def test_who_never_saw_the_answer_learns_that_the_act_was_taken(world: World) -> None:
    body = {"target": {"submission": world.index, "rows": [0]}, "reason": "sent by mistake"}
    for kind in ("recall", "erase"):
        client = world.members.client(PASAR)
        compact = world.members.sign(PASAR, kind, "records", body, head_of(client))
        taken = carry_out(client, kind, compact).index
        with pytest.raises(Refused, match=rf"in the ledger already, as entry {taken}\b") as again:
            carry_out(client, kind, compact)
        assert (again.value.status, again.value.code) == (409, "act_replayed")


def test_a_correction_takes_the_old_record_back(world: World) -> None:
    old = world.search(POLICE, 0)[0]["records"][0]["handle"]
    line = row(f"{world.name}-right", 7)
    corrected = line[:-1] + b', "supersedes": {"submission": %d, "row": 0}}' % world.index
    outgoing = file_of(world.folder / "right.ndjson", [corrected])
    working = world.members.by_name["pasar"].working
    new = world.members.client("pasar.feed").submit(outgoing, "pasar", working).index
    assert world.search(POLICE, 0, after=world.parts.ledger.head - 1) == [] and world.search(POLICE, 1)
    found = world.members.client(POLICE).query(SEARCH, account_key(f"{world.name}-right"), FOOTING, new).data["search"]
    assert len(found) == 1
    notice = world.notices()[0]
    assert (notice["cause"], [one["handle"] for one in notice["records"]]) == ("corrected", [old])
    # Superseding what has gone, or is another's, is refused as a whole, and nothing of it is kept.
    for submission, org in ((world.index, "pasar"), (world.index, "customs-cn"), (2, "pasar")):
        bad = line[:-1] + b', "supersedes": {"submission": %d, "row": 0}}' % submission
        outgoing = file_of(world.folder / f"bad-{org}-{submission}.ndjson", [bad])
        with pytest.raises(Refused) as refused:
            world.members.client(f"{org}.feed").submit(outgoing, org, world.members.by_name[org].working)
        assert (refused.value.code, refused.value.where) == ("unknown_record", "row 0 /supersedes")


def test_what_a_crash_cut_off_is_finished(world: World) -> None:
    """Entries without what follows them, as a crash leaves them: the worker's first round does the rest."""
    world.search(POLICE, 1)
    parts = world.parts.core
    decision = Decision("pasar", "recalled", "dpo", "cut off", "2099-01-01T00:00:00Z")
    lost = asyncio.run(recall.withdraw(parts, decision, ((world.index, 1, 1),)))
    assert recall.untold(parts) == [lost.index]
    assert lost.index not in [one["notice"] for one in world.notices()]
    asyncio.run(world.parts.custody.finish())
    assert recall.untold(parts) == [] == correct.unfinished(parts)
    assert world.notices()[0]["notice"] == lost.index
    head = world.parts.ledger.head
    asyncio.run(world.parts.custody.finish())
    assert world.parts.ledger.head == head, "what is done is not done again"


def test_a_large_withdrawal_hides_its_submission_until_it_is_applied(world: World) -> None:
    many = 2_400
    outgoing = file_of(world.folder / "many.ndjson", (row(f"{world.name}-many-{n}", n % 50) for n in range(many)))
    working = world.members.by_name["pasar"].working
    index = world.members.client("pasar.feed").submit(outgoing, "pasar", working).index
    world.applied(index)
    made = world.recall({"submission": index, "rows": list(range(1, many))})
    records, leaving = world.parts.applier.hidden(made["index"])
    assert (records, leaving) in (((), ()), ((), (index,)))
    left = world.members.client(POLICE).query(SEARCH, account_key(f"{world.name}-many-0"), FOOTING, made["index"])
    gone = world.members.client(POLICE).query(SEARCH, account_key(f"{world.name}-many-7"), FOOTING, made["index"])
    assert len(left.data["search"]) == 1 and gone.data["search"] == []


def test_ranges() -> None:
    some = ranges.ranges([(3, 5, 9), (3, 0, 2), (3, 3, 4), (7, 1, 1)])
    assert some == ((3, 0, 9), (7, 1, 1)) and ranges.count(some) == 11
    assert ranges.minus(some, ((3, 2, 3), (3, 9, 20), (7, 1, 1))) == ((3, 0, 1), (3, 4, 8))
    assert ranges.both(some, ((3, 8, 12), (7, 0, 0))) == ((3, 8, 9),)
    assert ranges.of_records(ranges.records(some)) == some
    assert ranges.unpack(3, ranges.pack(((3, 0, 4), (3, 6, 6)))) == ((3, 0, 4), (3, 6, 6))
