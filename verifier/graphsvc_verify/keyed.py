"""HMAC-SHA-256 (RFC 2104).

Spelled out for many messages under one key, so that the key is taken in once; and the digest under a submission's seed
that manifests state.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Keyed:
    """HMAC-SHA-256 under a key of at most 64 bytes (longer ones would have to be hashed first)."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) > 64:
            raise ValueError("a key of at most 64 bytes")
        block = key.ljust(64, b"\0")
        self._inner = sha256(block.translate(_INNER)).copy
        self._outer = sha256(block.translate(_OUTER)).copy

    def digest(self, message: bytes) -> bytes:
        """The 32 bytes for ``message``."""
        inner, outer = self._inner(), self._outer()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


def short_digest(key: bytes, message: bytes) -> bytes:
    """The 32 bytes for one short message.

    Two digests at one go each cost half of what the library's own way does, and there are some for every row.
    """
    if len(key) > 64:
        key = sha256(key).digest()
    block = key.ljust(64, b"\0")
    inner = sha256(block.translate(_INNER) + message).digest()
    return sha256(block.translate(_OUTER) + inner).digest()


def row_salt(seed: bytes, row: int) -> bytes:
    """The 32 bytes that hide row ``row`` in a submission's tree of rows: HMAC(seed, uint64 row)."""
    return short_digest(seed, row.to_bytes(8, "big"))


def seeded_digest(seed: bytes, what: bytes, plain: bytes) -> str:
    """``sha256:…`` of HMAC(seed, what ‖ plain), as a manifest states it of its ``body`` and its ``mapping``.

    A small file could be found by trying from a digest without a key; once the seed is destroyed nobody can.
    """
    return f"sha256:{hmac.digest(seed, what + plain, 'sha256').hex()}"
