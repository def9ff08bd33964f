"""How large a GraphQL document may be: one validation rule, run before all others.

Every fragment is summed up once and its sum reused at each spread, so the work is linear in the document although the
expansion it bounds can be exponential.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValidationRule,
)

from graphsvc.api.fields import COST

MAX_QUERY = 16_384
"""At most this many characters in a document."""
MAX_TOKENS = 2_000
MAX_DEFINITIONS = 32
MAX_DIRECTIVES = 32
MAX_DEPTH = 10
MAX_INTROSPECTION_DEPTH = 20
MAX_FIELDS = 300
MAX_ALIASES = 50
MAX_COST = 100

INTROSPECTION = {"__schema": 20, "__type": 5, "__typename": 0}
"""What questions about the schema cost; root fields declare theirs (:mod:`graphsvc.api.fields`)."""

DEFINITION = "strawberry-definition"

Fragments = dict[str, FragmentDefinitionNode]


class Sum(NamedTuple):
    """The sums over a selection set with every fragment spread expanded."""

    depth: int = 0
    introspection: int = 0
    fields: int = 0
    aliases: int = 0
    roots: int = 0


class LimitsRule(ValidationRule):
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
                self._check(sum_up(definition.selection_set), definition, fragments)

    def _check(
        self, total: Sum, definition: OperationDefinitionNode | FragmentDefinitionNode, fragments: Fragments
    ) -> None:
        passed = False
        for what, value, bound in (
            ("levels", total.depth, MAX_DEPTH if _plain(definition) else MAX_INTROSPECTION_DEPTH),
            ("levels of introspection", total.introspection, MAX_INTROSPECTION_DEPTH),
            ("fields", total.fields, MAX_FIELDS),
            ("aliases", total.aliases, MAX_ALIASES),
        ):
            if value > bound:
                passed = True
                self._refuse(what, bound)
        if isinstance(definition, OperationDefinitionNode) and not passed:
            # The bound on fields holds, so working out the cost is little work.
            if (
                definition.operation is OperationType.QUERY
                and self._cost(definition.selection_set, fragments) > MAX_COST
            ):
                self._refuse("cost units", MAX_COST)
            if definition.operation is OperationType.MUTATION and total.roots > 1:
                self._refuse("act an operation", 1)

    def _cost(self, selections: SelectionSetNode, fragments: Fragments) -> int:
        """What all root fields cost together. Those that a directive may leave out count as well."""
        collected = _collected([selections], fragments)
        return sum(self._cost_of(nodes[0].name.value) * _times(nodes, fragments) for nodes in collected.values())

    def _cost_of(self, name: str) -> int:
        query = self.context.schema.query_type
        found = None if query is None else query.fields.get(name)
        # A field that does not exist costs nothing here: later rules refuse it.
        return INTROSPECTION.get(name, 0) if found is None else int(found.extensions[DEFINITION].metadata[COST])

    def _refuse(self, what: str, bound: int) -> None:
        message = f"the document passes the limit of {bound} {what}"
        self.report_error(GraphQLError(message, extensions={"code": "too_large"}))


def _plain(definition: OperationDefinitionNode | FragmentDefinitionNode) -> bool:
    # A fragment may serve introspection only; it is measured again where it is spread.
    return isinstance(definition, OperationDefinitionNode)


def _summer(fragments: Fragments) -> Callable[[SelectionSetNode], Sum]:
    known: dict[str, Sum] = {}

    def spread(name: str) -> Sum:
        if name not in known:
            known[name] = Sum()  # stands in while the fragment is summed; a cycle is another rule's to report
            if name in fragments:
                known[name] = sum_up(fragments[name].selection_set)
        return known[name]

    def sum_up(selections: SelectionSetNode) -> Sum:
        depth = introspection = fields = aliases = roots = 0
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
            roots += part.roots
        return Sum(depth, introspection, fields, aliases, roots)

    return sum_up


def _field(node: FieldNode, below: Sum) -> Sum:
    name = node.name.value
    inward = name in {"__schema", "__type"}
    return Sum(
        depth=1 if inward else below.depth + 1,
        introspection=below.depth + 1 if inward else below.introspection,
        fields=below.fields + 1,
        aliases=below.aliases + (node.alias is not None),
        roots=0 if name == "__typename" else 1,
    )


def _times(root: list[FieldNode], fragments: Fragments) -> int:
    """How often the field below ``root`` that is selected most often is selected: each time it is answered anew.

    A field selected twice under one name is answered once; under two names, or below two, it is answered twice.
    """
    level: dict[str, list[list[FieldNode]]] = {root[0].name.value: [root]}
    most, fields = 1, 0
    while level:
        most = max(most, *map(len, level.values()))
        fields += sum(map(len, level.values()))
        if fields > MAX_FIELDS:
            # Fragments in a circle, which another rule reports.
            return MAX_COST + 1
        below: dict[str, list[list[FieldNode]]] = {}
        for place, answered in level.items():
            for nodes in answered:
                selections = [node.selection_set for node in nodes if node.selection_set is not None]
                for found in _collected(selections, fragments).values():
                    below.setdefault(f"{place} {found[0].name.value}", []).append(found)
        level = below
    return most


def _collected(selections: list[SelectionSetNode], fragments: Fragments) -> dict[str, list[FieldNode]]:
    """The fields by the names under which they are answered, with fragments opened."""
    collected: dict[str, list[FieldNode]] = {}
    pending, spread = list(selections), set[str]()
    while pending:
        for node in pending.pop().selections:
            if isinstance(node, FieldNode):
                collected.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                pending.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                if node.name.value in fragments:
                    pending.append(fragments[node.name.value].selection_set)
    return collected


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
