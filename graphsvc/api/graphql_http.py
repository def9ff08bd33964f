"""``POST /graphql``: GraphQL over HTTP. There is no GET: identifiers do not belong in URLs.

Step by step: 1. who calls and what media types; 2. the body, a JSON object, or a batch of them, answered one after the
other as if each had come alone; 3. the document, known beforehand or sent, prepared once per text; 4. the variables; 5.
the question, with its signature where it has one, is run and logged (``Asking``), or the act (``Registering``,
``Acting``); 6. the answer, with ``data`` byte for byte as it was logged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import strawberry
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from graphsvc.api.documents import Documents, Prepared, Refused
from graphsvc.api.execution import Answer, Question, answer
from graphsvc.api.fields import Context
from graphsvc.api.negotiation import GRAPHQL, JSON, answer_type, takes_json
from graphsvc.api.persisted import hash_of, named_document
from graphsvc.api.ports import Acting, Asking, Authenticating, Registering
from graphsvc.api.problems import Problem, error_shape, http_problem, problem_of
from graphsvc.api.requests import body_of, caller, footing, json_object
from graphsvc.api.schema import core_of
from graphsvc.api.signatures import signed_request
from graphsvc.api.transport import Transport
from graphsvc.api.turns import ActTurns
from graphsvc.model.errors import InvalidInput, TooLarge
from graphsvc.model.principals import Principal
from graphsvc.model.room import ROOM
from graphsvc.wire.errors import AnswerError, Extensions

MAX_BODY = 256 << 10
"""At most this many bytes in a request body."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What carries out acts, and the turns that acts wait for."""

    registering: Registering
    acting: Acting
    turns: ActTurns


class Outcome(NamedTuple):
    """One answered request: its body, ready to send, and its status and headers if it is the only one."""

    status: int
    content: bytes
    headers: dict[str, str]


class GraphqlEndpoint:
    """The endpoint; it remembers prepared documents. Raises InvalidInput when a persisted one is not valid."""

    def __init__(
        self,
        schema: strawberry.Schema,
        authenticating: Authenticating,
        asking: Asking,
        doing: Doing,
        transport: Transport,
    ) -> None:
        self._authenticating = authenticating
        self._asking = asking
        self._doing = doing
        self._questions, self._observed = transport.turns, transport.observed
        self._schema = core_of(schema)
        self._documents = Documents(schema)
        self._persisted = transport.persisted
        self._batch = transport.batch
        for name, text in transport.persisted.documents.items():
            try:
                self._documents.check(text)
            except Refused as refused:
                said = refused.errors[0]
                message = f"the document does not fit the schema: {said.message} ({said.extensions.where})"
                raise InvalidInput(message, code="documents", where=f"sha256:{name}") from None

    async def post(self, request: Request) -> Response:
        """Answer one request, or a batch; every failure has a GraphQL body."""
        media_type = answer_type(",".join(request.headers.getlist("accept")))
        if media_type is None:
            return _sent(_failed(http_problem(406, f"answers come as {GRAPHQL} or {JSON}", "header accept")), JSON)
        try:
            principal = await caller(self._authenticating, request)
            if not takes_json(request.headers.get("content-type", "")):
                return _sent(_failed(http_problem(415, f"send {JSON} in UTF-8", "header content-type")), media_type)
            footing(request)  # a footing that is none is refused before a body is waited for
            body = await body_of(request, MAX_BODY)
            if self._batch and body.lstrip()[:1] == b"[":
                members = _members(body, self._batch)
                if request.headers.get("signature-input"):
                    message = "a batch can't be signed: ask one by one"
                    raise InvalidInput(message, code="invalid_request", where="header signature-input")
                return _sent(await self._each(request, principal, members, media_type), media_type)
            return _sent(await self._outcome(request, principal, body, media_type), media_type)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return _sent(_failed(problem_of(error)), media_type)

    async def _each(self, request: Request, principal: Principal, members: Sequence[bytes], media_type: str) -> Outcome:
        """The outcomes of a batch: each member counts, waits and is logged as a request of its own."""
        outcomes: list[Outcome] = []
        room = ROOM
        for member in members:
            if room < 0:
                # What is not asked is not logged, so the bound is checked before.
                message = "the answers before this one are as large as a batch may be: ask for this one alone"
                outcomes.append(_failed(problem_of(TooLarge(message, code="answer_too_large"))))
                continue
            outcomes.append(await self._outcome(request, principal, member, media_type))
            room -= len(outcomes[-1].content)
        same = len({one.status for one in outcomes}) == 1
        status, headers = (outcomes[0].status, outcomes[0].headers) if same else (200, _HEADERS)
        return Outcome(status, b"[" + b",".join(one.content for one in outcomes) + b"]", headers)

    async def _outcome(self, request: Request, principal: Principal, body: bytes, media_type: str) -> Outcome:
        try:
            return Outcome(200, await self._answer(request, principal, body), _HEADERS)
        except Refused as refused:
            self._observed.failed(refused.errors[0].extensions.code)
            # In the older media type, a document that can't be executed is answered with status 200.
            return Outcome(400 if media_type == GRAPHQL else 200, _envelope(None, refused.errors, {}), _HEADERS)
        except Exception as error:
            problem = problem_of(error)
            self._observed.failed(problem.code)
            return _failed(problem)

    async def _answer(self, request: Request, principal: Principal, body: bytes) -> bytes:
        await self._questions.count(principal)
        stated = footing(request)
        asked = json_object(body)
        prepared, given = self._read(asked)
        self._observed.asked(prepared)
        question = Question(prepared, given, self._documents.variables(prepared, given))
        if prepared.introspective:
            answered = await answer(self._schema, question, Context(principal))
            return _envelope(answered.data, answered.errors, {})
        if prepared.mutates:
            context = Context(principal, registering=self._doing.registering, acting=self._doing.acting)
            async with self._doing.turns.turn(principal):
                answered = await answer(self._schema, question, context)
            receipts = {"receipt": msgspec.Raw(context.receipts[-1])} if context.receipts else {}
            return _envelope(answered.data, answered.errors, receipts)

        # Only questions: a mutation carries an act, which has its own signature.
        signed = signed_request(request, body, asked)
        stated = msgspec.structs.replace(stated, export=_export(asked))
        answers: list[Answer] = []

        async def work(reading: Any) -> bytes:
            answers.append(await answer(self._schema, question, Context(principal, reading=reading)))
            return answers[-1].data

        async with self._questions.turn(principal):
            released = await self._asking.run(principal, stated, body, work, signed)
        extensions: dict[str, object] = {
            "receipt": msgspec.Raw(released.receipt),
            "appliedIndex": released.applied_index,
            "ownPending": released.own_pending,
            "onlyOwn": released.only_own,
            "cut": released.cut,
        }
        if stated.export:
            extensions["withheld"] = released.withheld
        return _envelope(released.data, answers[-1].errors, extensions)

    def _read(self, body: Mapping[str, Any]) -> tuple[Prepared, Mapping[str, Any]]:
        name = body.get("operationName")
        variables, extensions = body.get("variables"), body.get("extensions")
        if name is not None and not isinstance(name, str):
            raise InvalidInput("a text or null is needed", code="invalid_request", where="/operationName")
        for where, value in (("/variables", variables), ("/extensions", extensions)):
            if value is not None and not isinstance(value, dict):
                raise InvalidInput("an object or null is needed", code="invalid_request", where=where)
        return self._documents.prepare(self._document(body), name), variables or {}

    def _document(self, body: Mapping[str, Any]) -> str:
        """The text of the document that a request sends, or names. Raises InvalidInput, Refused."""
        query, named = body.get("query"), named_document(body)
        if query is None and named:
            return self._named(named)
        if not isinstance(query, str):
            raise InvalidInput("a text is needed", code="invalid_request", where="/query")
        if named and hash_of(query) != named:
            raise InvalidInput("the hash beside it is of another document", code="invalid_request", where="/query")
        if self._persisted.only and (named or hash_of(query)) not in self._persisted.documents:
            message = "this service executes known documents only, and this is none: its operator has the list"
            raise Refused([AnswerError(message, Extensions("unknown_document", "/query"))])
        return query

    def _named(self, name: str) -> str:
        known = self._persisted.documents
        if name in known:
            return known[name]
        # The words that clients of Apollo and urql look for: they send the text then, or stop sending hashes.
        said, code = ("NotFound", "NOT_FOUND") if known else ("NotSupported", "NOT_SUPPORTED")
        raise Refused([AnswerError(f"PersistedQuery{said}", Extensions(f"PERSISTED_QUERY_{code}", "/extensions"))])


def _members(body: bytes, most: int) -> list[bytes]:
    """The members of a batch, each as it was sent. Raises InvalidInput, TooLarge."""
    try:
        members = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput("the body is not JSON in UTF-8", code="invalid_json", where="body") from None
    if not members:
        raise InvalidInput("a batch of no request", code="invalid_json", where="body")
    if len(members) > most:
        raise TooLarge(f"a batch has at most {most} requests", where="body")
    return [bytes(one) for one in members]


def _export(asked: Mapping[str, Any]) -> bool:
    """Whether the request says that the answer will be kept in a file; a signature of the request covers this."""
    said = (asked.get("extensions") or {}).get("export", False)
    if not isinstance(said, bool):
        raise InvalidInput("true or false is needed", code="invalid_request", where="/extensions/export")
    return said


def _envelope(data: bytes | None, errors: Sequence[AnswerError], extensions: Mapping[str, object]) -> bytes:
    members: list[bytes] = []
    if data is not None:
        members.append(b'"data":' + data)
    if errors:
        members.append(b'"errors":' + msgspec.json.encode(errors))
    if extensions:
        members.append(b'"extensions":' + msgspec.json.encode(extensions))
    return b"{" + b",".join(members) + b"}"


_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def _failed(problem: Problem) -> Outcome:
    return Outcome(problem.answer.status, _envelope(None, [error_shape(problem)], {}), problem.headers())


def _sent(outcome: Outcome, media_type: str) -> Response:
    return Response(outcome.content, outcome.status, outcome.headers, f"{media_type}; charset=utf-8")
