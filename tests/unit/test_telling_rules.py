"""Rules of telling: what a file may say, whom a rule is about, and that everything else is told at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from graphsvc.ledger.telling import day_after
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Footing
from graphsvc.policy.bounds import InvalidPolicy
from graphsvc.policy.check import check_files
from graphsvc.policy.rules import load_policies, policies_of, read_files
from graphsvc.policy.telling import MAX_LAW, MAX_RULES, TELLING_FILE, Telling, Tellings, parse_tellings
from graphsvc.rulebooks.versions import part_of
from tests.commands import Done, running

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
RULE = {
    **{"name": "covert", "law": "Act, section 1", "purposes": ["investigation"], "legalBases": ["court-order"]},
    **{"askers": ["police"], "delay": 30},
}
QUIET = {**RULE, "name": "quiet", "legalBases": ["mutual-assistance"], "silent": True}
QUIET.pop("delay")


def codes(name: str) -> list[str]:
    return sorted(yaml.safe_load((ROOT / "schema" / "codelists" / f"{name}.yaml").read_text())["codes"])


def text(*rules: dict[str, Any]) -> str:
    return json.dumps({"rules": list(rules)})


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in {**RULE, **more}.items() if name not in names}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(POLICIES, tmp_path / "policies"))


BAD: dict[str, tuple[str, str]] = {
    "no law": (text(without("law")), "law"),
    "an empty law": (text(without(law="")), "law"),
    "a blank law": (text(without(law="  ")), "law names"),
    "a law of two lines": (text(without(law="a\nb")), "one line"),
    "a long law": (text(without(law="x" * (MAX_LAW + 1))), "law has more"),
    "a law that is long in bytes": (text(without(law="法" * (MAX_LAW // 3 + 1))), "law has more"),
    "no delay and not silent": (text(without("delay")), "either delay"),
    "both": (text(without(silent=True)), "either delay"),
    "silent: false and no delay": (text(without("delay", silent=False)), "either delay"),
    "no day": (text(without(delay=0)), "delay"),
    "days below none": (text(without(delay=-3)), "delay"),
    "more days than a year": (text(without(delay=367)), "delay"),
    "days as text": (text(without(delay="30")), "delay"),
    "half a day": (text(without(delay=1.5)), "delay"),
    "endless": ("rules: [{delay: .inf}]", "number"),
    "no purposes": (text(without("purposes")), "purposes"),
    "an empty list": (text(without(purposes=[])), "purposes"),
    "no legal basis": (text(without("legalBases")), "legalBases"),
    "no askers": (text(without("askers")), "askers"),
    "owners that are nobody": (text(without(owners=[])), "owners"),
    "an unknown purpose": (text(without(purposes=["investigations"])), "there is no investigations"),
    "an unknown basis": (text(without(legalBases=["court order"])), "there is no court order"),
    "an unknown asker": (text(without(askers=["king"])), "there is no king"),
    "an unknown owner": (text(without(owners=["king"])), "there is no king"),
    "a word twice": (text(without(purposes=["audit", "audit"])), "twice"),
    "a member that is none": (text(without(until="2030-01-01")), "until"),
    "a name that is none": (text(without(name="Covert Rule")), "name"),
    "a long name": (text(without(name="x" * 41)), "name"),
    "a name twice": (text(RULE, {**QUIET, "name": "covert"}), "called covert"),
    "two rules on one asking": (text(RULE, {**QUIET, "legalBases": ["court-order", "consent"]}), "the same asking"),
    "one for some owners, one for all": (
        text(RULE, {**QUIET, "legalBases": ["court-order"], "owners": ["company"]}),
        "the same asking",
    ),
    "too many": (text(*({**RULE, "name": f"r{n}"} for n in range(MAX_RULES + 1))), f"more than {MAX_RULES}"),
    "an alias": ("rules: &a []\nmore: *a", "alias"),
    "no mapping": ("- rules", "object"),
    "a file cut off": ("rules: [{name: covert,", "YAML|line"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_in_doubt_is_refused_and_so_is_its_version(name: str) -> None:
    bad, said = BAD[name]
    with pytest.raises(InvalidInput, match=said):
        parse_tellings(bad)
    with pytest.raises(InvalidPolicy) as caught:
        policies_of({**read_files(POLICIES), TELLING_FILE: bad})
    assert caught.value.where == TELLING_FILE


def test_a_file_past_the_bounds_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidPolicy, match="bytes"):
        policies_of({**read_files(POLICIES), TELLING_FILE: text(RULE) + " " * (1 << 16)})


@pytest.mark.parametrize("delay", [1, 366])
def test_bounds_are_within(delay: int) -> None:
    [rule] = parse_tellings(text(without(delay=delay, law="x" * MAX_LAW))).rules
    assert rule.delay == delay


def test_rules_that_share_no_asking_stand_beside_each_other() -> None:
    more = {**QUIET, "name": "by-owner", "legalBases": ["court-order"], "owners": ["company"]}
    assert len(parse_tellings(text({**RULE, "owners": ["courier", "payment"]}, QUIET, more)).rules) == 3


def test_it_is_a_part_of_the_shared_rulebook_and_of_its_digest(copy: Path) -> None:
    before = load_policies(copy)
    (copy / TELLING_FILE).write_text(text(RULE))
    after = load_policies(copy)
    assert before.tellings == Tellings() and [rule.name for rule in after.tellings.rules] == ["covert"]
    assert before.digest != after.digest and part_of(TELLING_FILE) == "shared"
    assert check_files(copy) == []
    (copy / TELLING_FILE).write_text(text(without("law")))
    [finding] = check_files(copy)
    assert (finding.code, finding.where) == ("invalid_policy", TELLING_FILE)


def test_whom_a_rule_is_about() -> None:
    found = parse_tellings(text(without(owners=["company"]), QUIET))
    order = Footing("investigation", "court-order", "K-1")

    def name(footing: Footing, asker: str = "police", owner: str = "company") -> str | None:
        rule = found.of(footing, asker, owner)
        return None if rule is None else rule.name

    assert (
        name(order) == "covert" and name(Footing("investigation", "mutual-assistance", "K-1"), owner="ngo") == "quiet"
    )
    assert name(order, owner="courier") is None and name(order, asker="customs") is None
    assert name(Footing("audit", "court-order", "K-1")) is None
    assert name(Footing("investigation", "consent", "K-1")) is None
    assert name(Footing("investigation", "court-order", "")) is None, "a footing that is not stated"


KINDS, PURPOSES, BASES = codes("organisation-kinds"), codes("purposes"), codes("legal-bases")


def chosen(listed: list[str]) -> some.SearchStrategy[list[str]]:
    return some.lists(some.sampled_from(listed), min_size=1, max_size=3, unique=True)


RULES = some.lists(
    some.fixed_dictionaries(
        {
            **{"purposes": chosen(PURPOSES), "legalBases": chosen(BASES), "askers": chosen(KINDS)},
            **{"owners": some.none() | chosen(KINDS), "delay": some.none() | some.integers(1, 366)},
        }
    ),
    max_size=4,
)


@given(RULES, some.sampled_from(PURPOSES), some.sampled_from(BASES), some.sampled_from(KINDS), some.sampled_from(KINDS))
def test_what_no_rule_names_word_by_word_is_told_at_once(
    listed: list[dict[str, Any]], purpose: str, basis: str, asker: str, owner: str
) -> None:
    """A model of its own: a rule is about an asking if each of its lists has the asking's word."""
    rules = [{**one, "name": f"r{n}", "law": "a law", "silent": one["delay"] is None} for n, one in enumerate(listed)]
    about = [
        one
        for one in rules
        if purpose in one["purposes"] and basis in one["legalBases"] and asker in one["askers"]
        and (one["owners"] is None or owner in one["owners"])
    ]  # fmt: skip
    try:
        found = parse_tellings(text(*rules)).of(Footing(purpose, basis, "K-1"), asker, owner)
    except InvalidInput as error:
        assert "the same asking" in error.message
        return
    assert len(about) <= 1, "no two rules are about one asking"
    assert (None if found is None else found.name) == (about[0]["name"] if about else None)


@pytest.mark.parametrize(
    ("moment", "days", "day"),
    [
        (1_790_000_000.0, 1, "2026-09-23"),  # 21 September 2026, 14:13:20
        (1_789_948_800.0, 1, "2026-09-23"),  # midnight, when 21 September begins
        (1_789_948_799.0, 1, "2026-09-22"),
        (1_790_000_000.0, 366, "2027-09-23"),
    ],
)
def test_the_day_is_the_first_that_begins_after_the_delay(moment: float, days: int, day: str) -> None:
    assert day_after(moment, days) == day


def test_explain_and_diff_show_it(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    command = running(monkeypatch, capfd)
    after = Path(shutil.copytree(copy, tmp_path / "after"))
    (after / TELLING_FILE).write_text(text(RULE))
    who = ("--kind", "police", "--role", "investigator", "--purpose", "investigation", "--legal-basis", "court-order")
    rule = Telling("covert", "Act, section 1", ("investigation",), ("court-order",), ("police",), delay=30)
    label = ("--owner", "pasar", "--handling", "tlp-2.0 GREEN")

    def explained(folder: Path, *more: str) -> Done:
        return command("policy", "explain", str(folder), *who, *label, *more)

    assert f"of a hit the owner is told by rule {rule.said()}" in explained(after).stdout
    assert "of a hit the owner is told at once" in explained(copy).stdout
    said = explained(after, "--json").value["hit"]
    assert (said["name"], said["delay"], said["law"]) == ("covert", 30, "Act, section 1")
    changed = command("policy", "diff", str(copy), str(after), "--json")
    assert changed.returncode == 1
    assert json.loads(changed.stdout)["tellings"] == [f"+ {TELLING_FILE} {rule.said()}"]
    assert command("policy", "check", str(after)).returncode == 0
