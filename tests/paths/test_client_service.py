"""The client over real sockets against a real ledger: safe retries, checked answers, evidence opened at home.

The service here is small and misbehaves on purpose: it can fail after it has stored, and doctor what it answers.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from graphsvc.client import Client, HpkeKey, Outgoing, Refused, SigningKey, Unreachable, fixed_token, pending
from graphsvc.client.enrol import Enroller
from graphsvc.client.sending import ATTEMPTS, Waiting
from graphsvc.ledger.entry import Disclosure, EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.model.principals import Footing, Organisation
from graphsvc_verify.canonical import b64u
from graphsvc_verify.deeds import read_deed
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence
from graphsvc_verify.jws import read_act
from graphsvc_verify.meaning import mean
from graphsvc_verify.note import verify_checkpoint
from graphsvc_verify.trust import Trust, parse_trust

PASAR = Organisation("pasar", "company", "ID", "Pasar", "trust@pasar.example")
DATA = b'{"search":[{"records":[{"owner":"pasar","handle":"h1","attributes":[{"fieldGroup":"identity"}]}]}]}'
FOOTING = Footing("investigation", "law-enforcement", "C-1")
ROWS = b'{"entities":[]}\n' * 50_000


@dataclass
class Service:
    """What the misbehaving service does; ``spoil`` changes a response before it leaves."""

    ledger: Ledger
    fail_first: str = ""
    spoil: Callable[[bytes], bytes] = lambda body: body
    header_footing: Footing | None = None
    reader: str = "pasar"
    works_for: int = 0
    """So often it says of a submission that it is worked on."""
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[int] = field(default_factory=list)

    async def submissions(self, request: Request) -> Response:
        async with request.form() as form:
            key, manifest = request.headers["idempotency-key"], str(form["manifest"])
            self.requests.append(len(await form["body"].read()))
            assert list(form) == ["manifest", "seed", "body"], "the body comes last"
        if key not in self.stored:
            meaning = mean(read_deed(read_act(manifest), manifest, "feed", ("submitter",)))
            draft = EntryDraft(
                type=meaning.type,
                who={"org": "pasar", "person": "feed"},
                requester="pasar",
                owners=[OwnerPart("pasar", meaning.told("pasar", "pasar"), [])],
                acts=[manifest],
                body=dict(meaning.body),
            )
            appended = await asyncio.wrap_future(self.ledger.append(draft))
            answer = {"rows": 2, "accepted": 2, "rejected": 0, "errors": []}
            self.stored[key] = {**answer, "index": appended.index, "receipt": appended.receipt}
        if self.fail_first and len(self.requests) == 1:
            if self.fail_first == "cut":
                return StreamingResponse(iter([b"{"]), 201, {"content-length": "1000"})
            return Response(b"{}", int(self.fail_first), {"retry-after": "0"}, "application/problem+json")
        return Response(self.spoil(json.dumps(self.stored[key]).encode()), 201, media_type="application/json")

    async def outcome(self, request: Request) -> Response:
        if self.works_for:
            self.works_for -= 1
            return Response(b'{"code":"in_flight"}', 409, {"retry-after": "0"}, "application/problem+json")
        answer = self.stored.get(request.headers["idempotency-key"])
        return Response(b"{}", 404) if answer is None else JSONResponse(answer)

    async def graphql(self, request: Request) -> Response:
        body, headers = await request.body(), request.headers
        stated = self.header_footing or Footing(
            *(headers.get(name, "") for name in ("graphsvc-purpose", "graphsvc-legal-basis", "graphsvc-case"))
        )
        facts = {
            **{"reader": self.reader, "person": "p", "purpose": stated.purpose},
            **{"basis": stated.legal_basis, "case": stated.case, "policy": None},
        }
        draft = EntryDraft(
            type="read",
            who={"org": self.reader, "person": "p"},
            purpose=stated.purpose,
            basis=stated.legal_basis,
            case=stated.case,
            at=self.ledger.head - 1,
            query=body,
            answer=DATA,
            requester="pasar",
            owners=[OwnerPart("pasar", facts, [Disclosure(3, 1, "h1", ("identity",))])],
            read=True,
        )
        appended = await asyncio.wrap_future(self.ledger.append(draft))
        tail = json.dumps({"receipt": appended.receipt, "appliedIndex": 3}).encode()
        answer = b'{"data":' + DATA + b',"extensions":' + tail + b"}"
        return Response(self.spoil(answer), 200, media_type="application/graphql-response+json")

    async def consistency(self, request: Request) -> Response:
        old, new = (int(request.query_params[name]) for name in ("old", "new"))
        try:
            proof = self.ledger.consistency(old, new)
        except NotFound:
            return JSONResponse({"code": "not_found"}, 404)
        return JSONResponse({"old": old, "new": new, "proof": [b64u(step) for step in proof]})

    async def evidence(self, request: Request) -> Response:
        return JSONResponse(self.ledger.evidence("pasar", (await request.json())["indexes"]))


@dataclass
class World:
    service: Service
    client: Client
    trust: Trust
    working: SigningKey
    recipient: HpkeKey
    url: str
    heads: Path

    def again(self) -> Client:
        """The client in another process, later."""
        return Client(self.url, fixed_token("x.y.z"), self.trust, org="pasar", heads=self.heads)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    ledger = Ledger.open(tmp_path / "ledger", "graphsvc.test/log")
    root, working, recipient = SigningKey.new(), SigningKey.new(), HpkeKey.new()
    ledger.admit(PASAR, root.public, "operator")
    enroller = Enroller("pasar", ledger.origin, root)
    first = ledger.enrol(enroller.signing(working, "feed", ("submitter",), None))
    ledger.enrol(enroller.recipient(recipient, first))
    value = {"v": 1, "origin": ledger.origin, "log": ledger.log_vkey, "organisations": {"pasar": b64u(root.public)}}
    trust = parse_trust(value)
    service = Service(ledger)
    routes = [
        Route("/v1/submissions", service.submissions, methods=["POST"]),
        Route("/v1/submissions/outcome", service.outcome),
        Route("/graphql", service.graphql, methods=["POST"]),
        Route("/v1/evidence", service.evidence, methods=["POST"]),
        Route("/v1/log/consistency", service.consistency),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    url, heads = f"http://127.0.0.1:{port}", tmp_path / "heads.db"
    with Client(url, fixed_token("x.y.z"), trust, org="pasar", heads=heads) as client:
        yield World(service, client, trust, working, recipient, url, heads)
    server.should_exit = True
    thread.join(10)
    service.ledger.close()


@pytest.fixture
def outgoing(tmp_path: Path) -> Outgoing:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(ROWS)
    return Outgoing(path, "application/x-ndjson")


@pytest.mark.parametrize("failure", ["", "cut", "502", "503", "409", "429"])
def test_a_submission_is_stored_once_whatever_fails(world: World, outgoing: Outgoing, failure: str) -> None:
    world.service.fail_first = failure
    sent: list[int] = []
    answer = world.client.submit(outgoing, "pasar", world.working, sent.append)
    # Where the answer was lost, what became of it is asked: the body is not sent again.
    times = 2 if failure in ("503", "409", "429") else 1
    assert len(world.service.stored) == 1 and world.service.requests == [len(ROWS)] * times
    assert answer.accepted == 2 and sum(sent) == len(ROWS) * len(world.service.requests) and max(sent) <= 1 << 20
    assert not pending.pending_path(outgoing.path).exists()


def test_what_is_worked_on_is_waited_for_however_often_that_takes(world: World, outgoing: Outgoing) -> None:
    world.service.fail_first, world.service.works_for = "cut", 3 * ATTEMPTS
    told: list[float] = []
    answer = world.client.submit(outgoing, "pasar", world.working, waiting=Waiting(tell=told.append))
    assert answer.accepted == 2 and answer.receipt and len(told) == 3 * ATTEMPTS
    assert world.service.requests == [len(ROWS)], "the body went once"


def test_patience_ends_and_the_attempt_can_be_gone_on_with(world: World, outgoing: Outgoing) -> None:
    world.service.fail_first, world.service.works_for = "cut", 2
    with pytest.raises(Refused) as refused:
        world.client.submit(outgoing, "pasar", world.working, waiting=Waiting(seconds=0))
    assert refused.value.code == "in_flight" and pending.pending_path(outgoing.path).exists()
    answer = world.client.submit(outgoing, "pasar", world.working)
    assert len(world.service.stored) == 1 and answer.index == next(iter(world.service.stored.values()))["index"]


def test_a_process_that_died_before_the_answer_sends_the_same_again(world: World, outgoing: Outgoing) -> None:
    world.service.spoil = lambda body: body[:-20]
    with pytest.raises((VerifyError, Refused, Unreachable)):
        world.client.submit(outgoing, "pasar", world.working)
    assert pending.pending_path(outgoing.path).exists()
    world.service.spoil = lambda body: body
    answer = world.client.submit(outgoing, "pasar", world.working)
    assert len(world.service.stored) == 1 and answer.index == next(iter(world.service.stored.values()))["index"]


def test_a_receipt_that_does_not_hold_is_no_acknowledgement(world: World, outgoing: Outgoing) -> None:
    def forge(body: bytes) -> bytes:
        value = json.loads(body)
        value["receipt"]["index"] += 1
        return json.dumps(value).encode()

    world.service.spoil = forge
    with pytest.raises(VerifyError):
        world.client.submit(outgoing, "pasar", world.working)
    assert pending.pending_path(outgoing.path).exists()


def test_an_answer_comes_with_its_proof(world: World) -> None:
    answer = world.client.query("{ search { handle } }", None, FOOTING, after=3)
    assert answer.raw == DATA and answer.proof.records == 1 and answer.applied_index == 3


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"handle":"h1"', b'"handle":"h2"', "altered_answer"),
        (b'{"data":{"search"', b'{"data": {"search"', None),
        (b'"search":[', b'"search": [', "altered_answer"),
        (b'"extensions":{"receipt"', b'"extensions":{"other"', "no_receipt"),
        (b'"index": ', b'"index": 1', "bad_receipt"),
    ],
)
def test_an_altered_answer_is_not_returned(world: World, old: bytes, new: bytes, code: str | None) -> None:
    world.service.spoil = lambda body: body.replace(old, new, 1)
    if code is None:
        world.client.query("{ search { handle } }", None, FOOTING)
        return
    with pytest.raises(VerifyError) as refused:
        world.client.query("{ search { handle } }", None, FOOTING)
    assert refused.value.code == code


def test_an_answer_under_another_footing_is_refused(world: World) -> None:
    world.service.header_footing = Footing("screening", "consent", "C-2")
    with pytest.raises(VerifyError) as refused:
        world.client.query("{ search { handle } }", None, FOOTING)
    assert refused.value.code == "wrong_footing"


def test_an_answer_to_another_question_is_refused(world: World) -> None:
    bodies: list[bytes] = []

    def keep(body: bytes) -> bytes:
        bodies.append(body)
        return bodies[0]

    world.service.spoil = keep
    world.client.query("{ search { handle } }", None, FOOTING)
    with pytest.raises(VerifyError) as refused:
        world.client.query("{ cases { reference } }", None, FOOTING)
    assert refused.value.code == "wrong_query"


def test_the_owner_opens_its_evidence_and_it_holds(world: World, outgoing: Outgoing) -> None:
    world.client.submit(outgoing, "pasar", world.working)
    world.client.query("{ search { handle } }", None, FOOTING)
    report = check_evidence(world.client.evidence(None, world.recipient), world.trust)
    shown = [entry for entry in report.entries if entry.type == "read"]
    assert len(shown) == 1 and shown[0].owner is not None and len(shown[0].owner["leaves"]) == 1
    closed = check_evidence(world.client.evidence(None, HpkeKey.new()), world.trust)
    assert all(entry.owner is None for entry in closed.entries), "another key opens nothing"


def forked(world: World, tmp_path: Path) -> tuple[Ledger, Ledger]:
    """The operator has copied the log; each of both goes its own way from here."""
    world.service.ledger.close()
    copy = shutil.copytree(tmp_path / "ledger", tmp_path / "fork")
    left, right = (Ledger.open(path, "graphsvc.test/log") for path in (tmp_path / "ledger", copy))
    world.service.ledger = left
    return left, right


def refusal(client: Client) -> str:
    with pytest.raises(VerifyError) as refused:
        client.query("{ search { handle } }", None, FOOTING)
    return refused.value.code


def test_entries_of_two_forks_are_not_taken_one_after_the_other(world: World, tmp_path: Path) -> None:
    world.client.query("{ search { handle } }", None, FOOTING)
    left, right = forked(world, tmp_path)
    world.client.query("{ search { handle } }", None, FOOTING)
    world.service.ledger = right
    # Of equal size; larger; and for a client that was started anew.
    assert refusal(world.client) == "fork"
    right.append(EntryDraft(type="note")).result()
    assert refusal(world.client) == "fork"
    with world.again() as later:
        assert refusal(later) == "fork"
        world.service.ledger = left
        assert later.query("{ search { handle } }", None, FOOTING).proof.records == 1
    assert world.client.query("{ search { handle } }", None, FOOTING).proof.records == 1
    right.close()


def test_a_shorter_log_is_refused_and_an_older_head_of_the_same_is_not(world: World, tmp_path: Path) -> None:
    left, right = forked(world, tmp_path)
    for _ in range(3):
        world.client.query("{ search { handle } }", None, FOOTING)
    world.service.ledger = right
    assert refusal(world.client) == "fork"
    world.service.ledger = left
    older = left._state.signer.sign(2, left._state.tree.root(2))
    world.client._pins.hold(verify_checkpoint(older, world.trust.log), world.client._grown)
    forged = left._state.signer.sign(2, bytes(32))
    with pytest.raises(VerifyError, match="fork"):
        world.client._pins.hold(verify_checkpoint(forged, world.trust.log), world.client._grown)
    right.close()


def test_a_checkpoint_in_the_trust_file_counts_as_seen(world: World) -> None:
    signer = world.service.ledger._state.signer
    other = verify_checkpoint(signer.sign(world.service.ledger.head, bytes(32)), world.trust.log)
    with Client(world.url, fixed_token("x.y.z"), replace(world.trust, checkpoint=other)) as client:
        assert refusal(client) == "fork"


def test_heads_that_can_not_be_kept_stop_the_client(world: World, tmp_path: Path) -> None:
    with (
        Client(world.url, fixed_token("x.y.z"), world.trust, heads=tmp_path / "absent" / "heads.db") as client,
        pytest.raises(InvalidInput) as refused,
    ):
        client.query("{ search { handle } }", None, FOOTING)
    assert refused.value.code == "no_pins"


def test_an_answer_whose_owners_are_told_of_another_reader_is_refused(world: World) -> None:
    root = SigningKey.new()
    world.service.ledger.admit(Organisation("swiftline", "company", "ID", "Swift", "x@x.example"), root.public, "op")
    world.service.reader = "swiftline"
    assert refusal(world.client) == "wrong_reader"


def test_a_receipt_of_another_entry_is_no_acknowledgement(world: World, outgoing: Outgoing) -> None:
    """The operator answers a submission, or an act, with the receipt of something else that holds."""
    other = world.client.query("{ search { handle } }", None, FOOTING).receipt

    def swap(body: bytes) -> bytes:
        return json.dumps({**json.loads(body), "receipt": other}).encode()

    world.service.spoil = swap
    with pytest.raises(VerifyError) as refused:
        world.client.submit(outgoing, "pasar", world.working)
    assert refused.value.code == "wrong_entry" and pending.pending_path(outgoing.path).exists()
    world.service.spoil = lambda body: body
    with pytest.raises(VerifyError) as refused:
        world.client.query("mutation($act: String!) { recall(act: $act) { index } }", {"act": "x.y.z"})
    assert refused.value.code == "wrong_entry"
