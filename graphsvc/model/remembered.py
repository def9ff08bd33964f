"""What the cleaning of one file remembers: a value that stands in many rows is cleaned, and checked, once.

Only what is text and came out clean is remembered, by kind, attribute and region, which is all that a cleaner knows
beside the value. So a file's rows come out as each would alone; what is remembered only saves time. It has a bound over
the whole file: when it is reached, all is forgotten, and memory stays flat whatever comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphsvc.model.claims import UNKNOWN, is_indexable
from graphsvc.model.drafts import Defaults, Draft, Grading
from graphsvc.model.labels import Label
from graphsvc.model.principals import Organisation
from graphsvc.model.rowfields import NO_GRADING, grading_of, label_of
from graphsvc.model.scalars import CleanContext, ValueProblem
from graphsvc.model.schema import Attribute, Kind, LinkKind, Schema
from graphsvc.model.times import epoch

MAX_REMEMBERED = 1 << 17
"""At most this many values of one file are remembered."""
MAX_LENGTH = 120
"""Only values of at most this many characters are: longer ones seldom come twice."""
MAX_KINDS = 1_000
"""At most this many kinds in regions are known at once: a region is a word of the file."""
_INT64 = 1 << 63
_NOTHING_SAID = (None, None, None, None, None)

Parts = tuple[tuple[str, Any], ...]
"""The parts of a key in the order given."""
Interval = tuple[str | None, str | None]


class KnownAttribute:
    """One attribute in one region, and the clean values that are remembered, by the text given."""

    __slots__ = ("attribute", "group", "values")

    def __init__(self, attribute: Attribute) -> None:
        self.attribute, self.group = attribute, attribute.group
        self.values: dict[str, Any] = {}


class KnownKind:
    """One kind of entity in one region, and its canonical keys that are remembered, by the parts given."""

    __slots__ = ("attributes", "context", "keys", "kind")

    def __init__(self, kind: Kind, context: CleanContext) -> None:
        self.kind, self.context = kind, context
        self.keys: dict[Parts, str] = {}
        self.attributes = known_attributes(kind.attributes)


def known_attributes(attributes: Mapping[str, Attribute]) -> dict[str, KnownAttribute]:
    """The attributes by name, nothing remembered of them yet."""
    return {name: KnownAttribute(attribute) for name, attribute in attributes.items()}


class FileMemory:
    """What holds for all rows of a file, and what is remembered of those before: the first of each is looked up.

    At most :data:`MAX_REMEMBERED` values over all, and then nothing again.
    """

    __slots__ = (
        "_count", "_grading", "_kept", "_kinds", "_label", "_links", "context", "defaults", "intervals", "organisation",
        "schema",
    )  # fmt: skip

    def __init__(self, schema: Schema, defaults: Defaults, organisation: Organisation) -> None:
        self.schema, self.defaults, self.organisation = schema, defaults, organisation
        self.context = CleanContext(defaults.region, organisation.org)
        self.intervals: dict[tuple[Any, Any], Interval] = {}
        self._count = 0
        self._kept: list[dict[Any, Any]] = []
        self._kinds: dict[tuple[str, str | None], KnownKind] = {}
        self._links: dict[str, tuple[LinkKind, dict[str, KnownAttribute]]] = {}
        self._label: Label | None = None
        self._grading: Grading | None = None

    def kind(self, name: str, region: str | None) -> KnownKind | None:
        """A kind as it is read in a region, None for one that the schema hasn't.

        An unknown region is none, never another.
        """
        known = self._kinds.get((name, region))
        if known is None and (kind := self.schema.kinds.get(name)) is not None:
            context = self.context
            if region:
                try:
                    found = self.schema.codelists["countries"].clean(region)
                except (ValueProblem, LookupError):
                    found = None
                context = CleanContext(found, self.context.org)
            if len(self._kinds) >= MAX_KINDS:
                self._kinds.clear()
            known = self._kinds[name, region] = KnownKind(kind, context)
        return known

    def link(self, name: str) -> tuple[LinkKind, dict[str, KnownAttribute]] | None:
        """A kind of link with its attributes, None for one that the schema hasn't."""
        known = self._links.get(name)
        if known is None and (kind := self.schema.links.get(name)) is not None:
            known = self._links[name] = kind, known_attributes(kind.attributes)
        return known

    def label(self, draft: Draft) -> Label:
        """The label of a row. Raises Rejected."""
        said = (draft.handling, draft.purposes, draft.groups, draft.pap, draft.legal_basis)
        if said != _NOTHING_SAID:
            return label_of(draft, self.schema, self.defaults, self.organisation)
        if self._label is None:
            self._label = label_of(draft, self.schema, self.defaults, self.organisation)
        return self._label

    def grading(self, draft: Draft) -> Grading:
        """The grading of a row. Raises Rejected."""
        if draft.grading is not None:
            return grading_of(draft.grading, self.schema)
        if self._grading is None:
            self._grading = grading_of(self.defaults.grading or NO_GRADING, self.schema)
        return self._grading

    def keep_value(self, known: KnownAttribute, given: Any, clean: Any) -> bool:
        """Remember the clean value of an attribute; returns whether it is fit to be stored."""
        if not _stays(clean):
            return False
        if type(given) is str and len(given) <= MAX_LENGTH:
            self._keep(known.values, given, clean)
        return True

    def keep_key(self, known: KnownKind, parts: Parts, key: str) -> bool:
        """Remember a canonical key; returns whether it is fit to be stored."""
        if not is_indexable(key):
            return False
        for _, value in parts:
            if type(value) is not str or len(value) > MAX_LENGTH:
                return True
        self._keep(known.keys, parts, key)
        return True

    def keep_interval(self, given: tuple[Any, Any], clean: Interval) -> bool:
        """Remember an interval; returns whether it is fit to be stored."""
        try:
            for end in clean:
                epoch(end, UNKNOWN)
        except (ValueError, OverflowError):
            return False
        if all(end is None or (type(end) is str and len(end) <= MAX_LENGTH) for end in given):
            self._keep(self.intervals, given, clean)
        return True

    def _keep(self, where: dict[Any, Any], given: Any, clean: Any) -> None:
        if self._count >= MAX_REMEMBERED:
            for kept in self._kept:
                kept.clear()
            self._kept.clear()
            self._count = 0
        if not where:
            self._kept.append(where)
        where[given] = clean
        self._count += 1


def _stays(clean: Any) -> bool:
    """Whether a value is, after it was stored, what it was before."""
    if type(clean) is str:
        return clean.isascii() or not any("\ud800" <= char <= "\udfff" for char in clean)
    return type(clean) is bool or (type(clean) is int and -_INT64 <= clean < _INT64)
