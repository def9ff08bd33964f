"""The state of requests: a fold over events, every step by its own side only, time as the only other mover."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.model.errors import Conflict, Denied
from graphsvc.sharing.states import (
    ASKER,
    DEPARTURE,
    DISCLOSURE,
    HOLDER,
    PRESERVATION,
    STATES,
    Event,
    Standing,
    allow,
    stand,
    unfinished,
)

NOW = 1_800_000_000.0
PAST, AHEAD = "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"
STEPS = {
    DISCLOSURE: {
        "request-disclosure": ASKER,
        "decide-disclosure:ask": HOLDER,
        "decide-disclosure:refuse": HOLDER,
        "decide-disclosure:full": HOLDER,
        "decide-disclosure:partial": HOLDER,
        "answer-question": ASKER,
        "remind-request": ASKER,
        "withdraw-request": ASKER,
        "revoke-grant": HOLDER,
        "submission": HOLDER,
    },
    PRESERVATION: {
        "request-preservation": ASKER,
        "acknowledge-preservation:accept": HOLDER,
        "acknowledge-preservation:refuse": HOLDER,
        "extend-preservation": ASKER,
        "remind-request": ASKER,
        "lift-preservation": ASKER,
        "request-production": ASKER,
        "submission": HOLDER,
    },
}


def event(index: int, step: str, **body: Any) -> Event:
    kind, _, way = step.partition(":")
    return Event(index, "2026-06-01T00:00:00.000Z", kind, "org", "person", body | ({"way": way} if way else {}))


def state(kind: str, *steps: str, **body: Any) -> Standing:
    return stand(kind, [event(index, step, **body) for index, step in enumerate(steps)], NOW)


@pytest.mark.parametrize(
    ("kind", "steps", "wanted"),
    [
        (DISCLOSURE, ["request-disclosure"], "open"),
        (DISCLOSURE, ["request-disclosure", "decide-disclosure:ask"], "asked-back"),
        (DISCLOSURE, ["request-disclosure", "decide-disclosure:ask", "answer-question"], "open"),
        (DISCLOSURE, ["request-disclosure", "decide-disclosure:full"], "granted"),
        (DISCLOSURE, ["request-disclosure", "decide-disclosure:partial"], "partly-granted"),
        (DISCLOSURE, ["request-disclosure", "decide-disclosure:full", "revoke-grant"], "revoked"),
        (DISCLOSURE, ["request-disclosure", "decide-disclosure:ask", "decide-disclosure:refuse"], "refused"),
        (DISCLOSURE, ["request-disclosure", "remind-request", "withdraw-request"], "withdrawn"),
        (DISCLOSURE, ["request-disclosure", "submission"], "answered"),
        (PRESERVATION, ["request-preservation", "acknowledge-preservation:accept"], "acknowledged"),
        (PRESERVATION, ["request-preservation", "acknowledge-preservation:refuse"], "refused"),
        (PRESERVATION, ["request-preservation", "lift-preservation"], "lifted"),
        (PRESERVATION, ["request-preservation", "request-production"], "production"),
        (PRESERVATION, ["request-preservation", "request-production", "submission"], "answered"),
        (DISCLOSURE, ["request-disclosure", "departure"], "closed"),
        (DISCLOSURE, ["request-disclosure", "decide-disclosure:ask", "departure"], "closed"),
        (DISCLOSURE, ["request-disclosure", "decide-disclosure:refuse", "departure"], "refused"),
        (PRESERVATION, ["request-preservation", "acknowledge-preservation:accept", "departure"], "closed"),
        (PRESERVATION, ["request-preservation", "request-production", "departure"], "closed"),
    ],
)
def test_where_steps_lead(kind: str, steps: list[str], wanted: str) -> None:
    assert state(kind, *steps).state == wanted


def test_time_ends_grants_and_preservations_and_passes_deadlines() -> None:
    granted = ["request-disclosure", "decide-disclosure:full"]
    assert state(DISCLOSURE, *granted, until=AHEAD).state == "granted"
    assert state(DISCLOSURE, *granted, until=PAST).state == "expired"
    kept = ["request-preservation", "acknowledge-preservation:accept"]
    assert state(PRESERVATION, *kept, until=PAST).state == "expired"
    extended = [event(0, kept[0], until=PAST), event(1, kept[1]), event(2, "extend-preservation", until=AHEAD)]
    assert stand(PRESERVATION, extended, NOW).state == "acknowledged"
    assert state(PRESERVATION, *kept, "request-production", until=PAST).state == "production", "asked for in time"
    assert state(DISCLOSURE, "request-disclosure", deadline=PAST).overdue
    assert not state(DISCLOSURE, "request-disclosure", deadline=AHEAD).overdue
    assert not state(DISCLOSURE, "request-disclosure", "decide-disclosure:ask", deadline=PAST).overdue


def test_what_is_remembered() -> None:
    events = [
        event(3, "request-disclosure", deadline=AHEAD),
        event(5, "remind-request", note="please"),
        event(6, "remind-request"),
        event(8, "decide-disclosure:ask", question="which?"),
        event(9, "answer-question", answer="that one"),
        event(11, "submission"),
    ]
    standing = stand(DISCLOSURE, events, NOW)
    assert (standing.reminders, standing.question, standing.last, standing.answered_by) == (2, "which?", 11, 11)


@pytest.mark.parametrize("kind", [DISCLOSURE, PRESERVATION])
@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_walk_stays_within_the_rules(kind: str, data: st.DataObject) -> None:
    """Whatever is tried in whatever order: only steps of the right side in a right state move, ends are ends."""
    events: list[Event] = []
    for index in range(data.draw(st.integers(1, 12))):
        step = data.draw(st.sampled_from(sorted(STEPS[kind])))
        side = data.draw(st.sampled_from([ASKER, HOLDER]))
        before = stand(kind, events, NOW)
        try:
            allow(kind, before, step, side)
        except (Denied, Conflict):
            continue
        assert side == STEPS[kind][step]
        assert before.state not in ("refused", "revoked", "withdrawn", "answered", "lifted", "expired")
        events.append(event(index, step, until=data.draw(st.sampled_from([AHEAD, PAST]))))
        now = stand(kind, events, NOW)
        assert now.state in STATES
        # A member that leaves closes what is not at an end; nobody can say so by an act.
        assert unfinished(kind, now) == (now.state in ("open", "asked-back", "acknowledged", "production"))
        left = stand(kind, [*events, event(index + 1, DEPARTURE)], NOW)
        assert not unfinished(kind, now) or (left.state == "closed" and not left.overdue)
        with pytest.raises(Denied):
            allow(kind, now, DEPARTURE, side)
    assert not events or events[0].step == f"request-{kind}"


@pytest.mark.parametrize("kind", [DISCLOSURE, PRESERVATION])
def test_the_other_side_is_denied_whatever_the_state(kind: str) -> None:
    for step, side in STEPS[kind].items():
        for name in STATES:
            with pytest.raises(Denied):
                allow(kind, Standing(state=name), step, HOLDER if side == ASKER else ASKER)
