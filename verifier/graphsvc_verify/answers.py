"""Records in an answer, found by the shape of the API's objects, and checked against what the receipt commits to.

A record or citation is an object with ``owner`` and ``handle``; a list of handles is found under ``records``. A query
that renames these fields (GraphQL aliases) or leaves them out hides them from this check; the answer's bytes as a
whole are committed to all the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphsvc_verify.canonical import parse
from graphsvc_verify.errors import VerifyError

_START = b'{"data":'


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as an answer shows it; ``owner`` is empty where only the handle stands."""

    owner: str
    handle: str
    groups: frozenset[str]


def check_answer(data: bytes, disclosed: Mapping[str, Mapping[str, frozenset[str]]], hits: Collection[str] = ()) -> int:
    """Check every record found in ``data``; ``disclosed`` maps owner → handle → field groups. Returns how many.

    Whom a hit names must be among ``hits``, or be told of records shown. Raises VerifyError ``unlisted_record``,
    ``unlisted_group`` or ``unlisted_hit``.
    """
    if not hit_owners(parse(data)) <= {*hits, *(owner for owner, shown in disclosed.items() if shown)}:
        raise VerifyError("unlisted_hit", "the answer tells of a hit that its owner is not told of")
    count = 0
    for shown in records_in(parse(data)):
        if shown.owner:
            groups = disclosed.get(shown.owner, {}).get(shown.handle)
        else:
            groups = next((found[shown.handle] for found in disclosed.values() if shown.handle in found), None)
        if groups is None:
            raise VerifyError("unlisted_record", "the answer shows a record that its owner was not told of")
        if not shown.groups <= groups:
            raise VerifyError("unlisted_group", "the answer shows a field group that its owner was not told of")
        count += 1
    return count


def answer_bytes(raw: bytes) -> bytes:
    """The bytes of ``data`` in a GraphQL answer, exactly as sent. Raises VerifyError ``bad_answer``."""
    if not raw.startswith(_START):
        raise VerifyError("bad_answer", "an answer starts with its data")
    try:
        text = raw[len(_START) :].decode()
        _, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        raise VerifyError("bad_answer", "the answer's data is not JSON") from None
    return text[:end].encode()


def hit_owners(value: Any) -> set[str]:
    """Whom the hits in a decoded answer name: ``org`` under ``contacts``."""
    listed = (item["contacts"] for item in _objects(value) if isinstance(item.get("contacts"), list))
    return {str(one["org"]) for contacts in listed for one in contacts if isinstance(one, dict) and "org" in one}


def records_in(value: Any) -> Iterator[Shown]:
    """The records and record handles in a decoded answer, depth first."""
    for item in _objects(value):
        if isinstance(item.get("owner"), str) and isinstance(item.get("handle"), str):
            yield Shown(item["owner"], item["handle"], _groups(item.get("attributes")))
        handles = item.get("records")
        if isinstance(handles, list):
            yield from (Shown("", handle, frozenset()) for handle in handles if isinstance(handle, str))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a decoded answer, depth first."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())


def _groups(attributes: Any) -> frozenset[str]:
    if not isinstance(attributes, list):
        return frozenset()
    return frozenset(str(item["fieldGroup"]) for item in attributes if isinstance(item, dict) and "fieldGroup" in item)
