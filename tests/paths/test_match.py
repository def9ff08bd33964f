"""Hit or no hit through the running parts: batches, what may not be told, and the budget that rations it all."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from neo4j import GraphDatabase

from graphsvc.acts.signed import Acting
from graphsvc.answers.ask import Asking
from graphsvc.answers.budget import Budget
from graphsvc.answers.questions import Means
from graphsvc.api.http import build_api
from graphsvc.api.ports import Ports
from graphsvc.api.turns import ActTurns
from graphsvc.app import Service, api_schema
from graphsvc.auth import Authenticator, FetchedKeys
from graphsvc.client import Client
from graphsvc.client.errors import Refused
from graphsvc.client.service import footing_headers
from graphsvc.columns.store import Columns
from graphsvc.demo.company import Members
from graphsvc.graph.driver import Graph
from graphsvc.graph.handles import Handles
from graphsvc.graph.read import Reader
from graphsvc.local.run import LocalService
from graphsvc.members.admission import Administering
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.product import product_data
from graphsvc.model.schema import load_schema
from graphsvc.policy.decide import Decider
from graphsvc.policy.limits import Limits
from graphsvc.policy.rules import load_policies
from graphsvc.sharing.entitlements import Entitled
from tests.paths.conftest import FOOTING
from tests.paths.process import ROOT, environment
from tests.paths.wire import DEFAULTS, MintingIdentity, account_key, file_of, row

ASK = """query($identifiers: [IdentifierInput!]!, $after: Int) {
  match(identifiers: $identifiers, after: $after) {
    kind outcome hit contacts { org name contact } problem { code message where } } }"""
BUDGET = "{ budget { limit used resetsAt } }"
HIDDEN = Defaults(handling=Handling("tlp-2.0", "RED"), legal_basis="statutory-duty", pap="RED")
INVESTIGATOR = "police-ke.investigator"
FRESH = count(700_000)
"""Identifiers that no other test asks for."""


def phone(number: int) -> str:
    return f"+25471{number:07d}"


def asked(*phones: str) -> list[dict[str, Any]]:
    return [{"kind": "Phone", "parts": [{"name": "value", "value": one}]} for one in phones]


def used(client: Client) -> int:
    return int(client.query(BUDGET).data["budget"]["used"])


@pytest.fixture(scope="module")
def held(members: Members, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A phone that Pasar shows, one that customs withholds but lets be known, one that Pasar keeps to itself."""
    folder, numbers, last = tmp_path_factory.mktemp("held"), {}, -1
    for name, org, defaults in (
        ("shown", "pasar", DEFAULTS),
        ("known", "customs-cn", HIDDEN),
        ("kept", "pasar", HIDDEN),
        ("both", "pasar", DEFAULTS),
    ):
        numbers[name] = next(FRESH)
        outgoing = file_of(folder / f"{name}.ndjson", [row(f"match-{name}", numbers[name])], defaults)
        last = members.client(f"{org}.feed").submit(outgoing, org, members.by_name[org].working).index
    outgoing = file_of(folder / "both2.ndjson", [row("match-both2", numbers["both"])], HIDDEN)
    last = members.client("customs-cn.feed").submit(outgoing, "customs-cn", members.by_name["customs-cn"].working).index
    return {**{name: phone(number) for name, number in numbers.items()}, "after": last}


def test_a_batch_of_a_thousand_is_answered_in_order_and_bad_ones_are_told_apart(
    investigator: Client, held: dict[str, Any]
) -> None:
    batch = asked(*(phone(next(FRESH)) for _ in range(1_000)))
    some = {10: held["shown"], 20: held["known"], 30: held["kept"], 40: held["both"], 999: held["shown"]}
    for place, number in some.items():
        batch[place] = asked(number)[0]
    bad: dict[int, tuple[dict[str, Any], str]] = {
        1: (asked("12x")[0], "invalid_phone"),
        2: ({"kind": "Ghost", "parts": [{"name": "value", "value": "1"}]}, "unknown_kind"),
        3: ({"kind": "Account", "parts": [{"name": "site", "value": "shopee"}]}, "missing_key_part"),
        4: ({"kind": "Phone", "parts": [{"name": "number", "value": "1"}]}, "unknown_key_part"),
        5: ({"kind": "Phone", "parts": []}, "out_of_range"),
        6: ({"kind": "Phone", "parts": [{"name": "value", "value": "1"}] * 2}, "duplicate_part"),
        7: (asked("9" * 2_000)[0], "out_of_range"),
    }
    for place, (one, _) in bad.items():
        batch[place] = one
    before = used(investigator)
    answer = investigator.query(ASK, {"identifiers": batch}, FOOTING, held["after"])
    found = answer.data["match"]
    assert len(found) == 1_000 and not answer.errors
    owners = {place: [one["org"] for one in found[place]["contacts"]] for place in some}
    assert owners == {10: ["pasar"], 20: ["customs-cn"], 30: [], 40: ["customs-cn", "pasar"], 999: ["pasar"]}
    assert all(one["name"] and one["contact"] for place in some for one in found[place]["contacts"])
    # What may not be known looks as what is not there: not a member of the answer tells them apart.
    absent = found[50]
    no_hit = {"kind": "Phone", "outcome": "NO_HIT", "hit": False, "contacts": [], "problem": None}
    assert absent == no_hit == found[30]
    for place, (one, code) in bad.items():
        assert (found[place]["outcome"], found[place]["hit"], found[place]["contacts"]) == ("NOT_ASKED", None, [])
        assert found[place]["problem"]["code"] == code, found[place]
        for part in one["parts"]:
            assert len(part["value"]) < 3 or part["value"] not in json.dumps(found[place]["problem"])
    assert used(investigator) - before == 1_000 - len(bad) - 1, "distinct ones, whatever became of them"
    again = investigator.query(ASK, {"identifiers": batch}, FOOTING)
    assert again.data == answer.data and used(investigator) - before == 1_000 - len(bad) - 1


def test_a_thousand_is_the_most_and_three_batches_are(investigator: Client) -> None:
    with pytest.raises(Refused) as refused:
        investigator.query(ASK, {"identifiers": asked("1") * 1_001}, FOOTING)
    assert refused.value.code == "out_of_range" and refused.value.where == "identifiers"
    four = " ".join(f"m{n}: match(identifiers: $i) {{ hit }}" for n in range(4))
    with pytest.raises(Refused) as refused:
        investigator.query(f"query($i: [IdentifierInput!]!) {{ {four} }}", {"i": asked("1")}, FOOTING)
    assert refused.value.code == "too_large"


def test_own_records_cost_as_much_and_without_a_footing_only_they_hit(members: Members, held: dict[str, Any]) -> None:
    feed, before = members.client("customs-cn.feed"), used(members.client("customs-cn.feed"))
    found = feed.query(ASK, {"identifiers": asked(held["shown"], held["known"])}, after=held["after"]).data["match"]
    assert [one["outcome"] for one in found] == ["NOT_ASKED", "HIT"]
    assert found[0]["problem"]["code"] == "no_footing", 'nobody else was asked: that is no "no hit"'
    assert used(feed) - before == 2


@dataclass
class Rationed:
    """The running parts behind an API of their own, with a small budget, over HTTP."""

    local: LocalService
    identity: MintingIdentity
    members: Members
    folder: Path
    limit: int
    stack: ExitStack
    reader: Graph | None = None
    budget: Budget = field(init=False)
    app: FastAPI = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    @property
    def parts(self) -> Service:
        assert self.local.parts is not None
        return self.local.parts

    def start(self) -> None:
        """Start anew on the same budget file, as after a restart."""
        parts, data = self.parts, self.local.data
        schema = load_schema()
        self.budget = Budget(self.folder / "budget.db", bytes(32), lambda: Limits(self.limit))
        self.stack.callback(self.budget.close)
        reader = Reader(self.reader or parts.graph)
        decider = Decider(load_policies(product_data("policies")))
        handles = Handles(bytes(range(64)))
        columns = Columns(data / "columns")
        own = {"reader": reader, "columns": columns, "decider": decider, "schema": schema}
        core = replace(parts.core, **own, handles=lambda _: handles, entitled=Entitled(parts.ledger))
        asking = Asking(Means(core, self.budget))
        keys = FetchedKeys(f"{self.identity.issuer}/jwks")
        authenticator = Authenticator(self.identity.issuer, "graphsvc", keys, parts.ledger.organisations().get)
        registering = Administering(parts.ledger, schema)
        ports = Ports(authenticator, asking, Acting(parts.ledger, {}), registering, parts.ledger)
        self.app = build_api(api_schema(), ports, ActTurns(0))

    def post(self, query: str, **variables: Any) -> httpx2.Response:
        headers = {**footing_headers(FOOTING), "authorization": f"Bearer {self.members.token(INVESTIGATOR)}"}
        headers["accept"] = "application/graphql-response+json"

        async def send() -> httpx2.Response:
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://api") as client:
                return await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

        return asyncio.run(send())

    def match(self, *phones: str) -> httpx2.Response:
        return self.post(ASK, identifiers=asked(*phones))

    def used(self) -> int:
        return int(self.post(BUDGET).json()["data"]["budget"]["used"])


@pytest.fixture
def rationed(
    local_service: LocalService, identity: MintingIdentity, members: Members, tmp_path: Path
) -> Iterator[Callable[[int], Rationed]]:
    with ExitStack() as stack:

        def start(limit: int) -> Rationed:
            folder = tmp_path / f"rationed-{next(FRESH)}"
            folder.mkdir()
            return Rationed(local_service, identity, members, folder, limit, stack)

        yield start


def test_a_batch_over_the_budget_is_refused_before_anything_is_looked_up(
    rationed: Callable[[int], Rationed], held: dict[str, Any]
) -> None:
    service = rationed(4)
    assert service.match(held["shown"], held["kept"], phone(1), phone(1), "12x").status_code == 200
    assert service.used() == 3
    head = service.parts.ledger.head
    refused = service.match(held["known"], phone(2))
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 86_400
    error = refused.json()["errors"][0]
    assert error["extensions"]["code"] == "budget_spent" and "data" not in refused.json()
    told = error["extensions"]["budget"]
    assert (told["limit"], told["used"], told["left"]) == (4, 3, 1) and told["resetsAt"].endswith("T00:00:00Z")
    assert held["known"] not in refused.text
    assert service.parts.ledger.head == head and service.used() == 3
    # A restart gives nothing back, and search draws on the same budget.
    service.start()
    assert service.used() == 3
    search = """query($kind: String!, $parts: [KeyPart!]!) { search(kind: $kind, parts: $parts) { key } }"""
    assert service.post(search, **account_key("match-shown")).status_code == 200
    assert service.used() == 4
    for again in (service.post(search, **account_key("match-shown")), service.match(held["shown"], held["kept"])):
        assert again.status_code == 200
    for more in (service.post(search, **account_key("match-kept")), service.match(held["known"])):
        assert more.status_code == 429
    assert service.used() == 4


def test_whether_anything_is_held_changes_neither_the_count_nor_the_refusal(
    rationed: Callable[[int], Rationed], held: dict[str, Any]
) -> None:
    """The same questions about what is shown, known, kept and absent: the budget moves alike."""
    seen = []
    for name in ("shown", "known", "kept", "absent"):
        service = rationed(2)
        number = held.get(name, phone(next(FRESH)))
        service.match(number)
        first = service.used()
        service.match(phone(5))
        refused = service.match(phone(6))
        seen.append((first, service.used(), refused.status_code, refused.json()["errors"][0]["extensions"]["budget"]))
    assert seen[0][:3] == (1, 2, 429) and all(one == seen[0] for one in seen)


def test_a_question_that_fails_later_is_paid_for(rationed: Callable[[int], Rationed], held: dict[str, Any]) -> None:
    service = rationed(1)
    service.reader = Graph(GraphDatabase.driver("bolt://127.0.0.1:9"), "neo4j")
    service.stack.callback(service.reader.close)
    service.start()
    assert service.match(held["shown"]).status_code == 503
    assert service.used() == 1
    assert service.match(phone(next(FRESH))).status_code == 429, "refused without trying to look anything up"


def test_many_at_once_never_pass_the_budget(rationed: Callable[[int], Rationed]) -> None:
    service = rationed(10)
    headers = {**footing_headers(FOOTING), "authorization": f"Bearer {service.members.token(INVESTIGATOR)}"}

    async def all_at_once() -> list[int]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(service.app), base_url="http://api") as client:
            pairs = [asked(phone(n), phone(n + 1)) for n in range(0, 40, 2)]
            bodies = [{"query": ASK, "variables": {"identifiers": pair}} for pair in pairs]
            answers = await asyncio.gather(*(client.post("/graphql", json=one, headers=headers) for one in bodies))
            return [one.status_code for one in answers]

    codes = asyncio.run(all_at_once())
    assert sum(code == 200 for code in codes) >= 5 and service.used() == 10


def test_a_file_is_matched_at_the_command_line(members: Members, held: dict[str, Any], tmp_path: Path) -> None:
    profile = members.write_profile(INVESTIGATOR, DEFAULTS)
    source, out = tmp_path / "asked.csv", tmp_path / "answers.csv"
    lines = ["kind,value,site,id,note", f"Phone,{held['known']},,,x", "Account,,shopee,match-shown,=1+1"]
    source.write_text("\n".join([*lines, "Phone,12x,,,", f"Phone,{phone(next(FRESH))},,,"]) + "\n")
    words = ["match", str(source), "--profile", str(profile), "--out", str(out)]
    words += ["--purpose", FOOTING.purpose, "--legal-basis", FOOTING.legal_basis, "--case", FOOTING.case]
    done = _run(*words)
    assert done.returncode == 2, done.stderr
    assert "2 of 4 hit, 1 not asked" in done.stdout and "identifiers used today" in done.stdout
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [one["hit"] for one in rows] == ["hit", "hit", "not asked", "no hit"]
    assert rows[0]["value"] == held["known"] and "customs" in rows[0]["contacts"]
    assert [one["note"] for one in rows] == ["x", "'=1+1", "", ""], "no spreadsheet takes it for a formula"
    assert rows[2]["problem"].startswith("invalid_phone")
    some = ["--phone", held["kept"], "--id", "Account:site=shopee,id=match-shown"]
    plain = _run("match", *some, "--json", *words[2:4], *words[6:])
    answers = json.loads(plain.stdout)
    assert plain.returncode == 0 and [one["outcome"] for one in answers["matches"]] == ["NO_HIT", "HIT"]
    assert (answers["ownPending"], answers["onlyOwn"]) == ([], False) and answers["appliedIndex"] >= held["after"]
    assert [one["hit"] for one in answers["matches"]] == [False, True] and answers["budget"]["limit"] > 0


def test_what_nobody_was_asked_about_is_told_apart_from_no_hit(members: Members, held: dict[str, Any]) -> None:
    profile = members.write_profile(INVESTIGATOR, DEFAULTS)
    bare = _run("match", "--phone", held["shown"], "--profile", str(profile))
    assert bare.returncode == 2 and "no_footing" in bare.stdout and "not asked" in bare.stdout
    assert "your own organisation's" in bare.stderr


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    variables = {**environment(), "COLUMNS": "200", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "graphsvc", *words]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False)
