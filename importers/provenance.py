"""From a place in a draft back to the table: which column a value came from, and of what type it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphsvc.model.drafts import Draft
from graphsvc.model.schema import Schema
from importers.rules import Mapping as TableMapping
from importers.rules import Rule, Source


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the columns that it was made of (empty without a mapping), and its type's title."""

    columns: tuple[str, ...] = ()
    type: str = ""


def place_of(pointer: str, draft: Draft | None, schema: Schema, mapping: TableMapping | None) -> Place:
    """Column and type of what a JSON pointer names in a draft; empty where that can't be told."""
    steps = pointer.split("/")[1:]
    if draft is None or len(steps) < 2 or not steps[1].isdecimal():
        return Place(_columns_of_field(steps, mapping))
    at = int(steps[1])
    if steps[0] == "entities" and at < len(draft.entities):
        entity = draft.entities[at]
        kind, part, name = schema.kinds.get(entity.kind), steps[2] if len(steps) > 2 else "", "/".join(steps[3:4])
        rules = [] if mapping is None else [one for rule in mapping.rules for one in rule.entities]
        own = [one for one in rules if one.ref == entity.ref.partition("#")[0] and one.kind == entity.kind]
        if part == "key":
            form = None if kind is None else kind.forms.get(frozenset(entity.key))
            types = [] if form is None else [type_.title for word, type_ in form.parts if not name or word == name]
            said = [value for one in own for word, value in one.key.items() if not name or word == name]
            return Place(_columns(said), ", ".join(types))
        attribute = None if kind is None else kind.attributes.get(name)
        said = [one.attributes[name] for one in own if name in one.attributes]
        return Place(_columns(said), attribute.type.title if attribute else "")
    if steps[0] == "links" and at < len(draft.links) and len(steps) > 3:
        link = schema.links.get(draft.links[at].kind)
        attribute = None if link is None else link.attributes.get(steps[3])
        rules_of = [] if mapping is None else [one for rule in mapping.rules for one in rule.links]
        said = [
            one.attributes[steps[3]]
            for one in rules_of
            if one.kind == draft.links[at].kind and steps[3] in one.attributes
        ]
        return Place(_columns(said), attribute.type.title if attribute else "")
    return Place()


def _columns_of_field(steps: list[str], mapping: TableMapping | None) -> tuple[str, ...]:
    """The columns of a field of the row as a whole, as ``/supersedes/reference`` or ``/expires``."""
    found: list[Source] = []
    for rule in mapping.rules if mapping is not None and steps else ():
        found += _sources_at(rule, steps)
    return _columns(found)


def _sources_at(rule: Rule, steps: list[str]) -> list[Source]:
    field = getattr(rule, steps[0], None) if steps[0] in rule.__struct_fields__ else None
    if steps[0] == "expires" and field is not None:
        return [field]
    if len(steps) > 1 and field is not None and steps[1] in getattr(field, "__struct_fields__", ()):
        value = getattr(field, steps[1])
        return [] if value is None else [value]
    return []


def _columns(said: list[Source]) -> tuple[str, ...]:
    names: Mapping[str, None] = {
        name: None for one in said for name in ([one] if isinstance(one, str) else one.columns)
    }
    return tuple(names)
