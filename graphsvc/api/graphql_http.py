"""``POST /graphql``: GraphQL over HTTP. There is no GET: identifiers do not belong in URLs.

Step by step: 1. who calls and what media types; 2. the body, a JSON object; 3. the document, prepared once per text;
4. the variables; 5. the question, with its signature where it has one, is run and logged (``Asking``), or the act
(``Registering``, ``Acting``); 6. the answer, with ``data`` byte for byte as it was logged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import strawberry
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from graphsvc.api.documents import Documents, Prepared, Refused
from graphsvc.api.execution import Answer, Question, answer
from graphsvc.api.fields import Context
from graphsvc.api.negotiation import GRAPHQL, JSON, answer_type, takes_json
from graphsvc.api.ports import Acting, Asking, Authenticating, Registering
from graphsvc.api.problems import Problem, error_shape, http_problem, problem_of
from graphsvc.api.requests import body_of, caller, footing, json_object
from graphsvc.api.schema import core_of
from graphsvc.api.signatures import signed_request
from graphsvc.api.turns import QUESTIONS, ActTurns, Turns
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Principal
from graphsvc.wire.errors import AnswerError

MAX_BODY = 256 << 10
"""At most this many bytes in a request body."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What carries out acts, and the turns that acts wait for."""

    registering: Registering
    acting: Acting
    turns: ActTurns


class GraphqlEndpoint:
    """The endpoint; it remembers prepared documents."""

    def __init__(self, schema: strawberry.Schema, authenticating: Authenticating, asking: Asking, doing: Doing) -> None:
        self._authenticating = authenticating
        self._asking = asking
        self._doing = doing
        self._questions = Turns(QUESTIONS)
        self._schema = core_of(schema)
        self._documents = Documents(schema)

    async def post(self, request: Request) -> Response:
        """Answer one request; every failure has a GraphQL body."""
        media_type = answer_type(",".join(request.headers.getlist("accept")))
        if media_type is None:
            return _failed(http_problem(406, f"answers come as {GRAPHQL} or {JSON}", "header accept"), JSON)
        try:
            principal = await caller(self._authenticating, request)
            if not takes_json(request.headers.get("content-type", "")):
                return _failed(http_problem(415, f"send {JSON} in UTF-8", "header content-type"), media_type)
            return await self._answer(request, principal, media_type)
        except Refused as refused:
            # In the older media type, a document that can't be executed is answered with status 200.
            return _response(_envelope(None, refused.errors, {}), 400 if media_type == GRAPHQL else 200, media_type)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return _failed(problem_of(error), media_type)

    async def _answer(self, request: Request, principal: Principal, media_type: str) -> Response:
        stated = footing(request)
        body = await body_of(request, MAX_BODY)
        asked = json_object(body)
        prepared, given = self._read(asked)
        question = Question(prepared, given, self._documents.variables(prepared, given))
        if prepared.introspective:
            answered = await answer(self._schema, question, Context(principal))
            return _response(_envelope(answered.data, answered.errors, {}), 200, media_type)
        if prepared.mutates:
            context = Context(principal, registering=self._doing.registering, acting=self._doing.acting)
            async with self._doing.turns.turn(principal):
                answered = await answer(self._schema, question, context)
            receipts = {"receipt": msgspec.Raw(context.receipts[-1])} if context.receipts else {}
            return _response(_envelope(answered.data, answered.errors, receipts), 200, media_type)

        # Only questions: a mutation carries an act, which has its own signature.
        signed = signed_request(request, body, asked)
        stated = msgspec.structs.replace(stated, export=_export(asked))
        answers: list[Answer] = []

        async def work(reading: Any) -> bytes:
            answers.append(await answer(self._schema, question, Context(principal, reading=reading)))
            return answers[-1].data

        async with self._questions.turn(principal.org):
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
        return _response(_envelope(released.data, answers[-1].errors, extensions), 200, media_type)

    def _read(self, body: Mapping[str, Any]) -> tuple[Prepared, Mapping[str, Any]]:
        query, name = body.get("query"), body.get("operationName")
        variables, extensions = body.get("variables"), body.get("extensions")
        if not isinstance(query, str):
            raise InvalidInput("a text is needed", code="invalid_request", where="/query")
        if name is not None and not isinstance(name, str):
            raise InvalidInput("a text or null is needed", code="invalid_request", where="/operationName")
        for where, value in (("/variables", variables), ("/extensions", extensions)):
            if value is not None and not isinstance(value, dict):
                raise InvalidInput("an object or null is needed", code="invalid_request", where=where)
        return self._documents.prepare(query, name), variables or {}


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


def _failed(problem: Problem, media_type: str) -> Response:
    content = _envelope(None, [error_shape(problem)], {})
    return _response(content, problem.answer.status, media_type, problem.headers())


_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def _response(content: bytes, status: int, media_type: str, headers: dict[str, str] | None = None) -> Response:
    return Response(content, status, headers or _HEADERS, f"{media_type}; charset=utf-8")
