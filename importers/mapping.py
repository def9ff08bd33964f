"""Mapping files read: YAML, checked by itself and against the schema before a row is read."""

from __future__ import annotations

import hashlib
import re
from collections import ChainMap
from collections.abc import Set as AbstractSet

import msgspec

from graphsvc.model.cleaning import too_many
from graphsvc.model.datafiles import parse_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import Schema
from importers.places import line_of
from importers.rules import Condition, Mapping, MappingFile, Rule, Value, sources
from importers.written import factor_of

ENCODINGS = (
    "auto", "utf-8", "gb18030", "big5", "shift_jis", "euc-kr", "windows-1250", "windows-1251", "windows-1252",
    "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258", "iso-8859-1",
    "tis-620",
)  # fmt: skip
"""Encodings whose line ends, quotes and separators are single ASCII bytes, so that rows can be cut before decoding."""
MAX_TEMPLATE = 2_000
"""A template has at most this many characters."""
MAX_PARTS = 2_000
"""At most this many entities, links, conditions and values in one mapping: every row is tried against all of them."""
MAX_HEADER = 1_000
"""The header is in one of the first rows, up to this one."""
_PATH = re.compile(r" - at `\$?([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_ZONE = re.compile(r"Z|[+-]\d{2}:\d{2}")


def load_mapping(data: bytes, schema: Schema | None = None) -> Mapping:
    """A mapping from the bytes of its file, checked by itself and, if a schema is given, against it.

    Raises InvalidInput that says where in the mapping the mistake is (``line 9, /rows/0/entities/1/kind``) and what to
    write.
    """
    try:
        return _loaded(data, schema)
    except InvalidInput as error:
        pointer = error.where.removeprefix("mapping ")
        if error.code == "bad_file" and (found := _PATH.search(error.message)) is not None:
            pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(found[1]))
        elif not pointer.startswith("/"):
            raise
        line = line_of(data, pointer)
        message = error.message if line is None else f"{error.message} (line {line})"
        raise InvalidInput(message, code=error.code, where=error.where) from None


def _loaded(data: bytes, schema: Schema | None) -> Mapping:
    read = parse_yaml(data, MappingFile, "mapping")
    _check_table(read)
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
        header=read.header,
        footer=tuple(read.footer),
        sheet=read.sheet,
        defaults=defaults,
        otherwise=read.otherwise,
    )


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
        where = f"{pointer}/when" if isinstance(rule.when, Condition) else f"{pointer}/when/{c}"
        if condition.equals is None and condition.among is None and not (condition.present or condition.absent):
            raise _refused(where, "give equals, in, present: true or absent: true")
    for place, value in sources(rule):
        if isinstance(value, Value):
            _check_value(value, pointer + place)
    for e, entity in enumerate(rule.entities):
        if sum(isinstance(value, Value) and value.several for value in entity.key.values()) > 1:
            raise _refused(f"{pointer}/entities/{e}/key", "split one part of a key, not two")


def _check_value(value: Value, where: str) -> None:
    """One value in its long form, at its place in the mapping."""
    if sum(x is not None for x in (value.column, value.const, value.template)) != 1:
        raise _refused(where, "give exactly one of column, const and template")
    if value.several and not ("/attributes/" in where or ("/key/" in where and value.separators)):
        raise _refused(where, "give one word here, not a list: leave split out")
    if value.template is not None and len(value.template) > MAX_TEMPLATE:
        raise _refused(f"{where}/template", f"a template has at most {MAX_TEMPLATE} characters")
    if value.timezone and _ZONE.fullmatch(value.timezone) is None:
        raise _refused(f"{where}/timezone", "write the offset as +08:00 or Z")
    if value.calendar != "gregorian" and value.date is None:
        raise _refused(f"{where}/calendar", "say with date how the days are written: dmy, mdy or ymd")
    if bool(value.factors) != (value.unit is not None):
        raise _refused(where, "factors (unit → factor) and unit (the column that names it) go together")
    if value.multiply is not None and value.factors:
        raise _refused(f"{where}/multiply", "give multiply, or factors by unit, not both")
    if value.multiply is not None and factor_of(str(value.multiply)) is None:
        raise _refused(f"{where}/multiply", 'write a positive number in quotes: "0.001"')
    for unit, factor in value.factors.items():
        if factor_of(str(factor)) is None:
            raise _refused(f"{where}/factors/{unit}", 'write a positive number in quotes: "0.001"')
    if any(not word for word in (*value.strip, *value.replace)):
        raise _refused(where, "an empty text can't be stripped or replaced: leave it out")


def _check_table(read: MappingFile) -> None:
    """What is said of the file as a whole."""
    if read.encoding not in ENCODINGS:
        raise _refused("/encoding", f"encoding must be one of {', '.join(ENCODINGS)}")
    if read.delimiter is not None and (len(read.delimiter) != 1 or read.delimiter not in ",;\t|"):
        raise _refused("/delimiter", 'delimiter must be one of "," ";" "|" or "\\t"')
    tables = (read.columns, read.header, read.sheet, read.delimiter, read.footer or None)
    if read.format == "ndjson" and (any(x is not None for x in tables) or read.encoding not in ("auto", "utf-8")):
        what = "NDJSON is UTF-8 and names its columns itself: leave encoding, columns, header, footer, sheet out"
        raise _refused("/format", what)
    if read.header is not None and not 1 <= read.header <= MAX_HEADER:
        raise _refused("/header", f"header is the number of the header's row, 1 to {MAX_HEADER}")
    if read.header is not None and read.columns is not None:
        raise _refused("/header", "columns is for tables without a header: give one of them")
    if any(not word.strip() for word in read.footer):
        raise _refused("/footer", "give the words that the last row begins with")
    if not read.rows:
        raise _refused("/rows", "give at least one rule")
    if read.rows[0].instead:
        raise _refused("/rows/0/else", "the first rule has none before it: leave else out")


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
