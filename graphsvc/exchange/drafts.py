"""NDJSON: a draft for each record, as ``schema/submission.schema.json`` says it; the first line is the stamp.

A draft says whose record it is as its origin, and has the record's handle as its own reference: a newer export takes
the place of an older one. Legal basis and purposes are not in an answer: whoever submits the file states their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from graphsvc.exchange.content import Content, Losses, Said, strings, together
from graphsvc.model.schema import Attribute as Declared
from graphsvc.wire.answers import Attribute

MOST = 190
"""At most this many entities in a draft; a row may hold 200."""


def write_ndjson(content: Content, losses: Losses) -> bytes:
    """The drafts, one a line, after the stamp."""
    lines = [msgspec.json.encode({"export": content.stamp})]
    lines += [msgspec.json.encode(draft) for draft in drafts(content, losses)]
    return b"\n".join(lines) + b"\n"


def drafts(content: Content, losses: Losses) -> Iterator[dict[str, Any]]:
    """What each record says, as a draft."""
    for handle, said in content.by_record.items():
        draft = _draft(content, handle, said, losses)
        if draft is not None:
            yield draft


def _draft(content: Content, handle: str, said: Said, losses: Losses) -> dict[str, Any] | None:
    refs: dict[str, str] = {}
    entities = []
    for name, attributes in said.nodes.items():
        node = content.nodes[name]
        if node.parts is None or len(refs) >= MOST:
            continue
        refs[name] = f"e{len(refs) + 1}"
        kind = content.schema.kinds[node.kind]
        shown = values(attributes, kind.attributes)
        entities.append({"ref": refs[name], "kind": node.kind, "key": dict(node.parts), "attributes": shown})
    links = []
    for link in said.links:
        if link.source not in refs or link.target not in refs:
            losses["a link of an entity whose key is withheld or can't be written"] += 1
            continue
        shown = values(link.attributes, content.schema.links[link.kind].attributes)
        observed = {"since": link.since, "until": link.until}
        ends = {"from": refs[link.source], "to": refs[link.target]}
        links.append({"kind": link.kind, **ends, "attributes": shown, "observed": observed})
    if not entities:
        losses["a record about nothing but entities whose keys are withheld or can't be written"] += 1
        return None
    return strings({"entities": entities, "links": links, **terms(content, handle, said)})  # type: ignore[no-any-return]


def terms(content: Content, handle: str, said: Said) -> dict[str, Any]:
    """What a draft says of the record as a whole."""
    cited = said.cited
    owner = cited.owner if cited.owner != content.stamp.viewer else None
    origin: dict[str, str | None] = {"organisation": owner}
    if cited.origin is not None:
        origin = {"organisation": cited.origin.organisation, "reference": cited.origin.reference}
    return {
        "observed": {"since": said.since, "until": said.until},
        "grading": None if cited.grading is None else msgspec.to_builtins(cited.grading),
        "handling": {"scheme": cited.handling.scheme, "code": cited.handling.code},
        "pap": None if said.full is None else said.full.pap,
        "expires": None if said.full is None else said.full.expires,
        "origin": origin,
        "supersedes": {"reference": handle},
    }


def values(attributes: list[Attribute], declared: Any) -> dict[str, Any]:
    """Attributes as a draft has them: a list where several are allowed."""
    found: dict[str, Any] = {}
    for name, texts in together(attributes, declared).items():
        one: Declared | None = declared.get(name)
        found[name] = texts if one is not None and one.many else texts[0]
    return found
