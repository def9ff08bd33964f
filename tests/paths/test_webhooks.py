"""Webhooks from the real service to a real receiver over TLS: signed, in order, after a kill; and never inside."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from graphsvc.client.manifest import sign_manifest
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model.errors import InvalidInput
from graphsvc.webhooks import sending
from graphsvc.webhooks.receivers import Receiver, read_receivers
from graphsvc.webhooks.sending import NotSent, Sender, is_public
from graphsvc.webhooks.telling import Told, Webhooks
from tests.paths.process import until
from tests.paths.wire import file_of, post, row

SECRET = bytes(range(32))
ORG = "swiftline"


@dataclass
class Desk:
    """A receiver: what came, and what it answers, one after the other (then 204)."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    drips: bool = False

    def receiver(self, org: str = ORG, path: str = "/hook") -> Receiver:
        return Receiver(org, "localhost", self.port, path, SECRET)

    @property
    def indexes(self) -> list[int]:
        return [json.loads(body)["data"]["index"] for _, body in self.came]


def certificate(folder: Path) -> Path:
    """A certificate for localhost with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "localhost.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    pem = certificate(tmp_path)
    desk = Desk(context=ssl.create_default_context(cafile=str(pem)))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            desk.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if desk.drips:
                while True:
                    self.wfile.write(b"H")
                    time.sleep(0.05)
            status = desk.answers.pop(0) if desk.answers else 204
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", f"https://localhost:{desk.port}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        desk.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield desk
        finally:
            server.shutdown()


@pytest.fixture
def submit(local_service: LocalService, members: Members, tmp_path: Path) -> Callable[[str, str, int], int]:
    """Submits a good row and a bad one; returns the index."""

    def send(org: str, account: str, number: int) -> int:
        rows = [row(account, number), row(account, number).replace(b'"Phone"', b'"Telephone"')]
        outgoing = file_of(tmp_path / f"{account}.ndjson", rows)
        signed = sign_manifest(outgoing, local_service.origin, org, members.by_name[org].working)
        answer = post(local_service.url, members.token(f"{org}.feed"), outgoing, signed)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["index"])

    return send


@contextmanager
def telling(service: LocalService, receivers: Sequence[Receiver], places: Told, sender: Sender) -> Iterator[Webhooks]:
    assert service.parts is not None
    applier = service.parts.applier
    webhooks = Webhooks(service.parts.ledger, lambda: applier.progress, receivers, places, sender)
    webhooks.start()
    try:
        yield webhooks
    finally:
        webhooks.stop()


def trusting(desk: Desk) -> Sender:
    """A sender that may speak to this machine, which no setting allows."""
    return Sender(lambda _: True, desk.context)


def test_a_receiver_is_told_in_order_and_can_check_it(
    local_service: LocalService, submit: Any, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphsvc.webhooks.telling.LOOK", 0.05)
    monkeypatch.setattr("graphsvc.webhooks.telling.PAUSES", (0.05,))
    submit(ORG, "hook-before", 880_000)
    desk.answers = [500, 429, 302, 410]
    places = Told(tmp_path / "webhooks.db")
    with telling(local_service, [desk.receiver(), desk.receiver("pasar", "/other")], places, trusting(desk)):
        until(lambda: (tmp_path / "webhooks.db").stat().st_size and _begun(places, desk), "the receivers have no place")
        sent = [submit(ORG, f"hook-{n}", 880_001 + n) for n in range(3)]
        until(lambda: len(desk.came) >= 7, "the receiver was not told")
    # Four refusals of the first one, then each once, in ledger order; others' submissions are told to others.
    assert desk.indexes == [sent[0]] * 4 + sent
    names = [headers["webhook-id"] for headers, _ in desk.came]
    assert len(set(names[:5])) == 1 and len(set(names)) == 3, "an attempt more has the same id"
    for headers, body in desk.came:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
        told = json.loads(body)
        assert told["type"] == "submission.applied"
        assert told["data"] == {"index": told["data"]["index"], "rows": 2, "accepted": 1, "rejected": 1, "setAside": 0}
        assert b"hook-" not in body and b"+254" not in body, "counts alone"


def _begun(places: Told, desk: Desk) -> bool:
    with closing(places._open()) as database:
        return int(database.execute("SELECT count(*) FROM told").fetchone()[0]) == 2


def test_after_a_kill_nothing_is_left_out(local_service: LocalService, submit: Any, desk: Desk, tmp_path: Path) -> None:
    """The process dies when the receiver has it and the place has not moved; the next one tells it again."""
    assert local_service.parts is not None
    ledger, applier = local_service.parts.ledger, local_service.parts.applier
    path = tmp_path / "webhooks.db"
    receiver = desk.receiver()
    Told(path).of(receiver.name, ledger.head - 1)
    sent = [submit(ORG, f"hook-kill-{n}", 881_000 + n) for n in range(2)]
    until(lambda: all(applier.progress.has(index) for index in sent), "the submissions are not applied")

    class Killed(Told):
        def move(self, *_: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Webhooks(ledger, lambda: applier.progress, [], Killed(path), trusting(desk)).tell(receiver)
    again = Webhooks(ledger, lambda: applier.progress, [], Told(path), trusting(desk))
    assert [again.tell(receiver) for _ in range(3)] == [True, True, False]
    assert desk.indexes == [sent[0], *sent]
    assert desk.came[0][0]["webhook-id"] == desk.came[1][0]["webhook-id"]
    other = replace(receiver, path="/moved")
    assert not again.tell(other), "a receiver that is new begins now"


def test_what_is_not_applied_is_not_told(local_service: LocalService, submit: Any, desk: Desk, tmp_path: Path) -> None:
    assert local_service.parts is not None
    ledger = local_service.parts.ledger
    places = Told(tmp_path / "webhooks.db")
    before = local_service.parts.applier.progress
    places.of(desk.receiver().name, ledger.head - 1)
    submit(ORG, "hook-waits", 882_000)
    webhooks = Webhooks(ledger, lambda: before, [], places, trusting(desk))
    assert not webhooks.tell(desk.receiver()) and not desk.came


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "2001:db8::1"],
)  # fmt: skip
def test_addresses_inside_are_none(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


def test_public_addresses_are() -> None:
    assert all(is_public(ipaddress.ip_address(one)) for one in ("1.1.1.1", "2606:4700:4700::1111"))


def test_a_name_that_leads_inside_is_not_spoken_to(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSent, match="not public"):
        Sender(context=desk.context).send(desk.receiver(), "msg_1", 1, b"{}")
    # One public address beside one inside is none either: which of them is used is nobody's choice.
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in ("1.1.1.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(NotSent, match="not public"):
        Sender(context=desk.context).send(desk.receiver(), "msg_1", 1, b"{}")
    assert not desk.came


def test_the_connection_goes_to_the_address_that_was_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, asked = socket.getaddrinfo, list[Any]()

    def once(host: str, *more: Any, **named: Any) -> Any:
        asked.append(host)
        assert host != "localhost" or len(asked) == 1, "the name is resolved once"
        return plain(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    trusting(desk).send(desk.receiver(), "msg_1", 1, b"{}")
    assert asked.count("localhost") == 1 and set(asked[1:]) <= {"127.0.0.1", "::1"} and len(desk.came) == 1


def test_a_redirect_is_not_followed_and_a_stranger_not_trusted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    only = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", desk.port))]
    plain = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **named: only if host == "localhost" else plain(host, *more, **named)
    )
    desk.answers = [307]
    with pytest.raises(NotSent, match="307"):
        trusting(desk).send(desk.receiver(), "msg_1", 1, b"{}")
    assert len(desk.came) == 1
    with pytest.raises(NotSent, match="SSLCertVerificationError"):
        Sender(lambda _: True).send(desk.receiver(), "msg_1", 1, b"{}")
    desk.drips = True
    monkeypatch.setattr(sending, "SECONDS", 0.4)
    with pytest.raises(NotSent):
        # Without a bound this would never end: each byte comes in time.
        trusting(desk).send(desk.receiver(), "msg_1", 1, b"{}")


GOOD = "whsec_" + base64.b64encode(SECRET).decode()


def listed(folder: Path, secret: str = GOOD, **said: str) -> Path:
    (folder / "pasar.whsec").write_text(secret)
    one = {"org": "pasar", "url": "https://hooks.pasar.example/in?a=b", "secretFile": "pasar.whsec", **said}
    path = folder / "receivers.yaml"
    path.write_text(json.dumps({"receivers": [one]}))
    return path


def test_the_list_of_receivers(tmp_path: Path) -> None:
    assert read_receivers(listed(tmp_path)) == (Receiver("pasar", "hooks.pasar.example", 443, "/in?a=b", SECRET),)


@pytest.mark.parametrize(
    "said",
    [
        {"url": "http://hooks.pasar.example/"},
        {"url": "https://user:pass@hooks.pasar.example/"},
        {"url": "https://hooks.pasar.example/#x"},
        {"url": "https://hooks.pasar.example:99999/"},
        {"url": "https://hooks.pasar.example/a b"},
        {"url": "https:///x"},
        {"url": "file:///etc/passwd"},
        {"secretFile": "absent"},
        {"secret": "whsec_c2hvcnQ="},
        {"secret": "nothing"},
        {"colour": "red"},
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, said: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_receivers(listed(tmp_path, **said))
    assert caught.value.code == "webhooks" and "pass@" not in caught.value.message
