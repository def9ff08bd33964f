"""Our witness over real HTTP, and a ledger that is witnessed by it."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ledger_actors import ORIGIN, opened, over_wire, read_of, trust_of
from witness_server import served

from graphsvc.anchoring.witness import Witness
from graphsvc.anchoring.witnesses import Witnessing, WitnessPolicy, read_witness_policy
from graphsvc.ledger.checkpoint import LogSigner
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import IntegrityError, InvalidInput
from graphsvc_verify.cosignature import read_cosignatures
from graphsvc_verify.evidence import check_evidence
from graphsvc_verify.note import parse_checkpoint, split_note
from graphsvc_verify.receipt import check_receipt


def request(old: int, proof: list[bytes], note: str) -> bytes:
    return (f"old {old}\n" + "".join(base64.b64encode(step).decode() + "\n" for step in proof) + "\n" + note).encode()


def grown(ledger: Ledger, count: int) -> str:
    for _ in range(count):
        ledger.append(EntryDraft(type="note")).result()
    return ledger.checkpoint()


def size_of(note: str) -> int:
    return parse_checkpoint(split_note(note)[0], note).size


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path / "log", ORIGIN)
    yield ledger
    ledger.close()


def test_a_witness_signs_what_only_grew_and_nothing_else(ledger: Ledger, tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w", "witness.example/w", [ledger.log_key])
    first = grown(ledger, 4)
    small = size_of(first)
    second = grown(ledger, 7)
    size, proof = size_of(second), ledger.consistency(small, size_of(second))
    signer = ledger._state.signer
    with served(witness) as url, httpx2.Client(base_url=url) as http:

        def ask(old: int, steps: list[bytes], note: str) -> tuple[int, str]:
            answer = http.post("/add-checkpoint", content=request(old, steps, note))
            if answer.status_code == 409:
                assert answer.headers["content-type"] == "text/x.tlog.size"
            return answer.status_code, answer.text

        status, line = ask(0, [], first)
        assert status == 200 and read_cosignatures(first + line, [witness.key])
        assert ask(0, [], second) == (409, f"{small}\n"), "the old size is not the last one signed"
        assert ask(small, [], second)[0] == 422
        assert ask(small, [*proof[:-1], bytes(32)], second)[0] == 422
        assert ask(small, proof, signer.sign(size, bytes(32)))[0] == 422, "a split view"
        assert ask(small, [], signer.sign(small, bytes(32))) == (409, f"{small}\n"), "same size, another tree"
        assert ask(size + 1, [], second)[0] == 400, "old is larger than new"
        stranger = LogSigner(ORIGIN, Witness(tmp_path / "x", "x.example", [])._private)
        assert ask(small, proof, stranger.sign(size, bytes(32)))[0] == 403
        assert ask(small, proof, LogSigner("other.example/log", signer._key).sign(size, bytes(32)))[0] == 404
        for garbage in (
            b"",
            b"old 1",
            b"old 01\n\n" + first.encode(),
            b"\xff\n\n",
            b"old 1\nAA==\n\n" + first.encode(),
        ):
            assert http.post("/add-checkpoint", content=garbage).status_code == 400
        assert http.post("/add-checkpoint", content=b"x" * 300_000).status_code == 413
        assert ask(small, proof, second)[0] == 200
        assert ask(size, [], second)[0] == 200, "again the same"
        assert ask(small, proof, second) == (409, f"{size}\n")
    # What it signed last outlives it.
    again = Witness(tmp_path / "w", "witness.example/w", [ledger.log_key])
    assert again.key == witness.key and again.add_checkpoint(request(0, [], first)).text == f"{size}\n"


def test_of_two_at_once_a_witness_signs_one(ledger: Ledger, tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w", "witness.example/w", [ledger.log_key])
    grown(ledger, 1)
    signer, replies = ledger._state.signer, []
    notes = [signer.sign(5, bytes([number] * 32)) for number in range(8)]
    barrier = threading.Barrier(len(notes))

    def ask(note: str) -> None:
        barrier.wait()
        replies.append(witness.add_checkpoint(request(0, [], note)).status)

    threads = [threading.Thread(target=ask, args=(note,)) for note in notes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [200] + [409] * 7


def test_a_ledger_is_witnessed_by_a_quorum(tmp_path: Path) -> None:
    ledger, members = opened(tmp_path / "log")
    pair = [Witness(tmp_path / name, f"witness.example/{name}", [ledger.log_key]) for name in ("a", "b")]
    with served(pair[0]) as first, served(pair[1]) as second:
        addresses = (
            (pair[0].key, first),
            (pair[1].key, second),
            (pair[0].key.__class__("gone", bytes(32)), "http://127.0.0.1:9"),
        )
        policy = WitnessPolicy(addresses, 2, True, 10.0)
        witnessing = Witnessing(ledger, policy, tmp_path / "log")
        witnessing.start()
        try:
            for _ in range(3):
                appended = ledger.append(read_of("police-ke", {"pasar": 2}, ledger.head - 1)).result()
                head = witnessing.witnessed(appended.index + 1).result(10)
                proved = witnessing.proved(appended, head)
                keys = {"needed": 2, "keys": [one.key.vkey for one in pair]}
                trust = trust_of(ledger, members, witnesses=keys)
                assert len(check_receipt(over_wire(proved.receipt), trust).witnesses) == 2
            report = check_evidence(over_wire(ledger.evidence("pasar", None, None, head)), trust)
            assert [one.name for one in report.witnesses] and report.checkpoint.size == head[0]
            assert witnessing.failure is None
        finally:
            witnessing.stop()
    kept = (tmp_path / "log" / "pinned" / "witnessed.note").read_text()
    assert size_of(kept) == head[0] and len(split_note(kept)[1]) == 3
    # Too few of them: whoever waits is not told otherwise.
    witnessing = Witnessing(ledger, policy, tmp_path / "log")
    witnessing.start()
    try:
        assert witnessing.newest is not None and witnessing.newest[0] == head[0]
        grown(ledger, 1)
        with pytest.raises(TimeoutError):
            witnessing.witnessed(ledger.head).result(1.0)
    finally:
        witnessing.stop()
        ledger.close()


def test_a_ledger_behind_its_witness_does_not_start(tmp_path: Path) -> None:
    """A backup is restored with all its files: only the witness remembers that there was more."""
    ledger = Ledger.open(tmp_path / "log", ORIGIN)
    grown(ledger, 3)
    ledger.close()
    shutil.copytree(tmp_path / "log", tmp_path / "backup")
    ledger = Ledger.open(tmp_path / "log", ORIGIN)
    grown(ledger, 3)
    witness = Witness(tmp_path / "w", "witness.example/w", [ledger.log_key])
    with served(witness) as url:
        policy = WitnessPolicy(((witness.key, url),), 1, False, 5.0)
        witnessing = Witnessing(ledger, policy, tmp_path / "log")
        witnessing.start()
        witnessing.witnessed(ledger.head).result(10)
        witnessing.stop()
        ledger.close()
        restored = Ledger.open(tmp_path / "backup", ORIGIN)
        with pytest.raises(IntegrityError, match=r"witness\.example/w has signed a log of") as caught:
            Witnessing(restored, policy, tmp_path / "backup").start()
        assert caught.value.code == "fork"
        # Grown as long again it is another tree of that size; and longer it can't be proved to extend.
        grown(restored, 3)
        with pytest.raises(IntegrityError):
            Witnessing(restored, policy, tmp_path / "backup").start()
        restored.close()
    # The last cosigned checkpoint is pinned here, too: without the witness the ledger starts, an older one does not.
    Ledger.open(tmp_path / "log", ORIGIN).close()
    (tmp_path / "backup" / "pinned").mkdir(exist_ok=True)
    shutil.copy(tmp_path / "log" / "pinned" / "witnessed.note", tmp_path / "backup" / "pinned" / "witnessed.note")
    with pytest.raises(IntegrityError):
        Ledger.open(tmp_path / "backup", ORIGIN)


def test_the_file_of_witnesses_is_checked(tmp_path: Path) -> None:
    key = Witness(tmp_path / "w", "witness.example/w", []).key.vkey
    good: dict[str, Any] = {"v": 1, "needed": 1, "witnesses": [{"key": key, "url": "http://127.0.0.1:1/"}]}
    file = tmp_path / "witnesses.json"
    file.write_text(json.dumps(good))
    policy = read_witness_policy(file)
    assert policy.needed == 1 and not policy.require and policy.witnesses[0][1] == "http://127.0.0.1:1"
    twice = good["witnesses"] * 2
    for wrong in (
        {"needed": 2},
        {"needed": 0},
        {"v": 2},
        {"witnesses": twice},
        {"more": 1},
        {"witnesses": [{"key": "x", "url": ""}]},
    ):
        file.write_text(json.dumps({**good, **wrong}))
        with pytest.raises(InvalidInput):
            read_witness_policy(file)
    with pytest.raises(InvalidInput):
        read_witness_policy(tmp_path / "absent.json")


def test_the_command_serves_a_witness_until_it_is_stopped(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ledger, _ = opened(tmp_path / "ledger")
    words = ["witness", "--name", "witness.example.org", "--log", ledger.log_vkey, "--data", str(tmp_path / "witness")]
    command = [sys.executable, "-m", "graphsvc", *words, "--port", str(port), "--json"]
    with closing(ledger), subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            note, answer = grown(ledger, 3), None
            while answer is None:
                assert process.poll() is None
                with suppress(httpx2.ConnectError):
                    answer = httpx2.post(f"{told['url']}/add-checkpoint", content=request(0, [], note))
            assert answer.status_code == 200 and answer.text.startswith("— witness.example.org ")
        finally:
            process.terminate()
    assert told["logs"] == [ORIGIN]
