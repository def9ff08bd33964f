"""How large a GraphQL document may be: one validation rule, run before all others.

Every fragment is summed up once and its sum reused at each spread, so the work is linear in the document although the
expansion it bounds can be exponential.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

MAX_QUERY = 16_384
"""Characters of a document."""
MAX_TOKENS = 2_000
MAX_DEFINITIONS = 32
MAX_DIRECTIVES = 32
MAX_DEPTH = 10
MAX_INTROSPECTION_DEPTH = 20
MAX_FIELDS = 300
MAX_ALIASES = 50
MAX_COST = 100

COSTS = {
    "entity": 1,
    "search": 2,
    "expand": 10,
    "paths": 20,
    "match": 30,
    "budget": 1,
    "rings": 50,
    "submissions": 2,
    "cases": 1,
    "accessLog": 5,
    "disclosureRequests": 2,
    "preservationRequests": 2,
    "disclosureRequest": 5,
    "grants": 2,
    "sharingGroups": 2,
    "__schema": 20,
    "__type": 5,
    "__typename": 0,
}
"""What a root field costs; one that is not named here costs as much as the dearest."""


class Sum(NamedTuple):
    """What a selection set comes to with every spread expanded. ``cost`` counts its own fields, not theirs."""

    depth: int = 0
    introspection: int = 0
    fields: int = 0
    aliases: int = 0
    cost: int = 0
    roots: int = 0


class LimitsRule(ASTValidationRule):
    """Depth, fields, aliases, directives, definitions and the cost of root fields, each against its bound."""

    def enter_document(self, document: DocumentNode, *_: Any) -> None:
        """Sum up the document and report what passes a bound; the messages name the bound, never the content."""
        if len(document.definitions) > MAX_DEFINITIONS:
            self._refuse("definitions", MAX_DEFINITIONS)
            return
        if _directives(document) > MAX_DIRECTIVES:
            self._refuse("directives", MAX_DIRECTIVES)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        sum_up = _summer(fragments)
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
                self._check(sum_up(definition.selection_set), definition)

    def _check(self, total: Sum, definition: OperationDefinitionNode | FragmentDefinitionNode) -> None:
        for what, value, bound in (
            ("levels", total.depth, MAX_DEPTH if _plain(definition) else MAX_INTROSPECTION_DEPTH),
            ("levels of introspection", total.introspection, MAX_INTROSPECTION_DEPTH),
            ("fields", total.fields, MAX_FIELDS),
            ("aliases", total.aliases, MAX_ALIASES),
        ):
            if value > bound:
                self._refuse(what, bound)
        if isinstance(definition, OperationDefinitionNode):
            if definition.operation is OperationType.QUERY and total.cost > MAX_COST:
                self._refuse("cost units", MAX_COST)
            if definition.operation is OperationType.MUTATION and total.roots > 1:
                self._refuse("act an operation", 1)

    def _refuse(self, what: str, bound: int) -> None:
        message = f"the document passes the limit of {bound} {what}"
        self.report_error(GraphQLError(message, extensions={"code": "too_large"}))


def _plain(definition: OperationDefinitionNode | FragmentDefinitionNode) -> bool:
    # A fragment may serve introspection only; it is measured again where it is spread.
    return isinstance(definition, OperationDefinitionNode)


def _summer(fragments: dict[str, FragmentDefinitionNode]) -> Callable[[SelectionSetNode], Sum]:
    known: dict[str, Sum] = {}

    def spread(name: str) -> Sum:
        if name not in known:
            known[name] = Sum()  # stands in while the fragment is summed; a cycle is another rule's to report
            if name in fragments:
                known[name] = sum_up(fragments[name].selection_set)
        return known[name]

    def sum_up(selections: SelectionSetNode) -> Sum:
        depth = introspection = fields = aliases = cost = roots = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                part = _field(node, sum_up(node.selection_set) if node.selection_set else Sum())
            elif isinstance(node, InlineFragmentNode):
                part = sum_up(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                part = spread(node.name.value)
            else:
                continue
            depth, introspection = max(depth, part.depth), max(introspection, part.introspection)
            fields, aliases = fields + part.fields, aliases + part.aliases
            cost, roots = cost + part.cost, roots + part.roots
        return Sum(depth, introspection, fields, aliases, cost, roots)

    return sum_up


def _field(node: FieldNode, below: Sum) -> Sum:
    name = node.name.value
    inward = name in {"__schema", "__type"}
    return Sum(
        depth=1 if inward else below.depth + 1,
        introspection=below.depth + 1 if inward else below.introspection,
        fields=below.fields + 1,
        aliases=below.aliases + (node.alias is not None),
        cost=COSTS.get(name, 50),
        roots=0 if name == "__typename" else 1,
    )


def _directives(document: DocumentNode) -> int:
    count = 0
    pending: list[Any] = list(document.definitions)
    while pending:
        node = pending.pop()
        count += len(node.directives or ())
        selections = getattr(node, "selection_set", None)
        if selections is not None:
            pending.extend(selections.selections)
    return count
