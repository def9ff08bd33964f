"""The GraphQL schema, assembled from what each package declares.

``schema/api.graphql``, which is generated from it, describes types, fields and arguments.
"""

from __future__ import annotations

from collections.abc import Iterable

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type
from strawberry.types.field import StrawberryField

QUESTIONS = "Questions. after: wait until this entry is applied, and all before it that is your organisation's."


def build_schema(questions: Iterable[StrawberryField], mutations: Iterable[StrawberryField]) -> strawberry.Schema:
    """The schema with its resolvers: the root fields of all packages, in the order given."""
    return strawberry.Schema(
        query=create_type("Query", list(questions), description=QUESTIONS),
        mutation=create_type("Mutation", list(mutations), description="Acts. An operation has at most one."),
        config=StrawberryConfig(disable_field_suggestions=True),
    )


def core_of(schema: strawberry.Schema) -> GraphQLSchema:
    """The same schema as graphql-core knows it."""
    return schema._schema
