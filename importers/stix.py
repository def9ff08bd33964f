"""STIX 2.1 (and 2.0) bundles: domain objects, observables and relationships that the model has kinds for.

Each object of a bundle is a record, with the objects that it names beside it, so that a link can be drawn from its
record alone. The contributor's own reference of a row is the object's id. A TLP marking becomes its handling code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from graphsvc.model.bounds import MAX_ENTITIES
from graphsvc.model.drafts import (
    Draft,
    DraftEntity,
    DraftLink,
    Grading,
    Observed,
    Origin,
    RowProblem,
    Superseded,
)
from graphsvc.model.exported import STATEMENT, STIX_AUTHOR, STIX_EXTENSION
from graphsvc.model.labels import Handling
from importers.documents import RecordImporter, broken, encoded, filled, read_json, text_of, texts_of
from importers.exported import attributes_of, entity_of, handling_of
from importers.formats import Format, Salt
from importers.markings import TLP, strictest
from importers.rows import Readable, Row, records_as_rows
from importers.rules import Mapping

_WHAT = "STIX bundle"
_OURS = frozenset((STIX_AUTHOR, STIX_EXTENSION))
"""Objects of every export that say what the others are."""
_NAMED = ("source_ref", "target_ref", "object_refs", "created_by_ref", "object_marking_refs", "sighting_of_ref")
_LONGEST = 512
_TELLING = (
    "type", "id", "name", "identity_class", "resource_level", "value", "user_id", "account_login", "account_type",
    "country", "city", "street_address", "latitude", "longitude", "mime_type", "hashes", "definition",
)  # fmt: skip
_NEAR = 150
"""At most this many objects named by one are kept beside it."""
_ACTORS = frozenset(("Person", "Organisation"))
_GROUPS = frozenset(("Organisation", "Account", "Case"))
_LINKS: dict[str, tuple[str, frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(
        ("owns", "controls"),
        ("CONTROLS", _ACTORS | {"Account"}, frozenset(("Organisation", "Account", "Email", "Device"))),
    ),
    "uses": (
        "USES", _ACTORS | {"Account", "Device"}, frozenset(("Email", "Account", "Device", "Address", "IpAddress")),
    ),
    "located-at": (
        "LOCATED_AT", _ACTORS | {"Account", "Email", "Device", "Event", "Case", "Image"}, frozenset(("Address",)),
    ),
    "communicates-with": (
        "CONTACTED", _ACTORS | {"Email", "Account", "Device"}, _ACTORS | {"Email", "Account", "Device"},
    ),
    **dict.fromkeys(("member-of", "part-of"), ("MEMBER_OF", _ACTORS | {"Account"}, _GROUPS)),
    "attributed-to": ("INVOLVES", frozenset(("Case", "Event")), _ACTORS | {"Account"}),
    "targets": ("INVOLVES", frozenset(("Case", "Event")), _ACTORS),
}  # fmt: skip
"""Relationship type → kind of link, the kinds it may go from, and to."""
_TLP_IDS = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "CLEAR",
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "GREEN",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "AMBER",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "RED",
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": "CLEAR",
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "GREEN",
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": "AMBER",
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": "AMBER+STRICT",
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": "RED",
}
"""The markings that STIX itself defines, TLP 1 and TLP 2."""
_READ = frozenset(
    (
        "account_created", "account_last_login", "account_login", "account_type", "administrative_area", "aliases",
        "city", "country", "created", "created_by_ref", "defanged", "definition", "definition_type", "description",
        "display_name", "extensions", "first_observed", "first_seen", "granular_markings", "hashes", "id",
        "identity_class", "labels", "lang", "last_observed", "last_seen", "latitude", "longitude", "mime_type",
        "modified", "name", "number_observed", "object_marking_refs", "object_refs", "objects", "postal_code",
        "published", "region", "relationship_type", "resource_level", "revoked", "source_ref", "spec_version",
        "start_time", "stop_time", "street_address", "target_ref", "type", "user_id", "value",
    )
)  # fmt: skip


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    found = read_json(body, _WHAT)
    objects = found.get("objects", [found]) if isinstance(found, dict) else found
    if not isinstance(objects, list) or (isinstance(found, dict) and "type" not in found):
        raise broken(_WHAT, "it has no list of objects")
    yield from records_as_rows(_records([one for one in objects if isinstance(one, dict)]), max_row, salt)


def _records(objects: list[dict[str, Any]]) -> Iterator[bytes]:
    latest: dict[str, str] = {}
    by_id: dict[str, dict[str, Any]] = {}
    for one in objects:
        name, changed = str(one.get("id")), str(one.get("modified", ""))
        if changed >= latest.get(name, ""):
            latest[name], by_id[name] = changed, one
    for one in objects:
        named = [ref for word in _NAMED for ref in texts_of(one.get(word), _NEAR) if ref in by_id][:_NEAR]
        near = {ref: _short(by_id[ref]) for ref in named}
        yield encoded({"object": one, "near": near, "older": by_id.get(str(one.get("id"))) is not one})


def _short(one: dict[str, Any]) -> dict[str, Any]:
    """What an object needs to be told apart where another names it."""
    short: dict[str, Any] = {}
    if (own := _own(one)) is not None:
        short["graphsvc"] = {"kind": own.get("kind"), "identifier": own.get("identifier")}
    for word in _TELLING:
        value = one.get(word)
        if isinstance(value, str):
            short[word] = value[:_LONGEST]
        elif isinstance(value, dict):
            within = list(value.items())[:8]
            short[word] = {key[:100]: said for key, said in within if isinstance(said, str) and len(said) <= _LONGEST}
        elif isinstance(value, int | float):
            short[word] = value
    return short


def _make(record: dict[str, Any], row: int, losses: Counter[str]) -> Draft | RowProblem | None:
    one, near = record.get("object"), record.get("near")
    if not isinstance(one, dict) or not isinstance(near, dict):
        return RowProblem(row, "bad_record", "", "this is no STIX object: correct it in the source")
    kind = text_of(one.get("type")) or "?"
    if record.get("older"):
        losses[f"{kind}: an older version of an object that the bundle also has newer"] += 1
        return None
    if one.get("revoked") is True:
        losses[f"{kind}: a revoked object; recall its record"] += 1
        return None
    if one.get("id") in _OURS or _is_stamp(one):
        return None
    own = _own(one)
    draft = _draft(kind, one, near, losses) if own is None else _exported(kind, one, own, near, losses)
    if draft is None:
        return None
    if len(draft.entities) > MAX_ENTITIES:
        return RowProblem(row, "too_many_claims", "/entities", f"at most {MAX_ENTITIES} objects: split the report")
    draft.row = row
    name = text_of(one.get("id"))
    draft.supersedes = Superseded(reference=name) if name and len(name) <= 200 and name.isprintable() else None
    draft.handling = draft.handling or _handling(one, near, losses)
    for word, value in one.items() if own is None else ():
        if word not in _READ and not word.startswith("x_") and value not in (None, [], {}, "", False):
            losses[f"{kind}.{word}: not held"] += 1
        elif word.startswith("x_"):
            losses[f"{kind}: custom property"] += 1
    return draft


def _own(one: dict[str, Any]) -> dict[str, Any] | None:
    """What the extension of graphsvc says in an object, None where it has none."""
    extensions = one.get("extensions")
    found = extensions.get(STIX_EXTENSION) if isinstance(extensions, dict) else None
    if not isinstance(found, dict):
        return None
    return one if found.get("extension_type") == "new-sdo" else found


def _is_stamp(one: dict[str, Any]) -> bool:
    definition = one.get("definition")
    return isinstance(definition, dict) and str(definition.get("statement", "")).startswith((STATEMENT, "handling: "))


def _exported(
    kind: str, one: dict[str, Any], own: dict[str, Any], near: dict[str, Any], losses: Counter[str]
) -> Draft | None:
    """The draft of an object of an export: what the extension says, for it says all."""
    listed = own.get("attributes")
    said = [
        (name, value)
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, dict) and (name := text_of(item.get("name")))
        for raw in item.get("values") or ()
        if (value := text_of(raw, 20_000)) is not None
    ]
    claims = [claim for claim in own.get("claims") or () if isinstance(claim, dict)]
    if kind != "relationship":
        made = entity_of("e1", own.get("kind"), own.get("identifier"), said, losses)
        draft = None if made is None else Draft([made])
        if len(claims) > 1:
            losses["which of several records says what of an object"] += 1
    else:
        ends = [near.get(str(one.get(side)), {}).get("graphsvc") or {} for side in ("source_ref", "target_ref")]
        both = [entity_of(f"e{nth}", end.get("kind"), end.get("identifier"), ()) for nth, end in enumerate(ends, 1)]
        observed = Observed(text_of(own.get("since")), text_of(own.get("until")))
        link = DraftLink(text_of(own.get("kind")) or "?", "e1", "e2", attributes_of(said, losses), observed)
        draft = Draft([end for end in both if end is not None], [link]) if None not in both else None
    if draft is None:
        losses["an entity whose key is withheld, or its link"] += 1
    elif len(claims) == 1:
        draft.handling = handling_of([claims[0].get("handling")])
        draft.pap, draft.expires = text_of(claims[0].get("pap")), text_of(claims[0].get("expires"))
        if kind != "relationship":
            draft.observed = Observed(text_of(claims[0].get("since")), text_of(claims[0].get("until")))
        _provenance(draft, claims[0])
    return draft


def _provenance(draft: Draft, claim: dict[str, Any]) -> None:
    """Grading and origin of the one record that an object comes from."""
    grading, origin = claim.get("grading"), claim.get("origin")
    if isinstance(grading, dict):
        draft.grading = Grading(*(text_of(grading.get(word)) or "" for word in ("scheme", "source", "information")))
    if isinstance(origin, dict):
        draft.origin = Origin(text_of(origin.get("organisation")) or "", text_of(origin.get("reference")) or "")
    elif owner := text_of(claim.get("owner")):
        draft.origin = Origin(owner)


def _draft(kind: str, one: dict[str, Any], near: dict[str, Any], losses: Counter[str]) -> Draft | None:
    if kind == "relationship":
        return _relationship(one, near, losses)
    if kind in ("report", "grouping", "campaign", "incident", "note", "opinion"):
        return _collection(kind, one, near, losses)
    if kind == "observed-data":
        return _observed(one, near, losses)
    entity = _entity(one, losses)
    return None if entity is None else Draft([entity])


def _entity(one: dict[str, Any], losses: Counter[str] | None) -> DraftEntity | None:
    """The entity that an object is; None, and counted, where the model has none for it."""
    kind, ref = text_of(one.get("type")) or "?", text_of(one.get("id")) or "self"
    name, text = text_of(one.get("name")), text_of(one.get("description"), 20_000)
    aliases = texts_of(one.get("aliases"))
    country = text_of(one.get("country"))
    made: tuple[str, dict[str, Any], dict[str, Any]] | None = None
    match kind:
        case "identity" if one.get("identity_class") == "individual":
            made = "Person", {"ref": ref}, filled(name=name, note=text)
        case "identity" if one.get("identity_class") in ("organization", "group"):
            made = "Organisation", {"ref": ref}, filled(name=name, note=text)
        case "threat-actor":
            person = one.get("resource_level") == "individual"
            made = "Person" if person else "Organisation", {"ref": ref}, filled(name=name, alias=aliases, note=text)
        case "campaign" | "report" | "grouping":
            made = "Case", {"ref": ref}, filled(title=name, summary=text)
        case "incident":
            made = "Event", {"ref": ref}, filled(title=name, summary=text)
        case "email-addr":
            made = "Email", filled(value=text_of(one.get("value"))), {}
        case "mac-addr":
            made = "Device", filled(mac=text_of(one.get("value"))), {}
        case "ipv4-addr" | "ipv6-addr":
            made = "IpAddress", filled(address=text_of(one.get("value"))), {}
        case "user-account" if text_of(one.get("account_type")):
            login = text_of(one.get("account_login"))
            account = text_of(one.get("user_id")) or login
            said = filled(
                displayName=text_of(one.get("display_name")), handle=login,
                registeredAt=text_of(one.get("account_created")), lastSeenAt=text_of(one.get("account_last_login")),
            )  # fmt: skip
            made = ("Account", {"site": one["account_type"], "id": account}, said) if account else None
        case "location" if one.get("latitude") is not None and one.get("longitude") is not None:
            place = f"{one['latitude']},{one['longitude']}"
            made = "Address", {"geo": place}, filled(locality=text_of(one.get("city")), country=country)
        case "location" if country and (street := text_of(one.get("street_address")) or text_of(one.get("city"))):
            said = filled(written=street, locality=text_of(one.get("city")), postcode=text_of(one.get("postal_code")))
            made = "Address", {"country": country, "text": street}, said
        case "file" if str(one.get("mime_type", "")).startswith("image/") and isinstance(one.get("hashes"), dict):
            digest = text_of(one["hashes"].get("SHA-256"))
            made = ("Image", {"sha256": digest}, filled(caption=name)) if digest else None
    if made is None or not made[1]:
        if losses is not None:
            losses[f"{kind}: the model has no kind for it, or it lacks what tells it apart"] += 1
        return None
    return DraftEntity(ref, *made)


def _relationship(one: dict[str, Any], near: dict[str, Any], losses: Counter[str]) -> Draft | None:
    word = text_of(one.get("relationship_type")) or "?"
    ends = [near.get(str(one.get(side))) for side in ("source_ref", "target_ref")]
    made = [None if end is None else _entity(end, None) for end in ends]
    source, target = made
    rule = _LINKS.get(word)
    if source is None or target is None or rule is None or source.kind not in rule[1] or target.kind not in rule[2]:
        kinds = " to ".join(str((end or {}).get("type", "an object outside")) for end in ends)
        losses[f"relationship {word} from {kinds}: the model has no such link"] += 1
        return None
    if source.ref == target.ref:
        losses["relationship of an object with itself"] += 1
        return None
    for entity in (source, target):
        entity.attributes = {}  # said by their own objects
    since, until = text_of(one.get("start_time")), text_of(one.get("stop_time"))
    observed = Observed(since, until) if since or until else None
    return Draft([source, target], [DraftLink(rule[0], source.ref, target.ref, {}, observed)])


def _collection(kind: str, one: dict[str, Any], near: dict[str, Any], losses: Counter[str]) -> Draft | None:
    """A report, grouping, campaign or incident, and what it is about."""
    entity = _entity(one, losses)
    if entity is None:
        return None
    draft = Draft([entity])
    since, until = text_of(one.get("first_seen")), text_of(one.get("last_seen"))
    draft.observed = Observed(since, until) if since or until else None
    for ref in dict.fromkeys(texts_of(one.get("object_refs"), 10_000)):
        about = _entity(near[ref], None) if ref in near else None
        if about is None:
            losses[f"{kind}.object_refs: names an object that the model has no kind for, or that is not beside it"] += 1
        elif about.ref != entity.ref:
            about.attributes = {}
            draft.entities.append(about)
            draft.links.append(DraftLink("INVOLVES", entity.ref, about.ref))
    return draft


def _observed(one: dict[str, Any], near: dict[str, Any], losses: Counter[str]) -> Draft | None:
    """Observables seen within an interval: those that are named, or, in STIX 2.0, those within."""
    inside = one.get("objects")
    objects = [near[ref] for ref in texts_of(one.get("object_refs"), _NEAR) if ref in near]
    if isinstance(inside, dict):
        objects += [{"id": f"object-{key}", **value} for key, value in inside.items() if isinstance(value, dict)]
    entities = [entity for found in objects if (entity := _entity(found, losses)) is not None]
    if not entities:
        losses["observed-data: of nothing that the model has a kind for"] += 1
        return None
    return Draft(entities, observed=Observed(text_of(one.get("first_observed")), text_of(one.get("last_observed"))))


def _handling(one: dict[str, Any], near: dict[str, Any], losses: Counter[str]) -> Handling | None:
    """The strictest TLP marking of an object; other markings are counted."""
    codes = []
    for ref in texts_of(one.get("object_marking_refs")):
        made = near.get(ref, {})
        definition = made.get("definition") if isinstance(made, dict) else None
        named = str(definition.get("tlp", "")) if isinstance(definition, dict) else ""
        code = _TLP_IDS.get(ref) or TLP.get(named.lower())
        if code is None and _is_stamp(made):
            continue
        if code is None:
            losses["object_marking_refs: a marking that is no TLP"] += 1
        else:
            codes.append(code)
    return strictest(codes)


def _open(mapping: Mapping | None, body: BinaryIO) -> RecordImporter:
    return RecordImporter(_make)


def _recognises(head: bytes, ending: str) -> bool:
    start = head.lstrip()[:2_000]
    return start[:1] in (b"{", b"[") and b"--" in head and (b'"bundle--' in head or b'"spec_version"' in head)


FORMAT = Format(
    name="stix",
    title="STIX 2.1",
    media_type="application/stix+json",
    endings=(".stix", ".stix.json"),
    mapping="none",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="an object, as JSON, with the objects that it names beside it",
    read=(
        "identity and threat-actor as Person or Organisation, by the object's id",
        "report, grouping and campaign as Case, incident as Event, with what they are about (INVOLVES)",
        "ipv4-addr and ipv6-addr, whose links need a time",
        "email-addr, mac-addr, user-account with an account type, pictures by SHA-256, places",
        "relationships owns, controls, uses, located-at, communicates-with, member-of, part-of, attributed-to, targets",
        "objects of an export of graphsvc: all that its extension says",
        "observed-data with its interval; TLP markings as handling codes, the strictest one",
    ),
    lost=(
        "malware, indicators, attack patterns, tools, vulnerabilities, networks and whatever the model has no kind for",
        "relationships to these, and other types of relationship",
        "markings other than TLP, confidence, external references, custom properties; older versions, revoked objects",
    ),
    rank=6,
)
"""STIX 2.1, https://docs.oasis-open.org/cti/stix/v2.1/stix-v2.1.html."""
