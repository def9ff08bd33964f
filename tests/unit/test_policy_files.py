"""Policy files: loading refuses what is wrong, and the check finds what authors get wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from graphsvc.policy.bounds import InvalidPolicy
from graphsvc.policy.check import check, check_files, formatted
from graphsvc.policy.rules import load_policies
from graphsvc.policy.tables import read_table, run_table

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
TABLES = sorted((POLICIES / "tests").glob("**/*.yaml"))
RULES = sorted(POLICIES.glob("**/*.cedar"))


def codes(name: str) -> set[str]:
    return set(yaml.safe_load((ROOT / "schema" / "codelists" / f"{name}.yaml").read_text())["codes"])


_RULE = '@id("pasar-x") permit (principal, action, resource) when {{ {} }};'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(POLICIES, tmp_path / "policies"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_decision_tables(path: Path) -> None:
    assert run_table(load_policies(POLICIES), read_table(path)) == []


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_files_are_formatted(path: Path) -> None:
    assert formatted(path.read_text()) == path.read_text()


def test_rules_speak_of_codes_that_exist() -> None:
    standings = yaml.safe_load((POLICIES / "standings.yaml").read_text())
    kinds = {kind for listed in standings.values() for kind in listed}
    assert codes("organisation-kinds") | {"operator"} == kinds
    known = codes("purposes") | codes("legal-bases") | codes("pap") | kinds | set(standings)
    known |= codes("handling-tlp-2.0") | codes("handling-europol") | codes("handling-uk-3x5x2")
    known |= {"submitter", "investigator", "analyst", "officer", "operator", "tlp-2.0", "europol", "uk-3x5x2"}
    for path in RULES:
        rules = re.sub(r'//.*|@id\(".*?"\)|Action::".*?"', "", path.read_text())
        assert set(re.findall(r'"(.*?)"', rules)) <= known | {path.stem}, path.name


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("orgs/pasar.cedar", "permit (principal, action, resource);", "needs an @id"),
        ("orgs/pasar.cedar", '@id("own-records") permit (principal, action, resource);', "named pasar-"),
        ("orgs/pasar.cedar", '@id("swiftline-x") permit (principal, action, resource);', "named pasar-"),
        ("orgs/pasar.cedar", '@id("pasar-x") permit (principal, action, resource);\n' * 2, "is taken"),
        ("orgs/pasar.cedar", '@id("pasar-x") permit (principal, action, resource == ?resource);', "templates"),
        (
            "orgs/pasar.cedar",
            '@id("pasar-x") permit (principal, action, resource) when { resource.x };',
            "fit the schema",
        ),
        (
            "orgs/pasar.cedar",
            '@id("pasar-x") permit (principal, action in Action::"reed", resource);',
            "fit the schema",
        ),
        (
            "orgs/pasar.cedar",
            '@id("pasar-x") permit (principal in Standing::"king", action, resource);',
            "fit the schema",
        ),
        ("orgs/pasar.cedar", "permit (", "does not parse"),
        ("orgs/pasar.cedar", _RULE.format('resource.code like "A*"'), "names values, not patterns"),
        ("orgs/pasar.cedar", _RULE.format('action == Action::"view"'), "names values, not patterns"),
        ("orgs/pasar.cedar", _RULE.format('principal == Reader::"reader"'), "about attributes"),
        ("rulebooks/pap.cedar", '@id("own-records") permit (principal, action, resource);', "is taken"),
        ("standings.yaml", "authority: [", "no YAML"),
        ("budget.yaml", "default: -1", "from 0 up"),
        ("budget.yaml", "kinds: {police: 5}", "default"),
        ("shared.cedar", '@id("default-deny") permit (principal, action, resource);', "needs an @id"),
        ("schema.cedarschema", "entity {", "does not parse"),
        ("standings.yaml", "authority: [police]\ncompany: [police]", "two standings"),
    ],
)
def test_wrong_files_are_refused(copy: Path, file: str, text: str, message: str) -> None:
    (copy / file).write_text(text)
    with pytest.raises(InvalidPolicy) as caught:
        load_policies(copy)
    assert message in caught.value.message
    assert file in caught.value.where
    assert [finding.code for finding in check(copy)] == ["invalid_policy"]


def test_missing_files_are_refused(copy: Path) -> None:
    (copy / "shared.cedar").unlink()
    with pytest.raises(InvalidPolicy):
        load_policies(copy)


def test_digest_follows_every_file(copy: Path) -> None:
    before = load_policies(copy).digest
    assert before == load_policies(POLICIES).digest and re.fullmatch(r"sha256:[0-9a-f]{64}", before)
    digests = {before}
    data = ("standings.yaml", "budget.yaml")
    for file in ("shared.cedar", "rulebooks/pap.cedar", "schema.cedarschema", *data, "orgs/pasar.cedar"):
        comment = "# more\n" if file.endswith("yaml") else "// more\n"
        (copy / file).write_text((copy / file).read_text() + comment)
        digests.add(load_policies(copy).digest)
    (copy / "orgs" / "pasar.cedar").unlink()
    digests.add(load_policies(copy).digest)
    assert len(digests) == 8


def test_check_is_content_with_the_product() -> None:
    assert check_files(POLICIES) == []


def test_check_finds_format_and_decisions(copy: Path) -> None:
    own = copy / "orgs" / "swiftline.cedar"
    own.write_text(own.read_text().replace("forbid (", "forbid   ("))
    assert [(finding.code, finding.where) for finding in check_files(copy)] == [("format", "orgs/swiftline.cedar")]
    own.unlink()
    (copy / "tests" / "bad.yaml").write_text("cases: 3\n")
    findings = check_files(copy)
    assert {finding.code for finding in findings} == {"decision", "invalid_policy"}
    assert any("personal is withheld by no rule, not swiftline-personal" in finding.message for finding in findings)


def test_every_rulebook_has_a_table() -> None:
    books = {path.stem for path in (POLICIES / "rulebooks").glob("*.cedar")}
    assert books - {"jtf-wildlife"} <= {path.stem for path in TABLES}
    told = (POLICIES / "tests" / "sharing-groups.yaml").read_text()
    assert "jtf-wildlife" in told


def test_tables_name_what_there_is(copy: Path) -> None:
    (copy / "tests" / "odd.yaml").write_text(
        "readers: {a: {org: a, kind: police, jurisdiction: KE}}\nfootings: {}\ncases:\n"
        "  - name: odd\n    reader: a\n    allow: [look]\n"
        "    label: {owner: b, ownerKind: company, jurisdiction: ID, handling: none}\n"
    )
    assert [(one.code, one.message) for one in check_files(copy)] == [("invalid_policy", "there is no action look")]
