"""Before an entry is written it is held against its act as any verifier will: at its own index, time and keys.

What were entered otherwise could never be taken out, and would spoil the evidence of all whom the entry tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledger_actors import Member, carrying, enter, moment, opened, over_wire, read_of, trust_of

from graphsvc.ledger import enrolment
from graphsvc.ledger.entry import EntryDraft, Prepared
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import Conflict, GraphsvcError, InvalidInput, InvalidSignature
from graphsvc_verify.evidence import EvidenceReport, check_evidence, open_evidence
from graphsvc_verify.keychain import OPERATOR, SIGNED


@dataclass
class World:
    ledger: Ledger
    members: list[Member]

    @property
    def pasar(self) -> Member:
        return self.members[0]

    @property
    def police(self) -> Member:
        return self.members[2]

    def refused(self, prepared: Prepared) -> GraphsvcError:
        head = self.ledger.head
        with pytest.raises(GraphsvcError) as caught:
            self.ledger._wait(prepared)
        assert self.ledger.head == head, "nothing is entered"
        return caught.value

    def evidence(self, owner: Member) -> EvidenceReport:
        taken = open_evidence(over_wire(self.ledger.evidence(owner.org)), owner.hpke)
        return check_evidence(taken, trust_of(self.ledger, self.members))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    ledger, members = opened(tmp_path / "log")
    # The keys of the day come before the first entry, whatever becomes of that.
    ledger.append(EntryDraft(type="note")).result()
    yield World(ledger, members)
    ledger.close()


# A key that is revoked after intake began


def test_a_key_that_was_revoked_meanwhile_signs_nothing(world: World) -> None:
    """Acts, manifests and signed reads were checked when they came in; then the entry before theirs ends the key."""
    ledger, pasar = world.ledger, world.pasar
    act, manifest = carrying(pasar.act(ledger)), carrying(pasar.manifest(ledger))
    read = read_of("pasar", {"pasar": 1}, ledger.head + 9)
    read.signed = pasar.signed_read(ledger)
    waiting = [draft.prepare() for draft in (act, manifest, read)]
    ledger.check_act(pasar.act(ledger), "graphsvc-remind-request+jws", "pasar")
    ledger.enrol(pasar.revocation(ledger))
    refusals = [world.refused(prepared) for prepared in waiting]
    assert [one.code for one in refusals] == ["key_revoked"] * 3
    assert isinstance(refusals[2], InvalidSignature) and all(isinstance(one, InvalidInput) for one in refusals)
    assert not any(entry.void for entry in world.evidence(pasar).entries)


def test_the_same_when_both_wait_at_once(world: World) -> None:
    """The revocation and the act are queued together: whichever the sequencer takes first decides."""
    ledger, pasar = world.ledger, world.pasar
    revoked = enrolment.prepare_key_event(pasar.revocation(ledger), ledger._registry, ledger.origin, ledger._clock())
    act = carrying(pasar.act(ledger)).prepare()
    first, second = ledger._sequencer.submit(revoked), ledger._sequencer.submit(act)
    first.result()
    with pytest.raises(InvalidInput, match="revoked"):
        second.result()


def test_of_two_key_events_on_one_state_only_the_first_is_entered(world: World) -> None:
    """Else the chain of key events would break, and with it the evidence of every member, for ever."""
    ledger, pasar = world.ledger, world.pasar
    late = Member("pasar")
    late.root = pasar.root
    both = [
        enrolment.prepare_key_event(act, ledger._registry, ledger.origin, ledger._clock())
        for act in (late.enrolment(ledger), pasar.revocation(ledger))
    ]
    outcomes = [ledger._sequencer.submit(one) for one in both]
    outcomes[0].result()
    with pytest.raises(Conflict) as caught:
        outcomes[1].result()
    assert caught.value.code == "key_event_moved"
    for member in world.members:
        world.evidence(member)


# Times


def test_times_of_another_form_are_refused_when_they_come_in(world: World) -> None:
    """An offset is a good RFC 3339 time; no verifier takes it in an act, so the ledger does not either."""
    for name in ("iat", "exp"):
        manifest = world.pasar.manifest(world.ledger, **{name: "2026-01-01T00:00:00+07:00"})
        entry = replace(carrying(world.pasar.manifest(world.ledger)), acts=[manifest])
        refusal = world.refused(entry.prepare())
        assert refusal.code == "bad_time" and name in refusal.message


def at(world: World, minutes: float) -> None:
    world.ledger._state.clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes)


def test_an_act_is_held_against_the_time_of_its_entry(world: World) -> None:
    """The clock was two hours ahead for one entry; the time of entries never goes back, so acts are too old for it."""
    ledger, pasar = world.ledger, world.pasar
    at(world, 120)
    ledger.append(read_of("police-ke", {"pasar": 1}, ledger.head - 1)).result()
    at(world, 0)
    assert world.refused(carrying(pasar.act(ledger)).prepare()).code == "out_of_time"
    signed = read_of("police-ke", {"pasar": 1}, ledger.head - 1)
    signed.signed = world.police.signed_read(ledger)
    refusal = world.refused(signed.prepare())
    assert refusal.code == "out_of_time" and isinstance(refusal, InvalidSignature)
    # What is valid until then is taken, and so are questions that nobody signed.
    ledger.append(carrying(pasar.act(ledger, exp=moment(240)))).result()
    ledger.append(read_of("police-ke", {"pasar": 1}, ledger.head - 1)).result()
    assert {entry.assurance for entry in world.evidence(pasar).entries} == {OPERATOR, SIGNED}


# One bad act does not spoil what is beside it


def test_the_verifier_reports_an_act_that_does_not_count_and_goes_on(world: World) -> None:
    """Entered by a ledger that did not look: the asker's evidence holds, and says which act is void and why."""
    ledger, pasar, police = world.ledger, world.pasar, world.police
    ledger.append(read_of("police-ke", {"pasar": 2}, ledger.head - 1)).result()
    bad = pasar.manifest(ledger, iat="2026-01-01T00:00:00+07:00", answers="r1")
    good = pasar.manifest(ledger, answers="r1")
    enter(ledger, replace(carrying(good, "police-ke"), acts=[bad]))
    ledger.append(carrying(good, "police-ke")).result()
    for member in (pasar, police):
        void, last = world.evidence(member).entries[-2:]
        assert [one["code"] for one in void.void] == ["bad_time"] and set(void.facts.values()) == {OPERATOR}
        assert last.assurance == SIGNED and not last.void
