"""The one reader of YAML, for our own files and those of others: it checks its bounds before it uses memory.

A file is read event by event, so nothing of it is kept that the bounds don't allow. There are no aliases, anchors or
tags (a few hundred bytes of them unfold to gigabytes), no second document, no key that comes twice. Plain words mean
what YAML 1.2's core schema says, https://yaml.org/spec/1.2.2/#103-core-schema, without its other number bases: ``no``
is a word, ``2030-01-01`` is text, and a number that would change when written back (``007``, ``1e999``) is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from graphsvc.model.errors import InvalidInput

MAX_BYTES = 1 << 18
"""At most this many bytes in a YAML file, unless the caller says otherwise."""
MAX_NODES = 20_000
"""At most this many values, lists and mappings in a file, keys counted."""
MAX_DEPTH = 24
"""At most this many lists and mappings within each other."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?\d{1,18}", re.ASCII)
_DIGITS = re.compile(r"[-+]?\d+", re.ASCII)
_ZERO_FIRST = re.compile(r"[-+]?0\d+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.\d+|\d+\.\d*|\d+(?=[eE]))([eE][-+]?\d+)?", re.ASCII)
_NO_NUMBER = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)


def load_yaml(source: str | bytes, *, where: str, max_bytes: int = MAX_BYTES) -> Any:
    """What a YAML document holds: dicts with text keys, lists, str, int (18 digits), float (finite), bool, None.

    ``where`` names the file in errors. Raises InvalidInput ``bad_yaml`` with the line, ``too_large`` for a file above
    ``max_bytes``, :data:`MAX_NODES` or :data:`MAX_DEPTH`.
    """
    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if len(data) > max_bytes:
        raise _too_large(where, f"the file has more than {max_bytes} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _bad(where, line, "not UTF-8: save the file as UTF-8") from None
    try:
        return _Reading(where, yaml.parse(text, Loader=_LOADER)).document()
    except yaml.YAMLError as error:
        raise _bad(where, *_told(error)) from None


class _Reading:
    """One document on its way from events to values."""

    def __init__(self, where: str, events: Iterator[Any]) -> None:
        self._where = where
        self._events = events
        self._nodes = 0

    def document(self) -> Any:
        next(self._events)  # the stream's start
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), 0)
        next(self._events)  # the document's end
        more = next(self._events)
        if not isinstance(more, yaml.StreamEndEvent):
            raise self._refused(more, "a second document begins here: one file holds one")
        return value

    def _value(self, event: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _too_large(self._where, f"{_line(event)}: more than {MAX_NODES} values: split the file")
        if depth > MAX_DEPTH:
            raise _too_large(self._where, f"{_line(event)}: more than {MAX_DEPTH} lists and mappings in each other")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._refused(event, "no anchors (&) and aliases (*) here: write it out, or put the text in quotes")
        if event.tag is not None:
            raise self._refused(event, "no tags (!) here: leave it out, or put the text in quotes")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._value(event, depth + 1))
            return items
        return self._mapping(depth)

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            if not isinstance(key, str):
                raise self._refused(event, "write this key in quotes")
            if key in found:
                raise self._refused(event, f"the key {key[:60]!r} comes twice")
            found[key] = self._value(next(self._events), depth + 1)
        return found

    def _scalar(self, event: Any) -> Any:
        word = event.value
        if not event.implicit[0]:
            return word
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        if _ZERO_FIRST.fullmatch(word) or _NO_NUMBER.fullmatch(word):
            raise self._refused(event, "write this in quotes: as a number it would not stay what it is")
        if _INTEGER.fullmatch(word):
            return int(word)
        if _DIGITS.fullmatch(word):
            raise self._refused(event, "write a number this long in quotes")
        if _FLOAT.fullmatch(word):
            if len(word) > 40 or not math.isfinite(number := float(word)):
                raise self._refused(event, "write this in quotes: as a number it would not stay what it is")
            return number
        return word

    def _refused(self, event: Any, what: str) -> InvalidInput:
        return _bad(self._where, event.start_mark.line + 1, what)


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"


def _told(error: yaml.YAMLError) -> tuple[int, str]:
    """Line and reason of a parser's error, without the text that it read."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not understood"
    return (mark.line + 1 if mark is not None else 1), f"no YAML that can be read: {what}"


def _bad(where: str, line: int, what: str) -> InvalidInput:
    return InvalidInput(f"{where}: line {line}: {what}", code="bad_yaml", where=where)


def _too_large(where: str, what: str) -> InvalidInput:
    return InvalidInput(f"{where}: {what}", code="too_large", where=where)
