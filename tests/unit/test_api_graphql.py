"""GraphQL over HTTP: media types, refusals, limits, footing, receipts, masking."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from api_world import RECEIPT, World
from graphql import get_introspection_query

from graphsvc.cli.generate import sdl
from graphsvc.model.errors import Denied, InvalidQuery, ScopeMoved, Unavailable
from graphsvc.model.principals import Footing

LOOKED = {"appliedIndex": 42, "ownPending": [], "onlyOwn": False, "cut": []}

GRAPHQL = "application/graphql-response+json"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_answer_carries_data_receipt_and_applied_index(world: World) -> None:
    response = world.graphql('{ entity(handle: "h1") { handle kind key __typename } }')
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    data = {"entity": {"handle": "h1", "kind": "Phone", "key": None, "__typename": "Entity"}}
    assert response.json() == {"data": data, "extensions": {"receipt": RECEIPT, **LOOKED}}


def test_the_request_is_asked_as_sent_on_the_footing_of_the_headers(world: World) -> None:
    headers = {"Graphsvc-Purpose": "investigation", "Graphsvc-Legal-Basis": "KE-WCMA-2013", "Graphsvc-Case": "C-1"}
    response = world.graphql("{ cases { title } }", headers=headers)
    principal, footing, question = world.asking.questions[0]
    assert (principal.org, principal.person, principal.roles) == ("pasar", "ratna", ("analyst",))
    assert footing == Footing("investigation", "KE-WCMA-2013", "C-1")
    assert question == response.request.content


def test_arguments_reach_the_reading_in_their_python_form(world: World) -> None:
    query = """query ($start: ID!, $k: [String!]) {
      expand(start: $start, hops: 2, linkKinds: $k, after: 5) { entities { handle } }
      search(kind: "Phone", parts: [{name: "number", value: "1"}, {name: "x", value: "2"}]) { kind key }
      rings(parameters: {hubCap: 20, identifierKinds: ["Phone"]}) { parameters { name value } }
      match(identifiers: [{kind: "Phone", parts: [{name: "n", value: "1"}]}]) { kind hit }
    }"""
    data = world.graphql(query, {"start": "s", "k": ["USES"]}).json()["data"]
    assert data["expand"]["entities"][1]["handle"] == "2/['USES']/300/5"
    assert data["search"] == [{"kind": "Phone", "key": "number=1|x=2"}]
    settings = {p["name"]: p["value"] for p in data["rings"]["parameters"]}
    assert settings == {"hub_cap": "20", "identifier_kinds": "['Phone']"}
    assert data["match"] == [{"kind": "Phone", "hit": True}]


def test_root_fields_take_turns_whichever_way_they_are_executed(world: World) -> None:
    fields = '{ a: entity(handle: "a") { kind } b: entity(handle: "b") { kind } }'
    for query in (fields, fields.replace("b: entity", "b: entity").replace("} }", "} __typename }")):
        assert "errors" not in world.graphql(query).json()


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"x"', b"{", b"\xff", b'{"query": "\xff"}', b"1", b'{"query":"\\ud800"}', b"[" * 5000],
)
def test_bodies_that_are_not_json_objects_are_400(world: World, body: bytes) -> None:
    for accept in (GRAPHQL, "application/json"):
        headers = {"content-type": "application/json", "accept": accept}
        response = world.request("POST", "/graphql", content=body, headers=headers)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "/query"),
        ({"query": None}, "/query"),
        ({"query": 1}, "/query"),
        ({"query": "{__typename}", "operationName": 1}, "/operationName"),
        ({"query": "{__typename}", "variables": [1]}, "/variables"),
        ({"query": "{__typename}", "variables": "x"}, "/variables"),
        ({"query": "{__typename}", "extensions": 0}, "/extensions"),
    ],
)
def test_members_of_the_wrong_type_are_400(world: World, body: object, where: str) -> None:
    response = world.request("POST", "/graphql", json=body, headers={"accept": "application/json"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["where"] == where


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ entity(handle: "+8613800138000) { kind } }', "syntax"),
        ('{ entity "+8613800138000" }', "syntax"),
        ("{ entity 8613800138000 }", "syntax"),
        ('{ expand(start: "x", hops: "+8613800138000") { truncated } }', "invalid_query"),
        ("{ nothing }", "invalid_query"),
        ("{ entity { kind } }", "invalid_query"),
        ("subscription { x }", "invalid_query"),
        ("", "syntax"),
        ("query A { cases { title } } query B { cases { title } }", "operation_name"),
        ("{" + "a{" * 900 + "b" + "}" * 900 + "}", "syntax"),
        ("{ a " * 3000, "syntax"),
        ("#" * 20_000, "too_large"),
    ],
)
def test_documents_that_cannot_be_executed(world: World, query: str, code: str) -> None:
    response = world.graphql(query)
    assert response.status_code == 400
    body = response.json()
    assert "data" not in body
    assert body["errors"][0]["extensions"]["code"] in {code, "too_large"}
    assert "13800138000" not in response.text
    assert world.graphql(query, accept="application/json").status_code == 200
    assert not world.asking.questions


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({"h": [{"x": "+8613800138000"}]}, "$h"),
        ({}, "$h"),
        ({"h": None}, "$h"),
        ({"h": "x", "n": "+8613800138000"}, "$n"),
    ],
)
def test_variables_that_do_not_fit_are_named_but_not_echoed(world: World, variables: object, where: str) -> None:
    response = world.graphql("query ($h: ID!, $n: Int) { entity(handle: $h, after: $n) { kind } }", variables)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "invalid_variable", "where": where}
    assert "13800138000" not in response.text


def test_a_wrong_value_inside_an_input_is_pointed_at(world: World) -> None:
    query = "query ($i: [IdentifierInput!]!) { match(identifiers: $i) { hit } }"
    response = world.graphql(query, {"i": [{"kind": "Phone", "parts": [{"name": "n", "value": 5}]}]})
    assert response.json()["errors"][0]["extensions"]["where"] == "$i[0].parts[0].value"


def test_the_limits_hold(world: World) -> None:
    chain = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} ...F{i + 1} }}" for i in range(25))
    bomb = "{ ...F0 } " + chain + " fragment F25 on Query { cases { title } }"
    for query in (
        bomb,
        "{ " + " ".join(f"a{i}: cases {{ title }}" for i in range(60)) + " }",
        "{ a: rings { links } b: rings { links } c: rings { links } }",
        "{ cases { " + "title " * 501 + "} }",
        "{ " + "... @skip(if: false) " * 1 + "{ __typename }" + " ... @skip(if: false) { __typename }" * 40 + " }",
        'mutation { a: registerCase(reference: "a", title: "b", legalBasis: "c") { title } '
        'b: registerCase(reference: "a", title: "b", legalBasis: "c") { title } }',
    ):
        started = time.process_time()
        response = world.graphql(query)
        assert time.process_time() - started < 0.5
        assert response.json()["errors"][0]["extensions"]["code"] == "too_large", response.text
        assert response.status_code == 400


def test_introspection_works_and_is_not_a_read(world: World) -> None:
    response = world.graphql(get_introspection_query())
    assert response.status_code == 200
    assert response.json()["data"]["__schema"]["queryType"]["name"] == "Query"
    assert world.graphql("{ __typename }").json() == {"data": {"__typename": "Query"}}
    assert not world.asking.questions
    deep = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    assert world.graphql(deep).status_code == 400


def test_unknown_exceptions_are_masked_and_logged_without_their_words(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = world.graphql('{ entity(handle: "boom") { kind } cases { title } }')
    error = response.json()["errors"][0]
    assert error["path"] == ["entity"]
    assert error["extensions"]["code"] == "internal"
    assert error["message"].startswith("internal error, reference ")
    assert error["message"].rsplit(" ", 1)[1] in caplog.text
    assert "13800138000" not in caplog.text + response.text
    assert response.json()["data"] == {"entity": None, "cases": []}


def test_when_nothing_could_be_read_there_is_no_data(world: World) -> None:
    response = world.graphql('{ entity(handle: "later") { kind } }')
    assert response.status_code == 503
    assert response.headers["retry-after"]
    error = {"message": "not applied yet", "extensions": {"code": "unavailable", "where": ""}}
    assert response.json() == {"errors": [error]}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Denied("no"), 403),
        (Unavailable("later"), 503),
        (ScopeMoved("again"), 503),
        (InvalidQuery("bad"), 400),
        (KeyError("+8613800138000"), 500),
    ],
)
def test_refusals_of_the_path_have_their_status(world: World, error: Exception, status: int) -> None:
    world.asking.refuse = error
    response = world.graphql("{ cases { title } }")
    assert response.status_code == status
    assert "data" not in response.json()
    assert "13800138000" not in response.text


@pytest.mark.parametrize(
    "query",
    [
        '{ expand(start: "x", hops: 9) { truncated } }',
        '{ expand(start: "x", limit: 0) { truncated } }',
        '{ entity(handle: "") { kind } }',
        '{ entity(handle: "x", after: -1) { kind } }',
        '{ paths(source: "a", target: "b", k: 21) { length } }',
        "{ match(identifiers: []) { hit } }",
        "{ rings(parameters: {hubCap: 1}) { links } }",
        '{ search(kind: "Phone", parts: [{name: "a", value: "1"}, {name: "a", value: "2"}]) { kind } }',
    ],
)
def test_arguments_out_of_range_are_refused(world: World, query: str) -> None:
    response = world.graphql(query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["where"]


def test_a_mutation_answers_with_the_receipt_of_its_act(world: World) -> None:
    query = 'mutation { registerCase(reference: "C-1", title: "Ivory", legalBasis: "b") { reference legalBasis } }'
    body = world.graphql(query).json()
    case = {"reference": "C-1", "legalBasis": "b"}
    assert body == {"data": {"registerCase": case}, "extensions": {"receipt": RECEIPT}}


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        (f"application/json;q=0.5, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, application/json", GRAPHQL),
        ("text/html", None),
        (f"{GRAPHQL};q=0", None),
        (f"{GRAPHQL}; charset=utf-16", None),
    ],
)
def test_media_types(world: World, accept: str, answered: str | None) -> None:
    response = world.graphql("{ __typename }", accept=accept)
    if answered is None:
        assert response.status_code == 406
    else:
        assert response.headers["content-type"] == f"{answered}; charset=utf-8"


def test_other_methods_types_codings_and_sizes_are_refused(world: World) -> None:
    assert world.request("GET", "/graphql?query={__typename}").status_code == 405
    assert world.request("GET", "/graphql").headers["allow"] == "POST"
    assert world.request("POST", "/graphql", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    headers = {"content-type": "application/json; charset=latin-1"}
    assert world.request("POST", "/graphql", content=b"{}", headers=headers).status_code == 415
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert world.request("POST", "/graphql", content=b"{}", headers=headers).status_code == 400
    headers = {"content-type": "application/json"}
    assert world.request("POST", "/graphql", content=b" " * 300_000, headers=headers).status_code == 413


def test_without_a_token_there_is_401_before_anything_is_read(world: World) -> None:
    response = world.graphql("{ cases { title } }", token=None)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="graphsvc"'
    response = world.graphql("{ cases { title } }", token="x.y.z")
    assert response.headers["www-authenticate"] == 'Bearer realm="graphsvc", error="invalid_token"'
    assert not world.asking.questions


@pytest.mark.parametrize("value", ["x" * 201, "caf\u00e9", "a\x7fb"])
def test_footing_headers_are_short_ascii(world: World, value: str) -> None:
    response = world.graphql("{ cases { title } }", headers={"graphsvc-case": value.encode("latin-1")})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["where"] == "header graphsvc-case"


def test_the_exported_schema_is_up_to_date() -> None:
    root = Path(__file__).parents[2]
    assert (root / "schema" / "api.graphql").read_text(encoding="utf-8") == sdl(), "run python -m graphsvc.cli.generate"
