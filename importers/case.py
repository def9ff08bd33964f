"""CASE/UCO in JSON-LD: identities, accounts, telephones, devices, places, who called or wrote to whom, relationships.

Names are read without their prefix, whatever a file's ``@context`` calls it. Each object is a record, with the objects
that it names beside it. The contributor's own reference of a row is the object's ``@id``. What was said in messages is
not read: who wrote to whom, and when, is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from graphsvc.model.drafts import Draft, DraftEntity, DraftLink, Observed, Origin, RowProblem, Superseded
from graphsvc.model.exported import CASE_NAMESPACE, CASE_SITE, STATEMENT
from importers.caseobjects import CaseObject, listed, local, plain
from importers.documents import RecordImporter, broken, encoded, filled, read_json, text_of
from importers.exported import attributes_of, entity_of, handling_of, pairs_of
from importers.formats import Format, Salt
from importers.rows import Readable, Row, records_as_rows
from importers.rules import Mapping

_WHAT = "CASE graph"
_NEAR, _DEEP = 100, 2
"""At most so many objects are kept beside one that names them, and what those name, in so many steps."""
_ONTOLOGIES = ("unifiedcyberontology.org/", "caseontology.org/")
_LINKS: dict[str, tuple[str, bool]] = {
    **dict.fromkeys(("has_account", "has_phone", "has_email", "has_device", "uses"), ("USES", True)),
    **dict.fromkeys(("owns", "has_owned"), ("CONTROLS", True)),
    **dict.fromkeys(("owned_by", "has_owner"), ("CONTROLS", False)),
    **dict.fromkeys(("located_at", "has_location"), ("LOCATED_AT", True)),
    **dict.fromkeys(("member_of", "employee_of", "employed_by"), ("MEMBER_OF", True)),
    "contained_within": ("CONTAINED", False),
}
"""Kind of relationship, in lower case → kind of link, and whether it goes the same way."""
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "USES": (
        frozenset(("Person", "Organisation", "Account", "Device")),
        frozenset(("Phone", "Email", "Account", "Device", "Address", "IpAddress")),
    ),
    "CONTROLS": (
        frozenset(("Person", "Organisation", "Account")),
        frozenset(("Organisation", "Account", "Phone", "Email", "Device", "Address")),
    ),
    "LOCATED_AT": (
        frozenset(("Person", "Organisation", "Account", "Phone", "Device", "Image")),
        frozenset(("Address",)),
    ),
    "MEMBER_OF": (frozenset(("Person", "Organisation", "Account", "Phone")), frozenset(("Organisation", "Account"))),
    "CONTAINED": (frozenset(("Device",)), frozenset(("Device",))),
}
_CONTACTS = frozenset(("Person", "Organisation", "Phone", "Email", "Account", "Device"))
_CHANNELS = {"CallFacet": "call", "SMSMessageFacet": "sms", "EmailMessageFacet": "email", "MessageFacet": "chat"}
_SILENT = frozenset(("MarkingDefinition", "StatementMarking", "Application", "Software", "Organization"))
"""Types whose objects say something only where others name them; one without a name is no loss."""


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    found = read_json(body, _WHAT)
    objects = found.get("@graph", [found]) if isinstance(found, dict) else found
    if not isinstance(objects, list) or not any(isinstance(one, dict) and "@id" in one for one in objects):
        raise broken(_WHAT, "it has no objects with @id")
    context = found.get("@context") if isinstance(found, dict) else None
    foreign = _foreign(context) if isinstance(context, dict) else frozenset()
    held = [_typed(one, foreign) for one in objects if isinstance(one, dict)]
    yield from records_as_rows(_records(held), max_row, salt)


def _foreign(context: dict[str, Any]) -> frozenset[str]:
    """The prefixes of names that neither CASE, UCO nor graphsvc defines."""
    return frozenset(
        prefix for prefix, where in context.items()
        if isinstance(where, str) and where != CASE_NAMESPACE and not any(one in where for one in _ONTOLOGIES)
    )  # fmt: skip


def _typed(one: dict[str, Any], foreign: frozenset[str]) -> dict[str, Any]:
    """An object without types of other ontologies: another one's Person may be anything."""
    if one.get("@type") is None or not foreign:
        return one
    names = [name for name in listed(one["@type"]) if isinstance(name, str)]
    return {**one, "@type": [name for name in names if name.partition(":")[0] not in foreign]}


def _records(objects: list[dict[str, Any]]) -> Iterator[bytes]:
    by_id = {str(one["@id"]): one for one in objects if "@id" in one}
    for one in objects:
        near: dict[str, dict[str, Any]] = {}
        wanted = list(_named(one))
        for _ in range(_DEEP):
            found = [name for name in wanted if name in by_id and name not in near and by_id[name] is not one]
            for name in found[: _NEAR - len(near)]:
                near[name] = _short(by_id[name])
            wanted = [more for name in found if name in near for more in _named(near[name])]
        yield encoded({"object": one, "near": near})


def _named(value: Any, depth: int = 0) -> Iterator[str]:
    """The ids of all objects that a value names."""
    if depth > 12:
        return
    if isinstance(value, list):
        for one in value[:1_000]:
            yield from _named(one, depth + 1)
    elif isinstance(value, dict):
        if set(value) == {"@id"} and isinstance(value["@id"], str):
            yield value["@id"]
        for word, one in value.items():
            if word != "@id" and isinstance(one, dict | list):
                yield from _named(one, depth + 1)


def _short(one: dict[str, Any]) -> dict[str, Any]:
    """What an object needs to be told apart where another names it: its facets without long texts."""
    kept: dict[str, Any] = {}
    for word, value in one.items():
        if isinstance(value, str):
            kept[word] = value[:1_000]
        elif isinstance(value, int | float) or word == "@type":
            kept[word] = value
        elif local(word) == "hasFacet":
            facets = value if isinstance(value, list) else [value]
            kept[word] = [_short(facet) for facet in facets[:20] if isinstance(facet, dict)]
        elif len(encoded(value)) <= 1_000:
            kept[word] = value
    return kept


def _make(record: dict[str, Any], row: int, losses: Counter[str]) -> Draft | RowProblem | None:
    one, near = record.get("object"), record.get("near")
    if not isinstance(one, dict) or not isinstance(near, dict):
        return RowProblem(row, "bad_record", "", "this is no object of CASE: correct it in the source")
    found = CaseObject(one, {name: value for name, value in near.items() if isinstance(value, dict)})
    if "MarkingDefinition" in found.types and (found.text("name") or "").startswith(STATEMENT):
        return None
    if found.exported:
        draft = _exported(found, losses)
    elif {"Relationship", "ObservableRelationship"} & set(found.types):
        draft = _relationship(found, losses)
    elif facet := next((name for name in _CHANNELS if name in found.facets), None):
        draft = _contact(found, facet, losses)
    elif "Investigation" in found.types:
        draft = _investigation(found, losses)
    else:
        entities = _entities(found, losses)
        draft = Draft(entities) if entities else None
        if draft is not None:
            draft.links = [DraftLink("USES", entities[0].ref, other.ref) for other in entities[1:]]
    if draft is None:
        return None
    draft.row = row
    name = found.name
    draft.supersedes = Superseded(reference=name) if len(name) <= 200 and name.isprintable() and name != "?" else None
    return draft


def _entities(found: CaseObject, losses: Counter[str] | None, prefix: str = "e") -> list[DraftEntity]:
    """What an object is, the first; and, of a device, the addresses and cards that are its own."""
    made: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    facets, name = found.facets, found.text("name")
    if "Person" in found.types:
        said = "SimpleNameFacet"
        full = " ".join(filter(None, (found.text("givenName", said), found.text("familyName", said))))
        born = (found.text("birthdate", "BirthInformationFacet") or "")[:10]
        made.append(("Person", {"ref": found.name}, filled(name=full or name, birthDate=born)))
    elif "Organization" in found.types and name:
        made.append(("Organisation", {"ref": found.name}, {"name": name}))
    if number := found.text("phoneNumber", "PhoneAccountFacet"):
        made.append(("Phone", {"value": number}, {}))
    elif address := found.text("addressValue", "EmailAddressFacet"):
        made.append(("Email", {"value": address}, {}))
    elif "EmailAccountFacet" in facets:
        for one in found.objects("emailAddress", "EmailAccountFacet"):
            if address := one.text("addressValue", "EmailAddressFacet"):
                made.append(("Email", {"value": address}, {}))
    elif (account := found.text("accountIdentifier", "AccountFacet")) and (site := _site(found)):
        said = "DigitalAccountFacet"
        shown = filled(displayName=found.text("displayName", said), handle=found.text("accountLogin", said))
        made.append(("Account", {"site": site, "id": account}, shown))
    for facet in ("IPv4AddressFacet", "IPv6AddressFacet", "IPAddressFacet"):
        if address := found.text("addressValue", facet):
            made.append(("IpAddress", {"address": address}, {}))
    made += _of_device(found)
    made += _of_place(found)
    if not made and losses is not None and not _SILENT & set(found.types):
        losses[f"{(found.types or ['?'])[0]}: the model has no kind for it, or it lacks what tells it apart"] += 1
    return [DraftEntity(f"{prefix}{nth}", *one) for nth, one in enumerate(made)]


def _site(found: CaseObject) -> str | None:
    """The site of an account: its issuer's name, or that of its application."""
    for one in (
        *found.objects("accountIssuer", "AccountFacet"),
        *found.objects("application", "ApplicationAccountFacet"),
    ):
        if name := one.text("name") or one.text("name", "ApplicationFacet"):
            return name
    return None


def _of_device(found: CaseObject) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    model = filled(model=found.text("model", "DeviceFacet"))
    for facet, word, part in (
        ("MobileDeviceFacet", "IMEI", "imei"), ("SIMCardFacet", "ICCID", "iccid"), ("SIMCardFacet", "IMSI", "imsi"),
        ("WifiAddressFacet", "addressValue", "mac"), ("MACAddressFacet", "addressValue", "mac"),
        ("BluetoothAddressFacet", "addressValue", "mac"),
    ):  # fmt: skip
        if value := found.text(word, facet):
            yield "Device", {part: value}, model
    digest = next(
        (plain(_member(one, "hashValue")) for one in listed(found.facets.get("ContentDataFacet", {}).get("hash"))
         if isinstance(one, dict) and (plain(_member(one, "hashMethod")) or "").upper() == "SHA256"), None,
    )  # fmt: skip
    picture = "RasterPicture" in found.types or (found.text("mimeType", "ContentDataFacet") or "").startswith("image/")
    if digest and picture:
        yield "Image", {"sha256": digest}, {}


def _member(one: dict[str, Any], word: str) -> Any:
    return next((value for name, value in one.items() if local(name) == word), None)


def _of_place(found: CaseObject) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    point, address = "LatLongCoordinatesFacet", "SimpleAddressFacet"
    words = {"locality": "locality", "region": "region", "postcode": "postalCode"}
    said = filled(**{name: found.text(word, address) for name, word in words.items()})
    latitude, longitude = found.text("latitude", point), found.text("longitude", point)
    country, street = found.text("country", address), found.text("street", address)
    if latitude and longitude:
        yield "Address", {"geo": f"{latitude},{longitude}"}, said
    elif country and street:
        yield "Address", {"country": country, "text": street}, {"written": street, **said}


def _bare(found: CaseObject, prefix: str) -> DraftEntity | None:
    """An object that another names, without what its own record says."""
    one = next(iter(_entities(found, None, prefix)), None)
    if one is not None:
        one.attributes = {}
    return one


def _relationship(found: CaseObject, losses: Counter[str]) -> Draft | None:
    word = found.text("kindOfRelationship") or "?"
    sources, targets = found.objects("source"), found.objects("target")
    if any(one.exported for one in (*sources, *targets)):
        own = [_of_export(one, f"e{nth}") for nth, one in enumerate((*sources[:1], *targets[:1]))]
        if len(own) < 2 or own[0] is None or own[1] is None:
            losses["an entity whose key is withheld, or its link"] += 1
            return None
        said = pairs_of(text for one in listed(found.said.get("attribute")) if (text := plain(one)))
        observed = Observed(found.text("since"), found.text("until"))
        draft = Draft([own[0], own[1]], [DraftLink(word, "e0", "e1", attributes_of(said, losses), observed)])
        _claimed(found, draft, losses)
        return draft
    kind, forward = _LINKS.get(word.casefold(), ("", True))
    draft = Draft([])
    for nth, (a, b) in enumerate((a, b) for a in sources for b in targets):
        source, target = _bare(a, f"s{nth}-"), _bare(b, f"t{nth}-")
        if not forward:
            source, target = target, source
        ends = _ENDS.get(kind)
        if source is None or target is None or ends is None or source.kind not in ends[0] or target.kind not in ends[1]:
            losses[f"relationship {word}: the model has no such link, or no kind for an end"] += 1
            continue
        draft.entities += [source, target]
        draft.links.append(DraftLink(kind, source.ref, target.ref))
    if not sources or not targets:
        losses[f"relationship {word}: an end is not in the file"] += 1
    return draft if draft.links else None


def _contact(found: CaseObject, facet: str, losses: Counter[str]) -> Draft | None:
    """Who called or wrote to whom, and when; never what was said."""
    channel = "sms" if "SMSMessage" in found.types else _CHANNELS[facet]
    when = found.text("startTime", facet) or found.text("sentTime", facet)
    seconds = found.text("duration", facet) if channel == "call" else None
    if found.text("messageText", facet) or found.text("body", facet):
        losses["what was said in a message: it is not read"] += 1
    draft = Draft([], observed=None)
    for nth, (a, b) in enumerate((a, b) for a in found.objects("from", facet) for b in found.objects("to", facet)):
        source, target = _bare(a, f"s{nth}-"), _bare(b, f"t{nth}-")
        if source is None or target is None or not {source.kind, target.kind} <= _CONTACTS:
            continue
        said = filled(channel=channel, seconds=seconds if seconds and seconds.isdecimal() else None)
        draft.entities += [source, target]
        draft.links.append(DraftLink("CONTACTED", source.ref, target.ref, said, Observed(when, when) if when else None))
    if not draft.links:
        losses[f"{facet}: of nobody that the model has a kind for"] += 1
        return None
    return draft


def _investigation(found: CaseObject, losses: Counter[str]) -> Draft | None:
    case = DraftEntity("case", "Case", {"ref": found.name}, filled(title=found.text("name")))
    draft = Draft([case])
    for nth, one in enumerate(found.objects("object")):
        about = _bare(one, f"o{nth}-")
        if about is None:
            losses["Investigation.object: the model has no kind for it"] += 1
            continue
        draft.entities.append(about)
        draft.links.append(DraftLink("INVOLVES", "case", about.ref))
    return draft


def _of_export(found: CaseObject, ref: str) -> DraftEntity | None:
    if not found.exported:
        return None
    return entity_of(ref, found.text("kind"), found.text("identifier"), ())


def _exported(found: CaseObject, losses: Counter[str]) -> Draft | None:
    """An object that graphsvc exported: what its own namespace says, for it says all."""
    said = pairs_of(text for one in listed(found.said.get("attribute")) if (text := plain(one)))
    if found.text("kind") == CASE_SITE:
        return None
    made = entity_of("e0", found.text("kind"), found.text("identifier"), said, losses)
    if made is None:
        losses["an entity whose key is withheld"] += 1
        return None
    draft = Draft([made])
    _claimed(found, draft, losses)
    draft.handling = draft.handling or handling_of(map(plain, listed(found.said.get("handling"))), losses)
    return draft


def _claimed(found: CaseObject, draft: Draft, losses: Counter[str]) -> None:
    """On what terms the one record behind an object stands; of several, none holds for all."""
    claims = [text for one in listed(found.said.get("claim")) if (text := plain(one))]
    if len(claims) != 1:
        losses["which of several records says what of an object"] += len(claims) > 1
        return
    try:
        claim = msgspec.json.decode(claims[0], type=dict[str, Any])
    except msgspec.DecodeError:
        return
    draft.handling = handling_of([claim.get("handling")])
    draft.pap, draft.expires = text_of(claim.get("pap")), text_of(claim.get("expires"))
    if not draft.links:
        draft.observed = Observed(text_of(claim.get("since")), text_of(claim.get("until")))
    origin = claim.get("origin")
    told = origin if isinstance(origin, dict) else {"organisation": claim.get("owner")}
    draft.origin = Origin(text_of(told.get("organisation")) or "", text_of(told.get("reference")) or "")


def _open(mapping: Mapping | None, body: BinaryIO) -> RecordImporter:
    return RecordImporter(_make)


def _recognises(head: bytes, ending: str) -> bool:
    start = head.lstrip()[:1]
    return start in (b"{", b"[") and b'"@context"' in head and b"unifiedcyberontology.org" in head


FORMAT = Format(
    name="case",
    title="CASE/UCO",
    media_type="application/x-case+ld+json",
    endings=(".jsonld", ".case.json"),
    mapping="none",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="an object of the graph, as JSON, with the objects that it names beside it",
    read=(
        "Person and Organization by `@id`; Investigation as Case with what it is about (INVOLVES)",
        "telephones, e-mail addresses, accounts with an issuer or application, places",
        "devices by IMEI, SIM cards by ICCID and IMSI, hardware addresses, IP addresses; pictures by SHA-256",
        "calls, short messages, e-mails and other messages as CONTACTED, with time and duration",
        "relationships Has_Account, Owns, Owned_By, Located_At, Member_Of, Contained_Within and the like",
        "objects of an export of graphsvc: all that its own namespace says",
    ),
    lost=(
        "what was said in messages; address books; files, disks, tools, actions, provenance; they are counted by type",
        "accounts whose site is not named; other kinds of relationship",
    ),
    rank=7,
)
"""CASE, https://caseontology.org, on the Unified Cyber Ontology, https://unifiedcyberontology.org."""
