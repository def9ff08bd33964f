"""Members that join, change and leave: what ends at once, and what becomes of their records, grants and keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest

from graphsvc.client import Client, Refused, fixed_token
from graphsvc.client.acts import carry_out, head_of, sign_act
from graphsvc.client.custody import notices
from graphsvc.client.enrol import Enroller
from graphsvc.client.keys import SigningKey, save_signing_key
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.company import Members
from graphsvc.lifecycle.store import book_of
from graphsvc.local.identity import DevelopmentClient
from graphsvc.local.run import LocalService
from graphsvc.model.drafts import Defaults
from graphsvc.model.principals import Footing
from graphsvc_verify.canonical import b64u
from tests.commands import Desk, Done, running
from tests.paths.conftest import CASE, FOOTING
from tests.paths.test_disclosure import SEEN, STRICT, later, suspect
from tests.paths.wire import DEFAULTS, MintingIdentity, caught_up, file_of, phone

POLICE, CUSTOMS = "police-ke.investigator", "customs-cn.officer"
GROUPS = "{ sharingGroups { id members { org state } } }"
ASKED = """query($id: ID!) {
  informationRequest(id: $id) { request { state overdue reason grant { id state } } records { handle } }
}"""
REGISTER = 'mutation { registerCase(reference: "H/1", title: "x", legalBasis: "statutory-duty") { reference } }'


@dataclass
class World:
    """An organisation that joins by the command line, with a person who submits and decides, and its own keys."""

    service: LocalService
    members: Members
    identity: MintingIdentity
    run: Desk
    folder: Path
    org: str
    number: int

    def __post_init__(self) -> None:
        self.root, self.key = SigningKey.new(), SigningKey.new()
        roles = ("submitter", "officer", "investigator")
        self.token = self.identity.token(DevelopmentClient(f"{self.org}.x", self.org, f"x@{self.org}.example", roles))
        self.client = Client(self.service.url, fixed_token(self.token), self.members.trust())
        save_signing_key(self.folder / "key.pem", self.key)

    def operator(self, *words: str) -> Done:
        return self.run(OPERATOR, "members", *words)

    def join(self) -> None:
        who = ("--kind", "customs", "--jurisdiction", "KE", "--name", self.org.title(), "--root-key")
        assert self.operator("add", self.org, *who, "x").code == (2, "bad_key")
        assert self.operator("add", self.org, *who, b64u(self.root.public)).value["org"] == self.org
        roles = ("submitter", "officer", "investigator")
        enroller = Enroller(self.org, self.service.origin, self.root)
        self.members.client(OPERATOR).enrol(enroller.signing(self.key, f"x@{self.org}.example", roles, None))

    def submit(self, n: int, defaults: Defaults) -> int:
        outgoing = file_of(self.folder / f"{n}.ndjson", [suspect(self.number + n, "Wu Lan")], defaults)
        return self.client.submit(outgoing, self.org, self.key).index

    def act(self, kind: str, sub: str, body: dict[str, Any]) -> dict[str, Any]:
        place = self.service.origin, self.org
        act = sign_act(self.key, place, kind, sub, body, head_of(self.client))
        made: dict[str, Any] = msgspec.to_builtins(carry_out(self.client, kind, act))
        return made

    def seen(self, n: int, client: Client | None = None, footing: Footing = FOOTING, owner: str = "") -> list[Any]:
        """What a reader, else the police, sees of an owner's record about phone ``n``."""
        reader = client or self.members.client(POLICE)
        key = {"kind": "Phone", "parts": [{"name": "value", "value": phone(self.number + n)}]}
        found = reader.query(SEEN, key, footing, caught_up(reader)).data["search"]
        return [record for one in found for record in one["records"] if record["owner"] == (owner or self.org)]

    def wanted(self, holder: str, n: int, case: str) -> dict[str, Any]:
        """The body of a disclosure request about phone ``n``."""
        return {
            "holder": holder,
            "identifiers": [{"kind": "Phone", "parts": {"value": phone(self.number + n)}}],
            "purpose": FOOTING.purpose,
            "legalBasis": FOOTING.legal_basis,
            "case": case,
            "deadline": later(days=3),
            "fieldGroups": ["identity"],
            "justification": "the phone is on a seized parcel",
        }

    def listed(self) -> dict[str, Any]:
        return next(one for one in self.operator("list").value["organisations"] if one["org"] == self.org)


@pytest.fixture
def world(
    local_service: LocalService,
    members: Members,
    identity: MintingIdentity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    org = {"keep": "harbour", "recall": "lighthouse"}["keep" if "keeps" in request.node.name else "recall"]
    run = Desk(running(monkeypatch, capfd), local_service, members, tmp_path)
    world = World(local_service, members, identity, run, tmp_path, org, crc32(org.encode()) % 1_000_000)
    world.join()
    yield world
    world.client.close()


def grant(file: dict[str, Any]) -> dict[str, Any]:
    handles = [one["handle"] for one in file["records"]]
    return {"decision": "grant", "fieldGroups": ["identity"], "target": {"records": handles}, "until": later(days=30)}


def test_who_leaves_and_keeps_its_records(world: World) -> None:
    # It shares, grants and is granted, and belongs to a group.
    police, customs = world.members.client(POLICE), world.members.client(CUSTOMS)
    world.submit(0, DEFAULTS)
    world.submit(1, STRICT)
    assert len(world.seen(0)) == 1 and world.seen(1) == []
    given = world.members.act(POLICE, "request-disclosure", world.org, world.wanted(world.org, 1, CASE))["id"]
    world.act("decide-disclosure", given, grant(world.client.query(ASKED, {"id": given}).data["informationRequest"]))
    outgoing = file_of(world.folder / "customs.ndjson", [suspect(world.number + 2, "Qi Fang")], STRICT)
    world.members.client("customs-cn.feed").submit(outgoing, "customs-cn", world.members.by_name["customs-cn"].working)
    assert world.seen(2, owner="customs-cn") == []
    world.client.query(REGISTER)
    got = world.act("request-disclosure", "customs-cn", world.wanted("customs-cn", 2, "H/1"))["id"]
    body = grant(customs.query(ASKED, {"id": got}).data["informationRequest"])
    world.members.act(CUSTOMS, "decide-disclosure", got, body)
    world.members.act(POLICE, "create-group", "harbour-watch", {"purpose": "ivory", "rulebook": ""})
    world.members.act(POLICE, "invite-to-group", "harbour-watch", {"org": world.org})
    world.act("accept-invitation", "harbour-watch", {})
    assert len(world.seen(0)) == len(world.seen(1)) == 1
    # Some that it asked, and that it was asked, wait for an answer when it leaves.
    waiting = [
        world.members.act(POLICE, "request-disclosure", world.org, world.wanted(world.org, 0, CASE))["id"],
        world.act("request-disclosure", "customs-cn", world.wanted("customs-cn", 3, "H/1"))["id"],
    ]
    own = Footing(FOOTING.purpose, FOOTING.legal_basis, "H/1")
    assert len(world.seen(2, world.client, own, "customs-cn")) == 1

    # It changes whom to ask, and leaves.
    words = ("leave", world.org, "--records", "keep", "--reason", "closed")
    assert world.operator("update", world.org, "--contact", "desk@harbour.example").value["index"]
    assert world.listed()["contact"] == "desk@harbour.example" and world.listed()["keys"] == 1
    assert world.operator(*words).code == (2, "not_confirmed")
    left = world.operator(*words, "--yes").value
    assert (left["keys"], len(left["grants"]), left["sharingGroups"]) == (1, 2, ["harbour-watch"])
    assert left["requests"] == waiting[::-1]
    assert (world.listed()["left"], world.listed()["keys"]) == (left["index"], 0)
    assert world.operator(*words, "--yes").code == (3, "departed")

    # What it had shared stays; the grants by it and to it, its keys and its place in the group have ended.
    assert len(world.seen(0)) == 1 and world.seen(1) == []
    for asker, request in ((police, given), (customs, got)):
        assert asker.query(ASKED, {"id": request}).data["informationRequest"]["request"]["grant"]["state"] == "revoked"
    for other, request in zip((police, customs), waiting, strict=True):
        told = other.query(ASKED, {"id": request}).data["informationRequest"]["request"]
        assert (told["state"], told["overdue"], told["reason"]) == ("closed", False, "departure")
    with pytest.raises(Refused, match="closed"):
        world.members.act(POLICE, "remind-request", waiting[0], {"note": ""})
    [group] = [one for one in police.query(GROUPS).data["sharingGroups"] if one["id"] == "harbour-watch"]
    assert {one["org"]: one["state"] for one in group["members"]}.get(world.org) in (None, "left")
    for attempt in (lambda: world.client.query("{ cases { reference } }"), lambda: world.submit(3, DEFAULTS)):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.status == 401
    assert world.service.parts is not None
    assert world.service.parts.ledger.signing_key(world.org, world.key.kid) is None
    with pytest.raises(Refused, match="no such organisation"):
        world.members.act(POLICE, "request-disclosure", world.org, world.wanted(world.org, 0, CASE))


def test_who_leaves_and_takes_its_records_back(world: World) -> None:
    index = world.submit(0, DEFAULTS)
    assert len(world.seen(0)) == 1
    sign = ("--sign", str(world.folder / "key.pem"))
    words = ("members", "contact", "--name", "Lighthouse Ltd", *sign)
    changed = world.run("", *words, token=world.token, org=world.org)
    assert changed.value["name"] == world.listed()["name"] == "Lighthouse Ltd"
    left = world.operator("leave", world.org, "--records", "recall", "--reason", "bought up", "--yes").value
    assert (left["records"], left["told"]) == (1, ["police-ke"])
    assert world.seen(0) == []
    [notice] = [one for one in notices(world.members.client(POLICE)) if one.notice == left["withdrawal"]]
    assert (notice.owner, notice.cause, notice.count) == (world.org, "departed", 1)
    assert world.service.parts is not None
    world.service.parts.applier.notify()
    assert book_of(world.service.parts.core).recalled(world.org) == ((index, 0, 0),)
