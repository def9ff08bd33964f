"""Versions of policies: who proposes and approves, what is refused, from which entry on they hold, the way back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphsvc.acts.signed import Acted, Acting, handlers_of
from graphsvc.client.acts import sign_act
from graphsvc.client.enrol import Enroller
from graphsvc.client.keys import SigningKey
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import Conflict, Denied, InvalidInput, NotFound, ScopeMoved
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Organisation, Principal
from graphsvc.policy.bounds import InvalidPolicy
from graphsvc.policy.limits import LIMITS_FILE, parse_limits
from graphsvc.policy.rules import load_policies
from graphsvc.rulebooks.decisions import Governing
from graphsvc.rulebooks.differences import difference_shape
from graphsvc_verify.meaning import SHARED

POLICIES = Path(__file__).parents[2] / "policies"
ORIGIN = "policy.test/log"
OWN = "orgs/pasar.cedar"
CLOSED = """@id("pasar-closed")
forbid (
  principal,
  action in Action::"content",
  resource
)
unless { principal.org == "pasar" };
"""
STRICT_ONLY = """@id("pasar-strict")
forbid (
  principal,
  action == Action::"view:content",
  resource
)
when { resource.code == "AMBER+STRICT" }
unless { principal.org == "pasar" };
"""
OPEN = '@id("pasar-open")\npermit (\n  principal,\n  action in Action::"read",\n  resource\n);\n'
MEMBERS = {"pasar": "company", "swiftline": "courier", "customs-cn": "customs", "police-ke": "police"}


def label(code: str) -> Label:
    return Label("pasar", "company", "ID", Handling("tlp-2.0", code), "GREEN", "legitimate-interest")


class World:
    """A ledger with four organisations, two officers and an analyst each, and what governs over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.policies = Path(shutil.copytree(POLICIES, folder / "policies"))
        self.ledger = Ledger.open(folder / "ledger", ORIGIN)
        self.keys: dict[tuple[str, str], SigningKey] = {}
        for org, kind in MEMBERS.items():
            root = SigningKey.new()
            self.ledger.admit(Organisation(org, kind, "KE", org), root.public, "operator")
            enroller, last = Enroller(org, ORIGIN, root), None
            for person, role in (("ratna", "officer"), ("budi", "officer"), ("ana", "analyst")):
                key = self.keys[org, person] = SigningKey.new()
                last = self.ledger.enrol(enroller.signing(key, f"{person}@{org}", (role,), last))
        self.governing = Governing(self.ledger, self.policies)

    def act(self, org: str, person: str, kind: str, part: str, body: dict[str, Any], after: int | None = None) -> Acted:
        last = self.ledger.head - 1 if after is None else after
        compact = sign_act(self.keys[org, person], (ORIGIN, org), kind, part, body, last)
        principal = Principal(self.ledger.organisations()[org], person, ("officer",))
        return asyncio.run(Acting(self.ledger, handlers_of(self.governing)).act(principal, kind, compact))

    def change(self, part: str, files: dict[str, str | None], **more: Any) -> dict[str, Any]:
        return {"base": self.governing.versions().base(part), "files": files, "note": "", **more}

    def propose(self, files: dict[str, str | None], who: tuple[str, str] = ("pasar", "ratna"), **more: Any) -> Any:
        body = self.change("pasar", files, **more)
        return body, self.act(*who, "propose-policy", "pasar", body).answer

    def approve(self, body: dict[str, Any], org: str = "pasar", person: str = "budi", part: str = "pasar") -> Any:
        return self.act(org, person, "approve-policy", part, body).answer

    def reviewed(self) -> dict[str, str | None]:
        name = "rulebooks/pap.cedar"
        return {name: self.governing.in_force().files[name] + "// Reviewed.\n"}

    def states(self) -> list[str]:
        versions = self.governing.versions()
        return [versions.state(one) for one in versions.proposals]

    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.folder / "ledger", ORIGIN)
        self.governing = Governing(self.ledger, self.policies)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.ledger.close()


def test_the_files_are_version_0_and_are_entered_once(world: World) -> None:
    head = world.ledger.head
    assert world.governing.in_force().digest == load_policies(POLICIES).digest
    assert world.ledger.indexes(0, head, ["policy"]) == [(head - 1, "policy")]
    assert world.ledger.open_header(head - 1)["policy"] == load_policies(POLICIES).digest
    world.reopen()
    assert world.ledger.head == head and world.governing.in_force().digest == load_policies(POLICIES).digest


def test_a_version_is_in_force_from_the_second_persons_entry_on(world: World) -> None:
    first, at = world.governing.in_force(), world.ledger.head - 1
    body, made = world.propose({OWN: CLOSED})
    assert (made.state, made.missing) == ("open", "a second person")
    assert world.governing.in_force() is first, "a proposal changes nothing"
    made = world.approve(body)
    assert made.state == "in-force" and made.since == world.ledger.head - 1 == world.ledger.last_scope_event
    assert [signer.org for signer in (made.proposer, *made.approvals)] == ["pasar", "pasar"]
    now = world.governing.in_force()
    assert now.files[OWN] == CLOSED and now.digest != first.digest
    assert world.ledger.open_header(made.since)["policy"] == now.digest
    # A read whose scope is from before it is refused.
    with pytest.raises(ScopeMoved):
        world.ledger.append(EntryDraft(type="read", read=True, at=at)).result()
    world.ledger.append(EntryDraft(type="read", read=True, at=world.ledger.head - 1)).result()
    world.reopen()
    assert world.governing.in_force().digest == now.digest and world.states() == ["in-force"]


def test_what_a_version_changes_is_compared_with_its_base_on_its_own_labels(world: World) -> None:
    body, made = world.propose({OWN: world.governing.versions().files("pasar")[OWN] + "\n" + STRICT_ONLY})
    proposal = world.governing.versions().proposal("pasar", made.object)
    assert proposal is not None
    found = asyncio.run(world.governing.difference("pasar", proposal))
    assert found.rules == (f"+ {OWN} pasar-strict",) and {change.owner for change in found.changes} == {"pasar"}
    assert {(change.gain, change.actions) for change in found.changes} == {(False, ("view:content",))}
    # Records are counted by handling code, where they are the caller's own and can be counted.
    counted = {label("GREEN"): 3, label("AMBER+STRICT"): 4}
    told = difference_shape(proposal, found, "pasar", counted)
    assert int(told.changed) == sum(int(one.decisions) for one in told.changes) < int(told.decisions)
    assert {one.records for one in told.changes} == {4} and all(one.when for one in told.changes)
    for own, known in (("swiftline", counted), ("pasar", None)):
        assert {one.records for one in difference_shape(proposal, found, own, known).changes} == {None}
    # It is the same once it is in force, and compared once alone.
    world.approve(body)
    proposal = world.governing.versions().proposal("pasar", made.object)
    assert proposal is not None and asyncio.run(world.governing.difference("pasar", proposal)) is found


def test_an_earlier_version_comes_back_by_two_persons(world: World) -> None:
    first = world.governing.in_force()
    zero = world.governing.versions().base("pasar")
    world.approve(world.propose({OWN: CLOSED})[0])
    body = {"base": world.governing.versions().base("pasar"), "to": zero, "note": "too narrow"}
    made = world.act("pasar", "budi", "roll-back-policy", "pasar", body).answer
    assert made.returns and world.governing.in_force().digest != first.digest
    with pytest.raises(Denied):
        world.approve(body)
    world.approve(body, person="ratna")
    assert world.governing.in_force().digest == first.digest and world.states() == ["replaced", "in-force"]
    with pytest.raises(NotFound):
        world.act("pasar", "budi", "roll-back-policy", "pasar", {"base": zero, "to": "sha256:" + "0" * 64, "note": ""})


def test_the_shared_rulebook_takes_more_than_half_of_the_members(world: World) -> None:
    name = "rulebooks/pap.cedar"
    body = world.change(SHARED, world.reviewed())
    world.act("police-ke", "ratna", "propose-policy", SHARED, body)
    made = world.approve(body, "police-ke", "budi", SHARED)
    assert made.missing == "persons of 2 more organisations"
    assert made.approvals[0].person == "budi@police-ke"
    made = world.approve(body, "pasar", "ratna", SHARED)
    assert made.missing == "persons of 1 more organisation" and made.proposer.person is None
    assert name in world.governing.in_force().files and "Reviewed" not in world.governing.in_force().files[name]
    assert world.approve(body, "customs-cn", "budi", SHARED).state == "in-force"
    assert "Reviewed" in world.governing.in_force().files[name]


def test_how_much_may_be_asked_is_of_the_shared_part(world: World) -> None:
    police = world.ledger.organisations()["police-ke"]
    first = world.governing.in_force()
    assert first.limits == parse_limits((POLICIES / LIMITS_FILE).read_text())
    with pytest.raises(InvalidInput):
        world.propose({LIMITS_FILE: "default: 1\n"})
    body = world.change(SHARED, {LIMITS_FILE: "default: -1\n"})
    with pytest.raises(InvalidInput):
        world.act("police-ke", "ratna", "propose-policy", SHARED, body)
    body = world.change(SHARED, {LIMITS_FILE: "default: 1\nkinds: {police: 7}\n"})
    world.act("police-ke", "ratna", "propose-policy", SHARED, body)
    world.approve(body, "pasar", "ratna", SHARED)
    assert world.governing.in_force().limits == first.limits
    world.approve(body, "customs-cn", "budi", SHARED)
    now = world.governing.in_force()
    assert now.limits is not None and now.limits.of(police) == 7 and now.digest != first.digest
    world.reopen()
    assert world.governing.in_force().limits == now.limits


@pytest.mark.parametrize(
    ("who", "part", "error"),
    [
        (("pasar", "ana"), "pasar", Denied),
        (("swiftline", "ratna"), "pasar", Denied),
        (("swiftline", "ana"), SHARED, Denied),
    ],
)
def test_who_may_not_propose_or_approve(world: World, who: tuple[str, str], part: str, error: type[Exception]) -> None:
    files = {OWN: CLOSED} if part == "pasar" else world.reviewed()
    body = world.change(part, files)
    with pytest.raises(error):
        world.act(*who, "propose-policy", part, body)
    world.act("pasar", "ratna", "propose-policy", part, body)
    with pytest.raises(error):
        world.act(*who, "approve-policy", part, body)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({OWN: "permit ("}, "does not parse"),
        ({OWN: CLOSED.replace("forbid (", "forbid  (")}, "not formatted"),
        ({OWN: CLOSED.replace("pasar-closed", "closed")}, "named pasar-"),
        ({OWN: OPEN.replace("read", "recall").replace("in Action", "== Action")}, "only an owner"),
        ({OWN: OPEN + CLOSED.replace("unless", "when { resource.groups.contains(\"x\") }\nunless")}, "not formatted"),
        ({"orgs/swiftline.cedar": None}, "not one of this part"),
        ({"orgs/swiftline.cedar": OPEN.replace("pasar", "swiftline")}, "not one of this part"),
        ({"shared.cedar": "// Nothing.\n"}, "not one of this part"),
        ({"schema.cedarschema": "entity X;"}, "not one of this part"),
        ({}, "changes nothing"),
    ],
)  # fmt: skip
def test_what_does_not_pass_the_check_is_not_entered(world: World, files: dict[str, str], message: str) -> None:
    head = world.ledger.head
    with pytest.raises(InvalidInput, match=message):
        world.propose(files)
    assert world.ledger.head == head


def test_a_rulebook_that_breaks_an_invariant_is_not_entered(world: World) -> None:
    with pytest.raises(InvalidInput, match="a company sees only its own") as caught:
        body = world.change(SHARED, {"rulebooks/company-own-only.cedar": None})
        world.act("police-ke", "ratna", "propose-policy", SHARED, body)
    assert (caught.value.code, caught.value.where) == ("policy_check", "labels of somebody")


def test_the_tables_that_travel_along_are_run(world: World) -> None:
    label = "{owner: pasar, ownerKind: company, jurisdiction: ID, handling: tlp-2.0 GREEN}"
    case = f"{{name: seen, reader: a, footing: f, allow: [match], label: {label}}}"
    table = (
        "readers: {a: {org: a, kind: police, jurisdiction: KE, roles: [investigator]}}\n"
        "footings: {f: {purpose: investigation, legalBasis: consent}}\n"
        f"cases:\n  - {case}\n"
    )
    with pytest.raises(InvalidInput, match="allows also"):
        world.propose({OWN: OPEN}, tables={"tests/pasar.yaml": table})
    assert world.propose({OWN: CLOSED}, tables={"tests/pasar.yaml": table})[1].state == "open"


def test_what_is_no_longer_current_is_refused(world: World) -> None:
    one, _ = world.propose({OWN: CLOSED})
    other, _ = world.propose({OWN: OPEN}, note="instead")
    with pytest.raises(Conflict):
        world.propose({OWN: CLOSED})
    seen = world.ledger.head - 1
    world.approve(one)
    assert world.states() == ["in-force", "outdated"]
    with pytest.raises(Conflict, match="outdated"):
        world.approve(other)
    with pytest.raises(Conflict):
        world.act("pasar", "ratna", "propose-policy", "pasar", {**one, "note": "again"})
    with pytest.raises(NotFound):
        world.approve({**one, "note": "never proposed"})
    # An approval by somebody who has not seen what others have approved meanwhile.
    body = world.change(SHARED, world.reviewed())
    world.act("police-ke", "ratna", "propose-policy", SHARED, body)
    with pytest.raises(Conflict):
        world.act("pasar", "ratna", "approve-policy", SHARED, body, after=seen)


def test_of_two_decisions_on_one_state_the_first_counts(world: World) -> None:
    body, _ = world.propose({OWN: CLOSED})
    stale = world.governing.versions()
    world.approve(body)
    world.governing.versions = lambda: stale  # type: ignore[method-assign] -- as a second process would still see it
    head = world.ledger.head
    with pytest.raises(Conflict, match="meanwhile"):
        world.act("pasar", "budi", "approve-policy", "pasar", body)
    assert world.ledger.head == head


def test_rows_allowed_by_a_version_that_is_replaced_are_not_entered(world: World) -> None:
    used = world.governing.in_force().digest

    def entry() -> EntryDraft:
        return EntryDraft(type="submission", effects=lambda connection, i, t: world.governing.unmoved(connection, used))

    world.ledger.append(entry()).result()
    world.approve(world.propose({OWN: CLOSED})[0])
    with pytest.raises(ScopeMoved):
        world.ledger.append(entry()).result()


def test_files_on_disk_change_nothing_but_the_schema_comes_with_the_product(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, head = world.governing.in_force(), world.ledger.head
    (world.policies / OWN).write_text(OPEN)
    world.reopen()
    assert world.governing.in_force().digest == first.digest and world.ledger.head == head
    assert "not those in force" in caplog.text
    schema = world.policies / "schema.cedarschema"
    schema.write_text(schema.read_text() + "// A later release.\n")
    world.reopen()
    later = world.governing.in_force()
    assert later.digest != first.digest and world.ledger.last_scope_event == world.ledger.head - 1 == head
    assert later.files[OWN] == first.files[OWN]
    schema.write_text("entity Reader;\n")
    with pytest.raises(InvalidPolicy):
        world.reopen()
