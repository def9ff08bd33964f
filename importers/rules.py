"""What a mapping file says: how the columns of somebody's table become entities and links.

A value is a column's name, or ``{column: …}``, ``{const: …}`` or ``{template: "{first} {last}"}`` and, if wanted, what
is done with it, in this order: ``split`` (several values in one cell), ``strip``, ``replace`` and ``first`` (so many
characters), ``absent`` (words that mean nothing), ``map`` (word → word) and ``other`` (what all others become),
``date``, ``decimal``, ``multiply`` or ``factors``, ``timezone``. Columns of NDJSON are dotted paths; ``#3`` is the
third column, ``phone#2`` the second that is named so, ``#row`` the row's number as spreadsheets count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from graphsvc.model.drafts import Defaults
from importers.written import Calendar, DateForm

FIELD = re.compile(r"\{([^{}]+)\}")
"""A column named in a template."""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where one value comes from; exactly one of ``column``, ``const`` and ``template`` is given."""

    column: str | None = None
    const: str | int | bool | list[str] | None = None
    template: str | None = None
    optional: bool = False
    absent: list[str] = []
    map: dict[str, str | int | bool] = {}
    other: str = ""
    split: str | list[str] = ""
    strip: list[str] = []
    replace: dict[str, str] = {}
    first: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    date: DateForm | None = None
    calendar: Calendar = "gregorian"
    decimal: Literal[".", ","] | None = None
    multiply: str | int | None = None
    factors: dict[str, str | int] = {}
    unit: str | None = None
    timezone: str = ""

    @property
    def separators(self) -> list[str]:
        """What parts the values in one cell."""
        return [one for one in ([self.split] if isinstance(self.split, str) else self.split) if one]

    @property
    def several(self) -> bool:
        """Whether the value is a list; most places take one word only."""
        return isinstance(self.const, list) or bool(self.split)

    @property
    def columns(self) -> list[str]:
        """The columns that the value reads."""
        if self.column is not None:
            return [self.column]
        return FIELD.findall(self.template) if self.template is not None else []


Source = str | Value
_CONDITION = {"among": "in", "negated": "not"}


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=_CONDITION, omit_defaults=True):
    """A test of one column: equal to, one of, there (not empty) or not there. All that are given must hold.

    With ``not: true`` the test holds where it otherwise would not.
    """

    column: str
    equals: str | int | bool | None = None
    among: list[str] | None = None
    present: bool = False
    absent: bool = False
    negated: bool = False


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An observed interval."""

    since: Source | None = None
    until: Source | None = None


class EntityRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An entity to make from a row. An ``optional`` one is left out, with its links, where a key column is empty.

    Where a key's value is ``split``, each of its pieces makes one entity, and each has the links. ``region`` is the
    country of its telephone numbers that are written without one.
    """

    ref: str
    kind: str
    key: dict[str, Source]
    attributes: dict[str, Source] = {}
    optional: bool = False
    region: Source | None = None


class LinkRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}):
    """A link to make from a row, between two refs."""

    kind: str
    source: str
    target: str
    attributes: dict[str, Source] = {}
    observed: Interval | None = None


class CodeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A handling code from a row."""

    scheme: Source
    code: Source


class GradingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grading from a row."""

    scheme: Source
    source: Source
    information: Source


class OriginRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An origin from a row: an organisation, a reference, or both."""

    organisation: Source | None = None
    reference: Source | None = None


class SupersedesRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contributor's own reference of a row: it supersedes the record that has the same one, if there is one."""

    reference: Source


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"instead": "else"}):
    """What to make of the rows for which ``when`` holds. Several rules may hold for a row: their drafts become one.

    A rule with ``else: true`` holds only for rows for which no rule before it does. ``region`` is that of all its
    entities which say none.
    """

    entities: list[EntityRule]
    links: list[LinkRule] = []
    when: Condition | list[Condition] | None = None
    instead: bool = False
    region: Source | None = None
    observed: Interval | None = None
    expires: Source | None = None
    handling: CodeRule | None = None
    grading: GradingRule | None = None
    origin: OriginRule | None = None
    supersedes: SupersedesRule | None = None

    @property
    def conditions(self) -> list[Condition]:
        """The tests, all of which must hold."""
        if self.when is None:
            return []
        return [self.when] if isinstance(self.when, Condition) else self.when


TableForm = Literal["table", "csv", "ndjson"]
"""``table`` and ``csv`` are one: rows of cells under a header, in CSV, Excel or Parquet."""


class MappingFile(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping as it is written."""

    format: TableForm
    rows: list[Rule]
    title: str = ""
    delimiter: str | None = None
    encoding: str = "auto"
    comment: str = ""
    columns: list[str] | None = None
    header: int | None = None
    footer: list[str] = []
    sheet: str | None = None
    region: str | None = None
    defaults: Defaults = Defaults()
    otherwise: Literal["report", "skip"] = "report"


class Mapping(msgspec.Struct, frozen=True):
    """A checked mapping. ``digest`` is ``sha256:<hex>`` of the file's bytes, which the signed manifest hides.

    ``defaults`` apply to all rows where the manifest says nothing else (``merge_defaults``). ``columns`` names the
    columns of a table without header; ``header`` is the header's row, counted from 1, and None where it is looked for.
    A row whose first filled cell begins with a word of ``footer`` ends the table. ``delimiter`` is None where it is
    found. ``otherwise`` says whether a row for which no rule holds is a problem or skipped.
    """

    format: TableForm
    rules: tuple[Rule, ...]
    digest: str
    title: str
    delimiter: str | None
    encoding: str
    comment: str
    columns: tuple[str, ...] | None
    header: int | None
    footer: tuple[str, ...]
    sheet: str | None
    defaults: Defaults
    otherwise: Literal["report", "skip"]


def sources(rule: Rule) -> Iterator[tuple[str, Source]]:
    """Every value of a rule with its place in the rule."""
    for e, entity in enumerate(rule.entities):
        yield from ((f"/entities/{e}/key/{name}", value) for name, value in entity.key.items())
        yield from ((f"/entities/{e}/attributes/{name}", value) for name, value in entity.attributes.items())
        if entity.region is not None:
            yield f"/entities/{e}/region", entity.region
    for i, link in enumerate(rule.links):
        yield from ((f"/links/{i}/attributes/{name}", value) for name, value in link.attributes.items())
        yield from _of_struct(link.observed, f"/links/{i}/observed")
    for name in ("observed", "handling", "grading", "origin", "supersedes"):
        yield from _of_struct(getattr(rule, name), f"/{name}")
    if rule.expires is not None:
        yield "/expires", rule.expires
    if rule.region is not None:
        yield "/region", rule.region


def _of_struct(struct: Any, pointer: str) -> Iterator[tuple[str, Source]]:
    if struct is not None:
        for name in struct.__struct_fields__:
            if (value := getattr(struct, name)) is not None:
                yield f"{pointer}/{name}", value


def columns_read(mapping: Mapping) -> frozenset[str]:
    """Every column that a mapping names, as it names it."""
    named: set[str] = set()
    for rule in mapping.rules:
        named.update(condition.column for condition in rule.conditions)
        for _, value in sources(rule):
            if isinstance(value, str):
                named.add(value)
            else:
                named.update(value.columns)
                named.update((value.unit,) if value.unit else ())
    return frozenset(" ".join(name.split()) for name in named)


def columns_needed(mapping: Mapping) -> frozenset[str]:
    """The columns that a table must have."""
    named: set[str] = set()
    for rule in mapping.rules:
        named.update(condition.column for condition in rule.conditions)
        for _, value in sources(rule):
            if isinstance(value, str):
                named.add(value)
            elif not value.optional:
                named.update(value.columns)
    return frozenset(" ".join(name.split()) for name in named)
