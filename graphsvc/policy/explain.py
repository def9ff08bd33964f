"""Why a reader may, or may not, do something with a label: every rule that decides, and what the service adds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphsvc.model.labels import Label
from graphsvc.model.principals import Footing
from graphsvc.policy.decide import READS, decide
from graphsvc.policy.evaluate import Decision, Profile, evaluate
from graphsvc.policy.rules import Policies
from graphsvc.policy.telling import Telling

ACTS = ("submit", "recall", "disclose", "hold", "administer")


@dataclass(frozen=True, slots=True)
class Explanation:
    """One action. ``decision`` is what the rules say; ``allowed`` is what the service does.

    ``files`` maps each deciding rule to its file; ``invariant`` says why the two differ, and is empty where they agree.
    """

    action: str
    decision: Decision
    files: dict[str, str]
    allowed: bool
    invariant: str


def explain(policies: Policies, profile: Profile, label: Label) -> list[Explanation]:
    """Every action and field group, in the order in which they are nested; acts at the end."""
    answers = evaluate(policies, profile, [label], READS)[0]
    # Every act is signed, however the question was asked.
    answers |= evaluate(policies, replace(profile, signed=True), [label], ACTS)[0]
    allowed = decide(policies, profile, [label])[0].allowed
    files = {rule.id: rule.file for rule in policies.rulebook(label.owner).rules}
    own = label.owner == profile.org
    return [
        Explanation(
            action=action,
            decision=decision,
            files={rule: files[rule] for rule in decision.rules if rule in files},
            allowed=(action in allowed) if action in READS else _act(action, decision, own),
            invariant=_invariant(action, profile, own, answers),
        )
        for action, decision in sorted(answers.items(), key=lambda item: _order(item[0]))
    ]


def telling_of(policies: Policies, profile: Profile, label: Label) -> Telling | None:
    """The rule by which the owner of a label would be told late of a hit by a reader; None: it is told at once."""
    if not profile.stated or label.owner == profile.org:
        return None
    footing = Footing(profile.purpose, profile.legal_basis, "stated")
    return policies.tellings.of(footing, profile.kind, label.owner_kind)


def _order(action: str) -> int:
    return ("match", "view", *(one for one in READS if one not in ("match", "view")), *ACTS).index(action)


def _act(action: str, decision: Decision, own: bool) -> bool:
    return decision.allowed and (own or action != "submit")


def _invariant(action: str, profile: Profile, own: bool, answers: dict[str, Decision]) -> str:
    """What the service enforces beyond the rules, where it denies what they permit."""
    if not answers[action].allowed:
        return ""
    if action in ACTS:
        return "records are submitted by their owner only" if action == "submit" and not own else ""
    if not profile.stated and not own:
        return "without purpose, legal basis and a registered case nothing but one's own is looked at"
    if action != "match" and not answers["match"].allowed:
        return "what may not be matched is not shown"
    if action not in ("match", "view") and not answers["view"].allowed:
        return "what may not be viewed has no field, use or export"
    return ""
