"""The GraphQL schema, assembled of what each room declares.

Every root field is nullable, so one that fails leaves the others standing. Types, fields and arguments are told in
``schema/api.graphql``, which is generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import getitem

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig


def build_schema(queries: Sequence[type], mutations: Sequence[type]) -> strawberry.Schema:
    """The schema with its resolvers: the root fields of all rooms, in their order."""
    config = StrawberryConfig(default_resolver=getitem, disable_field_suggestions=True)
    query = _root(
        "Query",
        queries,
        "Questions. after: wait until this entry is applied, and all before it that is your organisation's.",
    )
    return strawberry.Schema(
        query=query, mutation=_root("Mutation", mutations, "Acts; one an operation."), config=config
    )


def core_of(schema: strawberry.Schema) -> GraphQLSchema:
    """The same schema as graphql-core knows it."""
    return schema._schema


def _root(name: str, rooms: Sequence[type], description: str) -> type:
    # Fields of a later base come before those of an earlier one.
    return strawberry.type(type(name, tuple(reversed(rooms)), {}), description=description)
