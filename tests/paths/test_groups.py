"""Sharing groups through HTTP: who belongs is in the ledger; records shared with a group are seen by its members."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from graphsvc.client import Client, Outgoing, Refused, fixed_token, sending
from graphsvc.client.acts import carry_out, head_of
from graphsvc.client.questions import GROUPS
from graphsvc.client.service import Submitted
from graphsvc.demo.cast import CLIENTS
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from tests.paths.conftest import FOOTING
from tests.paths.test_disclosure import STRICT, later, move_clock, refused
from tests.paths.wire import MintingIdentity, account_key, caught_up, file_of, row

POLICE, CUSTOMS, PASAR = "police-ke.investigator", "customs-cn.officer", "pasar.officer"
SEEN = """query($kind: String!, $parts: [KeyPart!]!, $after: Int) {
  search(kind: $kind, parts: $parts, after: $after) { records { owner handle } } }"""


@dataclass
class World:
    """A group founded by the police; customs have a file of two records that stay at home."""

    members: Members
    group: str
    outgoing: Outgoing

    def act(self, name: str, kind: str, **body: Any) -> dict[str, Any]:
        return self.members.act(name, kind, self.group, body)

    def join(self, name: str = CUSTOMS, until: str = "") -> dict[str, Any]:
        self.act(POLICE, "invite-to-group", org=name.partition(".")[0], **({"until": until} if until else {}))
        return self.act(name, "accept-invitation")

    def submit(self, org: str = "customs-cn", *groups: str) -> Submitted:
        defaults = replace_groups(self.outgoing, groups)
        return self.members.client(f"{org}.feed").submit(defaults, org, self.members.by_name[org].working)

    def seen(self, n: int = 0, name: str = POLICE, wait: bool = True) -> list[str]:
        """Handles of the records that a reader sees of the file's row ``n``."""
        client = self.members.client(name)
        after = caught_up(client) if wait else None
        found = client.query(SEEN, account_key(f"{self.group}-{n}"), FOOTING, after)
        return [record["handle"] for one in found.data["search"] for record in one["records"]]

    def groups(self, name: str) -> dict[str, dict[str, Any]]:
        return {one["id"]: one for one in self.members.client(name).query(GROUPS.document).data["sharingGroups"]}


def replace_groups(outgoing: Outgoing, groups: tuple[str, ...]) -> Outgoing:
    return replace(outgoing, defaults=msgspec.structs.replace(outgoing.defaults, groups=list(groups)))


@pytest.fixture
def world(members: Members, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    group = request.node.name.removeprefix("test_").replace("_", "-")[:36].rstrip("-")
    outgoing = file_of(tmp_path / "rows.ndjson", [row(f"{group}-{n}", 9_000 + n) for n in (0, 1)], STRICT)
    world = World(members, group, outgoing)
    made = world.act(POLICE, "create-group", purpose="ivory on the route", rulebook="task-force")
    assert (made["id"], made["state"], made["founder"]) == (group, "member", "police-ke")
    yield world


def test_members_see_what_is_shared_at_submission(world: World) -> None:
    assert refused(world.submit, "customs-cn", world.group) == (422, "no_row_accepted")
    assert world.join()["members"] == [
        {"org": "customs-cn", "state": "member", "until": None},
        {"org": "police-ke", "state": "member", "until": None},
    ]
    assert world.submit("customs-cn", world.group).accepted == 2
    assert len(world.seen()) == 1 and world.seen(name="swiftline.officer") == []
    assert world.act(CUSTOMS, "leave-group")["state"] == "left"
    assert refused(world.submit, "customs-cn", world.group) == (422, "no_row_accepted")
    assert len(world.seen()) == 1, "leaving takes nothing back: the owner does"


def test_a_row_that_names_a_foreign_group_is_told(world: World, tmp_path: Path) -> None:
    good, bad = row(f"{world.group}-a", 9_010), json.loads(row(f"{world.group}-b", 9_011))
    mixed = file_of(tmp_path / "mixed.ndjson", [good, json.dumps({**bad, "groups": [world.group]}).encode()], STRICT)
    taken = world.members.client("customs-cn.feed").submit(
        mixed, "customs-cn", world.members.by_name["customs-cn"].working
    )
    assert taken.accepted == 1
    assert [(one.row, one.code, one.pointer) for one in taken.problems] == [(1, "not_a_member", "/groups")]


def test_shared_later_and_taken_back(world: World) -> None:
    index = world.submit().index
    assert world.seen() == []
    assert refused(world.act, CUSTOMS, "share-records", target={"submission": index}) == (404, "not_found"), (
        "no member yet"
    )
    world.join()
    assert world.act(CUSTOMS, "share-records", target={"submission": index, "rows": [0]})["records"] == 1
    assert len(world.seen(0)) == 1 and world.seen(1) == []
    own = world.members.client(CUSTOMS).query(SEEN, account_key(f"{world.group}-1")).data["search"][0]["records"]
    assert world.act(CUSTOMS, "share-records", target={"records": [own[0]["handle"]]})["records"] == 1
    assert len(world.seen(1)) == 1
    assert refused(world.act, CUSTOMS, "share-records", target={"submission": index}) == (409, "no_change")
    assert world.act(CUSTOMS, "unshare-records", target={"submission": index})["records"] == 2
    # Not waited for: hidden from the moment that it is durable.
    assert world.seen(0, wait=False) == world.seen(1, wait=False) == []
    assert world.seen() == []


def test_whom_a_move_does_not_concern_sees_the_record_until_it_is_applied(
    local_service: LocalService, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert local_service.parts is not None
    applier, gate = local_service.parts.applier, threading.Event()
    change = applier._change

    def held_up(*given: Any) -> Iterator[bool]:
        gate.wait(30)
        yield from change(*given)

    world.join()
    index, other = world.submit().index, f"{world.group[:30]}-other"
    world.members.act(CUSTOMS, "create-group", other, {"purpose": "customs alone"})
    owner = world.seen(name=CUSTOMS)
    assert len(owner) == 1 and world.seen() == []
    monkeypatch.setattr(applier, "_change", held_up)
    try:
        # It opens to the police once applied; to the owner it was open and stays so.
        world.act(CUSTOMS, "share-records", target={"submission": index})
        assert world.seen(name=CUSTOMS, wait=False) == owner and world.seen(wait=False) == []
        gate.set()
        assert len(world.seen()) == 1
        # A group that the police don't belong to is nothing to them.
        gate.clear()
        world.members.act(CUSTOMS, "share-records", other, {"target": {"submission": index}})
        assert len(world.seen(wait=False)) == 1 and world.seen(name=CUSTOMS, wait=False) == owner
        gate.set()
        assert len(world.seen()) == 1
        # Taken back it is closed to the police at once, and to nobody else.
        gate.clear()
        world.act(CUSTOMS, "unshare-records", target={"submission": index})
        assert world.seen(wait=False) == [] and world.seen(name=CUSTOMS, wait=False) == owner
        assert applier.applied < local_service.parts.ledger.last_scope_event, "all that while it was not applied"
    finally:
        gate.set()
    assert world.seen() == [] and world.seen(name=CUSTOMS) == owner


def test_only_own_records_are_shared(world: World) -> None:
    world.join()
    index = world.submit("customs-cn", world.group).index
    (foreign,) = world.seen()
    for target in ({"submission": index}, {"records": [foreign]}, {"records": ["A" * 55]}, {"submission": 10**6}):
        assert refused(world.act, POLICE, "share-records", target=target) == (404, "not_found"), target
    for target in ({"rows": [1]}, {}, {"case": "KE-1"}, {"select": {"handle": foreign}}, {"records": []}):
        assert refused(world.act, POLICE, "share-records", target=target) == (400, "bad_act"), target


def test_who_leaves_or_is_removed_sees_no_longer(world: World) -> None:
    """Customs found a group of their own; the police come and go."""
    world.members.act(CUSTOMS, "create-group", f"{world.group}-c", {"purpose": "ours"})
    own = replace(world, group=f"{world.group}-c")
    own.outgoing = file_of(world.outgoing.path.with_name("own.ndjson"), [row(f"{own.group}-0", 9_020)], STRICT)
    own.submit("customs-cn", own.group)
    assert own.seen() == []
    own.act(CUSTOMS, "invite-to-group", org="police-ke")
    assert own.groups(POLICE)[own.group]["state"] == "invited" and own.seen() == [], "invited is not in"
    assert own.groups(POLICE)[own.group]["members"] == [{"org": "police-ke", "state": "invited", "until": None}]
    own.act(POLICE, "accept-invitation")
    assert len(own.seen()) == 1
    assert refused(own.act, CUSTOMS, "leave-group") == (409, "wrong_state"), "the founder leaves last"
    own.act(CUSTOMS, "remove-from-group", org="police-ke")
    assert own.seen(wait=False) == [] and own.group not in own.groups(POLICE)
    own.act(CUSTOMS, "invite-to-group", org="police-ke")
    own.act(POLICE, "accept-invitation")
    assert len(own.seen()) == 1
    own.act(POLICE, "leave-group")
    assert own.seen(wait=False) == []
    assert own.act(CUSTOMS, "leave-group")["state"] == "left"


def test_a_membership_ends_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.members.act(CUSTOMS, "create-group", f"{world.group}-c", {"purpose": "for a while"})
    own = replace(world, group=f"{world.group}-c")
    own.outgoing = file_of(world.outgoing.path.with_name("own.ndjson"), [row(f"{own.group}-0", 9_030)], STRICT)
    own.submit("customs-cn", own.group)
    own.act(CUSTOMS, "invite-to-group", org="police-ke", until=later(days=2))
    own.act(POLICE, "accept-invitation")
    assert len(own.seen()) == 1
    move_clock(monkeypatch, days=2)
    assert own.seen() == [] and own.group not in own.groups(POLICE)
    assert refused(own.act, POLICE, "share-records", target={"submission": 0}) == (404, "not_found")


def test_who_founds_groups_without_end_stops_nobody_elses_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four connections of the police found groups in a loop; whatever the others ask meanwhile is answered at once."""
    world.join()
    world.submit("customs-cn", world.group)
    client = world.members.client(CUSTOMS)
    first = client.query(SEEN, account_key(f"{world.group}-0"), FOOTING, caught_up(client)).data["search"]
    monkeypatch.setattr(sending, "ATTEMPTS", 1)
    begun, stop, founded = threading.Event(), threading.Event(), list[str]()

    def found(number: int) -> None:
        with world.members.separate_client(POLICE) as mine:
            for n in itertools.count():
                if stop.is_set():
                    return
                name = f"{world.group[:24]}-{number}-{n}"
                with suppress(Refused):
                    act = world.members.sign(POLICE, "create-group", name, {"purpose": "x"}, head_of(mine))
                    carry_out(mine, "create-group", act)
                    founded.append(name)
                    begun.set()

    threads = [threading.Thread(target=found, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert begun.wait(60)
        answers = [client.query(SEEN, account_key(f"{world.group}-0"), FOOTING).data["search"] for _ in range(30)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(first) == 1 and answers == [first] * 30
    assert len(founded) > 1


def test_strangers_learn_nothing(world: World) -> None:
    world.join()
    assert world.group not in world.groups(PASAR)
    for kind, body in (
        ("accept-invitation", {}),
        ("leave-group", {}),
        ("invite-to-group", {"org": "swiftline"}),
        ("remove-from-group", {"org": "customs-cn"}),
        ("share-records", {"target": {"submission": 0}}),
    ):
        foreign = refused(world.act, PASAR, kind, **body)
        assert foreign == refused(world.members.act, PASAR, kind, "no-such-group", body) == (404, "not_found"), kind
    assert refused(world.act, CUSTOMS, "invite-to-group", org="pasar") == (403, "denied"), "only the founder invites"
    assert refused(world.act, POLICE, "create-group", purpose="again") == (409, "group_exists")
    assert refused(world.members.act, POLICE, "create-group", "No Slug", {"purpose": "x"}) == (400, "bad_act")


def test_groups_in_a_token_count_for_nothing(
    world: World, identity: MintingIdentity, local_service: LocalService
) -> None:
    world.join()
    world.submit("customs-cn", world.group)
    analyst = next(client for client in CLIENTS if client.client_id == "swiftline.officer")
    token = identity.mint(analyst, groups=[world.group], roles=["investigator"])
    with Client(local_service.url, fixed_token(token), world.members.trust()) as client:
        assert client.query(SEEN, account_key(f"{world.group}-0"), FOOTING).data["search"] == []
        assert client.query(GROUPS.document).data["sharingGroups"] == [] or world.group not in str(
            client.query(GROUPS.document).raw
        )
    with pytest.raises(Refused):
        world.submit("swiftline", world.group)
