"""Identifiers by how they begin: the first digits of a number, the first characters of an account's id or a waybill.

A beginning is compared with canonical keys, character by character. What is written is brought as near to them as can
be without its end: a telephone number to its digits, anything else to several spellings. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from graphsvc.model.errors import InvalidQuery
from graphsvc.model.scalars import CleanContext
from graphsvc.model.schema import Schema, form_of

LEAD = 5
"""So many characters of an identifier at least are asked for; by these claims are found."""
LEADS: Mapping[str, int] = {"Phone": 8}
"""The same for kinds whose identifiers begin alike: a telephone number with +, country and operator."""
MAX_BEGINNING = 100

_LEADS = {kind.lower(): size for kind, size in LEADS.items()}
_DIGITS = re.compile(r"\+\d+")
_BETWEEN = re.compile(r"[\s().\-/]+")


class Beginning(NamedTuple):
    """Beginnings of canonical keys, one of which a key must have; all are spellings of one identifier."""

    kind: str
    keys: list[str]

    @property
    def leads(self) -> list[str]:
        """What claims are found by."""
        return list(dict.fromkeys(map(lead_of, self.keys)))


def lead_of(key: str) -> str:
    """The part of a canonical key by which claims about it are found; the whole of a short one."""
    kind, _, rest = key.partition(":")
    head = len(kind) + len(rest.partition(":")[0]) + 2
    return key[: head + _LEADS.get(kind, LEAD)]


def beginning_of(schema: Schema, kind: str, parts: Mapping[str, str], org: str) -> Beginning:
    """The beginning that key parts state, the last of which may go on; the others are as for an exact identifier.

    Raises InvalidQuery for parts that name no key, and for too short a beginning; ValueProblem for the others' values.
    """
    found = schema.kinds.get(kind)
    form = None if found is None else form_of(found, parts)
    if found is None:
        raise InvalidQuery("there is no such kind", code="unknown_kind", where="kind")
    if form is None or form.scheme == "*":
        message = "this has no beginning to search by: name site and id, or the number's own part"
        raise InvalidQuery(message, code="no_beginning", where="parts")
    *before, (last, _) = form.parts
    context = CleanContext(None, org)
    clean = [str(type_.clean(parts[name], context)) for name, type_ in before]
    head = f"{form.scheme}:"
    if form.scheme == "<org>":
        head = f"{org}:"
    elif form.scheme[0] == "<":
        head, clean = f"{clean[0].lower()}:", clean[1:]
    begun = f"{kind.lower()}:{head}" + "".join(f"{one}/" for one in clean)
    texts = _phone(parts[last]) if kind == "Phone" else _spellings(parts[last])
    least = LEADS.get(kind, LEAD)
    texts = [text for text in texts if len(text) >= least]
    if not texts:
        raise InvalidQuery(f"a beginning has at least {least} characters", code="too_short", where="parts")
    if any(len(text) > MAX_BEGINNING for text in texts):
        raise InvalidQuery(f"a beginning has at most {MAX_BEGINNING} characters", code="out_of_range", where="parts")
    return Beginning(kind, [begun + text for text in texts])


def _phone(text: str) -> list[str]:
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", text))
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    digits = "".join(str(unicodedata.digit(one, one)) for one in plain)
    if not _DIGITS.fullmatch(digits):
        message = "write the beginning of a number with + and the country's code, as +254710"
        raise InvalidQuery(message, code="bad_phone", where="parts")
    return [digits]


def _spellings(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).strip()
    tight = _BETWEEN.sub("", plain)
    return list(dict.fromkeys([plain, plain.lower(), plain.upper(), tight.lower(), tight.upper()]))
