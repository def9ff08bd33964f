"""One entry, two stories: the operator seals a header for the reader and another section for the owner.

Whatever the two differ in, the reader's receipt or the owner's evidence and scan refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from attack_world import OWNER, READER, World, data_of
from ledger_actors import enter, for_export, over_wire, read_of, shown

from graphsvc.ledger.entry import EntryDraft, Hits, OwnerPart, Prepared
from graphsvc_verify.canonical import b64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence, open_evidence
from graphsvc_verify.lines import other_line
from graphsvc_verify.receipt import check_receipt
from graphsvc_verify.scan import scan_log
from tests.attacks.test_read_forgery import fetch_from

DATA = data_of(OWNER, 5)
Change = Callable[[EntryDraft], None]


def told(**facts: Any) -> Change:
    return lambda draft: draft.owners[0].facts.update(facts)


def fewer(draft: EntryDraft) -> None:
    draft.owners[0] = replace(draft.owners[0], disclosures=shown(OWNER, 1))


def other_groups(draft: EntryDraft) -> None:
    few = [replace_groups(one) for one in shown(OWNER, 5)]
    draft.owners[0] = replace(draft.owners[0], disclosures=few)


def replace_groups(one: Any) -> Any:
    return type(one)(one.submission, one.row, one.handle, ("identity",))


def hits(draft: EntryDraft) -> None:
    draft.owners[0] = replace(draft.owners[0], hits=Hits([(7, 9)]))


STORIES: dict[str, Change] = {
    "records": fewer,
    "hits": hits,
    "field groups": other_groups,
    "reader": told(reader="swiftline"),
    "person": told(person="somebody"),
    "purpose": told(purpose="statistics"),
    "legal basis": told(basis="consent"),
    "case": told(case="K-2"),
    "policy": told(policy="sha256:11"),
    "a fact left out": lambda draft: draft.owners[0].facts.pop("case"),
    "a fact more": told(weather="fine"),
}


def draft_of(world: World, change: Change = lambda draft: None) -> EntryDraft:
    draft = read_of(READER, {OWNER: 5}, world.ledger.head - 1, DATA)
    change(draft)
    return draft


def verdicts(world: World, prepared: Prepared, owner: str = OWNER) -> tuple[str, str, str]:
    """What the reader's receipt, the owner's evidence and the owner's scan come to: a code, or empty."""
    appended = world.ledger._wait(prepared)
    member = next(one for one in world.members if one.org == owner)

    def evidence() -> None:
        taken = over_wire(world.ledger.evidence(owner, [appended.index], world.old))
        check_evidence(open_evidence(taken, member.hpke), world.trust())

    checks: tuple[Callable[[], Any], ...] = (
        lambda: check_receipt(over_wire(appended.receipt), world.trust(), DATA),
        evidence,
        lambda: scan_log(fetch_from(world), world.trust(), owner, [member.hpke]),
    )
    codes = []
    for check in checks:
        try:
            check()
            codes.append("")
        except VerifyError as error:
            codes.append(error.code)
    return codes[0], codes[1], codes[2]


def test_one_story_holds_for_both(world: World) -> None:
    assert verdicts(world, draft_of(world).prepare()) == ("", "", "")


@pytest.mark.parametrize("name", STORIES)
def test_two_stories_in_one_entry_are_refused_by_one_side(world: World, name: str) -> None:
    reader, owner = draft_of(world).prepare(), draft_of(world, STORIES[name]).prepare()
    # 1. The section is true to itself: the reader finds a section that its header does not list so.
    apart = replace(reader, sections=[owner.sections[0], *reader.sections[1:]])
    assert verdicts(world, apart) == ("wrong_line", "", "")
    # 2. The section stands under the line of the reader's list: the owner finds that it is not that section.
    line = replace(owner.sections[0], line=reader.sections[0].line)
    assert verdicts(world, replace(reader, sections=[line, *reader.sections[1:]])) == ("", "wrong_line", "wrong_line")


@pytest.mark.parametrize("name", sorted(set(STORIES) - {"records", "hits", "field groups"}))
def test_a_header_that_commits_to_other_facts_than_it_says_is_refused_by_the_reader(world: World, name: str) -> None:
    """Header, section and line agree on a root of facts; but it is not of what the header says to the reader."""
    assert verdicts(world, draft_of(world, STORIES[name]).prepare()) == ("wrong_fact", "", "")


def test_a_list_beside_the_list_is_refused(world: World) -> None:
    """The reader's list stands under a line of no section that anybody opens; the owner opens another."""
    reader, owner = draft_of(world).prepare(), draft_of(world, fewer).prepare()
    empty = replace(reader.sections[0], recipient="swiftline", role="noise")
    assert verdicts(world, replace(reader, sections=[empty, owner.sections[0], *reader.sections[1:]])) == (
        "wrong_line",
        "",
        "",
    )


def test_an_owner_that_the_header_does_not_list_is_told_nothing_in_its_name(world: World) -> None:
    listed = draft_of(world).prepare()
    both = read_of(READER, {OWNER: 5, "swiftline": 1}, world.ledger.head - 1, DATA).prepare()
    sealed = {"header_box": listed.header_box, "header_key": listed.header_key, "openings": listed.openings}
    # 1. Under a line of its own: the reader finds it. 2. Under that of a dummy: the owner finds that it is not listed.
    for line, codes in ((both.sections[1].line, ("wrong_line", "", "")), (b"", ("", "wrong_line", "wrong_line"))):
        more = replace(both.sections[1], line=line)
        made = replace(both, **sealed, nonce=draft_of(world).prepare().nonce, sections=[*listed.sections, more])
        assert verdicts(world, made, "swiftline") == codes


def test_a_section_under_the_line_of_a_dummy_is_refused_by_its_owner(world: World) -> None:
    prepared = draft_of(world).prepare()
    dummy = other_line(prepared.header_key, bytes(16))
    sections = [replace(prepared.sections[0], line=dummy), *prepared.sections[1:]]
    reader, evidence, scan = verdicts(world, replace(prepared, sections=sections))
    assert (reader, evidence, scan) == ("wrong_line", "wrong_line", "wrong_line")


def test_a_reader_finds_both_stories_in_its_own_scan(world: World) -> None:
    """The header alone is enough: the reader need not have kept the receipt."""
    draft = for_export(draft_of(world, told(case="K-2")))
    appended = enter(world.ledger, draft)
    with pytest.raises(VerifyError) as caught:
        scan_log(fetch_from(world), world.trust(), READER, [world.reader.hpke])
    assert caught.value.code == "wrong_fact"
    evidence = over_wire(world.ledger.evidence(READER, [appended.index], world.old))
    evidence["entries"][0]["opened"] = [{"role": "header", "tag": "", "key": appended.receipt["openings"]["headerKey"]}]
    assert world.refused(evidence) == "wrong_fact"


def test_what_the_reader_knows_of_the_salt_is_only_its_own(world: World) -> None:
    """An owner can't open what another owner of the same read is told: each has a salt of its own."""
    draft = draft_of(world)
    draft.owners.append(OwnerPart("swiftline", dict(draft.owners[0].facts), shown("swiftline", 1)))
    first, second, *_ = draft.prepare().sections
    assert first.content[0].split(b'"factsSalt":')[1][:44] != second.content[0].split(b'"factsSalt":')[1][:44]
    assert b64u(first.line) != b64u(second.line)
