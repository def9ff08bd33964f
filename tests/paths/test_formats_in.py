"""Files that are no lines, in over HTTP: a workbook and a bundle are signed, taken in and found row by row."""

from __future__ import annotations

import json
from pathlib import Path

from graphsvc.client import Outgoing
from graphsvc.client.manifest import media_type_of
from graphsvc.demo.company import Members
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Footing
from tests.workbooks import workbook

DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), legal_basis="legitimate-interest", pap="GREEN")
MAPPING = b"""format: table
region: ID
rows:
  - entities:
      - {ref: a, kind: Account, key: {site: {const: formats}, id: seller}}
      - {ref: p, kind: Phone, key: {value: phone}}
    links: [{kind: USES, from: a, to: p}]
"""
SEARCH = """query($kind: String!, $parts: [KeyPart!]!, $after: Int) {
  search(kind: $kind, parts: $parts, after: $after) { key records { submission } } }"""


def test_a_workbook_and_a_bundle_are_submitted(members: Members, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Sellers"],
        ["seller", "phone"],
        ["f1", 81234567841],
        ["f2", "0812-3456-7842"],
        ["", ""],
    ]
    (tmp_path / "sellers.xlsx").write_bytes(workbook({"March": rows}))
    objects = [
        {"type": "identity", "id": "identity--f3", "identity_class": "individual", "name": "Anh"},
        {"type": "email-addr", "id": "email-addr--f3", "value": "anh.f3@example.com"},
        {"type": "relationship", "id": "relationship--f3", "relationship_type": "uses", "source_ref": "identity--f3",
         "target_ref": "email-addr--f3"},
        {"type": "malware", "id": "malware--f3", "name": "x"},
    ]  # fmt: skip
    (tmp_path / "bundle.json").write_text(json.dumps({"type": "bundle", "id": "bundle--f3", "objects": objects}))
    sending, key = members.client("pasar.feed"), members.by_name["pasar"].working
    asking = members.client("pasar.officer")
    for name, mapping, accepted, kind, parts, found in (
        ("sellers.xlsx", MAPPING, 2, "Phone", {"value": "+6281234567842"}, "phone:e164:+6281234567842"),
        ("bundle.json", None, 3, "Email", {"value": "anh.f3@example.com"}, "email:address:anh.f3@example.com"),
    ):
        path = tmp_path / name
        done = sending.submit(Outgoing(path, media_type_of(path), mapping, DEFAULTS), "pasar", key)
        assert (done.accepted, done.rejected, done.rows) == (accepted, 0, 4), done.problems
        given = [{"name": word, "value": value} for word, value in parts.items()]
        answer = asking.query(SEARCH, {"kind": kind, "parts": given}, Footing(), after=done.index)
        assert [one["key"] for one in answer.data["search"]] == [found]
        assert {record["submission"] for record in answer.data["search"][0]["records"]} == {done.index}
    again = sending.submit(Outgoing(tmp_path / "bundle.json", "application/stix+json", None, DEFAULTS), "pasar", key)
    assert (again.accepted, again.superseded) == (3, 3)
