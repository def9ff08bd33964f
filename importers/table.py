"""Tables: CSV records or NDJSON objects of any shape, turned into drafts by a mapping file."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from graphsvc.model.drafts import Draft, DraftEntity, DraftLink, Grading, Observed, Origin, RowProblem
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.scalars import lacks_offset
from importers.mapping import FIELD, Condition, EntityRule, Interval, LinkRule, Rule, Source, Value
from importers.mapping import Mapping as TableMapping
from importers.native import broken_json, too_long
from importers.rows import CHUNK, Row

_BOM = b"\xef\xbb\xbf"

Getter = Callable[[Any], Any]
"""Gives one value of a row (a list of cells, or an object), None where there is none."""
Lookup = Callable[[str], Getter | None]
"""Gives the getter of a column, None where the table has no such column."""


def detect_charset(stream: BinaryIO) -> str:
    """``utf-8`` if the whole stream is, else ``gb18030``; the stream is read from and left at its start.

    Whole, because a first part in ASCII decides nothing, and short Chinese texts may look like UTF-8. Raises
    InvalidInput where it is neither.
    """
    for charset in ("utf-8", "gb18030"):
        stream.seek(0)
        decoder = codecs.getincrementaldecoder(charset)("strict")
        try:
            while chunk := stream.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            continue
        finally:
            stream.seek(0)
        return charset
    raise InvalidInput("neither UTF-8 nor GB18030: name the encoding in the mapping", code="unknown_charset")


class TableImporter:
    """Makes drafts from the rows of a table. ``charset`` is the one found or stated."""

    def __init__(self, mapping: TableMapping, charset: str = "utf-8") -> None:
        self.mapping = mapping
        self.charset = charset
        self.defaults = mapping.defaults
        self._decoder = msgspec.json.Decoder(float_hook=str)

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and the draft, the problem that stopped it, or None for header, blank line, comment.

        Raises InvalidInput ``missing_column`` when the header lacks a column that the mapping needs.
        """
        if self.mapping.format == "ndjson":
            plan = _plan(self.mapping, _path)
            for row in rows:
                yield row.number, self._from_json(row, plan)
            return
        columns = self.mapping.columns
        made = None if columns is None else _plan(self.mapping, _cells(columns))
        width = 0 if columns is None else len(columns)
        for row in rows:
            cells = self._cells_of(row)
            if not isinstance(cells, list):
                yield row.number, cells
            elif made is None:
                made, width = _plan(self.mapping, _cells(cells)), len(cells)
                yield row.number, None
            elif len(cells) != width and any(cells[width:]) | (len(cells) < width):
                message = f"the row has {len(cells)} cells, the header {width}: look for a missing quote or separator"
                yield row.number, RowProblem(row.number, "row_width", "", message)
            else:
                yield row.number, _draft(row.number, cells, made, self.mapping)

    def _from_json(self, row: Row, plan: list[_RulePlan]) -> Draft | RowProblem | None:
        if row.data is None:
            return too_long(row)
        data = row.data.removeprefix(_BOM) if row.number == 0 else row.data
        if not data.strip() or (self.mapping.comment and data.startswith(self.mapping.comment.encode())):
            return None
        try:
            found = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return broken_json(row)
        if not isinstance(found, dict):
            return broken_json(row)
        return _draft(row.number, found, plan, self.mapping)

    def _cells_of(self, row: Row) -> list[str] | RowProblem | None:
        if row.data is None:
            return too_long(row)
        try:
            text = (row.data.removeprefix(_BOM) if row.number == 0 else row.data).decode(self.charset)
        except UnicodeDecodeError as error:
            message = f"byte {error.start} of the row is not {self.charset}: save the file as UTF-8"
            return RowProblem(row.number, "broken_utf8" if self.charset == "utf-8" else "broken_charset", "", message)
        if not text.strip() or (self.mapping.comment and text.startswith(self.mapping.comment)):
            return None
        try:
            return _split(text, self.mapping.delimiter)
        except csv.Error as error:
            if "field limit" in str(error):
                return RowProblem(row.number, "cell_too_long", "", "a cell has more than 128 KiB: shorten it")
            return RowProblem(row.number, "bad_csv", "", "a quote in this record is not closed or not doubled")


def _split(text: str, delimiter: str) -> list[str]:
    """The cells of one record. A quoted cell above csv's limit of 128 KiB (process-wide) refuses the row."""
    if '"' not in text:
        return text.split(delimiter)
    records = list(csv.reader([text], delimiter=delimiter, strict=True))
    if len(records) != 1:
        raise csv.Error("not one record")
    return records[0]


@dataclass(frozen=True, slots=True)
class _EntityPlan:
    rule: EntityRule
    key: tuple[tuple[str, Getter, str], ...]
    attributes: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class _LinkPlan:
    rule: LinkRule
    attributes: tuple[tuple[str, Getter], ...]
    observed: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class _RulePlan:
    tests: tuple[Callable[[Any], bool], ...]
    entities: tuple[_EntityPlan, ...]
    links: tuple[_LinkPlan, ...]
    fields: Mapping[str, tuple[tuple[str, Getter], ...]]


def _plan(mapping: TableMapping, lookup: Lookup) -> list[_RulePlan]:
    """The mapping bound to a table's columns; raises InvalidInput where a column is missing that is not optional."""
    return [_rule_plan(rule, lookup, f"/rows/{index}") for index, rule in enumerate(mapping.rules)]


def _rule_plan(rule: Rule, lookup: Lookup, pointer: str) -> _RulePlan:
    def bind(values: Mapping[str, Source], place: str) -> tuple[tuple[str, Getter], ...]:
        return tuple((name, _getter(value, lookup, f"{pointer}{place}/{name}")) for name, value in values.items())

    def interval(observed: Interval | None, place: str) -> tuple[tuple[str, Getter], ...]:
        return bind(
            {n: v for n in ("since", "until") if (v := getattr(observed, n, None)) is not None}, f"{place}/observed"
        )

    entities = []
    for e, entity in enumerate(rule.entities):
        key = bind(entity.key, f"/entities/{e}/key")
        shown = tuple((n, g, ", ".join(_value(entity.key[n]).columns)) for n, g in key)
        entities.append(_EntityPlan(entity, shown, bind(entity.attributes, f"/entities/{e}/attributes")))
    links = tuple(
        _LinkPlan(link, bind(link.attributes, f"/links/{i}/attributes"), interval(link.observed, f"/links/{i}"))
        for i, link in enumerate(rule.links)
    )
    fields = {"observed": interval(rule.observed, "")}
    if rule.expires is not None:
        fields["expires"] = bind({"expires": rule.expires}, "")
    if rule.handling is not None:
        fields["handling"] = bind({"scheme": rule.handling.scheme, "code": rule.handling.code}, "/handling")
    if rule.grading is not None:
        read = rule.grading
        fields["grading"] = bind(
            {"scheme": read.scheme, "source": read.source, "information": read.information}, "/grading"
        )
    if rule.origin is not None:
        said = {"organisation": rule.origin.organisation, "reference": rule.origin.reference}
        fields["origin"] = bind({name: value for name, value in said.items() if value is not None}, "/origin")
    tests = tuple(_test(condition, lookup, f"{pointer}/when") for condition in rule.conditions)
    return _RulePlan(tests, tuple(entities), links, fields)


def _draft(number: int, row: Any, plans: list[_RulePlan], mapping: TableMapping) -> Draft | RowProblem | None:
    draft = Draft([], [], row=number)
    skipped: set[str] = set()
    matched = False
    for plan in plans:
        if not all(test(row) for test in plan.tests):
            continue
        matched = True
        problem = _add_entities(draft, row, plan, skipped)
        if problem is not None:
            return problem
        for link in plan.links:
            rule = link.rule
            if rule.source not in skipped and rule.target not in skipped:
                attributes, observed = _some(link.attributes, row), _some(link.observed, row)
                seen = Observed(**observed) if observed else None
                draft.links.append(DraftLink(rule.kind, rule.source, rule.target, attributes, seen))
        _add_fields(draft, row, plan)
    if not matched and mapping.otherwise == "report":
        return RowProblem(number, "no_rule", "", "no rule of the mapping holds: add one, or set `otherwise: skip`")
    return draft if draft.entities else None


def _add_entities(draft: Draft, row: Any, plan: _RulePlan, skipped: set[str]) -> RowProblem | None:
    for entity in plan.entities:
        key: dict[str, Any] = {}
        lacking = ""
        for name, getter, columns in entity.key:
            value = getter(row)
            if value is not None:
                key[name] = value
            elif not entity.rule.optional:
                message = f"{columns or name} is empty: fill it in, or mark the entity optional in the mapping"
                return RowProblem(draft.row, "missing_value", f"/entities/{len(draft.entities)}/key/{name}", message)
            else:
                lacking = name
        if lacking:
            skipped.add(entity.rule.ref)
        else:
            attributes = _some(entity.attributes, row)
            draft.entities.append(DraftEntity(entity.rule.ref, entity.rule.kind, key, attributes))
    return None


def _add_fields(draft: Draft, row: Any, plan: _RulePlan) -> None:
    found = {name: _some(getters, row) for name, getters in plan.fields.items()}
    if found["observed"]:
        draft.observed = Observed(**found["observed"])
    if "expires" in found:
        draft.expires = found["expires"].get("expires", draft.expires)
    if "handling" in found:
        draft.handling = Handling(found["handling"].get("scheme", ""), found["handling"].get("code", ""))
    if "grading" in found:
        draft.grading = Grading(**found["grading"])
    if found.get("origin"):
        draft.origin = Origin(**{name: _word(value) for name, value in found["origin"].items()})


def _some(getters: Iterable[tuple[str, Getter]], row: Any) -> dict[str, Any]:
    return {name: value for name, getter in getters if (value := getter(row)) is not None}


def _value(source: Source) -> Value:
    return Value(column=source) if isinstance(source, str) else source


def _getter(source: Source, lookup: Lookup, pointer: str) -> Getter:
    value = _value(source)
    if value.const is not None:
        const = value.const
        return lambda row: const
    getters = [lookup(column) for column in value.columns]
    for column, getter in zip(value.columns, getters, strict=True):
        if getter is None and not value.optional:
            raise _missing(column, pointer)
    if any(getter is None for getter in getters):
        return lambda row: None
    base = getters[0] if value.template is None else _template(value.template, [g for g in getters if g])
    assert base is not None
    if not (value.absent or value.map or value.other or value.split or value.timezone):
        return base
    return _refined(base, value)


def _template(template: str, getters: list[Getter]) -> Getter:
    texts = FIELD.split(template)[::2]

    def get(row: Any) -> Any:
        out = [texts[0]]
        for getter, text in zip(getters, texts[1:], strict=True):
            value = getter(row)
            if value is None:
                return None
            out += (_word(value), text)
        return "".join(out)

    return get


def _refined(base: Getter, value: Value) -> Getter:
    absent = frozenset(word.casefold() for word in value.absent)

    def one(found: Any) -> Any:
        word = _word(found) if not isinstance(found, list) else found
        if isinstance(word, str):
            if word.casefold() in absent:
                return None
            if word in value.map:
                return value.map[word]
            if value.other:
                return value.other
            if value.timezone and lacks_offset(word):
                return word + value.timezone
        return found

    def get(row: Any) -> Any:
        found = base(row)
        if found is None:
            return None
        if value.split and isinstance(found, str):
            found = [part.strip() for part in found.split(value.split)]
        if isinstance(found, list):
            return [kept for part in found if part != "" and (kept := one(part)) is not None] or None
        return one(found)

    return get


def _test(condition: Condition, lookup: Lookup, pointer: str) -> Callable[[Any], bool]:
    getter = lookup(condition.column)
    if getter is None:
        raise _missing(condition.column, pointer)
    words = None if condition.among is None else frozenset(condition.among)
    equals = None if condition.equals is None else _word(condition.equals)

    def holds(row: Any) -> bool:
        value = getter(row)
        if value is None:
            return condition.absent and not condition.present and equals is None and words is None
        if condition.absent:
            return False
        word = _word(value)
        return (equals is None or word == equals) and (words is None or word in words)

    return holds


def _word(value: Any) -> str:
    """A value as the text that conditions, maps and templates see: JSON's words for true and false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _cells(header: Iterable[str]) -> Lookup:
    """Columns of a CSV by header; white space around names is dropped, an empty cell is None."""
    names = [name.strip() for name in header]

    def lookup(column: str) -> Getter | None:
        if names.count(column) > 1:
            raise InvalidInput(f"the header names {column} twice: rename one", code="double_column", where="row 0")
        if column not in names:
            return None
        index = names.index(column)
        return lambda cells: cells[index].strip() or None

    return lookup


def _path(column: str) -> Getter:
    """A dotted path into an object; a key that has the dots in its name is found as well."""
    steps = column.split(".")

    def get(found: Any) -> Any:
        if column in found:
            found = found[column]
        else:
            for step in steps:
                if not isinstance(found, dict) or step not in found:
                    return None
                found = found[step]
        if isinstance(found, str):
            return found.strip() or None
        return None if isinstance(found, dict) else found

    return get


def _missing(column: str, pointer: str) -> InvalidInput:
    message = f"mapping {pointer}: the table has no column {column}: correct the mapping, or mark the value optional"
    return InvalidInput(message, code="missing_column", where=f"mapping {pointer}")
