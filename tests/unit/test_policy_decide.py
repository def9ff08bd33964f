"""Scopes: an owner's file decides over its own labels only, errors deny, invariants hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from graphsvc.model.labels import GROUPS, Handling, Label
from graphsvc.model.principals import Entitlements, Footing, Organisation, Principal
from graphsvc.policy import decide as decide_module
from graphsvc.policy.decide import Decider, decide
from graphsvc.policy.rules import Policies, load_policies, policies_of, read_files
from graphsvc.policy.scope import Scope

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
POLICE = Organisation("police-ke", "police", "KE", "Police")
NOTHING = Entitlements()
INVESTIGATOR = Principal(POLICE, "someone", ("investigator",))
FOOTING = Footing("investigation", "court-order", "case-1")
READ_ALL = 'permit (principal, action in Action::"read", resource);'


def label(owner: str, code: str = "GREEN", **more: object) -> Label:
    return Label(owner, "company", "ID", Handling("tlp-2.0", code), "GREEN", "consent", **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies(POLICIES)


def with_owner_file(owner: str, text: str) -> Policies:
    """The product's policies with one owner's file replaced."""
    return policies_of({**read_files(POLICIES), f"orgs/{owner}.cedar": text})


def allowed(
    policies: Policies,
    of: Label,
    principal: Principal = INVESTIGATOR,
    registered: bool = True,
    groups: tuple[str, ...] = (),
) -> set[str]:
    given = Entitlements(groups=groups)
    scope = Decider(policies).scope(principal, FOOTING, registered, given, {7: of}, 0)
    return {name for name, lids in scope.lids.items() if lids}


def test_one_owners_file_cannot_open_anothers_label() -> None:
    opened = with_owner_file("pasar", f'@id("pasar-open") {READ_ALL}')
    assert "view" in allowed(opened, label("pasar", "AMBER+STRICT"))
    assert allowed(opened, label("swiftline", "AMBER+STRICT")) == set()
    assert allowed(opened, label("nobody-in-particular", "AMBER+STRICT")) == set()


def test_an_owners_file_cannot_overrule_the_rulebook() -> None:
    opened = with_owner_file("pasar", f'@id("pasar-open") {READ_ALL}')
    assert allowed(opened, label("pasar", "RED")) == {"match"}
    assert allowed(opened, label("pasar", "GREEN"), registered=False) == set()
    assert allowed(opened, label("pasar", "GREEN", purposes=("analysis",))) == set()


@pytest.mark.parametrize("effect", ["forbid", "permit"])
def test_an_error_in_any_rule_denies(effect: str) -> None:
    # Cedar skips a rule that fails: without looking at the errors the label would stay open.
    failing = "when { 9223372036854775807 + 1 > 0 }"
    planted = with_owner_file("pasar", f'@id("pasar-broken") {effect} (principal, action, resource) {failing};')
    assert allowed(planted, label("pasar", "GREEN")) == set()
    own = Principal(Organisation("pasar", "company", "ID", "Pasar"), "someone", ("investigator",))
    assert allowed(planted, label("pasar", "GREEN"), own) == set()
    assert "view" in allowed(planted, label("swiftline", "GREEN")), "only the owner's labels are hit"
    decision = Decider(planted).explain(INVESTIGATOR, FOOTING, True, label("pasar"))["view"]
    assert (decision.allowed, decision.rule) == (False, "evaluation-error")


def test_an_error_in_one_group_withholds_it_and_says_so() -> None:
    failing = "when { 9223372036854775807 + 1 > 0 }"
    head = 'forbid (principal, action == Action::"view:personal", resource)'
    planted = with_owner_file("pasar", f'@id("pasar-broken") {head} {failing};')
    scope = Decider(planted).scope(INVESTIGATOR, FOOTING, True, NOTHING, {7: label("pasar")}, 0)
    assert scope.allowed("view") == (7,) and scope.allowed("personal") == ()
    assert scope.rules == {(7, "personal"): "evaluation-error"}


def test_labels_that_do_not_fit_the_schema_are_denied(policies: Policies) -> None:
    odd = Label("police-ke", "police", "KE", Handling("tlp-2.0", "GREEN"), "GREEN", None)  # type: ignore[arg-type]
    assert allowed(policies, odd) == set()


@pytest.mark.parametrize(
    ("action", "left"),
    [
        ("match", set()),
        ("view", {"match"}),
    ],
)
def test_nesting_is_enforced_whatever_policies_say(action: str, left: set[str]) -> None:
    # A file that takes away the outer action only: everything inside goes with it.
    cut = with_owner_file("pasar", f'@id("pasar-cut") forbid (principal, action == Action::"{action}", resource);')
    raw = Decider(cut).explain(INVESTIGATOR, FOOTING, True, label("pasar"))
    assert raw["view:personal"].allowed, "the policies by themselves do break the nesting"
    assert allowed(cut, label("pasar")) == left


def test_a_group_opens_to_its_members_only(policies: Policies) -> None:
    for code in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"):
        before, after = label("swiftline", code), label("swiftline", code, groups=("route",))
        assert allowed(policies, before) == allowed(policies, after)
        assert allowed(policies, before, groups=("route",)) <= allowed(policies, after, groups=("route",))
    assert "personal" in allowed(policies, label("swiftline", groups=("route",)), groups=("route",))


def test_scope_carries_what_readers_need(policies: Policies) -> None:
    known = {3: label("customs-cn", "RED"), 5: label("swiftline"), 9: label("pasar", "AMBER+STRICT")}
    scope = Decider(policies).scope(INVESTIGATOR, FOOTING, True, NOTHING, known, 42)
    assert (scope.at, scope.policy, scope.principal, scope.footing) == (42, policies.digest, INVESTIGATOR, FOOTING)
    assert set(scope.labels) == {3, 5} and scope.allowed("match") == (3, 5) and scope.allowed("view") == (5,)
    assert scope.rules == {(5, "personal"): "swiftline-personal"}
    assert set(scope.lids) == {"view", "match", "analyse", "export", *GROUPS}
    assert scope.allowed("administer") == ()


@pytest.mark.parametrize("footing", [Footing(), Footing("investigation", "court-order"), Footing("", "x", "c")])
def test_half_a_footing_leaves_ones_own(policies: Policies, footing: Footing) -> None:
    known = {1: label("pasar", "CLEAR"), 2: label("police-ke", "RED")}
    scope = Decider(policies).scope(INVESTIGATOR, footing, True, NOTHING, known, 0)
    assert scope.allowed("match") == scope.allowed("view") == (2,)


def test_scopes_are_kept_and_new_labels_added(policies: Policies, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(policies: Policies, profile: object, over: list[Label]) -> list[decide_module.Verdict]:
        asked.append(len(over))
        return decide(policies, profile, over)  # type: ignore[arg-type]

    monkeypatch.setattr(decide_module, "decide", counting)
    decider = Decider(policies)
    first = MappingProxyType({1: label("pasar")})
    for _ in range(3):
        decider.scope(INVESTIGATOR, FOOTING, True, NOTHING, first, 0)
    other = Principal(POLICE, "someone else", ("investigator",))
    decider.scope(other, Footing("investigation", "court-order", "case-2"), True, NOTHING, first, 0)
    assert asked == [1], "neither person nor case is part of a profile"
    grown = MappingProxyType({**first, 2: label("swiftline")})
    assert decider.scope(INVESTIGATOR, FOOTING, True, NOTHING, grown, 0).allowed("view") == (1, 2)
    assert asked == [1, 1]
    # The same numbers may stand for other labels after a rebuild.
    turned = MappingProxyType({1: label("pasar", "AMBER+STRICT"), 2: label("swiftline")})
    assert decider.scope(INVESTIGATOR, FOOTING, True, NOTHING, turned, 0).allowed("view") == (2,)


def test_submitting_is_for_the_owner(policies: Policies) -> None:
    pasar = Principal(Organisation("pasar", "company", "ID", "Pasar"), "machine", ("submitter",))
    decider = Decider(policies)
    assert decider.may_submit(pasar, label("pasar"))
    assert not decider.may_submit(pasar, label("swiftline"))
    assert not decider.may_submit(Principal(pasar.organisation, "someone", ("analyst",)), label("pasar"))
    lying = Label("pasar", "police", "KE", Handling("tlp-2.0", "GREEN"), "GREEN", "consent")
    assert not decider.may_submit(pasar, lying)
    opened = with_owner_file("swiftline", '@id("swiftline-open") permit (principal, action, resource);')
    assert not Decider(opened).may_submit(pasar, label("swiftline"))


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("submitter", {"submit", "recall"}),
        ("investigator", {"disclose"}),
        ("officer", {"recall", "disclose", "hold"}),
        ("analyst", set()),
        ("operator", {"administer"}),
    ],
)
def test_acts_follow_roles_and_ownership(policies: Policies, role: str, may: set[str]) -> None:
    pasar = Principal(Organisation("pasar", "company", "ID", "Pasar"), "someone", (role,))
    decider = Decider(policies)
    acts = ("submit", "recall", "disclose", "hold", "administer")
    assert {act for act in acts if decider.may(pasar, act, label("pasar"))} == may
    assert {act for act in acts if decider.may(pasar, act, label("swiftline"))} == may & {"administer"}


def test_the_rulebook_itself_asks_for_a_footing(policies: Policies) -> None:
    # The decider does not even ask without a footing; should it ever, the rulebook denies.
    answers = Decider(policies).explain(INVESTIGATOR, FOOTING, False, label("customs-cn"))
    assert {decision.allowed for decision in answers.values()} == {False}
    assert answers["view"].rule == "footing-required"


def test_another_version_decides_from_the_next_question_on(policies: Policies) -> None:
    closed = with_owner_file("pasar", '@id("pasar-closed") forbid (principal, action, resource);')
    versions = [policies]
    decider = Decider(policies, lambda: versions[-1])
    of = MappingProxyType({1: label("pasar"), 2: label("swiftline")})
    before = decider.scope(INVESTIGATOR, FOOTING, True, NOTHING, of, 0)
    versions.append(closed)
    after = decider.scope(INVESTIGATOR, FOOTING, True, NOTHING, of, 1)
    assert (before.allowed("view"), before.policy) == ((1, 2), policies.digest)
    assert (after.allowed("view"), after.policy) == ((2,), closed.digest)
    versions.append(policies)
    assert decider.scope(INVESTIGATOR, FOOTING, True, NOTHING, of, 2).allowed("view") == (1, 2)


def test_what_is_packed_for_a_query_is_what_the_scope_allows() -> None:
    """Whatever is not in view is in no field group either, and no copy keeps what was packed of other labels."""
    lids = {"view": (1, 3, 6), "match": (1, 2, 3, 6, 9), "identity": (1, 6), "personal": (2, 3, 9), "content": ()}
    scope = Scope(INVESTIGATOR, Footing(), 0, "sha256:0", 1.0, lids, {})
    masks = scope.masks()
    allowed = {
        name: [lid for lid, code in enumerate(masks["may"]) if code in masks[name]] for name in ("view", *GROUPS)
    }
    assert allowed.pop("view") == [1, 3, 6] and allowed.pop("identity") == [1, 6] and allowed.pop("personal") == [3]
    assert not any(allowed.values())
    assert replace(scope, hidden=(7,)).masks() is masks
    narrowed = replace(scope, lids={"view": (1,)})
    assert narrowed.masks()["may"] == [0, 1] and narrowed.masks()["identity"] == []
    assert replace(scope, lids={}).masks()["may"] == []
