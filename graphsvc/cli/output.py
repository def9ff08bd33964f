"""What commands print: tables for people, one JSON object for programs; errors with what to do about them."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from graphsvc.client.errors import Refused, Unreachable
from graphsvc.model.errors import GraphsvcError, Unavailable
from graphsvc_verify.errors import VerifyError

JSON_FLAG = "--json"
DONE, NOT_HOLDING, BAD_INPUT, REFUSED, NO_ANSWER = range(5)
"""Exit codes of all commands."""


def exit_code(error: GraphsvcError | VerifyError) -> int:
    """The exit code for an error."""
    if isinstance(error, VerifyError):
        return NOT_HOLDING
    if isinstance(error, Refused):
        return REFUSED
    return NO_ANSWER if isinstance(error, Unreachable | Unavailable) else BAD_INPUT


def fail(console: Console, error: GraphsvcError | VerifyError, *, as_json: bool) -> None:
    """Say what went wrong: to people on ``console``, to programs as JSON on standard output."""
    where = error.where if isinstance(error, GraphsvcError) else ""
    if as_json:
        write_json({"error": {"code": error.code, "message": error.message, "where": where}})
        return
    place = f" [dim]({escape(where)})[/dim]" if where else ""
    console.print(f"[bold red]{escape(error.code)}[/bold red] {escape(error.message)}{place}", highlight=False)


def write_json(value: Any) -> None:
    """One JSON value on a line of standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.flush()
