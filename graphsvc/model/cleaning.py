"""Cleaning: a draft as contributed becomes a clean draft, or the list of what is wrong with it.

One pass per row: submission-wide fields first, then entities, then links. A value that has no canonical form is kept in
``unlinked`` and never becomes a key; a row that contradicts the schema is refused. Pure: no clock, no storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphsvc.model.bounds import MAX_ENTITIES, MAX_ROW_CLAIMS
from graphsvc.model.claims import Unfit, check_applicable, check_label, check_whole
from graphsvc.model.drafts import (
    CleanDraft,
    CleanEntity,
    CleanLink,
    Defaults,
    Draft,
    DraftEntity,
    DraftLink,
    Observed,
    RowProblem,
    Values,
)
from graphsvc.model.labels import Label
from graphsvc.model.principals import Organisation
from graphsvc.model.remembered import FileMemory, KnownAttribute, KnownKind
from graphsvc.model.rowfields import (
    MAX_VALUES,
    Rejected,
    interval_of,
    moment_of,
    origin_of,
    reference_of,
    suggested,
)
from graphsvc.model.scalars import MAX_TEXT, SeveralValues, ValueProblem, as_text, first_moment
from graphsvc.model.schema import Kind, Schema, key_of
from graphsvc.model.spreadsheets import restored, without_error
from graphsvc.model.uniting import copied, placed
from graphsvc.model.unread import Waiting

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
    """One row by itself, as :meth:`Cleaner.clean` cleans it."""
    return Cleaner(schema, defaults, organisation).clean(draft, notes)


class Cleaner:
    """Cleans the rows of one file, for one organisation, with what is said once for all of them."""

    def __init__(self, schema: Schema, defaults: Defaults, organisation: Organisation) -> None:
        self._known = FileMemory(schema, defaults, organisation)
        self._fit: Label | None = None

    def clean(self, draft: Draft, notes: list[RowProblem] | None = None) -> CleanDraft | list[RowProblem]:
        """The clean draft of one row, or every problem that was found in it (never an empty list).

        Entities with the same canonical key become one; an entity whose key value has no canonical form is dropped with
        its links and stays in ``unlinked`` as ``[pointer, code, raw]``. An attribute's value without canonical form
        goes there too. For each unlinked value of an accepted row, ``notes`` gets a problem that says what to do about
        it. A clean draft can be applied: all later steps were tried on it
        (:func:`graphsvc.model.claims.check_applicable`), or on the same values before.
        """
        try:
            work = _Work(self._known, draft.row)
            clean = work.cleaned(draft, notes)
            if isinstance(clean, CleanDraft):
                self._check(clean, work.fit)
            return clean
        except Unfit as unfit:
            return [RowProblem(draft.row, unfit.code, unfit.where, f"{unfit.message}: correct it")]
        except MemoryError:
            raise
        except Exception:  # a bug of ours costs this one row, not the whole file
            return [RowProblem(draft.row, Unfit.code, "", "the row can't be taken in as it is: tell the operator")]

    def _check(self, clean: CleanDraft, fit: bool) -> None:
        if not fit:
            check_applicable(clean)
            return
        # Every key, value and interval of the row was found fit when it was remembered.
        check_whole(clean)
        if clean.label is not self._fit:
            check_label(clean.label)
            self._fit = clean.label


class _Work:
    """The cleaning of one row: what is known of it so far.

    ``places`` maps ref → (positions among the clean entities, kind), or None where the entity could not be linked.
    There are several positions where one cell held several values, such as two telephone numbers. ``fit``: all of it so
    far was found fit to be stored; ``dated``: the row as a whole says when it was observed; ``waiting``: what it lost.
    """

    __slots__ = ("context", "dated", "fit", "known", "notes", "places", "problems", "row", "unlinked", "waiting")

    def __init__(self, known: FileMemory, row: int) -> None:
        self.known, self.context, self.row = known, known.context, row
        self.fit, self.dated = True, False
        self.places: dict[str, tuple[tuple[int, ...], str] | None] = {}
        self.unlinked: list[list[str]] = []
        self.waiting: Waiting | None = None
        self.notes: list[RowProblem] = []
        self.problems: list[RowProblem] = []

    def refuse(self, rejected: Rejected) -> None:
        self.problems.append(RowProblem(self.row, *rejected.problem))

    def cleaned(self, draft: Draft, notes: list[RowProblem] | None) -> CleanDraft | list[RowProblem]:
        file = self.known
        if (many := too_many(len(draft.entities), len(draft.links))) is not None:
            return [RowProblem(draft.row, *many)]
        try:
            label = file.label(draft)
            grading = file.grading(draft)
            expires = draft.expires or file.defaults.expires
            if expires is not None:
                expires = moment_of(expires, "/expires", first_moment)
            since, until = (None, None) if draft.observed is None else self.interval(draft.observed, "/observed")
            self.dated = since is not None or until is not None
            origin = reference = None
            if draft.origin is not None or file.defaults.origin is not None or draft.supersedes is not None:
                self.fit = False
                origin = origin_of(draft.origin, file.defaults.origin, file.organisation)
                reference = reference_of(draft)
        except Rejected as rejected:
            self.refuse(rejected)
        entities = self.entities(draft.entities)
        links = self.links(draft.links) if draft.links else []
        if not draft.entities:
            self.refuse(Rejected("no_entities", "/entities", "give at least one entity"))
        elif not entities and not self.problems:
            codes = ", ".join(sorted({code for _, code, _ in self.unlinked}))
            message = f"no key of this row can be linked ({codes}): correct it"
            self.refuse(Rejected("nothing_left", "/entities", message))
        if (many := too_many(len(entities), len(links))) is not None:
            self.refuse(Rejected(*many))
        if self.problems:
            return self.problems
        if notes is not None:
            notes += self.notes
        unread = None if self.waiting is None else self.waiting.unread
        self.fit &= unread is None
        return CleanDraft(
            draft.row, label, entities, links, grading, since, until, expires, self.unlinked, CLEANER, origin,
            reference, unread,
        )  # fmt: skip

    def interval(self, observed: Observed, pointer: str) -> tuple[str | None, str | None]:
        """The ends of an interval. Raises Rejected."""
        given = (observed.since, observed.until)
        clean = self.known.intervals.get(given)
        if clean is None:
            clean = interval_of(observed, pointer)
            self.fit &= self.known.keep_interval(given, clean)
        return clean

    def entities(self, given: list[DraftEntity]) -> list[CleanEntity]:
        found: list[CleanEntity] = []
        by_key: dict[str, int] = {}
        places = self.places
        for index, entity in enumerate(given):
            try:
                if entity.ref in places:
                    message = "another entity of this row has the same ref"
                    raise Rejected("double_ref", f"/entities/{index}/ref", message)
                known = self.known.kind(entity.kind, entity.region)
                if known is None:
                    message = suggested("kind", entity.kind, self.known.schema.kinds)
                    raise Rejected("unknown_kind", f"/entities/{index}/kind", message)
                self.context = known.context
                keys = self.keys(entity, known, index)
                attributes = (
                    self.attributes(entity.attributes, known.attributes, "entities", index) if entity.attributes else {}
                )
                if known.kind.secret:
                    self.show(entity, known.kind, attributes)
                if not keys:
                    places[entity.ref] = None
                    self.waiting = self.waiting or Waiting()
                    self.waiting.entity(entity, known, attributes, f"/entities/{index}/key")
                    continue
                if len(keys) == 1 and keys[0] not in by_key:
                    # The usual case, in few calls: a row is cleaned for every row that comes in.
                    by_key[keys[0]] = len(found)
                    places[entity.ref] = ((len(found),), entity.kind)
                    found.append(CleanEntity(entity.kind, keys[0], attributes))
                    continue
                pointer = f"/entities/{index}"
                positions = tuple(
                    [
                        placed(found, by_key, CleanEntity(entity.kind, key, copied(attributes, len(keys))), pointer)
                        for key in keys
                    ]
                )
                places[entity.ref] = (positions, entity.kind)
            except Rejected as rejected:
                places.setdefault(entity.ref, None)
                self.refuse(rejected)
        self.context = self.known.context
        return found

    def keys(self, entity: DraftEntity, known: KnownKind, index: int) -> list[str] | tuple[str]:
        """The canonical key, or several; none, and the raw key in ``unlinked``, where it has no canonical form."""
        parts = tuple(entity.key.items())
        try:
            if (remembered := known.keys.get(parts)) is not None:
                return (remembered,)
        except TypeError:
            pass  # a part is a list or an object
        try:
            key = key_of(known.kind, entity.key, self.context)
        except SeveralValues as several:
            return self.several_keys(several, entity, known.kind, f"/entities/{index}")
        except ValueProblem as problem:
            if problem.rejects:
                raise Rejected(problem.code, f"/entities/{index}/key", problem.message) from problem
            given = entity.key.values()
            self.keep(f"/entities/{index}/key", problem, *(map(_hidden, given) if known.kind.secret else given))
            return []
        self.fit &= self.known.keep_key(known, parts, key)
        return [key]

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
        self.fit = False
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
                clean = self.link(link, index)
            except Rejected as rejected:
                self.refuse(rejected)
            else:
                found += clean
        return found

    def link(self, link: DraftLink, index: int) -> list[CleanLink]:
        """One clean link, or one for each value of an end; none where one of its ends could not be linked."""
        known = self.known.link(link.kind)
        if known is None:
            message = suggested("link", link.kind, self.known.schema.links)
            raise Rejected("unknown_link", f"/links/{index}/kind", message)
        kind, places = known[0], self.places
        if link.source not in places or link.target not in places:
            side = "to" if link.source in places else "from"
            raise Rejected("unknown_ref", f"/links/{index}/{side}", "no entity of this row has this ref")
        attributes = self.attributes(link.attributes, known[1], "links", index) if link.attributes else {}
        since, until = (
            (None, None) if link.observed is None else self.interval(link.observed, f"/links/{index}/observed")
        )
        source, target = places[link.source], places[link.target]
        if source is None or target is None:
            if self.waiting is not None:
                self.waiting.link(link, places, attributes, (since, until))
            return []
        if (source[1], target[1]) not in kind.pairs:
            ways = f"from {', '.join(kind.sources)} to {', '.join(kind.targets)}"
            message = f"{link.kind} goes {ways}, not {source[1]} to {target[1]}"
            raise Rejected("link_not_allowed", f"/links/{index}", message)
        if since is None and until is None and not self.dated and (self.passing(source[1]) or self.passing(target[1])):
            message = "say when it was seen (observed): such an address is another's tomorrow; kept, not linked"
            self.keep(f"/links/{index}", ValueProblem("no_time", message), link.kind)
            return []
        if len(source[0]) == len(target[0]) == 1:
            return [CleanLink(link.kind, source[0][0], target[0][0], attributes, since, until)]
        if any(kind.attributes[name].type.counts for group in attributes.values() for name in group):
            # An amount for two numbers is no amount for each of them.
            problem = ValueProblem(
                "several_values", "give each value of the cell its own link: the link has quantities"
            )
            self.keep(f"/links/{index}", problem, link.kind)
            return []
        ends = [(a, b) for a in source[0] for b in target[0]]
        return [CleanLink(link.kind, a, b, attributes, since, until) for a, b in ends]

    def passing(self, kind: str) -> bool:
        """Whether things of a kind change hands."""
        return self.known.schema.kinds[kind].dated

    def attributes(
        self, given: Mapping[str, Any], known: Mapping[str, KnownAttribute], of: str, index: int
    ) -> dict[str, Values]:
        """Attributes by field group; empty ones are left out, values without canonical form go to ``unlinked``.

        ``of`` and ``index`` say whose they are: ``entities`` or ``links``, and which.
        """
        grouped: dict[str, Values] = {}
        for name, value in given.items():
            one = known.get(name)
            if one is None:
                pointer = f"/{of}/{index}/attributes/{_token(name)}"
                names = {name: one.attribute for name, one in known.items()}
                raise Rejected("unknown_attribute", pointer, suggested("attribute", name, names))
            clean = one.values.get(value) if type(value) is str else None
            if clean is None:
                if value is None or value == "" or (isinstance(value, str) and not value.strip()):
                    continue
                pointer = f"/{of}/{index}/attributes/{name}"
                if one.attribute.many:
                    clean = self.several(one, value, pointer)
                    if not clean:
                        continue
                elif (clean := self.one(one, value, pointer)) is None:
                    continue
            elif one.attribute.many:
                clean = [clean]
            group = grouped.get(one.group)
            if group is None:
                grouped[one.group] = {name: clean}
            else:
                group[name] = clean
        return grouped

    def one(self, known: KnownAttribute, value: Any, pointer: str) -> Any:
        """The canonical value of an attribute; None where it has none: the value goes, the row stays."""
        attribute = known.attribute
        try:
            given = restored(value) if attribute.type.identifies else without_error(value)
            clean = attribute.type.clean(given, self.context)
        except ValueProblem as problem:
            if problem.rejects:
                raise Rejected(problem.code, pointer, problem.message) from problem
            self.keep(pointer, problem, _hidden(value) if attribute.type.secret else value)
            return None
        self.fit &= self.known.keep_value(known, value, clean)
        return clean

    def several(self, known: KnownAttribute, value: Any, pointer: str) -> list[Any]:
        """The values of an attribute that may have several: in the order given, without duplicates."""
        values = value if isinstance(value, list) else [value]
        if len(values) > MAX_VALUES:
            raise Rejected("too_many", pointer, f"at most {MAX_VALUES} values")
        given = [(index, one) for index, one in enumerate(values) if one is not None and one != ""]
        clean = [self.one(known, one, f"{pointer}/{index}") for index, one in given]
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


def _token(name: str) -> str:
    """A name as a token of a JSON pointer (RFC 6901), shortened, with ``?`` for what can't be printed."""
    return "".join(c if c.isprintable() else "?" for c in name[:60]).replace("~", "~0").replace("/", "~1")
