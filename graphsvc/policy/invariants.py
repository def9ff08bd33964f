"""What must hold whatever the policies say, proven by going through every combination of what they can tell apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from graphsvc.model.labels import Handling, Label
from graphsvc.policy.decide import Verdict, decide
from graphsvc.policy.evaluate import Profile
from graphsvc.policy.rules import Policies

HANDLINGS = (
    *(Handling("tlp-2.0", code) for code in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")),
    *(Handling("europol", code) for code in ("H0", "H1", "H2", "H3")),
    *(Handling("uk-3x5x2", code) for code in ("P", "C")),
    Handling("none", ""),
)
"""Every handling code that a label can carry."""

SOMEBODY = "somebody"
"""Stands for an organisation without a file of its own; no organisation has this slug."""


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that a decision breaks: which, for whom, on which label."""

    invariant: str
    profile: Profile
    label: Label


def readers(kinds: Sequence[str], purposes: Sequence[str], groups: Sequence[tuple[str, ...]]) -> Iterator[Profile]:
    """Readers of every kind with all reading roles: each purpose stated and none, with each choice of ``groups``."""
    for kind, purpose, group in itertools.product(kinds, ("", *purposes), groups):
        yield Profile(
            org="reader-org",
            kind=kind,
            jurisdiction="KE",
            roles=("analyst", "investigator", "submitter"),
            groups=group,
            purpose=purpose,
            legal_basis="court-order" if purpose else "",
            stated=bool(purpose),
        )


def labels(owners: Sequence[str], purpose: str, groups: Sequence[tuple[str, ...]]) -> Iterator[Label]:
    """Labels of every handling code of each owner: given for any purpose and for one, with each of ``groups``."""
    for owner, handling, purposes, group in itertools.product(owners, HANDLINGS, ((), (purpose,)), groups):
        yield Label(owner, "company", "ID", handling, "GREEN", "consent", purposes, group)


def breaches(policies: Policies, profiles: Iterator[Profile], over: Sequence[Label]) -> Iterator[Breach]:
    """Every breach by ``profiles`` of any invariant on the labels ``over``."""
    for profile in profiles:
        for label, verdict in zip(over, decide(policies, profile, over), strict=True):
            for name, holds in INVARIANTS.items():
                if not holds(profile, label, verdict):
                    yield Breach(name, profile, label)


def _nested(profile: Profile, label: Label, verdict: Verdict) -> bool:
    allowed = verdict.allowed
    return ("match" in allowed or not allowed) and ("view" in allowed or allowed <= {"match"})


def _company(profile: Profile, label: Label, verdict: Verdict) -> bool:
    foreign = label.owner != profile.org
    return not (foreign and profile.kind in {"company", "courier", "payment"} and "view" in verdict.allowed)


def _red(profile: Profile, label: Label, verdict: Verdict) -> bool:
    return label.owner == profile.org or label.handling.code != "RED" or "view" not in verdict.allowed


def _footing(profile: Profile, label: Label, verdict: Verdict) -> bool:
    return profile.stated or label.owner == profile.org or not verdict.allowed


def _purpose(profile: Profile, label: Label, verdict: Verdict) -> bool:
    granted = {grant for grant, _ in profile.grants} & set(label.grants)
    foreign = label.owner != profile.org and not granted
    bound = foreign and bool(label.purposes) and profile.purpose not in label.purposes
    return not (bound and verdict.allowed)


def _withheld(profile: Profile, label: Label, verdict: Verdict) -> bool:
    shown = {action.removeprefix("view:") for action in verdict.allowed if action.startswith("view:")}
    withheld = set(verdict.rules)
    return not shown & withheld and ("view" in verdict.allowed or not withheld) and all(verdict.rules.values())


INVARIANTS: dict[str, Callable[[Profile, Label, Verdict], bool]] = {
    "fields ⊆ view, analyse ⊆ view ⊆ match": _nested,
    "a company sees only its own": _company,
    "TLP:RED never leaves home": _red,
    "without a stated footing only one's own": _footing,
    "a record is used only for its purposes": _purpose,
    "a rule is named for every withheld group, and only on a visible record": _withheld,
}
