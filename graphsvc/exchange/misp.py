"""MISP: one event, an object for each entity and for each link, their values as attributes that MISP can correlate.

Two object templates of our own are used, ``graphsvc-entity`` and ``graphsvc-link``. ``identifier`` holds the key parts
as JSON, for programs. An entity refers to what it is linked with, so that MISP's graph shows it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from graphsvc.exchange.content import Content, Losses, Node
from graphsvc.model.exported import CLAIMS_BETWEEN as BETWEEN
from graphsvc.model.exported import MISP_ENTITY as ENTITY
from graphsvc.model.exported import MISP_LINK as LINK
from graphsvc.model.exported import MISP_TAG as TAG
from graphsvc.model.labels import Handling
from graphsvc.wire.answers import Link

_TEMPLATES = {ENTITY: "af20d517-efda-5e7f-8588-26805cda4471", LINK: "890b4803-2837-5bd1-b274-7f1de2fe3004"}
_TYPES = {
    "Phone": ("phone-number", "Other"),
    "Email": ("email", "Network activity"),
    ("Device", "mac"): ("mac-address", "Network activity"),
    "IpAddress": ("ip-dst", "Network activity"),
    ("PaymentAccount", "iban"): ("iban", "Financial fraud"),
    ("Image", "sha256"): ("sha256", "Payload delivery"),
}
"""Kind, or kind and part, → MISP's type and category of its value; of all others it is text."""
_MAX_COMMENT = 60_000


def write_misp(content: Content, losses: Losses) -> bytes:
    """The event as MISP's core format has it."""
    at = str(int(datetime.fromisoformat(content.stamp.at.replace("Z", "+00:00")).timestamp()))
    objects = {handle: _entity(content, node, at, losses) for handle, node in content.nodes.items()}
    links = [_link(content, link, at, objects) for link in content.links]
    stamp = {
        **_named(content, at, "stamp", *map(str, content.stamp.entries)),
        "type": "comment", "category": "Internal reference", "value": content.stamp.text()[:_MAX_COMMENT],
        "to_ids": False, "disable_correlation": True,
    }  # fmt: skip
    event = {
        "uuid": content.uuid("event", *map(str, content.stamp.entries)),
        "info": f"graphsvc export of {content.stamp.viewer}, {content.stamp.codes}",
        "date": content.stamp.at[:10],
        "timestamp": at,
        "threat_level_id": "4",
        "analysis": "2",
        "distribution": "0",
        "published": False,
        "Orgc": {"name": content.stamp.viewer, "uuid": content.uuid("organisation", content.stamp.viewer)},
        "Tag": [{"name": TAG}, *_tags(content.stamp.handling), *_pap(content.stamp.pap)],
        "Attribute": [stamp],
        "Object": [*objects.values(), *links],
    }
    return msgspec.json.format(msgspec.json.encode({"Event": event}), indent=1)


def _entity(content: Content, node: Node, at: str, losses: Losses) -> dict[str, Any]:
    said = content.attributes(node)
    key = next(iter(node.parts)) if node.parts else ""
    type_, category = _TYPES.get((node.kind, key)) or _TYPES.get(node.kind) or ("text", "Other")
    value = next(iter(node.parts.values())) if node.parts and type_ != "text" else node.value
    parts = [("kind", "text", "Other", node.kind), ("key", type_, category, value), ("label", *_TEXT, node.label)]
    if node.parts is not None:
        parts.append(("identifier", *_TEXT, msgspec.json.encode(node.parts).decode()))
    parts += [("owner", *_TEXT, owner) for owner in sorted({record.owner for record in node.records})]
    parts += [("attribute", *_TEXT, f"{name}={value}") for name, values in said.items() for value in values]
    if node.records:
        losses["which record says which attribute of an entity, its grading, origin, times and expiry"] += len(
            node.records
        )
    return _object(content, at, ENTITY, (node.handle,), parts, content.handling_of(node))


def _link(content: Content, link: Link, at: str, objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    ends = content.nodes[link.source], content.nodes[link.target]
    parts = [("kind", *_TEXT, link.kind), ("record", *_TEXT, link.record.handle), ("owner", *_TEXT, link.record.owner)]
    for word, node in zip(("from", "to"), ends, strict=True):
        parts += [(f"{word}-kind", *_TEXT, node.kind), (f"{word}-key", *_TEXT, node.value)]
        if node.parts is not None:
            parts.append((f"{word}-identifier", *_TEXT, msgspec.json.encode(node.parts).decode()))
    parts += [(word, *_TEXT, said) for word, said in (("since", link.since), ("until", link.until)) if said]
    parts += [("attribute", *_TEXT, f"{n}={v}") for n, values in content.of_link(link).items() for v in values]
    names = link.record.handle, link.kind, link.source, link.target
    code = Handling(link.record.handling.scheme, link.record.handling.code)
    made = _object(content, at, LINK, names, parts, (code,))
    reference = {
        **_named(content, at, "reference", *names), "object_uuid": objects[link.source]["uuid"],
        "referenced_uuid": objects[link.target]["uuid"], "referenced_type": "1", "relationship_type": link.kind.lower(),
        "comment": BETWEEN.join(one for one in (link.since, link.until) if one),
    }  # fmt: skip
    objects[link.source]["ObjectReference"].append(reference)
    return made


_TEXT = ("text", "Other")


def _object(
    content: Content,
    at: str,
    name: str,
    words: tuple[str, ...],
    parts: list[tuple[str, str, str, str]],
    codes: tuple[Handling, ...],
) -> dict[str, Any]:
    tags = _tags(codes)
    attributes = [
        {
            **_named(content, at, name, *words, relation, str(nth)), "object_relation": relation, "type": type_,
            "category": category, "value": value, "to_ids": False, "disable_correlation": relation != "key",
            "Tag": tags,
        }
        for nth, (relation, type_, category, value) in enumerate(parts)
        if value
    ]  # fmt: skip
    return {
        **_named(content, at, name, *words), "name": name, "meta-category": "misc",
        "template_uuid": _TEMPLATES[name], "template_version": "1", "distribution": "5", "comment": "",
        "Attribute": attributes, "ObjectReference": [],
    }  # fmt: skip


def _named(content: Content, at: str, *words: str) -> dict[str, Any]:
    return {"uuid": content.uuid("misp", *words), "timestamp": at}


def _tags(codes: tuple[Handling, ...]) -> list[dict[str, str]]:
    return [
        {"name": f"tlp:{code.code.lower()}" if code.scheme == "tlp-2.0" else f'{code.scheme}:handling="{code.code}"'}
        for code in codes
    ]


def _pap(code: str) -> list[dict[str, str]]:
    return [{"name": f"PAP:{code}"}] if code else []
