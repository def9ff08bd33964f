"""Cleaning: a draft as contributed becomes a clean draft, or the list of what is wrong with it.

One pass per row: submission-wide fields first, then entities, then links. A value that has no canonical form is kept in
``unlinked`` and never becomes a key; a row that contradicts the schema is refused. Pure: no clock, no storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphsvc.model.bounds import MAX_ENTITIES, MAX_ROW_CLAIMS
from graphsvc.model.claims import Unfit, check_applicable
from graphsvc.model.drafts import (
    CleanDraft,
    CleanEntity,
    CleanLink,
    Defaults,
    Draft,
    DraftEntity,
    DraftLink,
    RowProblem,
    Values,
)
from graphsvc.model.principals import Organisation
from graphsvc.model.rowfields import (
    MAX_VALUES,
    NO_GRADING,
    Rejected,
    grading_of,
    interval_of,
    label_of,
    moment_of,
    origin_of,
    reference_of,
    suggested,
)
from graphsvc.model.scalars import MAX_TEXT, CleanContext, SeveralValues, ValueProblem, as_text, first_moment
from graphsvc.model.schema import Attribute, Kind, Schema, key_of
from graphsvc.model.spreadsheets import restored, without_error

CLEANER = 5
"""Version of the rules here, in :mod:`graphsvc.model.rowfields` and in the cleaners of values: kept with every clean
draft, raised whenever a rule begins to give another result."""
NUMBERING_PLAN = "9.0.43"
"""The version of ``phonenumbers`` whose plans this version of the rules stands for: with another one, raise both."""


def merge_defaults(*layers: Defaults | None) -> Defaults:
    """Merge defaults field by field; the first layer that sets a field wins: the manifest, then the mapping.

    Only the region comes from the last layer that sets one: a mapping says how this one file is read, while the
    defaults of a profile hold for all files of an organisation.
    """
    merged: Values = {}
    for layer in layers:
        for name in Defaults.__struct_fields__ if layer is not None else ():
            value = getattr(layer, name)
            if value is not None and (name == "region" or name not in merged):
                merged[name] = value
    return Defaults(**merged)


def too_many(entities: int, links: int) -> tuple[str, str, str] | None:
    """Code, pointer and message where a row has more entities or claims than one may have; else None."""
    if entities > MAX_ENTITIES:
        return "too_many_claims", "/entities", f"at most {MAX_ENTITIES} entities a row: split the row"
    if entities + links > MAX_ROW_CLAIMS:
        return "too_many_claims", "/links", f"at most {MAX_ROW_CLAIMS} entities and links a row: split the row"
    return None


def clean_draft(
    draft: Draft,
    schema: Schema,
    defaults: Defaults,
    organisation: Organisation,
    notes: list[RowProblem] | None = None,
) -> CleanDraft | list[RowProblem]:
    """The clean draft of one row, or every problem that was found in it (never an empty list).

    Entities with the same canonical key become one; an entity whose key value has no canonical form is dropped with its
    links and stays in ``unlinked`` as ``[pointer, code, raw]``. An attribute's value without canonical form goes there
    too. For each unlinked value of an accepted row, ``notes`` gets a problem that says what to do about it.
    A clean draft can be applied: all later steps were tried on it (:func:`graphsvc.model.claims.check_applicable`).
    """
    try:
        clean = _cleaned(draft, schema, defaults, organisation, notes)
        if isinstance(clean, CleanDraft):
            check_applicable(clean)
        return clean
    except Unfit as unfit:
        return [RowProblem(draft.row, unfit.code, unfit.where, f"{unfit.message}: correct it")]
    except MemoryError:
        raise
    except Exception:  # a bug of ours costs this one row, not the whole file
        return [RowProblem(draft.row, Unfit.code, "", "the row can't be taken in as it is: tell the operator")]


def _cleaned(
    draft: Draft, schema: Schema, defaults: Defaults, organisation: Organisation, notes: list[RowProblem] | None
) -> CleanDraft | list[RowProblem]:
    work = _Work(schema, CleanContext(defaults.region, organisation.org), draft)
    if (many := too_many(len(draft.entities), len(draft.links))) is not None:
        return [RowProblem(draft.row, *many)]
    try:
        label = label_of(draft, schema, defaults, organisation)
        grading = grading_of(draft.grading or defaults.grading or NO_GRADING, schema)
        expires = draft.expires or defaults.expires
        if expires is not None:
            expires = moment_of(expires, "/expires", first_moment)
        since, until = interval_of(draft.observed, "/observed")
        work.dated = since is not None or until is not None
        origin = origin_of(draft.origin, defaults.origin, organisation)
        reference = reference_of(draft)
    except Rejected as rejected:
        work.refuse(rejected)
    entities = work.entities(draft.entities)
    links = work.links(draft.links)
    if not draft.entities:
        work.refuse(Rejected("no_entities", "/entities", "give at least one entity"))
    elif not entities and not work.problems:
        codes = ", ".join(sorted({code for _, code, _ in work.unlinked}))
        work.refuse(Rejected("nothing_left", "/entities", f"no key of this row can be linked ({codes}): correct it"))
    if (many := too_many(len(entities), len(links))) is not None:
        work.refuse(Rejected(*many))
    if work.problems:
        return work.problems
    if notes is not None:
        notes += work.notes
    facts = (grading, since, until, expires, work.unlinked, CLEANER, origin, reference)
    return CleanDraft(draft.row, label, entities, links, *facts)


class _Work:
    """The cleaning of one row: what is known of it so far.

    ``places`` maps ref → (positions among the clean entities, kind), or None where the entity could not be linked.
    There are several positions where one cell held several values, such as two telephone numbers.
    """

    __slots__ = ("context", "dated", "notes", "of_all", "places", "problems", "row", "schema", "unlinked")

    def __init__(self, schema: Schema, context: CleanContext, draft: Draft) -> None:
        self.schema, self.context, self.of_all, self.row = schema, context, context, draft.row
        self.dated = False
        """Whether the row as a whole says when it was observed."""
        self.places: dict[str, tuple[tuple[int, ...], str] | None] = {}
        self.unlinked: list[list[str]] = []
        self.notes: list[RowProblem] = []
        self.problems: list[RowProblem] = []

    def refuse(self, rejected: Rejected) -> None:
        self.problems.append(RowProblem(self.row, *rejected.problem))

    def context_of(self, entity: DraftEntity) -> CleanContext:
        """How an entity's values are read: in its own region, if it says one. An unknown one is none, never another."""
        if not entity.region:
            return self.of_all
        try:
            return CleanContext(self.schema.codelists["countries"].clean(entity.region), self.of_all.org)
        except (ValueProblem, LookupError):
            return CleanContext(None, self.of_all.org)

    def entities(self, given: list[DraftEntity]) -> list[CleanEntity]:
        found: list[CleanEntity] = []
        by_key: dict[str, int] = {}
        for index, entity in enumerate(given):
            pointer = f"/entities/{index}"
            try:
                if entity.ref in self.places:
                    raise Rejected("double_ref", f"{pointer}/ref", "another entity of this row has the same ref")
                kind = self.schema.kinds.get(entity.kind)
                if kind is None:
                    raise Rejected("unknown_kind", f"{pointer}/kind", suggested("kind", entity.kind, self.schema.kinds))
                self.context = self.context_of(entity)
                keys = self.keys(entity, kind, pointer)
                attributes = self.attributes(entity.attributes, kind.attributes, f"{pointer}/attributes")
                if kind.secret:
                    self.show(entity, kind, attributes)
                if not keys:
                    self.places[entity.ref] = None
                    continue
                if len(keys) == 1 and keys[0] not in by_key:
                    # The usual case, in few calls: a row is cleaned for every row that comes in.
                    by_key[keys[0]] = len(found)
                    self.places[entity.ref] = ((len(found),), entity.kind)
                    found.append(CleanEntity(entity.kind, keys[0], attributes))
                    continue
                positions = tuple(
                    [
                        _placed(found, by_key, CleanEntity(entity.kind, key, _copied(attributes, len(keys))), pointer)
                        for key in keys
                    ]
                )
                self.places[entity.ref] = (positions, entity.kind)
            except Rejected as rejected:
                self.places.setdefault(entity.ref, None)
                self.refuse(rejected)
        self.context = self.of_all
        return found

    def keys(self, entity: DraftEntity, kind: Kind, pointer: str) -> list[str]:
        """The canonical key, or several; none, and the raw key in ``unlinked``, where it has no canonical form."""
        try:
            return [key_of(kind, entity.key, self.context)]
        except SeveralValues as several:
            return self.several_keys(several, entity, kind, pointer)
        except ValueProblem as problem:
            if problem.rejects:
                raise Rejected(problem.code, f"{pointer}/key", problem.message) from problem
            given = entity.key.values()
            self.keep(f"{pointer}/key", problem, *(map(_hidden, given) if kind.secret else given))
            return []

    def show(self, entity: DraftEntity, kind: Kind, attributes: dict[str, Values]) -> None:
        """Add what may be shown of a number that the key has only a digest of, unless the row gives it itself."""
        form = kind.forms.get(frozenset(name for name, value in entity.key.items() if value not in (None, "")))
        for name, part in form.shows.items() if form is not None else ():
            shown = kind.attributes[name]
            if name in attributes.get(shown.group, {}):
                continue
            try:
                value = shown.type.clean(restored(entity.key[part]), self.context)
            except ValueProblem:
                continue  # of a digest, or of what is no such number, nothing can be shown
            attributes.setdefault(shown.group, {})[name] = value

    def several_keys(self, several: SeveralValues, entity: DraftEntity, kind: Kind, pointer: str) -> list[str]:
        """One key for each value of a cell; what else stands in the cell is kept."""
        parts = [name for name, value in entity.key.items() if value is not None and value != ""]
        if len(parts) != 1:
            self.keep(f"{pointer}/key", several, *entity.key.values())
            return []
        for piece, problem in several.rest:
            self.keep(f"{pointer}/key", problem, piece)
        return [key_of(kind, {parts[0]: value}, self.context) for value in several.values]

    def links(self, given: list[DraftLink]) -> list[CleanLink]:
        found: list[CleanLink] = []
        for index, link in enumerate(given):
            try:
                clean = self.link(link, f"/links/{index}")
            except Rejected as rejected:
                self.refuse(rejected)
            else:
                found += clean
        return found

    def link(self, link: DraftLink, pointer: str) -> list[CleanLink]:
        """One clean link, or one for each value of an end; none where one of its ends could not be linked."""
        kind = self.schema.links.get(link.kind)
        if kind is None:
            raise Rejected("unknown_link", f"{pointer}/kind", suggested("link", link.kind, self.schema.links))
        places = self.places
        if link.source not in places or link.target not in places:
            side = "to" if link.source in places else "from"
            raise Rejected("unknown_ref", f"{pointer}/{side}", "no entity of this row has this ref")
        attributes = self.attributes(link.attributes, kind.attributes, f"{pointer}/attributes")
        since, until = interval_of(link.observed, f"{pointer}/observed")
        source, target = places[link.source], places[link.target]
        if source is None or target is None:
            return []
        if (source[1], target[1]) not in kind.pairs:
            ways = f"from {', '.join(kind.sources)} to {', '.join(kind.targets)}"
            raise Rejected("link_not_allowed", pointer, f"{link.kind} goes {ways}, not {source[1]} to {target[1]}")
        if since is None and until is None and not self.dated and (self.passing(source[1]) or self.passing(target[1])):
            message = "say when it was seen (observed): such an address is another's tomorrow; kept, not linked"
            self.keep(pointer, ValueProblem("no_time", message), link.kind)
            return []
        if len(source[0]) == len(target[0]) == 1:
            return [CleanLink(link.kind, source[0][0], target[0][0], attributes, since, until)]
        if any(kind.attributes[name].type.counts for group in attributes.values() for name in group):
            # An amount for two numbers is no amount for each of them.
            problem = ValueProblem(
                "several_values", "give each value of the cell its own link: the link has quantities"
            )
            self.keep(pointer, problem, link.kind)
            return []
        ends = [(a, b) for a in source[0] for b in target[0]]
        return [CleanLink(link.kind, a, b, attributes, since, until) for a, b in ends]

    def passing(self, kind: str) -> bool:
        """Whether things of a kind change hands."""
        return self.schema.kinds[kind].dated

    def attributes(self, given: Mapping[str, Any], known: Mapping[str, Attribute], pointer: str) -> dict[str, Values]:
        """Attributes by field group; empty ones are left out, values without canonical form go to ``unlinked``."""
        grouped: dict[str, Values] = {}
        for name, value in given.items():
            attribute = known.get(name)
            if attribute is None:
                raise Rejected("unknown_attribute", f"{pointer}/{_token(name)}", suggested("attribute", name, known))
            if value is None or value == "" or (isinstance(value, str) and not value.strip()):
                continue
            if attribute.many:
                clean = self.several(attribute, value, f"{pointer}/{name}")
                if not clean:
                    continue
            elif (clean := self.one(attribute, value, f"{pointer}/{name}")) is None:
                continue
            group = grouped.get(attribute.group)
            if group is None:
                grouped[attribute.group] = {name: clean}
            else:
                group[name] = clean
        return grouped

    def one(self, attribute: Attribute, value: Any, pointer: str) -> Any:
        """The canonical value of an attribute; None where it has none: the value goes, the row stays."""
        try:
            given = restored(value) if attribute.type.identifies else without_error(value)
            return attribute.type.clean(given, self.context)
        except ValueProblem as problem:
            if problem.rejects:
                raise Rejected(problem.code, pointer, problem.message) from problem
            self.keep(pointer, problem, _hidden(value) if attribute.type.secret else value)
            return None

    def several(self, attribute: Attribute, value: Any, pointer: str) -> list[Any]:
        """The values of an attribute that may have several: in the order given, without duplicates."""
        values = value if isinstance(value, list) else [value]
        if len(values) > MAX_VALUES:
            raise Rejected("too_many", pointer, f"at most {MAX_VALUES} values")
        given = [(index, one) for index, one in enumerate(values) if one is not None and one != ""]
        clean = [self.one(attribute, one, f"{pointer}/{index}") for index, one in given]
        return list(dict.fromkeys(one for one in clean if one is not None))

    def keep(self, pointer: str, problem: ValueProblem, *values: Any) -> None:
        """Keep what has no canonical form, marked and unlinked, and note why."""
        try:
            raw = " ".join(as_text(value) for value in values if value is not None)[:MAX_TEXT]
        except ValueProblem as other:
            raise Rejected(other.code, pointer, other.message) from other
        # Half of a surrogate pair can't be stored as text.
        self.unlinked.append([pointer, problem.code, raw.encode("utf-8", "replace").decode()])
        self.notes.append(RowProblem(self.row, problem.code, pointer, problem.message))


def _hidden(value: Any) -> str:
    """A value that is never kept whole: its last four characters, of a long one."""
    try:
        raw = as_text(value).strip()
    except ValueProblem:
        return ""
    return "*" * (len(raw) - 4) + raw[-4:] if len(raw) > 8 else "*" * len(raw)


def _placed(found: list[CleanEntity], by_key: dict[str, int], entity: CleanEntity, pointer: str) -> int:
    """The position of an entity: a new one, or that of the entity with the same key."""
    position = by_key.get(entity.key)
    if position is None:
        position = by_key[entity.key] = len(found)
        found.append(entity)
    else:
        _unite(found[position], entity.attributes, pointer)
    return position


def _copied(attributes: dict[str, Values], owners: int) -> dict[str, Values]:
    """The attributes for one of ``owners`` entities: a copy where there are several, since uniting changes them."""
    return attributes if owners == 1 else {group: dict(values) for group, values in attributes.items()}


def _unite(entity: CleanEntity, more: dict[str, Values], pointer: str) -> None:
    """Add the attributes of a second entity with the same key; contradicting single values refuse the row."""
    for group, values in more.items():
        mine = entity.attributes.setdefault(group, {})
        for name, value in values.items():
            if name not in mine:
                mine[name] = value
            elif isinstance(value, list):
                mine[name] = list(dict.fromkeys([*mine[name], *value]))
                if len(mine[name]) > MAX_VALUES:
                    raise Rejected("too_many", f"{pointer}/attributes/{name}", f"at most {MAX_VALUES} values")
            elif mine[name] != value:
                message = "this row gives two values for one thing: it names the same key twice"
                raise Rejected("contradiction", f"{pointer}/attributes/{name}", message)


def _token(name: str) -> str:
    """A name as a token of a JSON pointer (RFC 6901), shortened, with ``?`` for what can't be printed."""
    return "".join(c if c.isprintable() else "?" for c in name[:60]).replace("~", "~0").replace("/", "~1")
