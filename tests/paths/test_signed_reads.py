"""Signed questions over HTTP: what the service takes, what the log then proves, what policies can demand."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import http_message_signatures
import httpx2
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from graphsvc.client import Client
from graphsvc.client.enrol import Enroller
from graphsvc.client.keys import SigningKey
from graphsvc.client.package import take_package
from graphsvc.client.signing import ReadSigner
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.keychain import OPERATOR, SIGNED
from graphsvc_verify.package import check_package
from graphsvc_verify.signedread import REQUIRED, TAG, TYP
from tests.ledger_actors import last_key_event
from tests.paths.conftest import CASE, FOOTING
from tests.paths.process import environment
from tests.paths.test_policy import Officers
from tests.paths.wire import SEARCH, account_key, file_of, row

READER = "police-ke.investigator"
STATED = {"graphsvc-purpose": "investigation", "graphsvc-legal-basis": "statutory-duty", "graphsvc-case": CASE}
ACCOUNT = "signed-account"


@pytest.fixture(scope="module")
def held(members: Members, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A record of Pasar's that the police may see; the index of its submission."""
    outgoing = file_of(tmp_path_factory.mktemp("rows") / "rows.ndjson", [row(ACCOUNT, 6_001), row("signed-2", 6_002)])
    return members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index


class Asker:
    """The police's client with a key of its own; sends what no well-behaved client would."""

    def __init__(self, service: LocalService, members: Members, key: SigningKey | None = None) -> None:
        self.service, self.members = service, members
        self.key = key or members.by_name["police-ke"].people["investigator"]
        self.signer = ReadSigner("police-ke", service.origin, self.key)
        self.token = members.token(READER)

    def client(self) -> Client:
        return Client(self.service.url, lambda: self.token, self.members.trust(), signer=self.signer)

    def body(self, account: str = ACCOUNT, **more: Any) -> bytes:
        asked = {"query": SEARCH, "variables": account_key(account), "extensions": {"salt": secrets.token_urlsafe(18)}}
        return json.dumps({**asked, **more}).encode()

    def send(self, body: bytes, headers: dict[str, str], token: str | None = None) -> httpx2.Response:
        given = {
            "accept": "application/graphql-response+json",
            "content-type": "application/json",
            "authorization": f"Bearer {token or self.token}",
            **STATED,
            **headers,
        }
        return httpx2.post(f"{self.service.url}/graphql", content=body, headers=given, timeout=60)

    def refused(self, body: bytes, headers: dict[str, str], token: str | None = None) -> tuple[int, str]:
        answer = self.send(body, headers, token)
        assert "data" not in answer.json()
        return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


@pytest.fixture
def asker(local_service: LocalService, members: Members, held: int) -> Asker:
    asker = Asker(local_service, members)
    members.client(READER).query(SEARCH, account_key(ACCOUNT), FOOTING, held)
    return asker


def enrolled(asker: Asker, key: SigningKey) -> None:
    """The police's root key enrols one more working key."""
    enroller = Enroller("police-ke", asker.service.origin, asker.members.by_name["police-ke"].root)
    assert asker.service.parts is not None
    last = last_key_event(asker.service.parts.ledger, "police-ke")
    asker.members.client("operator.operator").enrol(enroller.signing(key, "spare@police.example", ("analyst",), last))


def assurances(package: bytes, members: Members) -> dict[int, str]:
    report = check_package(package, members.trust())
    return {entry.index: entry.assurance for entry in report.evidence.entries if entry.type == "read"}


def test_a_signed_question_is_signed_by_the_organisation_for_everyone(asker: Asker) -> None:
    members = asker.members
    with asker.client() as client:
        footing = msgspec.structs.replace(FOOTING, export=True)
        signed = client.query(SEARCH, account_key(ACCOUNT), footing)
        assert signed.signed and signed.data["search"][0]["records"][0]["owner"] == "pasar"
        plain = members.client(READER).query(SEARCH, account_key(ACCOUNT), footing)
        expected = {signed.proof.index: SIGNED, plain.proof.index: OPERATOR}
        # For the court, from the investigator; for the owner, who learns who signed, and not what was asked.
        assert assurances(take_package(client, members.trust(), [signed.body, plain.body]), members) == expected
    owner, trust = members.client("pasar.officer"), members.trust()
    package = take_package(owner, trust, indexes=list(expected), keys=[members.by_name["pasar"].recipient])
    assert assurances(package, members) == expected
    (act,) = (act for one in check_package(package, trust).evidence.entries for act in one.acts if act["typ"] == TYP)
    assert act["iss"] == "police-ke" and act["kid"] == asker.key.kid
    listed = owner.query("{ accessLog(first: 5) { entries { index signed } } }").data["accessLog"]["entries"]
    told = {entry["index"]: entry["signed"] for entry in listed if entry["index"] in expected}
    assert told == {index: said == SIGNED for index, said in expected.items()}
    assert ACCOUNT.encode() not in package


def test_what_does_not_hold_is_refused(asker: Asker) -> None:
    body = asker.body()
    headers, _ = asker.signer.sign(body, asker.token, STATED)
    # Another body, footing, token, log; a key that nobody enrolled, one of another organisation.
    assert asker.refused(asker.body("signed-2"), headers) == (400, "altered_body")
    assert asker.refused(body, {**headers, "graphsvc-purpose": "prosecution"}) == (400, "bad_signature")
    less, _ = asker.signer.sign(body, asker.token, {"graphsvc-purpose": "investigation"})
    assert asker.refused(body, less) == (400, "wrong_footing")
    assert asker.refused(body, headers, asker.members.token("police-ke.analyst")) == (400, "wrong_token")
    elsewhere, _ = replace(asker.signer, origin="other.example/log").sign(body, asker.token, STATED)
    assert asker.refused(body, elsewhere) == (400, "wrong_audience")
    stranger, _ = replace(asker.signer, key=SigningKey.new()).sign(body, asker.token, STATED)
    assert asker.refused(body, stranger) == (400, "unknown_key")
    pasar = ReadSigner("pasar", asker.service.origin, asker.members.by_name["pasar"].working)
    assert asker.refused(body, pasar.sign(body, asker.token, STATED)[0]) == (400, "unknown_key")
    # The organisation's name and key, and another's signature.
    forged = {**headers, "signature": stranger["signature"]}
    assert asker.refused(body, forged) == (400, "bad_signature")
    # What held all the time is taken: once.
    assert asker.send(body, headers).status_code == 200
    assert asker.refused(body, headers) == (409, "act_replayed")


def test_an_old_signature_and_a_revoked_key_are_refused(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    body = asker.body()
    for shift in (-400, 400):
        with monkeypatch.context() as patch:
            now = datetime.now(UTC).timestamp() + shift
            patch.setattr("graphsvc.client.signing.time.time", lambda now=now: now)
            headers, _ = asker.signer.sign(body, asker.token, STATED)
        assert asker.refused(body, headers) == (400, "out_of_time")
    key = SigningKey.new()
    spare = Asker(asker.service, asker.members, key)
    headers, _ = spare.signer.sign(body, spare.token, STATED)
    assert spare.refused(body, headers) == (400, "unknown_key")
    enrolled(asker, key)
    assert spare.send(body, headers).status_code == 200
    revoke(asker, key.kid)
    assert spare.refused(body, spare.signer.sign(body, spare.token, STATED)[0]) == (400, "unknown_key")


def revoke(asker: Asker, kid: str) -> None:
    enroller = Enroller("police-ke", asker.service.origin, asker.members.by_name["police-ke"].root)
    assert asker.service.parts is not None
    last = last_key_event(asker.service.parts.ledger, "police-ke")
    assert last is not None
    asker.members.client("operator.operator").enrol(enroller.revoke(kid, "test", last))


def test_a_service_that_drops_the_signature_is_found_out(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a proxy takes the headers off: the entry would say that the operator asserts it."""

    def dropped(self: Client, token: str, method: str, path: str, **options: Any) -> httpx2.Response:
        options["headers"] = {name: value for name, value in options["headers"].items() if "signature" not in name}
        return sent(self, token, method, path, **options)

    sent = Client._send_with
    monkeypatch.setattr(Client, "_send_with", dropped)
    with asker.client() as client, pytest.raises(VerifyError) as caught:
        client.query(SEARCH, account_key(ACCOUNT), FOOTING)
    assert caught.value.code == "not_signed"


class Resolver(http_message_signatures.HTTPSignatureKeyResolver):
    """The key, as another implementation takes it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self.key = key

    def resolve_private_key(self, key_id: str) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def resolve_public_key(self, key_id: str) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_another_implementation_signs_and_reads_ours(asker: Asker) -> None:
    """http-message-signatures, which no one here wrote."""
    body, tag = asker.body(), "graphsvc-read"
    algorithm, resolver = http_message_signatures.algorithms.ED25519, Resolver(asker.key.private)
    ours, _ = asker.signer.sign(body, asker.token, STATED)
    request = httpx2.Request("POST", f"{asker.service.url}/graphql", content=body, headers={**STATED, **ours})
    verifier = http_message_signatures.HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=resolver)
    (result,) = verifier.verify(request, expect_tag=TAG, require_components=REQUIRED, body=body)
    assert result.parameters["keyid"] == f"police-ke/{asker.key.kid}"

    digests = {name: ours[name] for name in ("content-digest", "graphsvc-log", "graphsvc-token-digest")}
    theirs = httpx2.Request("POST", f"{asker.service.url}/graphql", content=body, headers={**STATED, **digests})
    http_message_signatures.HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=resolver).sign(
        theirs,
        key_id=f"police-ke/{asker.key.kid}",
        created=datetime.now(UTC),
        expires=datetime.now(UTC) + timedelta(minutes=1),
        nonce=secrets.token_urlsafe(18),
        label="theirs",
        tag=tag,
        covered_component_ids=(*REQUIRED, *STATED, "@authority", "@target-uri"),
        body=body,
        use_existing_digest=True,
    )
    headers = {name: theirs.headers[name] for name in (*digests, "signature-input", "signature")}
    assert asker.send(body, headers).status_code == 200
    assert asker.refused(body, headers) == (409, "act_replayed")


SIGNED_ONLY = """@id("pasar-signed-questions")
forbid (
  principal,
  action in Action::"content",
  resource
)
unless { context.signed || principal.org == "pasar" };
"""


def test_a_policy_can_demand_signed_questions(
    asker: Asker, local_service: LocalService, members: Members, tmp_path: Path
) -> None:
    officers = Officers(local_service, members, tmp_path)
    before = officers.current()
    text = next(file["text"] for file in before["files"] if file["name"] == "orgs/pasar.cedar")
    plain = members.client(READER)
    try:
        officers.put_in_force(f"{text}\n{SIGNED_ONLY}")
        assert plain.query(SEARCH, account_key(ACCOUNT), FOOTING).data["search"] == []
        with asker.client() as client:
            assert client.query(SEARCH, account_key(ACCOUNT), FOOTING).data["search"]
        # Pasar's own submissions are acts, which are signed.
        outgoing = file_of(tmp_path / "more.ndjson", [row("signed-3", 6_003), row("signed-4", 6_004)])
        assert members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).accepted == 2
    finally:
        officers.roll_back(before["version"])
    assert plain.query(SEARCH, account_key(ACCOUNT), FOOTING).data["search"]


def test_the_command_line_signs(asker: Asker, tmp_path: Path) -> None:
    members, question, profile = asker.members, tmp_path / "question.graphql", tmp_path / "profile.json"
    question.write_text(SEARCH)
    key = members.by_name["police-ke"].folder / "investigator.pem"
    reach = {"url": asker.service.url, "org": "police-ke", "trust": str(members.trust_file)}
    variables = {**environment(), "GRAPHSVC_TOKEN": asker.token, "GRAPHSVC_PROFILE": str(profile)}

    def run(*words: str, status: int = 0, **more: object) -> tuple[str, str]:
        profile.write_text(json.dumps({**reach, **more}))
        done = subprocess.run(
            [sys.executable, "-m", "graphsvc", *words], env=variables, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout, done.stderr

    footing = ("--purpose", "investigation", "--legal-basis", "statutory-duty", "--case", CASE)
    parts = f"parts={json.dumps(account_key(ACCOUNT)['parts'])}"
    ask = ("ask", str(question), "--var", "kind=Account", "--var", parts, *footing)
    assert "signingKey" in run(*ask, "--signed", status=2)[1]
    kept = tmp_path / "answer.json"
    out, err = run(*ask, "--signed", "--out", str(kept), signingKey=str(key))
    assert "signed, receipt checked" in err and ACCOUNT in out
    assert "signed, receipt checked" in run(*ask, signingKey=str(key), signed=True)[1]
    package = str(tmp_path / "evidence.zip")
    run("evidence", "--answer", str(kept), "--out", package)
    out, _ = run("verify", package, "--trust", str(members.trust_file))
    assert "graphsvc-read by" in out and f"police-ke: {SIGNED}" in out
