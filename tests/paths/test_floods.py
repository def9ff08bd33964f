"""A service of few files on a small disk: idle connections, half uploads, no room; others go on, and so does it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from graphsvc.client import SigningKey
from graphsvc.client.enrol import Enroller
from graphsvc.client.manifest import sign_manifest
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph.driver import Graph
from graphsvc.local.neo4j import Neo4jChild
from graphsvc_verify.note import verify_checkpoint
from tests.contents import spooled
from tests.disks import fill, mounted
from tests.paths.process import ROOT, Up, environment, until, wait_ready
from tests.paths.rawhttp import Line, ask, request
from tests.paths.wire import file_of, post, row

FILES = 700
"""Files that the service may open: room for 188 connections."""
RESERVE = 16 << 20
FEEDS = ("pasar.feed", "swiftline.feed")


class Small:
    """The service, with two companies that submit."""

    def __init__(self, folder: Path, disk: Path, settings: dict[str, str]) -> None:
        self.folder, self.disk, self.settings = folder, disk, settings
        chosen = [one for one in ORGANISATIONS if one.org in ("pasar", "swiftline")]
        self.roots = {one.org: SigningKey.new() for one in chosen}
        self.keys = {one.org: SigningKey.new() for one in chosen}
        self.up = Up(disk, {org: root.public for org, root in self.roots.items()}, settings, FILES)
        with self.up.client(OPERATOR) as operator:
            for one in chosen:
                operator.admit(one, self.roots[one.org].public)
                enroller = Enroller(one.org, self.up.service.origin, self.roots[one.org])
                operator.enrol(enroller.signing(self.keys[one.org], "feed", ("submitter",), None))
        self._sent = 0

    def send(self, feed: str, rows: int = 1) -> httpx2.Response:
        org, self._sent = feed.partition(".")[0], self._sent + 1
        path = self.folder / f"{self._sent}.ndjson"
        outgoing = file_of(path, [row(f"{self._sent}-{n}", n) for n in range(rows)])
        return post(
            self.up.service.url,
            self.up.token(feed),
            outgoing,
            sign_manifest(outgoing, self.up.service.origin, org, self.keys[org]),
        )

    def question(self, feed: str) -> int:
        headers = {"authorization": f"Bearer {self.up.token(feed)}", "content-type": "application/json"}
        headers["accept"] = "application/graphql-response+json"
        return ask(
            self.up.service.url, request("POST", "/graphql", headers, b'{"query": "{ submissions { index } }"}')
        ).status

    def published(self) -> int:
        note = (self.up.service.data / "ledger" / "tiles" / "checkpoint").read_text()
        return verify_checkpoint(note, self.up.trust().log).size

    def head(self) -> int:
        return verify_checkpoint(self.up.get("/log/checkpoint").text, self.up.trust().log).size

    def half(self, feed: str, number: int, length: int) -> bytes:
        """The beginning of an upload of ``length`` bytes."""
        headers = {"authorization": f"Bearer {self.up.token(feed)}", "idempotency-key": f"half-{number}"}
        headers |= {"content-type": "multipart/form-data; boundary=b", "content-length": str(length)}
        part = b'--b\r\nContent-Disposition: form-data; name="body"\r\nContent-Type: application/x-ndjson\r\n\r\n'
        return request("POST", "/v1/submissions", headers, part)


@pytest.fixture(scope="module")
def small(
    neo4j_server: Neo4jChild, graph_session: Graph, wipe: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Small]:
    wipe(graph_session)  # type: ignore[operator]
    folder = tmp_path_factory.mktemp("small")
    disk = folder / "disk"
    disk.mkdir()
    settings = {
        "GRAPHSVC_NEO4J_URI": neo4j_server.uri,
        "GRAPHSVC_NEO4J_USER": neo4j_server.auth[0],
        "GRAPHSVC_NEO4J_PASSWORD": neo4j_server.auth[1],
        "GRAPHSVC_DISK_RESERVE": str(RESERVE),
        "GRAPHSVC_UPLOADS_AN_ORGANISATION": "4",
    }
    with mounted(disk, "96m"):
        world = Small(folder, disk, settings)
        yield world
        world.up.stop()


def test_a_thousand_idle_connections_and_the_ledger_goes_on(small: Small) -> None:
    with ExitStack() as stack:
        for number in range(1_000):
            line = stack.enter_context(Line(small.up.service.url))
            if number % 3:
                with suppress(ConnectionError):
                    line.socket.send(b"GET /health/live HTTP/1.1\r\nHo"[: number % 3 * 20])
        for feed in FEEDS * 3:
            assert small.send(feed).status_code == 201 and small.question(feed) == 200
        head = small.head()
        until(lambda: small.published() >= head, "tiles are not published while connections are idle")
    wait_ready(small.up.service.url)


def test_half_sent_uploads_fill_neither_the_disk_nor_others_turns(small: Small) -> None:
    with ExitStack() as stack:
        statuses = []
        for number in range(12):
            line = stack.enter_context(Line(small.up.service.url))
            line.send(small.half("pasar.feed", number, 8 << 20))
            if number >= 4:
                statuses.append(line.answer())
            else:
                line.send(b"x" * (4 << 20))
        assert {(one.status, one.code) for one in statuses} == {(429, "too_many_requests")}
        assert all(int(one.headers["retry-after"]) > 0 for one in statuses)
        assert small.send("swiftline.feed").status_code == 201, "another organisation has its own room"
        too_large = ask(small.up.service.url, small.half("swiftline.feed", 99, 60 << 20))
        assert (too_large.status, too_large.code) == (507, "storage_full")
    until(lambda: not spooled(small.disk), "the spool is not emptied")
    until(lambda: small.send("pasar.feed").status_code == 201, "what ended has not given its room back")


def test_a_full_disk_refuses_and_goes_on_by_itself_when_there_is_room(small: Small) -> None:
    assert small.send("pasar.feed").status_code == 201
    filler = fill(small.disk)
    answer = small.send("pasar.feed")
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    # What the write-ahead log has already is used up first.
    statuses = set()
    until(lambda: statuses.add(small.question("swiftline.feed")) or 507 in statuses, "the disk does not become full")
    assert statuses <= {200, 507}, "an answer leaves only when its entry is durable"
    assert httpx2.get(f"{small.up.service.url}/health/ready").json()["parts"]["ledger"] is False
    filler.unlink()
    assert small.question("swiftline.feed") == 200
    assert small.send("pasar.feed").status_code == 201
    until(lambda: small.published() == small.head(), "tiles are not published again")
    wait_ready(small.up.service.url)


def test_ten_uploads_of_one_organisation_do_not_hold_up_anothers(small: Small) -> None:
    done: list[int] = []
    senders = [Thread(target=lambda: done.append(small.send("pasar.feed", 2_000).status_code)) for _ in range(4)]
    for sender in senders:
        sender.start()
    while len(done) < 4:
        before = len(done)
        assert small.question("swiftline.feed") == 200
        assert len(done) - before <= 2, "a question waited while several bodies were taken in"
    for sender in senders:
        sender.join()
    assert done == [201] * 4


def test_a_killed_service_starts_after_all_that(small: Small) -> None:
    small.up.kill()
    small.up = Up(small.disk, {org: root.public for org, root in small.roots.items()}, small.settings, FILES)
    assert small.send("pasar.feed").status_code == 201


def test_too_few_files_are_told_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "graphsvc", "up", "--data", str(tmp_path), "--port", "0", "--json"]
    words = ["sh", "-c", 'ulimit -n 256 && exec "$@"', "sh", *command]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), cwd=ROOT, check=False)
    said = json.loads(done.stderr or done.stdout)
    assert done.returncode != 0 and "open_files" in json.dumps(said) and "ulimit -n" in json.dumps(said)
