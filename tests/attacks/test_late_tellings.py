"""Hits told late: what the asker, the owner and its scan find where the operator tells late, otherwise, or too much."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attack_world import OWNER, READER, World
from ledger_actors import ORIGIN, enter, over_wire, read_of, shown

from graphsvc.ledger import telling
from graphsvc.ledger.access import AccessRow
from graphsvc.ledger.entry import EntryDraft, Hits, Late, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.telling import day_after, due, tell_due
from graphsvc.model.errors import Conflict
from graphsvc_verify.canonical import b64u
from graphsvc_verify.entry import parse_leaf, sections_of
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import EvidenceReport, check_evidence, open_evidence
from graphsvc_verify.receipt import ReceiptReport, check_receipt
from graphsvc_verify.scan import ScanReport, compare_access, scan_log
from tests.attacks.test_read_forgery import fetch_from

DATA = b'{"match":[{"contacts":[{"org":"pasar"}]}]}'
LATE = Late("covert", "Act, section 1", day_after(time.time(), 30))
SILENT = Late("quiet", "Act, section 2", "")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Moves telling's clock; the log's stays."""

    def move(ahead: int) -> None:
        monkeypatch.setattr(telling, "time", SimpleNamespace(time=lambda: time.time() + ahead * 86_400))

    yield move


def hit(world: World, *rows: int, late: Late | None = LATE, owner: str = OWNER, also: int = 0) -> EntryDraft:
    """A read that hits rows of submission 7, and shows ``also`` records."""
    draft = read_of(READER, {}, world.ledger.head - 1, DATA)
    facts = read_of(READER, {owner: 1}, 0).owners[0].facts
    if also:
        draft.owners.append(OwnerPart(owner, facts, shown(owner, also)))
    told = facts if late is None else {**facts, "late": late.value()}
    draft.owners.append(OwnerPart(owner, told, [], Hits([(7, row) for row in rows]), late))
    return draft


def receipt(world: World, appended: Appended, data: bytes | None = DATA) -> ReceiptReport:
    return check_receipt(over_wire(appended.receipt), world.trust(), data)


def evidence(world: World, indexes: list[int] | None = None) -> EvidenceReport:
    taken = over_wire(world.ledger.evidence(OWNER, indexes, world.old))
    return check_evidence(open_evidence(taken, world.owner.hpke), world.trust())


def scanned(world: World, owner: str = OWNER) -> ScanReport:
    member = next(one for one in world.members if one.org == owner)
    return scan_log(fetch_from(world), world.trust(), owner, [member.hpke])


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(VerifyError) as caught:
        call(*arguments)
    return caught.value.code


def test_it_is_told_when_it_is_due_and_can_be_checked_then(world: World, days: Any) -> None:
    appended = world.ledger.append(hit(world, 3, 5)).result()
    assert receipt(world, appended).later == {OWNER: LATE.value()}
    numbers = [one.seq for one in scanned(world).seen]
    for ahead, told in ((0, False), (29, False), (31, True)):
        days(ahead)
        tell_due(world.ledger)
        found = {one.index: one for one in scanned(world).seen}
        opened = {one.index: one for one in evidence(world).entries}
        listed = {one.index: one for one in world.ledger.access_log(OWNER)[0]}
        places = (found, opened, listed)
        assert {appended.index in place for place in places} == {told}, "in all places, or in none"
    assert found[appended.index].records == ((7, 3, ("hit",)), (7, 5, ("hit",)))
    assert listed[appended.index].records == [(7, 3, True), (7, 5, True)]
    assert opened[appended.index].records == [(7, 3, "", ("hit",)), (7, 5, "", ("hit",))]
    assert opened[appended.index].owner is None and opened[appended.index].later is not None
    assert [one.seq for one in scanned(world).seen if one.seq is not None] == [*numbers, len(numbers)]
    # One told entry, however often it is looked for; and only what is asked for comes with its key.
    head = world.ledger.head
    tell_due(world.ledger)
    assert world.ledger.head == head
    chosen = evidence(world, [appended.index])
    assert [one.type for one in chosen.entries] == ["read", "told"]


def test_silent_is_never_told_and_is_sealed_to_the_service(world: World, days: Any) -> None:
    appended = world.ledger.append(hit(world, 3, late=SILENT)).result()
    assert receipt(world, appended).later == {OWNER: SILENT.value()}
    days(100_000)
    tell_due(world.ledger)
    assert world.ledger.head == appended.index + 1
    assert appended.index not in [one.index for one in scanned(world).seen]
    assert world.ledger.day_keys.later_key(parse_leaf(world.ledger.entry(appended.index)), OWNER)[0] in sections_of(
        parse_leaf(world.ledger.entry(appended.index)), {}
    )


def test_many_are_told_after_a_restart_each_owner_its_own(tmp_path: Path, days: Any) -> None:
    world = World(tmp_path / "log")
    drafts = [hit(world, n, owner=(OWNER, "swiftline")[n % 2]) for n in range(6)]
    both = hit(world, 8)
    both.owners += hit(world, 9, owner="swiftline", late=SILENT).owners
    indexes = [world.ledger.append(draft).result().index for draft in [*drafts, both]]
    world.ledger.close()
    world.ledger = Ledger.open(tmp_path / "log", ORIGIN)
    days(31)
    tell_due(world.ledger)
    for place, owner in enumerate((OWNER, "swiftline")):
        late = [one for one in scanned(world, owner).seen if one.told is not None]
        own = [index for n, index in enumerate(indexes) if n % 2 == place or (n == 6 and owner == OWNER)]
        assert [one.index for one in late] == own
        assert {one.told for one in late} == {world.ledger.head - 1}
    world.close()


def test_two_that_tell_at_once_tell_once(world: World, days: Any) -> None:
    world.ledger.append(hit(world, 3)).result()
    days(31)
    with world.ledger.reading() as connection:
        found = due(connection)

    def opener(index: int, owner: str) -> tuple[str, bytes]:
        return world.ledger.day_keys.later_key(parse_leaf(world.ledger.entry(index)), owner)

    world.ledger.append(telling.told_entry(found, opener)).result()
    with pytest.raises(Conflict) as caught:
        world.ledger.append(telling.told_entry(found, opener)).result()
    assert caught.value.code == "told_already"
    assert len(scanned(world).seen) == len({(one.index, one.told) for one in scanned(world).seen})


def test_an_answer_from_before_it_was_told_differs_from_no_later_scan(world: World, days: Any) -> None:
    appended = world.ledger.append(hit(world, 3)).result()
    listed = [as_answered(one) for one in world.ledger.access_log(OWNER)[0]]
    asked_at = world.ledger.head
    days(31)
    tell_due(world.ledger)
    report = scanned(world)
    assert compare_access(report, listed, 0, asked_at) == []
    [missing] = compare_access(report, listed, 0, world.ledger.head)
    assert (missing.index, missing.what) == (appended.index, "the log has it, the answer does not")


def as_answered(one: AccessRow) -> dict[str, Any]:
    records = [{"submission": submission, "row": row} for submission, row, _ in one.records]
    return {"index": one.index, "records": records}


def test_what_is_shown_beside_it_is_told_at_once(world: World, days: Any) -> None:
    appended = world.ledger.append(hit(world, 9, also=2)).result()
    assert [one.records for one in scanned(world).seen if one.index == appended.index] == [
        tuple((one.submission, one.row, one.groups) for one in shown(OWNER, 2))
    ]
    days(31)
    tell_due(world.ledger)
    assert [one.told is None for one in scanned(world).seen if one.index == appended.index] == [True, False]
    [entry] = [one for one in evidence(world).entries if one.index == appended.index]
    assert [record[3] for record in entry.records or ()][-1] == ("hit",) and len(entry.records or ()) == 3


# The operator lies


def test_records_that_are_shown_are_not_told_late(world: World) -> None:
    draft = hit(world, 3)
    draft.owners[0] = replace(draft.owners[0], disclosures=shown(OWNER, 2))
    assert code_of(receipt, world, enter(world.ledger, draft), b"{}") == "bad_late"
    draft.owners[0] = replace(draft.owners[0], hits=None)
    assert code_of(receipt, world, enter(world.ledger, draft), b"{}") == "bad_late"


@pytest.mark.parametrize(
    ("late", "code"),
    [
        (Late("", "a law", LATE.due), "bad_late"),
        (Late("rule", "", LATE.due), "bad_late"),
        (Late("rule", "a law", "9999-12-31"), "bad_late"),
        (Late("rule", "a law", "soon"), "bad_receipt"),
    ],
)
def test_a_rule_without_a_name_a_law_or_an_end_in_time_is_refused_by_who_asked(
    world: World, late: Late, code: str
) -> None:
    assert code_of(receipt, world, enter(world.ledger, hit(world, 3, late=late))) == code


def test_facts_of_another_rule_than_the_asker_was_given_are_refused_by_who_asked(world: World) -> None:
    for facts in ({"late": SILENT.value()}, {"case": "K-2"}, {"reader": "swiftline"}):
        draft = hit(world, 3)
        draft.owners[0].facts.update(facts)
        assert code_of(receipt, world, enter(world.ledger, draft)) == "wrong_fact"


def test_a_section_left_out_or_another_one_in_its_place_is_refused(world: World, days: Any) -> None:
    # 1. Another section under the line of the promised one: its owner finds it, once it is told.
    prepared, other = hit(world, 3).prepare(), hit(world, 4).prepare()
    [false] = [one for one in other.sections if one.role.startswith("later")]
    swapped = [replace(false, line=one.line) if one.role.startswith("later") else one for one in prepared.sections]
    appended = world.ledger._wait(replace(prepared, sections=swapped))
    assert receipt(world, appended).later
    days(31)
    tell_due(world.ledger)
    assert code_of(scanned, world) == "wrong_line"
    assert code_of(evidence, world) == "wrong_line"
    # 2. No section for what the header promises: the asker finds it.
    prepared = hit(world, 3).prepare()
    gone = replace(prepared, sections=[one for one in prepared.sections if not one.role.startswith("later")])
    assert code_of(receipt, world, world.ledger._wait(gone)) == "missing_owner"


def told_by_hand(world: World, reads: list[list[Any]], owner: str = OWNER) -> None:
    facts = {"action": "told", "by": "operator", "reads": reads}
    enter(world.ledger, EntryDraft(type="told", owners=[OwnerPart(owner, facts, [])]))


def key_of(world: World, index: int, owner: str = OWNER) -> list[Any]:
    tag, key = world.ledger.day_keys.later_key(parse_leaf(world.ledger.entry(index)), owner)
    return [index, tag, b64u(key)]


def test_what_is_told_is_this_owners_once_of_an_entry_before_and_not_what_is_silent(world: World) -> None:
    late = world.ledger.append(hit(world, 3)).result().index
    others = world.ledger.append(hit(world, 3, owner="swiftline")).result().index
    silent = world.ledger.append(hit(world, 3, late=SILENT)).result().index
    for reads, code in (
        ([key_of(world, others, "swiftline")], "owner_seq"),
        ([key_of(world, silent)], "bad_late"),
        ([[world.ledger.head, *key_of(world, late)[1:]]], "not_told"),
        ([key_of(world, late)] * 2, "not_told"),
        ([[late, key_of(world, late)[1], b64u(bytes(32))]], "bad_box"),
        ([[late - 1, *key_of(world, late)[1:]]], "no_section"),
    ):
        fresh = World(world.directory.parent / f"log-{code}-{len(reads)}-{reads[0][0]}")
        try:
            again = fresh.ledger.append(hit(fresh, 3)).result().index
            assert again == late, "a log of the same entries"
            fresh.ledger.append(hit(fresh, 3, owner="swiftline")).result()
            fresh.ledger.append(hit(fresh, 3, late=SILENT)).result()
            mine = [[index, *renewed(fresh, index, item, late, others, silent)] for index, *item in reads]
            told_by_hand(fresh, mine)
            assert code_of(scanned, fresh) == code
        finally:
            fresh.close()


def renewed(world: World, index: int, item: list[Any], late: int, others: int, silent: int) -> list[Any]:
    """The same in another log, whose keys are others."""
    if item[1] == b64u(bytes(32)):
        return [key_of(world, index)[1], item[1]]
    owner = "swiftline" if index == others else OWNER
    return key_of(world, index if index in (others, silent) else late, owner)[1:]


def test_evidence_that_leaves_out_what_was_told_or_opens_what_was_not_does_not_hold(world: World, days: Any) -> None:
    appended = world.ledger.append(hit(world, 3)).result()
    _, tag, key = key_of(world, appended.index)
    # 1. Opened before it was told: the owner can't have the key by then, or somebody gave it away.
    taken = open_evidence(over_wire(world.ledger.evidence(OWNER, None, world.old)), world.owner.hpke)
    proved = world.ledger.inclusion(appended.index, world.ledger.head)
    item = {
        "index": appended.index,
        "leaf": b64u(world.ledger.entry(appended.index)),
        "proof": [b64u(step) for step in proved],
        "opened": [{"role": "later", "tag": tag, "key": key}],
    }
    assert code_of(check_evidence, {**taken, "entries": [*taken["entries"], item]}, world.trust()) == "not_told"
    # 2. Left out, of all there is.
    days(31)
    tell_due(world.ledger)
    taken = open_evidence(over_wire(world.ledger.evidence(OWNER, None, world.old)), world.owner.hpke)
    assert check_evidence(taken, world.trust())
    rest = [one for one in taken["entries"] if one["index"] != appended.index]
    assert code_of(check_evidence, {**taken, "entries": rest}, world.trust()) == "missing_told"
    # 3. Of a selection it may be missing: which entries are here was chosen.
    assert check_evidence({**taken, "entries": rest, "selected": True}, world.trust()).missing == []
