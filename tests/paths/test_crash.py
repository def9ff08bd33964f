"""SIGKILL at the two places that matter: after the ledger entry and before it is applied, and amid applying.

What was acknowledged must be there after the next start, once; a client that never got the answer asks again and gets
the same; the log goes on from where it was; no Neo4j is left without a master.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from graphsvc.client import Outgoing, SigningKey
from graphsvc.client.enrol import Enroller
from graphsvc.client.manifest import Signed, sign_manifest
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc_verify.merkle import verify_consistency
from graphsvc_verify.note import Checkpoint, verify_checkpoint
from graphsvc_verify.receipt import check_receipt
from tests.contents import spooled
from tests.paths import process
from tests.paths.process import Up, until, wait_ready
from tests.paths.wire import SEARCH, account_key, file_of, post, row

ORG, FEED, OFFICER = "pasar", "pasar.feed", "pasar.officer"
BEFORE, DURING = 2_000, 10_200
"""Rows: less than a batch; more than two batches, so that there is a middle."""
ATTEMPTS = 3
"""A kill that came too late is tried again with other rows; what it left must hold as well."""


@dataclass
class Sent:
    """A submission with the answer that its client got before the kill."""

    name: str
    outgoing: Outgoing
    signed: Signed
    answer: httpx2.Response

    @property
    def index(self) -> int:
        return int(self.answer.json()["index"])

    @property
    def rows(self) -> int:
        return self.signed.measured.rows


class World:
    """One state directory through several lives of its service."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "service"
        self.root, self.working = SigningKey.new(), SigningKey.new()
        self.up = self._start()
        self.sent: list[Sent] = []
        organisation = next(one for one in ORGANISATIONS if one.org == ORG)
        with self.up.client(OPERATOR) as operator:
            operator.admit(organisation, self.root.public)
            enroller = Enroller(ORG, self.up.service.origin, self.root)
            operator.enrol(enroller.signing(self.working, "feed", ("submitter",), None))

    def _start(self) -> Up:
        return Up(self.data, {ORG: self.root.public})

    def checkpoint(self) -> Checkpoint:
        return verify_checkpoint(self.up.get("/log/checkpoint").text, self.up.trust().log)

    def send(self, name: str, rows: int) -> Sent:
        path = self.folder / f"{name}.ndjson"
        outgoing = file_of(path, (row(f"{name}-{number}", number % 700) for number in range(rows)))
        signed = sign_manifest(outgoing, self.up.service.origin, ORG, self.working)
        answer = post(self.up.service.url, self.up.token(FEED), outgoing, signed)
        self.sent.append(Sent(name, outgoing, signed, answer))
        return self.sent[-1]

    def restart(self) -> None:
        """Start again at once after a kill, while the old Neo4j may still be ending."""
        before = self.up.neo4j_pid
        self.up = self._start()
        home = self.data / "neo4j"
        assert self.up.neo4j_pid != before and not process.server_runs(before, home)
        assert process.server_runs(self.up.neo4j_pid, home)

    def check_all(self, old: Checkpoint) -> None:
        """Everything that was ever acknowledged is there once, and the log extends what it was."""
        for sent in self.sent:
            self._check(sent)
        new = self.checkpoint()
        assert new.size >= old.size
        said = self.up.get(f"/v1/log/consistency?old={old.size}&new={new.size}").json()
        proof = [urlsafe_b64decode(one + "=" * (-len(one) % 4)) for one in said["proof"]]
        verify_consistency(old.size, new.size, old.root, new.root, proof)

    def _check(self, sent: Sent) -> None:
        assert sent.answer.status_code == 201, sent.answer.text
        # The client that never saw the answer asks again.
        again = post(self.up.service.url, self.up.token(FEED), sent.outgoing, sent.signed)
        assert (again.status_code, again.json()["index"]) == (200, sent.index)
        for answer in (sent.answer.json(), again.json()):
            assert check_receipt(answer["receipt"], self.up.trust()).index == sent.index
            assert (answer["accepted"], answer["rejected"]) == (sent.rows, 0)
        with self.up.client(OFFICER) as officer:
            last = account_key(f"{sent.name}-{sent.rows - 1}")
            found = officer.query(SEARCH, last, after=sent.index).data["search"]
        assert [(one["submission"], one["row"]) for one in found[0]["records"]] == [(sent.index, sent.rows - 1)]
        once = {"nodes": sent.rows, "records": sent.rows, "about": 2 * sent.rows}
        assert self.up.counts(sent.index) == {**once, "claims": sent.rows, "claimed": sent.rows}
        expected = [(sent.index << 28) + number for number in range(sent.rows)]
        assert process.records_in_columns(self.data, sent.index) == expected


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("crash"))
    yield world
    world.up.stop()


def killed(world: World, strike: Callable[[str], bool], name: str) -> Checkpoint:
    """Kill in the window, as often as it takes; returns what the log had published before the last kill."""
    for attempt in range(ATTEMPTS):
        published = world.checkpoint()
        if strike(f"{name}{attempt}"):
            return published
        world.restart()
        world.check_all(published)
    pytest.fail("no kill hit the window")


def test_killed_after_the_entry_and_before_it_is_applied(world: World) -> None:
    def strike(name: str) -> bool:
        sent = world.send(name, BEFORE)
        world.up.kill()
        # A batch goes to the columns before its graph transaction commits: without a part nothing was committed.
        return not process.parts_of(world.data, sent.index)

    old = killed(world, strike, "before")
    world.restart()
    world.check_all(old)


def test_killed_in_the_middle_of_applying(world: World) -> None:
    def strike(name: str) -> bool:
        sent = world.send(name, DURING)
        mark = "MATCH (w:Watermark) RETURN w.index, size(coalesce(w.open, []))"
        until(lambda: world.up.graph(mark)[0] >= sent.index, "the first batch was not applied")
        world.up.kill()
        # Committed: the first batch, as the watermark said. Not even written: the last.
        return len(process.parts_of(world.data, sent.index)) < 3

    old = killed(world, strike, "during")
    world.restart()
    world.check_all(old)


def test_sigterm_ends_the_service_while_neo4j_hangs(world: World) -> None:
    os.kill(world.up.neo4j_pid, signal.SIGSTOP)
    sent = world.send("hanging", 20)
    assert sent.answer.status_code == 201, "what is taken in waits in the ledger"
    world.up.stop()
    world.up = world._start()
    world.check_all(world.checkpoint())


def test_what_was_there_before_is_there_after(world: World) -> None:
    with world.up.client(OFFICER) as officer:
        after = world.sent[-1].index
        answer = officer.query(
            "query($after: Int) { submissions(first: 20, after: $after) { index accepted applied } }", after=after
        )
    listed = [(one["index"], one["accepted"], one["applied"]) for one in answer.data["submissions"]]
    assert listed == [(sent.index, sent.rows, True) for sent in reversed(world.sent)]
    assert not spooled(world.data)
    wait_ready(world.up.service.url)


@pytest.mark.parametrize("table", ["", "submissions", "withdrawals", "notices"])
def test_killed_while_a_file_is_sent_again(world: World, table: str) -> None:
    """At once, or as soon as a step of it is durable: in the end one record of each reference stands, the new one."""
    count = 400

    def signed(version: str) -> tuple[Outgoing, Signed]:
        name = f"{table}-{version}"
        lines = (row(f"{name}-{at}", at, supersedes={"reference": f"{table} {at}"}) for at in range(count))
        outgoing = file_of(world.folder / f"{name}.ndjson", lines)
        return outgoing, sign_manifest(outgoing, world.up.service.origin, ORG, world.working)

    def send(what: tuple[Outgoing, Signed], token: str) -> httpx2.Response | None:
        try:
            return post(world.up.service.url, token, *what)
        except httpx2.TransportError:
            return None

    token = world.up.token(FEED)
    first = send(signed("old"), token)
    assert first is not None and (first.status_code, first.json()["superseded"]) == (201, 0)
    old, what = first.json()["index"], signed("new")
    ledger = sqlite3.connect(f"file:{world.data / 'ledger' / 'ledger.db'}?mode=ro", uri=True)
    # That everybody was told is noted beside the withdrawal.
    column = "told" if table == "notices" else '"index"'
    steps = f"SELECT count(*) FROM {'withdrawals' if table == 'notices' else table} WHERE {column} > {old}"
    with ThreadPoolExecutor(1) as pool, closing(ledger):
        sending = pool.submit(send, what, token)
        if table:
            until(lambda: ledger.execute(steps).fetchone()[0], "it was not entered")
        world.up.kill()
        sending.result()
    world.restart()
    again = send(what, world.up.token(FEED))
    assert again is not None and again.status_code in (200, 201), again
    answer = again.json()
    assert (answer["accepted"], answer["superseded"]) == (count, count)
    new = answer["index"]
    until(lambda: world.up.counts(old)["records"] == 0, "what is superseded still stands")
    until(lambda: world.up.counts(new)["records"] == count, "what supersedes does not stand")
    assert process.records_in_columns(world.data, new) == [(new << 28) + at for at in range(count)]
    with world.up.client(OFFICER) as officer:
        assert officer.query(SEARCH, account_key(f"{table}-old-7"), after=new).data["search"] == []

        def recalls() -> list[dict[str, object]]:
            found = officer.query("{ recalls(first: 2) { index cause records told } }").data["recalls"]
            return [one for one in found if one["index"] > old]

        until(lambda: all(one["told"] for one in recalls()), "nobody was told")
        assert [(one["cause"], one["records"]) for one in recalls()] == [("corrected", count)], "once"
