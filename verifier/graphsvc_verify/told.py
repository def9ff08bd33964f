"""How an owner is told late of a hit: an entry of the type ``told`` gives it the key of the section that names it.

The section stands in the entry of the question, sealed to the service. An owner's own section of ``told`` says ::

    facts: {action: "told", by: "operator", reads: [[index, tag, key]]}

``key`` is the section key S of that one section. It opens to what was sealed when the question was answered, which the
line beside it binds to the header of that entry: nothing of it can have been made later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphsvc_verify.canonical import b64u, unb64u
from graphsvc_verify.entry import Leaf, open_section, parse_leaf, sections_of
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.lines import READ
from graphsvc_verify.sections import check_section
from graphsvc_verify.telling import check_late, later_of

TOLD = "told"
"""The type of entries that tell late, and the action of their facts."""
Key = tuple[int, str, bytes]
"""A read's index, the tag of a section there in base64url, and its key."""
Opened = tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""An entry's type, its owner's section, and what the owner was told late of it."""


def keys_told(type_: str, section: Mapping[str, Any] | None) -> list[Key]:
    """What an opened owner section gives the owner to open."""
    if type_ != TOLD or section is None:
        return []
    return [(int(index), str(tag), unb64u(str(key), 32)) for index, tag, key in section["facts"]["reads"]]


def open_later(leaf: Leaf, key: Key, objects: Mapping[str, bytes]) -> tuple[dict[str, Any], str]:
    """A section of ``leaf`` that is told late, and its line. Raises VerifyError ``bad_late`` and others."""
    _, tag, secret = key
    section = open_section(leaf, tag, secret, objects)
    late = section["facts"].get("late")
    if leaf.type != READ or not isinstance(late, Mapping) or late["due"] is None or "ownerSeq" in section:
        raise VerifyError("bad_late", "a section is no hit that is to be told late")
    if section["leaves"] or "hits" not in section:
        raise VerifyError("bad_late", "what is told late is no hit: a record that was shown is told of at once")
    check_late(late, leaf.t)
    return section, sections_of(leaf, objects)[tag]["line"]


def with_later(entries: list[dict[str, Any]], objects: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The entries with what those of the type ``told`` among them give their owner to open."""
    more: dict[int, list[dict[str, str]]] = {}
    for item in entries:
        leaf = parse_leaf(unb64u(item["leaf"]))
        for part in item["opened"]:
            if part["role"] == "owner":
                section = open_section(leaf, part["tag"], unb64u(part["key"], 32), objects)
                for index, tag, key in keys_told(leaf.type, section):
                    more.setdefault(index, []).append({"role": "later", "tag": tag, "key": b64u(key)})
    return [{**item, "opened": [*item["opened"], *more.get(item["index"], ())]} for item in entries]


def opened_later(
    parts: Any, leaf: Leaf, objects: Mapping[str, bytes], header: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """The owner's section of an entry that it was told of late, held against the entry's line."""
    listed = None if header is None else [item for item, _ in later_of(header)]
    later = None
    for part in parts:
        if part["role"] == "later":
            later, line = open_later(leaf, (0, part["tag"], unb64u(part["key"], 32)), objects)
            check_section(later, line, listed)
    return later


def check_told(evidence: Mapping[str, Any], entries: Mapping[int, Opened]) -> None:
    """Check that what the owner was told late, and nothing else, is opened so; of ``selected`` entries as far as here.

    ``entries`` are by index. Raises VerifyError ``not_told``, ``missing_told``.
    """
    given = {one: at for at, (type_, owner, _) in entries.items() for one in keys_told(type_, owner)}
    opened = {
        (int(item["index"]), str(part["tag"]), unb64u(part["key"], 32))
        for item in evidence["entries"]
        for part in item["opened"]
        if part["role"] == "later"
    }
    strange = any(later is not None and later["owner"] != evidence["owner"] for _, _, later in entries.values())
    if strange or any(given.get(one, -1) <= one[0] for one in opened):
        raise VerifyError("not_told", "a hit is opened that no later entry has told the owner of")
    if not evidence["selected"] and opened != given.keys():
        raise VerifyError("missing_told", "an entry that the owner was told of late is not here")
