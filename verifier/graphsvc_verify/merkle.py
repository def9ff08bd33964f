"""Merkle trees of RFC 6962: hashes, roots, inclusion and consistency proofs (RFC 9162 section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from graphsvc_verify.errors import VerifyError

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, in O(n)."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    hash_of = sha256
    while len(level) > 1:
        pairs = [hash_of(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) & 1:
            pairs.append(level[-1])
        level = pairs
    return level[0]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Check that leaf hash ``leaf`` sits at ``index`` in the tree of ``size`` leaves with root ``expected``.

    Raises VerifyError ``bad_proof``.
    """
    if not 0 <= index < size:
        raise VerifyError("bad_proof", "the index lies outside the tree")
    _sizes(leaf, expected, *proof)
    position, last, node = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise VerifyError("bad_proof", "the inclusion proof is too long")
        if position & 1 or position == last:
            node = node_hash(step, node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, step)
        position >>= 1
        last >>= 1
    if last:
        raise VerifyError("bad_proof", "the inclusion proof is too short")
    if node != expected:
        raise VerifyError("bad_proof", "the inclusion proof leads to another root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of ``new`` leaves extends the tree of ``old`` leaves.

    Raises VerifyError ``bad_consistency``.
    """
    if old < 0 or new < old:
        raise VerifyError("bad_consistency", "the sizes are not in order")
    if old == new:
        if proof or old_root != new_root or (old == 0 and old_root != EMPTY_ROOT):
            raise VerifyError("bad_consistency", "same size, other root or superfluous proof")
        return
    if old == 0:
        raise VerifyError("bad_consistency", "every tree extends the empty one: nothing is proved")
    if not proof:
        raise VerifyError("bad_consistency", "the proof is missing")
    _sizes(old_root, new_root, *proof)
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise VerifyError("bad_consistency", "the proof is too long")
        if position & 1 or position == last:
            first = node_hash(step, first)
            second = node_hash(step, second)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            second = node_hash(second, step)
        position >>= 1
        last >>= 1
    if last:
        raise VerifyError("bad_consistency", "the proof is too short")
    if first != old_root or second != new_root:
        raise VerifyError("bad_consistency", "the proof leads to other roots")


def _sizes(*hashes: bytes) -> None:
    if any(len(item) != 32 for item in hashes):
        raise VerifyError("bad_proof", "a hash is not 32 bytes long")
