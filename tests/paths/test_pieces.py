"""Bodies in pieces: a connection that really breaks, by hand and by the client; bounds, whose it is, digests."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from graphsvc.client import Client, Outgoing, pending, pieces
from graphsvc.client.manifest import sign_manifest
from graphsvc.demo.cast import CLIENTS
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc_verify.canonical import b64u
from tests.paths.wire import NDJSON, MintingIdentity, file_of, row

NUMBER = 7_110_100
TUS = {"tus-resumable": "1.0.0"}
OCTETS = "application/offset+octet-stream"


@dataclass
class Hand:
    """A client of pasar's that sends by hand."""

    url: str
    token: str

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}", **TUS, **more.pop("headers", {})}
        return httpx2.request(method, f"{self.url}{path}", headers=headers, timeout=30, **more)

    def begin(self, length: int, kind: str = NDJSON) -> httpx2.Response:
        said = f"filetype {b64encode(kind.encode()).decode()}"
        return self("POST", "/v1/uploads", headers={"upload-length": str(length), "upload-metadata": said})

    def piece(self, at: str, offset: int, data: bytes, **headers: str) -> httpx2.Response:
        return self(
            "PATCH", at, content=data, headers={"content-type": OCTETS, "upload-offset": str(offset), **headers}
        )

    def offset(self, at: str) -> int:
        answer = self("HEAD", at)
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        return int(answer.headers["upload-offset"])

    def broken(self, at: str, offset: int, data: bytes, sent: int) -> None:
        """Begin to send a piece and break the connection after ``sent`` bytes of it."""
        where = urlsplit(self.url)
        assert where.hostname and where.port
        head = (
            f"PATCH {at} HTTP/1.1\r\nhost: {where.netloc}\r\nauthorization: Bearer {self.token}\r\n"
            f"tus-resumable: 1.0.0\r\ncontent-type: {OCTETS}\r\nupload-offset: {offset}\r\n"
            f"content-length: {len(data)}\r\n\r\n"
        )
        with closing(socket.create_connection((where.hostname, where.port), 10)) as connection:
            connection.sendall(head.encode() + data[:sent])
            time.sleep(1)


@pytest.fixture
def hand(members: Members, local_service: LocalService) -> Iterator[Hand]:
    made = Hand(local_service.url, members.token("pasar.feed"))
    yield made


def rows(start: int, many: int) -> list[bytes]:
    return [row(f"piece-{start + n}", NUMBER + start + n, expires="2030-01-01T00:00:00Z") for n in range(many)]


def hand_in(hand: Hand, signed: Any, upload: str, query: str = "") -> httpx2.Response:
    parts = [("manifest", (None, signed.manifest.encode())), ("seed", (None, b64u(signed.seed).encode())),
             ("upload", (None, upload.encode()))]  # fmt: skip
    headers = {"idempotency-key": signed.idempotency_key}
    return hand("POST", f"/v1/submissions{query}", files=parts, headers=headers)


def test_an_upload_goes_on_where_the_connection_broke(
    hand: Hand, members: Members, local_service: LocalService, tmp_path: Path
) -> None:
    outgoing = file_of(tmp_path / "a.ndjson", rows(0, 3))
    data = outgoing.path.read_bytes()
    answer = hand.begin(len(data))
    at = answer.headers["location"]
    assert answer.status_code == 201 and answer.headers["upload-expires"].endswith("GMT")
    hand.broken(at, 0, data, 100)
    there = hand.offset(at)
    assert there in (0, 100)  # a server may drop what it has not read when the connection ends
    assert hand.piece(at, there + 1, data).json()["code"] == "upload_offset"
    signed = sign_manifest(outgoing, local_service.origin, "pasar", members.by_name["pasar"].working)
    name = at.rpartition("/")[2]
    assert hand_in(hand, signed, name).json()["code"] == "upload_incomplete"
    assert hand.piece(at, there, data[there:] + b"x").status_code == 413
    assert hand.piece(at, hand.offset(at), data[hand.offset(at) :]).headers["upload-offset"] == str(len(data))
    taken = hand_in(hand, signed, name)
    assert taken.status_code == 201 and taken.json()["accepted"] == 3
    # Once decided the upload is gone, and the answer can be asked for.
    assert hand("HEAD", at).status_code == 404
    outcome = hand("GET", "/v1/submissions/outcome", headers={"idempotency-key": signed.idempotency_key})
    assert outcome.json()["index"] == taken.json()["index"]
    assert not list(local_service.data.glob("spool/**/*.bytes"))


def test_a_damaged_piece_is_taken_back(hand: Hand) -> None:
    at = hand.begin(20).headers["location"]
    right = b64encode(hashlib.sha256(b"0123456789").digest()).decode()
    assert hand.piece(at, 0, b"0123456780", **{"upload-checksum": f"sha256 {right}"}).status_code == 460
    assert hand.offset(at) == 0
    assert hand.piece(at, 0, b"0123456789", **{"upload-checksum": f"sha256 {right}"}).status_code == 204
    assert hand.offset(at) == 10
    assert hand.piece(at, 10, b"x", **{"upload-checksum": "md5 AAAA"}).status_code == 400
    assert hand("DELETE", at).status_code == 204 and hand("HEAD", at).status_code == 404


def test_a_body_that_is_not_the_one_signed_is_refused_and_forgotten(
    hand: Hand, members: Members, local_service: LocalService, tmp_path: Path
) -> None:
    outgoing = file_of(tmp_path / "b.ndjson", rows(20, 1))
    data = bytearray(outgoing.path.read_bytes())
    signed = sign_manifest(outgoing, local_service.origin, "pasar", members.by_name["pasar"].working)
    data[30] ^= 1
    at = hand.begin(len(data)).headers["location"]
    assert hand.piece(at, 0, bytes(data)).status_code == 204
    refused = hand_in(hand, signed, at.rpartition("/")[2])
    assert refused.status_code == 422 and refused.json()["code"] == "invalid_manifest"
    assert hand("HEAD", at).status_code == 404


def test_another_gets_what_an_absent_upload_gets(hand: Hand, members: Members, identity: MintingIdentity) -> None:
    at = hand.begin(10).headers["location"]
    absent = f"/v1/uploads/{'A' * 22}"
    colleague = next(one for one in CLIENTS if one.client_id == "pasar.officer")
    tokens = (members.token("customs-cn.feed"), identity.mint(colleague, roles=["submitter"]))
    others = [Hand(hand.url, token) for token in tokens]
    for other in others:
        for method, more in (("HEAD", {}), ("DELETE", {}), ("PATCH", {"content-type": OCTETS, "upload-offset": "0"})):
            real, none = (other(method, path, headers=more, content=b"") for path in (at, absent))
            assert real.status_code == none.status_code == 404 and real.content == none.content
    assert hand.offset(at) == 0
    assert hand("DELETE", at).status_code == 204


def test_bounds_and_what_is_no_request(hand: Hand) -> None:
    asked = hand("OPTIONS", "/v1/uploads")
    assert asked.headers["tus-version"] == "1.0.0" and "checksum" in asked.headers["tus-extension"]
    assert hand.begin(int(asked.headers["tus-max-size"]) + 1).status_code == 413
    old = httpx2.post(f"{hand.url}/v1/uploads", headers={"authorization": f"Bearer {hand.token}", "upload-length": "1"})
    assert old.status_code == 412 and old.headers["tus-version"] == "1.0.0"
    assert hand.begin(1, "nonsense").status_code == 400
    assert hand("POST", "/v1/uploads", headers={"upload-length": "-1"}).status_code == 400
    assert hand("HEAD", "/v1/uploads/..%2fx").status_code == 404
    assert httpx2.post(f"{hand.url}/v1/uploads", headers=TUS).status_code == 401
    made = [hand.begin(5) for _ in range(9)]
    assert [one.status_code for one in made] == [201] * 8 + [429] and made[-1].headers["retry-after"]
    for one in made[:-1]:
        assert hand("DELETE", one.headers["location"]).status_code == 204


@contextmanager
def cutting(url: str, after: list[int]) -> Iterator[str]:
    """A way to the service that breaks each of its first connections after so many bytes of what is sent."""
    where = urlsplit(url)
    assert where.hostname and where.port
    listener = socket.create_server(("127.0.0.1", 0))
    left = list(after)

    def pump(source: socket.socket, target: socket.socket, most: int | None) -> None:
        passed = 0
        try:
            while data := source.recv(65_536):
                if most is not None and passed + len(data) > most:
                    target.sendall(data[: most - passed])
                    time.sleep(0.1)
                    break
                passed += len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            with closing(end):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((where.hostname, where.port))
            most = left.pop(0) if left else None
            for way in ((near, far, most), (far, near, None)):
                threading.Thread(target=pump, args=way, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def test_the_client_goes_on_by_itself_and_after_it_was_ended(
    members: Members, local_service: LocalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGE", 10_000)
    monkeypatch.setattr(pieces, "PIECE", 20_000)
    outgoing, key = file_of(tmp_path / "c.ndjson", rows(100, 400)), members.by_name["pasar"].working
    size, told = outgoing.path.stat().st_size, list[int]()

    class Ended(Exception):
        pass

    def end(count: int) -> None:
        told.append(count)
        if sum(told) > size // 2:
            raise Ended

    with cutting(local_service.url, [15_000, 30_000]) as url, client_at(url, members) as client, pytest.raises(Ended):
        client.submit(outgoing, "pasar", key, end)
    begun = pending.upload_path(outgoing.path).read_text()
    with cutting(local_service.url, [9_000]) as url, client_at(url, members) as client:
        again = list[int]()
        done = client.submit(outgoing, "pasar", key, again.append)
    assert done.accepted == 400 and sum(again) == size
    assert again[0] > size // 2 - 20_000 and begun  # what had come before was not sent again
    assert not pending.upload_path(outgoing.path).exists() and not pending.pending_path(outgoing.path).exists()
    checked = members.client("pasar.feed").dry_run(replace(outgoing), "pasar", key)
    assert checked.accepted == 400 and not list(local_service.data.glob("spool/**/*.bytes"))


def client_at(url: str, members: Members) -> Client:
    return Client(url, lambda: members.token("pasar.feed"), members.trust())


def test_a_dry_run_at_the_service_warns_of_a_shared_key(members: Members, tmp_path: Path) -> None:
    shared = [row(f"shared-{n}", NUMBER + 900) for n in range(101)]
    outgoing: Outgoing = file_of(tmp_path / "d.ndjson", shared)
    checked = members.client("pasar.feed").dry_run(outgoing, "pasar", members.by_name["pasar"].working)
    (warning,) = checked.warnings
    assert (warning.code, warning.row) == ("shared_key", 0) and "101 rows" in warning.message
