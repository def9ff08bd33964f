"""Tables: CSV records or NDJSON objects of any shape, turned into drafts by a mapping file."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from graphsvc.model.bounds import MAX_DRAFT
from graphsvc.model.cleaning import too_many
from graphsvc.model.drafts import Draft, DraftEntity, DraftLink, Grading, Observed, Origin, RowProblem, Superseded
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from importers.cells import Getter, Lookup, Refused, columns_of, getter_of, path_of, test_of, value_of, word_of
from importers.mapping import EntityRule, Interval, LinkRule, Rule, Source
from importers.mapping import Mapping as TableMapping
from importers.native import broken_json, too_long
from importers.rows import CHUNK, Row

_BOM = b"\xef\xbb\xbf"


def detect_charset(stream: BinaryIO) -> str:
    """``utf-8`` if the whole stream is UTF-8, else ``gb18030``; the stream is read from its start and left there.

    All of it is read, because a first part in ASCII decides nothing, and short Chinese texts may look like UTF-8.
    Raises InvalidInput if it is neither.
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
            plan = _plan(self.mapping, path_of)
            for row in rows:
                yield row.number, self._from_json(row, plan)
            return
        columns = self.mapping.columns
        made = None if columns is None else _plan(self.mapping, columns_of(columns))
        width = 0 if columns is None else len(columns)
        for row in rows:
            cells = self._cells_of(row)
            if not isinstance(cells, list):
                yield row.number, cells
            elif made is None:
                made, width = _plan(self.mapping, columns_of(cells)), len(cells)
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
    needs_reference: str
    """The columns of a row's own reference if every row must have one, else empty."""


def _plan(mapping: TableMapping, lookup: Lookup) -> list[_RulePlan]:
    """The mapping bound to a table's columns; raises InvalidInput where a column is missing that is not optional."""
    return [_rule_plan(rule, lookup, f"/rows/{index}") for index, rule in enumerate(mapping.rules)]


def _rule_plan(rule: Rule, lookup: Lookup, pointer: str) -> _RulePlan:
    def bind(values: Mapping[str, Source], place: str) -> tuple[tuple[str, Getter], ...]:
        return tuple((name, getter_of(value, lookup, f"{pointer}{place}/{name}")) for name, value in values.items())

    def interval(observed: Interval | None, place: str) -> tuple[tuple[str, Getter], ...]:
        return bind(
            {n: v for n in ("since", "until") if (v := getattr(observed, n, None)) is not None}, f"{place}/observed"
        )

    entities = []
    for e, entity in enumerate(rule.entities):
        key = bind(entity.key, f"/entities/{e}/key")
        shown = tuple((n, g, ", ".join(value_of(entity.key[n]).columns)) for n, g in key)
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
    needed = ""
    if rule.supersedes is not None:
        fields["supersedes"] = bind({"reference": rule.supersedes.reference}, "/supersedes")
        reference = value_of(rule.supersedes.reference)
        needed = "" if reference.optional else ", ".join(reference.columns)
    tests = tuple(test_of(condition, lookup, f"{pointer}/when") for condition in rule.conditions)
    return _RulePlan(tests, tuple(entities), links, fields, needed)


def _draft(number: int, row: Any, plans: list[_RulePlan], mapping: TableMapping) -> Draft | RowProblem | None:
    making = _Making(number)
    matched = False
    try:
        for plan in plans:
            if all(test(row) for test in plan.tests):
                matched = True
                making.add(row, plan)
    except Refused as refused:
        return RowProblem(number, *refused.problem)
    if not matched and mapping.otherwise == "report":
        return RowProblem(number, "no_rule", "", "no rule of the mapping holds: add one, or set `otherwise: skip`")
    return making.draft if making.draft.entities else None


class _Making:
    """One row's draft, made rule by rule; raises Refused as soon as it is larger than a row's draft may be."""

    def __init__(self, number: int) -> None:
        self.draft = Draft([], [], row=number)
        self._skipped: set[str] = set()
        self._size = 0

    def add(self, row: Any, plan: _RulePlan) -> None:
        """Add what one rule makes of the row."""
        self._entities(row, plan)
        self._links(row, plan)
        self._fields(row, plan)

    def _entities(self, row: Any, plan: _RulePlan) -> None:
        draft = self.draft
        for entity in plan.entities:
            key: dict[str, Any] = {}
            lacking = ""
            for name, getter, columns in entity.key:
                value = getter(row)
                if value is not None:
                    key[name] = value
                elif not entity.rule.optional:
                    message = f"{columns or name} is empty: fill it in, or mark the entity optional in the mapping"
                    raise Refused("missing_value", f"/entities/{len(draft.entities)}/key/{name}", message)
                else:
                    lacking = name
            if lacking:
                self._skipped.add(entity.rule.ref)
            else:
                attributes = _some(entity.attributes, row)
                draft.entities.append(DraftEntity(entity.rule.ref, entity.rule.kind, key, attributes))
                self._grown(key, attributes)

    def _links(self, row: Any, plan: _RulePlan) -> None:
        for link in plan.links:
            rule = link.rule
            if rule.source not in self._skipped and rule.target not in self._skipped:
                attributes, observed = _some(link.attributes, row), _words(link.observed, row, "/observed")
                seen = Observed(**observed) if observed else None
                self.draft.links.append(DraftLink(rule.kind, rule.source, rule.target, attributes, seen))
                self._grown(attributes, observed)

    def _fields(self, row: Any, plan: _RulePlan) -> None:
        draft = self.draft
        found = {name: _words(getters, row, f"/{name}") for name, getters in plan.fields.items()}
        if found["observed"]:
            draft.observed = Observed(**found["observed"])
        if "expires" in found:
            draft.expires = found["expires"].get("expires", draft.expires)
        if "handling" in found:
            draft.handling = Handling(found["handling"].get("scheme", ""), found["handling"].get("code", ""))
        if "grading" in found:
            draft.grading = Grading(**found["grading"])
        if found.get("origin"):
            draft.origin = Origin(**found["origin"])
        if found.get("supersedes"):
            draft.supersedes = Superseded(reference=found["supersedes"]["reference"])
        elif plan.needs_reference:
            # Without a reference the row would stand beside the record that it was meant to supersede.
            message = f"{plan.needs_reference} is empty: fill it in, or mark the reference optional in the mapping"
            raise Refused("missing_value", "/supersedes/reference", message)

    def _grown(self, *values: dict[str, Any]) -> None:
        many = too_many(len(self.draft.entities), len(self.draft.links))
        if many is not None:
            raise Refused(*many)
        self._size += sum(_length(value) for one in values for value in one.values())
        if self._size > MAX_DRAFT:
            message = f"the mapping makes more than {MAX_DRAFT} characters of this row: let it make less"
            raise Refused("draft_too_large", "", message)


def _length(value: Any) -> int:
    """About how many characters a value has."""
    if isinstance(value, list):
        return sum(_length(one) + 8 for one in value)
    return len(value) if isinstance(value, str) else 8


def _words(getters: Iterable[tuple[str, Getter]], row: Any, pointer: str) -> dict[str, str]:
    """The values by name where each is one word; lists are refused."""
    found = _some(getters, row)
    for name, value in found.items():
        if not isinstance(value, str | int):
            raise Refused("wrong_type", f"{pointer}/{name}", "give one word here, not a list")
    return {name: word_of(value) for name, value in found.items()}


def _some(getters: Iterable[tuple[str, Getter]], row: Any) -> dict[str, Any]:
    return {name: value for name, getter in getters if (value := getter(row)) is not None}
