"""Answers: taken apart without re-encoding, and checked against their receipt before anyone reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from graphsvc.client.errors import Refused, answer_status
from graphsvc.model.principals import Footing
from graphsvc.wire.answers import Cut, WithheldRecords
from graphsvc.wire.errors import AnswerError
from graphsvc_verify.canonical import digest, unb64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.lines import READ
from graphsvc_verify.receipt import ReceiptReport, check_receipt, query_digest
from graphsvc_verify.signedread import SignedRead
from graphsvc_verify.trust import Trust


class _Extensions(msgspec.Struct, rename="camel"):
    receipt: dict[str, Any] | None = None
    applied_index: int = -1
    own_pending: tuple[int, ...] = ()
    only_own: bool = False
    cut: tuple[Cut, ...] = ()
    withheld: tuple[WithheldRecords, ...] = ()


class _Envelope(msgspec.Struct):
    """``data`` stays as it was sent: the ledger commits to its bytes."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[AnswerError] = []
    extensions: _Extensions = msgspec.field(default_factory=_Extensions)


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer: ``data`` decoded, ``raw`` as sent, and what its receipt proves.

    ``body`` is the whole response as it came: kept in a file, it can go into evidence later. ``signed``: the entry
    carries the question's signature. ``applied_index``, ``own_pending`` and ``only_own`` say how far it looked,
    ``cut`` which lists were cut short, ``withheld`` which records are left out because the answer is for export.
    """

    data: dict[str, Any]
    raw: bytes
    errors: tuple[AnswerError, ...]
    applied_index: int
    receipt: dict[str, Any]
    proof: ReceiptReport
    body: bytes = b""
    signed: bool = False
    own_pending: tuple[int, ...] = ()
    only_own: bool = False
    cut: tuple[Cut, ...] = ()
    withheld: tuple[WithheldRecords, ...] = ()

    def of(self, field: str) -> Any:
        """What was answered under ``field``. Raises Refused with the service's error where that left it without one."""
        value = self.data[field]
        for error in self.errors if value is None else ():
            if error.path is None or error.path[0] == field:
                code = error.extensions.code
                raise Refused(answer_status(code), error.message, code=code, where=error.extensions.where)
        return value


def read_answer(status: int, body: bytes) -> tuple[bytes, _Envelope]:
    """The exact bytes of ``data`` and the rest of a GraphQL response.

    Raises Refused when the response is no answer: a problem, or errors without data.
    """
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if status >= 400:
            raise problem(status, body) from None
        raise Refused(status, "the response is not a GraphQL answer", code="bad_answer") from None
    raw = bytes(envelope.data)
    if raw == b"null" and envelope.extensions.receipt is None:
        raise problem(status, body)
    return raw, envelope


def check_answer(body: bytes, status: int, trust: Trust) -> Answer:
    """The answer in a response body, if its receipt holds for these bytes.

    Raises Refused (the service says no) or VerifyError (what it says does not hold).
    """
    return _answered(body, status, trust, shown=True)


def with_signature(answer: Answer, signed: SignedRead | None) -> Answer:
    """The answer, if its entry carries the question's signature; else only the operator's word says who asked.

    Raises VerifyError ``not_signed``.
    """
    if signed is not None and digest(signed.write()) not in answer.proof.leaf.acts:
        raise VerifyError("not_signed", "the entry does not carry the signature that was sent with the question")
    return replace(answer, signed=signed is not None)


def check_act(body: bytes, status: int, trust: Trust, act: str | None = None) -> Answer:
    """The answer to a mutation, if its receipt holds; the entry is the act itself and does not commit to the answer.

    Raises as :func:`check_answer` does, and VerifyError ``wrong_entry`` when the entry does not carry ``act``.
    """
    answer = _answered(body, status, trust, shown=False)
    check_carries(answer.proof, act)
    return answer


def check_carries(proof: ReceiptReport, act: str | None) -> None:
    """Check that a receipt is of the entry of the act that was sent. Raises VerifyError ``wrong_entry``."""
    if act is not None and digest(act.encode()) not in proof.leaf.acts:
        raise VerifyError("wrong_entry", "the receipt is of an entry that does not carry what was sent")


def _answered(body: bytes, status: int, trust: Trust, *, shown: bool) -> Answer:
    raw, envelope = read_answer(status, body)
    receipt = envelope.extensions.receipt
    if receipt is None:
        raise VerifyError("no_receipt", "the answer came without a receipt")
    proof = check_receipt(receipt, trust, raw if shown else None)
    data = msgspec.json.decode(raw, type=dict[str, Any] | None) or {}
    told = envelope.extensions
    answer = Answer(data, raw, tuple(envelope.errors), told.applied_index, receipt, proof, body)
    answer = replace(answer, own_pending=told.own_pending, only_own=told.only_own)
    return replace(answer, cut=told.cut, withheld=told.withheld)


def check_question(proof: ReceiptReport, asked: bytes, footing: Footing, org: str = "") -> None:
    """Check that the entry is a read of this very question, on this footing, by ``org`` if it is given.

    Owners are told what the header says. Raises VerifyError ``wrong_entry``, ``wrong_reader``, ``wrong_footing``,
    ``wrong_query``.
    """
    header = proof.header
    if proof.leaf.type != READ:
        raise VerifyError("wrong_entry", "the receipt is of an entry that is no read")
    if org and (header.get("who") or {}).get("org") != org:
        raise VerifyError("wrong_reader", "the entry says that another organisation asked")
    said = {"purpose": footing.purpose, "basis": footing.legal_basis, "case": footing.case}
    if any((header.get(name) or "") != value for name, value in said.items()):
        raise VerifyError("wrong_footing", "the entry says another purpose, legal basis or case than was stated")
    if bool(header["body"].get("export")) != footing.export:
        raise VerifyError("wrong_footing", "the entry says otherwise whether the answer was asked for to be kept")
    salt = unb64u(str(header["answerSalt"]), 32)
    if header.get("query") != query_digest(asked, salt):
        raise VerifyError("wrong_query", "the entry is about another question")


def problem(status: int, body: bytes) -> Refused:
    """The error behind a response: RFC 9457 problem details or GraphQL errors; never echoes an unknown body."""
    try:
        value = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refused(status, f"the service answered with status {status}", code=f"http_{status}")
    match value.get("errors"):
        case [{"message": message, **more}, *_] if "type" not in value:
            extensions = more.get("extensions")
            told = extensions if isinstance(extensions, dict) else {}
            code, where = str(told.get("code", "graphql")), str(told.get("where", ""))
            return Refused(status, str(message), code=code, where=where)
    detail = value.get("detail") or value.get("title") or f"the service answered with status {status}"
    return Refused(
        status, str(detail), code=str(value.get("code", f"http_{status}")), where=str(value.get("where", ""))
    )
