"""Ledger entries: parsing a leaf, opening its header and sections.

A leaf is canonical JSON of at most 65,535 bytes::

    {v, type, t, nonce, epoch, keyHead, header: {box | object}, sections: [{tag, line, box | object}], acts: [digest]}

With more than 64 sections ``sections`` is ``{object: digest}`` and the object holds the list as canonical JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from graphsvc_verify.boxes import open_box
from graphsvc_verify.canonical import decode, digest, unb64u
from graphsvc_verify.errors import VerifyError

MAX_LEAF = 65_535
_NAMES = {"v", "type", "t", "nonce", "epoch", "keyHead", "header", "sections", "acts"}
_TYPE = re.compile(r"[a-z][a-z0-9.-]{0,39}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A parsed ledger entry; ``key_head`` is an index or None.

    ``sections`` maps base64url tags to ``{line, box}`` or ``{line, object}``, or is the digest of the object that does.
    """

    type: str
    t: str
    nonce: bytes
    epoch: int
    key_head: int | None
    header: Mapping[str, str]
    sections: Mapping[str, Mapping[str, str]] | str
    acts: tuple[str, ...]


def parse_leaf(data: bytes) -> Leaf:
    """The leaf behind entry bytes. Raises VerifyError ``bad_leaf`` (or ``not_canonical``, ``not_json``)."""
    if len(data) > MAX_LEAF:
        raise VerifyError("bad_leaf", "an entry is at most 65,535 bytes long")
    value = decode(data)
    if not isinstance(value, dict) or set(value) != _NAMES or value["v"] != 1:
        raise VerifyError("bad_leaf", "not an entry of version 1")
    if not _matches(_TYPE, value["type"]) or not _is_time(value["t"]) or not _is_index(value["epoch"]):
        raise VerifyError("bad_leaf", "type, time or epoch is malformed")
    if value["keyHead"] is not None and not _is_index(value["keyHead"]):
        raise VerifyError("bad_leaf", "keyHead is malformed")
    acts = value["acts"]
    if not isinstance(acts, list) or not all(_matches(_DIGEST, act) for act in acts):
        raise VerifyError("bad_leaf", "acts are digests")
    sections = value["sections"]
    return Leaf(
        type=value["type"],
        t=value["t"],
        nonce=unb64u(str(value["nonce"]), 32),
        epoch=value["epoch"],
        key_head=value["keyHead"],
        header=_holder(value["header"]),
        sections=_holder(sections)["object"] if isinstance(sections, dict) else _sections(sections),
        acts=tuple(acts),
    )


def open_header(leaf: Leaf, key: bytes, objects: Mapping[str, bytes]) -> dict[str, Any]:
    """The header under its key; ``objects`` are those the leaf may refer to, by digest."""
    return _content(_box(leaf.header, objects), key)


def open_section(leaf: Leaf, tag: str, key: bytes, objects: Mapping[str, bytes]) -> dict[str, Any]:
    """The section with base64url ``tag`` under its section key S. Raises VerifyError ``no_section``, ``bad_box`` …"""
    section = sections_of(leaf, objects).get(tag)
    if section is None:
        raise VerifyError("no_section", "the entry has no such section")
    return _content(_box(section, objects), key)


def sections_of(leaf: Leaf, objects: Mapping[str, bytes]) -> Mapping[str, Mapping[str, str]]:
    """The sections by tag, fetched from their object when there are many."""
    if isinstance(leaf.sections, str):
        return _sections(decode(fetch(leaf.sections, objects)))
    return leaf.sections


def fetch(name: str, objects: Mapping[str, bytes]) -> bytes:
    """An object by digest, checked. Raises VerifyError ``no_object`` or ``bad_object``."""
    if name not in objects:
        raise VerifyError("no_object", "an object that the entry refers to is missing")
    if digest(objects[name]) != name:
        raise VerifyError("bad_object", "an object does not fit its digest")
    return objects[name]


def _box(holder: Mapping[str, str], objects: Mapping[str, bytes]) -> bytes:
    return unb64u(holder["box"]) if "box" in holder else fetch(holder["object"], objects)


def _content(box: bytes, key: bytes) -> dict[str, Any]:
    content = decode(open_box(key, box))
    if not isinstance(content, dict):
        raise VerifyError("bad_box", "a box holds an object")
    return content


def _sections(value: Any) -> Mapping[str, Mapping[str, str]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) and "tag" in item for item in value):
        raise VerifyError("bad_leaf", "sections are malformed")
    tags = [unb64u(str(item["tag"]), 16) for item in value]
    if any(left >= right for left, right in pairwise(tags)):
        raise VerifyError("bad_leaf", "sections are not sorted by tag")
    for item in value:
        unb64u(str(item.get("line")), 32)
        _holder({name: item[name] for name in item if name not in ("tag", "line")})
    return {item["tag"]: item for item in value}


def _holder(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or set(value) not in ({"box"}, {"object"}):
        raise VerifyError("bad_leaf", "a sealed part is a box or an object")
    if not isinstance(value.get("box", ""), str) or not _matches(_DIGEST, value.get("object", "sha256:" + "0" * 64)):
        raise VerifyError("bad_leaf", "a sealed part is malformed")
    return value


def _is_time(value: Any) -> bool:
    if not _matches(_TIME, value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_index(value: Any) -> bool:
    return type(value) is int and value >= 0


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
