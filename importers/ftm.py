"""FollowTheMoney: entities one a line, as its tools write them (also as ``{"op": "ADD", "entity": {…}}``).

Entities refer to each other by id. A link's line names its ends by id alone, so the kinds of all ids are read first.
The contributor's own reference of a row is the entity's id: a newer file supersedes what an older one said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import msgspec

from graphsvc.model.bounds import MAX_ENTITIES, MAX_ROWS
from graphsvc.model.drafts import Draft, DraftEntity, DraftLink, Observed, RowProblem, Superseded
from graphsvc.model.errors import TooLarge
from graphsvc.model.exported import FTM_ATTRIBUTE, FTM_HANDLING, FTM_IDENTIFIER, FTM_KIND, STATEMENT
from importers.documents import RecordImporter, filled, text_of, texts_of
from importers.exported import attributes_of, entity_of, handling_of, pairs_of
from importers.formats import Format, Salt
from importers.rows import Readable, Row, iter_rows
from importers.rules import Mapping

_ORGANISATION = frozenset(("Organization", "Company", "LegalEntity", "PublicBody"))
_KEYED = frozenset(
    (
        "Vessel",
        "Vehicle",
        "Airplane",
        "BankAccount",
        "CryptoWallet",
        "UserAccount",
        "Address",
        "Passport",
        "Identification",
    )
)
_FROM_KINDS = {"Person": "Person", **dict.fromkeys(_ORGANISATION, "Organisation")}
_MOST = 20


class _Edge(NamedTuple):
    """How a schema that joins two others becomes a link: its kind, its ends, to which kinds it may go."""

    kind: str
    source: str
    target: str
    targets: frozenset[str]


_PARTIES = frozenset(("Person", "Organisation"))
_EDGES = {
    "Ownership": _Edge("CONTROLS", "owner", "asset", frozenset(("Organisation",))),
    "Directorship": _Edge("MEMBER_OF", "director", "organization", frozenset(("Organisation",))),
    "Membership": _Edge("MEMBER_OF", "member", "organization", frozenset(("Organisation",))),
    "Employment": _Edge("MEMBER_OF", "employee", "employer", frozenset(("Organisation",))),
    "Payment": _Edge("PAID_TO", "payer", "beneficiary", _PARTIES),
}
_READ_OF_PARTY = frozenset(
    (
        "name", "alias", "weakAlias", "previousName", "birthDate", "nationality", "gender", "position", "notes",
        "summary", "phone", "email", "website", "jurisdiction", "mainCountry", "incorporationDate", "sector",
        "addressEntity",
    )
)  # fmt: skip
_READ_OF_EDGE = frozenset(
    (
        "percentage",
        "sharesCount",
        "amount",
        "amountEur",
        "amountUsd",
        "currency",
        "date",
        "startDate",
        "endDate",
        "purpose",
    )
)
_SIDES = (("subject", "member"), ("object", "organization"))
"""Which properties of an export's links name their ends."""
_GENDERS = {"male": "M", "female": "F", "other": "X"}


class _Keywords(msgspec.Struct):
    keywords: Any = None


class _Line(msgspec.Struct):
    id: str = ""
    schema: str = ""
    properties: _Keywords = msgspec.field(default_factory=_Keywords)


class _Delta(msgspec.Struct):
    entity: _Line | None = None
    id: str = ""
    schema: str = ""
    properties: _Keywords = msgspec.field(default_factory=_Keywords)


class _Maker:
    """Makes drafts of entities, given the schema of every id of the file, or what an export says of it."""

    def __init__(self, schemas: dict[str, str], exported: dict[str, tuple[str, str]]) -> None:
        self._schemas = schemas
        self._exported = exported

    def make(self, record: dict[str, Any], row: int, losses: Counter[str]) -> Draft | RowProblem | None:
        if record.get("op") == "DEL":
            losses["op DEL: an entity taken back; recall its record"] += 1
            return None
        entity = record.get("entity", record)
        name, schema = entity.get("id"), entity.get("schema")
        given = entity.get("properties")
        if not (isinstance(name, str) and isinstance(schema, str) and isinstance(given, dict)):
            return RowProblem(
                row, "bad_record", "", "an entity has id, schema and properties: correct it in the source"
            )
        if name in self._exported or any(one in self._exported for side in _SIDES for one in _ends(given, side)):
            return self._of_export(name, given, row, losses)
        if schema == "PlainText" and given.get("title") == [STATEMENT]:
            return None
        if schema in _FROM_KINDS:
            return self._party(name, schema, given, row, losses)
        if schema in _EDGES:
            return self._edge(name, schema, given, row, losses)
        if schema in _KEYED:
            return self._thing(name, schema, given, row, losses)
        losses[f"{schema}: the model has no such kind"] += 1
        return None

    def _of_export(self, name: str, given: dict[str, Any], row: int, losses: Counter[str]) -> Draft | None:
        """A line of an export of graphsvc: an entity by what its keywords say, a link by its ends' and its role."""
        said = {key: texts_of(value) for key, value in given.items()}
        words = [word for word in given.get("keywords") or () if isinstance(word, str)]
        draft = Draft([], row=row, supersedes=_own(name))
        if words:
            attributes = pairs_of(word.removeprefix(FTM_ATTRIBUTE) for word in words if word.startswith(FTM_ATTRIBUTE))
            ends = [entity_of("e1", *self._exported.get(name, ("", "")), attributes, losses)]
            codes = [word.removeprefix(FTM_HANDLING) for word in words if word.startswith(FTM_HANDLING)]
        else:
            ids = [_first(_ends(given, side)) or "" for side in _SIDES]
            ends = [entity_of(f"e{nth}", *self._exported.get(one, ("", "")), ()) for nth, one in enumerate(ids, 1)]
            attributes = pairs_of((_first(said.get("description")) or "").split("\n"))
            observed = Observed(_moment(_first(said.get("startDate"))), _moment(_first(said.get("endDate"))))
            kind = _first(said.get("role")) or "?"
            draft.links = [DraftLink(kind, "e1", "e2", attributes_of(attributes, losses), observed)]
            codes = [(_first(said.get("summary")) or "").removeprefix("handling: ")]
        draft.entities = [one for one in ends if one is not None]
        if len(draft.entities) < len(ends):
            losses["an entity whose key is withheld, or its link"] += 1
            return None
        draft.handling = handling_of(codes, losses)
        return draft

    def _party(self, name: str, schema: str, given: dict[str, Any], row: int, losses: Counter[str]) -> Draft:
        """A person or organisation, with its telephones and e-mail addresses."""
        said = {key: texts_of(value) for key, value in given.items()}
        names = said.get("name", [])
        aliases = names[1:]
        for key in ("alias", "weakAlias", "previousName"):
            aliases += said.get(key, [])
        common = filled(
            name=_first(names), alias=list(dict.fromkeys(aliases))[:200], note=_joined(said, "notes", "summary")
        )
        if schema == "Person":
            attributes = common | filled(
                birthDate=_first(said.get("birthDate")), nationality=said.get("nationality"),
                gender=_GENDERS.get(_first(said.get("gender")) or ""), occupation=_joined(said, "position"),
            )  # fmt: skip
        else:
            country = _first(said.get("jurisdiction")) or _first(said.get("mainCountry"))
            attributes = common | filled(
                jurisdiction=country, registeredOn=_first(said.get("incorporationDate")),
                industry=_joined(said, "sector"), website=said.get("website"),
            )  # fmt: skip
        kind = _FROM_KINDS[schema]
        draft = Draft([DraftEntity("self", kind, {"ref": name}, attributes)], row=row, supersedes=_own(name))
        for key, other, link in (("phone", "Phone", "USES"), ("email", "Email", "USES")):
            for nth, value in enumerate(said.get(key, [])[:_MOST]):
                draft.entities.append(DraftEntity(f"{key}{nth}", other, {"value": value}))
                draft.links.append(DraftLink(link, "self", f"{key}{nth}"))
        for key, values in said.items():
            if values and key not in _READ_OF_PARTY:
                losses[f"{schema}.{key}: not held"] += len(values)
        if schema == "LegalEntity":
            losses["LegalEntity: read as an organisation, though it may be a person"] += 1
        if said.get("addressEntity"):
            losses["addressEntity: an address is held by itself, not joined"] += len(said["addressEntity"])
        return draft

    def _edge(
        self, name: str, schema: str, given: dict[str, Any], row: int, losses: Counter[str]
    ) -> Draft | RowProblem | None:
        """A link between two parties, whose kinds are known from their own lines."""
        edge = _EDGES[schema]
        sources, targets = texts_of(given.get(edge.source)), texts_of(given.get(edge.target))
        ends: dict[str, DraftEntity] = {}
        for end in (*sources, *targets):
            kind = _FROM_KINDS.get(self._schemas.get(end, ""))
            if kind is not None:
                ends[end] = DraftEntity(end, kind, {"ref": end})
        said = {key: texts_of(value) for key, value in given.items()}
        attributes = _of_edge(edge.kind, said)
        since = _first(said.get("startDate")) or _first(said.get("date"))
        until = _first(said.get("endDate")) or _first(said.get("date"))
        if since is not None and until is not None and until < since:
            since = until = None  # several spans in one entity: which day belongs to which is not said
        observed = Observed(since, until) if since or until else None
        links = [
            DraftLink(edge.kind, source, target, attributes, observed)
            for source in sources
            for target in targets
            if source in ends and target in ends and ends[target].kind in edge.targets and source != target
        ]
        for key, values in said.items():
            if values and key not in _READ_OF_EDGE and key not in (edge.source, edge.target):
                losses[f"{schema}.{key}: not held"] += len(values)
        if not links:
            losses[f"{schema}: an end is not in the file, or of a kind that can't be joined so"] += 1
            return None
        if len(ends) > MAX_ENTITIES:
            return RowProblem(row, "too_many_claims", "/entities", f"at most {MAX_ENTITIES} ends: split the entity")
        used = {end for link in links for end in (link.source, link.target)}
        return Draft([one for end, one in ends.items() if end in used], links, row=row, supersedes=_own(name))

    def _thing(
        self, name: str, schema: str, given: dict[str, Any], row: int, losses: Counter[str]
    ) -> Draft | RowProblem | None:
        """What has a key of its own: a vessel by its IMO number, an account by its IBAN, …"""
        said = {key: _first(texts_of(value)) for key, value in given.items()}
        key: dict[str, Any]
        match schema:
            case "Vessel":
                kind, key = "Vehicle", filled(imo=said.get("imoNumber"))
            case "Vehicle" | "Airplane":
                kind, key = "Vehicle", filled(vin=said.get("vin")) if schema == "Vehicle" else {}
            case "BankAccount":
                kind, key = "PaymentAccount", filled(iban=said.get("iban"))
            case "CryptoWallet":
                kind, key = "PaymentAccount", filled(wallet=said.get("publicKey"))
            case "UserAccount":
                kind, key = "Account", filled(site=said.get("service"), id=said.get("username"))
            case "Passport" | "Identification":
                type_ = "passport" if schema == "Passport" else said.get("type")
                kind, key = (
                    "IdentityDocument",
                    filled(country=said.get("country"), type=type_, number=said.get("number")),
                )
            case _:
                country, text = said.get("country"), said.get("full") or said.get("street")
                kind, key = "Address", filled(country=country, text=text) if country and text else {}
        if len(key) < _PARTS_NEEDED.get(kind, 1):
            losses[f"{schema}: without the number by which the model knows it"] += 1
            return None
        attributes: dict[str, Any] = {}
        if kind == "Address":
            attributes = filled(
                written=key["text"],
                locality=said.get("city"),
                region=said.get("region"),
                postcode=said.get("postalCode"),
            )
        elif kind == "Vehicle":
            attributes = filled(make=said.get("name") or said.get("model"))
        draft = Draft([DraftEntity("self", kind, key, attributes)], row=row, supersedes=_own(name))
        for holder in texts_of(given.get("holder"))[:_MOST] if kind == "IdentityDocument" else ():
            if (party := _FROM_KINDS.get(self._schemas.get(holder, ""))) is not None:
                draft.entities.append(DraftEntity(holder, party, {"ref": holder}))
                draft.links.append(DraftLink("USES", holder, "self"))
        return draft


_PARTS_NEEDED = {"Account": 2, "IdentityDocument": 3}
"""How many parts a key of a kind has, where that is more than one."""


def _of_edge(kind: str, said: dict[str, list[str]]) -> dict[str, Any]:
    if kind == "PAID_TO":
        for key, currency in (("amount", _first(said.get("currency"))), ("amountEur", "EUR"), ("amountUsd", "USD")):
            if amount := _first(said.get(key)):
                return filled(amount=amount, currency=currency, reference=_joined(said, "purpose"))
        return filled(reference=_joined(said, "purpose"))
    if kind == "CONTROLS":
        share = (_first(said.get("percentage")) or "").removesuffix("%").strip()
        return filled(share=share)
    return {}


def _first(values: list[str] | None) -> str | None:
    return values[0] if values else None


def _joined(said: dict[str, list[str]], *keys: str) -> str | None:
    return "\n".join(value for key in keys for value in said.get(key, [])) or None


def _own(name: str) -> Superseded | None:
    """The entity's id as the row's own reference, where it can be one."""
    return Superseded(reference=name) if text_of(name) == name and len(name) <= 200 and name.isprintable() else None


def _schemas(body: BinaryIO) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """The schema of every party of the file, by id; and, of an export, each thing's kind and the JSON of its key."""
    decoder = msgspec.json.Decoder(_Delta)
    found: dict[str, str] = {}
    exported: dict[str, tuple[str, str]] = {}
    for row in iter_rows(body, "ndjson"):
        if not row.data:
            continue
        try:
            line = decoder.decode(row.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        named = line.entity or line
        if named.schema in _FROM_KINDS:
            found[named.id] = named.schema
        if (kind := _word(named.properties.keywords, FTM_KIND)) is not None:
            exported[named.id] = kind, _word(named.properties.keywords, FTM_IDENTIFIER) or ""
        if max(len(found), len(exported)) > MAX_ROWS:
            raise TooLarge(f"more than {MAX_ROWS} entities: split the file", code="too_large", where="body")
    body.seek(0)
    return found, exported


def _moment(text: str | None) -> str | None:
    """A time as an export writes it: FollowTheMoney has no offsets, and ours are of UTC."""
    return f"{text}Z" if text is not None and "T" in text else text


def _word(keywords: Any, head: str) -> str | None:
    words = keywords if isinstance(keywords, list) else []
    return next((word.removeprefix(head) for word in words if isinstance(word, str) and word.startswith(head)), None)


def _ends(given: dict[str, Any], side: tuple[str, str]) -> list[str]:
    """The ids at one end of an export's link."""
    return [one for word in side for one in texts_of(given.get(word))]


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    return iter_rows(body, "ndjson", max_row, salt)


def _open(mapping: Mapping | None, body: BinaryIO) -> RecordImporter:
    return RecordImporter(_Maker(*_schemas(body)).make, blank=True)


def _recognises(head: bytes, ending: str) -> bool:
    line = head.lstrip().partition(b"\n")[0]
    return line[:1] == b"{" and all(f'"{word}"'.encode() in line for word in ("id", "schema", "properties"))


FORMAT = Format(
    name="ftm",
    title="FollowTheMoney",
    media_type="application/x-ftm+ndjson",
    endings=(".ftm.json", ".ijson"),
    mapping="none",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="a line, which is an entity; a link's line names its ends by id",
    read=(
        "Person; Organization, Company, PublicBody and LegalEntity as Organisation: by the entity's id",
        "their names, aliases, days, countries, websites; telephones and e-mail addresses, joined by USES",
        "Ownership as CONTROLS; Directorship, Membership and Employment as MEMBER_OF; Payment as PAID_TO",
        "an export of graphsvc: all its entities and links, by their keywords and roles",
        "Address with a country, Vessel by IMO number, Vehicle by VIN, BankAccount by IBAN, CryptoWallet, UserAccount,",
        "Passport and Identification with country, type and number (kept as a digest), with their holders (USES)",
    ),
    lost=(
        "all other schemas (Sanction, Family, documents, …) and properties; they are counted by name",
        "which party an address belongs to; several values of what can have one",
        "whether a LegalEntity is a person",
    ),
    lines=True,
    rank=6,
)
"""FollowTheMoney, https://followthemoney.tech."""
