"""Connections against the real service: idle ones, slow ones, too many of them; others' requests go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from graphsvc.api.connections import Bounds
from graphsvc.api.serving import serve
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.settings import read_settings
from tests.contents import spooled
from tests.paths.process import until
from tests.paths.rawhttp import Line, ask, request
from tests.paths.test_hostile import FEED, READER, graphql

WIDE = Bounds(connections=200, a_peer=200, head=600, idle=600, stall=600, rate=512, transfer=6_000)
LIVE = request("GET", "/health/live", {})


@contextmanager
def served(service: LocalService, **bounds: float) -> Iterator[str]:
    """The same service once more, within other bounds."""
    assert service.parts is not None
    settings = replace(read_settings(service.data, {}), port=0)
    with serve(service.parts.app, settings, replace(WIDE, **bounds)) as url:
        yield url


def test_idle_connections_make_room_for_who_comes_anew(local_service: LocalService, members: Members) -> None:
    with served(local_service, connections=20) as url, ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(Line(url))
        body = b'{"query": "{ cases { reference } }"}'
        for _ in range(5):
            assert ask(url, request("POST", "/graphql", graphql(members, READER), body)).status == 200


def test_no_more_connections_than_there_may_be(local_service: LocalService, members: Members) -> None:
    with served(local_service, connections=8, a_peer=4) as url, ExitStack() as stack:
        half = request("POST", "/graphql", {**graphql(members, READER), "content-length": "100"}, b"{")
        busy = [stack.enter_context(Line(url)) for _ in range(4)]
        for line in busy:
            line.send(half)
            line.send(b" ")
        # Heads come in within moments, but nothing says when: until then a connection only waits, and makes room.
        until(lambda: ask(url, LIVE).status != 200, "a fifth connection of one address was taken")
        answer = ask(url, LIVE)
        assert (answer.status, answer.code) == (503, "too_many_connections") and int(answer.headers["retry-after"]) > 0
        busy[0].socket.close()
        until(lambda: ask(url, LIVE).status == 200, "the room of one that went was not given to another")


def _state(url: str, line: Line) -> str:
    """The kernel's word for the service's end of a connection; 01 is established."""
    ours, theirs = line.socket.getsockname()[1], int(url.rpartition(":")[2])
    for text in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = text.split()[1:4]
        if local.endswith(f":{theirs:04X}") and remote.endswith(f":{ours:04X}"):
            return state
    return ""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 0),
        (b"GET /health/live HTT", 408),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\r\n", 408),
        (b"\r\n", 0),
    ],
    ids=["nothing", "half a line", "half a head", "a line end"],
)
def test_a_head_must_come_in_time(local_service: LocalService, members: Members, sent: bytes, status: int) -> None:
    with served(local_service, head=0.2) as url, Line(url) as line:
        line.send(sent)
        assert line.answer().status == status and line.ended()


def test_an_idle_connection_is_closed_after_its_answer(local_service: LocalService, members: Members) -> None:
    with served(local_service, idle=0.2) as url, Line(url) as line:
        line.send(LIVE)
        assert line.answer().status == 200
        line.send(b"\r\n")
        assert line.ended()


@pytest.mark.parametrize("path", ["/graphql", "/v1/submissions", "/v1/evidence"])
def test_a_body_must_move_on(local_service: LocalService, members: Members, path: str) -> None:
    headers = {**graphql(members, FEED), "content-length": "100000", "idempotency-key": "slow"}
    if path == "/v1/submissions":
        headers["content-type"] = "multipart/form-data; boundary=b"
    with served(local_service, stall=0.2) as url, Line(url) as line:
        line.send(request("POST", path, headers, b"--b\r\n"))
        answer = line.answer()
        assert (answer.status, answer.code) == (408, "request_timeout") and line.ended()
        assert ask(url, LIVE).status == 200
    assert not spooled(local_service.data)


def test_no_body_takes_longer_than_the_longest(local_service: LocalService, members: Members) -> None:
    with served(local_service, transfer=0.5, rate=1, head=4) as url, Line(url) as line:
        line.send(request("POST", "/graphql", {**graphql(members, READER), "content-length": "100000"}, b"{"))
        line.socket.settimeout(0.05)
        while True:
            line.send(b" ")
            try:
                answer = line.answer()
            except TimeoutError:
                continue
            break
        assert answer.status == 408


def test_a_body_nobody_waits_for_ends_soon(local_service: LocalService, members: Members) -> None:
    with served(local_service) as url, Line(url) as line:
        line.send(request("POST", "/graphql", {"content-length": "100000"}, b"{"))
        assert line.answer().status == 401 and line.ended()


def test_who_does_not_take_its_answer_is_cut_off(local_service: LocalService, members: Members) -> None:
    kind = "name kind description ofType { name kind description ofType { name kind description } }"
    fields = f"name description type {{ {kind} }} args {{ name description type {{ {kind} }} }}"
    question = f"{{ __schema {{ types {{ name description fields {{ {fields} }} }} }} }}"
    asked = request("POST", "/graphql", graphql(members, READER), json.dumps({"query": question}).encode())
    with served(local_service, stall=0.5) as url, Line(url, buffer=2048) as line:
        # More answers than the kernel holds for who does not read: it keeps what was sent, so look from its side.
        line.send(asked * 30)
        until(lambda: _state(url, line) != "01", "the service goes on for who does not read")
        assert ask(url, LIVE).status == 200


def test_what_is_pipelined_is_bounded(local_service: LocalService, members: Members) -> None:
    with served(local_service) as url, Line(url) as line:
        line.send(LIVE * 5)
        assert [line.answer().status for _ in range(5)] == [200] * 5
        line.send(LIVE * 1_000)
        assert line.ended()


def test_an_early_answer_arrives_though_the_body_is_still_on_its_way(
    local_service: LocalService, members: Members
) -> None:
    headers = {"authorization": f"Bearer {members.token('swiftline.officer')}", "content-length": "4000000"}
    headers |= {"idempotency-key": "early", "content-type": "multipart/form-data; boundary=b"}
    with served(local_service) as url, Line(url) as line:
        line.send(request("POST", "/v1/submissions", headers) + b"x" * 4_000_000)
        answer = line.answer()
        assert (answer.status, answer.code) == (403, "denied")
        line.send(LIVE)
        assert line.answer().status == 200, "the connection serves on"
