"""The client that an organisation uses: questions with checked answers, signed submissions, keys, evidence."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx2
import msgspec

from graphsvc.client import pending, pieces
from graphsvc.client.answers import (
    Answer,
    check_act,
    check_answer,
    check_carries,
    check_question,
    problem,
    with_signature,
)
from graphsvc.client.counted import Counted, Progress
from graphsvc.client.errors import Refused
from graphsvc.client.keys import HpkeKey, SigningKey, write_private
from graphsvc.client.manifest import Outgoing, Signed, sign_manifest
from graphsvc.client.pins import Pins
from graphsvc.client.questions import Question
from graphsvc.client.sending import PATIENT, Waiting, settled
from graphsvc.client.signing import ReadSigner
from graphsvc.client.submitted import NO_ROW, NothingAccepted, Submitted, read_submitted
from graphsvc.client.superseding import check_superseding
from graphsvc.client.tokens import BoundCredentials, TokenProvider
from graphsvc.model.drafts import RowProblem
from graphsvc.model.principals import Footing, Organisation
from graphsvc.wire.members import Admitted, Departed, KeyEventEntered, Member, OrganisationChange
from graphsvc.wire.upkeep import Check, Purged, Reapplied, Recleaned
from graphsvc_verify.canonical import b64u
from graphsvc_verify.deeds import DRY_RUN
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import open_evidence
from graphsvc_verify.note import verify_checkpoint
from graphsvc_verify.persons import split_opening
from graphsvc_verify.receipt import ReceiptReport, check_receipt
from graphsvc_verify.signedread import SignedRead
from graphsvc_verify.trust import Trust

_DECIDED = frozenset({400, 413, 415, 422})
"""Statuses with which the service refuses a manifest for good."""
OUTCOME = "/v1/submissions/outcome"
_NO_FOOTING = Footing()
T = TypeVar("T")
_JSON = {"content-type": "application/json"}


class Client:
    """A connection to one service. Safe to use from one thread; close it, or use it in a ``with``.

    ``trust`` pins the log: with it every answer is checked against its receipt before it is returned. With a ``signer``
    every question is signed, and its answer is taken only if the signature stands in the ledger with it. ``org`` is
    who asks: an answer is taken only if its entry, which owners are told of, says so. ``heads`` is a file for the last
    head of the log: every later receipt must be of the same log. Without it the head is kept as long as this object.
    """

    def __init__(
        self, base_url: str, token: TokenProvider, trust: Trust, *, timeout: float = 60.0,
        signer: ReadSigner | None = None, org: str = "", heads: Path | None = None,
    ) -> None:  # fmt: skip
        self._token = token
        self._url = base_url.rstrip("/")
        self._trust = trust
        self._signer = signer
        self._org = org or (signer.org if signer is not None else "")
        self._pins = Pins(trust, heads)
        self._http = httpx2.Client(base_url=base_url, timeout=httpx2.Timeout(timeout, connect=10.0))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        footing: Footing = _NO_FOOTING,
        after: int | None = None,
    ) -> Answer:
        """Ask a GraphQL question, or do a mutation, and check the answer against its receipt.

        ``after`` is sent as the variable of that name. Raises Refused, Unreachable, and VerifyError when the
        answer does not hold.
        """
        values = dict(variables or {}) | ({} if after is None else {"after": after})
        headers = {**_JSON, "accept": "application/graphql-response+json", **footing_headers(footing)}
        if document.lstrip().startswith("mutation"):
            asked = msgspec.json.encode({"query": document, "variables": values})
            response = self._patiently(lambda: self._send("POST", "/graphql", content=asked, headers=headers))
            return self._held(check_act(response.content, response.status_code, self._trust, values.get("act")))
        # Owners get what the ledger keeps of a signed question: the salt keeps them from guessing what was asked.
        salt = {} if self._signer is None else {"salt": secrets.token_urlsafe(18)}
        extensions = {**({"export": True} if footing.export else {}), **salt}
        told = {"extensions": extensions} if extensions else {}
        asked = msgspec.json.encode({"query": document, "variables": values, **told})
        sent: list[SignedRead] = []
        response = self._patiently(lambda: self._ask(asked, headers, sent))
        signed = sent[-1] if sent else None
        answer = check_answer(response.content, response.status_code, self._trust)
        check_question(answer.proof, asked, footing, self._org)
        return self._held(with_signature(answer, signed))

    def ask(
        self,
        question: Question[T],
        variables: Mapping[str, Any] | None = None,
        footing: Footing = _NO_FOOTING,
    ) -> tuple[T, Answer]:
        """Ask one of the client's own questions: returns the result in its declared form, and the checked answer.

        Raises as :meth:`query` does, and Refused when the answer is of another form.
        """
        answer = self.query(question.document, variables, footing)
        try:
            found: T = msgspec.json.decode(answer.raw, type=question.data)[question.field]
        except (msgspec.ValidationError, KeyError):
            message = "the service answers in another form: client and service are of different versions"
            raise Refused(502, message, code="bad_answer", where=question.field) from None
        return found, answer

    def read(
        self,
        question: Question[T],
        variables: Mapping[str, Any] | None = None,
        footing: Footing = _NO_FOOTING,
    ) -> T:
        """What :meth:`ask` answers, without the answer's proof."""
        return self.ask(question, variables, footing)[0]

    def pages(
        self,
        question: Question[T],
        variables: Mapping[str, Any] | None = None,
        footing: Footing = _NO_FOOTING,
    ) -> Iterator[tuple[T, Answer]]:
        """Every part of a list, the next one asked for when it is wanted; ``variables`` say where to begin.

        Each part is a read of its own. Raises as :meth:`ask` does, and Refused with code ``list_changed`` where the
        parts before are others now: paths and rings.
        """
        asked = dict(variables or {})
        while True:
            found, answer = self.ask(question, asked, footing)
            yield found, answer
            following = question.following(found, asked)
            if following is None:
                return
            asked |= following

    def submit(
        self, outgoing: Outgoing, org: str, key: SigningKey, progress: Progress | None = None,
        waiting: Waiting = PATIENT,
    ) -> Submitted:  # fmt: skip
        """Sign and send a file; repeated after any failure it still is one submission.

        While the service works on it, this waits as long as ``waiting`` says.

        ``progress`` counts the bytes sent. Raises NothingAccepted when no row is accepted, else Refused, Unreachable,
        VerifyError.
        """
        # 1. A signed manifest: new, or that of an unfinished attempt (pending).
        signed = pending.prepare(outgoing, self._trust.origin, org, key)
        # 2. Send it; whatever is lost on the way, the same idempotency key makes it one submission.
        response = settled(
            lambda: self._upload(outgoing, signed, progress),
            lambda: self._send("GET", OUTCOME, headers={"idempotency-key": signed.idempotency_key}),
            waiting,
        )
        if response.status_code >= 400:
            # The service has taken a decision about this manifest; the next attempt is a new one.
            if response.status_code in _DECIDED:
                pending.done(outgoing.path)
            refused = problem(response.status_code, response.content)
            if refused.code == NO_ROW:
                raise NothingAccepted(refused, read_submitted(response.content))
            raise refused
        body = self._json(response)
        # 3. Only a receipt that holds counts as acknowledged.
        proof = self._carried(body.get("receipt"), signed.manifest)
        pending.done(outgoing.path)
        return replace(
            read_submitted(response.content), superseded=check_superseding(outgoing, proof.index, proof.header)
        )

    def dry_run(
        self, outgoing: Outgoing, org: str, key: SigningKey, progress: Progress | None = None,
        waiting: Waiting = PATIENT,
    ) -> Submitted:  # fmt: skip
        """Have the service check a signed file row by row, policy included; nothing is stored."""
        signed = sign_manifest(outgoing, self._trust.origin, org, key, typ=DRY_RUN)
        # The service keeps no outcome of a dry run that could be asked for later: wait for the answer itself.
        response = self._patiently(lambda: self._upload(outgoing, signed, progress, waiting.seconds))
        self._json(response)
        return read_submitted(response.content)

    def problems(self, index: int) -> Iterator[RowProblem]:
        """Every row of a submission that was not accepted, in order."""
        return self._told(f"/v1/submissions/{index}/errors")

    def notes(self, index: int) -> Iterator[RowProblem]:
        """Every value of a submission's accepted rows that can't be linked, and why, in order."""
        return self._told(f"/v1/submissions/{index}/notes")

    def _told(self, path: str) -> Iterator[RowProblem]:
        response = self._patiently(lambda: self._send("GET", path))
        if response.status_code >= 400:
            raise problem(response.status_code, response.content)
        for line in response.content.splitlines():
            if line.strip():
                yield msgspec.json.decode(line, type=RowProblem)

    def admit(self, organisation: Organisation, root_key: bytes) -> Admitted:
        """Admit an organisation (operators only); ``root_key`` is its raw Ed25519 public key."""
        body = {**msgspec.to_builtins(organisation), "rootKey": b64u(root_key)}
        return self._acted("/v1/organisations", body, Admitted)

    def enrol(self, act: str) -> KeyEventEntered:
        """Hand in a key event that the root key signed (compact JWS), with what opens its person's hash."""
        return self._acted("/v1/keys", {"act": act}, KeyEventEntered, split_opening(act)[0])

    def organisations(self) -> list[Member]:
        """All organisations (operators only)."""
        response = self._patiently(lambda: self._send("GET", "/v1/organisations"))
        return self._told_as(response, dict[str, list[Member]])["organisations"]

    def update_organisation(self, org: str, changes: Mapping[str, str]) -> OrganisationChange:
        """Change a member's ``name`` or ``contact`` (operators only)."""
        return self._acted(f"/v1/organisations/{org}", changes, OrganisationChange)

    def off_board(self, org: str, records: str, reason: str) -> Departed:
        """Off-board a member (operators only): ``records`` is ``keep`` or ``recall``; returns what ended with it."""
        said = {"records": records, "reason": reason}
        return self._acted(f"/v1/organisations/{org}/departure", said, Departed)

    def purge(self, *, dry_run: bool) -> Purged:
        """Erase what is due, or say what would go (operators only)."""
        content = msgspec.json.encode({"dryRun": True} if dry_run else {"confirm": True})
        response = self._patiently(lambda: self._send("POST", "/v1/purge", content=content, headers=_JSON))
        return self._told_as(response, Purged)

    def reapply(self, entry: int, rows: Sequence[int] | None = None) -> Reapplied:
        """Apply rows of a submission that were set aside, all of them or some (operators only)."""
        return self._acted("/v1/reapply", {"entry": entry, "rows": None if rows is None else list(rows)}, Reapplied)

    def reclean(self, entry: int = 0, pack: int = 0, *, apply: bool = False) -> Recleaned:
        """Clean anew a part of what is kept unlinked, from a pack of a submission on (operators only)."""
        content = msgspec.json.encode({"entry": entry, "pack": pack, "apply": apply})
        response = self._patiently(lambda: self._send("POST", "/v1/reclean", content=content, headers=_JSON))
        done = self._told_as(response, Recleaned)
        if done.index is not None:
            self._carried(self._json(response).get("receipt"), None)
        return done

    def doctor(self) -> list[Check]:
        """Check the running service (operators only)."""
        response = self._patiently(lambda: self._send("GET", "/v1/doctor"))
        return self._told_as(response, dict[str, list[Check]])["checks"]

    def evidence(self, indexes: list[int] | None = None, key: HpkeKey | None = None) -> dict[str, Any]:
        """The content of an evidence file about the caller's organisation's records.

        ``indexes`` are ledger indexes; None means every entry that concerns the organisation. With its ``key`` the
        organisation's sections are opened here, so that whoever gets the file can read and check those and no others.
        Where a checkpoint is pinned, the evidence proves that the log has grown from it.
        """
        pinned = self._trust.checkpoint
        content = msgspec.json.encode({"indexes": indexes, "since": None if pinned is None else pinned.size})
        sealed = self._json(self._patiently(lambda: self._send("POST", "/v1/evidence", content=content, headers=_JSON)))
        self._pins.hold(verify_checkpoint(str(sealed.get("checkpoint")), self._trust.log), self._grown)
        return sealed if key is None else open_evidence(sealed, key.private)

    def growth(self, old: int, new: int) -> dict[str, Any]:
        """The proof that the log's tree of ``new`` entries extends that of ``old``, as ``{old, proof}``."""
        return {"old": old, "proof": self._grown(old, new)}

    def checkpoint(self) -> str:
        """The log's last published checkpoint, a signed note."""
        response = self._patiently(lambda: self._send("GET", "/log/checkpoint"))
        if response.status_code >= 400:
            raise problem(response.status_code, response.content)
        return response.text

    def _grown(self, old: int, new: int) -> list[str]:
        path = f"/v1/log/consistency?old={old}&new={new}"
        proof: list[str] = self._json(self._patiently(lambda: self._send("GET", path))).get("proof") or []
        return proof

    def _held(self, answer: Answer) -> Answer:
        """The answer, if its receipt is of the same log as what was seen before."""
        self._pins.hold(answer.proof.checkpoint, self._grown)
        return answer

    def _carried(self, receipt: Any, act: str | None) -> ReceiptReport:
        """Check a receipt, and that its entry carries the act that was sent."""
        proof = check_receipt(receipt, self._trust)
        check_carries(proof, act)
        self._pins.hold(proof.checkpoint, self._grown)
        return proof

    def _acted(self, path: str, body: Mapping[str, Any], form: type[T], act: str | None = None) -> T:
        content = msgspec.json.encode(body)
        response = self._patiently(lambda: self._send("POST", path, content=content, headers=_JSON))
        self._carried(self._json(response).get("receipt"), act)
        return self._told_as(response, form)

    @staticmethod
    def _told_as(response: httpx2.Response, form: type[T]) -> T:
        """A response in its declared form. Raises Refused for a problem, and for any other form."""
        if response.status_code >= 400:
            raise problem(response.status_code, response.content)
        try:
            return msgspec.json.decode(response.content, type=form)
        except msgspec.DecodeError:
            message = "the service answers in another form: client and service are of different versions"
            raise Refused(502, message, code="bad_answer") from None

    def _upload(
        self, outgoing: Outgoing, signed: Signed, progress: Progress | None, dry_run: float = 0
    ) -> httpx2.Response:
        """Send a body. With ``dry_run`` it is only checked, and that is how many seconds to wait for the answer.

        A large one goes out in pieces first; where it was once begun, what has not come yet.
        """
        upload = None
        if signed.measured.size >= pieces.LARGE:
            kept = pieces.Kept(None if dry_run else pending.upload_path(outgoing.path), write_private)
            upload = pieces.Pieces(self._send, outgoing, kept, progress).run()
        with outgoing.path.open("rb") as file:
            parts: list[tuple[str, Any]] = [
                ("manifest", (None, signed.manifest.encode())),
                ("seed", (None, b64u(signed.seed).encode())),
            ]
            if outgoing.mapping is not None:
                parts.append(("mapping", ("mapping.yaml", outgoing.mapping, "application/yaml")))
            if upload is not None:
                parts.append(("upload", (None, upload.encode())))
            else:
                parts.append(("body", (outgoing.path.name, Counted(file, progress), outgoing.media_type)))
            if not dry_run:
                headers = {"idempotency-key": signed.idempotency_key}
                return self._send("POST", "/v1/submissions", files=parts, headers=headers)
            usual = self._http.timeout
            timeout = httpx2.Timeout(connect=usual.connect, read=dry_run, write=usual.write, pool=usual.pool)
            response = self._send("POST", "/v1/submissions", files=parts, params={"dryRun": "true"}, timeout=timeout)
            if upload is not None:
                pieces.forget(self._send, upload)
            return response

    def _patiently(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        """Send, and retry when the service asks for it or can't be reached; all that is sent may be repeated."""
        return settled(send, send, PATIENT)

    def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self._send_with(self._token(), method, path, **options)

    def _send_with(self, token: str, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request with a token, and with a proof where the token is bound to a key."""
        headers = {"authorization": f"Bearer {token}", **options.pop("headers", {})}
        if isinstance(self._token, BoundCredentials):
            proof = self._token.proof(method, f"{self._url}{path}", token)
            headers |= {"authorization": f"DPoP {token}", "dpop": proof}
        return self._http.request(method, path, headers=headers, **options)

    def _ask(self, asked: bytes, headers: Mapping[str, str], sent: list[SignedRead]) -> httpx2.Response:
        """Send a question, signed anew each time; ``sent`` gets what the service must keep of it."""
        token = self._token()
        if self._signer is not None:
            more, signed = self._signer.sign(asked, token, headers)
            sent.append(signed)
            headers = {**headers, **more}
        return self._send_with(token, "POST", "/graphql", content=asked, headers=headers)

    @staticmethod
    def _json(response: httpx2.Response) -> dict[str, Any]:
        if response.status_code >= 400:
            raise problem(response.status_code, response.content)
        try:
            return msgspec.json.decode(response.content, type=dict[str, Any])
        except msgspec.DecodeError:
            raise VerifyError("bad_answer", "the service's answer is not a JSON object") from None


def footing_headers(footing: Footing) -> dict[str, str]:
    """Purpose, legal basis and case as request headers, left out where not stated."""
    named = {
        "graphsvc-purpose": footing.purpose,
        "graphsvc-legal-basis": footing.legal_basis,
        "graphsvc-case": footing.case,
    }
    return {name: value for name, value in named.items() if value}
