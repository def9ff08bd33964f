"""FollowTheMoney: an entity a line, a link as one that joins two others, as Aleph and its kin read them.

FollowTheMoney has no place for most identifiers by which things are known here. ``keywords`` say kind and key parts of
each entity in words that begin with ``graphsvc-``; :mod:`importers.ftm` reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from graphsvc.exchange.content import Content, Losses, Node, strings
from graphsvc.exchange.stamp import spelled
from graphsvc.model.exported import FTM_ATTRIBUTE as ATTRIBUTE
from graphsvc.model.exported import FTM_HANDLING as HANDLING
from graphsvc.model.exported import FTM_IDENTIFIER as IDENTIFIER
from graphsvc.model.exported import FTM_KIND as KIND
from graphsvc.wire.answers import Link

_SCHEMAS = {
    "Person": "Person",
    "Organisation": "Organization",
    "Account": "UserAccount",
    "Phone": "UserAccount",
    "Email": "UserAccount",
    "Address": "Address",
    "Event": "Event",
    "Case": "Project",
}
"""Kind → schema; what has none is an Asset, which FollowTheMoney allows to be anything."""
_TITLE = "graphsvc export"


def write_ftm(content: Content, losses: Losses) -> bytes:
    """Entities and links, one a line; the stamp is the first, as a document."""
    ids = {handle: f"graphsvc-{content.uuid('ftm', handle)}" for handle in content.nodes}
    lines = [_stamp(content)]
    lines += (_entity(content, node, ids[handle], losses) for handle, node in content.nodes.items())
    lines += (_link(content, link, ids) for link in content.links)
    return b"\n".join(msgspec.json.encode(line) for line in lines) + b"\n"


def _stamp(content: Content) -> dict[str, Any]:
    said = {
        "name": [_TITLE],
        "fileName": [f"{_TITLE}.txt"],
        "title": [_TITLE],
        "bodyText": [content.stamp.text()],
        "publishedAt": [content.stamp.at[:10]],
    }
    return {"id": f"graphsvc-{content.uuid('stamp', *map(str, content.stamp.entries))}", "schema": "PlainText",
            "properties": said}  # fmt: skip


def _entity(content: Content, node: Node, name: str, losses: Losses) -> dict[str, Any]:
    schema = _schema_of(node)
    said = content.attributes(node)
    properties = {"name": [node.label], **dict(_native(node, said))}
    if schema == "UserAccount":
        # FollowTheMoney wants one of each: what the account is known by.
        known_by = properties.get("phone") or properties.get("email") or [node.label]
        properties.setdefault("username", known_by)
    keywords = [f"{KIND}{node.kind}"]
    if node.parts is not None:
        keywords.append(f"{IDENTIFIER}{msgspec.json.encode(node.parts).decode()}")
    keywords += (f"{ATTRIBUTE}{word}={value}" for word, values in said.items() for value in values)
    keywords += (f"{HANDLING}{spelled(code)}" for code in content.handling_of(node))
    keywords += (f"graphsvc-owner:{owner}" for owner in sorted({record.owner for record in node.records}))
    if node.records:
        losses["which record says which attribute of an entity, its grading, origin, times and expiry"] += len(
            node.records
        )
    return {"id": name, "schema": schema, "properties": strings({**properties, "keywords": keywords})}


def _schema_of(node: Node) -> str:
    parts = node.parts or {}
    match node.kind:
        case "PaymentAccount":
            return "BankAccount" if "iban" in parts else "CryptoWallet" if "wallet" in parts else "UserAccount"
        case "Vehicle":
            return "Vessel" if "imo" in parts else "Vehicle"
    return _SCHEMAS.get(node.kind, "Asset")


def _native(node: Node, said: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Properties that FollowTheMoney itself has."""
    parts = node.parts or {}
    for part, word in _PARTS.get(node.kind, {}).items():
        if part in parts:
            yield word, [parts[part].partition(":")[2] if part == "wallet" else parts[part]]
    for name, word in _ATTRIBUTES.get(node.kind, {}).items():
        if name in said:
            yield word, said[name]
    if node.kind == "Address" and "geo" in parts:
        latitude, _, longitude = parts["geo"].partition(",")
        yield "latitude", [latitude]
        yield "longitude", [longitude]


_PARTS = {
    "Account": {"site": "service", "id": "username"},
    "Phone": {"value": "phone"},
    "Email": {"value": "email"},
    "PaymentAccount": {"iban": "iban", "wallet": "publicKey", "provider": "service", "account": "username"},
    "Address": {"country": "country", "text": "full"},
    "Vehicle": {"imo": "imoNumber", "plate": "registrationNumber"},
}
_ATTRIBUTES = {
    "Person": {"alias": "alias", "birthDate": "birthDate", "nationality": "nationality", "note": "notes"},
    "Organisation": {"alias": "alias", "jurisdiction": "jurisdiction", "website": "website", "note": "notes"},
    "Event": {"summary": "notes"},
    "Case": {"summary": "notes"},
}


def _link(content: Content, link: Link, ids: dict[str, str]) -> dict[str, Any]:
    ends = content.nodes[link.source], content.nodes[link.target]
    member = link.kind == "MEMBER_OF" and _schema_of(ends[0]) in _PARTIES and _schema_of(ends[1]) == "Organization"
    schema, source, target = ("Membership", "member", "organization") if member else ("UnknownLink", *_SIDES)
    said = [f"{name}={value}" for name, values in content.of_link(link).items() for value in values]
    properties = {
        source: [ids[link.source]],
        target: [ids[link.target]],
        "role": [link.kind],
        "startDate": [link.since[:19].rstrip("Z")] if link.since else [],
        "endDate": [link.until[:19].rstrip("Z")] if link.until else [],
        "recordId": [link.record.handle],
        "publisher": [link.record.owner],
        "summary": [f"handling: {link.record.handling.scheme}/{link.record.handling.code}"],
        "description": ["\n".join(one.replace("\n", " ") for one in said)] if said else [],
    }
    name = content.uuid("ftm", link.record.handle, link.kind, link.source, link.target, link.since or "")
    return {"id": f"graphsvc-{name}", "schema": schema, "properties": strings(properties)}


_SIDES = ("subject", "object")
_PARTIES = frozenset(("Person", "Organization"))
