"""Formats other than lines: small files of each, real ones against an independent reading, and hostile ones."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphsvc.client.convert import Converted, Input, convert
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from importers import formats, recognise
from importers.archives import check_workbook
from importers.formats import HEAD
from importers.generate import formats_page, mapping_schema
from tests.workbooks import cell, texts_of, workbook

SCHEMA = load_schema()
PASAR = Organisation("pasar", "company", "ID", "Pasar")
DEFAULTS = Defaults(
    handling=Handling("tlp-2.0", "GREEN"), purposes=["investigation"], legal_basis="legitimate-interest"
)
SELLERS = b"""format: table
region: ID
footer: [Total]
rows:
  - entities:
      - ref: seller
        kind: Account
        key: {site: {const: pasar}, id: seller}
        attributes: {registeredAt: {column: since, optional: true}, listings: {column: adverts, optional: true}}
      - {ref: phone, kind: Phone, key: {value: phone}, optional: true}
    links: [{kind: USES, from: seller, to: phone}]
"""


def made(tmp_path: Path, name: str, data: bytes, mapping: bytes | None = None) -> Converted:
    (tmp_path / name).write_bytes(data)
    return convert(Input(tmp_path / name, mapping, DEFAULTS, PASAR), SCHEMA)


def keys(converted: Converted) -> list[list[str]]:
    return [[entity.key for entity in draft.entities] for draft in converted.drafts]


def refused(tmp_path: Path, name: str, data: bytes, mapping: bytes | None = SELLERS) -> str:
    with pytest.raises(InvalidInput) as caught:
        made(tmp_path, name, data, mapping)
    return caught.value.code


def test_every_format_says_what_is_read_and_lost() -> None:
    for name, one in formats().items():
        assert one.name == name and one.read and one.lost and one.row and one.title
    assert len({one.media_type for one in formats().values()}) == len(formats())


# Workbooks


def test_a_workbook_as_people_write_it(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Sellers of March"],
        [],
        ["seller", "phone", "since", "adverts", "remark"],
        ["u1", "081234567801", ("day", 45717), 3.0, "text"],
        ["u2", 81234567802, "2025-03-01", 0.1 + 0.2],
        [],
        ["u3", 8.12345678901234567e17, "", 5],
        ["Total", "", "", 8],
        ["u9", "081234567809"],
    ]
    found = made(tmp_path, "sellers.xlsx", workbook({"March": rows, "Notes": [["by hand"]]}), SELLERS)
    assert (found.format.name, found.rows, found.accepted, found.rejected) == ("xlsx", 10, 3, 0)
    assert keys(found) == [
        ["account:pasar:u1", "phone:e164:+6281234567801"],
        ["account:pasar:u2", "phone:e164:+6281234567802"],
        ["account:pasar:u3"],
    ]
    assert [draft.row for draft in found.drafts] == [3, 4, 6]
    assert found.drafts[0].entities[0].attributes["operational"] == {"registeredAt": "2025-03-01", "listings": 3}
    assert [(one.code, one.columns) for one in found.unlinked] == [
        ("invalid_integer", ("adverts",)), ("digits_lost", ("phone",)),
    ]  # fmt: skip
    assert found.losses == {
        "column remark: no rule of the mapping reads it": 1,
        "sheet Notes: it lacks columns that the mapping needs": 1,
    }


def test_sheets_of_one_form_are_all_read_unless_one_is_named(tmp_path: Path) -> None:
    book = workbook({m: [["seller", "phone"], [f"u{m}", "081234567801"]] for m in ("1", "2", "3")})
    assert keys(made(tmp_path, "all.xlsx", book, SELLERS)) == [
        [f"account:pasar:u{m}", "phone:e164:+6281234567801"] for m in ("1", "2", "3")
    ]
    one = made(tmp_path, "one.xlsx", book, SELLERS + b"sheet: '2'\n")
    assert [draft.entities[0].key for draft in one.drafts] == ["account:pasar:u2"]
    assert one.losses == {"sheet 1: not read": 2, "sheet 3: not read": 2}
    assert refused(tmp_path, "none.xlsx", book, SELLERS + b"sheet: '4'\n") == "no_sheet"


def test_cells_merged_downwards_hold_for_all(tmp_path: Path) -> None:
    book = workbook({"x": [["seller", "phone"], ["u1", "081234567801"], ["", "081234567802"], ["u2", ""]]}, "A2:A3")
    assert [row[0] for row in keys(made(tmp_path, "merged.xlsx", book, SELLERS))] == [
        "account:pasar:u1", "account:pasar:u1", "account:pasar:u2",
    ]  # fmt: skip


def test_a_workbook_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "x.xlsx", workbook({"x": [["seller", "tel"], ["u1", "1"]]})) == "missing_column"


TAXA = """format: table
rows:
  - entities:
      - {ref: t, kind: Taxon, key: {name: COLUMN}, attributes: {appendix: APPENDIX}}
"""


@pytest.mark.parametrize(
    ("name", "column", "appendix", "letter"),
    [
        ("fauna_2019.xlsx", "Nombre Científico", "Apéndice", "I"),
        ("flora_2018.xlsx", "especie", "apendice", "C"),
        ("Listado_Fauna_CITES_Perú_2023.xlsx", "Especie/Nombre científico", "Apéndice", "H"),
    ],
)
def test_real_workbooks_give_every_row(test_data: Path, name: str, column: str, appendix: str, letter: str) -> None:
    path = test_data / "wildlife" / "cites_peru" / name
    if not path.is_file():
        pytest.skip("no such test data")
    mapping = TAXA.replace("COLUMN", column).replace("APPENDIX", appendix).encode()
    found = convert(Input(path, mapping, DEFAULTS, PASAR), SCHEMA)
    own = [row for row in texts_of(path) if letter in row and row[letter].strip()][1:]
    # Where the name is empty the row is told of as such; what else is rejected has a name that is none.
    refused_names = [one for one in found.problems if one.code != "missing_value"]
    assert found.accepted + len(refused_names) == len(own) > 500
    assert {one.code for one in refused_names} <= {"nothing_left"} and found.accepted > 500


def test_xls_reads_as_the_same_xlsx(test_data: Path) -> None:
    folder = test_data / "wildlife" / "cites_peru"
    if not folder.is_dir():
        pytest.skip("no such test data")
    mapping = TAXA.replace("COLUMN", "Especie/Nombre científico").replace("APPENDIX", "Apéndice").encode()
    old, new = (
        convert(Input(folder / f"Listado_Fauna_CITES_Perú_2023.{ending}", mapping, DEFAULTS, PASAR), SCHEMA)
        for ending in ("xls", "xlsx")
    )
    assert old.format.name == "xls" and old.accepted == new.accepted > 500
    assert keys(old) == keys(new) and len(old.drafts) == 100


def test_numbers_stored_as_text_and_days_of_a_real_workbook(test_data: Path) -> None:
    path = test_data / "exchange" / "ftm" / "nomenklatura_donations.xlsx"
    if not path.is_file():
        pytest.skip("no such test data")
    mapping = b"""format: table
rows:
  - entities:
      - {ref: party, kind: Organisation, key: {ref: Party}}
      - {ref: donor, kind: Organisation, key: {ref: Donor}}
    links:
      - {kind: PAID_TO, from: donor, to: party, attributes: {amount: DonationEUR, currency: {const: EUR}},
         observed: {since: DonationDate, until: DonationDate}}
"""
    found = convert(Input(path, mapping, DEFAULTS, PASAR), SCHEMA)
    own = texts_of(path)[1:]
    assert (found.accepted, found.links, found.unlinked) == (len(own), len(own), [])
    first = found.drafts[0].links[0]
    assert (
        first.attributes["financial"] == {"amount": "100000", "currency": "EUR"}
        and first.since == "2011-12-29T00:00:00Z"
    )


def test_hostile_workbooks_are_refused(tmp_path: Path) -> None:
    far = workbook({"x": [["seller", "phone"], [("raw", '<c r="XFD1048576"><v>1</v></c>')]]})
    assert refused(tmp_path, "far.xlsx", far) == "document_too_large"
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as member,
    ):
        for _ in range(600):
            member.write(bytes(1 << 20))
    assert bomb.tell() < 1 << 20 and refused(tmp_path, "bomb.xlsx", bomb.getvalue()) == "document_too_large"
    book = workbook({"x": [["seller", "phone"], ["u1", "081234567801"]]})
    for cut in (3, len(book) // 2, len(book) - 3):
        assert refused(tmp_path, "cut.xlsx", book[:cut]) in (
            "bad_document",
            "unknown_format",
            "missing_column",
            "bad_csv",
        )
    assert refused(tmp_path, "old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5_000)) == "bad_document"
    wide = workbook({"x": [[f"c{n}" for n in range(30_000)]]})
    assert refused(tmp_path, "wide.xlsx", wide) in (
        "document_too_large",
        "too_many_columns",
        "bad_document",
        "missing_column",
    )


def test_a_directory_that_lies_of_sizes_is_found_out() -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = b"".join(packed.compress(bytes(1 << 20)) for _ in range(600)) + packed.flush()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"x" * 100)
    whole = bytearray(out.getvalue())
    directory = whole.index(b"PK\x01\x02")
    first = bytes(whole[:31]) + data
    entry = bytearray(whole[directory:])
    end = entry.index(b"PK\x05\x06")
    entry[end + 16 : end + 20] = struct.pack("<I", len(first))
    with pytest.raises(InvalidInput) as caught:
        check_workbook(first + bytes(entry))
    assert caught.value.code == "document_too_large"


# Parquet and GraphML


def test_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {
            "seller": ["u1", "u2"],
            "phone": [6281234567801, None],
            "since": pa.array([1740840000_000_000, None], pa.timestamp("us", tz="Asia/Jakarta")),
            "adverts": pa.array([3, 4], pa.int32()),
            "photo": [b"x", b"y"],
        }
    )
    pq.write_table(table, tmp_path / "sellers.parquet")
    found = convert(
        Input(tmp_path / "sellers.parquet", SELLERS.replace(b"region: ID", b"region: US"), DEFAULTS, PASAR), SCHEMA
    )
    assert (found.accepted, found.rejected) == (2, 0)
    assert found.drafts[0].entities[0].attributes["operational"] == {
        "registeredAt": "2025-03-01T14:40:00Z",
        "listings": 3,
    }
    data = (tmp_path / "sellers.parquet").read_bytes()
    for broken in (data[:100], data[:-9], b"PAR1" + data[50:], b"PAR1"):
        assert refused(tmp_path, "broken.parquet", broken) == "bad_document"


GRAPH = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="node" attr.name="name"/><key id="d1" for="edge" attr.name="weight"/>
<graph edgedefault="undirected"><node id="n1"><data key="d0">Anh &amp; Co</data></node><node id="n2"/>
<edge source="n1" target="n2"><data key="d1">2.5</data></edge></graph></graphml>"""
NODES = b"""format: ndjson
rows:
  - when: {column: type, equals: node}
    entities: [{ref: a, kind: Person, key: {ref: id}, attributes: {name: data.name}}]
  - else: true
    entities: [{ref: a, kind: Person, key: {ref: source}}, {ref: b, kind: Person, key: {ref: target}}]
    links: [{kind: CONTACTED, from: a, to: b, attributes: {weight: data.weight}}]
"""


def test_graphml(tmp_path: Path) -> None:
    found = made(tmp_path, "net.graphml", GRAPH.encode(), NODES)
    assert keys(found) == [["person:pasar:n1"], ["person:pasar:n2"], ["person:pasar:n1", "person:pasar:n2"]]
    assert found.drafts[0].entities[0].attributes == {"personal": {"name": "Anh & Co"}}
    assert found.drafts[2].links[0].attributes == {"operational": {"weight": "2.5"}}
    for hostile in (
        '<!DOCTYPE graphml [<!ENTITY a "b">]>' + GRAPH,
        "<graphml>" + "<a>" * 200_000,
        GRAPH[:-20],
        '<?xml version="1.0" encoding="x-none"?>' + GRAPH,
    ):
        assert refused(tmp_path, "bad.graphml", hostile.encode(), NODES) in ("bad_document", "document_too_large")


# STIX, MISP, FollowTheMoney


def exchange(test_data: Path, pattern: str) -> list[Path]:
    found = sorted((test_data / "exchange").glob(pattern))
    if not found:
        pytest.skip("no such test data")
    return found


_KINDS_OF_STIX = {"campaign": "Case", "report": "Case", "grouping": "Case", "incident": "Event"}


def test_real_stix_bundles_give_what_an_independent_reading_finds(test_data: Path) -> None:
    for path in exchange(test_data, "stix_oasis_schemas/examples/**/*.json"):
        objects = json.loads(path.read_text()).get("objects")
        found = convert(Input(path, None, DEFAULTS, PASAR), SCHEMA)
        objects = objects or [json.loads(path.read_text())]
        # An address that is nobody's, alone in its row, leaves nothing to link.
        nobody = sum(one["type"] == "ipv4-addr" and not ip_address(one["value"]).is_global for one in objects)
        assert (found.format.name, found.rows, found.rejected) == ("stix", len(objects), nobody)
        by_id = {one["id"]: one for one in objects}
        held = {name for name, one in by_id.items() if _held_of_stix(one)}
        links = 0
        for one in objects:
            if "object_refs" in one and one["id"] in held:
                links += len(set(one["object_refs"]) & held - {one["id"]})
            ends = {one.get("source_ref"), one.get("target_ref")}
            if one["type"] == "relationship" and ends <= held:
                types = (by_id[one["source_ref"]]["type"], one["relationship_type"], by_id[one["target_ref"]]["type"])
                assert types == ("threat-actor", "attributed-to", "identity"), types  # no link of the model
        assert found.links == links, path.name
        assert found.accepted == len(held), path.name
        told = sum(
            count for what, count in found.losses.items() if "no kind for it" in what or what.startswith("relationship")
        )
        assert told == len(objects) - len(held) - nobody, path.name


def _held_of_stix(one: dict[str, Any]) -> bool:
    if one["type"] == "identity":
        return one.get("identity_class") in ("individual", "organization", "group")
    if one["type"] == "ipv4-addr":
        return ip_address(one["value"]).is_global
    return one["type"] in ("threat-actor", *_KINDS_OF_STIX)


def bundle(*objects: dict[str, Any]) -> bytes:
    return json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects}).encode()


def test_stix_observables_relationships_markings_and_versions(tmp_path: Path) -> None:
    who = {"type": "identity", "id": "identity--1", "identity_class": "individual", "name": "Anh"}
    data = bundle(
        {**who, "modified": "2024-01-01T00:00:00Z", "name": "Old"},
        {**who, "modified": "2025-01-01T00:00:00Z", "object_marking_refs": [
            "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
            "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "marking-definition--x"]},
        {"type": "user-account", "id": "user-account--1", "account_type": "taobao", "user_id": "u9",
         "account_login": "li"},
        {"type": "user-account", "id": "user-account--2", "user_id": "u9"},
        {"type": "email-addr", "id": "email-addr--1", "value": "li@example.com"},
        {"type": "relationship", "id": "relationship--1", "relationship_type": "uses", "source_ref": "identity--1",
         "target_ref": "email-addr--1", "start_time": "2025-01-01T00:00:00Z"},
        {"type": "observed-data", "id": "observed-data--1", "first_observed": "2025-01-01T00:00:00Z",
         "last_observed": "2025-01-02T00:00:00Z", "object_refs": ["user-account--1", "email-addr--1"]},
        {"type": "location", "id": "location--1", "latitude": -6.2, "longitude": 106.8},
        {"type": "identity", "id": "identity--2", "identity_class": "system", "revoked": True},
    )  # fmt: skip
    found = made(tmp_path, "b.json", data)
    assert (found.rows, found.accepted, found.rejected) == (9, 6, 0)
    assert keys(found) == [
        ["person:pasar:identity--1"], ["account:taobao:u9"], ["email:address:li@example.com"],
        ["person:pasar:identity--1", "email:address:li@example.com"],
        ["account:taobao:u9", "email:address:li@example.com"], ["address:geo:-6.2,106.8"],
    ]  # fmt: skip
    assert found.drafts[0].label.handling.code == "AMBER+STRICT" and found.drafts[0].reference == "identity--1"
    assert found.drafts[3].links[0].since == "2025-01-01T00:00:00Z" and found.drafts[4].until == "2025-01-02T00:00:00Z"
    assert found.losses["object_marking_refs: a marking that is no TLP"] == 1
    assert sum("older version" in what or "revoked" in what for what in found.losses) == 2


def test_real_misp_events_give_what_an_independent_reading_finds(test_data: Path) -> None:
    read = 0
    emails = {"email", "email-src", "email-dst", "email-reply-to", "target-email", "whois-registrant-email"}
    held = emails | {
        "ip-src",
        "ip-dst",
        "phone-number",
        "whois-registrant-phone",
        "btc",
        "xmr",
        "iban",
        "mac-address",
        "twitter-id",
        "github-username",
    }
    for path in exchange(test_data, "misp/reportlab/*.json"):
        event = json.loads(path.read_text())["Event"]
        attributes = event.get("Attribute", [])
        inside = [one for thing in event.get("Object", []) for one in thing.get("Attribute", [])]
        types = Counter(one["type"] for one in (*attributes, *inside) if not one.get("deleted"))
        found = convert(Input(path, None, DEFAULTS, PASAR), SCHEMA)
        assert found.format.name == "misp"
        assert found.rows == 1 + len(attributes) + len(event.get("Object", []))
        unlinked = len(found.unlinked)
        assert found.links + unlinked == sum(count for kind, count in types.items() if kind in held), path.name
        told = sum(count for what, count in found.losses.items() if what.startswith("attribute "))
        assert told == sum(count for kind, count in types.items() if kind not in held), path.name
        read += 1
    assert read > 10


def test_misp_objects_tags_and_deleted_parts(tmp_path: Path) -> None:
    def part(relation: str, value: str, kind: str = "text", **more: Any) -> dict[str, Any]:
        return {"type": kind, "object_relation": relation, "value": value, "uuid": f"u-{relation}", **more}

    event = {
        "uuid": "e-1", "info": "Ivory", "date": "2025-03-01", "threat_level_id": "1",
        "Tag": [{"name": "tlp:amber"}, {"name": 'admiralty-scale:source-reliability="b"'},
                {"name": 'admiralty-scale:information-credibility="2"'}, {"name": "workflow:todo"}],
        "Attribute": [
            {"type": "email-src", "value": "li@example.com", "uuid": "a-1", "Tag": [{"name": "tlp:red"}]},
            {"type": "email-src", "value": "no@example.com", "uuid": "a-2", "deleted": True},
        ],
        "Object": [
            {"name": "phone", "uuid": "o-1",
             "Attribute": [part("imei", "490154203237518"), part("msisdn", "+6281234567801")]},
            {"name": "person", "uuid": "o-2", "Attribute": [part("full-name", "Anh"), part("gender", "Male")]},
            {"name": "coin-address", "uuid": "o-3", "Attribute": [part("address", "x", "xmr", deleted=True)]},
        ],
    }  # fmt: skip
    found = made(tmp_path, "e.json", json.dumps({"response": [{"Event": event}]}).encode())
    assert keys(found) == [
        ["case:pasar:e-1"], ["case:pasar:e-1", "email:address:li@example.com"],
        ["case:pasar:e-1", "device:imei:490154203237518", "phone:e164:+6281234567801"],
        ["case:pasar:e-1", "person:pasar:o-2"],
    ]  # fmt: skip
    assert [draft.label.handling.code for draft in found.drafts] == ["AMBER", "RED", "AMBER", "AMBER"]
    assert found.drafts[0].grading.source == "B" and [draft.reference for draft in found.drafts[:2]] == ["e-1", "a-1"]
    assert sorted(link.kind for link in found.drafts[2].links) == ["INVOLVES", "INVOLVES", "USES"]


_ENDS = {
    "Ownership": ("owner", "asset"), "Directorship": ("director", "organization"), "Payment": ("payer", "beneficiary"),
    "Membership": ("member", "organization"), "Employment": ("employee", "employer"),
}  # fmt: skip
_PARTIES = {"Person", "Organization", "Company", "LegalEntity", "PublicBody"}


@pytest.mark.parametrize(
    "name",
    ["nomenklatura_donations.ijson", "yente_parteispenden_entities.ftm.json", "yente_t1_entities.ftm.json",
     "yente_t2_20240527194702-wnk_entities.delta.json", "yente_zala_entities.ftm.json", "openaleph_samples.ijson"],
)  # fmt: skip
def test_real_ftm_files_give_what_an_independent_reading_finds(test_data: Path, name: str) -> None:
    path = exchange(test_data, f"ftm/{name}")[0]
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    entities = [line.get("entity", line) for line in lines]
    schema_of = {one["id"]: one["schema"] for one in entities}
    parties = [one for one in entities if one["schema"] in _PARTIES]
    said = [value for one in parties for word in ("phone", "email") for value in one["properties"].get(word, [])]
    contacts = sum(len(value.split(";")) for value in said)
    joined = 0
    for one in entities:
        ends = _ENDS.get(one["schema"])
        for source in one["properties"].get(ends[0], []) if ends else ():
            for target in one["properties"].get(ends[1], []):
                known = {schema_of.get(source), schema_of.get(target)} <= _PARTIES
                joined += known and (schema_of[target] != "Person" or one["schema"] == "Payment")
    addresses = [one for one in entities if one["schema"] == "Address" and one["properties"].get("country")]
    found = convert(Input(path, None, DEFAULTS, PASAR), SCHEMA)
    assert (found.format.name, found.rows, found.rejected) == ("ftm", len(entities), 0)
    assert found.links + len([one for one in found.unlinked if one.pointer.endswith("/key")]) == contacts + joined
    placed = [one for one in addresses if one["properties"].get("full") or one["properties"].get("street")]
    kinds = Counter(entity.kind for draft in found.drafts for entity in draft.entities)
    if found.accepted <= 100:
        assert kinds["Address"] == len(placed)
    own = {entity.key for draft in found.drafts for entity in draft.entities}
    assert found.accepted > 100 or all(any(key.endswith(one["id"]) for key in own) for one in parties)


# Chats


def test_telegram(tmp_path: Path) -> None:
    chat = {
        "name": "Antik", "type": "private_supergroup", "id": 777,
        "messages": [
            {"id": 1, "type": "service", "date": "2025-03-01T10:00:00", "actor": "Anh", "action": "join_group_by_link"},
            {"id": 2, "type": "message", "date": "2025-03-01T22:14:00", "date_unixtime": "1740841440", "from": "Anh",
             "from_id": "user42", "photo": "x.jpg",
             "text": ["XY, call ", {"type": "phone", "text": "+6281234567801"}],
             "text_entities": [{"type": "plain", "text": "XY, call "}, {"type": "phone", "text": "+6281234567801"},
                               {"type": "mention", "text": "@li"}]},
            {"id": 3, "type": "message", "date": "2025-03-01T22:15:00", "from_id": "user43", "text": "ok"},
            "broken",
        ],
    }  # fmt: skip
    found = made(tmp_path, "result.json", json.dumps(chat).encode())
    assert (found.format.name, found.rows, found.accepted, found.rejected) == ("telegram", 4, 2, 1)
    assert keys(found) == [
        ["account:telegram:user42", "account:telegram:channel777", "phone:e164:+6281234567801"],
        ["account:telegram:user43", "account:telegram:channel777"],
    ]
    assert found.drafts[0].since == "2025-03-01T15:04:00Z" and found.drafts[0].reference == "telegram 777/2"
    assert found.drafts[0].links[0].attributes["content"] == {"text": "XY, call +6281234567801"}
    assert found.losses == {"service messages (joined, left, pinned, calls)": 1, "message.photo: not held": 1}


WHATSAPP = b"""format: ndjson
region: ID
otherwise: skip
rows:
  - when: {column: phone, present: true}
    entities:
      - {ref: chat, kind: Account, key: {site: {const: whatsapp}, id: {const: group-1}}}
      - {ref: sender, kind: Phone, key: {value: phone}}
    links:
      - kind: CONTACTED
        from: sender
        to: chat
        attributes: {channel: {const: chat}, text: text}
        observed: {since: {column: time, date: FORM, timezone: "+07:00"}}
"""
FIRST, SECOND = "+62 812-3456-7801: XY\nfor 200\n", "Anh: ok\n"
CHATS = {
    "24 hours": (
        "dmy",
        f"28/02/2025, 22.14 - Messages are encrypted.\n01/03/2025, 22.14 - {FIRST}01/03/2025, 22.15 - {SECOND}",
        "2025-03-01T15:14:00Z",
    ),
    "12 hours": ("mdy", f"3/1/25, 10:14\u202fPM - {FIRST}3/1/25, 10:15\u202fPM - {SECOND}", "2025-03-01T15:14:00Z"),
    "brackets": (
        "dmy",
        "\u200e[01/03/2025, 22:14:05] \u202a+62 812-3456-7801\u202c: XY\r\nfor 200\r\n"
        "[01/03/2025, 22:15:00] ~ Anh: ok\r\n",
        "2025-03-01T15:14:05Z",
    ),
    "year first": ("ymd", f"2025/3/1 下午10:14 - {FIRST}2025/3/1 下午10:15 - {SECOND}", "2025-03-01T15:14:00Z"),
    "dots": ("dmy", f"01.03.25, 22:14 - {FIRST}01.03.25, 22:15 - {SECOND}", "2025-03-01T15:14:00Z"),
}


@pytest.mark.parametrize("name", sorted(CHATS))
def test_whatsapp_in_its_date_forms(tmp_path: Path, name: str) -> None:
    form, text, at = CHATS[name]
    found = made(tmp_path, "_chat.txt", text.encode(), WHATSAPP.replace(b"FORM", form.encode()))
    assert (found.format.name, found.accepted, found.rejected) == ("whatsapp", 1, 0)
    assert keys(found) == [["account:whatsapp:group-1", "phone:e164:+6281234567801"]]
    link = found.drafts[0].links[0]
    assert link.attributes["content"] == {"text": "XY\nfor 200"} and link.since == at


# What is no file of any format, or too much of one


def test_hostile_json_is_refused(tmp_path: Path) -> None:
    deep = b'{"type":"bundle","id":"bundle--1","objects":' + b"[" * 200_000
    assert refused(tmp_path, "deep.json", deep, None) == "bad_document"
    many = b'{"type":"bundle","id":"bundle--1","objects":[' + b"0," * 7_000_000 + b"0]}"
    assert refused(tmp_path, "many.json", many, None) == "document_too_large"
    assert refused(tmp_path, "cut.json", bundle({"type": "identity", "id": "identity--1"})[:-9], None) == "bad_document"
    assert refused(tmp_path, "bytes.json", bundle()[:-2] + b'"\xff"]}', None) == "bad_document"
    long = bundle({"type": "identity", "id": "identity--1", "identity_class": "individual", "name": "x" * (10 << 20)})
    assert [one.code for one in made(tmp_path, "long.json", long).problems] == ["row_too_long"]


def test_what_is_no_known_file_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"\x89PNG\r\n\x1a\n", b"[1, 2]", b"<html></html>", b"hello"):
        with pytest.raises(InvalidInput) as caught:
            recognise(data[:HEAD], "file.bin")
        assert caught.value.code == "unknown_format"


def test_a_table_of_a_million_columns_is_refused(tmp_path: Path) -> None:
    header = ",".join(f"c{n}" for n in range(100_000))
    assert refused(tmp_path, "wide.csv", header.encode()) == "too_many_columns"
    assert [one.code for one in made(tmp_path, "wider.csv", b"," * 5_000_000, SELLERS).problems] == ["row_too_long"]
    assert cell(1, 27, "x").startswith('<c r="AB1"')


# The registry


def test_the_page_of_formats_is_up_to_date() -> None:
    root = Path(__file__).parents[2]
    assert (root / "docs" / "formats-read.md").read_text(encoding="utf-8") == formats_page()
    assert (root / "importers" / "mapping.schema.json").read_text(encoding="utf-8") == mapping_schema()


OWN = """from importers.formats import Format
from importers.native import FORMAT as NATIVE
import dataclasses
FORMAT = dataclasses.replace(
    NATIVE, name="radio", title="Radio log", media_type=MEDIA, endings=(".radio",), rank=9,
    recognises=lambda head, ending: head.startswith(b"RADIO"),
)
"""


@pytest.mark.parametrize(("media", "refused_as"), [("text/x-radio", None), ("text/csv", "bad_importer")])
def test_a_package_of_others_adds_a_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media: str, refused_as: str | None
) -> None:
    name = f"radio_{media.replace('/', '_').replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OWN.replace("MEDIA", repr(media)))
    about = tmp_path / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[graphsvc.importers]\nradio = {name}:FORMAT\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    formats.cache_clear()
    try:
        if refused_as is None:
            assert recognise(b"RADIO 1", "log.txt").name == "radio" and "radio" in formats()
        else:
            with pytest.raises(InvalidInput) as caught:
                formats()
            assert caught.value.code == refused_as
    finally:
        formats.cache_clear()


def test_losses_stay_few_and_printable(tmp_path: Path) -> None:
    objects = [{"type": f"x-{n}\u001b[31m", "id": f"x--{n}"} for n in range(1_500)]
    found = made(tmp_path, "many.json", bundle(*objects, *objects[:2]))
    assert len(found.losses) == 1_001 and sum(found.losses.values()) == 1_502
    assert all(what.isprintable() for what in found.losses)
