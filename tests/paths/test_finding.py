"""Timelines, what is common, names, hubs and narrowed questions through the running parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client import Client
from graphsvc.client.errors import Refused
from graphsvc.client.questions import COMMON, NAMES, TIMELINE
from graphsvc.demo.company import Members
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Footing
from tests.paths.conftest import FOOTING
from tests.paths.test_asked import run
from tests.paths.wire import DEFAULTS, SITE, file_of, phone

RED = Defaults(handling=Handling("tlp-2.0", "RED"), legal_basis="statutory-duty", pap="RED")
SEARCH = """query($k: String!, $p: [KeyPart!]!, $o: [String!], $d: TimeFilter, $a: Int) {
  search(kind: $k, parts: $p, owners: $o, during: $d, after: $a) { handle recordCount } }"""
EXPAND = """query($s: [ID!]!, $h: Int!, $c: Int, $o: [String!], $d: TimeFilter) {
  expand(starts: $s, hops: $h, hubCap: $c, owners: $o, during: $d) {
    hubs truncated moreLinks entities { handle key } links { record { owner } } } }"""


def used(account: str, number: int, day: str | None = None, name: str | None = None, **more: Any) -> bytes:
    """A row: an account uses a telephone number, perhaps on a day, and has a name."""
    said = {} if name is None else {"verifiedName": name}
    account_ = {"ref": "a", "kind": "Account", "key": {"site": SITE, "id": account}, "attributes": said}
    number_ = {"ref": "p", "kind": "Phone", "key": {"value": phone(number)}}
    observed = {} if day is None else {"observed": {"since": day, "until": day}}
    link = {"kind": "USES", "from": "a", "to": "p", **observed}
    return json.dumps({"entities": [account_, number_], "links": [link], **observed, **more}).encode()


class Desk:
    """Sends rows for anybody and asks as the investigator."""

    def __init__(self, members: Members, folder: Path) -> None:
        self.members, self.folder, self.after = members, folder, -1
        self.client: Client = members.client("police-ke.investigator")

    def submit(self, org: str, *rows: bytes, defaults: Defaults = DEFAULTS) -> None:
        outgoing = file_of(self.folder / f"{org}-{self.after}.ndjson", rows, defaults)
        sent = self.members.client(f"{org}.feed").submit(outgoing, org, self.members.by_name[org].working)
        assert sent.rejected == 0, sent.problems
        self.after = sent.index

    def phone(self, number: int, **more: Any) -> list[dict[str, Any]]:
        parts = [{"name": "value", "value": phone(number)}]
        asked = {"k": "Phone", "p": parts, "a": self.after, **more}
        found: list[dict[str, Any]] = self.client.query(SEARCH, asked, FOOTING).data["search"]
        return found

    def account(self, name: str) -> str:
        parts = [{"name": "site", "value": SITE}, {"name": "id", "value": name}]
        asked = {"k": "Account", "p": parts, "a": self.after}
        return str(self.client.query(SEARCH, asked, FOOTING).data["search"][0]["handle"])

    def expand(self, *starts: str, hops: int = 1, **more: Any) -> Any:
        return self.client.query(EXPAND, {"s": starts, "h": hops, **more}, FOOTING)


@pytest.fixture
def desk(members: Members, tmp_path: Path) -> Desk:
    return Desk(members, tmp_path)


def test_a_timeline_in_parts_is_the_whole_one(desk: Desk) -> None:
    desk.submit("pasar", *(used(f"tl-{n}", 910_001, f"2026-02-{n + 1:02}") for n in range(6)), used("tl-x", 910_001))
    desk.submit("swiftline", used("tl-0", 910_001, "2026-02-03"))
    desk.submit("customs-cn", used("tl-z", 910_001, "2026-01-01"), defaults=RED)
    start = desk.phone(910_001)[0]["handle"]
    asked: dict[str, Any] = {"entities": [start], "first": 500}
    whole, answer = desk.client.ask(TIMELINE, asked, FOOTING)
    links = [one for one in whole.events if one.link]
    assert [one.at[:10] if one.at else None for one in links] == [
        *(f"2026-02-{n + 1:02}" for n in range(3)), "2026-02-03", *(f"2026-02-{n + 1:02}" for n in range(3, 6)), None,
    ]  # fmt: skip
    assert {one.record.owner for one in links[2:4]} == {"pasar", "swiftline"}, "what may not be seen is not there"
    assert whole.claim_count == len(whole.events) == 16 and whole.undated_count == 2 and whole.owner_count == 2
    assert {one.handle for one in whole.things} >= {start} and whole.next is None and not answer.cut
    parts, cursor = [], None
    while True:
        part, answer = desk.client.ask(TIMELINE, {**asked, "first": 3, "cursor": cursor}, FOOTING)
        parts += part.events
        assert part.claim_count == 16
        cursor = part.next
        assert bool(answer.cut) == (cursor is not None)
        if cursor is None:
            break
    assert parts == whole.events
    cursor = desk.client.read(TIMELINE, {**asked, "first": 3}, FOOTING).next
    elsewhere = Footing(FOOTING.purpose, "court-order", FOOTING.case)
    for changed, footing in (({"owners": ["pasar"]}, FOOTING), ({}, elsewhere), ({"cursor": "x"}, FOOTING)):
        with pytest.raises(Refused) as refused:
            desk.client.ask(TIMELINE, {**asked, "first": 3, "cursor": cursor, **changed}, footing)
        assert (refused.value.code, refused.value.where) == ("bad_cursor", "cursor")
    window = {"since": "2026-02-02T00:00:00Z", "until": "2026-02-03T23:59:59Z"}
    some = desk.client.read(TIMELINE, {**asked, "during": window, "owners": ["pasar"]}, FOOTING)
    assert [one.at[:10] for one in some.events if one.link and one.at] == ["2026-02-02", "2026-02-03"]


def test_what_suspects_have_in_common(desk: Desk) -> None:
    desk.submit("pasar", *(used(f"co-{n}", 920_001) for n in range(3)), used("co-0", 920_002), used("co-9", 920_003))
    desk.submit("swiftline", used("co-1", 920_002), used("co-1", 920_001))
    desk.submit("customs-cn", used("co-2", 920_002), used("co-9", 920_001), defaults=RED)
    suspects = [desk.account(f"co-{n}") for n in range(3)]
    found, _ = desk.client.ask(COMMON, {"entities": suspects, "limit": 300}, FOOTING)
    assert found is not None
    keys = {one.handle: one.key for one in found.entities}
    joined = {keys[one.thing]: [keys[end] for end in one.joins] for one in found.shared}
    assert joined == {
        f"phone:e164:{phone(920_001)}": [f"account:{SITE}:co-{n}" for n in range(3)],
        f"phone:e164:{phone(920_002)}": [f"account:{SITE}:co-{n}" for n in range(2)],
    }
    first = found.shared[0]
    assert (first.claim_count, first.owner_count, first.independent_sources) == (4, 2, 2) and found.shared_count == 2
    assert {one.record.owner for one in found.links} == {"pasar", "swiftline"} and len(found.links) == 6
    few, answer = desk.client.ask(COMMON, {"entities": suspects, "limit": 2}, FOOTING)
    assert few is not None and few.truncated and few.shared_count == 2 and len(few.links) == 2
    assert {one.record.owner for one in few.links} == {"pasar", "swiftline"}, "owners take turns"
    assert [cut.what for cut in answer.cut] == ["links"] and few.shared[0].claim_count == first.claim_count
    assert desk.client.read(COMMON, {"entities": [suspects[0], "A" * 55], "limit": 9}, FOOTING) is None


def test_names_are_found_in_any_script_and_only_where_they_may_be_seen(desk: Desk) -> None:
    names = ["Nguyễn Thị Ngà", "象牙张伟", "محمد الفيل", "สมชาย งาช้าง", "Слоненко Фёдор"]
    desk.submit("pasar", *(used(f"nm-{n}", 930_001, name=name) for n, name in enumerate(names)))
    desk.submit("customs-cn", used("nm-0", 930_001, name="Nguyễn Ngà"), used("nm-h", 930_001, name="Ngà Nguyen"))
    desk.submit("customs-cn", used("nm-x", 930_001, name="Nguyễn Thị Ngà"), defaults=RED)
    desk.phone(930_001)

    def find(text: str, **more: Any) -> Any:
        return desk.client.ask(NAMES, {"text": text, "beginning": False, "first": 20, **more}, FOOTING)

    asked = {"nga nguyen": "nm-0", "张伟": "nm-1", "الفيل": "nm-2", "งาช้าง": "nm-3", "ФЕДОР": "nm-4"}
    for text, account in asked.items():
        found, _ = find(text)
        assert f"account:{SITE}:{account}" in {one.key for one in found.entities}, text
    found, _ = find("ngà NGUYỄN")
    assert {one.key for one in found.entities} == {f"account:{SITE}:nm-{n}" for n in "0h"} and found.entity_count == 2
    assert {one.key for one in find("слонен", beginning=True)[0].entities} == {f"account:{SITE}:nm-4"}
    assert find("слонен")[0].entities == []
    one, answer = find("ngà NGUYỄN", first=1)
    assert one.truncated and one.next and [cut.what for cut in answer.cut] == ["entities"]
    two, _ = find("ngà NGUYỄN", first=1, cursor=one.next)
    assert two.next is None and {one.entities[0].key, two.entities[0].key} == {f"account:{SITE}:nm-{n}" for n in "0h"}
    assert [one.key for one in find("ngà nguyen", owners=["pasar"])[0].entities] == [f"account:{SITE}:nm-0"]
    assert find("ngà nguyen", kinds=["Phone"])[0].entities == []
    for wrong, where in (
        ({"text": "…"}, "text"),
        ({"kinds": ["Fone"]}, "kinds/0"),
        ({"owners": ["nobody"]}, "owners/0"),
    ):
        with pytest.raises(Refused) as refused:
            find(**{"text": "nga", **wrong})
        assert refused.value.status == 400 and refused.value.where == where


def test_hubs_are_said_and_walks_narrowed(desk: Desk) -> None:
    desk.submit("pasar", *(used(f"hb-{n}", 940_001, f"2026-03-{n + 1:02}") for n in range(9)), used("hb-0", 940_002))
    desk.submit("swiftline", used("hb-1", 940_003, "2026-03-20"))
    desk.phone(940_003)
    start = desk.account("hb-0")
    answer = desk.expand(start, hops=3, c=5)
    network = answer.data["expand"]
    keys = {one["handle"]: one["key"] for one in network["entities"]}
    assert [keys[hub] for hub in network["hubs"]] == [f"phone:e164:{phone(940_001)}"] and len(keys) == 3
    assert (
        network["truncated"] and not network["moreLinks"] and [one.what for one in answer.cut] == ["links behind hubs"]
    )
    through = desk.expand(start, hops=3, c=None).data["expand"]
    assert through["hubs"] == [] and not through["truncated"] and len(through["entities"]) == 12
    named = desk.expand(start, network["hubs"][0], hops=2, c=5).data["expand"]
    assert named["hubs"] == [] and len(named["entities"]) == 12
    window = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-03T23:00:00Z"}
    near = desk.expand(network["hubs"][0], d=window).data["expand"]
    assert len(near["links"]) == 3
    theirs = desk.expand(desk.account("hb-1"), o=["swiftline"]).data["expand"]
    assert {one["record"]["owner"] for one in theirs["links"]} == {"swiftline"} and len(theirs["links"]) == 1
    assert desk.phone(940_001, o=["swiftline"]) == [] and desk.phone(940_001, o=["pasar"])[0]["recordCount"] == 9
    assert desk.phone(940_001, d=window)[0]["recordCount"] == 3
    with pytest.raises(Refused) as refused:
        desk.client.query("{ expand(hops: 2) { truncated } }", {}, FOOTING)
    assert (refused.value.status, refused.value.where) == (400, "start")
    with pytest.raises(Refused) as refused:
        desk.phone(940_001, d={"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"})
    assert refused.value.where == "during/until"


def test_both_executors_answer_the_same(desk: Desk) -> None:
    desk.submit(
        "pasar", *(used(f"ex-{n}", 960_001, "2026-05-01", "Both Ways") for n in range(3)), used("ex-0", 960_002)
    )
    desk.phone(960_001)
    accounts = [desk.account(f"ex-{n}") for n in range(3)]
    asked: tuple[tuple[Any, dict[str, Any]], ...] = (
        (TIMELINE, {"entities": accounts, "first": 4}),
        (COMMON, {"entities": accounts, "limit": 4}),
        (NAMES, {"text": "both ways", "beginning": False, "first": 2}),
    )
    for question, variables in asked:
        plan = desk.client.query(question.document, variables, FOOTING)
        # No plan is made for a directive.
        other = question.document.replace("handle", "handle @include(if: true)", 1)
        core = desk.client.query(other, variables, FOOTING)
        assert plan.raw == core.raw and plan.cut == core.cut and len(plan.raw) > 500


def test_the_command_line_asks_for_all_of_it(desk: Desk, members: Members) -> None:
    desk.submit("pasar", used("cl-0", 950_001, "2026-04-01", "Tran Cli"), used("cl-1", 950_001, "2026-04-02"))
    desk.phone(950_001)
    profile = ["--profile", str(members.write_profile("police-ke.investigator", DEFAULTS))]
    footing = ["--purpose", FOOTING.purpose, "--legal-basis", FOOTING.legal_basis, "--case", FOOTING.case]
    accounts = [f"Account:site={SITE},id=cl-{n}" for n in range(2)]
    for words, said in (
        (["find", "name", "tran cli"], f"account:{SITE}:cl-0"),
        (["find", "timeline", *accounts, "--first", "3"], "2026-04-01"),
        (["find", "common", *accounts], phone(950_001)),
    ):
        done = run(*words, *footing, *profile)
        assert done.returncode == 0 and said in done.stdout, done.stdout + done.stderr
        told = json.loads(run(*words, *footing, *profile, "--json").stdout)
        assert said in json.dumps(told) and "index" in told
    nobody = run("find", "timeline", f"Account:site={SITE},id=cl-none", *footing, *profile)
    assert nobody.returncode == 2 and "not_found" in nobody.stderr
