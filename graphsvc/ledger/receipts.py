"""Receipts: what goes back to the caller once its entry is durable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from graphsvc.ledger.entry import Prepared
from graphsvc_verify.canonical import b64u
from graphsvc_verify.entry import open_header, parse_leaf
from graphsvc_verify.proof import format_proof


@dataclass(frozen=True)
class Appended:
    """A durable entry: index, time (RFC 3339 UTC), checkpoint and path; ``members`` is JSON for its receipt."""

    index: int
    t: str
    note: str
    path: tuple[bytes, ...]
    members: bytes

    @cached_property
    def receipt(self) -> dict[str, Any]:
        """``{index, leaf, checkpoint, proof, openings[, objects]}``, ready for JSON; made when first asked for."""
        receipt: dict[str, Any] = msgspec.json.decode(self.encoded)
        return receipt

    @cached_property
    def encoded(self) -> bytes:
        """The receipt as JSON."""
        proof = format_proof(self.index, self.path, self.note)
        place = msgspec.json.encode({"index": self.index, "checkpoint": self.note, "proof": proof})
        return place[:-1] + b"," + self.members[1:]


def receipt_members(prepared: Prepared, leaf: bytes, objects: Mapping[str, bytes]) -> bytes:
    """The part of an entry's receipt that does not depend on the tree: ``{leaf, openings[, objects]}`` as JSON.

    ``objects`` is there when the header, or the list of all sections, is too large to stand in the leaf.
    """
    openings: dict[str, Any] = {"headerKey": b64u(prepared.header_key), "owners": []}
    # In the order of the header, which lists owners that are told late rule by rule.
    for late in dict.fromkeys(opening.late for opening in prepared.openings):
        for opening in (one for one in prepared.openings if one.late == late):
            leaves = [(b64u(c), handle, groups) for c, handle, groups in opening.leaves]
            listed = openings.setdefault("owners" if late is None else "later", [])
            listed.append({"owner": opening.owner, "leaves": leaves})
    members: dict[str, Any] = {"leaf": b64u(leaf), "openings": openings}
    wanted = needed(leaf) if objects else set()
    outside = {name: b64u(data) for name, data in objects.items() if name in wanted}
    if outside:
        members["objects"] = outside
    return msgspec.json.encode(members)


def needed(leaf: bytes) -> set[str]:
    """The objects without which a receipt for an entry can't be checked."""
    entry = parse_leaf(leaf)
    names = {entry.header["object"]} if "object" in entry.header else set()
    return names | ({entry.sections} if isinstance(entry.sections, str) else set())


def renewed_receipt(
    index: int,
    leaf: bytes,
    header_key: bytes,
    proved: tuple[str, Sequence[bytes]],
    fetch: Callable[[str], bytes | None],
) -> dict[str, Any]:
    """A receipt from what is stored; ``proved`` is a checkpoint and the path to it, ``fetch`` gets objects by digest.

    Only for entries that disclosed nothing: it opens the header only, as the openings of what an answer disclosed are
    given once, with the answer.
    """
    note, path = proved
    entry = parse_leaf(leaf)
    objects = {name: data for name in needed(leaf) if (data := fetch(name)) is not None}
    owners = [{"owner": one["owner"], "leaves": []} for one in open_header(entry, header_key, objects)["owners"]]
    receipt: dict[str, Any] = {
        "index": index,
        "leaf": b64u(leaf),
        "checkpoint": note,
        "proof": format_proof(index, path, note),
        "openings": {"headerKey": b64u(header_key), "owners": owners},
    }
    if objects:
        receipt["objects"] = {name: b64u(data) for name, data in objects.items()}
    return receipt


class Objects(dict[str, bytes]):
    """The ledger's public objects as a mapping that is read on demand."""

    def __init__(self, fetch: Callable[[str], bytes | None]) -> None:
        super().__init__()
        self._fetch = fetch

    def __contains__(self, name: object) -> bool:
        if dict.__contains__(self, name):
            return True
        found = self._fetch(str(name))
        if found is not None:
            self[str(name)] = found
        return found is not None
