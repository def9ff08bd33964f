"""``POST /v1/submissions``, ``…/preview``, ``GET /v1/submissions/outcome`` and ``…/{index}/errors``, ``/notes``."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import msgspec
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from graphsvc.api.ports import Authenticating
from graphsvc.api.problems import Answer, Problem, details_response, log_masked
from graphsvc.api.requests import body_of, caller, json_response, route, single_header, stated_length
from graphsvc.api.resumable import sha256_of
from graphsvc.api.spool import OVERHEAD, Received, Receiver, boundary_of
from graphsvc.api.turns import SUBMISSIONS, Rate, Turns
from graphsvc.api.uploads import UploadRoom, Uploads
from graphsvc.model.errors import InvalidInput, NotFound, TooLarge
from graphsvc.model.principals import Principal
from graphsvc.settings import Settings
from graphsvc.submission.manifest import Upload
from graphsvc.submission.pieces import UploadRoutes
from graphsvc.submission.preview import MOST_BYTES
from graphsvc.submission.submit import Result, Submitting
from graphsvc.wire.submissions import Sheet

GULP = 1 << 20
"""Bytes gathered before a worker thread hashes and writes them."""
MOST_SHOWN = MOST_BYTES * 4 // 3 + (256 << 10)
"""Bytes of a request for a preview: the file in base64, and what is said of it."""
_ENDING = re.compile(r"(\.[A-Za-z0-9]{1,8})?")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MAX_INDEX = 2**53
_Lines = AsyncIterator[Mapping[str, Any]]


class SubmissionRoutes:
    """The routes of submissions."""

    def __init__(self, authenticating: Authenticating, submitting: Submitting, settings: Settings) -> None:
        self._authenticating = authenticating
        self._submitting = submitting
        self._settings = settings
        self._uploads = Uploads(settings)
        self._turns = Turns(SUBMISSIONS)
        self._rate = Rate(settings.submissions_a_minute, time.monotonic)
        self._pieces = UploadRoutes(authenticating, submitting, settings, self._uploads, self._rate)

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            route("POST", "/v1/submissions", self.post),
            route("POST", "/v1/submissions/preview", self.preview),
            route("GET", "/v1/submissions/outcome", self.outcome),
            route("GET", "/v1/submissions/{index}/errors", self.errors),
            route("GET", "/v1/submissions/{index}/notes", self.notes),
            *self._pieces.routes(),
        ]

    async def post(self, request: Request) -> Response:
        """Receive one submission to disk, then hand it over; nothing stays in the spool whatever happens.

        Whatever the headers give reason to refuse is refused before the first byte of the body is read.
        """
        principal = await caller(self._authenticating, request)
        dry_run = _dry_run(request)
        key = _idempotency_key(request, dry_run)
        self._submitting.admit(principal, "" if dry_run else key)
        boundary = boundary_of(request.headers.get("content-type", ""))
        largest = self._settings.max_body + OVERHEAD
        length = stated_length(request, largest)
        digest = ",".join(request.headers.getlist("content-digest"))
        self._rate.count(principal.org)
        with self._uploads.one(principal.org, length) as room:
            receiver = Receiver(self._settings.spool, boundary, self._settings.max_body, digest)
            result = await self._received(request, receiver, room, _Asked(principal, key, dry_run))
        if result.status >= 400:
            # Problem details may have members of their own (RFC 9457 section 3.2): here what is wrong with which row.
            answer = Answer(result.status, "No row was accepted")
            problem = Problem(answer, str(result.taken.code), "the errors say what is wrong with each row")
            return details_response(problem, msgspec.to_builtins(result.taken))
        return json_response(result.taken, result.status)

    async def _received(self, request: Request, receiver: Receiver, room: UploadRoom, asked: _Asked) -> Result:
        try:
            await _receive(request, receiver, room, self._settings.max_body + OVERHEAD)
            got = await run_in_threadpool(receiver.finish)
            return await (self._in_pieces(got, asked) if got.upload else self._handed_in(got, asked))
        finally:
            receiver.discard()

    async def _in_pieces(self, got: Received, asked: _Asked) -> Result:
        """Hand in a body that has come in pieces; it is removed once the service has decided about it."""
        found, decided = await run_in_threadpool(self._pieces.open.use, asked.principal, got.upload), False
        try:
            sha256 = await run_in_threadpool(sha256_of, found.path)
            body = replace(got, path=found.path, size=found.offset, sha256=sha256, media_type=found.told.media_type)
            result = await self._handed_in(body, asked)
            decided = not asked.dry_run
            return result
        except InvalidInput:
            decided = not asked.dry_run  # this body and its manifest don't fit, and never will
            raise
        finally:
            await run_in_threadpool(partial(self._pieces.open.used, got.upload, remove=decided))

    async def _handed_in(self, got: Received, asked: _Asked) -> Result:
        upload = Upload(
            path=got.path,
            size=got.size,
            sha256=got.sha256,
            manifest=got.manifest,
            seed=got.seed,
            mapping=got.mapping,
            idempotency_key=asked.key,
            media_type=got.media_type,
            dry_run=asked.dry_run,
        )
        claim = nullcontext() if asked.dry_run else self._submitting.claim(asked.principal, asked.key)
        with claim:
            async with self._turns.turn(asked.principal.org):
                return await self._submitting.submit(asked.principal, upload)

    async def preview(self, request: Request) -> Response:
        """What a small file would become: a mapping is proposed for it, and nothing of it is kept."""
        principal = await caller(self._authenticating, request)
        self._submitting.admit(principal, "")
        length = stated_length(request, MOST_SHOWN)
        self._rate.count(principal.org)
        with self._uploads.one(principal.org, length or MOST_SHOWN):
            body = await body_of(request, MOST_SHOWN)
            try:
                sheet = msgspec.json.decode(body, type=Sheet)
            except msgspec.DecodeError as error:
                raise InvalidInput(str(error), code="invalid_request", where="body") from None
            if not _ENDING.fullmatch(sheet.ending):
                message = "the ending of the file's name, as .csv, and nothing else of the name"
                raise InvalidInput(message, code="invalid_request", where="/ending")
            async with self._turns.turn(principal.org):
                return json_response(await self._submitting.preview(principal, sheet))

    async def outcome(self, request: Request) -> Response:
        """What became of the submission under an idempotency key, for a client that lost the answer or didn't wait."""
        principal = await caller(self._authenticating, request)
        result = await self._submitting.outcome(principal, _idempotency_key(request, False))
        return json_response(result.taken, result.status)

    async def errors(self, request: Request) -> Response:
        """The rows of a submission that were not accepted, as NDJSON."""
        return await self._told(request, self._submitting.errors)

    async def notes(self, request: Request) -> Response:
        """The values of accepted rows that can't be linked, and why, as NDJSON."""
        return await self._told(request, self._submitting.notes)

    async def _told(self, request: Request, asked: Callable[[Principal, int], Awaitable[_Lines]]) -> Response:
        principal = await caller(self._authenticating, request)
        text = request.path_params["index"]
        if not text.isdecimal() or not text.isascii() or len(text) > 16 or int(text) >= _MAX_INDEX:
            raise NotFound("no such submission", where="index")
        told = await asked(principal, int(text))
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        return StreamingResponse(_lines(told), 200, headers, "application/x-ndjson")


class _Asked(NamedTuple):
    """Who asks, and what headers and query say."""

    principal: Principal
    key: str
    dry_run: bool


async def _receive(request: Request, receiver: Receiver, room: UploadRoom, largest: int) -> None:
    pending: list[bytes] = []
    size = total = 0
    async for chunk in request.stream():
        pending.append(chunk)
        size += len(chunk)
        total += len(chunk)
        if total > largest:
            raise TooLarge(f"the request passes the limit of {largest} bytes", where="body")
        if size >= GULP:
            room.receive(size)
            await run_in_threadpool(receiver.feed, b"".join(pending))
            pending.clear()
            size = 0
    if pending:
        room.receive(size)
        await run_in_threadpool(receiver.feed, b"".join(pending))


async def _lines(problems: _Lines) -> AsyncIterator[bytes]:
    batch = bytearray()
    try:
        async for problem in problems:
            batch += orjson.dumps(dict(problem), option=orjson.OPT_APPEND_NEWLINE)
            if len(batch) >= 64 << 10:
                yield bytes(batch)
                batch.clear()
    except Exception as error:
        # The status has left already: breaking off is the only way to say that lines are missing.
        raise ConnectionAbortedError(f"broken off, reference {log_masked(error)}") from None
    yield bytes(batch)


def _dry_run(request: Request) -> bool:
    values = request.query_params.getlist("dryRun")
    if values in ([], ["false"]):
        return False
    if values == ["true"]:
        return True
    raise InvalidInput("true or false is needed", code="invalid_parameter", where="query dryRun")


def _idempotency_key(request: Request, dry_run: bool) -> str:
    key = single_header(request, "idempotency-key", 257)
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key and dry_run:
        return ""
    if not _KEY.fullmatch(key):
        message = "1 to 255 printable characters without spaces are needed"
        raise InvalidInput(message, code="idempotency_key", where="header idempotency-key")
    return key
