"""From packed facts to what is shown: the tables of answers, and the note of every record that they show.

Everything is noted when a table is made, before anybody knows what is selected of it: who is shown an entity without
its records is noted as having seen these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

from graphsvc.answers.noted import Noted, Packed, Terms
from graphsvc.answers.tables import Entities, Links
from graphsvc.detect.explain import Ring
from graphsvc.graph.facts import LINK_GROUPS, RECORD_GROUPS, EntityFacts, Link, LinkClaim, RecordClaim, Thing, Told
from graphsvc.graph.handles import RECORD, Handles
from graphsvc.graph.turns import deal
from graphsvc.ledger.entry import Hits
from graphsvc.model.labels import GROUPS, Label
from graphsvc.model.places import ROW_BITS, ROW_MASK
from graphsvc.model.room import CLAIM, Room
from graphsvc.model.schema import Schema
from graphsvc.policy.scope import EXPORT, Scope
from graphsvc.wire import answers as wire
from graphsvc.wire.answers import Entity, Handling, Reason, Withheld

Shown = dict[str, dict[int, tuple[str, tuple[str, ...]]]]
"""By owner: record integer → (handle, field groups)."""

MOST_HIT, MOST_HITS = 1_000, 50_000
"""At most this many records behind a hit are named to their owner: of one identifier and label, and of a batch."""
CITED = 20
"""At most this many records are cited by one line of a ring's explanation."""


_lid = attrgetter("lid")


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
    """Makes tables under one scope and remembers what they show and cut; ``room`` bounds the size of all together."""

    def __init__(self, scope: Scope, handles: Handles, schema: Schema, room: Room) -> None:
        self._scope = scope
        self._handles = handles
        self._numbers = {kind.name: kind.number for kind in schema.kinds.values()}
        self._terms: dict[int, Terms] = {}
        self._granted = {group: frozenset(scope.allowed(group)) for group in GROUPS}
        self._exported = frozenset(scope.allowed(EXPORT))
        self.room = room
        self.shown: Shown = {}
        self.cut = Cut()
        self.kept: dict[str, dict[int, tuple[str, str]]] = {}
        """By owner: records shown that may not be exported, as record integer → (handle, rule)."""
        self._hits: dict[str, set[int]] = {}
        self._more_hits: set[str] = set()

    def entities(self, facts: Sequence[EntityFacts]) -> Entities:
        """A table of entities, in the order of the facts, whose records are noted as shown."""
        claims = [claim for one in facts for claim in one.claims]
        noted = self._noted(claims, list(map(RECORD_GROUPS, claims)))
        for one in facts:
            if one.more:
                self.cut.shown += len(one.claims)
                self.cut.visible += one.told.claims
        return Entities(facts, list(map(self.handle, facts)), noted)

    def handle(self, entity: EntityFacts) -> str:
        """The handle that the reader's organisation knows an entity by."""
        return self._handles.seal_node(self._numbers[entity.kind], entity.node)

    def thing(self, thing: Thing) -> str:
        """The handle that the reader's organisation knows an entity by, which it is shown without its records."""
        return self._handles.seal_node(self._numbers[thing.kind], thing.node)

    def links(
        self, lists: Sequence[Sequence[LinkClaim]], handles: Mapping[int, str], told: Mapping[Link, Told]
    ) -> Links:
        """A table of the link claims in one or more lists, whose records are noted as shown.

        ``handles`` are those of the entities that they join. What is said of one link is counted within a list;
        ``told`` has the totals over all visible claims of a link, where not all of them are in it.
        """
        claims = [link for links in lists for link in links]
        noted = self._noted(claims, list(map(LINK_GROUPS, claims)))
        return Links(noted, list(map(len, lists)), handles, told)

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

    def cite(self, lids: Mapping[int, int]) -> list[str]:
        """Note down records, given with their labels, as shown; the handles of at most 20 of them, owners by turns."""
        hands: dict[str, list[str]] = {}
        for record, lid in lids.items():
            terms = self._terms_of(lid)
            hands.setdefault(terms.owner, []).append(self._note(record, terms))
        return deal(sorted(map(sorted, hands.values())))[:CITED]

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

    def note_own(self, owner: str, record: int, handle: str) -> None:
        """Note that a record of the reader's own organisation is shown in full, outside the graph."""
        self.shown.setdefault(owner, {})[record] = (handle, tuple(sorted(GROUPS)))

    def _noted(self, claims: Sequence[RecordClaim | LinkClaim], packed: Sequence[Packed]) -> Noted:
        """Note the records of claims as shown, once there is room for their ``packed`` values."""
        self.room.take(CLAIM * len(claims) + sum(map(len, filter(None, chain.from_iterable(packed)))))
        lids = list(map(_lid, claims))
        by_lid = {lid: self._terms_of(lid) for lid in set(lids)}
        terms = list(map(by_lid.__getitem__, lids))
        handles = [self._note(claim.rec, of) for claim, of in zip(claims, terms, strict=True)]
        return Noted(claims, packed, terms, handles)

    def _note(self, record: int, terms: Terms) -> str:
        noted = terms.shown.get(record)
        if noted is None:
            noted = terms.shown[record] = (self._handles.seal(RECORD, record), terms.granted)
            if terms.kept:
                self.kept.setdefault(terms.owner, {})[record] = (noted[0], terms.kept)
        return noted[0]

    def _terms_of(self, lid: int) -> Terms:
        # Whoever asks notes a record under it: an owner of whom nothing was shown must not stand among those shown.
        terms = self._terms.get(lid)
        if terms is None:
            label, scope = self._scope.labels[lid], self._scope
            withheld = [
                Withheld(field_group=group, owner=label.owner, rule=scope.rules.get((lid, group), "default-deny"))
                for group in GROUPS
                if lid not in self._granted[group]
            ]
            terms = self._terms[lid] = Terms(
                owner=label.owner,
                owner_kind=label.owner_kind,
                handling=handling_of(label),
                pap=label.pap,
                granted=tuple(group for group in sorted(GROUPS) if lid in self._granted[group]),
                withheld=withheld,
                own=label.owner == scope.principal.org,
                kept="" if lid in self._exported else scope.rules.get((lid, EXPORT), "default-deny"),
                shown=self.shown.setdefault(label.owner, {}),
            )
        return terms


def handling_of(label: Label) -> Handling:
    """A label's handling code."""
    return Handling(scheme=label.handling.scheme, code=label.handling.code)
