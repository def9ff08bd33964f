"""STIX 2.1: a bundle of STIX's own objects where it has them, each with what only graphsvc says in one extension.

The extension definition (``docs/stix-extension.md``) adds to an object its kind, the parts of its key, its attributes
and whose records say so, and to a relationship its kind of link; entities for which STIX has no object become objects
of the new type ``graphsvc-entity``. Whoever doesn't know the extension reads the rest.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid5

import msgspec

from graphsvc.exchange.content import Content, Losses, Node, claimed, strings
from graphsvc.model.exported import STATEMENT
from graphsvc.model.exported import STIX_AUTHOR as AUTHOR
from graphsvc.model.exported import STIX_EXTENSION as EXTENSION
from graphsvc.model.labels import Handling
from graphsvc.wire.answers import Link

_SCO_NAMES = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace of ids of cyber-observable objects (STIX 2.1, 2.9)."""
_TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_TLP = {
    "CLEAR": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "GREEN": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "AMBER": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "AMBER+STRICT": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "RED": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""Markings of TLP 2.0 that STIX itself defines."""
_TLP_CREATED = "2022-10-01T00:00:00.000Z"
_DEFINED = "2026-11-27T00:00:00.000Z"
"""When the extension was published; another version of it has a later ``modified``."""
_ACCOUNTS = frozenset(("facebook", "ldap", "nis", "openid", "radius", "skype", "tacacs", "twitter"))
"""Sites that STIX's vocabulary of account types names."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_SCHEMA = "https://graphsvc.org/stix-extension: kind, identifier, attributes and claims as docs/stix-extension.md says"


def write_stix(content: Content, losses: Losses) -> bytes:
    """The bundle."""
    codes = {code for node in content.nodes.values() for code in content.handling_of(node)}
    codes |= {Handling(link.record.handling.scheme, link.record.handling.code) for link in content.links}
    markings = {code: _marking(content, code) for code in sorted(codes, key=lambda code: (code.scheme, code.code))}
    stamp = _statement(content, STATEMENT, f"{STATEMENT}\n{content.stamp.text()}")
    ids, objects = dict[str, str](), list[dict[str, Any]]()
    for node in content.nodes.values():
        made = _object(content, node)
        ids[node.handle] = made["id"]
        made["object_marking_refs"] = [*(markings[code]["id"] for code in content.handling_of(node)), stamp["id"]]
        objects.append(made)
    for link in content.links:
        made = _relationship(content, link, ids)
        code = Handling(link.record.handling.scheme, link.record.handling.code)
        made["object_marking_refs"] = [markings[code]["id"], stamp["id"]]
        objects.append(made)
    bundle = {
        "type": "bundle",
        "id": f"bundle--{content.uuid('bundle', *map(str, content.stamp.entries))}",
        "objects": [*_definition(), *markings.values(), stamp, *objects],
    }
    return msgspec.json.format(msgspec.json.encode(bundle), indent=1)


def _object(content: Content, node: Node) -> dict[str, Any]:
    said = content.attributes(node)
    own = {
        "kind": node.kind,
        "identifier": None if node.parts is None else dict(node.parts),
        "attributes": [{"name": name, "values": values} for name, values in said.items()],
        "claims": [claimed(record) for record in node.records],
    }
    native = strings(_native(node, said))
    kind = native.pop("type", None)
    if kind is None:
        return {**_common(content, "graphsvc-entity", node.handle), "name": node.label, **strings(own),
                "extensions": {EXTENSION: {"extension_type": "new-sdo"}}}  # fmt: skip
    extensions = {EXTENSION: {"extension_type": "property-extension", **strings(own)}}
    if (naming := _OBSERVABLES.get(kind)) is not None:
        named = {name: native[name] for name in naming if name in native}
        # RFC 8785 of text and objects of text is sorted JSON without spaces.
        text = msgspec.json.encode(named, order="deterministic").decode()
        made = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid5(_SCO_NAMES, text)}"}
        return {**made, **native, "extensions": extensions}
    return {**_common(content, kind, node.handle), **native, "extensions": extensions}


_OBSERVABLES = {
    "email-addr": ("value",),
    "mac-addr": ("value",),
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "user-account": ("account_type", "user_id", "account_login"),
    "file": ("hashes",),
}
"""Cyber-observable objects, and by which members they are named."""


def _native(node: Node, said: dict[str, list[str]]) -> dict[str, Any]:
    """STIX's own object for an entity, without what all have; empty where it has none, or lacks what that must have."""
    parts = node.parts or {}
    first = {name: values[0] for name, values in said.items() if values}
    match node.kind:
        case "Person" | "Organisation":
            kind = "individual" if node.kind == "Person" else "organization"
            return {"type": "identity", "name": node.label, "identity_class": kind, "description": first.get("note")}
        case "Account" if "id" in parts:
            site = parts["site"] if parts["site"] in _ACCOUNTS else None
            more = {"account_login": first.get("handle"), "display_name": first.get("displayName")}
            return {"type": "user-account", "user_id": parts["id"], "account_type": site, **more}
        case "Email" if parts:
            return {"type": "email-addr", "value": parts["value"]}
        case "IpAddress" if parts:
            kind = "ipv6-addr" if ":" in parts["address"] else "ipv4-addr"
            return {"type": kind, "value": parts["address"]}
        case "Device" if "mac" in parts:
            return {"type": "mac-addr", "value": parts["mac"]}
        case "Image" if "sha256" in parts:
            return {"type": "file", "hashes": {"SHA-256": parts["sha256"]}}
        case "Address" if "geo" in parts:
            latitude, _, longitude = parts["geo"].partition(",")
            return {"type": "location", "latitude": float(latitude), "longitude": float(longitude)}
        case "Address" if "country" in parts:
            street = first.get("written") or parts["text"]
            where = {"city": first.get("locality"), "postal_code": first.get("postcode")}
            return {"type": "location", "country": parts["country"].upper(), "street_address": street, **where}
        case "Event":
            return {"type": "incident", "name": first.get("title") or node.label, "description": first.get("summary")}
        case "Case":
            return {"type": "campaign", "name": first.get("title") or node.label, "description": first.get("summary")}
    return {}


def _relationship(content: Content, link: Link, ids: dict[str, str]) -> dict[str, Any]:
    said = [{"name": name, "values": values} for name, values in content.of_link(link).items()]
    own = {"kind": link.kind, "since": link.since, "until": link.until, "attributes": said,
           "claims": [claimed_link(link)]}  # fmt: skip
    times = [moment if moment and _MOMENT.fullmatch(moment) else None for moment in (link.since, link.until)]
    if times[0] and times[1] and times[1] <= times[0]:
        times[1] = None  # stop_time must be later than start_time; the extension has both
    made = _common(content, "relationship", link.record.handle, link.kind, link.source, link.target)
    return strings(  # type: ignore[no-any-return]
        {
            **made,
            "relationship_type": "related-to",
            "description": content.schema.links[link.kind].title if link.kind in content.schema.links else link.kind,
            "source_ref": ids[link.source],
            "target_ref": ids[link.target],
            "start_time": times[0],
            "stop_time": times[1],
            "extensions": {EXTENSION: {"extension_type": "property-extension", **strings(own)}},
        }
    )


def claimed_link(link: Link) -> dict[str, Any]:
    """Whose record makes the claim of a link, and on what terms."""
    one = link.record
    return strings(  # type: ignore[no-any-return]
        {
            "record": one.handle,
            "owner": one.owner,
            "handling": f"{one.handling.scheme}/{one.handling.code}",
            "grading": None if one.grading is None else msgspec.to_builtins(one.grading),
            "origin": None if one.origin is None else msgspec.to_builtins(one.origin),
        }
    )


def _common(content: Content, kind: str, *words: str) -> dict[str, Any]:
    """What every domain object and relationship has. The id is the same in every export."""
    at = content.stamp.at
    made = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{content.uuid(kind, *words)}"}
    return {**made, "created_by_ref": AUTHOR, "created": at, "modified": at}


def _marking(content: Content, code: Handling) -> dict[str, Any]:
    """A handling code as a marking: TLP's own, or a statement."""
    if code.scheme != "tlp-2.0" or code.code not in _TLP:
        return _statement(content, f"{code.scheme}/{code.code}", f"handling: {code.scheme} {code.code}")
    told = {"extension_type": "property-extension", "tlp_2_0": code.code.lower()}
    made = {"type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{_TLP[code.code]}"}
    return {**made, "created": _TLP_CREATED, "name": f"TLP:{code.code}", "extensions": {_TLP_EXTENSION: told}}


def _statement(content: Content, word: str, text: str) -> dict[str, Any]:
    name = content.uuid("marking", word, *(map(str, content.stamp.entries) if word == STATEMENT else ()))
    made = {"type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{name}"}
    said = {"definition_type": "statement", "definition": {"statement": text}}
    return {**made, "created_by_ref": AUTHOR, "created": content.stamp.at, **said}


def _definition() -> list[dict[str, Any]]:
    """The extension definition, and who made it."""
    made = {"spec_version": "2.1", "created": _DEFINED, "modified": _DEFINED}
    author = {"type": "identity", **made, "id": AUTHOR, "name": "graphsvc", "identity_class": "system"}
    definition = {
        "type": "extension-definition",
        **made,
        "id": EXTENSION,
        "created_by_ref": AUTHOR,
        "name": "graphsvc claims",
        "description": "Kind, key parts and attributes of an entity or a link, and the records that claim them.",
        "schema": _SCHEMA,
        "version": "1.0.0",
        "extension_types": ["new-sdo", "property-extension"],
    }
    return [author, definition]
