"""One reader, many labels, asked of Cedar: the only place that talks to the policy engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cedarpy

from graphsvc.model.labels import Label
from graphsvc.policy.rules import Policies, Rulebook

DEFAULT_DENY = "default-deny"
EVALUATION_ERROR = "evaluation-error"


@dataclass(frozen=True, slots=True)
class Profile:
    """All that policies may know of a reader and its footing; readers with equal profiles get equal decisions.

    ``signed``: the organisation signed what it asks. ``grants`` are the disclosures granted to the reader that are in
    force: (grant id, actions covered).
    """

    org: str
    kind: str
    jurisdiction: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    purpose: str
    legal_basis: str
    stated: bool
    signed: bool = False
    grants: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """``rule`` is what permits or, when denied, what denies: a ``@id``, ``default-deny`` or ``evaluation-error``.

    ``rules`` are all that permit or all that deny, in the order in which they are preferred.
    """

    allowed: bool
    rule: str
    rules: tuple[str, ...] = ()


def evaluate(
    policies: Policies, profile: Profile, labels: Sequence[Label], actions: Sequence[str]
) -> list[dict[str, Decision]]:
    """Decide every action for every label: one dictionary a label, in order.

    Each label is decided by the shared rulebook and its owner's file. Any error in any rule denies: Cedar skips a
    rule that fails, so a ``forbid`` that fails would turn into an Allow.
    """
    answers: list[dict[str, Decision]] = [{} for _ in labels]
    by_owner: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        by_owner.setdefault(label.owner, []).append(position)
    contexts = {action: _context(profile, action) for action in actions}
    for owner, positions in by_owner.items():
        book = policies.rulebook(owner)
        entities = _entities(policies, profile, ((position, labels[position]) for position in positions))
        if entities is None:
            for position in positions:
                answers[position] = dict.fromkeys(actions, Decision(False, EVALUATION_ERROR))
            continue
        asked = [(position, action) for position in positions for action in actions]
        requests = [_request(position, action, contexts[action]) for position, action in asked]
        results = cedarpy.is_authorized_batch(requests, book.policies, entities)
        for (position, action), result in zip(asked, results, strict=True):
            answers[position][action] = _decision(result, book)
    return answers


def _context(profile: Profile, action: str) -> dict[str, Any]:
    """The footing, and which of the reader's grants cover the action."""
    granted = [grant for grant, covered in profile.grants if action in covered]
    footing = {"purpose": profile.purpose, "legalBasis": profile.legal_basis, "stated": profile.stated}
    return {**footing, "granted": granted, "signed": profile.signed}


def _request(position: int, action: str, context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "principal": {"type": "Reader", "id": "reader"},
        "action": {"type": "Action", "id": action},
        "resource": {"type": "Label", "id": str(position)},
        "context": context,
    }


def _decision(result: Any, book: Rulebook) -> Decision:
    diagnostics = result.diagnostics
    if diagnostics.errors:
        return Decision(False, EVALUATION_ERROR)
    # The owner's own rules are named first, then the rulebook's, so that the name shown is the nearest reason and
    # does not depend on the order of files.
    names = sorted((book.ids[reason] for reason in diagnostics.reasons), key=lambda name: (name not in book.own, name))
    return Decision(bool(result.allowed), names[0] if names else DEFAULT_DENY, tuple(names))


def _entities(policies: Policies, profile: Profile, labels: Iterable[tuple[int, Label]]) -> Any | None:
    """The reader and the labels as checked Cedar entities; None when they do not fit the schema."""
    standing = policies.standings.get(profile.kind)
    reader = {
        "uid": {"type": "Reader", "id": "reader"},
        "attrs": {
            "org": profile.org,
            "kind": profile.kind,
            "jurisdiction": profile.jurisdiction,
            "roles": list(profile.roles),
            "groups": list(profile.groups),
        },
        "parents": [{"type": "Standing", "id": standing}] if standing else [],
    }
    try:
        text = json.dumps([reader, *(_label(position, label) for position, label in labels)])
        return cedarpy.Entities.from_json_str(text, policies.schema)
    except ValueError:
        return None


def _label(position: int, label: Label) -> dict[str, Any]:
    return {
        "uid": {"type": "Label", "id": str(position)},
        "attrs": {
            "owner": label.owner,
            "ownerKind": label.owner_kind,
            "jurisdiction": label.jurisdiction,
            "scheme": label.handling.scheme,
            "code": label.handling.code,
            "pap": label.pap,
            "legalBasis": label.legal_basis,
            "purposes": list(label.purposes),
            "groups": list(label.groups),
            "grants": list(label.grants),
        },
        "parents": [],
    }
