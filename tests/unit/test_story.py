"""The story's questions are valid and within limits, and the stage keeps an honest score."""

from __future__ import annotations

import io

import pytest
from graphql import parse, validate
from rich.console import Console

from graphsvc.api.schema import core_of
from graphsvc.app import api_schema
from graphsvc.demo import questions, tales
from graphsvc.demo.scenario.truth import Claims, PlantedRing
from graphsvc.demo.stage import Stage

QUESTIONS = {name: text for name, text in vars(questions).items() if name.isupper() and not name.startswith("_")}


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_fit_the_schema(name: str) -> None:
    assert validate(core_of(api_schema()), parse(QUESTIONS[name])) == []


def test_a_stage_holds_only_if_every_check_did() -> None:
    out = io.StringIO()
    stage = Stage(Console(file=out, width=120))
    assert not stage.held, "a story that was not told has not held"
    stage.step("First [step]")
    stage.table(("a", "b"), [("[x]", 1)], "a table")
    stage.expect("one is one", True)
    assert stage.held
    stage.expect("one is [two]", False, {"seen": "[1]"})
    stage.step("Second")
    stage.broke(ValueError("no such thing"))
    stage.end()
    assert not stage.held and [len(step["checks"]) for step in stage.score()["steps"]] == [2, 1]
    assert "✗ one is [two]" in out.getvalue() and "[x]" in out.getvalue()


def test_likeness_of_rings() -> None:
    planted = PlantedRing("ivory", ("a", "b", "c"), ("p",))
    found = [
        {"rank": 1, "accounts": [{"key": "x"}, {"key": None}]},
        {"rank": 2, "accounts": [{"key": key} for key in "abcd"]},
    ]
    assert tales.best_like(planted, found) == (0.75, 2)
    assert tales.best_like(planted, [])[0] == 0.0


def test_claims_know_what_is_only_hidden() -> None:
    claims = Claims()
    claims.say("one", "a", "b")
    claims.say("two", "b", "c")
    claims.say("three", "a", "c", hidden=True)
    claims.say("three", "c", "d", hidden=True)
    assert claims.distance("a", "c") == 2 and claims.distance("a", "d") == -1
    assert claims.only_hidden() == ("d",)
    assert claims.owners(["a", "c"]) == {"one", "two"}
