"""CASE/UCO: a JSON-LD graph of identities, observable objects with their facets, locations and relationships.

What CASE has no property for (kind and key parts as such, whose record it is, when a link was seen) stands in the
namespace of graphsvc beside it: readers of CASE pass over it, :mod:`importers.case` reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from graphsvc.exchange.content import Content, Losses, Node, claimed, strings
from graphsvc.exchange.stamp import spelled
from graphsvc.exchange.stix import claimed_link
from graphsvc.model.exported import CASE_NAMESPACE as NAMESPACE
from graphsvc.model.exported import CASE_SITE
from graphsvc.wire.answers import Link

_UCO = "https://ontology.unifiedcyberontology.org/uco/"
_CONTEXT = {
    "kb": "https://graphsvc.org/kb/",
    "graphsvc": NAMESPACE,
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    **{f"uco-{name}": f"{_UCO}{name}/" for name in ("core", "identity", "location", "marking", "observable")},
}
Facet = Callable[[str], dict[str, Any]]
"""Makes a facet of a type: its ``@id`` and ``@type``."""


def write_case(content: Content, losses: Losses) -> bytes:
    """The graph; the stamp is a marking that every object has."""
    stamp = f"kb:marking-{content.uuid('case', 'stamp', *map(str, content.stamp.entries))}"
    sites: dict[str, dict[str, Any]] = {}
    ids = {handle: _name(content, node.kind.lower(), handle) for handle, node in content.nodes.items()}
    objects = [_object(content, node, ids, sites, stamp) for node in content.nodes.values()]
    objects += (_relationship(content, link, ids, stamp) for link in content.links)
    model = f"kb:statement-{content.uuid('case', 'statement', *map(str, content.stamp.entries))}"
    marking = {
        "@id": stamp,
        "@type": "uco-marking:MarkingDefinition",
        "uco-core:name": f"graphsvc export, {content.stamp.codes}",
        "uco-marking:definitionType": "statement",
        "uco-marking:definition": [
            {
                "@id": model,
                "@type": "uco-marking:StatementMarking",
                "uco-marking:definitionType": "statement",
                "uco-marking:statement": content.stamp.text(),
            }
        ],
    }
    graph = {"@context": _CONTEXT, "@graph": [marking, *sites.values(), *objects]}
    return msgspec.json.format(msgspec.json.encode(graph), indent=1)


def _name(content: Content, word: str, *more: str) -> str:
    return f"kb:{word}-{content.uuid('case', word, *more)}"


def _object(
    content: Content, node: Node, ids: dict[str, str], sites: dict[str, dict[str, Any]], stamp: str
) -> dict[str, Any]:
    said = content.attributes(node)

    def facet(kind: str) -> dict[str, Any]:
        word = kind.partition(":")[2]
        return {"@id": _name(content, word.lower(), node.handle), "@type": kind}

    def issuer(site: str) -> dict[str, str]:
        made = {"@id": _name(content, "site", site), "@type": "uco-identity:Organization", "uco-core:name": site,
                "graphsvc:kind": CASE_SITE}  # fmt: skip
        return {"@id": sites.setdefault(site, made)["@id"]}

    type_, facets = _described(node, said, facet, issuer)
    return strings(  # type: ignore[no-any-return]
        {
            "@id": ids[node.handle],
            "@type": type_,
            "uco-core:name": node.label,
            "uco-core:objectMarking": [{"@id": stamp}],
            "uco-core:hasFacet": facets,
            "graphsvc:kind": node.kind,
            "graphsvc:identifier": "" if node.parts is None else msgspec.json.encode(node.parts).decode(),
            "graphsvc:handling": [spelled(code) for code in content.handling_of(node)],
            "graphsvc:attribute": [f"{name}={value}" for name, values in said.items() for value in values],
            "graphsvc:claim": [msgspec.json.encode(claimed(record)).decode() for record in node.records],
        }
    )


def _described(
    node: Node, said: dict[str, list[str]], facet: Facet, issuer: Callable[[str], dict[str, str]]
) -> tuple[str, list[dict[str, Any]]]:
    """The type that CASE has for an entity, and its facets."""
    parts = node.parts or {}
    one = {name: values[0] for name, values in said.items() if values}
    match node.kind:
        case "Person":
            return "uco-identity:Person", []
        case "Organisation":
            return "uco-identity:Organization", []
        case "Account" | "PaymentAccount" | "Listing":
            site = parts.get("site") or parts.get("provider")
            number = next((parts[word] for word in ("id", "account", "item", "iban", "wallet") if word in parts), None)
            account = {**facet("uco-observable:AccountFacet"), "uco-observable:accountIdentifier": number}
            if site is not None:
                account["uco-observable:accountIssuer"] = issuer(site)
            if node.kind != "Account":
                return "uco-observable:Account" if node.kind == "PaymentAccount" else _OTHER, [account]
            digital = {**facet("uco-observable:DigitalAccountFacet"),
                       "uco-observable:displayName": one.get("displayName"),
                       "uco-observable:accountLogin": one.get("handle")}  # fmt: skip
            return "uco-observable:DigitalAccount", [account, digital]
        case "Phone":
            number = parts.get("value")
            phone = {**facet("uco-observable:PhoneAccountFacet"), "uco-observable:phoneNumber": number}
            account = {**facet("uco-observable:AccountFacet"), "uco-observable:accountIdentifier": number}
            return "uco-observable:PhoneAccount", [account, phone]
        case "Email":
            address = {**facet("uco-observable:EmailAddressFacet"), "uco-observable:addressValue": parts.get("value")}
            return "uco-observable:EmailAddress", [address]
        case "Device" if "imei" in parts:
            return "uco-observable:MobileDevice", [
                {**facet("uco-observable:MobileDeviceFacet"), "uco-observable:IMEI": [parts["imei"]]}
            ]
        case "Device" if "imsi" in parts or "iccid" in parts:
            card = {**facet("uco-observable:SIMCardFacet"), "uco-observable:ICCID": parts.get("iccid"),
                    "uco-observable:IMSI": parts.get("imsi")}  # fmt: skip
            return "uco-observable:SIMCard", [card]
        case "Address":
            return "uco-location:Location", _place(parts, one, facet)
    return _OTHER, []


_OTHER = "uco-observable:ObservableObject"


def _place(parts: dict[str, str] | Any, one: dict[str, str], facet: Facet) -> list[dict[str, Any]]:
    if "geo" in parts:
        latitude, _, longitude = parts["geo"].partition(",")
        where = {name: {"@type": "xsd:decimal", "@value": value}
                 for name, value in (("uco-location:latitude", latitude),
                                     ("uco-location:longitude", longitude))}  # fmt: skip
        return [{**facet("uco-location:LatLongCoordinatesFacet"), **where}]
    street = one.get("written") or parts.get("text")
    address = {"uco-location:country": parts.get("country", "").upper(), "uco-location:street": street,
               "uco-location:locality": one.get("locality"), "uco-location:region": one.get("region"),
               "uco-location:postalCode": one.get("postcode")}  # fmt: skip
    return [{**facet("uco-location:SimpleAddressFacet"), **address}]


def _relationship(content: Content, link: Link, ids: dict[str, str], stamp: str) -> dict[str, Any]:
    said = content.of_link(link)
    return strings(  # type: ignore[no-any-return]
        {
            "@id": _name(
                content, "relationship", link.record.handle, link.kind, link.source, link.target, link.since or ""
            ),
            "@type": "uco-core:Relationship",
            "uco-core:source": [{"@id": ids[link.source]}],
            "uco-core:target": [{"@id": ids[link.target]}],
            "uco-core:kindOfRelationship": link.kind,
            "uco-core:isDirectional": True,
            "uco-core:objectMarking": [{"@id": stamp}],
            "graphsvc:since": link.since,
            "graphsvc:until": link.until,
            "graphsvc:attribute": [f"{name}={value}" for name, values in said.items() for value in values],
            "graphsvc:claim": [msgspec.json.encode(claimed_link(link)).decode()],
        }
    )
