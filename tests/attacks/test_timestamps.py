"""RFC 3161 time-stamps by a real authority (``openssl ts`` behind HTTP): logged, packed, checked, and what shows."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import rfc3161_client
from attack_world import OWNER, World, size_of
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from graphsvc.anchoring.timestamps import TimeStamping
from graphsvc.app import _time_stamping
from graphsvc.ledger.entry import EntryDraft
from graphsvc.model.errors import InvalidInput, Unavailable
from graphsvc.settings import read_settings
from graphsvc_verify.__main__ import _text, check_file
from graphsvc_verify.canonical import b64u, encode, unb64u
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence
from graphsvc_verify.package import check_package
from graphsvc_verify.stamps import TYPE, UNCHECKED, LoggedStamp, check_stamp_times, read_stamp
from graphsvc_verify.timestamp import check_token, parse_certificates

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
{chain}
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""


def certificate(name: str, key: Any, issuer: str, by: Any, use: Any = None) -> x509.Certificate:
    """A certificate good for a day; ``use`` makes it one for that use, else it is an authority's."""
    subject, signer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(use is None, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if use is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=True)
    return made.sign(by, SHA256())


class Authority:
    """A time-stamping authority as anyone could run it, with a certificate issued by an authority of its own."""

    def __init__(self, folder: Path, kind: str = "ec", ess: str = "sha256", *, chain: bool = True) -> None:
        folder.mkdir()
        self.folder = folder
        ca, key = ec.generate_private_key(ec.SECP256R1()), new_key(kind)
        self.ca = certificate("stamps ca", ca, "stamps ca", ca)
        self.signer = certificate("stamps", key, "stamps ca", ca, ExtendedKeyUsageOID.TIME_STAMPING)
        (folder / "ca.pem").write_bytes(self.ca.public_bytes(Encoding.PEM))
        (folder / "tsa.pem").write_bytes(self.signer.public_bytes(Encoding.PEM))
        (folder / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(
            CONFIG.format(folder=folder, ess=ess, chain=f"certs = {folder}/ca.pem" if chain else "")
        )
        self.answers: list[bytes] = []
        self.replay = False
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["content-type"] == "application/timestamp-query"
                answer = authority.answers[0] if authority.replay else authority.answer(query)
                self.send_response(200)
                self.send_header("content-type", "application/timestamp-reply")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsr"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)
        self.answers.append((self.folder / "reply").read_bytes())
        return self.answers[-1]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def new_key(kind: str) -> Any:
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    authority = Authority(tmp_path_factory.mktemp("tsa") / "ec")
    yield authority
    authority.close()


def stamped(world: World, authority: Authority) -> int:
    index = TimeStamping(world.ledger, authority.url, 3600).stamp()
    assert index is not None
    return index


def pins(*certificates: x509.Certificate) -> dict[str, Any]:
    """The trust file's member."""
    return {"timestamping": [b64u(one.public_bytes(Encoding.DER)) for one in certificates]}


def token_of(world: World, index: int) -> tuple[bytes, bytes]:
    """(what was stamped, the token) as the log has them."""
    leaf = parse_leaf(world.ledger.entry(index))
    content = world.ledger.object(leaf.acts[0])
    assert content is not None, "everyone may read it"
    note, token = read_stamp(leaf, {leaf.acts[0]: content})
    return note.encode(), token


def test_a_stamp_is_logged_packed_and_checked(world: World, authority: Authority) -> None:
    index = stamped(world, authority)
    assert json.loads(world.ledger.entry(index))["type"] == TYPE
    stamping = TimeStamping(world.ledger, authority.url, 3600)
    assert stamping.stamp() is None, "nothing is new but the stamp"
    world.ask()
    for pinned in (authority.ca, authority.signer):
        report = check_evidence(world.evidence(), world.trust(**pins(pinned)))
        (found,) = report.stamps
        assert (found.index, found.size, found.by) == (index, index, "CN=stamps")
        assert found.time is not None and abs(datetime.now(UTC) - found.time) < timedelta(minutes=5)
        assert UNCHECKED not in report.limits
    package = world.package(**pins(authority.ca))
    assert check_package(package, world.trust(**pins(authority.ca))).evidence.stamps == (found,)
    text = _text(check_file(package, world.trust(**pins(authority.ca))))
    assert f"time-stamp of the first {index} entries: by CN=stamps at " in text


def test_a_stamp_that_nobody_pins_is_told_as_not_checked(world: World, authority: Authority, tmp_path: Path) -> None:
    index = stamped(world, authority)
    other = Authority(tmp_path / "other")
    other.close()
    for pinned in ({}, pins(other.ca, other.signer)):
        report = check_evidence(world.evidence(), world.trust(**pinned))
        assert report.stamps == (LoggedStamp(index, index, None, ""),) and UNCHECKED in report.limits
    assert "entries: not checked" in _text(check_file(world.package(), world.trust()))


@pytest.mark.parametrize(("kind", "ess"), [("rsa", "sha256"), ("rsa", "sha1"), ("ec", "sha512")])
def test_another_implementation_agrees(world: World, tmp_path: Path, kind: str, ess: str) -> None:
    """rfc3161-client's full check, under the root; and ours, which needs cryptography only.

    The chain is left out: it takes certificates in the order of DER only, and openssl writes them in its own.
    """
    authority = Authority(tmp_path / "tsa", kind, ess, chain=False)
    try:
        note, token = token_of(world, stamped(world, authority))
    finally:
        authority.close()
    verifier = rfc3161_client.VerifierBuilder().add_root_certificate(authority.ca).build()
    response = rfc3161_client.decode_timestamp_response(authority.answers[0])
    assert verifier.verify_message(response, note)
    assert check_token(token, note, [authority.ca]).time == response.tst_info.gen_time
    with pytest.raises(VerifyError):
        check_token(token, note + b" ", [authority.ca])


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_a_changed_token_counts_nowhere(world: World, authority: Authority) -> None:
    note, token = token_of(world, stamped(world, authority))
    good = check_token(token, note, [authority.signer])
    refused = 0
    for at in range(len(token)):
        changed = bytearray(token)
        changed[at] ^= 1 << at % 8
        try:
            # What is not signed may differ: certificates beside the pinned one, outer lengths are not among it.
            assert check_token(bytes(changed), note, [authority.signer]) == good
        except VerifyError:
            refused += 1
    assert refused > len(token) // 3
    for cut in (0, 1, len(token) // 2, len(token) - 1):
        with pytest.raises(VerifyError):
            check_token(token[:cut], note, [authority.signer])
    with pytest.raises(VerifyError):
        check_token(token + b"\0\0", note, [authority.signer])


def test_certificates_for_something_else_or_another_time_do_not_stamp(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, token = token_of(world, stamped(world, authority))
    with pytest.raises(VerifyError, match="unknown_authority"):
        check_token(token, note, [])
    monkeypatch.setattr(ExtendedKeyUsageOID, "TIME_STAMPING", ExtendedKeyUsageOID.CODE_SIGNING)
    with pytest.raises(VerifyError, match="bad_timestamp"):
        check_token(token, note, [authority.ca])
    with pytest.raises(VerifyError, match="bad_trust"):
        parse_certificates([b"x"])


def test_stamps_of_another_tree_or_checkpoint_are_refused(world: World, authority: Authority) -> None:
    first = stamped(world, authority)
    world.ask()
    second = stamped(world, authority)
    evidence, trust = world.evidence(), pins(authority.ca)
    assert [item["index"] for item in evidence["timestamps"]] == [first, second]
    good = dict(evidence["objects"])
    names = [parse_leaf(unb64u(item["leaf"])).acts[0] for item in evidence["timestamps"]]
    # Swapped tokens are other objects than the entries name; a proof of growth from elsewhere is none.
    evidence["objects"] = {**good, names[0]: good[names[1]], names[1]: good[names[0]]}
    assert world.refused(evidence, **trust) == "bad_object"
    evidence["objects"] = good
    evidence["timestamps"][0]["grown"] = evidence["timestamps"][1]["grown"]
    assert world.refused(evidence, **trust) == "fork"
    # The operator's own code logs a token that is of another checkpoint, or of one that the log did not sign.
    _, token = token_of(world, first)
    log_stamp(world, world.ledger.checkpoint(), token)
    assert world.refused(world.evidence(), **trust) == "bad_timestamp"


def test_a_stamp_of_what_the_log_did_not_sign_is_refused(world: World, authority: Authority) -> None:
    note, token = token_of(world, stamped(world, authority))
    text = note.decode()
    log_stamp(world, text.replace(f"\n{size_of(text)}\n", "\n3\n"), token)
    assert world.refused(world.evidence(), **pins(authority.ca)) == "bad_signature"


def log_stamp(world: World, note: str, token: bytes) -> None:
    content = encode({"v": 1, "checkpoint": note, "token": b64u(token)})
    world.ledger.append(EntryDraft(type=TYPE, public=[content])).result()
    world.ask()


def test_entries_dated_ahead_show_by_a_stamp(world: World, authority: Authority) -> None:
    """No witness saw them; the operator's clock runs an hour ahead."""
    world.ledger._state.clock = lambda: datetime.now(UTC) + timedelta(hours=1)
    world.ask()
    assert check_evidence(world.evidence(), world.trust()).entries, "nothing tells"
    stamped(world, authority)
    assert world.refused(world.evidence(), **pins(authority.ca)) == "future_dated"


def test_entries_dated_back_show_by_a_stamp() -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    stamps = [LoggedStamp(9, 7, now, "CN=stamps"), LoggedStamp(3, 2, None, "")]
    check_stamp_times([(6, "2026-01-01T12:04:00.000Z"), (9, "2026-01-01T11:56:00.000Z")], stamps)
    check_stamp_times([(7, "2026-01-02T00:00:00.000Z"), (8, "2025-01-01T00:00:00.000Z")], stamps)
    with pytest.raises(VerifyError, match="back_dated"):
        check_stamp_times([(9, "2026-01-01T11:54:00.000Z")], stamps)
    with pytest.raises(VerifyError, match="future_dated"):
        check_stamp_times([(6, "2026-01-01T12:06:00.000Z")], stamps)


def test_an_authority_that_answers_something_else_stamps_nothing(
    world: World, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    stamping = TimeStamping(world.ledger, authority.url, 3600)
    stamping.stamp()
    world.ask()
    head, authority.replay = world.ledger.head, True
    try:
        with pytest.raises(Unavailable, match="something else"):
            stamping.stamp()
        authority.answers.insert(0, base64.b64decode("AAAA"))
        with pytest.raises(Unavailable):
            stamping.stamp()
    finally:
        authority.replay = False
        authority.answers.clear()
    gone = TimeStamping(world.ledger, "http://127.0.0.1:9/", 0.01)
    gone.start()
    deadline = time.monotonic() + 30
    while "no time-stamp this round" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    gone.stop()
    assert "no time-stamp this round" in caplog.text and world.ledger.head == head
    with pytest.raises(InvalidInput):
        TimeStamping(world.ledger, "ftp://x", 1)


def test_it_is_stamped_from_time_to_time_and_evidence_takes_the_nearest(world: World, authority: Authority) -> None:
    stamping = TimeStamping(world.ledger, authority.url, 0.01)
    stamping.start()
    indexes = []
    try:
        for _ in range(3):
            world.ask()
            deadline, head = time.monotonic() + 60, world.ledger.head
            while not (found := world.ledger.indexes(head, world.ledger.head, (TYPE,))) and time.monotonic() < deadline:
                time.sleep(0.01)
            indexes.append(found[0][0])
    finally:
        stamping.stop()
    # The read between the second and the third, alone: the stamp before it and those after it.
    read = world.indexes[-1]
    taken = {item["index"] for item in world.ledger.evidence(OWNER, [read], world.old)["timestamps"]}
    assert {indexes[1], indexes[2]} <= taken and indexes[0] not in taken


def test_the_setting_starts_it(world: World, authority: Authority, tmp_path: Path) -> None:
    said = {"GRAPHSVC_TSA": authority.url, "GRAPHSVC_TSA_EVERY": "1"}
    with ExitStack() as stack:
        _time_stamping(read_settings(tmp_path, {}), world.ledger, stack)
        assert not any(thread.name == "timestamps" for thread in threading.enumerate())
        _time_stamping(read_settings(tmp_path, said), world.ledger, stack)
        deadline = time.monotonic() + 60
        while not world.ledger.indexes(0, world.ledger.head, (TYPE,)) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert world.ledger.indexes(0, world.ledger.head, (TYPE,))
