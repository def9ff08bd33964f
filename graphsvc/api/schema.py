"""The GraphQL schema: root fields over the types of :mod:`graphsvc.api.shapes`.

Every root field is nullable, so one that fails leaves the others standing. Types, fields and arguments are told in
``schema/api.graphql``, which is generated from here.
"""

from __future__ import annotations

from functools import cache
from operator import getitem

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from graphsvc.api import roots
from graphsvc.api.custody import CustodyMutation, CustodyQuery
from graphsvc.api.governing import GoverningMutation, GoverningQuery
from graphsvc.api.shapes import AccessLog, Budget, Case, Entity, Match, Network, Paths, RingReport, Submission, shape
from graphsvc.api.sharing import SharingMutation, SharingQuery


@shape
class Query(SharingQuery, CustodyQuery, GoverningQuery):
    """Questions. after: wait until this entry is applied, and all before it that is your organisation's."""

    entity = strawberry.field(
        resolver=roots.entity,
        graphql_type=Entity | None,
        description="One entity by its handle; null when absent or not visible.",
    )
    search = strawberry.field(
        resolver=roots.search,
        graphql_type=list[Entity] | None,
        description="The entities that one exact identifier names.",
    )
    expand = strawberry.field(
        resolver=roots.expand,
        graphql_type=Network | None,
        description="The network within some hops of an entity.",
    )
    paths = strawberry.field(
        resolver=roots.paths,
        graphql_type=Paths | None,
        description="The k shortest paths between two entities.",
    )
    match = strawberry.field(
        resolver=roots.match,
        graphql_type=list[Match] | None,
        description="Hit, no hit or not asked, for up to 1,000 exact identifiers, in the order asked.",
    )
    budget = strawberry.field(
        resolver=roots.budget,
        graphql_type=Budget | None,
        description="What the caller's organisation has used of its identifiers today.",
    )
    rings = strawberry.field(
        resolver=roots.rings,
        graphql_type=RingReport | None,
        description="Likely rings in what the caller may analyse.",
    )
    submissions = strawberry.field(
        resolver=roots.submissions,
        graphql_type=list[Submission] | None,
        description="The caller's organisation's submissions, newest first.",
    )
    cases = strawberry.field(
        resolver=roots.cases,
        graphql_type=list[Case] | None,
        description="The caller's organisation's registered cases.",
    )
    access_log = strawberry.field(
        resolver=roots.access_log,
        graphql_type=AccessLog | None,
        description="Who saw the caller's organisation's records, and on what footing.",
    )


@shape
class Mutation(SharingMutation, CustodyMutation, GoverningMutation):
    """Acts; one an operation."""

    register_case = strawberry.field(
        resolver=roots.register_case,
        graphql_type=Case | None,
        description="Register a case, so that questions can name it.",
    )


@cache
def api_schema() -> strawberry.Schema:
    """The schema with its resolvers; the same object every time."""
    config = StrawberryConfig(default_resolver=getitem, disable_field_suggestions=True)
    return strawberry.Schema(query=Query, mutation=Mutation, config=config)


def core_schema() -> GraphQLSchema:
    """The same schema as graphql-core knows it."""
    return api_schema()._schema
