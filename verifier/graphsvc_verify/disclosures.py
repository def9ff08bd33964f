"""Disclosures: commitments to what was shown of each record, and to the facts told to its owner.

::

    salt_i = HMAC-SHA-256(seed, uint64 i)
    c_i    = SHA-256(salt_i ‖ JCS{row, submission})
    leaf_i = SHA-256(0x00 ‖ c_i ‖ JCS{groups, handle})          root: RFC 6962 over the leaf hashes
    hits   = SHA-256(salt_n ‖ JCS{more, records})               the c of one more leaf, {groups: ["hit"], handle: ""}
    fact   = SHA-256(0x00 ‖ HMAC-SHA-256(facts salt, name) ‖ JCS[name, value])      sorted by name

What was told of a record by a bare hit is committed to in one leaf, after the n of records shown: the requester learns
by it that the owner is told of a hit, and neither how many records it was nor which.

The requester holds every c and sees handles and groups; the owner opens c to its submission and row: both compute one
root, so what was released, what the requester can prove and what the owner is told are one thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from graphsvc_verify.canonical import encode, quote
from graphsvc_verify.keyed import Keyed
from graphsvc_verify.merkle import root

HIT = "hit"
"""What is shown of a record by a hit: that its owner holds something on the identifier asked for."""


def commitments(seed: bytes, records: Iterable[tuple[int, int]]) -> list[bytes]:
    """The c of each (submission, row) in order; they hide submission and row from all but the owner.

    ``seed`` is 32 bytes.
    """
    salt = Keyed(seed).digest
    return [
        sha256(b'%b{"row":%d,"submission":%d}' % (salt(position.to_bytes(8, "big")), row, submission)).digest()
        for position, (submission, row) in enumerate(records)
    ]


def hits_commitment(seed: bytes, position: int, records: Sequence[tuple[int, int]], more: bool) -> bytes:
    """The c of the hits among an owner's (submission, row); ``position`` is the number of records shown.

    ``more``: an identifier had more records than an entry names.
    """
    salt = Keyed(seed).digest(position.to_bytes(8, "big"))
    return sha256(salt + encode({"more": more, "records": [list(record) for record in records]})).digest()


def groups_json(groups: Sequence[str]) -> str:
    """Field groups as canonical JSON text."""
    return "[" + ",".join(map(quote, groups)) + "]"


def disclosure_leaf(c: bytes, handle: str, groups: str) -> bytes:
    """Leaf hash of one disclosure; ``handle`` and ``groups`` are canonical JSON text already."""
    return sha256(b"\x00" + c + f'{{"groups":{groups},"handle":{handle}}}'.encode()).digest()


def disclosures_root(leaves: Sequence[tuple[bytes, str, Sequence[str]]]) -> bytes:
    """The root over (c, handle, groups), in the order given."""
    return root([disclosure_leaf(c, quote(handle), groups_json(groups)) for c, handle, groups in leaves])


def facts_root(facts: Mapping[str, Any], salt: bytes) -> bytes:
    """The root over the facts told to an owner, sorted by name; a fact can be shown without the others."""
    hidden = Keyed(salt).digest
    return root(
        [sha256(b"\x00" + hidden(name.encode()) + encode([name, facts[name]])).digest() for name in sorted(facts)]
    )
