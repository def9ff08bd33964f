"""Many records of one owner on one number, a few of others: all owners are seen, all is counted, each cut is said."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client import Client
from graphsvc.client.answers import Answer, Cut
from graphsvc.demo.company import Members
from graphsvc.graph.read import RECORDS
from tests.commands import Run
from tests.paths.conftest import FOOTING
from tests.paths.desks import run  # noqa: F401 - a fixture
from tests.paths.wire import DEFAULTS, file_of, phone, row

MANY, NUMBER = 60, 870_001
OWNERS = {"pasar": MANY, "customs-cn": 1, "swiftline": 2}
ALL = sum(OWNERS.values())
HUB = f"phone:e164:{phone(NUMBER)}"
COUNTS = "recordCount ownerCount independentSources moreRecords records { owner }"
SEARCH = f"""query($value: String!, $after: Int) {{
  search(kind: "Phone", parts: [{{name: "value", value: $value}}], after: $after) {{
    handle key {COUNTS} }} }}"""
NETWORK = f"""entities {{ key {COUNTS} }} links {{ source target claimCount independentSources record {{ owner }} }}"""
EXPAND = (
    f"query($start: ID!, $limit: Int!) {{ expand(start: $start, limit: $limit) {{ truncated moreLinks {NETWORK} }} }}"
)
ACCOUNT = """query($id: String!) {
  search(kind: "Account", parts: [{name: "site", value: "shopee"}, {name: "id", value: $id}]) {
    handle } }"""
PATHS = f"""query($source: ID!, $target: ID!) {{
  paths(source: $source, target: $target) {{ truncated morePaths paths {{ {NETWORK} }} }} }}"""


@dataclass
class Crowd:
    """One number that three owners speak of, as an investigator finds it."""

    client: Client
    found: Answer

    @property
    def hub(self) -> dict[str, Any]:
        (entity,) = self.found.data["search"]
        return dict(entity)

    def ask(self, document: str, **variables: Any) -> Answer:
        return self.client.query(document, variables, FOOTING)


@pytest.fixture(scope="module")
def crowd(members: Members, tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    folder, after = tmp_path_factory.mktemp("crowd"), -1
    for org, count in OWNERS.items():
        outgoing = file_of(folder / f"{org}.ndjson", (row(f"crowd-{org}-{n}", NUMBER) for n in range(count)))
        sent = members.client(f"{org}.feed").submit(outgoing, org, members.by_name[org].working)
        assert sent.accepted == count
        after = sent.index
    client = members.client("police-ke.investigator")
    return Crowd(client, client.query(SEARCH, {"value": phone(NUMBER)}, FOOTING, after))


def owners(records: Iterable[dict[str, Any]]) -> list[str]:
    return [record["owner"] for record in records]


def check_hub(hub: dict[str, Any]) -> None:
    assert len(set(owners(hub["records"])[:3])) == 3, "every owner before anybody's second"
    assert Counter(owners(hub["records"])) == {**OWNERS, "pasar": RECORDS - 3}
    assert (hub["recordCount"], hub["ownerCount"], hub["independentSources"]) == (ALL, 3, 3) and hub["moreRecords"]


def test_search_shows_every_owner_and_counts_all(crowd: Crowd, members: Members) -> None:
    check_hub(crowd.hub)
    assert crowd.found.cut == (Cut(what="records", shown=RECORDS, of=ALL),), "said whatever fields were asked for"
    bare = crowd.ask(
        'query($v: String!) { search(kind: "Phone", parts: [{name: "value", value: $v}]) { key } }',
        v=HUB[11:],
    )
    assert bare.cut == crowd.found.cut and len(bare.data["search"]) == 1
    # Only what is shown is disclosed; the counts name nobody.
    log = "query($n: Int!) { accessLog(first: 5, before: $n) { entries { index records { row } } } }"
    for org, count in {**OWNERS, "pasar": RECORDS - 3}.items():
        told = members.client(f"{org}.officer").query(log, {"n": crowd.found.proof.index + 1}).data["accessLog"]
        (entry,) = [one for one in told["entries"] if one["index"] == crowd.found.proof.index]
        assert len(entry["records"]) == count


def test_one_owner_alone_is_whole(crowd: Crowd) -> None:
    (account,) = crowd.ask(ACCOUNT, id="crowd-pasar-0").data["search"]
    answer = crowd.ask(f"query($h: ID!) {{ entity(handle: $h) {{ {COUNTS} }} }}", h=account["handle"])
    found = answer.data["entity"]
    assert (found["recordCount"], found["ownerCount"], found["moreRecords"], answer.cut) == (1, 1, False, ())


def test_a_network_is_cut_by_turns_and_says_so(crowd: Crowd) -> None:
    few = crowd.ask(EXPAND, start=crowd.hub["handle"], limit=4)
    network = few.data["expand"]
    assert network["truncated"] and network["moreLinks"] and len(network["links"]) == 4
    assert set(owners(link["record"] for link in network["links"])) == set(OWNERS)
    assert few.cut == (Cut(what="records", shown=RECORDS, of=ALL), Cut(what="links"))
    whole = crowd.ask(EXPAND, start=crowd.hub["handle"], limit=500)
    network = whole.data["expand"]
    assert len(network["links"]) == ALL and not network["moreLinks"] and network["truncated"], "records were cut"
    assert whole.cut == crowd.found.cut
    check_hub(next(entity for entity in network["entities"] if entity["key"] == HUB))


def test_a_link_counts_all_that_claim_it(crowd: Crowd, members: Members, tmp_path: Path) -> None:
    after = -1
    for org, count in OWNERS.items():
        outgoing = file_of(tmp_path / f"{org}.ndjson", (row("crowd-same", NUMBER + 1) for n in range(count)))
        after = members.client(f"{org}.feed").submit(outgoing, org, members.by_name[org].working).index
    found = crowd.client.query(SEARCH, {"value": phone(NUMBER + 1)}, FOOTING, after).data["search"][0]
    for limit in (3, 500):
        network = crowd.ask(EXPAND, start=found["handle"], limit=limit).data["expand"]
        assert set(owners(link["record"] for link in network["links"])) == set(OWNERS)
        assert {(link["claimCount"], link["independentSources"]) for link in network["links"]} == {(ALL, 3)}
        assert len(network["links"]) == min(limit, ALL) and network["moreLinks"] == (limit < ALL)


def test_a_path_through_a_crowd_says_what_it_leaves_out(crowd: Crowd) -> None:
    ends = [crowd.ask(ACCOUNT, id=f"crowd-{org}-0").data["search"][0]["handle"] for org in ("pasar", "customs-cn")]
    answer = crowd.ask(PATHS, source=ends[0], target=ends[1])
    found = answer.data["paths"]
    (way,) = found["paths"]
    check_hub(next(entity for entity in way["entities"] if entity["key"] == HUB))
    assert found["truncated"] and not found["morePaths"] and answer.cut == crowd.found.cut
    assert Counter(owners(link["record"] for link in way["links"])) == {"pasar": 1, "customs-cn": 1}


def test_the_command_says_how_many_are_shown(crowd: Crowd, members: Members, run: Run, tmp_path: Path) -> None:
    profile = members.write_profile("police-ke.investigator", DEFAULTS)
    question = tmp_path / "question.graphql"
    question.write_text(SEARCH)
    footing = ("--purpose", FOOTING.purpose, "--legal-basis", FOOTING.legal_basis, "--case", FOOTING.case)
    words = ("ask", str(question), "--var", f"value={phone(NUMBER)}", "--profile", str(profile), *footing)
    done = run(*words)
    assert done.returncode == 0 and f"{RECORDS} of {ALL} records shown" in done.stderr, done.stderr
    told = json.loads(run(*words, "--json").stdout)
    assert told["cut"] == [{"what": "records", "shown": RECORDS, "of": ALL}]
    limited = (
        *words[:1],
        str(tmp_path / "network.graphql"),
        "--var",
        f"start={crowd.hub['handle']}",
        "--var",
        "limit=4",
    )
    (tmp_path / "network.graphql").write_text(EXPAND)
    done = run(*limited, "--profile", str(profile), *footing)
    assert "there are or may be more links than are shown" in done.stderr, done.stderr
