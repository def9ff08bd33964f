"""Selections of GraphQL fields as anybody might write them: aliases, fragments, directives, things named twice."""

from __future__ import annotations

from graphql import GraphQLObjectType, get_named_type
from hypothesis import strategies as st


@st.composite
def selections(draw: st.DrawFn, kind: GraphQLObjectType, depth: int) -> str:
    """A valid selection of a type's fields, ``depth`` levels deep."""
    names = draw(st.lists(st.sampled_from([*kind.fields, "__typename"]), min_size=1, max_size=5))
    parts: list[str] = []
    seen: dict[str, str] = {}
    for name in names:
        alias = draw(st.sampled_from(["", "", "", "class: ", "a1: ", "_x: "]))
        key = alias.rstrip(": ") or name
        if seen.setdefault(key, name) != name:
            continue
        below = get_named_type(kind.fields[name].type) if name != "__typename" else None
        text = f"{alias}{name}"
        if isinstance(below, GraphQLObjectType):
            if depth == 0:
                continue
            text += draw(selections(below, depth - 1))
        style = draw(st.sampled_from(["plain"] * 6 + ["inline", "typed", "skipped"]))
        if style == "inline":
            text = f"... {{ {text} }}"
        elif style == "typed":
            text = f"... on {kind.name} {{ {text} }}"
        elif style == "skipped":
            text = f"... @skip(if: {draw(st.sampled_from(['true', 'false']))}) {{ {text} }}"
        parts.append(text)
    return "{ " + " ".join(parts or ["__typename"]) + " }"
