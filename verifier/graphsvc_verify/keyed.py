"""HMAC-SHA-256 under one key for many messages: RFC 2104 spelled out, so that the key is taken in once."""

from __future__ import annotations

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
