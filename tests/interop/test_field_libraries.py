"""Exports read and validated by the field's own libraries, and files of others as those libraries read them.

``followthemoney`` is not among what the tests install, because it builds PyICU against a system library: where it is
missing, ``tests/tables/ftm_schemata.tsv`` says what its schemata allow.
"""

from __future__ import annotations

import importlib
import io
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn

from graphsvc.client.convert import Converted, Input, convert
from graphsvc.exchange.shelves import Shelf
from graphsvc.exchange.taxii import taxii_app
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from tests.exports import SCHEMA, everything, exported

PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What these libraries warn of is theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{name} is not installed")


def test_stix_validates_without_errors_and_warnings(tmp_path: Path) -> None:
    validator = library("stix2validator")
    path = tmp_path / "x.stix.json"
    path.write_bytes(exported(everything(), "stix")[0])
    (result,) = validator.validate_file(str(path), validator.ValidationOptions(version="2.1")).object_results
    assert result.is_valid and not result.errors and not result.warnings


def test_stix2_parses_every_object() -> None:
    content = everything()
    bundle = library("stix2").parse(exported(content, "stix")[0].decode(), allow_custom=True, version="2.1")
    kinds = [one["type"] for one in bundle.objects]
    assert kinds.count("relationship") == len(content.links)
    assert len(kinds) > len(content.nodes) + len(content.links)


def test_pymisp_loads_the_event(tmp_path: Path) -> None:
    event = library("pymisp").MISPEvent()
    content = everything()
    (tmp_path / "e.json").write_bytes(exported(content, "misp")[0])
    event.load_file(str(tmp_path / "e.json"))
    assert len(event.objects) == len(content.nodes) + len(content.links)
    assert sum(len(one.references) for one in event.objects) == len(content.links)


def test_openpyxl_reads_texts_alone() -> None:
    book = library("openpyxl").load_workbook(io.BytesIO(exported(everything(), "xlsx")[0]))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"} and not any(cell.hyperlink for cell in cells)


def test_case_validates_without_errors(tmp_path: Path) -> None:
    validate, shapes = library("case_utils.case_validate"), library("case_utils.case_validate.validate_types")
    path = tmp_path / "x.jsonld"
    path.write_bytes(exported(everything(), "case")[0])
    done = validate.validate(str(path), allow_warnings=False)
    assert isinstance(done, shapes.ValidationResult)
    assert done.conforms and not done.undefined_concepts, done.text[:2_000]


_Schemata = dict[str, tuple[list[str], list[str], dict[str, str]]]


def schemata() -> _Schemata:
    """FollowTheMoney's schemata: what each is, what it requires, its properties with their types."""
    found: _Schemata = {}
    for line in (Path(__file__).parent.parent / "tables" / "ftm_schemata.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, ancestors, required, properties = line.split("\t")
            typed = dict(one.split("=", 1) for one in properties.split("; "))
            found[name] = ancestors.split(), required.split(), typed
    return found


def faults_of(lines: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What FollowTheMoney has not, or requires and does not find, by its published schemata."""
    known = schemata()
    by_id = {one["id"]: one for one in lines}
    faults: list[tuple[str, ...]] = []
    for one in lines:
        name, said = one["schema"], one["properties"]
        _, required, properties = known[name]
        faults += [(name, word, "required") for word in required if not said.get(word)]
        for word, values in said.items():
            kind, _, longest = properties.get(word, "unknown").removeprefix("-> ").partition(" ")
            if kind == "unknown":
                faults.append((name, word, kind))
            if longest and any(len(value) > int(longest) for value in values):
                faults.append((name, word, "too long"))
            if properties.get(word, "").startswith("-> "):
                ends = [by_id.get(value, {}).get("schema", "none") for value in values]
                faults += [(name, word, end) for end in ends if kind not in known.get(end, ([], [], {}))[0]]
    return faults


def test_followthemoneys_schemata_have_all_that_is_said() -> None:
    lines = [msgspec.json.decode(line) for line in exported(everything(), "ftm")[0].splitlines()]
    assert len({one["schema"] for one in lines}) > 12 and not faults_of(lines)
    lines[1]["properties"]["shoeSize"] = ["44"]
    lines[2]["properties"].pop("name")
    assert sorted(fault[1:] for fault in faults_of(lines)) == [("name", "required"), ("shoeSize", "unknown")]


def test_followthemoney_takes_every_entity() -> None:
    ftm = library("followthemoney")
    for line in exported(everything(), "ftm")[0].splitlines():
        entity = ftm.model.get_proxy(importlib.import_module("orjson").loads(line), cleaned=False)
        entity.schema.validate(entity.to_dict())


def others(test_data: Path, pattern: str) -> list[Path]:
    found = sorted((test_data / "exchange").glob(pattern))
    if not found:
        pytest.skip("no such test data")
    return found


def converted(path: Path) -> Converted:
    defaults = Defaults(handling=Handling("tlp-2.0", "AMBER"), purposes=["investigation"], legal_basis="agreement")
    return convert(Input(path, None, defaults, Organisation("pasar", "company", "ID", "Pasar")), SCHEMA)


def test_misp_files_hold_what_pymisp_reads(test_data: Path) -> None:
    pymisp, read = library("pymisp"), 0
    for path in others(test_data, "misp/**/*.json"):
        value = msgspec.json.decode(path.read_bytes())
        if not isinstance(value, dict) or "Event" not in value or "uuid" not in value["Event"]:
            continue
        event = pymisp.MISPEvent()
        event.load(value, validate=False)
        found = converted(path)
        assert (found.format.name, found.rows) == ("misp", 1 + len(event.attributes) + len(event.objects)), path.name
        said = [one for one in event.attributes if not getattr(one, "deleted", False)]
        said += [part for one in event.objects for part in one.attributes if not getattr(part, "deleted", False)]
        phones = {one.value for one in said if one.type in ("phone-number", "whois-registrant-phone")}
        mails = {one.value.strip().casefold() for one in said if one.type in ("email", "email-src", "email-dst")}
        keys = [entity.key for draft in found.drafts for entity in draft.entities]
        if found.accepted == len(found.drafts):
            assert len({key for key in keys if key.startswith("email:")}) >= len(mails) - len(found.unlinked), path.name
            assert sum(key.startswith("phone:") for key in set(keys)) <= len(phones), path.name
        read += 1
    assert read > 15


def test_stix_files_hold_what_stix2_reads(test_data: Path) -> None:
    stix2, read = library("stix2"), 0
    for path in others(test_data, "stix_oasis_schemas/**/*.json"):
        value = msgspec.json.decode(path.read_bytes())
        if "schemas/schemas" in path.as_posix() or not isinstance(value, dict) or value.get("type") != "bundle":
            continue
        try:
            objects = stix2.parse(value, allow_custom=True).objects
        except stix2.exceptions.STIXError:
            continue  # an example of what is wrong
        found = converted(path)
        assert (found.format.name, found.rows) == ("stix", len(objects)), path.name
        newest = {one["id"]: one for one in objects}
        keys = {entity.key for draft in found.drafts for entity in draft.entities}
        people = [one["id"] for one in newest.values() if one["type"] == "threat-actor"]
        if found.accepted == len(found.drafts):
            assert all(any(key.endswith(name) for key in keys) for name in people), path.name
        read += 1
    assert read > 5


def test_taxii2_client_fetches_a_collection(tmp_path: Path) -> None:
    client = library("taxii2client.v21")
    (tmp_path / "rhino").mkdir()
    (tmp_path / "rhino" / "x.stix.json").write_bytes(exported(everything(), "stix")[0])
    shelf = Shelf(tmp_path / "rhino")
    server = uvicorn.Server(uvicorn.Config(taxii_app([shelf], PASSWORD, "test"), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        for _ in range(200):
            if server.started:
                break
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        with closing(client.Server(f"http://127.0.0.1:{port}/taxii2/", user="siem", password=PASSWORD)) as found:
            (collection,) = found.api_roots[0].collections
            assert (collection.title, collection.can_read, collection.can_write) == ("rhino", True, False)
            pages = list(client.as_pages(collection.get_objects, per_request=9))
            assert sum(len(page.get("objects", [])) for page in pages) == len(shelf.all())
            name = shelf.all()[3].id
            assert collection.get_object(name)["objects"][0]["id"] == name
    finally:
        server.should_exit = True
        thread.join(10)
