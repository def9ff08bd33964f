"""What answers hold and what is noted for them, written down claim by claim: slow, plain, and by itself.

The reference for :mod:`graphsvc.answers.tables`, with which it shares no line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from graphsvc.answers.provenance import Said, circular, independent_sources
from graphsvc.graph.facts import EntityFacts, Link, LinkClaim, RecordClaim, Told, tell
from graphsvc.graph.handles import RECORD, Handles
from graphsvc.model.labels import GROUPS
from graphsvc.model.room import CLAIM
from graphsvc.model.schema import Schema
from graphsvc.policy.scope import Scope
from graphsvc.wire import answers as wire


class Reference:
    """Makes the structs of one answer under a scope, and notes what they show."""

    def __init__(self, scope: Scope, handles: Handles, schema: Schema) -> None:
        self._scope = scope
        self._handles = handles
        self._numbers = {kind.name: kind.number for kind in schema.kinds.values()}
        self.shown: dict[str, dict[int, tuple[str, tuple[str, ...]]]] = {}
        self.kept: dict[str, dict[int, tuple[str, str]]] = {}
        self.cut = (0, 0)
        self.taken = 0

    def entity(self, facts: EntityFacts) -> wire.Entity:
        """One entity."""
        records = [self._record(claim) for claim in facts.claims]
        _mark(records, facts.told)
        if facts.told.claims > len(records):
            self.cut = self.cut[0] + len(records), self.cut[1] + facts.told.claims
        return wire.Entity(
            handle=self._handles.seal_node(self._numbers[facts.kind], facts.node),
            kind=facts.kind,
            key=facts.key,
            records=records,
            more_records=facts.told.claims > len(records),
            record_count=facts.told.claims,
            owner_count=len({owner for owner, _ in facts.told.sources}),
            independent_sources=_weigh(facts.told),
        )

    def network(
        self, facts: Sequence[EntityFacts], links: Sequence[LinkClaim], told: Mapping[Link, Told]
    ) -> tuple[list[wire.Entity], list[wire.Link]]:
        """Entities and the links between them."""
        entities = [self.entity(one) for one in facts]
        handles = {one.id: shape.handle for one, shape in zip(facts, entities, strict=True)}
        shapes = [self._link(link, handles) for link in links]
        for link, shape in zip(links, shapes, strict=True):
            alike = [place for place, other in enumerate(links) if other[:3] == link[:3]]
            records = [shapes[place].record for place in alike]
            _mark(records, told.get(link[:3]))
            total = told.get(link[:3])
            if total is None:
                total = tell([links[place] for place in alike], lambda lid: self._scope.labels[lid].owner)
            shape.claim_count, shape.independent_sources = total.claims, _weigh(total)
        return entities, shapes

    def _record(self, claim: RecordClaim) -> wire.Record:
        label = self._scope.labels[claim.lid]
        own = label.owner == self._scope.principal.org
        return wire.Record(
            pap=label.pap,
            until=claim.until,
            since=claim.since,
            expires=None if claim.exp >= 253402300799 else _time(claim.exp),
            submission=claim.rec >> 28 if own else None,
            row=claim.rec & (1 << 28) - 1 if own else None,
            attributes=self._attributes(claim),
            withheld=self._withheld(claim.lid),
            **self._cited(claim),
        )

    def _link(self, link: LinkClaim, handles: Mapping[int, str]) -> wire.Link:
        return wire.Link(
            kind=link.kind,
            source=handles[link.source],
            target=handles[link.target],
            since=link.since,
            until=link.until,
            attributes=self._attributes(link),
            withheld=self._withheld(link.lid),
            record=wire.Citation(**self._cited(link)),
            claim_count=0,
            independent_sources=0,
        )

    def _cited(self, claim: RecordClaim | LinkClaim) -> dict[str, Any]:
        label = self._scope.labels[claim.lid]
        organisation, _, reference = (claim.origin or "").partition(" ")
        scheme, source, information = claim.grading_scheme, claim.grading_source or "", claim.grading_information or ""
        return {
            "handle": self._note(claim),
            "owner": label.owner,
            "owner_kind": label.owner_kind,
            "handling": wire.Handling(scheme=label.handling.scheme, code=label.handling.code),
            "grading": scheme and wire.Grading(scheme=scheme, source=source, information=information),
            "origin": claim.origin and wire.Origin(organisation=organisation, reference=reference or None),
            "circular": False,
        }

    def _note(self, claim: RecordClaim | LinkClaim) -> str:
        scope, owner = self._scope, self._scope.labels[claim.lid].owner
        handle = self._handles.seal(RECORD, claim.rec)
        granted = tuple(sorted(group for group in GROUPS if claim.lid in scope.allowed(group)))
        first = claim.rec not in self.shown.setdefault(owner, {})
        self.shown[owner].setdefault(claim.rec, (handle, granted))
        if first and claim.lid not in scope.allowed("export"):
            rule = scope.rules.get((claim.lid, "export"), "default-deny")
            self.kept.setdefault(owner, {})[claim.rec] = (handle, rule)
        return handle

    def _attributes(self, claim: RecordClaim | LinkClaim) -> list[wire.Attribute]:
        self.taken += CLAIM
        found = []
        for group, packed in zip(GROUPS, claim.groups, strict=True):
            self.taken += len(packed or "")
            for name, value in json.loads(packed or "{}").items():
                found += [wire.Attribute(name=name, field_group=group, value=text) for text in _texts(value)]
        return found

    def _withheld(self, lid: int) -> list[wire.Withheld]:
        scope, owner = self._scope, self._scope.labels[lid].owner
        return [
            wire.Withheld(field_group=group, owner=owner, rule=scope.rules.get((lid, group), "default-deny"))
            for group in GROUPS
            if lid not in scope.allowed(group)
        ]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [{True: "true", False: "false"}[value]] if isinstance(value, bool) else [str(value)]


def _mark(records: Sequence[wire.Record] | Sequence[wire.Citation], told: Told | None) -> None:
    said = [
        Said(one.owner, one.origin.organisation, one.origin.reference or "") if one.origin else Said(one.owner)
        for one in records
    ]
    for record, repeated in zip(records, circular(said, told.sources if told else ()), strict=True):
        record.circular = repeated


def _weigh(told: Told) -> int:
    return independent_sources([Said(owner, organisation) for owner, organisation in sorted(told.sources)])


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
