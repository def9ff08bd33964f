"""What of a row waits for a cleaner that can read it, and a row's cleaning anew by the rules of today.

A key that has no canonical form is kept with what its entity and its links would say, in the clean draft itself: it can
be read later without the row as it came, its mapping or its header. Cleaning anew only adds: entities and links that
are there stay as they are, in their order, and where anything is in doubt nothing of the row is linked. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from graphsvc.model.bounds import MAX_DRAFT, MAX_ENTITIES, MAX_ROW_CLAIMS
from graphsvc.model.claims import Unfit, check_applicable, encode_draft
from graphsvc.model.drafts import (
    CleanDraft,
    CleanEntity,
    CleanLink,
    DraftEntity,
    DraftLink,
    Unread,
    UnreadEntity,
    UnreadLink,
    Values,
)
from graphsvc.model.remembered import KnownKind
from graphsvc.model.scalars import MAX_TEXT, CleanContext, ValueProblem, as_text
from graphsvc.model.schema import Schema, form_of, key_of

LINKED = "linked"
"""The reason of a value that has become a key."""
NOT_KEPT = "not_kept"
"""The reason of a value of which only the raw text was kept: a part of a cell, a number that only a digest may name, or
one of a row that was sealed before rows kept what they could not read."""
CONTRADICTION, NOT_ALLOWED, NO_TIME, SEVERAL = "contradiction", "link_not_allowed", "no_time", "several_values"


class Waiting:
    """What of one row could not be linked, as it is being cleaned. Entities are known by their refs."""

    def __init__(self) -> None:
        self._unread, self._refs = Unread(), dict[str, int]()

    @property
    def unread(self) -> Unread | None:
        """All of it; None where nothing is kept."""
        return self._unread if self._refs else None

    def entity(self, entity: DraftEntity, known: KnownKind, attributes: dict[str, Values], pointer: str) -> None:
        """Keep an entity whose key, at ``pointer``, could not be read; not what is a secret, or is no text."""
        if known.kind.secret:
            return
        parts: dict[str, str] = {}
        for name, value in entity.key.items():
            if value is None or value == "":
                continue
            try:
                parts[name] = as_text(value)
                parts[name].encode()
            except (ValueProblem, UnicodeEncodeError):
                return
            if len(parts[name]) > MAX_TEXT:
                return
        self._refs[entity.ref] = len(self._unread.entities)
        self._unread.entities.append(UnreadEntity(pointer, known.kind.name, parts, attributes, known.context.region))

    def link(
        self,
        link: DraftLink,
        places: Mapping[str, tuple[tuple[int, ...], str] | None],
        attributes: dict[str, Values],
        observed: tuple[str | None, str | None],
    ) -> None:
        """Keep a link of which an end waits; ``places`` are those of the entities that were linked."""

        def ends(ref: str) -> list[int]:
            place = places[ref]
            if place is not None:
                return list(place[0])
            return [-1 - self._refs[ref]] if ref in self._refs else []

        sources, targets = ends(link.source), ends(link.target)
        if sources and targets:
            self._unread.links.append(UnreadLink(link.kind, sources, targets, attributes, *observed))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one unlinked value: its pointer, the type of value, and :data:`LINKED` or why it is not."""

    pointer: str
    type: str
    reason: str


@dataclass(slots=True)
class CleanedAnew:
    """A row cleaned anew: ``draft`` is all that it says now, None where nothing more can be linked than before."""

    draft: CleanDraft | None = None
    outcomes: list[Outcome] = field(default_factory=list)


class _Doubt(Exception):
    """Nothing of the row may be linked; the argument is the reason."""


def clean_anew(draft: CleanDraft, schema: Schema, org: str, cleaner: int) -> CleanedAnew:
    """Read again what could not be read, by today's rules, whose version is ``cleaner``."""
    unread = draft.unread or Unread()
    keys, outcomes = _keys(unread, schema, org), list[Outcome]()
    for left, (type_, key, reason) in zip(unread.entities, keys, strict=True):
        outcomes.append(Outcome(left.pointer, type_, LINKED if key is not None else reason))
    known = {left.pointer for left in unread.entities}
    for pointer, _, _ in draft.unlinked:
        if pointer not in known:
            outcomes.append(Outcome(pointer, "", NOT_KEPT))
    if all(key is None for _, key, _ in keys):
        return CleanedAnew(None, outcomes)
    try:
        return CleanedAnew(_added(draft, unread, [key for _, key, _ in keys], schema, cleaner), outcomes)
    except _Doubt as doubt:
        reason = str(doubt)
        doubted = [Outcome(one.pointer, one.type, reason if one.reason == LINKED else one.reason) for one in outcomes]
        return CleanedAnew(None, doubted)


def _keys(unread: Unread, schema: Schema, org: str) -> list[tuple[str, str | None, str]]:
    """Of each unread entity the type of value that its key is, the key or None, and why there is none."""
    found: list[tuple[str, str | None, str]] = []
    for left in unread.entities:
        kind = schema.kinds.get(left.kind)
        if kind is None:
            found.append(("", None, "unknown_kind"))
            continue
        form = form_of(kind, left.parts)
        type_ = form.parts[-1][1].name if form is not None else ""
        if kind.secret:
            found.append((type_, None, NOT_KEPT))
            continue
        try:
            found.append((type_, key_of(kind, left.parts, CleanContext(left.region, org)), ""))
        except ValueProblem as problem:
            found.append((type_, None, problem.code))
        except Exception:  # a bug of ours costs this one value, not the others
            found.append((type_, None, Unfit.code))
    return found


def _added(draft: CleanDraft, unread: Unread, keys: list[str | None], schema: Schema, cleaner: int) -> CleanDraft:
    """The draft with what has become readable; raises _Doubt."""
    entities, links = list(draft.entities), list(draft.links)
    by_key = {entity.key: position for position, entity in enumerate(entities)}
    ends: list[int] = []
    waiting: list[UnreadEntity] = []
    for left, key in zip(unread.entities, keys, strict=True):
        if key is None:
            ends.append(-1 - len(waiting))
            waiting.append(left)
            continue
        position = by_key.get(key)
        if position is None:
            position = by_key[key] = len(entities)
            entities.append(CleanEntity(left.kind, key, left.attributes))
        elif not _says(entities[position].attributes, left.attributes):
            raise _Doubt(CONTRADICTION)
        ends.append(position)
    left_links: list[UnreadLink] = []
    for link in unread.links:
        sources, targets = ([end if end >= 0 else ends[-1 - end] for end in of] for of in (link.sources, link.targets))
        if min(*sources, *targets) < 0:
            left_links.append(msgspec.structs.replace(link, sources=sources, targets=targets))
        else:
            links += _links(link, (sources, targets), entities, draft, schema)
    if len(entities) > MAX_ENTITIES or len(entities) + len(links) > MAX_ROW_CLAIMS:
        raise _Doubt("too_many_claims")
    read = {left.pointer for left, key in zip(unread.entities, keys, strict=True) if key is not None}
    made = msgspec.structs.replace(
        draft,
        entities=entities,
        links=links,
        unlinked=[one for one in draft.unlinked if one[0] not in read],
        cleaner=cleaner,
        unread=Unread(waiting, left_links, len(draft.links)),
    )
    try:
        check_applicable(made)
    except Unfit as unfit:
        raise _Doubt(unfit.code) from None
    if len(encode_draft(made)) > MAX_DRAFT:
        raise _Doubt("too_many_claims")
    return made


def _links(
    link: UnreadLink, ends: tuple[list[int], list[int]], entities: list[CleanEntity], draft: CleanDraft, schema: Schema
) -> list[CleanLink]:
    """The clean links of one whose ends are all known now, under the rules that hold for a row that comes in."""
    kind = schema.links.get(link.kind)
    if kind is None:
        raise _Doubt("unknown_link")
    pairs = [(source, target) for source in ends[0] for target in ends[1]]
    undated = all(end is None for end in (link.since, link.until, draft.since, draft.until))
    for pair in pairs:
        kinds = (entities[pair[0]].kind, entities[pair[1]].kind)
        if kinds not in kind.pairs:
            raise _Doubt(NOT_ALLOWED)
        if undated and any(schema.kinds[one].dated for one in kinds):
            raise _Doubt(NO_TIME)
    if len(pairs) > 1:
        names = [name for group in link.attributes.values() for name in group]
        if any(name not in kind.attributes or kind.attributes[name].type.counts for name in names):
            raise _Doubt(SEVERAL)
    return [CleanLink(link.kind, *pair, link.attributes, link.since, link.until) for pair in pairs]


def _says(said: dict[str, Values], more: dict[str, Values]) -> bool:
    """Whether what an entity says already has all of ``more``."""

    def within(group: str, name: str, value: Any) -> bool:
        own = said.get(group, {}).get(name)
        return set(value) <= set(own or ()) if isinstance(value, list) else own == value

    return all(within(group, name, value) for group, values in more.items() for name, value in values.items())
