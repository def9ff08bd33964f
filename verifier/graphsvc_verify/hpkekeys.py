"""HPKE keys of recipients (MLKEM768_X25519, HKDF-SHA-256, AES-256-GCM) in raw form, and what they unwrap.

A public key is ML-KEM-768's 1,184 bytes ‖ X25519's 32; a private key is ML-KEM-768's 64-byte seed ‖ X25519's 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from graphsvc_verify.canonical import decode, encode, unb64u
from graphsvc_verify.errors import VerifyError

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
PUBLIC = 1184 + 32
PRIVATE = 64 + 32


def generate_private() -> bytes:
    """A new private key, raw."""
    return MLKEM768PrivateKey.generate().private_bytes_raw() + X25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The raw public key of a raw private key."""
    first, second = _parts(private)
    return first.public_key().public_bytes_raw() + second.public_key().public_bytes_raw()


def public_key(raw: bytes) -> hpke.MLKEM768X25519PublicKey:
    """The library's form of a raw public key. Raises VerifyError ``bad_key``."""
    if len(raw) != PUBLIC:
        raise VerifyError("bad_key", f"an HPKE public key is {PUBLIC} bytes long")
    try:
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:1184]), X25519PublicKey.from_public_bytes(raw[1184:])
        )
    except ValueError:
        raise VerifyError("bad_key", "not an HPKE public key") from None


def sealing_info(origin: str, recipient: str, epoch: int) -> bytes:
    """What a wrapped day key is bound to."""
    return encode([origin, recipient, epoch])


def unwrap_day_key(keys_object: bytes, origin: str, recipient: str, private: bytes) -> tuple[bytes, bytes]:
    """A recipient's (day key, tag key) from a ``keys`` entry's object.

    Raises VerifyError ``no_day_key`` or ``bad_box``.
    """
    content: Mapping[str, Any] = decode(keys_object)
    first, second = _parts(private)
    for item in content["recipients"]:
        if item["recipient"] != recipient:
            continue
        info = sealing_info(origin, recipient, content["epoch"])
        try:
            opened = SUITE.decrypt(unb64u(item["sealed"]), hpke.MLKEM768X25519PrivateKey(first, second), info=info)
        except (InvalidTag, ValueError):
            raise VerifyError("bad_box", "the day key is wrapped for another key") from None
        pair = decode(opened)
        return unb64u(pair["key"], 32), unb64u(pair["tagKey"], 32)
    raise VerifyError("no_day_key", "the keys entry wraps no key for this recipient")


def _parts(private: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if len(private) != PRIVATE:
        raise VerifyError("bad_key", f"an HPKE private key is {PRIVATE} bytes long")
    return MLKEM768PrivateKey.from_seed_bytes(private[:64]), X25519PrivateKey.from_private_bytes(private[64:])
