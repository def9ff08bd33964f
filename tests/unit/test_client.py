"""The client's own mathematics: manifests, keys, acts, safe retries, answers against receipts."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest

from graphsvc.client import Client, Outgoing, Refused, SigningKey, pending
from graphsvc.client.answers import problem, read_answer
from graphsvc.client.enrol import Enroller
from graphsvc.client.keys import HpkeKey, load_hpke_key, load_signing_key, save_hpke_key, save_signing_key
from graphsvc.client.manifest import measure, sign_manifest
from graphsvc.client.service import footing_headers
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Footing
from graphsvc_verify import merkle
from graphsvc_verify.canonical import b64u
from graphsvc_verify.deeds import SUBMISSION
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import read_act, verify_act
from graphsvc_verify.keyevents import check_key_event
from graphsvc_verify.note import NoteKey
from graphsvc_verify.persons import split_opening
from graphsvc_verify.trust import Trust

BODY = b'a,b\r\n1,"two\r\nlines"\r\n\r\n3,4'
ROWS = [b"a,b", b'1,"two\r\nlines"', b"", b"3,4"]
ORIGIN = "graphsvc.test/log"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "accounts.csv"
    path.write_bytes(BODY)
    return path


def test_measure_is_the_format_computed_by_hand(file: Path) -> None:
    seed = bytes(range(32))
    measured = measure(file, "text/csv", seed)
    leaves = [
        hashlib.sha256(b"\0" + hmac.digest(seed, i.to_bytes(8, "big"), "sha256") + row).digest()
        for i, row in enumerate(ROWS)
    ]
    assert measured.rows == 4 and measured.size == len(BODY)
    assert measured.rows_root == "sha256:" + merkle.root(leaves).hex()
    keyed = hmac.new(seed, b"body" + hashlib.sha256(BODY).digest(), "sha256").hexdigest()
    assert measured.digest == f"sha256:{keyed}"


def test_manifest_is_signed_and_says_all(file: Path) -> None:
    key = SigningKey.new()
    said = Defaults(handling=Handling("tlp-2.0", "AMBER"), purposes=["investigation"])
    counted: list[int] = []
    signed = sign_manifest(Outgoing(file, "text/csv", b"rows: []", said), ORIGIN, "pasar", key, counted.append)
    payload = verify_act(signed.manifest, key.public, SUBMISSION).payload
    assert payload["aud"] == ORIGIN and payload["iss"] == "pasar" and payload["rows"] == 4
    keyed = hmac.digest(signed.seed, b"mapping" + hashlib.sha256(b"rows: []").digest(), "sha256").hex()
    assert payload["mapping"] == f"sha256:{keyed}", "nobody finds a small file from it by trying"
    assert payload["defaults"] == {"handling": {"scheme": "tlp-2.0", "code": "AMBER"}, "purposes": ["investigation"]}
    assert sum(counted) == len(BODY)
    again = sign_manifest(Outgoing(file, "text/csv"), ORIGIN, "pasar", key)
    assert again.seed != signed.seed and again.measured.rows_root != signed.measured.rows_root
    with pytest.raises(VerifyError):
        verify_act(signed.manifest, SigningKey.new().public, SUBMISSION)


def test_a_retry_sends_the_same_manifest_until_it_is_acknowledged(file: Path) -> None:
    key, outgoing = SigningKey.new(), Outgoing(file, "text/csv")
    first = pending.prepare(outgoing, ORIGIN, "pasar", key)
    assert stat.S_IMODE(pending.pending_path(file).stat().st_mode) == 0o600
    second = pending.prepare(outgoing, ORIGIN, "pasar", key)
    assert (second.manifest, second.seed, second.idempotency_key) == (first.manifest, first.seed, first.idempotency_key)
    pending.done(file)
    assert pending.prepare(outgoing, ORIGIN, "pasar", key).idempotency_key != first.idempotency_key


@pytest.mark.parametrize("change", ["body", "mapping", "defaults", "key", "org", "rubbish"])
def test_a_retry_of_something_else_is_a_new_submission(file: Path, change: str) -> None:
    key = SigningKey.new()
    first = pending.prepare(Outgoing(file, "text/csv"), ORIGIN, "pasar", key)
    if change == "body":
        file.write_bytes(BODY + b"\r\n5,6")
    if change == "rubbish":
        pending.pending_path(file).write_bytes(b"\xff{")
    outgoing = Outgoing(
        file,
        "text/csv",
        b"x" if change == "mapping" else None,
        Defaults(region="KE") if change == "defaults" else Defaults(),
    )
    signer = SigningKey.new() if change == "key" else key
    second = pending.prepare(outgoing, ORIGIN, "other" if change == "org" else "pasar", signer)
    assert second.manifest != first.manifest


def test_keys_come_back_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    signing, recipient = SigningKey.new(), HpkeKey.new()
    save_signing_key(tmp_path / "k" / "sign.pem", signing)
    save_hpke_key(tmp_path / "hpke.json", recipient)
    assert load_signing_key(tmp_path / "k" / "sign.pem").public == signing.public
    assert load_hpke_key(tmp_path / "hpke.json") == recipient
    for path in (tmp_path / "k" / "sign.pem", tmp_path / "hpke.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        save_signing_key(tmp_path / "k" / "sign.pem", SigningKey.new())
    jwk = {"kty": "OKP", "crv": "Ed25519", "d": b64u(signing.private.private_bytes_raw())}
    (tmp_path / "key.jwk").write_text(json.dumps(jwk))
    assert load_signing_key(tmp_path / "key.jwk").kid == signing.kid
    assert recipient.private.hex() not in repr(recipient)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"crv":"Ed25519","d":"AA"}', b"-----BEGIN PRIVATE KEY-----"])
def test_what_is_no_key_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    for load in (load_signing_key, load_hpke_key):
        with pytest.raises(InvalidInput) as refused:
            load(path)
        assert refused.value.code == "bad_key" and refused.value.where == str(path)


def test_enrolment_acts_hold_for_the_verifier() -> None:
    root, working, recipient = SigningKey.new(), SigningKey.new(), HpkeKey.new()
    enroller = Enroller("pasar", ORIGIN, root)
    compact, opening = split_opening(enroller.signing(working, "feed", ("submitter",), None))
    act = verify_act(compact, root.public, "graphsvc-enrol+jws")
    event = check_key_event(act, ORIGIN)
    assert (event.kid, event.roles, event.prev) == (working.kid, ("submitter",), None)
    assert opening is not None and opening.name == "feed" and opening.hash == event.person
    again, _ = split_opening(enroller.signing(working, "feed", ("submitter",), None))
    assert check_key_event(read_act(again), ORIGIN).person != event.person, "salted anew"
    second = check_key_event(read_act(enroller.recipient(recipient, 4)), ORIGIN)
    assert (second.use, second.public, second.prev) == ("hpke", recipient.public, 4)
    with pytest.raises(VerifyError):
        check_key_event(act, "another.log/log")


def test_the_bytes_of_data_are_taken_as_sent() -> None:
    data = b'{"a" :  1.50,\n"b":"\\u00e9"}'
    raw, envelope = read_answer(200, b'{"data": ' + data + b',"extensions":{"receipt":{"index":3},"appliedIndex":7}}')
    assert raw == data and envelope.extensions.applied_index == 7


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code":"too_large","detail":"a limit","where":"body","status":413}', "too_large"),
        (b'{"errors":[{"message":"no","extensions":{"code":"out_of_range","where":"hops"}}]}', "out_of_range"),
        (b"<html>Bad Gateway</html>", "http_502"),
        (b"\xff\xfe", "http_502"),
        (b"[]", "http_502"),
    ],
)
def test_problems_are_read_and_never_echoed(body: bytes, code: str) -> None:
    refused = problem(502, body)
    assert isinstance(refused, Refused) and refused.code == code and "html" not in refused.message


def test_a_footing_is_said_in_headers_only_where_stated() -> None:
    assert footing_headers(Footing("investigation", "", "")) == {"graphsvc-purpose": "investigation"}
    assert httpx2.Headers(footing_headers(Footing("a", "b", "c")))["Graphsvc-Legal-Basis"] == "b"


def test_who_is_told_to_come_back_tomorrow_is_told_so_at_once() -> None:
    asked: list[str] = []

    class Spent(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            body = b'{"errors":[{"message":"spent","extensions":{"code":"budget_spent"}}]}'
            self.send_response(429)
            for name, value in (("retry-after", "7200"), ("content-length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Spent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    trust = Trust(ORIGIN, NoteKey(ORIGIN, SigningKey.new().public), {})
    try:
        with (
            Client(f"http://127.0.0.1:{server.server_port}", lambda: "token", trust) as client,
            pytest.raises(Refused) as refused,
        ):
            client.query("{ budget { used } }")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert refused.value.status == 429 and refused.value.code == "budget_spent" and len(asked) == 1
