"""Retention through the running parts: what is due goes for good, unless it is held."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest

from graphsvc.app import Service
from graphsvc.client.errors import Refused
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.company import Members
from graphsvc.ledger.payload import read_drafts
from graphsvc.lifecycle.purge import purge
from graphsvc.lifecycle.retention import Rule, load_rules
from graphsvc.lifecycle.store import RECALLED, book_of
from graphsvc.local.run import LocalService
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling, Label
from graphsvc.model.product import product_data
from tests.paths import process
from tests.paths.conftest import FOOTING
from tests.paths.wire import SEARCH, account_key, file_of, row

PASAR = "pasar.officer"
REGISTER = """mutation($r: String!) {
  registerCase(reference: $r, title: "Paths", legalBasis: "statutory-duty") { reference } }"""


@dataclass
class World:
    """Rows of Pasar's under labels of their own."""

    parts: Service
    members: Members
    folder: Path
    name: str

    def submit(self, count: int, **said: Any) -> int:
        base = crc32(self.name.encode()) % 1_000_000
        common = {"handling": Handling("tlp-2.0", "GREEN"), "legal_basis": "statutory-duty", "pap": "GREEN"}
        rows = [row(f"{self.name}-{number}", base + number) for number in range(count)]
        outgoing = file_of(self.folder / f"{self.parts.ledger.head}.ndjson", rows, Defaults(**(common | said)))
        working = self.members.by_name["pasar"].working
        index = self.members.client("pasar.feed").submit(outgoing, "pasar", working).index
        asyncio.run(self.parts.applier.wait(index))
        return index

    def purge(self, *, dry_run: bool = False) -> dict[str, Any]:
        report = msgspec.to_builtins(self.members.client(OPERATOR).purge(dry_run=dry_run))
        found = [one for one in report["owners"] if one["owner"] == "pasar"]
        return found[0] if found else {"records": 0}

    def hold(self, **target: Any) -> int:
        body = {"target": target, "reason": "proceedings"}
        return int(self.members.act(PASAR, "hold", "records", body)["index"])

    def release(self, hold: int) -> None:
        self.members.act(PASAR, "release", "hold", {"hold": hold, "reason": "closed"})

    def search(self, number: int) -> list[Any]:
        client = self.members.client("police-ke.investigator")
        found: list[Any] = client.query(SEARCH, account_key(f"{self.name}-{number}"), FOOTING).data["search"]
        return found

    def readable(self, index: int) -> list[bool]:
        payloads = self.parts.core.payloads
        body = self.parts.ledger.open_header(index)["body"]
        return [
            sealed.draft is not None
            for pack in body["packs"]
            for sealed in read_drafts(payloads.store.get(pack), payloads.keys.open(pack), body["name"])
        ]

    def in_graph(self, index: int) -> int:
        asyncio.run(self.parts.applier.wait(self.parts.ledger.head - 1))
        with self.parts.graph.session() as session:
            found = session.run(process._COUNTS, low=index << 28, high=(index + 1) << 28).single(strict=True)
        return int(found["records"])


@pytest.fixture
def world(
    local_service: LocalService, members: Members, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[World]:
    assert local_service.parts is not None
    world = World(local_service.parts, members, tmp_path, request.node.name.replace("_", "")[-24:])
    world.purge()
    yield world


def test_what_has_expired_goes_for_good_unless_it_is_held(world: World) -> None:
    expires = (datetime.now(UTC) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    index = world.submit(3, expires=expires)
    assert world.purge(dry_run=True)["records"] == 0
    hold = world.hold(submission=index, rows=[1])
    time.sleep(max(0.0, datetime.fromisoformat(expires).timestamp() - time.time()) + 1.0)
    assert world.search(1) == [], "a hold stops the purge and not the hiding"
    found = world.purge(dry_run=True)
    assert (found["records"], found["expired"], found["held"], found["entries"]) == (2, 3, 1, [])
    assert world.readable(index) == [True] * 3
    done = world.purge()
    assert done["records"] == 2 and len(done["entries"]) == 1
    assert world.readable(index) == [False, True, False] and world.in_graph(index) == 1
    entry = world.parts.ledger.open_header(done["entries"][0])
    assert entry["body"]["cause"] == "purged" and entry["body"]["ranges"] == [[index, 0, 0], [index, 2, 2]]
    assert world.name not in json.dumps(entry), "positions only"
    assert world.purge()["records"] == 0, "what is held stays, what is done is done"
    world.release(hold)
    assert world.purge()["records"] == 1 and world.readable(index) == [False] * 3 and world.in_graph(index) == 0


def test_what_is_over_age_goes_by_the_strictest_rule_that_fits(world: World) -> None:
    one = world.submit(2, legal_basis="vital-interest")
    other = world.submit(1)
    rules = [Rule("old", 700, legal_basis="vital-interest"), Rule("at-once", 0, "pasar", legal_basis="vital-interest")]
    custody = world.parts.custody
    report = asyncio.run(purge(custody._core, custody._erasing, rules))
    assert [(found.owner, found.over_age) for found in report.owners] == [("pasar", 2)]
    assert world.readable(one) == [False, False] and world.readable(other) == [True]
    assert world.search(0) != [] and world.in_graph(one) == 0


def test_what_was_recalled_goes_and_what_was_shown_in_a_held_case_stays(world: World) -> None:
    index = world.submit(3)
    client = world.members.client("police-ke.investigator")
    working = world.members.by_name["police-ke"].working
    outgoing = file_of(world.folder / "own.ndjson", [row(f"{world.name}-own", 1), row(f"{world.name}-not-seen", 2)])
    own = world.members.client("police-ke.feed").submit(outgoing, "police-ke", working).index
    client.query(SEARCH, account_key(f"{world.name}-own"), FOOTING, own)
    alone = f"{world.name}-own"
    client.query(REGISTER, {"r": alone})
    body = {"target": {"case": alone}, "reason": "proceedings"}
    with pytest.raises(Refused) as caught:
        world.members.act(PASAR, "hold", "case", body)
    assert caught.value.code == "not_found", "another's case"
    body["target"] = {"case": FOOTING.case}
    recall = {"target": {"submission": index, "rows": [0]}, "reason": "mistake"}
    world.members.act(PASAR, "recall", "records", recall)
    assert world.purge(dry_run=True)["recalled"] == 1
    assert world.purge()["records"] == 1 and world.readable(index) == [False, True, True]
    assert world.purge()["records"] == 0
    book = book_of(world.parts.core)
    assert book.gone([index], (RECALLED,)) == ((index, 0, 0),) and book.recalled("pasar") == ()
    with pytest.raises(Refused, match="operator"):
        client.purge(dry_run=True)


def test_rules_are_read_and_bad_ones_named(tmp_path: Path) -> None:
    rules = load_rules(product_data("policies") / "retention.yaml")
    label = Label("pasar", "company", "ID", Handling("tlp-2.0", "RED"), "RED", "consent")
    assert {rule.id for rule in rules if rule.fits(label)} == {"consent-2-years", "tlp-red-5-years"}
    for text, what in (
        ("rules: [{id: one}]", "maxAgeDays"),
        ("rules: [{id: one, maxAgeDays: -1}]", "maxAgeDays"),
        ("rules: [{id: one, maxAgeDays: 1, owners: pasar}]", "owners"),
        ("rules: [{id: one, maxAgeDays: 1}, {id: one, maxAgeDays: 2}]", "same id"),
    ):
        (tmp_path / "retention.yaml").write_text(text)
        with pytest.raises(InvalidInput, match=what):
            load_rules(tmp_path / "retention.yaml")
