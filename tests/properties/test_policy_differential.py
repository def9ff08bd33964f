"""Cedar and a plain Python reading of the rulebook decide alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.model.labels import GROUPS, Handling, Label
from graphsvc.model.principals import Entitlements, Footing, Organisation, Principal
from graphsvc.policy.decide import Decider
from graphsvc.policy.rules import load_policies

sys.path.insert(0, str(Path(__file__).parent))
from policy_oracle import oracle

POLICIES = Path(__file__).parents[2] / "policies"
ORGS = ["pasar", "swiftline", "customs-cn", "police-ke", "tide"]
KINDS = ["police", "customs", "prosecution", "ngo", "company", "courier", "operator", "task-force", "unknown"]
CODES = {
    "tlp-2.0": ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED", "??"],
    "europol": ["H0", "H1", "H2", "H3"],
    "uk-3x5x2": ["P", "C"],
    "none": [""],
}
PURPOSES = ["investigation", "prosecution", "interdiction", "analysis", "screening"]
SHARED = ["ivory-route", "rhino-route"]


ROLES = [
    ("analyst", "investigator"), ("investigator",), ("analyst",), ("analyst", "investigator", "submitter"),
    ("submitter",), ("officer", "operator"), (),
]  # fmt: skip

# Most combinations are denied for several reasons at once, which no single wrong rule would change. So what opens comes
# first in every list and is drawn more often.
readers = st.fixed_dictionaries(
    {
        "org": st.sampled_from(["reader", "reader", *ORGS]),
        "kind": st.sampled_from(["police", "customs", *KINDS]),
        "roles": st.sampled_from([*ROLES[:2], *ROLES]),
        "groups": st.sampled_from([(), (), ("ivory-route",), tuple(SHARED)]),
    }
)
footings = st.sampled_from(
    [{"purpose": purpose, "legal_basis": basis} for purpose in PURPOSES for basis in ("court-order", "consent")]
    + [None]
)
labels = st.fixed_dictionaries(
    {
        "owner": st.sampled_from(ORGS),
        "handling": st.sampled_from([(scheme, code) for scheme, codes in CODES.items() for code in codes]),
        "pap": st.sampled_from(["GREEN", "CLEAR", "AMBER", "RED", ""]),
        "purposes": st.sampled_from([(), (), *((purpose,) for purpose in PURPOSES), ("analysis", "investigation")]),
        "groups": st.sampled_from([(), (), ("ivory-route",), tuple(SHARED)]),
    }
)


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider(load_policies(POLICIES))


def _label(plain: dict) -> Label:
    return Label(
        plain["owner"], "company", "ID", Handling(*plain["handling"]), plain["pap"], "consent", plain["purposes"],
        plain["groups"],
    )  # fmt: skip


# 250 examples of 20 labels, nine decisions each: 45,000 decisions of the service, some 12,000 of them Cedar's.
@settings(max_examples=250, deadline=None, derandomize=True)
@given(reader=readers, footing=footings, plain=st.lists(labels, min_size=20, max_size=20))
def test_equals_the_oracle(decider: Decider, reader: dict, footing: dict | None, plain: list[dict]) -> None:
    organisation = Organisation(reader["org"], reader["kind"], "KE", "Reader")
    principal = Principal(organisation, "someone", reader["roles"])
    stated = Footing(footing["purpose"], footing["legal_basis"], "case-1") if footing else Footing()
    given = Entitlements(groups=reader["groups"])
    scope = decider.scope(principal, stated, footing is not None, given, dict(enumerate(map(_label, plain))), 0)
    for lid, label in enumerate(plain):
        allowed, rules = oracle(reader, footing, label)
        assert {name for name, lids in scope.lids.items() if lid in lids} == allowed, label
        assert {group: scope.rules[(lid, group)] for group in GROUPS if (lid, group) in scope.rules} == rules, label
