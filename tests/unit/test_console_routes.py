"""The console as it is served: what a browser is told about it, and no way to any other file."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from graphsvc.api.documents import Documents
from graphsvc.app import api_schema
from graphsvc.console import ConsoleRoutes, LogKey
from graphsvc.model.schema import load_schema

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "console" / "src"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A console of two files, with one beside it that is none of it."""
    (tmp_path / "secret.txt").write_text("no")
    assets = tmp_path / "files" / "assets"
    assets.mkdir(parents=True)
    (assets / "index-1a.js").write_text("1")
    (assets / "strange.exe").write_text("1")
    (tmp_path / "files" / "index.html").write_text("<!doctype html>")
    return tmp_path / "files"


def get(files: Path, path: str) -> httpx2.Response:
    app = Starlette(routes=ConsoleRoutes(LogKey("log.example/test", "key"), load_schema(), files).routes())

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/console/search", "/console/chart/a-handle", "/console/nothing"])
def test_every_screen_is_the_one_page(files: Path, path: str) -> None:
    answer = get(files, path)
    assert answer.status_code == 200 and answer.text == "<!doctype html>"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer" and answer.headers["cache-control"] == "no-cache"


def test_the_door_leads_to_the_search(files: Path) -> None:
    answer = get(files, "/console")
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/search")


def test_files_are_kept_for_ever_by_their_digest(files: Path) -> None:
    answer = get(files, "/console/assets/index-1a.js")
    assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "name", ["..%2f..%2fsecret.txt", "../../secret.txt", "strange.exe", "index.html", "absent.js", "%2e%2e"]
)
def test_there_is_no_way_to_another_file(files: Path, name: str) -> None:
    answer = get(files, f"/console/assets/{name}")
    assert answer.text != "no" and answer.status_code in {404, 200}
    assert answer.status_code == 404 or answer.text == "<!doctype html>"


def test_without_a_console_one_line_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer = get(tmp_path, "/console/search")
    assert answer.status_code == 404 and "not built" in answer.json()["detail"]
    assert [record.getMessage() for record in caplog.records] == [
        "there is no console here: it was not built (make setup builds it where Node can be had)"
    ]


def test_the_pages_are_told_the_log_and_the_code_lists(files: Path) -> None:
    said = json.loads(get(files, "/console/service.json").content)
    assert (said["origin"], said["logKey"]) == ("log.example/test", "key")
    assert {"code": "investigation", "title": "Criminal investigation of a registered case"} in said["purposes"]
    assert "court-order" in {one["code"] for one in said["legalBases"]} and "sf-express" in said["couriers"]
    assert said["kinds"]["Phone"]["keys"] == [["value"]]


@pytest.mark.parametrize("path", sorted((SOURCE / "documents").glob("*.graphql")), ids=lambda path: path.stem)
def test_what_the_pages_ask_fits_schema_and_limits(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    spread = dict.fromkeys(re.findall(r"\.\.\.(\w+)", text))
    fragments = [(path.parent / "fragments" / f"{name}.graphql").read_text(encoding="utf-8") for name in spread]
    Documents(api_schema()).check("".join([text, *fragments]))
