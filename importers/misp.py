"""MISP events: the event as a case, its attributes and objects as what the model has kinds for.

Each event, attribute and object is a record of its own, with its event's uuid, tags and date. The contributor's own
reference of a row is its uuid. ``tlp:`` and ``admiralty-scale:`` tags become handling code and grading.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from graphsvc.model.drafts import Draft, DraftEntity, DraftLink, Grading, Observed, RowProblem, Superseded
from graphsvc.model.exported import MISP_ENTITY, MISP_LINK, MISP_TAG
from graphsvc.model.labels import Handling
from importers.documents import RecordImporter, broken, encoded, filled, read_json, text_of
from importers.exported import attributes_of, entity_of, handling_of, pairs_of
from importers.formats import Format, Salt
from importers.markings import TLP, strictest
from importers.rows import Readable, Row, records_as_rows
from importers.rules import Mapping

_WHAT = "MISP event"
_EMAIL = ("Email", "value")
_TYPES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("email", "email-src", "email-dst", "email-reply-to", "target-email", "whois-registrant-email"), _EMAIL
    ),
    **dict.fromkeys(("phone-number", "whois-registrant-phone"), ("Phone", "value")),
    **dict.fromkeys(("btc", "xmr"), ("PaymentAccount", "wallet")),
    "iban": ("PaymentAccount", "iban"),
    "mac-address": ("Device", "mac"),
    **dict.fromkeys(("ip-src", "ip-dst"), ("IpAddress", "address")),
    "cc-number": ("BankCard", "number"),
}
"""Attribute type → kind and part of its key."""
_SITES = {"twitter-id": "twitter", "github-username": "github"}
_EVENT = re.compile(rb'"Event"\s*:\s*\{')
_ADMIRALTY = ("admiralty-scale:source-reliability=", "admiralty-scale:information-credibility=")
_MOST = 100_000
_WHOLE = frozenset(("person", "phone", "geolocation", "vehicle"))
"""Objects that are read as a whole; of all others the attributes are read one by one."""


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    found = read_json(body, _WHAT)
    if isinstance(found, dict):
        found = found.get("response", found)
    events = [one.get("Event", one) for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]
    if not events or not all(isinstance(one, dict) and ("info" in one or "uuid" in one) for one in events):
        raise broken(_WHAT, "it has no event with uuid and info")
    yield from records_as_rows(_records(events), max_row, salt)


def _records(events: list[dict[str, Any]]) -> Iterator[bytes]:
    for event in events:
        about = {"uuid": event.get("uuid"), "tags": _tags(event)}
        said = {key: event.get(key) for key in ("info", "date", "timestamp")}
        related = sum(
            len(event[key]) for key in ("Galaxy", "RelatedEvent", "ShadowAttribute") if isinstance(event.get(key), list)
        )
        yield encoded({"event": about, "said": said, "others": related})
        for one in _listed(event, "Attribute"):
            yield encoded({"event": about, "attribute": one, "tags": _tags(one)})
        for one in _listed(event, "Object"):
            yield encoded({"event": about, "object": one, "tags": []})


def _listed(holder: dict[str, Any], word: str) -> list[dict[str, Any]]:
    found = holder.get(word)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _tags(holder: dict[str, Any]) -> list[str]:
    return [name for tag in _listed(holder, "Tag") if (name := text_of(tag.get("name"))) is not None]


def _make(record: dict[str, Any], row: int, losses: Counter[str]) -> Draft | RowProblem | None:
    event = record.get("event")
    if not isinstance(event, dict):
        return RowProblem(row, "bad_record", "", "this is no MISP record: correct it in the source")
    if MISP_TAG in event.get("tags", []):
        return _exported(record, row, losses)
    uuid = text_of(event.get("uuid"))
    case = None if uuid is None else DraftEntity("event", "Case", {"ref": uuid})
    tags = [*record.get("tags", []), *(tag for tag in event.get("tags", []) if isinstance(tag, str))]
    if "said" in record:
        draft = _of_event(record, case, losses)
        own = uuid
    else:
        part = record.get("attribute") or record.get("object")
        if not isinstance(part, dict):
            return RowProblem(row, "bad_record", "", "this is no MISP record: correct it in the source")
        own = text_of(part.get("uuid"))
        if part.get("deleted") in (True, 1, "1"):
            losses["deleted attributes and objects"] += 1
            return None
        entities, links = _of_object(part, losses) if "object" in record else _of_attribute(part, losses)
        if not entities:
            return None
        draft = Draft(entities, links)
        if case is not None:
            draft.links += [DraftLink("INVOLVES", "event", one.ref) for one in entities]
            draft.entities = [case, *entities]
    if draft is None:
        return None
    draft.row = row
    draft.supersedes = Superseded(reference=own) if own and len(own) <= 200 and own.isprintable() else None
    draft.handling, draft.grading = _handling(tags), _grading(tags)
    for tag in tags if "said" in record else record.get("tags", []):
        if not tag.startswith(("tlp:", *_ADMIRALTY)):
            losses["Tag: neither TLP nor admiralty-scale"] += 1
    return draft


def _exported(record: dict[str, Any], row: int, losses: Counter[str]) -> Draft | RowProblem | None:
    """The draft of an object of an export; its event is the stamp, no case."""
    part = record.get("object")
    if not isinstance(part, dict) or part.get("name") not in (MISP_ENTITY, MISP_LINK):
        return None
    said: dict[str, list[str]] = {}
    tags: list[str] = []
    for one in _listed(part, "Attribute"):
        if (value := text_of(one.get("value"), 20_000)) is not None:
            said.setdefault(text_of(one.get("object_relation")) or "?", []).append(value)
            tags = tags or _tags(one)
    first = {name: values[0] for name, values in said.items()}
    attributes = pairs_of(said.get("attribute", []))
    own = text_of(part.get("uuid"))
    draft = Draft([], row=row, supersedes=Superseded(reference=own) if own and len(own) <= 200 else None)
    if part["name"] == MISP_ENTITY:
        ends = [entity_of("e1", first.get("kind"), first.get("identifier"), attributes, losses)]
    else:
        ends = [entity_of(ref, first.get(f"{word}-kind"), first.get(f"{word}-identifier"), ())
                for ref, word in (("e1", "from"), ("e2", "to"))]  # fmt: skip
        observed = Observed(first.get("since"), first.get("until"))
        draft.links = [DraftLink(first.get("kind", "?"), "e1", "e2", attributes_of(attributes, losses), observed)]
    draft.entities = [one for one in ends if one is not None]
    if len(draft.entities) < len(ends):
        losses["an entity whose key is withheld, or its link"] += 1
        return None
    draft.handling = _handling(tags) or handling_of(tag.replace(":handling=", "/").replace('"', "") for tag in tags)
    return draft


def _of_event(record: dict[str, Any], case: DraftEntity | None, losses: Counter[str]) -> Draft | None:
    said = record["said"] if isinstance(record["said"], dict) else {}
    if record.get("others"):
        losses["Galaxy, RelatedEvent, ShadowAttribute: not held"] += int(record["others"])
    if case is None:
        losses["Event: without uuid"] += 1
        return None
    case.attributes = filled(title=text_of(said.get("info")), openedOn=text_of(said.get("date")))
    return Draft([case])


def _of_attribute(one: dict[str, Any], losses: Counter[str]) -> tuple[list[DraftEntity], list[DraftLink]]:
    kind, value = text_of(one.get("type")) or "?", text_of(one.get("value"))
    if value is not None and kind in _TYPES:
        made, part = _TYPES[kind]
        return [DraftEntity("value", made, {part: value})], []
    if value is not None and kind in _SITES:
        return [DraftEntity("value", "Account", {"site": _SITES[kind], "id": value})], []
    losses[f"attribute {kind}: the model has no kind for it"] += 1
    return [], []


def _of_object(one: dict[str, Any], losses: Counter[str]) -> tuple[list[DraftEntity], list[DraftLink]]:
    name, uuid = text_of(one.get("name")) or "?", text_of(one.get("uuid"))
    parts = [part for part in _listed(one, "Attribute") if part.get("deleted") not in (True, 1, "1")]
    said: dict[str, list[str]] = {}
    for part in parts:
        if (value := text_of(part.get("value"))) is not None:
            said.setdefault(text_of(part.get("object_relation")) or "?", []).append(value)
    if name in _WHOLE:
        found = _whole(name, uuid, said)
        if found[0]:
            return found
    entities: list[DraftEntity] = []
    for nth, part in enumerate(parts[:150]):
        for entity in _of_attribute(part, losses)[0]:
            entity.ref = f"value{nth}"
            entities.append(entity)
    return entities, []


def _whole(name: str, uuid: str | None, said: dict[str, list[str]]) -> tuple[list[DraftEntity], list[DraftLink]]:
    first = {key: values[0] for key, values in said.items()}
    if name == "phone":
        devices = [DraftEntity(key, "Device", {key: first[key]}) for key in ("imei", "imsi") if key in first]
        numbers = [
            DraftEntity(f"n{nth}", "Phone", {"value": value}) for nth, value in enumerate(said.get("msisdn", [])[:20])
        ]
        return [*devices, *numbers], [DraftLink("USES", one.ref, two.ref) for one in devices for two in numbers]
    if name == "geolocation" and "latitude" in first and "longitude" in first:
        place = filled(locality=first.get("city"), region=first.get("region"), country=first.get("countrycode"))
        return [DraftEntity("place", "Address", {"geo": f"{first['latitude']},{first['longitude']}"}, place)], []
    if name == "vehicle" and "vin" in first:
        said_of = filled(
            plate=first.get("license-plate-number"), make=first.get("make"), colour=first.get("exterior color")
        )
        return [DraftEntity("vehicle", "Vehicle", {"vin": first["vin"]}, said_of)], []
    if name == "person" and uuid is not None:
        parts = (first.get("first-name"), first.get("last-name"))
        full = first.get("full-name") or " ".join(filter(None, parts))
        attributes = filled(
            name=full, alias=said.get("alias"), birthDate=first.get("date-of-birth"),
            nationality=said.get("nationality"),
            gender={"Male": "M", "Female": "F"}.get(first.get("gender", "")), occupation=first.get("occupation"),
        )  # fmt: skip
        return [DraftEntity("person", "Person", {"ref": uuid}, attributes)], []
    return [], []


def _handling(tags: list[str]) -> Handling | None:
    """The strictest TLP tag."""
    codes = [TLP[tag[4:].lower()] for tag in tags if tag.lower().startswith("tlp:") and tag[4:].lower() in TLP]
    return strictest(codes)


def _grading(tags: list[str]) -> Grading | None:
    """The first Admiralty grading, where both its halves are there."""
    found = [
        next((tag.removeprefix(head).strip('"') for tag in tags if tag.startswith(head)), "") for head in _ADMIRALTY
    ]
    return Grading("admiralty", found[0].upper(), found[1]) if all(found) else None


def _open(mapping: Mapping | None, body: BinaryIO) -> RecordImporter:
    return RecordImporter(_make)


def _recognises(head: bytes, ending: str) -> bool:
    start = head.lstrip()
    return start[:1] in (b"{", b"[") and (
        _EVENT.search(head) is not None
        or (b'"threat_level_id"' in head or (b'"Attribute"' in head and b'"category"' in head))
    )


FORMAT = Format(
    name="misp",
    title="MISP",
    media_type="application/x-misp+json",
    endings=(".misp.json",),
    mapping="none",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="an event, one of its attributes, or one of its objects, as JSON with the event's uuid and tags",
    read=(
        "an event as Case, by its uuid, with what it involves",
        "attributes: e-mail addresses, telephone numbers, btc, xmr, iban, mac-address, twitter-id, github-username",
        "attributes ip-src and ip-dst, cc-number (kept as a digest)",
        "an event that graphsvc exported: its objects `graphsvc-entity` and `graphsvc-link`",
        "objects: person, phone, geolocation, vehicle; of others the attributes above",
        "`tlp:` tags as handling codes, the strictest one; `admiralty-scale:` tags as grading",
    ),
    lost=(
        "attributes of other types (hashes, networks, links, files, texts); they are counted by type",
        "galaxies, other tags, sightings, proposals, related events, how objects refer to each other, deleted parts",
    ),
    rank=5,
)
"""MISP core format, https://www.misp-standard.org/rfc/misp-standard-core.html."""
