"""Exports of a running service: only what may be exported, stamped, logged, read back; answers, rings, cases."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import networkx as nx
import pytest

from graphsvc.demo.company import Members
from graphsvc.exchange.forms import FORMS
from graphsvc.local.run import LocalService
from graphsvc.wire.answers import Entity
from graphsvc.wire.shapes import selection
from tests.commands import Desk, running
from tests.exports import graph_of, read_back
from tests.paths.conftest import FOOTING
from tests.paths.wire import DEFAULTS, file_of, phone, row

INVESTIGATOR, ANALYST = "police-ke.investigator", "police-ke.analyst"
LOOKED_AT = msgspec.structs.replace(DEFAULTS, pap="AMBER")
NUMBERS = count(6_870_000)
ACCESS = "{ accessLog(first: 20) { entries { index export records { submission row } } } }"
STATED = ("--purpose", FOOTING.purpose, "--legal-basis", FOOTING.legal_basis, "--case", FOOTING.case)


@dataclass
class World:
    """Pasar's records: two accounts that share a telephone, which may be exported, and one that is only looked at."""

    members: Members
    desk: Desk
    folder: Path
    number: int
    index: int

    def export(self, *words: str, to: str = "ndjson", name: str = "", json: bool = True) -> Any:
        out = self.folder / (name or f"out{FORMS[to].ending}")
        return self.desk(INVESTIGATOR, "export", str(out), "--format", to, *words, *STATED, json=json)

    @property
    def phone(self) -> str:
        return phone(self.number)


@pytest.fixture
def world(
    members: Members, local_service: LocalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> World:  # fmt: skip
    number, index = next(NUMBERS), -1
    names = [f"=cmd-{number}", f"plain-{number}"]
    for file, defaults, rows in (
        ("given", DEFAULTS, [row(name, number) for name in names]),
        ("looked", LOOKED_AT, [row(f"looked-{number}", number)]),
    ):
        outgoing = file_of(tmp_path / f"{file}.in.ndjson", rows, defaults)
        index = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index
    members.client("pasar.feed").query(
        "query($after: Int) { submissions(first: 1, after: $after) { index } }", after=index
    )
    return World(members, Desk(running(monkeypatch, capfd), local_service, members, tmp_path), tmp_path, number, index)


def test_every_format_holds_what_may_be_exported_and_the_rest_nowhere(world: World) -> None:
    wanted = {
        f"phone:e164:{world.phone}",
        f"account:shopee:=cmd-{world.number}",
        f"account:shopee:plain-{world.number}",
    }
    for name, form in FORMS.items():
        told = world.export("--phone", world.phone, "--hops", "1", to=name).value
        assert (told["entities"], told["links"], told["records"]) == (3, 2, 2), name
        path = world.folder / f"out{form.ending}"
        data = path.read_bytes()
        assert f"looked-{world.number}".encode() not in data and path.stat().st_mode & 0o077 == 0
        stamp = told["stamp"]
        assert stamp["viewer"] == "police-ke" and stamp["case"] == FOOTING.case
        assert stamp["handling"] == [{"scheme": "tlp-2.0", "code": "GREEN"}] and len(stamp["entries"]) == 2
        assert stamp["withheld"] == [{"owner": "pasar", "rule": "pap-export", "records": 1}]
        assert name == "xlsx" or (stamp["root"].encode() in data and stamp["log"].encode() in data)
        beside = json.loads((world.folder / f"{path.name}.receipts.json").read_text())
        assert [one["index"] for one in beside["receipts"]] == stamp["entries"] and beside["sha256"] == told["sha256"]
        if form.again:
            drafts, problems, _ = read_back(data, path.name)
            entities, links = graph_of(drafts)
            assert entities == wanted and len(links) == 2 and not problems, name


def test_the_owner_is_told_that_it_went_into_a_file(world: World) -> None:
    entries = world.export("--phone", world.phone, "--hops", "1").value["stamp"]["entries"]
    listed = world.members.client("pasar.officer").query(ACCESS).data["accessLog"]["entries"]
    told = {one["index"]: one for one in listed}
    assert all(told[index]["export"] and told[index]["records"] for index in entries)


def test_no_cell_is_a_formula_and_the_graph_is_a_graph(world: World) -> None:
    world.export("--phone", world.phone, "--hops", "1", to="csv")
    text = (world.folder / "out.csv").read_text(encoding="utf-8-sig")
    rows = [line for line in csv.reader(io.StringIO(text)) if not line[0].startswith("# ")]
    assert all(not cell.startswith(("=", "@")) for line in rows for cell in line)
    assert f"'=cmd-{world.number}" not in text, "an account's key begins with its site"
    world.export("--phone", world.phone, "--hops", "1", to="graphml")
    graph = nx.read_graphml(world.folder / "out.graphml")
    assert sorted(said["kind"] for _, said in graph.nodes(data=True)) == ["Account", "Account", "Phone"]


def test_a_kept_answer_becomes_any_file_and_another_s_does_not(world: World) -> None:
    question = world.folder / "q.graphql"
    document = 'query($v: String!) { found: search(kind: "Phone", parts: [{name: "value", value: $v}]) '
    question.write_text(document + selection(Entity) + " }")
    kept = world.folder / "kept.json"
    asked = ("ask", str(question), "--var", f'v="{world.phone}"', *STATED)
    assert world.desk(INVESTIGATOR, *asked, "--out", str(kept)).returncode == 0
    told = world.export("--answer", str(kept), to="stix").value
    assert (told["entities"], told["links"], told["records"]) == (1, 0, 2)
    assert world.export("--answer", str(kept), "--phone", world.phone, name="a").code == (2, "too_much")
    body = kept.read_bytes()
    (world.folder / "altered.json").write_bytes(body.replace(world.phone.encode(), phone(1).encode()))
    assert world.export("--answer", str(world.folder / "altered.json"), name="b").code[0] == 1
    question.write_text(document + "{ handle kind key records { handle owner } } }")
    part = world.folder / "part.json"
    world.desk(INVESTIGATOR, *asked, "--out", str(part))
    assert world.export("--answer", str(part), name="c").code == (2, "not_whole")
    looked = world.members.client(INVESTIGATOR).query(question.read_text(), {"v": world.phone}, FOOTING)
    (world.folder / "looked.json").write_bytes(looked.body)
    assert world.export("--answer", str(world.folder / "looked.json"), name="d").code == (2, "not_exported")
    assert not any((world.folder / name).exists() for name in "abcd")
    other = world.desk("pasar.officer", "export", str(world.folder / "e"), "--format", "csv", "--answer", str(kept))
    assert other.code == (2, "not_yours")


def test_answers_are_kept_for_evidence(world: World) -> None:
    folder = world.folder / "answers"
    told = world.export("--phone", world.phone, "--answers", str(folder)).value
    (index,) = told["stamp"]["entries"]
    done = world.desk(
        INVESTIGATOR, "evidence", "--answer", str(folder / f"{index}.json"), "--out", str(world.folder / "e.zip")
    )
    assert done.value["answers"] == 1


def test_paths_a_ring_and_a_case(world: World) -> None:
    members = world.members
    numbers = [next(NUMBERS) for _ in range(3)]
    accounts = [f"ring-{world.number}-{n}" for n in range(4)]
    rows = [row(name, number) for number in numbers for name in accounts]
    case = {"ref": "c", "kind": "Case", "key": {"ref": f"X/{world.number}"}, "attributes": {"title": "Ivory"}}
    about = {"ref": "p", "kind": "Phone", "key": {"value": phone(numbers[0])}}
    link = {"kind": "INVOLVES", "from": "c", "to": "p"}
    rows.append(json.dumps({"entities": [case, about], "links": [link]}).encode())
    outgoing = file_of(world.folder / "ring.in.ndjson", rows, DEFAULTS)
    index = members.client("police-ke.feed").submit(outgoing, "police-ke", members.by_name["police-ke"].working).index
    members.client(INVESTIGATOR).query(
        "query($after: Int) { submissions(first: 1, after: $after) { index } }", after=index
    )
    ends = f"Account:site=shopee,id={accounts[0]}", f"Account:site=shopee,id={accounts[3]}"
    told = world.export("--id", ends[0], "--path-to", ends[1], "--paths", "2", name="paths.ndjson").value
    assert told["entities"] == 4 and told["links"] == 4, "two paths over two telephones"
    told = world.export("--case-file", f"X/{world.number}", "--hops", "1", to="case", name="case.jsonld").value
    assert told["entities"] == 2 and told["links"] == 1
    asked = msgspec.structs.replace(FOOTING, export=True)
    found = (
        members.client(ANALYST).query("{ rings { rings { rank accounts { key } } } }", {}, asked).data["rings"]["rings"]
    )
    keys = {one["rank"]: {account["key"] for account in one["accounts"]} for one in found}
    rank = next(rank for rank, held in keys.items() if f"account:shopee:{accounts[0]}" in held)
    out = world.folder / "ring.anx"
    told = world.desk(ANALYST, "export", str(out), "--format", "anx", "--ring", str(rank), *STATED).value
    assert told["entities"] == 7 and told["links"] == 12
    none = world.desk(ANALYST, "export", str(world.folder / "none"), "--format", "csv", "--ring", "500", *STATED)
    assert none.code == (2, "no_ring")


def test_what_is_wrong_is_said_before_anything_is_asked(world: World) -> None:
    (world.folder / "there").write_text("mine")
    assert world.export("--phone", world.phone, name="there").code == (2, "exists")
    assert (world.folder / "there").read_text() == "mine"
    assert world.export(name="n").code == (2, "nothing_asked")
    assert world.export("--phone", phone(9_999_999), name="n").code == (2, "nothing_to_export")
    assert world.export("--id", "Phone=1", name="n").code == (2, "bad_identifier")
    told = world.export("--phone", world.phone, "--hops", "1", name="said.ndjson", json=False)
    assert told.returncode == 0 and "TLP:GREEN" in told.stderr and "left out: 1 records of pasar" in told.stderr
    own = world.desk(
        "pasar.officer", "export", str(world.folder / "own.csv"), "--format", "csv", "--phone", world.phone
    )
    assert own.value["records"] == 3, "one's own may all be exported, without a footing"
