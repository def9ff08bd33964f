"""Policy files: loading refuses what is wrong, and the check finds what authors get wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from graphsvc.policy.check import check, check_files, formatted
from graphsvc.policy.rules import InvalidPolicy, load_policies
from graphsvc.policy.tables import read_table, run_table

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
TABLES = sorted((POLICIES / "tests").glob("*.yaml"))


def codes(name: str) -> set[str]:
    return set(yaml.safe_load((ROOT / "schema" / "codelists" / f"{name}.yaml").read_text())["codes"])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(POLICIES, tmp_path / "policies"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_decision_tables(path: Path) -> None:
    assert run_table(load_policies(POLICIES), read_table(path)) == []


@pytest.mark.parametrize(
    "path", [POLICIES / "shared.cedar", *(POLICIES / "orgs").glob("*.cedar")], ids=lambda p: p.stem
)
def test_files_are_formatted(path: Path) -> None:
    assert formatted(path.read_text()) == path.read_text()


def test_rules_speak_of_codes_that_exist() -> None:
    standings = yaml.safe_load((POLICIES / "standings.yaml").read_text())
    kinds = {kind for listed in standings.values() for kind in listed}
    assert codes("organisation-kinds") | {"operator"} == kinds
    known = codes("purposes") | codes("legal-bases") | codes("pap") | kinds | set(standings)
    known |= codes("handling-tlp-2.0") | codes("handling-europol") | codes("handling-uk-3x5x2")
    known |= {"submitter", "investigator", "analyst", "officer", "operator", "tlp-2.0", "europol", "uk-3x5x2"}
    for path in [POLICIES / "shared.cedar", *(POLICIES / "orgs").glob("*.cedar")]:
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
    for file in ("shared.cedar", "schema.cedarschema", "standings.yaml", "orgs/pasar.cedar"):
        comment = "# more\n" if file.endswith("yaml") else "// more\n"
        (copy / file).write_text((copy / file).read_text() + comment)
        digests.add(load_policies(copy).digest)
    (copy / "orgs" / "pasar.cedar").unlink()
    digests.add(load_policies(copy).digest)
    assert len(digests) == 6


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


def test_check_finds_broken_invariants(copy: Path) -> None:
    shared = copy / "shared.cedar"
    text = shared.read_text()
    start = text.index('@id("company-own-only")')
    shared.write_text(text[:start] + text[text.index("// A company learns") :])
    for path in [*(copy / "orgs").iterdir(), *(copy / "tests").iterdir()]:
        path.unlink()
    own = copy / "orgs" / "pasar.cedar"
    own.write_text('@id("pasar-open")\npermit (principal, action, resource);\n')
    broken = [finding for finding in check(copy) if finding.code == "invariant"]
    assert any(
        finding.where == "labels of pasar" and "a company sees only its own" in finding.message for finding in broken
    )
