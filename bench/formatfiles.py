"""Files of every format that is read, made up, for the benchmark of formats: one function a format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from bench import formats

Written = tuple[Path, bytes | None]
_TABLE = formats.MAPPING.replace(b"format: csv", b"format: table")
_GRAPH = b"""format: ndjson
otherwise: skip
rows:
  - when: {column: type, equals: node}
    entities: [{ref: p, kind: Person, key: {ref: id}}]
  - when: {column: type, equals: edge}
    entities: [{ref: a, kind: Person, key: {ref: source}}, {ref: b, kind: Person, key: {ref: target}}]
    links: [{kind: CONTACTED, from: a, to: b}]
"""
_CHAT = b"""format: ndjson
region: ID
otherwise: skip
rows:
  - when: {column: phone, present: true}
    entities:
      - {ref: chat, kind: Account, key: {site: {const: whatsapp}, id: {const: g}}}
      - {ref: sender, kind: Phone, key: {value: phone}}
    links: [{kind: CONTACTED, from: sender, to: chat, observed: {since: {column: time, date: dmy, timezone: "+07:00"}}}]
"""


def _json(folder: Path, name: str, value: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(value))
    return path


def _parquet(folder: Path, count: int) -> Written:
    columns = list(zip(*formats.lines(count), strict=True))
    pq.write_table(pa.table(dict(zip(formats.HEADER, map(list, columns), strict=True))), folder / "t.parquet")
    return folder / "t.parquet", _TABLE


def _xlsx(folder: Path, count: int) -> Written:
    with xlsxwriter.Workbook(folder / "t.xlsx", {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for line, row in enumerate((formats.HEADER, *formats.lines(count))):
            for column, cell in enumerate(row):
                sheet.write_string(line, column, cell)
    return folder / "t.xlsx", _TABLE


def _stix(folder: Path, count: int) -> Written:
    objects: list[dict[str, Any]] = []
    for n in range(count // 3 or 1):
        objects += [
            {"type": "identity", "id": f"identity--{n}", "identity_class": "individual", "name": f"name {n}"},
            {"type": "email-addr", "id": f"email-addr--{n}", "value": f"a{n}@example.com"},
            {"type": "relationship", "id": f"relationship--{n}", "relationship_type": "uses",
             "source_ref": f"identity--{n}", "target_ref": f"email-addr--{n}"},
        ]  # fmt: skip
    return _json(folder, "b.stix.json", {"type": "bundle", "id": "bundle--1", "objects": objects}), None


def _misp(folder: Path, count: int) -> Written:
    made = [
        {"type": "phone-number", "value": f"+62812{n:08d}", "uuid": f"u{n}", "category": "Other"} for n in range(count)
    ]
    return _json(folder, "e.json", {"Event": {"uuid": "e", "info": "x", "Attribute": made}}), None


def _ftm(folder: Path, count: int) -> Written:
    path = folder / "e.ftm.json"
    path.write_text("".join(
        json.dumps({"id": f"p{n}", "schema": "Person", "properties": {"phone": [f"+62812{n:08d}"]}}) + "\n"
        for n in range(count)
    ))  # fmt: skip
    return path, None


def _case(folder: Path, count: int) -> Written:
    uco = "https://ontology.unifiedcyberontology.org/uco/"
    objects = [
        {"@id": f"kb:{n}", "@type": "uco-observable:PhoneAccount",
         "uco-core:hasFacet": [{"@type": "uco-observable:PhoneAccountFacet",
                                "uco-observable:phoneNumber": f"+62812{n:08d}"}]}
        for n in range(count)
    ]  # fmt: skip
    return _json(folder, "g.jsonld", {"@context": {"uco-core": f"{uco}core/"}, "@graph": objects}), None


def _graphml(folder: Path, count: int) -> Written:
    half = count // 2 or 1
    nodes = "".join(f'<node id="n{n}"/>' for n in range(half))
    edges = "".join(f'<edge source="n{n}" target="n{(n + 1) % half}"/>' for n in range(half))
    path = folder / "g.graphml"
    path.write_text(f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph>{nodes}{edges}</graph></graphml>')
    return path, _GRAPH


def _telegram(folder: Path, count: int) -> Written:
    messages = [{"id": n, "type": "message", "date_unixtime": str(1_760_000_000 + n),
                 "from": "A", "from_id": f"user{n % 50}",
                 "text": "x"} for n in range(count)]  # fmt: skip
    return _json(folder, "result.json", {"name": "g", "type": "private_group", "id": 1, "messages": messages}), None


def _whatsapp(folder: Path, count: int) -> Written:
    path = folder / "_chat.txt"
    path.write_text("".join(f"01/03/2025, 22.{n % 60:02d} - +62 812-3456-{n % 10_000:04d}: XY\n" for n in range(count)))
    return path, _CHAT


def write_ufed(path: Path, count: int) -> Path:
    """A UFED report with a chat of ``count`` messages of some 4 kB, and a call for every hundred."""

    def field(name: str, value: str) -> str:
        return f'<field name="{name}"><value>{value}</value></field>'

    party = f'<model type="Party">{field("Identifier", "6281234567801@s.whatsapp.net")}</model>'
    message = (
        f'<model type="InstantMessage">{field("Body", "x" * 4_000)}{field("TimeStamp", "2026-01-02T03:04:05+00:00")}'
        f'<modelField name="From">{party}</modelField></model>'
    )  # fmt: skip
    call = (
        f'<model type="Call">{field("Direction", "Outgoing")}'
        '<multiModelField name="Parties"><model type="Party">'
        f"{field('Identifier', '+6281234567802')}</model></multiModelField></model>"
    )
    path = path.with_suffix(".xml")
    with path.open("w") as file:
        file.write(
            '<project xmlns="http://pa.cellebrite.com/report/2.0"><metadata><item name="IMEI">490154203237518</item>'
        )
        file.write(f'</metadata><decodedData><model type="Chat">{field("Source", "WhatsApp")}{field("Id", "g@g.us")}')
        file.write(f'<multiModelField name="Participants">{party}</multiModelField><multiModelField name="Messages">')
        for _ in range(count):
            file.write(message)
        file.write("</multiModelField></model>")
        for _ in range(count // 100):
            file.write(call)
        file.write("</decodedData></project>")
    return path


def _ufed(folder: Path, count: int) -> Written:
    return write_ufed(folder / "report", count * 10), None


FILES: dict[str, Callable[[Path, int], Written]] = {
    "parquet": _parquet, "xlsx": _xlsx, "stix": _stix, "misp": _misp, "ftm": _ftm, "case": _case, "graphml": _graphml,
    "telegram": _telegram, "whatsapp": _whatsapp, "ufed": _ufed,
}  # fmt: skip
"""Format → what writes a file of about so many rows, with the mapping that it needs."""
