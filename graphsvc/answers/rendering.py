"""From packed facts to what is shown: the shapes of the API, and the note of every record that they show.

Which field groups of a record are shown depends on its label alone, so a disclosure names every group that the label
grants to the reader, whether or not a value is there: the trail over-reports, it never under-reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from graphsvc.answers.provenance import Said, circular, independent_sources
from graphsvc.detect.explain import Ring
from graphsvc.graph.facts import EntityFacts, Link, LinkClaim, RecordClaim, Told, tell
from graphsvc.graph.handles import RECORD, Handles
from graphsvc.graph.turns import deal
from graphsvc.ledger.entry import Hits
from graphsvc.model.labels import GROUPS, Label
from graphsvc.model.places import ROW_BITS, ROW_MASK
from graphsvc.model.room import CLAIM, Room
from graphsvc.model.schema import Schema
from graphsvc.model.times import FOREVER
from graphsvc.policy.scope import EXPORT, Scope
from graphsvc.wire import answers as wire
from graphsvc.wire.answers import Attribute, Citation, Entity, Grading, Handling, Origin, Reason, Record, Withheld

Shown = dict[str, dict[int, tuple[str, tuple[str, ...]]]]
"""By owner: record integer → (handle, field groups)."""

MOST_HIT, MOST_HITS = 1_000, 50_000
"""At most this many records behind a hit are named to their owner: of one identifier and label, and of a batch."""
CITED = 20
"""At most this many records are cited by one line of a ring's explanation."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a label says of every record under it, for one reader."""

    owner: str
    owner_kind: str
    handling: Handling
    pap: str
    granted: tuple[str, ...]
    withheld: list[Withheld]
    own: bool
    kept: str
    """The rule by which records may only be looked at; empty where they may be exported."""


@dataclass(slots=True)
class Cut:
    """What an answer leaves out although the reader may see it.

    ``shown`` of ``visible`` records are listed of the entities whose lists were cut; of links, paths and rings
    (``more``) it is known only that there are, or may be, others.
    """

    shown: int = 0
    visible: int = 0
    more: set[str] = field(default_factory=set)

    def lists(self) -> list[wire.Cut]:
        """Each thing that was cut: what, how many are shown and of how many, null where that is not known."""
        records = [wire.Cut(what="records", shown=self.shown, of=self.visible)] if self.visible else []
        return records + [wire.Cut(what=what) for what in sorted(self.more)]


class Shapes:
    """Makes shapes under one scope and remembers what they show and cut; ``room`` bounds the size of all together."""

    def __init__(self, scope: Scope, handles: Handles, schema: Schema, room: Room) -> None:
        self._scope = scope
        self._handles = handles
        self._numbers = {kind.name: kind.number for kind in schema.kinds.values()}
        self._terms: dict[int, _Terms] = {}
        self._granted = {group: frozenset(scope.allowed(group)) for group in GROUPS}
        self._exported = frozenset(scope.allowed(EXPORT))
        self._parsed: dict[tuple[str, str], list[Attribute]] = {}
        self.room = room
        self.shown: Shown = {}
        self.cut = Cut()
        self.kept: dict[str, dict[int, tuple[str, str]]] = {}
        """By owner: records shown that may not be exported, as record integer → (handle, rule)."""
        self._hits: dict[str, set[int]] = {}
        self._more_hits: set[str] = set()

    def entities(self, facts: Iterable[EntityFacts]) -> list[Entity]:
        """One shape an entity, in the order of the facts."""
        return [self._entity(entity) for entity in facts]

    def _entity(self, entity: EntityFacts) -> Entity:
        records = list(map(self._record, entity.claims))
        _mark(records)
        if entity.more:
            self.cut.shown += len(records)
            self.cut.visible += entity.told.claims
        return Entity(
            handle=self.handle(entity),
            kind=entity.kind,
            key=entity.key,
            records=records,
            more_records=entity.more,
            record_count=entity.told.claims,
            owner_count=entity.told.owners,
            independent_sources=_weigh(entity.told),
        )

    def handle(self, entity: EntityFacts) -> str:
        """The handle that the reader's organisation knows an entity by."""
        return self._handles.seal_node(self._numbers[entity.kind], entity.node)

    def links(
        self, links: Sequence[LinkClaim], handles: Mapping[int, str], told: Mapping[Link, Told]
    ) -> list[wire.Link]:
        """Link claims in their order; claims and sources are counted per link.

        ``told``: the totals over all visible claims of a link, where not all of them are in ``links``.
        """
        alike: dict[Link, list[tuple[LinkClaim, wire.Link]]] = {}
        shapes = []
        for link in links:
            shapes.append(self.link(link, handles))
            alike.setdefault(link.link, []).append((link, shapes[-1]))
        for one, claims in alike.items():
            _mark([shape.record for _, shape in claims])
            all_told = told.get(one) or tell((claim for claim, _ in claims), lambda lid: self._terms_of(lid).owner)
            sources = _weigh(all_told)
            for _, shape in claims:
                shape.independent_sources, shape.claim_count = sources, all_told.claims
        return shapes

    def link(self, link: LinkClaim, handles: Mapping[int, str]) -> wire.Link:
        """One link claim; ``handles`` are those of the entities that it joins."""
        terms = self._terms_of(link.lid)
        return wire.Link(
            kind=link.kind,
            source=handles[link.source],
            target=handles[link.target],
            since=link.since,
            until=link.until,
            attributes=self._attributes(link),
            withheld=terms.withheld,
            record=Citation(
                handle=self._note(link.rec, terms),
                owner=terms.owner,
                owner_kind=terms.owner_kind,
                handling=terms.handling,
                grading=_grading(link),
                origin=_origin(link),
                circular=False,
            ),
            independent_sources=1,
            claim_count=1,
        )

    def ring(self, ring: Ring, shapes: Mapping[int, Entity]) -> wire.Ring:
        """A ring with its members' shapes; only records among those shapes are cited."""
        accounts = [shapes[number] for number in ring.accounts if number in shapes]
        identifiers = [shapes[number] for number in ring.identifiers if number in shapes]
        return wire.Ring(
            id=min(shape.handle for shape in accounts),
            rank=ring.rank,
            score=ring.score,
            accounts=accounts,
            identifiers=identifiers,
            cycles=ring.cycles,
            reasons=[
                Reason(text=reason.text, records=self._cited(reason.records), record_count=len(reason.records))
                for reason in ring.reasons
            ],
        )

    def _cited(self, records: tuple[int, ...]) -> list[str]:
        # Handles sort in an order that nobody can predict, and so do the turns of owners.
        hands = [sorted(owned[record][0] for record in records if record in owned) for owned in self.shown.values()]
        return deal(sorted(hands))[:CITED]

    def note(self, record: int, lid: int) -> None:
        """Note down that something was told of a record under a label, though no shape of it is shown."""
        self._note(record, self._terms_of(lid))

    def note_hits(self, lids: Mapping[int, Sequence[int]], most: int) -> None:
        """Note down the records behind one identifier's hit, by label; the first ``most`` of each label are named."""
        for lid, records in lids.items():
            owner = self._scope.labels[lid].owner
            self._hits.setdefault(owner, set()).update(records[:most])
            if len(records) > most:
                self._more_hits.add(owner)

    def hits(self) -> dict[str, Hits]:
        """By owner: the records that were hit and are not shown as well."""
        bare = {owner: sorted(records - self.shown.get(owner, {}).keys()) for owner, records in self._hits.items()}
        return {
            owner: Hits([(record >> ROW_BITS, record & ROW_MASK) for record in records], owner in self._more_hits)
            for owner, records in bare.items()
            if records
        }

    def leave_out(self, kept: Mapping[str, Mapping[int, tuple[str, str]]]) -> tuple[wire.WithheldRecords, ...]:
        """Note that these records (as in :attr:`kept`) are left out; returns how many, by owner and rule.

        Their owners are told, since the answer shows that the records are there.
        """
        said = Counter((owner, rule) for owner, records in kept.items() for _, rule in records.values())
        for owner, records in kept.items():
            shown = self.shown.setdefault(owner, {})
            for record, (handle, _) in records.items():
                shown.setdefault(record, (handle, ()))
        return tuple(
            wire.WithheldRecords(owner=owner, rule=rule, records=count) for (owner, rule), count in sorted(said.items())
        )

    def _record(self, claim: RecordClaim) -> Record:
        terms = self._terms_of(claim.lid)
        return Record(
            handle=self._note(claim.rec, terms),
            owner=terms.owner,
            owner_kind=terms.owner_kind,
            handling=terms.handling,
            pap=terms.pap,
            grading=_grading(claim),
            origin=_origin(claim),
            circular=False,
            since=claim.since,
            until=claim.until,
            expires=None if claim.exp >= FOREVER else _time(claim.exp),
            attributes=self._attributes(claim),
            withheld=terms.withheld,
            submission=claim.rec >> ROW_BITS if terms.own else None,
            row=claim.rec & ROW_MASK if terms.own else None,
        )

    def note_own(self, owner: str, record: int, handle: str) -> None:
        """Note that a record of the reader's own organisation is shown in full, outside the graph."""
        self.shown.setdefault(owner, {})[record] = (handle, tuple(sorted(GROUPS)))

    def _note(self, record: int, terms: _Terms) -> str:
        owned = self.shown.setdefault(terms.owner, {})
        noted = owned.get(record)
        if noted is None:
            noted = owned[record] = (self._handles.seal(RECORD, record), terms.granted)
            if terms.kept:
                self.kept.setdefault(terms.owner, {})[record] = (noted[0], terms.kept)
        return noted[0]

    def _attributes(self, claim: RecordClaim | LinkClaim) -> list[Attribute]:
        parsed, found = self._parsed, list[Attribute]()
        self.room.take(CLAIM + sum(len(packed) for packed in claim.groups if packed is not None))
        for group, packed in zip(GROUPS, claim.groups, strict=True):
            if packed is not None:
                # Records of one entity often hold the same values: these are parsed once an answer.
                values = parsed.get((group, packed))
                if values is None:
                    values = parsed[group, packed] = _values(group, packed)
                found += values
        return found

    def _terms_of(self, lid: int) -> _Terms:
        terms = self._terms.get(lid)
        if terms is None:
            label, scope = self._scope.labels[lid], self._scope
            withheld = [
                Withheld(field_group=group, owner=label.owner, rule=scope.rules.get((lid, group), "default-deny"))
                for group in GROUPS
                if lid not in self._granted[group]
            ]
            terms = self._terms[lid] = _Terms(
                owner=label.owner,
                owner_kind=label.owner_kind,
                handling=handling_of(label),
                pap=label.pap,
                granted=tuple(group for group in sorted(GROUPS) if lid in self._granted[group]),
                withheld=withheld,
                own=label.owner == scope.principal.org,
                kept="" if lid in self._exported else scope.rules.get((lid, EXPORT), "default-deny"),
            )
        return terms


def handling_of(label: Label) -> Handling:
    """A label's handling code."""
    return Handling(scheme=label.handling.scheme, code=label.handling.code)


def _values(group: str, packed: str) -> list[Attribute]:
    return [
        Attribute(name=name, field_group=group, value=text)
        for name, value in orjson.loads(packed).items()
        for text in _texts(value)
    ]


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(value)]


def _grading(claim: RecordClaim | LinkClaim) -> Grading | None:
    if claim.grading_scheme is None:
        return None
    return Grading(
        scheme=claim.grading_scheme,
        source=claim.grading_source or "",
        information=claim.grading_information or "",
    )


def _origin(claim: RecordClaim | LinkClaim) -> Origin | None:
    if claim.origin is None:
        return None
    organisation, _, reference = claim.origin.partition(" ")
    return Origin(organisation=organisation, reference=reference or None)


def _mark(records: Sequence[Record] | Sequence[Citation]) -> None:
    """Mark the records of one entity or link that repeat another of them."""
    if any(record.origin is not None for record in records):
        said = [_said(record.owner, record.origin) for record in records]
        for number, repeated in enumerate(circular(said)):
            records[number].circular = repeated


def _weigh(told: Told) -> int:
    """Count the sources behind all claims of one entity or link."""
    return independent_sources([Said(owner, organisation) for owner, organisation in told.sources])


def _said(owner: str, origin: Origin | None) -> Said:
    return Said(owner) if origin is None else Said(owner, origin.organisation, origin.reference or "")


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
