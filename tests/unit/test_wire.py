"""What crosses the wire: its declarations, what is read off them, and the acts that the verifier knows."""

from __future__ import annotations

from typing import Annotated, get_type_hints

import pytest
import strawberry
from graphql import parse, validate

from graphsvc.api.schema import core_of
from graphsvc.api.types import graphql_type
from graphsvc.app import api_schema
from graphsvc.client import questions
from graphsvc.client.questions import Question
from graphsvc.wire.acts import field_of, kind_of
from graphsvc.wire.deeds import ACTS
from graphsvc.wire.lifecycle import HoldChange
from graphsvc.wire.shapes import ID, Shape, selection, shapes_in, told
from graphsvc_verify.meaning import MEANINGS


class Leaf(Shape):
    """The innermost.

    Over two lines.
    """

    name: str


class Tree(Shape):
    """One of each form of a field."""

    handle: ID
    other_handle: ID | None
    many_handles: list[ID]
    number: int
    maybe: bool | None
    described: Annotated[int, told("How many.")]
    described_list: Annotated[list[str] | None, told("Which.")]
    leaf: Leaf
    no_leaf: Leaf | None
    leaves: list[Leaf]
    rows: list[list[Leaf]]
    gaps: list[list[int | None]] | None


SELECTED = (
    " { handle otherHandle manyHandles number maybe described describedList"
    " leaf { name } noLeaf { name } leaves { name } rows { name } gaps }"
)


def test_the_kinds_of_acts_are_those_that_the_verifier_knows() -> None:
    assert {*ACTS, "submission"} == set(MEANINGS)
    for kind, body in ACTS.items():
        assert kind_of(body) == kind and body.__doc__


def test_every_act_has_its_mutation_which_answers_as_declared() -> None:
    mutations = core_of(api_schema()).mutation_type.fields
    for body in ACTS.values():
        field = mutations[field_of(body)]
        assert list(field.args) == ["act"] and str(field.args["act"].type) == "String!"
        assert str(field.type) == body.answer.__name__
    assert set(mutations) - {field_of(body) for body in ACTS.values()} == {"registerCase"}


def test_a_selection_is_all_that_is_declared() -> None:
    for answer in (Tree, list[Tree], Tree | None, list[Tree] | None, Annotated[Tree, told("x")]):
        assert selection(answer) == SELECTED
    for scalar in (str, int | None, list[str], ID):
        assert selection(scalar) == ""


def test_shapes_are_found_in_lists_and_beside_null() -> None:
    assert list(shapes_in(list[list[Leaf | None]] | None)) == [Leaf]
    assert list(shapes_in(Leaf | Tree)) == [Leaf, Tree]
    with pytest.raises(ValueError, match="unpack"):
        selection(Leaf | Tree)


def test_a_type_says_what_its_struct_says() -> None:
    async def tree() -> list[Tree] | None:
        return []

    field = strawberry.field(resolver=tree, graphql_type=graphql_type(get_type_hints(tree)["return"]))
    schema = core_of(strawberry.Schema(strawberry.type(type("Query", (), {"tree": field}))))
    made = schema.type_map["Tree"]
    assert str(schema.query_type.fields["tree"].type) == "[Tree!]"
    assert {name: str(one.type) for name, one in made.fields.items()} == {
        "handle": "ID!",
        "otherHandle": "ID",
        "manyHandles": "[ID!]!",
        "number": "Int!",
        "maybe": "Boolean",
        "described": "Int!",
        "describedList": "[String!]",
        "leaf": "Leaf!",
        "noLeaf": "Leaf",
        "leaves": "[Leaf!]!",
        "rows": "[[Leaf!]!]!",
        "gaps": "[[Int]!]",
    }
    said = {name: one.description for name, one in made.fields.items() if one.description}
    assert said == {"described": "How many.", "describedList": "Which."}
    assert made.description == "One of each form of a field."
    assert schema.type_map["Leaf"].description == "The innermost.\n\nOver two lines."
    assert made.extensions["strawberry-definition"].origin is Tree


@pytest.mark.parametrize(
    ("question", "document"),
    [
        (Question("leaf", Leaf), "query { leaf { name } }"),
        (Question("count", int), "query { count }"),
        (Question("leaf", list[Leaf], "id: ID!"), "query($id: ID!) { leaf(id: $id) { name } }"),
        (
            Question("leaf", Leaf | None, "first: Int!, kinds: [String!], before: Int"),
            "query($first: Int!, $kinds: [String!], $before: Int) "
            "{ leaf(first: $first, kinds: $kinds, before: $before) { name } }",
        ),
        (
            Question("hold", HoldChange, "act: String!", "mutation"),
            "mutation($act: String!) { hold(act: $act) { index records case } }",
        ),
    ],
)
def test_a_question_asks_for_all_that_its_answer_declares(question: Question[object], document: str) -> None:
    assert question.document == document


ASKED = {name: one for name, one in vars(questions).items() if isinstance(one, Question)}
ASKED |= {kind: Question(field_of(body), body.answer, "act: String!", "mutation") for kind, body in ACTS.items()}


@pytest.mark.parametrize("name", ASKED)
def test_what_the_client_asks_is_of_the_schema(name: str) -> None:
    schema = core_of(api_schema())
    assert validate(schema, parse(ASKED[name].document)) == []
    root = schema.query_type if ASKED[name].operation == "query" else schema.mutation_type
    bare = str(root.fields[ASKED[name].field].type).strip("[]!")
    assert [shape.__name__ for shape in shapes_in(ASKED[name].answer)] == [bare]
