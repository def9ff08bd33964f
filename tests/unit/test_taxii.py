"""TAXII 2.1 over HTTP: the walk of a client, filters, pages that lose nothing, what is refused."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from graphsvc.exchange.shelves import Shelf
from graphsvc.exchange.taxii import MEDIA, STIX, taxii_app
from graphsvc.model.errors import InvalidInput
from tests.exports import everything, exported

PASSWORD = "a long enough password"
BASIC = {"authorization": "Basic " + base64.b64encode(f"siem:{PASSWORD}".encode()).decode()}


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "rhino"
        self.folder.mkdir()
        self.data = exported(everything(), "stix")[0]
        self.put("first.stix.json", self.data, 1_700_000_000)
        self.shelf = Shelf(self.folder)
        self.client = TestClient(taxii_app([self.shelf], PASSWORD, "test"), base_url="http://taxii.test")
        self.objects = {one["id"]: one for one in json.loads(self.data)["objects"]}

    def put(self, name: str, data: bytes, at: int) -> None:
        (self.folder / name).write_bytes(data)
        os.utime(self.folder / name, (at, at))

    def get(self, path: str, status: int = 200, **asked: Any) -> Any:
        headers = {**BASIC, "accept": MEDIA}
        reply = self.client.get(path, params=asked, headers=headers)
        assert reply.status_code == status, reply.text
        assert reply.headers["content-type"] == MEDIA
        return reply.json()

    def of(self, rest: str, status: int = 200, **asked: Any) -> Any:
        return self.get(f"/graphsvc/collections/{self.shelf.id}/{rest}", status, **asked)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_client_finds_its_way(world: World) -> None:
    found = world.get("/taxii2/")
    assert found["default"] == "http://taxii.test/graphsvc/" and found["api_roots"] == [found["default"]]
    assert world.get("/graphsvc/")["versions"] == [MEDIA]
    (one,) = world.get("/graphsvc/collections/")["collections"]
    assert one == world.of("") and (one["title"], one["can_read"], one["can_write"]) == ("rhino", True, False)
    assert one["media_types"] == [STIX]


def test_pages_give_every_object_once(world: World) -> None:
    seen, asked = list[str](), {"limit": "7"}
    for _ in range(100):
        page = world.of("objects/", **asked)
        seen += [one["id"] for one in page["objects"]]
        if not page["more"]:
            break
        assert len(page["objects"]) == 7
        asked["next"] = page["next"]
    assert len(seen) == len(set(seen)) and set(seen) == set(world.objects)
    assert {one["id"] for one in world.of("manifest/")["objects"]} == set(seen)


def test_filters(world: World) -> None:
    kinds = {one["type"] for one in world.of("objects/", **{"match[type]": "identity,email-addr"})["objects"]}
    assert kinds == {"identity", "email-addr"}
    name = next(name for name, one in world.objects.items() if one["type"] == "user-account")
    assert [one["id"] for one in world.of("objects/", **{"match[id]": name})["objects"]] == [name]
    assert world.of(f"objects/{name}/")["objects"] == [world.objects[name]]
    assert world.of("objects/", added_after="2023-11-14T22:13:20Z") == {}
    assert world.of("objects/", added_after="2023-11-14T22:13:19Z")["objects"]
    assert world.of("objects/", **{"match[spec_version]": "2.0"}) == {}


def test_a_newer_export_is_a_newer_version(world: World) -> None:
    newer = world.data.replace(b"2026-11-27T10:00:00.000Z", b"2026-12-01T10:00:00.000Z")
    world.put("second.stix.json", newer, 1_700_000_100)
    name = next(name for name, one in world.objects.items() if one["type"] == "relationship")
    versions = world.of(f"objects/{name}/versions/")["versions"]
    assert versions == ["2026-11-27T10:00:00.000Z", "2026-12-01T10:00:00.000Z"]
    assert [one["modified"] for one in world.of(f"objects/{name}/")["objects"]] == versions[1:]
    assert [
        one["modified"] for one in world.of(f"objects/{name}/", **{"match[version]": "first"})["objects"]
    ] == versions[:1]
    both = world.of(f"objects/{name}/", **{"match[version]": "all"})
    assert len(both["objects"]) == 2
    account = next(name for name, one in world.objects.items() if one["type"] == "user-account")
    assert len(world.of(f"objects/{account}/versions/")["versions"]) == 1, "what has no version of its own has one"
    reply = world.client.get(f"/graphsvc/collections/{world.shelf.id}/objects/", headers={**BASIC, "accept": MEDIA})
    assert reply.headers["X-TAXII-Date-Added-Last"] == "2023-11-14T22:15:00.000000Z"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Basic " + base64.b64encode(b"siem:wrong").decode()}, 401),
        ({"authorization": "Bearer x"}, 401),
        ({"authorization": "Basic \u00e9"}, 401),
        ({**BASIC, "accept": "text/html"}, 406),
        ({**BASIC, "accept": "application/taxii+json;version=2.0"}, 406),
        ({**BASIC, "accept": "application/taxii+json; version=2.1"}, 200),
        (BASIC, 200),
    ],
)
def test_who_calls_and_what_it_takes(world: World, headers: dict[str, str], status: int) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    reply = world.client.get("/taxii2/", headers=raw)
    assert reply.status_code == status
    assert status != 401 or reply.headers["www-authenticate"].startswith("Basic")
    assert status == 200 or reply.json()["http_status"] == str(status)


def test_what_is_not_there_or_not_allowed(world: World) -> None:
    assert world.get("/graphsvc/collections/00000000-0000-0000-0000-000000000000/objects/", 404)["http_status"] == "404"
    world.get("/nothing", 404)
    world.of("objects/identity--nothing/", 404)
    for asked in (
        {"limit": "0"},
        {"limit": "x"},
        {"next": "%%"},
        {"next": "e30"},
        {"added_after": "today"},
        {"match[x]": "1"},
    ):
        world.of("objects/", 400, **asked)
    assert len(world.of("objects/", limit="999999999")["objects"]) == len(world.objects)
    path = f"/graphsvc/collections/{world.shelf.id}/objects/"
    reply = world.client.post(path, content=b"{}", headers=BASIC)
    assert reply.status_code == 405 and reply.headers["allow"] == "GET"


def test_a_file_that_is_no_bundle_is_told_and_names_nothing(world: World, tmp_path: Path) -> None:
    world.put("bad.stix.json", b"{", 1_700_000_200)
    told = world.of("objects/", 500)
    assert "bad_document" in told["title"] and str(tmp_path) not in told["title"]
    (tmp_path / "other" / "rhino").mkdir(parents=True)
    with pytest.raises(InvalidInput):
        taxii_app([world.shelf, Shelf(tmp_path / "other" / "rhino")], PASSWORD, "x")
    with pytest.raises(InvalidInput):
        Shelf(tmp_path / "nowhere")
