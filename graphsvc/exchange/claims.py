"""The table of claims, which CSV and Excel share: a line for each thing that a record says of an entity or a link.

``identifier`` and ``toIdentifier`` have the key parts as JSON, so that a program reads back exactly what people read
as ``key`` and ``toKey``. Attributes have a column each; several values of one are parted by `` | ``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from graphsvc.exchange.content import Content, Losses, Node, Said, together
from graphsvc.model.exported import CLAIMS_ATTRIBUTE as ATTRIBUTE
from graphsvc.model.exported import CLAIMS_BETWEEN as BETWEEN
from graphsvc.model.exported import CLAIMS_HEAD as HEAD
from graphsvc.wire.answers import Attribute

_ENTITY, _LINK = "entity", "link"


def header(content: Content) -> list[str]:
    """The columns: the fixed ones, then one for each attribute that occurs."""
    names = {one.name for node in content.nodes.values() for record in node.records for one in record.attributes}
    names |= {one.name for link in content.links for one in link.attributes}
    return [*HEAD, *(f"{ATTRIBUTE}{name}" for name in sorted(names))]


def rows(content: Content, losses: Losses) -> Iterator[list[str]]:
    """The lines under :func:`header`."""
    names = [name.removeprefix(ATTRIBUTE) for name in header(content)[len(HEAD) :]]
    for handle, said in content.by_record.items():
        for name, attributes in said.nodes.items():
            node = content.nodes[name]
            kind = content.schema.kinds.get(node.kind)
            fixed = [*_cited(_ENTITY, handle, said), *_of(node), "", "", "", "", ""]
            yield [*fixed, *_span(said.since, said.until, said), *_cells(names, attributes, losses, kind)]
        for link in said.links:
            ends = _of(content.nodes[link.source]), _of(content.nodes[link.target])
            declared = content.schema.links.get(link.kind)
            fixed = [*_cited(_LINK, handle, said), *ends[0], link.kind, *ends[1]]
            yield [*fixed, *_span(link.since, link.until, said), *_cells(names, link.attributes, losses, declared)]


def _cited(claim: str, handle: str, said: Said) -> list[str]:
    one = said.cited
    grading = "" if one.grading is None else f"{one.grading.scheme}/{one.grading.source}/{one.grading.information}"
    origin = "" if one.origin is None else f"{one.origin.organisation}/{one.origin.reference or ''}"
    pap = "" if said.full is None else said.full.pap or ""
    return [claim, handle, one.owner, f"{one.handling.scheme}/{one.handling.code}", pap, grading, origin]


def _of(node: Node) -> list[str]:
    identifier = "" if node.parts is None else msgspec.json.encode(node.parts).decode()
    return [node.kind, node.label, node.value if node.key else "", identifier]


def _span(since: str | None, until: str | None, said: Said) -> list[str]:
    return [since or "", until or "", "" if said.full is None else said.full.expires or ""]


def _cells(names: list[str], attributes: Iterable[Attribute], losses: Losses, kind: object) -> list[str]:
    found = together(attributes, getattr(kind, "attributes", {}))
    for name, values in found.items():
        if len(values) > 1 and any(BETWEEN in value for value in values):
            losses[f"attribute {name}: where one of several values ends"] += 1
    return [BETWEEN.join(found.get(name, ())) for name in names]
