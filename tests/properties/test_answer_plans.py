"""A plan answers byte for byte what graphql-core answers, or steps back for it."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from typing import Any

import msgspec
import pytest
from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from selections import selections

from graphsvc.api.documents import Documents, Refused
from graphsvc.api.execution import Question, answer
from graphsvc.api.fields import Context
from graphsvc.api.schema import core_of
from graphsvc.app import api_schema
from graphsvc.model.errors import GraphsvcError, InvalidQuery, Unavailable
from graphsvc.model.principals import Organisation, Principal
from graphsvc.wire.answers import Attribute, Case, Entity, Handling, Record, Setting
from graphsvc.wire.shapes import Shape

SCHEMA = core_of(api_schema())
PRINCIPAL = Principal(Organisation("pasar", "company", "ID", "Pasar"), "ratna")
ROOTS = {
    "entity": '(handle: "h")',
    "search": '(kind: "Phone", parts: [{name: "number", value: "1"}])',
    "expand": '(start: "h")',
    "paths": '(source: "a", target: "b")',
    "match": '(identifiers: [{kind: "Phone", parts: [{name: "number", value: "1"}]}])',
    "rings": "",
    "submissions": "",
    "cases": "",
    "accessLog": "",
}
LEAVES = {
    "String": st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    "ID": st.text("abc-_", max_size=4),
    "Int": st.integers(-(2**31), 2**31 - 1),
    "Boolean": st.booleans(),
}
STRANGER = Setting(name="n", value="v")
"""A struct of another type than is called for, with members that some have as well."""
ODD_VALUES = [None, 2**31, -(2**31) - 1, 7, True, "x", 1.5, {}, [], [None], ("x",), STRANGER, {"name": "n"}]
ODD = st.sampled_from(ODD_VALUES)
DOCUMENTS = Documents(api_schema())


@dataclasses.dataclass
class Given:
    """Answers every question with what it was given, in order."""

    values: dict[str, Any]

    def of(self, _view: object) -> Any:
        """The same, whatever is asked of it."""
        return self

    def __getattr__(self, name: str) -> Any:
        async def read(*_: Any) -> Any:
            value = self.values[name]
            if isinstance(value, Exception):
                raise value
            return value

        return read


def _python_name(owner: GraphQLObjectType, field: str) -> str:
    return owner.fields[field].extensions["strawberry-definition"].python_name


def _struct_of(kind: GraphQLObjectType) -> type[Shape]:
    """The struct that a type of the schema was read off."""
    return kind.extensions["strawberry-definition"].origin


@st.composite
def _value(draw: st.DrawFn, kind: Any, odd: bool, depth: int = 4) -> Any:
    if odd and draw(st.integers(0, 40)) == 0:
        return draw(ODD)
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    elif draw(st.integers(0, 3)) == 0:
        return None
    if isinstance(kind, GraphQLList):
        size = draw(st.integers(0, 3 if depth > 1 else 1))
        return [draw(_value(kind.of_type, odd, depth - 1)) for _ in range(size)]
    if isinstance(kind, GraphQLObjectType):
        members = {_python_name(kind, name): draw(_value(f.type, odd, depth - 1)) for name, f in kind.fields.items()}
        if odd and draw(st.integers(0, 40)) == 0:
            # As a mapping, and with a member less: what no part returns.
            members.pop(draw(st.sampled_from(sorted(members))))
            return members
        return _struct_of(kind)(**members)
    return draw(LEAVES[kind.name])


@st.composite
def _example(draw: st.DrawFn, odd: bool) -> tuple[str, dict[str, Any]]:
    query = SCHEMA.query_type
    parts: list[str] = []
    values: dict[str, Any] = {}
    for position, name in enumerate(
        draw(st.lists(st.sampled_from(sorted(ROOTS)), min_size=1, max_size=2, unique=True))
    ):
        kind = get_named_type(query.fields[name].type)
        parts.append(f"r{position}: {name}{ROOTS[name]} {draw(selections(kind, 3))}")
        values[_python_name(query, name)] = draw(_value(query.fields[name].type, odd))
        if odd and draw(st.integers(0, 15)) == 0:
            values[_python_name(query, name)] = draw(st.sampled_from([Unavailable("later"), ValueError("secret")]))
    return "query Q { " + " ".join(parts) + " }", values


def _both(text: str, values: dict[str, Any]) -> tuple[Any, Any, bool]:
    try:
        prepared = DOCUMENTS.prepare(text, None)
    except Refused:  # two selections that can't be merged
        reject()

    def run(which: Any) -> Any:
        question = Question(which, {}, DOCUMENTS.variables(which, {}))
        try:
            got = asyncio.run(answer(SCHEMA, question, Context(PRINCIPAL, Given(values))))
        except Exception as error:
            return type(error), getattr(error, "message", "")
        return got.data, re.sub(rb"reference \w+", b"", msgspec.json.encode(got.errors))

    return run(prepared), run(dataclasses.replace(prepared, plan=None)), prepared.plan is not None


SLOW = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SLOW
@given(_example(odd=False))
def test_plans_and_graphql_core_give_the_same_bytes(case: tuple[str, dict[str, Any]]) -> None:
    planned, general, has_plan = _both(*case)
    assert planned == general
    assert has_plan or "@skip" in case[0]


@SLOW
@given(_example(odd=True))
def test_odd_values_end_in_the_same_answer(case: tuple[str, dict[str, Any]]) -> None:
    planned, general, has_plan = _both(*case)
    assume(has_plan)
    assert planned == general


@pytest.mark.parametrize("error", [InvalidQuery("x"), ValueError("secret")])
def test_when_every_root_field_fails_the_first_error_comes_through(error: Exception) -> None:
    planned, general, has_plan = _both(
        '{ entity(handle: "h") { kind } cases { title } }', {"entity": error, "cases": error}
    )
    assert has_plan
    assert planned == general
    assert planned[0] is (type(error) if isinstance(error, GraphsvcError) else ValueError)


def test_a_failed_root_field_leaves_the_others_standing() -> None:
    shape = Case(reference="r", title="t", legal_basis="b", registered_at="now")
    planned, general, _ = _both(
        '{ entity(handle: "h") { kind } cases { title } }', {"entity": ValueError("secret"), "cases": [shape]}
    )
    assert planned == general
    assert planned[0] == b'{"entity":null,"cases":[{"title":"t"}]}'
    assert b"secret" not in planned[1]


HANDLING = Handling(scheme="tlp-2.0", code="RED")
RECORD = Record(
    handle="r", owner="pasar", owner_kind="company", handling=HANDLING, pap=None, grading=None, origin=None,
    circular=False, since="s", until=None, expires=None, attributes=[Attribute(name="n", field_group="g", value="v")],
    withheld=[], submission=1, row=2,
)  # fmt: skip
ENTITY = Entity(
    handle="h", kind="Phone", key="k", records=[RECORD, RECORD],
    more_records=False, record_count=2, owner_count=1, independent_sources=1,
)  # fmt: skip
EVERYTHING = """{ entity(handle: "h") { handle kind key records { handle owner ownerKind handling { scheme code } pap
  grading { scheme } since until expires attributes { name fieldGroup value } withheld { rule } submission row } } }"""


def _members(value: Any) -> dict[Any, Any]:
    """What stands in a struct or list, by name or position."""
    if isinstance(value, Shape):
        return msgspec.structs.asdict(value)
    return dict(enumerate(value)) if isinstance(value, list) else {}


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    return [place, *(deeper for key, one in _members(value).items() for deeper in _places(one, (*place, key)))]


def _changed(value: Any, place: tuple[Any, ...], odd: Any) -> Any:
    if not place:
        return odd
    inside = _changed(_members(value)[place[0]], place[1:], odd)
    if isinstance(value, Shape):
        return msgspec.structs.replace(value, **{place[0]: inside})
    return [inside if position == place[0] else one for position, one in enumerate(value)]


@pytest.mark.parametrize("odd", ODD_VALUES, ids=repr)
def test_an_odd_value_in_any_place_ends_in_the_same_answer(odd: Any) -> None:
    assert _both(EVERYTHING, {"entity": ENTITY})[2]
    assert len(_places(ENTITY)) > 40, "every member of every struct"
    for place in _places(ENTITY):
        planned, general, _ = _both(EVERYTHING, {"entity": _changed(ENTITY, place, odd)})
        assert planned == general, place


@pytest.mark.parametrize(
    "selection",
    [
        "records { owner } records { pap owner }",
        "records { owner handling { code } } kind ... { records { handling { scheme code } } }",
        "...E records { row } __typename",
        "a: records { handle } b: records { __typename class: owner }",
    ],
)
def test_selections_are_merged_in_graphqls_order(selection: str) -> None:
    fragment = "fragment E on Entity { key records { owner ...R } } fragment R on Record { pap row }"
    text = f'{{ entity(handle: "h") {{ {selection} }} }}' + (fragment if "...E" in selection else "")
    planned, general, has_plan = _both(text, {"entity": ENTITY})
    assert has_plan
    assert planned == general
