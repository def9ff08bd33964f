"""Entries that the operator made up, with the database and the log's key, around acts that organisations did sign.

Each changes one thing that the entry says, and the act in it is real. So each is refused; or, where what is said does
not follow from the act, it is told as the operator's word, fact by fact.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from attack_world import OWNER, READER, World, data_of
from ledger_actors import Member, carrying, deed_of, enter, moment, over_wire, read_of, sign, trust_value
from ledger_actors import shown as shown_records

from graphsvc.ledger import entry as entries
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.model.errors import InvalidInput
from graphsvc_verify.__main__ import main
from graphsvc_verify.canonical import b64u, digest, encode
from graphsvc_verify.deeds import DRY_RUN
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import EntryReport, check_evidence, open_evidence
from graphsvc_verify.jws import read_act
from graphsvc_verify.keychain import OPERATOR, SIGNED
from graphsvc_verify.meaning import MEANINGS, grant_id

OTHER = "swiftline"
UNTIL = "2026-12-31T00:00:00+07:00"
NOTED = "2026-12-30T17:00:00Z"
TARGET = {"submission": 7, "rows": [3, 4, 9]}
RANGES = [[7, 3, 4], [7, 9, 9]]
ASKED = {
    **{"holder": OWNER, "purpose": "investigation", "legalBasis": "mlat", "case": "K-1", "deadline": UNTIL},
    **{"fieldGroups": ["identity"], "justification": "x", "records": ["h"], "identifiers": [], "urgency": "routine"},
}
GRANTED = {
    "decision": "grant",
    "target": {"records": ["h-1", "h-2"]},
    "fieldGroups": ["identity"],
    "until": UNTIL,
    "uses": ["export"],
}
LABEL: dict[str, Any] = {
    **{"owner": OWNER, "ownerKind": "company", "jurisdiction": "ID", "pap": "", "legalBasis": "x", "purposes": []},
    **{"handling": {"scheme": "tlp", "code": "amber"}, "groups": [], "grants": []},
}
Change = Callable[[EntryDraft], None]


def moved(records: list[int], **after: Any) -> list[dict[str, Any]]:
    return [{"records": records, "label": {**LABEL, **after}, "before": LABEL}]


@dataclass
class Case:
    """A real act and its entry; ``body`` is what the header says beside what follows from the act."""

    kind: str
    said: dict[str, Any] = field(default_factory=dict)
    sub: str = "records"
    by: str = OWNER
    told: tuple[str, ...] = ()
    body: Callable[[str], dict[str, Any]] = lambda act: {}

    def act(self, world: World) -> str:
        members = {one.org: one for one in world.members}
        return members[self.by].act(world.ledger, self.kind, self.said, sub=self.sub)

    def draft(self, act: str) -> EntryDraft:
        return carrying(act, *self.told, **self.body(act))


GENUINE: dict[str, Case] = {
    "recall": Case(
        "recall",
        {"target": TARGET, "reason": "wrong", "deadline": "2026-12-31T00:00:00Z"},
        body=lambda act: {"ranges": RANGES, "count": 3},
    ),
    "recall of all": Case(
        "recall",
        {"target": {"submission": 7}, "reason": "wrong"},
        body=lambda act: {"ranges": [[7, 0, 499]], "count": 500, "deadline": "x"},
    ),
    "recall by handle": Case(
        "recall",
        {"target": {"records": ["h-1", "h-2"]}, "reason": "wrong"},
        body=lambda act: {"ranges": [[7, 3, 4]], "count": 2, "deadline": "x"},
    ),
    "erase": Case("erase", {"target": TARGET, "reason": "wrong"}, body=lambda act: {"ranges": RANGES}),
    "hold": Case("hold", {"target": TARGET, "reason": "court"}, body=lambda act: {"ranges": RANGES}),
    "hold of a case": Case("hold", {"target": {"case": "K-1"}, "reason": "court"}),
    "release": Case("release", {"hold": 12, "reason": "over"}),
    "answer to a notice": Case(
        "acknowledge-recall", {"notice": 9, "outcome": "kept", "because": "court"}, by=READER, told=(OWNER,)
    ),
    "contact": Case("update-organisation", {"contact": "desk@pasar.example"}, body=lambda act: {"name": "P"}),
    "request": Case("request-disclosure", ASKED, sub=OWNER, by=READER, told=(OWNER,)),
    "refusal": Case("decide-disclosure", {"decision": "refuse", "reason": "no"}, sub="r1", told=(READER,)),
    "grant": Case(
        "decide-disclosure",
        GRANTED,
        sub="r1",
        told=(READER,),
        body=lambda act: {"moves": moved([7 << 28, (7 << 28) + 1], grants=[grant_id(deed_of(act))])},
    ),
    "grant of rows": Case(
        "decide-disclosure",
        GRANTED | {"target": {"submission": 7, "rows": [0, 1]}},
        sub="r1",
        told=(READER,),
        body=lambda act: {"moves": moved([7 << 28, (7 << 28) + 1], grants=[grant_id(deed_of(act))])},
    ),
    "revocation": Case("revoke-grant", {"reason": "over"}, sub="g1", told=(READER,), body=lambda act: {"on": "r1"}),
    "reminder": Case("remind-request", {"note": "please"}, sub="r1", by=READER, told=(OWNER,)),
    "invitation": Case("invite-to-group", {"org": OWNER}, sub="ring", by=READER, told=(OWNER,)),
    "sharing": Case(
        "share-records",
        {"target": {"submission": 7, "rows": [1, 2]}},
        sub="ring",
        body=lambda act: {"moves": moved([(7 << 28) + 1], groups=["ring"])},
    ),
    "own policy": Case("propose-policy", {"base": "b", "files": {}}, sub=OWNER),
    "shared policy": Case("approve-policy", {"base": "b", "files": {}}, sub="shared", by=READER, told=(OWNER, OTHER)),
}


def shown(world: World, index: int, owner: str = OWNER) -> EntryReport:
    """What the evidence of ``owner`` says of an entry, opened with its own key."""
    member = next(one for one in world.members if one.org == owner)
    evidence = open_evidence(over_wire(world.ledger.evidence(owner, [index], world.old)), member.hpke)
    return next(one for one in check_evidence(evidence, world.trust()).entries if one.index == index)


def refused(world: World, draft: EntryDraft, owner: str = OWNER) -> str:
    index = enter(world.ledger, draft).index
    with pytest.raises(VerifyError) as caught:
        shown(world, index, owner)
    return caught.value.code


@pytest.mark.parametrize("name", GENUINE)
def test_what_is_real_is_taken_by_the_ledger_and_signed(world: World, name: str) -> None:
    """So that each forgery below is refused for what it changes."""
    case = GENUINE[name]
    index = world.ledger.append(case.draft(case.act(world))).result().index
    entry = shown(world, index)
    assert entry.assurance == SIGNED and not entry.void and entry.facts
    if name == "revocation":
        assert {fact for fact, by in entry.facts.items() if by == OPERATOR} == set()


def facts(**changes: Any) -> Change:
    def change(draft: EntryDraft) -> None:
        for part in draft.owners:
            part.facts.update(changes)

    return change


def header(**changes: Any) -> Change:
    return lambda draft: draft.body.update(changes)


def entry(**changes: Any) -> Change:
    def change(draft: EntryDraft) -> None:
        for name, value in changes.items():
            setattr(draft, name, value)

    return change


def tell(owner: str) -> Change:
    return lambda draft: draft.owners.append(OwnerPart(owner, dict(draft.owners[0].facts), []))


def moves(records: list[int], owner: str = OWNER, **after: Any) -> Change:
    def change(draft: EntryDraft) -> None:
        (move,) = draft.body["moves"]
        draft.body["moves"] = [
            {
                "records": records,
                "label": {**move["label"], "owner": owner, **after},
                "before": {**LABEL, "owner": owner},
            }
        ]

    return change


FIRST = 7 << 28
FORGERIES: dict[str, tuple[str, Change, str]] = {
    "recall: other rows": ("recall", header(ranges=[[7, 3, 5]]), "wrong_fact"),
    "recall: more rows": ("recall", header(ranges=[[7, 0, 499]]), "wrong_fact"),
    "recall: fewer rows": ("recall", header(ranges=[[7, 3, 4]]), "wrong_fact"),
    "recall: another submission": ("recall of all", header(ranges=[[8, 0, 499]]), "wrong_fact"),
    "recall: more rows than handles": ("recall by handle", header(ranges=[[7, 3, 5]]), "wrong_fact"),
    "recall: another reason, in the header": ("recall", header(reason="fraud"), "wrong_fact"),
    "recall: another reason, told": ("recall", facts(reason="fraud"), "wrong_fact"),
    "recall: another deadline": ("recall", header(deadline="2026-12-01T00:00:00Z"), "wrong_fact"),
    "recall: another cause": ("recall", header(cause="erased"), "wrong_fact"),
    "recall: another person": ("recall", facts(by="somebody"), "wrong_fact"),
    "recall: another person, in the header": ("recall", entry(who={"org": OWNER, "person": "x"}), "wrong_fact"),
    "recall: another organisation's": ("recall", entry(who={"org": OTHER, "person": "officer-1"}), "wrong_fact"),
    "recall: on a legal basis": ("recall", entry(basis="court-order"), "wrong_fact"),
    "recall: entered as an erasure": ("recall", entry(type="erasure"), "wrong_act"),
    "recall: told a third": ("recall", tell(OTHER), "wrong_act"),
    "erasure: other rows": ("erase", header(ranges=[[7, 3, 4], [7, 10, 10]]), "wrong_fact"),
    "erasure: entered as a recall": ("erase", entry(type="withdrawal"), "wrong_act"),
    "hold: of rows that nobody named": ("hold of a case", header(ranges=[[7, 0, 1]]), "wrong_fact"),
    "hold: of another case": ("hold of a case", header(case="K-2"), "wrong_fact"),
    "release: of another hold": ("release", header(hold=13), "wrong_fact"),
    "notice: deleted instead of kept": ("answer to a notice", facts(outcome="deleted"), "wrong_fact"),
    "notice: of another": ("answer to a notice", facts(notice=10), "wrong_fact"),
    "notice: by another": ("answer to a notice", facts(by=OTHER), "wrong_fact"),
    "contact: another": ("contact", facts(contact="desk@other.example"), "wrong_fact"),
    "contact: of another member": ("contact", header(org=OTHER), "wrong_fact"),
    "request: another purpose": ("request", facts(purpose="prosecution"), "wrong_fact"),
    "request: another case": ("request", facts(case="K-2"), "wrong_fact"),
    "request: another id": ("request", facts(on="r2"), "wrong_fact"),
    "request: entered as a reminder": ("request", facts(action="remind-request"), "wrong_fact"),
    "refusal: entered as a grant": ("refusal", entry(type="label"), "wrong_act"),
    "refusal: of another request": ("refusal", facts(on="r2"), "wrong_fact"),
    "grant: until 2099": ("grant", facts(until="2099-01-01T00:00:00Z"), "wrong_fact"),
    "grant: more fields": ("grant", facts(actions=["match", "view", "view:identity", "view:personal"]), "wrong_fact"),
    "grant: another id": ("grant", facts(grant="g2"), "wrong_fact"),
    "grant: more records than handles": ("grant", moves([FIRST, FIRST + 1, FIRST + 2]), "wrong_fact"),
    "grant: other rows": ("grant of rows", moves([FIRST, FIRST + 2]), "wrong_fact"),
    "grant: another submission": ("grant of rows", moves([8 << 28]), "wrong_fact"),
    "grant: another label": ("grant", moves([FIRST], pap="clear"), "wrong_fact"),
    "grant: shared with a group, too": ("grant", moves([FIRST], groups=["ring"]), "wrong_fact"),
    "grant: another owner's records": ("grant", moves([FIRST], owner=OTHER), "wrong_fact"),
    "revocation: of another grant": ("revocation", facts(grant="g2"), "wrong_fact"),
    "reminder: entered as a withdrawal": ("reminder", facts(action="withdraw-request"), "wrong_fact"),
    "invitation: to another group": ("invitation", facts(on="others"), "wrong_fact"),
    "sharing: other rows": ("sharing", moves([FIRST + 3]), "wrong_fact"),
    "sharing: another submission": ("sharing", moves([(8 << 28) + 1]), "wrong_fact"),
    "sharing: another group": ("sharing", moves([FIRST + 1], groups=["others"]), "wrong_fact"),
    "sharing: taken back": ("sharing", facts(action="unshare-records"), "wrong_fact"),
    "policy: another version": ("own policy", facts(object=digest(b"x")), "wrong_fact"),
    "policy: of the shared part": ("own policy", facts(on="shared"), "wrong_fact"),
    "policy: by another": ("shared policy", facts(by=OTHER), "wrong_fact"),
    "policy: proposed, not approved": ("shared policy", facts(action="propose-policy"), "wrong_fact"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_an_entry_that_says_something_else_than_the_act_in_it_is_refused(world: World, name: str) -> None:
    genuine, change, code = FORGERIES[name]
    case = GENUINE[genuine]
    draft = case.draft(case.act(world))
    change(draft)
    # The ledger of an operator that runs this code does not take it.
    if draft.who is None or draft.who["org"] in world.ledger.organisations():
        with pytest.raises(InvalidInput) as caught:
            world.ledger.append(draft).result()
        assert caught.value.code == code
    assert refused(world, draft) == code


def other_act(world: World, by: str, kind: str, said: dict[str, Any] | None = None, sub: str = "records") -> str:
    return Case(kind, said or {}, sub, by).act(world)


def test_any_act_of_anybody_makes_no_entry_signed(world: World) -> None:
    """The three that were believed, and their like: a real act of another kind, or of another organisation."""
    for name, by, kind, said in (
        ("recall of all", OTHER, "hold", {"target": {"case": "K-9"}, "reason": "note"}),
        ("recall of all", OTHER, "recall", {"target": {"submission": 7}, "reason": "wrong"}),
        ("recall of all", OWNER, "hold", {"target": {"submission": 7}, "reason": "wrong"}),
        ("erase", OWNER, "recall", {"target": TARGET, "reason": "wrong"}),
        ("grant", READER, "request-disclosure", ASKED),
        ("grant", OWNER, "decide-disclosure", {"decision": "refuse", "reason": "no"}),
        ("sharing", OWNER, "accept-invitation", {}),
        ("own policy", OTHER, "propose-policy", {"base": "b", "files": {}}),
        ("contact", OTHER, "update-organisation", {"contact": "desk@pasar.example"}),
    ):
        draft = GENUINE[name].draft(GENUINE[name].act(world))
        draft.acts = [other_act(world, by, kind, said, OTHER if kind.startswith("policy") else "records")]
        assert refused(world, draft) in {"wrong_act", "wrong_fact"}, (name, by, kind)


def test_every_kind_of_act_has_one_type_of_entry(world: World) -> None:
    """No act of the table stands in an entry of another type, whatever the entry says."""
    types = {"submission", "label", "sharing", "withdrawal", "erasure", "notice", "acknowledgement", "hold", "release"}
    types |= {"organisation-update", "departure", "policy", "case"}
    assert {case.kind for case in GENUINE.values()} <= set(MEANINGS)
    for case in GENUINE.values():
        draft = case.draft(case.act(world))
        for type_ in sorted(types - {draft.type}):
            other = replace(draft, type=type_)
            with pytest.raises(InvalidInput) as caught:
                world.ledger.append(other).result()
            assert caught.value.code == "wrong_act"


# Submissions


def submission(world: World, **manifest: Any) -> EntryDraft:
    return carrying(world.owner.manifest(world.ledger, **manifest))


def test_a_submission_is_the_manifests_that_it_carries(world: World) -> None:
    assert shown(world, world.ledger.append(submission(world)).result().index).assurance == SIGNED
    made: list[tuple[Change, str]] = [
        (facts(manifest=digest(b"another")), "wrong_fact"),
        (facts(person="somebody"), "wrong_fact"),
        (header(name=f"{OWNER}|another"), "wrong_fact"),
        (header(name=f"{OTHER}|another"), "wrong_fact"),
        (tell(READER), "wrong_act"),
    ]
    for change, code in made:
        draft = submission(world)
        change(draft)
        assert refused(world, draft) == code
    # An answer to another request than the manifest cites.
    draft = carrying(world.owner.manifest(world.ledger, answers="r1"), READER)
    next(part for part in draft.owners if part.owner == READER).facts["on"] = "r2"
    assert refused(world, draft, READER) == "wrong_fact"


def test_a_dry_run_is_no_submission(world: World) -> None:
    """The manifest of a dry run is signed, too; no entry may carry it."""
    said = read_act(world.owner.manifest(world.ledger)).payload
    draft = submission(world)
    draft.acts = [sign(world.owner.key, DRY_RUN, said)]
    assert refused(world, draft) == "wrong_act"


def test_a_manifest_ends(world: World) -> None:
    draft = submission(world, iat=moment(-20), exp=moment(-10))
    index = enter(world.ledger, draft).index
    assert shown(world, index).void[0]["code"] == "out_of_time"
    said = read_act(world.owner.manifest(world.ledger)).payload
    del said["exp"]
    draft = submission(world)
    draft.acts = [sign(world.owner.key, "graphsvc-submission+jws", said)]
    index = enter(world.ledger, draft).index
    assert shown(world, index).void[0]["code"] == "bad_act"


def test_an_act_shows_no_records(world: World) -> None:
    """Else records that were shown to somebody would stand beside a signature."""
    draft = GENUINE["reminder"].draft(GENUINE["reminder"].act(world))
    part = next(part for part in draft.owners if part.owner == OWNER)
    draft.owners = [replace(part, disclosures=shown_records(OWNER, 2))]
    assert refused(world, draft) == "wrong_fact"


@pytest.mark.parametrize("name", ["recall", "grant", "sharing"])
def test_an_entry_that_lacks_what_the_act_says_is_refused(world: World, name: str) -> None:
    draft = GENUINE[name].draft(GENUINE[name].act(world))
    draft.body = {key: value for key, value in draft.body.items() if key not in ("ranges", "moves")}
    assert refused(world, draft) == "wrong_fact"
    draft = GENUINE[name].draft(GENUINE[name].act(world))
    draft.owners = [OwnerPart(part.owner, {}, []) for part in draft.owners]
    assert refused(world, draft) == "wrong_fact"


# By whom


def test_a_key_decides_only_what_it_was_enrolled_for(world: World) -> None:
    feed = Member(OWNER)
    feed.root = world.owner.root
    world.ledger.enrol(feed.enrolment(world.ledger, roles=["submitter"]))
    act = feed.act(world.ledger, "decide-disclosure", GRANTED, sub="r1")
    draft = GENUINE["grant"].draft(act)
    assert refused(world, draft) == "wrong_act"


def test_an_entry_carries_one_act(world: World) -> None:
    """Two real acts: each would vouch for what the other does not."""
    first, second = (GENUINE["reminder"].act(world) for _ in range(2))
    draft = GENUINE["reminder"].draft(first)
    prepared = draft.prepare()
    both = [*prepared.acts, *entries._prepare_acts([second])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphsvc.ledger.batch.Batch._hold", lambda *_: None)
        index = world.ledger._wait(replace(prepared, acts=both)).index
    with pytest.raises(VerifyError) as caught:
        shown(world, index)
    assert caught.value.code == "wrong_act"


def test_a_key_event_says_what_was_signed(world: World) -> None:
    """The header of an enrolment names another key than the root key signed for."""
    member = Member(OWNER)
    member.root = world.owner.root
    act = member.enrolment(world.ledger)
    event = read_act(act.partition("~")[0]).payload["event"]
    from graphsvc.ledger.enrolment import prepare_key_event

    prepared = prepare_key_event(act, world.ledger._registry, world.ledger.origin, world.ledger._clock())
    draft = prepared.draft
    draft.body = {**draft.body, "event": {**event, "roles": ["officer", "operator"]}}
    forged = replace(prepared, header_box=draft.prepare().header_box)
    key = draft.prepare()
    forged = replace(prepared, header_box=key.header_box, header_key=key.header_key, sections=key.sections)
    index = world.ledger._wait(forged).index
    with pytest.raises(VerifyError) as caught:
        shown(world, index)
    assert caught.value.code == "wrong_fact"


# What is only the operator's word is told as that, fact by fact


def test_without_an_act_every_fact_is_the_operators_word(world: World) -> None:
    for case in GENUINE.values():
        draft = case.draft(case.act(world))
        draft.acts = []
        told = shown(world, enter(world.ledger, draft).index)
        assert told.assurance == OPERATOR and set(told.facts.values()) == {OPERATOR} and told.facts


def test_an_act_that_counts_for_nothing_leaves_every_fact_to_the_operator(world: World) -> None:
    case = GENUINE["grant"]
    act = case.act(world)
    draft = case.draft(act)
    draft.acts = [act[: act.rindex(".") + 1] + b64u(bytes(64))]
    told = shown(world, enter(world.ledger, draft).index)
    assert set(told.facts.values()) == {OPERATOR} and told.void[0]["code"] == "bad_signature"


ASSERTED: dict[str, tuple[str, Change, str]] = {
    "how many records": ("recall of all", facts(records=3), "records"),
    "which request a grant belongs to": ("revocation", facts(on="r9"), "on"),
    "the name that stays": ("contact", facts(name="Another"), "name"),
    "the version in force": ("shared policy", facts(policy=digest(b"x")), "policy"),
    "what no act speaks of": ("reminder", facts(weather="fine"), "weather"),
}


@pytest.mark.parametrize("name", ASSERTED)
def test_a_fact_that_does_not_follow_is_told_as_asserted(world: World, name: str) -> None:
    genuine, change, fact = ASSERTED[name]
    case = GENUINE[genuine]
    draft = case.draft(case.act(world))
    change(draft)
    told = shown(world, enter(world.ledger, draft).index)
    assert told.assurance == SIGNED and told.facts[fact] == OPERATOR
    assert {by for other, by in told.facts.items() if other != fact} == {SIGNED}


def test_a_signed_read_signs_who_asked_and_on_what_footing_and_no_more(world: World) -> None:
    draft = read_of(READER, {OWNER: 2}, world.ledger.head - 1, data_of(OWNER, 2))
    draft.signed = world.reader.signed_read(world.ledger)
    told = shown(world, world.ledger.append(draft).result().index)
    signed = {name for name, by in told.facts.items() if by == SIGNED}
    assert signed == {"reader", "purpose", "basis", "case"} and set(told.facts) - signed == {"person", "policy"}


def test_the_object_is_the_digest_of_what_is_decided(world: World) -> None:
    """Two persons approve one object: an act whose object is another's counts for nothing."""
    case = GENUINE["own policy"]
    said = read_act(case.act(world)).payload
    draft = case.draft(case.act(world))
    draft.acts = [sign(world.owner.key, "graphsvc-propose-policy+jws", {**said, "body": {"base": "c"}})]
    told = shown(world, enter(world.ledger, draft).index)
    assert told.void[0]["code"] == "bad_act" and digest(encode(said["body"])) == said["object"]


def test_a_name_writes_no_line_of_its_own(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names of facts are the operator's: a line break in one could say what only the verifier says."""
    draft = GENUINE["reminder"].draft(GENUINE["reminder"].act(world))
    draft.acts = []
    for part in draft.owners:
        part.facts["x\n  entry 7 (recall): signed by the organisation\x1b[2K\u202e"] = "y"
    index = enter(world.ledger, draft).index
    evidence = open_evidence(over_wire(world.ledger.evidence(OWNER, [index], world.old)), world.owner.hpke)
    file, trust = tmp_path / "evidence.json", tmp_path / "trust.json"
    file.write_text(json.dumps(evidence))
    trust.write_text(json.dumps(trust_value(world.ledger, world.members)))
    assert main([str(file), "--trust", str(trust)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not any(line.startswith("  entry 7") for line in lines) and any("?  entry 7" in line for line in lines)
    assert all(line.isprintable() for line in lines)
