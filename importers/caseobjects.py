"""Objects of a CASE graph, whose members are found by their names without prefix, and the objects that they name."""

from __future__ import annotations

import re
from typing import Any

from graphsvc.model.exported import CASE_NAMESPACE
from importers.documents import text_of

_OWN = "graphsvc:"
_PREFIX = re.compile(r"^(?:https?://.*[/#]|[^:/#]*:)")


def local(word: str) -> str:
    """A name without its prefix."""
    return _PREFIX.sub("", word)


def types_of(one: dict[str, Any]) -> list[str]:
    """The types of an object or facet."""
    found = one.get("@type")
    return [local(name) for name in (found if isinstance(found, list) else [found]) if isinstance(name, str)]


class CaseObject:
    """An object with its members by their local names, and the objects that it names."""

    def __init__(self, one: dict[str, Any], near: dict[str, dict[str, Any]]) -> None:
        self.one, self.near = one, near
        self.types = types_of(one)
        self.name = text_of(one.get("@id")) or "?"
        self.said = {local(word): value for word, value in one.items() if not word.startswith("@")}
        own = {word for word in one if word.startswith((_OWN, CASE_NAMESPACE))}
        self.exported = "kind" in {local(word) for word in own}
        """Whether it says, in the namespace of graphsvc, what it is."""
        facets = self.said.get("hasFacet")
        self.facets: dict[str, dict[str, Any]] = {}
        for facet in facets if isinstance(facets, list) else [facets]:
            if isinstance(facet, dict):
                members = {local(word): value for word, value in facet.items() if not word.startswith("@")}
                for kind in types_of(facet):
                    self.facets.setdefault(kind, members)

    def text(self, word: str, facet: str = "") -> str | None:
        """A member as text; of several, the first."""
        value = (self.facets.get(facet, {}) if facet else self.said).get(word)
        return next((text for one in listed(value) if (text := plain(one)) is not None), None)

    def objects(self, word: str, facet: str = "") -> list[CaseObject]:
        """The objects that a member names, of those beside it."""
        value = (self.facets.get(facet, {}) if facet else self.said).get(word)
        names = [str(one["@id"]) for one in listed(value) if isinstance(one, dict) and "@id" in one]
        return [CaseObject(self.near[name], self.near) for name in names if name in self.near]


def listed(value: Any) -> list[Any]:
    """A value as a list."""
    return value if isinstance(value, list) else [value]


def plain(value: Any) -> str | None:
    """A literal as text, also one with a type."""
    if isinstance(value, dict):
        value = value.get("@value")
    return text_of(value, 20_000)
