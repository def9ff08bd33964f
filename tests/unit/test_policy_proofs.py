"""What is proven over all decisions holds for the product, and each proof sees its breach; differences are whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from graphsvc.model.labels import Handling, Label
from graphsvc.policy import axes
from graphsvc.policy.axes import SOMEBODY
from graphsvc.policy.decide import decide
from graphsvc.policy.diff import difference
from graphsvc.policy.evaluate import Profile
from graphsvc.policy.explain import explain
from graphsvc.policy.invariants import breaches
from graphsvc.policy.rules import Policies, load_policies, policies_of, read_files

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
READ = 'action in Action::"read"'
COMPANY = "a company sees only its own"
RED = "TLP:RED never leaves home"
PURPOSE = "a record is used only for its purposes"
OWNER = "only an owner submits, recalls, discloses and holds its records"
GROUP = "a group added to a label changes decisions only for its members"
GRANT = "a grant added to a label changes decisions only for whom it is in force; one that ended is as if never given"


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies(POLICIES)


def without(rule: str) -> dict[str, str]:
    """The product's files without one rule of the rulebook."""
    files, found = read_files(POLICIES), False
    for name, text in files.items():
        start = text.find(f'@id("{rule}")')
        if start >= 0:
            end = text.find(";\n", start) + 2
            files[name], found = text[:start] + text[end:], True
    assert found
    return files


def pasar(head: str, condition: str = "true", base: dict[str, str] | None = None) -> Policies:
    """Policies in which Pasar's file is one rule."""
    effect, _, action = head.partition(" ")
    rule = f'@id("pasar-x") {effect} (principal, {action}, resource) when {{ {condition} }};'
    return policies_of({**(base or read_files(POLICIES)), "orgs/pasar.cedar": rule})


def broken(policies: Policies) -> set[str]:
    return {breach.invariant for breach in breaches(policies, ["pasar"])}


def test_all_hold_for_the_product(policies: Policies) -> None:
    assert list(breaches(policies)) == []


@pytest.mark.parametrize(
    ("planted", "invariant"),
    [
        (pasar(f"permit {READ}", base=without("company-own-only")), COMPANY),
        (pasar(f"permit {READ}", base=without("tlp-red")), RED),
        (pasar(f"permit {READ}", base=without("purpose-limitation")), PURPOSE),
        (pasar('permit action == Action::"recall"'), OWNER),
        (pasar('permit action == Action::"submit"', "principal.kind == resource.ownerKind"), OWNER),
        (pasar(f"permit {READ}", 'resource.groups.contains("ivory")'), GROUP),
        (pasar(f"forbid {READ}", "!resource.groups.isEmpty()"), GROUP),
        (pasar(f"permit {READ}", "!resource.grants.isEmpty()"), GRANT),
    ],
    ids=["company", "red", "purpose", "recall", "submit", "named-group", "any-group", "any-grant"],
)
def test_each_proof_sees_its_breach(planted: Policies, invariant: str) -> None:
    assert invariant in broken(planted)


def test_an_owners_file_breaks_nothing_for_others() -> None:
    opened = pasar('permit action == Action::"recall"')
    assert broken(opened) == {OWNER}
    assert list(breaches(opened, ["swiftline", SOMEBODY])) == []


def test_an_error_in_a_rule_denies_in_the_enumeration_too(policies: Policies) -> None:
    failing = pasar(f"permit {READ}", "9223372036854775807 + 1 > 0")
    lost = difference(policies, failing)
    assert {change.owner for change in lost.changes} == {"pasar"} and not any(change.gain for change in lost.changes)
    guarded = pasar(f"permit {READ}", 'resource.pap == "RED" && 9223372036854775807 + 1 > 0')
    now = pasar(f"permit {READ}", 'resource.pap == "none"')
    lost = difference(now, guarded)
    assert {one.within["pap"] for one in lost.changes} == {("PAP:RED",)} and not any(one.gain for one in lost.changes)


def test_the_axes_are_the_code_lists() -> None:
    def codes(name: str) -> set[str]:
        return set(yaml.safe_load((ROOT / "schema" / "codelists" / f"{name}.yaml").read_text())["codes"])

    assert codes("purposes") == set(axes.PURPOSES) and codes("legal-bases") == set(axes.LEGAL_BASES)
    assert codes("pap") == set(axes.PAPS) - {""}
    handlings = {
        (scheme, code) for scheme in ("tlp-2.0", "europol", "uk-3x5x2") for code in codes(f"handling-{scheme}")
    }
    assert handlings == {(one.scheme, one.code) for one in axes.HANDLINGS} - {("none", "")}


def test_a_difference_is_whole_and_nothing_else(
    policies: Policies, record_property: Callable[[str, object], None]
) -> None:
    narrowed = dict(policies.files)
    narrowed["orgs/pasar.cedar"] += """@id("pasar-export")
forbid (principal, action == Action::"export", resource)
unless { principal.org == "pasar" || principal.kind == "customs" };
"""
    found = difference(policies, policies_of(narrowed))
    assert found.rules == ("+ orgs/pasar.cedar pasar-export",) and found.decisions > 10**12
    assert {(one.owner, one.gain, one.actions) for one in found.changes} == {("pasar", False, ("export",))}
    assert all("customs" not in str(one.within["kind"]) for one in found.changes)
    record_property("decisions enumerated", found.decisions)
    back = difference(policies_of(narrowed), policies)
    assert sum(one.decisions for one in back.changes) == sum(one.decisions for one in found.changes) > 0
    assert {one.gain for one in back.changes} == {True}
    # Asked one by one: a reader and label inside the boxes changes, one outside does not.
    label = Label("pasar", "company", "ID", Handling("tlp-2.0", "GREEN"), "GREEN", "consent")
    for kind, changes in (("police", True), ("customs", False)):
        profile = Profile("reader", kind, "KE", ("investigator",), (), "investigation", "court-order", True)
        before, after = (decide(one, profile, [label])[0].allowed for one in (policies, policies_of(narrowed)))
        assert (before != after) is changes and before - after == ({"export"} if changes else set())


def test_nothing_changes_where_only_words_do(policies: Policies) -> None:
    commented = {name: text + "// more\n" if name.endswith("cedar") else text for name, text in policies.files.items()}
    found = difference(policies, policies_of(commented))
    assert found.changes == () and found.rules == () and found.old != found.new


def test_a_difference_names_the_limits_that_change(policies: Policies) -> None:
    files = dict(policies.files)
    files["budget.yaml"] = files["budget.yaml"].replace("police: 10000", "police: 20000")
    found = difference(policies, policies_of(files))
    assert found.limits == ("~ budget.yaml kinds.police: 10000 → 20000",) and found.changes == ()


def test_explanations_name_every_deciding_rule(policies: Policies) -> None:
    label = Label("swiftline", "courier", "VN", Handling("tlp-2.0", "GREEN"), "RED", "consent", groups=("route",))
    profile = Profile("reader", "ngo", "GB", ("analyst",), ("route",), "investigation", "consent", True)
    told = {one.action: one for one in explain(policies, profile, label)}
    assert told["view"].allowed and set(told["view"].decision.rules) == {"shared-with-group", "tlp-community"}
    assert told["view"].files["tlp-community"] == "rulebooks/tlp-2.0.cedar"
    personal = told["view:personal"]
    assert not personal.allowed
    assert personal.decision.rules == ("personal-authorities-only", "personal-needs-investigator")
    assert told["recall"].decision.rule == "default-deny"


def test_explanations_say_what_the_service_adds(policies: Policies) -> None:
    cut = pasar('forbid action == Action::"view"')
    label = Label("pasar", "company", "ID", Handling("tlp-2.0", "GREEN"), "GREEN", "consent")
    profile = Profile("reader", "police", "KE", ("investigator",), (), "investigation", "court-order", True)
    told = {one.action: one for one in explain(cut, profile, label)}
    assert (told["view:content"].decision.allowed, told["view:content"].allowed) == (True, False)
    assert "may not be viewed" in told["view:content"].invariant and told["view"].invariant == ""
