"""Claims that are shown: noted down for their owners, and read member by member.

Which field groups of a record are shown depends on its label alone, so a disclosure names every group that the label
grants to the reader, whether or not a value is there: the trail over-reports, it never under-reports. Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeVar

import orjson

from graphsvc.answers.provenance import Said, circular
from graphsvc.api.tables import Repeated, Several, Table
from graphsvc.graph.facts import LinkClaim, RecordClaim, Told
from graphsvc.model.labels import GROUPS
from graphsvc.wire.answers import Attribute, Grading, Handling, Origin, Withheld

K = TypeVar("K", bound=Hashable)
Column = list[Any]
Packed = tuple[str | None, ...]
"""A claim's group texts, in the order of :data:`graphsvc.model.labels.GROUPS`."""

_handling, _withheld, _owner = attrgetter("handling"), attrgetter("withheld"), attrgetter("owner")
_graded = attrgetter("grading_scheme", "grading_source", "grading_information")


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What a label says of every record under it, for one reader."""

    owner: str
    owner_kind: str
    handling: Handling
    pap: str
    granted: tuple[str, ...]
    withheld: list[Withheld]
    own: bool
    kept: str
    """The rule by which records may only be looked at; empty where they may be exported."""
    shown: dict[int, tuple[str, tuple[str, ...]]]
    """Where the owner's records are noted: record integer → (handle, field groups)."""


class Noted:
    """Claims whose records were noted down as shown, each with its label's terms and its record's handle.

    ``packed`` are their group texts.
    """

    def __init__(
        self,
        claims: Sequence[RecordClaim | LinkClaim],
        packed: Sequence[Packed],
        terms: list[Terms],
        handles: list[str],
    ) -> None:
        self.claims = claims
        self.terms = terms
        self.handles = handles
        self._packed = packed

    @cached_property
    def _by_terms(self) -> tuple[list[Terms], list[int]]:
        return _places(self.terms)

    def owners(self) -> Column:
        """The owners."""
        return list(map(_owner, self.terms))

    def owner_kinds(self) -> Column:
        """The kinds of the owners."""
        return [terms.owner_kind for terms in self.terms]

    def handlings(self) -> Repeated:
        """The handling codes."""
        terms, places = self._by_terms
        return Repeated(list(map(_handling, terms)), places)

    def withheld(self) -> Repeated:
        """The groups that are withheld."""
        terms, places = self._by_terms
        return Repeated(list(map(_withheld, terms)), places)

    def gradings(self) -> Repeated:
        """The gradings."""
        graded, places = _places(map(_graded, self.claims))
        return Repeated(list(map(_grading, graded)), places)

    def origins(self) -> Repeated:
        """The origins."""
        origins, places = _places([claim.origin for claim in self.claims])
        return Repeated(list(map(_named_origin, origins)), places)

    def attributes(self) -> Repeated:
        """The attributes. Claims of one entity often hold the same values: these are parsed once."""
        packed, places = _places(self._packed)
        attributes = Attributes()
        return Repeated(Several(attributes, list(map(attributes.add, packed))), places)

    def repeats(self, among: Iterable[tuple[Sequence[int], Told | None]]) -> list[bool]:
        """Whether each claim repeats another one of those that it stands ``among``, which are given by place.

        Beside them the totals over all visible claims of the same thing, where not all are here.
        """
        found = [False] * len(self.claims)
        for places, told in among:
            if any(self.claims[place].origin is not None for place in places):
                said = [_said(self.terms[place].owner, self.claims[place].origin) for place in places]
                for place, repeated in zip(places, circular(said, () if told is None else told.sources), strict=True):
                    found[place] = repeated
        return found


class Attributes(Table[Attribute]):
    """Attributes, by name, group and text."""

    shape = Attribute

    def __init__(self) -> None:
        self._names: list[str] = []
        self._groups: list[str] = []
        self._texts: list[str] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._texts)

    def name(self) -> Column:
        """The names."""
        return self._names

    def field_group(self) -> Column:
        """The groups."""
        return self._groups

    def value(self) -> Column:
        """The values, in canonical form."""
        return self._texts

    def add(self, groups: Packed) -> int:
        """Add what a claim's group texts hold; returns how many attributes these are."""
        before = len(self)
        for group, packed in zip(GROUPS, groups, strict=True):
            if packed is not None:
                for name, value in orjson.loads(packed).items():
                    texts = [value] if type(value) is str else _texts(value)
                    self._names += [name] * len(texts)
                    self._groups += [group] * len(texts)
                    self._texts += texts
        return len(self) - before


def _places(values: Iterable[K]) -> tuple[list[K], list[int]]:
    """The values, each once, and for each one given its place among these."""
    first: dict[K, int] = {}
    places = [first.setdefault(one, len(first)) for one in values]
    return list(first), places


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(value)]


def _grading(graded: tuple[str | None, str | None, str | None]) -> Grading | None:
    scheme, source, information = graded
    return None if scheme is None else Grading(scheme=scheme, source=source or "", information=information or "")


def _named_origin(origin: str | None) -> Origin | None:
    if origin is None:
        return None
    organisation, _, reference = origin.partition(" ")
    return Origin(organisation=organisation, reference=reference or None)


def _said(owner: str, origin: str | None) -> Said:
    organisation, _, reference = (origin or "").partition(" ")
    return Said(owner, organisation, reference)
