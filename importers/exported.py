"""What files that graphsvc itself has exported say of an entity: its kind, the parts of its key, its attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from graphsvc.model.drafts import DraftEntity
from graphsvc.model.exported import ALSO
from graphsvc.model.labels import Handling

_MOST_PARTS = 8
_DECODER = msgspec.json.Decoder(dict[str, str])


def entity_of(
    ref: str, kind: Any, identifier: Any, said: Iterable[tuple[str, str]], losses: Counter[str] | None = None
) -> DraftEntity | None:
    """The entity, or None where its key was withheld or isn't one.

    ``identifier`` is the parts of the key, or JSON of them; ``said`` attributes, each value by itself.
    """
    parts = key_parts(identifier)
    if not isinstance(kind, str) or parts is None:
        return None
    return DraftEntity(ref, kind, dict(parts), attributes_of(said, losses))


def key_parts(identifier: Any) -> dict[str, str] | None:
    """The parts of a key, from JSON or as they are; None for anything else."""
    if isinstance(identifier, str):
        try:
            identifier = _DECODER.decode(identifier)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
    if not isinstance(identifier, dict) or not 0 < len(identifier) <= _MOST_PARTS:
        return None
    return identifier if all(isinstance(one, str) for one in identifier.values()) else None


def attributes_of(said: Iterable[tuple[str, str]], losses: Counter[str] | None = None) -> dict[str, Any]:
    """Attributes as a draft has them: a list where there are several values."""
    found: dict[str, Any] = {}
    for name, value in said:
        if name.startswith(ALSO):
            if losses is not None:
                losses[f"{name}: what other records say"] += 1
        elif name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def handling_of(codes: Iterable[Any], losses: Counter[str] | None = None) -> Handling | None:
    """The first of some handling codes, written ``TLP:RED``, ``europol H1`` or ``europol/H1``; a row has only one."""
    found = []
    for text in codes:
        scheme, mark, code = (text if isinstance(text, str) else "").replace("/", " ", 1).partition(" ")
        if scheme.startswith("TLP:"):
            found.append(Handling("tlp-2.0", scheme.removeprefix("TLP:")))
        elif mark and code:
            found.append(Handling(scheme, code))
    if losses is not None and len(found) > 1:
        losses["handling codes beyond the first: a row has one"] += len(found) - 1
    return found[0] if found else None


def pairs_of(texts: Iterable[str]) -> list[tuple[str, str]]:
    """``name=value`` texts, apart; what has no name is left out."""
    return [(name, value) for name, equals, value in (text.partition("=") for text in texts) if equals and name]
