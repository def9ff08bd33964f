"""A disclosure from request to its end, through HTTP with real signatures: both sides see it, nobody else does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphsvc.client import Refused
from graphsvc.client.acts import carry_out, head_of
from graphsvc.client.questions import GRANTS, PREVIEW, REQUEST, REQUESTS
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Footing
from tests.paths.conftest import CASE, FOOTING
from tests.paths.wire import SEARCH, caught_up, file_of, phone, row

ASKER, HOLDER = "police-ke.investigator", "customs-cn.officer"
STRICT = Defaults(handling=Handling("tlp-2.0", "AMBER+STRICT"), legal_basis="customs-law", pap="GREEN")
SEEN = """query($kind: String!, $parts: [KeyPart!]!, $after: Int) {
  search(kind: $kind, parts: $parts, after: $after) {
    kind key records {
      handle owner handling { code } attributes { name fieldGroup value } withheld { fieldGroup rule } } } }"""
AROUND = """query($start: ID!, $after: Int) { expand(start: $start, hops: 1, after: $after) {
  entities { kind key records { owner attributes { name fieldGroup value } withheld { fieldGroup rule } } }
  links { kind attributes { name value } withheld { fieldGroup rule } record { owner } } } }"""
NUMBERS = iter(range(8_100, 8_900, 10))


def later(**ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def suspect(number: int, name: str) -> bytes:
    """A draft: a person, whose name is personal, uses a phone."""
    person = {"ref": "s", "kind": "Person", "key": {"ref": f"S-{number}"}, "attributes": {"name": name}}
    used = {"ref": "p", "kind": "Phone", "key": {"value": phone(number)}}
    return json.dumps({"entities": [person, used], "links": [{"kind": "USES", "from": "s", "to": "p"}]}).encode()


@dataclass
class World:
    """Customs keep two records about phones ``number`` and ``number + 1`` at home; the police ask for them."""

    service: LocalService
    members: Members
    number: int
    index: int
    request: str = ""
    grant: dict[str, Any] = field(default_factory=dict)

    def body(self, **changes: Any) -> dict[str, Any]:
        phones = [{"kind": "Phone", "parts": {"value": phone(self.number + n)}} for n in (0, 1)]
        return {
            "holder": "customs-cn",
            "identifiers": phones,
            "purpose": FOOTING.purpose,
            "legalBasis": FOOTING.legal_basis,
            "case": CASE,
            "deadline": later(days=3),
            "fieldGroups": ["identity", "personal"],
            "justification": "the phone is on a seized parcel",
        } | changes

    def ask(self, **changes: Any) -> dict[str, Any]:
        made = self.members.act(ASKER, "request-disclosure", "customs-cn", self.body(**changes))
        self.request = made["id"]
        return made

    def file(self, name: str = HOLDER, request: str | None = None) -> dict[str, Any] | None:
        found = (
            self.members.client(name)
            .query(REQUEST.document, {"id": request or self.request})
            .data["informationRequest"]
        )
        return found if found is None else dict(found)

    def handles(self) -> list[str]:
        held = self.file()
        assert held is not None
        return [record["handle"] for record in held["records"]]

    def decide(self, name: str = HOLDER, after: int | None = None, **body: Any) -> dict[str, Any]:
        return self.members.act(name, "decide-disclosure", self.request, body, after)

    def give(self, **changes: Any) -> dict[str, Any]:
        body = {"decision": "grant", "fieldGroups": ["identity", "personal"], "until": later(days=30)} | changes
        made = self.decide(**{"target": {"records": self.handles()}, **body})
        self.grant = made["grant"]
        return made

    def revoke(self, name: str = HOLDER, after: int | None = None) -> dict[str, Any]:
        return self.members.act(name, "revoke-grant", self.grant["id"], {"reason": "the case is closed"}, after)

    def seen(
        self, name: str = ASKER, footing: Footing = FOOTING, n: int = 0, wait: bool = True
    ) -> list[dict[str, Any]]:
        """What customs' records show a reader about a phone."""
        key = {"kind": "Phone", "parts": [{"name": "value", "value": phone(self.number + n)}]}
        client = self.members.client(name)
        found = client.query(SEEN, key, footing, caught_up(client) if wait else None).data["search"]
        return [record for one in found for record in one["records"] if record["owner"] == "customs-cn"]


@pytest.fixture
def world(local_service: LocalService, members: Members, tmp_path: Path) -> Iterator[World]:
    number = next(NUMBERS)
    rows = [suspect(number, "Wu Lan"), suspect(number + 1, "Qi Fang")]
    outgoing = file_of(tmp_path / "suspects.ndjson", rows, STRICT)
    working = members.by_name["customs-cn"].working
    index = members.client("customs-cn.feed").submit(outgoing, "customs-cn", working).index
    world = World(local_service, members, number, index)
    assert world.seen() == [], "kept at home"
    yield world


def move_clock(monkeypatch: pytest.MonkeyPatch, **ahead: int) -> None:
    """Let the parts that scopes and states are made by stand at a later moment; tokens stay good."""
    offset = timedelta(**ahead).total_seconds()
    for part in ("core", "answers.ask", "sharing.desk", "sharing.groups", "sharing.views"):
        monkeypatch.setattr(f"graphsvc.{part}.time", SimpleNamespace(time=lambda: time.time() + offset))


def refused(call: Any, *arguments: Any, **named: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        call(*arguments, **named)
    return caught.value.status, caught.value.code


def test_asked_granted_seen_and_revoked_at_once(world: World) -> None:
    asked = world.ask()
    assert (asked["state"], asked["overdue"], asked["holder"], asked["grant"]) == ("open", False, "customs-cn", None)
    held = world.file()
    assert held is not None and [record["row"] for record in held["records"]] == [0, 1]
    assert {record["submission"] for record in held["records"]} == {world.index} and not held["truncated"]
    assert held["records"][0]["fieldGroups"] == ["identity", "personal"]
    names = {one["value"] for entity in held["records"][0]["entities"] for one in entity["records"][0]["attributes"]}
    assert "Wu Lan" in names, "the holder sees what it would disclose"
    mine = world.file(ASKER)
    assert mine is not None and mine["records"] == [] and mine["request"] == held["request"]

    granted = world.give(conditions="not to be passed on")
    assert (granted["state"], granted["grant"]["state"], granted["grant"]["records"]) == ("granted", "in-force", 2)
    (shown,) = world.seen()
    assert shown["handling"]["code"] == "AMBER+STRICT" and "personal" not in {
        one["fieldGroup"] for one in shown["withheld"]
    }
    for name, role in ((ASKER, "ASKED"), (HOLDER, "HELD")):
        listed = world.members.client(name).query(GRANTS.document, {"role": role, "first": 1}).data["grants"]
        assert [(one["id"], one["state"]) for one in listed] == [(world.grant["id"], "in-force")]

    revoked = world.revoke()
    assert (revoked["state"], revoked["grant"]["state"]) == ("revoked", "revoked")
    assert world.seen(wait=False) == [], "at the ledger's head, whatever is applied"
    history = world.file(ASKER)
    assert history is not None
    assert [event["action"] for event in history["history"]] == [
        "request-disclosure",
        "decide-disclosure:full",
        "revoke-grant",
    ]


def test_a_grant_opens_to_its_case_and_purpose_and_organisation_only(world: World) -> None:
    register = """mutation($r: String!) {
      registerCase(reference: $r, title: "Other", legalBasis: "statutory-duty") { reference } }"""
    other = f"{CASE}-other-{world.number}"
    world.members.client(ASKER).query(register, {"r": other})
    world.ask()
    world.give(legalBasis=FOOTING.legal_basis)
    assert world.seen()
    for footing in (
        Footing(FOOTING.purpose, FOOTING.legal_basis, other),
        Footing("analysis", FOOTING.legal_basis, CASE),
        Footing(FOOTING.purpose, "court-order", CASE),
        Footing(),
    ):
        assert world.seen(footing=footing) == [], footing
    for name in ("pasar.officer", "swiftline.officer"):
        assert world.seen(name) == []


def test_a_grant_is_partial_by_field_group_and_by_record(world: World) -> None:
    world.ask()
    first, _ = world.handles()
    made = world.give(target={"records": [first]}, fieldGroups=["identity"])
    assert made["state"] == "partly-granted" and made["grant"]["fieldGroups"] == ["identity"]
    (shown,) = world.seen()
    assert {one["fieldGroup"] for one in shown["withheld"]} >= {"personal"} and world.seen(n=1) == []
    key = {"kind": "Phone", "parts": [{"name": "value", "value": phone(world.number)}]}
    handle = "query($kind: String!, $parts: [KeyPart!]!) { search(kind: $kind, parts: $parts) { handle } }"
    start = world.members.client(ASKER).query(handle, key, FOOTING).data["search"][0]["handle"]
    around = world.members.client(ASKER).query(AROUND, {"start": start}, FOOTING).data["expand"]["entities"]
    (person,) = [entity for entity in around if entity["kind"] == "Person"]
    assert "Wu Lan" not in json.dumps(around) and person["key"] == f"person:customs-cn:S-{world.number}"


def previewed(world: World, groups: list[str], name: str = HOLDER, **more: Any) -> Any:
    asked = {"request": world.request, "records": world.handles(), "fieldGroups": groups, **more}
    return world.members.client(name).query(PREVIEW.document, asked).data["previewGrant"]


def as_told(entities: list[dict[str, Any]], links: list[dict[str, Any]]) -> list[Any]:
    """What is said of entities and links by customs' records, in an order of its own."""
    things = [
        [one["kind"], one["key"], record["attributes"], [[w["fieldGroup"], w["rule"]] for w in record["withheld"]]]
        for one in entities
        for record in one["records"]
        if record["owner"] == "customs-cn"
    ]
    said = [[one["kind"], one["attributes"], [[w["fieldGroup"], w["rule"]] for w in one["withheld"]]] for one in links]
    return sorted(things, key=json.dumps) + sorted(said, key=json.dumps)


@pytest.mark.parametrize("groups", [["identity"], ["identity", "personal"]])
def test_a_preview_shows_to_the_letter_what_the_other_side_then_sees(world: World, groups: list[str]) -> None:
    world.ask()
    assert "Wu Lan" not in json.dumps(world.seen())
    first, second = previewed(world, groups)
    assert first["rule"] is None and [one["record"] for one in (first, second)] == world.handles()
    # Nothing has changed by looking, and nothing but one's own requests is previewed.
    assert world.file(ASKER)["request"]["state"] == "open"  # type: ignore[index]
    asked = {"request": world.request, "records": world.handles(), "fieldGroups": groups}
    for other in (ASKER, "pasar.officer"):
        assert world.members.client(other).query(PREVIEW.document, asked).data["previewGrant"] is None
    world.give(fieldGroups=groups)
    assert world.seen()
    key = {"kind": "Phone", "parts": [{"name": "value", "value": phone(world.number)}]}
    handle = "query($kind: String!, $parts: [KeyPart!]!) { search(kind: $kind, parts: $parts) { handle } }"
    start = world.members.client(ASKER).query(handle, key, FOOTING).data["search"][0]["handle"]
    around = world.members.client(ASKER).query(AROUND, {"start": start}, FOOTING).data["expand"]
    assert as_told(first["entities"], first["links"]) == as_told(around["entities"], around["links"])
    assert ("Wu Lan" in json.dumps(around)) == ("personal" in groups) and first["entities"] != second["entities"]


def test_a_preview_without_identity_names_nothing(world: World) -> None:
    world.ask()
    first, _ = previewed(world, ["personal"])
    assert {one["key"] for one in first["entities"]} == {None} and "Wu Lan" in json.dumps(first)
    assert first["uses"] == [] and len(first["links"]) == 1
    # What else it would be for is up to the rules, and to a grant that says so.
    first, _ = previewed(world, ["personal"], uses=["analyse", "export"])
    assert set(first["uses"]) <= {"analyse", "export"}
    with pytest.raises(Refused, match="those that there are"):
        previewed(world, ["everything"])


def test_who_asked_by_record_reads_its_own_request(world: World) -> None:
    # Seen without the names, by a first grant: the records are then named by what the police know them by.
    world.ask()
    world.give(fieldGroups=["identity"])
    (shown,) = world.seen()
    world.ask(identifiers=[], records=[shown["handle"]], fieldGroups=["personal"])
    mine, held = world.file(ASKER), world.file()
    assert mine is not None and held is not None
    assert mine["request"]["namedRecords"] == [shown["handle"]] and mine["records"] == []
    assert held["request"]["namedRecords"] == [] and [record["row"] for record in held["records"]] == [0]
    listed = world.members.client(ASKER).query(REQUESTS.document, {"role": "ASKED", "first": 1})
    assert listed.data["disclosureRequests"][0]["namedRecords"] == [shown["handle"]]
    (first,) = previewed(world, ["personal"])
    assert "Wu Lan" in json.dumps(first), "with what it was granted before"
    assert first["entities"][0]["key"] is not None


def test_a_grant_ends_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ask()
    world.give(until=later(days=2))
    move_clock(monkeypatch, days=1)
    assert world.seen() and world.seen(n=1)
    move_clock(monkeypatch, days=2)
    assert world.seen() == world.seen(n=1) == []
    found = world.file(ASKER)
    assert found is not None and found["request"]["state"] == "expired"
    assert refused(world.revoke) == (409, "wrong_state")


def test_asked_back_answered_reminded_and_refused(world: World) -> None:
    world.ask()
    assert refused(world.decide, decision="ask") == (400, "bad_act")
    assert world.decide(decision="ask", question="Which parcel?")["state"] == "asked-back"
    assert refused(world.members.act, ASKER, "remind-request", world.request, {}) == (409, "wrong_state")
    answered = world.members.act(ASKER, "answer-question", world.request, {"text": "GX-2025-0001"})
    assert (answered["state"], answered["question"]) == ("open", "Which parcel?")
    assert world.members.act(ASKER, "remind-request", world.request, {"note": "please"})["reminders"] == 1
    refusal = world.decide(decision="refuse", reason="a source must be protected")
    assert (refusal["state"], refusal["reason"]) == ("refused", "a source must be protected")
    assert refused(world.give) == (409, "wrong_state")


def test_others_learn_nothing_and_foreign_is_as_absent(world: World) -> None:
    world.ask()
    for name in ("pasar.officer", "swiftline.officer"):
        client = world.members.client(name)
        for role in ("ASKED", "HELD"):
            found = client.query(REQUESTS.document, {"role": role, "first": 500}).data["disclosureRequests"]
            assert world.request not in [one["id"] for one in found]
        foreign, absent = (
            client.query(REQUEST.document, {"id": one}) for one in (world.request, "r" + "0" * (len(world.request) - 1))
        )
        assert foreign.raw == absent.raw
        answers = [
            refused(world.members.act, name, "decide-disclosure", one, {"decision": "refuse", "reason": "no"})
            for one in (world.request, "r-absent")
        ]
        assert answers == [(404, "not_found")] * 2
        officer = world.members.by_name[name.partition(".")[0]]
        assert world.request not in json.dumps(client.evidence(key=officer.recipient))
    assert world.file("customs-cn.feed") is None, "who submits does not read requests"
    public = world.service.parts
    assert public is not None
    leaf = public.ledger.entry(public.ledger.head - 1)
    assert phone(world.number).encode() not in leaf


def test_both_sides_prove_it_and_others_have_no_section(world: World) -> None:
    world.ask()
    made = world.give()
    for org, name in (("police-ke", ASKER), ("customs-cn", HOLDER)):
        evidence = world.members.client(name).evidence(key=world.members.by_name[org].recipient)
        assert made["lastIndex"] in [entry["index"] for entry in evidence["entries"]]
    pasar = world.members.client("pasar.officer").evidence(key=world.members.by_name["pasar"].recipient)
    assert made["lastIndex"] not in [entry["index"] for entry in pasar["entries"]]


def test_replays_stale_acts_and_wrong_sides_are_refused(world: World) -> None:
    client = world.members.client(ASKER)
    compact = world.members.sign(ASKER, "request-disclosure", "customs-cn", world.body(), head_of(client))
    world.request = carry_out(client, "request-disclosure", compact).id
    assert refused(carry_out, client, "request-disclosure", compact) == (409, "act_replayed")
    before = head_of(client)
    world.members.act(ASKER, "remind-request", world.request, {})
    assert refused(world.decide, after=before, decision="refuse", reason="no") == (409, "object_changed")
    assert refused(world.decide, name=ASKER, decision="refuse", reason="no") == (403, "denied")
    assert refused(world.members.act, HOLDER, "withdraw-request", world.request, {}) == (403, "denied")
    assert refused(world.decide, name="customs-cn.feed", decision="refuse", reason="no") == (403, "denied")
    assert world.members.act(ASKER, "withdraw-request", world.request, {})["state"] == "withdrawn"


def test_what_is_asked_and_granted_must_hold_together(world: World, tmp_path: Path) -> None:
    act = world.members.act
    for changes, code in (
        ({"holder": "police-ke"}, "bad_act"),
        ({"holder": "nobody-there"}, "unknown_organisation"),
        ({"case": "none such"}, "unknown_case"),
        ({"purpose": "curiosity"}, "not_in_list"),
        ({"deadline": "2020-01-01T00:00:00Z"}, "bad_act"),
        ({"identifiers": []}, "bad_act"),
        ({"fieldGroups": ["everything"]}, "bad_act"),
        ({"more": 1}, "bad_act"),
    ):
        assert refused(act, ASKER, "request-disclosure", "x", world.body(**changes)) == (400, code), changes
    assert refused(act, ASKER, "request-disclosure", "x", world.body(records=["A" * 55])) == (404, "not_found")
    world.ask(identifiers=[{"kind": "Phone", "parts": {"value": phone(world.number)}}])
    (meant,) = world.handles()
    one = world.request
    world.ask(identifiers=[{"kind": "Phone", "parts": {"value": phone(world.number + 1)}}])
    assert refused(world.give, target={"records": [meant]}) == (400, "not_asked_for")
    assert refused(world.give, fieldGroups=[]) == (400, "bad_act")
    world.request = one
    assert world.give()["state"] == "granted"


def test_what_policies_keep_from_the_grantee_all_the_same_is_not_granted(world: World, tmp_path: Path) -> None:
    red = Defaults(handling=Handling("tlp-2.0", "RED"), legal_basis="customs-law", pap="RED")
    outgoing = file_of(tmp_path / "red.ndjson", [suspect(world.number + 2, "Shu Jin")], red)
    client = world.members.client("customs-cn.feed")
    index = client.submit(outgoing, "customs-cn", world.members.by_name["customs-cn"].working).index
    world.seen()
    world.ask(identifiers=[{"kind": "Phone", "parts": {"value": phone(world.number + 2)}}])
    held = world.file()
    assert held is not None and [record["submission"] for record in held["records"]] == [index]
    assert refused(world.give) == (400, "grant_void")


def test_overdue_is_seen_by_both(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not world.ask(deadline=later(days=2))["overdue"]
    move_clock(monkeypatch, days=2)
    found = world.file(ASKER)
    assert found is not None and found["request"]["overdue"]
    listed = world.members.client(HOLDER).query(REQUESTS.document, {"role": "HELD", "state": "open", "first": 1})
    assert [(one["id"], one["overdue"]) for one in listed.data["disclosureRequests"]] == [(world.request, True)]


def test_what_is_granted_without_identity_joins_nothing_that_the_asker_can_name(world: World, tmp_path: Path) -> None:
    """The police guess the number right, in a row of their own; it tells them nothing until identity is granted."""
    client = world.members.client(ASKER)
    key = {"kind": "Phone", "parts": [{"name": "value", "value": phone(world.number)}]}
    outgoing = file_of(tmp_path / "guess.ndjson", [row(f"guess-{world.number}", world.number)])
    world.members.client("police-ke.feed").submit(outgoing, "police-ke", world.members.by_name["police-ke"].working)

    def around() -> tuple[str, set[str], set[str]]:
        """The phone's handle, who speaks of what is around it, and what keys that has."""
        (found,) = client.query(SEARCH, key, FOOTING, caught_up(client)).data["search"]
        network = client.query(AROUND, {"start": found["handle"], "after": None}, FOOTING).data["expand"]["entities"]
        owners = {record["owner"] for entity in network for record in entity["records"]}
        return found["handle"], owners, {entity["key"] for entity in network}

    guessed, own, keys = around()
    assert own == {"police-ke"} and len(keys) == 2
    world.ask()
    world.give(fieldGroups=["personal"])
    assert world.seen() == [] and around() == (guessed, own, keys), "granted, and joined with nothing"
    world.ask()
    world.give(fieldGroups=["identity"])
    (shown,) = world.seen()
    assert {one["fieldGroup"] for one in shown["withheld"]} == {"content", "financial", "operational"}
    handle, owners, named = around()
    assert handle == guessed and owners == {"police-ke", "customs-cn"}
    assert named - keys == {f"person:customs-cn:S-{world.number}"}
    world.revoke()
    assert around() == (guessed, own, keys)
