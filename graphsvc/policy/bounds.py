"""How large and how deeply nested a policy text may be, checked before the engine sees it.

The engine's parser calls itself for every bracket, so a few hundred bytes of brackets overflow its stack and end the
process (https://github.com/cedar-policy/cedar/issues has several reports). Strings and comments are told apart from
the rest as the grammar does (https://docs.cedarpolicy.com/policies/syntax-grammar.html), so nothing hides in them and
nothing in them counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from graphsvc.model.errors import InvalidInput

MAX_FILE = 1 << 16
"""At most this many bytes in a policy file, a schema or a decision table."""
MAX_RULES = 200
"""At most this many rules in a file; the product's shared rulebook has some thirty in ten files."""
MAX_NESTING = 24
"""At most this many brackets within each other; the engine takes twice as many on the smallest stack it may get."""
MAX_LINKS = 250
"""At most this many members, calls, ``&&``, ``||``, ``!``, sums and ``if`` in one rule: each may nest in another."""

_TOKEN = re.compile(
    r"""
      (?P<skip> //[^\n\r]* | "(?:[^"\\]|\\[^\n\r])*" )
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<end> ; )
    | (?P<quote> " )
    | (?P<plain> != | [=<>]= | :: )
    | (?P<link> && | \|\| | [-!+*.<] | \b if \b )
    """,
    re.VERBOSE,
)


class InvalidPolicy(InvalidInput):
    """A policy file that can't be used; ``where`` names the file and the rule."""

    code = "invalid_policy"


class PolicyTooLarge(InvalidPolicy):
    """A policy file that is too large to be read at all: too long, nested too deeply, or with too many rules."""


def bound_files(files: Mapping[str, str]) -> None:
    """Raise PolicyTooLarge, with file and line, for the first file past the bounds; InvalidPolicy for broken text."""
    for name, text in files.items():
        bound_length(text, name)
        if name.endswith((".cedar", ".cedarschema")):
            _bound_rules(text, name)


def bound_length(text: str, where: str) -> None:
    """Raise PolicyTooLarge for a file of any kind that is too long."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidPolicy("the file holds what is no Unicode text", where=where) from None
    if size > MAX_FILE:
        raise PolicyTooLarge(f"the file has more than {MAX_FILE:,} bytes: make it shorter", where=where)


def bound_text(text: str, where: str) -> None:
    """As :func:`bound_files`, for one text of rules or of a schema."""
    bound_length(text, where)
    _bound_rules(text, where)


def _bound_rules(text: str, where: str) -> None:
    depth = links = rules = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
            links += token[0] == "["
            if depth > MAX_NESTING:
                raise _too_large(text, token, where, f"more than {MAX_NESTING} brackets within each other")
        elif kind == "close":
            depth = max(0, depth - 1)
        elif kind == "link":
            links += 1
        elif kind == "quote":
            raise InvalidPolicy(f"line {_line(text, token)}: a string does not end", where=where)
        elif kind == "end" and depth == 0:
            rules, links = rules + 1, 0
            if rules > MAX_RULES:
                raise _too_large(text, token, where, f"the file has more than {MAX_RULES} rules: put some into one")
        if links > MAX_LINKS:
            message = f"a rule has more than {MAX_LINKS} operators and members: make several rules of it, or use a set"
            raise _too_large(text, token, where, message)


def _too_large(text: str, token: re.Match[str], where: str, what: str) -> PolicyTooLarge:
    return PolicyTooLarge(f"line {_line(text, token)}: {what}", where=where)


def _line(text: str, token: re.Match[str]) -> int:
    return text.count("\n", 0, token.start()) + 1
