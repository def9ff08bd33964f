"""Bulk upload: streamed to the spool, digested on the way, nothing left behind whatever happens."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from api_world import RECEIPT, World

from graphsvc.api import spool
from graphsvc.api.spool import Receiver, sweep

SEED = bytes(range(32))
BODY = b'{"entities": []}\n' * 1000


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, max_body=4 << 20)


def _parts(**changes: Any) -> list[tuple[str, Any]]:
    parts = {
        "manifest": (None, b"a.b.c"),
        "seed": (None, SEED),
        "body": ("rows.ndjson", BODY, "Application/X-NDJSON; charset=utf-8"),
        **changes,
    }
    return [(name, part) for name, part in parts.items() if part is not None]


def _submit(world: World, parts: Any = None, path: str = "/v1/submissions", **headers: str) -> Any:
    headers = {"idempotency-key": "k-1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return world.request("POST", path, files=parts or _parts(), headers=headers)


def test_a_submission_arrives_whole_and_its_spool_file_is_gone_afterwards(world: World) -> None:
    response = _submit(world, _parts(mapping=("m.yaml", b"format: csv")))
    assert response.status_code == 201
    assert response.json() == {"index": 3, "receipt": RECEIPT}
    upload = world.submitting.uploads[0]
    assert world.submitting.bodies == [BODY]
    assert (upload.manifest, upload.seed, upload.mapping) == ("a.b.c", SEED, b"format: csv")
    assert (upload.media_type, upload.idempotency_key, upload.dry_run) == ("application/x-ndjson", "k-1", False)
    assert upload.size == len(BODY)
    assert world.spooled() == []


def test_what_is_worked_on_is_said_before_a_body_is_read(world: World) -> None:
    sent = _submit(world, idempotency_key="k-working")
    asked = world.request("GET", "/v1/submissions/outcome", headers={"idempotency-key": "k-working"})
    for response in (sent, asked):
        assert (response.status_code, response.json()["code"]) == (409, "in_flight")
        assert response.headers["retry-after"] == "1"
    told = world.request("GET", "/v1/submissions/outcome", headers={"idempotency-key": "k-1"})
    assert (told.status_code, told.json()) == (200, {"index": 3, "receipt": RECEIPT})
    assert world.request("GET", "/v1/submissions/outcome").json()["code"] == "idempotency_key"
    assert not world.submitting.uploads and world.spooled() == []


def test_a_file_is_looked_at_in_memory_and_nothing_is_spooled(world: World) -> None:
    body = base64.b64encode(b"a,b\n").decode()
    said = {"body": body, "ending": ".csv", "holds": {"a": "phone"}, "defaults": {"legalBasis": "consent"}}
    response = world.request("POST", "/v1/submissions/preview", json=said)
    assert (response.status_code, response.json()["cells"]) == (200, [["a", "b"]])
    [sheet] = world.submitting.sheets
    assert (sheet.body, sheet.ending, sheet.holds, sheet.defaults.legal_basis) == (
        b"a,b\n",
        ".csv",
        {"a": "phone"},
        "consent",
    )
    assert world.spooled() == [] and not world.submitting.uploads


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b'{"body": "?"}', 400, "invalid_request"),
        (b'{"body": "", "name": "Rina.csv"}', 400, "invalid_request"),
        (b'{"body": "", "ending": "Rina.csv"}', 400, "invalid_request"),
        (b'{"body": "", "delimiter": ";"}', 400, "invalid_request"),
        (b'{"body": "' + b"A" * (7 << 20) + b'"}', 413, "too_large"),
    ],
)
def test_what_can_not_be_looked_at_is_refused(world: World, content: bytes, status: int, code: str) -> None:
    headers = {"content-type": "application/json"}
    response = world.request("POST", "/v1/submissions/preview", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "Rina" not in response.text and not world.submitting.sheets


def test_only_who_may_submit_has_a_file_looked_at(world: World) -> None:
    response = world.request("POST", "/v1/submissions/preview", json={"body": ""}, token=None)
    assert response.status_code == 401


def test_a_seed_may_be_base64url(world: World) -> None:
    text = base64.urlsafe_b64encode(SEED).rstrip(b"=")
    assert _submit(world, _parts(seed=(None, text))).status_code == 201
    assert world.submitting.uploads[0].seed == SEED


def test_a_dry_run_needs_no_idempotency_key(world: World) -> None:
    response = world.request("POST", "/v1/submissions?dryRun=true", files=_parts())
    assert response.status_code == 200
    assert world.submitting.uploads[0].dry_run
    assert world.request("POST", "/v1/submissions", files=_parts()).json()["code"] == "idempotency_key"
    assert world.request("POST", "/v1/submissions?dryRun=yes", files=_parts()).status_code == 400


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"manifest": None}, "part manifest"),
        ({"seed": None}, "part seed"),
        ({"body": None}, "part body"),
        ({"seed": (None, b"x" * 31)}, "part seed"),
        ({"manifest": (None, "caf\u00e9".encode())}, "part manifest"),
        ({"body": ("x", BODY, "nonsense")}, "part body"),
        ({"extra": (None, b"x")}, "body"),
    ],
)
def test_forms_that_do_not_fit(world: World, changes: dict[str, Any], where: str) -> None:
    response = _submit(world, _parts(**changes))
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["where"] == where
    assert world.spooled() == []
    assert not world.submitting.uploads


def test_a_part_comes_once(world: World) -> None:
    response = _submit(world, [*_parts(), ("manifest", (None, b"x.y.z"))])
    assert (response.status_code, response.json()["where"]) == (400, "part manifest")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"body": ("x", bytes((4 << 20) + 1), "text/csv")}, "part body"),
        ({"manifest": (None, b"x" * 70_000)}, "part manifest"),
        ({"body": ("x", bytes(8 << 20), "text/csv")}, "header content-length"),
    ],
)
def test_limits_are_kept(world: World, changes: dict[str, Any], where: str) -> None:
    response = _submit(world, _parts(**changes))
    assert (response.status_code, response.json()["where"]) == (413, where)
    assert world.spooled() == []


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"])
def test_other_content_types_are_refused(world: World, content_type: str) -> None:
    headers = {"idempotency-key": "k", "content-type": content_type}
    assert world.request("POST", "/v1/submissions", content=b"x", headers=headers).status_code == 400


CUT_OFF = b'--x\r\nContent-Disposition: form-data; name="seed"\r\n\r\nabc'


@pytest.mark.parametrize("body", [b"", b"--x\r\n", b"garbage", CUT_OFF])
def test_truncated_and_malformed_forms(world: World, body: bytes) -> None:
    headers = {"idempotency-key": "k", "content-type": "multipart/form-data; boundary=x"}
    response = world.request("POST", "/v1/submissions", content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_form")
    assert world.spooled() == []


def test_a_content_digest_is_held_against_the_content(world: World) -> None:
    right = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    assert _submit(world, content_digest=f"sha-256=:{right}:").json()["code"] == "content_digest"
    assert _submit(world, content_digest="md5=:AAAA:").status_code == 201
    assert world.spooled() == []


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, '""'])
def test_idempotency_keys_have_a_form(world: World, key: str) -> None:
    assert _submit(world, idempotency_key=key).json()["where"] == "header idempotency-key"


def test_what_the_path_refuses_keeps_its_status_and_leaves_nothing(world: World) -> None:
    assert _submit(world, _parts(manifest=(None, b"denied"))).status_code == 403
    assert world.spooled() == []


def test_a_full_disk_is_said_and_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, mode: str) -> Any:
        os.close(handle)
        return Path("/dev/full").open(mode)  # the kernel answers every flush with ENOSPC

    monkeypatch.setattr(spool.os, "fdopen", full)
    for body in (BODY, bytes(3 << 20)):
        response = _submit(world, _parts(body=("x", body, "text/csv")))
        assert response.status_code == 507
        assert response.json()["code"] == "storage_full"
        assert response.headers["retry-after"]
        assert world.spooled() == []
    assert not world.submitting.uploads


def test_errors_come_as_lines(world: World) -> None:
    response = world.request("GET", "/v1/submissions/3/errors")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text == '{"row":0,"code":"bad"}\n{"row":1,"code":"bad"}\n{"row":2,"code":"bad"}\n'
    for index in ("4", "-1", "x", "9" * 30, "٣"):
        assert world.request("GET", f"/v1/submissions/{index}/errors").status_code == 404
    assert world.request("GET", "/v1/submissions/3/errors", token=None).status_code == 401


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, b"x", 10)
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
    receiver.discard()


@pytest.fixture
def served(world: World) -> Iterator[int]:
    """The API behind a real HTTP server."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(world.app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()


def test_a_client_that_goes_away_leaves_no_spool_file(world: World, served: int) -> None:
    head = (
        "POST /v1/submissions HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 3000000\r\n"
        f"Authorization: Bearer {world.token}\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="body"\r\nContent-Type: text/csv\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", served)) as connection:
        connection.sendall(head.encode() + bytes(2 << 20))
        until = time.monotonic() + 5
        while not world.spooled() and time.monotonic() < until:
            time.sleep(0.01)
        assert len(world.spooled()) == 1
    until = time.monotonic() + 5
    while world.spooled() and time.monotonic() < until:
        time.sleep(0.01)
    assert world.spooled() == []
    assert not world.submitting.uploads


def test_receiving_does_not_hold_the_body_in_memory(tmp_path: Path) -> None:
    world = World(tmp_path, max_body=1 << 30)
    chunk = bytes(1 << 16)

    async def body() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="body"\r\nContent-Type: text/csv\r\n\r\n'
        for _ in range(512):
            yield chunk
        yield b'\r\n--b\r\nContent-Disposition: form-data; name="seed"\r\n\r\n' + SEED
        yield b'\r\n--b\r\nContent-Disposition: form-data; name="manifest"\r\n\r\na.b.c\r\n--b--\r\n'

    headers = {"idempotency-key": "k", "content-type": "multipart/form-data; boundary=b"}
    largest = _peak(lambda: world.request("POST", "/v1/submissions?dryRun=true", content=body(), headers=headers))
    assert world.submitting.uploads[0].size == 32 << 20
    # The test's own reading of the file holds it once; receiving adds a few MiB.
    assert largest < (32 << 20) + (12 << 20)


def _peak(work: Any) -> int:
    import tracemalloc

    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_event_loop_stays_free_while_a_body_comes_in(world: World) -> None:
    """Hashing and writing happen in worker threads."""
    seen: set[str] = set()
    original = Receiver.feed

    def feed(self: Receiver, chunk: bytes) -> None:
        seen.add(threading.current_thread().name)
        original(self, chunk)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Receiver, "feed", feed)
        assert _submit(world, _parts(body=("x", bytes(3 << 20), "text/csv"))).status_code == 201
    assert threading.main_thread().name not in seen
