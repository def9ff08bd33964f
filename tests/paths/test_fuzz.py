"""Fuzzing by Hypothesis of /graphql, /v1 and tokens: whatever is sent, never a 500, and the next good request works.

Long, so only in ``make soak``; GRAPHSVC_TEST_SEED repeats the choices of a run, GRAPHSVC_TEST_FUZZ sets how many.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from starlette.routing import Route

from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from tests.paths.corpus import BUSY, keep, sent
from tests.paths.described import Sent, description, requests_of
from tests.paths.rawhttp import Answer, Line, ask, request
from tests.paths.test_hostile import FEED, READER, graphql, works

SEED = int(os.environ.get("GRAPHSVC_TEST_SEED") or secrets.randbits(31))
MANY = int(os.environ.get("GRAPHSVC_TEST_FUZZ", "2000"))
SDL = (Path(__file__).parents[2] / "schema" / "api.graphql").read_text()
pytestmark = [pytest.mark.soak, pytest.mark.timeout(3_600)]

texts = st.text(max_size=60) | st.sampled_from(
    ["", "\x00", "+254710000001", "A" * 55, "../..", "‮", "'", '"', "{", "$x"]
)
numbers = st.integers() | st.floats() | st.sampled_from([2**31, -(2**31) - 1, 2**53, 1e308])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
members_of_a_request = st.fixed_dictionaries(
    {},
    optional={
        "query": values,
        "variables": values,
        "operationName": values,
        "extensions": values | st.fixed_dictionaries({"persistedQuery": values, "export": values, "salt": values}),
        "documentId": values,
    },
)


def fuzz(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], count: int = MANY) -> None:
    """Check ``count`` examples, and what is left of one that fails."""

    @seed(SEED)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(example=strategy)
    def run(example: Any) -> None:
        check(example)

    run()


def fine(answer: Answer, what: Any) -> None:
    assert answer.status in BUSY or 200 <= answer.status < 500, (SEED, what, answer)
    assert b'"internal"' not in answer.body, (SEED, what, answer)


@pytest.fixture(autouse=True)
def goes_on(local_service: LocalService, members: Members) -> Iterator[None]:
    yield
    works(local_service, members)


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def test_bodies_of_graphql(local_service: LocalService, members: Members) -> None:
    headers = graphql(members, READER)

    def check(body: bytes) -> None:
        fine(ask(local_service.url, request("POST", "/graphql", headers, body)), body)

    bodies = (members_of_a_request | st.lists(members_of_a_request, max_size=12) | values).map(encoded)
    fuzz(bodies | st.binary(max_size=400) | bodies.flatmap(mutated), check)


def mutated(body: bytes) -> st.SearchStrategy[bytes]:
    """The body with a piece cut out and another put in."""
    places = st.integers(0, len(body))
    return st.builds(
        lambda a, b, more: body[: min(a, b)] + more + body[max(a, b) :], places, places, st.binary(max_size=9)
    )


def documents() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Valid questions, each argument a variable of its type with any value at all."""
    schema = build_schema(SDL)
    roots = [
        (word, name, field)
        for word, root in (("query", schema.query_type), ("mutation", schema.mutation_type))
        if isinstance(root, GraphQLObjectType)
        for name, field in root.fields.items()
    ]

    def asked(root: Any, given: list[Any], more: str) -> tuple[str, dict[str, Any]]:
        word, name, field = root
        head = ", ".join(f"${arg}: {one.type}" for arg, one in field.args.items())
        arguments = ", ".join(f"{arg}: ${arg}" for arg in field.args)
        text = (
            f"{word}{f'({head})' if head else ''} {{ {name}{f'({arguments})' if arguments else ''} {{ __typename }} }}"
        )
        return text + more, dict(zip(field.args, given, strict=False))

    lists = st.lists(values, min_size=8, max_size=8)
    return st.builds(
        asked, st.sampled_from(roots), lists, st.sampled_from(["", "", "", "#", "{", " fragment F on X { y }"])
    )


def test_arguments_of_graphql(local_service: LocalService, members: Members) -> None:
    headers = graphql(members, "police-ke.analyst")

    def check(example: tuple[str, dict[str, Any]]) -> None:
        body = encoded({"query": example[0], "variables": example[1]})
        fine(ask(local_service.url, request("POST", "/graphql", headers, body)), example)

    fuzz(documents(), check)


def test_routes(local_service: LocalService, members: Members) -> None:
    assert local_service.parts is not None
    routes = [one for one in local_service.parts.app.router.routes if isinstance(one, Route)]
    paths = st.sampled_from([one.path for one in routes if one.path != "/graphql"])
    letters = st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="{}#?"), max_size=40
    )
    names = ("swiftline.officer", "operator.operator", FEED, READER)

    def check(example: tuple[str, str, str, str, str, bytes]) -> None:
        path, method, part, query, who, body = example
        filled = path.replace("{path:path}", part)
        for name in ("{index}", "{org}", "{digest}", "{name}"):
            filled = filled.replace(name, part or "x")
        headers = {"authorization": f"Bearer {members.token(who)}", "content-type": "application/json"}
        sent = request(method, f"{filled}?{query}" if query else filled, {**headers, "idempotency-key": "f"}, body)
        with Line(local_service.url) as line:
            line.send(sent)
            answer = line.answer()
        # Status 0: the connection was closed, as after bytes that are no HTTP.
        assert answer.status in BUSY or answer.status < 500, (SEED, example, answer)

    fuzz(
        st.tuples(
            paths, st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]), letters, letters,
            st.sampled_from(names),
            values.map(encoded) | st.dictionaries(st.sampled_from(["org", "act", "entry", "rows", "indexes", "reason"]),
                                                  values).map(encoded) | st.binary(max_size=200),
        ),
        check,
    )  # fmt: skip


def test_described_requests(local_service: LocalService, members: Members) -> None:
    """What the description of the routes allows, and what is near to it; a fault is kept in the corpus."""
    assert local_service.parts is not None
    described = description(local_service.parts.app.router.routes)
    names = st.sampled_from((FEED, READER, "operator.operator"))

    def check(example: tuple[Sent, str]) -> None:
        one, who = example
        answer = sent(local_service.url, members.token(who), one)
        try:
            if answer.status:
                fine(answer, example)
        except AssertionError:
            keep(one)
            raise

    fuzz(st.tuples(requests_of(described), names), check)


def test_tokens(local_service: LocalService, members: Members) -> None:
    good = members.token(READER)
    pieces = good.split(".")

    def altered(place: int, piece: bytes | str, order: list[int]) -> bytes:
        parts: list[bytes] = [one.encode() for one in pieces]
        parts[place] = piece if isinstance(piece, bytes) else piece.encode("utf-8", "replace")
        return b".".join(parts[one] for one in order)

    tokens = st.builds(
        altered, st.integers(0, 2), st.binary(max_size=80) | st.text(max_size=80) | st.sampled_from(pieces),
        st.lists(st.integers(0, 2), max_size=5) | st.just([0, 1, 2]),
    )  # fmt: skip

    def check(token: bytes) -> None:
        if token == good.encode():
            return
        text = token.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"").decode("latin-1")
        answer = ask(
            local_service.url,
            request("POST", "/graphql", {"authorization": f"Bearer {text}", "content-type": "application/json"}, b"{}"),
        )
        assert answer.status in (400, 401, 431), (SEED, token, answer)

    fuzz(tokens, check)
