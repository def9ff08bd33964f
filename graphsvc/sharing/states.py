"""The state of a request: a pure fold over what was done about it, and the rules of who may do what next.

Two kinds of request go from an asker to a holder::

    disclosure     open ⇄ asked-back · → granted | partly-granted → expired | revoked · → refused | withdrawn | answered
    preservation   open → acknowledged → production → answered · → refused | lifted | expired

A request that has not ended when one of its sides leaves the service becomes ``closed``.
Time alone moves a request in two ways, neither of which is an event: a grant or a preservation ends (``expired``), and
a deadline passes (``overdue``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from graphsvc.model.errors import Conflict, Denied
from graphsvc.model.times import seconds

DISCLOSURE, PRESERVATION = "disclosure", "preservation"
ASKER, HOLDER, OPERATOR = "asker", "holder", "operator"
OPEN, ASKED_BACK, GRANTED, PARTLY, REFUSED = "open", "asked-back", "granted", "partly-granted", "refused"
EXPIRED, REVOKED, WITHDRAWN, ANSWERED = "expired", "revoked", "withdrawn", "answered"
ACKNOWLEDGED, LIFTED, PRODUCTION, CLOSED = "acknowledged", "lifted", "production", "closed"
STATES = (
    *(OPEN, ASKED_BACK, GRANTED, PARTLY, REFUSED, EXPIRED, REVOKED, WITHDRAWN, ANSWERED),
    *(ACKNOWLEDGED, LIFTED, PRODUCTION, CLOSED),
)

# Kinds of events: the acts' own names; a decision says in its body which way it went.
REQUEST, DECISION, ANSWER = "request-disclosure", "decide-disclosure", "answer-question"
REMIND, WITHDRAW, REVOKE = "remind-request", "withdraw-request", "revoke-grant"
PRESERVE, ACKNOWLEDGE, EXTEND = "request-preservation", "acknowledge-preservation", "extend-preservation"
LIFT, PRODUCE, SUBMISSION = "lift-preservation", "request-production", "submission"
DEPARTURE = "departure"
"""Not an act about a request: one of its sides has left."""

_ENDING = {DISCLOSURE: (GRANTED, PARTLY), PRESERVATION: (OPEN, ACKNOWLEDGED)}
"""States that end by themselves at ``until``."""
_WAITING = {DISCLOSURE: (OPEN,), PRESERVATION: (OPEN, PRODUCTION)}
"""States in which the holder is to act, before the deadline."""

_Rule = tuple[str, Mapping[str, str]]
_RULES: dict[str, dict[str, _Rule]] = {
    DISCLOSURE: {
        REQUEST: (ASKER, {"": OPEN}),
        f"{DECISION}:ask": (HOLDER, {OPEN: ASKED_BACK}),
        f"{DECISION}:refuse": (HOLDER, {OPEN: REFUSED, ASKED_BACK: REFUSED}),
        f"{DECISION}:full": (HOLDER, {OPEN: GRANTED, ASKED_BACK: GRANTED}),
        f"{DECISION}:partial": (HOLDER, {OPEN: PARTLY, ASKED_BACK: PARTLY}),
        ANSWER: (ASKER, {ASKED_BACK: OPEN}),
        REMIND: (ASKER, {OPEN: OPEN}),
        WITHDRAW: (ASKER, {OPEN: WITHDRAWN, ASKED_BACK: WITHDRAWN}),
        REVOKE: (HOLDER, {GRANTED: REVOKED, PARTLY: REVOKED}),
        SUBMISSION: (HOLDER, {OPEN: ANSWERED, ASKED_BACK: ANSWERED}),
        DEPARTURE: (OPERATOR, {OPEN: CLOSED, ASKED_BACK: CLOSED}),
    },
    PRESERVATION: {
        PRESERVE: (ASKER, {"": OPEN}),
        f"{ACKNOWLEDGE}:accept": (HOLDER, {OPEN: ACKNOWLEDGED}),
        f"{ACKNOWLEDGE}:refuse": (HOLDER, {OPEN: REFUSED}),
        EXTEND: (ASKER, {OPEN: OPEN, ACKNOWLEDGED: ACKNOWLEDGED}),
        REMIND: (ASKER, {OPEN: OPEN, PRODUCTION: PRODUCTION}),
        LIFT: (ASKER, {OPEN: LIFTED, ACKNOWLEDGED: LIFTED, PRODUCTION: LIFTED}),
        PRODUCE: (ASKER, {OPEN: PRODUCTION, ACKNOWLEDGED: PRODUCTION}),
        SUBMISSION: (HOLDER, {PRODUCTION: ANSWERED}),
        DEPARTURE: (OPERATOR, {OPEN: CLOSED, ACKNOWLEDGED: CLOSED, PRODUCTION: CLOSED}),
    },
}


class Event(msgspec.Struct, frozen=True):
    """Something that was done about a request, in entry ``index`` at ``t``, by a person of ``org``."""

    index: int
    t: str
    kind: str
    org: str
    person: str
    body: Mapping[str, Any]

    @property
    def step(self) -> str:
        """The kind, and for a decision or acknowledgement which way it went."""
        way = self.body.get("way")
        return f"{self.kind}:{way}" if way else self.kind


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a request stands. Times are RFC 3339 UTC or empty; ``answered_by`` is a submission's ledger index."""

    state: str = ""
    last: int = -1
    deadline: str = ""
    until: str = ""
    overdue: bool = False
    question: str = ""
    reason: str = ""
    reminders: int = 0
    grant: str = ""
    answered_by: int | None = None


def stand(kind: str, events: Iterable[Event], now: float) -> Standing:
    """Where a request of ``kind`` stands at ``now`` (epoch seconds) after ``events``, in their order."""
    standing = Standing()
    for event in events:
        standing = _after(kind, standing, event)
    if standing.until and seconds(standing.until) <= now and standing.state in _ENDING[kind]:
        standing = replace(standing, state=EXPIRED)
    late = bool(standing.deadline) and seconds(standing.deadline) <= now
    return replace(standing, overdue=late and standing.state in _WAITING[kind])


def allow(kind: str, standing: Standing, step: str, side: str) -> None:
    """Raise unless ``side`` may take ``step`` now: Denied when the step is the other side's, Conflict in this state."""
    rule = _RULES[kind].get(step)
    if rule is None:
        raise Conflict(f"this is no step of a {kind} request", code="wrong_kind")
    if rule[0] != side:
        raise Denied(f"only the {rule[0]} of a request does this")
    if standing.state not in rule[1]:
        raise Conflict(f"the request is {standing.state} now", code="wrong_state")


def unfinished(kind: str, standing: Standing) -> bool:
    """Whether the request is closed when one of its sides leaves; grants are ended on their own."""
    return standing.state in _RULES[kind][DEPARTURE][1]


def keeps(standing: Standing, now: float) -> bool:
    """Whether the holder of an acknowledged preservation must still keep the records: until it is lifted or expires.

    It does not expire while production is asked for; after an answer the original is kept until ``until``.
    """
    if standing.state == ANSWERED:
        return seconds(standing.until) > now
    return standing.state in (ACKNOWLEDGED, PRODUCTION)


def _after(kind: str, before: Standing, event: Event) -> Standing:
    body, _, moves = event.body, *_RULES[kind][event.step]
    after = replace(before, state=moves.get(before.state, before.state), last=event.index)
    after = replace(after, deadline=body.get("deadline", after.deadline), until=body.get("until", after.until))
    if event.kind == REMIND:
        return replace(after, reminders=after.reminders + 1)
    if event.kind == SUBMISSION:
        return replace(after, answered_by=event.index)
    return replace(
        after,
        question=body.get("question", after.question),
        reason=body.get("reason", after.reason),
        grant=body.get("grant", after.grant),
    )
