"""Policies at a running service: a version decides from its entry on, and back."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from graphsvc.client import Client
from graphsvc.client.acts import carry_out, head_of, sign_act
from graphsvc.client.enrol import Enroller
from graphsvc.client.errors import Refused
from graphsvc.client.keys import SigningKey, save_signing_key
from graphsvc.client.questions import DIFFERENCE, VERSIONS, WHY
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model.principals import Footing
from graphsvc_verify.canonical import parse
from tests.ledger_actors import last_key_event
from tests.paths.conftest import FOOTING
from tests.paths.wire import SEARCH, account_key, file_of, row

ORG = "pasar"
OWN = "orgs/pasar.cedar"
WITHHOLD = """@id("pasar-no-personal")
forbid (
  principal,
  action == Action::"view:personal",
  resource
)
unless { principal.org == "pasar" };
"""
NO_RED = """@id("pasar-no-red")
forbid (
  principal,
  action == Action::"submit",
  resource
)
when { resource.code == "RED" };
"""
KEEP_BACK = WITHHOLD.replace("pasar-no-personal", "pasar-keeps-personal")
"""The same of another name: a version that was proposed can't be proposed again."""
NO_STRICT = """@id("pasar-no-strict")
forbid (
  principal,
  action == Action::"view:content",
  resource
)
when { resource.code == "AMBER+STRICT" }
unless { principal.org == "pasar" };
"""
WITHHELD = """query($kind: String!, $parts: [KeyPart!]!) { search(kind: $kind, parts: $parts) {
  records { handle withheld { fieldGroup rule } } } }"""
DEFAULT_RED = {"handling": {"scheme": "tlp-2.0", "code": "RED"}}


class Officers:
    """Two officers of Pasar with keys of their own."""

    def __init__(self, service: LocalService, members: Members, folder: Path) -> None:
        assert service.parts is not None
        self.client = members.client("pasar.officer")
        self.place = service.origin, ORG
        self.service, self.members = service, members
        enroller = Enroller(ORG, service.origin, members.by_name[ORG].root)
        operator, self.keys = members.client("operator.operator"), list[SigningKey]()
        for name in ("ratna", "budi"):
            key = SigningKey.new()
            last = last_key_event(service.parts.ledger, ORG)
            operator.enrol(enroller.signing(key, f"{name}@pasar.example", ("officer",), last))
            save_signing_key(folder / f"{name}.pem", key)
            self.keys.append(key)

    def versions(self) -> list[dict]:
        return self.client.query(VERSIONS.document, {"part": ORG, "first": 100}).data["policyVersions"]

    def current(self) -> dict:
        return next(one for one in self.versions() if one["state"] == "in-force")

    def sign(self, who: int, kind: str, body: dict) -> dict:
        act = sign_act(self.keys[who], self.place, kind, ORG, body, head_of(self.client))
        return msgspec.to_builtins(carry_out(self.client, kind, act))

    def put_in_force(self, text: str) -> dict:
        """Two persons bring a version of Pasar's file into force."""
        body = {"base": self.current()["version"], "files": {OWN: text}, "note": ""}
        self.sign(0, "propose-policy", body)
        return self.sign(1, "approve-policy", body)

    def roll_back(self, version: str) -> dict:
        if self.current()["version"] == version:
            return self.current()
        body = {"base": self.current()["version"], "to": version, "note": ""}
        self.sign(1, "roll-back-policy", body)
        return self.sign(0, "approve-policy", body)


@pytest.fixture
def officers(local_service: LocalService, members: Members, tmp_path: Path):
    officers = Officers(local_service, members, tmp_path)
    before = officers.current()["version"]
    yield officers
    officers.roll_back(before)


def seen(client: Client, account: str, footing: Footing = FOOTING) -> dict:
    (entity,) = client.query(WITHHELD, account_key(account), footing).data["search"]
    (record,) = entity["records"]
    return record


def test_a_version_decides_from_its_entry_on_and_back(officers: Officers, tmp_path: Path) -> None:
    members = officers.members
    police, feed = members.client("police-ke.investigator"), members.client("pasar.feed")
    outgoing = file_of(tmp_path / "rows.ndjson", [row("policy-beside", 7_001), row("policy-account", 7_002)])
    index = feed.submit(outgoing, ORG, members.by_name[ORG].working).index
    police.query(SEARCH, account_key("policy-account"), FOOTING, index)
    first, zero = officers.current(), officers.current()["version"]
    base = next(file["text"] for file in first["files"] if file["name"] == OWN)
    withheld = {one["fieldGroup"] for one in seen(police, "policy-account")["withheld"]}
    assert "personal" not in withheld

    made = officers.put_in_force(base + "\n" + WITHHOLD)
    assert made["state"] == "in-force" and made["since"] >= made["index"]
    told = {one["fieldGroup"]: one["rule"] for one in seen(police, "policy-account")["withheld"]}
    assert told["personal"] == "pasar-no-personal"
    # Every read names the version that decided it.
    log = """query { accessLog(first: 2) { entries { index policy } } }"""
    (later, *_) = members.client("pasar.officer").query(log).data["accessLog"]["entries"]

    # Why: the owner about the police, the police about itself; nobody about others' records as seen by others.
    stated = {"purpose": FOOTING.purpose, "legalBasis": FOOTING.legal_basis, "case": FOOTING.case}
    reader = {"org": "police-ke", "kind": "police", "roles": ["investigator"], **stated}
    about = {"submission": index, "row": 1, "reader": reader}
    asked = officers.client.query(WHY.document, about).data["explainAccess"]
    by_owner = {one["action"]: one for one in asked["actions"]}
    assert asked["policy"] == later["policy"] and not by_owner["view:personal"]["allowed"]
    assert by_owner["view:personal"]["rules"] == [{"id": "pasar-no-personal", "file": OWN}]
    handle = seen(police, "policy-account")["handle"]
    own = police.query(WHY.document, {"record": handle}, FOOTING).data["explainAccess"]
    assert {one["action"]: one["allowed"] for one in own["actions"]} == {
        one["action"]: one["allowed"] for one in asked["actions"]
    }
    assert police.query(WHY.document, {"record": handle, "reader": reader}, FOOTING).data["explainAccess"] is None
    assert police.query(WHY.document, about | {"reader": None}, Footing()).data["explainAccess"] is None

    back = officers.roll_back(zero)
    assert (back["state"], back["returns"], back["version"]) == ("in-force", True, zero)
    assert {one["fieldGroup"] for one in seen(police, "policy-account")["withheld"]} == withheld


def test_what_a_proposal_changes_is_told_in_words_before_it_is_approved(officers: Officers, tmp_path: Path) -> None:
    feed, key = officers.members.client("pasar.feed"), officers.members.by_name[ORG].working
    strict = {"handling": {"scheme": "tlp-2.0", "code": "AMBER+STRICT"}}
    rows = [row("difference-green", 7_006), row("difference-strict", 7_007, **strict)]
    index = feed.submit(file_of(tmp_path / "rows.ndjson", rows), ORG, key).index
    feed.query("query($n: Int!) { submissions(first: 1, after: $n) { index } }", {"n": index})
    base = next(file["text"] for file in officers.current()["files"] if file["name"] == OWN)

    def told(client: Client, name: str) -> dict | None:
        return client.query(DIFFERENCE.document, {"object": name}).data["policyDifference"]

    def proposed(text: str) -> tuple[dict, dict]:
        body = {"base": officers.current()["version"], "files": {OWN: f"{base}\n{text}"}, "note": ""}
        made = officers.sign(0, "propose-policy", body)
        found = told(officers.client, made["object"])
        assert found is not None and found["object"] == made["object"]
        return body, found

    body, found = proposed(KEEP_BACK)
    assert found["rules"] == [f"+ {OWN} pasar-keeps-personal"] and not found["truncated"]
    assert 0 < int(found["changed"]) < int(found["decisions"])
    assert {(one["owner"], one["gain"], *one["actions"]) for one in found["changes"]} == {(ORG, False, "view:personal")}
    assert sum(int(one["decisions"]) for one in found["changes"]) == int(found["changed"])
    whole = max(one["records"] for one in found["changes"])
    assert whole >= 2
    axes = {one["axis"] for change in found["changes"] for one in change["when"]}
    assert "reader" in axes and all(one["classes"] for change in found["changes"] for one in change["when"])
    # Nobody else is told of it, and an invented one is as absent as another's.
    police = officers.members.client("police-ke.investigator")
    assert told(police, found["object"]) is None and told(officers.client, f"sha256:{'0' * 64}") is None
    # What is in force still says what it changed; what is proposed on top is compared with that.
    officers.sign(1, "approve-policy", body)
    assert told(officers.client, found["object"]) == found
    _, found = proposed(f"{KEEP_BACK}\n{NO_STRICT}")
    assert f"+ {OWN} pasar-no-strict" in found["rules"]
    assert all(0 < one["records"] < whole for one in found["changes"] if one["actions"] == ["view:content"])


def test_rows_are_taken_in_under_the_version_in_force(officers: Officers, tmp_path: Path) -> None:
    feed, key = officers.members.client("pasar.feed"), officers.members.by_name[ORG].working
    zero = officers.current()
    base = next(file["text"] for file in zero["files"] if file["name"] == OWN)
    red = json.dumps({**json.loads(row("red-account", 7_003)), **DEFAULT_RED}).encode()
    lines = [red, row("green-account", 7_004)]
    assert feed.dry_run(file_of(tmp_path / "a.ndjson", lines), ORG, key).rejected == 0
    officers.put_in_force(base + "\n" + NO_RED)
    done = feed.submit(file_of(tmp_path / "b.ndjson", lines), ORG, key)
    assert (done.accepted, done.rejected) == (1, 1) and done.problems[0].code == "may_not_submit"
    officers.roll_back(zero["version"])
    assert feed.dry_run(file_of(tmp_path / "c.ndjson", lines), ORG, key).rejected == 0


def test_only_an_officers_key_counts_and_others_see_nothing_of_it(officers: Officers) -> None:
    body = {"base": officers.current()["version"], "files": {OWN: WITHHOLD}, "note": ""}
    working, client = officers.members.by_name[ORG].working, officers.client
    act = sign_act(working, officers.place, "propose-policy", ORG, body, head_of(client))
    with pytest.raises(Refused, match="role officer"):
        carry_out(client, "propose-policy", act)
    officers.sign(0, "propose-policy", body)
    (mine, *_) = officers.versions()
    assert mine["missing"] == "a second person" and parse(mine["body"].encode()) == body
    assert mine["proposer"]["person"] == "ratna@pasar.example"
    police = officers.members.client("police-ke.investigator")
    parts_seen = {
        one["part"] for one in police.query(VERSIONS.document, {"part": None, "first": 100}).data["policyVersions"]
    }
    assert ORG not in parts_seen and "shared" in parts_seen
    assert police.query(VERSIONS.document, {"part": ORG, "first": 100}).data["policyVersions"] == []
