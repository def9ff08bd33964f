from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledger_actors import ORIGIN, Member, carrying, handle, opened, over_wire, read_of, trust_of
from sqlalchemy import insert, select

from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.scopeheads import EVERYBODY
from graphsvc.model.errors import Conflict, InvalidInput, NotFound, ScopeMoved, Unavailable
from graphsvc.model.principals import Organisation
from graphsvc_verify.canonical import decode, unb64u
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.merkle import leaf_hash, verify_consistency, verify_inclusion
from graphsvc_verify.note import verify_checkpoint
from graphsvc_verify.receipt import check_receipt

World = tuple[Ledger, list[Member]]


@pytest.fixture
def world(tmp_path: Path, database: str) -> Iterator[World]:
    ledger, members = opened(tmp_path / "log", database)
    yield ledger, members
    ledger.close()


def test_a_read_gets_a_receipt_that_holds_and_its_header_opens_for_oversight(world: World) -> None:
    ledger, members = world
    appended = ledger.append(read_of("police-ke", {"pasar": 20, "swiftline": 3}, ledger.head - 1)).result()
    report = check_receipt(over_wire(appended.receipt), trust_of(ledger, members), b'{"entity":null}')
    assert report.index == appended.index == ledger.head - 1
    assert {owner: len(found) for owner, found in report.disclosed.items()} == {"pasar": 20, "swiftline": 3}
    assert ledger.open_header(appended.index) == report.header
    assert ledger.entry(appended.index) == unb64u(appended.receipt["leaf"])


def test_a_receipt_can_be_made_again_where_nothing_was_disclosed(world: World) -> None:
    ledger, members = world
    note = ledger.append(EntryDraft(type="note", body={"text": "x" * 9000})).result()
    read = ledger.append(read_of("police-ke", {"pasar": 1}, ledger.head - 1)).result()
    trust = trust_of(ledger, members)
    again = check_receipt(over_wire(ledger.receipt(note.index)), trust)
    assert again.index == note.index and again.checkpoint.size == ledger.head
    assert again.header == check_receipt(over_wire(note.receipt), trust).header
    with pytest.raises(VerifyError, match="wrong_root"):
        check_receipt(over_wire(ledger.receipt(read.index)), trust)


def test_every_entry_is_in_every_later_tree(world: World) -> None:
    ledger, _ = world
    for _ in range(12):
        ledger.append(EntryDraft(type="note")).result()
    size = ledger.head
    roots = {}
    for n in range(size + 1):
        roots[n] = ledger._state.tree.root(n)
    checkpoint = verify_checkpoint(ledger.checkpoint(), ledger.log_key)
    assert (checkpoint.size, checkpoint.root) == (size, roots[size])
    for old in range(1, size + 1):
        verify_consistency(old, size, roots[old], roots[size], ledger.consistency(old, size))
        for index in range(old):
            verify_inclusion(leaf_hash(ledger.entry(index)), index, old, ledger.inclusion(index, old), roots[old])
    with pytest.raises(NotFound):
        ledger.inclusion(0, size + 1)
    with pytest.raises(NotFound):
        ledger.entry(size)


def test_a_read_under_a_scope_that_moved_is_refused_and_leaves_nothing(world: World) -> None:
    ledger, _ = world
    at = ledger.head - 1
    ledger.append(EntryDraft(type="grant", concerns=EVERYBODY)).result()
    head = ledger.head
    assert ledger.last_scope_event == head - 1 > at
    with pytest.raises(ScopeMoved):
        ledger.append(read_of("police-ke", {"pasar": 1}, at)).result()
    assert ledger.head == head
    assert ledger.access_log("pasar") == ([], False)
    ledger.append(read_of("police-ke", {"pasar": 1}, head - 1)).result()


def test_effects_commit_with_their_entry_or_not_at_all(world: World) -> None:
    ledger, _ = world

    def register(connection: object, index: int, t: str) -> None:
        row = {"org": "pasar", "reference": "K-1", "title": "x", "legal_basis": "y", "index": index, "t": t}
        connection.execute(insert(tables.cases), row)

    def broken(connection: object, index: int, t: str) -> None:
        register(connection, index, t)
        raise Conflict("no")

    with pytest.raises(Conflict):
        ledger.append(EntryDraft(type="case", effects=broken)).result()
    assert not ledger.has_case("pasar", "K-1")
    first = ledger.append(EntryDraft(type="case", effects=register)).result()
    assert ledger.has_case("pasar", "K-1") and not ledger.has_case("swiftline", "K-1")
    with pytest.raises(Conflict):
        ledger.append(EntryDraft(type="case", effects=register)).result()
    assert ledger.head == first.index + 1
    assert ledger.indexes(0, ledger.head, ["case"]) == [(first.index, "case")]


def test_a_refused_entry_does_not_use_up_an_owners_number(world: World) -> None:
    ledger, _ = world

    def broken(*_: object) -> None:
        raise Conflict("no")

    futures = []
    for turn in range(20):
        draft = read_of("police-ke", {"pasar": 1}, ledger.head - 1)
        draft.effects = broken if turn % 2 else None
        futures.append(ledger.append(draft))
    assert sum(future.exception() is None for future in futures) == 10
    assert [entry.seq for entry in ledger.owner_entries("pasar") if entry.seq is not None] == list(range(10))


def test_an_act_is_taken_once_for_ever(world: World) -> None:
    ledger, members = world
    act = members[0].act(ledger)
    ledger.append(carrying(act)).result()
    with pytest.raises(Conflict) as caught:
        ledger.append(carrying(act)).result()
    assert caught.value.code == "act_replayed"
    leaf = parse_leaf(ledger.entry(ledger.head - 1))
    assert ledger.act(leaf.acts[0]) == act.encode()
    assert ledger.object(leaf.acts[0]) is None, "acts name persons and are not public"


def test_the_access_log_says_who_saw_what_newest_first(world: World) -> None:
    ledger, _ = world
    for count in (1, 2, 3):
        ledger.append(read_of("police-ke", {"pasar": count}, ledger.head - 1)).result()
    ledger.append(read_of("pasar", {"swiftline": 1}, ledger.head - 1)).result()
    found, more = ledger.access_log("pasar")
    assert not more
    listed = [[(7, 0, False), (7, 2, False), (8, 1, False)], [(7, 0, False), (8, 1, False)], [(7, 0, False)]]
    assert [row.records for row in found] == listed
    assert {row.reader for row in found} == {"police-ke"} and found[0].purpose == "investigation"
    assert ledger.access_log("pasar", limit=1, before=found[0].index) == ([found[1]], len(found) > 2)
    assert ledger.access_log("pasar", since=found[0].t)[0][0] == found[0]
    assert ledger.access_log("pasar", until="2020-01-01T00:00:00Z") == ([], False)
    assert ledger.access_log("nobody") == ([], False)
    assert [row.records for row in ledger.access_log("pasar", submission=8)[0]] == [[(8, 1, False)], [(8, 1, False)]]
    assert ledger.access_log("pasar", submission=9) == ledger.access_log("swiftline", submission=9) == ([], False)


def test_the_access_log_says_which_reads_were_signed(world: World) -> None:
    ledger, members = world
    plain, signed = (read_of("police-ke", {"pasar": 1}, ledger.head - 1) for _ in range(2))
    signed.signed = members[2].signed_read(ledger)
    for draft in (plain, signed):
        ledger.append(draft).result()
    assert [row.signed for row in ledger.access_log("pasar")[0]] == [True, False]


def test_unknown_owners_and_malformed_drafts_are_refused_at_once(world: World) -> None:
    ledger, _ = world
    for draft in (
        read_of("police-ke", {"stranger": 1}, 0),
        read_of("stranger", {}, 0),
        EntryDraft(type="x", body={"f": 1.5}),
        EntryDraft(type="x", acts=["no.jws"]),
        EntryDraft(type="x", owners=[OwnerPart("pasar", {}, []), OwnerPart("pasar", {}, [])]),
    ):
        with pytest.raises(InvalidInput):
            ledger.append(draft)
    for kind in ("keys", "Not A Type", ""):
        with pytest.raises(InvalidInput):
            ledger.append(EntryDraft(type=kind)).result()


def test_large_and_many_sections_become_objects_and_still_hold(world: World) -> None:
    ledger, members = world
    trust = trust_of(ledger, members)
    appended = ledger.append(read_of("police-ke", {"pasar": 3000, "swiftline": 1}, ledger.head - 1)).result()
    assert len(ledger.entry(appended.index)) < 60_000
    assert len(check_receipt(over_wire(appended.receipt), trust).disclosed["pasar"]) == 3000
    for i in range(70):
        ledger.admit(_organisation(f"org-{i}"), members[0].root.public_key().public_bytes_raw(), "operator")
    owners = {f"org-{i}": 40 for i in range(70)}
    appended = ledger.append(read_of("police-ke", owners, ledger.head - 1)).result()
    leaf = ledger.entry(appended.index)
    assert isinstance(parse_leaf(leaf).sections, str) and len(leaf) < 60_000
    report = check_receipt(over_wire(appended.receipt), trust)
    assert len(report.disclosed) == 70 and ledger.open_header(appended.index) == report.header


def test_the_public_part_shows_type_time_and_size_classes_only(world: World) -> None:
    ledger, _ = world
    shapes, seen = set(), set()
    few, many = ({}, {"pasar": 1}, {"pasar": 14}, {"pasar": 2, "swiftline": 1}), ({"pasar": 150}, {"swiftline": 3000})
    for owners in (*few, *many):
        read = ledger.append(read_of("police-ke", owners, ledger.head - 1)).result()
        leaf = decode(ledger.entry(read.index))
        assert len(leaf["acts"]) == 1
        sizes = [len(section.get("box", section.get("object", ""))) for section in leaf["sections"]]
        seen |= set(sizes)
        if owners in few:
            # A hit looks like a miss.
            shapes.add((len(leaf["header"]["box"]), *sorted(sizes)))
        text = str(leaf)
        assert "police" not in text and "pasar" not in text and handle("pasar", 0) not in text
    assert shapes == {(2731, 683, 683, 2731, 2731)}
    assert seen == {683, 2731, 10923, len("sha256:") + 64}


def test_time_never_goes_back_and_a_new_day_has_new_keys(tmp_path: Path) -> None:
    now = [datetime(2026, 5, 1, 23, 59, tzinfo=UTC)]
    ledger = Ledger.open(tmp_path, ORIGIN, clock=lambda: now[0])
    first = ledger.append(EntryDraft(type="note")).result()
    now[0] -= timedelta(hours=3)
    second = ledger.append(EntryDraft(type="note")).result()
    assert second.t == first.t
    now[0] += timedelta(hours=4)
    third = ledger.append(EntryDraft(type="note")).result()
    assert third.t == "2026-05-02T00:59:00.000Z"
    epochs = [parse_leaf(ledger.entry(one.index)).epoch for one in (first, second, third)]
    assert epochs == [0, 0, third.index - 1]
    assert ledger.indexes(0, ledger.head, ["keys"]) == [(0, "keys"), (third.index - 1, "keys")]
    for index in range(ledger.head):
        assert ledger.open_header(index)["v"] == 1
    ledger.close()


def test_many_callers_get_each_their_own_place(world: World) -> None:
    ledger, members = world
    found: list[int] = []
    lock = threading.Lock()

    def call() -> None:
        for _ in range(10):
            appended = ledger.append(read_of("police-ke", {"pasar": 2}, ledger.head - 1)).result()
            check_receipt(over_wire(appended.receipt), trust_of(ledger, members), b'{"entity":null}')
            with lock:
                found.append(appended.index)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 160
    assert [entry.seq for entry in ledger.owner_entries("pasar") if entry.seq is not None] == list(range(160))


def test_a_directory_is_open_once_and_a_closed_ledger_takes_nothing(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, ORIGIN)
    with pytest.raises(Unavailable):
        Ledger.open(tmp_path, ORIGIN)
    ledger.close()
    with pytest.raises(Unavailable):
        ledger.append(EntryDraft(type="note")).result()
    Ledger.open(tmp_path, ORIGIN).close()


def test_secret_files_are_for_the_owner_only(world: World, tmp_path: Path) -> None:
    files = [path for path in (tmp_path / "log" / "keys").rglob("*") if path.is_file()]
    assert files and all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "log").glob("ledger.db*"))


def test_readers_cannot_write(world: World) -> None:
    ledger, _ = world
    with ledger.reading() as connection:
        assert connection.execute(select(tables.entries.c.type)).first() is not None
        with pytest.raises(Exception, match=r"readonly|read-only"):
            connection.execute(tables.entries.delete())


def _organisation(org: str) -> Organisation:
    return Organisation(org, "company", "ID", org)
