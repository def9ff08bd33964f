"""Numbers that are never kept: in keys stands a digest of them under a secret of the service, and nothing else.

A card's or a passport's number links records as well by its digest, which tells nobody the number. Digests without a
key would be of no use: there are so few such numbers that all of them can be tried. A digest carries a check of its
own, so that one that this service didn't make is not taken for one.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from graphsvc.model.scalars import ValueProblem

_FORM = re.compile(r"k1\.[A-Za-z0-9_-]{32}")
_HEAD = "k1."
_DIGEST, _CHECK = 18, 6
"""Bytes of the digest, and of its check."""


def digest_key(secret: bytes) -> bytes:
    """The key of such digests, from the service's secret (HKDF-SHA-256): 32 bytes."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"graphsvc identifiers v1").derive(secret)


class KeyedDigests:
    """Makes and checks digests. One without a key serves clients: it takes those of others as they stand.

    Its own are then made under a key that lives as long as it does, so they tell equal numbers apart and nothing more.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._checks = key is not None
        self._key = secrets.token_bytes(32) if key is None else key

    def of(self, domain: str, number: str) -> str:
        """``k1.`` and 32 characters: the digest of a number in canonical form; equal only within its ``domain``."""
        digest = self._hmac("number", domain, number.encode())[:_DIGEST]
        return _HEAD + urlsafe_b64encode(digest + self._check(domain, digest)).decode()

    def checked(self, domain: str, written: str) -> str:
        """A digest that is given instead of a number. Raises ValueProblem ``foreign_digest`` for one made elsewhere."""
        raw = urlsafe_b64decode(written.removeprefix(_HEAD))
        if self._checks and not hmac.compare_digest(raw[_DIGEST:], self._check(domain, raw[:_DIGEST])):
            message = (
                "this digest is of another service, kind or country: give the number itself; it is kept, not linked"
            )
            raise ValueProblem("foreign_digest", message)
        return written

    def _check(self, domain: str, digest: bytes) -> bytes:
        return self._hmac("check", domain, digest)[:_CHECK]

    def _hmac(self, use: str, domain: str, data: bytes) -> bytes:
        return hmac.digest(self._key, f"{use}|{domain}|".encode() + data, "sha256")


def is_digest(text: str) -> bool:
    """Whether a text has the form of such a digest."""
    return _FORM.fullmatch(text) is not None
