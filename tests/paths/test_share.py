"""Label moves through the running parts: they hide and show at once, move only the owner's records, rerun readers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from graphsvc.answers.ask import Asking
from graphsvc.answers.asked import Narrowing
from graphsvc.answers.budget import Budget
from graphsvc.answers.questions import Means, Reading
from graphsvc.api.tables import shape_of
from graphsvc.app import Service
from graphsvc.client import Client
from graphsvc.columns.store import Columns
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph.handles import Handles
from graphsvc.graph.read import Reader
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.scopeheads import EVERYBODY
from graphsvc.local.run import LocalService
from graphsvc.model.errors import Denied, NotFound, ScopeMoved
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Footing, Principal
from graphsvc.model.product import product_data
from graphsvc.model.schema import load_schema
from graphsvc.policy.decide import Decider
from graphsvc.policy.limits import Limits
from graphsvc.policy.rules import load_policies
from graphsvc.sharing.entitlements import Entitled
from graphsvc_verify.receipt import check_receipt
from tests.label_moves import move_label
from tests.paths.conftest import FOOTING
from tests.paths.wire import SEARCH, account_key, file_of, row

BY_NAME = {one.org: one for one in ORGANISATIONS}
PASAR = Principal(BY_NAME["pasar"], "dpo@pasar.example", ("officer",))
CUSTOMS = Principal(BY_NAME["customs-cn"], "dpo@customs.example", ("officer",))
POLICE = Principal(BY_NAME["police-ke"], "wanjiru@police.example", ("investigator",))


def label(principal: Principal, code: str) -> Label:
    own = principal.organisation
    return Label(own.org, own.kind, own.jurisdiction, Handling("tlp-2.0", code), "GREEN", "statutory-duty")


@dataclass
class World:
    """One record of Pasar's beside one of customs', both about one phone, and the parts that move them."""

    parts: Service
    members: Members
    data: Path
    index: int
    record: int
    account: str

    def move(self, principal: Principal, records: list[int], to: Label) -> int:
        """A move that went through; its receipt holds."""
        receipt = asyncio.run(move_label(self.parts.ledger, principal, records, to))
        return check_receipt(receipt, self.members.trust()).index

    def owners(self, client: Client, footing: Footing, after: int | None = None) -> list[tuple[str, str]]:
        """Who says what of the account under which code, as a client sees it."""
        found = client.query(SEARCH, account_key(self.account), footing, after).data["search"]
        return sorted((one["owner"], one["handling"]["code"]) for entity in found for one in entity["records"])

    def police(self, after: int | None = None) -> list[tuple[str, str]]:
        return self.owners(self.members.client("police-ke.investigator"), FOOTING, after)

    def pasar(self, after: int | None = None) -> list[tuple[str, str]]:
        return self.owners(self.members.client("pasar.officer"), Footing(), after)

    def moved_in_columns(self, index: int) -> list[int]:
        changes = json.loads((self.data / "columns" / f"change-{index:012d}.json").read_bytes())
        return [record for change in changes for record in change["records"]]


@pytest.fixture
def world(
    local_service: LocalService, members: Members, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[World]:
    assert local_service.parts is not None
    account = request.node.name
    outgoing = file_of(tmp_path / "rows.ndjson", [row(f"{account}-beside", 4_001), row(account, 4_002)])
    index = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index
    world = World(local_service.parts, members, local_service.data, index, (index << 28) + 1, account)
    assert world.police(index) == [("pasar", "GREEN")]
    yield world


def test_a_move_hides_and_shows_at_once(world: World) -> None:
    hidden = world.move(PASAR, [world.record], label(PASAR, "RED"))
    # Not waited for: from the moment that the move is durable, applied or not, nobody sees the record as it was.
    assert world.police() == []
    assert ("pasar", "GREEN") not in world.pasar()
    assert world.pasar(hidden) == [("pasar", "RED")] and world.police(hidden) == []
    assert world.moved_in_columns(hidden) == [world.record]
    shown = world.move(PASAR, [world.record], label(PASAR, "AMBER"))
    assert world.police(shown) == [("pasar", "AMBER")] and world.pasar(shown) == [("pasar", "AMBER")]


def test_only_the_owner_moves_its_records_and_only_to_labels_of_its_own(world: World) -> None:
    head = world.parts.ledger.head
    for principal, to, error in (
        (CUSTOMS, label(CUSTOMS, "RED"), NotFound),
        (CUSTOMS, label(PASAR, "RED"), Denied),
        (PASAR, label(CUSTOMS, "GREEN"), Denied),
        (PASAR, replace_kind(label(PASAR, "GREEN"), "police"), Denied),
    ):
        with pytest.raises(error):
            world.move(principal, [world.record], to)
    with pytest.raises(NotFound):
        world.move(PASAR, [world.record, 7], label(PASAR, "RED"))
    assert world.parts.ledger.head == head and world.police() == [("pasar", "GREEN")]


def replace_kind(label: Label, kind: str) -> Label:
    return msgspec.structs.replace(label, owner_kind=kind)


def test_a_forged_move_in_the_ledger_moves_nothing_of_others(world: World) -> None:
    """Even if an entry got past :func:`move_label`, applying it touches the records of the label's owner only."""
    outgoing = file_of(world.data.parent / "forged.ndjson", [row(world.account, 4_003)])
    working = world.members.by_name["customs-cn"].working
    own = world.members.client("customs-cn.feed").submit(outgoing, "customs-cn", working).index << 28
    body = {"moves": [{"records": sorted([world.record, own]), "label": msgspec.to_builtins(label(CUSTOMS, "RED"))}]}
    draft = EntryDraft(
        type="label",
        who={"org": CUSTOMS.org, "person": CUSTOMS.person},
        requester=CUSTOMS.org,
        owners=[OwnerPart(CUSTOMS.org, {"action": "label"}, [])],
        body=body,
        concerns=EVERYBODY,
    )
    index = world.parts.ledger.append(draft).result().index
    assert world.police(index) == [("pasar", "GREEN")], "Pasar's record stays, that of customs has gone"
    assert world.owners(world.members.client("customs-cn.officer"), Footing(), index) == [("customs-cn", "RED")]
    assert world.moved_in_columns(index) == [own]


def test_the_sequencer_refuses_a_read_under_an_older_scope(world: World) -> None:
    at = world.parts.ledger.head - 1
    draft = EntryDraft(
        type="read", who={"org": POLICE.org, "person": POLICE.person}, at=at, requester=POLICE.org, read=True
    )
    assert world.parts.ledger.append(draft).result().index > at
    moved = world.move(PASAR, [world.record], label(PASAR, "RED"))
    head = world.parts.ledger.head
    with pytest.raises(ScopeMoved):
        world.parts.ledger.append(draft).result()
    assert world.parts.ledger.head == head
    later = world.parts.ledger.append(replace(draft, at=moved)).result()
    assert later.index == head


def test_a_question_is_asked_again_when_a_label_moves_meanwhile(world: World) -> None:
    parts, answers = world.parts, []
    schema, decider = load_schema(), Decider(load_policies(product_data("policies")))
    handles = {one.org: Handles(one.org.encode().ljust(64, b".")) for one in ORGANISATIONS}
    columns = Columns(world.data / "columns")
    reader = Reader(parts.graph)
    budget = Budget(world.data / "other-budget.db", bytes(32), lambda: Limits(10))
    own = {"reader": reader, "columns": columns, "decider": decider, "schema": schema}
    core = replace(parts.core, **own, handles=handles.__getitem__, entitled=Entitled(parts.ledger))
    asking = Asking(Means(core, budget))

    async def work(reading: Reading) -> bytes:
        key: dict[str, Any] = {part["name"]: part["value"] for part in account_key(world.account)["parts"]}
        found = shape_of(await reading.search("Account", key, None, Narrowing()))
        answers.append([record.handling.code for entity in found for record in entity.records])
        if len(answers) == 1:
            await move_label(parts.ledger, PASAR, [world.record], label(PASAR, "RED"))
        return json.dumps(answers[-1]).encode()

    released = asyncio.run(asking.run(POLICE, FOOTING, b"question", work))
    assert answers == [["GREEN"], []] and released.data == b"[]"
    budget.close()
    report = check_receipt(json.loads(released.receipt), world.members.trust(), released.data)
    log = world.members.client("pasar.officer").query(
        "{ accessLog(first: 5) { entries { index records { submission } } } }"
    )
    seen = [entry["index"] for entry in log.data["accessLog"]["entries"] if entry["records"]]
    assert report.index not in seen, "what was read in the first attempt never left and is not in the trail"
