"""Cedar, a plain Python reading of the rulebooks, and the enumeration of everything decide alike."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graphsvc.model.labels import GROUPS, Handling, Label
from graphsvc.model.principals import Entitlements, Footing, Organisation, Principal
from graphsvc.policy.axes import SOMEBODY
from graphsvc.policy.decide import READS, Decider, decide
from graphsvc.policy.evaluate import Profile
from graphsvc.policy.grid import Enumeration
from graphsvc.policy.rules import Policies, load_policies, policies_of

sys.path.insert(0, str(Path(__file__).parent))
from policy_oracle import oracle

POLICIES = Path(__file__).parents[2] / "policies"
ORGS = ["pasar", "swiftline", "customs-cn", "police-ke", "tide"]
KINDS = ["police", "customs", "prosecution", "fiu", "ngo", "company", "courier", "operator", "task-force", "unknown"]
HANDLINGS = [
    *(("tlp-2.0", code) for code in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED", "??")),
    *(("europol", code) for code in ("H0", "H1", "H2", "H3")),
    *(("uk-3x5x2", code) for code in ("P", "C")),
    ("none", ""),
]
PURPOSES = ["investigation", "prosecution", "interdiction", "analysis", "screening", "protection"]
SHARED = [(), (), ("ivory-route",), ("jtf-wildlife",), ("ivory-route", "jtf-wildlife")]
ROLES = [
    ("analyst", "investigator"), ("investigator",), ("analyst",), ("analyst", "investigator", "submitter"),
    ("submitter",), ("officer", "operator"), (),
]  # fmt: skip
READERS, LABELS = 500, 40
"""Decisions: readers × labels × nine actions = 180,000."""


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies(POLICIES)


# Most combinations are denied for several reasons at once, which no single wrong rule would change. So what opens comes
# first in every list and is drawn more often.
def readers(chance: random.Random) -> Iterator[tuple[dict, dict | None]]:
    while True:
        covered = [set(READS), set(READS), {"match", "view", "view:identity", "view:financial"}, {"view:personal"}]
        reader = {
            "org": chance.choice(["reader", "reader", *ORGS]),
            "kind": chance.choice(["police", "customs", *KINDS]),
            "roles": chance.choice([*ROLES[:2], *ROLES]),
            "groups": chance.choice(SHARED),
            "grants": {grant: chance.choice(covered) for grant in chance.choice([(), ("g-1",), ("g-1", "g-2")])},
        }
        basis = chance.choice(["court-order", "consent"])
        stated = {"purpose": chance.choice(["investigation", *PURPOSES]), "legal_basis": basis}
        yield reader, stated if chance.random() < 0.9 else None


def labels(chance: random.Random) -> Iterator[dict]:
    while True:
        yield {
            "owner": chance.choice(ORGS),
            "handling": chance.choice(HANDLINGS),
            "pap": chance.choice(["GREEN", "CLEAR", "AMBER", "RED", ""]),
            "purposes": chance.choice([(), (), ("analysis", "investigation"), *((one,) for one in PURPOSES)]),
            "groups": chance.choice(SHARED),
            "grants": chance.choice([(), (), ("g-1",), ("g-2",), ("g-1", "g-3")]),
        }


def _label(plain: dict) -> Label:
    return Label(
        plain["owner"], "company", "ID", Handling(*plain["handling"]), plain["pap"], "consent", plain["purposes"],
        plain["groups"], plain["grants"],
    )  # fmt: skip


def _plain(actions: set[str]) -> set[str]:
    return {action.removeprefix("view:") for action in actions}


def test_equals_the_oracle(policies: Policies, record_property: pytest.RecordProperty) -> None:
    decider, chance = Decider(policies), random.Random(20)
    compared, allowing = 0, 0
    for (reader, footing), _ in zip(readers(chance), range(READERS), strict=False):
        plain = [one for one, _ in zip(labels(chance), range(LABELS), strict=False)]
        principal = Principal(Organisation(reader["org"], reader["kind"], "KE", "Reader"), "someone", reader["roles"])
        stated = Footing(footing["purpose"], footing["legal_basis"], "case-1") if footing else Footing()
        grants = tuple((grant, tuple(sorted(actions))) for grant, actions in sorted(reader["grants"].items()))
        given = Entitlements(groups=reader["groups"], grants=grants)
        scope = decider.scope(principal, stated, footing is not None, given, dict(enumerate(map(_label, plain))), 0)
        told = {**reader, "grants": {grant: _plain(actions) for grant, actions in reader["grants"].items()}}
        for lid, label in enumerate(plain):
            allowed, rules = oracle(told, footing, label)
            assert {name for name, lids in scope.lids.items() if lid in lids} == allowed, (reader, footing, label)
            shown = {group: scope.rules[(lid, group)] for group in GROUPS if (lid, group) in scope.rules}
            assert shown == rules, (reader, footing, label)
            compared, allowing = compared + len(scope.lids), allowing + len(allowed)
    record_property("decisions compared with the oracle", compared)
    record_property("of them allowed", allowing)
    assert compared >= 100_000 and allowing >= compared // 20, "decisions that open are among them"


SIGNED_ONLY = """
@id("pasar-signed-questions")
forbid (principal, action in Action::"content", resource)
unless { context.signed || principal.org == "pasar" };
"""
"""A rule that lets nobody see records who does not sign the question."""


@pytest.mark.parametrize("owner", [SOMEBODY, "pasar", "police-ke", "pasar signed"])
def test_the_enumeration_decides_as_the_service_does(policies: Policies, owner: str) -> None:
    owner, _, signed = owner.partition(" ")
    if signed:
        name = "orgs/pasar.cedar"
        policies = policies_of({**policies.files, name: policies.files[name] + SIGNED_ONLY})
    chance = random.Random(7)
    (grid,) = Enumeration([policies]).grids(owner)
    assert len(grid.space[grid.axis("signed")].members) == (2 if signed else 1), "told apart where a rule looks at it"
    cells = np.argwhere(grid.reachable)
    for cell in cells[[chance.randrange(len(cells)) for _ in range(400)]].tolist():
        # Any point of a class stands for it: one is drawn, not the first.
        said: dict = {}
        for classes, at in zip(grid.space, cell, strict=True):
            point = classes.axis.points[chance.choice(classes.members[at])]
            said |= dict(zip(classes.axis.attributes, point, strict=True))
        profile = Profile(
            org=said["principal.org"], kind=said["principal.kind"], jurisdiction=said["principal.jurisdiction"],
            roles=said["principal.roles"], groups=said["principal.groups"], purpose=said["context.purpose"],
            legal_basis=said["context.legalBasis"], stated=said["context.stated"],
            signed=said["context.signed"],
            grants=tuple((grant, READS) for grant in said["context.granted"]),
        )  # fmt: skip
        label = Label(
            said["resource.owner"], said["resource.ownerKind"], said["resource.jurisdiction"],
            Handling(said["resource.scheme"], said["resource.code"]), said["resource.pap"], said["resource.legalBasis"],
            said["resource.purposes"], said["resource.groups"], said["resource.grants"],
        )  # fmt: skip
        allowed = decide(policies, profile, [label])[0].allowed
        assert {action for action, decided in grid.decisions.items() if decided[tuple(cell)]} == allowed, said
