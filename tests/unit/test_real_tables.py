"""Every table and network of the test data that a mapping fits: as many entities and links as an independent reading.

Read independently by csv and json of the standard library alone.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from graphsvc.client.convert import Converted, Input, convert, ready_mapping
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from importers import NDJSON

SCHEMA = load_schema()
POLICE = Organisation("police-ke", "police", "KE", "Police")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "AMBER"), legal_basis="statutory-duty")
NETWORK = b"""format: ndjson
comment: "#"
rows:
  - when: {column: type, equals: node}
    entities: [{ref: who, kind: Person, key: {ref: id}}]
  - when: {column: type, equals: edge}
    entities: [{ref: from, kind: Person, key: {ref: source}}, {ref: to, kind: Person, key: {ref: target}}]
    links:
      - {kind: CONTACTED, from: from, to: to, attributes: {weight: {column: properties.weight, optional: true}}}
"""
FEBRL = b"""format: table
rows:
  - entities:
      - ref: who
        kind: Person
        key: {ref: rec_id}
        attributes: {name: {column: surname, optional: true}, birthDate: {column: date_of_birth, optional: true}}
"""
NAMES = b"""format: table
rows:
  - entities:
      - ref: who
        kind: Person
        key: {ref: "#row"}
        attributes: {name: full_name, birthDate: date_of_birth, nationality: {column: nationality, absent: [""]}}
"""


def read(path: Path, mapping: bytes, media_type: str = "") -> Converted:
    return convert(Input(path, mapping, DEFAULTS, POLICE, media_type), SCHEMA)


def of(test_data: Path, pattern: str) -> list[Path]:
    found = sorted(test_data.glob(pattern))
    if not found:
        pytest.skip("no such test data")
    return found


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def test_covert_networks(test_data: Path) -> None:
    for path in of(test_data, "networks/covert_*/*.csv"):
        name = "covert-nodes" if ".nodes." in path.name else "covert-edges"
        rows, found = rows_of(path), read(path, ready_mapping(name))
        loops = sum(row["source"] == row["target"] for row in rows) if name == "covert-edges" else 0
        assert (found.accepted, found.rejected) == (len(rows), 0), path.name
        assert found.entities == (2 * len(rows) - loops if name == "covert-edges" else len(rows)), path.name
        assert found.links == (len(rows) if name == "covert-edges" else 0), path.name


def test_networks_of_cases(test_data: Path) -> None:
    edges = 0
    for path in of(test_data, "networks/roxanne/*.json"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("{") and line != "{"]
        if not lines:
            continue  # one JSON document of networkx: no importer reads it
        parts = [json.loads(line) for line in lines]
        links = [one for one in parts if one["type"] == "edge"]
        loops = sum(one["source"] == one["target"] for one in links)
        found = read(path, NETWORK, NDJSON)
        assert (found.accepted, found.rejected) == (len(parts), 0), (path.name, found.problems[:2])
        assert (found.links, found.entities) == (len(links), len(parts) + len(links) - loops), path.name
        edges += len(links)
    assert edges > 5_000


def test_records_of_people(test_data: Path) -> None:
    for path in of(test_data, "entity_resolution/febrl/*.csv"):
        rows, found = rows_of(path), read(path, FEBRL)
        assert (found.accepted, found.entities, found.rejected) == (len(rows), len(rows), 0), path.name
    for path in of(test_data, "entity_resolution/opensanctions_names/*.csv"):
        rows = rows_of(path)
        if "full_name" in rows[0]:
            found = read(path, NAMES)
            assert (found.accepted, found.entities, found.rejected) == (len(rows), len(rows), 0), path.name
