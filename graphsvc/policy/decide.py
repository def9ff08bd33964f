"""The one place where scopes are made: who may read which labels, for what, and which rule withholds the rest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from graphsvc.model.labels import GROUPS, Label
from graphsvc.model.principals import ACT, Entitlements, Footing, Principal
from graphsvc.policy.evaluate import Decision, Profile, evaluate
from graphsvc.policy.rules import Policies
from graphsvc.policy.scope import ACTIONS, EXPORT, Packed, Scope, pack

FIELDS = tuple(f"view:{group}" for group in GROUPS)
READS = (*ACTIONS, *FIELDS)
"""Every action that a scope answers for."""
PROFILES = 512
"""Decisions of at most this many reader profiles are kept in memory."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reader may do with one label; ``rules``: by which rule a field group, or export, is withheld."""

    allowed: frozenset[str]
    rules: Mapping[str, str]


_NO_ENTITLEMENTS = Entitlements()
_NOTHING = Verdict(frozenset(), MappingProxyType({}))
_ONLY_MATCHED = Verdict(frozenset({"match"}), MappingProxyType({}))


@dataclass(slots=True)
class _Known:
    """The decisions for one profile, and the last scope table made of them."""

    verdicts: dict[Label, Verdict] = field(default_factory=dict)
    source: Mapping[int, Label] | None = None
    table: _Table | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class _Table:
    lids: Mapping[str, tuple[int, ...]]
    labels: Mapping[int, Label]
    rules: Mapping[tuple[int, str], str]
    packed: Packed
    owners: frozenset[str]


class Decider:
    """Makes scopes from policies. Thread-safe; decisions are kept per policies and reader profile, never per person.

    ``in_force`` is called at each question for the policies of that moment; without it ``policies`` hold for good.
    """

    def __init__(self, policies: Policies, in_force: Callable[[], Policies] | None = None) -> None:
        self._in_force = in_force or (lambda: policies)
        self._known: OrderedDict[tuple[str, Profile], _Known] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def policies(self) -> Policies:
        """The policies in force."""
        return self._in_force()

    def scope(
        self,
        principal: Principal,
        footing: Footing,
        case_registered: bool,
        entitlements: Entitlements,
        labels: Mapping[int, Label],
        at: int,
    ) -> Scope:
        """The caller's scope at ledger index ``at``, good until the first of its ``entitlements`` ends.

        ``labels`` maps every label number to its label. Without a purpose, a legal basis and a registered case, only
        the caller's own labels can be in scope; a rule that fails denies. Whatever the policies say, every field
        group ⊆ view, export ⊆ view and analyse ⊆ view ⊆ match.
        """
        policies = self.policies
        table = self._table(policies, profile_of(principal, footing, case_registered, entitlements), labels)
        return Scope(
            principal=principal,
            footing=footing,
            at=at,
            policy=policies.digest,
            valid_until=entitlements.valid_until,
            lids=table.lids,
            labels=table.labels,
            rules=table.rules,
            owners=table.owners,
            tellings=policies.tellings,
            packed=table.packed,
        )

    def alike(
        self,
        principal: Principal,
        footing: Footing,
        case_registered: bool,
        entitlements: Entitlements,
        labels: Sequence[Label],
    ) -> bool:
        """Whether the caller may do the same with all ``labels``, and is told the same rules."""
        profile = profile_of(principal, footing, case_registered, entitlements)
        first, *others = decide(self.policies, profile, labels)
        return all(verdict == first for verdict in others)

    def may_submit(self, principal: Principal, label: Label) -> bool:
        """Whether the caller may submit records under ``label``; never those of another organisation."""
        return label.owner == principal.org and self.may(principal, "submit", label)

    def may(self, principal: Principal, action: str, label: Label) -> bool:
        """Whether the caller may do an act that reads nothing: submit, disclose, recall, hold or administer."""
        profile = profile_of(principal, ACT, False)
        return evaluate(self.policies, profile, [label], [action])[0][action].allowed

    def explain(
        self,
        principal: Principal,
        footing: Footing,
        case_registered: bool,
        label: Label,
        entitlements: Entitlements = _NO_ENTITLEMENTS,
    ) -> dict[str, Decision]:
        """Per action what the policies say of ``label`` and by which rule, before the service's own invariants."""
        profile = profile_of(principal, footing, case_registered, entitlements)
        return evaluate(self.policies, profile, [label], READS)[0]

    def _table(self, policies: Policies, profile: Profile, labels: Mapping[int, Label]) -> _Table:
        key = policies.digest, profile
        with self._lock:
            known = self._known.setdefault(key, _Known())
            self._known.move_to_end(key)
            while len(self._known) > PROFILES:
                self._known.popitem(last=False)
        # Deciding takes a while for a new profile: readers whose decisions are known need not wait for it.
        with known.lock:
            # A read-only table is replaced when labels are added, never changed: the same object is the same labels.
            if known.table is not None and known.source is labels and isinstance(labels, MappingProxyType):
                return known.table
            missing = list({label: None for label in labels.values() if label not in known.verdicts})
            known.verdicts.update(zip(missing, decide(policies, profile, missing), strict=True))
            known.source, known.table = labels, _tabulate(known.verdicts, labels)
            return known.table


def profile_of(
    principal: Principal,
    footing: Footing,
    case_registered: bool,
    entitlements: Entitlements = _NO_ENTITLEMENTS,
) -> Profile:
    """What policies may know of the caller. Where the footing is not stated, it is blank and no grant counts."""
    stated = footing.stated and case_registered
    return Profile(
        org=principal.org,
        kind=principal.organisation.kind,
        jurisdiction=principal.organisation.jurisdiction,
        roles=tuple(sorted(set(principal.roles))),
        groups=tuple(sorted(set(entitlements.groups))),
        purpose=footing.purpose if stated else "",
        legal_basis=footing.legal_basis if stated else "",
        stated=stated,
        signed=footing.signed,
        grants=entitlements.grants if stated else (),
    )


def decide(policies: Policies, profile: Profile, labels: Sequence[Label]) -> list[Verdict]:
    """What ``profile`` may do with each label, the service's invariants enforced, in order."""
    # Without a stated footing only the reader's own labels are looked at, whatever the policies say.
    open_to = [label for label in labels if profile.stated or label.owner == profile.org]
    # What may not even be matched is not looked at further, nor is what may not be viewed: that enforces the nesting.
    matched = [
        label
        for label, answers in zip(open_to, evaluate(policies, profile, open_to, ("match",)), strict=True)
        if answers["match"].allowed
    ]
    rest = evaluate(policies, profile, matched, tuple(action for action in READS if action != "match"))
    verdicts = {label: _matched(answers) for label, answers in zip(matched, rest, strict=True)}
    return [verdicts.get(label, _NOTHING) for label in labels]


def _matched(answers: Mapping[str, Decision]) -> Verdict:
    """The verdict on a label that may be matched."""
    if not answers["view"].allowed:
        return _ONLY_MATCHED
    allowed = {"match"} | {action for action, decision in answers.items() if decision.allowed}
    rules = {group: answers[f"view:{group}"].rule for group in GROUPS if f"view:{group}" not in allowed}
    if EXPORT not in allowed:
        rules[EXPORT] = answers[EXPORT].rule
    return Verdict(frozenset(allowed), MappingProxyType(rules))


def _tabulate(verdicts: Mapping[Label, Verdict], labels: Mapping[int, Label]) -> _Table:
    lids: dict[str, list[int]] = {name: [] for name in (*ACTIONS, *GROUPS)}
    shown: dict[int, Label] = {}
    rules: dict[tuple[int, str], str] = {}
    for lid, label in sorted(labels.items()):
        verdict = verdicts[label]
        if not verdict.allowed:
            continue
        shown[lid] = label
        for action in verdict.allowed:
            lids[action.removeprefix("view:")].append(lid)
        rules.update({(lid, group): rule for group, rule in verdict.rules.items()})
    frozen, owners = _frozen(lids.items()), frozenset(label.owner for label in shown.values())
    return _Table(frozen, MappingProxyType(shown), MappingProxyType(rules), pack(frozen, shown), owners)


def _frozen(lids: Iterable[tuple[str, list[int]]]) -> Mapping[str, tuple[int, ...]]:
    return MappingProxyType({name: tuple(numbers) for name, numbers in lids})
