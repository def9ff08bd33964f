"""Disclosures: commitments to what was shown of each record, and to the facts told to its owner.

::

    salt_i = HMAC-SHA-256(seed, uint64 i)
    c_i    = SHA-256(salt_i ‖ JCS{row, submission})
    leaf_i = SHA-256(0x00 ‖ c_i ‖ JCS{groups, handle})          root: RFC 6962 over the leaf hashes
    fact   = SHA-256(0x00 ‖ HMAC-SHA-256(facts salt, name) ‖ JCS[name, value])      sorted by name

The requester holds every c and sees handles and groups; the owner opens c to its submission and row: both compute one
root, so what was released, what the requester can prove and what the owner is told are one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from graphsvc_verify.canonical import encode, quote
from graphsvc_verify.merkle import root

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


def commitments(seed: bytes, records: Iterable[tuple[int, int]]) -> list[bytes]:
    """The c of each (submission, row) in order; they hide submission and row from all but the owner.

    ``seed`` is 32 bytes. HMAC is spelled out (RFC 2104) because its keyed halves are the same for all salts.
    """
    inner, outer = _halves(seed)
    found = []
    for position, (submission, row) in enumerate(records):
        first, second = inner(), outer()
        first.update(position.to_bytes(8, "big"))
        second.update(first.digest())
        found.append(sha256(b'%b{"row":%d,"submission":%d}' % (second.digest(), row, submission)).digest())
    return found


def _halves(key: bytes) -> tuple[Callable[[], HASH], Callable[[], HASH]]:
    """HMAC-SHA-256 keyed with at most 64 bytes, as makers of its inner and outer hash."""
    block = key.ljust(64, b"\0")
    return sha256(block.translate(_INNER)).copy, sha256(block.translate(_OUTER)).copy


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
    inner, outer = _halves(salt)
    leaves = []
    for name in sorted(facts):
        first, second = inner(), outer()
        first.update(name.encode())
        second.update(first.digest())
        leaves.append(sha256(b"\x00" + second.digest() + encode([name, facts[name]])).digest())
    return root(leaves)
