"""Searches for rings at a service: jobs that end whatever happens, kept for who asked, seen by whom claims allow."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from graphsvc.app import Service
from graphsvc.client import Client, Refused, fixed_token
from graphsvc.client.acts import head_of
from graphsvc.client.questions import COMPARE_RUNS, KEPT_RINGS, RING, RING_RUNS
from graphsvc.client.rings import find_run, report_of, wait_for
from graphsvc.demo.cast import CLIENTS
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model.errors import NotFound
from graphsvc.model.principals import Footing
from graphsvc.rings import worker as working
from graphsvc.rings.store import Results
from graphsvc.rings.worker import RingWorker
from graphsvc.wire.rings import KeptRing, RingReportFile, RingRun
from graphsvc_verify.evidence import check_evidence
from tests.paths.conftest import CASE, FOOTING
from tests.paths.test_disclosure import refused
from tests.paths.wire import SITE, MintingIdentity, file_of, row

ANALYST, PASAR = "police-ke.analyst", "pasar.officer"
ON = {"purpose": FOOTING.purpose, "legalBasis": FOOTING.legal_basis, "case": CASE}
SIZE = 6
NIGHT = "2026-01-05T22:30:00Z"


@dataclass
class World:
    """Six accounts of Pasar's, of which three by three use one of six phones; one posted two adverts, one at night."""

    parts: Service
    members: Members
    folder: Path
    name: str
    base: int
    index: int = -1
    runs: list[str] = field(default_factory=list)

    def submit(self, rows: list[bytes], org: str = "pasar") -> int:
        outgoing = file_of(self.folder / f"{len(rows)}-{time.monotonic_ns()}.ndjson", rows)
        done = self.members.client(f"{org}.feed").submit(outgoing, org, self.members.by_name[org].working)
        assert done.rejected == 0, done.problems
        asyncio.run(self.parts.applier.wait(done.index))
        return done.index

    def account(self, number: int) -> str:
        return f"{self.name}{number}"

    def key(self, number: int) -> str:
        return f"account:{SITE}:{self.account(number)}"

    @property
    def client(self) -> Client:
        return self.members.client(ANALYST)

    def ask_for(self, **more: Any) -> dict[str, Any]:
        return self.members.act(ANALYST, "detect-rings", "rings", {**ON, **more})

    def search(self, **more: Any) -> RingRun:
        run = wait_for(self.client, self.ask_for(**more)["id"], 60, FOOTING)
        assert run.state == "done", run
        return run

    def listed(self, run: str | None = None, footing: Footing = FOOTING, **wanted: Any) -> list[KeptRing]:
        found = self.client.read(KEPT_RINGS, {"run": run, "first": 500, "filter": wanted}, footing)
        assert found is not None
        return found.rings

    def mine(self, run: str | None = None, footing: Footing = FOOTING) -> RingReportFile | None:
        """The report of the ring in which the world's accounts are."""
        for ring in self.listed(run, footing):
            file = report_of(self.client, ring.id, footing, {"run": ring.run})
            if self.key(0) in self.keys(file):
                return file
        return None

    @staticmethod
    def keys(file: RingReportFile) -> set[str]:
        known = {one.handle: one.key for one in file.entities}
        return {str(known[one]) for one in (*file.core, *file.fringe)}

    def judge(self, kind: str, ring: str, after: int | None = None, **body: Any) -> dict[str, Any]:
        return self.members.act(ANALYST, kind, ring, body, after)


def advert(name: str, account: str, posted: str) -> bytes:
    """An account posted an advert that offers seahorses."""
    entities = [
        {"ref": "a", "kind": "Account", "key": {"site": SITE, "id": account}},
        {"ref": "l", "kind": "Listing", "key": {"site": SITE, "item": name}},
        {"ref": "t", "kind": "Taxon", "key": {"name": "Hippocampus kuda"}},
    ]
    links = [
        {"kind": "POSTED", "from": "a", "to": "l", "observed": {"since": posted}},
        {"kind": "OFFERS", "from": "l", "to": "t"},
    ]
    return json.dumps({"entities": entities, "links": links}).encode()


@pytest.fixture
def world(
    local_service: LocalService, members: Members, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[World]:
    assert local_service.parts is not None
    name = f"k{crc32(request.node.name.encode()):08x}n"
    base = 2_000_000 + crc32(name.encode()) % 500_000 * 10
    world = World(local_service.parts, members, tmp_path, name, base)
    rows = [row(world.account((n + step) % SIZE), base + n) for n in range(SIZE) for step in (0, 1, 2)]
    rows += [advert(f"{name}a", world.account(0), NIGHT), advert(f"{name}b", world.account(0), "2026-01-06T10:00:00Z")]
    world.index = world.submit(rows)
    yield world


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Holds searches, each in its own process, where they first ask for names; set it to let them go on."""
    opened, names = threading.Event(), working.node_names

    async def held(*given: Any) -> list[str]:
        while not opened.is_set():
            await asyncio.sleep(0.02)
        return await names(*given)

    monkeypatch.setattr(working, "node_names", held)
    yield opened
    opened.set()


def until_stage(world: World, run: str) -> RingRun:
    for _ in range(600):
        found = find_run(world.client, run)
        if found.state == "running" and found.stage not in (None, "begin"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"it never ran: {found}")


def test_a_search_is_kept_and_every_line_of_a_report_cites_what_may_be_seen(world: World) -> None:
    run = world.search()
    assert run.rings and run.claims and run.analysed and run.analysed.startswith("sha256:"), run
    file = world.mine(run.id)
    assert file is not None and world.keys(file) == {world.key(n) for n in range(SIZE)}
    ring, handles = file.ring, {one.handle for one in file.entities}
    assert (ring.core, ring.fringe, ring.agencies, ring.records) == (SIZE, 0, ["pasar"], 3 * SIZE)
    assert [(one.kind, one.count) for one in ring.identifiers] == [("Phone", SIZE)] and ring.verdict == "open"
    assert file.cycles == 3 * SIZE - 2 * SIZE + 1 and ring.rank and ring.expected
    assert all(len(one.accounts) == 3 and one.record_count == len(one.records) == 3 for one in file.identifiers)
    assert {one.identifier for one in file.identifiers} <= handles
    assert all(one.records and one.record_count for one in file.reasons)
    assert (file.adverts.count, file.adverts.timed, file.adverts.at_night) == (2, 2, 1)
    assert file.adverts.record_count == 2 and [one.record_count for one in file.products] == [2]
    # Nights are those of the zone that is asked for; a removal is told for what is asked.
    asked = {"hoursFromUtc": 8, "removed": [file.core[0]]}
    there = report_of(world.client, ring.id, FOOTING, asked)
    assert (there.adverts.at_night, there.removals[0].left) == (0, SIZE - 1)
    assert there.removals[0].accounts == [file.core[0]] and there.removals[0].pieces == 1
    # The owner is told of the search, by its entry, and of the reads.
    log = world.members.client(PASAR).query(ACCESS, {"first": 100}).data["accessLog"]["entries"]
    search = next(entry for entry in log if entry["index"] == run.ended_index)
    assert (search["reader"], search["case"]) == ("police-ke", CASE)
    rows = {(one["submission"], one["row"]) for one in search["records"]}
    assert {(world.index, n) for n in range(3 * SIZE + 2)} <= rows, "all that the report cites"
    assert run.ended_index is not None
    key = world.members.by_name["pasar"].recipient
    evidence = world.members.client(PASAR).evidence([run.ended_index], key)
    assert check_evidence(evidence, world.members.trust()).entries


ACCESS = """query($first: Int!) { accessLog(first: $first) {
  entries { index reader case records { submission row } } } }"""


def test_a_ring_is_there_for_whom_its_claims_are(
    world: World, identity: MintingIdentity, local_service: LocalService
) -> None:
    run = world.search()
    file = world.mine(run.id)
    assert file is not None
    # 1. Without a footing nobody else's records are in scope: none of their rings, no totals.
    assert {agency for ring in world.listed(run.id, Footing()) for agency in ring.agencies} <= {"police-ke"}
    assert world.mine(run.id, Footing()) is None
    assert world.client.read(RING, {"id": file.ring.id, "hoursFromUtc": 0}, Footing()) is None
    told = next(one for one in world.client.read(RING_RUNS, {"first": 500}) if one.id == run.id)
    assert (told.rings, told.claims, told.accounts, told.links) == (None,) * 4
    # 2. Another role may not; another organisation has no such search, and no such ring.
    question = KEPT_RINGS, {"run": run.id, "first": 5}
    assert refused(world.members.client("police-ke.investigator").read, *question) == (403, "denied")
    person = next(one for one in CLIENTS if one.client_id == PASAR)
    token = identity.mint(person, roles=["analyst"])
    with Client(local_service.url, fixed_token(token), world.members.trust()) as other:
        assert other.read(RING_RUNS, {"first": 5}) == [] and other.read(*question) is None
        assert other.read(RING, {"id": file.ring.id, "hoursFromUtc": 0}) is None
        assert other.read(COMPARE_RUNS, {"earlier": run.id, "later": run.id, "first": 5}) is None
    # 3. A record taken back takes the ring with it, at once, though the run is what it was.
    world.members.act(PASAR, "recall", "records", {"target": {"submission": world.index, "rows": [4]}, "reason": "no"})
    assert world.mine(run.id) is None
    assert world.client.read(RING, {"id": file.ring.id, "hoursFromUtc": 0}, FOOTING) is None


def test_ranks_chance_and_totals_are_for_who_may_analyse_all_of_it(world: World) -> None:
    own = [f"{world.name}q{n}" for n in range(SIZE)]
    rows = [row(own[(n + step) % SIZE], world.base + 500 + n) for n in range(SIZE) for step in (0, 1, 2)]
    world.submit(rows, "police-ke")
    run = world.search()
    listed = world.listed(run.id, Footing())
    files = [report_of(world.client, one.id, Footing(), {"run": run.id}) for one in listed]
    (file,) = (one for one in files if f"account:{SITE}:{own[0]}" in world.keys(one))
    ring = file.ring
    assert ring.agencies == ["police-ke"] and ring.core == SIZE and ring.network == ring.id
    assert (ring.rank, ring.significant, ring.expected, file.run.rings, file.network) == (None, None, None, None, [])
    assert file.reasons and not [one for one in file.reasons if "by chance" in one.text]
    asked = {"run": run.id, "first": 5, "filter": {"significant": True}}
    assert refused(world.client.read, KEPT_RINGS, asked) == (400, "not_covered")
    whole = report_of(world.client, ring.id, FOOTING, {"run": run.id})
    assert whole.ring.rank and whole.ring.expected and [one for one in whole.reasons if "by chance" in one.text]


def test_a_line_beside_the_evidence_goes_alone(world: World) -> None:
    run = world.search()
    rows = [3 * SIZE]
    target = {"submission": world.index, "rows": rows}
    world.members.act(PASAR, "recall", "records", {"target": target, "reason": "no"})
    file = world.mine(run.id)
    assert file is not None and (file.adverts.count, file.adverts.at_night) == (1, 0)
    assert file.products == [], "what it rests on is not all there"


def test_judgements_outlast_runs_and_two_runs_are_compared(world: World) -> None:
    first = world.search()
    file = world.mine(first.id)
    assert file is not None
    ring, before = file.ring.id, head_of(world.client)
    made = world.judge("accept-ring", ring, note="the gang of the harbour")
    assert (made["verdict"], made["ring"]) == ("accepted", ring)
    assert refused(world.judge, "dismiss-ring", ring, before, reason="late") == (409, "object_changed")
    world.judge("annotate-ring", ring, text="seen at the border")
    parts = [file.core[:3], file.core[3:]]
    assert refused(world.judge, "split-ring", ring, parts=[parts[0], parts[0]], reason="x") == (400, "bad_act")
    world.judge("split-ring", ring, parts=parts, reason="two cells")
    # It grows; the next run finds it as the same, with what was judged of it.
    more = [row(world.account(SIZE), world.base + n) for n in (0, 1, 2)]
    world.submit(more)
    later = world.search()
    grown = world.mine(later.id)
    assert grown is not None and grown.ring.id == ring and grown.ring.verdict == "accepted"
    assert [one.action for one in grown.judgements] == ["accept-ring", "annotate-ring", "split-ring"]
    assert sorted(map(sorted, grown.judgements[2].parts)) == sorted(map(sorted, parts))
    assert grown.change is not None and (grown.change.earlier, grown.change.later) == (first.id, later.id)
    (joined,) = grown.change.joined
    assert {one.handle: one.key for one in grown.entities}[joined] == world.key(SIZE) and grown.change.left == []
    # Compared, page by page: the change is there once, and everything else as it was.
    asked: dict[str, Any] = {"earlier": first.id, "later": later.id, "first": 1}
    changes, after = [], None
    while True:
        page = world.client.read(COMPARE_RUNS, {**asked, "afterRing": after}, FOOTING)
        assert page is not None
        changes += page.changes
        if (after := page.next_after) is None:
            break
    own = [one for one in changes if one.id == ring]
    assert len(own) == 1 and len({one.id for one in changes}) == len(changes)
    assert (own[0].earlier_accounts, own[0].later_accounts, own[0].joined) == (SIZE, SIZE + 1, [joined])
    # The earlier run is what it was.
    assert (again := world.mine(first.id)) is not None and world.keys(again) == {world.key(n) for n in range(SIZE)}


def test_rings_are_paged_filtered_and_merged(world: World) -> None:
    run = world.search()
    every = world.listed(run.id)
    file = world.mine(run.id)
    assert file is not None and [one.rank for one in every] == sorted(one.rank or 0 for one in every)
    paged, after = list[str](), None
    while True:
        page = world.client.read(KEPT_RINGS, {"run": run.id, "first": 1, "afterRing": after}, FOOTING)
        assert page is not None and len(page.rings) <= 1
        paged += [one.id for one in page.rings]
        if (after := page.next_after) is None:
            break
    assert paged == [one.id for one in every]
    ring = file.ring

    def has(**wanted: Any) -> bool:
        return ring.id in {one.id for one in world.listed(run.id, **wanted)}

    assert has(kinds=["Phone"]) and not has(kinds=["Device"])
    assert has(agencies=["pasar", "customs-cn"]) and not has(agencies=["customs-cn"])
    assert has(tag=ring.tag or "none") and not has(tag="workplace")
    assert has(significant=bool(ring.significant)) and not has(significant=not ring.significant)
    assert has(verdict="open") and not has(verdict="accepted")
    assert refused(world.judge, "merge-rings", ring.id, rings=["c" + "0" * 21], reason="x") == (404, "not_found")
    others = [one.id for one in every if one.id != ring.id]
    if others:
        assert world.judge("merge-rings", ring.id, rings=others[:1], reason="one")["mergedWith"] == others[:1]
        assert next(one for one in world.listed(run.id) if one.id == others[0]).merged_with == [ring.id]
        assert world.judge("merge-rings", ring.id, reason="two after all")["mergedWith"] == []
    assert refused(world.members.act, PASAR, "accept-ring", ring.id, {}) in {(403, "denied"), (400, "wrong_act")}


def test_what_is_asked_for_is_refused_before_it_waits(world: World) -> None:
    for changes, code in (
        ({"case": "NO/CASE"}, "unknown_case"),
        ({"purpose": ""}, "incomplete_footing"),
        ({"purpose": "curiosity"}, "unknown_purpose"),
        ({"kinds": ["Fone"]}, "unknown_kind"),
        ({"kinds": ["Account"]}, "invalid_input"),
        ({"agencies": ["nobody"]}, "unknown_organisation"),
        ({"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "bad_act"),
        ({"hubCap": 1}, "bad_act"),
    ):
        assert refused(world.ask_for, **changes) == (400, code), changes
    with pytest.raises(NotFound):
        find_run(world.client, "s" + "0" * 21)
    assert refused(world.judge, "cancel-detection", "s" + "0" * 21) == (404, "not_found")


def test_a_window_and_agencies_narrow_what_is_analysed(world: World) -> None:
    whole, none = world.search(), world.search(agencies=["customs-cn"])
    assert whole.claims and none.claims is not None and none.claims < whole.claims
    assert world.mine(none.id) is None and world.mine(whole.id) is not None
    early = world.search(until="2026-01-06T00:00:00Z")
    assert early.claims is not None and 3 * SIZE <= early.claims < whole.claims, "what has no time is of every time"


def test_a_cancelled_search_ends_at_once_and_tells_nothing(world: World, gate: threading.Event) -> None:
    run = world.ask_for()["id"]
    assert until_stage(world, run).stage == "search"
    waits = world.ask_for()["id"]
    assert world.judge("cancel-detection", run)["state"] == "cancelled"
    assert world.judge("cancel-detection", waits)["state"] == "cancelled"
    assert refused(world.judge, "cancel-detection", run) == (409, "wrong_state")
    gate.set()
    last = world.search()
    assert last.state == "done" and find_run(world.client, run).state == "cancelled"
    assert world.client.read(KEPT_RINGS, {"run": run, "first": 5}, FOOTING) is None


def test_a_search_that_was_cut_off_goes_on_with_the_next_start(world: World, gate: threading.Event) -> None:
    run = world.ask_for()["id"]
    until_stage(world, run)
    # 1. The service's worker ends in the middle, as when the service does.
    world.parts.searching.stop()
    told = find_run(world.client, run)
    assert (told.state, told.stage) == ("waiting", None), "nothing is lost, and it says so"
    # 2. A worker that starts on what is stored finds it, and ends it.
    gate.set()
    core = world.parts.core
    following = RingWorker(core, Results(core.payloads))
    following.start()
    try:
        assert wait_for(world.client, run, 60).state == "done" and world.mine(run) is not None
    finally:
        following.stop()
        world.parts.searching.start()


def test_a_search_whose_process_dies_says_so_and_the_next_one_is_carried_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = working.Child.run

    def die(self: Any, *given: Any) -> Any:
        self._process.kill()
        return run(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(working.Child, "run", die)
        ended = wait_for(world.client, world.ask_for()["id"], 120)
    assert (ended.state, ended.why) == ("failed", "process_died") and ended.ended_index
    assert world.search().state == "done"


def test_a_search_with_a_fault_ends_and_the_next_one_is_carried_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: Any) -> None:
        raise KeyError("a person's name")

    with monkeypatch.context() as patch:
        patch.setattr(working, "take_apart", faulty)
        patch.setattr(working, "PAUSE", 0.1)
        run = wait_for(world.client, world.ask_for()["id"], 60, FOOTING)
    assert (run.state, run.why) == ("failed", "fault")
    assert world.search().state == "done"


def test_who_has_no_key_for_it_starts_no_search(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.members.act("police-ke.investigator", "detect-rings", "rings", dict(ON))
    assert caught.value.status in (400, 403)
