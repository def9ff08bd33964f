"""Exports read by the field's own libraries, where those are installed: they are too heavy to come with the tests.

Install what is to be tried: stix2, stix2-validator, pymisp, openpyxl, taxii2-client, followthemoney.
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

import pytest
import uvicorn

from graphsvc.exchange.shelves import Shelf
from graphsvc.exchange.taxii import taxii_app
from tests.exports import everything, exported

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


def test_followthemoney_takes_every_entity() -> None:
    ftm = library("followthemoney")
    for line in exported(everything(), "ftm")[0].splitlines():
        entity = ftm.model.get_proxy(importlib.import_module("orjson").loads(line), cleaned=False)
        entity.schema.validate(entity.to_dict())


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
