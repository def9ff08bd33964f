"""One state directory through many lives of its service, all that was ever acknowledged there, and what must hold."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
import psutil

from graphsvc.client import Client, Outgoing, SigningKey
from graphsvc.client.enrol import Enroller
from graphsvc.client.manifest import Signed
from graphsvc.demo.cast import OPERATOR
from graphsvc.demo.company import Member
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.projection.changes import EFFECTIVE, SUBMISSION
from graphsvc_verify.canonical import unb64u
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.merkle import EMPTY_ROOT, leaf_hash, node_hash, verify_consistency
from graphsvc_verify.note import verify_checkpoint
from graphsvc_verify.receipt import check_receipt
from graphsvc_verify.tiles import Fetch, check_tree, read_entries
from tests.paths import process
from tests.paths.process import Up, until
from tests.paths.wire import post

CASE = "KILL/2026-1"
WATCHDOG = 600.0
"""Seconds for anything that must come to an end on a machine however busy."""
VARIABLES = {
    # Readers ask for more in a minute than people do in a day.
    "GRAPHSVC_IDENTIFIERS_A_DAY": "1000000",
    # Java is started a hundred times and never lives long: little is worth compiling well.
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1",
    "GRAPHSVC_NEO4J_HEAP": "320m",
    "GRAPHSVC_NEO4J_PAGECACHE": "64m",
}
_BITS = 28
# One at a time: the server bounds what all that is asked may hold.
_COUNTS = (
    "MATCH (n:Record) WITH n.id / $one AS s, count(n.id) AS n, count(DISTINCT n.id) AS d RETURN collect([s, n, d])",
    "MATCH ()-[x:ABOUT]->() WITH x.rec / $one AS s, count(x) AS n RETURN collect([s, n])",
    "MATCH ()-[c:CLAIM]->() WITH c.rec / $one AS s, count(c) AS n RETURN collect([s, n])",
)


@dataclass
class Sent:
    """A submission that was acknowledged: ``rows`` of them, ``gone`` those that a recall or an erasure names."""

    org: str
    name: str
    index: int
    rows: int
    outgoing: Outgoing
    signed: Signed
    named: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Withdrawal:
    """Rows that an act, by the digest of its text, takes away: if the log has it."""

    digest: str
    index: int
    rows: frozenset[int]


@dataclass(frozen=True)
class Receipt:
    """As much of a receipt as has to hold for ever."""

    index: int
    leaf: bytes
    size: int
    root: bytes


class LogCopy:
    """The log as its public files have it, with the root of every size that it had."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.roots = [EMPTY_ROOT]
        self.types: list[str] = []
        self.acts: Counter[str] = Counter()
        self._peaks: list[tuple[int, bytes]] = []

    def follow(self, fetch: Fetch, size: int) -> None:
        """Read on to ``size``; what was read before must be the same, or the roots will differ."""
        for raw in islice(read_entries(fetch, size), len(self.hashes), None):
            leaf = parse_leaf(raw)
            self.types.append(leaf.type)
            self.acts.update(leaf.acts)
            self._grow(leaf_hash(raw))

    def _grow(self, node: bytes) -> None:
        self.hashes.append(node)
        size = 1
        while self._peaks and self._peaks[-1][0] == size:
            size, node = 2 * size, node_hash(self._peaks.pop()[1], node)
        self._peaks.append((size, node))
        root = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            root = node_hash(left, root)
        self.roots.append(root)


class KillWorld:
    """Members, their keys, and what they were told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "service"
        self.ready: list[float] = []
        self._begun: float | None = None
        self.lock = threading.Lock()
        self.members = {one.org: Member.new(one, folder / one.org) for one in ORGANISATIONS}
        self.second = SigningKey.new()
        self.log, self.sent = LogCopy(), list[Sent]()
        self.receipts: list[Receipt] = []
        self.acted: set[str] = set()
        self.withdrawals: list[Withdrawal] = []
        self.figures: Counter[str] = Counter()
        self._said = (folder / "service.log").open("a")
        self.start()
        self.wait_ready()
        with self.up.client(OPERATOR) as operator:
            for organisation in ORGANISATIONS:
                member = self.members[organisation.org]
                operator.admit(organisation, member.root.public)
                last = member.enrol(operator, self.up.service.origin, "machine")
                if organisation.org == "pasar":
                    enroller = Enroller("pasar", self.up.service.origin, member.root)
                    operator.enrol(enroller.signing(self.second, "budi@pasar.example", ("officer",), last))
        with self.up.client("police-ke.investigator") as police:
            document = """mutation($r: String!) {
              registerCase(reference: $r, title: "Kills", legalBasis: "statutory-duty") { reference } }"""
            police.query(document, {"r": CASE})

    # Lives

    def start(self) -> None:
        """Start the service; :meth:`wait_ready` then finds out how long it takes."""
        self._begun = time.monotonic()
        roots = {org: member.root.public for org, member in self.members.items()}
        self.up = Up(self.data, roots, VARIABLES, said=self._said, seconds=WATCHDOG)
        self.figures["starts"] += 1

    def wait_ready(self) -> None:
        """Return when the service says that it is ready."""

        def ready() -> bool:
            try:
                return httpx2.get(f"{self.up.service.url}/health/ready", timeout=30).status_code == 200
            except httpx2.TransportError:
                return False

        until(ready, "the service is not ready", WATCHDOG)
        if self._begun is not None:
            self.ready.append(time.monotonic() - self._begun)
            self._begun = None

    def kill_amid_start(self, seconds: float) -> None:
        """Kill the service, start it, and kill it again before it is up, or soon after."""
        self.up.kill()
        child = process.launch(self.data, self._said, **VARIABLES)
        time.sleep(seconds)
        child.kill()
        child.communicate()

    def kill_neo4j(self) -> None:
        """Kill the server under the running service."""
        psutil.Process(self.up.neo4j_pid).kill()

    def kill_left_neo4j(self) -> None:
        """Kill the server of a service that was killed, if it has not ended yet."""
        with suppress(psutil.Error, OSError, ValueError):
            self.kill_neo4j()

    def kill_child(self, rng: random.Random, mark: str) -> bool:
        """Kill a process that the service has started and whose command line has ``mark``, if there is one."""
        found = []
        for child in psutil.Process(self.up.pid).children(recursive=True):
            try:
                found += [child] if any(mark in word for word in child.cmdline()) else []
            except psutil.Error:
                continue
        if found:
            rng.choice(found).kill()
        return bool(found)

    def close(self) -> None:
        self.up.stop()
        self._said.close()

    # What was acknowledged

    def keep(self, receipt: Mapping[str, Any]) -> Receipt:
        """Check a receipt and keep it."""
        report = check_receipt(receipt, self.up.trust())
        checkpoint = report.checkpoint
        kept = Receipt(report.index, leaf_hash(unb64u(str(receipt["leaf"]))), checkpoint.size, checkpoint.root)
        with self.lock:
            self.receipts.append(kept)
        return kept

    # What must hold

    def check(self, rng: random.Random) -> None:
        """All that was ever acknowledged is there, once, in a log that has only grown and a graph that fits it."""
        self._check_log()
        self._check_receipts()
        self._check_acts()
        self._check_graph()
        for sent in [*self.sent[-3:], *rng.sample(self.sent, min(2, len(self.sent)))]:
            self._send_again(sent)

    def _check_log(self) -> None:
        trust = self.up.trust()
        note = verify_checkpoint(self.up.get("/log/checkpoint").text, trust.log)
        old = len(self.log.hashes)
        assert note.size >= old, "the log has become shorter"
        self.log.follow(self._fetch, note.size)
        assert self.log.roots[note.size] == note.root, "the entries do not lead to the signed root"
        if 0 < old < note.size:
            said = self.up.get(f"/v1/log/consistency?old={old}&new={note.size}").json()
            proof = [urlsafe_b64decode(one + "=" * (-len(one) % 4)) for one in said["proof"]]
            verify_consistency(old, note.size, self.log.roots[old], note.root, proof)
        self.check_files()

    def check_files(self) -> None:
        """The files that are published are a whole log, a little behind at most."""
        tiles = self.data / "ledger" / "tiles"

        def fetch(path: str) -> bytes | None:
            file = tiles / path
            return file.read_bytes() if file.is_file() else None

        def whole() -> bool:
            note = verify_checkpoint((tiles / "checkpoint").read_text(), self.up.trust().log)
            if note.size < len(self.log.hashes):
                return False
            hashes = [leaf_hash(raw) for raw in read_entries(fetch, note.size)]
            check_tree(fetch, hashes, note, None)
            return hashes[: len(self.log.hashes)] == self.log.hashes

        until(whole, "the log is not published", WATCHDOG)

    def _check_receipts(self) -> None:
        for receipt in self.receipts:
            assert self.log.hashes[receipt.index] == receipt.leaf, "an acknowledged entry is another now"
            assert self.log.roots[receipt.size] == receipt.root, "a receipt's checkpoint is of another log"

    def _check_acts(self) -> None:
        """Every act and manifest at most once, acknowledged ones exactly once, and no submission but those."""
        doubled = [digest for digest, count in self.log.acts.items() if count > 1]
        lost = [digest for digest in self.acted if self.log.acts[digest] != 1]
        self.figures["doubled"] += len(doubled)
        self.figures["lost"] += len(lost)
        assert not doubled and not lost, (doubled, lost)
        submissions = [index for index, kind in enumerate(self.log.types) if kind == SUBMISSION]
        assert submissions == sorted(sent.index for sent in self.sent), "submissions in the log and acknowledged differ"

    def _check_graph(self) -> None:
        last = max(index for index, kind in enumerate(self.log.types) if kind in EFFECTIVE)
        mark = "MATCH (w:Watermark) RETURN w.index, size(coalesce(w.open, []))"
        until(lambda: self.up.graph(mark) >= [last, 0] and self.up.graph(mark)[1] == 0, "it is not applied", WATCHDOG)
        records, about, claims = (self.up.graph(count, one=1 << _BITS)[0] for count in _COUNTS)
        left = {sent.index: count for sent in self.sent if (count := sent.rows - len(self.gone(sent)))}
        assert {s: (n, d) for s, n, d in records} == {s: (n, n) for s, n in left.items()}
        assert dict(about) == {s: 2 * n for s, n in left.items()}
        assert dict(claims) == left

    def gone(self, sent: Sent) -> set[int]:
        """The rows of a submission that an act in the log has taken away."""
        done = [one for one in self.withdrawals if one.index == sent.index and self.log.acts[one.digest]]
        return {row for one in done for row in one.rows}

    def check_columns(self) -> None:
        """The columns hold the claims of every submission, once."""
        for sent in self.sent:
            rows = sorted(set(range(sent.rows)) - self.gone(sent))
            assert process.records_in_columns(self.data, sent.index) == [(sent.index << _BITS) + row for row in rows]

    def _send_again(self, sent: Sent) -> None:
        again = post(self.up.service.url, self.up.token(f"{sent.org}.feed"), sent.outgoing, sent.signed)
        assert (again.status_code, again.json().get("index")) == (200, sent.index), again.text
        self.keep(again.json()["receipt"])

    def _fetch(self, path: str) -> bytes | None:
        answer = httpx2.get(f"{self.up.service.url}/log/{path}", timeout=60)
        return answer.content if answer.status_code == 200 else None

    def client(self, name: str, timeout: float = 60.0) -> Client:
        return self.up.client(name, timeout)

    def rebuilt(self) -> dict[str, Any]:
        """What ``graphsvc rebuild --compare`` says of the stopped service."""
        command = [sys.executable, "-m", "graphsvc", "rebuild", "--data", str(self.data), "--compare", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=process.environment(), check=False)
        assert done.stdout, done.stderr[-2_000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found
