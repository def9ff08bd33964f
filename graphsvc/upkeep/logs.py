"""The log of the process: lines for people, or one JSON object a line for programs."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

TEXT, JSON = "text", "json"


class JsonLines(logging.Formatter):
    """One JSON object a record: when, how bad, which part, what. Of an exception its kind, never its words."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        said = {"t": at, "level": record.levelname.lower(), "part": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0] is not None:
            said["exception"] = record.exc_info[0].__qualname__
        return orjson.dumps(said).decode()


def log_as(form: str) -> None:
    """Write warnings and worse to standard error in this form. Text is as Python writes without being told."""
    if form == JSON:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
