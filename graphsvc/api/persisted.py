"""Persisted documents: GraphQL documents that are known beforehand and named by their SHA-256.

A list is a JSON file: ``{"<hash>": "<document>"}``, as Relay's compiler writes it, or an Apollo manifest
(``{"format": "apollo-persisted-query-manifest", "operations": [{"id": …, "body": …}]}``). A request names a document by
``documentId`` (``sha256:<hash>``, GraphQL over HTTP) or by ``extensions.persistedQuery.sha256Hash``, as the clients of
Apollo and urql do. Nobody adds to the list but the operator: what a caller sends with its hash is answered, not kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from graphsvc.model.errors import InvalidInput

MAX_FILE = 4 << 20
"""At most this many bytes in a list."""
MAX_LISTED = 5_000
APOLLO = "apollo-persisted-query-manifest"

_NAME = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_FORM = "write sha256: and 64 hexadecimal digits in lower case"


@dataclass(frozen=True, slots=True)
class Persisted:
    """The list of a service: documents by hash. ``only``: no other document is executed."""

    documents: Mapping[str, str] = field(default_factory=dict)
    only: bool = False


def read_persisted(path: Path) -> Mapping[str, str]:
    """The documents of a list by their hashes. Raises InvalidInput when it is none, or a hash is not its document's."""
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_FILE else b""
        listed = orjson.loads(content)
    except (OSError, orjson.JSONDecodeError):
        message = f"no JSON file of at most {MAX_FILE >> 20} MiB can be read here"
        raise InvalidInput(message, code="documents", where=str(path)) from None
    if isinstance(listed, dict) and listed.get("format") == APOLLO:
        listed = _operations(listed.get("operations"))
    if not isinstance(listed, dict) or len(listed) > MAX_LISTED:
        message = f"a map of at most {MAX_LISTED:,} hashes to documents is needed, or an Apollo manifest"
        raise InvalidInput(message, code="documents", where=str(path))
    documents: dict[str, str] = {}
    for name, text in listed.items():
        found = _NAME.fullmatch(name)
        if found is None or not isinstance(text, str) or hash_of(text) != found[1]:
            message = "this is not the SHA-256 of its document, in hexadecimal"
            raise InvalidInput(message, code="documents", where=f"{path}: {name[:80]}")
        documents[found[1]] = text
    return documents


def _operations(listed: Any) -> dict[str, Any] | None:
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return None
    return {str(one.get("id")): one.get("body") for one in listed}


def hash_of(document: str) -> str:
    """The SHA-256 of a document in UTF-8, in hexadecimal."""
    return hashlib.sha256(document.encode()).hexdigest()


def named_document(asked: Mapping[str, Any]) -> str:
    """The hash by which a request names its document; empty where it names none. Raises InvalidInput."""
    named = asked.get("documentId")
    if named is not None:
        found = _NAME.fullmatch(named) if isinstance(named, str) else None
        if found is None:
            raise InvalidInput(_FORM, code="invalid_request", where="/documentId")
        return found[1]
    said = (asked.get("extensions") or {}).get("persistedQuery")
    if said is None:
        return ""
    where = "/extensions/persistedQuery"
    if not isinstance(said, dict) or said.get("version") != 1:
        raise InvalidInput("an object with version 1 and sha256Hash is needed", code="invalid_request", where=where)
    digest = said.get("sha256Hash")
    found = _NAME.fullmatch(digest) if isinstance(digest, str) else None
    if found is None:
        raise InvalidInput(_FORM, code="invalid_request", where=f"{where}/sha256Hash")
    return found[1]
