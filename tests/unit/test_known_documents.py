"""Known documents by hash, batches, pages of other origins, the explorer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from api_world import World

from graphsvc.api.persisted import Persisted, read_persisted
from graphsvc.api.transport import Transport
from graphsvc.model.errors import InvalidInput

CASES = "query Cases { cases { title } }"
OTHER = "{ cases { reference } }"
GRAPHQL = "application/graphql-response+json"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def listed(only: bool = False) -> Transport:
    return Transport(Persisted({sha(CASES): CASES}, only))


def ask(world: World, body: Any, **options: Any) -> Any:
    headers = {"accept": GRAPHQL, **options.pop("headers", {})}
    return world.request("POST", "/graphql", json=body, headers=headers, **options)


def apollo(name: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": name}}}


@pytest.mark.parametrize("body", [{"documentId": f"sha256:{sha(CASES)}"}, apollo(sha(CASES))])
def test_a_known_document_is_executed_by_its_hash(tmp_path: Path, body: dict[str, Any]) -> None:
    world = World(tmp_path, transport=listed())
    response = ask(world, body)
    assert (response.status_code, response.json()["data"]) == (200, {"cases": []})
    assert world.asking.questions[0][2] == response.request.content, "the request is logged as it came"


def test_clients_that_try_a_hash_first_go_on(tmp_path: Path) -> None:
    for transport, said in ((listed(), "NOT_FOUND"), (Transport(), "NOT_SUPPORTED")):
        world = World(tmp_path, transport=transport)
        for accept, status in ((GRAPHQL, 400), ("application/json", 200)):
            response = ask(world, apollo(sha(OTHER)), headers={"accept": accept})
            assert response.status_code == status
            error = response.json()["errors"][0]
            assert error["extensions"]["code"] == f"PERSISTED_QUERY_{said}"
            assert error["message"] == "PersistedQuery" + said.title().replace("_", "")
        assert not world.asking.questions
        assert ask(world, {"query": OTHER, **apollo(sha(OTHER))}).status_code == 200
        # What came with its hash was answered, and not kept.
        assert ask(world, apollo(sha(OTHER))).status_code == 400


def test_a_hash_of_another_document_is_refused(tmp_path: Path) -> None:
    response = ask(World(tmp_path, transport=listed()), {"query": OTHER, **apollo(sha(CASES))})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["where"]) == (400, "/query")


def test_only_known_documents_where_the_setting_says_so(tmp_path: Path) -> None:
    world = World(tmp_path, transport=listed(only=True))
    for query in (OTHER, "{ __typename }", CASES + " "):
        response = ask(world, {"query": query})
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "unknown_document"
        assert ask(world, {"query": query, **apollo(sha(query))}).status_code == 400
    assert not world.asking.questions
    assert ask(world, {"query": CASES}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": 1},
        {"documentId": "md5:x"},
        {"documentId": sha(CASES).upper()},
        {"documentId": "sha256:" + "a" * 100_000},
        {"documentId": ""},
        {"extensions": {"persistedQuery": 1}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": sha(CASES)}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": [sha(CASES)]}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha(CASES)[:-1]}}},
        {"query": 1, "documentId": sha(CASES)},
    ],
)
def test_names_that_are_none_are_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    response = ask(World(tmp_path, transport=listed()), body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["where"].startswith("/")


@pytest.mark.parametrize(
    "content",
    [
        {sha(CASES): CASES},
        {f"sha256:{sha(CASES)}": CASES},
        {
            "format": "apollo-persisted-query-manifest",
            "version": 1,
            "operations": [{"id": sha(CASES), "name": "Cases", "type": "query", "body": CASES}],
        },
    ],
    ids=["relay", "prefixed", "apollo"],
)
def test_lists_as_compilers_write_them(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps(content))
    assert read_persisted(path) == {sha(CASES): CASES}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        json.dumps({sha(OTHER): CASES}),
        json.dumps({sha(CASES): 1}),
        json.dumps({"format": "apollo-persisted-query-manifest", "operations": [1]}),
        json.dumps({"format": "apollo-persisted-query-manifest"}),
        json.dumps({hashlib.md5(CASES.encode()).hexdigest(): CASES}),
        " " * (5 << 20),
    ],
)
def test_a_list_that_is_none_is_refused_at_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "documents.json"
    path.write_text(content)
    with pytest.raises(InvalidInput) as caught:
        read_persisted(path)
    assert caught.value.code == "documents" and str(path) in caught.value.where


def test_a_listed_document_that_the_schema_no_longer_has_is_refused_at_the_start(tmp_path: Path) -> None:
    gone = "{ cases { colour } }"
    with pytest.raises(InvalidInput, match="colour") as caught:
        World(tmp_path, transport=Transport(Persisted({sha(gone): gone})))
    assert caught.value.where == f"sha256:{sha(gone)}"


def test_a_batch_is_answered_member_by_member(tmp_path: Path) -> None:
    world = World(tmp_path, transport=listed())
    members = [{"query": CASES}, {"query": "{ nothing }"}, {"documentId": sha(CASES)}, 1, {"query": "{ __typename }"}]
    response = ask(world, members)
    assert response.status_code == 200
    first, second, third, fourth, fifth = response.json()
    assert first["data"] == third["data"] == {"cases": []} and first["extensions"]["receipt"]
    assert second["errors"][0]["extensions"]["code"] == "invalid_query"
    assert fourth["errors"][0]["extensions"]["code"] == "invalid_json"
    assert fifth == {"data": {"__typename": "Query"}}
    # Each is a question of its own, logged as it stands in the body.
    assert [json.loads(question) for _, _, question in world.asking.questions] == [members[0], members[2]]
    assert all(question in response.request.content for _, _, question in world.asking.questions)


def test_a_batch_that_fails_alike_has_that_status(tmp_path: Path) -> None:
    world = World(tmp_path)
    response = ask(world, [{"query": '{ entity(handle: "later") { kind } }'}] * 3)
    assert (response.status_code, len(response.json())) == (503, 3)
    assert response.headers["retry-after"]
    assert ask(world, [{"query": "{ nothing }"}, 7]).status_code == 400


def test_batches_are_bounded(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert ask(world, [{"query": "{ __typename }"}] * 10).status_code == 200
    for body, status in (([{"query": CASES}] * 11, 413), ([], 400), ([[{"query": CASES}]], 400)):
        assert ask(world, body).status_code == status
    for content in (b"[" * 5000, b'[{"query":', b'[{"query": "\xff"}]', b"[1,]", b"[" + b"1," * 100_000 + b"1]"):
        response = world.request("POST", "/graphql", content=content, headers={"content-type": "application/json"})
        assert response.status_code in (400, 413), content[:20]
    none = World(tmp_path / "none", transport=Transport(batch=0))
    assert ask(none, [{"query": CASES}]).status_code == 400
    assert not world.asking.questions and not none.asking.questions


def test_a_batch_is_never_signed(tmp_path: Path) -> None:
    world = World(tmp_path)
    headers = {"signature-input": 'sig=("@method");tag="x"', "signature": "sig=:A:"}
    response = ask(world, [{"query": CASES}], headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["where"] == "header signature-input"
    assert not world.asking.questions


def test_a_batch_takes_no_more_room_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphsvc.api.graphql_http.ROOM", 20)
    world = World(tmp_path)
    answers = ask(world, [{"query": CASES}] * 3).json()
    assert [("data" in one) for one in answers] == [True, False, False]
    assert answers[1]["errors"][0]["extensions"]["code"] == "answer_too_large"
    assert len(world.asking.questions) == 1, "what does not leave is not logged"


def preflight(world: World, origin: str) -> Any:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,graphsvc-case",
    }
    return world.request("OPTIONS", "/graphql", token=None, headers=headers)


def test_pages_of_other_origins_may_ask_where_the_setting_names_them(tmp_path: Path) -> None:
    world = World(tmp_path, transport=Transport(origins=("https://app.example.org",)))
    allowed = preflight(world, "https://app.example.org")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example.org"
    assert "access-control-allow-credentials" not in allowed.headers
    asked = ask(world, {"query": CASES}, headers={"origin": "https://app.example.org"})
    assert asked.headers["access-control-allow-origin"] == "https://app.example.org"
    refused = ask(world, {"query": "x"}, headers={"origin": "https://app.example.org"})
    assert refused.status_code == 400 and "access-control-allow-origin" in refused.headers
    for origin in ("https://app.example.org.evil.example", "http://app.example.org", "null"):
        assert "access-control-allow-origin" not in preflight(world, origin).headers
        assert "access-control-allow-origin" not in ask(world, {"query": CASES}, headers={"origin": origin}).headers


def test_without_the_setting_no_page_may(tmp_path: Path) -> None:
    response = preflight(World(tmp_path), "https://app.example.org")
    assert response.status_code == 405 and "access-control-allow-origin" not in response.headers


def test_the_explorer_is_served_from_here_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    page = world.request("GET", "/explorer", token=None)
    assert page.status_code == 200 and "script-src 'self'" in page.headers["content-security-policy"]
    for name in ("explorer.js", "explorer.css"):
        assert f"explorer/{name}" in page.text
        file = world.request("GET", f"/explorer/{name}", token=None)
        assert file.status_code == 200 and file.headers["x-content-type-options"] == "nosniff"
        page_and_file = page.text + file.text
        assert "://" not in page_and_file, "all of it comes from here"
        assert not any(word in page_and_file for word in ("localStorage", "sessionStorage", "cookie", "innerHTML"))
    for name in ("__init__.py", "..%2f__init__.py", "nothing"):
        assert world.request("GET", f"/explorer/{name}", token=None).status_code == 404
    off = World(tmp_path / "off", transport=Transport())
    assert off.request("GET", "/explorer", token=None).status_code == 404
