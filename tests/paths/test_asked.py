"""An answer says what was asked: a typo, a case that nobody registered, a missing role are errors, never "no hit"."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from graphsvc.client import Client
from graphsvc.client.errors import Refused
from graphsvc.demo.company import Members
from graphsvc.model.principals import Footing
from tests.paths.conftest import CASE, FOOTING
from tests.paths.process import ROOT, environment
from tests.paths.wire import DEFAULTS

SOMETHING = "{ budget { used } }"
BASIS = FOOTING.legal_basis

WRONG = {
    "a purpose misspelt": (Footing("investigaton", BASIS, CASE), "unknown_purpose", "purpose", "investigation"),
    "a purpose in capitals": (Footing("Investigation", BASIS, CASE), "unknown_purpose", "purpose", "investigation"),
    "a legal basis misspelt": (
        Footing("investigation", "statutory-dutty", CASE),
        "unknown_legal_basis",
        "legal-basis",
        "statutory-duty",
    ),
    "a case misspelt": (Footing("investigation", BASIS, "PATH/2026-11"), "unknown_case", "case", CASE),
    "no case": (Footing("investigation", BASIS), "incomplete_footing", "case", "lacks the case:"),
    "a case alone": (Footing(case=CASE), "incomplete_footing", "purpose", "lacks the purpose and the legal basis:"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_footing_that_is_none_is_refused_with_what_was_meant(investigator: Client, name: str) -> None:
    footing, code, header, meant = WRONG[name]
    with pytest.raises(Refused) as refused:
        investigator.query(SOMETHING, {}, footing)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert refused.value.where == f"header graphsvc-{header}" and meant in refused.value.message


def test_a_case_of_another_organisation_is_as_one_of_nobody(members: Members) -> None:
    register = """mutation($r: String!) {
      registerCase(reference: $r, title: "Of the police", legalBasis: "statutory-duty") { reference } }"""
    theirs = "POLICE/ONLY-1"
    members.client("police-ke.investigator").query(register, {"r": theirs})
    told = []
    for case in (theirs, "NO/SUCH"):
        with pytest.raises(Refused) as refused:
            members.client("pasar.officer").query(SOMETHING, {}, Footing("investigation", BASIS, case))
        told.append((refused.value.code, refused.value.message, refused.value.where))
    assert told[0] == told[1] and theirs not in told[0][1], "only one's own cases are named"


def test_without_any_footing_ones_own_records_are_asked(members: Members) -> None:
    assert members.client("pasar.officer").query(SOMETHING).data["budget"]["used"] >= 0


UNKNOWN = {
    "link kind": ('{ expand(start: "x", linkKinds: ["USES", "USSES"]) { truncated } }', "linkKinds/1", "USES"),
    "identifier kind": (
        '{ rings(parameters: {identifierKinds: ["Fone"]}) { links } }',
        "parameters/identifierKinds/0",
        "Phone",
    ),
    "entity kind": (
        '{ search(kind: "Fone", parts: [{name: "value", value: "1"}]) { key } }',
        "identifier",
        "Phone",
    ),
    "key part": (
        '{ search(kind: "Phone", parts: [{name: "valu", value: "1"}]) { key } }',
        "identifier",
        "value",
    ),
    "number": (
        '{ search(kind: "Phone", parts: [{name: "value", value: "12x"}]) { key } }',
        "identifier",
        "",
    ),
    "grading scheme": (
        '{ search(kind: "Phone", parts: [{name: "value", value: "+254711000001"}], '
        'grading: {scheme: "admirality"}) { key } }',
        "grading",
        "admiralty",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_word_in_a_question_is_an_error_that_says_where(members: Members, name: str) -> None:
    query, where, meant = UNKNOWN[name]
    with pytest.raises(Refused) as refused:
        members.client("police-ke.analyst").query(query, {}, FOOTING)
    assert refused.value.status == 400 and refused.value.where == where
    assert meant in refused.value.message and "12x" not in refused.value.message


NEEDS_A_ROLE = {
    "{ rings { links } }": "police-ke.investigator",
    "{ accessLog { nextBefore } }": "police-ke.investigator",
    "{ holds { index } }": "police-ke.investigator",
    "{ recalls { index } }": "police-ke.investigator",
    "{ recallNotices { notice } }": "police-ke.feed",
    '{ subjectAccess(kind: "Phone", parts: [{name: "value", value: "+254711000001"}]) { key } }': (
        "police-ke.investigator"
    ),
}


@pytest.mark.parametrize("query", NEEDS_A_ROLE, ids=[query.split()[1].partition("(")[0] for query in NEEDS_A_ROLE])
def test_what_needs_a_role_is_denied_without_it(members: Members, query: str) -> None:
    with pytest.raises(Refused) as refused:
        members.client(NEEDS_A_ROLE[query]).query(query, {}, FOOTING)
    assert (refused.value.status, refused.value.code) == (403, "denied")


def test_an_act_that_selects_by_an_unknown_code_is_refused(members: Members) -> None:
    bad = {
        "unknown_scheme": {"handling": {"scheme": "tlp", "code": "RED"}},
        "unknown_code": {"handling": {"scheme": "tlp-2.0", "code": "REDD"}},
        "unknown_legal_basis": {"legalBasis": "court-ordr"},
    }
    for code, select in bad.items():
        with pytest.raises(Refused) as refused:
            members.act("pasar.officer", "hold", "records", {"target": {"select": select}, "reason": "x"})
        assert (refused.value.status, refused.value.code) == (400, code) and "did you mean" in refused.value.message


def test_the_command_line_says_what_was_meant_and_exits_with_2(members: Members) -> None:
    profile = members.write_profile("police-ke.investigator", DEFAULTS)
    words = ["match", "--phone", "+254711000001", "--profile", str(profile), "--json"]
    footing = ["--legal-basis", BASIS, "--case", CASE]
    done = run(*words, *footing, "--purpose", "investigaton")
    assert done.returncode == 2
    error: dict[str, Any] = json.loads(done.stdout)["error"]
    assert error["code"] == "unknown_purpose" and "did you mean investigation?" in error["message"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "graphsvc", *words]
    variables = {**environment(), "COLUMNS": "200"}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False)
