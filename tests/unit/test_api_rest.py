"""The other REST routes: the public log, organisations, keys, evidence, health, and one status for each error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api_world import OPERATOR, RECEIPT, World

from graphsvc.api.problems import TABLE, problem_of
from graphsvc.model import errors
from graphsvc.model.errors import GraphsvcError
from graphsvc.model.principals import Organisation

ROOT_KEY = "A" * 43
ORGANISATION = {"org": "police-ke", "kind": "police", "jurisdiction": "KE", "name": "Police", "rootKey": ROOT_KEY}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _all_errors(kind: type[GraphsvcError] = GraphsvcError) -> list[type[GraphsvcError]]:
    return [kind, *(deeper for sub in kind.__subclasses__() for deeper in _all_errors(sub))]


TREE = [kind for kind in _all_errors() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_class_of_error_has_its_row(kind: type[GraphsvcError]) -> None:
    problem = problem_of(kind("what is wrong", where="row 1"))
    assert problem.answer is TABLE[kind]
    assert problem.details()["status"] == TABLE[kind].status
    assert problem.code == kind.code
    assert (problem.detail == "what is wrong") is (kind is not errors.IntegrityError)


def test_a_subclass_of_another_module_is_answered_like_its_parent() -> None:
    class Special(errors.Conflict):
        code = "special"

    assert problem_of(Special("x")).answer.status == 409


def test_the_log_is_readable_by_anyone(world: World) -> None:
    note = world.request("GET", "/log/checkpoint", token=None)
    assert note.text.startswith("origin\n1\n")
    assert note.headers["cache-control"] == "no-cache"
    tile = world.request("GET", "/log/tile/0/x001/234.p/7", token=None)
    assert (tile.content, tile.headers["content-type"]) == (b"tile", "application/octet-stream")
    assert "immutable" in tile.headers["cache-control"]
    assert world.request("GET", f"/log/object/sha256:{'0' * 64}", token=None).content == b"object"
    proof = world.request("GET", "/v1/log/consistency?old=1&new=2", token=None).json()
    assert proof == {"old": 1, "new": 2, "proof": ["A" * 43]}


@pytest.mark.parametrize(
    "path",
    [
        "/log/tile/0/000",
        "/log/tile/0/../../etc/passwd",
        "/log/tile/0/%2e%2e/000",
        "/log/tile/64/000",
        "/log/tile/0/1",
        "/log/tile/0/x001/234.p/0",
        "/log/tile/0/x001/234.p/7/",
        "/log/object/sha256:00",
        "/log/object/..",
        "/nothing",
        f"/log/object/sha256:{'1' * 64}",
    ],
)
def test_everything_else_below_the_log_is_not_found(world: World, path: str) -> None:
    response = world.request("GET", path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) == {"type", "title", "status", "detail", "code", "where"}


@pytest.mark.parametrize("query", ["", "old=1", "old=1&new=x", "old=1&new=2&new=3", "old=-1&new=1", "old=2&new=1"])
def test_consistency_needs_two_sizes(world: World, query: str) -> None:
    assert world.request("GET", f"/v1/log/consistency?{query}").status_code == 400


def test_only_an_operator_admits_organisations(world: World) -> None:
    assert world.request("POST", "/v1/organisations", json=ORGANISATION).status_code == 403
    assert world.request("POST", "/v1/organisations", json=ORGANISATION, token=None).status_code == 401
    token = world.identity.token(OPERATOR)
    response = world.request("POST", "/v1/organisations", json=ORGANISATION, token=token)
    assert (response.status_code, response.json()) == (201, {"org": "police-ke", "index": 7, "receipt": RECEIPT})
    assert world.administering.done == [(Organisation("police-ke", "police", "KE", "Police"), bytes(32))]


@pytest.mark.parametrize(
    "change",
    [
        {"org": "Police KE"},
        {"org": 1},
        {"jurisdiction": "ke"},
        {"rootKey": "AAAA"},
        {"name": ""},
        {"name": "a\nb"},
        {"more": 1},
    ],
)
def test_organisations_are_checked(world: World, change: dict[str, Any]) -> None:
    token = world.identity.token(OPERATOR)
    response = world.request("POST", "/v1/organisations", json={**ORGANISATION, **change}, token=token)
    assert response.status_code == 400
    assert not world.administering.done


def test_key_events_are_passed_on(world: World) -> None:
    response = world.request("POST", "/v1/keys", json={"act": "a.b.c"})
    assert (response.status_code, response.json()) == (201, {"index": 7, "receipt": RECEIPT})
    assert world.administering.done == ["a.b.c"]
    for body in ({}, {"act": "a.b"}, {"act": ["a.b.c"]}, {"act": "a.b.c", "x": 1}, [], None):
        assert world.request("POST", "/v1/keys", json=body).status_code == 400


def test_evidence_takes_indexes_or_all(world: World) -> None:
    for indexes in (None, [], [1, 2]):
        assert world.request("POST", "/v1/evidence", json={"indexes": indexes}).json() == {"indexes": indexes}
    for indexes in (1, ["1"], [True], [-1], [1.5], [2**60], [0] * 10_001):
        assert world.request("POST", "/v1/evidence", json={"indexes": indexes}).status_code == 400


def test_health(world: World) -> None:
    assert world.request("GET", "/health/live", token=None).json() == {"status": "live"}
    ready = world.request("GET", "/health/ready", token=None)
    assert ready.status_code == 200
    behind = {"entriesBehind": 2, "secondsBehind": 61, "lagging": False}
    assert ready.json()["applier"] == {"applied": 4, "head": 7, **behind, "stuck": None}
    assert ready.json()["setAside"] == [{"entry": 3, "code": "x"}]
    assert ready.json()["plans"] == {"statements": 3, "planned": 2, "late": True}
    world.administering.lagging = True
    late = world.request("GET", "/health/ready", token=None)
    assert (late.status_code, late.json()["status"]) == (503, "lagging")
    assert world.request("GET", "/health/live", token=None).status_code == 200, "it is not to be restarted"
    world.administering.is_ready = False
    response = world.request("GET", "/health/ready", token=None)
    assert (response.status_code, response.json()["parts"]) == (503, {"graph": False, "ledger": True})


def test_other_methods_are_refused_with_problem_details(world: World) -> None:
    response = world.request("DELETE", "/v1/submissions")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["code"] == "method_not_allowed"
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert world.request("GET", path).status_code == 404


def test_only_a_conflict_that_goes_away_asks_to_try_again() -> None:
    assert problem_of(errors.Conflict("x", code="in_flight")).headers()["retry-after"] == "1"
    assert "retry-after" not in problem_of(errors.Conflict("x", code="case_exists")).headers()
