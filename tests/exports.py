"""A made-up answer with an entity for every form of key, awkward words and two owners, as the service would give it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from graphsvc.exchange.content import Content
from graphsvc.exchange.forms import form_of, written
from graphsvc.exchange.stamp import LeftOut, Stamp
from graphsvc.model.drafts import CleanDraft, Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.references import References
from graphsvc.model.schema import Schema, load_schema
from graphsvc.wire.answers import Attribute, Citation, Entity, Grading, Link, Origin, Record
from graphsvc.wire.answers import Handling as Code
from importers.formats import recognise
from importers.reading import How, Reading, Ready

SCHEMA = load_schema()
VIEWER = Organisation("police-ke", "police", "KE", "Police")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "RED"), purposes=["investigation"], legal_basis="statutory-duty")
STAMP = Stamp(
    handling=(), pap="", viewer="police-ke", person="hash", purpose="investigation", legal_basis="statutory-duty",
    case="K/1", at="2026-11-27T10:00:00.000Z", log="graphsvc.example/log", size=120, root="cm9vdA", entries=(118, 119),
    withheld=(LeftOut("pasar", "pap-export", 2),),
)  # fmt: skip
VALUES = {
    "site": "shopee", "user-id": "u-1 ünï/:x", "profile-url": "https://www.facebook.com/some.body", "country": "KE",
    "address": "12 Moi Av., Nairobi", "coordinates": "-1.29207,36.82195", "reference": "R/1: a", "own-ref": "O/7",
    "iso6346": "CSQU3054383", "imei": "490154203237518", "mac": "00:1a:2b:3c:4d:5e", "imsi": "460030912121001",
    "iccid": "8986011234567890128", "email": "li.wei@example.com", "sha256": "ab" * 32, "pdq": "cd" * 32,
    "phash": "ef" * 8, "listing-url": "https://www.ebay.com/itm/123456789012", "lei": "213800KUD8LAJWSQ9D15",
    "uscc": "91110000600037341L", "identifier": "AB 12/3", "courier": "sf-express", "waybill": "SF1234567890123",
    "s10": "RR123456785CN", "iban": "GB82WEST12345698765432", "wallet": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "permit": "CITES No. ID-0012/24", "phone": "+8613800138000", "taxon": "Loxodonta africana",
    "vin": "1M8GDM9AXKP042788", "imo": "9319466", "plate": "KBA 123 X",
    "public-ip": "41.90.1.2", "code:document-kinds": "passport", "document-number": "B7654321",
    "card-number": "4539148803436467",
}  # fmt: skip
"""A value of every type that a key is made of."""
AWKWARD = (
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "-1+2",
    "'quoted",
    'a, "b"; c | d',
    "line\nbreak",
    "<b>&amp;\u0008</b>",
    "价格 🐘",
)
"""Texts that a spreadsheet, an XML reader or a parser would take for something else."""


def keys(schema: Schema = SCHEMA) -> Iterator[tuple[str, str]]:
    """Kind and canonical key of an entity for each form of key there is, of a contributor's kinds one of each owner."""
    for kind in schema.kinds.values():
        for form in kind.keys:
            parts = {name: VALUES[type_.name] for name, type_ in form.parts}
            for org in ("police-ke", "pasar") if form.scheme in ("<org>", "own") else ("police-ke",):
                yield kind.name, schema.key_of(kind.name, parts, org)


def record(handle: str, *attributes: tuple[str, str, str], owner: str = "pasar", **more: Any) -> Record:
    """A record as an answer has it."""
    said: dict[str, Any] = {
        "handling": Code(scheme="tlp-2.0", code="AMBER"), "pap": "GREEN", "grading": None, "origin": None,
        "since": None, "until": None, "expires": None, **more,
    }  # fmt: skip
    named = [Attribute(name=name, field_group=group, value=value) for name, group, value in attributes]
    return Record(handle=handle, owner=owner, owner_kind="company", circular=False, attributes=named, withheld=[],
                  submission=None, row=None, **said)  # fmt: skip


def entity(handle: str, kind: str, key: str | None, *records: Record) -> Entity:
    """An entity as an answer has it."""
    owners = len({one.owner for one in records})
    return Entity(handle=handle, kind=kind, key=key, records=list(records), more_records=False,
                  record_count=len(records), owner_count=owners, independent_sources=owners)  # fmt: skip


def link(kind: str, source: str, target: str, of: Record, *attributes: tuple[str, str, str], **more: Any) -> Link:
    """A link that a record claims."""
    named = [Attribute(name=name, field_group=group, value=value) for name, group, value in attributes]
    cited = Citation(handle=of.handle, owner=of.owner, owner_kind=of.owner_kind, handling=of.handling,
                     grading=of.grading, origin=of.origin, circular=False)  # fmt: skip
    times = {"since": None, "until": None, **more}
    return Link(kind=kind, source=source, target=target, attributes=named, withheld=[], record=cited, claim_count=1,
                independent_sources=1, **times)  # fmt: skip


def everything() -> Content:
    """All forms of keys, some links among them, awkward words, two owners who differ, a withheld key."""
    entities, by_kind = list[Entity](), dict[str, str]()
    for nth, (kind, key) in enumerate(keys()):
        by_kind.setdefault(kind, f"h{nth}")
        entities.append(entity(f"h{nth}", kind, key, record(f"r{nth}", owner="police-ke" if nth % 2 else "pasar")))
    full = record(
        "r-full", ("displayName", "identity", AWKWARD[0]), ("about", "content", AWKWARD[5]),
        ("listings", "operational", "3"),
        ("realNameVerified", "operational", "true"), since="2026-01-02T03:04:05Z", until="2026-02-02T03:04:05Z",
        grading=Grading(scheme="admiralty", source="B", information="2"), expires="2030-01-01T00:00:00Z",
        origin=Origin(organisation="customs-cn", reference="C/9"),
        handling=Code(scheme="tlp-2.0", code="RED"), pap="AMBER",
    )  # fmt: skip
    other = record("r-other", ("displayName", "identity", "Somebody"), owner="police-ke",
                   handling=Code(scheme="europol", code="H1"))  # fmt: skip
    account = by_kind["Account"]
    entities.append(entity(account, "Account", None, full, other))
    person = by_kind["Person"]
    names = record(
        "r-names",
        *(
            ("alias", "personal", word.replace("\n", " "))
            for word in AWKWARD
            if "|" not in word and "\u0008" not in word
        ),
    )
    entities.append(entity(person, "Person", None, names))
    entities.append(entity("h-hidden", "Person", None, record("r-hidden")))
    links = [
        link("USES", account, by_kind["Phone"], full, ("count", "operational", "4"), since="2026-01-02T00:00:00Z"),
        link("USES", account, by_kind["Email"], other),
        link("CONTROLS", person, account, names, ("confidence", "operational", "0.5")),
        link("MEMBER_OF", person, by_kind["Organisation"], names, since="2020-01-01T00:00:00Z",
             until="2020-01-01T00:00:00Z"),
        link("PAID_TO", by_kind["PaymentAccount"], by_kind["Phone"], full,
             ("amount", "financial", "12.5"), ("currency", "financial", "USD")),
        link("SENT_BY", by_kind["Parcel"], account, other, ("name", "personal", "-Li Wei")),
        link("INVOLVES", by_kind["Case"], person, names),
        link("SEIZED_IN", by_kind["Taxon"], by_kind["Seizure"], other),
        link("USES", "h-hidden", by_kind["Phone"], full),
    ]  # fmt: skip
    merged = list(entities)
    return Content(SCHEMA, STAMP, merged, links)


def read_back(
    data: bytes, name: str, organisation: Organisation = VIEWER, defaults: Defaults = DEFAULTS
) -> tuple[list[CleanDraft], list[Any], Any]:
    """What the importers make of a file: clean drafts, problems, losses."""
    form = recognise(data[: 1 << 16], name)
    reading = Reading(io.BytesIO(data), How(form.media_type, None, SCHEMA, defaults, organisation), References(b""))
    drafts, problems = list[CleanDraft](), list[Any]()
    for _, found in reading:
        if isinstance(found, Ready):
            drafts.append(found.clean)
            problems += found.notes
        elif found is not None:
            problems += found
    return drafts, problems, reading.losses


def graph_of(drafts: Iterable[CleanDraft]) -> tuple[set[str], set[tuple[Any, ...]]]:
    """Entities by key, and links with what they say, of clean drafts."""
    entities, links = set[str](), set[tuple[Any, ...]]()
    for draft in drafts:
        entities |= {one.key for one in draft.entities}
        for one in draft.links:
            said = {name: str(value) for group in one.attributes.values() for name, value in group.items()}
            ends = draft.entities[one.source].key, draft.entities[one.target].key
            links.add((one.kind, *ends, one.since, one.until, tuple(sorted(said.items()))))
    return entities, links


def expected(content: Content) -> tuple[set[str], set[tuple[Any, ...]]]:
    """The same of what was exported, as its viewer would say it."""
    named = {
        handle: SCHEMA.key_of(node.kind, node.parts, content.stamp.viewer)
        for handle, node in content.nodes.items()
        if node.parts is not None
    }
    links = {
        (one.kind, named[one.source], named[one.target], one.since, one.until,
         tuple(sorted((name, values[0]) for name, values in content.of_link(one).items())))
        for one in content.links
        if one.source in named and one.target in named
    }  # fmt: skip
    return set(named.values()), links


def exported(content: Content, name: str) -> tuple[bytes, dict[str, int]]:
    """The content in a format."""
    return written(content, form_of(name))
