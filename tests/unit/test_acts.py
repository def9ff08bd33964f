"""Signed acts: what is taken, and what is refused before anybody carries it out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from graphsvc.acts.signed import Acted, Acting, Handler, SignedAct
from graphsvc.client.acts import sign_act
from graphsvc.client.enrol import Enroller
from graphsvc.client.keys import SigningKey
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import Conflict, Denied, InvalidInput
from graphsvc.model.principals import Organisation, Principal
from graphsvc.wire.lifecycle import Recall, Release, Withdrawn

ORIGIN = "acts.test/log"
PASAR = Organisation("pasar", "company", "ID", "Pasar")
CALLER = Principal(PASAR, "dpo@pasar.example", ("officer",))
BODY = {"target": {"submission": 3, "rows": [1]}, "reason": "wrong"}
TOLD = Withdrawn(index=7, records=1, organisations=[])


class World:
    """A ledger with one organisation that has an officer's key, and what was carried out."""

    def __init__(self, directory: Path) -> None:
        self.ledger = Ledger.open(directory, ORIGIN)
        self.key, self.analyst, root = SigningKey.new(), SigningKey.new(), SigningKey.new()
        self.ledger.admit(PASAR, root.public, "operator")
        enroller = Enroller("pasar", ORIGIN, root)
        first = self.ledger.enrol(enroller.signing(self.key, "dpo@pasar.example", ("officer",), None))
        self.ledger.enrol(enroller.signing(self.analyst, "ana@pasar.example", ("analyst",), first))
        self.done: list[tuple[SignedAct, Recall]] = []
        self.acting = Acting(self.ledger, {"recall": Handler(Recall, self.carry_out)})

    async def carry_out(self, act: SignedAct, body: Recall) -> Acted:
        self.done.append((act, body))
        return Acted(TOLD, b"{}")

    def sign(self, **changes: Any) -> str:
        given = {"key": self.key, "org": "pasar", "kind": "recall", "after": self.ledger.head - 1, "origin": ORIGIN}
        given |= changes
        place = given["origin"], given["org"]
        return sign_act(given["key"], place, given["kind"], "sub-1", given.get("body", BODY), given["after"])

    def act(self, compact: str, kind: str = "recall") -> Acted:
        return asyncio.run(self.acting.act(CALLER, kind, compact))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "ledger")
    yield world
    world.ledger.close()


def test_an_act_is_carried_out_in_its_signers_name(world: World) -> None:
    compact = world.sign()
    assert world.act(compact) == Acted(TOLD, b"{}")
    ((act, body),) = world.done
    assert (act.org, act.person, act.roles, act.body) == ("pasar", "dpo@pasar.example", ("officer",), BODY)
    assert (act.sub, body.target.submission, body.target.rows, body.reason) == ("sub-1", 3, (1,), "wrong")


@pytest.mark.parametrize(
    "changes",
    [
        {"key": SigningKey.new()},
        {"org": "swiftline"},
        {"kind": "grant"},
        {"origin": "another/log"},
        {"after": 99},
        {"after": -2},
        {"body": {"target": {"submission": 3}}},
        {"body": BODY | {"more": 1}},
        {"body": BODY | {"target": {"submission": -1}}},
    ],
)
def test_what_does_not_hold_is_refused(world: World, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        world.act(world.sign(**changes))
    assert not world.done


def test_a_body_that_was_changed_is_refused(world: World) -> None:
    header, _, _ = world.sign().split(".")
    said = {**BODY, "reason": "other"}
    other = sign_act(world.key, (ORIGIN, "pasar"), "recall", "sub-1", said, 0, valid=timedelta(hours=2))
    with pytest.raises(InvalidInput):
        world.act(f"{header}.{other.split('.')[1]}.{world.sign().split('.')[2]}")
    assert not world.done


def test_roles_come_from_the_enrolled_key_and_staleness_is_a_conflict(world: World) -> None:
    world.act(world.sign(after=0))
    ((act, _),) = world.done
    with pytest.raises(Denied, match="submitter or officer"):
        world.act(world.sign(key=world.analyst))
    act.unmoved(0)
    with pytest.raises(Conflict):
        act.unmoved(1)
    with pytest.raises(InvalidInput):
        act.read(Release)
