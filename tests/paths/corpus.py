"""Requests that are kept: one a line of ``corpus.jsonl``, its body in base64."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path

from tests.paths.described import Sent
from tests.paths.rawhttp import Answer, Line, request

FILE = Path(__file__).with_name("corpus.jsonl")
BUSY = frozenset({503, 507})
"""What a service that is busy or full may say; it is no fault."""


def kept() -> list[Sent]:
    """All kept requests."""
    found = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return [Sent(one["method"], one["target"], tuple(one["headers"].items()), b64decode(one["body"])) for one in found]


def keep(one: Sent) -> None:
    """Keep a request, if it is not kept yet."""
    if one not in kept():
        said = {"method": one.method, "target": one.target, "headers": dict(one.headers)}
        with FILE.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**said, "body": b64encode(one.body).decode()}) + "\n")


def sent(url: str, token: str, one: Sent) -> Answer:
    """The answer to a request, sent byte by byte as it stands."""
    headers = {name: value for name, value in one.headers if "\r" not in value and "\n" not in value}
    if token:
        headers["authorization"] = f"Bearer {token}"
    with Line(url) as line:
        line.send(request(one.method, one.target, headers, one.body))
        return line.answer(one.method != "HEAD")
