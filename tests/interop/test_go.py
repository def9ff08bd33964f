"""Our log read by programs that no one here wrote: Go's tlog packages, torchwood, and the witness litewitness.

They need Go (and litewitness: ``go install filippo.io/torchwood/cmd/litewitness@v0.9.0``); without, they skip.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from ledger_actors import ORIGIN, opened, over_wire, read_of, trust_of

from graphsvc.anchoring.witnesses import Witnessing, WitnessPolicy
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc_verify.cosignature import parse_witness
from graphsvc_verify.evidence import check_evidence
from graphsvc_verify.merkle import EMPTY_ROOT
from graphsvc_verify.note import verify_checkpoint
from graphsvc_verify.receipt import check_receipt
from graphsvc_verify.tiles import TILE, tile_path

SOURCE = Path(__file__).parent / "go"


@pytest.fixture(scope="session")
def interop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small Go program beside this file, built."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here: install it to run the tests of interoperation")
    program = tmp_path_factory.mktemp("go") / "interop"
    build = [go, "build", "-mod=readonly", "-o", str(program), "."]
    done = subprocess.run(build, cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A log of more than a tile of tiles' edge: 700 entries, three bundles, the last one partial."""
    ledger, _ = opened(tmp_path_factory.mktemp("go-log"))
    while ledger.head < 700:
        waiting = [ledger.append(EntryDraft(type="note")) for _ in range(min(100, 700 - ledger.head))]
        for one in waiting:
            one.result()
    ledger.append(read_of("police-ke", {"pasar": 3}, ledger.head - 1)).result()
    yield ledger
    ledger.close()


def run(program: Path, *words: str) -> str:
    done = subprocess.run([str(program), *words], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is done.stdout.startswith("OK"), done.stdout + done.stderr
    return done.stdout


def mirror(ledger: Ledger, folder: Path) -> Path:
    """The log as files, as anyone can copy it."""
    note = ledger.checkpoint()
    level, count = 0, verify_checkpoint(note, ledger.log_key).size
    folder.mkdir()
    (folder / "checkpoint").write_text(note)
    while count:
        for n in range((count + TILE - 1) // TILE):
            for kind in (None, 0) if level == 0 else (level,):
                path = tile_path(kind, n, min(TILE, count - n * TILE))
                content = ledger.tile(path)
                assert content is not None
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
        level, count = level + 1, count // TILE
    return folder


def standard(value: bytes) -> str:
    return base64.b64encode(value).decode()


def test_every_entry_is_proved_from_our_tiles(interop: Path, ledger: Ledger, tmp_path: Path) -> None:
    folder = mirror(ledger, tmp_path / "mirror")
    assert f"entries={ledger.head}" in run(interop, "tiles", str(folder), ledger.log_vkey)
    tile = folder / "tile" / "0" / "001"
    content = bytearray(tile.read_bytes())
    content[40] ^= 1
    tile.write_bytes(content)
    assert run(interop, "tiles", str(folder), ledger.log_vkey).startswith("FAIL")


def test_our_proofs_hold(interop: Path, ledger: Ledger, tmp_path: Path) -> None:
    for index in (0, 255, 256, ledger.head - 1):
        receipt = ledger.receipt(index)
        file, entry = tmp_path / "proof", tmp_path / "entry"
        file.write_text(receipt["proof"])
        entry.write_bytes(ledger.entry(index))
        assert f"index={index}" in run(interop, "proof", str(file), str(entry), ledger.log_vkey)
    entry.write_bytes(ledger.entry(0))
    assert run(interop, "proof", str(file), str(entry), ledger.log_vkey).startswith("FAIL")
    new = ledger.head
    tree = ledger._state.tree
    for old in (1, 2, 255, 256, 257, 512, new - 1, new):
        roots = [standard(tree.root(old)), standard(tree.root(new))]
        proof = [standard(step) for step in ledger.consistency(old, new)]
        assert run(interop, "tree", str(old), str(new), *roots, *proof).startswith("OK")
    assert run(interop, "tree", str(new - 1), str(new), roots[1], roots[1], *proof).startswith("FAIL")


def tool(name: str) -> str:
    """A program on the path, or where ``go install`` puts it; skips without."""
    places = [os.environ.get("PATH", ""), os.environ.get("GOBIN", ""), str(Path.home() / "go" / "bin")]
    found = shutil.which(name, path=os.pathsep.join(filter(None, places)))
    if found is None:
        pytest.skip(f"no {name} here")
    return found


def until(what: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def litewitness(folder: Path, origin: str, vkey: str) -> Iterator[tuple[str, str]]:
    """A real witness by others that knows our log; yields its verifier key and address."""
    programs = [tool(name) for name in ("litewitness", "ssh-agent", "ssh-add", "ssh-keygen")]
    folder.mkdir(mode=0o700)
    key, agent_socket, database = folder / "w.pem", folder / "s", folder / "w.db"
    subprocess.run([programs[3], "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "w.log").open("w+b")
    started = [subprocess.Popen([programs[1], "-D", "-a", str(agent_socket)], stdout=subprocess.DEVNULL)]
    try:
        until(agent_socket.exists)
        variables = {**os.environ, "SSH_AUTH_SOCK": str(agent_socket)}
        subprocess.run([programs[2], "-q", str(key)], env=variables, check=True, capture_output=True)
        listed = subprocess.run([programs[3], "-lf", f"{key}.pub"], check=True, capture_output=True, text=True)
        words = ["-db", str(database), "-name", "witness.example/lite", "-ssh-agent", str(agent_socket)]
        words += ["-key", listed.stdout.split()[1], "-listen", f"127.0.0.1:{port}"]
        started.append(subprocess.Popen([programs[0], *words], stdout=log, stderr=log))
        until(lambda: b"vkey=" in (folder / "w.log").read_bytes())
        with closing(sqlite3.connect(database)) as rows:
            # What its own `witnessctl add-log` and `add-key` write.
            rows.execute(
                "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", (origin, standard(EMPTY_ROOT))
            )
            rows.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (origin, vkey))
            rows.commit()
        said = (folder / "w.log").read_text()
        yield said.split("vkey=")[1].split()[0].strip('"'), f"http://127.0.0.1:{port}"
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(10)
        log.close()


def test_a_witness_by_others_cosigns_our_log(interop: Path, tmp_path: Path) -> None:
    ledger, members = opened(tmp_path / "log")
    with litewitness(tmp_path / "w", ORIGIN, ledger.log_vkey) as (vkey, url):
        policy = WitnessPolicy(((parse_witness(vkey), url),), 1, True, 10.0)
        witnessing = Witnessing(ledger, policy, tmp_path / "log")
        witnessing.start()
        try:
            trust = trust_of(ledger, members, witnesses={"needed": 1, "keys": [vkey]})
            for _ in range(3):
                appended = ledger.append(read_of("police-ke", {"pasar": 1}, ledger.head - 1)).result()
                head = witnessing.witnessed(appended.index + 1).result(10)
                receipt = over_wire(witnessing.proved(appended, head).receipt)
                assert [one.name for one in check_receipt(receipt, trust).witnesses] == ["witness.example/lite"]
            report = check_evidence(json.loads(json.dumps(ledger.evidence("pasar", None, None, head))), trust)
            assert len(report.witnesses) == 1
        finally:
            witnessing.stop()
            ledger.close()
    note = tmp_path / "note"
    note.write_text(head[1])
    assert "signatures=2" in run(interop, "note", str(note), ledger.log_vkey, vkey)
    note.write_text(head[1][: head[1].rindex("— ")])
    assert run(interop, "note", str(note), ledger.log_vkey, vkey).startswith("FAIL")


def test_go_accepts_what_our_own_witness_signs(interop: Path, ledger: Ledger, tmp_path: Path) -> None:
    from graphsvc.anchoring.witness import Witness

    witness = Witness(tmp_path / "w", "witness.example/ours", [ledger.log_key])
    checkpoint = ledger.checkpoint()
    reply = witness.add_checkpoint(f"old 0\n\n{checkpoint}".encode())
    note = tmp_path / "note"
    note.write_text(checkpoint + reply.text)
    assert "signatures=2" in run(interop, "note", str(note), ledger.log_vkey, witness.key.vkey)
