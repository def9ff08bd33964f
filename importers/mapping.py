"""Mapping files: how the columns of somebody's table become entities and links. YAML, checked before a row is read.

A value is a column's name, or ``{column: …}``, ``{const: …}`` or ``{template: "{first} {last}"}`` with, if
wanted, ``optional`` (the column may be missing), ``absent`` (words that mean nothing), ``map`` (word → word) and
``other`` (what all other words become), ``split`` (several values in one cell), ``timezone`` (offset of times that have
none). Columns of NDJSON are dotted paths.
"""

from __future__ import annotations

import hashlib
import re
from collections import ChainMap
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Literal

import msgspec

from graphsvc.model.cleaning import too_many
from graphsvc.model.datafiles import parse_yaml
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import Schema

ENCODINGS = (
    "auto", "utf-8", "gb18030", "big5", "shift_jis", "euc-kr", "windows-1250", "windows-1251", "windows-1252",
    "windows-1256", "windows-1258", "iso-8859-1", "tis-620",
)  # fmt: skip
"""Encodings whose line ends, quotes and separators are single ASCII bytes, so that rows can be cut before decoding."""
FIELD = re.compile(r"\{([^{}]+)\}")
"""A column named in a template."""


MAX_TEMPLATE = 2_000
"""A template has at most this many characters."""
MAX_PARTS = 2_000
"""At most this many entities, links, conditions and values in one mapping: every row is tried against all of them."""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where one value comes from; exactly one of ``column``, ``const`` and ``template`` is given."""

    column: str | None = None
    const: str | int | bool | list[str] | None = None
    template: str | None = None
    optional: bool = False
    absent: list[str] = []
    map: dict[str, str | int | bool] = {}
    other: str = ""
    split: str = ""
    timezone: str = ""

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


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"among": "in"}, omit_defaults=True):
    """A test of one column: equal to, one of, there (not empty) or not there. All that are given must hold."""

    column: str
    equals: str | int | bool | None = None
    among: list[str] | None = None
    present: bool = False
    absent: bool = False


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An observed interval."""

    since: Source | None = None
    until: Source | None = None


class EntityRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An entity to make from a row. An ``optional`` one is left out, with its links, where a key column is empty."""

    ref: str
    kind: str
    key: dict[str, Source]
    attributes: dict[str, Source] = {}
    optional: bool = False


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


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """What to make of the rows for which ``when`` holds. Several rules may hold for a row: their drafts become one."""

    entities: list[EntityRule]
    links: list[LinkRule] = []
    when: Condition | list[Condition] | None = None
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


class _MappingFile(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["csv", "ndjson"]
    rows: list[Rule]
    title: str = ""
    delimiter: str = ","
    encoding: str = "auto"
    comment: str = ""
    columns: list[str] | None = None
    region: str | None = None
    defaults: Defaults = Defaults()
    otherwise: Literal["report", "skip"] = "report"


class Mapping(msgspec.Struct, frozen=True):
    """A checked mapping. ``digest`` is ``sha256:<hex>`` of the file's bytes, which the signed manifest hides.

    ``defaults`` apply to all rows where the manifest says nothing else (``merge_defaults``). ``columns`` names the
    columns of a CSV without header. ``otherwise`` says whether a row for which no rule holds is a problem or skipped.
    """

    format: Literal["csv", "ndjson"]
    rules: tuple[Rule, ...]
    digest: str
    title: str
    delimiter: str
    encoding: str
    comment: str
    columns: tuple[str, ...] | None
    defaults: Defaults
    otherwise: Literal["report", "skip"]


def load_mapping(data: bytes, schema: Schema | None = None) -> Mapping:
    """A mapping from the bytes of its file, checked by itself and, if a schema is given, against it.

    Raises InvalidInput that says where in the mapping the mistake is (``/rows/0/entities/1/kind``) and what to write.
    """
    read = parse_yaml(data, _MappingFile, "mapping")
    if read.encoding not in ENCODINGS:
        raise _refused("/encoding", f"encoding must be one of {', '.join(ENCODINGS)}")
    if len(read.delimiter) != 1 or read.delimiter not in ",;\t|":
        raise _refused("/delimiter", 'delimiter must be one of "," ";" "|" or "\\t"')
    if read.format == "ndjson" and (read.columns is not None or read.encoding not in ("auto", "utf-8")):
        raise _refused("/format", "NDJSON is UTF-8 and names its columns itself: leave encoding and columns out")
    if not read.rows:
        raise _refused("/rows", "give at least one rule")
    _check_size(read.rows)
    kinds = {entity.ref: entity.kind for rule in read.rows for entity in rule.entities}
    for index, rule in enumerate(read.rows):
        _check_rule(rule, f"/rows/{index}", kinds.keys())
        if schema is not None:
            # In a link a ref means an entity of the same rule first, then one of another rule.
            own = {entity.ref: entity.kind for entity in rule.entities}
            _check_words(rule, f"/rows/{index}", schema, ChainMap(own, kinds))
    region = read.region or read.defaults.region
    defaults = msgspec.structs.replace(read.defaults, region=region)
    return Mapping(
        format=read.format,
        rules=tuple(read.rows),
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        title=read.title,
        delimiter=read.delimiter,
        encoding=read.encoding,
        comment=read.comment,
        columns=None if read.columns is None else tuple(read.columns),
        defaults=defaults,
        otherwise=read.otherwise,
    )


def sources(rule: Rule) -> Iterator[tuple[str, Source]]:
    """Every value of a rule with its place in the rule."""
    for e, entity in enumerate(rule.entities):
        yield from ((f"/entities/{e}/key/{name}", value) for name, value in entity.key.items())
        yield from ((f"/entities/{e}/attributes/{name}", value) for name, value in entity.attributes.items())
    for i, link in enumerate(rule.links):
        yield from ((f"/links/{i}/attributes/{name}", value) for name, value in link.attributes.items())
        yield from _of_struct(link.observed, f"/links/{i}/observed")
    for name in ("observed", "handling", "grading", "origin", "supersedes"):
        yield from _of_struct(getattr(rule, name), f"/{name}")
    if rule.expires is not None:
        yield "/expires", rule.expires


def _of_struct(struct: Any, pointer: str) -> Iterator[tuple[str, Source]]:
    if struct is not None:
        for name in struct.__struct_fields__:
            if (value := getattr(struct, name)) is not None:
                yield f"{pointer}/{name}", value


def _check_size(rules: list[Rule]) -> None:
    """Refuse a mapping that makes or tests too much for each row, before any row is read."""
    parts = 0
    for index, rule in enumerate(rules):
        if (many := too_many(len(rule.entities), len(rule.links))) is not None:
            raise _refused(f"/rows/{index}{many[1]}", many[2])
        parts += len(rule.entities) + len(rule.links) + len(rule.conditions) + sum(1 for _ in sources(rule))
        if parts > MAX_PARTS:
            what = f"a mapping has at most {MAX_PARTS} entities, links, conditions and values: split it"
            raise _refused(f"/rows/{index}", what)


def _check_rule(rule: Rule, pointer: str, refs: AbstractSet[str]) -> None:
    own = [entity.ref for entity in rule.entities]
    if len(set(own)) != len(own):
        raise _refused(f"{pointer}/entities", "two entities have the same ref")
    for i, link in enumerate(rule.links):
        for side, ref in (("from", link.source), ("to", link.target)):
            if ref not in refs:
                raise _refused(f"{pointer}/links/{i}/{side}", f"no entity has the ref {ref}")
    for c, condition in enumerate(rule.conditions):
        if condition.equals is None and condition.among is None and not (condition.present or condition.absent):
            raise _refused(f"{pointer}/when/{c}", "give equals, in, present: true or absent: true")
    for place, value in sources(rule):
        if isinstance(value, Value):
            if sum(x is not None for x in (value.column, value.const, value.template)) != 1:
                raise _refused(pointer + place, "give exactly one of column, const and template")
            if value.several and "/attributes/" not in place:
                raise _refused(pointer + place, "give one word here, not a list: leave split out")
            if value.template is not None and len(value.template) > MAX_TEMPLATE:
                raise _refused(f"{pointer}{place}/template", f"a template has at most {MAX_TEMPLATE} characters")
            if value.timezone and not re.fullmatch(r"Z|[+-]\d{2}:\d{2}", value.timezone):
                raise _refused(f"{pointer}{place}/timezone", "write the offset as +08:00 or Z")


def _check_words(rule: Rule, pointer: str, schema: Schema, kinds: ChainMap[str, str]) -> None:
    for e, entity in enumerate(rule.entities):
        where = f"{pointer}/entities/{e}"
        kind = schema.kinds.get(entity.kind)
        if kind is None:
            raise _refused(f"{where}/kind", f"no kind {entity.kind}; kinds are {', '.join(schema.kinds)}")
        if frozenset(entity.key) not in kind.forms:
            ways = " or ".join("{" + ", ".join(name for name, _ in form.parts) + "}" for form in kind.keys)
            raise _refused(f"{where}/key", f"the key of {entity.kind} is {ways}")
        for name in entity.attributes:
            if name not in kind.attributes:
                raise _refused(f"{where}/attributes/{name}", f"{entity.kind} has: {', '.join(kind.attributes)}")
    for i, link in enumerate(rule.links):
        where = f"{pointer}/links/{i}"
        known = schema.links.get(link.kind)
        if known is None:
            raise _refused(f"{where}/kind", f"no link {link.kind}; links are {', '.join(schema.links)}")
        if (kinds[link.source], kinds[link.target]) not in known.pairs:
            raise _refused(where, f"{link.kind} may not go from {kinds[link.source]} to {kinds[link.target]}")
        for name in link.attributes:
            if name not in known.attributes:
                has = ", ".join(known.attributes) or "none"
                raise _refused(f"{where}/attributes/{name}", f"{link.kind} has: {has}")


def _refused(pointer: str, what: str) -> InvalidInput:
    return InvalidInput(f"mapping {pointer}: {what}", code="bad_mapping", where=f"mapping {pointer}")
