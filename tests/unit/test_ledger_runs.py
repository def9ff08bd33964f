"""Reads that are sealed in a process of their own, or by the accelerator, are what they would be if sealed here."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledger_actors import ORIGIN, Member, carrying, opened, over_wire, read_of, trust_of

from graphsvc.ledger import fastsealer, sealer
from graphsvc.ledger.daykeys import DayKey, Epoch
from graphsvc.ledger.entry import EntryDraft, Hits, Late, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.runs import Finished, Refused, Run, seal_run
from graphsvc.ledger.scopeheads import EVERYBODY
from graphsvc.ledger.sealer import Sealer
from graphsvc.ledger.telling import tell_due
from graphsvc.model.accelerator import AUTO, OFF, load
from graphsvc.model.errors import GraphsvcError, InvalidInput, ScopeMoved, Unavailable
from graphsvc_verify.boxes import tag_under
from graphsvc_verify.canonical import b64u
from graphsvc_verify.entry import parse_leaf, sections_of
from graphsvc_verify.evidence import check_evidence, open_evidence
from graphsvc_verify.receipt import check_receipt

World = tuple[Ledger, list[Member]]
DATA = b'{"entity":null}'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A log whose reads are sealed in a process."""
    ledger, members = opened(tmp_path / "log", fast=OFF)
    yield ledger, members
    ledger.close()


@pytest.fixture(params=[OFF, AUTO], ids=["process", "accelerator"])
def each_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Such a log, and one whose reads the accelerator seals."""
    if request.param == AUTO and load() is None:
        pytest.skip("the accelerator is not here")
    ledger, members = opened(tmp_path / "log", fast=request.param)
    yield ledger, members
    ledger.close()


def ask_together(ledger: Ledger, drafts: Sequence[EntryDraft]) -> list[Appended | BaseException]:
    """Append all of them from one event loop, as the service does."""

    async def run() -> list[Appended | BaseException]:
        return await asyncio.gather(*map(ledger.append_soon, drafts), return_exceptions=True)

    return asyncio.run(run())


def reads(ledger: Ledger, count: int, shown: int = 2) -> list[EntryDraft]:
    return [read_of("police-ke", {"pasar": shown, "swiftline": 1}, ledger.head - 1) for _ in range(count)]


def started(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Sealer:
    """Ask until the process is ready; from then on nothing may be sealed here."""
    found = ledger._sequencer._sealer
    assert isinstance(found, Sealer)
    while not found.ready:
        ask_together(ledger, reads(ledger, 8))

    def not_here(_: Run, __: Epoch) -> list[Finished | Refused]:
        raise AssertionError("a run was sealed in the sequencer's thread")

    monkeypatch.setattr(sealer, "seal_run", not_here)
    return found


def begun(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, refusing: bool = False) -> None:
    """The same for either way; ``refusing``: the accelerator may leave runs to the reference."""
    if isinstance(ledger.sealer, Sealer):
        started(ledger, monkeypatch)
        return
    ask_together(ledger, reads(ledger, 1))
    if not refusing:
        monkeypatch.setattr(fastsealer, "seal_run", None)


def seqs(ledger: Ledger) -> list[int]:
    """The numbers of pasar's sections, in the log's order."""
    return [entry.seq for entry in ledger.owner_entries("pasar") if entry.seq is not None]


def check(world: World, outcomes: Sequence[Appended | BaseException]) -> None:
    """Every one is entered, its receipt holds, the service can open it, and an owner's sections follow each other."""
    ledger, members = world
    trust = trust_of(ledger, members)
    for one in outcomes:
        assert isinstance(one, Appended), one
        report = check_receipt(over_wire(one.receipt), trust, DATA)
        assert ledger.open_header(one.index) == report.header
    told = check_evidence(over_wire(open_evidence(over_wire(ledger.evidence("pasar")), members[0].hpke)), trust)
    assert {one.index for one in outcomes if isinstance(one, Appended)} <= {entry.index for entry in told.entries}


def test_reads_of_many_callers_hold_and_owners_count_on(each_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, _ = each_world
    begun(ledger, monkeypatch)
    before = len(seqs(ledger))
    outcomes = ask_together(ledger, reads(ledger, 200))
    check(each_world, outcomes)
    assert len({one.index for one in outcomes if isinstance(one, Appended)}) == 200
    assert seqs(ledger) == list(range(before + 200))


def test_hits_that_are_told_late_are_sealed_there_as_here(each_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, members = each_world
    begun(ledger, monkeypatch)
    drafts, late, seen = reads(ledger, 6), Late("covert", "a law", "2026-01-01"), seqs(ledger)
    for n, draft in enumerate(drafts):
        facts = {**draft.owners[0].facts, "late": late.value()}
        draft.owners = [draft.owners[1], OwnerPart("pasar", facts, [], Hits([(7, n)], more=True), late)]
    outcomes = [one for one in ask_together(ledger, drafts) if isinstance(one, Appended)]
    reports = [check_receipt(over_wire(one.receipt), trust_of(ledger, members), DATA) for one in outcomes]
    assert [dict(report.later) for report in reports] == [{"pasar": late.value()}] * 6 and seqs(ledger) == seen
    tell_due(ledger)
    check(each_world, outcomes)
    assert [one.records for one in ledger.access_log("pasar", limit=6)[0]] == [[(7, n, True)] for n in range(6)][::-1]


def test_one_that_is_refused_takes_no_place_from_the_others(each_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, _ = each_world
    begun(ledger, monkeypatch, refusing=True)
    drafts, moved = reads(ledger, 6), read_of("police-ke", {"pasar": 1}, -1)
    drafts[1].owners *= 2
    drafts[2].body = {"number": 1 << 60}
    drafts[3].body = {"share": 0.5}
    drafts[4].type = "keys"
    drafts.insert(2, moved)
    before, numbers = ledger.head, seqs(ledger)
    outcomes = ask_together(ledger, drafts)
    check(each_world, [outcomes[0], outcomes[6]])
    assert isinstance(outcomes[2], ScopeMoved)
    for at in (1, 3, 4, 5):
        assert isinstance(outcomes[at], InvalidInput)
    assert ledger.head == before + 2 and len(seqs(ledger)) == len(numbers) + 2


def test_what_can_not_be_sent_is_refused_alone(each_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, _ = each_world
    with monkeypatch.context() as patched:
        begun(ledger, patched, refusing=True)
    drafts = reads(ledger, 5)
    drafts[2].body = {"set": {1, 2}}
    drafts[3].policy = "\ud800"
    outcomes = ask_together(ledger, drafts)
    assert all(isinstance(outcomes[at], GraphsvcError) for at in (2, 3))
    check(each_world, [outcomes[at] for at in (0, 1, 4)])
    assert ledger.closed_by is None


def test_acts_and_signed_reads_between_keep_their_order(each_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, members = each_world
    begun(ledger, monkeypatch)
    police, head = members[2], ledger.head - 1
    signed = read_of("police-ke", {"pasar": 1}, head)
    signed.signed = police.signed_read(ledger)
    rule = carrying(police.act(ledger))
    rule.concerns = EVERYBODY
    outcomes = ask_together(ledger, [*reads(ledger, 3), signed, *reads(ledger, 2), rule, *reads(ledger, 2)])
    check(each_world, outcomes[:6])
    assert isinstance(outcomes[6], Appended)
    indexes = [one.index for one in outcomes[:7] if isinstance(one, Appended)]
    assert indexes == list(range(indexes[0], indexes[0] + 7))
    assert all(isinstance(one, ScopeMoved) for one in outcomes[7:])


def test_a_killed_process_costs_no_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, _ = world
    with monkeypatch.context() as patched:
        found = started(ledger, patched)
    assert found._process is not None
    old = found._process.pid
    os.kill(old, signal.SIGKILL)
    check(world, ask_together(ledger, reads(ledger, 20)))
    check(world, ask_together(ledger, reads(ledger, 20)))
    again = started(ledger, monkeypatch)
    assert again._process is not None and again._process.pid != old
    check(world, ask_together(ledger, reads(ledger, 20)))


def test_a_process_that_answers_no_more_costs_no_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, _ = world
    with monkeypatch.context() as patched:
        found = started(ledger, patched)
    assert found._process is not None and found._socket is not None
    stopped = found._process
    found._socket.settimeout(0.2)
    stopped.send_signal(signal.SIGSTOP)
    check(world, ask_together(ledger, reads(ledger, 100, shown=60)))
    assert stopped.returncode == -signal.SIGKILL


def test_one_that_can_not_be_started_costs_no_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, _ = world
    monkeypatch.setattr(sealer.sys, "executable", "/nowhere/python")
    check(world, [*ask_together(ledger, reads(ledger, 20)), *ask_together(ledger, reads(ledger, 20))])
    monkeypatch.setattr(sealer.sys, "executable", shutil.which("false"))
    found = ledger._sequencer._sealer
    assert isinstance(found, Sealer)
    found._failed = float("-inf")
    for _ in range(10):
        check(world, ask_together(ledger, reads(ledger, 20)))
    assert ledger.closed_by is None and not found.ready


@pytest.mark.parametrize("fast", [OFF, AUTO])
def test_a_new_day_brings_it_new_keys(fast: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [datetime.now(UTC)]
    ledger = Ledger.open(tmp_path, ORIGIN, clock=lambda: now[0], fast=fast)
    members = [Member(org).join(ledger) for org in ("pasar", "swiftline", "police-ke")]
    try:
        begun(ledger, monkeypatch)
        first = ask_together(ledger, reads(ledger, 3))
        now[0] += timedelta(days=1)
        second = ask_together(ledger, reads(ledger, 3))
        check((ledger, members), [*first, *second])
        days = [parse_leaf(ledger.entry(one.index)).epoch for one in (first[0], second[0]) if isinstance(one, Appended)]
        assert days[0] < days[1]
    finally:
        ledger.close()


def test_new_keys_under_an_old_index_are_sent() -> None:
    """A batch that is taken back may have begun an epoch; its index comes again, with other keys."""
    names = ("oversight", "police-ke", "pasar", "swiftline")
    run = Run(ORIGIN, 6, "2026-11-25T10:00:00.000Z", None, {"pasar": (4, 2), "swiftline": (0, None)}, [])
    run.drafts.append(read_of("police-ke", {"pasar": 1, "swiftline": 1}, 5))
    process = Sealer()
    try:
        process._start()
        while not process.ready:
            assert process._process is not None and process._process.poll() is None
        for _ in range(2):
            epoch = Epoch(3, "", {name: DayKey(os.urandom(32), os.urandom(32)) for name in names}, {})
            [made] = process.seal(run, epoch)
            assert isinstance(made, Finished)
            entry = parse_leaf(made.leaf)
            tag = b64u(tag_under(epoch.keys["pasar"].tagging, "owner", entry.nonce))
            assert tag in sections_of(entry, {})
    finally:
        process.close()


def test_it_ends_with_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, _ = opened(tmp_path / "log", fast=OFF)
    with monkeypatch.context() as patched:
        process = started(ledger, patched)._process
    ledger.close()
    assert process is not None and process.returncode == 0


def test_a_lone_caller_needs_no_process(world: World) -> None:
    ledger, _ = world
    for _ in range(3):
        check(world, ask_together(ledger, reads(ledger, 1)))
    assert isinstance(ledger.sealer, Sealer) and ledger.sealer._process is None


def test_both_ways_make_the_same_of_a_run(tmp_path: Path) -> None:
    """Salts are drawn anew, so what is compared is all that does not hang on them."""
    names = ("oversight", "police-ke", "pasar", "swiftline")
    epoch = Epoch(0, "", {name: DayKey(os.urandom(32), os.urandom(32)) for name in names}, {})
    drafts = [read_of("police-ke", {"pasar": count, "swiftline": 1}, 5) for count in (0, 1, 9, 300)]
    drafts.insert(2, read_of("nobody", {"pasar": 1}, 5))
    run = Run(ORIGIN, 6, "2026-11-25T10:00:00.000Z", None, {"pasar": (4, 2), "swiftline": (0, None)}, drafts)
    process = Sealer()
    try:
        process._start()
        while not process.ready:
            assert process._process is not None and process._process.poll() is None
        there, here = process.seal(run, epoch), seal_run(run, epoch)
    finally:
        process.close()
    assert [type(one) for one in there] == [Finished, Finished, Refused, Finished, Finished]
    for one, other in zip(there, here, strict=True):
        if isinstance(one, Refused) or isinstance(other, Refused):
            assert one == other
            continue
        assert one.shown == other.shown
        assert [len(data) for data in one.objects.values()] == [len(data) for data in other.objects.values()]
        assert parse_leaf(one.leaf).t == parse_leaf(other.leaf).t == run.t


def test_a_refusal_is_told_by_its_kind() -> None:
    assert isinstance(Refused("too_large", "long").error(), InvalidInput)
    assert isinstance(Refused("not_sealed", "broke", invalid=False).error(), Unavailable)
