"""Handles: the opaque ids that leave the service.

A handle is AES-SIV (RFC 5297) under the reading organisation's own key over kind byte ‖ 8-byte big-endian integer,
base64url without padding: 34 characters. Deterministic, so a reader sees one thing under one id; authenticated, so a
guessed one is nothing; and under another organisation's key it opens to nothing, so handles can't be compared between
organisations and tell neither order nor number.
"""

from __future__ import annotations

import base64
import binascii
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

RECORD = 0
"""The kind byte of records; entity kinds have the ``number`` of their schema file, 1 to 250."""

_LENGTH = 34
_FORM = struct.Struct(">BQ")


class Handles:
    """Seals and opens the handles of one organisation. ``key`` is 32, 48 or 64 bytes. Thread-safe; keeps nothing."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, kind_number: int, n: int) -> str:
        """The handle of entity (or, with kind :data:`RECORD`, record) integer ``n``."""
        sealed = self._cipher.encrypt(_FORM.pack(kind_number, n), None)
        return base64.urlsafe_b64encode(sealed)[:_LENGTH].decode("ascii")

    def open(self, handle: str) -> tuple[int, int] | None:
        """Kind byte and integer, or None for anything that this organisation was not given in exactly this form."""
        if len(handle) != _LENGTH or not handle.isascii():
            return None
        try:
            sealed = base64.b64decode(handle + "==", altchars=b"-_", validate=True)
            kind_number, n = _FORM.unpack(self._cipher.decrypt(sealed, None))
        except (binascii.Error, InvalidTag, ValueError):
            return None
        # The last character has four spare bits: only one spelling counts.
        return (kind_number, n) if self.seal(kind_number, n) == handle else None
