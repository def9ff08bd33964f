"""UFED reports and CASE graphs: what is read, against independent readings; hostile ones; memory that stays flat."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphsvc.model.drafts import CleanDraft, Defaults
from graphsvc.model.errors import InvalidInput, TooLarge
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from importers.formats import format_of
from importers.ufed import FORMAT as UFED
from tests.exports import read_back

SCHEMA = load_schema()
POLICE = Organisation("police-ke", "police", "KE", "Police")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "AMBER"), legal_basis="statutory-duty", region="KE")
IMEI = "490154203237518"


def read(data: bytes, name: str) -> tuple[list[CleanDraft], list[Any], Counter[str]]:
    return read_back(data, name, POLICE, DEFAULTS)


def links(drafts: list[CleanDraft]) -> list[tuple[Any, ...]]:
    return [
        (link.kind, draft.entities[link.source].key, draft.entities[link.target].key,
         {name: value for group in link.attributes.values() for name, value in group.items()}, link.since, link.until)
        for draft in drafts for link in draft.links
    ]  # fmt: skip


# UFED


def said(name: str, value: str) -> str:
    return f'<field name="{name}" type="String"><value type="String"><![CDATA[{value}]]></value></field>'


def party(identifier: str, name: str = "", role: str = "General", owner: bool = False) -> str:
    return (
        f'<model type="Party" id="p">{said("Identifier", identifier)}{said("Role", role)}{said("Name", name)}'
        f"{said('IsPhoneOwner', str(owner))}</model>"
    )


def message(sender: str, when: str, body: str = "SECRET WORDS") -> str:
    return (
        f'<model type="InstantMessage" id="m">{said("Body", body)}{said("TimeStamp", when)}'
        f'<modelField name="From" type="Party">{party(sender)}</modelField></model>'
    )


def chat(source: str, name: str, parties: str, messages: str) -> str:
    return (
        f'<model type="Chat" id="c">{said("Source", source)}{said("Id", name)}'
        f'<multiModelField name="Participants" type="Party">{parties}</multiModelField>'
        f'<multiModelField name="Messages" type="InstantMessage">{messages}</multiModelField></model>'
    )


def call(direction: str, parties: str, when: str = "2026-01-05T10:00:00.000+03:00") -> str:
    return (
        f'<model type="Call" id="k">{said("Direction", direction)}{said("Duration", "00:01:05")}'
        f"{said('TimeStamp', when)}"
        f'<multiModelField name="Parties" type="Party">{parties}</multiModelField></model>'
    )


def report(
    *models: str, device: str = f'<item name="IMEI">{IMEI}</item><item name="MSISDN">0712345678</item>'
) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><project xmlns="http://pa.cellebrite.com/report/2.0" id="x">'
        f'<metadata section="Device Info">{device}<item name="DeviceInfoDetectedPhoneModel">Pixel 3</item></metadata>'
        f'<decodedData><modelType type="x">{"".join(models)}</modelType></decodedData></project>'
    ).encode()


OWNER, OTHER = "254712345678@s.whatsapp.net", "254722345678@s.whatsapp.net"
TWO = chat(
    "WhatsApp", OTHER, party(OWNER, owner=True) + party(OTHER, "Anh"),
    message(OWNER, "2026-01-02T03:04:05+00:00") + message(OTHER, "2026-01-03T03:04:05+00:00")
    + message(OWNER, "2026-01-01T00:00:00+00:00"),
)  # fmt: skip
GROUP = chat(
    "WhatsApp", "120363@g.us", party(OWNER, owner=True) + party(OTHER) + party("254733345678@s.whatsapp.net"),
    message(OTHER, "2026-01-03T03:04:05+00:00"),
)  # fmt: skip


def test_a_chat_is_who_wrote_how_often_and_not_what() -> None:
    data = report(TWO, GROUP)
    drafts, problems, _losses = read(data, "report.xml")
    assert not problems
    owner, other = "phone:e164:+254712345678", "phone:e164:+254722345678"
    found = links(drafts[:2])
    assert (
        "CONTACTED",
        owner,
        other,
        {"channel": "chat", "count": 2},
        "2026-01-01T00:00:00Z",
        "2026-01-02T03:04:05Z",
    ) in found
    assert (
        "CONTACTED",
        other,
        owner,
        {"channel": "chat", "count": 1},
        "2026-01-03T03:04:05Z",
        "2026-01-03T03:04:05Z",
    ) in found
    group = "account:whatsapp:120363@g.us"
    assert [one[:3] for one in found if group in one] == [
        ("CONTACTED", other, group), ("MEMBER_OF", owner, group), ("MEMBER_OF", "phone:e164:+254733345678", group),
    ]  # fmt: skip
    assert ("USES", f"device:imei:{IMEI}", owner, {}, None, None) in found
    rows = [row.data for row in UFED.cut(io.BytesIO(data), 1 << 20, None)]
    assert b"SECRET" not in b"".join(row or b"" for row in rows), "what was said is not even in the row"


def test_calls_by_role_direction_and_the_device_itself() -> None:
    data = report(
        call("Outgoing", party("+254722345678", role="To")),
        call("Incoming", party("0722345678", role="From")),
        call("Incoming", party("0722345678") + party("0712345678", role="To", owner=True)),
        f'<model type="SMS" id="s">{said("Source", "Native")}<multiModelField name="Parties" type="Party">'
        + party("0722345678", role="From") + "</multiModelField></model>",
    )  # fmt: skip
    drafts, problems, _ = read(data, "report.xml")
    assert not problems
    device, other = f"device:imei:{IMEI}", "phone:e164:+254722345678"
    contacts = [(one[1], one[2], one[3]["channel"]) for one in links(drafts) if one[0] == "CONTACTED"]
    assert contacts == [
        (device, other, "call"), (other, device, "call"), (other, "phone:e164:+254712345678", "call"),
        (other, device, "sms"),
    ]  # fmt: skip
    assert next(one for one in links(drafts) if one[0] == "CONTACTED")[3]["seconds"] == 65
    assert next(one for one in links(drafts) if one[0] == "CONTACTED")[4] == "2026-01-05T07:00:00Z"


def test_the_device_with_what_is_its_own() -> None:
    drafts, _, losses = read(report("<model type='Contact' id='1'><model type='x'/></model>"), "report.xml")
    (device,) = drafts
    assert [one.key for one in device.entities] == [f"device:imei:{IMEI}", "phone:e164:+254712345678"]
    assert device.entities[0].attributes["operational"] == {"model": "Pixel 3"}
    assert losses["Contact: not read"] == 1


def test_a_device_that_nobody_knows_says_nothing() -> None:
    drafts, _, losses = read(report(call("Outgoing", party("+254722345678")), device=""), "report.xml")
    assert not drafts and losses["Call: one side is not known, nor the device's own number"] == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (report(TWO)[:-40], "bad_document"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + report(TWO).partition(b"?>")[2], "bad_document"),
        (report("<model type='Chat'>" * 100 + "</model>" * 100), "document_too_large"),
        (report(TWO).replace(b'id="x"', b'id="' + b"x" * (9 << 20) + b'"'), "document_too_large"),
    ],
    ids=["cut short", "entities", "deep", "a long tag"],
)
def test_hostile_reports_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        for _ in UFED.cut(io.BytesIO(data), 1 << 20, None):
            pass
    assert caught.value.code == code


class Endless:
    """A report with a chat of a great many long messages, made while it is read."""

    def __init__(self, messages: int) -> None:
        self._pieces = self._made(messages)
        self.size = 0

    def _made(self, messages: int) -> Iterator[bytes]:
        begin, end = report(chat("WhatsApp", "g@g.us", party(OWNER), "")).split(
            b'type="InstantMessage"></multiModelField>'
        )
        yield begin + b'type="InstantMessage">'
        one = message(OWNER, "2026-01-02T03:04:05+00:00", "x" * 4_000).encode()
        for _ in range(messages):
            yield one
        yield b"</multiModelField>" + end

    def read(self, size: int, /) -> bytes:
        piece = next(self._pieces, b"")
        self.size += len(piece)
        return piece


def test_memory_is_flat_whatever_the_size() -> None:
    peaks = []
    for messages in (200, 5_000):
        body = Endless(messages)
        tracemalloc.start()
        rows = list(UFED.cut(body, 1 << 20, None))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert json.loads(rows[0].data or b"")["wrote"][0]["count"] == messages
    assert body.size > 20 << 20 and peaks[1] < peaks[0] + (1 << 20)


# CASE


def graph(*objects: dict[str, Any]) -> bytes:
    context = {"uco-core": "https://ontology.unifiedcyberontology.org/uco/core/"}
    return json.dumps({"@context": context, "@graph": list(objects)}).encode()


def thing(name: str, kind: str, facet: str = "", **members: Any) -> dict[str, Any]:
    named = {f"uco-observable:{word}": value for word, value in members.items()}
    made: dict[str, Any] = {"@id": name, "@type": f"uco-observable:{kind}"}
    return made | ({"uco-core:hasFacet": [{"@type": f"uco-observable:{facet}", **named}]} if facet else named)


def relation(source: str, word: str, target: str) -> dict[str, Any]:
    return {"@id": f"kb:r-{source}-{target}", "@type": "uco-core:Relationship", "uco-core:source": {"@id": source},
            "uco-core:target": [{"@id": target}], "uco-core:kindOfRelationship": word}  # fmt: skip


def test_a_graph_of_people_phones_and_calls() -> None:
    data = graph(
        {"@id": "kb:p", "@type": "uco-identity:Person", "uco-core:name": "Anh"},
        {"@id": "kb:shop", "@type": "uco-identity:Organization", "uco-core:name": "Shopee"},
        thing("kb:a", "PhoneAccount", "PhoneAccountFacet", phoneNumber="+254712345678"),
        thing("kb:b", "PhoneAccount", "PhoneAccountFacet", phoneNumber="+254722345678"),
        thing("kb:c", "DigitalAccount", "AccountFacet", accountIdentifier="u1", accountIssuer={"@id": "kb:shop"}),
        thing("kb:d", "MobileDevice", "MobileDeviceFacet", IMEI=[IMEI]),
        thing("kb:call", "Call", "CallFacet", **{"from": {"@id": "kb:a"}, "to": [{"@id": "kb:b"}], "duration": 65,
              "startTime": {"@type": "xsd:dateTime", "@value": "2026-01-02T03:04:05Z"}}),
        thing("kb:msg", "SMSMessage", "MessageFacet", **{"from": {"@id": "kb:b"}, "to": [{"@id": "kb:a"}],
              "messageText": "XY"}),
        relation("kb:p", "Has_Account", "kb:c"), relation("kb:p", "Has_Phone", "kb:a"),
        relation("kb:p", "Likes", "kb:b"),
        {"@id": "kb:case", "@type": "case-investigation:Investigation", "uco-core:name": "K",
         "uco-core:object": [{"@id": "kb:p"}]},
    )  # fmt: skip
    drafts, problems, losses = read(data, "x.jsonld")
    assert not problems
    person, account = "person:police-ke:kb:p", "account:shopee:u1"
    one, other = "phone:e164:+254712345678", "phone:e164:+254722345678"
    assert links(drafts) == [
        ("CONTACTED", one, other, {"channel": "call", "seconds": 65}, "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("CONTACTED", other, one, {"channel": "sms"}, None, None),
        ("USES", person, account, {}, None, None), ("USES", person, one, {}, None, None),
        ("INVOLVES", "case:police-ke:kb:case", person, {}, None, None),
    ]  # fmt: skip
    assert losses["relationship Likes: the model has no such link, or no kind for an end"] == 1
    assert losses["what was said in a message: it is not read"] == 1
    assert b"XY" not in b"".join(str(draft).encode() for draft in drafts)


def test_real_graphs_give_what_an_independent_reading_finds(test_data: Path) -> None:
    """Read independently by json alone: persons by type, telephones and e-mail addresses by their facets."""
    folder = test_data / "exchange" / "case_uco"
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        pytest.skip("no such test data")
    seen: Counter[str] = Counter()
    for path in files:
        data = path.read_bytes()
        value = json.loads(data)
        expected: dict[str, set[str]] = {"Person": set(), "Phone": set(), "Email": set()}
        for one in value.get("@graph", [value]) if isinstance(value, dict) else value:
            types, facets = one.get("@type"), one.get("uco-core:hasFacet") or []
            if "uco-identity:Person" in (types if isinstance(types, list) else [types]):
                expected["Person"].add(one["@id"])
            for facet in facets if isinstance(facets, list) else [facets]:
                number, address = facet.get("uco-observable:phoneNumber"), facet.get("uco-observable:addressValue")
                if isinstance(number, str):
                    expected["Phone"].add(number)
                if isinstance(address, str) and facet["@type"] == "uco-observable:EmailAddressFacet":
                    expected["Email"].add(address)
        form = format_of("application/x-case+ld+json")
        found: dict[str, set[str]] = {kind: set() for kind in expected}
        for _, made in form.open(None, io.BytesIO(data)).drafts(form.cut(io.BytesIO(data), 1 << 20, None)):
            for entity in getattr(made, "entities", ()):
                found.setdefault(entity.kind, set()).add(next(iter(entity.key.values())))
        for kind, wanted in expected.items():
            assert found[kind] == wanted, (path.name, kind)
            seen[kind] += len(wanted)
    assert min(seen.values()) > 3


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b'{"@context": {"u": "https://ontology.unifiedcyberontology.org/uco/core/"}, "@graph": 5}', InvalidInput),
        (graph({"@id": "a"})[:-3], InvalidInput),
        (b'{"@context": "unifiedcyberontology.org", "@graph": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", InvalidInput),
        (b'{"@context": "unifiedcyberontology.org", "@graph": [' + b"{}," * 4_100_000 + b"{}]}", TooLarge),
    ],
    ids=["no list", "cut short", "deep", "too many"],
)
def test_hostile_graphs_are_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(data, "x.jsonld")


def test_objects_that_name_each_other_in_circles_end() -> None:
    objects = [thing(f"kb:{n}", "PhoneAccount", "PhoneAccountFacet", phoneNumber="+254712345678",
                     other=[{"@id": f"kb:{m}"} for m in range(60)]) for n in range(60)]  # fmt: skip
    drafts, problems, _ = read(graph(*objects), "x.jsonld")
    assert len(drafts) == 60 and not problems
