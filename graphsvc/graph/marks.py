"""Values in the graph that are drawn under the service's secret, and say nothing to anybody without it.

An entity's *mark* is drawn from its canonical key: handles are made of it, so they depend on the key alone, never
on when, how often or by whom the entity was claimed. A claim's *lot* is drawn from its place in the ledger: it decides
between claims that look alike, and is random to everybody who does not hold the secret. A rebuild gives the same
values.

Both are BLAKE2b (RFC 7693), keyed, with a personalisation of their own: a PRF of what they are drawn from.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from base64 import urlsafe_b64encode
from hashlib import blake2b

from graphsvc.graph.facts import PRIME

MARK_BYTES = 16
_PLACE = struct.Struct(">QQ")


class Marks:
    """Draws marks and lots under one secret, a random one if none is given. Thread-safe."""

    def __init__(self, secret: bytes = b"") -> None:
        self._key = hmac.digest(secret or secrets.token_bytes(32), b"graphsvc marks v1", "sha256")

    def entity(self, key: str) -> str:
        """The mark of the entity with a canonical key: 16 bytes as 22 characters of base64url."""
        drawn = blake2b(key.encode(), digest_size=MARK_BYTES, key=self._key, person=b"entity").digest()
        return urlsafe_b64encode(drawn)[:-2].decode("ascii")

    def about(self, record: int, place: int) -> int:
        """The lot of what a record says of the entity at ``place`` in it: below :data:`PRIME` squared."""
        return self._lot(b"about", record, place)

    def claim(self, record: int, place: int) -> int:
        """The lot of the link claim at ``place`` in a record."""
        return self._lot(b"claim", record, place)

    def _lot(self, of: bytes, record: int, place: int) -> int:
        # 128 bits, so that the remainder is as good as uniform.
        drawn = blake2b(_PLACE.pack(record, place), digest_size=16, key=self._key, person=of).digest()
        return int.from_bytes(drawn) % (PRIME * PRIME)
