"""Seized phones: the ``report.xml`` of Cellebrite's UFED Physical Analyzer, read as a stream in bounded memory.

In a ``.ufdr``, which is a zip, it is the one file that is read; pictures and whatever else is in there are passed over.

A chat, a call, a message and the device are records. Of a chat it is kept who wrote how often, from when to when, and
who else is in it; what was said is not even read. Times, numbers and names are as the report has them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from xml.parsers import expat

from graphsvc.model.drafts import Draft, DraftEntity, DraftLink, Observed, RowProblem, Superseded
from graphsvc.model.errors import InvalidInput, TooLarge
from importers.documents import RecordImporter, broken, encoded, filled, text_of
from importers.formats import Format, Salt
from importers.rows import CHUNK, Readable, Row, records_as_rows
from importers.rules import Mapping
from importers.zipped import MAGIC, Begun, Unzipped

_WHAT = "UFED report"
_MAX_DEPTH = 60
_MAX_TOKEN = 8 << 20
"""A tag may have so many bytes: the parser holds one at a time."""
_MAX_TEXT = 500
_MAX_SENDERS, _MAX_LINKED = 2_000, 90
_WANTED = frozenset(
    ("Source", "SourceApplication", "Id", "Name", "Identifier", "Role", "IsPhoneOwner", "TimeStamp", "Direction",
     "Duration", "Username", "ServiceType", "ServiceIdentifier", "UserID", "CreditCardNumber", "NameOnCard", "Company")
)  # fmt: skip
"""Fields that are read. ``Body`` is none of them."""
_DEVICE = {
    "imei": "imei", "imei1": "imei", "imei2": "imei", "deviceinfoimei": "imei", "iccid": "iccid", "imsi": "imsi",
    "msisdn": "phone", "deviceinfodetectedphonemodel": "model", "deviceinfoselecteddevicename": "model",
}  # fmt: skip
_TOP = frozenset(("Chat", "Call", "SMS", "InstantMessage", "UserAccount", "CreditCard"))
_WHATSAPP = re.compile(r"(\d{7,15})@(?:s\.whatsapp\.net|c\.us)")
_NUMBER = re.compile(r"\+?[\d\s().\-]{6,25}")
_CALLED = frozenset(("", "native", "phone", "cellular", "telephony", "recents", "call log"))
"""Sources of calls and messages that are the network's own, not an app's."""


@dataclass(slots=True)
class _Model:
    """A model on its way: its fields, its parties, and of a chat how often each has written."""

    type: str
    place: str
    fields: dict[str, str] = field(default_factory=dict)
    parties: list[dict[str, str]] = field(default_factory=list)
    sender: dict[str, str] | None = None
    wrote: dict[str, list[Any]] = field(default_factory=dict)
    more: int = 0

    def take(self, child: _Model) -> None:
        """Take in a model that stands within this one."""
        if child.type == "Party":
            if child.place in ("From", "Sender"):
                self.sender = child.fields
                self.parties.append({**child.fields, "Role": "From"})
            elif len(self.parties) < _MAX_SENDERS:
                self.parties.append(child.fields)
            else:
                self.more += 1
        elif child.type == "InstantMessage" and self.type == "Chat":
            self._count(child)

    def _count(self, message: _Model) -> None:
        name = (message.sender or {}).get("Identifier", "")
        if name not in self.wrote and len(self.wrote) >= _MAX_SENDERS:
            self.more += 1
            return
        when = message.fields.get("TimeStamp", "")
        found = self.wrote.setdefault(name, [0, when, when])
        found[0] += 1
        if when:
            found[1], found[2] = min(found[1] or when, when), max(found[2], when)


class _Reader:
    """Collects records as the document is parsed."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.device: dict[str, list[str]] = {}
        self.skipped: Counter[str] = Counter()
        self._models: list[_Model] = []
        self._places: list[str] = []
        self._depth, self._ignored = 0, 0
        self._field, self._item = "", ""
        self._text: list[str] | None = None
        self._size = 0

    def start(self, name: str, given: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise TooLarge(f"the {_WHAT} is nested too deeply", code="document_too_large", where="body")
        if self._ignored:
            self._ignored += 1
            return
        name = name.rpartition(" ")[2]
        if name == "model":
            kind = given.get("type", "")
            if not self._models and kind not in _TOP:
                self.skipped[kind[:40]] += 1
                self._ignored = 1
                return
            self._models.append(_Model(kind, self._places[-1] if self._places else ""))
        elif name in ("modelField", "multiModelField"):
            self._places.append(given.get("name", ""))
        elif name == "field":
            self._field = given.get("name", "")
        elif name == "value" and self._models and self._field in _WANTED:
            self._text, self._size = [], 0
        elif name == "item" and not self._models:
            self._item = _DEVICE.get(given.get("name", "").casefold().replace(" ", ""), "")
            if self._item:
                self._text, self._size = [], 0

    def end(self, name: str) -> None:
        self._depth -= 1
        if self._ignored:
            self._ignored -= 1
            return
        name = name.rpartition(" ")[2]
        if name in ("value", "item"):
            self._said(name)
        elif name in ("modelField", "multiModelField") and self._places:
            self._places.pop()
        elif name == "model" and self._models:
            done = self._models.pop()
            if self._models:
                self._models[-1].take(done)
            else:
                self.records.append(self._record(done))

    def _said(self, name: str) -> None:
        if self._text is None:
            return
        text = "".join(self._text).strip()
        self._text = None
        if not text:
            return
        if name == "item" and not self._models:
            self.device.setdefault(self._item, [])
            if text not in self.device[self._item] and len(self.device[self._item]) < 8:
                self.device[self._item].append(text)
        elif self._models:
            self._models[-1].fields.setdefault(self._field, text)

    def text(self, piece: str) -> None:
        if self._text is not None and self._size < _MAX_TEXT:
            self._text.append(piece[: _MAX_TEXT - self._size])
            self._size += len(piece)

    def _record(self, model: _Model) -> dict[str, Any]:
        wrote = [{"name": name, "count": one[0], "first": one[1], "last": one[2]} for name, one in model.wrote.items()]
        return {"type": model.type, "device": self.device, "fields": model.fields, "parties": model.parties,
                "wrote": wrote, "more": model.more}  # fmt: skip


def _refuse(*_: Any) -> None:
    raise InvalidInput(f"a document type or entities have no place in a {_WHAT}", code="bad_document", where="body")


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    yield from records_as_rows(map(encoded, _records(Begun(body))), max_row, salt)


def _is_report(name: str) -> bool:
    return name.replace("\\", "/").rpartition("/")[2].casefold() == "report.xml"


def _records(begun: Begun) -> Iterator[dict[str, Any]]:
    body: Readable = Unzipped(begun, _is_report, "report.xml") if begun.head.startswith(MAGIC) else begun
    parser, reader = expat.ParserCreate(namespace_separator=" "), _Reader()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    fed = 0
    try:
        while chunk := body.read(CHUNK):
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > _MAX_TOKEN:
                raise TooLarge(f"a tag of the {_WHAT} is too long", code="document_too_large", where="body")
            yield from reader.records
            reader.records.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise broken(_WHAT, f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    except (LookupError, ValueError):
        raise broken(_WHAT, "its encoding is not known") from None
    yield from reader.records
    yield {"type": "Device", "device": reader.device, "skipped": dict(reader.skipped.most_common(100))}


def _make(record: dict[str, Any], row: int, losses: Counter[str]) -> Draft | RowProblem | None:
    kind, device = record.get("type"), record.get("device")
    fields, parties = record.get("fields") or {}, record.get("parties") or []
    if not isinstance(device, dict) or not isinstance(fields, dict) or not isinstance(parties, list):
        return RowProblem(row, "bad_record", "", "this is no part of a UFED report: take the file as it was written")
    made = _Making(device, text_of(fields.get("Source")) or text_of(fields.get("SourceApplication")) or "", losses)
    if kind == "Device":
        made.own()
        for what, count in (record.get("skipped") or {}).items():
            losses[f"{what}: not read"] += count
    elif kind == "Chat":
        made.chat(fields, parties, record.get("wrote") or [])
    elif kind in ("Call", "SMS", "InstantMessage"):
        made.contact(str(kind), fields, parties)
    elif kind == "UserAccount":
        made.account(fields)
    elif kind == "CreditCard":
        made.card(fields)
    if record.get("more"):
        losses["participants or messages of a chat beyond the bound"] += int(record["more"])
    if not made.draft.entities:
        return None
    made.draft.row = row
    own = text_of(fields.get("Id"))
    imei = next(iter(device.get("imei", [])), "")
    if own and kind == "Chat" and len(own) < 150 and own.isprintable():
        made.draft.supersedes = Superseded(reference=f"ufed {imei} {made.source} {own}"[:200])
    return made.draft


class _Making:
    """The making of one draft."""

    def __init__(self, device: dict[str, Any], source: str, losses: Counter[str]) -> None:
        self.draft = Draft([])
        self.source = source.casefold()
        self._device, self._losses = device, losses
        self._refs: dict[tuple[str, ...], str] = {}

    def own(self) -> DraftEntity | None:
        """The device, with its cards and numbers, where it is known by a number of its own."""
        model = filled(model=next(iter(self._device.get("model", [])), None))
        found = [self._entity("Device", {"imei": one}, model) for one in self._device.get("imei", [])]
        cards = [
            self._entity("Device", {part: one}) for part in ("iccid", "imsi") for one in self._device.get(part, [])
        ]
        numbers = [self._entity("Phone", {"value": one}) for one in self._device.get("phone", [])]
        for one in found[:1]:
            for other in (*cards, *numbers):
                self.draft.links.append(DraftLink("USES", one.ref, other.ref))
        return next(iter((*found, *cards)), None)

    def chat(self, fields: dict[str, Any], parties: list[Any], wrote: list[Any]) -> None:
        """Who wrote how often: to the other one, or, of more than two, to the chat."""
        people: dict[str, DraftEntity] = {}
        owners = set[str]()
        for party in parties[:_MAX_LINKED]:
            if isinstance(party, dict) and (one := self._person(party)) is not None:
                people[str(party.get("Identifier"))] = one
                if str(party.get("IsPhoneOwner")).casefold() == "true":
                    owners.add(one.ref)
        if len(parties) > _MAX_LINKED:
            self._losses["participants of a chat beyond the first 90"] += len(parties) - _MAX_LINKED
        room = None
        name = text_of(fields.get("Id"))
        if len({one.ref for one in people.values()}) != 2 and name and self.source:
            shown = filled(displayName=text_of(fields.get("Name")))
            room = self._entity("Account", {"site": self.source, "id": name}, shown)
        written = set[str]()
        for one in wrote:
            sender = people.get(str(one.get("name")))
            others = [other for other in people.values() if sender is not None and other.ref != sender.ref]
            target = room or next(iter(others), None)
            if sender is None or target is None:
                self._losses["messages of senders that are no participants"] += int(one.get("count", 0))
                continue
            written.add(sender.ref)
            times = filled(since=text_of(one.get("first")), until=text_of(one.get("last")))
            said = filled(channel="chat", count=one.get("count"))
            self.draft.links.append(DraftLink("CONTACTED", sender.ref, target.ref, said, Observed(**times)))
        for one in people.values() if room is not None else ():
            if one.ref not in written:
                self.draft.links.append(DraftLink("MEMBER_OF", one.ref, room.ref if room else ""))
        self._used(owners)

    def contact(self, kind: str, fields: dict[str, Any], parties: list[Any]) -> None:
        """A call or a message: from whom to whom, as roles or its direction say."""
        roles: dict[str, list[DraftEntity]] = {"from": [], "to": []}
        outgoing = text_of(fields.get("Direction")) == "Outgoing"
        owners = set[str]()
        for party in parties[:_MAX_LINKED]:
            if not isinstance(party, dict) or (one := self._person(party)) is None:
                continue
            role = (text_of(party.get("Role")) or "").casefold()
            if role not in roles:
                role = "to" if outgoing else "from"
            roles[role].append(one)
            if str(party.get("IsPhoneOwner")).casefold() == "true":
                owners.add(one.ref)
        if not roles["from"] or not roles["to"]:
            own = self.own() if roles["from"] or roles["to"] else None
            if own is None:
                self._losses[f"{kind}: one side is not known, nor the device's own number"] += 1
                self.draft = Draft([])
                return
            roles["from" if roles["to"] else "to"].append(own)
        when = text_of(fields.get("TimeStamp"))
        channel = {"Call": "call", "SMS": "sms"}.get(kind, "chat")
        said = filled(channel=channel, seconds=_seconds(text_of(fields.get("Duration"))) if kind == "Call" else None)
        seen = Observed(when, when) if when else None
        self.draft.links += [
            DraftLink("CONTACTED", a.ref, b.ref, said, seen)
            for a in roles["from"]
            for b in roles["to"]
            if a.ref != b.ref
        ]
        self._used(owners)

    def account(self, fields: dict[str, Any]) -> None:
        """An account that the device is signed in to."""
        name = next(
            (text for word in ("ServiceIdentifier", "UserID", "Username") if (text := text_of(fields.get(word)))), None
        )
        self.source = self.source or (text_of(fields.get("ServiceType")) or "").casefold()
        one = self._person({"Identifier": name, "Name": fields.get("Name")})
        if one is None:
            self._losses["UserAccount: without a name or a service"] += 1
        else:
            self._used({one.ref})

    def card(self, fields: dict[str, Any]) -> None:
        """A payment card that is kept on the device: only a whole number links it."""
        if (number := text_of(fields.get("CreditCardNumber"))) is None:
            self._losses["CreditCard: without its number"] += 1
            return
        said = filled(holder=text_of(fields.get("NameOnCard")), network=text_of(fields.get("Company")))
        self._used({self._entity("BankCard", {"number": number}, said).ref})

    def _used(self, refs: set[str]) -> None:
        """Say that the device uses what is its owner's."""
        if refs and (own := self.own()) is not None:
            self.draft.links += [DraftLink("USES", own.ref, ref) for ref in sorted(refs) if ref != own.ref]

    def _person(self, party: dict[str, Any]) -> DraftEntity | None:
        """A party as a telephone, an e-mail address or an account of the app."""
        name = text_of(party.get("Identifier"))
        if name is None:
            return None
        if (found := _WHATSAPP.fullmatch(name)) is not None:
            return self._entity("Phone", {"value": f"+{found[1]}"})
        if self.source in _CALLED or self.source in ("whatsapp", "signal", "viber"):
            if _NUMBER.fullmatch(name):
                return self._entity("Phone", {"value": name})
            if self.source in _CALLED:
                return self._entity("Email", {"value": name}) if "@" in name else None
        if self.source == "telegram" and name.isdecimal():
            name = f"user{name}"
        shown = filled(displayName=text_of(party.get("Name")))
        return self._entity("Account", {"site": self.source, "id": name}, shown)

    def _entity(self, kind: str, key: dict[str, str], said: dict[str, Any] | None = None) -> DraftEntity:
        """The entity of a key, each once."""
        named = (kind, *key.values())
        if named in self._refs:
            return next(one for one in self.draft.entities if one.ref == self._refs[named])
        self._refs[named] = f"e{len(self._refs)}"
        self.draft.entities.append(DraftEntity(self._refs[named], kind, key, said or {}))
        return self.draft.entities[-1]


def _seconds(text: str | None) -> int | None:
    """A duration as ``00:04:12``, or seconds."""
    if text is None:
        return None
    parts = text.split(".")[0].split(":")
    if not all(part.isdecimal() for part in parts) or len(parts) > 3:
        return None
    total = 0
    for part in parts:
        total = total * 60 + int(part)
    return total


def _open(mapping: Mapping | None, body: BinaryIO) -> RecordImporter:
    return RecordImporter(_make)


def _recognises(head: bytes, ending: str) -> bool:
    if head.startswith(MAGIC):
        return ending == ".ufdr" or (ending == ".zip" and b"report.xml" in head)
    return b"pa.cellebrite.com/report" in head


FORMAT = Format(
    name="ufed",
    title="UFED report (XML, or .ufdr)",
    media_type="application/x-ufed-report+xml",
    endings=(".ufdr",),
    mapping="none",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="a chat, a call, a message, an account or the device, as JSON with the device's numbers",
    read=(
        "`report.xml`, by itself or in a `.ufdr` (a zip), of which nothing else is read",
        "chats: who wrote how often to whom, from when to when (CONTACTED); who else is in a group (MEMBER_OF)",
        "calls and short messages, with time and duration; accounts; payment cards",
        "the device by IMEI, its SIM cards and number (USES)",
        "parties as telephones where the app or the network knows them by number, else as accounts of the app",
    ),
    lost=(
        "what was said: it is not read; contacts, files, pictures, places, web pages and other models, counted by type",
        "when each message of a chat was sent, but for the first and the last of each sender",
    ),
    rank=8,
)
"""The report of UFED Physical Analyzer, namespace http://pa.cellebrite.com/report/2.0. It is read as a stream."""
