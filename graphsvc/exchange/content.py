"""What an export holds, whatever its format: entities and links of answers, put together, with the stamp."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from graphsvc.exchange.stamp import Stamp, strictest, strictest_pap
from graphsvc.model.exported import ALSO
from graphsvc.model.keyparts import owner_of, parts_of
from graphsvc.model.labels import Handling
from graphsvc.model.schema import Attribute as Declared
from graphsvc.model.schema import Schema
from graphsvc.wire.answers import Attribute, Citation, Entity, Link, Record

Losses = Counter[str]
"""How often something was left out, by what it is."""


@dataclass(frozen=True, slots=True)
class Node:
    """An entity: its canonical key and the parts that make it, None where no claim here shows it; what is said of it.

    ``owner`` is whose key it is, for kinds that only their contributor knows.
    """

    handle: str
    kind: str
    key: str | None
    parts: Mapping[str, str] | None
    owner: str | None
    records: tuple[Record, ...]
    label: str

    @property
    def value(self) -> str:
        """The key without its kind."""
        return (self.key or "").partition(":")[2] or "not shown"


class Content:
    """Entities by handle in the order of the answers, links, and the stamp."""

    def __init__(self, schema: Schema, stamp: Stamp, entities: Iterable[Entity], links: Iterable[Link]) -> None:
        self.schema = schema
        self.losses: Losses = Counter()
        self.nodes: dict[str, Node] = {}
        for entity in _merged(entities):
            self.nodes[entity.handle] = self._node(entity, stamp.viewer)
        seen: set[bytes] = set()
        self.links: list[Link] = []
        for link in links:
            if link.source not in self.nodes or link.target not in self.nodes:
                self.losses["a link whose end is not in the answer"] += 1
                continue
            told = msgspec.json.encode((link.kind, link.source, link.target, link.since, link.until, link.record.handle,
                                        link.attributes))  # fmt: skip
            if told not in seen:
                seen.add(told)
                self.links.append(link)
        said = [*(record for node in self.nodes.values() for record in node.records)]
        codes = {*(_handling(one) for one in said), *(_handling(link.record) for link in self.links)}
        pap = strictest_pap(record.pap for record in said)
        self.stamp = msgspec.structs.replace(stamp, handling=strictest(codes), pap=pap)

    def _node(self, entity: Entity, viewer: str) -> Node:
        parts = None
        if entity.key is not None:
            parts = parts_of(self.schema, entity.kind, entity.key, viewer)
            if parts is None:
                self.losses[f"{entity.kind}: a key that can't be written in its parts"] += 1
        else:
            self.losses[f"{entity.kind}: an entity whose key is withheld"] += 1
        owner = owner_of(self.schema, entity.kind, entity.key) if entity.key else None
        if entity.more_records:
            self.losses["records of an entity beyond the 50 that an answer lists"] += entity.record_count - len(
                entity.records
            )
        label = self._label(entity)
        return Node(entity.handle, entity.kind, entity.key, parts, owner, tuple(entity.records), label)

    def _label(self, entity: Entity) -> str:
        kind = self.schema.kinds.get(entity.kind)
        for record in entity.records if kind is not None else ():
            for one in record.attributes:
                if kind is not None and one.name == kind.label:
                    return one.value
        return (entity.key or "").partition(":")[2] or entity.kind

    def attributes(self, node: Node) -> dict[str, list[str]]:
        """All that the records say of an entity: name → distinct values, in the schema's order.

        Where records say different things of what has one value, the first stands under its name, the others under
        ``also.`` and the name.
        """
        kind = self.schema.kinds.get(node.kind)
        declared = kind.attributes if kind else {}
        found = together((one for record in node.records for one in record.attributes), declared)
        apart: dict[str, list[str]] = {}
        for name, values in found.items():
            one = declared.get(name)
            apart[name] = values if one is None or one.many else values[:1]
            if len(values) > len(apart[name]):
                apart[f"{ALSO}{name}"] = values[1:]
        return apart

    def of_link(self, link: Link) -> dict[str, list[str]]:
        """All that a link says: name → values, in the schema's order."""
        kind = self.schema.links.get(link.kind)
        return together(link.attributes, kind.attributes if kind else {})

    def handling_of(self, node: Node) -> tuple[Handling, ...]:
        """The strictest handling codes of an entity's records."""
        return strictest(map(_handling, node.records))

    @cached_property
    def by_record(self) -> dict[str, Said]:
        """What each record says: its entities and links, in the order of the answers."""
        found: dict[str, Said] = {}
        for node in self.nodes.values():
            for record in node.records:
                said = found.setdefault(record.handle, Said(record))
                said.nodes[node.handle] = record.attributes
                said.since, said.until = said.since or record.since, said.until or record.until
                said.full = record
        for link in self.links:
            said = found.setdefault(link.record.handle, Said(link.record))
            said.links.append(link)
            for end in (link.source, link.target):
                said.nodes.setdefault(end, [])
        return found

    def uuid(self, *words: str) -> str:
        """A name that is the same in every export from this log: a newer file takes the place of an older one.

        It has the form of a random UUID (version 4), which STIX wants of all but observables; it is a digest.
        """
        named = "\0".join(("graphsvc export", self.stamp.log, self.stamp.viewer, *words))
        return str(UUID(bytes=hashlib.sha256(named.encode()).digest()[:16], version=4))

    def withheld(self) -> Iterator[str]:
        """Each field group that is withheld, once for each claim that it is withheld of."""
        for node in self.nodes.values():
            for record in node.records:
                yield from (one.field_group for one in record.withheld)
        for link in self.links:
            yield from (one.field_group for one in link.withheld)


@dataclass(slots=True)
class Said:
    """What one record says. ``nodes``: handle → attributes. ``full`` is None where only links of it are here."""

    cited: Record | Citation
    nodes: dict[str, list[Attribute]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    since: str | None = None
    until: str | None = None
    full: Record | None = None


def together(attributes: Iterable[Attribute], declared: Mapping[str, Declared]) -> dict[str, list[str]]:
    """Attributes by name, each with its distinct values; declared ones first, in their order."""
    found: dict[str, dict[str, None]] = {}
    for one in attributes:
        found.setdefault(one.name, {})[one.value] = None
    order = {name: nth for nth, name in enumerate(declared)}
    return {name: list(found[name]) for name in sorted(found, key=lambda name: (order.get(name, len(order)), name))}


def _handling(said: Record | Citation) -> Handling:
    return Handling(said.handling.scheme, said.handling.code)


def _merged(entities: Iterable[Entity]) -> list[Entity]:
    """Each entity once, with the records of all answers that show it."""
    found: dict[str, Entity] = {}
    for one in entities:
        known = found.get(one.handle)
        if known is None:
            found[one.handle] = one
            continue
        handles = {record.handle for record in known.records}
        more = [record for record in one.records if record.handle not in handles]
        found[one.handle] = msgspec.structs.replace(known, key=known.key or one.key, records=[*known.records, *more])
    return list(found.values())


def claimed(record: Record) -> dict[str, Any]:
    """What a record says besides attributes, for formats that can hold it: whose it is, and on what terms."""
    return strings(  # type: ignore[no-any-return]
        {
            "record": record.handle,
            "owner": record.owner,
            "handling": f"{record.handling.scheme}/{record.handling.code}",
            "pap": record.pap,
            "grading": None if record.grading is None else msgspec.to_builtins(record.grading),
            "origin": None if record.origin is None else msgspec.to_builtins(record.origin),
            "since": record.since,
            "until": record.until,
            "expires": record.expires,
        }
    )


def strings(value: Any) -> Any:
    """A JSON value without members that hold nothing."""
    if isinstance(value, dict):
        kept = {name: strings(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one not in (None, [], {}, "")}
    return [strings(one) for one in value] if isinstance(value, list) else value
