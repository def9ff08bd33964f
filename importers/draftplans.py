"""A mapping bound to the columns of one table, and the draft that it makes of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphsvc.model.bounds import MAX_DRAFT, MAX_ENTITIES, MAX_ROW_CLAIMS
from graphsvc.model.cleaning import too_many
from graphsvc.model.drafts import Draft, DraftEntity, DraftLink, Grading, Observed, Origin, RowProblem, Superseded
from graphsvc.model.labels import Handling
from importers.cells import MAX_CONST, Getter, Lookup, Refused, getter_of, is_direct, test_of, value_of, word_of
from importers.rules import EntityRule, Interval, LinkRule, Rule, Source
from importers.rules import Mapping as TableMapping


@dataclass(frozen=True, slots=True)
class _EntityPlan:
    rule: EntityRule
    key: tuple[tuple[str, Getter], ...]
    columns: tuple[str, ...]
    """Of each part of the key, the columns that it is read from."""
    attributes: tuple[tuple[str, Getter], ...]
    region: Getter | None
    refs: tuple[str]


@dataclass(frozen=True, slots=True)
class _LinkPlan:
    rule: LinkRule
    attributes: tuple[tuple[str, Getter], ...]
    observed: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class RulePlan:
    """One rule bound to a table's columns."""

    instead: bool
    tests: tuple[Callable[[Any], bool], ...]
    entities: tuple[_EntityPlan, ...]
    links: tuple[_LinkPlan, ...]
    fields: Mapping[str, tuple[tuple[str, Getter], ...]]
    needs_reference: str
    """The columns of a row's own reference if every row must have one, else empty."""
    says: bool
    """Whether the rule says anything of the row as a whole."""
    values: int | None
    """How many values it reads where each is a constant word or a cell as it stands; None where one is not."""


def plan_of(mapping: TableMapping, lookup: Lookup) -> list[RulePlan]:
    """The mapping bound to a table's columns; raises InvalidInput where a column is missing that is not optional."""
    return [_rule_plan(rule, lookup, f"/rows/{index}") for index, rule in enumerate(mapping.rules)]


def _rule_plan(rule: Rule, lookup: Lookup, pointer: str) -> RulePlan:
    def bind(values: Mapping[str, Source], place: str) -> tuple[tuple[str, Getter], ...]:
        return tuple((name, getter_of(value, lookup, f"{pointer}{place}/{name}")) for name, value in values.items())

    def interval(observed: Interval | None, place: str) -> tuple[tuple[str, Getter], ...]:
        return bind(
            {n: v for n in ("since", "until") if (v := getattr(observed, n, None)) is not None}, f"{place}/observed"
        )

    entities = []
    for e, entity in enumerate(rule.entities):
        key = bind(entity.key, f"/entities/{e}/key")
        columns = tuple(", ".join(value_of(entity.key[name]).columns) for name, _ in key)
        attributes = bind(entity.attributes, f"/entities/{e}/attributes")
        source, place = (
            (entity.region, f"/entities/{e}/region") if entity.region is not None else (rule.region, "/region")
        )
        region = None if source is None else getter_of(source, lookup, pointer + place)
        entities.append(_EntityPlan(entity, key, columns, attributes, region, (entity.ref,)))
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
    says = any(fields.values()) or bool(needed)
    return RulePlan(rule.instead, tests, tuple(entities), links, fields, needed, says, _values(rule))


def _values(rule: Rule) -> int | None:
    """How many values the entities and links of a rule read, None where one is more than a cell or a word."""
    sources: list[Source] = []
    for entity in rule.entities:
        sources += (*entity.key.values(), *entity.attributes.values())
    for link in rule.links:
        sources += link.attributes.values()
        if link.observed is not None:
            sources += (end for end in (link.observed.since, link.observed.until) if end is not None)
    return len(sources) if all(map(is_direct, sources)) else None


def _bounded(plans: list[RulePlan], size: int | None) -> bool:
    """Whether what is made of a row of ``size`` characters can't be more than may be, whatever stands in it."""
    if size is None:
        return False
    entities = links = values = 0
    for plan in plans:
        if plan.values is None:
            return False
        entities, links, values = entities + len(plan.entities), links + len(plan.links), values + plan.values
    # A constant is a word of the mapping: far below the row's own length or this allowance.
    fits = values * (size + MAX_CONST) <= MAX_DRAFT
    return fits and entities <= MAX_ENTITIES and entities + links <= MAX_ROW_CLAIMS


def draft_of(
    number: int, row: Any, plans: list[RulePlan], mapping: TableMapping, size: int | None = None
) -> Draft | RowProblem | None:
    """What the rules make of one row; None where none holds and the mapping leaves such rows out.

    ``size``: how many characters its cells have together, where all are text.
    """
    making = _Making(number, not _bounded(plans, size))
    matched = False
    try:
        for plan in plans:
            if not (plan.instead and matched) and all(test(row) for test in plan.tests):
                matched = True
                making.add(row, plan)
    except Refused as refused:
        return RowProblem(number, *refused.problem)
    if not matched and mapping.otherwise == "report":
        return RowProblem(number, "no_rule", "", "no rule of the mapping holds: add one, or set `otherwise: skip`")
    return making.draft if making.draft.entities else None


class _Making:
    """One row's draft, made rule by rule; raises Refused as soon as it is larger than a row's draft may be."""

    def __init__(self, number: int, counted: bool) -> None:
        self._counted = counted
        self.draft = Draft([], [], row=number)
        self._refs: dict[str, tuple[str, ...]] = {}
        self._size = 0

    def add(self, row: Any, plan: RulePlan) -> None:
        """Add what one rule makes of the row."""
        self._entities(row, plan)
        if plan.links:
            self._links(row, plan)
        if plan.says:
            self._fields(row, plan)

    def _entities(self, row: Any, plan: RulePlan) -> None:
        entities, refs = self.draft.entities, self._refs
        for entity in plan.entities:
            rule = entity.rule
            key = {name: getter(row) for name, getter in entity.key}
            if None in key.values():
                if not rule.optional:
                    self._refuse(entity, key)
                refs[rule.ref] = ()
                continue
            attributes = _some(entity.attributes, row) if entity.attributes else {}
            region = None if entity.region is None else entity.region(row)
            if region:
                region = word_of(region)
            # Of text in cells that are taken as they stand there are no lists; a cell of a Parquet file may be one.
            if not self._counted or not any(type(value) is list for value in key.values()):
                refs[rule.ref] = entity.refs
                entities.append(DraftEntity(rule.ref, rule.kind, key, attributes, region))
                if self._counted:
                    self._grown(key, attributes)
                continue
            made: list[str] = []
            for nth, one in enumerate(_keys(key)):
                made.append(rule.ref if nth == 0 else f"{rule.ref}#{nth + 1}")
                entities.append(DraftEntity(made[-1], rule.kind, one, attributes, region))
                self._grown(one, attributes)
            refs[rule.ref] = tuple(made)

    def _refuse(self, entity: _EntityPlan, key: Mapping[str, Any]) -> None:
        for (name, _), columns in zip(entity.key, entity.columns, strict=True):
            if key[name] is None:
                message = f"{columns or name} is empty: fill it in, or mark the entity optional in the mapping"
                raise Refused("missing_value", f"/entities/{len(self.draft.entities)}/key/{name}", message)

    def _links(self, row: Any, plan: RulePlan) -> None:
        links, refs = self.draft.links, self._refs
        for link in plan.links:
            rule = link.rule
            sources, targets = refs.get(rule.source, (rule.source,)), refs.get(rule.target, (rule.target,))
            if not (sources and targets):
                continue
            attributes = _some(link.attributes, row) if link.attributes else {}
            observed = _words(link.observed, row, "/observed") if link.observed else {}
            seen = Observed(observed.get("since"), observed.get("until")) if observed else None
            for source in sources:
                for target in targets:
                    links.append(DraftLink(rule.kind, source, target, attributes, seen))
                    if self._counted:
                        self._grown(attributes, observed)

    def _fields(self, row: Any, plan: RulePlan) -> None:
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

    def _grown(self, key: dict[str, Any], more: dict[str, Any]) -> None:
        many = too_many(len(self.draft.entities), len(self.draft.links))
        if many is not None:
            raise Refused(*many)
        size = self._size
        for values in (key, more):
            for value in values.values():
                size += len(value) if type(value) is str else _length(value)
        self._size = size
        if size > MAX_DRAFT:
            message = f"the mapping makes more than {MAX_DRAFT} characters of this row: let it make less"
            raise Refused("draft_too_large", "", message)


def _keys(key: dict[str, Any]) -> list[dict[str, Any]]:
    """One key for each piece of the part that is split; the key itself where none is."""
    for name, value in key.items():
        if isinstance(value, list):
            return [{**key, name: piece} for piece in dict.fromkeys(map(word_of, value))]
    return [key]


def _length(value: Any) -> int:
    """About how many characters a value has."""
    if isinstance(value, list):
        return sum(_length(one) + 8 for one in value)
    return len(value) if isinstance(value, str) else 8


def _words(getters: Iterable[tuple[str, Getter]], row: Any, pointer: str) -> dict[str, str]:
    """The values by name where each is one word; lists are refused."""
    found = _some(getters, row)
    for name, value in found.items():
        if type(value) is not str:
            if not isinstance(value, str | int):
                raise Refused("wrong_type", f"{pointer}/{name}", "give one word here, not a list")
            found[name] = word_of(value)
    return found


def _some(getters: Iterable[tuple[str, Getter]], row: Any) -> dict[str, Any]:
    found = {}
    for name, getter in getters:
        if (value := getter(row)) is not None:
            found[name] = value
    return found
