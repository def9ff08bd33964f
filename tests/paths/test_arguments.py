"""Every argument of every root field, wrong in every way: an error that says where, or an answer; never a failure.

Fields and arguments are found in the schema, so one that is added is asked as well.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    Undefined,
    get_named_type,
)

from graphsvc.api.fields import COST, Info, question
from graphsvc.api.limits import DEFINITION, MAX_COST
from graphsvc.api.schema import core_of
from graphsvc.app import api_schema
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.wire.answers import Case
from tests.paths.conftest import CASE

SCHEMA = core_of(api_schema())
JSON = "application/json"
LONG = "x" * 9_000
GOOD: Mapping[str, Any] = {"ID": "A" * 34, "String": "x", "Int": 1, "Boolean": True, "Role": "ASKED"}
"""A value of each type, good or at least of its form."""
STRANGE: tuple[Any, ...] = (
    None, "", "x", LONG, "a\0b", "\u202e\ufeff", "' OR 1=1 --", "2026-99-99", "0001-01-01T00:00:00+23:59", "NaN",
    -1, 0, 1, 5, 2**31 - 1, 2**31, 2**53, 10**400, -(2**31), 0.5, 1e308, True, False,
    [], [None], [[]], ["x"] * 1_001, [0], {}, {"x": 1}, [{}],
)  # fmt: skip
CLIENTS = ("police-ke.analyst", "pasar.officer")
FORMS = ("variable", "literal")
Argument = GraphQLArgument | GraphQLInputField


def good(kind: Any) -> Any:
    """A value of an input type, with all that is required."""
    if isinstance(kind, GraphQLNonNull):
        return good(kind.of_type)
    if isinstance(kind, GraphQLList):
        return [good(kind.of_type)]
    if isinstance(kind, GraphQLInputObjectType):
        return {name: good(one.type) for name, one in kind.fields.items() if required(one)}
    return GOOD[kind.name]


def required(one: Argument) -> bool:
    return isinstance(one.type, GraphQLNonNull) and one.default_value is Undefined


def strange(kind: Any) -> Iterator[Any]:
    """Strange values of an argument, and good ones with something strange inside."""
    yield from STRANGE
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        for name, one in named.fields.items():
            for value in strange(one.type):
                inside = {**good(named), name: value}
                yield [inside] if isinstance(_bare(kind), GraphQLList) else inside


def _bare(kind: Any) -> Any:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


def literal(value: Any, kind: GraphQLNamedType | None = None) -> str:
    """A value as it stands in a document."""
    if isinstance(value, dict):
        fields = kind.fields if isinstance(kind, GraphQLInputObjectType) else {}
        inner = (
            f"{n}: {literal(v, get_named_type(fields[n].type) if n in fields else None)}" for n, v in value.items()
        )
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(one, kind) for one in value) + "]"
    if isinstance(kind, GraphQLEnumType) and isinstance(value, str) and value.isidentifier():
        return value
    return json.dumps(value)


def documents(field: str, kind: GraphQLField, wrong: str, value: Any, form: str) -> dict[str, Any]:
    """A request that asks ``field`` with ``value`` for the argument ``wrong``, all others being good."""
    given = {name: good(one.type) for name, one in kind.args.items() if required(one)}
    texts = {name: literal(one, get_named_type(kind.args[name].type)) for name, one in given.items()}
    below = " { __typename }" if isinstance(get_named_type(kind.type), GraphQLObjectType) else ""
    if form == "literal":
        texts[wrong] = literal(value, get_named_type(kind.args[wrong].type))
        declared, variables = "", {}
    else:
        # Null may stand in a variable for an argument that has a default, whatever that argument's own type says.
        argument = kind.args[wrong]
        declared = f"($v: {argument.type if required(argument) else _bare(argument.type)})"
        texts[wrong], variables = "$v", {"v": value}
    arguments = ", ".join(f"{name}: {text}" for name, text in texts.items())
    return {"query": f"query{declared} {{ {field}({arguments}){below} }}", "variables": variables}


def check(answer: httpx2.Response, asked: Mapping[str, Any]) -> None:
    told = str(asked)[:300]
    assert answer.status_code in (200, 400, 403, 413), (answer.status_code, answer.text[:300], told)
    for error in answer.json().get("errors", ()):
        said = error["extensions"]
        assert said["code"] not in ("internal", "integrity", "unavailable", "graph_statement"), (error, told)
        assert said["where"] or error.get("path"), (error, told)
        assert len(error["message"]) < 500 and LONG[:50] not in error["message"], told


QUERIES = sorted(name for name, kind in SCHEMA.query_type.fields.items() if kind.args)  # type: ignore[union-attr]


@pytest.mark.parametrize("field", QUERIES)
def test_a_wrong_argument_is_an_error_that_says_where(
    field: str, local_service: LocalService, members: Members, caplog: pytest.LogCaptureFixture
) -> None:
    kind = SCHEMA.query_type.fields[field]  # type: ignore[union-attr]
    footing = {"graphsvc-purpose": "investigation", "graphsvc-legal-basis": "statutory-duty", "graphsvc-case": CASE}
    count = 0
    with httpx2.Client(base_url=local_service.url, timeout=60) as http, caplog.at_level(logging.ERROR):
        for client in CLIENTS if field in ("accessLog", "subjectAccess", "holds") else CLIENTS[:1]:
            # The case is that of the police: on another's footing no argument would be looked at.
            headers = footing if client.startswith("police-ke") else {}
            headers = {**headers, "authorization": f"Bearer {members.token(client)}"}
            for argument, one in kind.args.items():
                for value in strange(one.type):
                    for form in FORMS:
                        asked = documents(field, kind, argument, value, form)
                        body = json.dumps(asked).encode()
                        answer = http.post("/graphql", content=body, headers={**headers, "content-type": JSON})
                        check(answer, asked)
                        count += 1
    assert count > 50
    assert "internal error" not in caplog.text


def test_a_root_field_without_a_cost_or_a_bound_does_not_load() -> None:
    async def unbounded(info: Info, first: int = 50) -> list[Case]:
        """Cases."""
        return []

    with pytest.raises(TypeError):
        question()(unbounded)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="the argument first has no bound"):
        question(cost=1)(unbounded)
    assert SCHEMA.query_type is not None
    costs = {name: field.extensions[DEFINITION].metadata[COST] for name, field in SCHEMA.query_type.fields.items()}
    assert all(0 < cost <= MAX_COST for cost in costs.values())
